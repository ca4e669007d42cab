"""Intervals on scores, and calibration of predictions on samples that were not fitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from craton.errors import ConfigError

Stats = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A score with its interval, and the number of independent blocks behind it.

    One block alone says nothing of the spread: its interval is from minus to plus infinity.
    """

    score: float
    low: float
    high: float
    blocks: int


def resamples(blocks: NDArray[Any], n: int, seed: int) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Draw block-bootstrap weights.

    Parameters
    ----------
    blocks : ndarray, shape (sample,)
        Block of each sample; blocks are drawn with replacement, samples in them stay together.
    n : int
        Number of resamples.
    seed : int
        Seed.

    Returns
    -------
    which : ndarray of int, shape (sample,)
        Block number of each sample, 0 to B-1.
    weights : ndarray, shape (n, B)
        How often each block was drawn.
    """
    names, which = np.unique(blocks, return_inverse=True)
    b = len(names)
    draws = np.random.default_rng(seed).multinomial(b, np.full(b, 1 / b), size=n)
    return which.ravel(), draws.astype(np.float64)


def by_block(stats: Stats, which: NDArray[Any]) -> Stats:
    """Sum per-sample statistics (sample, k) to blocks (B, k)."""
    total = np.zeros((int(which.max()) + 1, stats.shape[1]))
    np.add.at(total, which, stats)
    return total


def block_bootstrap(
    metric: Any,
    stats: Stats,
    blocks: NDArray[Any],
    *,
    n: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """Percentile interval of a score by resampling blocks.

    Parameters
    ----------
    metric : Metric
        Gives ``value(total)``.
    stats : ndarray, shape (sample, k)
        Per-sample statistics.
    blocks : ndarray, shape (sample,)
        Independent units.
    n, seed, level
        Resamples, seed, coverage.

    References
    ----------
    Künsch 1989, doi:10.1214/aos/1176347265; Efron and Tibshirani 1993, chapter 13.

    Examples
    --------
    >>> from craton.metrics import Metric
    >>> mean = Metric("mean", "higher", lambda o, p: o, lambda t: t[..., 0] / t[..., 1])
    >>> x = np.random.default_rng(0).normal(size=400)
    >>> found = block_bootstrap(mean, np.c_[x, np.ones(400)], np.arange(400))
    >>> bool(found.low < x.mean() < found.high)
    True
    """
    which, weights = resamples(blocks, n, seed)
    sums = by_block(stats, which)
    drawn = np.asarray(metric.value(weights @ sums), float)
    low, high = _percentiles(drawn, level, len(sums))
    return Interval(float(metric.value(sums.sum(axis=0))), low, high, len(sums))


def paired_gain(
    metric: Any,
    stats: Stats,
    base: Stats,
    blocks: NDArray[Any],
    *,
    n: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """Gain of one model over another on the same resamples, positive if better."""
    which, weights = resamples(blocks, n, seed)
    a, b = by_block(stats, which), by_block(base, which)
    drawn = metric.gain(metric.value(weights @ a), metric.value(weights @ b))
    low, high = _percentiles(np.asarray(drawn, float), level, len(a))
    gain = metric.gain(metric.value(a.sum(axis=0)), metric.value(b.sum(axis=0)))
    return Interval(float(gain), low, high, len(a))


class Mean:
    """A mean as a metric of `paired_gain`, higher is better: statistics are sum and count."""

    @staticmethod
    def value(total: Stats) -> NDArray[np.float64]:
        """Sum over count."""
        return np.asarray(total[..., 0] / total[..., 1])

    gain = staticmethod(np.subtract)


def _percentiles(drawn: NDArray[np.float64], level: float, blocks: int) -> tuple[float, float]:
    """Expanded percentile interval: with few blocks plain percentiles are too narrow.

    The tail is that of a t distribution with one degree of freedom less than there are blocks,
    widened by sqrt(B / (B - 1)) (Hesterberg 2015, doi:10.1080/00031305.2015.1089789).
    """
    if blocks < 2:
        return float("-inf"), float("inf")
    if np.isnan(drawn).all():
        return float("nan"), float("nan")
    from scipy.special import ndtr, stdtrit

    reach = np.sqrt(blocks / (blocks - 1)) * stdtrit(blocks - 1, (1 - level) / 2)
    tail = 100 * float(ndtr(reach))
    low, high = np.nanpercentile(drawn, [tail, 100 - tail])
    return float(low), float(high)


class Calibrator(Protocol):
    """Corrects predictions; learnt on samples that the model was not fitted on."""

    def fit(self, observed: xr.Dataset, predicted: xr.Dataset) -> Self: ...

    def apply(self, predicted: xr.Dataset) -> xr.Dataset: ...

    def state(self) -> dict[str, NDArray[Any]]: ...

    def with_state(self, arrays: Mapping[str, NDArray[Any]]) -> Self: ...


class NoCalibration:
    """Leaves predictions as they are."""

    def fit(self, observed: xr.Dataset, predicted: xr.Dataset) -> Self:
        return self

    def apply(self, predicted: xr.Dataset) -> xr.Dataset:
        return predicted

    def state(self) -> dict[str, NDArray[Any]]:
        return {}

    def with_state(self, arrays: Mapping[str, NDArray[Any]]) -> Self:
        return self


class Temperature:
    """One exponent on all class probabilities, fitted by maximum likelihood.

    References
    ----------
    Guo et al. 2017, arXiv:1706.04599.

    Examples
    --------
    >>> truth = np.tile([0, 0, 0, 1], 100)
    >>> p = np.tile([[0.99, 0.01]], (400, 1))
    >>> o = xr.Dataset({"f": ("sample", truth)})
    >>> q = xr.Dataset({"f": (("sample", "category"), p)})
    >>> round(float(Temperature("f").fit(o, q).apply(q)["f"][0, 0]), 2)
    0.75
    """

    def __init__(self, target: str) -> None:
        self.target = target
        self.power = 1.0

    def fit(self, observed: xr.Dataset, predicted: xr.Dataset) -> Self:
        from scipy.optimize import minimize_scalar

        truth = observed[self.target].to_numpy()
        known = truth >= 0
        if not known.any():
            return self
        p = predicted[self.target].transpose("sample", "category").to_numpy()[known]
        logs, truth = np.log(np.maximum(p.astype(float), 1e-9)), truth[known]

        def loss(log_power: float) -> float:
            z = logs * np.exp(log_power)
            top = z.max(axis=1)
            norm = np.log(np.exp(z - top[:, None]).sum(axis=1)) + top
            return float(np.mean(norm - z[np.arange(len(z)), truth]))

        self.power = float(np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded").x))
        return self

    def apply(self, predicted: xr.Dataset) -> xr.Dataset:
        p = predicted[self.target].transpose("sample", "category")
        logs = self.power * np.log(np.maximum(p.to_numpy().astype(float), 1e-9))
        raised = np.exp(logs - logs.max(axis=1, keepdims=True))
        raised /= raised.sum(axis=1, keepdims=True)
        return predicted.assign({self.target: p.copy(data=raised.astype(p.dtype))})

    def state(self) -> dict[str, NDArray[Any]]:
        return {"power": np.array([self.power])}

    def with_state(self, arrays: Mapping[str, NDArray[Any]]) -> Self:
        self.power = float(arrays["power"][0])
        return self


class Isotonic:
    """Each class's probability by a monotone step function, then scaled to sum to one.

    References
    ----------
    Zadrozny and Elkan 2002, doi:10.1145/775047.775151.
    """

    def __init__(self, target: str, points: int = 50) -> None:
        self.target, self.points = target, points
        self.levels = np.linspace(0, 1, points)
        self.maps: NDArray[np.float64] = np.zeros((0, points))

    def fit(self, observed: xr.Dataset, predicted: xr.Dataset) -> Self:
        from sklearn.isotonic import IsotonicRegression

        truth = observed[self.target].to_numpy()
        known = truth >= 0
        p = predicted[self.target].transpose("sample", "category").to_numpy()[known]
        if not known.any():
            self.maps = np.tile(self.levels, (p.shape[1], 1))
            return self
        maps = []
        for k in range(p.shape[1]):
            step = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
            step.fit(p[:, k], (truth[known] == k).astype(float))
            maps.append(step.predict(self.levels))
        self.maps = np.array(maps)
        return self

    def apply(self, predicted: xr.Dataset) -> xr.Dataset:
        array = predicted[self.target].transpose("sample", "category")
        p = array.to_numpy()
        columns = [np.interp(p[:, k], self.levels, self.maps[k]) for k in range(p.shape[1])]
        found = np.maximum(np.stack(columns, axis=1), 1e-4)
        found /= found.sum(axis=1, keepdims=True)
        return predicted.assign({self.target: array.copy(data=found.astype(p.dtype))})

    def state(self) -> dict[str, NDArray[Any]]:
        return {"maps": self.maps}

    def with_state(self, arrays: Mapping[str, NDArray[Any]]) -> Self:
        self.maps = arrays["maps"]
        self.levels = np.linspace(0, 1, self.maps.shape[1])
        return self


class ConformalQuantiles:
    """Stretches predicted quantiles about the median so that each covers its share.

    For every variable, lead and level the distance from the median is multiplied by the conformal
    quantile of the scaled distances seen on the calibration samples, so that coverage holds for
    exchangeable samples whatever the model's own spread. Each level has its own factor, so the two
    tails may differ. A level with fewer than 20 values to learn from is left as it is, and so is
    the median. Without names, all variables that are both observed and predicted are corrected.

    References
    ----------
    Romano, Patterson and Candès 2019, arXiv:1905.03222; Lei et al. 2018,
    doi:10.1080/01621459.2017.1307116.
    """

    def __init__(self, *variables: str) -> None:
        self.variables = variables
        self.factors: dict[str, NDArray[np.float64]] = {}

    def fit(self, observed: xr.Dataset, predicted: xr.Dataset) -> Self:
        for name in self.variables or [str(v) for v in predicted if v in observed]:
            first = [d for d in ("sample", "lead") if d in predicted[name].dims]
            q = predicted[name].transpose(*first, ..., "quantile").astype(float)
            centre = q.sel(quantile=0.5, method="nearest", drop=True)
            lead = q.sizes.get("lead", 1)
            error = (observed[name].transpose(*centre.dims) - centre.to_numpy()).to_numpy()
            rows = []
            for level in q["quantile"].to_numpy():
                reach = (q.sel(quantile=level, drop=True) - centre).to_numpy()
                ratio = _reached(error, reach, 1.0 if level > 0.5 else -1.0)
                flat = ratio.reshape(len(ratio), lead, -1)
                share = max(level, 1 - level)
                middle = not reach.any()
                rows.append([1.0 if middle else _stretch(flat[:, i], share) for i in range(lead)])
            self.factors[name] = np.array(rows)
        return self

    def apply(self, predicted: xr.Dataset) -> xr.Dataset:
        changed = {}
        for name, factor in self.factors.items():
            q = predicted[name]
            centre = q.sel(quantile=0.5, method="nearest", drop=True)
            scale = xr.DataArray(factor, dims=("quantile", "lead"))
            if "lead" not in q.dims:
                scale = scale.isel(lead=0)
            stretched = (centre + (q - centre) * scale).transpose(*q.dims).astype(q.dtype)
            ordered = np.sort(stretched.to_numpy(), axis=q.get_axis_num("quantile"))
            changed[name] = q.copy(data=ordered)
        return predicted.assign(changed)

    def state(self) -> dict[str, NDArray[Any]]:
        return dict(self.factors)

    def with_state(self, arrays: Mapping[str, NDArray[Any]]) -> Self:
        unknown = set(arrays) - set(self.variables)
        if self.variables and unknown:
            raise ConfigError(f"calibration of unknown variables {sorted(unknown)}")
        self.factors = {k: np.asarray(v) for k, v in arrays.items()}
        return self


def _reached(error: NDArray[Any], reach: NDArray[Any], side: float) -> NDArray[np.float64]:
    """Error over the predicted distance; infinite where a predicted distance of zero was passed."""
    passed = np.where(side * error > 0, np.inf, 0.0)
    ratio = np.divide(error, reach, out=passed, where=reach != 0)
    return np.where(np.isnan(error), np.nan, ratio)


def _stretch(ratio: NDArray[np.float64], share: float) -> float:
    """The smallest factor that covers `share` of exchangeable samples: an order statistic."""
    seen = np.sort(ratio[~np.isnan(ratio)], axis=None)
    if len(seen) < 20:
        return 1.0
    found = seen[min(int(np.ceil(share * (len(seen) + 1))), len(seen)) - 1]
    if not np.isfinite(found):
        found = seen[np.isfinite(seen)].max(initial=1.0)
    return max(float(found), 0.05)
