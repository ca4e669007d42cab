"""The one training loop of all torch models.

A plain loop: Lightning Fabric was seen to cost 2.2 times as much per step on a small net and to
gain nothing on one device, and nothing here trains on more than one.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from craton.errors import ConfigError, ModelError
from craton.io.files import atomic

if TYPE_CHECKING:
    from craton.models.base import Fitting
    from craton.models.deep import Training

CHECKPOINT_SECONDS = 5.0
"""Least time between two checkpoints, in seconds."""

Tensors = dict[str, Tensor]
Loss = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def train(
    net: nn.Module,
    inputs: Tensors,
    y: Tensor,
    *,
    settings: Training,
    loss: Loss,
    fitting: Fitting,
    weights: Tensor | None = None,
) -> nn.Module:
    """Train a net and return it with its best weights.

    The last part of the samples (``settings.validation``) is kept out, in one block, to stop early
    and to choose the best epoch. If ``fitting.checkpoint`` holds a checkpoint of this very fit, it
    goes on from there and ends with what an uninterrupted fit would have given. The global random
    state is left as it was.

    Parameters
    ----------
    net : nn.Module
        Takes a dict of tensors, gives (sample, ...).
    inputs : dict of Tensor
        First axis is the sample.
    y : Tensor, shape (sample, ...)
        Targets.
    settings : Training
        Optimiser, schedule, epochs and so on.
    loss : callable
        ``loss(output, y)`` gives a sum and a number of terms for each sample, both (sample,).
    fitting : Fitting
        Seed, progress, checkpoint.
    weights : Tensor, shape (sample,), optional
        Weight of each sample.

    Raises
    ------
    ModelError
        If the loss is not finite.
    """
    device = pick_device(settings.device)
    weights = torch.ones(len(y)) if weights is None else weights
    fingerprint = _fingerprint(net, inputs, y, weights, settings, fitting.seed)
    net.to(device)
    inputs = {k: v.to(device) for k, v in inputs.items()}
    y, weights = y.to(device), weights.to(device)

    held = min(int(len(y) * settings.validation), len(y) - 1) if settings.patience else 0
    fit_on = len(y) - held
    batches = math.ceil(fit_on / settings.batch)
    optimiser = _optimiser(net, settings)

    with torch.random.fork_rng(devices=[device.index or 0] if device.type == "cuda" else []):
        torch.manual_seed(fitting.seed)
        run: dict[str, Any] = {"epoch": 0, "best": math.inf, "waited": 0}
        best = _copy(net)
        if fitting.checkpoint is not None:
            run, best = _resume(fitting.checkpoint, fingerprint, net, optimiser, run, best)
        saved = time.monotonic()

        while run["epoch"] < settings.epochs and run["waited"] <= settings.patience:
            net.train()
            seen = 0.0
            order = torch.randperm(fit_on).to(device)
            for i, rows in enumerate(torch.tensor_split(order, batches)):
                step = (run["epoch"] * batches + i) / (settings.epochs * batches)
                for group in optimiser.param_groups:
                    group["lr"] = settings.learning_rate * rate(settings.schedule, step)
                with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
                    output = net({k: v[rows] for k, v in inputs.items()})
                value = _mean(loss(output.float(), y[rows]), weights[rows])
                optimiser.zero_grad(set_to_none=True)
                value.backward()
                if settings.clip:
                    nn.utils.clip_grad_norm_(net.parameters(), settings.clip)
                optimiser.step()
                seen += value.detach() / batches

            judged = float(seen)
            if held:
                tail = {k: v[fit_on:] for k, v in inputs.items()}
                output = apply(net, tail, settings.batch)
                judged = float(_mean(loss(output, y[fit_on:]), weights[fit_on:]))
            if not math.isfinite(judged):
                raise ModelError(
                    f"the loss became {judged} in epoch {run['epoch'] + 1}",
                    fix="lower learning_rate or set clip",
                )
            better = judged < run["best"]
            run["epoch"] += 1
            if held:
                run["waited"] = 0 if better else run["waited"] + 1
            if better or not held:
                run["best"], best = judged, _copy(net)
            done = run["epoch"] == settings.epochs or run["waited"] > settings.patience
            due = time.monotonic() - saved >= CHECKPOINT_SECONDS
            if fitting.checkpoint is not None and (done or due):
                _save(fitting.checkpoint, fingerprint, net, optimiser, run, best)
                saved = time.monotonic()
            fitting.progress(run["epoch"], settings.epochs, f"loss {judged:.4g}")

    net.load_state_dict(best)
    return net.eval()


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


def _copy(net: nn.Module) -> Tensors:
    return {k: v.detach().clone() for k, v in net.state_dict().items()}


def _fingerprint(
    net: nn.Module, inputs: Tensors, y: Tensor, weights: Tensor, settings: Training, seed: int
) -> str:
    """Hash of all that decides how a fit ends, its data included."""
    digest = hashlib.sha256(f"{type(net).__name__} {seed} {settings.model_dump_json()}".encode())
    arrays = {**inputs, "the target": y, "the weights": weights, **net.state_dict()}
    for name, value in arrays.items():
        digest.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _save(
    path: Path,
    fingerprint: str,
    net: nn.Module,
    optimiser: torch.optim.Optimizer,
    run: dict[str, Any],
    best: Tensors,
) -> None:
    tensors = {f"net.{k}": v for k, v in _copy(net).items()}
    tensors.update({f"best.{k}": v for k, v in best.items()})
    for i, held in optimiser.state_dict()["state"].items():
        tensors.update({f"optimiser.{i}.{k}": v for k, v in held.items() if v is not None})
    tensors["random.cpu"] = torch.get_rng_state()
    if next(net.parameters()).is_cuda:
        tensors["random.cuda"] = torch.cuda.get_rng_state()
    head = {"fingerprint": fingerprint, "run": json.dumps(run)}
    with atomic(path) as part:
        save_file({k: v.contiguous() for k, v in tensors.items()}, str(part), head)


def _resume(
    path: Path,
    fingerprint: str,
    net: nn.Module,
    optimiser: torch.optim.Optimizer,
    run: dict[str, Any],
    best: Tensors,
) -> tuple[dict[str, Any], Tensors]:
    """Take up a checkpoint; one of another fit, or a damaged one, is as good as none."""
    try:
        with safe_open(str(path), framework="pt") as stream:
            head = stream.metadata() or {}
            if head.get("fingerprint") != fingerprint:
                return run, best
            tensors = {k: stream.get_tensor(k) for k in stream.keys()}  # noqa: SIM118
    except (OSError, SafetensorError):
        return run, best

    def part(prefix: str) -> Tensors:
        return {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}

    net.load_state_dict(part("net."))
    state: dict[int, Tensors] = {}
    for key, value in part("optimiser.").items():
        number, name = key.split(".", 1)
        state.setdefault(int(number), {})[name] = value
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": state, "param_groups": groups})
    torch.set_rng_state(tensors["random.cpu"])
    if "random.cuda" in tensors:
        torch.cuda.set_rng_state(tensors["random.cuda"])
    device = next(net.parameters()).device
    return json.loads(head["run"]), {k: v.to(device) for k, v in part("best.").items()}
