"""Spikes: single samples that jump off and back, found in a record that comes piece by piece."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

REACH, PAST = 4, 50
"""Samples after a sample, and before it, that tell whether it is a spike."""

_SCALE, _RANGE = 20.0, 5.0
_AROUND = np.array([-4, -3, -2, -1, 1, 2, 3, 4])
_BLOCK = 1 << 20


def spike_samples(data: NDArray[Any]) -> NDArray[np.int64]:
    """Samples that jump off and back while their neighbours agree with each other.

    Parameters
    ----------
    data : array
        One segment.

    Returns
    -------
    numpy.ndarray of int
        A sample is a spike if it is off the mean of its neighbours by five times the range of the
        eight samples around it, by 20 robust standard deviations of that quantity over the 50
        samples before, and by ten times the smallest step there. The first and the last
        four samples of a segment are none.

    Examples
    --------
    >>> data = np.random.default_rng(0).normal(size=1000)
    >>> data[500] += 100
    >>> spike_samples(data).tolist()
    [500]
    """
    found, room, back = [], 2 * REACH, REACH + PAST + 1
    for a in range(0, max(len(data) - room, 0), _BLOCK):
        before = min(a, back)
        x = data[a - before : a + _BLOCK + room]
        found.append(_spikes(x.astype(np.float64), before + REACH, _least(x)) + a - before)
    return np.concatenate(found) if found else np.empty(0, np.int64)


def _least(data: NDArray[Any]) -> float:
    return 10.0 if data.dtype.kind in "iu" else 0.0  # a few counts are no spike


def _spikes(x: NDArray[np.float64], first: int, least: float) -> NDArray[np.int64]:
    """Places of spikes from `first` on, but for the last `REACH` samples."""
    step = np.abs(np.diff(x[first - 2 :]))
    off = np.abs(x[first - 1 : -2] - 2 * x[first:-1] + x[first + 1 :])[: -REACH + 1] / 2
    n = len(off)  # neighbours alone leave few of the samples to look at
    few = (off > _RANGE * step[:n]) & (off > _RANGE * step[3 : 3 + n]) & (off > least)
    places = np.flatnonzero(few)
    if not len(places):
        return places
    around = x[(places + first)[:, None] + _AROUND]
    places = places[off[places] > _RANGE * np.ptp(around, axis=1)]
    size = [_enough(x, int(k) + first) for k in places]
    return np.asarray(places[off[places] > np.array(size)] + first, dtype=np.int64)


def _enough(x: NDArray[np.float64], place: int) -> float:
    """How far a spike at a place is off its neighbours' mean at least: far beyond what is usual
    there, and ten times the smallest step, for numbers may be rounded to any unit.

    Only `PAST` samples count, so that it is the same however a record is cut.
    """
    before = x[max(place - REACH - PAST, 0) : place]
    steps = np.abs(np.r_[np.diff(before), np.diff(x[place + 1 : place + 1 + REACH])])
    unit = float(steps[steps > 0].min(initial=np.inf))
    before = before[: 1 - REACH]
    if len(before) < PAST // 2:
        return 10 * unit
    usual = np.median(np.abs(before[1:-1] - (before[:-2] + before[2:]) / 2))
    return max(_SCALE * 1.4826 * float(usual), 10 * unit)


class Despiker:
    """Takes the spikes out of a segment that comes piece by piece, `REACH` samples behind it.

    A spike gets the mean of its neighbours. What comes out does not depend on the pieces.

    Attributes
    ----------
    count : int
        Spikes so far, of all segments.

    Examples
    --------
    >>> data = np.sin(np.arange(100.0))
    >>> data[50] = 900.0
    >>> clean = Despiker()
    >>> found = np.concatenate([clean.push(data[:51]), clean.push(data[51:]), clean.close()])
    >>> bool(found.max() < 1)
    True
    """

    def __init__(self) -> None:
        self.count = 0
        self._begin()

    def _begin(self) -> None:
        self.x, self.given = np.empty(0), 0

    def push(self, samples: NDArray[Any]) -> NDArray[np.float64]:
        """Take the samples that follow; give those that are settled."""
        self.x = np.concatenate([self.x, samples])
        first, upto = max(self.given, REACH), len(self.x) - REACH
        if upto <= self.given:
            return np.empty(0)
        ready = self.x[self.given : upto].copy()
        if upto > first:
            places = _spikes(self.x, first, _least(samples))
            ready[places - self.given] = (self.x[places - 1] + self.x[places + 1]) / 2
            self.count += len(places)
        drop = max(upto - REACH - PAST - 1, 0)
        self.x, self.given = self.x[drop:], upto - drop
        return ready

    def close(self) -> NDArray[np.float64]:
        """End the segment; give its last samples, as they are."""
        rest = self.x[self.given :]
        self._begin()
        return rest
