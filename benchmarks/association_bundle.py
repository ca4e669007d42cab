"""The bundle for picks of the Central and Eastern United States, and what it gives on them.

    CRATON_DATA_DIR=DIR python benchmarks/association_bundle.py [--hours N] [--candidates ...]
                            [--only-predict | --only-calibrate | --compare NAME ...]

The associator learns on a synthetic world on the same stations, made after the real development
picks (which waves are picked at which distance, bursts, stations on the same ground, how many
events there are and how they grow). On real picks the curve from its output to a probability that
the world teaches is far too sure. So that curve, two numbers, is fitted again on the development
picks and their catalogue: it gives the probability that the analysts' catalogue holds a detection,
which is less than that of its being real. What is written is all above the probability at which 45
detections of the development picks are unmatched. The bar there is 65 (GLASS3: 131) with 51 of 53
found; 45 leaves room on both sides. Development figures at this cut are therefore no test: as one,
the cut is found on either half of the time and counted on the other (``other_half``).

The curve is fitted on the detections that are written, from the model's own output. (It was once
fitted on all, behind the world's curve, whose probabilities end at 0.9999, but used in front of it,
where nothing ends: the written probabilities added up to 67 where 51 were matched.) Its own test is
``cross_fitted``: the time is cut in blocks with equally many detections, and the probabilities of
each block come from a curve fitted on the other blocks.

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

from craton import bundle as bundles
from craton.data.registry import locate
from craton.engine import run
from craton.io.picks import read_events
from craton.models.event_matching import fit_curve, match
from craton.result import RunConfig
from craton.task import find_task

HERE = Path(__file__).parent
BUNDLE = HERE / "bundles" / "phase-association" / "glass3-ceus"
RESULT = HERE / "results" / "association_bundle.json"
UNMATCHED = 45
LEAST = 0.01
FOUND = 51
SECONDS, KM = 15.0, 100.0
PLACE = ["latitude", "longitude"]
CARD = """
## Probability

The curve to a probability was fitted on the development picks of `glass3-ceus` and their catalogue:
it says how likely it is that the analysts' catalogue holds the event. A real event that they left
out counts against it. See `benchmarks/association_bundle.py`.

Out of sample (each of {blocks} blocks of time by a curve fitted on the others) the probabilities of
the {detections} events add up to {stated}, of which {matched} are in the catalogue; the calibration
error (ten bins) is {calibration_error}, the Brier score {brier}, and with one probability for all
{brier_of_one_probability}.
"""
BLOCKS = 5


def told(done: int, total: int, text: str) -> None:
    """Say on one line each what is being done."""
    print(f"{done}/{total} {text}", file=sys.stderr, flush=True)


def train(hours: float, candidates: list[str], bundle: Path) -> dict[str, Any]:
    """Learn on a world of so many hours and keep the bundle."""
    began = time.perf_counter()
    settings = {
        # the picks without their catalogue: the run knows the world alone
        "data": "glass3-ceus/ceus_dev.jsonpick.gz", "world_hours": hours,
        "stations": "glass3-ceus/regional_example_stationlist.json.gz",
        "match_seconds": SECONDS, "match_km": KM,
        "audit": False, "explain": 0, "folds": 2,
        "candidates": candidates,
        "models": {name: {"threshold": 16.0} for name in candidates},
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        result = run(RunConfig.of("phase-association", settings), Path(folder) / "run",
                     progress=told)  # fmt: skip
        shutil.rmtree(bundle, ignore_errors=True)
        shutil.copytree(Path(folder) / "run" / "bundle", bundle)
    names = ("model", "role", "metric", "score", "low", "high")
    kept = pd.DataFrame([{k: getattr(s, k) for k in names} for s in result.scores])
    return {
        "world_hours": hours, "selected": result.selected,
        "selection_loss_inside_the_world": {k: round(v, 4) for k, v in result.selection.items()},
        "scores_on_the_end_of_the_world": json.loads(kept.round(4).to_json(orient="records")),
        "seconds": round(time.perf_counter() - began, 1),
    }  # fmt: skip


def matched(events: pd.DataFrame, folder: Path) -> np.ndarray:
    """Whether each detection is in the catalogue."""
    return np.isin(np.arange(len(events)), pairs(events, known_events(folder))[0])


def cut(probability: np.ndarray, known: np.ndarray, unmatched: float) -> float:
    """The probability above which so many detections are unmatched."""
    wrong = np.sort(probability[~known])[::-1]
    return float(wrong[min(round(unmatched), len(wrong)) - 1])


def expit(x: np.ndarray) -> np.ndarray:
    """The logistic function."""
    return np.asarray(1 / (1 + np.exp(-x)))


def calibrate(folder: Path, bundle: Path) -> dict[str, Any]:
    """Fit curve and cut on the development picks, keep them in the bundle."""
    kept = bundles.load(bundle)
    arrays, manifest = dict(kept.state), dict(kept.manifest)
    card = (bundle / "MODEL_CARD.md").read_text(encoding="utf-8").split("\n## Probability")[0]
    arrays["calibrator.curve"] = np.array([0.0, 1.0])  # the model's own output
    bundles.save(bundle, manifest, arrays, card)
    events, _ = predict(folder / "ceus_dev.jsonpick.gz", bundle, f"least_probability={LEAST}")
    curve, least, found = fitted(events, folder)
    task = find_task("phase-association")
    config = task.config(**manifest["settings"])
    manifest["settings"] = {
        **task.resolve(task.load(config), config).model_dump(mode="json"),
        "least_probability": least,
    }
    arrays["calibrator.curve"] = curve
    card += CARD.format(**found["cross_fitted"])
    bundles.save(bundle, manifest, arrays, card)
    return found


def fitted(events: pd.DataFrame, folder: Path) -> tuple[np.ndarray, float, dict[str, Any]]:
    """Curve, cut and what they give on events with the model's own probability."""
    known, p = matched(events, folder), events["probability"].to_numpy(float)
    late = (events["time"] > events["time"].median()).to_numpy()
    found = unwanted = 0
    for learn, test in ((late, ~late), (~late, late)):
        least = cut(p[learn], known[learn], UNMATCHED / 2)
        found += int((known & test & (p >= least)).sum())
        unwanted += int((~known & test & (p >= least)).sum())
    x, lowest = np.log(p / (1 - p)), cut(p, known, UNMATCHED)
    mine = p >= lowest
    curve = fit_curve(x[mine], known[mine])
    least = float(expit(curve[0] + curve[1] * np.log(lowest / (1 - lowest))))
    best = np.argsort(-p, kind="stable")
    enough = int(np.searchsorted(np.cumsum(known[best]), FOUND))
    return curve, round(least - 5e-7, 6), {
        f"unmatched_where_{FOUND}_are_found": enough + 1 - FOUND if enough < len(p) else None,
        "detections": len(p), "in_the_catalogue": int(known.sum()),
        "curve": curve.round(4).tolist(), "least_probability": round(least, 4),
        "other_half": {"found": found, "unmatched": unwanted},
        "cross_fitted": cross_fitted(x[mine], known[mine], events["time"][mine]),
    }  # fmt: skip


def cross_fitted(x: np.ndarray, known: np.ndarray, time: pd.Series) -> dict[str, Any]:
    """How probabilities do on blocks of time that their curve was not fitted on."""
    p, base = np.zeros(len(x)), np.zeros(len(x))
    for own in np.array_split(np.argsort(time.to_numpy(), kind="stable"), BLOCKS):
        rest = np.setdiff1d(np.arange(len(x)), own)
        curve = fit_curve(x[rest], known[rest])
        p[own], base[own] = expit(curve[0] + curve[1] * x[own]), known[rest].mean()
    bins = np.minimum((p * 10).astype(int), 9)
    gap = np.abs(np.bincount(bins, p - known)).sum() / len(p)
    return {
        "blocks": BLOCKS, "detections": len(p), "stated": round(float(p.sum()), 1),
        "matched": int(known.sum()), "calibration_error": round(float(gap), 3),
        "brier": round(float(((p - known) ** 2).mean()), 3),
        "brier_of_one_probability": round(float(((base - known) ** 2).mean()), 3),
    }  # fmt: skip


def predict(picks: Path, bundle: Path, *settings: str) -> tuple[pd.DataFrame, float]:
    """Events that the bundle gives in a new process, and the seconds that takes."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "events.csv"
        began = time.perf_counter()
        command = [Path(sys.executable).parent / "craton", "predict", bundle, picks, "--out", out]
        command += [part for said in settings for part in ("--set", said)]
        subprocess.run([str(c) for c in command], check=True, capture_output=True)
        return read_events(out), time.perf_counter() - began


def pairs(a: pd.DataFrame, b: pd.DataFrame) -> Any:
    """Rows of two tables of events that belong together."""
    one, other = (
        (t["time"].to_numpy().astype("datetime64[ns]").astype(np.int64) / 1e9,
         *(t[k].to_numpy(float) for k in PLACE)) for t in (a, b)
    )  # fmt: skip
    return match(*one, *other, SECONDS, KM)


def known_events(folder: Path) -> pd.DataFrame:
    """The catalogue of the development picks."""
    table = pd.read_csv(folder / "CEUS_dev.csv")
    return table.assign(time=pd.to_datetime(table["OT"], unit="s")).rename(
        columns={"Lat": "latitude", "Lon": "longitude"}
    )


def against(events: pd.DataFrame, folder: Path) -> dict[str, Any]:
    """Known events found, detections unmatched, and how many of these GLASS3 has as well."""
    known = known_events(folder)
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
        "not_in_the_catalogue_by_the_probabilities": round(
            float((1 - events["probability"]).sum()), 1
        ),
        "median_location_error_km": round(float(np.median(distance)), 2),
        "GLASS3": {"found": 51, "unmatched": 131},
    }  # fmt: skip


def main() -> None:
    """Make the bundle, use it, keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--hours", type=float, default=60.0, help="length of the world")
    parser.add_argument("--candidates", nargs="*", default=["physics"])
    parser.add_argument("--only-predict", action="store_true", help="use the bundle that is there")
    parser.add_argument("--only-calibrate", action="store_true", help="fit its curve again")
    parser.add_argument("--compare", nargs="+", help="judge other candidates, leave the bundle")
    given = parser.parse_args()
    if not os.environ.get("CRATON_DATA_DIR"):
        raise SystemExit("name the folder of datasets with CRATON_DATA_DIR")
    folder = locate("glass3-ceus").path
    found = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else {}
    if given.compare:
        with tempfile.TemporaryDirectory() as other:
            bundle = Path(other) / "bundle"
            made = {"training": train(given.hours, given.compare, bundle)}
            found["compared"] = made | {"calibration": calibrate(folder, bundle)}
    elif given.only_calibrate:
        found["calibration"] = calibrate(folder, BUNDLE)
    elif not given.only_predict:
        found = {"training": train(given.hours, given.candidates, BUNDLE)}
        found["calibration"] = calibrate(folder, BUNDLE)
        RESULT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if not given.compare:
        events, seconds = predict(folder / "ceus_dev.jsonpick.gz", BUNDLE)
        found["dev"] = against(events, folder) | {"seconds_of_predict": round(seconds, 1)}
    text = json.dumps(found, indent=1)
    RESULT.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
