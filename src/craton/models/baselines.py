"""Baselines that an expert would name: frequency, climatology, persistence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from craton.config import Config as Settings
from craton.errors import ModelError
from craton.gathers import region_mean
from craton.models.base import (
    Fitting,
    Model,
    State,
    _spread,
    class_prediction,
    need,
    value_prediction,
)
from craton.samples import Samples


class Frequency(Model):
    """Every sample gets the class frequencies of the training set."""

    class Config(Settings):
        """Settings: `added` is the count added to each class."""

        added: float = 1.0

    def fit(self, train: Samples, fitting: Fitting = Fitting()) -> Self:  # noqa: B008
        target = train.target
        if not target.categories:
            raise ModelError(f"Frequency predicts classes, '{target.name}' is a number")
        seen = train.observed()[target.name].to_numpy()
        count = np.bincount(seen[seen >= 0], minlength=len(target.categories)) + self.config.added
        self.share = (count / count.sum()).astype(np.float64)
        return self

    def predict(self, samples: Samples) -> xr.Dataset:
        return class_prediction(samples, np.tile(self.share, (len(samples), 1)))

    def state(self) -> State:
        return {"share": self.share}

    def with_state(self, arrays: Mapping[str, NDArray[Any]]) -> Self:
        need(arrays, "share")
        self.share = arrays["share"]
        return self


class _Values(Model):
    """Common part of the baselines of numbers: a mean, and the spread of training residuals."""

    learnt: State

    def fit(self, train: Samples, fitting: Fitting = Fitting()) -> Self:  # noqa: B008
        target = train.target
        if target.categories:
            raise ModelError(f"{type(self).__name__} predicts numbers, '{target.name}' has classes")
        observed = train.observed()
        y = observed[target.name].to_numpy()
        self._learn(train, y)
        mean = self._mean(train)
        if mean.shape != y.shape:
            raise ModelError(
                f"{type(self).__name__} gives {mean.shape[1:]} values a sample, "
                f"'{target.name}' has {y.shape[1:]}",
                fix="use Climatology where the target is not a field on the inputs' points",
            )
        self.spread = {target.name: _spread(y - mean)}
        for region, weights in (target.regions or {}).items():
            field = region_mean(xr.DataArray(mean, dims=observed[target.name].dims), weights)
            self.spread[region] = _spread(observed[region].to_numpy() - field.to_numpy())
        return self

    def predict(self, samples: Samples) -> xr.Dataset:
        return value_prediction(samples, self._mean(samples), self.spread)

    def state(self) -> State:
        return {**self.learnt, **{f"spread.{k}": v for k, v in self.spread.items()}}

    def with_state(self, arrays: Mapping[str, NDArray[Any]]) -> Self:
        self.learnt = {k: v for k, v in arrays.items() if not k.startswith("spread.")}
        self.spread = {k[7:]: v for k, v in arrays.items() if k.startswith("spread.")}
        return self

    def _learn(self, train: Samples, y: NDArray[Any]) -> None:
        self.learnt = {}

    def _mean(self, samples: Samples) -> NDArray[np.float32]:
        raise NotImplementedError


class Climatology(_Values):
    """Every sample gets the training mean."""

    def _learn(self, train: Samples, y: NDArray[Any]) -> None:
        there = np.isfinite(y)
        total = np.where(there, y, 0.0).sum(axis=0, dtype=np.float64)
        mean = total / np.maximum(there.sum(axis=0), 1)
        self.learnt = {"mean": np.asarray(mean, np.float32)}

    def _mean(self, samples: Samples) -> NDArray[np.float32]:
        mean = self.learnt["mean"]
        return np.broadcast_to(mean, (len(samples), *mean.shape)).copy()


class Persistence(_Values):
    """The last value seen, at every lead."""

    def _mean(self, samples: Samples) -> NDArray[np.float32]:
        return _last(samples)


class DampedPersistence(_Values):
    """The last value seen times the training autocorrelation, by lead and point."""

    def _learn(self, train: Samples, y: NDArray[Any]) -> None:
        last = _last(train)
        there = np.isfinite(y)
        product = np.where(there, y * last, 0.0).sum(axis=0)
        square = np.where(there, last**2, 0.0).sum(axis=0)
        self.learnt = {"factor": (product / np.maximum(square, 1e-9)).astype(np.float32)}

    def _mean(self, samples: Samples) -> NDArray[np.float32]:
        return _last(samples) * self.learnt["factor"]


def _last(samples: Samples) -> NDArray[np.float32]:
    """The newest value of each point, repeated over the leads: (sample, lead, point)."""
    inputs = samples.inputs()
    if "sequence" not in inputs:
        raise ModelError("persistence needs a sequence of past values, this task has none")
    sequence = inputs["sequence"]
    there = np.isfinite(sequence)
    newest = sequence.shape[2] - 1 - there[:, :, ::-1].argmax(axis=2)
    last = np.take_along_axis(sequence, newest[:, :, None], axis=2)[:, :, 0]
    leads = len(getattr(samples.gather, "leads", (1,)))
    return np.repeat(np.nan_to_num(last)[:, None, :], leads, axis=1)
