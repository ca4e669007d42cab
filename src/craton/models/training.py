"""The one training loop of all torch models.

A plain loop: Lightning Fabric was seen to cost 2.2 times as much per step on a small net and to
gain nothing on one device, and nothing here trains on more than one.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from craton.errors import ConfigError, ModelError
from craton.io.files import atomic
from craton.io.prefetch import prefetch

if TYPE_CHECKING:
    from craton.models.base import Fitting
    from craton.models.torch_model import Training

CHECKPOINT_SECONDS = 5.0
"""Least time between two checkpoints, in seconds."""

Tensors = dict[str, Tensor]
Loss = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
Augment = Callable[[Tensors, Tensor], tuple[Tensors, Tensor]]

WORKERS, AHEAD = 2, 4
"""Threads that read batches, and batches that lie ready."""


class Stored(Protocol):
    """Inputs that are read when their batch comes, as where all do not fit into memory."""

    @property
    def fingerprint(self) -> str:
        """Changes with the inputs."""

    def read(self, rows: NDArray[np.int64]) -> Tensors:
        """Inputs of these samples; called by several threads."""


@dataclass(frozen=True)
class _Data:
    """Inputs, targets and weights, whole on the device, so that a batch is an index.

    Inputs that are stored stay where they are; `at` tells which of them these samples have.
    """

    inputs: Tensors | Stored
    y: Tensor
    weights: Tensor
    at: Tensor

    def part(self, begin: int, end: int) -> _Data:
        at, inputs = self.at[begin:end], self.inputs
        if isinstance(inputs, dict):
            inputs = {k: v[begin:end] for k, v in inputs.items()}
        return _Data(inputs, self.y[begin:end], self.weights[begin:end], at)

    def to(self, device: torch.device) -> _Data:
        inputs = self.inputs
        if isinstance(inputs, dict):
            inputs = _moved(inputs, device)
        return _Data(inputs, self.y.to(device), self.weights.to(device), self.at)

    def batches(self, parts: Sequence[Tensor]) -> Iterator[tuple[Tensors, Tensor, Tensor]]:
        """Inputs, targets and weights of each part; stored ones are read a few ahead."""
        device, stored = self.y.device, self.inputs
        if isinstance(stored, dict):
            for rows in parts:
                inputs = {k: v[rows] for k, v in stored.items()}
                yield inputs, self.y[rows], self.weights[rows]
            return

        def read(rows: Tensor) -> Tensors:
            return stored.read(self.at[rows.cpu()].numpy())

        for rows, inputs in prefetch(read, parts, WORKERS, AHEAD):
            yield _moved(inputs, device), self.y[rows], self.weights[rows]


@dataclass
class _Run:
    """All that changes during a fit, so all that a checkpoint holds."""

    net: nn.Module
    optimiser: torch.optim.Optimizer
    best: Tensors
    epoch: int = 0
    lowest: float = math.inf
    waited: int = 0

    def finished(self, settings: Training) -> bool:
        return self.epoch >= settings.epochs or self.waited >= max(settings.patience, 1)

    def note(self, judged: float, *, stops: bool) -> None:
        """End an epoch; keep its weights if they are the best, or if nothing stops early."""
        self.epoch += 1
        better = judged < self.lowest
        if better or not stops:
            self.lowest, self.best = judged, _copy(self.net)
        self.waited = self.waited + 1 if stops and not better else 0

    def save(self, path: Path, fingerprint: str) -> None:
        tensors = {f"net.{k}": v for k, v in _copy(self.net).items()}
        tensors.update({f"best.{k}": v for k, v in self.best.items()})
        for i, held in self.optimiser.state_dict()["state"].items():
            tensors.update({f"optimiser.{i}.{k}": v for k, v in held.items() if v is not None})
        tensors["random.cpu"] = torch.get_rng_state()
        if torch.cuda.is_available():
            tensors["random.cuda"] = torch.cuda.get_rng_state()
        run = {"epoch": self.epoch, "lowest": self.lowest, "waited": self.waited}
        head = {"fingerprint": fingerprint, "run": json.dumps(run)}
        with atomic(path) as part:
            save_file({k: v.contiguous() for k, v in tensors.items()}, str(part), head)

    def resume(self, path: Path | None, fingerprint: str) -> None:
        """Go on from a checkpoint of this very fit, if there is one."""
        found = None if path is None else _load(path, fingerprint)
        if found is None:
            return
        run, tensors = found
        self.epoch, self.lowest, self.waited = run["epoch"], run["lowest"], run["waited"]
        self.net.load_state_dict(_part(tensors, "net."))
        self.best = {k: v.to(self.best[k].device) for k, v in _part(tensors, "best.").items()}
        state: dict[int, Tensors] = {}
        for key, value in _part(tensors, "optimiser.").items():
            number, name = key.split(".", 1)
            state.setdefault(int(number), {})[name] = value
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": state, "param_groups": groups})
        torch.set_rng_state(tensors["random.cpu"])
        if "random.cuda" in tensors and torch.cuda.is_available():
            torch.cuda.set_rng_state(tensors["random.cuda"])


def train(
    net: nn.Module,
    inputs: Tensors | Stored,
    y: Tensor,
    *,
    settings: Training,
    loss: Loss,
    fitting: Fitting,
    weights: Tensor | None = None,
    augment: Augment | None = None,
) -> nn.Module:
    """Train a net and return it with its best weights.

    The last samples (a share ``settings.validation``) are kept out to stop early and to choose the
    best epoch. A checkpoint of this very fit is taken up, and the fit ends as if never interrupted.
    The global random state is left as it was.

    Parameters
    ----------
    net : nn.Module
        Takes a dict of tensors, gives (sample, ...).
    inputs : dict of Tensor, or Stored
        First axis is the sample. What is `Stored` is read batch by batch; the weights are the same.
    y : Tensor
        First axis is the sample.
    loss : callable
        ``loss(output, y)`` gives a sum and a number of terms for each sample, both (sample,).
    weights : Tensor, shape (sample,), optional
        Weight of each sample.
    augment : callable, optional
        ``augment(inputs, y)`` gives the inputs and targets of a batch altered; each batch of each
        epoch anew. What it does must follow from `settings` and torch's random state.

    Raises
    ------
    ModelError
        If the loss is not finite.
    """
    device = pick_device(settings.device)
    weights = torch.ones(len(y)) if weights is None else weights
    data = _Data(inputs, y, weights, torch.arange(len(y)))
    fingerprint = _fingerprint(net, data, settings, fitting.seed)
    data = data.to(device)
    net.to(device)
    held = min(int(len(y) * settings.validation), len(y) - 1) if settings.patience else 0
    inside, tail = data.part(0, len(y) - held), data.part(len(y) - held, len(y))
    run = _Run(net, _optimiser(net, settings), _copy(net))
    devices = [torch.cuda.current_device()] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(fitting.seed)
        run.resume(fitting.checkpoint, fingerprint)
        saved = time.monotonic()
        while not run.finished(settings):
            seen = _epoch(run, inside, settings, loss, augment)
            judged = _judge(net, tail, settings, loss) if held else seen
            if not math.isfinite(judged):
                raise ModelError(f"the loss became {judged}", fix="lower learning_rate or set clip")
            run.note(judged, stops=held > 0)
            due = time.monotonic() - saved >= CHECKPOINT_SECONDS
            if fitting.checkpoint is not None and (due or run.finished(settings)):
                run.save(fitting.checkpoint, fingerprint)
                saved = time.monotonic()
            fitting.progress(run.epoch, settings.epochs, f"loss {judged:.4g}")

    net.load_state_dict(run.best)
    return net.eval()


def _epoch(
    run: _Run, data: _Data, settings: Training, loss: Loss, augment: Augment | None
) -> float:
    """One pass over the samples in random order; the mean loss on the way."""
    net, optimiser = run.net.train(), run.optimiser
    device = data.y.device
    batches = math.ceil(len(data.y) / settings.batch)
    order = torch.randperm(len(data.y)).to(device)
    seen = torch.zeros((), device=device)
    for i, part in enumerate(data.batches(torch.tensor_split(order, batches))):
        step = (run.epoch * batches + i) / (settings.epochs * batches)
        for group in optimiser.param_groups:
            group["lr"] = settings.learning_rate * rate(settings.schedule, step)
        inputs, y, weights = part
        if augment is not None:
            inputs, y = augment(inputs, y)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            output = net(inputs)
        value = _mean(loss(output.float(), y), weights)
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(value)
        if settings.clip:
            nn.utils.clip_grad_norm_(net.parameters(), settings.clip)
        optimiser.step()
        seen += value.detach() / batches
    return float(seen)


def _judge(net: nn.Module, data: _Data, settings: Training, loss: Loss) -> float:
    """Loss on samples that are not trained on."""
    if isinstance(data.inputs, dict):
        output = apply(net, data.inputs, settings.batch)
        return float(_mean(loss(output, data.y), data.weights))
    rows, terms = torch.arange(len(data.y)).to(data.y.device), []
    parts = torch.tensor_split(rows, math.ceil(len(rows) / settings.batch))
    for inputs, y, _ in data.batches(parts):
        terms.append(loss(apply(net, inputs, settings.batch), y))
    total, count = (torch.cat(t) for t in zip(*terms, strict=True))
    return float(_mean((total, count), data.weights))


def apply(net: nn.Module, inputs: Tensors, batch: int = 256) -> Tensor:
    """Give the net's output for all samples, in blocks that fit the cache, without dropout."""
    net.eval()
    n = len(next(iter(inputs.values())))
    with torch.inference_mode():
        parts = [
            net({k: v[i : i + batch] for k, v in inputs.items()}).float()
            for i in range(0, max(n, 1), batch)
        ]
    return torch.cat(parts)


def rate(schedule: str, step: float) -> float:
    """Factor of the learning rate when a share `step` (0 to 1) of the training is done.

    Examples
    --------
    >>> rate("cosine", 0.0), rate("constant", 0.7), rate("one-cycle", 0.3)
    (1.0, 1.0, 1.0)
    """
    if schedule == "constant":
        return 1.0
    if schedule == "cosine":
        return 0.5 * (1.0 + math.cos(math.pi * step))
    if step < 0.3:
        return 0.04 + 0.96 * 0.5 * (1.0 - math.cos(math.pi * step / 0.3))
    return 0.5 * (1.0 + math.cos(math.pi * (step - 0.3) / 0.7))


def pick_device(name: str) -> torch.device:
    """Turn "auto", "cpu" or "cuda" into a device.

    Raises
    ------
    ConfigError
        If a GPU is asked for and there is none.
    """
    there = torch.cuda.is_available()
    if name == "cuda" and not there:
        raise ConfigError("device is 'cuda', but no GPU is seen", fix="set device=auto")
    return torch.device("cuda" if there and name != "cpu" else "cpu")


def _optimiser(net: nn.Module, settings: Training) -> torch.optim.Optimizer:
    common: dict[str, Any] = {
        "lr": settings.learning_rate,
        "weight_decay": settings.weight_decay,
        "fused": True,
    }
    if settings.optimiser == "sgd":
        return torch.optim.SGD(net.parameters(), momentum=0.9, nesterov=True, **common)
    kind = torch.optim.Adam if settings.optimiser == "adam" else torch.optim.AdamW
    return kind(net.parameters(), **common)


def _mean(terms: tuple[Tensor, Tensor], weights: Tensor) -> Tensor:
    total, count = terms
    return (total * weights).sum() / (count * weights).sum().clamp_min(1e-9)


def _moved(inputs: Tensors, device: torch.device) -> Tensors:
    return {k: v.to(device) for k, v in inputs.items()}


def _copy(net: nn.Module) -> Tensors:
    return {k: v.detach().clone() for k, v in net.state_dict().items()}


def _fingerprint(net: nn.Module, data: _Data, settings: Training, seed: int) -> str:
    """Hash of all that decides how a fit ends, its data included."""
    digest = hashlib.sha256(f"{type(net).__name__} {seed} {settings.model_dump_json()}".encode())
    held = data.inputs
    if not isinstance(held, dict):
        digest.update(held.fingerprint.encode())
        held = {}
    arrays = {**held, "the target": data.y, "the weights": data.weights, **net.state_dict()}
    for name, value in arrays.items():
        digest.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _load(path: Path, fingerprint: str) -> tuple[dict[str, Any], Tensors] | None:
    """Read a checkpoint of this very fit; one of another fit or a damaged one is none."""
    try:
        with safe_open(str(path), framework="pt") as stream:
            head = stream.metadata() or {}
            if head.get("fingerprint") != fingerprint:
                return None
            names = list(stream.keys())
            return json.loads(head["run"]), {k: stream.get_tensor(k) for k in names}
    except (OSError, SafetensorError):
        return None


def _part(tensors: Tensors, prefix: str) -> Tensors:
    return {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}
