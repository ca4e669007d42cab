"""Log-likelihoods of simulated catalogues on cells, which are counted in one compiled pass."""

from __future__ import annotations

import numpy as np
from scipy.special import loggamma

from craton.csep.results import Floats, Ints
from craton.csep.sparse import SparseCounts
from craton.models.physics._jit import jit, side_by_side

_BLOCK = 64
"""Cells that are looked through together, if an event fell into one of them."""


def simulated_likelihoods(expected: Floats, size: Ints, numbers: Floats, logs: Floats) -> Floats:
    """Joint log-likelihood of simulated catalogues but for the expected number.

    Parameters
    ----------
    expected : ndarray, any shape
        Rates; events fall into cells in proportion to them.
    size : ndarray of int, shape (simulation,)
        Events of each simulation.
    numbers : ndarray, shape (event,)
        Uniform random numbers, those of a simulation together.
    logs : ndarray, shape (cell,)
        Log rate of each cell (and magnitude bin).

    Returns
    -------
    ndarray, shape (simulation,)
        Sum over cells of count times log rate minus the log factorial of the count.

    Examples
    --------
    >>> rates = np.array([1.0, 3.0])
    >>> found = simulated_likelihoods(rates, np.array([2]), np.array([0.1, 0.9]), np.log(rates))
    >>> bool(np.isclose(found[0], np.log(3.0)))
    True
    """
    chance = np.cumsum(expected.ravel()) / np.sum(expected)
    last = int(np.flatnonzero(expected.ravel())[-1])
    counts = _drawn_counts(size, numbers, chance, last)
    factorials = loggamma(np.arange(int(size.max(initial=0)) + 1) + 1.0)
    terms = logs[counts.cell] * counts.number
    return counts.sums(terms) - counts.sums(factorials[counts.number])


def _drawn_counts(size: Ints, numbers: Floats, chance: Floats, last: int) -> SparseCounts:
    """Counts of each simulation in the cells that its numbers fall into, none beyond `last`."""
    # a power of two, so that the part of the unit interval in which a number lies is exact
    parts = 1 << int(np.ceil(np.log2(chance.size)))
    first = np.minimum(np.searchsorted(chance, np.arange(parts) / parts, side="right"), last)
    start = np.concatenate([[0], np.cumsum(size)])
    cell, number = np.zeros((2, numbers.size), np.int64)
    different = np.zeros(size.size, np.int64)

    def work(low: int, high: int) -> None:
        _count(low, high, last, start, numbers, chance, first, cell, number, different)

    side_by_side(work, size.size)
    kept = number > 0
    return SparseCounts(np.concatenate([[0], np.cumsum(different)]), cell[kept], number[kept])


@jit(nogil=True)
def _count(
    low: int, high: int, last: int, start: Ints, numbers: Floats, chance: Floats, first: Ints,
    cells: Ints, number: Ints, different: Ints,
) -> None:  # fmt: skip
    parts = first.size
    count = np.zeros(chance.size, np.int64)
    hit = np.zeros(chance.size // _BLOCK + 1, np.bool_)
    for k in range(low, high):
        for i in range(start[k], start[k + 1]):
            cell = first[int(numbers[i] * parts)]
            while cell < last and chance[cell] <= numbers[i]:
                cell += 1
            count[cell] += 1
            hit[cell // _BLOCK] = True
        # in the order of cells, as what was observed is summed: ties stay ties
        n = start[k]
        for block in range(hit.size):
            if not hit[block]:
                continue
            hit[block] = False
            for cell in range(block * _BLOCK, min((block + 1) * _BLOCK, chance.size)):
                if count[cell] > 0:
                    cells[n] = cell
                    number[n] = count[cell]
                    count[cell] = 0
                    n += 1
        different[k] = n - start[k]
