"""PhaseNet, a 1-D U-Net that gives each sample a probability of P, of S and of noise.

The architecture is that of Zhu & Beroza (2019), doi:10.1093/gji/ggy423: five levels, kernels of
seven samples, each step down by a factor of four. Weights that SeisBench saved can be read.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from craton.config import build
from craton.errors import BundleError, ConfigError
from craton.models.nets.picker_input import PickerInput

LEVELS, KERNEL, FACTOR, EPSILON = 5, 7, 4, 1e-3
PADDING = ((3, 3), (2, 3), (1, 3), (2, 3))
"""Zeros before and after each step down, as trained in the original."""
MAX_WEIGHTS = 1 << 30
"""Largest file of weights, in bytes."""
MAX_WIDTH = 512

Layers = Literal["original", "centred"]


class _Unit(nn.Module):
    """Convolution, batch norm, ReLU."""

    def __init__(self, conv: nn.Conv1d | nn.ConvTranspose1d) -> None:
        super().__init__()
        self.conv = conv
        self.norm = nn.BatchNorm1d(conv.out_channels, eps=EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.norm(self.conv(x)))

    def folded(self) -> tuple[Tensor, Tensor]:
        """Weight (output, input, tap) and bias with the batch norm multiplied in."""
        norm = self.norm
        assert norm.running_var is not None and norm.running_mean is not None
        gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        bias = norm.bias - norm.running_mean * gain
        if self.conv.bias is not None:
            bias = bias + self.conv.bias * gain
        weight = self.conv.weight
        if isinstance(self.conv, nn.ConvTranspose1d):
            weight = weight.transpose(0, 1)
        return (weight * gain[:, None, None]).detach(), bias.detach()


class PhaseNet(nn.Module):
    """The U-Net, to train and to import weights into; `for_inference` gives a faster twin.

    Takes (window, channel, sample) of any length above about 60 samples, gives (window, phase,
    sample) of the same length.

    Parameters
    ----------
    wants : PickerInput
        What its windows are, and what its outputs mean.
    width : int
        Channels of the first level; each level has twice the channels of the one before.
    layers : {"original", "centred"}
        Where zeros are put before a step down and samples cut after a step up: as in the original,
        or the same on both sides.
    activation : {"softmax", "sigmoid"}
        Last function, over the phases or of each.

    Examples
    --------
    >>> net = PhaseNet().eval()
    >>> net(torch.zeros(2, 3, 3001)).shape
    torch.Size([2, 3, 3001])
    """

    def __init__(
        self,
        wants: PickerInput = PickerInput(),  # noqa: B008
        *,
        width: int = 8,
        layers: Layers = "original",
        activation: Literal["softmax", "sigmoid"] = "softmax",
    ) -> None:
        super().__init__()
        if not 1 <= width <= MAX_WIDTH:
            raise ConfigError(f"a width of {width} channels is not within 1 to {MAX_WIDTH}")
        self.wants, self.layers, self.activation = wants, layers, activation
        self.defaults: dict[str, Any] = {}
        size = [width * 2**i for i in range(LEVELS)]
        pads = PADDING if layers == "original" else ((KERNEL // 2,) * 2,) * (LEVELS - 1)
        self.pads = pads

        def same(i: int, o: int, bias: bool = False) -> _Unit:
            return _Unit(nn.Conv1d(i, o, KERNEL, padding=KERNEL // 2, bias=bias))

        self.entry = same(len(wants.components), width, bias=True)
        self.level = nn.ModuleList(same(size[max(i - 1, 0)], size[i]) for i in range(LEVELS))
        self.down = nn.ModuleList(
            _Unit(nn.Conv1d(s, s, KERNEL, stride=FACTOR, bias=False)) for s in size[:-1]
        )
        back = size[::-1]
        pairs = list(itertools.pairwise(back))
        self.up = nn.ModuleList(
            _Unit(nn.ConvTranspose1d(i, o, KERNEL, stride=FACTOR, bias=False)) for i, o in pairs
        )
        self.merge = nn.ModuleList(same(2 * o, o) for _, o in pairs)
        self.head = nn.Conv1d(width, len(wants.phases), 1)

    def forward(self, x: Tensor) -> Tensor:
        """Probabilities (window, phase, sample) of windows (window, channel, sample)."""
        x, kept = self.entry(x), []
        for level, down, pad in zip(self.level, self.down, self.pads, strict=False):
            kept.append(level(x))
            x = down(functional.pad(kept[-1], pad))
        x = self.level[-1](x)
        for up, merge in zip(self.up, self.merge, strict=True):
            skip = kept.pop()
            wide = up(x)
            first = self.cut(wide.shape[-1] - skip.shape[-1])
            x = merge(torch.cat([skip, wide[..., first : first + skip.shape[-1]]], dim=1))
        return self.last(self.head(x))

    def cut(self, excess: int) -> int:
        """Samples cut from the front after a step up that gave `excess` too many."""
        return (excess - 1) // 2 if self.layers == "original" else excess // 2

    def last(self, x: Tensor) -> Tensor:
        """The last function."""
        return x.softmax(dim=1) if self.activation == "softmax" else x.sigmoid()

    def for_inference(self) -> nn.Module:
        """A twin with the same outputs that cannot be trained and is two to three times faster."""
        return _Twin(self).eval()


class _Twin(nn.Module):
    """Batch norms folded in, channels last, steps up as plain convolutions.

    A transposed convolution by a factor of four is four convolutions of two taps, one a phase; with
    the channels last their outputs lie in memory as the four times longer signal.
    """

    def __init__(self, net: PhaseNet) -> None:
        super().__init__()
        self.net = [net]  # in a list, so that it is not a module of this one
        self._keep("entry", *net.entry.folded())
        self._keep("head", net.head.weight.detach(), net.head.bias.detach())  # type: ignore[union-attr]
        for name in ("level", "down", "up", "merge"):
            for i, unit in enumerate(getattr(net, name)):
                weight, bias = unit.folded()
                if name == "up":
                    weight, bias = _by_phase(weight), bias.repeat(FACTOR)
                self._keep(f"{name}{i}", weight, bias)

    def _keep(self, name: str, weight: Tensor, bias: Tensor) -> None:
        flat = weight[:, :, None, :].clone(memory_format=torch.contiguous_format)
        self.register_buffer(f"{name}_w", flat.contiguous(memory_format=torch.channels_last))
        self.register_buffer(f"{name}_b", bias.clone())

    def _run(self, name: str, x: Tensor, pad: int = 0, stride: int = 1) -> Tensor:
        weight, bias = getattr(self, f"{name}_w"), getattr(self, f"{name}_b")
        return functional.conv2d(x, weight, bias, stride=(1, stride), padding=(0, pad))

    def forward(self, x: Tensor) -> Tensor:
        net, kept = self.net[0], []
        x = x[:, :, None, :].contiguous(memory_format=torch.channels_last)
        x = self._run("entry", x, KERNEL // 2).relu_()
        for i, pad in enumerate(net.pads):
            kept.append(self._run(f"level{i}", x, KERNEL // 2).relu_())
            both = pad[0] == pad[1]
            x = kept[-1] if both else functional.pad(kept[-1], pad)
            x = self._run(f"down{i}", x, pad[0] if both else 0, FACTOR).relu_()
        x = self._run(f"level{LEVELS - 1}", x, KERNEL // 2).relu_()
        for i in range(LEVELS - 1):
            skip = kept.pop()
            wide = _interleave(self._run(f"up{i}", x, 1).relu_())
            # One of the eight taps is none of the kernel's seven, hence one sample more at the end.
            first = net.cut(wide.shape[-1] - 1 - skip.shape[-1])
            x = torch.cat([skip, wide[..., first : first + skip.shape[-1]]], dim=1)
            x = self._run(f"merge{i}", x, KERNEL // 2).relu_()
        return net.last(self._run("head", x)[:, :, 0])


def _by_phase(weight: Tensor) -> Tensor:
    """Kernel (4 outputs, input, 2) that gives each of four neighbours, of one (output, input, 7).

    Sample 4 m + p of a transposed convolution is x[m] w[p] + x[m - 1] w[p + 4].
    """
    outputs, inputs, _ = weight.shape
    taps = functional.pad(weight, (0, 2 * FACTOR - KERNEL)).reshape(outputs, inputs, 2, FACTOR)
    return taps.flip(2).permute(3, 0, 1, 2).reshape(FACTOR * outputs, inputs, 2)


def _interleave(x: Tensor) -> Tensor:
    """(window, 4 channels, 1, m) with the channels last as (window, channels, 1, 4 m): a view."""
    n, channels, _, length = x.shape
    rows = x.permute(0, 2, 3, 1).reshape(n, 1, FACTOR * length, channels // FACTOR)
    return rows.permute(0, 3, 1, 2)


_NAMES = (
    (r"inc\.", "entry.conv."), (r"in_bn\.", "entry.norm."), (r"out\.", "head."),
    (r"down_branch\.(\d)\.0\.", r"level.\1.conv."), (r"down_branch\.(\d)\.1\.", r"level.\1.norm."),
    (r"down_branch\.(\d)\.2\.", r"down.\1.conv."), (r"down_branch\.(\d)\.3\.", r"down.\1.norm."),
    (r"up_branch\.(\d)\.0\.", r"up.\1.conv."), (r"up_branch\.(\d)\.1\.", r"up.\1.norm."),
    (r"up_branch\.(\d)\.2\.", r"merge.\1.conv."), (r"up_branch\.(\d)\.3\.", r"merge.\1.norm."),
)  # fmt: skip


def read_phasenet(weights: str | Path, description: str | Path | None = None) -> PhaseNet:
    """Read a PhaseNet that SeisBench saved: its weights and the JSON beside them.

    Parameters
    ----------
    weights : str or Path
        ``.safetensors``, or a state dict of torch (``.pt``), which is read without running code.
    description : str or Path, optional
        The JSON; by default the file of the same name with ``.json`` in place of the ending.

    Returns
    -------
    PhaseNet
        In evaluation mode, its width told by the weights, its windows by the JSON.
        ``net.defaults`` holds the JSON's settings of detection.

    Raises
    ------
    BundleError
        If a file is missing or damaged, or the weights are not those of a PhaseNet.
    ConfigError
        If the JSON asks for what this version cannot do.

    See Also
    --------
    craton.detection.detect : run it over a continuous record.
    """
    path = Path(weights)
    if description is None:
        description = path.with_name(re.sub(r"\.(pt|safetensors)(?=\.|$)", ".json", path.name))
    told = _read_json(Path(description))
    arrays = {k: v for k, v in _read_weights(path).items() if "num_batches" not in k}
    first = arrays.get("inc.weight")
    if first is None or first.ndim != 3 or not 1 <= first.shape[0] <= MAX_WIDTH:
        raise BundleError(
            "these are not the weights of a PhaseNet ('inc.weight' is missing or odd)",
            where=str(path), fix="give the state dict of SeisBench's PhaseNet",
        )  # fmt: skip
    args = told["model_args"]
    net = PhaseNet(
        _wants(args),
        width=first.shape[0],
        layers="centred" if "in_samples" in args else "original",
        activation=args.get("output_activation", "softmax"),
    )
    _fill(net, arrays, path)
    net.defaults = dict(told.get("default_args") or {})
    return net.eval()


def _wants(args: Mapping[str, Any]) -> PickerInput:
    """The windows that the JSON of SeisBench speaks of."""
    kind, more = args.get("filter_args"), dict(args.get("filter_kwargs") or {})
    if kind and (kind[0] not in ("highpass", "lowpass", "bandpass") or more.get("zerophase")):
        raise ConfigError(
            f"the filter {kind} {more} is not a causal high-, low- or band-pass",
            fix="filter the record first and take 'filter_args' out of the JSON",
        )
    values: dict[str, Any] = {
        "samples": args.get("in_samples", 3001),
        "sampling_rate": args.get("sampling_rate", 100),
        "components": args.get("component_order", "ZNE"),
        "phases": "".join(args.get("phases", "NPS")),
        "scale": "peak" if args.get("norm_amp_per_comp") else args.get("norm", "std"),
        "joint": len(args.get("norm_axis") or [-1]) > 1,
        "detrend": bool(args.get("norm_detrend")),
    }
    if kind:
        low = more.get("freqmin", more.get("freq") if kind[0] == "highpass" else None)
        high = more.get("freqmax", more.get("freq") if kind[0] == "lowpass" else None)
        values["filter"] = {"low": low, "high": high, "corners": more.get("corners", 4)}
    return build(PickerInput, values)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BundleError(
            f"cannot be read as JSON ({error})", where=str(path),
            fix="put the JSON that SeisBench saved beside the weights, or name it",
        ) from error  # fmt: skip
    if not isinstance(told, dict) or not isinstance(told.get("model_args"), dict):
        raise BundleError("has no 'model_args'", where=str(path), fix="give SeisBench's own JSON")
    return told


def _read_weights(path: Path) -> dict[str, Tensor]:
    """Named tensors of a file; nothing in it is run."""
    import pickle

    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.stat().st_size > MAX_WEIGHTS:
            raise BundleError(f"is larger than {MAX_WEIGHTS} bytes", where=str(path))
        if ".safetensors" in path.name:
            return dict(load_file(path))
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError,
            ValueError, KeyError) as error:  # fmt: skip
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BundleError(
            f"cannot be read as tensors alone ({first})", where=str(path),
            fix="give safetensors, or a state dict saved by torch.save",
        ) from error  # fmt: skip
    tensors = isinstance(found, Mapping) and all(isinstance(v, Tensor) for v in found.values())
    if not tensors:
        raise BundleError("is not a state dict of tensors", where=str(path))
    return {str(k): v for k, v in found.items()}


def _fill(net: PhaseNet, arrays: dict[str, Tensor], path: Path) -> None:
    """Put the weights into the net, after a look at names, shapes and values."""
    expected = {k: v for k, v in net.state_dict().items() if "num_batches" not in k}
    named = {}
    for name, value in arrays.items():
        for pattern, ours in _NAMES:
            name, hits = re.subn(rf"^{pattern}", ours, name)
            if hits:
                break
        named[name] = value.float()
    if odd := sorted(expected.keys() ^ named.keys())[:3]:
        raise BundleError(
            f"the weights do not match a PhaseNet, for example {odd}", where=str(path)
        )
    for name, want in expected.items():
        if named[name].shape != want.shape:
            came = tuple(named[name].shape)
            raise BundleError(f"'{name}' is {came}, not {tuple(want.shape)}", where=str(path))
        if not bool(torch.isfinite(named[name]).all()):
            raise BundleError(f"'{name}' has values that are not finite", where=str(path))
    net.load_state_dict(named, strict=False)
