"""Run one task of the package ``etas``; called by ``etas_peer.py`` in that package's interpreter.

    python etas_peer_driver.py PACKAGE TASK.json

PACKAGE is the folder that holds ``etas/``. Needs nothing of craton. Prints one line of JSON last.
Only the work is timed, not imports and not the reading of the catalogue.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import os
import sys
import time
import warnings
from pathlib import Path
from typing import Any

PARTS = ("inversion", "simulation", "evaluation", "mc_b_est")


def status_mib(name: str) -> float:
    """A line of /proc/self/status, in MiB: VmHWM is the peak, VmRSS the present."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return round(int(line.split()[1]) / 1024, 1)
    return float("nan")


def metadata(task: dict[str, Any]) -> dict[str, Any]:
    """What the package wants to be told."""
    import pandas as pd

    catalog = pd.read_csv(task["events"], index_col=0)
    catalog["time"] = pd.to_datetime(catalog["time"], format="ISO8601")
    names = ("auxiliary_start", "timewindow_start", "timewindow_end", "mc", "delta_m")
    return {
        **{name: task[name] for name in names},
        "catalog": catalog,
        "coppersmith_multiplier": task["coppersmith_multiplier"],
        "shape_coords": task["polygon"],
        "theta_0": task["theta_0"],
    }


def fit(task: dict[str, Any]) -> dict[str, Any]:
    """Invert; the time is of prepare() and invert(), as the package's own script calls them."""
    from etas.inversion import ETASParameterCalculation

    calculation = ETASParameterCalculation(metadata(task))
    before = status_mib("VmRSS")
    clock = [(time.process_time(), time.perf_counter())]
    calculation.prepare()
    clock.append((time.process_time(), time.perf_counter()))
    calculation.invert()
    clock.append((time.process_time(), time.perf_counter()))
    return {
        "parameters": {k: v for k, v in calculation.theta.items() if v is not None},
        "beta": float(calculation.beta),
        "area_km2": float(calculation.area),
        "targets": len(calculation.target_events),
        "sources": len(calculation.source_events),
        "pairs": len(calculation.distances),
        "iterations": calculation.i,
        "cpu_s": clock[2][0] - clock[0][0],
        "wall_s": clock[2][1] - clock[0][1],
        "cpu_prepare_s": clock[1][0] - clock[0][0],
        "rss_before_mib": before,
        "peak_mib": status_mib("VmHWM"),
    }


def evaluate(task: dict[str, Any]) -> dict[str, Any]:
    """Score parameter sets on the events between timewindow_end and testwindow_end."""
    import numpy as np
    from etas.evaluation import ETASLikelihoodCalculation

    scores = {}
    for name, (parameters, beta) in task["models"].items():
        np.random.seed(1)  # noqa: NPY002 - the generator that it draws from
        given = metadata(task) | {
            "testwindow_end": task["testwindow_end"],
            "area": None,
            "beta": beta,
            "final_parameters": {"log10_iota": None, **parameters},
        }
        calculation = ETASLikelihoodCalculation(given)
        calculation.prepare(n=task["nodes"])
        scores[name] = {k: float(v) for k, v in calculation.evaluate().items()}
        scores[name]["events"] = len(calculation.indexes_in_test_window)
    return scores


def carry_on(task: dict[str, Any]) -> dict[str, Any]:
    """Simulate continuations of the history; numbers of events in the polygon."""
    import numpy as np
    from etas.inversion import ETASParameterCalculation
    from etas.simulation import ETASSimulation

    state = ETASParameterCalculation(metadata(task))
    state.catalog = state.filter_catalog(state.catalog)
    state.target_events = state.prepare_target_events()
    state.source_events = state.prepare_source_events()
    state.target_events["P_background"] = state.target_events["zeta_plus_1"] = 1.0
    state.theta = {"log10_iota": None, **task["parameters"]}
    state.beta = task["beta"]
    simulation = ETASSimulation(state)
    simulation.prepare()
    # Without these the package draws background events uniformly, which is the model fitted.
    simulation.background_lats = simulation.background_lons = simulation.background_probs = None
    before = status_mib("VmRSS")
    cpu, wall = time.process_time(), time.perf_counter()
    # All that it draws: it takes the events from half a bin below the threshold on.
    found = simulation.simulate_to_df(task["days"], task["n"], m_threshold=task["mc"])
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    counts = np.bincount(found["catalog_id"].to_numpy(int), minlength=task["n"])
    return {
        "counts": counts.tolist(),
        "cpu_s": cpu,
        "wall_s": wall,
        "rss_before_mib": before,
        "peak_mib": status_mib("VmHWM"),
    }


def simulate(task: dict[str, Any]) -> dict[str, Any]:
    """Write a catalogue with known parameters, as the package simulates it."""
    import numpy as np
    import pandas as pd
    from etas.simulation import generate_catalog
    from shapely.geometry import Polygon

    np.random.seed(task["seed"])  # noqa: NPY002 - the generator that it draws from
    catalog = generate_catalog(
        Polygon(task["polygon"]),
        pd.Timestamp(task["auxiliary_start"]),
        pd.Timestamp(task["timewindow_end"]),
        {"log10_iota": None, **task["parameters"]},
        mc=task["mc"],
        beta_main=task["beta"],
        delta_m=task["delta_m"],
    )
    catalog = catalog.sort_values("time").reset_index(drop=True)
    columns = ["time", "latitude", "longitude", "magnitude"]
    catalog[columns].to_csv(task["events"], date_format="%Y-%m-%dT%H:%M:%S.%f")
    return {"events": len(catalog), "background": int(catalog["is_background"].sum())}


def versions(task: dict[str, Any]) -> dict[str, Any]:
    """Versions of what is imported, and fingerprints of the package's files."""
    import etas

    folder = Path(etas.__file__).parent
    sums = {f: hashlib.sha256((folder / f"{f}.py").read_bytes()).hexdigest() for f in PARTS}
    names = ("numpy", "scipy", "pandas", "geopandas", "shapely", "pyproj", "pynverse")
    found = {name: importlib.metadata.version(name) for name in names}
    return {"python": sys.version.split()[0], **found, "sha256": sums}


def main() -> None:
    """Do the task and print its answer."""
    # One process and one thread: its CPU seconds are then those that it needs.
    os.environ["LOKY_MAX_CPU_COUNT"] = "1"
    warnings.filterwarnings("ignore")
    sys.path.insert(0, sys.argv[1])
    task = json.loads(Path(sys.argv[2]).read_text())
    todo = {f.__name__: f for f in (fit, evaluate, carry_on, simulate, versions)}
    with contextlib.redirect_stdout(sys.stderr):
        import etas.evaluation
        import etas.simulation  # noqa: F401

        answer = todo[task["do"]](task)
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
