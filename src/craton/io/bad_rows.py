"""Rows of a table that cannot be used: a few are left out and told of, many are an error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from craton.errors import DataError

Policy = Literal["omit", "error"]
MOST_BAD = 0.01
"""Largest share of rows with a value that is no such value; more of them are an error."""

MOST_EMPTY = 0.5
"""Largest share of events without a magnitude, which agencies do list; more are an error."""


class _Marked(NamedTuple):
    rows: NDArray[np.int64]
    column: str | None
    what: Callable[[int], str]
    fix: str
    most: float


class BadRows:
    """What is wrong with which rows of a table, while it is being read.

    Parameters
    ----------
    policy : {"omit", "error"}
        Whether a few bad rows are left out, or one is an error.
    unit : str
        What a row is called.

    Examples
    --------
    >>> bad = BadRows()
    >>> bad.mark([4], "mag", lambda row: "'x' is not a number", "mend it")
    >>> keep, notes = bad.settle(200, "a.csv")
    >>> int(keep.sum()), notes
    (199, ["1 of 200 rows left out: row 5, column 'mag': 'x' is not a number"])
    """

    def __init__(self, policy: Policy = "omit", unit: str = "row") -> None:
        self.policy, self.unit = policy, unit
        self._marked: list[_Marked] = []

    def mark(
        self,
        rows: ArrayLike,
        column: str | None,
        what: Callable[[int], str],
        fix: str,
        most: float = MOST_BAD,
    ) -> None:
        """Mark rows.

        Parameters
        ----------
        rows : array_like of int
            From 0 on; none is no mark.
        column : str, optional
            Where the value stands.
        what : callable
            Row to what is wrong there.
        fix : str
            How to mend it.
        most : float
            Share of all rows up to which such rows are left out.
        """
        found = np.asarray(rows, dtype=np.int64)
        if found.size:
            self._marked.append(_Marked(found, column, what, fix, most))

    def settle(self, n: int, where: str) -> tuple[NDArray[np.bool_], list[str]]:
        """Say which of the `n` rows are kept, and what is told of the others.

        Raises
        ------
        DataError
            If rows are marked and the policy is "error", or more are marked than may be left out.
        """
        keep, notes = np.ones(n, dtype=bool), []
        for most in sorted({m.most for m in self._marked}):
            alike = [m for m in self._marked if m.most == most]
            rows = np.unique(np.concatenate([m.rows for m in alike]))
            if self.policy == "error" or rows.size > most * n:
                raise self._error(alike[0], where)
            keep[rows] = False
            first = next(m for m in alike if rows[0] in m.rows)
            more = ", the first" if rows.size > 1 else ""
            notes.append(
                f"{rows.size} of {n} {self.unit}s left out{more}: {self._place(first, rows[0])}: "
                f"{first.what(int(rows[0]))}"
            )
        return keep, notes

    def _error(self, marked: _Marked, where: str) -> DataError:
        row = int(marked.rows.min())
        share = "" if self.policy == "error" else f"; {100 * marked.most:g} % may be left out"
        return DataError(
            f"{marked.what(row)} ({marked.rows.size} such in all{share})",
            where=f"{where}, {self._place(marked, row)}",
            fix=marked.fix,
        )

    def _place(self, marked: _Marked, row: Any) -> str:
        column = "" if marked.column is None else f", column '{marked.column}'"
        return f"{self.unit} {int(row) + 1}{column}"
