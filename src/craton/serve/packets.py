"""Packets of a feed, and the samples in them."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

from craton.io._miniseed import read_miniseed
from craton.io.problems import Problem
from craton.io.segments import usable
from craton.serve.settings import Wanted

Instrument = tuple[str, str, str, str]
"""Network, station, location and the channel without its component."""
Tell = Callable[[Problem], None]


class Packet(NamedTuple):
    """A miniSEED record, and when it came (`time.monotonic`)."""

    raw: bytes
    arrived: float


class Source(Protocol):
    """Where packets come from."""

    def batches(self) -> Iterator[list[Packet]]:
        """What has come since, an empty list where nothing came; ends with the feed."""

    def now(self) -> int | None:
        """The time, in ns since 1970, that it is where the record is; None if nobody knows."""

    def waiting(self) -> int | None:
        """Begin (ns) of the earliest samples that are there but not given yet; None for none."""

    def state(self, since: Mapping[Instrument, int]) -> dict[str, Any]:
        """What it needs to go on from these times (ns) after a restart, for JSON."""

    def close(self) -> None:
        """Let go of files, links and threads."""


def unpack(packets: list[Packet], where: str, wanted: Wanted) -> tuple[list[Any], list[Problem]]:
    """Decode packets together; what is damaged or not wanted is left out and named.

    Returns
    -------
    list of obspy.Trace, list of Problem
        In the order in which they came, as far as they do not follow each other.
    """
    left: set[str] = set()

    def mask(records: Any) -> Any:
        names, inverse = np.unique(records["id"], return_inverse=True)
        takes = np.array([wanted.takes(n) for n in names.tolist()])
        left.update(names[~takes].tolist())
        return takes[inverse]

    raw = io.BytesIO()
    for packet in packets:
        raw.write(packet.raw)
    found = read_miniseed(raw.getvalue(), where, mask)
    if found is None:
        text = "holds no sound miniSEED record; left out"
        return [], [Problem("warning", "unreadable record", text, where)]
    traces, problems = found
    traces, more = usable(traces, where)
    problems = problems + more
    for name in sorted(left):
        problems.append(Problem("info", "not wanted", "is not among the channels chosen", name))
    return traces, problems


def instrument(trace: Any) -> Instrument:
    """The instrument that a trace is of.

    Examples
    --------
    >>> import obspy
    >>> instrument(obspy.Trace(header={"network": "XX", "station": "A", "channel": "HHZ"}))
    ('XX', 'A', '', 'HH')
    """
    s = trace.stats
    return str(s.network), str(s.station), str(s.location), str(s.channel)[:-1]
