"""Classes from any table: CSV with a column to predict, split by group, in space, or in order.

The task to reach for where no special one fits, and the one that shows how much of a published
score is a leak: the report sets the score of a random split beside the honest one.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pydantic
import xarray as xr

from craton.blocks import suggestion
from craton.checks import Finding
from craton.config import Config
from craton.data.registry import locate
from craton.data.tables import example_table
from craton.errors import ConfigError, DataError, nearest
from craton.gathers import Rows
from craton.io.tables import read_table, table_of, write_predictions
from craton.metrics import Metric, accuracy, calibration_error, f1_macro, log_loss
from craton.models.baselines import Frequency
from craton.models.boosting import LightGBM
from craton.models.linear import Logistic
from craton.models.trees import ExtraTrees, RandomForest
from craton.report.section import Section
from craton.result import Result
from craton.samples import Samples, Target, make_index
from craton.splits import ByGroup, ForwardInTime, SpatialBlocks, Splitter
from craton.task import Task
from craton.uncertainty import Calibrator, Temperature


class TableConfig(Config):
    """Settings.

    Attributes
    ----------
    data : str
        A CSV file (gzip too), or a dataset's name and file; None for the example.
    target : str
        Column with the classes.
    features : tuple of str
        Numeric columns; all that are not used otherwise if empty.
    x, y, group, time : str
        Columns with the place, the group, the issue time.
    block, buffer : float
        Side of the spatial blocks and width kept free around them, in the units of `x` and `y`
        (degrees, metres): wider than the distance over which neighbours have alike targets. Leave
        `block` out, and craton names a side that the data ask for.
    splits : int
        Outer folds of a split by group or in space.
    test_from : float or str
        Where the test begins if the split is in time or in the order of the rows.
    ordered : bool
        Take the order of the rows for time.
    categories : tuple of str
        Classes; found in the data if empty.
    """

    data: str | None = None
    target: str = "class"
    features: tuple[str, ...] = ()
    x: str | None = None
    y: str | None = None
    group: str | None = None
    time: str | None = None
    block: float | None = pydantic.Field(None, gt=0)
    buffer: float = pydantic.Field(0.0, ge=0)
    splits: int = pydantic.Field(5, ge=2)
    test_from: float | str = 0.7
    ordered: bool = False
    categories: tuple[str, ...] = ()


def load(config: TableConfig) -> xr.Dataset:
    """Read the table, or make the example."""
    if config.data is None:
        return example_table()
    return read_table(locate(config.data).path)


def accept(data: xr.Dataset | pd.DataFrame, config: TableConfig) -> xr.Dataset:
    """A table that is in memory: a data frame, or a dataset of one dimension."""
    return table_of(data)


def resolve(data: xr.Dataset, config: TableConfig) -> TableConfig:
    """Pin the columns and classes that the training table has, and where the example has them."""
    if config.data is None:
        config = config.model_copy(update={"x": "x", "y": "y", "block": config.block or 10.0})
    used = {config.target, config.x, config.y, config.group, config.time}
    for name in sorted({c for c in used if c} | set(config.features)):
        if name not in data and not (name == config.target and config.categories):
            raise DataError(
                f"there is no column '{name}'",
                where=config.data or "example",
                fix=nearest(name, map(str, data.data_vars)),
            )
    numeric = [str(n) for n, v in data.data_vars.items() if v.dtype.kind in "fiub"]
    features = config.features or tuple(n for n in numeric if n not in used)
    if not features:
        raise DataError("there is no numeric column to learn from", where=config.data)
    categories = config.categories or tuple(sorted(set(_labels(data, config.target)) - {""}))
    if len(categories) < 2:
        raise DataError(f"'{config.target}' has {len(categories)} class(es), at least 2 are needed")
    return config.model_copy(update={"features": features, "categories": categories})


def samples(data: xr.Dataset, config: TableConfig, future: bool) -> Samples:
    """One sample a row that has a label (or, to predict, every row)."""
    needed = (*config.features, *_roles(config).values())
    missing = [c for c in needed if c not in data]
    if missing:
        raise DataError(
            f"the column '{missing[0]}' is missing; there are {list(data.data_vars)[:40]}",
            where=config.data,
            fix="give a table with all columns that the model learnt from",
        )
    n = data.sizes["row"]
    known = np.full(n, True)
    if config.target in data:
        labels = _labels(data, config.target)
        data = data.assign({config.target: ("row", labels.astype(object))})
        known = known if future else labels != ""
    time = None
    if config.time:
        time = pd.to_datetime(data[config.time].to_numpy())
    elif config.ordered:
        time = pd.Timestamp("2000-01-01") + pd.to_timedelta(np.arange(n), unit="h")
    columns = {k: data[c].to_numpy() for k, c in _roles(config).items()}
    index = make_index(n, t0=time, t1=time, **columns)[known]
    return Samples(data, index, Rows(config.features, Target(config.target, config.categories)))


def splitter(config: TableConfig, samples: Samples) -> Splitter:
    """By group, in blocks, or forward in time: whichever the settings name."""
    if config.group:
        return ByGroup(n=config.splits)
    if config.block and config.x and config.y:
        return SpatialBlocks(config.block, config.buffer, config.splits)
    if config.time or config.ordered:
        border = config.test_from
        inner = border * 0.8 if isinstance(border, float) else border
        return ForwardInTime(inner, border, block="10h" if config.ordered else "30D")
    in_space = (
        f"{suggestion(samples)}"
        if config.x and config.y
        else ("--set x=COLUMN --set y=COLUMN --set block=SIDE (in their units)")
    )
    raise ConfigError(
        "nothing says which rows are independent, so no honest split can be made",
        where="table-classification",
        fix=f"{in_space}, or --set group=COLUMN, or --set time=COLUMN, or --set ordered=true",
    )


def metrics(samples: Samples) -> list[Metric]:
    """Log loss chooses; accuracy and F1 are what papers report."""
    name = samples.target.name
    n = len(samples.target.categories)
    return [log_loss(name), accuracy(name), f1_macro(name, n), calibration_error(name)]


def calibrator(target: Target) -> Calibrator:
    """One temperature."""
    return Temperature(target.name)


def checks(data: xr.Dataset, config: TableConfig) -> list[Finding]:
    """Nothing beyond the checks of any dataset."""
    return []


def sections(result: Result) -> list[Section]:
    """The confusion matrix of the selected model."""
    from craton.report.figures import confusion_section

    return [confusion_section(result)]


def write_csv(predicted: xr.Dataset, samples: Samples, path: Path) -> None:
    """One row a sample: class, and a probability for each class."""
    write_predictions(predicted, samples.index, path)


def answer(result: Result) -> list[tuple[str, bool]]:
    """The example's classes follow `a` and `b` with logistic noise: a logistic law is the truth."""
    from scipy.special import expit

    a, b = (result.test.data[n].to_numpy()[result.test.index.index] for n in ("a", "b"))
    # the share that the true law gets right, whatever the noise did
    best = float(np.mean(expit(np.abs(1.2 * a - 1.5 * b) / 0.7)))
    seen = result.score(result.selected, "accuracy")
    gain = result.score(result.selected, "log_loss").gain_low
    return [
        (f"accuracy {seen.score:.3f} is within 0.05 of the true law's {best:.3f}",
         abs(seen.score - best) < 0.05),
        ("the selected model beats the class frequency", gain > 0),
    ]  # fmt: skip


def _labels(data: xr.Dataset, target: str) -> np.ndarray[tuple[int], np.dtype[np.str_]]:
    values = data[target].to_numpy()
    if values.dtype.kind == "f":
        there = np.isfinite(values)
        whole = (values[there] == np.round(values[there])).all()
        text = [f"{v:.0f}" if whole else f"{v:g}" for v in values]
        return np.where(there, np.array(text), "")
    return np.array([("" if v is None or v != v else str(v)) for v in values])


def _roles(config: TableConfig) -> dict[str, str]:
    roles = {"x": config.x, "y": config.y, "group": config.group}
    return {k: c for k, c in roles.items() if c}


TASK = Task(
    name="table-classification",
    title="Classes from any table",
    domain="any",
    config=TableConfig,
    load=load,
    accept=accept,
    dataset="a pandas.DataFrame, or a dataset whose variables, one a column, lie on one dimension "
    "of any name",
    resolve=resolve,
    samples=samples,
    splitter=splitter,
    models={
        "random-forest": RandomForest(trees=200, min_leaf=1),
        "extra-trees": ExtraTrees(trees=300),
        "lightgbm": LightGBM(),
        "logistic": Logistic(),
    },
    baselines={"frequency": Frequency()},
    baseline="frequency",
    metrics=metrics,
    calibrator=calibrator,
    checks=checks,
    sections=sections,
    products={".csv": write_csv},
    answer=answer,
    quick={"candidates": ["random-forest", "logistic"]},
    references=("Roberts et al. 2017, doi:10.1111/ecog.02881",),
)
