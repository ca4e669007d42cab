"""Held-out scores of the ``etas`` package's fits and ours over more events than ``etas_peer.py``.

    python benchmarks/etas_peer_held_out.py --data DIR

Takes the parameters that both found from ``results/etas_peer.json`` and scores the 1,000, 2,000,
5,000 and all events that follow each window before the benchmark's test (only the 1,000 if they
reach into it), by our evaluator: on the 1,000 it gives the numbers of the package's own (largest
difference printed). Gains are ours less the package's, in nats an event, paired over blocks of 30
days, 95 %; once with its parameters moved to magnitude 1.0, from which the evaluator counts, once
as its own scripts take them. Adds ``held_out_longer`` to that file.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from craton.models.physics.etas_neural import information_gain
from craton.models.physics.etas_scores import next_event_scores
from etas_peer import HELD_OUT, RESULT, Bench, shifted, write
from etas_peer_ours import Case, settings

MANY = (HELD_OUT, 2000, 5000, None)


def compare(bench: Bench, n: int, found: dict[str, Any]) -> dict[str, Any]:
    """Gains over each number of held-out events, and how far the two evaluators are apart."""
    task = bench.real(n) | {"events": str(bench.cache / "sanjac.csv")}
    case, mc = Case(task), task["mc"]
    peer = found["peer"]["parameters"], found["peer"]["beta"]
    models = {
        "ours": (found["ours"]["parameters"], found["ours"]["beta"]),
        "peer": (shifted(peer[0], task["delta_m"] / 2), peer[1]),
        "peer, reference not moved": peer,
    }
    table = case.table
    last = max(case.day(bench.entry["test_start"]), case.day(task["testwindow_end"]))
    scores = {
        name: next_event_scores(
            settings(*model, mc), case.days, table["latitude"], table["longitude"],
            table["magnitude"], test=(case.window[1], last), area=case.area,
        )
        for name, model in models.items()
    }  # fmt: skip
    told = found["held_out_by_peers_evaluator"]
    result: dict[str, Any] = {"largest_difference_of_evaluators": max(
        abs(-score.temporal[:HELD_OUT].mean() - score.spatial[:HELD_OUT].mean() - told[name]["nll"])
        for name, score in scores.items()
    )}  # fmt: skip
    for many in MANY if len(scores["ours"].event) > HELD_OUT else MANY[:1]:
        part = {
            name: s._replace(event=s.event[:many], temporal=s.temporal[:many],
                             spatial=s.spatial[:many])
            for name, s in scores.items()
        }  # fmt: skip
        ours = part.pop("ours")
        time = case.days[ours.event]
        row = {"events": len(time), "days": round(float(time[-1] - time[0]), 1)}
        for name, other in part.items():
            gain = information_gain(ours, other, case.days)
            row[f"gain over {name}"] = [round(v, 4) for v in (gain.score, gain.low, gain.high)]
        result[str(many or "all")] = row
    return result


def main() -> None:
    """Score each size of the kept result and add to it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    mirror = os.environ.get("CRATON_DATA_DIR")
    parser.add_argument("--data", type=Path, default=mirror and Path(mirror) / "earthquakenpp")
    given = parser.parse_args()
    if given.data is None:
        parser.error("give --data or set CRATON_DATA_DIR")
    kept = json.loads(RESULT.read_text())
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(argparse.Namespace(cache=Path(folder), data=given.data))
        for n, found in kept["sizes"].items():
            found["held_out_longer"] = compare(bench, int(n), found)
            print(n, json.dumps(found["held_out_longer"], indent=1), flush=True)
    write(RESULT, kept)


if __name__ == "__main__":
    main()
