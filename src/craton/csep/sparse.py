"""Counts of many catalogues in many cells, of which nearly all are zero."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from craton.csep.results import Floats, Ints
from craton.models.physics._jit import jit

_SHORT = 128
"""Values that numpy sums without halving."""


class SparseCounts(NamedTuple):
    """Counts above zero, by catalogue, then cell.

    Attributes
    ----------
    start : ndarray of int, shape (catalog + 1,)
        First entry of each catalogue, and the number of entries.
    cell, number : ndarray of int, shape (entry,)
    """

    start: Ints
    cell: Ints
    number: Ints

    def sums(self, values: Floats) -> Floats:
        """Sum a value of each entry (shape (entry,)) over each catalogue, shape (catalog,)."""
        return np.asarray(_segment_sums(np.ascontiguousarray(values), self.start))


def count_cells(catalog: Ints, cell: Ints, n_catalogs: int, n_cells: int) -> SparseCounts:
    """Count events by catalogue and cell.

    Parameters
    ----------
    catalog, cell : ndarray of int, shape (event,)
    n_catalogs, n_cells : int

    Examples
    --------
    >>> found = count_cells(np.array([0, 0, 2]), np.array([5, 5, 1]), 3, 9)
    >>> found.start.tolist(), found.cell.tolist(), found.number.tolist()
    ([0, 1, 1, 2], [5, 1], [2, 1])
    """
    keys = np.sort(catalog * n_cells + cell)
    first = np.flatnonzero(np.diff(keys, prepend=-1))
    count = np.diff(first, append=keys.size)
    key = keys[first]
    start = np.searchsorted(key, np.arange(n_catalogs + 1) * n_cells)
    return SparseCounts(start, key % n_cells, count)


@jit()
def sum_of(values: Floats, low: int, n: int) -> float:
    """Sum `n` values in numpy's own order: equal terms give bit for bit the sum that numpy gives.

    Statistics of different catalogues are often equal but for rounding, and quantiles count ties.
    """
    if n <= _SHORT:
        return _short_sum(values, low, n)
    # halves of halves, from left to right; a negative entry adds the last two sums
    parts, sums = np.empty(128, np.int64), np.empty(64)
    parts[0], waiting, done = n, 1, 0
    while waiting:
        waiting -= 1
        size = parts[waiting]
        if size < 0:
            done -= 1
            sums[done - 1] += sums[done]
        elif size <= _SHORT:
            sums[done] = _short_sum(values, low, size)
            low, done = low + size, done + 1
        else:
            half = size // 2
            half -= half % 8
            parts[waiting], parts[waiting + 1], parts[waiting + 2] = -1, size - half, half
            waiting += 3
    return sums[0]


@jit()
def _short_sum(values: Floats, low: int, n: int) -> float:
    total, done = 0.0, 0
    if n >= 8:
        a, b, c, d = values[low], values[low + 1], values[low + 2], values[low + 3]
        e, f, g, h = values[low + 4], values[low + 5], values[low + 6], values[low + 7]
        done = 8
        while done + 8 <= n:
            i = low + done
            a, b, c, d = a + values[i], b + values[i + 1], c + values[i + 2], d + values[i + 3]
            i += 4
            e, f, g, h = e + values[i], f + values[i + 1], g + values[i + 2], h + values[i + 3]
            done += 8
        total = ((a + b) + (c + d)) + ((e + f) + (g + h))
    while done < n:
        total += values[low + done]
        done += 1
    return total


@jit()
def _segment_sums(values: Floats, start: Ints) -> Floats:
    out = np.empty(start.size - 1)
    for k in range(start.size - 1):
        out[k] = sum_of(values, start[k], start[k + 1] - start[k])
    return out
