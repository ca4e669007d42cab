"""Types of seismic events (earthquake, explosion, icequake, ...) from waveforms or features.

Each record of an event at a station is classified, the stations vote, and the probability of each
type is calibrated on events that no model was fitted on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pydantic
import xarray as xr

from craton import event_types as types
from craton.checks import Finding
from craton.class_calibration import BiasedTemperature
from craton.config import Config, pinned
from craton.data.event_types import benchmark
from craton.data.registry import locate
from craton.data.seismic_sources import synthetic_sources
from craton.errors import ConfigError, DataError, nearest
from craton.io.event_features import read_event_features, records_of
from craton.io.event_waveforms import Cut, guess_kind, read_event_waveforms
from craton.io.problems import Problem
from craton.metrics import Metric, balanced_accuracy, calibration_error, f1_macro, log_loss
from craton.models.baselines import Frequency
from craton.models.boosting import LightGBM
from craton.models.by_station import by_station
from craton.models.linear import Logistic
from craton.models.svm import SVM
from craton.models.traces import SpectrogramCNN, TraceCNN
from craton.models.trees import ExtraTrees, RandomForest
from craton.report.section import Section
from craton.result import Result
from craton.samples import Samples, Target, make_index
from craton.source_features import RULE
from craton.splits import ByGroup, ForwardInTime, Splitter
from craton.task import Task
from craton.uncertainty import Calibrator
from craton.waveforms.processing import Processing, with_warnings
from craton.waveforms.steps import Step


class EventConfig(Config):
    """Settings.

    Attributes
    ----------
    data : str
        CSV of features or a folder of them; a folder of miniSEED with a CSV that names event and
        label of each file; or a dataset's name. None for simulated seismograms.
    kind : {"features", "waveforms"}
        What the files hold; found if not given.
    columns : dict
        Role (event, time, station, label) -> names of its column.
    names : dict
        Label in the file -> name of the type.
    categories, features, ignore, rule : tuple of str
        Types; columns to learn from (all numeric ones); columns to leave out; the few features of
        the expert's rule, which is the baseline.
    pattern, station_in_name, table : str
        Which files of a folder hold features; a regular expression that finds the station in a
        file's name; the CSV beside the waveforms.
    rate, seconds, components
        Samples a second and length that all waveforms are brought to; components that are used.
    band : tuple of float
        Lowest and highest frequency that is kept, in Hz: what all instruments have.
    steps : list of steps
        What is done to the files' waveforms before all else, in this order; see
        `craton.waveforms.steps`.
    inventory : str
        StationXML for steps that need the instrument.
    test_from, calibrate_from : str
        Begin of the test and of the part for calibration, if the split is in time; else events are
        dealt to folds.
    train_from : str
        Earlier events are not used; where the split is in time, by default those before the first
        of the type that is catalogued last.
    splits : int
        Folds of events; 5, or 3 for the example.
    together : str
        Length of the pieces of time (1h, 1D) whose events the folds never part.
    decide : {"probable", "between", "balanced"}
        Which type an event is called: the most probable one; or that whose probability is largest
        beside its share among the events learnt from, which is best for balanced accuracy; or
        beside the root of its share, which comes near to the best macro-F1.
    stations, logs, shares
        Pinned by the training events.
    """

    data: str | None = None
    kind: Literal["features", "waveforms"] | None = None
    columns: dict[str, tuple[str, ...]] = pydantic.Field(default_factory=dict)
    names: dict[str, str] = pydantic.Field(default_factory=dict)
    categories: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    rule: tuple[str, ...] = ()
    pattern: str = "*.csv*"
    station_in_name: str | None = None
    table: str | None = None
    rate: float = pydantic.Field(40.0, gt=0, le=1000)
    seconds: float | None = pydantic.Field(None, gt=1)
    components: tuple[str, ...] = ("Z",)
    band: tuple[float, float] = (1.0, 15.0)
    steps: tuple[Step, ...] = ()
    inventory: str | None = None
    test_from: str | None = None
    calibrate_from: str | None = None
    train_from: str | None = None
    splits: int | None = pydantic.Field(None, ge=2)
    together: str = "1h"
    decide: Literal["probable", "between", "balanced"] = "probable"
    stations: tuple[str, ...] | None = pinned(None)
    logs: dict[str, float] = pinned(dict)
    shares: dict[str, float] = pinned(dict)


POWERS = {"probable": 0.0, "between": 0.5, "balanced": 1.0}
"""Power of the shares that probabilities are divided by before a type is decided for."""


def load(config: EventConfig) -> xr.Dataset:
    """Read features or waveforms, or simulate the example."""
    processing = Processing.of(config.steps, config.inventory)
    path, config = _protocol(config)
    waves = config.data is not None and (config.kind or guess_kind(path)) == "waveforms"
    if processing.steps and not waves:
        raise ConfigError(
            "steps are for files of waveforms, and these data are none", where="steps",
            fix="leave them out, or give a folder of miniSEED with --set data=FOLDER",
        )  # fmt: skip
    if config.data is None:
        return synthetic_sources()
    if waves:
        cut = Cut(config.rate, config.seconds, config.band, config.components)
        problems: list[Problem] = []
        data = with_warnings(
            read_event_waveforms(
                path, cut, table=config.table, columns=config.columns,
                process=lambda stream: processing.stream(stream, problems),
            ),
            problems,
        )  # fmt: skip
    else:
        data = read_event_features(
            path,
            pattern=config.pattern,
            columns=config.columns,
            station_in_name=config.station_in_name,
        )
    return _named(data, config)


def accept(data: xr.Dataset | pd.DataFrame, config: EventConfig) -> xr.Dataset:
    """A table that is in memory, one row a record, or records as `load` gives them."""
    found = records_of(data) if isinstance(data, pd.DataFrame) else data
    if not {"event_id", "event_of", "label"} <= set(found.variables):
        raise DataError(
            f"has the variables {list(found.variables)[:8]}",
            where="dataset",
            fix="give a pandas.DataFrame with columns event, station, label and features",
        )
    return _named(found, config)


def checks(data: xr.Dataset, config: EventConfig) -> list[Finding]:
    """How many events and records, and what tells the type without being physics."""
    return types.event_findings(data, in_time=bool(_protocol(config)[1].test_from))


def resolve(data: xr.Dataset, config: EventConfig) -> EventConfig:
    """Pin types, features, stations and the time from which all types are catalogued."""
    config = _protocol(config)[1]
    found = tuple(sorted({str(v) for v in data["label"].to_numpy()} - {""}))
    categories = config.categories or found
    if len(categories) < 2:
        raise DataError(
            f"{len(categories)} type(s) of events are labelled, at least 2 are needed",
            where=config.data or "example",
            fix="give labels, or name their column with --set columns.label=[NAME]",
        )
    waves = "waveform" in data
    seconds = data.sizes["step"] / float(data.attrs["rate"]) if waves else config.seconds
    data = types.with_features(data)
    features = config.features or types.usable_features(data, config.ignore)
    if not features:
        raise DataError("there is no feature to learn from", where=config.data)
    stations = config.stations
    start = config.train_from or (types.common_start(data) if config.test_from else None)
    shares = config.shares
    if not shares and (power := POWERS[config.decide]):
        found_shares = types.class_shares(data, start, config.test_from)
        shares = {name: share**power for name, share in found_shares.items()}
    rule = tuple(r for r in config.rule or RULE if r in features)
    pinned = {
        "kind": "waveforms" if waves else "features",
        "splits": config.splits or (3 if config.data is None else 5),
        "seconds": seconds,
        "categories": categories,
        "features": features,
        "rule": rule or features[:3],
        "stations": types.steady_stations(data) if stations is None else stations,
        "train_from": start,
        "shares": shares,
        "logs": config.logs or types.wide_features(data, features),
    }
    return config.model_copy(update=pinned)


def samples(data: xr.Dataset, config: EventConfig, future: bool) -> Samples:
    """One sample an event with a type; to predict, those without one, or all if all have one."""
    data = types.with_features(data)
    for name in config.features:
        if name not in data:
            raise DataError(
                f"there is no feature '{name}'",
                where=config.data or "example",
                fix=nearest(name, map(str, data.data_vars)),
            )
    gather = types.EventRecords(
        config.features,
        Target("label", config.categories),
        config.logs,
        config.stations or (),
        config.rule,
        "waveform" if "waveform" in data else "",
        config.shares,
    )
    labelled = data["label"].to_numpy().astype(str) != ""
    time = data["time"].to_numpy() if "time" in data else None
    wanted = labelled
    if future:
        wanted = ~labelled if not labelled.all() else labelled
    elif config.train_from and time is not None:
        wanted = labelled & (time >= np.datetime64(config.train_from))
    group = types.together(data, config.together)
    index = make_index(len(labelled), t0=time, t1=time, group=group)[wanted]
    recorded = np.unique(gather.layout(data, index)[0])
    return Samples(data, index.iloc[recorded], gather)


def splitter(config: EventConfig, samples: Samples) -> Splitter:
    """Forward in time where the settings say from when to test, else whole events in folds."""
    if config.test_from:
        border = config.calibrate_from or config.test_from
        return ForwardInTime(border, config.test_from, block="30D")
    return ByGroup(n=config.splits)


def metrics(samples: Samples) -> list[Metric]:
    """Log loss chooses; the rest is what papers report, earthquakes against explosions apart."""
    target, gather = samples.target, samples.gather
    assert isinstance(gather, types.EventRecords)
    name, classes = target.name, target.categories
    pair = {i: c for i, c in enumerate(classes) if c in ("earthquake", "explosion")}
    found = [f1_macro(name, len(classes)), balanced_accuracy(name)]
    if len(pair) == 2 < len(classes):
        found.append(balanced_accuracy(name, pair))
    labels = [types.decided(metric, gather) for metric in found]
    return [log_loss(name), *labels[:2], calibration_error(name), *labels[2:]]


def calibrator(target: Target) -> Calibrator:
    """One temperature, and a factor for each type, whose share may have changed."""
    return BiasedTemperature(target.name)


def sections(result: Result) -> list[Section]:
    """Confusion, abstention, suspected label errors, time and frequency."""
    from craton.report.event_types import event_sections

    return event_sections(result)


def layout(predicted: xr.Dataset, samples: Samples) -> xr.Dataset:
    """Probabilities by event."""
    events = samples.data["event_id"].to_numpy()[samples.index.index.to_numpy()]
    known = {k: v for k, v in samples.coords().items() if k != "group"}
    return predicted.assign_coords({**known, "event": ("sample", events.astype(str))})


def answer(result: Result) -> list[tuple[str, bool]]:
    """What the simulated sources imply: they can be told apart, and 5 % of the labels are wrong."""
    from craton.report.event_types import suspects

    data = result.data
    at = result.test.index.index.to_numpy()
    kind, label = (data[n].to_numpy().astype(str)[at] for n in ("kind", "label"))
    names = np.array(result.samples.target.categories)
    p = result.predictions[result.selected]["label"].transpose("sample", "category").to_numpy()
    said = names[p.argmax(axis=1)]
    wrong = kind != label
    listed = set(suspects(result)["event"])
    found = float(np.mean([e in listed for e in data["event_id"].to_numpy()[at[wrong]]]))
    followed = float((said == label)[wrong].mean())
    gain = result.score(result.selected, "log_loss").gain_low
    share = float((said == kind)[~wrong].mean())
    return [
        ("the selected model beats the expert's rule", gain > 0),
        (f"it is right for {share:.3f} of the events with a right label", share > 0.8),
        (
            f"of {int(wrong.sum())} exchanged labels it follows a share of {followed:.2f} only",
            followed < 0.3,
        ),
        (f"{found:.2f} of them are among the labels that it suspects", found > 0.5),
    ]


def _protocol(config: EventConfig) -> tuple[Path, EventConfig]:
    """The file or folder, and the settings with those of its benchmark where not set otherwise."""
    if config.data is None:
        return Path(), config
    found = locate(config.data)
    new = {k: v for k, v in benchmark(found).items() if k not in config.model_fields_set}
    return found.path, config.model_copy(update=new)


def _named(data: xr.Dataset, config: EventConfig) -> xr.Dataset:
    """Labels as the settings name them."""
    labels = [config.names.get(str(v), str(v)) for v in data["label"].to_numpy()]
    return data.assign(label=("event", np.array(labels, dtype=object)))


FOREST: dict[str, Any] = {"trees": 150, "min_leaf": 2, "threads": 1}

TASK = Task(
    name="event-classification",
    title="Types of seismic events, stations voting",
    domain="seismology",
    config=EventConfig,
    load=load,
    accept=accept,
    dataset="a pandas.DataFrame with a row a record: event, station, label, time, and features; or "
    "a dataset of records as craton.io.event_features describes it",
    layout=layout,
    resolve=resolve,
    samples=samples,
    splitter=splitter,
    models={
        "extra-trees": by_station(ExtraTrees, **FOREST),
        "random-forest": by_station(RandomForest, **FOREST),
        "lightgbm": by_station(LightGBM, rounds=150),
        "svm": by_station(SVM, cost=3.0, max_samples=4000),
        "logistic": by_station(Logistic, penalty=10.0),
        "cnn-trace": by_station(TraceCNN, sees="waveform", votes="mean"),
        "cnn-spectrogram": by_station(SpectrogramCNN, sees="waveform", votes="mean"),
    },
    baselines={
        "frequency": Frequency(),
        "expert-rule": by_station(Logistic, sees="rule", votes="mean"),
    },
    baseline="expert-rule",
    metrics=metrics,
    calibrator=calibrator,
    checks=checks,
    sections=sections,
    products={".csv": types.write_csv},
    answer=answer,
    quick={"candidates": ["extra-trees", "logistic"]},
    references=(
        "Kharita, Denolle and West 2024, doi:10.1093/gji/ggae106",
        "Kharita et al. 2025, arXiv:2510.23795",
        "Alexandari, Kundaje and Shrikumar 2020, arXiv:1901.06852",
    ),
)
