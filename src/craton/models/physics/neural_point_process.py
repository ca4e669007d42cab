"""A purely neural point process: no law of seismology but what a network reads off past events.

The waiting time until the next event is a mixture of log-normals, its place given the waiting time
a mixture of Gaussians of several widths about each of the last events and of given background
densities. A network gives weights, centres and spreads from the last events: their ages,
magnitudes, ranks, distances to the last one, and how dense the past was there. Both densities have
integral one by construction. It is a candidate to set against ETAS.

References
----------
Zhou, Yang, Rossi, Zhao & Yu (2022), proceedings.mlr.press/v168/zhou22a, for kernels about the last
events; Shchur, Bilos & Guennemann (2020), arXiv:1909.12127, for mixtures of log-normals; Stockman,
Lawson & Werner (2026), arXiv:2410.08226, for the benchmark.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from craton.errors import DataError
from craton.models.physics.etas_kernels import Floats, Ints
from craton.models.physics.etas_neural import Score

INSTANT = 1e-5  # days added to waiting times, which may be zero in a catalogue
_RANKS = 2 ** np.arange(7)


@dataclass(frozen=True)
class Settings:
    """Settings of the network and its training.

    Attributes
    ----------
    past : int
        Number of last events that the network sees.
    hidden, heads, times, widths : int
        Hidden units; ways of pooling the past; log-normals; Gaussians about each event.
    rate, decay, dropout : float
        Learning rate and weight decay of AdamW; share of hidden units dropped.
    batch, epochs, patience, seed : int
        Targets in a step; most passes; passes without a gain on validation that end it; seed.
    """

    past: int = 64
    hidden: int = 32
    heads: int = 4
    times: int = 8
    widths: int = 8
    rate: float = 3e-3
    decay: float = 1e-3
    dropout: float = 0.1
    batch: int = 256
    epochs: int = 40
    patience: int = 5
    seed: int = 0


class History(NamedTuple):
    """Events in order of time: days, places (2, events) in km, magnitude less the least one.

    `density`, shape (events, n), has background densities at each event per km2, each of integral
    one and known before it; `scale` is a length in km that is usual between events.
    """

    time: Floats
    place: Floats
    excess: Floats
    density: Floats
    scale: float


class Seen(NamedTuple):
    """What is known of targets: tensors with one row a target.

    `pairs` (targets, past, features) and `age` (targets, past), in days, are as of the event
    before; `wait`, `r2` (targets, past) and `density` are the target's own.
    """

    pairs: Any
    age: Any
    wait: Any
    r2: Any
    density: Any


def look_back(
    history: History, index: Ints, past: int, wait: Floats | None = None,
    place: Floats | None = None, density: Floats | None = None,
) -> Seen:  # fmt: skip
    """Gather the last events of each target; its wait, place, density may be other than its own."""
    if index.min() < past:
        raise DataError(
            f"an event has {index.min()} events before it, at least {past} were expected",
            fix="start the window later, or set `past` lower",
        )
    time, xy, last = history.time, history.place, index - 1
    before = last[:, None] - np.arange(past)
    age = time[last][:, None] - time[before]
    apart = np.hypot(*(xy[:, before] - xy[:, last][:, :, None])) / history.scale
    target = xy[:, index] if place is None else place
    crowd = np.log(history.density * history.scale**2 + 1e-9)
    features = [np.log10(age + INSTANT), history.excess[before], np.log10(apart + 1e-2),
                np.broadcast_to(np.log10(1.0 + np.arange(past)), age.shape)]  # fmt: skip
    columns = (
        np.concatenate([np.stack(features, axis=2), crowd[before]], axis=2),
        age,
        time[index] - time[last] if wait is None else wait,
        ((xy[:, before] - target[:, :, None]) ** 2).sum(axis=0),
        history.density[index] if density is None else density,
    )
    return Seen(*(torch.from_numpy(np.ascontiguousarray(c, np.float32)) for c in columns))


class NeuralPointProcess(nn.Module):
    """The model; the training targets set the scales of inputs and outputs."""

    centre: torch.Tensor
    spread: torch.Tensor
    grid: torch.Tensor

    def __init__(self, seen: Seen, scale: float, settings: Settings) -> None:
        super().__init__()
        s, h = settings, settings.hidden
        self.settings = s
        self.ranks = _RANKS[s.past > _RANKS]
        self.register_buffer("centre", seen.pairs.mean(dim=(0, 1)))
        self.register_buffer("spread", seen.pairs.std(dim=(0, 1)) + 1e-6)
        self.event = nn.Sequential(nn.Linear(self.centre.shape[0], h), nn.Tanh(), nn.Linear(h, h))
        self.attention = nn.Linear(h, s.heads)
        self.context = nn.Sequential(
            nn.Linear(h * (s.heads + 1) + len(self.ranks), 2 * h), nn.Tanh(),
            nn.Dropout(s.dropout), nn.Linear(2 * h, h), nn.Tanh(),
        )  # fmt: skip
        self.waiting = nn.Linear(h, 3 * s.times)
        self.near = nn.Linear(h, h)
        self.near_context = nn.Linear(h + 1, h, bias=False)
        self.near_age = nn.Linear(1, h, bias=False)
        self.weights = nn.Linear(h, s.widths)
        self.background = nn.Linear(h + 1, seen.density.shape[1])
        shares = torch.linspace(0.05, 0.95, s.times)
        self.register_buffer("grid", torch.quantile(torch.log(seen.wait + INSTANT), shares))
        self.log_width = nn.Parameter(
            math.log(scale) + math.log(2.0) * torch.linspace(-4.0, 3.0, s.widths)
        )

    def look(self, seen: Seen) -> tuple[Any, Any]:
        """Hidden states of the last events, and one of all of them."""
        pairs = torch.clamp((seen.pairs - self.centre) / self.spread, -5.0, 5.0)
        event = self.event(pairs)
        weight = torch.softmax(self.attention(event), dim=1)
        pooled = torch.einsum("blh,bld->bhd", weight, event).flatten(1)
        ages = pairs[:, self.ranks, 0]
        return event, self.context(torch.cat([pooled, event[:, 0], ages], dim=1))

    def waits(self, context: Any, wait: Any) -> tuple[Any, Any]:
        """Log density and log survival of a waiting time in days."""
        part, centre, spread = self.waiting(context).chunk(3, dim=1)
        part, spread = torch.log_softmax(part, dim=1), 0.1 + nn.functional.softplus(spread)
        centre = self.grid + centre

        def standard(w: Any) -> Any:
            return (torch.log(w + INSTANT)[:, None] - centre) / spread

        inner = -0.5 * standard(wait) ** 2 - torch.log(spread) - 0.5 * math.log(2 * math.pi)
        survival, whole = (
            torch.logsumexp(part + torch.special.log_ndtr(-standard(w)), dim=1)
            for w in (wait, torch.zeros_like(wait))
        )
        density = torch.logsumexp(part + inner, dim=1) - torch.log(wait + INSTANT)
        return density - whole, survival - whole

    def places(self, seen: Seen, event: Any, context: Any) -> Any:
        """Log density per km2 of a place given the waiting time."""
        log_wait = torch.log10(seen.wait + INSTANT)[:, None]
        age = torch.log10(seen.age + seen.wait[:, None] + INSTANT)[:, :, None]
        state = torch.cat([context, log_wait], dim=1)
        near = self.near(event) + self.near_context(state)[:, None] + self.near_age(age)
        logits, far = self.weights(torch.tanh(near)), self.background(state)
        total = torch.logsumexp(torch.cat([logits.flatten(1), far], dim=1), dim=1)
        variance = torch.exp(2.0 * self.log_width)
        kernels = -0.5 * seen.r2[:, :, None] / variance - torch.log(2 * math.pi * variance)
        terms = [(logits + kernels).flatten(1), far + torch.log(seen.density)]
        return torch.logsumexp(torch.cat(terms, dim=1), dim=1) - total

    def forward(self, seen: Seen) -> tuple[Any, Any, Any]:
        """Log density of the waiting time, its log survival, log density of the place."""
        event, context = self.look(seen)
        return *self.waits(context, seen.wait), self.places(seen, event, context)

    def score(self, history: History, window: tuple[float, float]) -> Score:
        """Log-likelihood of each event of a window, its first given that none came before it."""
        index = _targets(history.time, window)
        self.eval()
        seen = look_back(history, index, self.settings.past)
        parts = []
        with torch.no_grad():
            for k in range(0, index.size, 4096):
                found = self(Seen(*(v[k : k + 4096] for v in seen)))
                parts.append(np.stack([v.double().numpy() for v in found]))
        before = self._survival(history, index[0], window[0])
        after = self._survival(history, index[-1] + 1, window[1])
        temporal, survival, spatial = np.concatenate(parts, axis=1)
        rate = np.exp(temporal - survival)
        temporal[0] -= before
        return Score(index, temporal, spatial, -after, rate)

    def _survival(self, history: History, i: int, moment: float) -> float:
        """Log probability that event i has not come by a moment, given the events before."""
        place, wait = history.place[:, :1], np.array([moment - history.time[i - 1]])
        seen = look_back(
            history, np.array([i]), self.settings.past, wait, place, history.density[:1]
        )
        with torch.no_grad():
            return float(self.waits(self.look(seen)[1], seen.wait)[1])


def _targets(time: Floats, window: tuple[float, float]) -> Ints:
    """Indices of the events of a window."""
    index = np.flatnonzero((time >= window[0]) & (time < window[1]))
    if not index.size:
        raise DataError(f"no event falls into the window {window} (days)")
    return index


class Learnt(NamedTuple):
    """A trained model, and log-likelihoods per event, training and held out, after each pass."""

    model: NeuralPointProcess
    passes: list[tuple[float, float]]


def train(
    history: History,
    window: tuple[float, float],
    validation: tuple[float, float],
    settings: Settings | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> Learnt:
    """Train on the events of a window, until those of another gain no more.

    Parameters
    ----------
    history : History
        Events; those after both windows are not looked at.
    window, validation : (float, float)
        Days.
    progress : callable, optional
        Called with pass, most passes and a text.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> time, place = np.sort(rng.uniform(0, 400, 400)), rng.uniform(0, 9, (2, 400))
    >>> world = History(time, place, rng.exponential(0.4, 400), np.full((400, 1), 1 / 81), 1.0)
    >>> found = train(world, (100, 300), (300, 400), Settings(past=8, epochs=2))
    >>> found.model.score(world, (300, 400)).temporal.shape == (int((time >= 300).sum()),)
    True
    """
    s = settings or Settings()
    torch.manual_seed(s.seed)
    fit, held = (
        look_back(history, _targets(history.time, w), s.past) for w in (window, validation)
    )
    model, n = NeuralPointProcess(fit, history.scale, s), len(fit.wait)
    optimiser = torch.optim.AdamW(model.parameters(), lr=s.rate, weight_decay=s.decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, s.epochs * -(-n // s.batch))
    rows: list[tuple[float, float]] = []
    best, kept = 0, deepcopy(model.state_dict())
    for epoch in range(s.epochs):
        model.train()
        total = 0.0
        for some in torch.split(torch.randperm(n), s.batch):
            optimiser.zero_grad()
            time, _, place = model(Seen(*(v[some] for v in fit)))
            loss = -(time + place).mean()
            loss.backward()
            optimiser.step()
            schedule.step()
            total -= float(loss.detach()) * len(some)
        model.eval()
        with torch.no_grad():
            time, _, place = model(held)
        rows.append((total / n, float((time + place).mean())))
        if progress:
            progress(epoch + 1, s.epochs, "{:.4f}, held out {:.4f} nats an event".format(*rows[-1]))
        if rows[-1][1] >= max(r[1] for r in rows):
            best, kept = epoch, deepcopy(model.state_dict())
        elif epoch - best >= s.patience:
            break
    model.load_state_dict(kept)
    return Learnt(model, rows)
