"""Forecasts after mainshocks, with and without the factor that is learnt from them, and what came.

    CRATON_DATA_DIR=DIR python benchmarks/after_mainshocks.py [SERIES ...] [--models NAME ...]

For an EarthquakeNPP series, ETAS with a kernel background and the neural ETAS are fitted twice:

- on the windows before the test: number of events in 7 days in the zones of the largest earthquakes
  of these windows (`craton.past_mainshocks`, the table that every report has), right after them and
  some time later. What comes is what the models have learnt from.
- on the windows before validation: the same after the largest earthquakes of validation, and the
  scores of all windows of 7 days there, by paired blocks.

Each with the factor of `craton.models.mainshock_factor` and without it, beside the formula of
Reasenberg and Jones fitted to the other mainshocks (first part) or to those before validation.
Nothing of the test is looked at. Prints JSON and keeps it in ``results/after_mainshocks.json``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from craton.data.registry import locate
from craton.models.base import Fitting
from craton.past_mainshocks import FORMULA, past_forecasts
from craton.tasks.earthquake_forecast import TASK, EarthquakeConfig
from craton.uncertainty import paired_gain

RESULT = Path(__file__).parent / "results" / "after_mainshocks.json"
MODELS = ("etas-kernel-background", "etas-neural")
AGES = (0, 1 / 24, 0.25, 1, 3, 10, 30)
"""Days after the mainshock that forecasts are issued."""


def measure(series: str, models: Sequence[str]) -> dict[str, Any]:
    """Both parts of a series."""
    protocol = json.loads((locate("earthquakenpp").path / "benchmark.json").read_text())[series]
    before, after = (protocol[f"{name}_start"] for name in ("val", "test"))
    learnt = EarthquakeConfig(data=f"earthquakenpp/{series}")
    held = EarthquakeConfig(data=f"earthquakenpp/{series}", test_from=before, test_until=after)
    found: dict[str, Any] = {"before the test": {}, f"validation, {before} to {after}": {}}
    for part, config in zip(found, (learnt, held), strict=True):
        data = TASK.load(config)
        config = TASK.resolve(data, config)
        samples = TASK.samples(data, config, False)
        split = next(iter(TASK.splitter(config, samples).split(samples.index)))
        looked = split.train if config.test_from == after else split.test
        for name in models:
            began = time.perf_counter()
            fitted = TASK.model(name).fit(samples.take(split.train), Fitting())
            seconds = round(time.perf_counter() - began, 1)
            print(f"{series}, {part}, {name}: fitted in {seconds} s", file=sys.stderr, flush=True)
            state = {k: v for k, v in fitted.state().items() if k != "mainshocks"}
            plain = fitted.replace().with_state(state)
            result = SimpleNamespace(
                samples=samples, splits=[split], config=config, selected=name,
                fitted=[{name: fitted}],
            )  # fmt: skip
            factor = fitted.factor
            lines: dict[str, Any] = {
                "factor": None if factor is None else {**factor._asdict(), "kept": factor.kept},
                "seconds to fit": seconds,
                "in all, by days since the mainshock": in_all(result, fitted, plain, looked),
                "mainshocks": past_forecasts(result, 0.0, looked).to_dict("records"),
            }
            if looked is split.test:
                lines["windows of 7 days"] = weekly(samples.take(looked), fitted, plain)
            found[part][name] = lines
    return found


def in_all(result: Any, fitted: Any, plain: Any, windows: Any) -> dict[str, Any]:
    """Numbers expected in all zones by age, with the factor, without it, and by the formula."""
    found = {}
    for age in AGES:
        tables = []
        for model in (fitted, plain):
            result.fitted = [{result.selected: model}]
            tables.append(past_forecasts(result, age, windows))
        result.fitted = [{result.selected: fitted}]
        count, came = "expected in 7 days", tables[0]["came"]
        within = [((t["95 % from"] <= came) & (came <= t["to"])).mean() for t in tables]
        found[f"{age:.2g}"] = {
            "expected": round(float(tables[0][count].sum()), 1),
            "expected without": round(float(tables[1][count].sum()), 1),
            **(
                {FORMULA: round(float(tables[0][FORMULA].sum()), 1)} if FORMULA in tables[0] else {}
            ),
            "came": int(came.sum()),
            "within 95 %": round(float(within[0]), 2),
            "within 95 % without": round(float(within[1]), 2),
        }
    return found


def weekly(samples: Any, fitted: Any, plain: Any) -> dict[str, Any]:
    """Scores of all windows with the factor and without it, and the gain by blocks of 30 days."""
    observed, found = samples.observed(), {}
    predictions = [model.predict(samples) for model in (fitted, plain)]
    t0 = samples.index["t0"].to_numpy()
    blocks = ((t0 - t0[0]) // np.timedelta64(30, "D")).astype(int)
    for metric in TASK.metrics(samples):
        stats = [metric.stats(observed, p) for p in predictions]
        gain = paired_gain(metric, stats[0], stats[1], blocks)
        with_it, without = (float(metric.value(s.sum(axis=0))) for s in stats)
        found[metric.name] = {
            "with": round(with_it, 4), "without": round(without, 4),
            "gain": [round(float(v), 4) for v in (gain.score, gain.low, gain.high)],
        }  # fmt: skip
    return found


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("series", nargs="*", default=["SCEDC_30"])
    parser.add_argument("--models", nargs="+", default=MODELS, choices=MODELS)
    said = parser.parse_args()
    kept = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else {}
    for series in said.series:
        kept[series] = measure(series, said.models)
        RESULT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(kept, indent=1))


if __name__ == "__main__":
    main()
