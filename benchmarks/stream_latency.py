"""How fast, how late and how large `craton stream` is on ten stations, on one thread.

    OMP_NUM_THREADS=1 python benchmarks/stream_latency.py [--hours 10]

Ten stations of three components at 100 Hz, an earthquake a minute at each, in miniSEED records of
512 bytes (Steim2), through the picker of benchmarks/bundles/phase-picking. Measured are: how many
times real time it keeps up with; memory as the record grows; and, in a replay at a multiple of real
time, the time from the arrival of the last packet that a pick needs until it is on the disk, and
how much of the record after a pick it needs. The same with scores of the ends of windows alone,
for less delay. Writes benchmarks/results/stream_latency.json.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import obspy
import torch

import craton
from craton.models.physics.seismograms import simulate
from craton.provenance import hardware

HERE = Path(__file__).parent
BUNDLE = HERE / "bundles" / "phase-picking"
STATIONS, RATE = 10, 100.0
START = obspy.UTCDateTime(2024, 5, 1)
QUICK = {"overlap": 2700, "blinding": [2200, 200], "wait": 10.0}


def write(folder: Path, minutes: int, hours: int) -> int:
    """Write records an hour at a time, the same minutes again and again; their size in bytes."""
    for k in range(STATIONS):
        rng = np.random.default_rng(k)
        waves = simulate(minutes, round(60 * RATE), RATE, rng, noise_only=0.0).waves
        waves = np.concatenate(list(waves), axis=1)
        counts = np.round(waves / np.abs(waves).max() * 2e5).astype(np.int32)
        for data, letter in zip(counts, "ZNE", strict=True):
            header = {"network": "XX", "station": f"ST{k:02d}", "channel": f"HH{letter}",
                      "sampling_rate": RATE}  # fmt: skip
            with open(folder / f"ST{k:02d}.{letter}.mseed", "wb") as stream:
                for number in range(round(hours * 60 / minutes)):
                    header["starttime"] = START + number * minutes * 60
                    trace = obspy.Trace(data, header)
                    trace.write(stream, "MSEED", reclen=512, encoding="STEIM2")
    return sum(p.stat().st_size for p in folder.iterdir())


def watched(
    folder: Path, out: Path, settings: dict[str, object]
) -> tuple[object, list[list[float]]]:
    """Run the feed; and read off how much memory it takes after how much of the record."""
    seen: list[list[float]] = []
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.5):
            try:
                told = json.loads((out / "latency.json").read_text())
            except (OSError, ValueError):
                continue
            if not seen or told["recorded_s"] > seen[-1][0]:
                seen.append([told["recorded_s"], told["memory_mb"]])

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        return craton.stream(BUNDLE, folder, out, settings), seen
    finally:
        done.set()
        thread.join()


def speed(root: Path) -> dict[str, object]:
    """An hour as fast as it goes."""
    (root / "hour").mkdir()
    write(root / "hour", 60, 1)
    cpu, began = time.process_time(), time.perf_counter()
    fast = craton.stream(BUNDLE, root / "hour", root / "fast", {"speed": "max", "report": 0})
    cpu, wall = time.process_time() - cpu, time.perf_counter() - began
    return {
        "record_h": 1, "packets": fast.packets, "picks": fast.picks,
        "wall_s": round(wall, 2), "cpu_s": round(cpu, 2),
        "times_real_time_wall": round(3600 / wall, 1),
        "times_real_time_cpu": round(3600 / cpu, 1),
    }  # fmt: skip


def latency(root: Path) -> dict[str, object]:
    """Five minutes in real time, with the settings as they are and with those for less delay."""
    (root / "short").mkdir()
    write(root / "short", 5, 5 / 60)
    found = {}
    for name, settings in (("default", {}), ("low_latency", QUICK)):
        cpu = time.process_time()
        chosen = {"speed": 1.0, "report": 0} | settings
        paced = craton.stream(BUNDLE, root / "short", root / name, chosen)
        found[name] = {
            "settings": settings, "record_s": paced.recorded, "picks": paced.picks,
            "cpu_share": round((time.process_time() - cpu) / paced.seconds, 3),
            **{k: v for k, v in paced.latency.items() if isinstance(v, dict)},
        }  # fmt: skip
    return found


def memory(root: Path, hours: int) -> dict[str, object]:
    """Resident memory as the record grows."""
    (root / "long").mkdir()
    size = write(root / "long", 60, hours)
    long, seen = watched(root / "long", root / "out", {"speed": "max", "report": 0.5})
    return {
        "record_h": hours, "bytes": size, "packets": long.packets, "picks": long.picks,
        "resident_mb": {
            f"{h:g} h": min(seen, key=lambda s: abs(s[0] - 3600 * h))[1]
            for h in (0.5, 1, 2, 5, hours)
        },
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--hours", type=int, default=10, help="length of the record for memory")
    parser.add_argument("--only", choices=("speed", "latency", "memory"), help="one part alone")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    result = HERE / "results" / "stream_latency.json"
    found = json.loads(result.read_text()) if result.is_file() else {}
    found["setting"] = {
        "stations": STATIONS, "channels": 3 * STATIONS, "sampling_rate_hz": RATE,
        "record_bytes": 512, "threads": 1, "hardware": hardware(),
    }  # fmt: skip
    parts = {"speed": speed, "latency": latency, "memory": lambda r: memory(r, asked.hours)}
    for name, part in parts.items():
        if asked.only in (None, name):
            with tempfile.TemporaryDirectory() as place:
                found[name] = part(Path(place))
            found[name]["load_average"] = round(os.getloadavg()[0], 1)
            result.write_text(json.dumps(found, indent=1) + "\n")
            print(json.dumps({name: found[name]}, indent=1), flush=True)


if __name__ == "__main__":
    main()
