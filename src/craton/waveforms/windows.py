"""Windows of equal length cut out of a stream, with a mask of what was there."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from craton.errors import DataError
from craton.io.problems import moment
from craton.io.segments import solid

MAX_BYTES = 8 << 30
"""Most bytes that one dataset of windows may take."""
_SAME = {"1": "N", "2": "E", "3": "Z"}
_BEST = ("HH", "BH", "EH", "SH", "HN", "EN", "CH", "DH")


class _Segment(NamedTuple):
    start: int
    data: NDArray[Any]


_Parts = dict[str, list[_Segment]]


def windows_around(
    stream: Any,
    times: pd.DataFrame,
    *,
    before: float,
    seconds: float,
    components: str = "ZNE",
) -> xr.Dataset:
    """Cut one window around each time.

    Parameters
    ----------
    stream : obspy.Stream
        Of one sampling rate. Masked and non-finite samples count as not there.
    times : pandas.DataFrame
        ``network``, ``station`` and ``time``; ``location`` and ``channel`` (of which the
        first two letters count) where the instrument matters. Picks have this form.
    before, seconds : float
        Where the window begins before the time, and its length.
    components : str
        Letters in the order wanted; 1, 2, 3 stand in for N, E, Z.

    Returns
    -------
    xarray.Dataset
        A sample a row of `times`: ``waveform`` (sample, channel, time; float32, zero where
        nothing was recorded), ``there`` (the same shape; whether something was), ``network``,
        ``station``, ``location``, ``instrument``, and ``start`` (time of the first sample, on the
        grid of the recording). ``attrs["history"]`` says what was missing.

    Raises
    ------
    DataError
        If the stream is empty or has several sampling rates, or the result would be too large.

    Examples
    --------
    >>> import obspy
    >>> header = {"network": "XX", "station": "AAA", "channel": "HHZ", "sampling_rate": 10.0}
    >>> stream = obspy.Stream([obspy.Trace(np.arange(100.0), header)])
    >>> when = pd.DataFrame([{"network": "XX", "station": "AAA", "time": "1970-01-01T00:00:05"}])
    >>> found = windows_around(stream, when, before=0.2, seconds=0.5)
    >>> found["waveform"].values[0, 0].tolist(), found["waveform"].values[0, 1].tolist()
    ([48.0, 49.0, 50.0, 51.0, 52.0], [0.0, 0.0, 0.0, 0.0, 0.0])
    """
    groups, rate = _grouped(stream)
    by_station: dict[str, list[str]] = defaultdict(list)
    for name in groups:
        by_station[".".join(name.split(".")[:2])].append(name)
    rows, several = [], set()
    begins = [int(moment(t).astype(np.int64)) - round(before * 1e9) for t in times["time"]]
    for k, row in enumerate(times.to_dict("records")):
        station = f"{row['network']}.{row['station']}"
        fits = [n for n in by_station.get(station, []) if _fits(n, row)]
        if len(fits) > 1:
            several.add(station)
        rows.append((min(fits, key=_rank) if fits else f"{station}..", begins[k]))
    history = []
    if several:
        text = f"{len(several)} stations have several instruments, of which one was taken: "
        history.append(text + ", ".join(sorted(several)[:8]))
    return _cut(groups, rows, rate, round(seconds * rate), components, history)


def windows_along(
    stream: Any, *, seconds: float, step: float, components: str = "ZNE"
) -> xr.Dataset:
    """Cut overlapping windows along the whole record of each instrument.

    Parameters
    ----------
    stream : obspy.Stream
        Of one sampling rate. Masked and non-finite samples count as not there.
    seconds, step : float
        Length of a window, and from the start of one to the start of the next.
    components : str
        As in `windows_around`.

    Returns
    -------
    xarray.Dataset
        As `windows_around`. Windows begin with the first sample of an instrument; the last one
        may reach beyond the end. Windows in which nothing was recorded are left out, which
        ``attrs["history"]`` says.

    Raises
    ------
    DataError
        As in `windows_around`.

    Examples
    --------
    >>> import obspy
    >>> header = {"network": "XX", "station": "AAA", "channel": "HHZ", "sampling_rate": 10.0}
    >>> stream = obspy.Stream([obspy.Trace(np.arange(100.0), header)])
    >>> windows_along(stream, seconds=4, step=2).sizes["sample"]
    4
    """
    groups, rate = _grouped(stream)
    length, stride = round(seconds * rate), max(1, round(step * rate))
    rows, empty = [], 0
    for name, parts in groups.items():
        segments = [s for rows_ in parts.values() for s in rows_]
        first = min(s.start for s in segments)
        starts = np.concatenate([_reached(s, first, rate, length, stride) for s in segments])
        wanted = np.unique(starts)
        last = max(round((s.start - first) * rate * 1e-9) + len(s.data) for s in segments)
        count = 1 + max(0, -(-(last - length) // stride))
        wanted = wanted[wanted < count]
        empty += count - len(wanted)
        rows += [(name, first + round(k * stride / rate * 1e9)) for k in wanted.tolist()]
    history = [f"{empty} windows in which nothing was recorded were left out"] if empty else []
    return _cut(groups, rows, rate, length, components, history)


def _reached(segment: _Segment, first: int, rate: float, length: int, stride: int) -> Any:
    """Numbers of the windows that hold a sample of a segment."""
    begin = round((segment.start - first) * rate * 1e-9)
    low = max(0, -(-(begin - length + 1) // stride))
    return np.arange(low, (begin + len(segment.data) - 1) // stride + 1)


def _grouped(stream: Any) -> tuple[dict[str, _Parts], float]:
    """Segments by instrument and component, and their one sampling rate."""
    traces = solid(stream)
    rates = sorted({round(float(t.stats.sampling_rate), 4) for t in traces})
    if len(rates) != 1:
        came = ", ".join(f"{r:g}" for r in rates) + " Hz" if rates else "nothing"
        raise DataError(
            f"one sampling rate was expected, {came} came", where="waveforms",
            fix="resample first: craton.waveforms.steps.Resample(rate=...)",
        )  # fmt: skip
    groups: dict[str, _Parts] = {}
    for trace in traces:
        segment = _Segment(int(trace.stats.starttime.ns), trace.data)
        groups.setdefault(trace.id[:-1], {}).setdefault(trace.id[-1:], []).append(segment)
    return groups, float(traces[0].stats.sampling_rate)


def _fits(name: str, row: dict[Any, Any]) -> bool:
    _, _, location, instrument = name.split(".")
    asked, channel = row.get("location"), str(row.get("channel") or "")
    same = not isinstance(asked, str) or not channel or asked == location
    return same and (len(channel) < 2 or channel[:2] == instrument[:2])


def _rank(name: str) -> tuple[int, str]:
    instrument = name.split(".")[3]
    return (_BEST.index(instrument) if instrument in _BEST else len(_BEST), name)


def _cut(
    groups: dict[str, _Parts], rows: list[tuple[str, int]], rate: float, length: int,
    components: str, history: list[str],
) -> xr.Dataset:  # fmt: skip
    shape = (len(rows), len(components), length)
    if length < 1 or 5 * np.prod(shape, dtype=float) > MAX_BYTES:
        raise DataError(
            f"{shape[0]} windows of {length} samples were asked for", where="waveforms",
            fix="ask for windows of at least one sample, or for fewer at a time",
        )  # fmt: skip
    waveform, there = np.zeros(shape, np.float32), np.zeros(shape, bool)
    starts = np.zeros(len(rows), np.int64)
    lacking: dict[str, set[str]] = defaultdict(set)
    for k, (name, begin) in enumerate(rows):
        parts = _letters(groups.get(name, {}), components)
        starts[k] = begin = _on_grid(parts, begin, rate)
        for c, letter in enumerate(components):
            for start, data in parts.get(letter, []):
                at = round((start - begin) * rate * 1e-9)
                a, z = max(at, 0), min(at + len(data), length)
                if a < z:
                    waveform[k, c, a:z] = data[a - at : z - at]
                    there[k, c, a:z] = True
            if not there[k, c].any():
                lacking[name].add(letter)
    history += _told(lacking, there)
    names = np.array([n.split(".") for n, _ in rows], dtype=object).reshape(len(rows), 4)
    keys = ("network", "station", "location", "instrument")
    coords = {key: ("sample", names[:, i].astype(str)) for i, key in enumerate(keys)}
    return xr.Dataset(
        {
            "waveform": (("sample", "channel", "time"), waveform),
            "there": (("sample", "channel", "time"), there),
        },
        {
            **coords,
            "start": ("sample", starts.astype("datetime64[ns]")),
            "channel": list(components),
            "time": ("time", np.arange(length) / rate, {"units": "s"}),
        },
        {"sampling_rate": rate, "history": "\n".join(history)},
    )


def _letters(parts: _Parts, components: str) -> _Parts:
    """Components by the letters asked for, 1, 2, 3 for N, E, Z where these are not there."""
    found = {k: v for k, v in parts.items() if k in components}
    for digit, letter in _SAME.items():
        if digit in parts and letter in components and letter not in found:
            found[letter] = parts[digit]
    return found


def _on_grid(parts: _Parts, begin: int, rate: float) -> int:
    """The time of the sample nearest to `begin`, by the segment that reaches nearest to it."""
    segments = [s for rows in parts.values() for s in rows]
    if not segments:
        return begin

    def away(s: _Segment) -> float:
        return max(s.start - begin, begin - s.start - len(s.data) / rate * 1e9, 0)

    near = min(segments, key=away)
    # half-way is one way, wherever the segment begins
    samples = math.floor((begin - near.start) * rate * 1e-9 + 0.5 + 1e-6)
    return near.start + round(samples / rate * 1e9)


def _told(lacking: dict[str, set[str]], there: NDArray[np.bool_]) -> list[str]:
    told = []
    none = int((~there.any(axis=(1, 2))).sum())
    if none:
        told.append(f"{none} of {len(there)} windows hold nothing that was recorded")
    if lacking:
        names = [f"{n} {''.join(sorted(c))}" for n, c in sorted(lacking.items())]
        more = f" and {len(names) - 8} more" if len(names) > 8 else ""
        told.append(f"components missing in some windows, filled with zeros: "
                    f"{', '.join(names[:8])}{more}")  # fmt: skip
    some: NDArray[np.bool_] = np.any(there, axis=2) & ~np.all(there, axis=2)
    part = int(np.any(some, axis=1).sum())
    if part:
        told.append(f"{part} windows have gaps, filled with zeros")
    return told
