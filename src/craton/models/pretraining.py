"""What a picker's net learns before it sees a label: simulated earthquakes, or the traces alone.

Masked: parts of the seismogram are blanked and the net gives them back. Contrastive: two altered
views of one seismogram must be told from those of others by what the net's deepest layer holds.

References
----------
He et al. 2022, arXiv:2111.06377 (masked); Chen et al. 2020, arXiv:2002.05709 (contrastive).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from craton.models.augment import augmented
from craton.models.base import Fitting
from craton.models.losses import masked_squares
from craton.models.neural_picking import augmenter, onset_loss
from craton.models.physics.seismograms import simulate
from craton.models.training import Stored, Tensors, train

BLANK_S, BLANKS = 0.8, 12
"""Length in s of a blanked part, and how many there are in a window."""

SHARPNESS = 0.2
"""Temperature of the contrastive loss."""

LEARNING_RATE = 4e-3


def pretrained(
    net: nn.Module, inputs: Tensors | Stored, n: int, rate: float, config: Any, fitting: Fitting
) -> None:
    """Train a net on what `config.pretrain` names, in its order; changes the net.

    Parameters
    ----------
    net : nn.Module
        Of `craton.models.nets.picking`.
    inputs : dict of Tensor, or Stored
        ``sequence`` (sample, component, time), of which no label is used.
    n : int
        Samples.
    rate : float
        Samples a second.
    config : PickTraining
        Settings of the picker.
    fitting : Fitting
        Seed and progress.
    """
    quiet = Fitting(fitting.seed, fitting.progress)
    for kind in config.pretrain:
        if kind == "synthetic":
            start = _Start(_key(net, config, rate, fitting.seed), net, config, rate, quiet)
            net.load_state_dict(_on_simulated(start))
            continue
        nothing = torch.zeros(n, 1)
        alter = (_blanked if kind == "masked" else _views)(config, rate)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(fitting.seed)
            whole = net if kind == "masked" else _Projected(net)
        loss = masked_squares if kind == "masked" else told_apart
        train(
            whole, inputs, nothing, settings=config, loss=loss, fitting=quiet,
            augment=alter,
        )  # fmt: skip


@dataclass(frozen=True)
class _Start:
    """Where the training on simulated windows begins; equal for every fold of a run."""

    key: tuple[Any, ...]
    net: nn.Module = field(compare=False)
    config: Any = field(compare=False)
    rate: float = field(compare=False)
    fitting: Fitting = field(compare=False)


def _key(net: nn.Module, config: Any, rate: float, seed: int) -> tuple[Any, ...]:
    weights = tuple(float(v.double().abs().sum()) for v in net.state_dict().values())
    return (str(net), weights, config.model_dump_json(), rate, seed)


@functools.lru_cache(maxsize=8)
def _on_simulated(start: _Start) -> Tensors:
    """Weights after training on simulated windows, kept for the folds of a run."""
    config, rate, seed = start.config, start.rate, start.fitting.seed
    length = round(1.5 * config.crop * rate)
    made = simulate(config.simulated, length, rate, np.random.default_rng(seed))
    onsets = torch.from_numpy(made.arrival.astype(np.float32))[:, :, None]
    update = {"epochs": config.rounds, "learning_rate": LEARNING_RATE}
    net = train(
        start.net, {"sequence": torch.from_numpy(made.waves)}, onsets,
        settings=config.model_copy(update=update), loss=onset_loss(config.widths, rate),
        fitting=start.fitting, augment=augmenter(config, rate),
    )  # fmt: skip
    return {k: v.detach().cpu().clone() for k, v in net.state_dict().items()}


def _cut(inputs: Tensors, config: Any, rate: float) -> Tensor:
    """Windows cut anywhere, for no label may say where."""
    waves = inputs["sequence"]
    unknown = torch.full((len(waves), 2, 1), torch.nan, device=waves.device)
    return augmented(waves, unknown, ["crop"], round(config.crop * rate), rate)[0]


def _blanked(config: Any, rate: float) -> Any:
    """Blank parts of each window; the target is what was there, NaN elsewhere."""

    def alter(inputs: Tensors, y: Tensor) -> tuple[Tensors, Tensor]:
        waves = _cut(inputs, config, rate)
        n, _, length = waves.shape
        size = waves.std(dim=-1, keepdim=True) + 1e-9
        begin = torch.randint(0, length, (n, BLANKS, 1), device=waves.device)
        time = torch.arange(length, device=waves.device)
        gone = ((time >= begin) & (time < begin + BLANK_S * rate)).any(dim=1, keepdim=True)
        wanted = torch.where(gone, waves / size, torch.nan)
        return {"sequence": torch.where(gone, 0.0, waves)}, wanted

    return alter


def _views(config: Any, rate: float) -> Any:
    """Two views of each window, altered each in its own way."""
    kinds = [k for k in config.augment if k in ("rotate", "gain", "noise", "clip", "drop")]

    def alter(inputs: Tensors, y: Tensor) -> tuple[Tensors, Tensor]:
        waves = _cut(inputs, config, rate)
        unknown = torch.full((len(waves), 2, 1), torch.nan, device=waves.device)
        views = [augmented(waves, unknown, kinds, waves.shape[-1], rate)[0] for _ in range(2)]
        return {"one": views[0], "two": views[1]}, y

    return alter


class _Projected(nn.Module):
    """The mean of a net's deepest layer over time, projected: (sample, view, 32), unit length."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.project = nn.LazyLinear(32)
        self.seen: list[Tensor] = []
        deepest = net.get_submodule(str(net.deepest))
        deepest.register_forward_hook(lambda module, given, made: self.seen.append(made))
        with torch.no_grad():
            few = torch.zeros(2, int(net.components), 1024, device="cpu")  # type: ignore[arg-type]
            self({"one": few, "two": few})

    def forward(self, inputs: dict[str, Tensor]) -> Any:
        views = []
        for name in ("one", "two"):
            self.seen.clear()
            self.net({"sequence": inputs[name]})
            views.append(functional.normalize(self.project(self.seen[-1].mean(dim=-1)), dim=-1))
        self.seen.clear()
        return torch.stack(views, dim=1)


def told_apart(output: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Cross entropy of finding the other view of a sample among those of all samples.

    Examples
    --------
    >>> same = torch.eye(3)[:, None].repeat(1, 2, 1)
    >>> mixed = torch.stack([torch.eye(3), torch.eye(3).roll(1, 0)], dim=1)
    >>> bool(told_apart(same, same)[0].mean() < told_apart(mixed, mixed)[0].mean())
    True
    """
    near = output[:, 0] @ output[:, 1].T / SHARPNESS
    own = torch.arange(len(output), device=output.device)
    value = functional.cross_entropy(near, own, reduction="none")
    value = value + functional.cross_entropy(near.T, own, reduction="none")
    return value, torch.ones_like(value)
