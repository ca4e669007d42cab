"""SAC and SLIST files, from bytes."""

from __future__ import annotations

import io
import re
import struct
import warnings
from typing import Any

import numpy as np

from craton.io.problems import Problem, moment, need_obspy

_SLIST = re.compile(
    r"TIMESERIES\s+([^_\s]*)_([^_\s]*)_([^_\s]*)_([^_\s]*)_(\w?)\s*,\s*(\d{1,12}) samples\s*,"
    r"\s*(\S+) sps\s*,\s*([^,\s]+)\s*,\s*(\w+)\s*,\s*(\w+)",
)


def sac_order(raw: bytes) -> str | None:
    """Byte order of a SAC file ("<" or ">") by its header version, or None if it is none."""
    if len(raw) < 632:
        return None
    for order in "<>":
        version, _, _, npts = struct.unpack_from(order + "4i", raw, 304)
        leven = struct.unpack_from(order + "i", raw, 420)[0]
        if version in (6, 7) and npts >= -12345 and leven in (0, 1):
            return order
    return None


def read_sac(raw: bytes, where: str) -> tuple[list[Any], list[Problem]]:
    """Read a SAC file, whose header lies at fixed places (SAC manual, "SAC data file format")."""
    order = sac_order(raw)
    assert order is not None
    npts = struct.unpack_from(order + "i", raw, 316)[0]
    kind, even = (struct.unpack_from(order + "i", raw, at)[0] for at in (340, 420))
    delta = struct.unpack_from(order + "f", raw, 0)[0]
    if kind != 1 or even != 1:
        text = "is a SAC file that is no evenly sampled time series; left out"
        return [], [Problem("warning", "kind", text, where)]
    if not (np.isfinite(delta) and delta > 0):
        text = f"has the sampling interval {delta:g} s, which cannot be; left out"
        return [], [Problem("warning", "sampling rate", text, where)]
    problems: list[Problem] = []
    there = (len(raw) - 632) // 4
    if npts <= 0 or there == 0:
        return [], [Problem("warning", "no samples", "holds no samples; left out", where)]
    if npts > there:
        text = f"the header says {npts} samples, {there} are there; these were read"
        problems.append(Problem("warning", "truncated", text, where))
        npts = there
    # Version 7 adds the times once more as doubles behind the data; they are not needed here.
    fixed = bytearray(raw[: 632 + 4 * npts])
    struct.pack_into(order + "i", fixed, 304, 6)
    struct.pack_into(order + "i", fixed, 316, npts)
    obspy = need_obspy()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            traces = list(obspy.read(io.BytesIO(bytes(fixed)), format="SAC"))
    except Exception as error:  # whatever a library says of damaged bytes
        text = f"has a SAC header that cannot be read ({error}); left out"
        return [], [*problems, Problem("warning", "unreadable record", text, where)]
    if not traces[0].stats.station:
        problems.append(Problem("warning", "no name", "has no station name", where))
    return traces, problems


def read_slist(raw: bytes, where: str) -> tuple[list[Any], list[Problem]]:
    """Read SLIST text: a header line a segment, then its samples, separated by blanks."""
    obspy = need_obspy()
    traces, problems = [], []
    blocks = re.split(r"(?m)^(?=TIMESERIES)", raw.decode("ascii", "replace"))
    for number, block in enumerate((b for b in blocks if b.strip()), 1):
        head, _, body = block.partition("\n")
        place = f"{where}, segment {number}"
        found = _SLIST.match(head)
        if found is None or found[9] != "SLIST" or found[10] not in ("INTEGER", "FLOAT"):
            text = f"'{head[:80]}' is no SLIST header of numbers; left out"
            problems.append(Problem("warning", "unreadable record", text, place))
            continue
        data, bad = _numbers(body.split())
        if bad:
            text = f"'{bad[:20]}' is no number; read up to there"
            problems.append(Problem("warning", "unreadable record", text, place))
        said = int(found[6])
        if len(data) != said:
            text = f"the header says {said} samples, {len(data)} are there; "
            text += "these were read" if len(data) < said else "the first were read"
            problems.append(Problem("warning", "truncated", text, place))
            data = data[:said]
        whole = found[10] == "INTEGER" and np.array_equal(data, np.rint(data))
        if whole and np.abs(data).max(initial=0) < 2**31:
            data = data.astype(np.int32)
        try:
            start = obspy.UTCDateTime(ns=int(moment(found[8]).astype(np.int64)))
            names = dict(zip(("network", "station", "location", "channel"), found.groups()[:4],
                             strict=True))  # fmt: skip
            header = {**names, "sampling_rate": float(found[7]), "starttime": start}
            traces.append(obspy.Trace(data, header))
        except Exception as error:
            text = f"has a header that cannot be read ({error}); left out"
            problems.append(Problem("warning", "unreadable record", text, place))
    return traces, problems


def _numbers(words: list[str]) -> tuple[Any, str]:
    """The numbers up to the first word that is none, and that word."""
    try:
        return np.array(words, dtype=np.float64), ""
    except ValueError:
        good: list[float] = []
        for word in words:
            try:
                good.append(float(word))
            except ValueError:
                return np.array(good), word
        return np.array(good), ""
