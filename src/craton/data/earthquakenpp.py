"""The EarthquakeNPP benchmark: a series' file, windows, region and completeness.

References
----------
Stockman, Lawson and Werner 2026, arXiv:2410.08226.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from craton.errors import DataError, nearest

FILES = {
    "ComCat": "ComCat_catalog_trainval.csv.gz",
    "SaltonSea": "QTM_SaltonSea_catalog.csv.gz",
    "SanJac": "QTM_SanJac_catalog.csv.gz",
    "WHITE": "WHITE_catalog_trainval.csv.gz",
    "SCEDC": "SCEDC_catalog.csv.gz",
}


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
