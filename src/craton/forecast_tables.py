"""Earthquake forecasts as files: by cell, for the region, as maps, and for pyCSEP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from craton.aftershocks import formula_forecast, normal_forecast
from craton.errors import DataError
from craton.io.csep import CatalogForecast, write_catalog_forecast
from craton.io.csep_grids import GriddedForecast, write_gridded_forecast
from craton.io.forecast_cells import cell_region
from craton.io.forecast_files import write_csv, write_geojson, write_geotiff
from craton.samples import Samples

ALL_DEPTHS = (0.0, 700.0)
"""Top and bottom of a forecast in km where no depth is known: earthquakes are no deeper."""

_PLACE = ("longitude", "latitude", "west", "south", "east", "north")


def horizons(samples: Samples) -> np.ndarray:
    """Length of each sample's window in days, shape (sample,)."""
    t0, t1 = (samples.index[name].to_numpy() for name in ("t0", "t1"))
    return np.asarray(np.round((t1 - t0) / np.timedelta64(1, "D"), 6), float)


def cell_table(predicted: xr.Dataset, samples: Samples) -> pd.DataFrame:
    """Lay a forecast out, a row for each window and cell.

    Parameters
    ----------
    predicted : xr.Dataset
        Of a model of `craton.models.point_process`.
    samples : Samples
        Their windows.

    Returns
    -------
    pd.DataFrame
        ``longitude, latitude`` (centre), ``west, south, east, north`` (degrees),
        ``forecast_reference_time``, ``forecast_end_time``, ``horizon_days``, ``expected_count``,
        ``count_low``, ``count_high`` (2.5 and 97.5 % of the simulations), ``probability_mM`` of at
        least one event of magnitude M or more; ``normal_count`` and ``normal_probability_mM``, the
        same of `normal_forecast`.
    """
    data, normal = samples.data, normal_forecast(samples)
    half = float(data.attrs["cell"]) / 2
    lat, lon = data["cell_latitude"].to_numpy(), data["cell_longitude"].to_numpy()
    place = np.stack([lon, lat, lon - half, lat - half, lon + half, lat + half], axis=1)
    frames = []
    for i, times in enumerate(_times(samples)):
        frame = pd.DataFrame(place, columns=list(_PLACE)).round(6).assign(**times)
        at = predicted.isel(sample=i)
        frame["expected_count"] = at["expected_count"].to_numpy()
        if "count_interval" in at:
            frame["count_low"], frame["count_high"] = at["count_interval"].to_numpy()
        for m in predicted["threshold"].to_numpy():
            frame[f"probability_m{m:g}"] = at["probability"].sel(threshold=m).to_numpy()
        if normal is not None:
            usual = normal.isel(sample=i)
            frame["normal_count"] = usual["expected_count"].to_numpy()
            for m in predicted["threshold"].to_numpy():
                frame[f"normal_probability_m{m:g}"] = (
                    usual["probability"].sel(threshold=m).to_numpy()
                )
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def region_table(
    predicted: xr.Dataset, samples: Samples, normal: xr.Dataset | None = None
) -> pd.DataFrame:
    """Lay the forecast of the whole region out, a row a window: with many issues a time series.

    Returns
    -------
    pd.DataFrame
        The times and quantities of `cell_table` for all cells together, and what came where the
        catalogue reaches to the end of the window: ``observed_count``, ``observed_mM`` (0 or 1).
        After a mainshock also ``formula_count`` and ``formula_probability_mM``, by the formula of
        Reasenberg and Jones (`craton.aftershocks.formula_forecast`).
    """
    normal = normal_forecast(samples) if normal is None else normal
    frame = pd.DataFrame(_times(samples))
    frame["expected_count"] = predicted["expected_count"].sum("cell").to_numpy()
    for name, q in (("count_low", 0.025), ("count_high", 0.975)):
        frame[name] = predicted["region_count"].sel(quantile=q, method="nearest").to_numpy()
    for m in predicted["threshold"].to_numpy():
        chance = predicted["region_probability"].sel(threshold=m)
        frame[f"probability_m{m:g}"] = chance.to_numpy()
    if normal is not None:
        frame["normal_count"] = normal["expected_count"].sum("cell").to_numpy()
        for m in predicted["threshold"].to_numpy():
            chance = normal["region_probability"].sel(threshold=m)
            frame[f"normal_probability_m{m:g}"] = chance.to_numpy()
    formula = formula_forecast(samples)
    if formula is not None:
        count, b = formula
        frame["formula_count"] = count
        for m in predicted["threshold"].to_numpy():
            share = 10 ** (-b * (m - float(samples.data.attrs["mc"])))
            frame[f"formula_probability_m{m:g}"] = -np.expm1(-share * count)
    seen, over = samples.observed(), _over(samples)
    frame["observed_count"] = np.where(over, seen["region_count"].to_numpy(), np.nan)
    for m in predicted["threshold"].to_numpy():
        came = seen["region_occurred"].sel(threshold=m).to_numpy()
        frame[f"observed_m{m:g}"] = np.where(over, came, np.nan)
    return frame


def write_table(predicted: xr.Dataset, samples: Samples, path: Path) -> None:
    """CSV, a row a window and cell."""
    write_csv(path, cell_table(predicted, samples))


def write_region(predicted: xr.Dataset, samples: Samples, path: Path) -> None:
    """CSV, a row a window: the whole region, in time."""
    write_csv(path, region_table(predicted, samples))


def write_map(predicted: xr.Dataset, samples: Samples, path: Path) -> None:
    """GeoJSON, a rectangle a cell with a property for each quantity and horizon, and the region."""
    _one_issue(samples, path)
    table, columns = _wide(predicted, samples)
    region = region_table(predicted, samples)
    rows = region.astype(object).where(region.notna(), None).to_dict("records")
    members = {**about(predicted, samples), "region": rows}
    write_geojson(path, table[[*_PLACE, *_ISSUE, *columns]], members=members)


def write_grid(predicted: xr.Dataset, samples: Samples, path: Path) -> None:
    """GeoTIFF, a band for each quantity and horizon; tags tell of what and from what bundle."""
    _one_issue(samples, path)
    table, columns = _wide(predicted, samples)
    windows = {f"{row['horizon_days']:g}d": row for row in _times(samples)}
    write_geotiff(
        path,
        table.set_index(["latitude", "longitude"])[columns].to_xarray(),
        tags=about(predicted, samples),
        band_tags={name: windows[name.rsplit("_", 1)[1]] for name in columns},
    )


def about(predicted: xr.Dataset, samples: Samples) -> dict[str, Any]:
    """What a file of one forecast says of itself, in plain values.

    Returns
    -------
    dict
        ``forecast_reference_time``, ``forecast_end_time`` (of the longest horizon),
        ``horizons_days``, ``minimum_magnitude`` (of all that is counted); and, where the forecast
        comes from a bundle, ``task``, ``model``, ``bundle_sha256``, ``craton`` (its version) and
        ``caution``.
    """
    times = sorted(_times(samples), key=lambda row: float(row["horizon_days"]))
    found = {
        "forecast_reference_time": times[-1]["forecast_reference_time"],
        "forecast_end_time": times[-1]["forecast_end_time"],
        "horizons_days": [row["horizon_days"] for row in times],
        "minimum_magnitude": float(samples.data.attrs["mc"]),
    }
    origin = ("task", "model", "bundle_sha256", "craton", "caution")
    return found | {k: predicted.attrs[k] for k in origin if k in predicted.attrs}


def write_catalogs(predicted: xr.Dataset, samples: Samples, path: Path) -> str:
    """pyCSEP's files of simulated catalogues: `path` of the longest horizon, one for each other.

    Returns
    -------
    str
        What was written: ``a.csep.csv`` of 1 and 30 days are ``a.csep.csv`` and ``a.1d.csep.csv``.
    """
    _one_issue(samples, path)
    if "catalog_id" not in predicted:
        raise DataError("this model simulates no catalogues", where=str(path))
    n = int(predicted["catalog_id"].attrs["catalogs"])
    time = predicted["event_time"].to_numpy().astype("datetime64[ms]")
    # cut, not rounded, so that no event moves into the next magnitude bin
    magnitude = np.floor(predicted["event_magnitude"].to_numpy() * 1000 + 1e-6) / 1000
    lon, lat = (np.round(predicted[f"event_{k}"].to_numpy(), 6) for k in ("longitude", "latitude"))
    number, paths = predicted["catalog_id"].to_numpy(), _paths(samples, path, ".csep.csv")
    for i, place in paths.items():
        # a shorter horizon is the first part of the same simulation
        part: Any = slice(None)
        if place != path:
            part = time < samples.index["t1"].iloc[i].to_datetime64()
        events = CatalogForecast(number[part], lon[part], lat[part], magnitude[part], n, time[part])
        write_catalog_forecast(place, events)
    return f"{n:,} simulated catalogues{_others(samples, paths, path)}"


def write_rates(predicted: xr.Dataset, samples: Samples, path: Path) -> str:
    """pyCSEP's files of expected numbers by cell and bins of 0.1 magnitudes, named as catalogues.

    Their depth is that of the events that are counted.
    """
    _one_issue(samples, path)
    if "magnitude_share" not in predicted:
        raise DataError("this model gives no distribution of magnitudes", where=str(path))
    share, magnitudes = (predicted[k].to_numpy() for k in ("magnitude_share", "magnitude"))
    region, depth = cell_region(samples.data), _depths(samples)
    paths = _paths(samples, path, ".dat")
    for i, place in paths.items():
        count = predicted["expected_count"].isel(sample=i).to_numpy().astype(float)
        rates = GriddedForecast(count[:, None] * share, region, magnitudes, depth)
        write_gridded_forecast(place, rates)
    top, bottom = depth
    told = f"rates of {len(region)} cells, depth {top:g} to {bottom:g} km"
    return told + _others(samples, paths, path)


def _paths(samples: Samples, path: Path, ending: str) -> dict[int, Path]:
    """File of each sample: the path itself for the longest horizon."""
    lengths = horizons(samples)
    stem = path.name[: -len(ending)]
    return {
        i: path if i == np.argmax(lengths)
        else path.with_name(f"{stem}.{lengths[i]:g}d{path.name[-len(ending):]}")
        for i in np.argsort(lengths)[::-1].tolist()
    }  # fmt: skip


def _others(samples: Samples, paths: dict[int, Path], path: Path) -> str:
    """Of which horizon the path is, and which files hold the others."""
    lengths = horizons(samples)
    others = [place.name for place in paths.values() if place != path]
    text = f" of {lengths.max():g} days"
    return text + (f" (shorter horizons in {', '.join(others[::-1])})" if others else "")


def _depths(samples: Samples) -> tuple[float, float]:
    """Top and bottom in whole km of the events inside the cells that the forecast knows."""
    data = samples.data
    if "depth" not in data:
        return ALL_DEPTHS
    known = data["time"].to_numpy() < samples.index["t0"].min().to_datetime64()
    depth = data["depth"].to_numpy()[known & (data["cell_of"].to_numpy() >= 0)]
    depth = depth[np.isfinite(depth)]
    if not depth.size:
        return ALL_DEPTHS
    return min(0.0, float(np.floor(depth.min()))), max(1.0, float(np.ceil(depth.max())))


_ISSUE = ("forecast_reference_time",)


def _times(samples: Samples) -> list[dict[str, Any]]:
    """Begin, end and length of each window."""
    text = samples.index[["t0", "t1"]].apply(lambda c: c.dt.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
    return [
        {"forecast_reference_time": t0, "forecast_end_time": t1, "horizon_days": days}
        for t0, t1, days in zip(text["t0"], text["t1"], horizons(samples), strict=True)
    ]


def _wide(predicted: xr.Dataset, samples: Samples) -> tuple[pd.DataFrame, list[str]]:
    """A row a cell, a column for each quantity and horizon (``probability_m5_7d``)."""
    long = cell_table(predicted, samples)
    parts = [part.reset_index(drop=True) for _, part in long.groupby("horizon_days")]
    first = parts[0][[*_PLACE, *_ISSUE]]
    names = list(long.columns[len(_PLACE) + 3 :])
    wide = [
        part[names].rename(columns={n: f"{n}_{part['horizon_days'].iloc[0]:g}d" for n in names})
        for part in parts
    ]
    return pd.concat([first, *wide], axis=1), [str(c) for w in wide for c in w.columns]


def _over(samples: Samples) -> np.ndarray:
    """Whether the catalogue reaches to the end of each window."""
    last = samples.data["time"].to_numpy()[-1]
    return np.asarray(samples.index["t1"].to_numpy() <= last)


def _one_issue(samples: Samples, path: Path) -> None:
    n = samples.index["t0"].nunique()
    if n > 1:
        raise DataError(
            f"holds one forecast, {n} issue times were asked for",
            where=str(path),
            fix="leave out --set issue_from=, or write .csv or .region.csv",
        )
