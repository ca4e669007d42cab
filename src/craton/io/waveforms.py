"""Continuous waveforms: miniSEED, SAC and SLIST from files, folders, archives and SDS trees."""

from __future__ import annotations

import fnmatch
import gzip
import os
import re
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from craton.errors import DataError
from craton.io._miniseed import channels_of, may_be_miniseed, read_miniseed, scan
from craton.io._traces import read_sac, read_slist, sac_order
from craton.io.problems import Problem, moment, need_obspy
from craton.io.segments import clip, join, usable

MAX_FILE = 2 << 30
"""Largest file, after decompression, that is taken into memory, in bytes."""
_SDS = re.compile(r"([^.]+)\.([^.]+)\.([^.]*)\.([^.]+)\.[A-Z]\.(\d{4})\.(\d{3})$")
_PEEK = 1 << 20
_DAY = np.timedelta64(1, "D")


@dataclass(frozen=True)
class Selection:
    """Which channels and which time to read; names may hold ``*``, ``?`` and commas.

    Examples
    --------
    >>> Selection(channel="HH?,EHZ").takes("XX", "AAA", "", "EHZ")
    True
    """

    network: str = "*"
    station: str = "*"
    location: str = "*"
    channel: str = "*"
    start: np.datetime64 | None = None
    end: np.datetime64 | None = None

    def takes(self, network: str, station: str, location: str, channel: str) -> bool:
        """Whether a channel is selected."""
        return (
            _like(network, self.network)
            and _like(station, self.station)
            and _like(location, self.location)
            and _like(channel, self.channel)
        )

    def records(self, table: NDArray[Any]) -> NDArray[np.bool_]:
        """Rows of a table of miniSEED records that are selected, a little more at the ends."""
        unique, inverse = np.unique(table["id"], return_inverse=True)
        wanted = np.array([self.takes(*u.split(".", 3)) for u in unique.tolist()])[inverse]
        rate = np.where(table["rate"] > 0, table["rate"], 1.0)
        begin, length = table["start"].astype(float), table["samples"] / rate * 1e9
        if self.start is not None:
            wanted &= begin + length >= float(self.start.astype(np.int64)) - 1e9
        if self.end is not None:
            wanted &= begin <= float(self.end.astype(np.int64)) + 1e9
        return np.asarray(wanted)


@dataclass
class Waveforms:
    """Waveforms as they came, and what was wrong with them.

    Attributes
    ----------
    stream : obspy.Stream
        Segments without gaps, overlaps and masks, by channel and time. ``trace.stats.source``
        names the file that the segment (its first part) came from.
    problems : list of Problem
        All that was found and got over while reading.
    """

    stream: Any
    problems: list[Problem] = field(default_factory=list)


def read_waveforms(
    path: str | Path,
    *,
    network: str = "*",
    station: str = "*",
    location: str = "*",
    channel: str = "*",
    start: Any = None,
    end: Any = None,
) -> Waveforms:
    """Read waveforms, whatever is sound of them.

    Parameters
    ----------
    path : str or Path
        miniSEED, SAC or SLIST, also gzip-compressed; a tar archive of such files; a folder of
        them; or the root of an SDS archive (``YEAR/NET/STA/CHAN.TYPE``), of which only the files
        that can hold what is selected are opened. The format is told by the bytes, not the name.
    network, station, location, channel : str
        Names to take, with ``*`` and ``?``; several with commas. ``--`` is the empty location.
    start, end : time, optional
        From `start` on and before `end` (UTC): text, numpy, pandas, datetime or ``UTCDateTime``.

    Returns
    -------
    Waveforms
        The stream and all problems: what was left out, gaps, overlaps, clock jumps.

    Raises
    ------
    DataError
        If nothing usable is there or selected, or `start` is not before `end`.
    MissingExtraError
        If ObsPy is not installed.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.slist"
    >>> head = "TIMESERIES XX_AAA__HHZ_D, 3 samples, 10 sps, 2020-01-01T00:00:00, SLIST, FLOAT, M"
    >>> _ = path.write_text(head + "\\n1.5 2.5 3.5\\n")
    >>> read_waveforms(path).stream[0].data.tolist()
    [1.5, 2.5, 3.5]
    """
    first = None if start is None else moment(start, "start")
    last = None if end is None else moment(end, "end")
    select = Selection(network, station, location, channel, first, last)
    obspy = need_obspy()
    problems: list[Problem] = []
    traces: list[Any] = []
    for found in read_each(path, select):
        traces += found.stream.traces
        problems += found.problems
    problems = _gathered(problems, str(path))
    if not traces:
        raise _nothing(str(path), select, problems)
    segments, more = join(traces)
    return Waveforms(obspy.Stream(segments), problems + more)


def read_each(path: str | Path, select: Selection | None = None) -> Iterator[Waveforms]:
    """Read file by file, so that a large folder or archive never lies in memory as a whole.

    Parameters
    ----------
    path : str or Path
        As in `read_waveforms`.
    select : Selection, optional
        Which channels and time.

    Yields
    ------
    Waveforms
        One a file; its stream may be empty. Segments are not joined.

    Raises
    ------
    DataError
        If there is no such path, or the selected time is empty.
    """
    select = select or Selection()
    if select.start is not None and select.end is not None and select.start >= select.end:
        raise DataError(
            f"the start {select.start} is not before the end {select.end}", fix="exchange them"
        )
    obspy = need_obspy()
    for name, raw, told in _files(Path(path), select):
        if told is not None or raw is None:
            yield Waveforms(obspy.Stream(), [told] if told else [])
            continue
        traces, problems = read_bytes(raw, name, select)
        yield Waveforms(obspy.Stream(traces), problems)


def waveform_contents(path: str | Path, select: Selection | None = None) -> pd.DataFrame:
    """List what a path holds, without decoding miniSEED: so that it can be read part by part.

    Parameters
    ----------
    path : str or Path
        As in `read_waveforms`.
    select : Selection, optional
        Which channels and time.

    Returns
    -------
    pandas.DataFrame
        A row a file, channel and sampling rate: ``network, station, location, channel, rate,
        start, end`` (of the first and after the last sample, datetime64[ns]), ``samples`` (gaps not
        counted), ``file``. ``attrs["problems"]`` lists files that could not be read.

    Raises
    ------
    DataError
        If there is no such path.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.slist"
    >>> head = "TIMESERIES XX_AAA__HHZ_D, 3 samples, 10 sps, 2020-01-01T00:00:00, SLIST, FLOAT, M"
    >>> _ = path.write_text(head + "\\n1.5 2.5 3.5\\n")
    >>> waveform_contents(path)[["station", "rate", "samples"]].values.tolist()
    [['AAA', 10.0, 3]]
    """
    select, rows = select or Selection(), []
    problems: list[Problem] = []
    for name, raw, told in _files(Path(path), select):
        if told is not None or raw is None:
            problems += [told] if told else []
            continue
        plain = raw[:10] == b"TIMESERIES" or sac_order(raw)
        records: NDArray[Any] = np.empty(0) if plain else scan(raw, name)[0]
        if records.size:
            listed, more = channels_of(records, name, select.records)
            rows += listed
            problems += more
            continue
        traces, more = read_bytes(raw, name, select)
        problems += more
        for t in traces:
            rate, begin = float(t.stats.sampling_rate), int(t.stats.starttime.ns)
            end, n = begin + round(t.stats.npts / rate * 1e9), int(t.stats.npts)
            rows.append((*t.id.split(".", 3), rate, begin, end, n, name))
    names = ("network", "station", "location", "channel", "rate", "start", "end", "samples", "file")
    found = pd.DataFrame(rows, columns=names)
    found[["start", "end"]] = found[["start", "end"]].astype("datetime64[ns]")
    found.attrs["problems"] = _gathered(problems, str(path))
    return found


def read_bytes(
    raw: bytes, where: str, select: Selection | None = None
) -> tuple[list[Any], list[Problem]]:
    """Read a file that is in memory; the format is told by a look at its bytes.

    Returns
    -------
    list of obspy.Trace, list of Problem
    """
    select = select or Selection()
    if raw[:10] == b"TIMESERIES":
        found = read_slist(raw, where)
    elif sac_order(raw):
        found = read_sac(raw, where)
    elif raw[:3] == b"MS\x03":
        text = "is miniSEED 3, miniSEED 2 is read; left out"
        return [], [Problem("warning", "unknown format", text, where)]
    else:
        found = read_miniseed(raw, where, select.records) or ([], [_unknown(where)])
    traces, problems = found
    traces, more = usable(traces, where)
    kept = []
    for trace in traces:
        s = trace.stats
        if select.takes(s.network, s.station, s.location, s.channel):
            cut = clip(trace, select.start, select.end)
            if cut is not None:
                cut.stats.source = where
                kept.append(cut)
    return kept, problems + more


def _unknown(where: str) -> Problem:
    text = "is none of miniSEED, SAC and SLIST; left out"
    return Problem("warning", "unknown format", text, where)


def _like(name: str, patterns: str) -> bool:
    wanted = [p.strip() for p in patterns.split(",")]
    return any(fnmatch.fnmatchcase(name, "" if p == "--" else p) for p in wanted)


def _files(path: Path, select: Selection) -> Iterator[tuple[str, bytes | None, Problem | None]]:
    """Name and bytes of each file, or the problem with it."""
    if path.is_dir():
        paths = list(_walk(path, select))
        if not paths:
            raise DataError(
                "no file in this folder can hold what is selected", where=str(path),
                fix="name a folder of miniSEED, SAC or SLIST, or select more",
            )  # fmt: skip
    elif path.is_file():
        paths = [path]
    else:
        raise DataError("there is no such file or folder", where=str(path), fix="check the path")
    for one in paths:
        if re.search(r"\.(tar|tgz|tar\.\w+)$", one.name.lower()):
            yield from _members(one)
        else:
            yield str(one), *_bytes(one)


def _bytes(path: Path) -> tuple[bytes | None, Problem | None]:
    try:
        with open(path, "rb") as stream:
            zipped = stream.read(2) == b"\x1f\x8b"
        opener: Any = gzip.open if zipped else open
        with opener(path, "rb") as stream:
            raw = stream.read(_PEEK)
            known = raw[:10] == b"TIMESERIES" or raw[:3] == b"MS\x03" or sac_order(raw)
            if len(raw) == _PEEK and not known and not may_be_miniseed(raw):
                return None, _unknown(str(path))  # a large file of another kind is not read
            raw += stream.read(MAX_FILE + 1 - len(raw))
    except (OSError, EOFError, zlib.error) as error:
        text = f"cannot be read to its end ({error}); left out"
        return None, Problem("warning", "unreadable file", text, str(path))
    if len(raw) > MAX_FILE:
        text = f"is larger than {MAX_FILE} bytes; left out: cut it by days"
        return None, Problem("warning", "too large", text, str(path))
    return raw, None


def _members(path: Path) -> Iterator[tuple[str, bytes | None, Problem | None]]:
    try:
        with tarfile.open(path, "r:*") as archive:
            for member in archive:
                name = f"{path}/{member.name}"
                if not member.isfile():
                    continue
                if member.size > MAX_FILE:
                    text = f"is larger than {MAX_FILE} bytes; left out"
                    yield name, None, Problem("warning", "too large", text, name)
                    continue
                stream = archive.extractfile(member)
                yield name, stream.read(member.size) if stream else b"", None
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        text = f"is an archive that cannot be read to its end ({error})"
        yield str(path), None, Problem("warning", "unreadable file", text, str(path))


def _walk(root: Path, select: Selection) -> Iterator[Path]:
    """Files below a folder that can hold what is selected, by the names of an SDS archive."""
    first, last = select.start, select.end
    seen = set()  # archives lie on several disks, joined by links, which may lead back
    for folder, folders, names in os.walk(root, followlinks=True):
        here = os.stat(folder)
        if (here.st_dev, here.st_ino) in seen:
            folders[:] = []
            continue
        seen.add((here.st_dev, here.st_ino))
        folders[:] = sorted(d for d in folders if not d.startswith("."))
        if Path(folder) == root and folders and all(re.fullmatch(r"\d{4}", d) for d in folders):
            early = "0000" if first is None else str(first - _DAY)[:4]
            late = "9999" if last is None else str(last)[:4]
            folders[:] = [d for d in folders if early <= d <= late]
        for name in sorted(names):
            parts = _SDS.match(name)
            if parts is not None:
                if not select.takes(*parts.groups()[:4]):
                    continue
                begin = np.datetime64(f"{parts[5]}-01-01", "ns") + (int(parts[6]) - 1) * _DAY
                # A record that begins before midnight lies whole in the file of its day.
                if (first is not None and begin + _DAY + np.timedelta64(12, "h") <= first) or (
                    last is not None and begin >= last + np.timedelta64(1, "h")
                ):
                    continue
            if not name.startswith("."):
                yield Path(folder) / name


def _gathered(problems: list[Problem], where: str) -> list[Problem]:
    """Files of another kind as one problem, when there are many."""
    other = [p for p in problems if p.kind == "unknown format"]
    if len(other) < 4:
        return problems
    text = (
        f"{len(other)} files are none of miniSEED, SAC and SLIST (first {other[0].where}); left out"
    )
    kept = [p for p in problems if p.kind != "unknown format"]
    return [*kept, Problem("warning", "unknown format", text, where)]


def _nothing(where: str, select: Selection, problems: list[Problem]) -> DataError:
    told = "; ".join(str(p) for p in problems[:3]) or "no sample is selected"
    asked = [f"{k} {v}" for k, v in vars(select).items() if v is not None and v != "*"]
    return DataError(
        f"nothing usable was read{' of ' + ', '.join(asked) if asked else ''} ({told})",
        where=where,
        fix="give miniSEED, SAC or SLIST with samples of the channels and time asked for",
    )
