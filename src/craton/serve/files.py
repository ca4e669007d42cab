"""miniSEED files as a feed: played at a multiple of real time, or watched as they grow."""

from __future__ import annotations

import heapq
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from craton.errors import DataError
from craton.io._miniseed import scan
from craton.io.problems import Problem, counted, moment
from craton.serve.packets import Instrument, Packet, Tell
from craton.serve.settings import Feed, Wanted

BILLION = 1_000_000_000
CHUNK = 4 << 20
"""Bytes of a file that are looked at in one go."""
AT_ONCE = 256
"""Packets that are given on together, where so many are due."""
SHORTEST = 128
"""Bytes of the shortest record; its length stands further on than its header."""
_ROW = np.dtype([("end", "i8"), ("start", "i8"), ("offset", "i8"), ("length", "i4")])


@dataclass
class _File:
    """A file, how far it was looked through, and its records that were not given yet."""

    path: Path
    offset: int = 0
    last: int = 0
    rows: NDArray[Any] = field(default_factory=lambda: np.empty(0, _ROW))
    earliest: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    at: int = 0
    block: tuple[int, bytes] = (0, b"")

    def bytes_of(self, row: Any) -> bytes:
        """A record; read in larger pieces, as most follow each other."""
        begin, length = int(row["offset"]), int(row["length"])
        first, raw = self.block
        if not first <= begin <= begin + length <= first + len(raw):
            self.block = first, raw = begin, _read(self.path, begin, max(length, 1 << 16))
        return raw[begin - first : begin - first + length]

    def take(self, rows: NDArray[Any]) -> None:
        """Have these records given, in the order in which they end."""
        self.rows, self.at = rows[np.argsort(rows["end"], kind="stable")], 0
        # of each record and all that follow it
        self.earliest = np.minimum.accumulate(self.rows["start"][::-1])[::-1]

    def next(self) -> int | None:
        """Move on to the next record, tell its end; let go of all when there is none."""
        self.at += 1
        if self.at < len(self.rows):
            return int(self.rows[self.at]["end"])
        self.rows, self.at, self.block = np.empty(0, _ROW), 0, (0, b"")
        return None


def _read(path: Path, offset: int, size: int) -> bytes:
    """Bytes of a file; none where it cannot be read."""
    try:
        with open(path, "rb") as stream:
            stream.seek(offset)
            return stream.read(size)
    except OSError:
        return b""


class Files:
    """Records of miniSEED files, in the order in which they were complete.

    Parameters
    ----------
    path : Path
        File, folder, or root of an SDS archive.
    feed : Feed
        ``speed`` makes it a replay, which ends; otherwise files are watched.
    wanted : Wanted
        Channels.
    tell : callable
        Takes problems.
    since : mapping of Instrument to int
        Time in ns before which nothing is needed, after a restart.
    state : mapping
        As `state` gave it.

    Raises
    ------
    DataError
        If there is no such path.
    """

    def __init__(
        self, path: Path, feed: Feed, wanted: Wanted, tell: Tell,
        since: Mapping[Instrument, int], state: Mapping[str, Any],
    ) -> None:  # fmt: skip
        _there(path)
        self.path, self.feed, self.wanted, self.tell = path, feed, wanted, tell
        self.pace = 0.0 if feed.speed == "max" else feed.speed
        self.since = {".".join(k): v for k, v in since.items()}
        begin = None if feed.begin is None else moment(feed.begin, "begin")
        self.begin = -(1 << 62) if begin is None else int(begin.astype(np.int64))
        self.before: Mapping[str, Any] = dict(state.get("files", {}))
        self.files: dict[str, _File] = {}
        self.unseen: list[tuple[int, str]] = []
        self.heads: list[tuple[int, str]] = []
        self.began: tuple[float, int] | None = None
        self.newest: int | None = None

    def batches(self) -> Iterator[list[Packet]]:
        """Packets that are due; waits for the time of a replay, or for files to grow."""
        quiet = 0.0
        self._look()
        while True:
            packets = self._due()
            if packets:
                quiet = 0.0
                yield packets
            elif self.heads or self.unseen:  # of a replay, not due yet
                yield []
                time.sleep(min(self.feed.poll, 0.02))
            elif self.pace is not None:
                return
            elif not self._look():
                if self.feed.idle is not None and quiet > self.feed.idle:
                    return
                yield []
                time.sleep(self.feed.poll)
                quiet += self.feed.poll

    def now(self) -> int | None:
        """The clock; in a replay the time that it has come to."""
        if self.pace is None:
            return time.time_ns()
        if self.pace and self.began is not None:
            return self.began[1] + round((time.monotonic() - self.began[0]) * self.pace * 1e9)
        return self.newest

    def waiting(self) -> int | None:
        """Begin (ns) of the earliest record that is known but not given yet."""
        begins = [int(self.files[n].earliest[self.files[n].at]) for _, n in self.heads]
        begins += [begin for begin, _ in self.unseen[:1]]
        return min(begins, default=None)

    def state(self, since: Mapping[Instrument, int]) -> dict[str, Any]:
        """How far each file was looked through, and where its last record ends."""
        found = {n: [f.offset, f.last] for n, f in self.files.items() if f.offset}
        return {"files": {**self.before, **found}}

    def close(self) -> None:
        """Nothing is open between two reads."""

    def _name(self, path: Path) -> str:
        return path.name if path == self.path else str(path.relative_to(self.path))

    def _due(self) -> list[Packet]:
        """The next packets, as many as are due."""
        packets: list[Packet] = []
        while len(packets) < AT_ONCE:
            while self.unseen and (not self.heads or self.unseen[0][0] <= self.heads[0][0]):
                self._scan(self.files[heapq.heappop(self.unseen)[1]])
            if not self.heads:
                break
            end, name = self.heads[0]
            arrived = time.monotonic()
            if self.pace:
                self.began = self.began or (arrived, end)
                due = self.began[0] + (end - self.began[1]) / self.pace / 1e9
                if due > arrived:
                    break
                arrived = due
            file = self.files[name]
            packets.append(Packet(file.bytes_of(file.rows[file.at]), arrived))
            self.newest = end if self.newest is None else max(end, self.newest)
            following = file.next()
            if following is None:
                heapq.heappop(self.heads)
            else:
                heapq.heapreplace(self.heads, (following, name))
        return packets

    def _look(self) -> bool:
        """Look for new files and for more in those that are known; whether there was any."""
        found = False
        for path in _walk(self.path):
            name = self._name(path)
            try:
                size = path.stat().st_size
            except OSError:  # gone since
                continue
            known = self.files.get(name)
            if known is None:
                known = self.files[name] = _File(path)
                found |= self._meet(name, known, size)
            elif size > known.offset and not any(n == name for _, n in self.unseen):
                found |= self._scan(known)
            elif size < known.offset:
                text = "is shorter than it was; read from its beginning"
                self.tell(Problem("warning", "shorter", text, str(path)))
                known.offset = known.last = 0
                found |= self._scan(known)
        return found

    def _meet(self, name: str, file: _File, size: int) -> bool:
        """A file that is new: it is looked through when the feed has come to its first record."""
        offset, last = self.before.get(name, (0, 0))
        if offset and size >= offset and last < min(self.since.values(), default=0):
            file.offset, file.last = offset, last
            return size > offset and self._scan(file)
        records, _ = scan(_read(file.path, 0, 1 << 16), str(file.path))
        if not len(records):
            return self._scan(file)
        heapq.heappush(self.unseen, (int(records["start"].min()), name))
        return True

    def _scan(self, file: _File) -> bool:
        """Find the records that were not there before; whether there are any that are wanted."""
        found = []
        while raw := _read(file.path, file.offset, CHUNK):
            used, records = self._records(raw, str(file.path))
            found.append(self._rows(records, file.offset))
            file.offset += used
            if not used or len(raw) < CHUNK:
                break
        rows = np.concatenate([file.rows[file.at :], *found])
        if not sum(map(len, found)):
            return False
        file.take(rows)
        file.last = max(file.last, int(rows["end"].max()))
        name = self._name(file.path)
        self.heads = [(e, n) for e, n in self.heads if n != name]
        self.heads.append((int(file.rows[0]["end"]), name))
        heapq.heapify(self.heads)
        return True

    def _records(self, raw: bytes, where: str) -> tuple[int, NDArray[Any]]:
        """How many bytes are done with, and the records in them."""
        records, problems = scan(raw, where)
        used = int(records["offset"][-1] + records["length"][-1]) if len(records) else 0
        begun = any(p.kind == "truncated" for p in problems)
        if not used and (begun or len(raw) < SHORTEST) and self.pace is None:
            return 0, records  # it may still be written
        if not used:
            text = f"{len(raw)} bytes are no whole miniSEED record; left out"
            self.tell(Problem("warning", "unreadable record", text, where))
            return len(raw), records
        last = len(raw) < CHUNK and self.pace is not None
        for problem in problems if last else scan(raw[:used], where)[1] if problems else []:
            self.tell(problem)
        return used, records

    def _rows(self, records: NDArray[Any], offset: int) -> NDArray[Any]:
        """The records with samples that are wanted and still needed."""
        names, inverse = np.unique(records["id"], return_inverse=True)
        takes = np.array([self.wanted.takes(n) for n in names.tolist()], bool)
        since = np.array([self.since.get(n[:-1], self.begin) for n in names.tolist()], np.int64)
        rows = np.empty(len(records), _ROW)
        seconds = records["samples"] / np.where(records["rate"] > 0, records["rate"], 1.0)
        rows["start"] = records["start"]
        rows["end"] = records["start"] + (seconds * BILLION).astype(np.int64)
        rows["offset"], rows["length"] = records["offset"] + offset, records["length"]
        keep = takes[inverse] & (rows["end"] > since[inverse]) & (records["samples"] > 0)
        return rows[keep]


def glance(path: Path, wanted: Wanted) -> str:
    """What a look of a second at most finds in files, as one line.

    Raises
    ------
    DataError
        If there is no such path.
    """
    _there(path)
    until, names, begin = time.monotonic() + 1.0, set(), None
    paths = list(_walk(path))
    for one in paths:
        records, _ = scan(_read(one, 0, 1 << 20), str(one))
        takes = [wanted.takes(n) for n in records["id"].tolist()]
        records = records[np.array(takes, bool)]
        if len(records):
            names |= {".".join(n.split(".")[:2]) for n in records["id"].tolist()}
            first = int(records["start"].min())
            begin = first if begin is None else min(begin, first)
        if time.monotonic() > until:
            break
    told = f"{path}: {counted(len(paths), 'file')}, {counted(len(names), 'station')} so far"
    return told if begin is None else f"{told}, from {np.datetime64(begin, 'ns')!s:.19}"


def _there(path: Path) -> None:
    if not path.exists():
        raise DataError(
            "there is no such file or folder", where=str(path),
            fix="check the path; a server is named seedlink://HOST:PORT",
        )  # fmt: skip


def _walk(root: Path) -> Iterator[Path]:
    if root.is_file():
        yield root
        return
    for folder, folders, names in os.walk(root, followlinks=True):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        yield from (Path(folder) / n for n in sorted(names) if not n.startswith("."))
