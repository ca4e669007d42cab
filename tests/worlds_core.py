"""A tiny task of numpy only, for the tests of the engine: a class that column `a` tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from craton.config import Config, tunable
from craton.gathers import Rows
from craton.io.tables import read_table, write_predictions
from craton.metrics import accuracy, log_loss
from craton.models.base import Fitting, Model, State, class_prediction
from craton.models.baselines import Frequency
from craton.samples import Samples, Target, make_index
from craton.splits import ByGroup, ForwardInTime, Splitter
from craton.task import Task
from craton.uncertainty import Temperature

ROCK = Target("rock", ("sand", "shale"), (0, 1))
N = 240


class WorldConfig(Config):
    """Settings of the world."""

    data: str | None = None
    split: Literal["group", "time"] = "group"
    features: tuple[str, ...] = ("a", "b", "c")


def world(n: int = N, seed: int = 0, turned: slice | None = None) -> pd.DataFrame:
    """Rows a day apart in six wells; `a` tells the rock in four of five, `b` in three of five."""
    rng = np.random.default_rng(seed)
    rock = rng.integers(0, 2, n)
    told = np.stack([np.where(rng.random(n) < right, rock, 1 - rock) for right in (0.8, 0.6, 0.5)])
    columns = (2 * told - 1) * rng.uniform(0.1, 1, (3, n))
    if turned is not None:
        columns[:, turned] *= -1
    table = pd.DataFrame(columns.T, columns=["a", "b", "c"])
    return table.assign(rock=rock, well=[f"w{i}" for i in np.arange(n) * 6 // N], day=np.arange(n))


def write(path: Path, table: pd.DataFrame) -> str:
    """Write a world as a user would have it."""
    table.to_csv(path, index=False)
    return str(path)


def load(config: WorldConfig) -> xr.Dataset:
    if config.data is not None:
        return read_table(config.data)
    table = world()
    return xr.Dataset({str(c): ("row", table[c].to_numpy()) for c in table})


def samples(data: xr.Dataset, config: WorldConfig, future: bool) -> Samples:
    n = data.sizes["row"]
    if config.split == "time":
        time = np.datetime64("2000-01-01", "ns") + data["day"].to_numpy().astype(int) * (
            np.timedelta64(1, "D")
        )
        index = make_index(n, t0=time)
    else:
        index = make_index(n, group=data["well"].to_numpy())
    return Samples(data, index, Rows(config.features, ROCK))


def splitter(config: WorldConfig, samples: Samples) -> Splitter:
    return ByGroup(n=3) if config.split == "group" else ForwardInTime(0.5, 0.7, block="10D")


class Sign(Model):
    """Class frequencies on either side of zero of one column. Remembers what it was given."""

    class Config(Config):
        """Settings."""

        column: int = 0
        added: float = tunable(1.0, 0.1, 100, log=True)

    fits: ClassVar[list[tuple[int, NDArray[Any]]]] = []
    predictions: ClassVar[list[tuple[int, NDArray[Any]]]] = []

    @classmethod
    def forget(cls) -> None:
        """Start counting anew."""
        cls.fits.clear()
        cls.predictions.clear()

    def fit(self, train: Samples, fitting: Fitting = Fitting()) -> Self:  # noqa: B008
        fitting.progress(0, 1, "counting")
        self.fits.append((self.config.column, train.index.index.to_numpy()))
        truth = train.observed()["rock"].to_numpy()
        count = np.full((2, 2), self.config.added)
        np.add.at(count, (self._side(train)[truth >= 0], truth[truth >= 0]), 1)
        self.share = count / count.sum(axis=1, keepdims=True)
        return self

    def predict(self, samples: Samples) -> xr.Dataset:
        self.predictions.append((self.config.column, samples.index.index.to_numpy()))
        return class_prediction(samples, self.share[self._side(samples)])

    def state(self) -> State:
        return {"share": self.share}

    def with_state(self, arrays: Mapping[str, NDArray[Any]]) -> Self:
        self.share = np.asarray(arrays["share"])
        return self

    def _side(self, samples: Samples) -> NDArray[np.int64]:
        return (samples.inputs()["x"][:, self.config.column] > 0).astype(int)


def write_csv(predicted: xr.Dataset, samples: Samples, path: Path) -> None:
    write_predictions(predicted, samples.index, path)


TASK = Task(
    name="tiny",
    title="Rock by the sign of a column",
    domain="tests",
    config=WorldConfig,
    load=load,
    samples=samples,
    splitter=splitter,
    models={"by-a": Sign(), "by-b": Sign(column=1), "by-c": Sign(column=2)},
    baselines={"frequency": Frequency()},
    baseline="frequency",
    metrics=lambda samples: [log_loss("rock"), accuracy("rock")],
    calibrator=lambda target: Temperature(target.name),
    checks=lambda data, config: [],
    sections=lambda result: [],
    products={".csv": write_csv},
    answer=lambda result: [("column a tells", result.score("by-a", "log_loss").gain_low > 0)],
)
PLAIN = replace(TASK, blend=False)
