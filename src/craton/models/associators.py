"""Associators as models: windows of picks in, events with a probability out."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Self

import numpy as np
import pydantic
import xarray as xr
from numpy.typing import NDArray

from craton.config import Config
from craton.models.association import Catalogue, Settings, associate
from craton.models.association_geometry import Geometry
from craton.models.base import Fitting, Model, State, need
from craton.models.event_matching import fit_curve, match
from craton.models.physics.local_magnitude import local_magnitude
from craton.models.physics.travel_times import TravelTimes, travel_times, velocity_model
from craton.samples import Inputs, Samples

SLOTS = 64
"""Most events of a window."""

VALUES = (
    "event_time", "event_latitude", "event_longitude", "event_depth_km", "event_magnitude",
    "time_error_s", "east_error_km", "north_error_km", "correlation", "depth_error_km", "score",
)  # fmt: skip


class AssociatorConfig(Config):
    """Settings.

    Attributes
    ----------
    velocity_model : str
        ``iasp91`` or a velocity file.
    threshold : float
        Least log-likelihood ratio of a candidate, in nats.
    """

    velocity_model: str = "iasp91"
    threshold: float = pydantic.Field(12.0, gt=0)


@lru_cache(maxsize=4)
def table_of(name: str) -> TravelTimes:
    """Travel times of a velocity model, computed once."""
    return travel_times(velocity_model(name))


_FOUND: dict[int, tuple[Catalogue, Geometry]] = {}


def places(inputs: Inputs) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of the picks of some windows, each once, and where each stands in the flat inputs.

    Examples
    --------
    >>> rows, at = places({"pick_number": np.array([[4, 5, -1], [5, 6, -1]])})
    >>> rows.tolist(), at.tolist()
    ([4, 5, 6], [0, 1, 4])
    """
    rows, at = np.unique(inputs["pick_number"], return_index=True)
    return (rows[1:], at[1:]) if len(rows) and rows[0] < 0 else (rows, at)


def candidates(inputs: Inputs, config: Any) -> tuple[Catalogue, Geometry, NDArray[np.int64]]:
    """Associate all picks of some windows as one stream; also the rows of the picks."""
    rows, at = places(inputs)
    time, station, code = (
        inputs[k].ravel()[at] for k in ("pick_time", "pick_station", "pick_code")
    )
    stations = inputs["all_stations"].astype(float)
    labelled = bool((code >= 0).any())
    key = hash((time.tobytes(), station.tobytes(), code.tobytes(), stations.tobytes(),
                config.velocity_model, config.threshold))  # fmt: skip
    if key not in _FOUND:
        table = table_of(config.velocity_model)
        lat, lon, elevation = stations.T
        geometry = Geometry.of(lat, lon, elevation, table.max_distance)
        settings = Settings.of(labelled, config.threshold)
        while len(_FOUND) >= 24:
            _FOUND.pop(next(iter(_FOUND)))
        _FOUND[key] = associate(
            time.astype(float), station.astype(np.int64), code.astype(np.int64), geometry, table,
            settings,
        ), geometry  # fmt: skip
    return *_FOUND[key], rows


def labels(train: Samples, found: Catalogue) -> NDArray[np.bool_]:
    """Which candidates are events that are known."""
    inputs, observed = train.inputs(), train.observed()
    start = inputs["window"][:, 0]
    truth = [observed[k].to_numpy() for k in ("event_time", "event_latitude", "event_longitude")]
    known = np.isfinite(truth[0])
    time = (truth[0] + start[:, None])[known]
    events = found.events
    hit = np.zeros(len(events), bool)
    seconds, km = observed.attrs["match_seconds"], observed.attrs["match_km"]
    t, y, x = (events[k].to_numpy() for k in ("time", "latitude", "longitude"))
    hit[match(t, y, x, time, truth[1][known], truth[2][known], seconds, km)[0]] = True
    return hit


def inside(inputs: Inputs, found: Catalogue) -> NDArray[np.int64]:
    """Window of each candidate by its origin time; -1 outside of all."""
    start, end = inputs["window"].T
    order = np.argsort(start)
    time = found.events["time"].to_numpy()
    if not len(start):
        return np.full(len(time), -1)
    k = order[np.maximum(np.searchsorted(start[order], time, side="right") - 1, 0)]
    return np.where((time >= start[k]) & (time < end[k]), k, -1)


def prediction(
    samples: Samples, inputs: Inputs, found: Catalogue, rows: NDArray[np.int64],
    probability: NDArray[np.float64], member: NDArray[np.bool_],
) -> xr.Dataset:  # fmt: skip
    """Lay candidates out by window and slot, and the picks that are `member` of one by window."""
    n, width = len(samples), inputs["pick_number"].shape[1]
    events, window = found.events, inside(inputs, found)
    values = {k: np.zeros((n, SLOTS), np.float64) for k in (*VALUES, "probability", "n_picks")}
    slot = np.full(len(events), -1)
    taken = np.zeros(n, int)
    for k in np.argsort(-probability, kind="stable"):
        if window[k] >= 0 and taken[window[k]] < SLOTS:
            slot[k] = taken[window[k]]
            taken[window[k]] += 1
    kept = np.flatnonzero(slot >= 0)
    at = (window[kept], slot[kept])
    columns = {
        "event_latitude": "latitude", "event_longitude": "longitude",
        "event_depth_km": "depth_km", "time_error_s": "sd_time_s", "east_error_km": "sd_east_km",
        "north_error_km": "sd_north_km", "depth_error_km": "sd_depth_km", "score": "score",
        "correlation": "correlation",
    }  # fmt: skip
    for name, column in columns.items():
        values[name][at] = events[column].to_numpy()[kept]
    values["event_time"][at] = events["time"].to_numpy()[kept] - inputs["window"][window[kept], 0]
    values["probability"][at] = np.clip(probability[kept], 1e-4, 1 - 1e-4)
    owner = np.where(member, found.pick_event, -1)
    values["n_picks"][at] = np.bincount(owner[owner >= 0], minlength=len(events))[kept]
    values["event_magnitude"][:] = -9.0
    values["event_magnitude"][at] = _magnitudes(inputs, found, owner)[kept]
    # numbers of picks are ascending, so a pick's place in the stream is found by bisection
    number = inputs["pick_number"]
    place = np.minimum(np.searchsorted(rows, number), max(len(rows) - 1, 0))
    event = np.where(number >= 0, owner[place] if len(rows) else -1, -1)
    here = (event >= 0) & (window[np.maximum(event, 0)] == np.arange(n)[:, None]
                           if len(events) else np.zeros(event.shape, bool))  # fmt: skip
    pick_slot = np.where(here, slot[np.maximum(event, 0)] if len(events) else -1, -1)
    dims = ("sample", "slot")
    made = {k: (dims, v if k == "event_time" else v.astype(np.float32)) for k, v in values.items()}
    made["pick_slot"] = (("sample", "pick_of_window"), pick_slot.reshape(n, width))
    return xr.Dataset(made, coords={"sample": samples.index.index.to_numpy()})


def _magnitudes(inputs: Inputs, found: Catalogue, owner: NDArray[np.int64]) -> NDArray[np.float64]:
    """Local magnitude: median over stations of Hutton and Boore's; -9 where none has amplitudes.

    Amplitudes are ground displacements in m, taken as those of a Wood-Anderson seismograph.
    """
    from craton.io.geodesy import haversine_km

    magnitude = np.full(len(found.events), -9.0)
    _, at = places(inputs)
    amplitude = inputs["pick_amplitude"].ravel()[at]
    use = np.flatnonzero((owner >= 0) & (amplitude > 0))
    if not len(use):
        return magnitude
    station = inputs["pick_station"].ravel()[at][use].astype(int)
    place = inputs["all_stations"].astype(float)[station]
    event = found.events.iloc[owner[use]]
    d = haversine_km(event["latitude"], event["longitude"], place[:, 0], place[:, 1])
    size = local_magnitude(amplitude[use], np.hypot(d, event["depth_km"]))
    for k in np.unique(owner[use]):
        magnitude[k] = float(np.median(size[owner[use] == k]))
    return magnitude


class PhysicsAssociator(Model):
    """Likelihood ratios stacked over a grid, a curve turns the ratio into a probability.

    See `craton.models.association`.
    """

    Config = AssociatorConfig

    def fit(self, train: Samples, fitting: Fitting = Fitting()) -> Self:  # noqa: B008
        found, _, _ = candidates(train.inputs(), self.config)
        real = labels(train, found) if len(found.events) else np.zeros(0, bool)
        self.curve = np.array([-3.0, 1.0])
        if len(real) >= 10:
            self.curve = fit_curve(_scaled(found), real)
        return self

    def predict(self, samples: Samples) -> xr.Dataset:
        inputs = samples.inputs()
        found, _, rows = candidates(inputs, self.config)
        p = 1 / (1 + np.exp(-(self.curve[0] + self.curve[1] * _scaled(found))))
        return prediction(samples, inputs, found, rows, p, found.pick_event >= 0)

    def state(self) -> State:
        return {"curve": self.curve}

    def with_state(self, arrays: Mapping[str, NDArray[Any]]) -> Self:
        need(arrays, "curve")
        self.curve = np.asarray(arrays["curve"], float)
        return self


def _scaled(found: Catalogue) -> NDArray[np.float64]:
    return np.log(np.maximum(found.events["score"].to_numpy(), 1.0)) * 3.0 - 9.0
