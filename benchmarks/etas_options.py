"""What each option of the ETAS fit gains alone: EarthquakeNPP, training and validation windows.

    python benchmarks/etas_options.py --data DIR [--series SanJac_10 SCEDC_30]

DIR is the folder ``earthquakenpp`` of the data mirror; default: the one in ``$CRATON_DATA_DIR``.
Each model is fitted on the training window and scored on the validation window; events of the
test window are cut off before anything is done. `gain` is the log-likelihood of the validation
window above that of the plain model, in nats an event, with its 95 % interval from 30-day blocks.

With a completeness only the events above it count, and the gain is over the plain model's
parameters under the same completeness. Prints JSON and keeps it in ``benchmarks/results``.
"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from craton.models.physics.etas import Events
from craton.models.physics.etas_options import OPTIONS, OptionGain, option_gains
from earthquakenpp import Series


def judge(folder: Path, name: str) -> dict[str, Any]:
    """The table of a series."""
    series = Series(folder, name, None)
    known = series.time < series.test
    events = Events.of(series.time[known], *series.xy[:, known], series.magnitude[known])
    found = option_gains(
        events, np.ones(events.time.size, bool), (series.train[0], series.validation[0]),
        series.validation, mc=float(series.entry["mc"]), region=series.region,
        delta_m=float(series.entry["delta_m"]), options=(*OPTIONS, "expectation-maximisation"),
    )  # fmt: skip
    return {option: row(one) for option, one in found.items()}


def row(one: OptionGain) -> dict[str, Any]:
    """What is kept of an option."""
    return {
        **asdict(one.gain),
        "events": one.events,
        "parameters": asdict(one.fit.parameters),
        "branching_ratio": one.fit.parameters.branching_ratio(8.5),
        "training_log_likelihood": one.fit.log_likelihood,
        "training_events": one.fit.n_targets,
        "passes": one.fit.evaluations,
        "converged": one.fit.converged,
        "exponent": one.fit.exponent,
        "seconds": one.seconds,
    }


def main() -> None:
    """Judge each series."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--series", nargs="+", default=["SanJac_10", "SCEDC_30"])
    asked = parser.parse_args()
    folder = asked.data or Path(os.environ["CRATON_DATA_DIR"]) / "earthquakenpp"
    target = Path(__file__).parent / "results" / "etas_options.json"
    result = json.loads(target.read_text()) if target.exists() else {}
    for name in asked.series:
        result[name] = judge(folder, name)
        target.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
