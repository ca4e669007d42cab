"""Earthquake forecast: expected counts and probabilities by cell, tested against ETAS.

Forecasts are probabilities issued before each window and scored on what came; no deterministic
prediction is claimed.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import pandas as pd
import pydantic
import xarray as xr

from craton.aftershocks import windows_to_come
from craton.checks import Finding
from craton.config import Config
from craton.data.earthquakenpp import series
from craton.data.earthquakes import simulated_catalog
from craton.data.registry import locate
from craton.errors import ConfigError, DataError
from craton.events import Forecasts
from craton.forecast_answer import answer
from craton.forecast_cautions import cautions, largest_findings
from craton.forecast_tables import (
    write_catalogs,
    write_grid,
    write_map,
    write_rates,
    write_region,
    write_table,
)
from craton.forecast_words import write_words
from craton.io.bad_rows import Policy
from craton.io.catalog import catalog_from_text, read_catalog
from craton.io.catalog_join import joined
from craton.io.fdsn import PREFIX, read_fdsn
from craton.io.forecast_cells import Outline, bounding_outline, in_cells
from craton.io.geodesy import continuous
from craton.issue import issue_time, parse_time
from craton.metrics import Metric, binary_log_loss, coverage, crps, poisson_log_likelihood
from craton.models.etas import ETAS
from craton.models.neural_etas import NeuralETAS
from craton.models.point_process import (
    LARGEST_MAGNITUDE,
    SmoothedSeismicity,
    UniformPoisson,
)
from craton.report.section import Section
from craton.result import Result
from craton.samples import Samples, Target, make_index
from craton.seismicity.b_value import magnitude_bin
from craton.seismicity.completeness import magnitude_of_completeness
from craton.seismicity.findings import catalog_findings
from craton.seismicity.unused import kept_events, left_out, unused_findings
from craton.splits import ForwardInTime, Splitter
from craton.task import Task
from craton.uncertainty import Calibrator, NoCalibration

if TYPE_CHECKING:
    pass

Days = Annotated[float, pydantic.Field(gt=0, le=3650)]


class EarthquakeConfig(Config):
    """Settings.

    Attributes
    ----------
    data : str
        Catalogue (CSV, ZMAP, SCEDC, QuakeML ...), ``earthquakenpp/SERIES``, or the query of an
        event service, ``fdsn:https://HOST/fdsnws/event/1/query?starttime=1981-01-01``; None for
        the simulated example.
    columns : dict
        For other CSV files: time, latitude, longitude, magnitude, depth -> column name.
    bad_rows : {"omit", "error"}
        Leave a few rows out that cannot be read, at most 1 % (and events without a magnitude, at
        most half), and tell of them; or refuse the catalogue.
    days_since : str
        Moment (UTC) from which times in days count.
    magnitude : float
        Completeness: events below are not used; estimated from the training part if None.
    magnitude_bin : float
        Magnitudes are rounded (half up) to this; 0.1 if all are given so, else 0.01, if None.
    event_types : tuple of str
        Types of events that are used, as the catalogue names them, ``[earthquake]``; all if empty.
    drop_duplicates : bool
        Leave out events within 2 s, 5 km and 0.2 magnitudes of an earlier one; early aftershocks
        can look so.
    thresholds : tuple of float
        Magnitudes m of "at least one event of m or more"; completeness, +1 and +2 if empty.
    largest_magnitude : float
        Largest magnitude possible, in simulations and chances; a forecast takes no less than 0.5
        above the largest event that it knows.
    cell, horizon : float
        Side of a cell in degrees; days forecast at once in training and test.
    outline : tuple of (latitude, longitude)
        Corners of the region; the box around all events if empty. Across the 180th meridian
        longitudes go on over 180, in the files of a forecast but GeoJSON too.
    train_from, test_from, test_until : str
        First issue of training and test, end of the test; 20 % and 75 % of the time span if None.
    issue : str
        Time of the forecast of `craton predict`, past or to come (UTC); the last event if None.
    horizons : tuple of float
        Days that `craton predict` forecasts.
    issue_from : str
        Time of the first of many forecasts, up to `issue`; None for one.
    issue_every : float
        Days from one to the next.
    mainshock : str
        Forecast the aftershocks of this event alone, right after it or from `issue` on: its
        identifier, its time, or ``largest`` (of the 30 days before the end).
    zone_radius : float
        Radius in km of the zone in which its aftershocks are forecast; of its magnitude if None
        (`craton.models.physics.mainshocks.zone_radius`).
    simulations : int
        Simulated catalogues of each forecast.
    """

    data: str | None = None
    columns: dict[str, str] = pydantic.Field(default_factory=dict)
    bad_rows: Policy = "omit"
    days_since: str | None = None
    magnitude: float | None = None
    magnitude_bin: float | None = pydantic.Field(None, gt=0, le=1)
    event_types: tuple[str, ...] = ()
    drop_duplicates: bool = False
    thresholds: tuple[float, ...] = ()
    largest_magnitude: float = pydantic.Field(LARGEST_MAGNITUDE, gt=0, le=11)
    cell: float | None = pydantic.Field(None, gt=0, le=10)
    horizon: float = pydantic.Field(7.0, gt=0, le=3650)
    outline: Outline = ()
    train_from: str | None = None
    test_from: str | None = None
    test_until: str | None = None
    issue: str | None = None
    horizons: tuple[Days, ...] = pydantic.Field((1.0, 7.0, 30.0), min_length=1)
    issue_from: str | None = None
    issue_every: Days = 1.0
    mainshock: str | None = None
    zone_radius: float | None = pydantic.Field(None, gt=0, le=20_000)
    simulations: int = pydantic.Field(1000, ge=100, le=1_000_000)


def load(config: EarthquakeConfig) -> xr.Dataset:
    """Read the catalogue, or simulate the example."""
    if config.data is None:
        return simulated_catalog()
    if config.data.startswith(PREFIX):
        return read_fdsn(config.data, bad_rows=config.bad_rows)
    path, _ = _protocol(config)
    return read_catalog(
        path, config.columns or None, bad_rows=config.bad_rows, days_since=config.days_since
    )


def accept(data: Any, config: EarthquakeConfig) -> xr.Dataset:
    """Take a table in memory as if it were a CSV file."""
    if isinstance(data, pd.DataFrame):
        return catalog_from_text(
            data.to_csv(index=False), "the frame", config.columns or None,
            bad_rows=config.bad_rows, days_since=config.days_since,
        )  # fmt: skip
    if "longitude" not in data:
        return data  # type: ignore[no-any-return]
    one_side = continuous(data["longitude"].to_numpy())
    return data.assign(longitude=(data["longitude"].dims, one_side, data["longitude"].attrs))  # type: ignore[no-any-return]


def checks(data: xr.Dataset, config: EarthquakeConfig) -> list[Finding]:
    """Completeness, b-value and its change in time, repeated events, events not used."""
    found = left_out(data, config.event_types, config.drop_duplicates)
    data = kept_events(data, config.event_types, config.drop_duplicates)
    found += catalog_findings(data, config.magnitude, config.magnitude_bin)
    if any(f.level == "error" for f in found):
        return found
    used = resolve(data, config)
    begin, end = (
        None if said is None else parse_time(said, name)
        for name, said in (("train_from", used.train_from), ("test_until", used.test_until))
    )
    estimated = config.magnitude is None and "magnitude" not in _protocol(config)[1]
    cells = _cells(data, used)
    found += largest_findings(cells, config.largest_magnitude)
    return found + unused_findings(data.sizes["event"], cells, begin, end, estimated=estimated)


def resolve(data: xr.Dataset, config: EarthquakeConfig) -> EarthquakeConfig:
    """Pin completeness, region, cells and dates; completeness is estimated before the test."""
    _, protocol = _protocol(config)
    config = config.model_copy(update={**protocol, **config.model_dump(exclude_unset=True)})
    data = kept_events(data, config.event_types, config.drop_duplicates)
    time = pd.DatetimeIndex(data["time"].to_numpy())
    first, last = time.min(), time.max()
    whole = "D" if last - first > pd.Timedelta(days=40) else "s"
    found: dict[str, Any] = {
        "train_from": config.train_from or str((first + (last - first) * 0.2).floor(whole)),
        "test_from": config.test_from or str((first + (last - first) * 0.75).floor(whole)),
    }
    if config.magnitude is None:
        before = np.asarray(time < parse_time(found["test_from"], "test_from"))
        mc = magnitude_of_completeness(data["magnitude"].to_numpy()[before])
        found["magnitude"] = round(mc, 2)
    found["magnitude_bin"] = config.magnitude_bin or magnitude_bin(data["magnitude"].to_numpy())
    mc = float(found["magnitude"] if config.magnitude is None else config.magnitude)
    found["thresholds"] = config.thresholds or (mc, round(mc + 1, 2), round(mc + 2, 2))
    span = float(np.ptp(data["latitude"].to_numpy()))
    found["cell"] = config.cell or float(np.clip(np.ceil(span / 25 * 20) / 20, 0.05, 2.0))
    found["outline"] = config.outline or bounding_outline(data, found["cell"])
    return config.model_copy(update=found)


def samples(data: xr.Dataset, config: EarthquakeConfig, future: bool) -> Samples:
    """One sample a window; with `future` one a horizon from the issue of the forecast on."""
    data = kept_events(data, config.event_types, config.drop_duplicates)
    cells = _cells(data, config)
    gather = Forecasts(Target("count"), config.thresholds)
    first, last = (pd.Timestamp(data["time"].to_numpy()[k]) for k in (0, -1))
    length = pd.Timedelta(days=config.horizon)
    if future:
        issue = issue_time(data, config.issue, config.train_from)
        begin = config.issue_from and parse_time(config.issue_from, "issue_from")
        return windows_to_come(
            cells, replace(gather, simulations=config.simulations), issue, config.horizons,
            issue_from=begin or None, issue_every=config.issue_every, mainshock=config.mainshock,
            at_mainshock=config.issue is None, zone_radius=config.zone_radius,
        )  # fmt: skip
    assert config.train_from is not None
    start = parse_time(config.train_from, "train_from")
    if first > start:
        raise DataError(
            f"the catalogue begins at {first}, after the first window to learn from ({start})",
            fix="give the whole record, old and new, or a later --set train_from=",
        )
    n = int((last - start) / length)
    if n < 20:
        raise DataError(
            f"{max(n, 0)} windows of {config.horizon:g} days between {start} and {last}, at least "
            "20 are needed",
            fix="give a longer catalogue, or a shorter --set horizon=",
        )
    t0 = start + length * np.arange(n)
    return Samples(cells, make_index(n, t0=t0, t1=t0 + length), gather)


def _cells(data: xr.Dataset, config: EarthquakeConfig) -> xr.Dataset:
    """Events from completeness on, magnitudes in bins, and the cells."""
    step = config.magnitude_bin or 0.01
    rounded = np.round(np.floor(data["magnitude"].to_numpy() / step + 0.5) * step, 6)
    binned = data.assign(magnitude=("event", rounded, data["magnitude"].attrs))
    assert config.magnitude is not None and config.cell is not None
    cells = in_cells(binned, config.outline, config.cell, config.magnitude)
    return cells.assign_attrs(
        delta_m=step, record_from=config.train_from, largest_magnitude=config.largest_magnitude
    )


def splitter(config: EarthquakeConfig, samples: Samples) -> Splitter:
    """Forward in time; nothing is calibrated, so training reaches up to the test."""
    assert config.test_from is not None
    return ForwardInTime(config.test_from, config.test_from, config.test_until)


def metrics(samples: Samples) -> list[Metric]:
    """Joint log-likelihood per event; a difference is the information gain per event."""
    return [
        poisson_log_likelihood("count", "expected_count"),
        binary_log_loss("occurred", "probability"),
        crps("region_count", "events"),
        coverage("region_count", 0.025, 0.975),
    ]


def calibrator(target: Target) -> Calibrator:
    """None: the models are proper probabilities, and the report shows whether they hold."""
    return NoCalibration()


def sections(result: Result) -> list[Section]:
    """Maps, the series of forecast and observed counts, magnitudes, parameters."""
    from craton.report.earthquakes import forecast_sections

    return forecast_sections(result)


def _protocol(config: EarthquakeConfig) -> tuple[Path, dict[str, Any]]:
    """The catalogue's file, and the settings of its benchmark if it belongs to one."""
    if config.data is not None and config.data.startswith(PREFIX):
        return Path(), {}
    if config.data is None:
        return Path(), {"train_from": "2001-06-01", "test_from": "2010-01-01", "magnitude": 3.0}
    found = locate(config.data)
    if found.dataset == "earthquakenpp" and found.path.is_dir():
        return series(found.path, found.part)
    if found.path.is_dir():
        raise ConfigError(
            "is a folder, a catalogue was expected", where=config.data, fix="name the file"
        )
    return found.path, {}


TASK = Task(
    name="earthquake-forecast",
    title="Earthquake forecast: counts and probabilities by cell, tested against ETAS",
    domain="seismology",
    config=EarthquakeConfig,
    load=load,
    accept=accept,
    join=joined,
    dataset="a pandas.DataFrame with the columns of a CSV file, or a catalogue as "
    "craton.io.catalog.read_catalog gives it",
    resolve=resolve,
    samples=samples,
    splitter=splitter,
    models={"etas-kernel-background": ETAS(background="kernel"), "etas-neural": NeuralETAS()},
    baselines={
        "poisson": UniformPoisson(),
        "smoothed-seismicity": SmoothedSeismicity(),
        "etas": ETAS(gains=True, mainshocks=False),
    },
    baseline="etas",
    metrics=metrics,
    calibrator=calibrator,
    checks=checks,
    sections=sections,
    cautions=cautions,
    products={
        ".csv": write_table,
        ".region.csv": write_region,
        ".csep.csv": write_catalogs,
        ".dat": write_rates,
        ".geojson": write_map,
        ".tif": write_grid,
        ".md": write_words,
        ".txt": write_words,
    },
    answer=answer,
    coordinates_only="smoothed-seismicity",
    quick={
        "horizon": 30.0,
        "cell": 1.0,
        "simulations": 200,
        "explain": 20,
        "models": {
            "etas": {"gains": False, "catalogs": 50},
            "etas-kernel-background": {"catalogs": 50},
            "etas-neural": {"hidden": 8, "steps": 6, "catalogs": 20, "mainshocks": False},
        },
    },
    references=(
        "Ogata 1998, doi:10.1023/A:1003403601725",
        "Zhuang, Ogata and Vere-Jones 2002, doi:10.1198/016214502760046925",
        "Mizrahi, Nandan and Wiemer 2021, doi:10.1785/0220200231",
        "Schorlemmer et al. 2007, doi:10.1785/gssrl.78.1.17",
        "Stockman, Lawson and Werner 2026, arXiv:2410.08226",
    ),
)
