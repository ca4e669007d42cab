"""Small worlds with known answers, and tasks on them whose models are a few lines of numpy."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from craton.checks import Finding
from craton.config import Config
from craton.engine import run
from craton.gathers import Fields, Rows
from craton.metrics import accuracy, coverage, crps, log_loss, rmse
from craton.models.base import Fitting, Model, class_prediction, value_prediction
from craton.models.baselines import Climatology, DampedPersistence, Frequency, Persistence
from craton.report.section import Section
from craton.result import Result, RunConfig
from craton.samples import Samples, Target, make_index
from craton.splits import ByGroup, ForwardInTime, SpatialBlocks
from craton.task import Task
from craton.uncertainty import ConformalQuantiles, NoCalibration, Temperature

COLUMNS = ("signal", "noise")


class WorldConfig(Config):
    """Settings: the size of the world."""

    n: int = 400


class NearestMean(Model):
    """Classes by the distance to their training means, as a softmax."""

    class Config(Config):
        """Settings: `sharpness` of the softmax."""

        sharpness: float = 1.0

    def fit(self, train: Samples, fitting: Fitting = Fitting()) -> NearestMean:  # noqa: B008
        x, y = train.inputs()["x"], train.observed()[train.target.name].to_numpy()
        classes = range(len(train.target.categories))
        self.means = np.stack([x[y == k].mean(axis=0) for k in classes]).astype(np.float64)
        return self

    def predict(self, samples: Samples) -> xr.Dataset:
        x = samples.inputs()["x"].astype(np.float64)
        squares = ((x[:, None, :] - self.means) ** 2).sum(axis=2)
        logits = -0.5 * self.config.sharpness * (squares - squares.min(axis=1, keepdims=True))
        return class_prediction(samples, np.exp(logits))

    def state(self) -> dict[str, Any]:
        return {"means": self.means}

    def with_state(self, arrays: Any) -> NearestMean:
        self.means = arrays["means"]
        return self


class Nearest(NearestMean):
    """The class of the nearest training sample: a model that memorises."""

    def fit(self, train: Samples, fitting: Fitting = Fitting()) -> Nearest:  # noqa: B008
        self.x = train.inputs()["x"].astype(np.float64)
        self.y = train.observed()[train.target.name].to_numpy().astype(np.int64)
        self.classes = len(train.target.categories)
        return self

    def predict(self, samples: Samples) -> xr.Dataset:
        x = samples.inputs()["x"].astype(np.float64)
        nearest = ((x[:, None, :] - self.x) ** 2).sum(axis=2).argmin(axis=1)
        return class_prediction(samples, 0.05 + np.eye(self.classes)[self.y[nearest]])

    def state(self) -> dict[str, Any]:
        return {"x": self.x, "y": self.y, "classes": np.array([self.classes])}

    def with_state(self, arrays: Any) -> Nearest:
        self.x, self.y, self.classes = arrays["x"], arrays["y"], int(arrays["classes"][0])
        return self


class LeastSquares(Model):
    """A number by ordinary least squares."""

    def fit(self, train: Samples, fitting: Fitting = Fitting()) -> LeastSquares:  # noqa: B008
        y = train.observed()[train.target.name].to_numpy().astype(np.float64)
        a = self._design(train)
        self.weights = np.linalg.lstsq(a, y, rcond=None)[0]
        self.spread = np.array((y - a @ self.weights).std())
        return self

    def predict(self, samples: Samples) -> xr.Dataset:
        mean = self._design(samples) @ self.weights
        return value_prediction(samples, mean, {samples.target.name: self.spread})

    @staticmethod
    def _design(samples: Samples) -> Any:
        x = samples.inputs()["x"].astype(np.float64)
        return np.c_[np.ones(len(x)), x]

    def state(self) -> dict[str, Any]:
        return {"weights": self.weights, "spread": self.spread}

    def with_state(self, arrays: Any) -> LeastSquares:
        self.weights, self.spread = arrays["weights"], arrays["spread"]
        return self


def make_table(config: WorldConfig) -> xr.Dataset:
    """Eight groups; `signal` separates two classes and gives a number, `noise` tells nothing."""
    rng = np.random.default_rng(3)
    n = config.n
    kind = rng.integers(0, 2, n)
    signal = 2.0 * kind + rng.normal(size=n)
    names = np.array(["clay <b>", "sand & gravel"], dtype=object)
    columns = {
        "signal": signal,
        "noise": rng.normal(size=n),
        "depth": 3.0 * signal + rng.normal(0, 0.5, n),
        "x": rng.uniform(0, 10, n),
        "y": rng.uniform(0, 10, n),
    }
    well = np.array([f"w{i * 8 // n}" for i in range(n)], dtype=object)
    data = xr.Dataset({k: ("row", v) for k, v in columns.items()})
    return data.assign(kind=("row", names[kind]), well=("row", well))


def make_map(config: WorldConfig, *, scale: float = 1.5) -> xr.Dataset:
    """Classes in patches; the columns are place with noise: they tell where, never what."""
    rng = np.random.default_rng(5)
    n = config.n
    x, y = rng.uniform(0, 30, (2, n))
    label = rng.integers(0, 2, (12, 12))[
        (x // (scale * 2)).astype(int), (y // (scale * 2)).astype(int)
    ]
    columns = {"a": x + rng.normal(0, 0.05, n), "b": y + rng.normal(0, 0.05, n), "x": x, "y": y}
    names = np.array(["clay <b>", "sand & gravel"], dtype=object)
    return xr.Dataset({k: ("row", v) for k, v in columns.items()}).assign(
        kind=("row", names[label])
    )


def make_field(config: WorldConfig) -> xr.Dataset:
    """A persistent red noise on four points: only the newest step tells anything."""
    rng = np.random.default_rng(7)
    months, points = config.n, 4
    values = np.zeros((months, points))
    for i in range(1, months):
        values[i] = 0.8 * values[i - 1] + rng.normal(size=points)
    time = pd.date_range("1960-01-01", periods=months, freq="MS")
    return xr.Dataset(
        {"sst": (("time", "point"), values.astype(np.float32), {"units": "K"})},
        coords={"time": time, "lat": ("point", [-5.0, -5.0, 25.0, 25.0]),
                "lon": ("point", [170.0, 250.0, 170.0, 250.0])},
    )  # fmt: skip


def _label_samples(columns: tuple[str, ...]) -> Any:
    def samples(data: xr.Dataset, config: WorldConfig, future: bool) -> Samples:
        place = {k: data[k].to_numpy() for k in ("x", "y") if k in data}
        group = data["well"].to_numpy() if "well" in data else None
        index = make_index(data.sizes["row"], group=group, **place)
        return Samples(data, index, Rows(columns, Target("kind", ("clay <b>", "sand & gravel"))))

    return samples


def _depth_samples(data: xr.Dataset, config: WorldConfig, future: bool) -> Samples:
    index = make_index(data.sizes["row"], group=data["well"].to_numpy())
    return Samples(data, index, Rows(COLUMNS, Target("depth", units="m")))


def _field_samples(data: xr.Dataset, config: WorldConfig, future: bool) -> Samples:
    target = Target("sst", units="K", regions={"mean_sst": np.full(4, 0.25)})
    gather = Fields("sst", target, history=4, leads=(1, 2))
    at = np.arange(3, data.sizes["time"] - 2)
    time = data["time"].to_numpy()
    index = make_index(len(at), t0=time[at], t1=time[at + 2], labels=at)
    return Samples(data, index, gather)


def _section(result: Result) -> list[Section]:
    frame = pd.DataFrame({"what": ["<script>alert(1)</script>"], "much": [1.0]})
    return [Section("Own & special", "First.\n\nSecond, doi:10.1000/xyz.", frame)]


def _csv(predicted: xr.Dataset, samples: Samples, path: Any) -> None:
    path.write_text("made\n")


def _task(name: str, **changes: Any) -> Task:
    given: dict[str, Any] = {
        "name": name,
        "title": "Clay <or> sand",
        "domain": "tests",
        "config": WorldConfig,
        "load": make_table,
        "samples": _label_samples(COLUMNS),
        "splitter": lambda config, samples: ByGroup(n=4),
        "models": {"nearest-mean": NearestMean(), "blunt": NearestMean(sharpness=0.2)},
        "baselines": {"frequency": Frequency()},
        "baseline": "frequency",
        "metrics": lambda samples: [log_loss("kind"), accuracy("kind")],
        "calibrator": lambda target: Temperature("kind"),
        "checks": lambda data, config: [Finding("warning", "a < b", "made up")],
        "sections": _section,
        "products": {".csv": _csv},
        "answer": lambda result: [("true", True)],
        "references": ("Somebody 2001, doi:10.1000/abc",),
    }
    return Task(**{**given, **changes})


LABELS = _task("labels")
LEAKY = _task("leaky", samples=_label_samples((*COLUMNS, "giveaway")),
              load=lambda c: _with_giveaway(make_table(c)))  # fmt: skip
MAP = _task(
    "map",
    load=make_map,
    samples=_label_samples(("a", "b")),
    splitter=lambda config, samples: SpatialBlocks(3.0, 0.0, 5),
    models={"nearest": Nearest()},
)
DEPTH = _task(
    "depth",
    samples=_depth_samples,
    models={"least-squares": LeastSquares()},
    baselines={"mean": Climatology()},
    baseline="mean",
    metrics=lambda samples: [crps("depth", "m"), rmse("depth", "m"), coverage("depth")],
    calibrator=lambda target: ConformalQuantiles("depth"),
)
FIELD = _task(
    "field",
    load=make_field,
    samples=_field_samples,
    splitter=lambda config, samples: ForwardInTime(0.5, 0.7, block="365D"),
    models={"damped": DampedPersistence()},
    baselines={"climatology": Climatology(), "persistence": Persistence()},
    baseline="climatology",
    metrics=lambda samples: [crps("sst", "K"), rmse("mean_sst", "K")],
    calibrator=lambda target: NoCalibration(),
    breakdown=("lead",),
)


def _with_giveaway(data: xr.Dataset) -> xr.Dataset:
    """A column that was computed from the class, with a little noise on it."""
    code = (data["kind"] == "sand & gravel").to_numpy() * 10.0
    jitter = np.random.default_rng(0).normal(0, 0.1, len(code))
    return data.assign(giveaway=("row", code + jitter))


@cache
def result_of(name: str, audit: bool = True) -> Result:
    """The result of a run on a world; made once."""
    task = {t.name: t for t in (LABELS, LEAKY, MAP, DEPTH, FIELD)}[name]
    return run(config_of(task, audit=audit), None, task=task)


def config_of(task: Task, **changes: Any) -> RunConfig:
    """A small run of a task."""
    return RunConfig(**{"task": task.name, "bootstrap": 200, "folds": 2, **changes})
