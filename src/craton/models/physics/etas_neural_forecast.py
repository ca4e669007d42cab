"""Forecasts of the neural ETAS model: catalogues simulated forward, counts by cell.

Triggering that grows with magnitude nearly as fast as events become rare can feed on itself, though
nothing like it was seen, and the line of one past event may do so though the mean of all does not.
The offspring of simulated events are therefore scaled down where the mean number of offspring in
their line, over magnitudes, would exceed `CRITICAL`; those of the events that did happen never are.

What happens near a simulated event is as uncertain as the event itself, so its features are those
of the past event that it descends from, with its own magnitude: a background event takes those of
the past event around whose place it was drawn, a triggered one those of its parent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from craton.models.physics.etas_background import UniformDensity
from craton.models.physics.etas_cells import checked_cells, spread
from craton.models.physics.etas_forecast import CellForecast, CellRates, cell_forecasts
from craton.models.physics.etas_history import with_excess
from craton.models.physics.etas_kernels import Floats, Ints
from craton.models.physics.etas_mixture import TIME_SCALES, ZONES
from craton.models.physics.etas_neural import NeuralEtas
from craton.models.physics.etas_parameters import EtasParameters
from craton.models.physics.etas_simulation import (
    MANY,
    Catalogs,
    check_size,
    draw_magnitudes,
    join,
)
from craton.models.physics.polygons import as_polygon, inside_polygon, polygon_area

CRITICAL = 0.95
"""Largest mean number of direct offspring of simulated events."""


@dataclass(frozen=True)
class PastDensity:
    """Power laws ``h / 2 pi (r2 + h2)**-1.5`` of several widths around past events.

    `share` has the probability of the uniform part and of each width. The power laws reach beyond
    the region, and so do the events drawn.
    """

    x: Floats
    y: Floats
    weight: Floats
    width: Floats
    share: Floats
    polygon: Floats

    @property
    def area(self) -> float:
        """Area of the region in km2."""
        return polygon_area(self.polygon)

    def at(self, x: Floats, y: Floats) -> Floats:
        """Density at points, 1/km2."""
        out = np.where(inside_polygon(x, y, self.polygon), self.share[0] / self.area, 0.0)
        for share, h in zip(self.share[1:], self.width, strict=True):
            for k in range(0, x.size, 1024):
                part = slice(k, k + 1024)
                r2 = (x[part, None] - self.x) ** 2 + (y[part, None] - self.y) ** 2
                out[part] += share * ((r2 + h * h) ** -1.5 @ self.weight) * h / (2 * np.pi)
        return out

    def in_cells(self, cells: Floats) -> Floats:
        """Probability of each rectangle."""
        out = self.share[0] * UniformDensity(self.polygon).in_cells(cells)
        bounds = np.array([0, self.x.size])
        for share, h in zip(self.share[1:], self.width, strict=True):
            if share > 1e-6:
                zone = np.full(self.x.size, h * h)
                out = out + share * spread(self.x, self.y, zone, self.weight, 0.5, bounds, cells)[0]
        return np.asarray(out)

    def sample(self, rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
        """Draw `n` points."""
        return self.sample_around(rng, n)[:2]

    def sample_around(self, rng: np.random.Generator, n: int) -> tuple[Floats, Floats, Ints]:
        """Draw `n` points, and tell the past event around which each was drawn."""
        which = rng.choice(self.share.size, n, p=self.share / self.share.sum())
        origin = rng.choice(self.x.size, n, p=self.weight)
        flat = which == 0
        h = np.where(flat, 1.0, self.width[np.maximum(which - 1, 0)])
        r = h * np.sqrt((1.0 - rng.random(n)) ** -2 - 1.0)
        angle = rng.uniform(0, 2 * np.pi, n)
        x, y = self.x[origin] + r * np.cos(angle), self.y[origin] + r * np.sin(angle)
        x[flat], y[flat] = UniformDensity(self.polygon).sample(rng, int(flat.sum()))
        return x, y, origin

    @classmethod
    def of(
        cls, x: ArrayLike, y: ArrayLike, weight: ArrayLike, width: Floats, share: Floats,
        region: ArrayLike,
    ) -> PastDensity:  # fmt: skip
        """Make one; weights are scaled to sum to one."""
        px, py, w = (np.ascontiguousarray(v, float) for v in (x, y, weight))
        return cls(px, py, w / w.sum(), width, share, as_polygon(region))


class Past(NamedTuple):
    """Events that trigger, with their features, in order of time; days and km."""

    time: Floats
    x: Floats
    y: Floats
    magnitude: Floats
    features: NDArray[np.float32]


class _Weighted(NamedTuple):
    """Events with their mixture weights.

    `like` is the event of the past that each descends from.
    """

    events: Catalogs
    like: Ints
    level: Floats
    u: Floats
    v: Floats

    def take(self, rows: NDArray[np.bool_]) -> _Weighted:
        """Some of the events."""
        events = join([self.events], rows)
        return _Weighted(events, self.like[rows], self.level[rows], self.u[rows], self.v[rows])


def forecast_windows(
    model: NeuralEtas,
    base: EtasParameters,
    past: Past,
    start: float,
    ends: Sequence[float],
    cells: ArrayLike,
    background: PastDensity,
    background_share: Floats,
    magnitudes: Sequence[float],
    *,
    m_max: float,
    n_catalogs: int,
    seed: int,
    max_events: int = 5_000_000,
) -> list[list[CellForecast]]:
    """Forecasts of windows that begin together; see `etas_forecast.forecast_windows`.

    Parameters
    ----------
    model : NeuralEtas
        The trained model.
    base : EtasParameters
        Its base: completeness and magnitudes.
    past : Past
        Events before the start. The background density is around the first of these.
    background_share : numpy.ndarray, shape (cells,)
        Probability of each cell by the background.
    start, ends, cells, background, magnitudes, m_max, n_catalogs, seed, max_events
        As there.
    """
    box = checked_cells(cells)
    simulation = _Simulation(model, base, past, (start, max(ends)), m_max, max_events)
    whole, likes = simulation.run(background, n_catalogs, np.random.default_rng(seed))
    order = np.lexsort((whole.time, whole.catalog))
    simulated = simulation.weigh(join([whole], order), likes[order])
    found = []
    for end in ends:
        window = (start, end)
        first = CellRates(
            model.nu * (end - start) * background_share,
            simulation.by_cell(simulation.history, window, box, np.array([0, past.time.size]))[0],
        )
        events = simulated.take(simulated.events.time < end)
        bounds = np.searchsorted(events.events.catalog, np.arange(n_catalogs + 1))
        later = simulation.by_cell(events, window, box, bounds)
        found.append(cell_forecasts(base, first, later, events.events, box, magnitudes, m_max))
    return found


class _Simulation:
    """What all generations share."""

    def __init__(
        self, model: NeuralEtas, base: EtasParameters, past: Past, window: tuple[float, float],
        m_max: float, max_events: int,
    ) -> None:  # fmt: skip
        self.model, self.base, self.past, self.window = model, base, past, window
        self.m_max, self.max_events = m_max, max_events
        n = past.time.size
        none = np.full(n, -1, np.int64)
        events = Catalogs(none, past.time, past.x, past.y, past.magnitude, none, none)
        self.factor = np.full(n, np.nan)
        self.history = self.weigh(events, np.arange(n), damped=False)

    def branching_ratios(self, like: Ints, steps: int = 30) -> Floats:
        """Mean number of direct offspring of these past events, over magnitudes to `m_max`."""
        edges = np.linspace(0.0, self.m_max - self.base.mc, steps + 1)
        chance = -np.diff(np.exp(-self.base.beta * edges))
        total = np.zeros(like.size)
        for excess, share in zip((edges[:-1] + edges[1:]) / 2, chance / chance.sum(), strict=True):
            features = with_excess(self.past.features[like], np.full(like.size, excess))
            level, table, u, v = self.model.weights(features, np.full(like.size, excess))
            total += float(share) * level * (u * (v @ table.T)).sum(axis=1)
        return total

    def damping(self, like: Ints) -> Floats:
        """What the offspring of each event are scaled down by, so that its line dies out."""
        new = np.unique(like)
        new = new[np.isnan(self.factor[new])]
        if new.size:
            ratio = np.maximum(self.branching_ratios(new), 1e-9)
            self.factor[new] = np.minimum(1.0, CRITICAL / ratio)
        return self.factor[like]

    def weigh(self, events: Catalogs, like: Ints, damped: bool = True) -> _Weighted:
        """Evaluate the network; the offspring of the history are not damped."""
        excess = events.magnitude - self.base.mc
        features = with_excess(self.past.features[like], excess)
        level, self.table, u, v = self.model.weights(features, excess)
        return _Weighted(events, like, self.damping(like) * level if damped else level, u, v)

    def by_scale(self, given: _Weighted, window: tuple[float, float]) -> Floats:
        """Unscaled weight of each time scale of each event in a window."""
        low, high = (np.maximum(w - given.events.time, 0.0)[:, None] for w in window)
        spent = np.exp(-low / TIME_SCALES) - np.exp(-high / TIME_SCALES)
        return np.asarray(given.level[:, None] * given.u * spent)

    def by_cell(
        self, given: _Weighted, window: tuple[float, float], box: Floats, bounds: Ints
    ) -> Floats:
        """Expected direct offspring in each cell, by group of events."""
        if not given.like.size:
            return np.zeros((bounds.size - 1, len(box)))
        mean = ((self.by_scale(given, window) @ self.table) * given.v).ravel()
        stretch = self.model.stretch(given.events.magnitude - self.base.mc)
        zone = np.outer(stretch, ZONES).ravel()
        # the kernels that together hold less than a thousandth are left out, the rest scaled up
        order = np.argsort(mean)
        cumulative = np.cumsum(mean[order])
        cut = np.searchsorted(cumulative, 1e-3 * cumulative[-1])
        kept = np.sort(order[cut:])
        event, edges = kept // ZONES.size, np.searchsorted(kept, bounds * ZONES.size)
        whole = cumulative[-1] / mean[kept].sum()
        return spread(
            given.events.x[event], given.events.y[event], zone[kept], whole * mean[kept], 1.0,
            edges, box,
        )  # fmt: skip

    def run(
        self, background: PastDensity, n: int, rng: np.random.Generator
    ) -> tuple[Catalogs, Ints]:
        """Simulate; return events and the past event that each descends from."""
        start, end = self.window
        mean, self.even = self.model.nu * (end - start), n >= MANY
        check_size(mean * n, self.max_events, self.base, self.m_max)
        counts = rng.poisson(mean, n)
        k = int(counts.sum())
        x, y, origin = background.sample_around(rng, k)
        founders = Catalogs(
            np.repeat(np.arange(n), counts), rng.uniform(start, end, k), x, y,
            draw_magnitudes(self.base, self.m_max, rng, k, self.even), np.zeros(k, np.int64),
            np.full(k, -1, np.int64),
        )  # fmt: skip
        born, like = self.offspring(self.history, rng, n)
        # a history that is shorter than the background's lends features of an event it does have
        origin = origin % self.past.time.size
        parts, likes = [join([founders, born])], [np.concatenate([origin, like])]
        while parts[-1].time.size:
            check_size(sum(p.time.size for p in parts), self.max_events, self.base, self.m_max)
            born, like = self.offspring(self.weigh(parts[-1], likes[-1]), rng)
            parts.append(born)
            likes.append(like)
        return join(parts), np.concatenate(likes)

    def offspring(
        self, given: _Weighted, rng: np.random.Generator, copies: int = 0
    ) -> tuple[Catalogs, Ints]:
        """Direct offspring in the window; of the history for so many copies."""
        start, end = self.window
        by_scale = self.by_scale(given, self.window) * (given.v @ self.table.T)
        mean = by_scale.sum(axis=1)
        if copies:
            total = float(mean.sum())
            check_size(total * copies, self.max_events, self.base, self.m_max)
            counts = rng.poisson(total, copies)
            cumulative = np.cumsum(mean)
            drawn = rng.random(int(counts.sum())) * total
            parent = np.minimum(np.searchsorted(cumulative, drawn, "right"), mean.size - 1)
            catalog = np.repeat(np.arange(copies), counts)
        else:
            check_size(float(mean.sum()), self.max_events, self.base, self.m_max)
            parent = np.repeat(np.arange(mean.size), rng.poisson(mean))
            catalog = given.events.catalog[parent]
        k, events = parent.size, given.events
        a = _choose(by_scale[parent], rng)
        b = _choose(self.table[a] * given.v[parent], rng)
        # a truncated exponential by inversion
        time, s = events.time[parent], TIME_SCALES[a]
        low, high = np.maximum(start - time, 0.0), end - time
        share = -np.expm1(-(high - low) / s)
        delay = low - s * np.log1p(-rng.random(k) * share)
        stretch = self.model.stretch(events.magnitude[parent] - self.base.mc)
        r = np.sqrt(ZONES[b] * stretch * (1.0 / (1.0 - rng.random(k)) - 1.0))
        angle = rng.uniform(0, 2 * np.pi, k)
        born = Catalogs(
            catalog, np.minimum(time + delay, np.nextafter(end, start)),
            events.x[parent] + r * np.cos(angle), events.y[parent] + r * np.sin(angle),
            draw_magnitudes(self.base, self.m_max, rng, k, self.even),
            np.maximum(events.generation[parent], 0) + 1, np.full(k, -1, np.int64),
        )  # fmt: skip
        return born, given.like[parent]


def _choose(weight: Floats, rng: np.random.Generator) -> Ints:
    """Draw a column for each row."""
    cumulative = np.cumsum(weight, axis=1)
    drawn = rng.random((len(weight), 1)) * cumulative[:, -1:]
    return np.minimum((cumulative < drawn).sum(axis=1), weight.shape[1] - 1)
