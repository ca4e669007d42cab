"""Catalogues of the neural ETAS model, simulated event by event in order of time.

What an event triggers depends on what came before it, simulated events included. Each catalogue is
therefore unrolled forward: the next event is taken, described by the past that it has by then, its
offspring are drawn and wait for their turn.

Triggering that grows with magnitude nearly as fast as events become rare can feed on itself, though
nothing like it was seen. The offspring of a simulated event are therefore scaled down where their
mean number, over all magnitudes that it could have had, exceeds `CRITICAL`; those of the events
that did happen never are.
"""

from __future__ import annotations

import heapq
import math
from typing import NamedTuple

import numpy as np

from craton.models.physics._jit import LN2, exp2, jit
from craton.models.physics.etas_history import COUNTED, EXCESS
from craton.models.physics.etas_kernels import Floats, Ints
from craton.models.physics.etas_mixture import TIME_SCALES, ZONES
from craton.models.physics.etas_neural import NeuralEtas
from craton.models.physics.etas_neural_past import Describer, Past, Scene, scene_of, see
from craton.models.physics.etas_parameters import EtasParameters

CRITICAL = 0.95
"""Largest mean number of direct offspring of simulated events."""

STEPS = 12
"""Nodes of the mean over magnitudes (Gauss and Legendre)."""


class Layers(NamedTuple):
    """The network as arrays, and what it multiplies; see `etas_neural.NeuralEtas`.

    `slope`, shape (2, hidden), has the weights of the two features of the excess.
    """

    centre: Floats
    spread: Floats
    hidden: Floats
    slope: Floats
    bias: Floats
    last: Floats
    shift: Floats
    kappa: Floats
    table: Floats
    gamma: float

    @classmethod
    def of(cls, model: NeuralEtas) -> Layers:
        """Those of a model; without network nothing is multiplied."""
        state = {k: np.ascontiguousarray(v, float) for k, v in model.arrays().items()}
        share = np.exp(state["table"] - state["table"].max())
        on = float(model.network.hidden > 0)
        return cls(
            state["centre"], state["spread"], state["hidden.weight"],
            np.ascontiguousarray(state["hidden.weight"][:, EXCESS : EXCESS + 2].T),
            state["hidden.bias"],
            on * state["last.weight"], on * state["last.bias"], state["kappa"],
            share / share.sum(), model.gamma,
        )  # fmt: skip


class Magnitudes(NamedTuple):
    """Exponential above completeness, to `span` over beta; `steps` with their chances for means."""

    beta: float
    span: float
    steps: Floats
    chance: Floats

    @classmethod
    def of(cls, base: EtasParameters, m_max: float) -> Magnitudes:
        """Those of parameters, up to a largest."""
        nodes, weights = np.polynomial.legendre.leggauss(STEPS)
        steps = (m_max - base.mc) * (nodes + 1.0) / 2
        chance = weights * np.exp(-base.beta * steps)
        return cls(base.beta, base.beta * (m_max - base.mc), steps, chance / chance.sum())


class Unrolled(NamedTuple):
    """Events of one catalogue in order of time, and what each triggers."""

    time: Floats
    x: Floats
    y: Floats
    excess: Floats
    generation: Ints
    level: Floats
    u: Floats
    v: Floats


class Unroller:
    """Simulates catalogues that go on from one past; any number of threads may use it.

    Parameters
    ----------
    model, base : NeuralEtas, EtasParameters
        The model, and the parametric one that describes events to it.
    past : Past
        Events before the start.
    window : (float, float)
        Start and end, days.
    scale, area : float
        Length scale of the catalogue, km, that the features were made with, and area of the
        region, km2.
    m_max : float
        Largest magnitude.
    """

    def __init__(
        self, model: NeuralEtas, base: EtasParameters, past: Past, window: tuple[float, float],
        scale: float, area: float, m_max: float,
    ) -> None:  # fmt: skip
        self.start, self.end = window
        self.net = Layers.of(model)
        self.magnitudes = Magnitudes.of(base, m_max)
        self.describer = Describer.of(base)
        self.scene = scene_of(base, self.describer, past, self.start, scale, area)

    def run(self, seed: int, born: Floats, like: Ints, most: int) -> Unrolled:
        """Unroll one catalogue.

        Parameters
        ----------
        seed : int
            Of all that is drawn.
        born : numpy.ndarray, shape (events, 5)
            Events that the past or the background gave: time, x, y, excess, generation.
        like : numpy.ndarray of int, shape (events,)
            A past event near each.
        most : int
            The unrolling ends when there are more events.
        """
        rng = np.random.default_rng(seed)
        return Unrolled(
            *_unroll(rng, self.end, born, like, self.scene, self.describer, self.net,
                     self.magnitudes, most)
        )  # fmt: skip


@jit(reorder=True)
def _layer(given: Floats, low: float, high: float, net: Layers, which: int) -> float:
    """Sum over hidden units for one output; `given` and the two inputs of the excess go in."""
    total = 0.0
    for h in range(given.size):
        x = given[h] + net.slope[0, h] * low + net.slope[1, h] * high
        total += net.last[which, h] * (1.0 - 2.0 / (exp2(min(x, 300.0) * (2.0 / LN2)) + 1.0))
    return total


@jit(inline=True)
def _scaled(value: float, k: int, net: Layers) -> float:
    return min(max((value - net.centre[k]) / net.spread[k], -4.0), 4.0)


@jit()
def units(features: Floats, net: Layers) -> Floats:
    """What all features but the two of the excess put into the hidden units."""
    seen = np.empty(features.size)
    for k in range(features.size):
        seen[k] = _scaled(features[k], k, net)
    seen[EXCESS : EXCESS + 2] = 0.0
    return net.bias + net.hidden @ seen


@jit()
def respond(given: Floats, excess: float, net: Layers, out: Floats) -> None:
    """What the network says of an event: logarithms of the factors of kappa, u and v.

    `given` is what `units` gives.
    """
    one, two = _scaled(excess, EXCESS, net), _scaled(min(excess, 1.0), EXCESS + 1, net)
    for q in range(out.size):
        out[q] = net.shift[q] + _layer(given, one, two, net, q)


@jit()
def offspring_ratio(given: Floats, net: Layers, steps: Floats, chance: Floats) -> float:
    """Mean number of direct offspring of an event, over the magnitudes it could have had."""
    total = 0.0
    for i in range(steps.size):
        e = steps[i]
        one, two = _scaled(e, EXCESS, net), _scaled(min(e, 1.0), EXCESS + 1, net)
        log_kappa = net.kappa[0] + net.kappa[1] * e + net.shift[0]
        total += chance[i] * math.exp(log_kappa + _layer(given, one, two, net, 0))
    return total


@jit()
def _pick(rng: np.random.Generator, weight: Floats) -> int:
    """Draw an index in proportion to its weight."""
    left = rng.random() * weight.sum()
    for k in range(weight.size):
        left -= weight[k]
        if left < 0:
            return k
    return int(np.argmax(weight))


@jit()
def _wider(a: Floats) -> Floats:
    """Twice as many columns, the old ones first."""
    out = np.empty((a.shape[0], 2 * a.shape[1]))
    out[:, : a.shape[1]] = a
    return out


@jit(nogil=True)
def _unroll(
    rng: np.random.Generator, end: float, born: Floats, likes: Ints, scene: Scene,
    describer: Describer, net: Layers, magnitudes: Magnitudes, most: int,
) -> tuple[Floats, Floats, Floats, Floats, Ints, Floats, Floats, Floats]:  # fmt: skip
    scales, zones = TIME_SCALES.size, ZONES.size
    size, n = born.shape[0], 0
    waiting = np.empty((6, max(64, 2 * size)))  # time, x, y, excess, generation, like
    for q in range(5):
        waiting[q, :size] = born[:, q]
    waiting[5, :size] = likes
    queue = [(0.0, 0) for _ in range(0)]
    for i in range(size):
        heapq.heappush(queue, (born[i, 0], i))
    seen = np.empty((8, 64))  # see `see`
    found = np.empty((1 + scales + zones, 64))  # level, u, v
    features = np.empty(net.centre.size)
    out, by_scale, by_zone = np.empty(1 + scales + zones), np.empty(scales), np.empty(zones)
    while len(queue) and n <= most:
        t, i = heapq.heappop(queue)
        x, y, excess = waiting[1, i], waiting[2, i], waiting[3, i]
        if n == seen.shape[1]:
            seen, found = _wider(seen), _wider(found)
        like = see(t, x, y, excess, int(waiting[5, i]), n, seen, scene, describer, features)
        given = units(features, net)
        respond(given, excess, net, out)
        factor = 1.0
        if excess >= 0:
            ratio = offspring_ratio(given, net, magnitudes.steps, magnitudes.chance)
            factor = min(1.0, CRITICAL / max(ratio, 1e-9))
        kappa = factor * math.exp(net.kappa[0] + net.kappa[1] * excess + out[0])
        out[1:] = np.exp(out[1:])
        u, v = out[1 : 1 + scales], out[1 + scales :]
        whole = 0.0
        for a in range(scales):
            by_scale[a] = u[a] * (net.table[a] * v).sum()
            whole += by_scale[a]
        seen[0, n], seen[1, n], seen[2, n], seen[3, n] = t, x, y, excess
        seen[4, n] = describer.log_k + describer.a * excess
        seen[5, n] = describer.zone * math.exp(describer.gamma * excess)
        seen[6, n], seen[7, n] = waiting[4, i], math.exp(features[COUNTED + 4])
        found[0, n] = kappa / whole
        found[1:, n] = out[1:]
        n += 1
        for a in range(scales):
            by_scale[a] *= kappa / whole * -math.expm1(-(end - t) / TIME_SCALES[a])
        stretch = math.exp(net.gamma * excess)
        for _ in range(rng.poisson(by_scale.sum())):
            a = _pick(rng, by_scale)
            for b in range(zones):
                by_zone[b] = net.table[a, b] * v[b]
            zone = ZONES[_pick(rng, by_zone)] * stretch
            share = -math.expm1(-(end - t) / TIME_SCALES[a])
            later = t - TIME_SCALES[a] * math.log1p(-rng.random() * share)
            r = math.sqrt(zone * (1.0 / (1.0 - rng.random()) - 1.0))
            angle = 2.0 * math.pi * rng.random()
            if size == waiting.shape[1]:
                waiting = _wider(waiting)
            waiting[0, size], waiting[1, size] = later, x + r * math.cos(angle)
            waiting[2, size] = y + r * math.sin(angle)
            waiting[3, size] = (
                -math.log1p(rng.random() * math.expm1(-magnitudes.span)) / magnitudes.beta
            )
            waiting[4, size], waiting[5, size] = waiting[4, i] + 1, like
            if later < end:
                heapq.heappush(queue, (later, size))
            size += 1
    return (
        seen[0, :n].copy(), seen[1, :n].copy(), seen[2, :n].copy(), seen[3, :n].copy(),
        seen[6, :n].astype(np.int64), found[0, :n].copy(), found[1 : 1 + scales, :n].T.copy(),
        found[1 + scales :, :n].T.copy(),
    )  # fmt: skip
