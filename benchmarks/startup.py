"""Time of ``craton --help`` and ``craton list`` as a ratio to ``python -c pass``.

python benchmarks/startup.py
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

RESULT = Path(__file__).parent / "results" / "startup.json"


def seconds(*arguments: str, repeats: int = 15) -> float:
    """Median wall time of a Python command."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    """Measure, print and keep."""
    base = seconds("-c", "pass")
    found = {"python -c pass (s)": round(base, 4)}
    for name in ("--help", "list"):
        found[f"craton {name}, ratio"] = round(seconds("-m", "craton.cli", name) / base, 1)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
