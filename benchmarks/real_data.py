"""Runs the three tasks on real data, each in a process of its own, with time and memory.

CRATON_DATA_DIR=DIR python benchmarks/real_data.py [TASK ...]
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RESULT = Path(__file__).parent / "results" / "real_data.json"
DATA = {
    "earthquake-forecast": "earthquakenpp/SCEDC_30",
    "well-lithofacies": "seg2016-facies",
    "sst-forecast": "enso-kaplan-pacific",
}
KEPT = ("model", "role", "metric", "score", "low", "high", "gain", "gain_low", "gain_high", "n")


def measure(task: str) -> dict[str, object]:
    """Run one task and return its scores, seconds and peak memory."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["-m", "craton.cli", "run", task, "--set", f"data={DATA[task]}", "--out", folder]
        start = time.perf_counter()
        subprocess.run([sys.executable, *command], check=True)
        seconds = time.perf_counter() - start
        scores = json.loads((Path(folder) / "scores.json").read_text(encoding="utf-8"))
    # of the largest child so far, which is this one if tasks are run from small to large
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    lines = [{k: s[k] for k in KEPT} for s in scores]
    return {"data": DATA[task], "seconds": round(seconds), "peak_gib": round(peak, 2),
            "scores": lines}  # fmt: skip


def main() -> None:
    """Measure the tasks named, or all, and keep what was found."""
    found = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.is_file() else {}
    for task in sys.argv[1:] or DATA:
        found[task] = measure(task)
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
