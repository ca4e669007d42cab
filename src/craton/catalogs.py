"""Earthquake catalogues: what is odd in them, and forecasts as files that other programs read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from craton.checks import Finding
from craton.io.catalog import duplicates
from craton.io.forecast_files import write_csv, write_geojson, write_geotiff
from craton.samples import Samples
from craton.seismicity.b_value import b_value, magnitude_bin
from craton.seismicity.completeness import magnitude_of_completeness


def catalog_findings(
    data: xr.Dataset, used_from: float | None, step: float | None
) -> list[Finding]:
    """Completeness, b-value and its change in time, repeated events.

    Parameters
    ----------
    data : xr.Dataset
        As `craton.io.catalog.read_catalog` gives it.
    used_from : float, optional
        Magnitude from which events are used, if that is already said.
    step : float, optional
        Bin of the magnitudes; found in the data if None.
    """
    magnitudes = data["magnitude"].to_numpy()
    if len(magnitudes) < 50:
        return [Finding("error", f"{len(magnitudes)} events, at least 50 are needed", "catalogue")]
    mc = magnitude_of_completeness(magnitudes)
    b = b_value(magnitudes, mc, step or magnitude_bin(magnitudes))
    twice = int(duplicates(data).sum())
    found = [
        Finding("info", f"{len(magnitudes)} events, magnitude {magnitudes.min():.1f} to "
                f"{magnitudes.max():.1f}", "catalogue"),
        Finding("info", f"complete from about {mc:.1f} (maximum curvature + 0.2); b = {b.b:.2f} "
                f"+- {b.standard_error:.2f}", "catalogue"),
    ]  # fmt: skip
    if not 0.7 <= b.b <= 1.3:
        text = f"b = {b.b:.2f} is unusual: mixed magnitude scales, or not complete from {mc:.1f}?"
        found.append(Finding("warning", text, "catalogue"))
    found += _changes(data, mc, step or magnitude_bin(magnitudes))
    if twice:
        text = f"{twice} events look like a repetition of another (2 s, 5 km, 0.2); all were kept"
        found.append(Finding("warning", text, "catalogue"))
    if used_from is not None and used_from < mc - 0.15:
        text = f"the magnitude {used_from:g} asked for is below completeness, about {mc:.1f}"
        found.append(Finding("warning", text, "catalogue"))
    return found


def _changes(data: xr.Dataset, mc: float, step: float) -> list[Finding]:
    """A b-value that differs between the two halves of the record beyond its errors."""
    large = data["magnitude"].to_numpy() >= mc - 1e-6
    time, magnitude = data["time"].to_numpy()[large], data["magnitude"].to_numpy()[large]
    late = time > time[0] + (time[-1] - time[0]) / 2
    if min(late.sum(), (~late).sum()) < 100:
        return []
    a, b = (b_value(magnitude[part], mc, step) for part in (~late, late))
    reach = float(np.hypot(a.standard_error, b.standard_error))
    if abs(a.b - b.b) < max(4 * reach, 0.15):
        return []
    text = (
        f"b is {a.b:.2f} in the first half of the record and {b.b:.2f} in the second: magnitude "
        "scale or the completeness changed, and chances of large events will be wrong; use later "
        "events only (--set train_from=) or a higher --set magnitude="
    )
    return [Finding("warning", text, "catalogue")]


def table(predicted: xr.Dataset, samples: Samples, window: int = 0) -> pd.DataFrame:
    """Lay one window's forecast out, a row a cell."""
    data, at = samples.data, predicted.isel(sample=window)
    half = float(data.attrs["cell"]) / 2
    lat, lon = data["cell_latitude"].to_numpy(), data["cell_longitude"].to_numpy()
    frame = pd.DataFrame(
        {"longitude": lon, "latitude": lat, "west": lon - half, "south": lat - half,
         "east": lon + half, "north": lat + half}
    ).round(6)  # fmt: skip
    times = samples.index[["t0", "t1"]].iloc[window].dt.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    frame["forecast_reference_time"] = times["t0"]
    frame["forecast_end_time"] = times["t1"]
    frame["expected_count"] = at["expected_count"].to_numpy()
    for m in predicted["threshold"].to_numpy():
        frame[f"probability_m{m:g}"] = at["probability"].sel(threshold=m).to_numpy()
    return frame


def write_table(predicted: xr.Dataset, samples: Samples, path: Path) -> None:
    """CSV, a row a cell."""
    write_csv(path, table(predicted, samples))


def write_map(predicted: xr.Dataset, samples: Samples, path: Path) -> None:
    """GeoJSON, a rectangle a cell."""
    write_geojson(path, table(predicted, samples))


def write_grid(predicted: xr.Dataset, samples: Samples, path: Path) -> None:
    """GeoTIFF, a band a quantity."""
    frame = table(predicted, samples).set_index(["latitude", "longitude"])
    bands = [c for c in frame if str(c).startswith(("expected", "probability"))]
    write_geotiff(path, frame[bands].to_xarray())
