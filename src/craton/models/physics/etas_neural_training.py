"""Training of the neural ETAS model: by all targets of a window, ended by those of another."""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch

from craton.errors import DataError
from craton.models.physics.etas_kernels import Floats, Ints
from craton.models.physics.etas_mixture import TIME_SCALES, pair_kernels
from craton.models.physics.etas_neural import Catalog, Network, NeuralEtas, Pairs, Part

MOST = 25_000
"""Targets that one step of training looks at."""


class Trained(NamedTuple):
    """A trained model, the one without network that it started from, and how it went.

    `history` has step and log-likelihood per event of both windows at each report.
    """

    model: NeuralEtas
    plain: NeuralEtas
    steps: int
    history: list[tuple[int, float, float]]


def train(
    catalog: Catalog,
    window: tuple[float, float],
    validation: tuple[float, float] | None,
    *,
    gamma: float,
    network: Network,
    initial: NeuralEtas | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> Trained:
    """Train on the events of a window, until the events of another gain no more.

    Parameters
    ----------
    catalog : Catalog
        As `describe` gives it; events after the windows are not looked at.
    window, validation : (float, float)
        Days. Without validation all steps are taken.
    gamma : float
        Growth of D with magnitude, of the base model.
    network : Network
        Settings.
    initial : NeuralEtas, optional
        A model to go on from, for ``network.steps`` steps.
    progress : callable, optional
        Called with step, steps and a text.
    """
    torch.manual_seed(network.seed)
    model = deepcopy(initial) if initial else NeuralEtas(catalog.features.shape[1], gamma, network)
    fit = _parts(catalog, window, model, MOST)
    held = _parts(catalog, validation, model)[0] if validation else None
    known = catalog.time < window[1]
    features, excess = torch.from_numpy(catalog.features), torch.from_numpy(catalog.excess).float()
    if initial is None:
        model.centre.copy_(features[known].mean(dim=0))  # type: ignore[operator]
        model.spread.copy_(features[known].std(dim=0) + 1e-6)  # type: ignore[operator]
        model.log_nu.data.fill_(math.log(0.3 * fit[0].n / fit[0].days))
    history: list[tuple[int, float, float]] = []
    model.network = replace(network, hidden=0)
    plain = [model.log_nu, model.beta, model.kappa, model.table]
    if initial is None or not network.hidden:
        start = torch.optim.Adam(plain, lr=0.02 if initial else 0.05, betas=(0.9, 0.98))
        steps = network.steps if initial else network.start
        _steps(model, start, steps, fit, held, features, excess, 10**9, history, progress)
    plain_model, model.network, best = deepcopy(model), network, 0
    if network.hidden:
        groups = [
            {"params": [*model.hidden.parameters(), *model.last.parameters()],
             "weight_decay": network.decay},
            {"params": plain, "weight_decay": 0.0},
        ]  # fmt: skip
        optimiser = torch.optim.AdamW(groups, lr=network.rate, betas=(0.9, 0.98))
        best = _steps(
            model, optimiser, network.steps, fit, held, features, excess, network.patience,
            history, progress,
        )  # fmt: skip
    return Trained(model, plain_model, best, history)


def _steps(
    model: NeuralEtas, optimiser: torch.optim.Optimizer, steps: int, fit: list[Part],
    held: Part | None, features: Any, excess: Any, patience: int,
    history: list[tuple[int, float, float]], progress: Callable[[int, int, str], None] | None,
) -> int:  # fmt: skip
    """Take steps; leave the model at the best of the validation; return its step."""
    before = history[-1][0] if history else 0
    best, best_step, kept = -math.inf, 0, None
    for step in range(1, steps + 1):
        model.train()
        optimiser.zero_grad()
        loss = -model.log_likelihood(fit[step % len(fit)], features, excess)
        loss.backward()
        optimiser.step()
        if step % 10 and step != steps:
            continue
        model.eval()
        with torch.no_grad():
            mine = float(-loss)
            other = float(model.log_likelihood(held, features, excess)) if held else math.nan
        history.append((before + step, mine, other))
        if progress:
            progress(step, steps, f"log-likelihood {mine:.4f}, held out {other:.4f} an event")
        if held and other > best:
            best, best_step = other, step
            kept = {k: v.clone() for k, v in model.state_dict().items()}
        if held and step - best_step >= patience:
            break
    if kept is not None:
        model.load_state_dict(kept)
    return best_step if held else steps


def _parts(
    catalog: Catalog, window: tuple[float, float], model: NeuralEtas, most: int = 10**9
) -> list[Part]:
    """Deal the targets of a window out into parts of about equal size, at most `most` each."""
    index = np.flatnonzero((catalog.time >= window[0]) & (catalog.time < window[1]))
    if not index.size:
        raise DataError(f"no event falls into the window {window} (days)")
    n = -(-index.size // most)
    return [_part(catalog, window, model, index[k::n], index.size) for k in range(n)]


def _part(
    catalog: Catalog, window: tuple[float, float], model: NeuralEtas, index: Ints, of: int
) -> Part:
    counts = np.diff(catalog.first)[index]
    first = np.concatenate([[0], np.cumsum(counts)])
    listed = np.repeat(catalog.first[index] - first[:-1], counts) + np.arange(first[-1])
    source, weight = catalog.source[listed], catalog.weight[listed]
    in_time, in_space = pair_kernels(
        index, first, source, weight, catalog.time, catalog.place, model.stretch(catalog.excess)
    )
    order = np.argsort(source, kind="stable")
    begin = np.searchsorted(source[order], np.arange(catalog.time.size + 1))
    share = index.size / of
    return Part(
        Pairs(first, source, begin, order, np.repeat(np.arange(index.size), counts),
              in_time, in_space),
        torch.from_numpy(catalog.density[index]),
        torch.from_numpy(share * _spent(catalog.time, window)),
        share * (window[1] - window[0]),
        index.size,
    )  # fmt: skip


def _spent(time: Floats, window: tuple[float, float]) -> Floats:
    """Share of each exponential of each event that falls into a window."""
    low, high = (np.maximum(moment - time, 0.0)[:, None] for moment in window)
    return np.asarray(np.exp(-low / TIME_SCALES) - np.exp(-high / TIME_SCALES))
