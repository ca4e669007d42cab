"""How long an update of the earthquake forecast takes, and where the time goes.

    CRATON_DATA_DIR=DIR python benchmarks/update.py [SERIES ...] [--days 60] [--model NAME]

For each EarthquakeNPP series the model is fitted on all windows but those of the last days and kept
as a bundle; then `craton update` gets the whole catalogue, scores the model on what it has not
seen, re-estimates it from the old parameters and promotes it if it is not worse. Seconds are of the
clock; ``cpu`` is the processor time of the process, which other load does not lengthen. The first
fit of a process, in which compiled parts are loaded, is made on a small catalogue before.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd

from craton import bundle as bundles
from craton import engine, provenance
from craton.data.earthquakes import simulated_catalog
from craton.models.base import Fitting
from craton.monitor import trained_on
from craton.tasks.earthquake_forecast import TASK, EarthquakeConfig

RESULT = Path(__file__).parent / "results" / "update.json"
SERIES = ("SCEDC_30", "SaltonSea_10")


def warm_up(model: str) -> None:
    """Compile and load what a first fit and forecast need."""
    data = simulated_catalog(days=800.0)
    settings = {
        "magnitude": 3.0,
        "cell": 1.0,
        "train_from": "2000-06-01",
        "test_from": "2001-06-01",
    }
    config = TASK.resolve(data, EarthquakeConfig(**settings))
    samples = TASK.samples(data, config, False)
    TASK.model(model).fit(samples).predict(samples.take([0]))


def keep(model: str, days: float, config: EarthquakeConfig, folder: Path) -> dict[str, Any]:
    """Fit a model on all but the last days, save it as a bundle; return seconds and sizes."""
    data = TASK.load(config)
    config = TASK.resolve(data, config)
    samples = TASK.samples(data, config, False)
    end = samples.index["t1"].max() - pd.Timedelta(days=days)
    learnt = samples.take((samples.index["t1"] <= end).to_numpy())
    clock, cpu = time.perf_counter(), time.process_time()
    own = TASK.model(model).fit(learnt, Fitting())
    seconds, cpu = time.perf_counter() - clock, time.process_time() - cpu
    target = samples.target
    manifest = {
        "task": TASK.name, "settings": config.model_dump(mode="json"), "seed": 0,
        "model": {"name": model, "members": {model: own.config.model_dump(mode="json")}},
        "target": {"name": target.name, "categories": [], "codes": [], "units": target.units,
                   "quantiles": list(target.quantiles)},
        "trained": trained_on(learnt.index),
    }  # fmt: skip
    state = {f"model.{k}": v for k, v in own.state().items()}
    bundles.save(folder, manifest, state, "# Model of a benchmark\n")
    used = samples.data
    return {
        "events": used.sizes["event"], "cells": used.sizes["cell"], "windows": len(samples),
        "old_fit_from_scratch": {"seconds": round(seconds, 2), "cpu": round(cpu, 2)},
    }  # fmt: skip


def measure(series: str, model: str, days: float) -> dict[str, Any]:
    """Fit, keep, update one series."""
    data = f"earthquakenpp/{series}"
    with tempfile.TemporaryDirectory() as folder:
        found = keep(model, days, EarthquakeConfig(data=data), Path(folder) / "old")
        clock, cpu = time.perf_counter(), time.process_time()
        update = engine.update(Path(folder) / "old", data, Path(folder) / "new")
        seconds, cpu = time.perf_counter() - clock, time.process_time() - cpu
    champion, challenger = update.champion, update.challenger
    return {
        "series": series, "model": model, **found, "new_days": days, "new_windows": update.n_new,
        "update": {"seconds": round(seconds, 2), "cpu": round(cpu, 2)},
        "update_steps_seconds": {k: round(v, 2) for k, v in update.seconds.items()},
        "load_average": round(os.getloadavg()[1], 1),
        "promoted": update.promoted, "metric": champion.metric, "old_on_all_new": champion.score,
        "new_on_held_back": None if challenger is None else challenger.score, "text": update.text,
    }  # fmt: skip


def main() -> None:
    """Measure and keep what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("series", nargs="*", default=SERIES)
    parser.add_argument("--days", type=float, default=60.0)
    parser.add_argument("--model", default="etas-kernel-background")
    given = parser.parse_args()
    if "CRATON_DATA_DIR" not in os.environ:
        parser.error("set CRATON_DATA_DIR")
    kept = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.is_file() else {}
    warm_up(given.model)
    for series in given.series:
        found = measure(series, given.model, given.days)
        kept[f"{series}, {given.model}, {given.days:g} days"] = {
            **found,
            "hardware": provenance.hardware(),
        }
        print(json.dumps(found, indent=1), flush=True)
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
