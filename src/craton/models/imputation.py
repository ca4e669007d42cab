"""Missing curves from the curves that are there: regression by a joint normal distribution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from craton.errors import BundleError

STEPS = 25
RIDGE = 1e-3
"""Share of each variance that is added to it, so that two curves that are one cannot break it."""

MOST_ROWS = 20_000

MOST_LEARNT, MOST_TRIED = 4000, 1000
"""Rows that a check of the imputation learns from and restores, for each group of wells left out:
enough for an error to two figures, and seconds instead of minutes."""


Gaps = list[tuple[NDArray[np.int64], NDArray[np.bool_]]]
"""Rows that lack the same curves, and the curves that they have, for each such set."""


def _gaps(there: NDArray[np.bool_]) -> Gaps:
    gappy = np.flatnonzero(~there.all(axis=1))
    if not len(gappy):
        return []
    packed = np.packbits(there[gappy], axis=1)
    keys = np.ascontiguousarray(packed).view(f"V{packed.shape[1]}").ravel()
    _, first, which = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(which, kind="stable")
    parts = np.split(gappy[order], np.cumsum(np.bincount(which))[:-1])
    return [(rows, there[gappy[k]]) for rows, k in zip(parts, first, strict=True)]


@dataclass
class NormalImputer:
    """Fills a gap with its mean given the values that are there, whichever those are.

    Mean and covariance are estimated by expectation maximisation from rows with gaps; one such
    distribution holds the regression of every curve on every set of the others.

    Attributes
    ----------
    mean, covariance : ndarray, shape (curve,) and (curve, curve)

    References
    ----------
    Dempster, Laird and Rubin 1977, doi:10.1111/j.2517-6161.1977.tb01600.x; Little and Rubin 2019,
    Statistical Analysis with Missing Data, doi:10.1002/9781119482260, chapter 11.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(500, 1))
    >>> table = np.hstack([x, 2 * x + 1])
    >>> filled = NormalImputer.fit(table).fill(np.array([[3.0, np.nan]]))
    >>> round(float(filled[0, 1]), 1)
    7.0
    """

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]

    @classmethod
    def fit(cls, table: NDArray[Any]) -> NormalImputer:
        """Learn from a table (row, curve) with gaps; a curve without any value is left at zero."""
        if len(table) > MOST_ROWS:
            table = table[np.linspace(0, len(table) - 1, MOST_ROWS).astype(int)]
        x = np.asarray(table, np.float64)
        there = np.isfinite(x)
        n = np.maximum(there.sum(axis=0), 1)
        mean = np.where(there, x, 0.0).sum(axis=0) / n
        gap = np.where(there, x - mean, 0.0)
        scale = np.sqrt((gap**2).sum(axis=0) / n)
        scale[scale < 1e-12] = 1.0
        z = np.where(there, (x - mean) / scale, np.nan)
        found = cls(np.zeros(x.shape[1]), np.eye(x.shape[1]))
        gaps = _gaps(there)
        for _ in range(STEPS if gaps else 1):
            found = found._step(z, there, gaps)
        return cls(mean + scale * found.mean, found.covariance * np.multiply.outer(scale, scale))

    def _step(self, z: NDArray[np.float64], there: NDArray[np.bool_], gaps: Gaps) -> NormalImputer:
        filled, spread = self._conditional(z, there, gaps)
        mean = filled.mean(axis=0)
        centred = filled - mean
        covariance = (centred.T @ centred + spread) / len(z)
        return NormalImputer(mean, covariance + RIDGE * np.diag(np.diag(covariance) + 1e-9))

    def _conditional(
        self, x: NDArray[np.float64], there: NDArray[np.bool_], gaps: Gaps
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Rows with gaps at their conditional mean; summed conditional covariance of the gaps."""
        filled = np.where(there, x, self.mean)
        spread = np.zeros_like(self.covariance)
        for rows, seen in gaps:
            gone = ~seen
            across = self.covariance[np.ix_(gone, seen)]
            weights = np.linalg.solve(self.covariance[np.ix_(seen, seen)], across.T)
            part = self.mean[gone] + (x[np.ix_(rows, seen)] - self.mean[seen]) @ weights
            filled[np.ix_(rows, gone)] = part
            left = self.covariance[np.ix_(gone, gone)] - across @ weights
            spread[np.ix_(gone, gone)] += len(rows) * left
        return filled, spread

    def fill(self, table: NDArray[Any]) -> NDArray[np.float32]:
        """Return a table (row, curve) without gaps; values that are there stay as they are."""
        x = np.asarray(table, np.float64)
        there = np.isfinite(x)
        if there.all():
            return np.asarray(table, np.float32)
        return self._conditional(x, there, _gaps(there))[0].astype(np.float32)

    def fill_windows(self, windows: NDArray[Any]) -> NDArray[np.float32]:
        """Fill windows (sample, curve, lag), each lag by itself."""
        n, curves, lags = windows.shape
        flat = np.moveaxis(windows, 1, 2).reshape(-1, curves)
        filled = self.fill(flat).reshape(n, lags, curves)
        return np.ascontiguousarray(np.moveaxis(filled, 2, 1))

    def state(self) -> dict[str, NDArray[Any]]:
        """Return what was learnt, as arrays."""
        return {"mean": self.mean, "covariance": self.covariance}

    @classmethod
    def from_state(cls, arrays: Mapping[str, NDArray[Any]]) -> NormalImputer:
        """Restore from arrays.

        Raises
        ------
        BundleError
            If their shapes disagree or a number is not finite.
        """
        mean, covariance = arrays["mean"], arrays["covariance"]
        fits = mean.ndim == 1 and covariance.shape == (len(mean), len(mean))
        if not (fits and np.isfinite(mean).all() and np.isfinite(covariance).all()):
            raise BundleError("the imputation's arrays do not fit together")
        return cls(mean.astype(np.float64), covariance.astype(np.float64))


@dataclass(frozen=True)
class ImputationError:
    """Error of a curve restored from the others in wells that were not learnt from.

    Attributes
    ----------
    curve : str
    missing : int
        Rows without a value.
    rmse, spread : float
        Root mean square error, and standard deviation of the curve, in its units.
    n : int
        Rows that were restored and compared.
    """

    curve: str
    missing: int
    rmse: float
    spread: float
    n: int


def imputation_errors(
    table: NDArray[Any], curves: Sequence[str], group: NDArray[Any], folds: int = 5
) -> list[ImputationError]:
    """Hide each curve that has gaps in wells left out, restore it, and compare.

    Parameters
    ----------
    table : ndarray, shape (row, curve)
        Values, NaN where missing.
    curves : sequence of str
        Names of the columns.
    group : ndarray, shape (row,)
        Well of each row.
    folds : int
        Groups of wells that are left out in turn.

    Returns
    -------
    list of ImputationError
        One for each curve with gaps that at least two wells have.
    """
    found, fits = [], {}
    names, number = np.unique(group, return_inverse=True)
    usual = number.ravel() % folds
    for c, curve in enumerate(curves):
        there = np.isfinite(table[:, c])
        wells = np.unique(number.ravel()[there])
        if there.all() or len(wells) < 2:
            continue
        of = usual
        if len(np.unique(usual[there])) < 2:
            own = np.full(len(names), -1)
            own[wells] = np.arange(len(wells)) % folds
            of = own[number.ravel()]
        errors = []
        for k in np.unique(of[there]):
            tried = _few(np.flatnonzero(there & (of == k)), MOST_TRIED)
            key = (of != k).tobytes()
            if key not in fits:
                fits[key] = NormalImputer.fit(table[_few(np.flatnonzero(of != k), MOST_LEARNT)])
            hidden = table[tried].copy()
            hidden[:, c] = np.nan
            errors.append(fits[key].fill(hidden)[:, c] - table[tried, c])
        error = np.concatenate(errors)
        rmse, spread = float(np.sqrt((error**2).mean())), float(table[there, c].std())
        found.append(ImputationError(curve, int((~there).sum()), rmse, spread, len(error)))
    return found


def _few(rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Rows, thinned evenly to at most so many."""
    return rows[np.linspace(0, len(rows) - 1, min(len(rows), most)).astype(int)]
