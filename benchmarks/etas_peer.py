"""Time craton's ETAS model against the package ``etas`` (github.com/lmizrahi/etas), same events.

    python benchmarks/etas_peer.py --python INTERPRETER --package PATH --data DIR
        [--sizes 5000 10000 20000] [--catalogs 4] [--ours-only]

INTERPRETER is one with what the package imports, PATH the folder that holds its ``etas/``, DIR the
folder ``earthquakenpp`` of the data mirror. Without the package nothing is done. Each task runs in
a process of its own, one after another. Events: San Jacinto, magnitude 1.0 and above, the first n
in time; those of 2008 only trigger, the window goes from 2009 to the event that follows the n-th,
and the 1,000 events from there on are held out. The peer is set up as EarthquakeNPP did (starting
values, pairs up to 100 rupture lengths). The peer's answers are kept in ``--cache``, and
``--ours-only`` takes them from there. Prints JSON and keeps it in ``results/etas_peer.json``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import ks_2samp

from craton.io.catalog import read_catalog
from craton.models.physics.etas_scores import benchmark_events

HERE = Path(__file__).parent
RESULT = HERE / "results" / "etas_peer.json"
HELD_OUT, CONTINUATIONS, DAYS, NODES = 1000, 1000, 7, 100_000
THETA_0 = {
    "log10_mu": -5.8, "log10_k0": -2.6, "a": 1.8, "log10_c": -2.5, "omega": -0.02,
    "log10_tau": 3.5, "log10_d": -0.85, "gamma": 1.3, "rho": 0.66,
}  # fmt: skip
"""Starting values in the peer's own example and in EarthquakeNPP's configuration."""

# For catalogues with a known answer: two taper times, 1000 and 30 days, in six years of which the
# first only triggers. log10_k0 makes the branching ratio 0.6, log10_mu about 2,000 events.
TRUE = {
    "log10_mu": -4.45, "log10_k0": math.nan, "a": 1.3, "log10_c": -3.0, "omega": -0.1,
    "log10_tau": math.nan, "log10_d": -2.0, "gamma": 0.8, "rho": 0.6,
}  # fmt: skip
TRUE_BETA, TRUE_BRANCHING, TRUE_LOG10_TAU = 2.3, 0.6, (3.0, 1.5)


NOTES = [
    "Seconds are of the work alone: no imports, no reading; one call of ours on few events comes "
    "first so that compiling is not counted. Ours: median of three calls; the peer: one call. The "
    "machine had other work to do, hence CPU seconds are the figures to compare.",
    "Pairs: the peer leaves out those farther than 100 times the rupture length of the source "
    "(1.4 km for magnitude 1), ours none.",
    "Log-likelihood: ours, exact, over the same targets; the peer's parameters count magnitudes "
    "from 0.95, half a bin below mc, and are judged so.",
    "Held out: the next 1,000 events by the peer's own evaluator, which counts magnitudes from "
    "1.0; its parameters are moved there, and once more taken as they are.",
    "Continuations: both with the parameters that the peer fitted, uniform background, no upper "
    "bound of magnitudes; events inside the polygon are counted.",
    "Peak: VmHWM of the process, imports included; rss_before is its size before the work.",
]


class Bench:
    """Runs tasks and keeps the peer's answers."""

    def __init__(self, given: argparse.Namespace) -> None:
        self.given = given
        self.cache = given.cache
        self.cache.mkdir(parents=True, exist_ok=True)
        self.entry = json.loads((given.data / "benchmark.json").read_text())["SanJac_10"]

    def run(self, command: list[str], task: dict[str, Any]) -> dict[str, Any]:
        """Run a task in a process of its own."""
        path = self.cache / f"task_{os.getpid()}.json"
        path.write_text(json.dumps(task))
        one = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        done = subprocess.run(
            [*command, str(path)], env=os.environ | one, stdout=subprocess.PIPE, text=True
        )
        if done.returncode:
            sys.exit(f"the task {task['do']} failed: {' '.join(command)}")
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return answer

    def ours(self, task: dict[str, Any]) -> dict[str, Any]:
        """Answer of craton."""
        return self.run([sys.executable, str(HERE / "etas_peer_ours.py")], task)

    def peer(self, task: dict[str, Any]) -> dict[str, Any] | None:
        """Answer of the peer, from the cache if there; None if it may not be asked."""
        named = {k: Path(v).name if k == "events" else v for k, v in task.items()}
        key = hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()[:16]
        kept = self.cache / f"peer_{task['do']}_{key}.json"
        if kept.exists():
            say(f"peer {task['do']}: figures of an earlier run ({kept.name})")
            old: dict[str, Any] = json.loads(kept.read_text())
            return old
        if self.given.ours_only:
            return None
        say(f"peer {task['do']} ...")
        driver = str(HERE / "etas_peer_driver.py")
        answer = self.run([self.given.python, driver, str(self.given.package)], task)
        answer["measured"] = f"{datetime.now(UTC):%Y-%m-%d %H:%M}"
        answer["load_average"] = os.getloadavg()[0]
        kept.write_text(json.dumps(answer))
        return answer

    def real(self, n: int | None) -> dict[str, Any]:
        """Task on the first n events (all of the published window if None), its events written."""
        entry = self.entry
        catalog = read_catalog(self.given.data / "QTM_SanJac_catalog.csv.gz")
        time = catalog["time"].values.astype("datetime64[ns]")
        origin = np.datetime64(entry["auxiliary_start"], "ns")
        row, lat, lon, magnitude = benchmark_events(
            np.arange(time.size), catalog["latitude"].values, catalog["longitude"].values,
            catalog["magnitude"].values, window=(0, np.inf), polygon=entry["polygon_latlon"],
            mc=entry["mc"], delta_m=entry["delta_m"],
        )  # fmt: skip
        time = time[row.astype(int)]
        assert (time >= origin).all()
        path = self.cache / "sanjac.csv"
        columns = {"time": time, "latitude": lat, "longitude": lon, "magnitude": magnitude}
        pd.DataFrame(columns).to_csv(path)
        end = entry["test_start"] if n is None else str(time[n])
        last = entry["test_end"] if n is None else str(time[n + HELD_OUT])
        return {
            "events": str(path),
            "auxiliary_start": entry["auxiliary_start"],
            "timewindow_start": entry["train_start"],
            "timewindow_end": end,
            "testwindow_end": last,
            "mc": entry["mc"],
            "delta_m": entry["delta_m"],
            "polygon": entry["polygon_latlon"],
            "area_km2": entry["area_km2"],
            "theta_0": THETA_0,
            "coppersmith_multiplier": 100,
        }


def say(text: str) -> None:
    """Tell how far it is."""
    print(text, file=sys.stderr, flush=True)


def shifted(parameters: dict[str, float], by: float) -> dict[str, float]:
    """The same model with magnitudes that count from a reference higher by `by`."""
    k0 = parameters["log10_k0"] + parameters["a"] * by / math.log(10)
    d = parameters["log10_d"] + parameters["gamma"] * by / math.log(10)
    return {**parameters, "log10_k0": k0, "log10_d": d}


def inversion(bench: Bench, task: dict[str, Any]) -> dict[str, Any] | None:
    """Fit with both; likelihood and held-out scores of both."""
    peer = bench.peer(task | {"do": "fit"})
    if peer is None:
        return None
    ours = bench.ours(task | {"do": "fit"})
    half = task["delta_m"] / 2
    # The peer's magnitudes count from half a bin below mc when it fits and simulates.
    models = {
        "peer": (shifted(peer["parameters"], half), peer["beta"], task["mc"]),
        "ours": (ours["parameters"], ours["beta"], task["mc"]),
    }
    judged = bench.ours(task | {"do": "likelihood", "models": models})
    for name, side in (("peer", peer), ("ours", ours)):
        side |= {k: judged[name][k] for k in ("log_likelihood", "branching_ratio")}
    found = {
        "sources": ours["sources"],
        "targets": ours["targets"],
        "window_end": task["timewindow_end"],
        "peer": peer,
        "ours": ours,
        "cpu_ratio": peer["cpu_s"] / ours["cpu_s"],
        "wall_ratio": peer["wall_s"] / ours["wall_s"],
        "peak_ratio": peer["peak_mib"] / ours["peak_mib"],
        "log_likelihood_ours_less_peer": ours["log_likelihood"] - peer["log_likelihood"],
    }
    if "testwindow_end" in task:
        asked = {k: v[:2] for k, v in models.items()}
        # As the package's own scripts do: fitted from 0.95 on, scored as if from 1.0.
        asked["peer, reference not moved"] = (peer["parameters"], peer["beta"])
        by_peer = bench.peer(task | {"do": "evaluate", "models": asked, "nodes": NODES})
        found["held_out_by_peers_evaluator"] = by_peer
        names = ("tll", "sll", "nll", "events")
        ours_says = {side: {k: judged[side][k] for k in names} for side in models}
        found["held_out_by_our_evaluator"] = ours_says
    return found


def continuations(
    bench: Bench, task: dict[str, Any], fitted: dict[str, Any]
) -> dict[str, Any] | None:
    """Simulate the days after the window with the peer's parameters, by both."""
    given = {"do": "carry_on", "days": DAYS, "n": CONTINUATIONS}
    task = task | given | {k: fitted["peer"][k] for k in ("parameters", "beta")}
    peer = bench.peer(task)
    if peer is None:
        return None
    ours = bench.ours(task)
    a, b = (np.array(side.pop("counts")) for side in (peer, ours))
    for side, counts in ((peer, a), (ours, b)):
        side["mean"], side["standard_deviation"] = float(counts.mean()), float(counts.std(ddof=1))
        side["quantiles_5_50_95"] = np.quantile(counts, [0.05, 0.5, 0.95]).tolist()
    error = math.hypot(a.std(ddof=1), b.std(ddof=1)) / math.sqrt(CONTINUATIONS)
    return {
        "peer": peer,
        "ours": ours,
        "cpu_ratio": peer["cpu_s"] / ours["cpu_s"],
        "wall_ratio": peer["wall_s"] / ours["wall_s"],
        "difference_of_means_in_standard_errors": float((b.mean() - a.mean()) / error),
        "same_distribution_p": float(ks_2samp(a, b).pvalue),
    }


def growth(sizes: dict[str, Any], path: list[str]) -> float | None:
    """Exponent of the CPU time in the number of events."""
    points = []
    for n, found in sizes.items():
        for name in path:
            found = found and found[name]
        if found:
            points.append((int(n), found["cpu_s"]))
    if len(points) < 2:
        return None
    n, seconds = np.log(np.array(points)).T
    return float(np.polyfit(n, seconds, 1)[0])


def recovery(bench: Bench, task: dict[str, Any], log10_tau: float) -> dict[str, Any]:
    """Refit catalogues that the peer simulated with known parameters."""
    from etas_peer_ours import settings

    parameters = TRUE | {"log10_tau": log10_tau, "log10_k0": 0.0}
    ratio = settings(parameters, TRUE_BETA, task["mc"]).branching_ratio()
    parameters["log10_k0"] = math.log10(TRUE_BRANCHING / ratio)
    runs = []
    for seed in range(1, bench.given.catalogs + 1):
        one = {k: v for k, v in task.items() if k != "testwindow_end"} | {
            "timewindow_end": "2014-01-01",
            "delta_m": 0.0,
            # Wider than usual, so that fewer than 1 % of the aftershocks lie beyond.
            "coppersmith_multiplier": 500,
            "events": str(bench.cache / f"simulated_{log10_tau}_{seed}.csv"),
        }
        known = {"parameters": parameters, "beta": TRUE_BETA, "seed": seed}
        if bench.peer(one | known | {"do": "simulate"}) is None:
            continue
        both = inversion(bench, one)
        if both is None:
            continue
        models = {"true": (parameters, TRUE_BETA, one["mc"])}
        true = bench.ours(one | {"do": "likelihood", "models": models})["true"]
        both["log_likelihood_of_the_true_parameters"] = true["log_likelihood"]
        runs.append(both)
    errors = {
        side: {
            name: [run[side]["parameters"][name] - parameters[name] for run in runs]
            for name in TRUE
        }
        for side in ("peer", "ours")
    }
    means = {side: {name: mean(e) for name, e in errors[side].items()} for side in errors}
    taus = zip(errors["peer"]["log10_tau"], errors["ours"]["log10_tau"], strict=True)
    return {
        "true": parameters,
        "errors": errors,
        "mean_errors": means,
        "log10_tau_peer_less_ours": mean([a - b for a, b in taus]),
        "runs": runs,
    }


def mean(values: list[float]) -> dict[str, float]:
    """Mean, standard deviation and standard error."""
    if len(values) < 2:
        return {}
    spread = float(np.std(values, ddof=1))
    return {
        "mean": float(np.mean(values)),
        "standard_deviation": spread,
        "standard_error": spread / math.sqrt(len(values)),
    }


def published(bench: Bench) -> dict[str, Any] | None:
    """Is the peer the one that EarthquakeNPP used? From the published parameters it must not move.

    It stops when the sum of the parameters' changes in one step is below 0.001.
    """
    known = {k: bench.entry["etas_parameters"][k] for k in THETA_0}
    peer = bench.peer(bench.real(None) | {"do": "fit", "theta_0": known})
    if peer is None:
        return None
    off = max(abs(peer["parameters"][k] - known[k]) for k in known)
    return {"targets": peer["targets"], "largest_difference_of_a_parameter": off, "peer": peer}


def main() -> None:
    """Read the command line, run, print and keep."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    mirror = os.environ.get("CRATON_DATA_DIR")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--package", type=Path, default=None)
    parser.add_argument("--data", type=Path, default=mirror and Path(mirror) / "earthquakenpp")
    parser.add_argument("--sizes", type=int, nargs="*", default=[5000, 10000, 20000])
    parser.add_argument("--catalogs", type=int, default=8, help="simulated, for each taper time")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "etas_peer")
    parser.add_argument("--ours-only", action="store_true", help="take the peer's cached figures")
    parser.add_argument("--skip-published", action="store_true", help="no run on the whole window")
    parser.add_argument("--out", type=Path, default=RESULT)
    given = parser.parse_args()
    if given.data is None:
        sys.exit("give --data or set CRATON_DATA_DIR")
    if not given.ours_only and not (given.package and (given.package / "etas").is_dir()):
        print(f"skipped: no package etas in {given.package}; get github.com/lmizrahi/etas and give "
              "--package FOLDER and --python INTERPRETER")  # fmt: skip
        return
    bench = Bench(given)
    if given.ours_only:
        say("the peer's figures are from another run; ratios of times compare two runs")
    result: dict[str, Any] = {
        "notes": NOTES,
        "machine": {"cpu": cpu_name(), "cores": os.cpu_count()},
        "our_python": platform.python_version(),
        "ours_measured": f"{datetime.now(UTC):%Y-%m-%d %H:%M}",
        "peer_figures_from_another_run": given.ours_only,
        "peer_versions": bench.peer({"do": "versions"}),
        "sizes": {},
    }
    for n in given.sizes:
        task = bench.real(n)
        one = inversion(bench, task)
        if one is None:
            say(f"{n}: no figures of the peer")
            continue
        one["continuations"] = continuations(bench, task, one)
        result["sizes"][str(n)] = one
        write(given.out, result)
    result["growth_exponent_of_cpu"] = {
        side: {
            "fit": growth(result["sizes"], [side]),
            "continuations": growth(result["sizes"], ["continuations", side]),
        }
        for side in ("peer", "ours")
    }
    result["recovery"] = {}
    for log10_tau in TRUE_LOG10_TAU if given.catalogs else ():
        found = recovery(bench, bench.real(5000), log10_tau)
        result["recovery"][f"log10_tau {log10_tau}"] = found
        write(given.out, result)
    if not given.skip_published:
        result["published_parameters_again"] = published(bench)
    write(given.out, result)
    print(json.dumps(result, indent=1))


def cpu_name() -> str:
    """Model of the processor."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def write(path: Path, result: dict[str, Any]) -> None:
    """Keep what there is."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
