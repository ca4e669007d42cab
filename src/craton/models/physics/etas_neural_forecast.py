"""Forecasts of the neural ETAS model: catalogues simulated forward, counts by cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from craton.models.physics._jit import side_by_side
from craton.models.physics.etas_background import UniformDensity
from craton.models.physics.etas_cells import checked_cells, spread
from craton.models.physics.etas_forecast import CellForecast, CellRates, cell_forecasts
from craton.models.physics.etas_kernels import Floats, Ints
from craton.models.physics.etas_mixture import TIME_SCALES, ZONES
from craton.models.physics.etas_neural import NeuralEtas
from craton.models.physics.etas_neural_past import Past
from craton.models.physics.etas_neural_simulation import Unroller
from craton.models.physics.etas_parameters import EtasParameters
from craton.models.physics.etas_simulation import (
    MANY,
    Catalogs,
    Sequences,
    check_size,
    deal,
    draw_magnitudes,
    join,
)
from craton.models.physics.polygons import as_polygon, inside_polygon, polygon_area


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


class _Weighted(NamedTuple):
    """Events with their mixture weights."""

    events: Catalogs
    level: Floats
    u: Floats
    v: Floats

    def take(self, rows: Any) -> _Weighted:
        """Some of the events, or all in another order."""
        return _Weighted(join([self.events], rows), self.level[rows], self.u[rows], self.v[rows])


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
    scale: float,
    m_max: float,
    n_catalogs: int,
    seed: int,
    max_events: int = 5_000_000,
    sequences: Sequences | None = None,
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
    scale : float
        Length scale, km, of the features of the past.
    start, ends, cells, background, magnitudes, m_max, n_catalogs, seed, max_events, sequences
        As there.
    """
    box = checked_cells(cells)
    simulation = _Simulation(
        model, base, past, (start, max(ends)), scale, background.area, m_max, max_events
    )
    simulated = simulation.run(background, n_catalogs, seed, sequences)
    found = []
    plain, alone = simulation.history, None
    if sequences is not None:
        plain = simulation.history.take(sequences.others(past.time.size))
        alone = simulation.history.take(sequences.rows)
    for end in ends:
        window = (start, end)
        first = CellRates(
            model.nu * (end - start) * background_share,
            simulation.by_cell(plain, window, box, np.array([0, plain.level.size]))[0],
        )
        events = simulated.take(simulated.events.time < end)
        bounds = np.searchsorted(events.events.catalog, np.arange(n_catalogs + 1))
        later = simulation.by_cell(events, window, box, bounds)
        if sequences is not None and alone is not None:
            each = simulation.by_cell(alone, window, box, np.arange(alone.level.size + 1))
            later = later + sequences.factor @ each
        found.append(cell_forecasts(base, first, later, events.events, box, magnitudes, m_max))
    return found


def simulate(
    model: NeuralEtas, base: EtasParameters, past: Past, window: tuple[float, float],
    background: PastDensity, *, scale: float, m_max: float, n_catalogs: int, seed: int,
    max_events: int = 5_000_000, sequences: Sequences | None = None,
) -> Catalogs:  # fmt: skip
    """Continuations of the past over a window; the parameters are those of `forecast_windows`."""
    simulation = _Simulation(
        model, base, past, window, scale, background.area, m_max, max_events
    )  # fmt: skip
    return simulation.run(background, n_catalogs, seed, sequences).events


class _Simulation:
    """What all generations share."""

    def __init__(
        self, model: NeuralEtas, base: EtasParameters, past: Past, window: tuple[float, float],
        scale: float, area: float, m_max: float, max_events: int,
    ) -> None:  # fmt: skip
        self.model, self.base, self.past, self.window = model, base, past, window
        self.m_max, self.max_events = m_max, max_events
        self.unroller = Unroller(model, base, past, window, scale, area, m_max)
        none = np.full(past.time.size, -1, np.int64)
        events = Catalogs(none, past.time, past.x, past.y, past.magnitude, none, none)
        level, self.table, u, v = model.weights(past.features, past.magnitude - base.mc)
        self.history = _Weighted(events, level, u, v)

    def by_scale(self, given: _Weighted, window: tuple[float, float]) -> Floats:
        """Unscaled weight of each time scale of each event in a window."""
        low, high = (np.maximum(w - given.events.time, 0.0)[:, None] for w in window)
        spent = np.exp(-low / TIME_SCALES) - np.exp(-high / TIME_SCALES)
        return np.asarray(given.level[:, None] * given.u * spent)

    def by_cell(
        self, given: _Weighted, window: tuple[float, float], box: Floats, bounds: Ints
    ) -> Floats:
        """Expected direct offspring in each cell, by group of events."""
        if not given.level.size:
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
        self, background: PastDensity, n: int, seed: int, sequences: Sequences | None = None
    ) -> _Weighted:
        """Simulate, by catalogue and time."""
        rng, even = np.random.default_rng(seed), n >= MANY
        born, like = self.founders(background, n, rng, even, sequences)
        bounds = np.searchsorted(born.catalog, np.arange(n + 1))
        excess = born.magnitude - self.base.mc
        rows = np.stack([born.time, born.x, born.y, excess, born.generation.astype(float)], axis=1)
        seeds = rng.integers(0, 2**32, n)
        parts: list[Any] = [None] * n
        # one catalogue that runs away is stopped long before it fills the memory
        most = 10 * max(self.max_events // n, 1)

        def unroll(first: int, last: int) -> None:
            for k in range(first, last):
                own = slice(bounds[k], bounds[k + 1])
                parts[k] = self.unroller.run(int(seeds[k]), rows[own], like[own], most)

        side_by_side(unroll, n, n)
        sizes = [p.time.size for p in parts]
        self.check(max(sum(sizes), self.max_events + 1 if max(sizes) > most else 0))
        time, x, y, above, generation, level, u, v = (
            np.concatenate(column) for column in zip(*parts, strict=True)
        )
        whose, none = np.repeat(np.arange(n), sizes), np.full(time.size, -1, np.int64)
        events = Catalogs(whose, time, x, y, self.base.mc + above, generation, none)
        return _Weighted(events, level, u, v)

    def check(self, expected: float) -> None:
        """Refuse more events than are allowed."""
        check_size(expected, self.max_events, self.base, self.m_max)

    def founders(
        self, background: PastDensity, n: int, rng: np.random.Generator, even: bool,
        sequences: Sequences | None,
    ) -> tuple[Catalogs, Ints]:  # fmt: skip
        """Background events and the offspring of the past, with a past event near each."""
        start, end = self.window
        mean = self.model.nu * (end - start)
        self.check(mean * n)
        counts = rng.poisson(mean, n)
        k = int(counts.sum())
        x, y, origin = background.sample_around(rng, k)
        drawn = Catalogs(
            np.repeat(np.arange(n), counts), rng.uniform(start, end, k), x, y,
            draw_magnitudes(self.base, self.m_max, rng, k, even), np.zeros(k, np.int64),
            np.full(k, -1, np.int64),
        )  # fmt: skip
        born, parent = self.offspring(n, rng, even, sequences)
        both = join([drawn, born])
        # a history that is shorter than the background's lends features of an event it does have
        like = np.concatenate([origin % self.past.time.size, parent])
        order = np.argsort(both.catalog, kind="stable")
        return join([both], order), like[order]

    def offspring(
        self, n: int, rng: np.random.Generator, even: bool, sequences: Sequences | None
    ) -> tuple[Catalogs, Ints]:
        """Direct offspring of the past in the window, for `n` catalogues; and their parents."""
        start, end = self.window
        given, events = self.history, self.history.events
        by_scale = self.by_scale(given, self.window) * (given.v @ self.table.T)
        catalog, parent = deal(by_scale.sum(axis=1), n, rng, sequences, self.check)
        k = parent.size
        a = _choose(by_scale[parent], rng)
        b = _choose(self.table[a] * given.v[parent], rng)
        # a truncated exponential by inversion
        time, s = events.time[parent], TIME_SCALES[a]
        low, high = start - time, end - time
        delay = low - s * np.log1p(rng.random(k) * np.expm1(-(high - low) / s))
        stretch = self.model.stretch(events.magnitude[parent] - self.base.mc)
        r = np.sqrt(ZONES[b] * stretch * (1.0 / (1.0 - rng.random(k)) - 1.0))
        angle = rng.uniform(0, 2 * np.pi, k)
        born = Catalogs(
            catalog, np.minimum(time + delay, np.nextafter(end, start)),
            events.x[parent] + r * np.cos(angle), events.y[parent] + r * np.sin(angle),
            draw_magnitudes(self.base, self.m_max, rng, k, even), np.ones(k, np.int64),
            np.full(k, -1, np.int64),
        )  # fmt: skip
        return born, parent


def _choose(weight: Floats, rng: np.random.Generator) -> Ints:
    """Draw a column for each row."""
    cumulative = np.cumsum(weight, axis=1)
    drawn = rng.random((len(weight), 1)) * cumulative[:, -1:]
    return np.minimum((cumulative < drawn).sum(axis=1), weight.shape[1] - 1)
