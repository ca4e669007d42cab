"""How much of a published score is a leak: three datasets under a random and an honest split.

CRATON_DATA_DIR=DIR python benchmarks/leak_audit.py
"""

from __future__ import annotations

import json
from pathlib import Path

import craton

RESULT = Path(__file__).parent / "results" / "leak_audit.json"
CASES = {
    "basalt-tectonic": {
        "data": "basalt-tectonic/basalt7_train.csv.gz",
        "target": "SETTING",
        "x": "LONGITUDE MIN",
        "y": "LATITUDE MIN",
        "block": 5.0,
    },
    "diamantina-lithology": {
        "data": "diamantina-lithology/train.csv",
        "target": "TARGET",
        "x": "X",
        "y": "Y",
        "block": 1500.0,
        "splits": 10,
    },
    "ucr-earthquakes": {
        "data": "ucr-earthquakes/earthquakes_461x512.csv.gz",
        "target": "y",
        "ordered": True,
        "test_from": 322 / 461,
    },
}


def main() -> None:
    """Audit, print and keep."""
    found = {}
    for name, settings in CASES.items():
        audit = craton.audit("table-classification", settings)
        numbers = json.loads(audit.numbers.to_json(orient="records"))
        found[name] = {"summary": audit.summary, "numbers": numbers}
        print(name, *audit.summary, sep="\n- ")
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
