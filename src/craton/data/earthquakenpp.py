"""The EarthquakeNPP benchmark: a series' file, windows, region and completeness.

References
----------
Stockman, Lawson and Werner 2026, arXiv:2410.08226.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from craton.errors import DataError, nearest

FILES = {
    "ComCat": "ComCat_catalog_trainval.csv.gz",
    "SaltonSea": "QTM_SaltonSea_catalog.csv.gz",
    "SanJac": "QTM_SanJac_catalog.csv.gz",
    "WHITE": "WHITE_catalog_trainval.csv.gz",
    "SCEDC": "SCEDC_catalog.csv.gz",
}

DECIMALS = {"SaltonSea": 5, "SanJac": 5, "SCEDC": 3}
"""Decimals of the epicentres, in degrees, before they were jittered."""


def series(folder: Path, name: str) -> tuple[Path, dict[str, Any]]:
    """Return the catalogue file of a series and the task settings that its protocol asks for.

    Parameters
    ----------
    folder : Path
        The dataset's folder.
    name : str
        ``SCEDC_30``, ``SanJac_10``, ...

    Raises
    ------
    DataError
        If there is no such series.
    """
    known = json.loads((folder / "benchmark.json").read_text(encoding="utf-8"))
    if name not in known:
        raise DataError(
            f"there is no series '{name}'", where=str(folder.name), fix=nearest(name, known)
        )
    entry = known[name]
    settings = {
        "magnitude": entry["mc"],
        "magnitude_bin": entry["delta_m"],
        "outline": tuple((lat, lon) for lat, lon in entry["polygon_latlon"]),
        "train_from": entry["train_start"],
        "test_from": entry["test_start"],
        "test_until": entry["test_end"],
    }
    return folder / FILES[name.split("_")[0]], settings


def unjittered(catalog: xr.Dataset, decimals: int) -> xr.Dataset:
    """Take back the jitter of the benchmark's epicentres.

    Parameters
    ----------
    catalog : xarray.Dataset
        A whole catalogue of the benchmark, as `read_catalog` gives it.
    decimals : int
        Decimals of the original coordinates (`DECIMALS`).

    Returns
    -------
    xarray.Dataset
        The same events at the original longitudes and latitudes.

    Raises
    ------
    DataError
        If a coordinate less its draw is not a number of so many decimals, or the events that were
        moved are not those that shared their epicentre with another.

    Notes
    -----
    Every event whose epicentre another one has too was moved by two numbers, for longitude and
    latitude, drawn between -0.0025 and 0.0025 degrees from NumPy's generator of seed 42, event by
    event in the order of the file. Moved events show by their many decimals, so drawing once more
    takes the jitter back, and both conditions above say whether it did.

    Examples
    --------
    >>> moved = [-116.5, 34.0] + np.random.RandomState(42).uniform(-0.0025, 0.0025, (2, 2))
    >>> place = {"longitude": ("event", moved[:, 0]), "latitude": ("event", moved[:, 1])}
    >>> unjittered(xr.Dataset(place), 3).longitude.values.tolist()
    [-116.5, -116.5]
    """
    place = np.stack([catalog["longitude"].values, catalog["latitude"].values], axis=1)
    moved = (np.abs(place - place.round(decimals)) > 1e-9).any(axis=1)
    draws = np.random.RandomState(42).uniform(-0.0025, 0.0025, (int(moved.sum()), 2))
    found = place[moved] - draws
    place[moved] = found.round(decimals)
    # The files have eight decimals or more.
    off = np.flatnonzero((np.abs(found - place[moved]) > 2e-8).any(axis=1))
    if off.size:
        raise DataError(
            f"{off.size} of {len(found)} jittered epicentres are not of {decimals} decimals "
            "before the benchmark's jitter",
            where=f"event {np.flatnonzero(moved)[off[0]]}",
            fix="give the whole catalogue in its own order",
        )
    shared = pd.DataFrame(place).duplicated(keep=False).to_numpy()
    if (shared != moved).any():
        raise DataError(
            f"{int((shared != moved).sum())} events are jittered alone or share an unjittered "
            "epicentre, where all events of an epicentre were expected to be jittered",
            where=f"event {np.flatnonzero(shared != moved)[0]}",
            fix="give the whole catalogue in its own order",
        )
    columns = dict(zip(("longitude", "latitude"), place.T, strict=True))
    return catalog.assign({k: ("event", v, catalog[k].attrs) for k, v in columns.items()})
