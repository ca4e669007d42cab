"""Models of events that several stations recorded: each record is classified, the stations vote."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from craton.config import Config as Settings
from craton.errors import BundleError, ModelError
from craton.models.base import Fitting, Model, State, class_prediction, need, sub_state
from craton.samples import Inputs, Parts, Samples, Target, make_index

Array = NDArray[Any]

FLOOR = 0.01
"""Share of the probability of a record that is spread over all classes before stations vote, so
that no single record can decide alone."""

SPREAD = 1.0
"""Penalty, in events, on what the votes of stations differ by, squared."""

SEEN: dict[str, tuple[str, ...]] = {
    "features": ("x", "station"),
    "rule": ("rule",),
    "waveform": ("sequence",),
}


class ByStation(Model):
    """An inner model of single records, and a vote of the stations that recorded an event.

    The score of a class is the sum over stations of weight times log-probability, divided by the
    number of stations to a power between 0 (stations are independent) and 1 (they say the same),
    plus a constant. Weights, power and constants are learnt on records of events that the inner
    model had not seen. How many stations there are speaks for no class by itself.

    Make one with `by_station`.
    """

    class Config(Settings):
        """Settings, beside those of the inner model.

        Attributes
        ----------
        sees : {"features", "rule", "waveform"}
            What the inner model is given of each record.
        votes : {"learnt", "mean"}
            Whether the vote is learnt or is the mean of the log-probabilities.
        """

        sees: Literal["features", "rule", "waveform"] = "features"
        votes: Literal["learnt", "mean"] = "learnt"

    Inner: ClassVar[type[Model]]

    def suits(self, samples: Samples) -> bool:
        """Whether the records have what the inner model is to see."""
        given = samples.take([0]).inputs() if len(samples) else {}
        return SEEN[self.config.sees][0] in given

    def fit(self, train: Samples, fitting: Fitting = Fitting()) -> Self:  # noqa: B008
        target, inputs = train.target, train.inputs()
        if SEEN[self.config.sees][0] not in inputs:
            raise ModelError(
                f"{type(self).__name__} wants the {self.config.sees} of each record, the inputs "
                f"are {sorted(inputs)}",
                fix="name candidates that these data suit, with --set candidates=[...]",
            )
        truth = train.observed()[target.name].to_numpy()
        known = np.flatnonzero(truth >= 0)
        records = self._records(inputs).of(known)
        if not len(records):
            raise ModelError("no training event has a record and a type")
        self.inner = self._inner().fit(records.samples(target, truth), fitting)
        places = inputs["present"].shape[1]
        self.vote = Vote.mean(places if self.config.votes == "learnt" else 1, target)
        if self.config.votes == "learnt":
            p = self._unseen(records, truth, target, fitting)
            self.vote = Vote.learn(records, p, truth, places, getattr(train.gather, "stations", ()))
        return self

    def predict(self, samples: Samples) -> xr.Dataset:
        records = self._records(samples.inputs())
        truth = np.full(len(samples), -1)
        p = np.zeros((0, len(samples.target.categories)))
        if len(records):
            p = _probabilities(self.inner, records.samples(samples.target, truth))
        return class_prediction(samples, self.vote.apply(records, p, len(samples)))

    def _inner(self) -> Model:
        return self.Inner(**self.config.model_dump(exclude=set(ByStation.Config.model_fields)))

    def _records(self, inputs: Inputs) -> Records:
        """All records of the events, one below the other, with what the inner model may see."""
        sample, place = np.nonzero(inputs["present"] > 0)
        keys = [k for k in SEEN[self.config.sees] if k in inputs]
        seen = {k: inputs[k][sample, place] for k in keys}
        if "rule" in seen or "x" in seen:
            seen = {"x": np.concatenate([v for v in seen.values()], axis=1)}
        return Records(sample, place, seen)

    def _unseen(self, records: Records, truth: Array, target: Target, fitting: Fitting) -> Array:
        """Probabilities of each record by a model that was fitted on half of the other events."""
        events = np.unique(records.sample)
        half = np.random.default_rng(fitting.seed).permutation(len(events)) % 2
        side = half[np.searchsorted(events, records.sample)]
        p = np.zeros((len(records), len(target.categories)))
        for k in (0, 1):
            fitting.progress(k, 2, "vote of the stations")
            inside, out = records.rows(side != k), records.rows(side == k)
            model = self._inner().fit(inside.samples(target, truth), Fitting(fitting.seed))
            p[side == k] = _probabilities(model, out.samples(target, truth))
        return p

    def state(self) -> State:
        return {
            **{f"inner.{k}": v for k, v in self.inner.state().items()},
            **{f"vote.{k}": v for k, v in self.vote.state().items()},
        }

    def with_state(self, arrays: Mapping[str, Array]) -> Self:
        need(arrays, "vote.weight", "vote.power", "vote.bias")
        self.vote = Vote.from_state(sub_state(arrays, "vote"))
        self.inner = self._inner().with_state(sub_state(arrays, "inner"))
        return self


@dataclass(frozen=True)
class Records:
    """Records one below the other: position of the sample, place of the station, inputs."""

    sample: Array
    place: Array
    inputs: Inputs

    def __len__(self) -> int:
        return len(self.sample)

    def rows(self, keep: Array) -> Records:
        """Some of the records."""
        return Records(
            self.sample[keep], self.place[keep], {k: v[keep] for k, v in self.inputs.items()}
        )

    def of(self, samples: Array) -> Records:
        """The records of some samples."""
        return self.rows(np.isin(self.sample, samples))

    def samples(self, target: Target, truth: Array) -> Samples:
        """As samples of their own, each with the type of its event."""
        types = truth[self.sample]
        index = make_index(len(self), group=self.sample.astype(str))
        made = Samples(xr.Dataset({"type": ("row", types)}), index, _OneRecord(target))
        return made.with_inputs(self.inputs, whole=True)


@dataclass(frozen=True)
class _OneRecord:
    """The gather of single records, whose inputs are given by hand."""

    target: Target

    def inputs(self, data: xr.Dataset, index: pd.DataFrame) -> Inputs:
        return {}

    def observed(self, data: xr.Dataset, index: pd.DataFrame) -> xr.Dataset:
        types = data["type"].to_numpy()[index.index.to_numpy()]
        return xr.Dataset({self.target.name: ("sample", types)})

    def parts(self, data: xr.Dataset) -> Parts:
        return {}


@dataclass(frozen=True)
class Vote:
    """How stations vote: `weight` (place,) or (1,), `power` of their number, `bias` (category,)."""

    weight: Array
    power: float
    bias: Array

    @classmethod
    def mean(cls, places: int, target: Target) -> Vote:
        """The mean of the log-probabilities."""
        return cls(np.ones(places), 1.0, np.zeros(len(target.categories)))

    @classmethod
    def learn(cls, records: Records, p: Array, truth: Array, places: int, named: Any) -> Vote:
        """Maximum likelihood of the types of events, with weak penalties.

        Stations have weights of their own only where they are named.
        """
        from scipy.optimize import minimize

        events, sample = np.unique(records.sample, return_inverse=True)
        at = Records(sample.ravel(), records.place, {})
        y, classes, n = truth[events], p.shape[1], places if named else 1

        def vote(free: Array) -> Vote:
            return cls(np.exp(free[:n]), float(free[n]), free[n + 1 :])

        def loss(free: Array) -> float:
            q = vote(free).apply(at, p, len(events))
            given = np.maximum(q[np.arange(len(y)), y], 1e-12)
            own = free[:n] - free[:n].mean()
            penalty = SPREAD * ((own**2).sum() + (free[n + 1 :] ** 2).sum())
            return float(-np.log(given).sum() + penalty + 0.1 * free[:n].mean() ** 2)

        bounds = [(-2.0, 2.0)] * n + [(0.0, 1.0)] + [(-3.0, 3.0)] * classes
        start = np.r_[np.zeros(n), 0.5, np.zeros(classes)]
        return vote(minimize(loss, start, method="L-BFGS-B", bounds=bounds).x)

    def apply(self, records: Records, p: Array, events: int) -> NDArray[np.float64]:
        """Probabilities (event, category) from those of the records; equal where there is none."""
        classes = len(self.bias)
        logs = np.log((1 - FLOOR) * np.asarray(p, float) + FLOOR / classes)
        own = len(self.weight) > 1
        weight = self.weight[np.minimum(records.place, len(self.weight) - 1) if own else 0]
        total = np.zeros((events, classes))
        np.add.at(total, records.sample, np.reshape(weight, (-1, 1)) * logs)
        count = np.maximum(np.bincount(records.sample, minlength=events), 1.0)
        z = total * (count**-self.power)[:, None] + self.bias
        raised = np.exp(z - z.max(axis=1, keepdims=True))
        found: NDArray[np.float64] = raised / raised.sum(axis=1, keepdims=True)
        return found

    def state(self) -> State:
        return {"weight": self.weight, "power": np.array([self.power]), "bias": self.bias}

    @classmethod
    def from_state(cls, arrays: State) -> Vote:
        """Restore a vote.

        Raises
        ------
        BundleError
            If its numbers are of a wrong shape, or not finite.
        """
        weight, power, bias = (np.asarray(arrays[k], float) for k in ("weight", "power", "bias"))
        shapes = weight.ndim == bias.ndim == 1 and weight.size and bias.size and power.shape == (1,)
        if not (shapes and all(np.isfinite(v).all() for v in (weight, power, bias))):
            raise BundleError("the vote of the stations is not made of finite weights")
        return cls(weight, float(power[0]), bias)


def _probabilities(model: Model, samples: Samples) -> Array:
    found = model.predict(samples)[samples.target.name]
    return found.transpose("sample", "category").to_numpy()


@functools.cache
def _kind(inner: type[Model]) -> type[ByStation]:
    own = type("Config", (ByStation.Config, inner.Config), {"__doc__": inner.Config.__doc__})
    name = f"{inner.__name__}ByStation"
    return type(name, (ByStation,), {"Config": own, "Inner": inner, "__doc__": inner.__doc__})


def by_station(inner: type[Model], **settings: Any) -> ByStation:
    """Make a model of events, in which stations vote, of an inner model of single records.

    Parameters
    ----------
    inner : type of Model
        `RandomForest`, `SVM`, `TraceCNN`, ...
    **settings
        Of `ByStation` and of the inner model, side by side.

    Examples
    --------
    >>> from craton.models.trees import RandomForest
    >>> model = by_station(RandomForest, trees=50, votes="mean")
    >>> model.config.trees, model.config.votes, type(model).__name__
    (50, 'mean', 'RandomForestByStation')
    """
    return _kind(inner)(**settings)
