"""Simulated events described by their past, as `etas_history` describes those that happened.

Their past is what happened before the start of a forecast and what was simulated since. What hardly
changes from place to place, the density of all past events by the wide kernels and the distance to
the border, is that of the nearest past event.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from craton.errors import DataError
from craton.models.physics._jit import LN2, exp2, jit, log2
from craton.models.physics.etas_history import COUNTED, DECAYS, REACHES, SEEN, write_seen
from craton.models.physics.etas_kernels import Floats, Ints
from craton.models.physics.etas_neural import WIDTHS
from craton.models.physics.etas_parameters import LN10, EtasParameters

FINE = 4
"""Kernels whose density is summed over the events within the widest reach. What lies beyond is
taken to be as dense as the widest kernel says; the wider ones are those of the nearest event."""


class Past(NamedTuple):
    """Events that trigger, with their features, in order of time; days and km."""

    time: Floats
    x: Floats
    y: Floats
    magnitude: Floats
    features: NDArray[np.float32]


class Describer(NamedTuple):
    """The parametric model that describes events; see `etas_history.past_features`."""

    log_k: float
    a: float
    kernel: Floats
    zone: float
    gamma: float

    @classmethod
    def of(cls, base: EtasParameters) -> Describer:
        """That of parameters."""
        return cls(
            LN10 * base.log10_k0 / LN2, base.a / LN2,
            np.array([base.c, base.omega, base.tau, base.rho]), float(base.zone(np.array(base.mc))),
            base.gamma,
        )  # fmt: skip


class Scene(NamedTuple):
    """The past, sorted by squares of the widest reach; ``first[k]`` begins square k.

    `left` is what the counts still remember of each event at the start, `likely` how likely each
    is background, `known` the sum of that; `uniform` is one over the region's area, `mu` the rate
    of the background.
    """

    time: Floats
    x: Floats
    y: Floats
    excess: Floats
    left: Floats
    log_k: Floats
    zone: Floats
    likely: Floats
    known: float
    features: Floats
    place: Ints
    first: Ints
    corner: Floats
    side: float
    columns: int
    rows: int
    start: float
    scale2: float
    reach2: Floats
    width2: Floats
    mu: float
    uniform: float


def scene_of(
    parameters: EtasParameters,
    describer: Describer,
    past: Past,
    start: float,
    scale: float,
    area: float,
) -> Scene:
    if not past.time.size:
        raise DataError(
            "no event above the magnitude of completeness lies before the start of the forecast",
            fix="begin it later, or give a catalogue that begins earlier",
        )
    side = float(REACHES[-1] * scale)
    corner = np.array([past.x.min(), past.y.min()]) if past.time.size else np.zeros(2)
    column = ((past.x - corner[0]) // side).astype(np.int64)
    row = ((past.y - corner[1]) // side).astype(np.int64)
    columns, rows = int(column.max(initial=0)) + 1, int(row.max(initial=0)) + 1
    square = row * columns + column
    place = np.argsort(square, kind="stable")
    excess, time = (past.magnitude - parameters.mc)[place], past.time[place]
    likely = np.exp(past.features[place, COUNTED + 4].astype(float))
    return Scene(
        time, past.x[place], past.y[place], excess,
        np.exp(-(start - time)[:, None] / DECAYS), describer.log_k + describer.a * excess,
        describer.zone * np.exp(describer.gamma * excess), likely, float(likely.sum()),
        past.features.astype(float), place,
        np.searchsorted(square[place], np.arange(columns * rows + 1)), corner, side, columns, rows,
        start, scale * scale, (REACHES * scale) ** 2, (WIDTHS[:FINE] * scale) ** 2, parameters.mu,
        1.0 / area,
    )  # fmt: skip


@jit(reorder=True)
def _rate(
    t: float, x: float, y: float, n: int, time: Floats, px: Floats, py: Floats, log_k: Floats,
    zone: Floats, kernel: Floats,
) -> float:  # fmt: skip
    """Triggered rate of the parametric model from the first `n` events."""
    c, decay = kernel[0], 1.0 / (kernel[2] * LN2)
    power_t, power_r = 1.0 + kernel[1], 1.0 + kernel[3]
    total = 0.0
    for j in range(n):
        dt, dx, dy = t - time[j], px[j] - x, py[j] - y
        far = dx * dx + dy * dy + zone[j]
        total += exp2(log_k[j] - dt * decay - power_t * log2(dt + c) - power_r * log2(far))
    return total


@jit()
def _add_density(r2: float, likely: float, width2: Floats, dense: Floats) -> None:
    """Add an event to the density of each fine width, and to that of all events by the last."""
    for q in range(FINE):
        far = r2 + width2[q]
        kernel = 1.0 / (far * math.sqrt(far))
        dense[q] += likely * kernel
    dense[FINE] += kernel


@jit()
def _count_past(
    t: float, x: float, y: float, scene: Scene, counts: Floats, dense: Floats
) -> tuple[int, float, float, float]:
    """Add the past to `counts` (decays, reaches, 2), by ring, and to the sums of `_add_density`.

    Returns the nearest event, its squared distance, and what is felt most of since when.
    """
    reaches, decays = REACHES.size, DECAYS.size
    at, nearest, largest, since = -1, 1e12, -3.0, 1e5
    column = math.floor((x - scene.corner[0]) / scene.side)
    row = math.floor((y - scene.corner[1]) / scene.side)
    low, high = max(column - 1, 0), min(column + 1, scene.columns - 1)
    for k in range(max(row - 1, 0), min(row + 1, scene.rows - 1) + 1):
        if low > high:
            break
        for j in range(scene.first[k * scene.columns + low],
                       scene.first[k * scene.columns + high + 1]):  # fmt: skip
            dx, dy = scene.x[j] - x, scene.y[j] - y
            r2 = dx * dx + dy * dy
            if r2 < nearest:
                nearest, at = r2, j
            if r2 >= scene.reach2[reaches - 1]:
                continue
            _add_density(r2, scene.likely[j], scene.width2, dense)
            if scene.excess[j] > largest:
                days = t - scene.time[j]
                felt = scene.excess[j] - math.log10(1.0 + days)
                if felt > largest:
                    largest, since = felt, days
            ring = 0
            while r2 >= scene.reach2[ring]:
                ring += 1
            moment = math.exp(scene.excess[j])
            for a in range(decays):
                counts[a, ring, 0] += scene.left[j, a]
                counts[a, ring, 1] += scene.left[j, a] * moment
    for a in range(decays):
        faded = math.exp(-(t - scene.start) / DECAYS[a])
        for ring in range(reaches):
            counts[a, ring, 0] *= faded
            counts[a, ring, 1] *= faded
    return at, nearest, largest, since


@jit()
def see(
    t: float, x: float, y: float, excess: float, like: int, n: int, seen: Floats, scene: Scene,
    describer: Describer, out: Floats,
) -> int:  # fmt: skip
    """Describe an event as `past_features` does; return the past event that it is near.

    `seen` has the `n` events simulated before it, in rows: time, x, y, excess, log2 k, zone,
    generation, likely background.
    """
    reaches, decays = REACHES.size, DECAYS.size
    counts, dense = np.zeros((decays, reaches, 2)), np.zeros(FINE + 1)
    at, nearest, largest, since = _count_past(t, x, y, scene, counts, dense)
    if at >= 0:
        like = scene.place[at]
    for j in range(n):
        dx, dy = seen[1, j] - x, seen[2, j] - y
        r2 = dx * dx + dy * dy
        nearest = min(nearest, r2)
        if r2 >= scene.reach2[reaches - 1]:
            continue
        _add_density(r2, seen[7, j], scene.width2, dense)
        days, e = t - seen[0, j], seen[3, j]
        felt = e - math.log10(1.0 + days)
        if felt > largest:
            largest, since = felt, days
        ring = 0
        while r2 >= scene.reach2[ring]:
            ring += 1
        moment = math.exp(e)
        for a in range(decays):
            left = math.exp(-days / DECAYS[a])
            counts[a, ring, 0] += left
            counts[a, ring, 1] += left * moment
    for ring in range(1, reaches):
        counts[:, ring] += counts[:, ring - 1]
    known, last = scene.features[like], SEEN + WIDTHS.size - 1
    out[SEEN:] = known[SEEN:]
    widest, whole = math.exp(known[last]) / scene.scale2, scene.known + seen[7, :n].sum()
    for q in range(FINE + 1):
        h2 = scene.width2[min(q, FINE - 1)]
        h, total = math.sqrt(h2), whole if q < FINE else float(scene.time.size + n)
        beyond = h / math.sqrt(scene.reach2[reaches - 1] + h2)
        dense[q] = dense[q] * h / (2.0 * math.pi * total) + beyond * widest
        if q < FINE:
            out[SEEN + q] = math.log(dense[q] * scene.scale2 + 1e-9)
    background = scene.mu * (0.95 * dense[FINE] / scene.uniform + 0.05)
    kernel = describer.kernel
    triggered = _rate(t, x, y, n, seen[0], seen[1], seen[2], seen[4], seen[5], kernel)
    triggered += _rate(
        t, x, y, scene.time.size, scene.time, scene.x, scene.y, scene.log_k, scene.zone, kernel
    )
    write_seen(
        counts.ravel(), nearest, largest, since, background, triggered, excess, scene.scale2, out
    )
    return like
