"""miniSEED record by record: what is wrong is named and left out, the rest is decoded by ObsPy."""

from __future__ import annotations

import io
import re
import struct
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from craton.io.problems import Problem, need_obspy
from craton.io.segments import impossible

_HEADER = np.dtype([
    ("sequence", "S6"), ("quality", "S1"), ("reserved", "S1"), ("station", "S5"),
    ("location", "S2"), ("channel", "S3"), ("network", "S2"), ("year", "u2"), ("day", "u2"),
    ("hour", "u1"), ("minute", "u1"), ("second", "u1"), ("unused", "u1"), ("fraction", "u2"),
    ("samples", "u2"), ("factor", "i2"), ("multiplier", "i2"), ("activity", "u1"),
    ("io", "u1"), ("clock", "u1"), ("blockettes", "u1"), ("correction", "i4"), ("data", "u2"),
    ("first", "u2"),
])  # fmt: skip
_RECORD = np.dtype([
    ("offset", "i8"), ("length", "i8"), ("flag", "i8"), ("little", "?"), ("header_little", "?"),
    ("encoding", "i2"), ("samples", "i4"), ("data", "i4"), ("rate", "f8"), ("start", "i8"),
    ("id", "U15"),
])  # fmt: skip
_START = re.compile(rb"[0-9 \x00]{6}[DRQM][ \x00]")
# Most samples that a byte of data can hold; SEED manual 2.4, blockette 1000.
_PER_BYTE = {1: 0.5, 3: 0.25, 4: 0.25, 5: 0.125, 10: 1, 11: 1.75, 12: 0.34, 13: 0.5, 14: 0.5,
             16: 0.5, 30: 0.5}  # fmt: skip
_PLAIN = {1: "i2", 3: "i4", 4: "f4", 5: "f8"}
_LEAST_STEPS = 8
Wanted = Callable[[NDArray[Any]], NDArray[np.bool_]]


def read_miniseed(raw: bytes, where: str, wanted: Wanted) -> tuple[list[Any], list[Problem]] | None:
    """Decode the records that are sound and wanted; None if there is no record at all.

    Parameters
    ----------
    raw : bytes
        The file.
    where : str
        Its name in messages.
    wanted : callable
        From the table of records (id; start in ns since 1970, samples, rate) to a mask.

    Returns
    -------
    list of obspy.Trace, list of Problem
        Traces as ObsPy joins the records; empty if no record can be used.
    """
    records, problems = scan(raw, where)
    if not records.size:
        return None
    records, more = consistent(records, where)
    problems += more + _unusable(records, where)
    sound = np.isin(records["encoding"], list(_PER_BYTE)) & (records["samples"] > 0)
    room = np.array([_PER_BYTE.get(int(e), 0.0) for e in range(256)])
    encoding = np.clip(records["encoding"], 0, 255)
    fits = records["samples"] <= (records["length"] - records["data"]) * room[encoding]
    if (lost := int((sound & ~fits).sum())) > 0:
        text = f"{lost} records claim more samples than their bytes can hold; they were left out"
        problems.append(Problem("warning", "unreadable record", text, where))
    records = records[sound & fits]
    records = records[wanted(records)] if records.size else records
    if not records.size:
        return [], problems
    traces, more = _decode(raw, records, where)
    return traces, problems + more


def scan(raw: bytes, where: str) -> tuple[NDArray[Any], list[Problem]]:
    """Find the records of a file by their headers.

    Returns
    -------
    numpy.ndarray, list of Problem
        One row a record, and what lies between the records.
    """
    found, skipped, first, offset, problems = [], 0, -1, 0, []
    size = len(raw)
    while offset + 48 <= size:
        layout = _layout(raw, offset)
        if layout is None:
            hit = _START.search(raw, offset + 1)
            step = (hit.start() if hit else size) - offset
            skipped, first = skipped + step, offset if first < 0 else first
            offset += step
            continue
        if offset + layout[0] > size:
            text = f"ends {size - offset} bytes into a record of {layout[0]}; it was left out"
            problems.append(Problem("warning", "truncated", text, where))
            offset = size
            break
        rows = _run(raw, offset, *layout)
        found.append(rows)
        offset += layout[0] * len(rows)
    if offset < size and found:
        skipped, first = skipped + size - offset, offset if first < 0 else first
    if skipped and found:
        text = f"{skipped} bytes are no sound record (first at byte {first}); they were left out"
        problems.append(Problem("warning", "unreadable record", text, where))
    return np.concatenate(found) if found else np.empty(0, _RECORD), problems


def consistent(records: NDArray[Any], where: str) -> tuple[NDArray[Any], list[Problem]]:
    """Leave out channels whose header names another sampling rate than their records keep.

    The rate that records keep is their number of samples over the time to the next one. It is
    believed where it is the same, to one part in a hundred, for nine of ten records, and off the
    header's by more than a third; and where the records differ in length, or it is a whole number,
    so that cut-outs at equal distances are not taken for a record.
    """
    keep, problems = np.ones(len(records), bool), []
    keys, which = np.unique(records[["id", "rate"]], return_inverse=True)
    for k, key in enumerate(keys):
        rows = np.flatnonzero(which == k)
        rows = rows[np.argsort(records["start"][rows], kind="stable")]
        step, n = np.diff(records["start"][rows]), records["samples"][rows][:-1]
        good = (step > 0) & (n > 0)
        if good.sum() < _LEAST_STEPS or key["rate"] <= 0:
            continue
        kept = n[good] / step[good] * 1e9
        rate, told = float(np.median(kept)), float(key["rate"])
        same = np.mean(np.abs(kept / rate - 1) < 0.01) >= 0.9
        whole = rate > 0.5 and abs(rate / round(rate) - 1) < 1e-3
        if same and (whole or np.ptp(n[good]) > 0) and not 0.75 < rate / told < 4 / 3:
            keep[rows] = False
            text = (f"header says {told:g} Hz, its records follow each other at "
                    f"{round(rate) if whole else rate:.4g} Hz; left out ({where})")  # fmt: skip
            problems.append(Problem("warning", "sampling rate", text, str(key["id"])))
    return records[keep], problems


def channels_of(
    records: NDArray[Any], where: str, wanted: Wanted
) -> tuple[list[tuple[Any, ...]], list[Problem]]:
    """Channels of a file by their records: network, station, location, channel, rate, start, end
    (ns since 1970), samples, file; and what cannot be used of them.
    """
    records, problems = consistent(records[records["samples"] > 0], where)
    rows: list[tuple[Any, ...]] = []
    keys, which = np.unique(records[["id", "rate"]], return_inverse=True)
    for k, (channel, rate) in enumerate(keys.tolist()):
        own = records[which == k]
        begin, n = int(own["start"].min()), int(own["samples"].sum())
        told = impossible(rate, begin, float(own["samples"].max()))
        if told is not None:
            text = f"{n} samples: {told[1]}; left out ({where})"
            problems.append(Problem("warning", told[0], text, channel))
            continue
        own = own[wanted(own)]
        if len(own):
            end = int((own["start"] + own["samples"] / rate * 1e9).max())
            span = int(own["start"].min()), end, int(own["samples"].sum())
            rows.append((*channel.split(".", 3), rate, *span, where))
    return rows, problems


def may_be_miniseed(head: bytes) -> bool:
    """Whether a file with this beginning can be miniSEED, or a SEED volume with control headers."""
    if re.match(rb"\d{6}[VAST][ *]", head):
        return True
    return any(_layout(head, hit.start()) for hit in _START.finditer(head))


def _layout(raw: bytes, offset: int) -> tuple[int, bool, int] | None:
    """Length, whether the header is little-endian, and place of blockette 1000 (-1: none)."""
    if not _START.match(raw, offset):
        return None
    for little in (False, True):
        head = np.frombuffer(raw, _HEADER.newbyteorder("<" if little else ">"), 1, offset)
        if _plausible(head)[0] and _printable(np.frombuffer(raw, np.uint8, 48, offset)[None])[0]:
            break
    else:
        return None
    at, order = int(head["first"][0]), "<" if little else ">"
    for _ in range(int(head["blockettes"][0])):
        if at < 48 or offset + at + 8 > len(raw):
            break
        kind, following = struct.unpack_from(order + "HH", raw, offset + at)
        if kind == 1000:
            exponent = raw[offset + at + 6]
            if not 7 <= exponent <= 20:
                return None
            inside = max(int(head["data"][0]) + 1, at + 8)
            return (1 << exponent, little, at) if inside <= 1 << exponent else None
        if following <= at:
            break
        at = following
    for exponent in range(7, 17):  # without blockette 1000 the next header tells the length
        place = offset + (1 << exponent)
        if place == len(raw) or _START.match(raw, place):
            return 1 << exponent, little, -1
    return None


def _plausible(head: NDArray[Any]) -> NDArray[np.bool_]:
    good = (head["year"] >= 1900) & (head["year"] <= 2200)
    good &= (head["day"] >= 1) & (head["day"] <= 366) & (head["hour"] < 24)
    good &= (head["minute"] < 60) & (head["second"] <= 60) & (head["fraction"] < 10000)
    return np.asarray(good & ((head["data"] >= 48) | (head["samples"] == 0)))


def _printable(block: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Whether the names in a header are ASCII, without which ObsPy's library stumbles."""
    names = block[:, 8:20]
    return np.asarray((((names >= 32) & (names < 127)) | (names == 0)).all(axis=1))


def _run(raw: bytes, offset: int, length: int, little: bool, at: int) -> NDArray[Any]:
    """Records from `offset` on, as far as they have the length and layout of the first."""
    count = (len(raw) - offset) // length if at == 48 else 1
    block = np.frombuffer(raw, np.uint8, count * length, offset).reshape(count, length)
    dtype = _HEADER.newbyteorder("<" if little else ">")
    head = np.ascontiguousarray(block[:, :48]).view(dtype).ravel()
    if at == 48:
        good = (
            _plausible(head) & _printable(block) & (head["first"] == 48) & (head["data"] < length)
        )
        good &= np.isin(head["quality"], [b"D", b"R", b"Q", b"M"])
        good &= (block[:, 48:50] == block[0, 48:50]).all(axis=1) & (block[:, 54] == block[0, 54])
        good[0] = True
        count = count if good.all() else int(good.argmin())
        head, block = head[:count], block[:count]
    rows = np.zeros(count, _RECORD)
    rows["offset"] = offset + np.arange(count) * length
    rows["length"], rows["header_little"] = length, little
    rows["encoding"] = block[:, at + 4] if at > 0 else 10
    rows["little"] = block[:, at + 5] == 0 if at > 0 else little
    rows["flag"] = rows["offset"] + at + 5 if at > 0 else -1
    rows["samples"], rows["data"] = head["samples"], head["data"]
    names, inverse = np.unique(np.ascontiguousarray(block[:, 8:20]).view("S12").ravel(),
                               return_inverse=True)  # fmt: skip
    rows["id"] = np.array([_id(n) for n in names.tolist()])[inverse]
    rows["rate"], rows["start"] = _rates(head), _starts(head)
    return rows


def _id(name: bytes) -> str:
    """``NET.STA.LOC.CHA`` of the twelve bytes that hold station, location, channel, network."""
    text = name.decode("ascii").ljust(12)
    parts = (text[10:12], text[:5], text[5:7], text[7:10])
    return ".".join(part.strip(" \x00") for part in parts)


def _rates(head: NDArray[Any]) -> NDArray[np.float64]:
    """Samples a second from the factor and multiplier (SEED manual 2.4, chapter 8)."""
    factor, multiplier = head["factor"].astype(float), head["multiplier"].astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = np.where(factor > 0, factor, -1 / factor)
        rate = rate * np.where(multiplier > 0, multiplier, -1 / multiplier)
    known = (factor != 0) & (multiplier != 0)
    return np.asarray(np.where(known, rate, 0.0))


def _starts(head: NDArray[Any]) -> NDArray[np.int64]:
    years = (head["year"].astype(np.int64) - 1970).astype("datetime64[Y]")
    days = years.astype("datetime64[D]").astype(np.int64) + head["day"].astype(np.int64) - 1
    hour, minute = head["hour"].astype(np.int64), head["minute"].astype(np.int64)
    clock = (hour * 60 + minute) * 60 + head["second"]
    ticks = (days * 86400 + clock) * 10_000 + head["fraction"]
    applied = (head["activity"] & 2) > 0
    return np.asarray((ticks + np.where(applied, 0, head["correction"])) * 100_000)


def _unusable(records: NDArray[Any], where: str) -> list[Problem]:
    found = []
    empty = records["samples"] == 0
    if empty.any():
        text = f"{int(empty.sum())} records hold no samples (log, detection, state of health)"
        found.append(Problem("info", "no samples", text, where))
    other = ~empty & ~np.isin(records["encoding"], list(_PER_BYTE))
    for code in np.unique(records["encoding"][other]):
        n = int((other & (records["encoding"] == code)).sum())
        what = "hold text" if code == 0 else f"have the encoding {code}, which is not decoded"
        found.append(Problem("warning", "encoding", f"{n} records {what}; left out", where))
    return found


def _decode(raw: bytes, records: NDArray[Any], where: str) -> tuple[list[Any], list[Problem]]:
    """Decode all at once; where that fails, find the records at fault by halving."""
    ends = records["offset"] + records["length"]
    same_order = (records["little"] == records["header_little"]).all()
    if same_order and (ends[:-1] == records["offset"][1:]).all():
        traces = _attempt(raw[records["offset"][0] : ends[-1]])
        if traces is not None:
            return traces, []
    pieces = [raw[a:z] for a, z in zip(records["offset"], ends, strict=True)]
    odd = np.flatnonzero(records["little"] != records["header_little"])
    turned = {int(k) for k in odd if _wilder_than_turned(pieces[k], records[k])}
    for k in turned:
        pieces[k] = _turn(pieces[k], records[k])
    traces = _attempt(b"".join(pieces))
    problems, lost = [], 0
    if traces is None:
        stack, good = [(0, len(pieces))], np.zeros(len(pieces), bool)
        while stack:
            a, z = stack.pop()
            if (a, z) != (0, len(pieces)) and _attempt(b"".join(pieces[a:z])) is not None:
                good[a:z] = True
            elif z - a > 1:
                stack += [(a, (a + z) // 2), ((a + z) // 2, z)]
            elif records["flag"][a] >= 0 and _attempt(_turn(pieces[a], records[a])) is not None:
                pieces[a], good[a] = _turn(pieces[a], records[a]), True
                turned.add(a)
        lost = int((~good).sum())
        traces = _attempt(b"".join(p for p, ok in zip(pieces, good, strict=True) if ok)) or []
    if lost:
        text = f"{lost} of {len(pieces)} records cannot be decoded; they were left out"
        problems.append(Problem("warning", "unreadable record", text, where))
    if turned:
        text = f"{len(turned)} records are flagged with the wrong byte order; read with the other"
        problems.append(Problem("warning", "wrong byte order", text, where))
    return traces, problems


def _attempt(raw: bytes) -> list[Any] | None:
    """Traces, or None if ObsPy fails or doubts its result."""
    obspy = need_obspy()
    if not raw:
        return []
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            traces = list(obspy.read(io.BytesIO(raw), format="MSEED"))
        except Exception:  # whatever a library says of damaged bytes
            return None
    # "Inconsistent word order" only says that header and data differ in their order.
    doubts = [w for w in said if w.category.__name__ == "InternalMSEEDWarning"]
    return traces if all("word order" in str(w.message) for w in doubts) else None


def _turn(piece: bytes, record: NDArray[Any]) -> bytes:
    """The record with its flag of byte order turned over."""
    changed = bytearray(piece)
    at = int(record["flag"] - record["offset"])
    changed[at] = 0 if changed[at] else 1
    return bytes(changed)


def _wilder_than_turned(piece: bytes, record: NDArray[Any]) -> bool:
    """Whether plain numbers are far tamer when read in the other byte order."""
    kind = _PLAIN.get(int(record["encoding"]))
    if kind is None or record["flag"] < 0 or record["samples"] < 4:
        return False
    odd = []
    for little in (bool(record["little"]), not record["little"]):
        dtype = np.dtype(kind).newbyteorder("<" if little else ">")
        values = np.frombuffer(piece, dtype, int(record["samples"]), int(record["data"]))
        size = np.abs(values[np.isfinite(values) & (values != 0)].astype(float))
        if kind[0] == "f":  # floats in the wrong order have any exponent, or are no numbers
            share = 1 - np.isfinite(values).mean()
            odd.append(share * 100 + (np.std(np.log10(size)) if size.size else 0))
            odd[-1] += abs(np.median(np.log10(size))) / 10 if size.size else 0
        else:
            odd.append(np.log10(np.median(np.abs(np.diff(values.astype(float)))) + 1))
    return bool(odd[0] > odd[1] + 2)
