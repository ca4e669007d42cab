"""CSEP tests that ask only whether a cell was hit, not how often: less moved by aftershocks.

Reference: Bayona et al. 2022, doi:10.1093/gji/ggac018.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from craton.csep.grids import checked
from craton.csep.results import Evaluation, Floats, Ints, Seed, generator, judged
from craton.errors import ModelError

_MOST_DRAWS = 100_000_000


def binary_spatial_test(
    rates: ArrayLike, counts: ArrayLike, *, n: int = 1000, seed: Seed = 0
) -> Evaluation:
    """Binary S-test: the joint likelihood of cells hit or not, given how many were hit.

    Parameters
    ----------
    rates, counts : array_like, shape (cell, bin)
        Expected and observed events, of the same time.
    n : int
        Number of simulations.
    seed : int or generator

    Returns
    -------
    Evaluation
        `at_most` is the quantile score.

    Raises
    ------
    DataError
        If the arrays do not fit.
    ModelError
        If more cells were hit than can be simulated from the rates.

    Examples
    --------
    >>> found = binary_spatial_test([[0.1], [0.4], [0.2]], [[0], [3], [0]])
    >>> round(found.statistic, 3)
    -1.41
    """
    expected, seen = checked(rates, counts)
    return _binary("grid binary S", expected.sum(axis=1), seen.sum(axis=1), n, seed)


def binary_conditional_likelihood_test(
    rates: ArrayLike, counts: ArrayLike, *, n: int = 1000, seed: Seed = 0
) -> Evaluation:
    """Binary CL-test: as the binary S-test, on cells and magnitude bins."""
    expected, seen = checked(rates, counts)
    return _binary("grid binary CL", expected.ravel(), seen.ravel(), n, seed)


def _binary(name: str, expected: Floats, seen: Floats, n: int, seed: Seed) -> Evaluation:
    hit = np.flatnonzero(seen)
    if not hit.size:
        return Evaluation(name, np.nan, np.nan, np.nan, np.zeros(0), "not valid")
    possible = int(np.count_nonzero(expected))
    if hit.size > possible:
        raise ModelError(f"{hit.size} cells were hit, only {possible} have a rate above zero")
    # ln(1 - exp(-rate)) where a cell is hit, -rate where it is not
    with np.errstate(divide="ignore"):
        gain = np.log(-np.expm1(-expected)) + expected
    drawn = gain[_distinct_cells(expected, hit.size, n, seed)].sum(axis=1) - expected.sum()
    return judged(name, float(gain[hit].sum() - expected.sum()), drawn)


def _distinct_cells(expected: Floats, size: int, n: int, seed: Seed) -> Ints:
    """Draw cells one after the other until `size` different ones are hit, n times; sorted rows."""
    rng = generator(seed)
    chance = np.cumsum(expected) / np.sum(expected)
    last = int(np.flatnonzero(expected)[-1])
    out = np.empty((n, size), dtype=np.int64)
    stock: list[int] = []
    at, drawn = 0, 0
    for k in range(n):
        hit: set[int] = set()
        while len(hit) < size:
            if at == len(stock):
                drawn += len(stock)
                if drawn > _MOST_DRAWS:
                    raise ModelError(
                        f"{size} different cells are not hit within {_MOST_DRAWS} draws",
                        fix="the rates differ too much from cell to cell; merge cells",
                    )
                numbers = rng.random(4096)
                found = np.minimum(np.searchsorted(chance, numbers, side="right"), last)
                stock, at = found.tolist(), 0
            hit.add(stock[at])
            at += 1
        out[k] = sorted(hit)
    return out
