"""Traces of one channel put in order: joined where they fit, gaps and overlaps told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from craton.io.problems import Problem, counted

RATES = (1e-6, 1e7)
"""Sampling rates that are taken for real, Hz."""
_YEARS = (np.datetime64("1900", "ns").astype(np.int64), np.datetime64("2200", "ns").astype(int))


def impossible(rate: float, begin: int, samples: float) -> tuple[str, str] | None:
    """Kind and words of what cannot be of a record that begins at `begin` (ns since 1970).

    Examples
    --------
    >>> impossible(1e-9, 0, 100)
    ('sampling rate', 'has the sampling rate 1e-09 Hz, which cannot be')
    """
    if not RATES[0] <= rate <= RATES[1]:
        return "sampling rate", f"has the sampling rate {rate:g} Hz, which cannot be"
    if not (_YEARS[0] <= begin and begin + samples / rate * 1e9 <= _YEARS[1]):
        return "time", "has a time outside of the years 1900 to 2200"
    return None


def usable(traces: Iterable[Any], where: str) -> tuple[list[Any], list[Problem]]:
    """Leave out traces without samples, numbers, a possible sampling rate or a possible time."""
    kept = []
    lost: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for trace in traces:
        s, data = trace.stats, np.asarray(trace.data)
        told = impossible(float(s.sampling_rate), int(s.starttime.ns), s.npts)
        if data.dtype.kind not in "iuf" or data.ndim != 1 or not s.npts:
            told = ("no samples", "has no samples that are numbers")
        if told is None:
            kept.append(trace)
        else:
            lost[trace.id, *told].append(int(s.npts))
    return kept, [
        Problem("warning", kind, f"{sum(n)} samples: {text}; left out ({where})", name)
        for (name, kind, text), n in lost.items()
    ]


def clip(trace: Any, start: np.datetime64 | None, end: np.datetime64 | None) -> Any | None:
    """The samples from `start` on and before `end`, or None if there are none."""
    rate, begin = float(trace.stats.sampling_rate), int(trace.stats.starttime.ns)
    first, last = 0, int(trace.stats.npts)
    if start is not None:
        first = max(0, _index(int(start.astype(np.int64)) - begin, rate))
    if end is not None:
        last = min(last, _index(int(end.astype(np.int64)) - begin, rate))
    if first >= last:
        return None
    return trace if (first, last) == (0, trace.stats.npts) else part(trace, first, last)


def _index(ns: int, rate: float) -> int:
    """The first sample at or after a time, forgiving a thousandth of a sample."""
    return int(np.ceil(ns * rate * 1e-9 - 1e-3))


def solid(traces: Iterable[Any]) -> list[Any]:
    """Traces without masks and without samples that are no finite numbers: split there.

    Returns
    -------
    list of obspy.Trace
        Views of the data where nothing had to be split.
    """
    found = []
    for trace in traces:
        data = trace.data
        there = ~np.ma.getmaskarray(data) if np.ma.isMaskedArray(data) else np.ones(len(data), bool)
        plain = np.ma.getdata(data)
        if plain.dtype.kind == "f":
            there &= np.isfinite(plain)
        if there.all() and not np.ma.isMaskedArray(data):
            found.append(trace)
            continue
        whole = trace_of(plain, trace.stats)
        edges = np.flatnonzero(np.diff(np.r_[False, there, False].astype(np.int8)))
        found += [part(whole, a, z) for a, z in edges.reshape(-1, 2).tolist()]
    return found


def part(trace: Any, first: int, last: int) -> Any:
    """Samples `first` to `last` as a trace of their own (a view of the data)."""
    import obspy

    found = trace_of(np.asarray(trace.data)[first:last], trace.stats)
    later = round(first / trace.stats.sampling_rate * 1e9)
    found.stats.starttime = obspy.UTCDateTime(ns=int(trace.stats.starttime.ns) + later)
    return found


def trace_of(data: NDArray[Any], stats: Any) -> Any:
    """A trace of these samples with a copy of a header (ObsPy keeps the header's old length)."""
    import obspy

    found = obspy.Trace(header=stats.copy())
    found.data = data
    return found


def join(traces: Iterable[Any]) -> tuple[list[Any], list[Problem]]:
    """Put the traces of each channel in order of time and join those that follow each other.

    Parameters
    ----------
    traces : iterable of obspy.Trace
        Of any number of channels, without masks.

    Returns
    -------
    list of obspy.Trace, list of Problem
        Segments that do not overlap. Equal samples that come twice are taken once; of two
        different ones the first is kept.
    """
    channels: dict[str, list[Any]] = defaultdict(list)
    for trace in traces:
        channels[trace.id].append(trace)
    segments, problems = [], []
    for name in sorted(channels):
        rows = sorted(channels[name], key=lambda t: (t.stats.starttime.ns, -t.stats.npts))
        found, more = _join_channel(rows, name)
        segments += found
        problems += more
    return segments, problems


def _join_channel(rows: list[Any], name: str) -> tuple[list[Any], list[Problem]]:
    done: list[Any] = []
    seen: dict[str, list[tuple[float, Any]]] = defaultdict(list)
    head, pieces, length = rows[0], [np.asarray(rows[0].data)], int(rows[0].stats.npts)
    for trace in rows[1:]:
        rate = float(head.stats.sampling_rate)
        start = trace.stats.starttime
        step = (start.ns - head.stats.starttime.ns) * rate * 1e-9 - length
        other = abs(trace.stats.sampling_rate / rate - 1) > 1e-6
        if other and step > -0.5:
            seen["mixed sampling rates"].append((float(trace.stats.sampling_rate), start))
        elif other or step <= -0.5:
            cut = min(int(np.ceil(-step * trace.stats.sampling_rate / rate - 1e-3)),
                      int(trace.stats.npts))  # fmt: skip
            same = not other and _repeats(pieces, np.asarray(trace.data), step)
            seen["overlap" if same else "clock jump back"].append((-step / rate, start))
            if cut >= trace.stats.npts:
                continue
            trace = part(trace, cut, int(trace.stats.npts))
            step = (trace.stats.starttime.ns - head.stats.starttime.ns) * rate * 1e-9 - length
        elif step >= 0.5:
            whole = step > 60 * rate or abs(step - round(step)) <= 0.1 + 1e-4 * rate
            seen["gap" if whole else "clock jump"].append((step / rate, start))
        if other or abs(step) >= 0.5:
            done.append(_closed(head, pieces))
            head, pieces, length = trace, [], 0
        pieces.append(np.asarray(trace.data))
        length += int(trace.stats.npts)
    done.append(_closed(head, pieces))
    rate = float(rows[0].stats.sampling_rate)
    return done, [_told(kind, found, rate, name) for kind, found in seen.items()]


def _repeats(pieces: list[NDArray[Any]], data: NDArray[Any], step: float) -> bool:
    """Whether the overlapping samples are those that are there already."""
    back = round(-step)
    if abs(back + step) > 0.1:
        return False
    tail: list[NDArray[Any]] = []
    for piece in reversed(pieces):
        tail.insert(0, piece)
        if sum(map(len, tail)) >= back:
            break
    known = np.concatenate(tail)
    known = known[len(known) - min(back, len(known)) :][: len(data)]
    return bool(np.array_equal(known, data[: len(known)], equal_nan=known.dtype.kind == "f"))


def _closed(head: Any, pieces: list[NDArray[Any]]) -> Any:
    return head if len(pieces) == 1 else trace_of(np.concatenate(pieces), head.stats)


def _told(kind: str, found: list[tuple[float, Any]], rate: float, name: str) -> Problem:
    size = np.array([length for length, _ in found])
    longest = found[int(size.argmax())][1]
    n, when = len(found), str(longest)
    if kind == "mixed sampling rates":
        rates = ", ".join(f"{r:g}" for r in sorted({rate, *size.tolist()}))
        text = f"changes its sampling rate ({rates} Hz), first at {found[0][1]}"
        return Problem("warning", kind, text, name)
    total = f"{size.sum():.3f} s in all, the longest {size.max():.3f} s at {when}"
    text = {
        "gap": f"{counted(n, 'gap')}, {total}",
        "clock jump": f"{counted(n, 'gap')} of no whole number of samples (clock jump), {total}",
        "overlap": f"{counted(n, 'overlap')} with equal samples, taken once; {total}",
        "clock jump back": f"{counted(n, 'overlap')} with different samples (clock set back, or "
        f"two sources), of which the first was kept; {total}",
    }[kind]
    # Cut-outs of events lie days apart; that is no fault of the record.
    harmless = kind == "overlap" or (kind == "gap" and size.min() > 86400)
    return Problem("info" if harmless else "warning", kind, text, name)
