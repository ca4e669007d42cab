"""A record of any length, piece by piece: one station after the other, each in order of time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from craton.io.problems import Problem, need_obspy
from craton.io.segments import join
from craton.io.waveforms import Selection, read_each

MOST = 32 << 20
"""Bytes that the samples of a piece take, at four a sample."""

SHORTEST, LONGEST = 600.0, 86400.0
"""Seconds of a piece, at least and at most."""

_ARCHIVE = re.compile(r"^(.*?\.(?:tar|tgz|tar\.\w+))/")


class Piece(NamedTuple):
    """Waveforms of a station and a time.

    Attributes
    ----------
    station : str
        ``NET.STA``.
    stream : obspy.Stream
        All channels of the time, joined; may be empty.
    problems : list of Problem
        What was wrong while reading.
    number, total : int
        Which piece of how many, counted from one.
    """

    station: str
    stream: Any
    problems: list[Problem]
    number: int
    total: int


def read_pieces(contents: pd.DataFrame, most: int = MOST) -> Iterator[Piece]:
    """Read what a table of contents lists, little enough at a time for any memory.

    Parameters
    ----------
    contents : pandas.DataFrame
        As `craton.io.waveforms.waveform_contents` gives it.
    most : int
        Bytes of samples in a piece, about.

    Yields
    ------
    Piece
        The pieces of a station follow each other in time.
    """
    obspy = need_obspy()
    plan = [
        (network, station, table, start, end)
        for (network, station), table in contents.groupby(["network", "station"], sort=True)
        for start, end in _spans(table, most)
    ]
    ends: dict[str, int] = {}
    for number, (network, station, table, start, end) in enumerate(plan, 1):
        select = Selection(str(network) or "--", str(station) or "--", start=start, end=end)
        traces, problems = read_listed(table, select)
        segments, more = join(traces)
        more += _between(segments, ends)
        stream = obspy.Stream(segments)
        del traces, segments
        yield Piece(f"{network}.{station}", stream, problems + more, number, len(plan))
        del stream  # or it would lie in memory beside the next


def _between(segments: list[Any], ends: dict[str, int]) -> list[Problem]:
    """Gaps between pieces, by the ends (ns) of the channels so far, which are brought forward."""
    problems, before = [], dict(ends)
    for trace in segments:
        start, spacing = trace.stats.starttime, 1e9 / trace.stats.sampling_rate
        missing = (start.ns - before.pop(trace.id, start.ns)) / 1e9  # those within are told
        if spacing / 2 < 1e9 * missing <= 86400e9:
            text = f"1 gap, {missing:.3f} s in all, the longest {missing:.3f} s at {start}"
            problems.append(Problem("warning", "gap", text, trace.id))
        last = start.ns + round(trace.stats.npts * spacing)
        ends[trace.id] = max(last, ends.get(trace.id, last))
    return problems


def read_listed(contents: pd.DataFrame, select: Selection) -> tuple[list[Any], list[Problem]]:
    """Read what is selected of those files alone that hold something of its time.

    Parameters
    ----------
    contents : pandas.DataFrame
        As `craton.io.waveforms.waveform_contents` gives it, of the stations that are wanted.
    select : Selection
        With both ends of the time.

    Returns
    -------
    list of obspy.Trace, list of Problem
        Traces as they lie in the files, not joined.
    """
    here = contents[(contents["start"] < select.end) & (contents["end"] > select.start)]
    traces: list[Any] = []
    problems: list[Problem] = []
    for source in dict.fromkeys(_source(f) for f in here["file"]):
        for found in read_each(source, select):
            traces += found.stream.traces
            problems += found.problems
    return traces, problems


def _spans(table: pd.DataFrame, most: int) -> list[tuple[np.datetime64, np.datetime64]]:
    """Pieces of time in which a station recorded, at whole multiples of their length."""
    rate = table.groupby(["location", "channel"])["rate"].max().sum()
    length = round(float(np.clip(most / (4 * rate), SHORTEST, LONGEST)) // 60 * 60 * 1e9)
    begin, end = (table[k].to_numpy().astype(np.int64) for k in ("start", "end"))
    wanted = {n for a, b in zip(begin, end, strict=True)
              for n in range(int(a // length), int(-(-b // length)))}  # fmt: skip
    edges = [np.datetime64(n * length, "ns") for n in sorted(wanted)]
    return [(e, e + np.timedelta64(length, "ns")) for e in edges]


def longest_run(contents: pd.DataFrame, apart: float = 1.0) -> float:
    """Seconds of the longest record of a channel, through files that follow each other.

    Parameters
    ----------
    contents : pandas.DataFrame
        As `craton.io.waveforms.waveform_contents` gives it.
    apart : float
        Seconds between files that count as one record.

    Examples
    --------
    >>> time = pd.to_datetime(["2020-01-01T00:00", "2020-01-01T00:05", "2020-01-02T00:00"])
    >>> files = pd.DataFrame({"network": "XX", "station": "A", "location": "", "channel": "HHZ",
    ...     "rate": 100.0, "start": time, "end": time + pd.Timedelta("5min"), "samples": 30000})
    >>> longest_run(files)
    600.0
    """
    longest = 0.0
    for _, rows in contents.groupby(["network", "station", "location", "channel"]):
        rows = rows.sort_values("start")
        gap = (rows["start"] - rows["end"].shift().cummax()).dt.total_seconds()
        seconds = rows["samples"] / rows["rate"]  # cut-outs in one file are not as long as it spans
        longest = max(longest, float(seconds.groupby((gap > apart).cumsum()).sum().max()))
    return longest


def _source(file: str) -> str:
    """The file, or the archive that it lies in."""
    inside = _ARCHIVE.match(file)
    return inside[1] if inside else file
