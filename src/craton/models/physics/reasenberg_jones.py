"""Aftershocks by the formula of Reasenberg and Jones: what observatories forecast without ETAS."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from craton.models.physics.mainshocks import find_mainshocks, next_larger, zone_radius

Floats = NDArray[np.float64]

FEWEST = 5
"""Mainshocks from which the formula is fitted."""
_ABOVE = 2.0
"""Magnitudes above completeness from which on an event is a mainshock."""
_LONGEST = 30.0
"""Days of each sequence that are fitted."""
_BEFORE, _QUIET = 730.0, 30.0
"""Days before a mainshock from which, and up to which, the background of its zone is counted."""


class ReasenbergJones(NamedTuple):
    """Rate ``10**(a + b (m - mc)) (t + c)**-p`` a day of events above mc after a mainshock m.

    Attributes
    ----------
    a, b, c, p : float
        With t and c in days.
    mc : float
        Completeness.
    mainshocks : int
        Number that it was fitted to.

    References
    ----------
    Reasenberg and Jones 1989, doi:10.1126/science.243.4895.1173; for California they find
    a = -1.67, b = 0.91, c = 0.05, p = 1.08.
    """

    a: float
    b: float
    c: float
    p: float
    mc: float
    mainshocks: int = 0

    def expected(self, magnitude: ArrayLike, start: ArrayLike, end: ArrayLike) -> Floats:
        """Expected number of events from `start` to `end`, days after the mainshock.

        Examples
        --------
        >>> california = ReasenbergJones(-1.67, 0.91, 0.05, 1.08, mc=3.0)
        >>> california.expected(7.0, 0.0, 7.0).round().item()
        485.0
        """
        level = 10 ** (self.a + self.b * (np.asarray(magnitude, float) - self.mc))
        return np.asarray(level * self._integral(start, end))

    def _integral(self, start: ArrayLike, end: ArrayLike) -> Floats:
        low, high = (np.log(np.asarray(v, float) + self.c) for v in (start, end))
        q = 1.0 - self.p
        if abs(q) < 1e-6:
            return np.asarray(high - low)
        return np.asarray((np.exp(q * high) - np.exp(q * low)) / q)

    def in_zone(
        self, time: Floats, x: Floats, y: Floats, magnitude: Floats, row: int,
        start: ArrayLike, end: ArrayLike,
    ) -> Floats:  # fmt: skip
        """Expected number in the zone of a mainshock, with the background that it had before it.

        Parameters
        ----------
        time, x, y, magnitude : ndarray, shape (events,)
            As for `fit`.
        row : int
            The mainshock.
        start, end : array_like
            Days after it.
        """
        flat = background_rate(time, x, y, magnitude, row)
        length = np.asarray(end, float) - np.asarray(start, float)
        return self.expected(magnitude[row], start, end) + flat * length

    @classmethod
    def fit(
        cls, time: Floats, x: Floats, y: Floats, magnitude: Floats, *, mc: float, b: float,
        since: float, until: float, leave_out: float | None = None,
    ) -> ReasenbergJones | None:  # fmt: skip
        """Maximum likelihood of the times of aftershocks of all mainshocks, with one a, c and p.

        Parameters
        ----------
        time, x, y, magnitude : ndarray, shape (events,)
            Days, in order; km; magnitudes, complete from `mc` on.
        mc, b : float
            Completeness and slope of the magnitudes.
        since, until : float
            Mainshocks from `since` on; no event from `until` on is looked at.
        leave_out : float, optional
            Time of a mainshock that is not fitted.

        Returns
        -------
        ReasenbergJones, optional
            None from fewer than `FEWEST` mainshocks.
        """
        known = int(np.searchsorted(time, until))
        time, x, y, magnitude = (v[:known] for v in (time, x, y, magnitude))
        rows = find_mainshocks(time, x, y, magnitude, mc + _ABOVE, since=since)
        if leave_out is not None:
            rows = rows[time[rows] != leave_out]
        if rows.size < FEWEST:
            return None
        ages, flat, lengths = [], [], []
        for row in rows.tolist():
            last = min(time[row] + _LONGEST, next_larger(time, x, y, magnitude, row), until)
            mine = zone_times(time, x, y, magnitude, row, last)
            ages.append(mine - time[row])
            lengths.append(last - time[row])
            flat.append(background_rate(time, x, y, magnitude, row))
        return _maximise(magnitude[rows], ages, np.array(lengths), np.array(flat), mc, b)


def zone_times(
    time: Floats, x: Floats, y: Floats, magnitude: Floats, row: int, end: float
) -> Floats:  # fmt: skip
    """Times of the events after a mainshock and before `end`, in its zone."""
    part = slice(row + 1, int(np.searchsorted(time, end)))
    near = np.hypot(x[part] - x[row], y[part] - y[row]) <= zone_radius(magnitude[row])
    return time[part][near]


def background_rate(
    time: Floats, x: Floats, y: Floats, magnitude: Floats, row: int
) -> float:  # fmt: skip
    """Events a day in the zone of a mainshock in the two years that end a month before it."""
    begin, end = max(time[row] - _BEFORE, float(time[0])), time[row] - _QUIET
    if end <= begin:
        return 0.0
    part = slice(*np.searchsorted(time, [begin, end]))
    near = np.hypot(x[part] - x[row], y[part] - y[row]) <= zone_radius(magnitude[row])
    return float(near.sum() / (end - begin))


def _maximise(
    magnitude: Floats, ages: list[Floats], lengths: Floats, flat: Floats, mc: float, b: float
) -> ReasenbergJones:  # fmt: skip
    from scipy.optimize import minimize

    age, which = np.concatenate(ages), np.repeat(np.arange(len(ages)), [v.size for v in ages])
    scale = 10 ** (b * (magnitude - mc))

    def loss(v: Floats) -> float:
        found = ReasenbergJones(v[0], b, float(np.exp(v[1])), v[2], mc)
        rate = 10 ** v[0] * scale[which] * (age + found.c) ** -v[2] + flat[which]
        total = found.expected(magnitude, 0.0, lengths) + flat * lengths
        return float(total.sum() - np.log(rate).sum())

    bounds = [(-6.0, 2.0), (np.log(1e-3), np.log(1.0)), (0.5, 2.0)]
    best = minimize(loss, [-1.7, np.log(0.05), 1.08], method="Nelder-Mead", bounds=bounds).x
    return ReasenbergJones(
        float(best[0]), b, float(np.exp(best[1])), float(best[2]), mc, magnitude.size
    )
