"""Base of the torch models, and the settings that they share; costs no torch until a fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from craton.config import Config, choice, tunable
from craton.errors import BundleError, ModelError
from craton.models.base import Estimator, Fitting, State, sub_state
from craton.samples import Inputs, Samples

if TYPE_CHECKING:
    from torch import nn

Shapes = dict[str, int]
MAX_SIZE = 100_000_000
"""Largest size of a net that a state may ask for."""


class Training(Config):
    """Settings that all torch models share.

    Attributes
    ----------
    epochs : int
        Most passes over the training samples.
    batch : int
        Samples a step.
    learning_rate, weight_decay : float
        Of the optimiser.
    optimiser : {"adamw", "adam", "sgd"}
        SGD has Nesterov momentum 0.9.
    schedule : {"one-cycle", "cosine", "constant"}
        Course of the learning rate.
    validation : float
        Share of the samples, from the end, on which training is stopped and the best epoch chosen.
    patience : int
        Epochs without gain before training stops; 0 trains all epochs on all samples.
    clip : float
        Largest norm of the gradient; 0 does not clip.
    label_smoothing : float
        Share of the probability that is spread over all classes.
    class_weight : {"none", "balanced"}
        "balanced" gives every class the same total weight, which biases the probabilities.
    ensemble : int
        Nets that are trained from different seeds and averaged.
    device : {"auto", "cpu", "cuda"}
        "auto" takes a GPU where there is one.
    """

    epochs: int = tunable(40, 1, 2000, log=True)
    batch: int = tunable(128, 8, 8192, log=True)
    learning_rate: float = tunable(3e-3, 1e-5, 0.3, log=True)
    weight_decay: float = tunable(1e-2, 1e-7, 1.0, log=True)
    optimiser: Literal["adamw", "adam", "sgd"] = "adamw"
    schedule: Literal["one-cycle", "cosine", "constant"] = choice("one-cycle")
    validation: float = 0.15
    patience: int = 15
    clip: float = 1.0
    label_smoothing: float = 0.0
    class_weight: Literal["none", "balanced"] = "none"
    ensemble: int = 1
    device: Literal["auto", "cpu", "cuda"] = "auto"


class TorchModel(Estimator):
    """Base of the torch models.

    A family gives `_prepare` (the inputs its net takes), `_shapes` (the sizes that, with the
    config, say what the net looks like) and `_net` (that net). The state is those sizes and the
    named parameters and buffers of each member of the ensemble.

    After a fit the finished checkpoints stay beside ``fitting.checkpoint`` (one a member, with the
    member's number in the name), so that a run that is taken up again does not train twice.
    """

    config: Any

    def _prepare(self, inputs: Inputs) -> Inputs:
        if "sequence" not in inputs or inputs["sequence"].ndim != 3:
            raise ModelError(
                f"{type(self).__name__} needs a sequence, this task's inputs are {sorted(inputs)}",
                fix="take a model for tables, such as ExtraTrees or MLP",
            )
        return {k: v for k, v in inputs.items() if k == "sequence" or v.ndim == 2}

    def _shapes(self, inputs: Inputs, outputs: int) -> Shapes:
        static = sum(v.shape[1] for k, v in inputs.items() if k != "sequence")
        return {
            "channels": inputs["sequence"].shape[1],
            "lags": inputs["sequence"].shape[2],
            "static": static,
            "outputs": outputs,
        }

    def _net(self, shapes: Shapes) -> nn.Module:
        raise NotImplementedError

    def _fit(self, inputs: Inputs, y: NDArray[Any], fitting: Fitting) -> None:
        import torch

        from craton.models.losses import (
            cross_entropy,
            masked_squares,
            sample_weights,
            start_from_shares,
        )
        from craton.models.training import train

        inputs = self._prepare(inputs)
        self.shapes = self._shapes(inputs, self.classes or y.shape[1])
        loss = cross_entropy(self.config.label_smoothing) if self.classes else masked_squares
        weighting = self.config.class_weight if self.classes else "none"
        weights = sample_weights(y, self.classes, weighting)
        tensors = {k: torch.from_numpy(np.ascontiguousarray(v)) for k, v in inputs.items()}
        target = torch.from_numpy(np.ascontiguousarray(y))
        self.nets = []
        for member in range(self.config.ensemble):
            part = self._member(member, fitting)
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(part.seed)
                net = self._net(self.shapes)
            if self.classes:
                start_from_shares(net, target, self.classes, weights)
            self.nets.append(
                train(
                    net,
                    tensors,
                    target,
                    settings=self.config,
                    loss=loss,
                    fitting=part,
                    weights=weights,
                )
            )

    def _member(self, member: int, fitting: Fitting) -> Fitting:
        path, total = fitting.checkpoint, self.config.ensemble
        if total == 1:
            return fitting

        def progress(done: int, of: int, text: str) -> None:
            fitting.progress(member * of + done, total * of, f"net {member + 1}: {text}")

        return Fitting(
            seed=fitting.seed + 1000 * member,
            progress=progress,
            checkpoint=path and path.with_name(f"{path.stem}-{member}{path.suffix}"),
        )

    def _predict(self, inputs: Inputs) -> NDArray[Any]:
        import torch

        from craton.models.training import apply, pick_device

        if len(next(iter(inputs.values()))) == 0:
            return np.zeros((0, self.shapes["outputs"]), np.float32)
        device = pick_device(self.config.device)
        tensors = {k: torch.from_numpy(v).to(device) for k, v in self._prepare(inputs).items()}
        outputs = [apply(net.to(device), tensors).flatten(1) for net in self.nets]
        if self.classes:
            outputs = [output.softmax(dim=1) for output in outputs]
        found: NDArray[Any] = torch.stack(outputs).mean(dim=0).cpu().numpy()
        return found

    def gradient(self, samples: Samples) -> Inputs:
        """Input times gradient of the headline output, in the shape of each input.

        See `craton.models.attribution.input_times_gradient`.
        """
        from craton.models.attribution import input_times_gradient

        return input_times_gradient(self, samples)

    def _state(self) -> State:
        found = {f"shape.{k}": np.array([v], np.int64) for k, v in self.shapes.items()}
        for member, net in enumerate(self.nets):
            for name, value in net.state_dict().items():
                array = np.array(value.detach().cpu().numpy(), order="C")
                found[f"net.{member}.{name}"] = np.atleast_1d(array)
        return found

    def _with_state(self, arrays: State) -> None:
        sizes = sub_state(arrays, "shape")
        for name, value in sizes.items():
            whole = value.shape == (1,) and value.dtype.kind == "i"
            if not whole or not 0 <= value[0] <= MAX_SIZE:
                raise BundleError(f"the net's size '{name}' is {value.ravel()[:3].tolist()}")
        self.shapes = {k: int(v[0]) for k, v in sizes.items()}
        members = [sub_state(arrays, f"net.{i}") for i in range(self.config.ensemble)]
        self.nets = [self._load(member) for member in members]

    def _load(self, arrays: State) -> nn.Module:
        """Build the net without memory for its weights, compare, and only then fill it."""
        import torch

        try:
            with torch.device("meta"):
                net = self._net(self.shapes)
        except (KeyError, ValueError, RuntimeError, OverflowError) as error:
            raise BundleError(f"no net can be built from the sizes {self.shapes}") from error
        expected = net.state_dict()
        if expected.keys() != arrays.keys():
            odd = sorted(expected.keys() ^ arrays.keys())[:3]
            raise BundleError(f"the net's arrays do not match, for example {odd}")
        tensors = {}
        for name, want in expected.items():
            value = torch.from_numpy(np.array(arrays[name], order="C"))
            if value.numel() != want.numel() or value.dtype != want.dtype:
                raise BundleError(f"'{name}' is {tuple(value.shape)}, not {tuple(want.shape)}")
            if want.ndim and value.shape != want.shape:
                raise BundleError(f"'{name}' is {tuple(value.shape)}, not {tuple(want.shape)}")
            if not bool(torch.isfinite(value).all()):
                raise BundleError(f"'{name}' has values that are not finite")
            tensors[name] = value.reshape(want.shape)
        net.load_state_dict(tensors, strict=True, assign=True)
        return net.eval()
