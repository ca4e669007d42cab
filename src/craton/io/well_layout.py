"""What the readers of well logs share: names, depth units, null values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from craton.errors import DataError

FOOT = 0.3048
"""Metres in one international foot."""

DEPTH_NAMES = ("DEPT", "DEPTH", "DEPTH_MD", "DEPT_MD", "MD", "MEASURED_DEPTH", "TDEP")
"""Names under which the depth along the hole is looked for, in this order, in any case."""

_UNITS = {"m": ("m", "meter", "meters", "metre", "metres"), "ft": ("f", "ft", "feet", "foot")}

RESERVED = ("row", "well", "depth", "depth_original")
"""Names of the layout itself, which no curve may bear."""


def depth_factor(unit: str, where: str) -> tuple[float, str]:
    """Return the metres in one depth unit, and the unit's short name.

    Parameters
    ----------
    unit : str
        ``m``, ``ft`` or a word for one of them, in any case.
    where : str
        What to name in the message.

    Returns
    -------
    factor : float
    name : str
        ``m`` or ``ft``.

    Raises
    ------
    DataError
        If the unit is missing or is no known unit of depth.

    Examples
    --------
    >>> depth_factor("FEET", "a.las")
    (0.3048, 'ft')
    """
    word = unit.strip().strip(".").lower()
    for name, words in _UNITS.items():
        if word in words:
            return (FOOT if name == "ft" else 1.0), name
    what = f"the depth unit {unit!r} is not known" if word else "the depth has no unit"
    raise DataError(
        f"{what}; m or ft was expected", where=where, fix="name it with depth_unit='m' or 'ft'"
    )


def same_as_null(values: np.ndarray, null: float) -> np.ndarray:
    """Tell which values are the null value, to nine digits.

    Examples
    --------
    >>> same_as_null(np.array([-999.25, -999.0]), -999.25)
    array([ True, False])
    """
    return np.asarray(np.isclose(values, null, rtol=1e-9, atol=0.0))


def is_number(word: str) -> bool:
    """Tell whether a word of a file reads as a number.

    Examples
    --------
    >>> is_number("-1e3"), is_number("shale")
    (True, False)
    """
    try:
        float(word)
    except ValueError:
        return False
    return True


def distinct(names: Sequence[str]) -> list[str]:
    """Make curve names that differ from each other and from the layout's own.

    Examples
    --------
    >>> distinct(["GR", "GR", "depth"])
    ['GR', 'GR_2', 'depth_2']
    """
    taken = set(RESERVED)
    out = []
    for name in names:
        plain = name.replace("/", "_").replace(":", "_")
        new, k = plain, 2
        while new in taken:
            new, k = f"{plain}_{k}", k + 1
        taken.add(new)
        out.append(new)
    return out
