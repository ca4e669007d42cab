"""Calibration of class probabilities where the shares of the classes may have changed, too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray


class BiasedTemperature:
    """One exponent on all class probabilities and a factor for each class, by maximum likelihood.

    The factors follow a change in the shares of the classes between what a model was fitted on and
    what it was calibrated on, which one exponent cannot. A weak penalty keeps the factor of a class
    that is hardly there near one.

    Parameters
    ----------
    target : str
        Variable.
    penalty : float
        Of the squared logarithms of the factors, in samples.

    References
    ----------
    Alexandari, Kundaje and Shrikumar 2020, arXiv:1901.06852.

    Examples
    --------
    >>> o = xr.Dataset({"f": ("sample", np.tile([0, 0, 0, 1], 100))})
    >>> q = xr.Dataset({"f": (("sample", "category"), np.tile([[0.5, 0.5]], (400, 1)))})
    >>> round(float(BiasedTemperature("f").fit(o, q).apply(q)["f"][0, 0]), 2)
    0.75
    """

    def __init__(self, target: str, penalty: float = 0.5) -> None:
        self.target, self.penalty = target, penalty
        self.power, self.bias = 1.0, np.zeros(0)

    def fit(self, observed: xr.Dataset, predicted: xr.Dataset) -> Self:
        from scipy.optimize import minimize

        truth = observed[self.target].to_numpy()
        p = predicted[self.target].transpose("sample", "category").to_numpy()
        known = truth >= 0
        self.power, self.bias = 1.0, np.zeros(p.shape[1])
        if not known.any():
            return self
        logs, truth = np.log(np.maximum(p[known].astype(float), 1e-9)), truth[known]
        hot = np.eye(p.shape[1])[truth]

        def loss(free: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            power, bias = np.exp(free[0]), free[1:]
            z = power * logs + bias
            q = _softmax(z)
            value = -np.log(np.maximum(q[np.arange(len(q)), truth], 1e-300)).sum()
            gap = q - hot
            slope = np.r_[power * (gap * logs).sum(), gap.sum(axis=0) + 2 * self.penalty * bias]
            return float(value + self.penalty * (bias**2).sum()), slope

        bounds = [(-3.0, 3.0)] + [(-5.0, 5.0)] * p.shape[1]
        start = np.zeros(1 + p.shape[1])
        found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
        self.power, self.bias = float(np.exp(found[0])), found[1:]
        return self

    def apply(self, predicted: xr.Dataset) -> xr.Dataset:
        p = predicted[self.target].transpose("sample", "category")
        bias = self.bias if len(self.bias) else np.zeros(p.shape[1])
        logs = self.power * np.log(np.maximum(p.to_numpy().astype(float), 1e-9)) + bias
        return predicted.assign({self.target: p.copy(data=_softmax(logs).astype(p.dtype))})

    def state(self) -> dict[str, NDArray[Any]]:
        return {"power": np.array([self.power]), "bias": np.array(self.bias)}

    def with_state(self, arrays: Mapping[str, NDArray[Any]]) -> Self:
        self.power, self.bias = float(arrays["power"][0]), np.array(arrays["bias"])
        return self


def _softmax(z: NDArray[np.float64]) -> NDArray[np.float64]:
    raised = np.exp(z - z.max(axis=1, keepdims=True))
    found: NDArray[np.float64] = raised / raised.sum(axis=1, keepdims=True)
    return found
