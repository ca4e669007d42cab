"""Mainshocks of a catalogue, and how far their aftershocks reach."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

APART = 30.0
"""Days within which an event in the zone of a larger one is not a mainshock of its own."""


def zone_radius(magnitude: float) -> float:
    """Radius in km within which aftershocks are looked for: the larger of two.

    ``log10 r = 0.1238 m + 0.983``, the window of Gardner and Knopoff (1974,
    doi:10.1785/BSSA0640051363) as fitted by van Stiphout et al. (2012,
    doi:10.5078/corssa-52382934), up to magnitude 7.3; above, the length of the rupture,
    ``log10 r = 0.59 m - 2.44`` (subsurface length, all kinds of slip: Wells and Coppersmith 1994,
    doi:10.1785/BSSA0840040974): a rupture may run from its epicentre to one side alone.

    Notes
    -----
    Their earthquakes reach magnitude 8.1. For interfaces of subduction up to 9.4, Strasser, Arango
    and Bommer (2010, doi:10.1785/gssrl.81.6.941) find ``0.585 m - 2.477``, 17 % less at 9.

    Examples
    --------
    >>> [round(zone_radius(m), 1) for m in (6.0, 7.9, 9.1)]
    [53.2, 166.3, 849.2]
    """
    return float(10 ** max(0.1238 * magnitude + 0.983, 0.59 * magnitude - 2.44))


def find_mainshocks(
    time: ArrayLike, x: ArrayLike, y: ArrayLike, magnitude: ArrayLike, least: float,
    *, since: float = -np.inf, after: float = 0.0,
) -> Ints:  # fmt: skip
    """Events that come at most 30 days after no larger one in whose zone they lie.

    Parameters
    ----------
    time, x, y, magnitude : array_like, shape (events,)
        Days, in order; km; magnitudes. An earlier event of the same magnitude counts as larger.
    least : float
        Least magnitude of a mainshock.
    since : float
        Time from which on mainshocks are looked for.
    after : float
        Days that a mainshock comes at least before a larger one; by 0 nothing looks ahead.

    Returns
    -------
    numpy.ndarray of int, shape (k,)
        Rows.

    Examples
    --------
    An aftershock, a far event, and one that a larger one follows a day later:

    >>> time, x = [0.0, 1.0, 1.0, 40.0, 41.0], [0.0, 5.0, 900.0, 0.0, 0.0]
    >>> events = time, x, np.zeros(5), [6.0, 5.0, 5.0, 5.5, 6.5]
    >>> find_mainshocks(*events, 5.0).tolist(), find_mainshocks(*events, 5.0, after=30.0).tolist()
    ([0, 2, 3, 4], [0, 2, 4])
    """
    t, px, py, m = (np.asarray(v, float) for v in (time, x, y, magnitude))
    large = np.flatnonzero(m >= least - 1e-9)
    lt, lx, ly, lm = t[large], px[large], py[large], m[large]
    radius = np.array([zone_radius(v) for v in lm])
    first, last = np.searchsorted(lt, lt - APART), np.searchsorted(lt, lt + after, side="right")
    kept = []
    for i in np.flatnonzero(lt >= since).tolist():
        near = slice(first[i], last[i])
        larger = lm[near] > lm[i]
        larger[: i - first[i]] |= lm[near][: i - first[i]] == lm[i]
        inside = np.hypot(lx[near] - lx[i], ly[near] - ly[i]) <= radius[near]
        larger[i - first[i]] = False
        if not (larger & inside).any():
            kept.append(large[i])
    return np.array(kept, np.int64)


def next_larger(
    time: Floats, x: Floats, y: Floats, magnitude: Floats, row: int
) -> float:  # fmt: skip
    """Time of the next event in the zone of a mainshock that is at least as large, or infinity."""
    later = np.flatnonzero(magnitude[row + 1 :] >= magnitude[row]) + row + 1
    near = np.hypot(x[later] - x[row], y[later] - y[row]) <= zone_radius(magnitude[row])
    return float(time[later[near][0]]) if near.any() else np.inf
