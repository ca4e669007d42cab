"""What a reader found wrong with a file and got over."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from craton.errors import DataError, MissingExtraError


class Problem(NamedTuple):
    """One thing that a reader met, named so that nothing is dropped in silence.

    Attributes
    ----------
    level : {"info", "warning"}
        How much it matters.
    kind : str
        A short name, such as ``gap``, ``truncated`` or ``no coordinates``.
    text : str
        What was found, and what was done about it.
    where : str
        File, channel or row.

    Examples
    --------
    >>> print(Problem("warning", "gap", "1 gap, 2.0 s", "XX.AAA..HHZ"))
    XX.AAA..HHZ: 1 gap, 2.0 s
    """

    level: Literal["info", "warning"]
    kind: str
    text: str
    where: str

    def __str__(self) -> str:
        """The problem as one line."""
        return f"{self.where}: {self.text}"


def counted(n: int, name: str) -> str:
    """A number of things.

    Examples
    --------
    >>> counted(1, "gap"), counted(2, "gap")
    ('1 gap', '2 gaps')
    """
    return f"{n} {name}" if n == 1 else f"{n} {name}s"


_LEVELS = ("error", "warning", "note", "info")
_SEVERE = (r"left out|cannot|no waveform", r"clock|byte order|not finite|header", r"gap")
_MILD = r"used as (it is|they are)|interpolated|stands? for|brought to"
MOST_PARTS = 6
"""Sentences on one station that stand in one line."""


def merged(found: Iterable[Any]) -> list[tuple[str, str, str]]:
    """Problems or findings on channels, one line a station and level, the most severe first.

    Parameters
    ----------
    found : iterable
        Things with ``level``, ``text`` and ``where``.

    Returns
    -------
    list of tuple of str
        Level, place and text.

    Examples
    --------
    >>> two = [Problem("warning", "gap", "1 gap", f"XX.A..HH{c}") for c in "ZN"]
    >>> merged([*two, Problem("warning", "spike", "1 spike, interpolated", "XX.A..HHE")])
    [('warning', 'XX.A', 'HHZ, HHN: 1 gap; HHE: 1 spike, interpolated')]
    """
    groups: dict[tuple[str, str], dict[str, list[str]]] = {}
    for f in found:
        parts = f.where.split(".")
        channel = len(parts) == 4 and "/" not in f.where and parts[1] != ""
        key = (f.level, ".".join(parts[:2]) if channel else f.where)
        places = groups.setdefault(key, {}).setdefault(f.text, [])
        if f.where not in places:
            places.append(f.where)
    lines = []
    for (level, station), texts in groups.items():
        order = sorted(texts, key=_severity)
        every = {w for text in texts for w in texts[text]}
        if len(every) == 1:
            lines += [(level, next(iter(every)), text) for text in order]
            continue
        said = [f"{', '.join(map(_channel, texts[t]))}: {t}" for t in order[:MOST_PARTS]]
        said += [f"and {len(order) - MOST_PARTS} more"] if len(order) > MOST_PARTS else []
        lines.append((level, station, "; ".join(said)))
    same: dict[tuple[str, str], list[str]] = {}
    for level, where, text in lines:
        same.setdefault((level, text), []).append(where)
    lines = [(level, _listed(places), text) for (level, text), places in same.items()]
    return sorted(lines, key=lambda line: (_LEVELS.index(line[0]), _severity(line[2])))


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return ", ".join(names[:8]) + more


def _severity(text: str) -> int:
    """Rank of a problem: data that are lost, times and numbers in doubt, gaps, the rest."""
    for rank, words in enumerate(_SEVERE):
        if re.search(words, text):
            return rank
    return len(_SEVERE) + bool(re.search(_MILD, text))


def _channel(where: str) -> str:
    return where.split(".", 2)[2].lstrip(".")


def need_obspy() -> Any:
    """Import ObsPy, which is an extra.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    try:
        import obspy
    except ImportError as error:
        raise MissingExtraError(
            "ObsPy reads this and is not installed", fix="pip install 'craton[seismology]'"
        ) from error
    return obspy


def moment(value: Any, name: str = "time") -> np.datetime64:
    """A time as datetime64[ns], UTC: from text, numpy, pandas, datetime or ``UTCDateTime``.

    Raises
    ------
    DataError
        If it is no time.

    Examples
    --------
    >>> moment("2020-01-01T12:00:00.5Z")
    np.datetime64('2020-01-01T12:00:00.500000000')
    """
    if hasattr(value, "ns") and isinstance(value.ns, int):
        return np.datetime64(value.ns, "ns")
    try:
        stamp = pd.Timestamp(value)
        stamp = stamp.tz_convert(None) if stamp.tz is not None else stamp
        found = stamp.to_datetime64().astype("datetime64[ns]")
    except (ValueError, TypeError, OverflowError) as error:
        raise DataError(
            f"the {name} {value!r} is no time", fix="write it as 2020-01-31T23:59:59.123"
        ) from error
    if np.isnat(found):
        raise DataError(f"the {name} is missing", fix="write it as 2020-01-31T23:59:59.123")
    return np.datetime64(found, "ns")
