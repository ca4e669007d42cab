"""Types of seismic events: the gather of an event's records, what is odd in them, products."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from craton.checks import Finding
from craton.io.picks import write_event_types
from craton.metrics import Metric
from craton.samples import Inputs, Parts, Samples, Target, encode
from craton.source_features import source_features

FEW = 20
"""Records of each class that a station must have for its name to be an input."""

WIDE = 10.0
"""A feature whose 95 % quantile is so many times its median is taken as its logarithm."""

TIME_PARTS = 20
"""Parts of a waveform that an explanation may switch off."""


@dataclass(frozen=True)
class EventRecords:
    """One sample an event, with what each station recorded of it.

    Inputs, with one place for each known station or else for as many stations as any event has:
    ``x`` (sample, place, feature), missing where there is no record; ``present`` (sample, place),
    1 where there is one; ``rule`` (sample, place, few features), what an expert would look at; and
    ``sequence`` (sample, place, channel, step), where there are waveforms.

    Parameters
    ----------
    features : tuple of str
        Variables on `record`.
    target : Target
        The type.
    logs : mapping
        Feature to the least value of which its logarithm is taken.
    stations : tuple of str
        Stations with a place of their own, which is then an input too.
    rule : tuple of str
        Features of the expert's rule.
    waveform : str
        Variable (record, channel, step); "" if there is none.
    shares : mapping
        Type to its share, by which probabilities are divided before the type is decided.
    """

    features: tuple[str, ...]
    target: Target
    logs: Mapping[str, float] = field(default_factory=dict)
    stations: tuple[str, ...] = ()
    rule: tuple[str, ...] = ()
    waveform: str = ""
    shares: Mapping[str, float] = field(default_factory=dict)
    whole_groups: ClassVar[bool] = True

    def inputs(self, data: xr.Dataset, index: pd.DataFrame) -> Inputs:
        sample, record, place = self.layout(data, index)
        shape = (len(index), self.places(data))
        x = np.full((*shape, len(self.features)), np.nan, np.float32)
        x[sample, place] = self._columns(data)[record]
        present = np.zeros(shape, np.float32)
        present[sample, place] = 1.0
        found = {"x": x, "present": present}
        if self.stations:
            known = np.full((*shape, len(self.stations)), np.nan, np.float32)
            known[sample, place] = np.eye(len(self.stations))[place]
            found["station"] = known
        if self.rule:
            found["rule"] = x[:, :, [self.features.index(name) for name in self.rule]]
        if self.waveform:
            waves = data[self.waveform].to_numpy()
            found["sequence"] = np.zeros((*shape, *waves.shape[1:]), np.float32)
            found["sequence"][sample, place] = waves[record]
        return found

    def layout(self, data: xr.Dataset, index: pd.DataFrame) -> tuple[NDArray[np.int64], ...]:
        """Sample, record and place of every record of these samples."""
        events = index.index.to_numpy()
        event_of = data["event_of"].to_numpy()
        begin = np.searchsorted(event_of, events, side="left")
        count = np.searchsorted(event_of, events, side="right") - begin
        sample = np.repeat(np.arange(len(events)), count)
        within = np.arange(len(sample)) - np.repeat(np.cumsum(count) - count, count)
        record = np.repeat(begin, count) + within
        if not self.stations:
            return sample, record, within
        number = {name: i for i, name in enumerate(self.stations)}
        names = data["station"].to_numpy()[record]
        place = np.array([number.get(str(n), -1) for n in names], np.int64)
        known = place >= 0
        return sample[known], record[known], place[known]

    def places(self, data: xr.Dataset) -> int:
        """Stations that are known, or the most that any event has."""
        most = int(np.bincount(data["event_of"].to_numpy()).max(initial=1))
        return len(self.stations) or most

    def decide(self, predicted: xr.Dataset) -> xr.Dataset:
        """Probabilities over shares: the largest says which type is decided for."""
        p = predicted[self.target.name]
        shares = [self.shares.get(c, 1.0) for c in self.target.categories]
        return predicted.assign({self.target.name: p / xr.DataArray(shares, dims="category")})

    def _columns(self, data: xr.Dataset) -> NDArray[np.float32]:
        columns = []
        for name in self.features:
            values = data[name].to_numpy().astype(float)
            floor = self.logs.get(name)
            columns.append(values if floor is None else np.log10(np.maximum(values, floor)))
        return np.stack(columns, axis=1).astype(np.float32)

    def observed(self, data: xr.Dataset, index: pd.DataFrame) -> xr.Dataset:
        values = data["label"].to_numpy()[index.index.to_numpy()]
        return xr.Dataset({self.target.name: ("sample", encode(values, self.target, "data"))})

    def parts(self, data: xr.Dataset) -> Parts:
        whole = slice(None)
        variables: dict[str, dict[str, tuple[Any, ...]]] = {}
        for i, name in enumerate(self.features):
            variables[name] = {"x": (whole, whole, i)}
            if name in self.rule:
                variables[name]["rule"] = (whole, whole, self.rule.index(name))
        if self.stations:
            variables["station"] = {"station": (whole,)}
        if not self.waveform:
            return {"variable": variables}
        edges = np.linspace(0, data.sizes["step"], TIME_PARTS + 1).astype(int)
        rate = float(data.attrs["rate"])
        lags = {
            f"{a / rate:.0f}-{b / rate:.0f} s": {"sequence": (whole, whole, whole, slice(a, b))}
            for a, b in pairwise(edges)
        }
        return {"variable": variables, "lag": lags}


def with_features(data: xr.Dataset) -> xr.Dataset:
    """Waveforms with their features as variables of the records; other data as they are."""
    if "waveform" not in data:
        return data
    found = source_features(data["waveform"].to_numpy(), float(data.attrs["rate"]))
    return data.assign({name: ("record", values) for name, values in found.items()})


def usable_features(data: xr.Dataset, ignore: Sequence[str] = ()) -> tuple[str, ...]:
    """Variables of the records that are numbers and not the same everywhere."""
    found = []
    for name, array in data.data_vars.items():
        if array.dims != ("record",) or array.dtype.kind != "f" or name in ignore:
            continue
        seen = array.to_numpy()[np.isfinite(array.to_numpy())]
        if len(seen) and seen.min() < seen.max():
            found.append(str(name))
    return tuple(found)


def wide_features(data: xr.Dataset, features: Sequence[str]) -> dict[str, float]:
    """Features without a sign that span orders of magnitude: name to the least value to keep.

    Examples
    --------
    >>> data = xr.Dataset({"a": ("record", [1e-6, 1e-3, 1.0, 1e3]), "b": ("record", [1., 2, 3, 4])})
    >>> {k: f"{v:.1g}" for k, v in wide_features(data, ("a", "b")).items()}
    {'a': '1e-06'}
    """
    found = {}
    for name in features:
        values = data[name].to_numpy()
        values = values[np.isfinite(values)]
        if not len(values) or values.min() < 0 or not (values > 0).any():
            continue
        low, mid, high = np.quantile(values[values > 0], [0.05, 0.5, 0.95])
        if high > WIDE * mid or mid > WIDE * low:
            found[name] = float(np.quantile(values[values > 0], 1e-4))
    return found


def steady_stations(data: xr.Dataset) -> tuple[str, ...]:
    """Stations at each of which every class was recorded often enough; none if any was not.

    A station that saw one class more than the others would give the class away by its name.
    """
    label = data["label"].to_numpy().astype(str)[data["event_of"].to_numpy()]
    station = data["station"].to_numpy().astype(str)
    known = label != ""
    if not known.any() or (station == "").any():
        return ()
    counts = pd.crosstab(station[known], label[known])
    everywhere = (counts >= FEW).all(axis=None) and set(station) == set(counts.index)
    return tuple(sorted(counts.index)) if everywhere else ()


def common_start(data: xr.Dataset) -> str | None:
    """The first time from which every class is catalogued, if one begins much later than another.

    Before it a model learns the class from whatever dates a record.
    """
    if "time" not in data or data["time"].isnull().all():
        return None
    label, time = data["label"].to_numpy().astype(str), data["time"].to_numpy()
    known = (label != "") & ~np.isnat(time)
    first = pd.Series(time[known]).groupby(label[known]).min()
    span = time[known].max() - time[known].min()
    late = first.max() - first.min() > 0.1 * span
    return f"{first.max():%Y-%m-%dT%H:%M:%S}" if late else None


def event_findings(data: xr.Dataset, *, in_time: bool) -> list[Finding]:
    """How many events of each type there are, and what tells the type without being physics.

    Parameters
    ----------
    data : xr.Dataset
        Records.
    in_time : bool
        Whether the split is in time, so that events before `common_start` are left out.
    """
    label, event_of = data["label"].to_numpy().astype(str), data["event_of"].to_numpy()
    records = np.bincount(event_of, minlength=len(label))
    named = {"": "without a label"}
    counts = [f"{int((label == c).sum())} {named.get(c, c)}" for c in np.unique(label)]
    text = f"{len(label)} events in {len(event_of)} records: {', '.join(counts)}"
    found = [Finding("info", text, "events")]
    classes = [c for c in np.unique(label) if c]
    mean = {c: float(records[label == c].mean()) for c in classes}
    if mean and max(mean.values()) > 1.5 * min(mean.values()):
        said = ", ".join(f"{c} {m:.1f}" for c, m in mean.items())
        text = f"records of an event, by type: {said}; how many there are is no input"
        found.append(Finding("info", text, "events"))
    start = common_start(data)
    if not in_time:
        text = "whole events are left out; events of one quarry, slope or day may still be alike"
        found.append(Finding("info", text, "events"))
    if start is not None:
        text = f"one type begins much later than another, at {start}"
        if in_time:
            text += ": events before it are left out, or what dates a record would tell the type"
        found.append(Finding("info" if in_time else "warning", text, "time"))
    return found


def decided(metric: Metric, gather: EventRecords) -> Metric:
    """The same score of the types that are decided for, which need not be the most probable."""

    def stats(observed: xr.Dataset, predicted: xr.Dataset) -> NDArray[np.float64]:
        return metric.stats(observed, gather.decide(predicted))

    return replace(metric, stats=stats)


def class_shares(data: xr.Dataset, begin: str | None, end: str | None) -> dict[str, float]:
    """Share of each type among the events of a time."""
    label = data["label"].to_numpy().astype(str)
    known = label != ""
    time = data["time"].to_numpy() if "time" in data else None
    if begin is not None and time is not None:
        known &= time >= np.datetime64(begin)
    if end is not None and time is not None:
        known &= time < np.datetime64(end)
    names, counts = np.unique(label[known], return_counts=True)
    return {str(n): float(c / counts.sum()) for n, c in zip(names, counts, strict=True)}


def write_csv(predicted: xr.Dataset, samples: Samples, path: Path) -> None:
    """CSV: event, label, and a probability for each class, in a column named by it."""
    target, gather = samples.target, samples.gather
    assert isinstance(gather, EventRecords)
    p, decided = (
        d[target.name].transpose("sample", "category").to_numpy()
        for d in (predicted, gather.decide(predicted))
    )
    events = samples.data["event_id"].to_numpy()[samples.index.index.to_numpy()]
    write_event_types(path, events, p, list(target.categories), decided.argmax(axis=1))


def together(data: xr.Dataset, length: str) -> NDArray[Any]:
    """Group of each event: its own name, or that of the first event of the same hour or day.

    Examples
    --------
    >>> when = np.array(["2020-01-01T00", "2020-01-01T02", "2020-01-01T00:30"], "datetime64[ns]")
    >>> data = xr.Dataset({"event_id": ("event", ["a", "b", "c"]), "time": ("event", when)})
    >>> together(data, "1h").tolist()
    ['a', 'b', 'a']
    """
    names = data["event_id"].to_numpy().astype(str)
    if "time" not in data:
        return names
    time = pd.Series(data["time"].to_numpy())
    piece = np.where(time.isna(), names, time.dt.floor(length).astype(str))
    return np.asarray(pd.Series(names).groupby(piece).transform("first"))
