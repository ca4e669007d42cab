"""Input times gradient: how much each input value moves the headline output of a net.

References
----------
Simonyan et al. 2014, arXiv:1312.6034; Ancona et al. 2018, arXiv:1711.06104 (input times gradient).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from craton.errors import ModelError
from craton.samples import Inputs, Samples

if TYPE_CHECKING:
    from craton.models.torch_model import TorchModel


def input_times_gradient(model: TorchModel, samples: Samples, batch: int = 256) -> Inputs:
    """Attribute the headline output of a fitted net to its inputs.

    The headline output is the probability of the predicted class, or the mean over leads and points
    of the predicted number; see `craton.explain.headline`.

    Parameters
    ----------
    model : TorchModel
        Fitted.
    samples : Samples
        Samples to explain.
    batch : int
        Samples at a time.

    Returns
    -------
    dict of ndarray
        An array of each input's shape: gradient times the input's distance from its training mean
        (for a field reduced to EOFs, times its value); 0 where a value is missing.

    Raises
    ------
    ModelError
        If the net takes its inputs in a form that cannot be traced back.
    """
    pieces = [_batch(model, piece) for piece in samples.batches(batch)]
    return {k: np.concatenate([p[k] for p in pieces]) for k in pieces[0]}


def _batch(model: TorchModel, samples: Samples) -> Inputs:
    import torch

    raw = samples.inputs()
    encoded = model.encoder.encode(raw)
    prepared = {
        k: torch.from_numpy(np.ascontiguousarray(v)).requires_grad_()
        for k, v in model._prepare(encoded).items()
    }
    outputs = [net.cpu().eval()(prepared).float().flatten(1) for net in model.nets]
    if model.classes:
        mean = torch.stack([o.softmax(dim=1) for o in outputs]).mean(dim=0)
        headline = mean.max(dim=1).values
    else:
        weights = torch.from_numpy(_output_weights(model, outputs[0].shape[1]))
        headline = torch.stack(outputs).mean(dim=0) @ weights
    grads = torch.autograd.grad(headline.sum(), list(prepared.values()), allow_unused=True)
    given = {
        k: np.zeros(tuple(t.shape), np.float32) if g is None else g.numpy()
        for (k, t), g in zip(prepared.items(), grads, strict=True)
    }
    return {
        k: _decoded(model, k, g, encoded[k], raw[k]) for k, g in _by_key(given, encoded).items()
    }


def _output_weights(model: TorchModel, outputs: int) -> NDArray[np.float32]:
    """Weight of each net output in the mean of the decoded target, which is linear in them."""
    unit = np.concatenate([np.zeros((1, outputs)), np.eye(outputs)]).astype(np.float32)
    decoded = model.encoder.decode_target(unit).reshape(outputs + 1, -1)
    weights = (decoded[1:] - decoded[:1]).mean(axis=1)
    return np.asarray(weights, np.float32)


def _by_key(given: Inputs, encoded: Inputs) -> Inputs:
    """Gradients of the prepared inputs, by encoded input: side by side in one table, or as such."""
    if all(k in encoded and encoded[k].shape == g.shape for k, g in given.items()):
        return given
    widths = [int(np.prod(v.shape[1:])) for v in encoded.values()]
    if list(given) != ["x"] or given["x"].shape[1:] != (sum(widths),):
        raise ModelError("the net's inputs cannot be traced back to the samples'")
    pieces = np.split(given["x"], np.cumsum(widths)[:-1], axis=1)
    return {k: p.reshape(encoded[k].shape) for k, p in zip(encoded, pieces, strict=True)}


def _decoded(
    model: TorchModel, key: str, gradient: NDArray[Any], encoded: NDArray[Any], raw: NDArray[Any]
) -> NDArray[Any]:
    """Gradient times input, in the shape of the input before it was encoded."""
    arrays = model.encoder.arrays
    if key == "sequence" and "eofs" in arrays:
        patterns = arrays["eofs"] / arrays["eof_scale"][:, None]
        back = np.einsum("ncs,cp->nps", gradient, patterns)
        return np.asarray(back * np.nan_to_num(raw), np.float32)
    product = gradient * encoded
    # columns that say "was missing" come after the variables
    return product[:, : raw.shape[1]] if key == "x" else product
