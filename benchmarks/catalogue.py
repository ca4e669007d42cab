"""From a day of waveforms to a catalogue: seconds of each piece and memory, with nothing trained.

    python benchmarks/catalogue.py [--hours 24] [--stations 10] [--folder DIR]

Writes a synthetic record whose events are known (see `craton.data.seismic_records`), makes a
catalogue of its first quarter and of all of it, each in a process of its own, and compares it with
what is known. Seconds are of the processor, one thread. Prints JSON and keeps it in
``results/catalogue.json``.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import pandas as pd  # noqa: E402

EVERY = 300.0
"""Seconds between events, about."""


def write(folder: Path, hours: float, stations: int) -> None:
    """Write the record."""
    from craton.data.seismic_records import write_example
    from craton.models.associators import table_of

    write_example(folder, table_of("iasp91"), minutes=60 * hours, n_stations=stations,
                  every=EVERY, faults=False)  # fmt: skip


def make(folder: Path, out: Path, end: str | None, answers: Any) -> None:
    """Make a catalogue; puts times, memory and scores into the queue."""
    import torch

    from craton.catalogue import make_catalogue
    from craton.catalogue.example import answer
    from craton.models.associators import table_of

    torch.set_num_threads(1)
    table_of("iasp91")
    seconds: dict[str, float] = {}
    last = ["reading the contents", time.process_time()]

    def progress(done: int, total: int, text: str) -> None:
        name, now = text.split(":")[0], time.process_time()
        seconds[last[0]] = seconds.get(last[0], 0.0) + now - last[1]
        last[:] = [name, now]

    began, wall = time.process_time(), time.perf_counter()
    settings = {"stations": str(folder / "stations.xml")} | ({} if end is None else {"end": end})
    found = make_catalogue(folder / "sds", out, settings, progress=progress)
    progress(1, 1, "done")
    known = pd.read_csv(folder / "truth.csv", parse_dates=["time"])
    if end is not None:
        known = known[known["time"] < pd.Timestamp(end) - pd.Timedelta("30s")]
    answers.put({
        "events": len(found.events), "known": len(known), "picks": len(found.picks),
        "cpu_seconds": {k: round(v, 2) for k, v in seconds.items() if v > 0},
        "cpu_seconds_total": round(time.process_time() - began, 2),
        "wall_seconds_total": round(time.perf_counter() - wall, 2),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3, 1),
        "answer": [text for text, _ in answer(found.events, known)],
    })  # fmt: skip


def run(target: Any, *arguments: Any) -> None:
    """Run in a process of its own, so that its memory is its own."""
    process = multiprocessing.get_context("spawn").Process(target=target, args=arguments)
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"{target.__name__} failed")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--stations", type=int, default=10)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp(prefix="craton-catalogue-"))
    try:
        if not (folder / "truth.csv").exists():
            run(write, folder, given.hours, given.stations)
        answers = multiprocessing.get_context("spawn").Queue()
        quarter = str(pd.Timestamp("2020-01-01") + pd.Timedelta(hours=given.hours / 4))
        found: dict[str, Any] = {"hours": given.hours, "stations": given.stations,
                                 "channels": 3 * given.stations, "rate_hz": 100}  # fmt: skip
        for name, end in (("first quarter", quarter), ("whole", None)):
            run(make, folder, folder / "out" / name.replace(" ", "-"), end, answers)
            found[name] = answers.get()
        found["record_mb_on_disk"] = round(
            sum(p.stat().st_size for p in (folder / "sds").rglob("*") if p.is_file()) / 1e6, 1
        )
        samples = given.hours * 3600 * 100 * 3 * given.stations
        found["record_mb_in_memory_if_at_once"] = round(samples * 4 / 1e6)
    finally:
        if given.folder is None:
            shutil.rmtree(folder, ignore_errors=True)
    text = json.dumps(found, indent=1)
    print(text)
    (Path(__file__).parent / "results" / "catalogue.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
