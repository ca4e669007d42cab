"""Training data larger than memory: rows a second and memory while an epoch is read.

    python benchmarks/waveform_reading.py [--gb 20] [--folder DIR] [--workers 2] [--batch 256]

Writes a file of that size in the form of SeisBench (buckets of 1,024 three-component traces of 60 s
at 100 Hz, float32, each carrying its number), reads it once in the order of the file and once
shuffled, checks that each row is the one asked for, and deletes it. Resident memory is taken at
10, 50 and 100 % of each epoch. Prints JSON and keeps it in ``results/waveform_reading.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
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


def main() -> None:
    """Write, read, report, delete."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gb", type=float, default=20.0)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--batch", type=int, default=256)
    args = parser.parse_args()
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
    text = json.dumps(found, indent=2)
    print(text)
    results = Path(__file__).parent / "results"
    (results / "waveform_reading.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
