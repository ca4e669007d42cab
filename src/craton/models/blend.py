"""A blend: the mean of several models' predictions, weighted by what they do out of fold."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from craton.models.base import Fitting, Model, State, need, sub_state
from craton.models.simulated import EVENT, mixed_catalogs
from craton.samples import Samples


class Blend(Model):
    """Weighted mean of fitted members (of probabilities, quantiles or expected counts).

    Parameters
    ----------
    members : mapping
        Name to model.
    weights : mapping
        Name to weight; they sum to one. Equal if not given.
    """

    def __init__(
        self, members: Mapping[str, Model], weights: Mapping[str, float] | None = None
    ) -> None:
        super().__init__()
        self.members = dict(members)
        self.weights = dict(weights or {name: 1 / len(self.members) for name in self.members})

    def replace(self, **settings: Any) -> Self:
        return type(self)({n: m.replace() for n, m in self.members.items()}, self.weights)

    def fit(self, train: Samples, fitting: Fitting = Fitting()) -> Self:  # noqa: B008
        for name, model in self.members.items():
            place = fitting.checkpoint
            own = None if place is None else place.with_name(f"{place.name}-{name}")
            model.fit(train, dataclasses.replace(fitting, checkpoint=own))
        return self

    def start_from(self, arrays: Mapping[str, NDArray[Any]]) -> Self:
        for name, model in self.members.items():
            model.start_from(sub_state(arrays, f"member.{name}"))
        return self

    def redrawn(self) -> Sequence[Self]:
        copies = {n: m.redrawn() for n, m in self.members.items()}
        return [
            type(self)({n: c[k % len(c)] for n, c in copies.items()}, self.weights)
            for k in range(max(len(c) for c in copies.values()))
        ]

    def predict(self, samples: Samples) -> xr.Dataset:
        return mix({n: self.members[n].predict(samples) for n in self.weights}, self.weights)

    def state(self) -> State:
        found = {f"weight.{n}": np.array([w]) for n, w in self.weights.items()}
        for name, model in self.members.items():
            found.update({f"member.{name}.{k}": v for k, v in model.state().items()})
        return found

    def with_state(self, arrays: Mapping[str, NDArray[Any]]) -> Self:
        need(arrays, *(f"weight.{n}" for n in self.members))
        self.weights = {n: float(arrays[f"weight.{n}"][0]) for n in self.members}
        for name, model in self.members.items():
            model.with_state(sub_state(arrays, f"member.{name}"))
        return self


def mix(predictions: Mapping[str, xr.Dataset], weights: Mapping[str, float]) -> xr.Dataset:
    """Weighted mean of predictions with the same variables and samples; catalogues are mixed."""
    # in one order, so that a blend that was saved and loaded adds up to the same last bit
    names = sorted(weights)
    drawn = mixed_catalogs(predictions, weights)
    predictions = {n: p.drop_dims(EVENT, errors="ignore") for n, p in predictions.items()}
    total = weights[names[0]] * predictions[names[0]]
    for name in names[1:]:
        total = total + weights[name] * predictions[name]
    first = predictions[names[0]]
    return (
        total.assign_attrs(first.attrs)
        .map(lambda v: v.astype(first[v.name].dtype).assign_attrs(first[v.name].attrs))
        .assign(drawn)
    )


def choose_weights(
    loss: Callable[[xr.Dataset], float], predictions: Mapping[str, xr.Dataset], steps: int = 20
) -> dict[str, float]:
    """Greedy forward selection of members with replacement, on out-of-fold predictions.

    Parameters
    ----------
    loss : callable
        Loss of a prediction, lower is better.
    predictions : mapping
        Member name to its out-of-fold prediction.
    steps : int
        Draws; a weight is a multiple of ``1 / steps``.

    Returns
    -------
    dict
        Weights of the members drawn, summing to one.

    References
    ----------
    Caruana et al. 2004, doi:10.1145/1015330.1015432.
    """
    names: Sequence[str] = list(predictions)
    drawn = {name: 0 for name in names}
    total: xr.Dataset | None = None
    for step in range(steps):
        tried = {}
        for name in names:
            sum_ = predictions[name] if total is None else total + predictions[name]
            tried[name] = loss(sum_ / (step + 1))
        best = min(names, key=lambda n: tried[n])
        drawn[best] += 1
        total = predictions[best] if total is None else total + predictions[best]
    return {n: k / steps for n, k in drawn.items() if k}
