"""Seven-day forecasts of the neural ETAS model and of ETAS in validation windows, and what came.

    python benchmarks/neural_windows.py [--series NAME ...] [--keep DIR]

Both are fitted on the training window (the network's steps are chosen on the validation window,
which therefore judges how forecasts are simulated, not whether the network is worth having; no test
window is read). Forecasts of the number of events in the region are issued half an hour and a day
after the twelve largest events of the validation window that are ten days apart, and at 24 times
drawn evenly. Prints JSON and keeps it in ``benchmarks/results``: events observed and expected, the
median and the root mean square of the logarithm of their ratio (half an event is added to both),
and the share of windows whose count lies in the 95 % interval. With ``--keep`` what was fitted is
kept.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from craton.models.physics.etas_background import UniformDensity
from craton.models.physics.etas_forecast import forecast_windows as etas_windows
from craton.models.physics.etas_neural import WIDTHS, Network, NeuralEtas
from craton.models.physics.etas_neural_forecast import PastDensity, forecast_windows
from craton.models.physics.etas_neural_past import Past
from craton.models.physics.etas_neural_training import train
from craton.models.physics.etas_parameters import EtasParameters, Events
from craton.models.physics.polygons import inside_polygon
from earthquakenpp import Say, Series

RESULT = Path(__file__).parent / "results" / "neural_windows.json"
DAYS, CATALOGS, M_MAX = 7.0, 200, 8.0


def learn(series: Series, kept: Path | None) -> tuple[EtasParameters, NeuralEtas]:
    """Fit on the training window, or load what was kept."""
    if kept and kept.exists():
        with np.load(kept) as arrays:
            state = dict(arrays)
        base = EtasParameters(*(float(v) for v in state.pop("base")))
        return base, NeuralEtas.from_arrays(state, Network())
    base = series.etas(series.train).parameters
    model = train(
        series.described(base, series.test), series.train, series.validation, gamma=base.gamma,
        network=Network(), progress=Say().progress,
    ).model  # fmt: skip
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez(kept, base=np.array(list(asdict(base).values())), **model.arrays())
    return base, model


def issues(series: Series) -> list[tuple[str, float]]:
    """Kind and time of each forecast."""
    begin, end = series.validation[0], series.validation[1] - DAYS - 1
    inside = np.flatnonzero((series.time >= begin) & (series.time < end))
    large: list[float] = []
    for moment in series.time[inside[np.argsort(-series.magnitude[inside], kind="stable")]]:
        if all(abs(moment - other) > 10 for other in large):
            large.append(float(moment))
        if len(large) == 12:
            break
    found = [(f"{d:g} days after a large event", t + d) for t in large for d in (0.02, 1.0)]
    drawn = np.sort(np.random.default_rng(0).uniform(begin, end, 24))
    return found + [("at random", float(t)) for t in drawn]


def compare(series: Series, base: EtasParameters, model: NeuralEtas) -> dict[str, Any]:
    """Forecast and count."""
    catalog = series.described(base, series.test)
    likely = catalog.rate[:, 0] / catalog.rate.sum(axis=1)
    (west, south), (east, north) = series.region.min(axis=0), series.region.max(axis=0)
    box = np.array([[west, east, south, north]])
    rows = []
    for kind, start in issues(series):
        n = int((series.time < start).sum())
        time_, (x, y), m = series.time[:n], series.xy[:, :n], series.magnitude[:n]
        density = PastDensity.of(
            x, y, likely[:n], WIDTHS * series.scale, model.shares, series.region
        )
        say: dict[str, Any] = {"m_max": M_MAX, "n_catalogs": CATALOGS, "seed": 1}
        begun = time.process_time()
        neural = forecast_windows(
            model, base, Past(time_, x, y, m, catalog.features[:n]), start, [start + DAYS], box,
            density, density.in_cells(box), (base.mc,), scale=series.scale, **say,
        )  # fmt: skip
        spent = time.process_time() - begun
        etas = etas_windows(
            base, Events(time_, x, y, m), start, [start + DAYS], box,
            UniformDensity(series.region), (base.mc,), **say,
        )  # fmt: skip
        row: dict[str, Any] = {"kind": kind, "cpu_seconds": spent}
        row["observed"] = int(((series.time >= start) & (series.time < start + DAYS)).sum())
        for name, forecast in (("neural", neural), ("etas", etas)):
            events = forecast[0][0].catalogs
            inside = inside_polygon(events.x, events.y, series.region)
            row[name] = np.bincount(events.catalog[inside], minlength=CATALOGS)
        rows.append(row)
    return {name: _by_kind(rows, name) for name in ("neural", "etas")} | {
        "cpu_seconds_a_neural_forecast": round(
            float(np.median([r["cpu_seconds"] for r in rows])), 2
        )
    }


def _by_kind(rows: list[dict[str, Any]], name: str) -> dict[str, Any]:
    found = {}
    for kind in dict.fromkeys(r["kind"] for r in rows):
        some = [r for r in rows if r["kind"] == kind]
        seen = np.array([r["observed"] for r in some])
        expected = np.array([r[name].mean() for r in some])
        low, high = np.quantile([r[name] for r in some], [0.025, 0.975], axis=1)
        ratio = np.log((expected + 0.5) / (seen + 0.5))
        found[kind] = {
            "windows": len(some),
            "observed": int(seen.sum()),
            "expected": round(float(expected.sum()), 1),
            "median_log_ratio": round(float(np.median(ratio)), 3),
            "rms_log_ratio": round(float(np.sqrt(np.mean(ratio**2))), 3),
            "within_95": round(float(np.mean((low <= seen) & (seen <= high))), 3),
        }
    return found


def main() -> None:
    """Read the command line and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--series", nargs="+", default=["SanJac_10", "SCEDC_30"])
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    if "CRATON_DATA_DIR" not in os.environ:
        sys.exit("set CRATON_DATA_DIR")
    torch.set_num_threads(2)
    folder = Path(os.environ["CRATON_DATA_DIR"]) / "earthquakenpp"
    result = {}
    for name in given.series:
        series = Series(folder, name, None)
        base, model = learn(series, given.keep and given.keep / f"{name}.npz")
        result[name] = compare(series, base, model)
        print(json.dumps({name: result[name]}, indent=1), flush=True)
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
