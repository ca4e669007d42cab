"""Catalogue quality on real catalogues: completeness, b-values, clusters, blasts, copies, seconds.

    python benchmarks/catalog_quality.py [--data DIR]

DIR is the folder of datasets; default: ``$CRATON_DATA_DIR``. Prints JSON and keeps it in
``results/catalog_quality.json``. What is set beside our numbers as ``published`` comes from the
benchmark EarthquakeNPP (arXiv:2410.08226: magnitude from which its authors use each catalogue, and
beta / ln 10 of their ETAS fits), from SeismoStats 1.0.1 (b-values and completeness) and from
bruces 0.5.0 (main shocks, without its limits of the zone of interaction), run on the same events.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from sklearn.metrics import average_precision_score, roc_auc_score

from craton.io.catalog import read_catalog
from craton.seismicity.b_value import b_positive, b_value, magnitude_bin
from craton.seismicity.blasts import blast_cells, blast_probability
from craton.seismicity.completeness import METHODS, completeness
from craton.seismicity.copies import compare_catalogs
from craton.seismicity.declustering import gardner_knopoff, reasenberg
from craton.seismicity.findings import catalog_findings
from craton.seismicity.nearest_neighbour import families, nearest_neighbours, threshold

SERIES = {
    "SCEDC_20": "SCEDC_catalog.csv.gz",
    "SanJac_10": "QTM_SanJac_catalog.csv.gz",
    "SaltonSea_10": "QTM_SaltonSea_catalog.csv.gz",
    "WHITE_06": "WHITE_catalog_trainval.csv.gz",
    "ComCat_25": "ComCat_catalog_trainval.csv.gz",
}


def pnsn(folder: Path) -> xr.Dataset:
    """Read the catalogue of the Pacific Northwest with its types of events."""
    table = pd.read_csv(folder / "pnsn-event-types/pnsn_comcat_2018-2022.csv.gz")
    table["time"] = pd.to_datetime(table["timestamp"], unit="s").astype("datetime64[ns]")
    table = table.sort_values("time", kind="stable")
    names = ("time", "latitude", "longitude", "magnitude", "event_type")
    return xr.Dataset({k: ("event", table[k].to_numpy()) for k in names})


def sizes(data: xr.Dataset, mc: float) -> dict[str, Any]:
    """Completeness by each method, b from `mc` on and b-positive."""
    m = data["magnitude"].to_numpy()
    step = magnitude_bin(m)
    found = {method: completeness(m, method)[1:] for method in METHODS}
    b, positive = b_value(m, mc, step), b_positive(m, step, 0.2)
    rounded = b_value(np.floor(m * 10 + 0.5 + 1e-6) / 10, mc, 0.1)
    return {
        "events": m.size,
        "completeness": found,
        "b": [round(b.b, 3), round(b.standard_error, 3)],
        "b_of_tenths": [round(rounded.b, 3), round(rounded.standard_error, 3)],
        "b_positive": [round(positive.b, 3), round(positive.standard_error, 3)],
    }


def blasts(data: xr.Dataset) -> dict[str, Any]:
    """Blasts found without labels, against the labels."""
    true = np.isin(data["event_type"].to_numpy().astype(str), ["explosion", "quarry blast"])
    cells, p = blast_cells(data), blast_probability(data)
    number = np.bincount(cells.cell_of, true, minlength=cells.contaminated.size)
    busy = number >= 10
    quiet = blast_cells(data.isel(event=~true))
    return {
        "events": true.size,
        "blasts": int(true.sum()),
        "auc": round(float(roc_auc_score(true, p)), 4),
        "average_precision": round(float(average_precision_score(true, p)), 4),
        "expected_blasts": round(float(p.sum())),
        "precision_above_half": round(float(true[p > 0.5].mean()), 3),
        "recall_above_half": round(float((p > 0.5)[true].mean()), 3),
        "cells": cells.contaminated.size,
        "cells_flagged": int(cells.contaminated.sum()),
        "cells_flagged_that_hold_blasts": int((cells.contaminated & (number > 0)).sum()),
        "cells_of_10_blasts_or_more": int(busy.sum()),
        "of_these_flagged": int((cells.contaminated & busy).sum()),
        "excess_in_flagged_cells": int(cells.excess.sum()),
        "cells_flagged_without_the_blasts": int(quiet.contaminated.sum()),
    }


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Run and take the seconds."""
    begun = time.perf_counter()
    result = work()
    return result, round(time.perf_counter() - begun, 2)


def clusters(data: xr.Dataset) -> dict[str, Any]:
    """Main shocks by each way of declustering, and seconds after a first call."""
    few = data.isel(event=slice(0, 500))
    nearest_neighbours(few), gardner_knopoff(few), reasenberg(few, 2.0)
    m, mc = data["magnitude"].to_numpy(), float(data["magnitude"].min())
    near, seconds = timed(lambda: nearest_neighbours(data))
    windows, seconds_gk = timed(lambda: gardner_knopoff(data))
    links, seconds_re = timed(lambda: reasenberg(data, mc))
    limit = threshold(near)
    return {
        "events": m.size,
        "nearest_neighbours": [int(families(near, m, limit).mainshock.sum()), seconds],
        "threshold_log10_eta": round(limit, 2),
        "gardner_knopoff": [int(windows.mainshock.sum()), seconds_gk],
        "reasenberg": [int(links.mainshock.sum()), seconds_re],
    }


def against_peers(scedc: xr.Dataset, italy: Any) -> dict[str, Any]:
    """Our numbers beside those of other programs on the same events."""
    m = np.round(italy, 1)
    time_ = scedc["time"].to_numpy()
    part = scedc.isel(
        event=(scedc["magnitude"].to_numpy() >= 3.0)
        & (time_ > np.datetime64("1990-01-01"))
        & (time_ < np.datetime64("2010-01-01"))
    )
    b, positive = b_value(m, 2.7, 0.1), b_positive(m, 0.1)
    ours = {
        "horus_b_utsu_2.7": [b.b, b.standard_error],
        "horus_b_positive": [positive.b, positive.standard_error],
        "horus_maximum_curvature": completeness(m).mc,
        "horus_b_stability": completeness(m, "b-stability").mc,
        "scedc_m3_1990_2009_gardner_knopoff": int(gardner_knopoff(part, 0).mainshock.sum()),
        "scedc_m3_1990_2009_reasenberg": int(reasenberg(part, 3.0, error_km=0).mainshock.sum()),
    }
    published = {
        "horus_b_utsu_2.7": [0.81667930304465, 0.004524758869901434],
        "horus_b_positive": [0.9163371026726351, 0.006919048598167955],
        "horus_maximum_curvature": 2.8,
        "horus_b_stability": 3.0,
        "scedc_m3_1990_2009_gardner_knopoff": 1960,
        "scedc_m3_1990_2009_reasenberg": 3242,
    }
    return {name: {"ours": ours[name], "published": published[name]} for name in ours}


def main() -> None:
    """Run all and keep the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default=os.environ.get("CRATON_DATA_DIR"))
    folder = Path(parser.parse_args().data)
    npp = folder / "earthquakenpp"
    entries = json.loads((npp / "benchmark.json").read_text())
    data = {name: read_catalog(npp / file) for name, file in SERIES.items()}
    reference = folder / "etas-reference-catalogs"
    italy, ingv = (
        read_catalog(reference / f"{name}.csv.gz") for name in ("horus_italy_M2.5", "italy.quakes")
    )
    report: dict[str, Any] = {"sizes": {}}
    for name, catalog in data.items():
        entry = entries[name]
        published = {
            "mc": entry["mc"],
            "b": round(entry["etas_parameters"]["beta"] / np.log(10), 3),
        }
        report["sizes"][name] = {**sizes(catalog, entry["mc"]), "published": published}
    report["sizes"]["HORUS"] = sizes(italy, 3.0)
    report["peers"] = against_peers(data["SCEDC_20"], italy["magnitude"].to_numpy())
    report["clusters"] = {"SCEDC_20": clusters(data["SCEDC_20"])}
    report["blasts"] = {"pnsn": blasts(pnsn(folder))}
    pairs = {
        "SCEDC, ComCat": (data["SCEDC_20"], data["ComCat_25"]),
        "SCEDC, QTM San Jacinto": (data["SCEDC_20"], data["SanJac_10"]),
        "SCEDC, White": (data["SCEDC_20"], data["WHITE_06"]),
        "QTM San Jacinto, White": (data["SanJac_10"], data["WHITE_06"]),
        "HORUS, italy.quakes": (italy, ingv),
    }
    report["copies"] = {}
    for name, (first, second) in pairs.items():
        found = compare_catalogs(first, second)
        numbers = {k: round(v, 3) for k, v in found._asdict().items() if isinstance(v, float)}
        report["copies"][name] = {**numbers, "copy": found.is_copy}
    _, seconds = timed(lambda: catalog_findings(data["SCEDC_20"], None, None))
    report["findings"] = {"events": data["SCEDC_20"].sizes["event"], "seconds": seconds}
    text = json.dumps(report, indent=1)
    (Path(__file__).parent / "results" / "catalog_quality.json").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
