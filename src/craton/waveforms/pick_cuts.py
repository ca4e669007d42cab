"""Windows cut from continuous waveforms, around picks or one after the other, as rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from craton.io.problems import Problem
from craton.io.resampling import resampled
from craton.waveforms.windows import windows_along, windows_around

BEFORE, LENGTH = 45.0, 105.0
"""Seconds that a window begins before the first pick, and its length."""

TOGETHER = 60.0
"""Most seconds from a P pick to the S pick of the same event at a station."""

Row = dict[str, Any]


def cut_around(stream: Any, picks: pd.DataFrame, rate: float, problems: list[Problem]) -> list[Row]:
    """One window for each P pick with the S pick that follows it, and for each S without P.

    Parameters
    ----------
    stream : obspy.Stream
        Segments without gaps.
    picks : pandas.DataFrame
        As `craton.io.picks.read_picks` gives them.
    rate : float
        Samples a second.
    problems : list of Problem
        What was odd is added.
    """
    table = picks.assign(kind=picks["phase"].astype(str).str.upper().str[:1])
    table = table[table["kind"].isin(["P", "S"])]
    wanted, times = [], []
    for (network, station), group in table.groupby(["network", "station"], sort=True):
        for pair in paired(group):
            times.append(pair)
            wanted.append((network, station, pair[~np.isnat(pair)].min()))
    frame = pd.DataFrame(wanted, columns=["network", "station", "time"])
    found = windows_around(_at_rate(stream, rate), frame, before=BEFORE, seconds=LENGTH)
    return _rows(found, times, problems)


def paired(picks: pd.DataFrame) -> Iterator[NDArray[np.datetime64]]:
    """P with the first S after it within a minute, as times (2,), NaT where there is none.

    Parameters
    ----------
    picks : pandas.DataFrame
        Of one station, with ``kind`` (P or S) and ``time``.

    Examples
    --------
    >>> when = pd.to_datetime(["2020-01-01T00:00:00", "2020-01-01T00:00:03"])
    >>> [len(p) for p in paired(pd.DataFrame({"kind": ["P", "S"], "time": when}))]
    [2]
    """
    p, s = (np.sort(picks.loc[picks["kind"] == k, "time"].to_numpy()) for k in ("P", "S"))
    used = np.zeros(len(s), bool)
    none = np.datetime64("NaT", "ns")
    for i, time in enumerate(p):
        end = time + np.timedelta64(round(TOGETHER * 1e9), "ns")
        end = min(end, p[i + 1]) if i + 1 < len(p) else end
        found = np.flatnonzero((s > time) & (s < end) & ~used)
        second = s[found[0]] if len(found) else none
        used[found[:1]] = True
        yield np.array([time, second], "datetime64[ns]")
    for time in s[~used]:
        yield np.array([none, time], "datetime64[ns]")


def cut_continuous(stream: Any, rate: float, length: float, problems: list[Problem]) -> list[Row]:
    """Windows that overlap by half, of each instrument from its first sample to its last."""
    found = windows_along(_at_rate(stream, rate), seconds=length, step=length / 2)
    none = np.full(2, np.datetime64("NaT", "ns"))
    return _rows(found, [none] * found.sizes["sample"], problems)


def _at_rate(stream: Any, rate: float) -> Any:
    for trace in stream:
        theirs = float(trace.stats.sampling_rate)
        if abs(theirs - rate) > 1e-6 * rate:
            trace.data = resampled(np.asarray(trace.data, np.float64), theirs, rate)
            trace.stats.sampling_rate = rate
    return stream


def _rows(
    found: xr.Dataset, times: list[NDArray[np.datetime64]], problems: list[Problem]
) -> list[Row]:
    """The windows in which something was recorded."""
    rows = []
    waves, there = (found[k].to_numpy() for k in ("waveform", "there"))
    start = found["start"].to_numpy().astype("datetime64[ns]")
    texts = {k: found[k].to_numpy().astype(str) for k in ("network", "station", "location",
                                                         "instrument")}  # fmt: skip
    kept = np.asarray(there.any(axis=(1, 2)), bool).ravel()
    # what is not there is the mean of what is, so that no step is made
    count = np.maximum(there.sum(axis=2, keepdims=True), 1)
    mean = np.where(there, waves, 0.0).sum(axis=2, keepdims=True) / count
    waves = np.where(there, waves - mean, 0.0).astype(np.float32)
    for i in np.flatnonzero(kept):
        names = {k: str(v[i]) for k, v in texts.items()}
        arrival = seconds_between(start[i], times[i])
        arrival = np.where((arrival >= 0) & (arrival < LENGTH), arrival, np.nan)
        known = np.sort(times[i][~np.isnat(times[i])])
        event = str(known[0] if known.size else start[i])[:16]
        name = f"{'.'.join(names.values())}_{start[i]}"
        rows.append({"waves": waves[i], "arrival": arrival, "start": start[i], "name": name,
                     "event": event, **names})  # fmt: skip
    if lost := int((~kept).sum()):
        text = f"{lost} of {len(kept)} windows have no waveforms; left out"
        problems.append(Problem("warning", "no waveforms", text, "waveforms"))
    for line in str(found.attrs.get("history", "")).splitlines():
        problems.append(Problem("info", "windows", line, "waveforms"))
    return rows


def seconds_between(start: Any, end: Any) -> Any:
    """Seconds from one time or array of times to another; NaN where one is NaT.

    Examples
    --------
    >>> a, b = np.array(["2020-01-01T00:00:00", "2020-01-01T00:00:01.5"], "datetime64[ns]")
    >>> float(seconds_between(a, b))
    1.5
    """
    return (end - start) / np.timedelta64(1, "s")
