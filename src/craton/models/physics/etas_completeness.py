"""Magnitude of completeness that varies in time and by region, for ETAS fits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from craton.errors import ConfigError
from craton.models.physics.etas_background import Density
from craton.models.physics.etas_parameters import Events
from craton.models.physics.polygons import as_polygon, inside_polygon

Floats = NDArray[np.float64]
_GRID = 200  # points a side that give the share of background of a polygon


@dataclass(frozen=True)
class Completeness:
    """Steps of the magnitude of completeness.

    Parameters
    ----------
    starts : numpy.ndarray, shape (steps,)
        Days at which the steps begin, increasing; the first holds before it too.
    levels : numpy.ndarray, shape (steps,) or (places, steps)
        Magnitude of completeness.
    polygons : sequence of array_like
        Outline, shape (n, 2) in km, of each place but the first, which is everywhere else. Where
        two overlap the first one counts.

    Raises
    ------
    ConfigError
        If the steps are not in order, a value is not finite, or shapes do not agree.

    Notes
    -----
    Events above mc(t, x) alone are explained and trigger. They are ``exp(-beta (mc(t, x) - mc))``
    of all above the reference magnitude mc, so their rate is that share of the rate of the model.
    What the events between mc and mc(t, x) would have triggered is ascribed to those seen: their
    productivity is multiplied by ``exp((beta - a + rho gamma) (mc(t, x) - mc))``, the mean
    productivity of all over that of the seen.

    References
    ----------
    Mizrahi, Nandan & Wiemer (2021), doi:10.1785/0220200231.

    Examples
    --------
    >>> network = Completeness.of([0, 365], [3.5, 3.0])
    >>> network.at([10.0, 400.0], [0, 0], [0, 0]).tolist()
    [3.5, 3.0]
    """

    starts: Floats
    levels: Floats
    polygons: tuple[Floats, ...] = ()

    @classmethod
    def of(
        cls, starts: ArrayLike, levels: ArrayLike, polygons: Sequence[ArrayLike] = ()
    ) -> Completeness:
        """Check and take."""
        begin = np.asarray(starts, dtype=float).ravel()
        level = np.atleast_2d(np.asarray(levels, dtype=float))
        if level.shape != (1 + len(polygons), begin.size) or not begin.size:
            raise ConfigError(
                f"levels of completeness have shape {level.shape}; (places, steps) = "
                f"{(1 + len(polygons), begin.size)} was expected"
            )
        if not (np.isfinite(level).all() and np.isfinite(begin).all()):
            raise ConfigError("a step of completeness is not finite")
        if (np.diff(begin) <= 0).any():
            raise ConfigError("steps of completeness are not in order of time", fix="sort them")
        return cls(begin, level, tuple(as_polygon(p) for p in polygons))

    def place(self, x: ArrayLike, y: ArrayLike) -> NDArray[np.int64]:
        """Number of the place of each point."""
        px, py = np.asarray(x, float), np.asarray(y, float)
        out = np.zeros(px.size, np.int64)
        for k in reversed(range(len(self.polygons))):
            out[inside_polygon(px, py, self.polygons[k])] = k + 1
        return out

    def at(self, time: ArrayLike, x: ArrayLike, y: ArrayLike) -> Floats:
        """Magnitude of completeness at times (days) and points (km)."""
        step = np.searchsorted(self.starts, np.asarray(time, float), side="right") - 1
        return np.asarray(self.levels[self.place(x, y), np.maximum(step, 0)])

    def lack(self, events: Events, mc: float) -> Floats:
        """How far completeness lies above `mc` at each event."""
        return np.maximum(self.at(events.time, events.x, events.y) - mc, 0.0)

    def complete(self, events: Events, mc: float) -> NDArray[np.bool_]:
        """Tell which events lie at or above the completeness at their time and place."""
        lack = self.lack(events, mc)
        return (lack == 0) | (events.magnitude >= mc + lack - 1e-9)

    def in_window(self, window: tuple[float, float]) -> tuple[Floats, Floats]:
        """Edges of the steps inside a window, shape (steps + 1,), and their levels."""
        start, end = window
        inside = self.starts[(self.starts > start) & (self.starts < end)]
        edges = np.concatenate([[start], inside, [end]])
        step = np.maximum(np.searchsorted(self.starts, edges[:-1], side="right") - 1, 0)
        return edges, np.ascontiguousarray(self.levels[:, step])

    def shares(self, density: Density, region: Floats) -> Floats:
        """Share of the background in each place, on a grid of points over the region.

        Exact for a single place; else to about 1 % where polygons cut the cells of the grid.
        """
        if not self.polygons:
            return np.ones(1)
        low, high = region.min(axis=0), region.max(axis=0)
        sides = (np.arange(_GRID) + 0.5) / _GRID
        x, y = (
            v.ravel() for v in np.meshgrid(*(low[k] + sides * (high[k] - low[k]) for k in (0, 1)))
        )
        mass = np.bincount(
            self.place(x, y), weights=density.at(x, y), minlength=1 + len(self.polygons)
        )
        return np.asarray(mass / mass.sum())

    def after_large_events(
        self,
        events: Events,
        *,
        mc: float,
        from_magnitude: float = 5.0,
        coda: tuple[float, float] = (4.5, 0.75),
        step: float = 0.1,
    ) -> Completeness:
        """Add the loss of small events after large ones.

        t days after an event of magnitude M completeness is ``M - coda[0] - coda[1] log10(t)`` at
        least, everywhere; in steps of `step` from `mc` on, rounded up.

        Parameters
        ----------
        events : Events
            The catalogue.
        mc : float
            Reference magnitude, the least level.
        from_magnitude : float
            Least magnitude of an event that hides others.
        coda : (float, float)
            The default is that of southern California.
        step : float
            Of the levels; best the bin width of the magnitudes.

        Returns
        -------
        Completeness
            The higher of this one and the one after large events.

        References
        ----------
        Helmstetter, Kagan & Jackson (2006), doi:10.1785/0120050067.
        """
        falls = []
        for t, m in zip(events.time, events.magnitude, strict=True):
            if m < from_magnitude:
                continue
            levels = mc + step * np.arange(1, math.ceil((m - mc) / step) + 1)
            # Before 10 ** ((M - coda0 - L) / coda1) days the level is above L: it steps down there.
            until = t + 10.0 ** ((m - coda[0] - (levels - step)) / coda[1])
            begin = np.full(levels.size, np.nextafter(t, math.inf))  # it does not hide itself
            falls.append(np.column_stack([begin, until, levels]))
        if not falls:
            return self
        hidden = np.concatenate(falls)
        starts = np.unique(np.concatenate([self.starts, hidden[:, 0], hidden[:, 1]]))
        top = np.full(starts.size, -math.inf)
        for first, last, level in hidden:
            part = slice(*np.searchsorted(starts, (first, last)))
            top[part] = np.maximum(top[part], level)
        step_of = np.maximum(np.searchsorted(self.starts, starts, side="right") - 1, 0)
        levels = np.maximum(self.levels[:, step_of], top)
        new = np.concatenate([[True], (np.diff(levels, axis=1) != 0).any(axis=0)])
        return Completeness(starts[new], np.ascontiguousarray(levels[:, new]), self.polygons)
