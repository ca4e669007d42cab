"""Score the published ETAS parameters of EarthquakeNPP and compare with the published scores.

    python benchmarks/earthquakenpp_published.py --data DIR [--series SCEDC_30 SanJac_10 ...]

DIR is the folder ``earthquakenpp`` of the data mirror; default: the one in ``$CRATON_DATA_DIR``.
Prints JSON: for each series our and the published temporal, spatial and total log-likelihood per
test event, and the seconds that scoring took.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from craton.io.catalog import read_catalog
from craton.models.physics.etas import EtasParameters
from craton.models.physics.etas_scores import benchmark_events, next_event_scores

FILES = {"SaltonSea": "QTM_SaltonSea", "SanJac": "QTM_SanJac", "SCEDC": "SCEDC"}


def score(folder: Path, series: str) -> dict[str, Any]:
    """Score one series whose test window is in the files."""
    entry = json.loads((folder / "benchmark.json").read_text())[series]
    catalog = read_catalog(folder / f"{FILES[series.rsplit('_', 1)[0]]}_catalog.csv.gz")
    origin = np.datetime64(entry["auxiliary_start"], "ns")

    def day(moment: Any) -> Any:
        return (np.asarray(moment, "datetime64[ns]") - origin).astype(np.int64) / 86400e9

    test = (float(day(entry["test_start"])), float(day(entry["test_end"])))
    events = benchmark_events(
        day(catalog["time"].values),
        catalog["latitude"].values,
        catalog["longitude"].values,
        catalog["magnitude"].values,
        window=(0.0, test[1]),
        polygon=entry["polygon_latlon"],
        mc=entry["mc"],
        delta_m=entry["delta_m"],
    )
    begun = time.perf_counter()
    parameters = EtasParameters.from_mapping(entry["etas_parameters"])
    result = next_event_scores(parameters, *events, test=test, area=entry["area_km2"])
    seconds = time.perf_counter() - begun
    tll, sll = float(result.temporal.mean()), float(result.spatial.mean())
    published = entry["published"]
    return {
        "series": series,
        "n": int(result.event.size),
        "sources": int(events[0].size),
        "tll": tll,
        "sll": sll,
        "total": tll + sll,
        "published_tll": published["ETAS_tll"],
        "published_sll": published["ETAS_sll"],
        "published_total": published["ETAS_tll"] + published["ETAS_sll"],
        "uncounted_per_event": result.uncounted / result.event.size,
        "seconds": round(seconds, 2),
    }


def main() -> None:
    """Read the command line and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    mirror = os.environ.get("CRATON_DATA_DIR")
    parser.add_argument("--data", type=Path, default=mirror and Path(mirror) / "earthquakenpp")
    parser.add_argument("--series", nargs="+", default=["SCEDC_30", "SanJac_10"])
    given = parser.parse_args()
    if given.data is None:
        sys.exit("give --data or set CRATON_DATA_DIR")
    json.dump([score(given.data, series) for series in given.series], sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
