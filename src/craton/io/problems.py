"""What a reader found wrong with a file and got over."""

from __future__ import annotations

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
