"""Detected events against known ones: matched one to one, scored, and their probability corrected.

A sample is a window of time. Predicted and observed events of a window lie in slots; a slot with
probability zero (predicted) or no time (observed) is empty. Times are in s from the window's start.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from craton.metrics import Metric, Stats
from craton.models.event_matching import fit_curve, match

Floats = NDArray[np.float64]
SAID = 0.5
"""Probability from which an event counts as detected, where nothing else is asked for."""

_EDGES = np.append(0.0, np.geomspace(0.1, 300.0, 120))


def window_matches(
    observed: xr.Dataset, predicted: xr.Dataset, seconds: float, km: float
) -> tuple[NDArray[np.int64], NDArray[np.bool_], Floats]:
    """Known event of each slot.

    Returns
    -------
    partner : ndarray of int, shape (sample, slot)
        Slot of the known event, or -1.
    there : ndarray of bool, shape (sample, slot)
        Whether the predicted slot holds an event.
    distance : ndarray, shape (sample, slot)
        km, NaN where there is no partner.
    """
    p = predicted["probability"].to_numpy()
    there, known = p > 0, np.isfinite(observed["event_time"].to_numpy())
    partner, distance = np.full(p.shape, -1), np.full(p.shape, np.nan)
    names = ("event_time", "event_latitude", "event_longitude")
    mine = [predicted[n].to_numpy().astype(float) for n in names]
    theirs = [observed[n].to_numpy().astype(float) for n in names]
    for i in range(len(p)):
        rows, others = np.flatnonzero(there[i]), np.flatnonzero(known[i])
        if not len(rows) or not len(others):
            continue
        (t, y, x), (u, v, w) = ([a[i, rows] for a in mine], [a[i, others] for a in theirs])
        a, b, d = match(t, y, x, u, v, w, seconds, km)
        partner[i, rows[a]], distance[i, rows[a]] = others[b], d
    return partner, there, distance


def event_metrics(seconds: float, km: float, *, picks: bool, said: float = SAID) -> list[Metric]:
    """Scores of detected events; `picks` adds the F1 of picks, where their events are known.

    An event is detected if its probability is at least `said`. The location error is the median
    over detected events that are matched.
    """

    def counts(observed: xr.Dataset, predicted: xr.Dataset) -> Stats:
        partner, _, _ = window_matches(observed, predicted, seconds, km)
        told = predicted["probability"].to_numpy() >= said
        known = np.isfinite(observed["event_time"].to_numpy()).sum(axis=1)
        return np.stack([(told & (partner >= 0)).sum(axis=1), told.sum(axis=1), known], axis=1
                        ).astype(float)  # fmt: skip

    def ratio(a: Any, b: Any) -> Any:
        return np.where(b > 0, a / np.where(b > 0, b, 1.0), np.nan)

    def brier(observed: xr.Dataset, predicted: xr.Dataset) -> Stats:
        partner, there, _ = window_matches(observed, predicted, seconds, km)
        p = predicted["probability"].to_numpy()
        loss = there * (p - (partner >= 0)) ** 2
        return np.stack([loss.sum(axis=1), there.sum(axis=1)], axis=1).astype(float)

    def gap(observed: xr.Dataset, predicted: xr.Dataset) -> Stats:
        partner, there, _ = window_matches(observed, predicted, seconds, km)
        p = predicted["probability"].to_numpy()
        hot = (np.minimum((p * 10).astype(int), 9)[..., None] == np.arange(10)) & there[..., None]
        sums = [hot.sum(1), (hot * p[..., None]).sum(1), (hot * (partner >= 0)[..., None]).sum(1)]
        return np.concatenate(sums, axis=1).astype(float)

    def gap_value(total: Stats) -> Any:
        count, stated, right = np.split(total, 3, axis=-1)
        return ratio(np.abs(stated - right).sum(-1), count.sum(-1))

    def error(observed: xr.Dataset, predicted: xr.Dataset) -> Stats:
        _, _, d = window_matches(observed, predicted, seconds, km)
        d = np.where(predicted["probability"].to_numpy() >= said, d, np.nan)
        return np.stack([np.histogram(row[np.isfinite(row)], _EDGES)[0] for row in d]).astype(float)

    def median(total: Stats) -> Any:
        share = np.cumsum(total, axis=-1) / np.maximum(total.sum(-1, keepdims=True), 1.0)
        at = (share < 0.5).sum(-1)
        found = _EDGES[np.minimum(at + 1, len(_EDGES) - 1)]
        return np.where(total.sum(-1) > 0, found, np.nan)

    def owners(observed: xr.Dataset, predicted: xr.Dataset) -> Stats:
        partner, _, _ = window_matches(observed, predicted, seconds, km)
        mine, true = predicted["pick_slot"].to_numpy(), observed["pick_slot"].to_numpy()
        chance = np.take_along_axis(predicted["probability"].to_numpy(), np.maximum(mine, 0), 1)
        mine = np.where(chance >= said, mine, -1)
        owner = np.where(mine >= 0, np.take_along_axis(partner, np.maximum(mine, 0), 1), -1)
        hit = ((owner == true) & (true >= 0)).sum(1)
        return np.stack([hit, (mine >= 0).sum(1), (true >= 0).sum(1)], axis=1).astype(float)

    def f1(t: Stats) -> Any:
        return ratio(2 * t[..., 0], t[..., 1] + t[..., 2])

    found = [
        Metric("event_f1", "higher", counts, f1),
        Metric("recall", "higher", counts, lambda t: ratio(t[..., 0], t[..., 2])),
        Metric("precision", "higher", counts, lambda t: ratio(t[..., 0], t[..., 1])),
        Metric("brier", "lower", brier, lambda t: ratio(t[..., 0], t[..., 1]), "1",
               "doi:10.1175/1520-0493(1950)078<0001>2.0.CO;2"),
        Metric("calibration_error", "lower", gap, gap_value, "1", "arXiv:1706.04599"),
        Metric("location_error", "lower", error, median, "km"),
        Metric("unmatched", "lower", counts, lambda t: t[..., 1] - t[..., 0], "events"),
    ]  # fmt: skip
    return [*found, Metric("pick_f1", "higher", owners, f1)] if picks else found


class EventCalibration:
    """A logistic curve from stated to true probability of an event, learnt on other windows.

    References
    ----------
    Platt 1999, in: Advances in Large Margin Classifiers, 61-74.
    """

    def __init__(self, seconds: float = 5.0, km: float = 30.0) -> None:
        self.tolerance = np.array([seconds, km])
        self.curve = np.array([0.0, 1.0])

    def fit(self, observed: xr.Dataset, predicted: xr.Dataset) -> Self:
        """Learn from the slots that hold an event; too few of either kind leave it as it is."""
        seconds = float(observed.attrs.get("match_seconds", self.tolerance[0]))
        km = float(observed.attrs.get("match_km", self.tolerance[1]))
        partner, there, _ = window_matches(observed, predicted, seconds, km)
        real = (partner >= 0)[there]
        if min(real.sum(), (~real).sum()) >= 5:
            self.curve = fit_curve(_logit(predicted["probability"].to_numpy()[there]), real)
        return self

    def apply(self, predicted: xr.Dataset) -> xr.Dataset:
        """Correct the probability of the slots that hold an event."""
        p = predicted["probability"].to_numpy()
        fixed = 1 / (1 + np.exp(-(self.curve[0] + self.curve[1] * _logit(p))))
        found = np.where(p > 0, np.clip(fixed, 1e-4, 1 - 1e-4), 0.0).astype(np.float32)
        return predicted.assign(probability=(predicted["probability"].dims, found))

    def state(self) -> dict[str, NDArray[Any]]:
        """The curve's two numbers."""
        return {"curve": self.curve}

    def with_state(self, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Take the curve."""
        self.curve = np.asarray(arrays["curve"], float)
        return self


def _logit(p: NDArray[Any]) -> Floats:
    p = np.clip(np.asarray(p, float), 1e-4, 1 - 1e-4)
    return np.asarray(np.log(p / (1 - p)))
