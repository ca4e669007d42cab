"""Small synthetic worlds with known answers, for the tests of the models."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from craton.gathers import Fields, Rows, Windows
from craton.samples import Samples, Target, make_index
from craton.tasks.earthquake_forecast import TASK, EarthquakeConfig


def table(
    n: int = 240, *, numbers: bool = False, noise: float = 0.3, gaps: bool = False, seed: int = 0
) -> Samples:
    """A table of four variables: three classes by two of them, or a linear number."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 4))
    score = 2.0 * x[:, 0] - x[:, 1] + noise * rng.normal(size=n)
    label = np.digitize(score, [-1.0, 1.0])
    number = 3.0 + score
    if gaps:
        x[rng.random(x.shape) < 0.15] = np.nan
        x[5] = np.nan
    data = xr.Dataset({f"v{i}": ("row", x[:, i]) for i in range(4)})
    data["rock"], data["number"] = ("row", label), ("row", number)
    target = Target("number") if numbers else Target("rock", ("a", "b", "c"), (0, 1, 2))
    return Samples(data, make_index(n), Rows(("v0", "v1", "v2", "v3"), target))


def well(n: int = 400, *, gaps: bool = False, half: int = 4, seed: int = 0) -> Samples:
    """Windows along wells; the class is known from the neighbours, never from the row itself."""
    rng = np.random.default_rng(seed)
    log = rng.normal(size=(n, 2))
    above, below = np.roll(log[:, 0], 2), np.roll(log[:, 1], -2)
    label = (above + below > 0).astype(int)
    if gaps:
        log[rng.random(log.shape) < 0.1] = np.nan
        log[7:9] = np.nan
    group = np.repeat(["w1", "w2", "w3", "w4"], -(-n // 4))[:n]
    data = xr.Dataset(
        {
            "gr": ("row", log[:, 0]),
            "rt": ("row", log[:, 1]),
            "facies": ("row", label),
            "well": ("row", group),
        }
    )
    gather = Windows(("gr", "rt"), Target("facies", ("shale", "sand"), (0, 1)), half=half)
    return Samples(data, make_index(n, group=group), gather)


def fields(
    steps: int = 200, *, gaps: bool = False, leads: tuple[int, ...] = (1, 2), seed: int = 0
) -> Samples:
    """A field of two patterns that turn into each other, on a grid across 180 degrees.

    The next step is a rotation by 30 degrees of the pair of pattern scores, damped to 0.97, plus
    noise: it can be foretold from the present step alone.
    """
    rng = np.random.default_rng(seed)
    lat, lon = (a.ravel() for a in np.meshgrid([-5.0, 0.0, 5.0], [170.0, 175.0, 180.0, -175.0]))
    patterns = np.stack([np.sin(np.arange(12) * 0.9), np.cos(np.arange(12) * 0.9)])
    turn = 0.97 * np.array([[np.cos(0.5), -np.sin(0.5)], [np.sin(0.5), np.cos(0.5)]])
    score = np.zeros((steps, 2))
    for t in range(1, steps):
        score[t] = turn @ score[t - 1] + 0.3 * rng.normal(size=2)
    values = score @ patterns + 0.05 * rng.normal(size=(steps, 12))
    if gaps:
        values[rng.random(values.shape) < 0.1] = np.nan
        values[20] = np.nan
        values[:, 3] = np.nan
    time = pd.date_range("1950-01-01", periods=steps, freq="MS")
    data = xr.Dataset(
        {"sst": (("time", "point"), values)},
        coords={"time": time, "lat": ("point", lat), "lon": ("point", lon)},
    )
    issue = np.arange(3, steps)
    target = Target("sst", units="degC", regions={"box": np.full(12, 1 / 12)})
    index = make_index(len(issue), t0=time[issue], t1=time[issue], labels=issue)
    return Samples(data, index, Fields("sst", target, history=4, leads=leads))


def series(n: int = 900, *, seed: int = 0) -> Samples:
    """Windows of an AR(2) process x_t = 1.6 x_(t-1) - 0.8 x_(t-2) + e, with the next step to tell.

    The innovation has variance one; the process itself about 9.9.
    """
    rng = np.random.default_rng(seed)
    x = np.zeros(n + 1)
    for t in range(2, n + 1):
        x[t] = 1.6 * x[t - 1] - 0.8 * x[t - 2] + rng.normal()
    data = xr.Dataset({"head": (("time", "point"), x[:, None])})
    data = data.assign_coords(lat=("point", [0.0]), lon=("point", [0.0]))
    issue = np.arange(8, n)
    time = pd.date_range("1950-01-01", periods=n + 1, freq="D")
    index = make_index(len(issue), t0=time[issue], t1=time[issue + 1], labels=issue)
    return Samples(data, index, Fields("head", Target("head"), history=8, leads=(1,)))


def earthquakes() -> tuple[Samples, Samples, Samples]:
    """Windows of 30 days of the simulated ETAS catalogue: all, those of training, of the test."""
    config = EarthquakeConfig(horizon=30.0, cell=0.5)
    data = TASK.load(config)
    config = TASK.resolve(data, config)
    samples = TASK.samples(data, config, False)
    split = next(iter(TASK.splitter(config, samples).split(samples.index)))
    return samples, samples.take(split.train), samples.take(split.test)
