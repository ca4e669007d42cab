"""The bundle for picks of the Central and Eastern United States, and what it gives on them.

    CRATON_DATA_DIR=DIR python benchmarks/association_bundle.py [--hours N] [--candidates ...]
                                                                [--only-predict]

Everything is learnt on a synthetic world on the same stations: which of the candidates is kept (F1
of events, folds inside the world) and the curve from its output to a probability. The catalogue of
the real picks is not even read. The rule that decides which
detections are written was set before it was tried on them: a calibrated probability of at least
0.9, so that of the least sure ones that are written one in ten is expected to be false. The world
itself was made after the real development picks (which waves are picked at which distance, bursts,
stations on the same ground, how many events there are and how they grow).

The real picks are then given to `craton predict` in a new process, as a user would, and its table
is matched with the catalogue one to one within 15 s and 100 km. An unmatched detection may be an
earthquake that the catalogue lacks: ``unmatched_seen_by_GLASS3`` counts those that GLASS3, another
associator, finds as well. Prints JSON and keeps it in ``results/association_bundle.json``.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from craton.data.registry import locate
from craton.engine import run
from craton.io.picks import read_events
from craton.models.event_matching import match
from craton.result import RunConfig

HERE = Path(__file__).parent
BUNDLE = HERE / "bundles" / "phase-association" / "glass3-ceus"
RESULT = HERE / "results" / "association_bundle.json"
LEAST = 0.9
SECONDS, KM = 15.0, 100.0
PLACE = ["latitude", "longitude"]


def told(done: int, total: int, text: str) -> None:
    """Say on one line each what is being done."""
    print(f"{done}/{total} {text}", file=sys.stderr, flush=True)


def train(hours: float, candidates: list[str]) -> dict[str, Any]:
    """Learn on a world of so many hours and keep the bundle."""
    began = time.perf_counter()
    settings = {
        # the picks without their catalogue: the run knows the world alone
        "data": "glass3-ceus/ceus_dev.jsonpick.gz", "world_hours": hours,
        "stations": "glass3-ceus/regional_example_stationlist.json.gz",
        "match_seconds": SECONDS, "match_km": KM,
        "least_probability": LEAST, "audit": False, "explain": 0, "folds": 2,
        "candidates": candidates,
        "models": {name: {"threshold": 16.0} for name in candidates},
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        result = run(RunConfig.of("phase-association", settings), Path(folder) / "run",
                     progress=told)  # fmt: skip
        shutil.rmtree(BUNDLE, ignore_errors=True)
        shutil.copytree(Path(folder) / "run" / "bundle", BUNDLE)
    names = ("model", "role", "metric", "score", "low", "high")
    kept = pd.DataFrame([{k: getattr(s, k) for k in names} for s in result.scores])
    return {
        "world_hours": hours, "selected": result.selected,
        "selection_loss_inside_the_world": {k: round(v, 4) for k, v in result.selection.items()},
        "scores_on_the_end_of_the_world": json.loads(kept.round(4).to_json(orient="records")),
        "seconds": round(time.perf_counter() - began, 1),
    }  # fmt: skip


def predict(picks: Path) -> tuple[pd.DataFrame, float]:
    """Events that the bundle gives in a new process, and the seconds that takes."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "events.csv"
        began = time.perf_counter()
        command = [Path(sys.executable).parent / "craton", "predict", BUNDLE, picks, "--out", out]
        subprocess.run([str(c) for c in command], check=True, capture_output=True)
        return read_events(out), time.perf_counter() - began


def pairs(a: pd.DataFrame, b: pd.DataFrame) -> Any:
    """Rows of two tables of events that belong together."""
    one, other = (
        (t["time"].to_numpy().astype("datetime64[ns]").astype(np.int64) / 1e9,
         *(t[k].to_numpy(float) for k in PLACE)) for t in (a, b)
    )  # fmt: skip
    return match(*one, *other, SECONDS, KM)


def against(events: pd.DataFrame, folder: Path) -> dict[str, Any]:
    """Known events found, detections unmatched, and how many of these GLASS3 has as well."""
    table = pd.read_csv(folder / "CEUS_dev.csv")
    known = table.assign(time=pd.to_datetime(table["OT"], unit="s")).rename(
        columns={"Lat": "latitude", "Lon": "longitude"}
    )
    mine, _, distance = pairs(events, known)
    rest = events.drop(index=events.index[mine]).reset_index(drop=True)
    with gzip.open(folder / "glass3_detections_dev.jsonl.gz", "rt") as lines:
        said = [json.loads(line) for line in lines]
    said = [s.get("Hypocenter", s) for s in said]
    theirs = pd.DataFrame({
        "time": pd.to_datetime([s["Time"] for s in said]).tz_localize(None),
        "latitude": [s["Latitude"] for s in said], "longitude": [s["Longitude"] for s in said],
    })  # fmt: skip
    return {
        "known": len(known), "detections": len(events), "found": len(mine),
        "unmatched": len(rest), "unmatched_seen_by_GLASS3": len(pairs(rest, theirs)[0]),
        "false_expected_by_the_probabilities": round(float((1 - events["probability"]).sum()), 1),
        "median_location_error_km": round(float(np.median(distance)), 2),
        "GLASS3": {"found": 51, "unmatched": 131},
    }  # fmt: skip


def main() -> None:
    """Make the bundle, use it, keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--hours", type=float, default=20.0, help="length of the world")
    parser.add_argument("--candidates", nargs="*", default=["physics", "graph"])
    parser.add_argument("--only-predict", action="store_true", help="use the bundle that is there")
    given = parser.parse_args()
    if not os.environ.get("CRATON_DATA_DIR"):
        raise SystemExit("name the folder of datasets with CRATON_DATA_DIR")
    folder = locate("glass3-ceus").path
    found = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else {}
    if not given.only_predict:
        found["training"] = train(given.hours, given.candidates)
        RESULT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    events, seconds = predict(folder / "ceus_dev.jsonpick.gz")
    found["dev"] = against(events, folder) | {"seconds_of_predict": round(seconds, 1)}
    text = json.dumps(found, indent=1)
    RESULT.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
