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
import time
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from craton.models.physics.etas import Anisotropy, Completeness, Events, fit, log_likelihood
from craton.seismicity.completeness import magnitude_of_completeness
from earthquakenpp import Series

BLOCK = 30.0  # days


class Case:
    """Events before the test, and the plain fit on the training window."""

    def __init__(self, folder: Path, name: str) -> None:
        self.series = series = Series(folder, name, None)
        known = series.time < series.test
        self.events = Events.of(series.time[known], *series.xy[:, known], series.magnitude[known])
        self.mc, self.step = float(series.entry["mc"]), float(series.entry["delta_m"])
        self.start, (self.middle, self.end) = series.train[0], series.validation

    def fit(self, **options: Any) -> Any:
        """Fit on the training window."""
        past = Events(*(v[self.events.time < self.middle] for v in self.events))
        return fit(past, past.time >= self.start, (self.start, self.middle), mc=self.mc,
                   region=self.series.region, delta_m=self.step, **options)  # fmt: skip

    def blocks(self, found: Any, **options: Any) -> np.ndarray:
        """Log-likelihood and number of events of each block of the validation window."""
        edges = np.append(np.arange(self.middle, self.end, BLOCK), self.end)
        rows, completeness = [], options.get("completeness")
        counted = np.ones(self.events.time.size, bool)
        if completeness is not None:
            counted = completeness.complete(self.events, self.mc)
        for window in pairwise(edges):
            past = Events(*(v[self.events.time < window[1]] for v in self.events))
            targets = past.time >= window[0]
            density = found.background.at(past.x[targets], past.y[targets])
            value, _ = log_likelihood(
                found.parameters, past, targets, window, self.series.area, density, **options
            )
            rows.append((value, (targets & counted[: targets.size]).sum()))
        return np.array(rows, dtype=float)

    def network(self) -> Completeness:
        """Steps of three years in the training window, the last one kept for validation."""
        starts = np.arange(0.0, self.middle - 1000.0, 1096.0)
        levels = []
        for a, b in zip(starts, [*starts[1:], self.middle], strict=True):
            part = self.events.magnitude[(self.events.time >= a) & (self.events.time < b)]
            # A catalogue cut off at mc has its fullest bin there: that says nothing against it.
            found = magnitude_of_completeness(part, self.step) if part.size > 50 else 0.0
            higher = found - 0.2 > self.mc + self.step / 2
            levels.append(round(found / self.step) * self.step if higher else self.mc)
        return Completeness.of(starts, levels)


def compare(found: np.ndarray, plain: np.ndarray) -> dict[str, float]:
    """Gain an event with its interval, blocks drawn with replacement."""
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, len(found), (2000, len(found)))
    gain, n = found[:, 0] - plain[:, 0], found[:, 1]
    many = gain[drawn].sum(axis=1) / np.maximum(n[drawn].sum(axis=1), 1)
    low, high = np.quantile(many, [0.025, 0.975])
    return {"gain": float(gain.sum() / n.sum()), "low": float(low), "high": float(high),
            "nats": float(gain.sum()), "events": int(n.sum())}  # fmt: skip


def judge(folder: Path, name: str) -> dict[str, Any]:
    """The table of a series."""
    case, table = Case(folder, name), {}
    always = Completeness.of([0.0], [case.mc])
    hidden = always.after_large_events(
        case.events, mc=case.mc, from_magnitude=max(case.mc + 2, 4.0), step=case.step
    )
    ellipses = Anisotropy(magnitude=case.mc + 2.0)
    options = {
        "plain": {},
        "em": {"method": "em"},
        "kernel background": {"background": "kernel"},
        "completeness in time": {"completeness": case.network()},
        "after large events": {"completeness": hidden},
        "ellipses": {"anisotropy": ellipses},
    }
    plain: Any = None
    for option, settings in options.items():
        begun, cpu = time.perf_counter(), time.process_time()
        found = case.fit(**settings)
        spent = {"seconds": time.perf_counter() - begun, "cpu_s": time.process_time() - cpu}
        plain = plain or found
        scoring = {k: v for k, v in settings.items() if k == "completeness"}
        reference = case.blocks(plain, **scoring)
        if "anisotropy" in settings:
            scoring["anisotropy"] = replace(ellipses, exponent=found.exponent)
        table[option] = {
            **compare(case.blocks(found, **scoring), reference),
            "parameters": asdict(found.parameters),
            "branching_ratio": found.parameters.branching_ratio(8.5),
            "training_log_likelihood": found.log_likelihood,
            "training_events": found.n_targets,
            "passes": found.evaluations,
            "converged": found.converged,
            "exponent": found.exponent,
            **spent,
        }
        print(name, option, json.dumps(table[option]), flush=True)
    table["completeness in time"]["levels"] = case.network().levels[0].tolist()
    return table


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
