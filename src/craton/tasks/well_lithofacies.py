"""Lithofacies from well logs: whole wells are left out, facies come with calibrated chances.

A depth is classified from its own logs, from the logs above and below, and from the bed it lies in;
a Markov chain of facies brings the depths of a well together.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pydantic
import xarray as xr

from craton.checks import Finding
from craton.config import Config
from craton.data.facies import benchmark
from craton.data.registry import locate
from craton.data.wells import synthetic_wells
from craton.errors import DataError, nearest
from craton.io.files import atomic
from craton.io.well_features import (
    BEDS,
    IN_BED,
    add_beds,
    describe,
    formation_order,
    is_resistivity,
    log_names,
    match_training,
    typical_step,
)
from craton.io.wells import read_wells, write_facies_csv, write_facies_las
from craton.metrics import Metric, accuracy, adjacent_accuracy, calibration_error, log_loss
from craton.models.along_well import along_well
from craton.models.baselines import Frequency
from craton.models.boosting import LightGBM
from craton.models.deep import TCN
from craton.models.imputation import imputation_errors
from craton.models.linear import Logistic
from craton.models.svm import SVM
from craton.models.trees import ExtraTrees
from craton.report.section import Section
from craton.result import Result
from craton.samples import Samples, Target, make_index
from craton.splits import ByGroup, Splitter
from craton.task import Task
from craton.uncertainty import Calibrator, Temperature
from craton.wells import LogWindows, well_findings

TARGETS = ("facies", "lithofacies", "litho", "lithology", "rock_type")


class WellConfig(Config):
    """Settings.

    Attributes
    ----------
    data : str
        LAS file, folder of LAS files, CSV file, or a dataset's name; None for simulated wells.
    target : str
        Curve with the facies; found by its name if None.
    curves : tuple of str
        Logs; all numeric curves that are neither a place nor a constraint if empty.
    constraints : tuple of str
        Curves that a geologist has put in (marine or not, position in the cycle).
    formation : str
        Text curve with the formation.
    columns : dict
        Name wanted here -> name in the file, also for ``well`` and ``depth``.
    depth_unit : {"m", "ft"}
        Unit of a CSV's depth; a LAS file says itself.
    duplicates : {"error", "first", "keep"}
        What to do with a depth that occurs twice in a well.
    categories, codes : tuple
        Facies names and the file's codes for them; found in the data if empty.
    neighbours : dict
        Facies -> facies that count as adjacent; the next ones in order if empty.
    train_only : tuple of str
        Wells that are never tested, such as a pseudo-well.
    half : int
        Rows of the window above, and below.
    thin : int
        Every so many labelled rows are a sample; windows use all rows.
    units, typical, order, step
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
    units: dict[str, str] = pydantic.Field(default_factory=dict)
    typical: dict[str, tuple[float, float, float]] = pydantic.Field(default_factory=dict)
    order: tuple[str, ...] = ()
    step: float | None = None


def load(config: WellConfig) -> xr.Dataset:
    """Read the wells, or simulate the example."""
    if config.data is None:
        return synthetic_wells()
    path, config = _protocol(config)
    las = path.is_dir() and any(".las" in f.name.lower() for f in path.iterdir())
    las = las or ".las" in path.name.lower()
    unit = None if las else config.depth_unit
    return read_wells(path, config.columns or None, unit, duplicates=config.duplicates)


def checks(data: xr.Dataset, config: WellConfig) -> list[Finding]:
    """Gaps, repeated depths, vintages that differ, short wells, the error of imputation."""
    config = _protocol(config)[1]
    logs = _logs(data, config)
    found = well_findings(data, logs)
    table = np.stack([data[c].to_numpy() for c in (*logs, *_constraints(data, config))], axis=1)
    for e in imputation_errors(table, logs, data["well"].to_numpy()):
        text = (
            f"{e.curve} is missing in {e.missing} rows; restored from the other curves in wells "
            f"left out, its error is {e.rmse:.3g} (rmse, {e.n} rows), its spread {e.spread:.3g}"
        )
        found.append(Finding("info", text, "imputation"))
    return found


def resolve(data: xr.Dataset, config: WellConfig) -> WellConfig:
    """Pin curves, facies, units and scales, so that new wells are read as these were."""
    config = _protocol(config)[1]
    target = _target(data, config)
    logs, constraints = _logs(data, config), _constraints(data, config)
    categories, codes = _facies(data, target, config)
    for name in sorted({n for k, v in config.neighbours.items() for n in (k, *v)}):
        if name not in categories:
            raise DataError(
                f"adjacent facies '{name}' is none of the facies", fix=nearest(name, categories)
            )
    next_ones = {
        c: tuple(categories[j] for j in (i - 1, i + 1) if 0 <= j < len(categories))
        for i, c in enumerate(categories)
    }
    formation = config.formation if config.formation in data else None
    found: dict[str, Any] = {
        "target": target,
        "curves": logs,
        "constraints": constraints,
        "formation": formation,
        "categories": categories,
        "codes": codes,
        "neighbours": config.neighbours or next_ones,
        "units": {c: str(data[c].attrs.get("units", "")) for c in logs},
        "typical": describe(data, logs),
        "step": typical_step(data["depth"].to_numpy(), data["well"].to_numpy().astype(str)),
        "order": config.order or (formation_order(data, formation) if formation else ()),
    }
    return config.model_copy(update=found)


def samples(data: xr.Dataset, config: WellConfig, future: bool) -> Samples:
    """One sample a depth that has a facies (or, to predict, every depth)."""
    assert config.target is not None
    curves = (*config.curves, *config.constraints)
    data = match_training(
        data, curves, config.units, config.typical, config.step, config.data or "example"
    )
    for curve in config.curves:
        if is_resistivity(config.units.get(curve, "")):
            logarithm = np.log10(np.maximum(data[curve].to_numpy(), 1e-3))
            data = data.assign({curve: ("row", logarithm, {"units": "log10(ohm.m)"})})
    data = add_beds(data, config.formation, config.order, config.constraints[:1], config.curves)
    beds = (*BEDS, *(c + IN_BED for c in config.curves))
    target = Target(config.target, config.categories, config.codes)
    place = {c: i for i, c in enumerate(config.categories)}
    near = {place[k]: tuple(place[v] for v in vs) for k, vs in config.neighbours.items()}
    gather = LogWindows(
        curves, target, curves, config.half, "well",
        logs=len(config.curves), beds=beds, neighbours=near,
    )  # fmt: skip
    index = make_index(data.sizes["row"], group=data["well"].to_numpy())
    if future:
        return Samples(data, index, gather)
    if config.target not in data:
        raise DataError(f"there is no curve '{config.target}' to learn from", where=config.data)
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
    return [
        log_loss(name),
        accuracy(name),
        adjacent_accuracy(name, gather.neighbours),
        calibration_error(name),
    ]


def calibrator(target: Target) -> Calibrator:
    """One temperature: with few wells, anything richer learns the wells."""
    return Temperature(target.name)


def sections(result: Result) -> list[Section]:
    """Log strips, confusion with adjacent facies, wells, vintages, imputation."""
    from craton.report.wells import well_sections

    return well_sections(result)


def table(predicted: xr.Dataset, samples: Samples, *, codes: bool) -> pd.DataFrame:
    """One row a depth: well, depth as in the file, facies and probabilities (by code or name)."""
    target = samples.target
    rows = samples.index.index.to_numpy()
    p = predicted[target.name].transpose("sample", "category").to_numpy().astype(float)
    labels = [str(c) for c in target.codes] if codes and target.codes else list(target.categories)
    best = p.argmax(axis=1)
    depth = "depth" if _unit(samples) == "mixed" else "depth_original"
    frame = pd.DataFrame(
        {
            "well": samples.data["well"].to_numpy()[rows],
            "depth": samples.data[depth].to_numpy()[rows],
            "facies": np.array(labels)[best],
            "name": np.array(target.categories)[best],
        }
    )
    shares = pd.DataFrame(p / p.sum(axis=1, keepdims=True), columns=labels)
    return frame.join(shares.add_prefix("probability_"))


def write_csv(predicted: xr.Dataset, samples: Samples, path: Path) -> None:
    """CSV: well, depth, facies as the input codes it, a probability for each, the facies' name."""
    write_facies_csv(path, table(predicted, samples, codes=True))


def write_las(predicted: xr.Dataset, samples: Samples, path: Path) -> None:
    """LAS: curves FACIES and P_NAME; of several wells, a folder of that name with a file each."""
    frame = table(predicted, samples, codes=False).drop(columns="name")
    target = samples.target
    codes = target.codes or range(1, len(target.categories) + 1)
    number = dict(zip(target.categories, codes, strict=True))
    unit = "m" if _unit(samples) == "mixed" else _unit(samples)
    if frame["well"].nunique() == 1:
        write_facies_las(path, frame, depth_unit=unit, codes=number)
        return
    with atomic(path) as part:
        part.mkdir()
        for well, rows in frame.groupby("well", sort=False):
            name = "".join(c if c.isalnum() or c in "-_" else "_" for c in str(well))
            write_facies_las(part / f"{name}.las", rows, depth_unit=unit, codes=number)


def answer(result: Result) -> list[tuple[str, bool]]:
    """What the simulated process implies."""
    found = result.score(result.selected, "accuracy")
    row, best = (result.data.attrs[k] for k in ("bayes_accuracy_row", "bayes_accuracy"))
    loss = result.score(result.selected, "log_loss")
    return [
        ("the selected model beats the row-wise baseline", loss.gain_low > 0),
        ("the selected model beats any row-wise classifier of the logs", found.score > row),
        ("no model is better than knowing the process", found.low < best),
    ]


def _protocol(config: WellConfig) -> tuple[Path, WellConfig]:
    """The file or folder, and the settings with those of its benchmark where not set otherwise."""
    if config.data is None:
        return Path(), config
    path, settings = benchmark(locate(config.data))
    said = config.model_fields_set
    return path, config.model_copy(update={k: v for k, v in settings.items() if k not in said})


def _target(data: xr.Dataset, config: WellConfig) -> str:
    if config.target is not None and config.target in data:
        return config.target
    here = {str(n).lower(): str(n) for n in data.data_vars}
    found = next((here[n] for n in TARGETS if n in here), None)
    if config.target is not None or found is None:
        names = sorted(str(n) for n in data.data_vars)
        raise DataError(
            f"there is no curve '{config.target or 'Facies'}' with the facies to learn",
            where=config.data,
            fix=f"--set target=NAME; {nearest(config.target or 'Facies', names)}",
        )
    return found


def _logs(data: xr.Dataset, config: WellConfig) -> tuple[str, ...]:
    absent = [c for c in config.curves if c not in data]
    if absent:
        raise DataError(
            f"there is no curve '{absent[0]}'",
            where=config.data,
            fix=nearest(absent[0], map(str, data.data_vars)),
        )
    targets = [n for n in data.data_vars if str(n).lower() in TARGETS]
    without = [*config.constraints, *map(str, targets), config.target or ""]
    return config.curves or log_names(data, without)


def _constraints(data: xr.Dataset, config: WellConfig) -> tuple[str, ...]:
    return tuple(c for c in config.constraints if c in data)


def _facies(
    data: xr.Dataset, target: str, config: WellConfig
) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Names and codes of the facies: as set, as the curve's attributes say, or as they occur."""
    if config.categories:
        return config.categories, config.codes
    values = data[target].to_numpy()
    if values.dtype.kind not in "fi":
        return tuple(sorted({str(v) for v in values} - {"", "nan", "None"})), ()
    codes = tuple(int(v) for v in np.unique(values[np.isfinite(values)]))
    flags = [int(v) for v in np.atleast_1d(data[target].attrs.get("flag_values", []))]
    names = dict(zip(flags, str(data[target].attrs.get("flag_meanings", "")).split(), strict=False))
    return tuple(names.get(c, str(c)) for c in codes), codes


def _unit(samples: Samples) -> str:
    return str(samples.data["depth_original"].attrs.get("units", "m"))


TASK = Task(
    name="well-lithofacies",
    title="Lithofacies from well logs, whole wells left out",
    domain="geology",
    config=WellConfig,
    load=load,
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
        "logistic": along_well(Logistic, penalty=10.0, context="window"),
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
    quick={"candidates": ["extra-trees", "logistic"], "models": {"extra-trees": {"trees": 60}}},
    references=(
        "Hall 2016, doi:10.1190/tle35100906.1",
        "Dubois, Bohling and Chakrabarti 2007, doi:10.1016/j.cageo.2006.08.011",
        "Krumbein and Dacey 1969, doi:10.1007/BF02047072",
    ),
)
