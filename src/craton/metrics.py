"""Scores as sums: per-sample statistics, and a function of their total.

Because a score is a function of a sum over samples, it can be bootstrapped by blocks, compared in
pairs, monitored as data arrive, and computed in pieces, all with the same few lines.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from craton.errors import ModelError

Stats = NDArray[np.float64]
CRPS_PIECE = 500_000
"""Quantiles that are scored at once."""


@dataclass(frozen=True)
class Metric:
    """A score.

    Attributes
    ----------
    name : str
        Name in tables and `scores.json`.
    better : {"higher", "lower", "nearer"}
        Direction; "nearer" to `goal`.
    stats : callable
        ``stats(observed, predicted) -> (sample, k)``, two datasets in, sums to be out.
    value : callable
        ``value(total) -> float`` with `total` of shape (..., k); vectorised over leading axes.
    units : str
        Units of the value.
    reference : str
        Formula's source.
    goal : float
        What a score should be near to, for "nearer".

    Examples
    --------
    >>> observed = xr.Dataset({"f": ("sample", [0, 1])})
    >>> p = [[0.9, 0.1], [0.8, 0.2]]
    >>> predicted = xr.Dataset({"f": (("sample", "category"), p)})
    >>> float(score(accuracy("f"), observed, predicted))
    0.5
    """

    name: str
    better: Literal["higher", "lower", "nearer"]
    stats: Callable[[xr.Dataset, xr.Dataset], Stats]
    value: Callable[[Stats], Any]
    units: str = "1"
    reference: str = ""
    goal: float = float("nan")

    @property
    def direction(self) -> str:
        """In words: "higher is better"."""
        goal = f" to {self.goal:g}" if self.better == "nearer" else ""
        return f"{self.better}{goal} is better"

    def loss(self, score: Any) -> Any:
        """The score turned so that lower is better."""
        if self.better == "nearer":
            return np.abs(score - self.goal)
        return -score if self.better == "higher" else score

    def gain(self, score: Any, base: Any) -> Any:
        """How much better `score` is than `base`, positive if better."""
        return self.loss(base) - self.loss(score)


def score(metric: Metric, observed: xr.Dataset, predicted: xr.Dataset) -> float:
    """Score of all samples together."""
    return float(metric.value(metric.stats(observed, predicted).sum(axis=0)))


def require_finite(predicted: xr.Dataset, model: str) -> None:
    """Refuse predictions with a missing value: no model may skip the hard samples.

    Raises
    ------
    ModelError
        Naming the variable and the first sample.
    """
    for name, values in predicted.data_vars.items():
        array = values.to_numpy()
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            bad = int(np.argwhere(~np.isfinite(array))[0][0])
            raise ModelError(
                f"the prediction of '{name}' is not finite for sample {bad}",
                where=model,
                fix="fill gaps in the inputs, lower the learning rate, or drop this model",
            )


def _ratio(sum_: Any, count: Any) -> Any:
    """A sum over a count; not a number where nothing was seen, which is not a perfect score."""
    return np.where(count > 0, sum_ / np.where(count > 0, count, 1.0), np.nan)


def _mean(total: Stats) -> Any:
    return _ratio(total[..., 0], total[..., 1])


def _labels(observed: xr.Dataset, predicted: xr.Dataset, target: str) -> tuple[Any, Any, Any]:
    truth = observed[target].to_numpy()
    probability = predicted[target].transpose("sample", "category").to_numpy().astype(float)
    known = (truth >= 0).astype(float)
    return np.maximum(truth, 0), probability, known


def accuracy(target: str) -> Metric:
    """Share of samples whose most probable class is right (F1-micro, with one label a sample)."""

    def stats(observed: xr.Dataset, predicted: xr.Dataset) -> Stats:
        truth, p, known = _labels(observed, predicted, target)
        return np.stack([known * (p.argmax(axis=1) == truth), known], axis=1)

    return Metric("accuracy", "higher", stats, _mean)


def adjacent_accuracy(target: str, neighbours: Mapping[int, tuple[int, ...]]) -> Metric:
    """Share of samples whose most probable class is right or a neighbour of the right one.

    Parameters
    ----------
    target : str
        Variable.
    neighbours : mapping
        Class position to the positions that also count as right.
    """

    def stats(observed: xr.Dataset, predicted: xr.Dataset) -> Stats:
        truth, p, known = _labels(observed, predicted, target)
        near = np.eye(p.shape[1], dtype=bool)
        for row, columns in neighbours.items():
            near[row, list(columns)] = True
        return np.stack([known * near[truth, p.argmax(axis=1)], known], axis=1)

    return Metric("adjacent_accuracy", "higher", stats, _mean)


def log_loss(target: str) -> Metric:
    """Mean of minus the logarithm of the probability given to the true class, in nats."""

    def stats(observed: xr.Dataset, predicted: xr.Dataset) -> Stats:
        truth, p, known = _labels(observed, predicted, target)
        given = np.take_along_axis(p, truth[:, None], axis=1)[:, 0]
        return np.stack([-known * np.log(np.maximum(given, 1e-12)), known], axis=1)

    return Metric("log_loss", "lower", stats, _mean, "nat", "doi:10.1198/016214506000001437")


def brier(target: str) -> Metric:
    """Mean squared distance of the probabilities from the truth, over all classes."""

    def stats(observed: xr.Dataset, predicted: xr.Dataset) -> Stats:
        truth, p, known = _labels(observed, predicted, target)
        hot = np.eye(p.shape[1])[truth]
        return np.stack([known * ((p - hot) ** 2).sum(axis=1), known], axis=1)

    return Metric(
        "brier", "lower", stats, _mean, "1", "doi:10.1175/1520-0493(1950)078<0001>2.0.CO;2"
    )


def f1_macro(target: str, classes: int) -> Metric:
    """Mean, over the classes that occur, of the harmonic mean of precision and recall."""

    def stats(observed: xr.Dataset, predicted: xr.Dataset) -> Stats:
        truth, p, known = _labels(observed, predicted, target)
        said, hot = np.eye(classes)[p.argmax(axis=1)], np.eye(classes)[truth]
        k = known[:, None]
        return np.concatenate([k * said * hot, k * said, k * hot], axis=1)

    def value(total: Stats) -> Any:
        hit, said, true = np.split(total, 3, axis=-1)
        seen = true > 0
        f1 = 2 * hit / np.maximum(said + true, 1e-300)
        return _ratio(np.where(seen, f1, 0.0).sum(axis=-1), seen.sum(axis=-1))

    return Metric("f1_macro", "higher", stats, value)


def balanced_accuracy(target: str, among: Mapping[int, str] | None = None) -> Metric:
    """Mean, over the classes that occur, of the share of their samples that is right.

    Parameters
    ----------
    target : str
        Variable.
    among : mapping, optional
        Positions and names of the classes that count: only samples of these are scored, and only
        the probabilities of these are compared.
    """

    def stats(observed: xr.Dataset, predicted: xr.Dataset) -> Stats:
        truth, p, known = _labels(observed, predicted, target)
        if among:
            rest = np.setdiff1d(np.arange(p.shape[1]), list(among))
            known, p = known * ~np.isin(truth, rest), p.copy()
            p[:, rest] = -1.0
        hot = np.eye(p.shape[1])[truth] * known[:, None]
        return np.concatenate([hot * (p.argmax(axis=1) == truth)[:, None], hot], axis=1)

    def value(total: Stats) -> Any:
        hit, count = np.split(total, 2, axis=-1)
        seen = count > 0
        recall = np.where(seen, hit / np.where(seen, count, 1.0), 0.0)
        return _ratio(recall.sum(axis=-1), seen.sum(axis=-1))

    name = "_".join(["balanced_accuracy", *(among or {}).values()])
    return Metric(name, "higher", stats, value)


def calibration_error(target: str, bins: int = 15) -> Metric:
    """Expected calibration error: mean gap between stated and observed chance, over equal bins.

    References
    ----------
    Guo et al. 2017, arXiv:1706.04599.
    """

    def stats(observed: xr.Dataset, predicted: xr.Dataset) -> Stats:
        truth, p, known = _labels(observed, predicted, target)
        top = p.max(axis=1)
        right = (p.argmax(axis=1) == truth).astype(float)
        which = np.minimum((top * bins).astype(int), bins - 1)
        hot = np.eye(bins)[which] * known[:, None]
        return np.concatenate([hot, hot * top[:, None], hot * right[:, None]], axis=1)

    def value(total: Stats) -> Any:
        count, said, right = np.split(total, 3, axis=-1)
        return _ratio(np.abs(said - right).sum(axis=-1), count.sum(axis=-1))

    return Metric("calibration_error", "lower", stats, value, "1", "arXiv:1706.04599")


def middle(predicted: xr.DataArray) -> xr.DataArray:
    """The median of a quantile prediction, else the mean of its realizations."""
    if "quantile" in predicted.dims:
        return predicted.sel(quantile=0.5, method="nearest", drop=True)
    return predicted.mean("realization") if "realization" in predicted.dims else predicted


def _pairs(observed: xr.Dataset, predicted: xr.Dataset, target: str) -> tuple[Any, Any]:
    truth = observed[target]
    guess = middle(predicted[target]).transpose(*truth.dims)
    n = truth.sizes["sample"]
    flat = [a.to_numpy().reshape(n, -1).astype(float) for a in (truth, guess)]
    return flat[0], flat[1]


def _seen(truth: xr.DataArray, weights: NDArray[np.float64] | None) -> Stats:
    """Weight of each value, (sample, ...) as the truth; zero where nothing was observed."""
    there = np.isfinite(truth.to_numpy()).astype(float)
    return there if weights is None else there * weights


def rmse(target: str, units: str = "1", weights: NDArray[np.float64] | None = None) -> Metric:
    """Root of the mean squared error of the median, over samples, leads and cells seen.

    Parameters
    ----------
    target, units : str
        Variable and its units.
    weights : ndarray, optional
        Weights along the last dimension, such as the area of each cell.
    """

    def stats(observed: xr.Dataset, predicted: xr.Dataset) -> Stats:
        truth, guess = _pairs(observed, predicted, target)
        w = _seen(observed[target], weights).reshape(truth.shape)
        square = w * np.where(np.isfinite(truth), truth - guess, 0.0) ** 2
        return np.stack([square.sum(axis=1), w.sum(axis=1)], axis=1)

    return Metric(f"rmse_{target}", "lower", stats, lambda total: np.sqrt(_mean(total)), units)


def mae(target: str, units: str = "1") -> Metric:
    """Mean absolute error of the median."""

    def stats(observed: xr.Dataset, predicted: xr.Dataset) -> Stats:
        truth, guess = _pairs(observed, predicted, target)
        there = np.isfinite(truth)
        size = np.where(there, np.abs(truth - guess), 0.0)
        return np.stack([size.sum(axis=1), there.sum(axis=1).astype(float)], axis=1)

    return Metric(f"mae_{target}", "lower", stats, _mean, units)


def anomaly_correlation(target: str, weights: NDArray[np.float64] | None = None) -> Metric:
    """Uncentred correlation of forecast and observed anomalies, over samples and cells.

    Parameters
    ----------
    target : str
        Variable.
    weights : ndarray, optional
        Weights along the last dimension, such as the area of each cell.

    References
    ----------
    Wilks 2011, Statistical Methods in the Atmospheric Sciences, section 8.6.4.
    """

    def stats(observed: xr.Dataset, predicted: xr.Dataset) -> Stats:
        truth, guess = _pairs(observed, predicted, target)
        there = np.isfinite(truth)
        w = _seen(observed[target], weights).reshape(truth.shape)
        t, g = np.where(there, truth, 0.0), np.where(there, guess, 0.0)
        return np.stack([(w * v).sum(axis=1) for v in (t * g, t * t, g * g)], axis=1)

    def value(total: Stats) -> Any:
        return total[..., 0] / np.sqrt(np.maximum(total[..., 1] * total[..., 2], 1e-300))

    return Metric(f"anomaly_correlation_{target}", "higher", stats, value)


def crps(target: str, units: str = "1", weights: NDArray[np.float64] | None = None) -> Metric:
    """Continuous ranked probability score, from quantiles as twice the mean pinball loss.

    The integral over levels is a trapezium rule on the levels given, the outermost held constant.

    Parameters
    ----------
    target, units : str
        Variable and its units.
    weights : ndarray, optional
        Weights along the last dimension, such as the area of each cell.

    References
    ----------
    Gneiting and Ranjan 2011, doi:10.1198/jbes.2010.08110.
    """

    def stats(observed: xr.Dataset, predicted: xr.Dataset) -> Stats:
        truth = observed[target]
        ordered = predicted[target].sortby("quantile").transpose(*truth.dims, "quantile")
        level = ordered["quantile"].to_numpy()
        share = np.diff(np.r_[0.0, (level[1:] + level[:-1]) / 2, 1.0])
        q, y = ordered.to_numpy(), truth.to_numpy()
        n, w = len(y), _seen(truth, weights)
        total = np.zeros(n)
        # in pieces: the gaps of a whole field at all leads would take many times its memory
        rows = max(1, CRPS_PIECE * n // max(q.size, 1))
        for i in range(0, n, rows):
            part = slice(i, i + rows)
            gap = np.nan_to_num(y[part]).astype(float)[..., None] - q[part]
            pinball = np.maximum(level * gap, (level - 1) * gap) @ share
            total[part] = 2 * (pinball * w[part]).reshape(len(gap), -1).sum(axis=1)
        return np.stack([total, w.reshape(n, -1).sum(axis=1)], axis=1)

    return Metric(f"crps_{target}", "lower", stats, _mean, units)


def coverage(target: str, low: float = 0.05, high: float = 0.95) -> Metric:
    """Share of observations inside the interval between two predicted quantiles.

    Better is nearer to the share that the interval promises, from either side.
    """

    def stats(observed: xr.Dataset, predicted: xr.Dataset) -> Stats:
        truth = observed[target]
        band = predicted[target].transpose(*truth.dims, "quantile")
        below, above = (band.sel(quantile=q, method="nearest").to_numpy() for q in (low, high))
        y, n = truth.to_numpy(), truth.sizes["sample"]
        there = np.isfinite(y)
        inside = there & (y >= below) & (y <= above)
        both = [inside.reshape(n, -1).sum(axis=1), there.reshape(n, -1).sum(axis=1)]
        return np.stack(both, axis=1).astype(float)

    promised = round(high - low, 6)
    name = f"coverage_{round(100 * promised)}_{target}"
    return Metric(name, "nearer", stats, _mean, goal=promised)


def poisson_log_likelihood(counts: str = "count", rates: str = "expected_count") -> Metric:
    """Log-likelihood of gridded counts per event, in nats: the CSEP joint likelihood over events.

    A difference between two models is their information gain per event.

    References
    ----------
    Schorlemmer et al. 2007, doi:10.1785/gssrl.78.1.17; Rhoades et al. 2011,
    doi:10.2478/s11600-011-0013-5.
    """
    from scipy.special import gammaln

    def stats(observed: xr.Dataset, predicted: xr.Dataset) -> Stats:
        n, rate = _pairs(observed, predicted.rename({rates: counts}), counts)
        rate = np.maximum(rate, 1e-12)
        joint = (n * np.log(rate) - rate - gammaln(n + 1)).sum(axis=1)
        return np.stack([joint, n.sum(axis=1)], axis=1)

    return Metric(
        "log_likelihood_per_event", "higher", stats, _mean, "nat", "doi:10.2478/s11600-011-0013-5"
    )


def binary_log_loss(events: str, probability: str) -> Metric:
    """Mean log loss of the probability of at least one event, over samples and cells, in nats."""

    def stats(observed: xr.Dataset, predicted: xr.Dataset) -> Stats:
        y, p = _pairs(observed, predicted.rename({probability: events}), events)
        p = np.clip(p, 1e-7, 1 - 1e-7)
        loss = -(y * np.log(p) + (1 - y) * np.log1p(-p))
        return np.stack([loss.sum(axis=1), np.full(len(y), float(y.shape[1]))], axis=1)

    return Metric(f"log_loss_{probability}", "lower", stats, _mean, "nat")
