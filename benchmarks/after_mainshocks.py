"""What forecasts expect in the week after the mainshocks that their models have learnt from.

    CRATON_DATA_DIR=DIR python benchmarks/after_mainshocks.py [SERIES ...]

Each model is fitted on the windows before the test of an EarthquakeNPP series and asked right after
each of the largest earthquakes of these windows, and some time later, how many events it expects in
7 days in the zone of the mainshock (`craton.past_mainshocks`, the table that every report has).
Nothing of the test is looked at. Prints JSON and keeps it in ``results/after_mainshocks.json``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from craton.models.base import Fitting
from craton.past_mainshocks import past_forecasts
from craton.tasks.earthquake_forecast import TASK, EarthquakeConfig

RESULT = Path(__file__).parent / "results" / "after_mainshocks.json"
MODELS = ("etas-kernel-background", "etas-neural")
AGES = (0, 1 / 24, 0.25, 1, 3, 10, 30)
"""Days after the mainshock that forecasts are issued."""


def measure(series: str) -> dict[str, Any]:
    """Tables of all models."""
    config = EarthquakeConfig(data=f"earthquakenpp/{series}")
    data = TASK.load(config)
    config = TASK.resolve(data, config)
    samples = TASK.samples(data, config, False)
    split = next(iter(TASK.splitter(config, samples).split(samples.index)))
    found = {}
    for name in MODELS:
        model = TASK.model(name).fit(samples.take(split.train), Fitting())
        result = SimpleNamespace(
            samples=samples, splits=[split], config=config, selected=name, fitted=[{name: model}]
        )
        tables = {age: past_forecasts(result, age) for age in AGES}
        found[name] = {
            "in all, by days since the mainshock": {
                f"{age:.2g}": {
                    "expected": round(float(table["expected in 7 days"].sum()), 1),
                    "came": int(table["came"].sum()),
                }
                for age, table in tables.items()
            },
            "mainshocks": tables[0].to_dict("records"),
        }
    return found


def main() -> None:
    """Measure, print and keep."""
    found = {series: measure(series) for series in sys.argv[1:] or ["SCEDC_30"]}
    RESULT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
