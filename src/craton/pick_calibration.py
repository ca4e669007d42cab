"""Calibration of picks: an interval for each time, and the probability that the phase is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from craton.errors import ConfigError

Floats = NDArray[np.float64]

FEWEST = 20
"""Picks of a phase below which its intervals are left as they are."""

FOLDS = 5
LEAST_S, FLOOR_S = 0.005, 0.002
"""Least half-width of an interval; what is added to residuals before their logarithm; in s."""


class PickConformal:
    """Conformal intervals by phase and signal-to-noise ratio, and logistic probabilities.

    For each phase the size of a residual is first expected from the signal-to-noise ratio and from
    how sure the picker is (a line through the logarithm of the sizes). Residuals over that size
    have quantiles, of which the order statistics of split conformal prediction are taken, on each
    side its own, so that the interval covers its share of exchangeable windows while it is wide
    where picks are poor. Each ratio is of a line fitted without it. Where the predicted level is
    the median nothing is changed. Windows without a pick teach the probability only.

    References
    ----------
    Lei et al. 2018, doi:10.1080/01621459.2017.1307116 (locally weighted conformal intervals);
    Platt 1999 (logistic calibration).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> snr, truth = rng.uniform(0, 30, (400, 2)), np.full((400, 2), 10.0)
    >>> given = truth + rng.normal(size=(400, 2)) * 10 ** (-snr / 20)
    >>> pair = ("sample", "phase")
    >>> q = given[:, :, None] + np.array([-0.1, 0.0, 0.1])
    >>> predicted = xr.Dataset({"arrival": ((*pair, "quantile"), q), "snr": (pair, snr),
    ...     "probability": (pair, np.full((400, 2), 0.5))}, {"quantile": [0.05, 0.5, 0.95]})
    >>> observed = xr.Dataset({"arrival": (pair, truth)})
    >>> found = PickConformal().fit(observed, predicted).apply(predicted)["arrival"].to_numpy()
    >>> inside = (found[:, :, 0] <= 10.0) & (10.0 <= found[:, :, 2])
    >>> bool(0.88 < inside.mean() < 0.92), bool(0.85 < inside[snr > 20].mean() < 0.95)
    (True, True)
    """

    def __init__(self) -> None:
        self.size: dict[int, Floats] = {}
        self.tails: dict[int, Floats] = {}
        self.logistic: dict[int, Floats] = {}

    def fit(self, observed: xr.Dataset, predicted: xr.Dataset) -> Self:
        truth = observed["arrival"].transpose("sample", "phase").to_numpy()
        centre, levels = _centre(predicted)
        for phase in range(truth.shape[1]):
            x = _features(predicted, phase)
            residual = truth[:, phase] - centre[:, phase]
            known = np.isfinite(residual)
            self.logistic[phase] = _platt(x[:, 2], known)
            if known.sum() < FEWEST:
                continue
            x, residual = x[known], residual[known]
            ratio = np.empty(len(x))
            fold = np.arange(len(x)) % FOLDS
            for k in range(FOLDS):
                line = _line(x[fold != k], residual[fold != k])
                ratio[fold == k] = residual[fold == k] / np.exp(x[fold == k] @ line)
            self.size[phase] = _line(x, residual)
            self.tails[phase] = np.array([_tail(ratio, level) for level in levels])
        return self

    def interval(self, phase: int, snr: Floats, chance: Floats) -> tuple[Floats, Floats, Floats]:
        """What is known of picks of a phase (0 for P, 1 for S).

        Parameters
        ----------
        phase : int
        snr, chance : ndarray, shape (pick,)
            dB; the picker's own probability.

        Returns
        -------
        low, high, probability : ndarray, shape (pick,)
            Seconds from the pick to the outermost levels, and the calibrated probability.
        """
        x = _design(snr, chance)
        reach = self._reach(phase, x)
        line = self.logistic.get(phase, np.array([0.0, 1.0]))
        return reach[:, 0], reach[:, -1], _expit(line[0] + line[1] * x[:, 2])

    def _reach(self, phase: int, x: Floats) -> Floats:
        """Seconds from picks to each level, shape (pick, level)."""
        if phase not in self.size:
            return np.zeros((len(x), 2))
        reach = np.exp(x @ self.size[phase])[:, None] * self.tails[phase]
        least = LEAST_S * np.sign(self.tails[phase])
        return np.where(np.abs(reach) < np.abs(least), least, reach)

    def apply(self, predicted: xr.Dataset) -> xr.Dataset:
        q = predicted["arrival"].transpose("sample", "phase", "quantile")
        found = q.to_numpy().astype(np.float64)
        centre = _centre(predicted)[0]
        chance = predicted["probability"].transpose("sample", "phase").to_numpy().copy()
        for phase in self.size:
            reach = self._reach(phase, _features(predicted, phase))
            found[:, phase] = centre[:, phase, None] + reach
        for phase, line in self.logistic.items():
            chance[:, phase] = _expit(line[0] + line[1] * _features(predicted, phase)[:, 2])
        return predicted.assign(
            arrival=q.copy(data=np.sort(found, axis=2)),
            probability=(("sample", "phase"), chance, predicted["probability"].attrs),
        )

    def state(self) -> dict[str, NDArray[Any]]:
        parts = {"size": self.size, "tails": self.tails, "logistic": self.logistic}
        return {f"{k}.{i}": v for k, part in parts.items() for i, v in part.items()}

    def with_state(self, arrays: Mapping[str, NDArray[Any]]) -> Self:
        for name, value in arrays.items():
            part, _, phase = name.partition(".")
            if part not in ("size", "tails", "logistic") or phase not in ("0", "1"):
                raise ConfigError(f"a calibration of picks has no array '{name}'")
            getattr(self, part)[int(phase)] = np.asarray(value, np.float64)
        return self


def _centre(predicted: xr.Dataset) -> tuple[Floats, list[float]]:
    q = predicted["arrival"].transpose("sample", "phase", "quantile")
    levels = [float(v) for v in q["quantile"].to_numpy()]
    middle = int(np.argmin(np.abs(np.asarray(levels) - 0.5)))
    return q.to_numpy()[:, :, middle].astype(np.float64), levels


def _features(predicted: xr.Dataset, phase: int) -> Floats:
    pair = [predicted[k].transpose("sample", "phase").to_numpy() for k in ("snr", "probability")]
    return _design(pair[0][:, phase], pair[1][:, phase])


def _design(snr: Floats, chance: Floats) -> Floats:
    """One, signal-to-noise ratio in tens of dB, and the logit of the uncalibrated probability."""
    p = np.clip(chance.astype(np.float64), 1e-4, 1 - 1e-4)
    return np.stack([np.ones(len(p)), np.clip(snr, -5, 45) / 10.0, np.log(p / (1 - p))], axis=1)


def _expit(z: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(z, -15, 15))))


def _line(x: Floats, residual: Floats) -> Floats:
    """Logarithm of the expected size of a residual, by ridge; it never grows with either."""
    y = np.log(np.abs(residual) + FLOOR_S)
    middle = x.mean(axis=0)
    centred, ridge = x[:, 1:] - middle[1:], 2.0 * np.eye(x.shape[1] - 1)
    slope = np.linalg.solve(centred.T @ centred + ridge, centred.T @ (y - y.mean()))
    slope = np.minimum(slope, 0.0)
    return np.r_[y.mean() - slope @ middle[1:], slope]


def _tail(ratio: Floats, level: float) -> float:
    """Order statistic on the side of a level; 0 at the median."""
    if abs(level - 0.5) < 1e-9:
        return 0.0
    side = 1.0 if level > 0.5 else -1.0
    seen, share = np.sort(side * ratio), max(level, 1 - level)
    k = min(int(np.ceil(share * (len(seen) + 1))), len(seen))
    return side * max(float(seen[k - 1]), 0.0)


def _platt(x: Floats, there: NDArray[np.bool_]) -> Floats:
    """Intercept and slope of the logistic line; the identity where only one kind was seen."""
    if there.all() or not there.any():
        return np.array([0.0, 1.0])
    from scipy.optimize import minimize

    sign = np.where(there, 1.0, -1.0)

    def loss(line: Floats) -> float:
        z = sign * (line[0] + line[1] * x)
        penalty = 0.5 * (line[1] - 1.0) ** 2 + 0.05 * line[0] ** 2
        return float(np.logaddexp(0.0, -z).sum() + penalty)

    found = minimize(loss, np.array([0.0, 1.0]), method="L-BFGS-B", bounds=[(-20, 20), (0.01, 10)])
    return np.asarray(found.x)
