"""Do the 95 % intervals of ETAS parameters hold the truth as often as they say?

    python benchmarks/etas_coverage.py [--catalogs 200] [--days 800] [--as-in-practice]

Simulates catalogues from known parameters, fits each (its magnitudes' beta too) from a start that
does not know the truth, and counts how often the interval by the observed information holds the
true value. The background is uniform and known, and every simulated event is explained, those
outside the region too, so the model that is fitted is exactly the one that was simulated.

As in practice the world is 50 km wider on each side, the events outside the region are unseen, and
a kernel background is fitted with the parameters. Prints JSON and keeps it in
``benchmarks/results``, each kind beside the other.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from craton.models.physics.etas import FITTED, EtasParameters, Events, fit
from craton.models.physics.etas_background import UniformDensity
from craton.models.physics.etas_simulation import simulate

TRUTH = EtasParameters(-4.9, -2.25, 1.6, -2.2, 0.1, 1.5, -0.4, 0.8, 0.63, 2.3, 3.0)
REGION = (0.0, 200.0, 0.0, 150.0)
WIDER = (-50.0, 250.0, -50.0, 200.0)
M_MAX = 8.0
Z = 1.959964
PRACTICE = "kernel background fitted, events outside unseen"


def one(seed: int, days: float, practice: bool) -> dict[str, Any] | None:
    """Fit a catalogue; None if it has too few events to be fitted."""
    square = UniformDensity.of(WIDER if practice else REGION)
    world = simulate(TRUTH, (0, days), background=square, m_max=M_MAX, seed=seed)
    x0, x1, y0, y1 = REGION
    inside = (world.x >= x0) & (world.x <= x1) & (world.y >= y0) & (world.y <= y1)
    seen = inside if practice else np.ones(world.time.size, bool)
    if seen.sum() < 100:
        return None
    events = Events.of(*(v[seen] for v in (world.time, world.x, world.y, world.magnitude)))
    found = fit(events, np.ones(events.time.size, bool), (0, days), mc=TRUTH.mc, region=REGION,
                background="kernel" if practice else square, errors=True)  # fmt: skip
    errors = found.standard_errors | {"branching_ratio": found.branching_ratio_error(M_MAX)}
    value = asdict(found.parameters)
    value["branching_ratio"] = found.parameters.branching_ratio(M_MAX)
    return {"events": events.time.size, "converged": found.converged, "value": value,
            "error": errors}  # fmt: skip


def main() -> None:
    """Run all catalogues."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--catalogs", type=int, default=200)
    parser.add_argument("--days", type=float, default=800.0)
    parser.add_argument("--as-in-practice", action="store_true")
    asked = parser.parse_args()
    begun, rows = time.process_time(), []
    for seed in range(asked.catalogs):
        row = one(seed, asked.days, asked.as_in_practice)
        if row is not None:
            rows.append(row)
    truth = asdict(TRUTH) | {"branching_ratio": TRUTH.branching_ratio(M_MAX)}
    table = {}
    for name in (*FITTED, "beta", "branching_ratio"):
        value = np.array([r["value"][name] for r in rows])
        error = np.array([r["error"][name] for r in rows])
        known = np.isfinite(error)
        inside = np.abs(value - truth[name])[known] <= Z * error[known]
        table[name] = {
            "truth": truth[name],
            "median": float(np.median(value)),
            "spread": float(np.std(value[known], ddof=1)),
            "median_standard_error": float(np.median(error[known])),
            "coverage": float(inside.mean()),
            "within_90_to_99": bool(0.90 <= inside.mean() <= 0.99),
        }
    result = {
        "catalogs": len(rows),
        "skipped_below_100_events": asked.catalogs - len(rows),
        "without_errors": int(sum(not np.isfinite(r["error"]["rho"]) for r in rows)),
        "not_converged": int(sum(not r["converged"] for r in rows)),
        "days": asked.days,
        "events": [float(v) for v in np.quantile([r["events"] for r in rows], [0, 0.5, 1])],
        "parameters": table,
        "cpu_seconds": time.process_time() - begun,
    }
    path = Path(__file__).parent / "results" / "etas_coverage.json"
    kept = json.loads(path.read_text()) if path.is_file() else {}
    if asked.as_in_practice:
        result = kept | {PRACTICE: result}
    elif PRACTICE in kept:
        result |= {PRACTICE: kept[PRACTICE]}
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
