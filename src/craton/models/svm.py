"""Support vector machine with a Gaussian kernel and probabilities fitted out of fold."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from craton.config import Config as Settings
from craton.config import tunable
from craton.errors import BundleError, ModelError
from craton.models.base import Estimator, Fitting, State, design, need
from craton.models.linear import ABSENT, softmax
from craton.samples import Inputs

FOLDS = 5
BLOCKS = 25
"""Contiguous blocks dealt to the folds, so that neighbours are mostly in the same fold."""

_NAMES = ("vectors", "dual", "bias", "count", "seen", "gamma", "map", "map_bias")


class SVM(Estimator):
    """One-against-one support vector machine.

    The decision values of the class pairs are summed up to one score a class. A multinomial
    logistic map from scores to probabilities is fitted on scores of samples that the machine had
    not seen (folds of contiguous blocks inside the training set).

    References
    ----------
    Platt (1999), Probabilistic outputs for support vector machines, in Advances in Large Margin
    Classifiers. Wu, Lin & Weng (2004), JMLR 5, 975-1005.
    """

    classes_only: ClassVar[bool] = True

    class Config(Settings):
        """Settings.

        Attributes
        ----------
        cost : float
            Cost of a violated margin.
        gamma : float
            Inverse squared width of the kernel, in units of one over the number of columns times
            their variance.
        class_weight : {"none", "balanced"}
            "balanced" gives every class the same total cost.
        max_samples : int
            Larger training sets are thinned evenly to this size; time grows with its square.
        """

        cost: float = tunable(3.0, 1e-2, 1e3, log=True)
        gamma: float = tunable(1.0, 1e-2, 1e2, log=True)
        class_weight: Literal["none", "balanced"] = "none"
        max_samples: int = 10_000

    def _fit(self, inputs: Inputs, y: NDArray[Any], fitting: Fitting) -> None:
        x = design(inputs)
        if len(np.unique(y)) < 2:
            raise ModelError("SVM needs training samples of at least two classes, there is one")
        if len(y) > self.config.max_samples:
            keep = np.linspace(0, len(y) - 1, self.config.max_samples).round().astype(int)
            x, y = x[keep], y[keep]
        gamma = self.config.gamma / (x.shape[1] * max(float(x.var()), 1e-12))
        fold = (np.arange(len(y)) * BLOCKS // len(y)) % FOLDS
        scores = np.zeros((len(y), self.classes))
        for k in range(FOLDS):
            fitting.progress(k, FOLDS + 1, "out-of-fold scores")
            inside, out = fold != k, fold == k
            if out.any() and len(np.unique(y[inside])) > 1:
                part = self._machine(x[inside], y[inside], gamma)
                scores[out] = class_scores(x[out], part, self.classes)
        machine = self._machine(x, y, gamma)
        self.arrays = {**machine, **_probability_map(scores, y, self.classes)}

    def _machine(self, x: NDArray[Any], y: NDArray[Any], gamma: float) -> State:
        from sklearn.svm import SVC

        weight = None if self.config.class_weight == "none" else "balanced"
        fitted = SVC(C=self.config.cost, gamma=gamma, class_weight=weight).fit(x, y)
        # for two classes scikit-learn turns the signs of libsvm's own values round
        sign = -1.0 if len(fitted.classes_) == 2 else 1.0
        return {
            "vectors": fitted.support_vectors_.astype(np.float32),
            "dual": sign * np.asarray(fitted.dual_coef_, np.float64),
            "bias": sign * np.asarray(fitted.intercept_, np.float64),
            "count": fitted.n_support_.astype(np.int64),
            "seen": fitted.classes_.astype(np.int64),
            "gamma": np.array([gamma]),
        }

    def _predict(self, inputs: Inputs) -> NDArray[Any]:
        scores = class_scores(design(inputs), self.arrays, self.classes)
        return softmax(scores @ self.arrays["map"] + self.arrays["map_bias"])

    def _state(self) -> State:
        return dict(self.arrays)

    def _with_state(self, arrays: State) -> None:
        need(arrays, *_NAMES)
        check_machine(arrays, self.classes)
        self.arrays = {name: arrays[name] for name in _NAMES}


def decision_values(x: NDArray[Any], machine: State) -> NDArray[np.float64]:
    """Decision value of each class pair (0, 1), (0, 2) ... (1, 2) ...: (sample, pair).

    Positive speaks for the first class of the pair.
    """
    vectors = machine["vectors"].astype(np.float64)
    ends = np.cumsum(np.r_[0, machine["count"]])
    classes = len(machine["count"])
    weights = []
    for i in range(classes):
        for j in range(i + 1, classes):
            w = np.zeros(len(vectors))
            w[ends[i] : ends[i + 1]] = machine["dual"][j - 1, ends[i] : ends[i + 1]]
            w[ends[j] : ends[j + 1]] = machine["dual"][i, ends[j] : ends[j + 1]]
            weights.append(w)
    pairs = np.stack(weights, axis=1)
    square = (vectors**2).sum(axis=1)
    found = np.zeros((len(x), pairs.shape[1]))
    for start in range(0, len(x), 1024):
        part = x[start : start + 1024].astype(np.float64)
        gap = (part**2).sum(axis=1)[:, None] + square - 2.0 * (part @ vectors.T)
        kernel = np.exp(-machine["gamma"][0] * np.maximum(gap, 0.0))
        found[start : start + 1024] = kernel @ pairs + machine["bias"]
    return found


def class_scores(x: NDArray[Any], machine: State, classes: int) -> NDArray[np.float64]:
    """Mean decision value in favour of each class, clipped to -2..2 by pair: (sample, category).

    A class that training lacked gets the lowest score.
    """
    values = np.clip(decision_values(x, machine), -2.0, 2.0)
    seen = machine["seen"]
    scores = np.full((len(x), classes), -2.0)
    scores[:, seen] = 0.0
    pair = 0
    for i in range(len(seen)):
        for j in range(i + 1, len(seen)):
            scores[:, seen[i]] += values[:, pair] / (len(seen) - 1)
            scores[:, seen[j]] -= values[:, pair] / (len(seen) - 1)
            pair += 1
    return scores


def _probability_map(scores: NDArray[Any], y: NDArray[Any], classes: int) -> State:
    from sklearn.linear_model import LogisticRegression

    seen = np.unique(y)
    fitted = LogisticRegression(C=1.0, max_iter=500).fit(scores, y)
    weights = np.zeros((classes, classes))
    bias = np.full(classes, ABSENT)
    if len(seen) == 2:
        weights[:, seen[1]] = fitted.coef_[0]
        bias[seen] = [0.0, fitted.intercept_[0]]
    else:
        weights[:, seen], bias[seen] = fitted.coef_.T, fitted.intercept_
    return {"map": weights, "map_bias": bias}


def check_machine(arrays: State, classes: int) -> None:
    """Refuse a state whose arrays do not fit together.

    Raises
    ------
    BundleError
        If shapes disagree, a class does not exist, or a number is not finite.
    """
    count, seen = arrays["count"], arrays["seen"]
    k = seen.size
    sound = (
        k >= 2
        and count.dtype.kind == seen.dtype.kind == "i"
        and count.shape == seen.shape == (k,)
        and bool((count >= 0).all())
        and bool((seen >= 0).all() and (seen < classes).all())
        and len(np.unique(seen)) == k
        and arrays["vectors"].ndim == 2
        and int(count.sum()) == arrays["vectors"].shape[0]
        and arrays["dual"].shape == (k - 1, int(count.sum()))
        and arrays["bias"].shape == (k * (k - 1) // 2,)
        and arrays["gamma"].shape == (1,)
        and arrays["map"].shape == (classes, classes)
        and arrays["map_bias"].shape == (classes,)
        and all(np.isfinite(arrays[name]).all() for name in _NAMES)
        and float(arrays["gamma"][0]) > 0
    )
    if not sound:
        raise BundleError("the support vector machine's arrays do not fit together")
