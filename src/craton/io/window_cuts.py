"""Windows of three components cut from waveforms, around picks or one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from craton.io.problems import Problem

ROLE = {"Z": 0, "N": 1, "E": 2, "1": 1, "2": 2, "3": 0}
"""Place of a component by the last letter of its channel."""

BEFORE, AFTER = 45.0, 60.0
"""Seconds cut before and after the first pick."""

TOGETHER = 60.0
"""Most seconds from a P pick to the S pick of the same event at a station."""

Row = dict[str, Any]
Names = tuple[str, str, str, str]


class Recorder:
    """The segments of one instrument (network, station, location, band and kind of sensor).

    Parameters
    ----------
    names : tuple of str
        Network, station, location, instrument.
    traces : list of obspy.Trace
        Without gaps.
    rate : float
        Samples a second that windows are given at.
    """

    def __init__(self, names: Names, traces: list[Any], rate: float) -> None:
        self.names, self.rate = names, rate
        self.parts = [t for t in traces if t.stats.channel[-1:] in ROLE]
        self.begins = [np.datetime64(t.stats.starttime.ns, "ns") for t in self.parts]
        self.ends = [
            b + np.timedelta64(round(t.stats.npts / t.stats.sampling_rate * 1e9), "ns")
            for b, t in zip(self.begins, self.parts, strict=True)
        ]

    def window(self, start: np.datetime64, seconds: float) -> NDArray[np.float32] | None:
        """Z, N, E from `start` on, zero where nothing was recorded; None if that is everywhere."""
        n = round(seconds * self.rate)
        end = start + np.timedelta64(round(seconds * 1e9), "ns")
        found = np.zeros((3, n), np.float32)
        any_ = False
        for trace, begin, stop in zip(self.parts, self.begins, self.ends, strict=True):
            if stop <= start or begin >= end:
                continue
            theirs = float(trace.stats.sampling_rate)
            lag = seconds_between(start, begin)
            first = max(0, int(np.floor(-lag * theirs)))
            last = min(trace.stats.npts, int(np.ceil((seconds - lag) * theirs)) + 1)
            piece = _at_rate(np.asarray(trace.data[first:last], np.float64), theirs, self.rate)
            at = round((lag + first / theirs) * self.rate)
            low, high = max(at, 0), min(at + len(piece), n)
            if high > low:
                row = ROLE[trace.stats.channel[-1:]]
                found[row, low:high] = piece[low - at : high - at] - piece.mean()
                any_ = True
        return found if any_ else None


def recorders(stream: Any, rate: float) -> Iterator[Recorder]:
    """The instruments of a stream."""
    groups: dict[Names, list[Any]] = {}
    for trace in stream:
        s = trace.stats
        key = (s.network, s.station, s.location, s.channel[:-1])
        groups.setdefault(key, []).append(trace)
    for names, traces in sorted(groups.items(), key=lambda g: g[0]):
        yield Recorder(names, traces, rate)


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
        Picks without waveforms are added.
    """
    rows, lost = [], 0
    known: dict[tuple[str, str], list[Recorder]] = {}
    for recorder in recorders(stream, rate):
        known.setdefault(recorder.names[:2], []).append(recorder)
        known.setdefault(("", recorder.names[1]), []).append(recorder)
    table = picks.assign(kind=picks["phase"].astype(str).str.upper().str[:1])
    table = table[table["kind"].isin(["P", "S"])]
    for key, group in table.groupby(["network", "station"], sort=True):
        network, station = (str(k) for k in key)
        for times in paired(group):
            first = np.nanmin(times.astype("datetime64[ns]"))
            start = first - np.timedelta64(round(BEFORE * 1e9), "ns")
            for recorder in known.get((network, station), [])[:1]:
                waves = recorder.window(start, BEFORE + AFTER)
                if waves is not None:
                    rows.append(_row(recorder.names, waves, start, times))
                    break
            else:
                lost += 1
    if lost:
        text = f"{lost} of {len(table)} picks have no waveforms; left out"
        problems.append(Problem("warning", "no waveforms", text, "picks"))
    return rows


def paired(picks: pd.DataFrame) -> Iterator[NDArray[np.datetime64]]:
    """P with the first S after it within a minute, as times (2,), NaT where there is none.

    Parameters
    ----------
    picks : pandas.DataFrame
        Of one station, with ``kind`` (P or S) and ``time``.
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


def cut_continuous(stream: Any, rate: float, length: float) -> list[Row]:
    """Windows that overlap by half, of each instrument from its first sample to its last."""
    rows = []
    for recorder in recorders(stream, rate):
        if not recorder.parts:
            continue
        start, end = min(recorder.begins), max(recorder.ends)
        step = np.timedelta64(round(length / 2 * 1e9), "ns")
        while True:
            waves = recorder.window(start, length)
            if waves is not None:
                rows.append(_row(recorder.names, waves, start, None))
            start = start + step
            if start + step >= end:
                break
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


def _row(names: Names, waves: NDArray[np.float32], start: np.datetime64, times: Any) -> Row:
    arrival = np.full(2, np.nan)
    if times is not None:
        arrival = seconds_between(start, times)
    network, station, location, instrument = names
    event = f"{np.nanmin(times) if times is not None else start}"[:16]
    return {
        "waves": waves, "arrival": arrival, "start": start, "network": network,
        "station": station, "location": location, "instrument": instrument,
        "name": f"{network}.{station}.{location}.{instrument}_{start}", "event": event,
    }  # fmt: skip


def _at_rate(x: NDArray[np.float64], theirs: float, ours: float) -> NDArray[np.float64]:
    if abs(theirs - ours) < 1e-6 * ours or len(x) < 2:
        return x
    from scipy.signal import resample_poly

    ratio = Fraction(ours / theirs).limit_denominator(1000)
    middle = x.mean()
    found = resample_poly(x - middle, ratio.numerator, ratio.denominator)
    return np.asarray(found + middle)
