"""A day of three components at 100 Hz through PhaseNet: craton beside SeisBench's ``annotate``.

    python benchmarks/detection_speed.py --peer INTERPRETER [--hours 24] [--repeats 3]

INTERPRETER is one that imports SeisBench; without it nothing is done. Both get the same record
(noise with wave trains), the same random weights, overlap and number of threads (one and two), and
give the same stacked probabilities, which are compared. Each task runs in a process of its own, one
after another, ours and the peer's in turn; seconds are of the work alone, the best of the repeats.
``forward`` is the net alone on as many windows: SeisBench's, and our twin for inference.
Memory is measured on one day and on ten, day by day. Prints JSON and keeps it in
``results/detection_speed.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
RESULT = HERE / "results" / "detection_speed.json"
PEER_BATCHES, OUR_BATCHES, ALONE = (256, 64, 32, 16), (16, 32), (8, 16, 32, 64)
DEFAULT = 16
WINDOW, STEP = 3001, 1501
NOTES = [
    "Wall seconds are the figures to compare where the load was below two, CPU seconds elsewhere; "
    "with two threads CPU seconds count waiting threads too.",
    "annotate and score give the same: the mean of the probabilities of overlapping windows. "
    "detect gives picks.",
    "Peak memory: VmHWM of the process; of it about 340 MB are imports, 104 MB a day in int32.",
]


def record(hours: float, seed: int = 0) -> np.ndarray:
    """Counts (component, sample): noise, and every ten minutes a wave train that fades."""
    rng = np.random.default_rng(seed)
    n = int(hours * 360_000)
    counts = np.empty((3, n), np.int32)
    train = np.sin(np.arange(2000) * 0.5) * np.exp(-np.arange(2000) / 300) * 20_000
    for row in counts:
        row[:] = 300 * rng.standard_normal(n, dtype=np.float32)
        for at in range(20_000, n - 2000, 60_000):
            row[at : at + 2000] += train.astype(np.int32)
    return counts


def stream(counts: np.ndarray, start: float = 0.0) -> Any:
    import obspy

    header = {"network": "XX", "station": "AAA", "sampling_rate": 100.0,
              "starttime": obspy.UTCDateTime(start)}  # fmt: skip
    return obspy.Stream(
        obspy.Trace(row, header | {"channel": f"HH{c}"})
        for row, c in zip(counts, "ZNE", strict=True)
    )


def measured(work: Callable[[], Any]) -> tuple[dict[str, float], Any]:
    """Seconds of a piece of work, and what it gave."""
    cpu, wall = time.process_time(), time.perf_counter()
    found = work()
    seconds = {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall}
    return {k: round(v, 3) for k, v in seconds.items()}, found


def peak_mb() -> float:
    """Largest size of this process so far."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return round(int(next(x for x in lines if x.startswith("VmHWM")).split()[1]) / 1024, 1)


def ours(task: dict[str, Any]) -> dict[str, Any]:
    """Do one task with craton."""
    import torch

    from craton.detection import Detection, detect, score
    from craton.models.nets.phasenet import read_phasenet

    torch.set_num_threads(task["threads"])
    net, settings = read_phasenet(task["weights"]), Detection(batch=task["batch"])
    limits = settings.model_copy(update={"threshold": 0.99})
    if task["do"] == "days":
        days: Iterator[Any] = (stream(record(24, seed=d), 86_400 * d) for d in range(task["days"]))
        seconds, picks = measured(lambda: detect(days, net, settings=limits))
        return {**seconds, "picks": len(picks), "peak_mb": peak_mb()}
    if task["do"] == "forward":
        return forward(net.for_inference(), task)
    counts = np.load(task["record"])
    detect(stream(counts[:, :60_000]), net, settings=limits)
    if task["do"] == "detect":
        seconds, picks = measured(lambda: detect(stream(counts), net, settings=limits))
        return {**seconds, "picks": len(picks), "peak_mb": peak_mb()}
    seconds, found = measured(lambda: score(stream(counts), net, settings=settings))
    if task.get("keep"):
        np.save(task["keep"], np.stack([t.data for t in found]))
    return {**seconds, "peak_mb": peak_mb()}


def forward(model: Any, task: dict[str, Any]) -> dict[str, Any]:
    """The net alone on as many windows as the record has."""
    import torch

    x = torch.randn(task["batch"], 3, WINDOW)
    with torch.inference_mode():
        for _ in range(3):
            model(x)
        seconds, _ = measured(lambda: [model(x) for _ in range(task["windows"] // len(x))])
    return seconds


class Bench:
    """Runs tasks, each in a process of its own, and keeps the best of the repeats."""

    def __init__(self, given: argparse.Namespace, folder: Path) -> None:
        self.given, self.folder = given, folder
        self.base = {"record": str(folder / "record.npy"), "weights": str(folder / "net.pt"),
                     "windows": int(given.hours * 360_000 / STEP)}  # fmt: skip

    def run(self, who: str, task: dict[str, Any]) -> dict[str, Any]:
        path = self.folder / "task.json"
        path.write_text(json.dumps(self.base | {"folder": str(self.folder)} | task))
        own = [sys.executable, str(HERE / "detection_speed.py"), "--work"]
        peer = [str(self.given.peer), str(HERE / "detection_speed_peer.py")]
        threads = str(task.get("threads", 1))
        env = os.environ | {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
        command = [*(own if who == "craton" else peer), str(path)]
        load = os.getloadavg()[0]
        done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True)
        if done.returncode:
            sys.exit(f"the task {task} of {who} failed")
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        row = {"who": who, **task, **answer, "load": round(load, 1)}
        print(json.dumps(row), file=sys.stderr, flush=True)
        return {k: v for k, v in row.items() if k != "keep"}

    def best(self, tasks: list[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
        """Each task as often as asked for, in turn; the one with the least wall time is kept."""
        rounds = [[self.run(*task) for task in tasks] for _ in range(self.given.repeats)]
        return [
            min(row, key=lambda r: r[self.given.by]) for row in map(list, zip(*rounds, strict=True))
        ]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--peer", type=Path)
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--by", choices=["wall_s", "cpu_s"], default="wall_s")
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work is not None:
        print(json.dumps(ours(json.loads(given.work.read_text()))))
        return
    if given.peer is None or not given.peer.exists():
        print(json.dumps({"skipped": "no interpreter with SeisBench was named by --peer"}))
        return
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(given, Path(folder))
        np.save(bench.base["record"], record(given.hours))
        versions = bench.run("SeisBench", {"do": "save"})
        result = report(bench, versions)
    text = json.dumps(result, indent=1)
    print(text)
    RESULT.write_text(text + "\n")


def report(bench: Bench, versions: dict[str, Any]) -> dict[str, Any]:
    rows, bars = [], {}
    for threads in bench.given.threads:
        same = {"threads": threads}
        forwards: list[tuple[str, dict[str, Any]]] = [
            (who, {"do": "forward", "batch": b, **same})
            for who in ("SeisBench", "craton")
            for b in ALONE
        ]
        work = [("SeisBench", {"do": "annotate", "batch": b, **same}) for b in PEER_BATCHES]
        own = [("craton", {"do": d, "batch": b, **same})
               for b in OUR_BATCHES for d in ("score", "detect")]  # fmt: skip
        found = bench.best([*work, *own, *forwards])
        rows += found
        bars[f"{threads} threads"] = compare(found, bench.given.by)
    days = {"do": "days", "batch": DEFAULT, "threads": 1}
    memory = {f"{d} days": bench.run("craton", {**days, "days": d}) for d in (1, 10)}
    return {
        "measured": f"{datetime.now(UTC):%Y-%m-%d %H:%M}",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "seisbench": versions["seisbench"], "torch": versions["torch"],
        "hours": bench.given.hours, "window": WINDOW, "step": STEP, "by": bench.given.by,
        "largest_difference": agreement(bench), "bars": bars, "memory": memory,
        "rows": rows, "notes": NOTES,
    }  # fmt: skip


def compare(rows: list[dict[str, Any]], by: str) -> dict[str, float]:
    """How many times faster, and how near to the net alone."""
    pick = lambda **like: [r for r in rows if all(r.get(k) == v for k, v in like.items())]  # noqa: E731
    own = next(r[by] for r in pick(do="score", batch=DEFAULT))
    least = min(r[by] for r in pick(do="annotate"))
    alone = min(r[by] for r in pick(do="forward"))
    default = next(r[by] for r in pick(do="annotate", batch=256))
    return {
        "score_s": own, "annotate_default_s": default, "annotate_best_s": least,
        "forward_best_s": alone, "times_default": round(default / own, 2),
        "times_best": round(least / own, 2), "of_forward": round(own / alone, 2),
        "forward_peer_best_s": min(r[by] for r in pick(do="forward", who="SeisBench")),
    }  # fmt: skip


def agreement(bench: Bench) -> float:
    """Largest difference of the probabilities of both, over all samples but the last window."""
    both = []
    for who, do in (("SeisBench", "annotate"), ("craton", "score")):
        keep = str(bench.folder / f"{who}.npy")
        bench.run(who, {"do": do, "batch": 32, "threads": 1, "keep": keep})
        both.append(np.load(keep)[:, : -2 * WINDOW])
    return float(np.abs(both[0] - both[1]).max())


if __name__ == "__main__":
    main()
