"""Run one task of ``etas_peer.py`` with craton, in a process of its own, so that its peak is known.

    python etas_peer_ours.py TASK.json

Prints one line of JSON last. One call on few events comes first, so that compiling is not timed.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from craton.io.geodesy import EARTH_RADIUS_KM, project
from craton.models.physics.etas import EtasParameters, Events, fit, log_likelihood
from craton.models.physics.etas_background import UniformDensity
from craton.models.physics.etas_scores import next_event_scores
from craton.models.physics.etas_simulation import simulate
from craton.models.physics.polygons import inside_polygon
from etas_peer_driver import status_mib

PEER_RADIUS_KM = 6378.1
"""Radius of the Earth that the peer takes; our map is stretched to it, so distances agree."""


class Case:
    """Events of a task in days and km, and its region with the peer's area."""

    def __init__(self, task: dict[str, Any]) -> None:
        table = pd.read_csv(task["events"], index_col=0)
        times = pd.to_datetime(table["time"], format="ISO8601").to_numpy("datetime64[ns]")
        self.origin = np.datetime64(task["auxiliary_start"], "ns")
        self.window = self.day(task["timewindow_start"]), self.day(task["timewindow_end"])
        self.days = self.day(times)
        self.table = table
        polygon = np.asarray(task["polygon"], float)
        self.centre = (float(polygon[:, 0].mean()), float(polygon[:, 1].mean()))
        self.area = float(task["area_km2"])
        corners = np.stack(self.km(polygon[:, 0], polygon[:, 1]), axis=1)
        # Within 0.3 %: the peer's area is that of an ellipsoid.
        self.region = corners * np.sqrt(self.area / UniformDensity.of(corners).area)

    def day(self, moment: Any) -> Any:
        """Days since the start of the auxiliary part."""
        since = (np.asarray(moment, "datetime64[ns]") - self.origin).astype(np.int64) / 86400e9
        return float(since) if since.ndim == 0 else since

    def km(self, latitude: Any, longitude: Any) -> tuple[Any, Any]:
        """East and north."""
        x, y = project(latitude, longitude, self.centre)
        stretch = PEER_RADIUS_KM / EARTH_RADIUS_KM
        return x * stretch, y * stretch

    def history(self) -> Events:
        """All events before the end of the window."""
        known = self.table[self.days < self.window[1]]
        x, y = self.km(known["latitude"].to_numpy(), known["longitude"].to_numpy())
        return Events.of(self.days[: len(known)], x, y, known["magnitude"].to_numpy())


def settings(parameters: dict[str, float], beta: float, mc: float) -> EtasParameters:
    """Parameters whose magnitudes count from mc."""
    return EtasParameters.from_mapping({**parameters, "beta": beta, "mc": mc})


def timed(work: Callable[[], Any], repeats: int = 3) -> tuple[Any, list[float], list[float]]:
    """Result of a call made a few times, with CPU and wall seconds of each."""
    cpu, wall = [], []
    for _ in range(repeats):
        began = time.process_time(), time.perf_counter()
        result = work()
        cpu.append(time.process_time() - began[0])
        wall.append(time.perf_counter() - began[1])
    return result, cpu, wall


def run_fit(task: dict[str, Any]) -> dict[str, Any]:
    """Fit with a uniform background."""
    case = Case(task)
    events = case.history()
    targets = events.time >= case.window[0]

    def call(last: int, window: tuple[float, float]) -> Any:
        some = Events(*(v[:last] for v in events))
        return fit(some, targets[:last], window, mc=task["mc"], region=case.region,
                   delta_m=task["delta_m"])  # fmt: skip

    few = int(np.flatnonzero(targets)[0]) + 200
    call(few, (case.window[0], float(events.time[few])))
    before = status_mib("VmRSS")
    found, cpu, wall = timed(lambda: call(events.time.size, case.window))
    values = asdict(found.parameters)
    return {
        "parameters": {k: v for k, v in values.items() if k not in ("beta", "mc")},
        "beta": found.parameters.beta,
        "targets": found.n_targets,
        "sources": events.time.size,
        "evaluations": found.evaluations,
        "converged": found.converged,
        "cpu_s": statistics.median(cpu),
        "wall_s": statistics.median(wall),
        "cpu_s_of_each_call": cpu,
        "rss_before_mib": before,
        "peak_mib": status_mib("VmHWM"),
    }


def run_likelihood(task: dict[str, Any]) -> dict[str, Any]:
    """Exact log-likelihood of parameter sets, and their scores on the events that come next."""
    case = Case(task)
    events = case.history()
    targets = events.time >= case.window[0]
    table, found = case.table, {}
    for name, (parameters, beta, mc) in task["models"].items():
        p = settings(parameters, beta, mc)
        value, _ = log_likelihood(p, events, targets, case.window, case.area)
        found[name] = {
            "log_likelihood": value,
            "branching_ratio": p.branching_ratio(),
        }
        if task.get("testwindow_end"):
            scores = next_event_scores(
                p, case.days, table["latitude"], table["longitude"], table["magnitude"],
                test=(case.window[1], case.day(task["testwindow_end"])), area=case.area,
            )  # fmt: skip
            temporal, spatial = float(scores.temporal.mean()), float(scores.spatial.mean())
            found[name] |= {"tll": temporal, "sll": spatial, "nll": -temporal - spatial}
            found[name]["events"] = int(scores.event.size)
    return found


def run_carry_on(task: dict[str, Any]) -> dict[str, Any]:
    """Simulate continuations of the history; numbers of events in the polygon."""
    case = Case(task)
    events, end = case.history(), case.window[1]
    p = settings(task["parameters"], task["beta"], task["mc"] - task["delta_m"] / 2)
    background = UniformDensity.of(case.region)

    def call(n: int, window: tuple[float, float]) -> Any:
        # The peer draws magnitudes without an upper bound.
        return simulate(p, window, background=background, history=events, m_max=12.0,
                        n_catalogs=n, seed=1)  # fmt: skip

    call(2, (end, end + 1.0))

    def counted() -> Any:
        result = call(task["n"], (end, end + task["days"]))
        # The peer's time includes taking the events in the polygon, so does ours.
        inside = inside_polygon(result.x, result.y, case.region)
        return np.bincount(result.catalog[inside], minlength=task["n"])

    before = status_mib("VmRSS")
    counts, cpu, wall = timed(counted)
    return {
        "counts": counts.tolist(),
        "cpu_s": statistics.median(cpu),
        "wall_s": statistics.median(wall),
        "cpu_s_of_each_call": cpu,
        "rss_before_mib": before,
        "peak_mib": status_mib("VmHWM"),
    }


def main() -> None:
    """Do the task and print its answer."""
    task = json.loads(Path(sys.argv[1]).read_text())
    todo = {"fit": run_fit, "likelihood": run_likelihood, "carry_on": run_carry_on}
    print(json.dumps(todo[task["do"]](task)))


if __name__ == "__main__":
    main()
