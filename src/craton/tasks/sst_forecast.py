"""Sea-surface temperature in the months ahead, from gridded netCDF, against a linear inverse model.

Monthly anomalies of a field and of a region (Niño-3.4), 1 to 12 months ahead, as quantiles.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pydantic
import xarray as xr

from craton.checks import check_steps
from craton.config import Config, pinned
from craton.data.ocean import nino34_weights, optimal_forecast, synthetic_sst
from craton.data.registry import locate
from craton.errors import DataError
from craton.gathers import Fields
from craton.io.anomalies import Period, ends_of, is_seasonal, moment, months_of, to_anomalies
from craton.io.field_products import forecast_dataset, write_field_forecast, write_region_forecast
from craton.io.fields import read_sst, sst_of
from craton.io.grids import Box, describe, is_grid, lay_out, region_weights
from craton.metrics import Metric, anomaly_correlation, coverage, crps, middle, rmse
from craton.models.baselines import Climatology, DampedPersistence, Persistence
from craton.models.deep import CNN2D, LSTM
from craton.models.linear import Ridge
from craton.models.physics.lim import LIM
from craton.report.section import Section
from craton.result import Result
from craton.samples import Samples, Target, make_index
from craton.splits import ForwardInTime, Splitter
from craton.task import Task
from craton.uncertainty import ConformalQuantiles, paired_gain

LEAST_MONTHS, MANY_POINTS = 120, 600
KAPLAN = {"calibrate_from": "1983-12-31", "test_from": "1993-12-31", "test_until": "2014-12-31"}
"""The protocol of the dataset enso-kaplan-pacific: targets to 1983, 1984 to 1993, 1994 to 2014."""


class OceanConfig(Config):
    """Settings.

    Attributes
    ----------
    data, variable : str
        A netCDF file, a folder of them, or a dataset's name (None for the example), and the
        variable; found by its name if None.
    domain : south, north, west, east
        Box of the field in degrees.
    cell : float
        Points are averaged over cells of this side, degrees; 5 if there are more than 600 points
        or they lie on no grid, else they stay as they are.
    regions : mapping
        Name to box: means forecast beside the field.
    leads, history
        Months ahead, and months that a model sees.
    climatology : {"auto", "subtract", "keep"}
        Subtract monthly means of the training part, or take the input for anomalies.
    calibrate_from, test_from, test_until : str
        First issues of calibration and test, end of the targets; 60 % and 75 % of the record.
    grid, reference_period
        Points and months trained on; set by the run.
    issue : str
        Month from which `craton predict` forecasts; the last that has data if None.
    """

    data: str | None = None
    variable: str | None = None
    domain: Box = (-30.0, 30.0, 120.0, 290.0)
    cell: float | None = pydantic.Field(None, gt=0, le=30)
    regions: dict[str, Box] = pydantic.Field({"nino34": (-5.0, 5.0, 190.0, 240.0)}, min_length=1)
    leads: tuple[pydantic.PositiveInt, ...] = pydantic.Field(tuple(range(1, 13)), min_length=1)
    history: int = pydantic.Field(12, ge=1, le=120)
    climatology: Literal["auto", "subtract", "keep"] = "auto"
    reference_period: Period | None = pinned(None)
    calibrate_from: str = ""
    test_from: str = ""
    test_until: str | None = None
    grid: str | None = pinned(None)
    issue: str | None = None


def load(config: OceanConfig) -> xr.Dataset:
    """Read the field, or simulate the example, whose best forecast is known."""
    if config.data is None:
        return synthetic_sst(years=100)
    path = locate(config.data).path
    return read_sst(path / "sst.nc" if (path / "sst.nc").is_file() else path, config.variable)


def accept(data: xr.Dataset, config: OceanConfig) -> xr.Dataset:
    """A field that is in memory, as `xarray.open_dataset` gives it."""
    return sst_of(data, config.variable)


def layout(predicted: xr.Dataset, samples: Samples) -> xr.Dataset:
    """What the netCDF file holds: the anomaly by issue, lead, quantile, latitude and longitude."""
    issued = pd.DatetimeIndex(samples.index["t0"])
    return xr.decode_cf(forecast_dataset(predicted, samples.data, issued))


def resolve(data: xr.Dataset, config: OceanConfig) -> OceanConfig:
    """Pin dates, cells, grid, and whether and over which months a climatology is taken."""
    months = months_of(data)
    ends = ends_of(months)
    if config.data and locate(config.data).dataset == "enso-kaplan-pacific":
        found: dict[str, Any] = dict(KAPLAN)
    else:
        at = {"calibrate_from": 0.6, "test_from": 0.75}
        found = {name: str(ends[int(f * len(ends))].date()) for name, f in at.items()}
    found.update({k: v for k in KAPLAN if (v := getattr(config, k))})
    training = ends <= moment(found["calibrate_from"])
    if training.sum() < LEAST_MONTHS:
        raise DataError(
            f"{training.sum()} of {len(months)} months before {found['calibrate_from']}, at least "
            f"{LEAST_MONTHS} are needed to learn from",
            where=config.data,
            fix="give a longer record; to forecast from a short one, use `craton predict`",
        )
    box = lay_out(data, config.domain)
    if config.cell is None and (box.sizes["point"] > MANY_POINTS or not is_grid(box)):
        found["cell"] = 5.0
    field = lay_out(data, config.domain, found.get("cell", config.cell))
    if config.climatology == "auto":
        seasonal = is_seasonal(field["sst"].to_numpy()[training], months[training])
        found["climatology"] = "subtract" if seasonal else "keep"
    found["leads"] = tuple(sorted(set(config.leads)))
    found["reference_period"] = (str(months[training][0]), str(months[training][-1]))
    return config.model_copy(update={**found, "grid": describe(field)})


def samples(data: xr.Dataset, config: OceanConfig, future: bool) -> Samples:
    """One sample a month; with `future` the one issued from the last month that has data."""
    period = config.reference_period if config.climatology == "subtract" else None
    field = lay_out(data, config.domain, config.cell, known_as=config.grid)
    field = to_anomalies(field, period, "sst", config.data)
    regions = region_weights(field, config.regions, "sst")
    target = Target("sst", units="degC", regions=regions)
    months, known = months_of(field), field["sst"].notnull().any("point").to_numpy()
    rows = np.arange(config.history - 1, len(months) - (0 if future else max(config.leads)))
    rows = rows[known[rows]]
    if future and config.issue:
        rows = rows[months[rows] == moment(config.issue).to_numpy().astype("datetime64[M]")]
    elif future:
        rows = rows[-1:]
    if not len(rows):
        raise DataError(
            f"no forecast can be issued: {config.history} months up to "
            f"{config.issue or 'a month with data'} are needed, given {months[0]} to {months[-1]}",
            where=config.data,
            fix="give more months",
        )
    ends = ends_of(months[0] + np.arange(len(months) + max(config.leads)))
    index = make_index(len(rows), t0=ends[rows], t1=ends[rows + max(config.leads)], labels=rows)
    return Samples(field, index, Fields("sst", target, config.history, config.leads))


def splitter(config: OceanConfig, samples: Samples) -> Splitter:
    """Forward in time, in blocks of two years.

    Forecasts of neighbouring months share up to 11 target months, and an El Niño with the La Niña
    after it lasts about two years: shorter blocks would count one event as several.
    """
    return ForwardInTime(config.calibrate_from, config.test_from, config.test_until, block="731D")


def metrics(samples: Samples) -> list[Metric]:
    """CRPS of the field chooses; cells are weighted by area; the median is scored by the rest."""
    found = []
    area = samples.data["weight"].to_numpy()
    for name, w in {"sst": area, **dict.fromkeys(samples.target.regions or {})}.items():
        found += [crps(name, "degC", w), rmse(name, "degC", w), anomaly_correlation(name, w)]
        found.append(coverage(name))
    return found


def sections(result: Result) -> list[Section]:
    """Skill by lead, skill maps, the strongest event forecast, a plume, the modes of the LIM."""
    from craton.report.ocean import ocean_sections

    return ocean_sections(result)


def write_netcdf(predicted: xr.Dataset, samples: Samples, path: Path) -> None:
    """CF netCDF: quantiles of the anomaly by issue, lead and cell; cells never observed are NaN."""
    write_field_forecast(path, predicted, samples.data, pd.DatetimeIndex(samples.index["t0"]))


def write_csv(predicted: xr.Dataset, samples: Samples, path: Path) -> None:
    """CSV: quantiles of the regional means, a row a lead."""
    write_region_forecast(path, predicted, pd.DatetimeIndex(samples.index["t0"]))


def answer(result: Result) -> list[tuple[str, bool]]:
    """The simulated ocean is a linear process: its own operator gives the best forecast."""
    field = result.test.inputs()["sequence"][:, :, -1]
    best = optimal_forecast(field, result.config.leads) @ nino34_weights()
    metric = next(m for m in result.metrics if m.name == "rmse_nino34")
    optimal = metric.stats(result.observed, xr.Dataset({"nino34": (("sample", "lead"), best)}))
    gains = [
        paired_gain(metric, metric.stats(result.observed, p), optimal, result.blocks, n=500)
        for p in result.predictions.values()
    ]
    anchor = middle(result.predictions["linear-inverse-model"]["nino34"]).to_numpy()
    seen, found = result.observed["nino34"].to_numpy(), []
    for i, lead in enumerate(result.config.leads):
        r, top = (float(np.corrcoef(seen[:, i], f[:, i])[0, 1]) for f in (anchor, best))
        text = f"lead {lead}: the LIM correlates {r:.2f} with Niño-3.4, the true operator {top:.2f}"
        found.append((text, abs(r - top) < 0.12))
    behind = result.score("persistence", "crps_sst").gain_high < 0
    found.append(("no model beats the true operator", all(g.low <= 0 for g in gains)))
    return [*found, ("the LIM beats persistence", behind)]


TASK = Task(
    name="sst-forecast",
    title="Sea-surface temperature in the months ahead, against a linear inverse model",
    domain="oceanography",
    config=OceanConfig,
    load=load,
    accept=accept,
    dataset="a field as xarray.open_dataset gives it, monthly: (time, lat, lon), (time, point) "
    "with lat and lon, or (time, y, x) with two-dimensional lat and lon; values in degC or K, said "
    "in the attribute units",
    layout=layout,
    resolve=resolve,
    samples=samples,
    splitter=splitter,
    models={
        "ridge": Ridge(penalty=0.1),
        "lstm": LSTM(hidden=16, dropout=0.5, weight_decay=1.0, epochs=30, ensemble=3),
        "conv-net": CNN2D(hidden=8, dropout=0.2, epochs=12, ensemble=2),
        "linear-inverse-model": LIM(lag=3),
    },
    baselines={
        "climatology": Climatology(),
        "persistence": Persistence(),
        "damped-persistence": DampedPersistence(),
        "linear-inverse-model": LIM(lag=3),
    },
    baseline="linear-inverse-model",
    metrics=metrics,
    calibrator=lambda target: ConformalQuantiles(),
    checks=lambda data, config: check_steps(data, "sst"),
    sections=sections,
    products={".nc": write_netcdf, ".csv": write_csv},
    answer=answer,
    breakdown=("lead",),
    coordinates_only="climatology",
    quick={
        "leads": [1, 3, 6],
        "history": 4,
        "explain": 60,
        "models": {"lstm": {"ensemble": 1}, "conv-net": {"epochs": 3, "ensemble": 1}},
    },
    references=(
        "Penland and Sardeshmukh 1995, doi:10.1175/1520-0442(1995)008<1999:TOGOTS>2.0.CO;2",
        "Kaplan et al. 1998, doi:10.1029/97JC01736",
        "Trenberth 1997, doi:10.1175/1520-0477(1997)078<2771:TDOENO>2.0.CO;2",
    ),
)
