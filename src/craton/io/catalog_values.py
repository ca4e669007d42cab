"""Values of a catalogue's columns: times, numbers within bounds, depths of either sign."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from craton.io.bad_rows import MOST_EMPTY, BadRows
from craton.io.problems import moment

MISSING = {"", "nan", "na", "n/a", "null", "none", "-", "nat"}
DAYS_HINT = "for times in days, name the moment they count from: --set days_since=2020-01-31"
TIME_FIX = "write times as 2020-01-31T23:59:59.123 (UTC, years 1678 to 2261)"
YEARS = (1678, 2261)
"""Outside these years nanoseconds in 64 bits wrap around without a word."""

HIGHEST = -10.0
"""Least depth in km: no ground is higher above the sea."""

_BOUNDS = {
    "latitude": (-90.0, 90.0, "degrees north"),
    "longitude": (-180.0, 360.0, "degrees east"),
    "magnitude": (-5.0, 11.0, "a magnitude"),
    "depth": (HIGHEST, 1000.0, "km below sea level"),
}
_DEEPEST = 750.0


def times(column: pd.Series, name: str, bad: BadRows) -> NDArray[np.datetime64]:
    """Read times that are text; what is none is marked and becomes NaT.

    Parameters
    ----------
    column : pandas.Series
        Text, or datetime64.
    name : str
        The column's name in the file.
    bad : BadRows
        Takes the marks.

    Returns
    -------
    numpy.ndarray of datetime64[ns]

    Examples
    --------
    >>> times(pd.Series(["2020-01-01T23:59:60"]), "time", BadRows())
    array(['2020-01-02T00:00:00.000000000'], dtype='datetime64[ns]')
    """
    if isinstance(column.dtype, np.dtype) and column.dtype.kind == "M":
        found = column.to_numpy(dtype="datetime64[ns]")
        bad.mark(np.flatnonzero(np.isnat(found)), name, lambda _: "the time is missing", TIME_FIX)
        return cast(NDArray[np.datetime64], found)
    text = column.astype(str).str.strip()
    # Only year-month-day: 01/02/2020 means two different days on the two sides of the Atlantic.
    text = text.str.replace(r"^(\d{4})/(\d{1,2})/(\d{1,2})", r"\1-\2-\3", regex=True)
    padded = text.str.replace(
        r"^(\d{4})-(\d{1,2})-(\d{1,2})(?=\D|$)",
        lambda hit: f"{hit[1]}-{int(hit[2]):02d}-{int(hit[3]):02d}",
        regex=True,
    )
    padded, later = _rolled(padded)
    dated = padded.str.match(r"^\d{4}-\d\d-\d\d([T\s].*)?$")
    parsed = pd.to_datetime(padded.where(dated), format="ISO8601", utc=True, errors="coerce")
    good = parsed.dt.year.between(*YEARS)

    def what(row: int) -> str:
        came = text.iloc[row]
        return "the time is missing" if came.lower() in MISSING else (
            f"the time '{came}' cannot be read"
        )  # fmt: skip

    plain = pd.to_numeric(text, errors="coerce").notna().all()
    fix = f"{TIME_FIX}; {DAYS_HINT}" if plain else TIME_FIX
    bad.mark(np.flatnonzero(~good.to_numpy()), name, what, fix)
    parsed = parsed.where(good) + later
    return cast(NDArray[np.datetime64], parsed.dt.tz_localize(None).to_numpy("datetime64[ns]"))


def days_after(
    column: pd.Series, origin: str, name: str, bad: BadRows
) -> NDArray[np.datetime64]:  # fmt: skip
    """Read times that are days since `origin`, to the microsecond.

    Raises
    ------
    DataError
        If the origin is no time.

    Examples
    --------
    >>> days_after(pd.Series(["0.5"]), "2003-07-26", "time", BadRows())
    array(['2003-07-26T12:00:00.000000000'], dtype='datetime64[ns]')
    """
    start = moment(origin, "days_since")
    text = column.astype(str).str.strip()
    days = pd.to_numeric(text, errors="coerce").to_numpy(dtype=float)
    years = 1970 + (start.astype("datetime64[s]").astype(float) / 86400 + days) / 365.25
    good = (years > YEARS[0] + 1) & (years < YEARS[1])
    bad.mark(
        np.flatnonzero(~good),
        name,
        lambda row: f"'{text.iloc[row]}' is no number of days after {origin}",
        f"give days as plain numbers (years {YEARS[0]} to {YEARS[1]})",
    )
    small = np.round(np.where(good, days, 0.0) * 86_400e6).astype("timedelta64[us]")
    found: NDArray[np.datetime64] = np.where(good, start + small, np.datetime64("NaT", "ns"))
    return found


def numbers(column: pd.Series, variable: str, name: str, bad: BadRows) -> NDArray[np.float64]:
    """Read numbers within the bounds of a variable; others are marked. Depths may be missing."""
    text = column.astype(object).where(column.notna(), "").astype(str).str.strip()
    empty = text.str.lower().isin(MISSING).to_numpy()
    value = pd.to_numeric(text.where(~empty), errors="coerce").to_numpy(dtype=float)
    bad.mark(
        np.flatnonzero(~empty & ~np.isfinite(value)),
        name,
        lambda row: f"'{text.iloc[row]}' is not a number",
        "give a plain number, with a point as decimal mark",
    )
    if variable != "depth":
        bad.mark(
            np.flatnonzero(empty),
            name,
            lambda _: f"the {variable} is missing",
            "fill in the value or take the row out",
            **({"most": MOST_EMPTY} if variable == "magnitude" else {}),
        )
    low, high, unit = _BOUNDS[variable]
    bad.mark(
        np.flatnonzero((value < low) | (value > high)),
        name,
        lambda row: f"{value[row]:g} is out of range, {low:g} to {high:g} ({unit}) was expected",
        "give depth in km, positive down" if variable == "depth" else "check null values",
    )
    return cast(NDArray[np.float64], value)


def downward(column: pd.Series) -> tuple[pd.Series, list[str]]:
    """Depths positive down, and what is told if they came as heights.

    Depths are taken as heights if none is positive, none is deeper than an earthquake can be, and
    more than a tenth would lie higher above the sea than any ground.

    Examples
    --------
    >>> downward(pd.Series(["-24.0", "0.0", ""]))[0].tolist()
    ['24.0', '0.0', '']
    >>> downward(pd.Series(["-2.0", "8.0"]))[0].tolist()
    ['-2.0', '8.0']
    """
    value = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float)
    known = value[np.isfinite(value)]
    high = int((known < HIGHEST).sum())
    if not high or known.max() > 0 or known.min() < -_DEEPEST or high <= 0.1 * known.size:
        return column, []
    turned = pd.Series(value).abs().astype(str).to_numpy()
    note = (
        f"no depth is positive and {high} of {known.size} are less than {HIGHEST:g} km: taken as "
        "heights, their sign is turned"
    )
    return column.where(~np.isfinite(value), turned), [note]


def _rolled(text: pd.Series) -> tuple[pd.Series, Any]:
    """Times without the hour 24 of a day's end and the second 60 of a rounded minute.

    Returns the times, a day or a second earlier where need be, and what is to be added to them.
    """
    night = text.str.contains(r"[T\s]24:00(?::00(?:\.0*)?)?Z?$", regex=True)
    minute = text.str.contains(r":60(?:\.\d*)?Z?$", regex=True)
    text = text.where(~night, text.str.replace(r"([T\s])24:", r"\g<1>00:", regex=True))
    text = text.where(~minute, text.str.replace(r":60((?:\.\d*)?Z?)$", r":59\1", regex=True))
    return text, pd.to_timedelta(night * 86400 + minute * 1, unit="s")
