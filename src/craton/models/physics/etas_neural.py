"""ETAS whose triggering is read off the recent past by a small neural network.

The rate at time t and place x given the history is

    nu sum_q beta_q b_q(x) + sum_j kappa_j sum_ab w_j,ab exp(-(t - t_j) / s_a) / s_a
                                                  D_b,j / pi (r_j**2 + D_b,j)**-2

with ``b_q`` densities of the past events (those that are likely background) at several widths.
Without its network every event shares the weights w, and ``kappa = exp(k0 + a (m - mc))``: an ETAS
model with free kernels. The network sees what was known when event j came (`past_features`) and
multiplies kappa_j and w_j by factors; it starts at one. All kernels have integral one, so that the
number of events expected is exact.

References
----------
Ogata (1998), doi:10.1023/A:1003403601725, for ETAS; Stockman, Lawson & Werner (2026),
arXiv:2410.08226, for the benchmark and for the neural point processes that ETAS beats there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from craton.errors import DataError
from craton.models.physics.etas_history import past_density, past_features
from craton.models.physics.etas_kernels import Floats, Ints
from craton.models.physics.etas_mixture import (
    TIME_SCALES,
    ZONES,
    exact_rates,
    pair_gradients,
    pair_rates,
    rate_in_time,
)
from craton.models.physics.etas_near import near_pairs
from craton.models.physics.etas_parameters import LN10, EtasParameters
from craton.models.physics.etas_scores import NextEventScores
from craton.uncertainty import Interval, Mean, paired_gain

WIDTHS = 2.0 ** np.arange(-2.0, 6.0)
"""Widths of the background densities in units of the catalogue's length scale."""

SHARE, DRAWS = 1e-3, 16
"""Of `near_pairs`: the pairs that are followed in training, and how many stand for the others."""


@dataclass(frozen=True)
class Network:
    """Settings of the network and its training.

    Attributes
    ----------
    hidden : int
        Hidden units.
    dropout, decay : float
        Share of hidden units dropped in training, and weight decay.
    steps, rate : int, float
        Most steps of Adam, and its learning rate.
    start : int
        Steps that the mixture without network is trained first.
    patience : int
        Training ends when the validation events have not gained for so many steps.
    seed : int
        Seed of initial weights, dropout and drawn pairs.
    """

    hidden: int = 64
    dropout: float = 0.1
    decay: float = 1e-2
    steps: int = 400
    rate: float = 4e-3
    start: int = 120
    patience: int = 60
    seed: int = 0


class Catalog(NamedTuple):
    """Events in order of time, what the base model says of them, and what the past says.

    `rate` has background and triggered rate of the base model at each event; `density` the
    densities of likely background events before it, the first uniform over the region.
    """

    time: Floats
    place: Floats
    excess: Floats
    rate: Floats
    density: Floats
    features: NDArray[np.float32]
    first: Ints
    source: NDArray[np.int32]
    weight: NDArray[np.float32]


def describe(
    time: Floats, place: Floats, xy: Floats, magnitude: Floats, border: Floats,
    base: EtasParameters, area: float, scale: float, seed: int = 0,
) -> Catalog:  # fmt: skip
    """Compute from the past of each event all that the model wants to know.

    Parameters
    ----------
    time, place, magnitude : numpy.ndarray
        Days in order, places on the sphere (3, events), magnitudes.
    xy : numpy.ndarray, shape (2, events)
        Places on a plane, km, for the base model.
    border : numpy.ndarray, shape (events,)
        Distance to the border of the region, km.
    base : EtasParameters
        A fitted ETAS model: it chooses the pairs that matter and weighs background events.
    area, scale : float
        Area of the region, km2; length scale, km.
    """
    excess, every = magnitude - base.mc, np.arange(time.size)
    log_k = (LN10 * base.log10_k0 + base.a * excess) / math.log(2.0)
    kernel = np.array([base.c, base.omega, base.tau, base.rho])
    pairs = near_pairs(
        every, time, xy[0], xy[1], excess, log_k, base.zone(magnitude), kernel,
        share=SHARE, draws=DRAWS, seed=seed,
    )  # fmt: skip
    flat = np.full((time.size, 1), 1.0 / area)
    plain = past_density(every, place, np.ones(time.size), np.array([4.0 * scale**2]))
    rate = np.stack([base.mu * area * (0.95 * plain + 0.05 * flat)[:, 0], pairs.total[:, 0]], 1)
    likely = rate[:, 0] / rate.sum(axis=1)
    density = np.hstack([flat, past_density(every, place, likely, (WIDTHS * scale) ** 2)])
    features = past_features(time, place, excess, rate, density[:, 1:], border, scale)
    return Catalog(
        time, place, excess, rate, density, features, pairs.first, pairs.source, pairs.weight
    )


class Score(NamedTuple):
    """Log-likelihood of each target, nats: of its time, and of its place given the time.

    `rate` is the rate at its time in the whole plane, events a day; for the others see
    `NextEventScores`.
    """

    event: Ints
    temporal: Floats
    spatial: Floats
    uncounted: float
    rate: Floats


def information_gain(score: Score, other: Score | NextEventScores, time: Floats) -> Interval:
    """Gain in log-likelihood per event over another model, with its 95 % interval.

    Parameters
    ----------
    score, other : Score
        Of the same events.
    time : numpy.ndarray, shape (events,)
        Days; events are resampled in blocks of 30 days.
    """
    a, b = (np.c_[s.temporal + s.spatial, np.ones(s.event.size)] for s in (score, other))
    return paired_gain(Mean, a, b, (time[score.event] // 30).astype(int))


class _PairRates(torch.autograd.Function):
    """Triggered rates at targets; gradients by source."""

    @staticmethod
    def forward(ctx: Any, pairs: Pairs, level: Any, table: Any, u: Any, v: Any) -> Any:
        given = [a.detach().numpy() for a in (level, table, u, v)]
        ctx.pairs, ctx.given = pairs, given
        return torch.from_numpy(
            pair_rates(pairs.first, pairs.source, pairs.in_time, pairs.in_space, *given)
        )

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        p = ctx.pairs
        found = pair_gradients(
            gradients[0].numpy(), p.begin, p.order, p.target, p.in_time, p.in_space, *ctx.given
        )
        return None, *(torch.from_numpy(g) for g in found)


class Pairs(NamedTuple):
    """Pairs of the targets of a window, by target and by source."""

    first: Ints
    source: NDArray[np.int32]
    begin: Ints
    order: Ints
    target: Ints
    in_time: NDArray[np.float32]
    in_space: NDArray[np.float32]


class Part(NamedTuple):
    """Targets of a window with their pairs; `spent` is the share of each kernel's time in it.

    If these are not all targets of the window, `days` and `spent` are scaled down with them.
    """

    pairs: Pairs
    density: Any
    spent: Any
    days: float
    n: int


class NeuralEtas(nn.Module):
    """The model.

    Parameters
    ----------
    features : int
        Number of features of an event.
    gamma : float
        Growth of D with magnitude.
    network : Network
        Settings; with ``hidden=0`` there is no network.
    """

    def __init__(self, features: int, gamma: float, network: Network) -> None:
        super().__init__()
        self.network, self.gamma = network, gamma
        self.log_nu = nn.Parameter(torch.zeros(()))
        self.beta = nn.Parameter(torch.zeros(WIDTHS.size + 1))
        self.kappa = nn.Parameter(torch.tensor([math.log(0.3), 1.0]))
        self.table = nn.Parameter(torch.zeros(TIME_SCALES.size, ZONES.size))
        self.register_buffer("centre", torch.zeros(features))
        self.register_buffer("spread", torch.ones(features))
        outputs = 1 + TIME_SCALES.size + ZONES.size
        self.hidden = nn.Linear(features, max(network.hidden, 1))
        self.last = nn.Linear(max(network.hidden, 1), outputs)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def stretch(self, excess: Floats) -> Floats:
        """Growth of D with magnitude."""
        return np.asarray(np.exp(self.gamma * excess))

    def triggering(self, features: Any, excess: Any) -> tuple[Any, Any, Any, Any]:
        """Level, table and factors of each event (see `etas_mixture`)."""
        log_kappa = self.kappa[0] + self.kappa[1] * excess
        table = torch.softmax(self.table.flatten(), 0).reshape(self.table.shape)
        if self.network.hidden:
            seen = torch.clamp((features - self.centre) / self.spread, -4.0, 4.0)
            out = torch.tanh(self.hidden(seen))
            out = nn.functional.dropout(out, self.network.dropout, self.training)
            out = self.last(out)
            log_kappa = log_kappa + out[:, 0]
            u = torch.exp(out[:, 1 : 1 + TIME_SCALES.size])
            v = torch.exp(out[:, 1 + TIME_SCALES.size :])
        else:
            u = torch.ones(len(excess), TIME_SCALES.size)
            v = torch.ones(len(excess), ZONES.size)
        by_time = u * (v @ table.T)
        level = torch.exp(log_kappa) / by_time.sum(dim=1)
        return level, table, u, v

    def weights(
        self, features: NDArray[np.float32], excess: Floats
    ) -> tuple[Floats, Floats, Floats, Floats]:
        """Level, table and factors of events as numbers, without dropout."""
        self.eval()
        with torch.no_grad():
            given = torch.from_numpy(features), torch.from_numpy(excess).float()
            level, table, u, v = (a.double().numpy() for a in self.triggering(*given))
        return level, table, u, v

    @property
    def nu(self) -> float:
        """Background events a day."""
        return float(torch.exp(self.log_nu.detach().double()))

    @property
    def shares(self) -> Floats:
        """Share of each background density, the first uniform; shape (widths + 1,)."""
        return np.asarray(torch.softmax(self.beta.detach().double(), 0).numpy())

    def log_likelihood(self, part: Part, features: Any, excess: Any) -> Any:
        """Log-likelihood per target of a window, nats."""
        level, table, u, v = self.triggering(features, excess)
        triggered = _PairRates.apply(part.pairs, level, table, u, v)  # type: ignore[no-untyped-call]
        nu = torch.exp(self.log_nu.double())
        rate = nu * (part.density @ torch.softmax(self.beta.double(), 0)) + triggered
        born = (level[:, None] * u * (v @ table.T)).double()
        return (torch.log(rate).sum() - nu * part.days - (born * part.spent).sum()) / part.n

    def score(self, catalog: Catalog, window: tuple[float, float]) -> Score:
        """Log-likelihood of each event of a window, exact, as the benchmark defines it."""
        index = np.flatnonzero((catalog.time >= window[0]) & (catalog.time < window[1]))
        if not index.size:
            raise DataError(f"no event falls into the window {window} (days)")
        level, table, u, v = self.weights(catalog.features, catalog.excess)
        nu = self.nu
        triggered = exact_rates(
            index, catalog.time, catalog.place, self.stretch(catalog.excess), level, table, u, v
        )
        by_scale = level[:, None] * u * (v @ table.T)
        moments = np.concatenate([[window[0]], catalog.time[index], [window[1]]])
        rate, integral = rate_in_time(catalog.time, by_scale, moments)
        in_time = nu + rate[1:-1]
        in_space = nu * (catalog.density[index] @ self.shares) + triggered
        # The benchmark counts triggered events from the first test event on.
        waited = np.diff(catalog.time[index], prepend=window[0])
        expected = nu * waited + np.diff(integral[1:-1], prepend=integral[1])
        whole = nu * (window[1] - window[0]) + integral[-1] - integral[0]
        return Score(
            index, np.log(in_time) - expected, np.log(in_space / in_time),
            float(whole - expected.sum()), in_time,
        )  # fmt: skip

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the state as arrays."""
        found = {k: v.detach().numpy() for k, v in self.state_dict().items()}
        return {**found, "gamma": np.array([self.gamma])}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], network: Network) -> NeuralEtas:
        """Make a model from the arrays that `arrays` gave."""
        width = replace(network, hidden=len(arrays["hidden.bias"]))
        model = cls(arrays["centre"].size, float(arrays["gamma"][0]), width)
        model.network = network
        state = {k: torch.from_numpy(np.array(v)) for k, v in arrays.items() if k != "gamma"}
        model.load_state_dict(state)
        return model
