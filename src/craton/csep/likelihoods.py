"""Log-likelihoods of simulated catalogues on cells, which are counted in one compiled pass."""

from __future__ import annotations

import numpy as np
from scipy.special import loggamma

from craton.csep.results import Floats, Ints
from craton.csep.sparse import sum_of
from craton.models.physics._jit import jit, side_by_side

_PARTS_A_CELL = 8
"""Parts of the unit interval a cell (at least): most numbers then find their cell at once."""
_MOST_PARTS = 22
"""Parts in all, as a power of two: 32 MiB; larger grids look up a little longer."""


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
    # a power of two, so that the part of the unit interval in which a number lies is exact
    parts = 1 << min(int(np.ceil(np.log2(_PARTS_A_CELL * chance.size))), _MOST_PARTS)
    ends = np.bincount(np.ceil(chance * parts).astype(np.int64), minlength=parts)
    first = np.minimum(np.cumsum(ends)[:parts], last)
    factorials = loggamma(np.arange(int(size.max(initial=0)) + 1) + 1.0)
    start = np.concatenate([[0], np.cumsum(size)])
    out = np.zeros(size.size)

    def work(low: int, high: int) -> None:
        _likelihoods(low, high, last, start, numbers, chance, first, logs, factorials, out)

    side_by_side(work, size.size)
    return out


_ONE = np.uint64(1)
_TOP = np.uint64(58)
_DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)
_PLACE = np.zeros(64, np.int64)
_PLACE[[((1 << k) * 0x03F79D71B4CB0A89 & (1 << 64) - 1) >> 58 for k in range(64)]] = range(64)
"""Place of the only bit that is set, by the six highest bits of its product with a de Bruijn
sequence."""


@jit(nogil=True)
def _likelihoods(
    low: int, high: int, last: int, start: Ints, numbers: Floats, chance: Floats, first: Ints,
    logs: Floats, factorials: Floats, out: Floats,
) -> None:  # fmt: skip
    parts = np.float64(first.size)
    count = np.zeros(last + 1, np.int64)
    hit = np.zeros(last // 64 + 1, np.uint64)
    gain, loss = np.empty(factorials.size), np.empty(factorials.size)
    for k in range(low, high):
        for i in range(start[k], start[k + 1]):
            cell = first[np.int64(numbers[i] * parts)]
            while cell < last and chance[cell] <= numbers[i]:
                cell += 1
            count[cell] += 1
            hit[cell >> 6] |= _ONE << np.uint64(cell & 63)
        # in the order of cells, as what was observed is summed: ties stay ties
        n = 0
        for block in range(hit.size):
            bits = hit[block]
            hit[block] = 0
            while bits:
                lowest = bits & (~bits + _ONE)
                cell = 64 * block + _PLACE[(lowest * _DE_BRUIJN) >> _TOP]
                bits ^= lowest
                gain[n] = logs[cell] * count[cell]
                loss[n] = factorials[count[cell]]
                count[cell] = 0
                n += 1
        out[k] = sum_of(gain, 0, n) - sum_of(loss, 0, n)
