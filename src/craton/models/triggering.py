"""Models in which events trigger events: simulated forward, with a factor for mainshocks."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from craton.errors import ModelError
from craton.models.base import Fitting, State
from craton.models.mainshock_factor import MainshockFactor, Seen
from craton.models.physics.etas_cells import in_any
from craton.models.physics.etas_forecast import CellForecast
from craton.models.physics.etas_simulation import Catalogs, Sequences
from craton.models.physics.mainshocks import find_mainshocks, next_larger, zone_radius
from craton.models.point_process import (
    Floats,
    OnCells,
    PointProcess,
    Region,
    Window,
    issue_seed,
    simulated_window,
)

AGES = (0.0007, 0.25, 1.0, 3.0, 10.0)
"""Days after a mainshock (a minute to ten days) that forecasts are issued to learn its factor."""
DAYS = 7.0
"""Length of these forecasts, up to the next event that is as large."""
_LEAST = 1.5
"""Magnitudes above completeness from which on an event is a mainshock."""
_MOST = 60
"""Mainshocks that are looked at, the largest."""
_CATALOGS = 50
"""Simulations without any offspring of the mainshock, and as many with `_RAISED` times as many."""
_RAISED = 10.0
_NEARLY_NONE = 1e-3
_SHORTEST = 0.1
"""Days below which a forecast that the next large event cuts is not looked at."""


class Triggering(PointProcess):
    """Base: forecasts by simulation; past mainshocks say how many more aftershocks come.

    A subclass has a setting `mainshocks` (learn that factor), `catalogs` and `seed`. The factor is
    used only if it gains on mainshocks that were held out; see
    `craton.models.mainshock_factor`.
    """

    start: Any = None
    """Of an earlier model that an update goes on from."""
    factor: MainshockFactor | None = None
    """Learnt, or taken from an earlier model; used if it is kept."""

    def _learn(
        self,
        events: Floats,
        learn: NDArray[np.bool_],
        window: tuple[float, float],
        region: Region,
        fitting: Fitting,
    ) -> None:
        earlier = None if self.start is None else self.factor
        self._estimate(events, learn, window, region, fitting)
        self.factor = earlier if self.config.mainshocks else None
        if self.config.mainshocks and earlier is None:
            try:
                seen = self._past(events, window, region, fitting)
            except ModelError:  # of a model near criticality, ten times as many may explode
                return
            self.factor = MainshockFactor.learn(seen, self._beta())

    def _windows(
        self, history: Floats, start: float, ends: Floats, region: Region, simulations: int
    ) -> list[Window]:
        n, seed = simulations or self.config.catalogs, self.config.seed + issue_seed(start)
        history = self._known(history, region)
        sequences = None
        if self.factor is not None and self.factor.kept:
            sequences = self.factor.sequences(history, start, n, seed)
        found = self._simulate(history, start, ends, region, self.on_cells, n, seed, sequences)
        return [simulated_window(w, n if simulations else 0) for w in found]

    def _past(
        self, events: Floats, window: tuple[float, float], region: Region, fitting: Fitting
    ) -> Seen:
        """What this model expects after the mainshocks of its window, and what came."""
        self._prepare(events, region)
        events = self._known(events, region)
        time, x, y, m = (np.ascontiguousarray(column) for column in events.T)
        rows = find_mainshocks(time, x, y, m, region.mc + _LEAST, since=window[0])
        rows = rows[(time[rows] < window[1]) & in_any(x[rows], y[rows], region.cells)]
        rows = np.sort(rows[np.argsort(-m[rows], kind="stable")][:_MOST])
        factor = np.repeat([[0.0], [_RAISED]], _CATALOGS, axis=0)
        lines, variance, mean = [], 0.0, 0.0
        for k, row in enumerate(rows.tolist()):
            fitting.progress(k, len(rows), "forecasts after past mainshocks, mainshock")
            zone = near_cells(x[row], y[row], m[row], region.cells)
            last = min(next_larger(time, x, y, m, row), window[1])
            came_at = time[in_any(x, y, zone)]
            for age in AGES:
                start = time[row] + age
                end = min(start + DAYS, last)
                if end - start < _SHORTEST:
                    continue
                found = self._catalogs(
                    events[time < start], (start, end), region, 2 * _CATALOGS, issue_seed(start),
                    Sequences(np.array([row]), factor),
                )  # fmt: skip
                number = np.bincount(
                    found.catalog[in_any(found.x, found.y, zone)], minlength=len(factor)
                )
                without, raised = number.reshape(2, -1)
                rest = max(without.mean(), _NEARLY_NONE)
                own = max((raised.mean() - without.mean()) / _RAISED, _NEARLY_NONE)
                came = np.count_nonzero((came_at > start) & (came_at < end))
                lines.append((row, m[row], age, own, rest, came))
                variance += without.var() + raised.var()
                mean += without.mean() + raised.mean()
        table = np.array(lines, float).reshape(-1, 6)
        scatter = variance / max(mean, 1e-9)
        return Seen._make([table[:, 0].astype(np.int64), *table[:, 1:].T, scatter])

    def _prepare(self, events: Floats, region: Region) -> None:
        """Compute what all histories of a catalogue share."""

    def _known(self, history: Floats, region: Region) -> Floats:
        """The events of a history that the model uses."""
        return history

    def _factor_state(self) -> State:
        return {} if self.factor is None else {"mainshocks": np.array(self.factor, float)}

    def _take_factor(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        if "mainshocks" not in arrays:
            return
        found = MainshockFactor._make(float(v) for v in arrays["mainshocks"])
        self.factor = found._replace(mainshocks=int(found.mainshocks))

    @abstractmethod
    def _estimate(
        self,
        events: Floats,
        learn: NDArray[np.bool_],
        window: tuple[float, float],
        region: Region,
        fitting: Fitting,
    ) -> None:
        """Fit the model itself."""

    @abstractmethod
    def _simulate(
        self, history: Floats, start: float, ends: Floats, region: Region, background: OnCells,
        n: int, seed: int, sequences: Sequences | None,
    ) -> list[list[CellForecast]]:  # fmt: skip
        """Forecasts of windows that begin together, of each magnitude from completeness on."""

    @abstractmethod
    def _catalogs(
        self, history: Floats, window: tuple[float, float], region: Region, n: int, seed: int,
        sequences: Sequences,
    ) -> Catalogs:  # fmt: skip
        """Simulated continuations of a history."""


def near_cells(x: float, y: float, magnitude: float, cells: Floats) -> Floats:
    """The cells in the zone of a mainshock, its own among them."""
    centre_x, centre_y = cells[:, :2].mean(axis=1), cells[:, 2:].mean(axis=1)
    x0, x1, y0, y1 = cells.T
    own = (x >= x0) & (x < x1) & (y >= y0) & (y < y1)
    return cells[own | (np.hypot(centre_x - x, centre_y - y) <= zone_radius(magnitude))]
