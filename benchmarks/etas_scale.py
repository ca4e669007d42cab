"""How scoring and fitting the ETAS model grow with the catalogue: seconds, CPU seconds, memory.

    python benchmarks/etas_scale.py --data DIR [--sizes 5000 10000 ...] [--threads 2]

DIR is the folder ``earthquakenpp`` of the data mirror; default: the one in ``$CRATON_DATA_DIR``.
Each task runs in a process of its own; its peak is what ``getrusage`` says, imports included. One
call on few events comes first, so that compiling is not timed. Prints JSON and keeps it in
``results/etas_scale.json``, which is written after each task.

Scoring: ComCat with the published parameters, 21,881 targets and 92,255 sources as in the
benchmark's test. Its test events are withheld, so the targets are the last 21,881 events before
it, and the sources are made up to 92,255 with the catalogue's first events once more, moved back
in time to end before it. The number of pairs is that of the test; the scores have no meaning.

Fitting: the first n events of SCEDC, magnitude 2.0 and above, with a uniform background; the
first tenth only triggers.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from craton.data.earthquakenpp import FILES
from craton.io.catalog import read_catalog
from craton.io.geodesy import project
from craton.models.physics.etas import EtasParameters, Events, fit
from craton.models.physics.etas_scores import benchmark_events, next_event_scores

RESULT = Path(__file__).parent / "results" / "etas_scale.json"
SOURCES, TARGETS = 92_255, 21_881


def read(folder: Path, series: str) -> tuple[dict[str, Any], tuple[Any, ...]]:
    """Settings of a series, and its events (days, latitude, longitude, magnitude)."""
    entry = json.loads((folder / "benchmark.json").read_text(encoding="utf-8"))[series]
    catalog = read_catalog(folder / FILES[series.split("_")[0]])
    origin = np.datetime64(entry["auxiliary_start"], "ns")
    days = (catalog["time"].to_numpy().astype("datetime64[ns]") - origin).astype(np.int64) / 86400e9
    columns = (catalog[name].to_numpy() for name in ("latitude", "longitude", "magnitude"))
    return entry, benchmark_events(
        days, *columns, window=(0.0, np.inf), polygon=entry["polygon_latlon"], mc=entry["mc"],
        delta_m=entry["delta_m"],
    )  # fmt: skip


def timed(work: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    """Result of a call, and what it cost."""
    began = time.process_time(), time.perf_counter()
    found = work()
    cost = time.process_time() - began[0], time.perf_counter() - began[1]
    return found, {
        "cpu_s": round(cost[0], 2),
        "wall_s": round(cost[1], 2),
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "load_average": round(os.getloadavg()[0], 1),
    }


def score(folder: Path, _: int) -> dict[str, Any]:
    """Score as many pairs as ComCat's test has, three times."""
    entry, events = read(folder, "ComCat_25")
    more = SOURCES - events[0].size
    back = events[0][more - 1] + 1.0
    time_, lat, lon, m = (np.concatenate([v[:more], v]) for v in events)
    time_[:more] -= back
    parameters = EtasParameters.from_mapping(entry["etas_parameters"])

    def call(targets: int) -> Any:
        window = (float(time_[-targets]), float(time_[-1]) + 1e-9)
        return next_event_scores(
            parameters, time_, lat, lon, m, test=window, area=entry["area_km2"]
        )

    call(100)
    runs = [timed(lambda: call(TARGETS)) for _ in range(3)]
    index = runs[0][0].event
    assert (time_.size, index.size) == (SOURCES, TARGETS)
    costs = sorted((cost for _, cost in runs), key=lambda c: c["cpu_s"])
    return {
        **costs[1],
        "wall_s_of_each_call": [cost["wall_s"] for _, cost in runs],
        "sources": SOURCES,
        "targets": TARGETS,
        "pairs": int(index.sum()),
        "sources_moved_back_in_time": int(more),
    }


def fitted(folder: Path, n: int) -> dict[str, Any]:
    """Fit the first n events."""
    entry, (time_, lat, lon, m) = read(folder, "SCEDC_20")
    centre = tuple(entry["projection_center_latlon"])
    x, y = project(lat, lon, centre)
    corners = np.array(entry["polygon_latlon"])
    region = np.stack(project(corners[:, 0], corners[:, 1], centre), axis=1)

    def call(n: int) -> Any:
        events = Events.of(time_[:n], x[:n], y[:n], m[:n])
        window = float(time_[n // 10]), float(time_[n])
        targets = (events.time >= window[0]) & (events.time < window[1])
        return fit(events, targets, window, mc=entry["mc"], region=region,
                   delta_m=entry["delta_m"])  # fmt: skip

    call(500)
    found, cost = timed(lambda: call(n))
    return {
        "events": n,
        "targets": found.n_targets,
        **cost,
        "evaluations": found.evaluations,
        "converged": found.converged,
        "log_likelihood_per_target": found.log_likelihood / found.n_targets,
        "branching_ratio": found.parameters.branching_ratio(),
    }


def growth(fits: list[dict[str, Any]], cost: str) -> float:
    """Exponent of a cost in the number of events."""
    events, costs = ([one[key] for one in fits] for key in ("events", cost))
    return round(float(np.polyfit(np.log(events), np.log(costs), 1)[0]), 2)


def main() -> None:
    """Run the tasks, print and keep."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    mirror = os.environ.get("CRATON_DATA_DIR")
    parser.add_argument("--data", type=Path, default=mirror and Path(mirror) / "earthquakenpp")
    sizes = [5_000, 10_000, 20_000, 50_000, 100_000]
    parser.add_argument("--sizes", type=int, nargs="+", default=sizes)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--task", choices=("score", "fit"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.data is None:
        sys.exit("give --data or set CRATON_DATA_DIR")
    if given.task:
        task = score if given.task == "score" else fitted
        print(json.dumps(task(given.data, given.sizes[0])))
        return

    def run(task: str, n: int) -> dict[str, Any]:
        command = [sys.executable, __file__, "--data", str(given.data), "--task", task]
        limits = dict.fromkeys(("NUMBA_NUM_THREADS", "OMP_NUM_THREADS"), str(given.threads))
        done = subprocess.run(
            [*command, "--sizes", str(n)], env=os.environ | limits, check=True,
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        print(f"{task}: {found}", file=sys.stderr, flush=True)
        return found

    result: dict[str, Any] = {
        "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
        "threads": given.threads,
        "score": run("score", 0),
        "fits": [],
    }
    for n in given.sizes:
        result["fits"].append(run("fit", n))
        if len(result["fits"]) > 1:
            result["growth_of_cpu_s"] = growth(result["fits"], "cpu_s")
            result["growth_of_wall_s"] = growth(result["fits"], "wall_s")
        RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
