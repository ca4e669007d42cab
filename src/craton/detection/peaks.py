"""Picks as peaks of runs of scores above a threshold."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from craton.io.picks import PICK_COLUMNS

Pick = tuple[int, float]
"""Sample number and score of a peak."""


class Peaks:
    """Peaks of the scores of one phase at one station, which come piece by piece.

    A pick is the highest score of a run at or above the threshold, the first of equal ones. A run
    that is still open at the end of a piece is carried over.

    Examples
    --------
    >>> peaks = Peaks(0.5)
    >>> peaks.take(100, np.array([0.1, 0.6, 0.7]))
    []
    >>> peaks.take(103, np.array([0.9, 0.2]))
    [(103, 0.9)]
    """

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold
        self.open: Pick | None = None
        self.next = 0

    def take(self, first: int, scores: NDArray[Any]) -> list[Pick]:
        """Peaks of the runs that end within these scores; NaN is below any threshold."""
        found = self.close() if first != self.next else []
        self.next = first + len(scores)
        above = scores >= self.threshold
        edges = np.flatnonzero(np.diff(np.concatenate([[False], above, [False]])))
        if self.open is not None and len(scores) and not above[0]:
            found += self.close()
        for lo, hi in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            at = lo + int(np.argmax(scores[lo:hi]))
            peak = first + at, float(scores[at])
            if lo == 0 and self.open is not None and self.open[1] >= peak[1]:
                peak = self.open
            self.open = None
            if hi == len(scores):
                self.open = peak
            else:
                found.append(peak)
        return found

    def close(self) -> list[Pick]:
        """End an open run."""
        found = [] if self.open is None else [self.open]
        self.open = None
        return found


def table(rows: Sequence[tuple[Any, ...]]) -> pd.DataFrame:
    """Picks as the frame that is passed on, in order of time.

    Parameters
    ----------
    rows : sequence of (network, station, location, channel, phase, ns, probability)

    Returns
    -------
    pandas.DataFrame
        `craton.io.picks.PICK_COLUMNS`; the bounds of the interval are NaT.
    """
    if not rows:
        return _empty().copy()
    rows = sorted(rows, key=lambda r: (r[5], *r[:5]))
    columns = list(zip(*rows, strict=True))
    frame = pd.DataFrame({name: list(columns[i]) for i, name in enumerate(PICK_COLUMNS[:5])})
    frame = frame.astype(str)
    frame["time"] = np.array(columns[5], np.int64).astype("datetime64[ns]")
    frame["low"] = frame["high"] = np.full(len(frame), "NaT", "datetime64[ns]")
    frame["probability"] = np.array(columns[6], float)
    return frame[list(PICK_COLUMNS)]


@functools.cache
def _empty() -> pd.DataFrame:
    """A table without picks, which a feed gives for most of its packets."""
    kinds = dict.fromkeys(PICK_COLUMNS[:5], "object")
    kinds |= dict.fromkeys(PICK_COLUMNS[5:8], "datetime64[ns]") | {"probability": "float64"}
    return pd.DataFrame({name: pd.Series([], dtype=kinds[name]) for name in PICK_COLUMNS})
