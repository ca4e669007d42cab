"""One instrument's packets brought into order of time, all its channels together."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from craton.io.segments import trace_of

BILLION = 1_000_000_000
FORGET_S = 600.0
"""Seconds without data after which a channel is no longer waited for."""
JUMP_S = 60.0
"""Seconds ahead of all others, at least, from which on a packet needs another one to follow it."""
AHEAD_S = 60.0
"""Seconds that a packet may lie ahead of the clock."""


class _Piece(NamedTuple):
    """Samples in a row, ``start`` in ns."""

    start: int
    rate: float
    data: NDArray[Any]
    stats: Any

    @property
    def end(self) -> int:
        return self.start + round(len(self.data) * BILLION / self.rate)

    def at(self, time: int) -> int:
        """The first sample at or after a time, forgiving a hundredth of a sample."""
        at = math.ceil((time - self.start) * self.rate / BILLION - 0.01)
        return min(max(at, 0), len(self.data))

    def cut(self, first: int, last: int) -> _Piece:
        start = self.start + round(first * BILLION / self.rate)
        return self._replace(start=start, data=self.data[first:last])


class _Channel:
    """What waits of a channel, and how far it has been given on."""

    def __init__(self) -> None:
        self.pieces: list[_Piece] = []
        self.given: list[tuple[int, int]] = []
        self.end = 0
        self.head: tuple[int, int, float] | None = None

    def place(self, piece: _Piece) -> _Piece:
        """Count the time of a piece that follows from the first of its row: no rounding adds up."""
        if self.head is not None:
            start, count, rate = self.head
            told = start + round(count * BILLION / rate)
            if rate == piece.rate and abs(piece.start - told) < 0.5 * BILLION / rate:
                self.head = start, count + len(piece.data), rate
                return piece._replace(start=told)
        if self.head is None or piece.start >= self.end:
            self.head = piece.start, len(piece.data), piece.rate
        return piece

    def missing(self, piece: _Piece) -> list[_Piece]:
        """The parts of a piece that nothing covers yet."""
        found = []
        for other in self.pieces:
            if other.end <= piece.start:
                continue
            if other.start >= piece.end:
                break
            found.append(piece.cut(0, piece.at(other.start)))
            piece = piece.cut(piece.at(other.end), len(piece.data))
        return [p for p in (*found, piece) if len(p.data)]

    def give(self, piece: _Piece) -> None:
        """Note what was given on; of the runs without a hole the last hundred are remembered."""
        if self.given and piece.start <= self.given[-1][1] + BILLION / piece.rate / 2:
            self.given[-1] = self.given[-1][0], max(self.given[-1][1], piece.end)
        else:
            self.given = [*self.given[-99:], (piece.start, piece.end)]

    def known(self, start: int, end: int) -> int:
        """How much of a time was given on, ns."""
        return sum(max(0, min(end, b) - max(start, a)) for a, b in self.given)

    def reach(self, frontier: int) -> int:
        """The time up to which there is no hole from `frontier` on."""
        at = frontier
        for piece in self.pieces:
            if piece.start > at + BILLION / piece.rate / 2:
                break
            at = max(at, piece.end)
        return at


class Aligner:
    """Packets of one instrument in any order in, its record in order of time out.

    What lies before the frontier is complete and given on, once. The frontier moves with the
    slowest channel, but lags behind the newest sample by `wait` and the longest packet at most. So
    it depends on what the packets hold and on their order alone, not on when they come.

    Parameters
    ----------
    wait : float
        Seconds of the record.
    since : int, optional
        Time in ns before which nothing is wanted, after a restart.

    Attributes
    ----------
    told : Counter
        Nanoseconds that came ``again``, too ``late``, ``ahead`` of the clock, or stood out as a
        ``clock jump``.
    newest : int or None
        End of the newest sample, ns.

    Examples
    --------
    >>> import obspy
    >>> aligner = Aligner(wait=5.0)
    >>> for start in (0, 20, 10, 30, 40):
    ...     header = {"channel": "HHZ", "starttime": obspy.UTCDateTime(start)}
    ...     aligner.put(obspy.Trace(np.full(10, start), header))
    >>> [int(v) for trace in aligner.release() for v in trace.data[::10]]
    [0, 10, 20, 30, 40]
    """

    def __init__(self, wait: float, since: int | None = None) -> None:
        self.wait = round(wait * BILLION)
        self.jump = round(max(wait, JUMP_S) * BILLION)
        self.longest = 0
        self.frontier = self.since = since
        self.first: int | None = None
        self.newest: int | None = None
        self.channels: dict[str, _Channel] = {}
        self.doubted: dict[str, Any] = {}
        self.told: Counter[str] = Counter()

    def put(self, trace: Any, clock: int | None = None) -> None:
        """Take a packet; `clock` is the time that no sample may be after, in ns."""
        begin, end = int(trace.stats.starttime.ns), int(trace.stats.endtime.ns)
        name = str(trace.stats.channel)
        if clock is not None and end > clock + AHEAD_S * BILLION:
            self.told["ahead"] += end - begin
            return
        if self.doubted and self.newest is not None:
            if begin <= self.newest + self.wait:
                self.told["clock jump"] += sum(
                    int(t.stats.endtime.ns - t.stats.starttime.ns) for t in self.doubted.values()
                )
                self.doubted = {}
            elif name in self.doubted:
                self._believe()
        if self.newest is not None and begin > self.newest + self.jump:
            self.doubted[name] = trace
            return
        self._accept(trace)

    def _believe(self) -> None:
        """A second packet followed: what jumped ahead was a gap."""
        doubted, self.doubted = list(self.doubted.values()), {}
        for trace in sorted(doubted, key=lambda t: int(t.stats.starttime.ns)):
            self._accept(trace)

    def _accept(self, trace: Any) -> None:
        channel = self.channels.setdefault(str(trace.stats.channel), _Channel())
        rate = float(trace.stats.sampling_rate)
        whole = _Piece(int(trace.stats.starttime.ns), rate, np.asarray(trace.data), trace.stats)
        whole = channel.place(whole)
        self.longest = max(self.longest, whole.end - whole.start)
        piece = whole
        if self.frontier is not None and piece.start < self.frontier:
            piece = piece.cut(piece.at(self.frontier), len(piece.data))
            begin = whole.start if self.since is None else max(whole.start, self.since)
            end = max(begin, piece.start)
            known = channel.known(begin, end)
            self.told["again"] += known
            late = end - begin - known
            if late > 0.99 * BILLION / rate:  # less holds no sample: a restart fell between two
                self.told["late"] += late
        fresh = channel.missing(piece) if len(piece.data) else []
        twice = len(piece.data) - sum(len(p.data) for p in fresh)
        self.told["again"] += round(twice * BILLION / rate)
        channel.pieces = sorted([*channel.pieces, *fresh], key=lambda p: p.start)
        channel.end = max(channel.end, whole.end)
        self.first = whole.start if self.first is None else self.first
        self.newest = whole.end if self.newest is None else max(self.newest, whole.end)

    def release(self, waiting: int | None = None) -> list[Any]:
        """The traces up to the frontier, which is moved on first.

        `waiting` is the begin (ns) of the earliest samples that are sure to come.
        """
        if self.newest is None or self.first is None:
            return []
        shown = self.newest - self.wait >= self.first  # by now all channels have shown themselves
        if shown or self.frontier is not None:
            # a channel of long packets is that much behind one of short packets, always
            ahead = self.newest - self.wait - self.longest
            ahead = ahead if waiting is None else min(ahead, waiting)
            frontier = least = max(ahead, -(1 << 62) if self.frontier is None else self.frontier)
            if shown:
                awaited = [
                    c.reach(least)
                    for c in self.channels.values()
                    if c.end > self.newest - FORGET_S * BILLION
                ]
                frontier = min(awaited) if waiting is None else min(*awaited, waiting)
                frontier = max(least, frontier)
            self.frontier = frontier
        return [] if self.frontier is None else self._cut(self.frontier)

    def finish(self) -> list[Any]:
        """All that waits."""
        self._believe()
        if self.newest is None:
            return []
        self.frontier = self.newest
        return self._cut(self.newest)

    def _cut(self, until: int) -> list[Any]:
        import obspy

        found = []
        for channel in self.channels.values():
            kept = []
            for piece in channel.pieces:
                at = piece.at(until)
                if at:
                    channel.give(piece.cut(0, at))
                    trace = trace_of(piece.data[:at], piece.stats)
                    trace.stats.sampling_rate = piece.rate
                    trace.stats.starttime = obspy.UTCDateTime(ns=piece.start)
                    found.append(trace)
                if at < len(piece.data):
                    kept.append(piece.cut(at, len(piece.data)))
            channel.pieces = kept
        return found

    def seconds(self) -> dict[str, float]:
        """What was told so far, in seconds, but for what rounding makes."""
        return {k: v / BILLION for k, v in self.told.items() if v > BILLION // 1000}
