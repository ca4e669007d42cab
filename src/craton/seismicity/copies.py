"""Is one catalogue another's copy? Events that two catalogues share, and how equal they are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from craton.errors import ConfigError, DataError
from craton.io.geodesy import continuous, haversine_km, near_longitude

Floats = NDArray[np.float64]


class Comparison(NamedTuple):
    """What two catalogues have in common.

    Attributes
    ----------
    first, second : numpy.ndarray of int, shape (pairs,)
        Events of each that are one earthquake, at most one partner each.
    share_first, share_second : float
        Share of each catalogue's events that have a partner, among events of the time and range
        of magnitudes that both cover.
    shift_seconds, shift_magnitude : float
        Second less first, median over the pairs: a constant that a copy may have been given.
    seconds, km, magnitude : float
        Typical (median absolute) difference once the constant shifts are taken off.
    equal : float
        Share of the pairs that agree too well for two independent solutions: at least two of
        time (0.02 s), place (0.3 km) and magnitude (0.06), or one epicentre to 20 m, where time and
        place are given that precisely; or all three once both catalogues are rounded to the coarser
        of their steps, if that is no more than 1 s and 0.01 degrees.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    share_first: float
    share_second: float
    shift_seconds: float
    shift_magnitude: float
    seconds: float
    km: float
    magnitude: float
    equal: float

    @property
    def is_copy(self) -> bool:
        """Whether most of the smaller catalogue is the other's, nearly unchanged."""
        return max(self.share_first, self.share_second) * self.equal > 0.5


def compare_catalogs(
    first: xr.Dataset, second: xr.Dataset, seconds: float = 10.0, km: float = 50.0
) -> Comparison:
    """Match two catalogues event by event and measure how far they differ.

    Two networks that locate the same earthquake on their own differ by tenths of seconds, by
    kilometres and by tenths of magnitude. A copy differs by constants and by rounding. A constant
    shift of time up to 15 hours (local time taken for UTC) is looked for.

    Parameters
    ----------
    first, second : xarray.Dataset
        As `craton.io.catalog.read_catalog` returns them (sorted by time).
    seconds, km : float
        Largest difference of one earthquake in two catalogues.

    Returns
    -------
    Comparison

    Raises
    ------
    DataError
        If the catalogues do not overlap in time.
    ConfigError
        If a tolerance is not positive.

    Examples
    --------
    >>> from craton.data.earthquakes import simulated_catalog
    >>> catalog = simulated_catalog(seed=1, days=500)
    >>> late = catalog.assign(time=catalog.time + np.timedelta64(9, "h"))
    >>> found = compare_catalogs(catalog, late)
    >>> found.is_copy, found.shift_seconds, found.equal
    (True, 32400.0, 1.0)
    """
    if not min(seconds, km) > 0:
        raise ConfigError(f"seconds = {seconds}, km = {km}; both must be positive")
    east = continuous(_values(first, "longitude"))
    first = first.assign(longitude=("event", east))
    west = near_longitude(_values(second, "longitude"), float(np.median(east)))
    second = second.assign(longitude=("event", west))
    a, b = _seconds(first), _seconds(second)
    step = max(_precision(a), _precision(b))
    clock = _clock_shift(first, second, a, b, seconds)
    b = b - clock
    i, j = _pairs(first, second, a, b, seconds, km)
    if i.size:  # a shift of seconds can pair the wrong events of a swarm
        more = _median(b[j] - a[i])
        clock, b = clock + more, b - more
        i, j = _pairs(first, second, a, b, seconds, km)
    mine, theirs = _covered(first, second, a, b), _covered(second, first, b, a)
    if not (mine.any() and theirs.any()):
        raise DataError(
            "the catalogues share no time, region and magnitudes, so they cannot be compared",
            fix="give catalogues that overlap",
        )
    if not i.size:
        nan = float("nan")
        return Comparison(i, j, 0.0, 0.0, nan, nan, nan, nan, nan, 0.0)
    late = b[j] - a[i]
    larger = _values(second, "magnitude")[j] - _values(first, "magnitude")[i]
    apart = _apart(first, second, i, j)
    shift, shift_m = _median(late), _median(larger)
    late, larger = np.abs(late - shift), np.abs(larger - shift_m)
    time_precise = step <= 0.02
    place_precise = max(_precision(_values(c, "latitude")) for c in (first, second)) <= 0.002
    # Nobody finds the same epicentre to a few metres twice, so that counts as two.
    agree = (time_precise & (late <= 0.02)).astype(int) + (larger <= 0.06)
    agree += (place_precise & (apart <= 0.3)).astype(int) + (place_precise & (apart <= 0.02))
    rounded = (late <= step / 2 + 0.02) & (larger <= 0.06) & _one_place(first, second, i, j)
    return Comparison(
        first=i,
        second=j,
        share_first=float(mine[i].sum() / mine.sum()),
        share_second=float(theirs[j].sum() / theirs.sum()),
        shift_seconds=round(shift + clock, 6),
        shift_magnitude=shift_m,
        seconds=_median(late),
        km=_median(apart),
        magnitude=_median(larger),
        equal=float(((agree >= 2) | rounded).mean()),
    )


def _pairs(
    first: xr.Dataset, second: xr.Dataset, a: Floats, b: Floats, seconds: float, km: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs that are each other's nearest in time and place."""
    i, j = _near_in_time(a, b, seconds)
    apart = _apart(first, second, i, j)
    score = np.abs(b[j] - a[i]) / seconds + apart / km
    near = apart <= km
    i, j, score = i[near], j[near], score[near]
    order = np.argsort(score, kind="stable")
    i, j = i[order], j[order]
    # The best pair of each event stands first; those that are best for both are kept.
    best = np.zeros((2, i.size), dtype=bool)
    for row, events in enumerate((i, j)):
        best[row, np.unique(events, return_index=True)[1]] = True
    i, j = i[best.all(axis=0)], j[best.all(axis=0)]
    order = np.argsort(i)
    return i[order], j[order]


def _clock_shift(
    first: xr.Dataset, second: xr.Dataset, a: Floats, b: Floats, seconds: float
) -> float:
    """Constant up to 15 h that the second clock is late, 0 if it explains little more than none.

    Looked for among the differences in time of events at nearly one place.
    """
    inside = np.flatnonzero(_covered(first, second, a, b))
    largest = inside[np.argsort(-_values(first, "magnitude")[inside], kind="stable")[:500]]
    largest.sort()
    i, j = _near_in_time(a[largest], b, 15 * 3600.0)
    i = largest[i]
    late = b[j] - a[i]
    here = [np.abs(_values(second, n)[j] - _values(first, n)[i]) <= 0.02
            for n in ("latitude", "longitude")]  # fmt: skip
    late = np.sort(late[here[0] & here[1]])
    if not late.size:
        return 0.0
    hits = np.searchsorted(late, late + seconds, side="right") - np.arange(late.size)
    best = int(np.argmax(hits))
    zero = int((np.abs(late) <= seconds).sum())
    # In swarms events coincide by chance, so another clock must explain far more.
    if hits[best] < max(2 * zero + 10, 0.2 * largest.size):
        return 0.0
    return round(float(np.median(late[best : best + hits[best]])), 3)


def _near_in_time(
    a: Floats, b: Floats, seconds: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All pairs of events at most so many seconds apart."""
    start = np.searchsorted(b, a - seconds)
    number = np.searchsorted(b, a + seconds, side="right") - start
    i = np.repeat(np.arange(a.size), number)
    return i, np.repeat(start - np.cumsum(number) + number, number) + np.arange(i.size)


def _covered(mine: xr.Dataset, other: xr.Dataset, a: Floats, b: Floats) -> NDArray[np.bool_]:
    """Events in the time span, box and magnitudes of the other catalogue."""
    inside = (a >= b.min() - 60_000) & (a <= b.max() + 60_000)
    for name, margin in (("latitude", 0.05), ("longitude", 0.05), ("magnitude", 0.0)):
        theirs = _values(other, name)
        inside &= _values(mine, name) >= theirs.min() - margin
        if name != "magnitude":
            inside &= _values(mine, name) <= theirs.max() + margin
    return inside


def _apart(
    first: xr.Dataset, second: xr.Dataset, i: NDArray[np.int64], j: NDArray[np.int64]
) -> Floats:
    """Distance in km of events of the one from events of the other."""
    return haversine_km(
        _values(first, "latitude")[i], _values(first, "longitude")[i],
        _values(second, "latitude")[j], _values(second, "longitude")[j],
    )  # fmt: skip


def _one_place(
    first: xr.Dataset, second: xr.Dataset, i: NDArray[np.int64], j: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Whether two epicentres are one once they are rounded or cut to the coarser precision.

    Either way they differ by half a step at most from the usual difference. Steps of more than
    0.01 degrees tell nothing: independent solutions agree as well.
    """
    same = np.ones(i.size, dtype=bool)
    for name in ("latitude", "longitude"):
        mine, theirs = _values(first, name), _values(second, name)
        step = max(_precision(mine), _precision(theirs))
        apart = theirs[j] - mine[i]
        same &= (step <= 0.01) & (np.abs(apart - np.median(apart)) <= step / 2 + 1e-6)
    return same


def _precision(values: Floats) -> float:
    """Coarsest power of ten of which nearly all values are multiples."""
    for step in (1.0, 0.1, 0.01):
        if np.mean(np.abs(values / step - np.round(values / step)) < 1e-3) > 0.95:
            return step
    return 0.001


def _values(catalog: xr.Dataset, name: str) -> Floats:
    return np.asarray(catalog[name].to_numpy(), dtype=float)


def _seconds(catalog: xr.Dataset) -> Floats:
    """Seconds since 1970; doubles hold them to a microsecond."""
    return np.asarray(catalog["time"].to_numpy().astype("datetime64[ns]").astype(np.int64) / 1e9)


def _median(values: Floats) -> float:
    return round(float(np.median(values)), 6)
