"""Types of seismic events: icequakes of Alaska by features, sources of the Pacific Northwest.

CRATON_DATA_DIR=DIR python benchmarks/event_types.py [DATASET] [FOLDER]

Each dataset is run as `craton run event-classification --set data=NAME` does, and beside the scores
stands what flatters: the probe in random folds of events, and, as such work is often published,
random folds of single records, where stations of one event lie on both sides. For the waveforms it
also says how far instrument and number of stations alone would come. A second bundle of the
icequakes is calibrated on the last year before the blind events; it is not scored here.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import balanced_accuracy_score, f1_score
from sklearn.model_selection import GroupKFold

from craton.data.registry import locate
from craton.engine import run
from craton.event_types import EventRecords
from craton.label_errors import abstention_curve
from craton.metrics import balanced_accuracy
from craton.models.base import Fitting
from craton.models.by_station import ByStation
from craton.report.event_types import suspects
from craton.result import Result, RunConfig
from craton.uncertainty import block_bootstrap

HERE = Path(__file__).parent
RESULT = HERE / "results" / "event_types.json"
BUNDLES = HERE / "bundles" / "event_types"
KEPT = ("model", "role", "metric", "score", "low", "high", "gain", "gain_low", "gain_high", "n")
FOLDS = 5
SHARES = (0.5, 0.7, 0.8, 0.9, 1.0)
FOREST = {"n_estimators": 200, "min_samples_leaf": 2, "random_state": 0, "n_jobs": 1}


def outcome(result: Result, model: str) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Truth, probabilities, and the type decided for."""
    gather = result.samples.gather
    assert isinstance(gather, EventRecords)
    given = result.predictions[model]
    p, weighed = (
        d["label"].transpose("sample", "category").to_numpy() for d in (given, gather.decide(given))
    )
    return result.observed["label"].to_numpy(), p, weighed.argmax(axis=1)


def abstention(result: Result) -> list[dict[str, float]]:
    """Accuracy of those that are answered."""
    truth, p, said = outcome(result, result.selected)
    share, accuracy = abstention_curve(p, said == truth)
    at = [max(round(s * len(share)) - 1, 0) for s in SHARES]
    return [
        {"answered": s, "accuracy": float(accuracy[i])} for s, i in zip(SHARES, at, strict=True)
    ]


def random_splits(result: Result) -> dict[str, dict[str, Any]]:
    """The probe in random folds of all events of all years, and of single records."""
    config = result.config.model_copy(update={"train_from": None})
    samples = result.task.samples(result.data, config, False)
    model = result.task.model(next(iter(result.task.models)))
    assert isinstance(model, ByStation)
    truth, rng = samples.observed()["label"].to_numpy(), np.random.default_rng(0)
    fold = rng.permutation(len(samples)) % FOLDS
    p = np.zeros((len(samples), len(samples.target.categories)))
    for k in range(FOLDS):
        fitted = model.replace().fit(samples.take(fold != k), Fitting(0))
        p[fold == k] = fitted.predict(samples.take(fold == k))["label"].to_numpy()
    records = model._records(samples.inputs())
    fold = rng.permutation(len(records)) % FOLDS
    own = np.zeros((len(records), p.shape[1]))
    for k in range(FOLDS):
        inside, out = records.rows(fold != k), records.rows(fold == k)
        inner = model._inner().fit(inside.samples(samples.target, truth), Fitting(0))
        own[fold == k] = inner.predict(out.samples(samples.target, truth))["label"].to_numpy()
    return {
        "events, all years": scored(truth, p),
        "single records, all years": scored(truth[records.sample], own),
    }


def scored(truth: NDArray[Any], p: NDArray[Any]) -> dict[str, Any]:
    """Balanced accuracy with its interval, and accuracy, of the most probable type."""
    metric = balanced_accuracy("label")
    observed = xr.Dataset({"label": ("sample", truth)})
    predicted = xr.Dataset({"label": (("sample", "category"), p)})
    # each sample for itself, as one who deals them at random would take them
    seen = block_bootstrap(metric, metric.stats(observed, predicted), np.arange(len(truth)))
    return {
        "balanced_accuracy": seen.score,
        "low": seen.low,
        "high": seen.high,
        "accuracy": float((p.argmax(axis=1) == truth).mean()),
        "n": len(truth),
    }


def confounders(result: Result) -> dict[str, float]:
    """Macro-F1 and balanced accuracy from instrument and number of stations alone, by event."""
    table = pd.read_csv(locate("pnw-seismic-sources").path / "traces.csv")
    table = table[table["label"].notna()]
    code = table["channel_id"].str.split(".")
    known = pd.DataFrame(
        {
            "rate": table["sampling_rate"],
            "broadband": code.str[-1].str[0].map({"B": 0, "H": 1, "E": 2}).astype(float),
            "network": pd.factorize(code.str[0])[0].astype(float),
            "records": table.groupby("event")["file"].transform("size").astype(float),
        }
    )
    said = np.zeros((len(table), 3))
    names, y = np.unique(table["label"], return_inverse=True)
    for inside, out in GroupKFold(5).split(known, y, table["event"]):
        forest = RandomForestClassifier(**FOREST).fit(known.iloc[inside], y[inside])
        said[np.ix_(out, forest.classes_)] = forest.predict_proba(known.iloc[out])
    by_event = pd.DataFrame(said).groupby(table["event"].to_numpy()).mean().to_numpy().argmax(1)
    truth = pd.Series(y).groupby(table["event"].to_numpy()).first().to_numpy()
    return {
        "f1_macro": float(f1_score(truth, by_event, average="macro")),
        "balanced_accuracy": float(balanced_accuracy_score(truth, by_event)),
        "types": len(names),
    }


def measure(name: str, folder: Path) -> dict[str, Any]:
    """Run one dataset and say what was found."""
    began, cpu = time.perf_counter(), time.process_time()
    config = RunConfig.of("event-classification", {"data": name, "explain": 100})
    result = run(config, folder / name, keep=True)
    random = result.leaks.numbers.query("split == 'random' and item == 'score of the probe'")
    found: dict[str, Any] = {
        "settings": {
            k: getattr(result.config, k)
            for k in ("train_from", "calibrate_from", "test_from", "splits", "decide", "stations")
        },
        "parts": [
            {"train": len(s.train), "calibrate": len(s.calibrate), "test": len(s.test)}
            for s in result.splits
        ],
        "selected": result.selected,
        "weights": result.weights,
        "scores": [{k: getattr(s, k) for k in KEPT} for s in result.scores],
        "random split, of the leak audit": random[["what", "value", "low", "high", "n"]].to_dict(
            "records"
        ),
        "random split, as often published": random_splits(result),
        "abstention": abstention(result),
        "suspected labels": suspects(result).to_dict("records"),
        "leak audit": result.leaks.summary,
    }
    if name == "pnw-seismic-sources":
        found["instrument and number of stations alone"] = confounders(result)
    found["seconds"] = round(time.perf_counter() - began)
    found["cpu_seconds"] = round(time.process_time() - cpu)
    keep_bundle(folder / name / "bundle", BUNDLES / name)
    return found


def keep_bundle(source: Path, target: Path) -> None:
    """Keep a bundle beside the results if it is small."""
    size = sum(f.stat().st_size for f in source.iterdir())
    if size < 1 << 20:
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target)


def later(name: str, folder: Path) -> None:
    """Fit with a year more, and calibrate on the last year before the blind events."""
    dates = {"calibrate_from": "2020-07-01", "test_from": "2021-06-01", "audit": False}
    settings = {"data": name, "explain": 10, "candidates": ["random-forest"], **dates}
    run(RunConfig.of("event-classification", settings), folder)
    keep_bundle(folder / "bundle", BUNDLES / f"{name}-later")


def main() -> None:
    """Measure the dataset named, or both."""
    wanted = [a for a in sys.argv[1:] if a in ("icequake-alaska", "pnw-seismic-sources")]
    rest = [a for a in sys.argv[1:] if a not in wanted]
    folder = Path(rest[0]) if rest else Path(tempfile.gettempdir()) / "event_types"
    for name in wanted or ["icequake-alaska", "pnw-seismic-sources"]:
        measured = measure(name, folder)
        found = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.is_file() else {}
        found[name] = measured
        RESULT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        if name == "icequake-alaska":
            later(name, folder / "later")


if __name__ == "__main__":
    main()
