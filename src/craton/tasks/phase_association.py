"""Events from seismic picks: associated, located, each with the probability that it is real.

A sample is a window of time. The physics associator proposes events; it and a graph network learn
from windows whose events are known which of them are real. Real catalogues are incomplete, so for
real picks those windows come from a synthetic world on the same stations at the same pick rate, and
the probability is calibrated on that world; a catalogue, where there is one, serves as the test.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pydantic
import xarray as xr
from numpy.typing import NDArray

from craton.checks import Finding
from craton.config import Config, pinned
from craton.data.pick_streams import (
    EVENT,
    PUBLIC,
    example_stream,
    read_stream,
    stream_of_world,
)
from craton.data.registry import locate
from craton.data.seismic_network import RANGE_BY_MAGNITUDE, Nature, simulate
from craton.detection_tables import write_detections
from craton.detections import SAID, EventCalibration, event_metrics
from craton.metrics import Metric
from craton.models.association import Settings, associate
from craton.models.association_geometry import Geometry
from craton.models.associator_graph import GraphAssociator
from craton.models.associators import SLOTS, PhysicsAssociator, table_of
from craton.report.section import Section
from craton.result import Result
from craton.samples import Inputs, Parts, Samples, Target, make_index
from craton.splits import ForwardInTime, Splitter
from craton.task import Task
from craton.uncertainty import Calibrator

TAIL = 180.0
"""Seconds after a window whose picks may still belong to its events, at most."""


class AssociationConfig(Config):
    """Settings.

    Attributes
    ----------
    data : str
        Picks (CSV, QuakeML, PAL, GLASS3, PhaseNet), or the name of a public dataset; None for the
        example.
    stations : str
        List of the stations, for a file of picks.
    catalog : str
        Known events to test on.
    velocity_model : str
        ``iasp91`` or a velocity file.
    window : float
        Length of the windows, s.
    world_hours : float
        Length of the synthetic world that real picks are judged by; by default as long as holds
        40,000 picks.
    least_probability : float
        Probability from which an event counts as detected and is written.
    match_seconds, match_km : float
        Largest differences of a detected from a known event.
    seed : int
        Of the world.
    """

    data: str | None = None
    stations: str | None = None
    catalog: str | None = None
    velocity_model: str = "iasp91"
    window: float = pydantic.Field(600.0, gt=0)
    world_hours: float | None = pydantic.Field(None, gt=0)
    least_probability: float = pydantic.Field(SAID, gt=0, lt=1)
    match_seconds: float = pydantic.Field(5.0, gt=0)
    match_km: float = pydantic.Field(30.0, gt=0)
    seed: int = 0
    test_from: str | None = pinned(None)
    calibrate_from: str | None = pinned(None)
    trained_stations: tuple[str, ...] | None = pinned(None)
    trained_labelled: bool | None = pinned(None)


@dataclass(frozen=True)
class PickWindows:
    """Windows of a stream of picks, with `TAIL` s before and after; see `craton.detections`."""

    target: Target
    window: float
    match: tuple[float, float]
    most: int
    least: float = SAID

    def inputs(self, data: xr.Dataset, index: pd.DataFrame) -> Inputs:
        time, n = seconds(data["time"]), len(index)
        start, end = self._bounds(index)
        low = np.searchsorted(time, start - TAIL)
        high = np.searchsorted(time, end + TAIL, side="right")
        number = np.full((n, self.most), -1)
        for i in range(n):
            found = np.arange(low[i], high[i])[: self.most]
            number[i, : len(found)] = found
        at = np.maximum(number, 0)
        columns = ("pick_station", "pick_code", "pick_amplitude")
        stations = [data[k].to_numpy() for k in ("latitude", "longitude", "elevation")]
        return {
            "pick_number": number,
            "pick_time": time[at],
            **{k: data[k].to_numpy()[at] for k in columns},
            "window": np.column_stack([start, end]),
            "all_stations": np.column_stack(stations),
        }

    def observed(self, data: xr.Dataset, index: pd.DataFrame) -> xr.Dataset:
        start, end = self._bounds(index)
        time = seconds(data["event_time"])
        values = {f"event_{k}": np.full((len(index), SLOTS), np.nan) for k in ("time", *EVENT)}
        number = self.inputs(data, index)["pick_number"]
        owner = data["pick_event"].to_numpy()[np.maximum(number, 0)]
        slot = np.where(number >= 0, np.minimum(owner, -1), -2)
        for i in range(len(index)):
            inside = np.flatnonzero((time >= start[i]) & (time < end[i]))[:SLOTS]
            values["event_time"][i, : len(inside)] = time[inside] - start[i]
            for k in EVENT:
                column = data[f"event_{k}"].to_numpy()[inside]
                values[f"event_{k}"][i, : len(inside)] = column
            for place, event in enumerate(inside):
                slot[i, (owner[i] == event) & (number[i] >= 0)] = place
        found = xr.Dataset({k: (("sample", "slot"), v) for k, v in values.items()})
        found["pick_slot"] = (("sample", "pick_of_window"), slot)
        return found.assign_attrs(match_seconds=self.match[0], match_km=self.match[1])

    def parts(self, data: xr.Dataset) -> Parts:
        return {}

    def _bounds(self, index: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        end = seconds(index["t0"]) - TAIL
        return end - self.window, end


def seconds(times: xr.DataArray | pd.Series) -> NDArray[np.float64]:
    """Seconds since 1970."""
    return np.asarray(times).astype("datetime64[ns]").astype(np.int64) / 1e9


def load(config: AssociationConfig) -> xr.Dataset:
    """Read picks and stations, or make the example."""
    if config.data is None:
        return example_stream(table_of(config.velocity_model), config.seed)
    return read_stream(locate(config.data), config.stations, config.catalog)


def resolve(data: xr.Dataset, config: AssociationConfig) -> AssociationConfig:
    """Pin the stations learnt from, where their list is, and what counts as a match."""
    learnt = {"trained_stations": tuple(_names(data)),
              "trained_labelled": bool(data.attrs["labelled"])}  # fmt: skip
    config = config.model_copy(update=learnt)
    if config.data is None:
        return config
    found = locate(config.data)
    public = PUBLIC.get(found.dataset)
    if public is None:
        if config.stations and Path(config.stations).is_file():  # a bundle is used elsewhere
            return config.model_copy(update={"stations": str(Path(config.stations).resolve())})
        return config
    match = dict(zip(("match_seconds", "match_km"), public["match"], strict=True))
    match = {k: v for k, v in match.items() if k not in config.model_fields_set}
    stations = config.stations or f"{found.dataset}/{public['stations']}"
    return config.model_copy(update={**match, "stations": stations})


def _names(data: xr.Dataset) -> NDArray[np.str_]:
    """Stations as ``NETWORK.STATION``."""
    pairs = zip(data["network"].to_numpy(), data["name"].to_numpy(), strict=True)
    return np.array([f"{network}.{name}" for network, name in pairs])


def strange(data: xr.Dataset, config: AssociationConfig) -> list[str]:
    """What of these picks the bundle never saw, so that its probabilities do not hold for them.

    Most stations with picks are none of those trained on, or the picks say P and S where those
    trained on did not, or the other way round.
    """
    if config.trained_stations is None:
        return []
    here, found = _names(data)[np.unique(data["pick_station"])], []
    known = int(np.isin(here, config.trained_stations).sum())
    if known < len(here) / 2:
        share = f"only {known}" if known else "none"
        found.append(
            f"{share} of the {len(here)} stations with picks {'are' if known > 1 else 'is'} among "
            f"the {len(config.trained_stations)} that the bundle was trained on"
        )
    labelled = bool(data.attrs["labelled"])
    if labelled != config.trained_labelled:
        words = ("do not tell P from S", "tell P from S")
        found.append(
            f"these picks {words[labelled]}, those that the bundle was trained on "
            f"{'do' if not labelled else 'do not'}"
        )
    end = (
        f": its probabilities are not calibrated here, and events below "
        f"{config.least_probability:g} are left out; craton run phase-association on these picks "
        "makes a bundle for them"
    )
    return [text + end for text in found]


def samples(data: xr.Dataset, config: AssociationConfig, future: bool) -> Samples:
    """Windows; to learn, real picks are preceded by those of a synthetic world."""
    start = None
    if future:
        for line in strange(data, config):
            warnings.warn(line, stacklevel=2)
    elif config.data is not None:
        data, start = with_world(data, config)
    time = seconds(data["time"])
    # an event comes before its first pick
    first = time[0] - TAIL if start is None else start
    edges = np.arange(first, time[-1] + 1e-6, config.window)
    whole = np.searchsorted(time, edges + config.window + TAIL)
    count = whole - np.searchsorted(time, edges)
    wide = whole - np.searchsorted(time, edges - TAIL)
    issue = (edges[count > 0] + config.window + TAIL) * 1e9
    index = make_index(int((count > 0).sum()), t0=issue.astype(np.int64).astype("datetime64[ns]"))
    match = (config.match_seconds, config.match_km)
    gather = PickWindows(Target("event"), config.window, match, int(wide.max()),
                         config.least_probability)  # fmt: skip
    return Samples(data, index, gather)


def with_world(data: xr.Dataset, config: AssociationConfig) -> tuple[xr.Dataset, float]:
    """Set a synthetic world before the real picks, as dense as they are.

    The rates of stray picks and of events are those that the associator finds in the real picks.
    Without a catalogue the real picks are left out: nothing can be tested on them.
    """
    time, station, code = (data[k].to_numpy() for k in ("time", "pick_station", "pick_code"))
    clock = time.astype(np.int64) / 1e9
    table, labelled = table_of(config.velocity_model), bool((code >= 0).any())
    places = [data[k].to_numpy() for k in ("latitude", "longitude", "elevation")]
    geometry = Geometry.of(places[0], places[1], places[2], table.max_distance)
    part = clock < clock[min(20_000, len(clock) - 1)]
    found = associate(clock[part], station[part], code[part], geometry, table,
                      Settings.of(labelled, 25.0))  # fmt: skip
    covered = np.unique((clock[part] // 60).astype(np.int64)).size * 60.0
    stray = (found.pick_event < 0).mean()
    rate = np.bincount(station[part], minlength=len(places[0])) * stray / covered
    hourly = 2.0 * len(found.events) / covered * 3600
    # picks grow with the square of an event's range, whose logarithm is linear in magnitude
    many = found.events["n_picks"].to_numpy()
    tail = np.log(many[many >= 10] / 10.0)
    b_value = 2 * RANGE_BY_MAGNITUDE / tail.mean() if len(tail) >= 20 else 1.0
    hours = config.world_hours or float(np.clip(40_000 / len(clock[part]) * covered / 3600, 4, 60))
    nature = Nature(
        events_per_hour=max(hourly, 1.0), smallest_range=1.4 * float(geometry.ranges[0]),
        labelled=labelled, error=found.notes.get("scale_s", 0.3), far_per_hour=0.2,
        b_value=float(np.clip(b_value, 0.4, 1.2)),
    )  # fmt: skip
    world = simulate(places[0], places[1], rate, table, nature, hours, config.seed)
    begin = time.min() - np.timedelta64(int((hours + 2) * 3600), "s")
    made = stream_of_world(world, data, begin)
    if data.attrs["catalogue"]:
        picks = [v for v in made.data_vars if made[v].dims == ("pick",)]
        events = [v for v in made.data_vars if made[v].dims == ("event",)]
        both = xr.concat([made[picks], data[picks]], "pick")
        told = xr.concat([made[events], data[events]], "event")
        rest = [v for v in data.data_vars if data[v].dims == ("station",)]
        made = xr.merge([both, told, data[rest]]).assign_attrs(data.attrs)
    return made, float(begin.astype("datetime64[ns]").astype(np.int64) / 1e9)


def splitter(config: AssociationConfig, samples: Samples) -> Splitter:
    """Forward in time; with a world and a catalogue the real picks are the test."""
    block = f"{max(3600.0, 3 * config.window):.0f}s"
    gap = f"{config.window + 2 * TAIL:.0f}s"
    t0 = samples.index["t0"]
    jump = t0.diff() > pd.Timedelta(hours=1)
    if config.data is None or not samples.data.attrs["catalogue"] or not jump.any():
        return ForwardInTime(0.5, 0.7, gap=gap, block=block)
    test = t0[jump.to_numpy()].min()
    calibrate = t0.min() + 0.65 * (t0[t0 < test].max() - t0.min())
    return ForwardInTime(calibrate.isoformat(), test.isoformat(), gap="0D", block=block)


def metrics(samples: Samples) -> list[Metric]:
    """F1 of events chooses; calibration, location and picks stand beside it."""
    gather = samples.gather
    assert isinstance(gather, PickWindows)
    known = bool((samples.data["pick_event"] > -2).all())
    return event_metrics(*gather.match, picks=known, said=gather.least)


def calibrator(target: Target) -> Calibrator:
    """A logistic curve on the probability."""
    return EventCalibration()


def checks(data: xr.Dataset, config: AssociationConfig) -> list[Finding]:
    """Stations that never pick; what reading left out stands in the data's ``warnings``."""
    found = []
    silent = data.sizes["station"] - len(np.unique(data["pick_station"]))
    if silent:
        text = f"{silent} of {data.sizes['station']} stations have no pick"
        found.append(Finding("info", text, "stations"))
    return found


def sections(result: Result) -> list[Section]:
    """Map with uncertainty, record sections, recall against number of detections."""
    from craton.report.association import association_sections

    return association_sections(result)


def cautions(result: Result) -> list[str]:
    """Scores on a world are none of the picks that were given."""
    data = result.config.data
    if data is None or result.data.attrs["catalogue"]:
        return []
    return [
        "no known events came with the picks of the run: its scores are those of a simulated "
        "world on their stations"
    ]


def answer(result: Result) -> list[tuple[str, bool]]:
    """The example's events are known: most are found, few others, and they lie where they are."""
    name = result.selected
    recall, precision = (result.score(name, m).score for m in ("recall", "precision"))
    error = result.score(name, "location_error").score
    calibration = result.score(name, "calibration_error").score
    return [
        (f"{recall:.2f} of the events are found, at least 0.7", recall >= 0.7),
        (f"{precision:.2f} of the detections are real, at least 0.7", precision >= 0.7),
        (f"the median location error is {error:.1f} km, at most 4", error <= 4.0),
        (f"the probabilities are off by {calibration:.2f}, at most 0.15", calibration <= 0.15),
    ]


TASK = Task(
    name="phase-association",
    title="Events from seismic picks, each with the probability that it is real",
    domain="seismology",
    config=AssociationConfig,
    load=load,
    resolve=resolve,
    samples=samples,
    splitter=splitter,
    models={"graph": GraphAssociator()},
    baselines={"physics": PhysicsAssociator()},
    baseline="physics",
    metrics=metrics,
    calibrator=calibrator,
    checks=checks,
    sections=sections,
    products={".csv": write_detections, ".xml": write_detections, ".quakeml": write_detections},
    answer=answer,
    cautions=cautions,
    blend=False,
    references=(
        "Arora, Russell and Sudderth 2013, doi:10.1785/0120120107",
        "McBrearty and Beroza 2023, doi:10.1785/0120220182",
        "Zhu et al. 2022, doi:10.1029/2021JB023249",
        "Kennett and Engdahl 1991, doi:10.1111/j.1365-246X.1991.tb06724.x",
    ),
)
