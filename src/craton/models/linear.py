"""Linear models: ridge regression and multinomial logistic regression."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from craton.config import Config as Settings
from craton.config import tunable
from craton.errors import BundleError
from craton.models.base import Estimator, Fitting, State, design, need
from craton.samples import Inputs

ABSENT = -30.0
"""Intercept of a class that training lacks: a probability of about 1e-13."""


class _Linear(Estimator):
    """Common part: ``coef`` (column, output) and ``intercept`` (output,)."""

    def _scores(self, inputs: Inputs) -> NDArray[np.float64]:
        x = design(inputs).astype(np.float64)
        found: NDArray[np.float64] = x @ self.coef.astype(np.float64) + self.intercept
        return found

    def _state(self) -> State:
        return {"coef": self.coef, "intercept": self.intercept}

    def _with_state(self, arrays: State) -> None:
        need(arrays, "coef", "intercept")
        coef, intercept = arrays["coef"], arrays["intercept"]
        fits = coef.ndim == 2 and intercept.shape == coef.shape[1:]
        if not (fits and np.isfinite(coef).all() and np.isfinite(intercept).all()):
            raise BundleError("a linear model's coefficients have a wrong shape or are not finite")
        self.coef, self.intercept = coef, intercept


class Ridge(_Linear):
    """Least squares with a penalty on the squared coefficients, in closed form.

    Each output is fitted on the samples that have it. The penalty is relative to the number of
    samples, so that its meaning does not change with the size of the training set.

    References
    ----------
    Hoerl & Kennard (1970), doi:10.1080/00401706.1970.10488634
    """

    residual_folds: ClassVar[int] = 3

    class Config(Settings):
        """Settings.

        Attributes
        ----------
        penalty : float
            Penalty per sample; the inputs have unit variance.
        """

        penalty: float = tunable(1e-2, 1e-6, 1e2, log=True)

    def _fit(self, inputs: Inputs, y: NDArray[Any], fitting: Fitting) -> None:
        x = design(inputs).astype(np.float64)
        there = np.isfinite(y)
        coef = np.zeros((x.shape[1], y.shape[1]))
        intercept = np.zeros(y.shape[1])
        patterns, which = np.unique(there, axis=1, return_inverse=True)
        for i, rows in enumerate(patterns.T):
            outputs = np.flatnonzero(which.ravel() == i)
            if rows.any():
                found = solve_ridge(x[rows], y[rows][:, outputs], self.config.penalty)
                coef[:, outputs], intercept[outputs] = found
        self.coef, self.intercept = coef.astype(np.float32), intercept.astype(np.float32)

    def _predict(self, inputs: Inputs) -> NDArray[Any]:
        return self._scores(inputs)


def solve_ridge(
    x: NDArray[np.float64], y: NDArray[Any], penalty: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coefficients and intercepts that minimise mean squared error plus penalty.

    Parameters
    ----------
    x : ndarray, shape (n, column)
    y : ndarray, shape (n, output)
    penalty : float
        Factor of the squared coefficients, per sample; the intercept is free.

    Returns
    -------
    coef : ndarray, shape (column, output)
    intercept : ndarray, shape (output,)

    Examples
    --------
    >>> coef, intercept = solve_ridge(np.array([[0.0], [1.0]]), np.array([[1.0], [3.0]]), 1e-12)
    >>> float(coef[0, 0].round(6)), float(intercept[0].round(6))
    (2.0, 1.0)
    """
    from scipy.linalg import solve

    n, columns = x.shape
    x_mean, y_mean = x.mean(axis=0), y.mean(axis=0, dtype=np.float64)
    x, y = x - x_mean, y - y_mean
    if columns <= n:
        gram = x.T @ x + n * penalty * np.eye(columns)
        coef = solve(gram, x.T @ y, assume_a="pos")
    else:  # fewer samples than columns: the same solution from the smaller system
        gram = x @ x.T + n * penalty * np.eye(n)
        coef = x.T @ solve(gram, y, assume_a="pos")
    return coef, y_mean - x_mean @ coef


class Logistic(_Linear):
    """Multinomial logistic regression with a penalty on the squared coefficients."""

    classes_only: ClassVar[bool] = True

    class Config(Settings):
        """Settings.

        Attributes
        ----------
        penalty : float
            Strength of the penalty; the inverse of scikit-learn's ``C``.
        class_weight : {"none", "balanced"}
            "balanced" gives every class the same total weight, which biases the probabilities.
        iterations : int
            Most steps of the solver (L-BFGS); if they do not suffice, `progress` is told.
        """

        penalty: float = tunable(1.0, 1e-4, 1e4, log=True)
        class_weight: Literal["none", "balanced"] = "none"
        iterations: int = 1000

    def _fit(self, inputs: Inputs, y: NDArray[Any], fitting: Fitting) -> None:
        import warnings

        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression

        x = design(inputs)
        seen = np.unique(y)
        self.coef = np.zeros((x.shape[1], self.classes), np.float32)
        self.intercept = np.full(self.classes, ABSENT, np.float32)
        if len(seen) == 1:
            self.intercept[seen] = 0.0
            return
        weight = None if self.config.class_weight == "none" else "balanced"
        most = self.config.iterations
        model = LogisticRegression(C=1.0 / self.config.penalty, class_weight=weight, max_iter=most)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(x, y)
        if int(np.max(model.n_iter_)) >= most:
            fitting.progress(most, most, "not converged: raise iterations or penalty")
        if len(seen) == 2:  # scikit-learn gives the log-odds of the second class alone
            self.coef[:, seen[1]], self.intercept[seen] = model.coef_[0], [0, model.intercept_[0]]
        else:
            self.coef[:, seen], self.intercept[seen] = model.coef_.T, model.intercept_

    def _predict(self, inputs: Inputs) -> NDArray[Any]:
        return softmax(self._scores(inputs))


def softmax(scores: NDArray[Any]) -> NDArray[np.float64]:
    """Probabilities (n, category) from scores (n, category).

    Examples
    --------
    >>> softmax(np.array([[0.0, 0.0]])).tolist()
    [[0.5, 0.5]]
    """
    p = np.exp(np.asarray(scores, np.float64) - scores.max(axis=1, keepdims=True))
    found: NDArray[np.float64] = p / p.sum(axis=1, keepdims=True)
    return found
