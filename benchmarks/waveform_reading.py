"""Training data larger than memory: rows a second and memory while an epoch is read.

    python benchmarks/waveform_reading.py [--gb 20] [--folder DIR] [--workers 2] [--batch 256]
    python benchmarks/waveform_reading.py --train 1.1 2.2 4.4

Writes a file of that size in the form of SeisBench (buckets of 1,024 three-component traces of 60 s
at 100 Hz, float32, each carrying its number), reads it once in the order of the file and once
shuffled, checks that each row is the one asked for, and deletes it. Resident memory is taken at
10, 50 and 100 % of each epoch. With ``--train`` a small picker is trained for an epoch on files of
these sizes, as ``craton run phase-picking`` does; its greatest memory is told.
Prints JSON and keeps it in ``results/waveform_reading.json``.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from craton.io.seisbench import WaveformDataset

BUCKET, COMPONENTS, SAMPLES = 1024, 3, 6000
BYTES = 4 * COMPONENTS * SAMPLES


def resident_mb() -> float:
    """Resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def write(folder: Path, gb: float) -> int:
    """Write the file; returns the number of traces."""
    buckets = max(1, round(gb * 1e9 / (BUCKET * BYTES)))
    noise = np.random.default_rng(0).normal(size=(BUCKET, COMPONENTS, SAMPLES)).astype(np.float32)
    with h5py.File(folder / "waveforms.hdf5", "w") as file:
        file["data_format/component_order"] = "ZNE"
        file["data_format/dimension_order"] = "NCW"
        file["data_format/sampling_rate"] = 100
        for k in range(buckets):
            noise[:, 0, 0] = np.arange(k * BUCKET, (k + 1) * BUCKET)
            file.create_dataset(f"data/bucket{k}", data=noise)
    row = np.arange(buckets * BUCKET)
    names = [f"bucket{r // BUCKET}${r % BUCKET},:{COMPONENTS},:{SAMPLES}" for r in row]
    table = pd.DataFrame({"trace_name": names, "trace_p_arrival_sample": row % SAMPLES})
    table.to_csv(folder / "metadata.csv", index=False)
    return len(row)


def forget(path: Path) -> None:
    """Ask the system to drop the file from its cache, so that the disk is read."""
    with open(path, "rb") as stream:
        os.fsync(stream.fileno())
        os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def epoch(data: WaveformDataset, rows: np.ndarray, batch: int, workers: int) -> dict[str, Any]:
    """Read all rows once."""
    forget(data.path / "waveforms.hdf5")
    before, cpu, began = resident_mb(), time.process_time(), time.perf_counter()
    done, memory, marks = 0, {}, [0.1, 0.5, 1.0]
    for wanted, waveforms in data.batches(rows, batch, workers=workers):
        if not np.array_equal(waveforms[:, 0, 0], wanted.astype(np.float32)):
            raise SystemExit("a wrong row was read")
        done += len(wanted)
        while marks and done >= marks[0] * len(rows):
            memory[f"{100 * marks.pop(0):.0f} %"] = round(resident_mb())
    seconds = time.perf_counter() - began
    return {
        "rows_per_second": round(done / seconds),
        "mb_per_second": round(done * BYTES / seconds / 1e6),
        "seconds": round(seconds, 1),
        "cpu_seconds": round(time.process_time() - cpu, 1),
        "resident_mb_before": round(before),
        "resident_mb": memory,
    }


def trained(folder: Path, gb: float) -> dict[str, Any]:
    """Train a small picker on a file of this size; memory is looked at every tenth of a second."""
    from craton.models.base import Fitting
    from craton.models.neural_picking import PickResNet
    from craton.task import find_task

    count = write(folder, gb)
    task = find_task("phase-picking")
    config = task.config(data=str(folder), crop=30.0, noise=False)
    began, cpu = time.perf_counter(), time.process_time()
    samples = task.samples(task.load(config), config, False)
    before, seen, done = resident_mb(), [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.1):
            seen.append(resident_mb())

    thread = threading.Thread(target=watch)
    thread.start()
    model = PickResNet(hidden=4, depth=1, pretrain=[], epochs=1, augment=["crop"], crop=20.0)
    try:
        model.fit(samples, Fitting(0))
    finally:
        done.set()
        thread.join()
    return {
        "file_gb": round((folder / "waveforms.hdf5").stat().st_size / 1e9, 2),
        "traces": count,
        "seconds": round(time.perf_counter() - began, 1),
        "cpu_seconds": round(time.process_time() - cpu, 1),
        "resident_mb_before": round(before),
        "resident_mb_at_most": round(max(seen)),
    }


def training(sizes: list[float], where: Path | None) -> list[dict[str, Any]]:
    """One file after the other, each in a process of its own."""
    found = []
    for gb in sizes:
        folder = Path(tempfile.mkdtemp(prefix="waveforms", dir=where))
        try:
            with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
                found.append(pool.submit(trained, folder, gb).result())
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        print(json.dumps(found[-1]), flush=True)
    return found


def keep(found: dict[str, Any]) -> None:
    """Print, and add to what is kept."""
    print(json.dumps(found, indent=2))
    path = Path(__file__).parent / "results" / "waveform_reading.json"
    kept = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    path.write_text(json.dumps(kept | found, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    """Write, read, report, delete."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gb", type=float, default=20.0)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--train", type=float, nargs="*")
    args = parser.parse_args()
    if args.train:
        keep({"training": training(args.train, args.folder)})
        return
    folder = Path(tempfile.mkdtemp(prefix="waveforms", dir=args.folder))
    try:
        if shutil.disk_usage(folder).free < 1.1e9 * args.gb:
            raise SystemExit(f"{folder}: less than {1.1 * args.gb:g} GB are free; give --gb")
        began = time.perf_counter()
        count = write(folder, args.gb)
        wrote = time.perf_counter() - began
        size = (folder / "waveforms.hdf5").stat().st_size
        began = time.perf_counter()
        data = WaveformDataset(folder)
        opened = time.perf_counter() - began
        order = np.arange(count)
        found = {
            "file_gb": round(size / 1e9, 2),
            "traces": count,
            "write_seconds": round(wrote, 1),
            "open_seconds": round(opened, 2),
            "batch": args.batch,
            "workers": args.workers,
            "in_order": epoch(data, order, args.batch, args.workers),
            "shuffled": epoch(
                data, np.random.default_rng(0).permutation(order), args.batch, args.workers
            ),
        }
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    keep(found)


if __name__ == "__main__":
    main()
