"""The report's pictures of the leak audit and of the explanations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from craton.report.figures import BASELINE, OTHER, PALETTE, SELECTED, dots, figure, unit_label
from craton.report.pictures import Picture, as_number, band

if TYPE_CHECKING:
    from craton.explain import Explanation
    from craton.leaks import LeakAudit
    from craton.result import Result


def leak_picture(audit: LeakAudit, result: Result) -> Picture | None:
    """The probe with samples dealt at random and kept apart, beside what knows less."""
    doubted = any(f.where == "split" and f.level != "info" for f in audit.findings)
    called = "in the split as given" if doubted else "with training and test kept apart"
    short = "as given" if doubted else "kept apart"
    kinds = (
        (f"'{audit.probe}', dealt at random", "score of the probe", "random", PALETTE[3]),
        (f"'{audit.probe}', {short}", "score of the probe", "honest", SELECTED),
        (f"place and time only, {short}", "score from coordinates only", "honest", OTHER),
        (f"'{result.task.baseline}', {short}", f"score of '{result.task.baseline}'", "honest",
         BASELINE),
    )  # fmt: skip
    metrics = result.metrics[:2]
    table = audit.numbers
    if not (table["item"] == "score of the probe").any():
        return None
    fig, grid = figure(7.2, 2.0, columns=len(metrics), squeeze=False, sharey=True)
    for ax, metric in zip(grid.flat, metrics, strict=True):
        names, rows, colours = [], [], []
        for label, item, split, colour in kinds:
            mine = (table["item"] == item) & (table["split"] == split)
            line = table[mine & (table["what"] == metric.name)]
            if len(line):
                names.append(label)
                rows.append(line.iloc[0])
                colours.append(colour)
        dots(ax, names, *[[float(r[c]) for r in rows] for c in ("value", "low", "high")],
             colours=colours, zero=False)  # fmt: skip
        ax.set_xlabel(unit_label(metric.name, metric.units))
    text = (
        f"What '{audit.probe}' would have claimed with samples dealt at random, and what it scores "
        f"{called}, on the same test samples, uncalibrated."
    )
    return fig, text


def importance_pictures(found: Explanation, result: Result) -> list[Picture]:
    """Permutation importance of the selected model: bars by name, a curve over the lags."""
    table = found.importance[found.importance["model"] == result.selected]
    metric = next(m for m in result.metrics if m.name == found.metric)
    label = unit_label(f"worsening of {metric.name}", metric.units)
    pictures = []
    for kind in dict.fromkeys(table["kind"]):
        mine = table[table["kind"] == kind].reset_index(drop=True)
        if kind == "lag":
            pictures.append(_lags(mine, label, result.selected))
            continue
        best = mine.sort_values("drop", ascending=False, kind="stable").head(16)
        fig, ax = figure(7.2, 0.8 + 0.25 * max(len(best), 2))
        values = [best[c].tolist() for c in ("drop", "low", "high")]
        dots(ax, best["name"].tolist(), *values)
        ax.set_xlabel(label)
        more = f" The first 16 of {len(mine)} are shown." if len(mine) > 16 else ""
        text = (
            f"What '{result.selected}' needs, by {kind}: worsening of the score on "
            f"{found.n} test samples when the {kind} is shuffled between them, with "
            f"intervals.{more}"
        )
        pictures.append((fig, text))
    return pictures


def _lags(table: pd.DataFrame, label: str, model: str) -> Picture:
    fig, ax = figure(7.2, 2.6)
    numbers = [as_number(n) for n in table["name"]]
    plain = all(isinstance(n, float) for n in numbers)
    x: Any = numbers if plain else np.arange(len(table))
    ax.axhline(0.0, color="black", linewidth=0.8, alpha=0.6)
    ax.fill_between(x, *band(table["low"], table["high"]), color=SELECTED, alpha=0.2, linewidth=0)
    ax.plot(x, table["drop"], "o-", color=SELECTED, markersize=4)
    if not plain:
        ax.set_xticks(x, table["name"].tolist(), rotation=45, ha="right")
    ax.set_xlabel("lag [steps]")
    ax.set_ylabel(label)
    return fig, (
        f"What '{model}' needs, by lag: worsening of the score when a lag is shuffled between test "
        "samples; 0 is the newest step of a forecast, or the centre of a window."
    )


def local_pictures(local: pd.DataFrame) -> list[Picture]:
    """What drove single predictions: the strongest parts of each."""
    found = []
    for (sample, why), mine in local.groupby(["sample", "why"], sort=False):
        best = mine.head(8)
        fig, ax = figure(5.0, 0.8 + 0.25 * max(len(best), 2))
        effect = best["effect"].to_numpy(float)
        at = np.arange(len(best))[::-1]
        colours = [PALETTE[0] if e >= 0 else PALETTE[1] for e in effect]
        ax.barh(at, effect, color=colours, height=0.65)
        ax.axvline(0.0, color="black", linewidth=0.8, alpha=0.6)
        kinds = local["kind"].nunique() > 1
        names = [
            f"{k} {n}" if kinds else n for k, n in zip(best["kind"], best["name"], strict=True)
        ]
        ax.set_yticks(at, names)
        output, value = str(mine["output"].iloc[0]), float(mine["value"].iloc[0])
        ax.set_xlabel(f"change of the {output.split(',')[0]}")
        text = (
            f"Sample {sample}, {why}: {output} is {value:.4g}. A bar is what the part adds to it, "
            "against the part at its mean."
        )
        found.append((fig, text))
    return found
