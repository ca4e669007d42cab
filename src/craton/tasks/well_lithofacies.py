"""Lithofacies from well logs: whole wells are left out, facies come with calibrated chances.

A depth is classified from its own logs, from the logs above and below, and from the bed it lies in;
a Markov chain of facies brings the depths of a well together.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pandas as pd
import pydantic
import xarray as xr

from craton.checks import Finding
from craton.config import Config, pinned
from craton.data.facies import benchmark
from craton.data.registry import locate
from craton.data.wells import synthetic_wells
from craton.errors import DataError, nearest
from craton.io import well_features as features
from craton.io.wells import read_wells, wells_of
from craton.metrics import Metric, accuracy, adjacent_accuracy, calibration_error, log_loss
from craton.models.along_well import along_well
from craton.models.baselines import Frequency
from craton.models.boosting import LightGBM
from craton.models.deep import TCN
from craton.models.linear import Logistic
from craton.models.svm import SVM
from craton.models.trees import ExtraTrees
from craton.report.section import Section
from craton.result import Result
from craton.samples import Samples, Target, make_index
from craton.splits import ByGroup, Splitter
from craton.task import Task
from craton.uncertainty import Calibrator, Temperature
from craton.wells import LogWindows, adjacent, well_findings, write_csv, write_las


class WellConfig(Config):
    """Settings.

    Attributes
    ----------
    data : str
        LAS file, folder of LAS files, CSV file, or a dataset's name; None for simulated wells.
    target, curves, constraints, formation : str or tuple of str
        Curve with the facies; logs; curves that a geologist has put in (marine or not, position in
        the cycle); text curve with the formation. Facies and logs are found if not named.
    columns : dict
        Name wanted here -> name in the file, also for ``well`` and ``depth``.
    depth_unit, duplicates : str
        Unit of a CSV's depth (a LAS file says itself); what to do with a depth that occurs twice.
    categories, codes, neighbours
        Facies names, the file's codes for them, facies that count as adjacent (the next ones).
    train_only : tuple of str
        Wells that are never tested, such as a pseudo-well.
    half, thin : int
        Rows of the window above and below; every so many labelled rows are a sample.
    order : tuple of str
        Formations from top to bottom; as the training wells have them if empty.
    units, typical, step
        Pinned by the training wells.
    """

    data: str | None = None
    target: str | None = None
    curves: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ("NM_M", "RELPOS")
    formation: str | None = "Formation"
    columns: dict[str, str] = pydantic.Field(default_factory=dict)
    depth_unit: Literal["m", "ft"] | None = None
    duplicates: Literal["error", "first", "keep"] = "error"
    categories: tuple[str, ...] = ()
    codes: tuple[int, ...] = ()
    neighbours: dict[str, tuple[str, ...]] = pydantic.Field(default_factory=dict)
    train_only: tuple[str, ...] = ()
    half: int = pydantic.Field(10, ge=2, le=200)
    thin: int = pydantic.Field(1, ge=1, le=1000)
    order: tuple[str, ...] = ()
    units: dict[str, str] = pinned(dict)
    typical: dict[str, tuple[float, float, float]] = pinned(dict)
    step: float | None = pinned(None)


def load(config: WellConfig) -> xr.Dataset:
    """Read the wells, or simulate the example."""
    if config.data is None:
        return synthetic_wells()
    path, config = _protocol(config)
    files = path.iterdir() if path.is_dir() else [path]
    las = any(".las" in file.name.lower() for file in files)
    unit = None if las else config.depth_unit
    return read_wells(path, config.columns or None, unit, duplicates=config.duplicates)


def accept(data: xr.Dataset | pd.DataFrame, config: WellConfig) -> xr.Dataset:
    """Wells that are in memory: a data frame, or a dataset of one dimension."""
    return wells_of(data, config.columns, config.depth_unit)


def layout(predicted: xr.Dataset, samples: Samples) -> xr.Dataset:
    """Probabilities by well and depth."""
    at = samples.index.index.to_numpy()
    known: dict[str, Any] = {n: ("sample", samples.data[n].to_numpy()[at], samples.data[n].attrs)
             for n in ("well", "depth")}  # fmt: skip
    return predicted.assign_coords(sample=at, **known)


def checks(data: xr.Dataset, config: WellConfig) -> list[Finding]:
    """Gaps, repeated depths, vintages that differ, short wells, the error of imputation."""
    config = _protocol(config)[1]
    features.find_facies(data, config.target, config.data or "example")
    logs, constraints = _curves(data, config)
    return well_findings(data, logs, constraints)


def resolve(data: xr.Dataset, config: WellConfig) -> WellConfig:
    """Pin curves, facies, units and scales, so that new wells are read as these were."""
    config = _protocol(config)[1]
    target = features.find_facies(data, config.target, config.data or "example")
    logs, constraints = _curves(data, config)
    found, codes = features.facies_codes(data, target)
    names = config.categories or found
    formation = config.formation if config.formation in data else None
    pinned: dict[str, Any] = {
        "target": target,
        "curves": logs,
        "constraints": constraints,
        "formation": formation,
        "categories": names,
        "codes": config.codes if config.categories else codes,
        "neighbours": adjacent(names, config.neighbours, codes),
        "units": {c: str(data[c].attrs.get("units", "")) for c in logs},
        "typical": features.describe(data, logs),
        "step": features.typical_step(data),
        "order": config.order or (features.formation_order(data, formation) if formation else ()),
    }
    return config.model_copy(update=pinned)


def samples(data: xr.Dataset, config: WellConfig, future: bool) -> Samples:
    """One sample a depth that has a facies (or, to predict, every depth)."""
    assert config.target is not None
    curves = (*config.curves, *config.constraints)
    where = config.data or "example"
    data = features.match_training(data, curves, config.units, config.typical, config.step, where)
    data = features.logarithms(data, config.units)
    mark = config.constraints[:1]
    data = features.add_beds(data, config.formation, config.order, mark, config.curves)
    target = Target(config.target, config.categories, config.codes)
    place = {c: i for i, c in enumerate(config.categories)}
    near = {place[k]: tuple(place[v] for v in vs) for k, vs in config.neighbours.items()}
    beds = (*features.BEDS, *(c + features.IN_BED for c in config.curves))
    gather = LogWindows(curves, target, curves, config.half, "well", len(config.curves), beds, near)
    index = make_index(data.sizes["row"], group=data["well"].to_numpy())
    if future:
        return Samples(data, index, gather)
    features.find_facies(data, config.target, where)
    known = gather.observed(data, index)[config.target].to_numpy() >= 0
    return Samples(data, index[known].iloc[:: config.thin], gather)


def splitter(config: WellConfig, samples: Samples) -> Splitter:
    """One well is left out at a time; of more than twelve wells, groups of wells."""
    wells = samples.index["group"].nunique()
    return ByGroup(n=None if wells <= 12 else 6, train_only=config.train_only)


def metrics(samples: Samples) -> list[Metric]:
    """Log loss chooses; accuracy (F1-micro) and adjacent accuracy are the contest's."""
    gather, name = samples.gather, samples.target.name
    assert isinstance(gather, LogWindows)
    near = [adjacent_accuracy(name, gather.neighbours)] if gather.neighbours else []
    return [log_loss(name), accuracy(name), *near, calibration_error(name)]


def calibrator(target: Target) -> Calibrator:
    """One temperature: with few wells, anything richer learns the wells."""
    return Temperature(target.name)


def sections(result: Result) -> list[Section]:
    """Log strips, confusion with adjacent facies, wells, vintages, imputation."""
    from craton.report.wells import well_sections

    return well_sections(result)


def answer(result: Result) -> list[tuple[str, bool]]:
    """What the simulated process implies."""
    found = result.score(result.selected, "accuracy")
    row, best = (result.data.attrs[k] for k in ("bayes_accuracy_row", "bayes_accuracy"))
    loss = result.score(result.selected, "log_loss")
    return [
        ("the selected model beats the row-wise baseline", loss.gain_low > 0),
        ("its accuracy is above that of any classifier of single rows of logs", found.score > row),
        ("and not above that of knowing the process", found.low < best),
    ]


def _protocol(config: WellConfig) -> tuple[Path, WellConfig]:
    """The file or folder, and the settings with those of its benchmark where not set otherwise."""
    if config.data is None:
        return Path(), config
    path, settings = benchmark(locate(config.data))
    new = {k: v for k, v in settings.items() if k not in config.model_fields_set}
    return path, config.model_copy(update=new)


def _curves(data: xr.Dataset, config: WellConfig) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Logs and constraints that these wells have."""
    for name in config.curves:
        if name not in data:
            fix = nearest(name, map(str, data.data_vars))
            raise DataError(f"there is no curve '{name}'", where=config.data or "example", fix=fix)
    logs = config.curves or features.log_names(data, (*config.constraints, config.target or ""))
    if not logs:
        raise DataError("there is no log to learn from", where=config.data or "example")
    return logs, tuple(c for c in config.constraints if c in data)


TASK = Task(
    name="well-lithofacies",
    title="Lithofacies from well logs, whole wells left out",
    domain="geology",
    config=WellConfig,
    load=load,
    accept=accept,
    dataset="a pandas.DataFrame, or a dataset whose variables lie on one dimension of any name: "
    "well (text), depth (m; ft if the attribute units or the setting depth_unit says so), and a "
    "variable a curve",
    layout=layout,
    resolve=resolve,
    samples=samples,
    splitter=splitter,
    models={
        "extra-trees": along_well(ExtraTrees, trees=200, min_leaf=8, vintages=3),
        "extra-trees-window": along_well(
            ExtraTrees, trees=200, min_leaf=8, vintages=3, context="window"
        ),
        "extra-trees-aligned": along_well(
            ExtraTrees, trees=200, min_leaf=8, vintages=3, aligned=True
        ),
        "extra-trees-markov": along_well(ExtraTrees, trees=100, min_leaf=4, smooth=True),
        "lightgbm": along_well(LightGBM, rounds=80, leaves=7, min_leaf=40),
        "logistic-markov": along_well(Logistic, penalty=10.0, context="row", smooth=True),
        "svm": along_well(SVM, cost=1.0, aligned=True),
        "tcn": along_well(TCN, context="sequence", epochs=12),
    },
    # Hall's support vector machine on single depths is the contest's own starting point
    baselines={"frequency": Frequency(), "svm-rows": along_well(SVM, context="row", cost=10.0)},
    baseline="svm-rows",
    metrics=metrics,
    calibrator=calibrator,
    checks=checks,
    sections=sections,
    products={".csv": write_csv, ".las": write_las},
    answer=answer,
    quick={
        "candidates": ["extra-trees-window", "logistic-markov"],
        "models": {"extra-trees-window": {"trees": 50, "min_leaf": 4, "vintages": 1}},
        "explain": 100,
    },
    references=(
        "Hall 2016, doi:10.1190/tle35100906.1",
        "Dubois, Bohling and Chakrabarti 2007, doi:10.1016/j.cageo.2006.08.011",
        "Krumbein and Dacey 1969, doi:10.1007/BF02047072",
    ),
)
