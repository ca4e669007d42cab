"""The report's own pictures: gains, split, calibration, breakdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from craton.report.figures import (
    BASELINE,
    OTHER,
    PALETTE,
    SELECTED,
    dots,
    figure,
    role_colour,
    unit_label,
)

if TYPE_CHECKING:
    from craton.result import Result
    from craton.scoring import Score

Picture = tuple[Figure, str]
LEGEND: dict[str, Any] = {"fontsize": 9, "frameon": False}
PARTS = {"train": PALETTE[5], "calibrate": PALETTE[4], "test": PALETTE[1]}


def gains(result: Result) -> Picture:
    """Gain of every model over the baseline, by metric."""
    metrics = result.metrics[:4]
    names = [s.model for s in ranked(result) if s.model != result.task.baseline]
    columns = min(2, len(metrics))
    rows = -(-len(metrics) // columns)
    height = rows * (0.75 + 0.27 * max(len(names), 2))
    fig, grid = figure(7.2, height, rows=rows, columns=columns, squeeze=False, sharey=True)
    for ax, metric in zip(grid.flat, metrics, strict=False):
        lines = [result.score(n, metric.name) for n in names]
        colours = [SELECTED if n == result.selected else OTHER for n in names]
        dots(
            ax, names, [s.gain for s in lines], [s.gain_low for s in lines],
            [s.gain_high for s in lines], colours=colours,
        )  # fmt: skip
        ax.set_xlabel(unit_label(f"{metric.name} gain", metric.units))
    for ax in list(grid.flat)[len(metrics) :]:
        ax.set_visible(False)
    text = (
        f"Gain over the baseline '{result.task.baseline}' with {100 * result.run.level:.0f} % "
        "intervals from a block bootstrap, paired. Right of the line is better; blue is the model "
        "chosen inside the training part."
    )
    return fig, text


def ranked(result: Result) -> list[Score]:
    """Scores by the first metric, best first."""
    metric = result.metrics[0]
    lines = [s for s in result.scores if s.metric == metric.name]
    return sorted(lines, key=lambda s: (not np.isfinite(s.score), metric.loss(s.score)))


def split_pictures(result: Result) -> list[Picture]:
    """Where, when and in which groups the parts lie: what applies, two at most."""
    index = result.samples.index
    found: list[Picture] = []
    makers: list[Callable[[], Picture]] = []
    if index["t0"].notna().all():
        makers.append(lambda: _timeline(result))
    if index[["x", "y"]].notna().all(axis=None) and len(index[["x", "y"]].drop_duplicates()) > 2:
        makers.append(lambda: _map(result))
    if (index["group"] != "").all() and index["group"].nunique() > 1:
        makers.append(lambda: _groups(result))
    for make in makers[:2]:
        found.append(make())
    return found


def _parts(result: Result) -> list[tuple[str, Any, str]]:
    """Name, rows and colour: the parts of one split, or the test parts of several."""
    if len(result.splits) == 1:
        s = result.splits[0]
        rows = {"train": s.train, "calibrate": s.calibrate, "test": s.test}
        return [(n, r, PARTS[n]) for n, r in rows.items() if len(r)]
    return [
        (f"tested in {s.name}", s.test, PALETTE[i % len(PALETTE)])
        for i, s in enumerate(result.splits)
    ]


def _timeline(result: Result) -> Picture:
    time = result.samples.index["t0"].to_numpy()
    fig, ax = figure(7.2, 2.6)
    bins = int(np.clip(len(time) // 8, 8, 80))
    edges = np.linspace(time.min().astype(np.int64), time.max().astype(np.int64), bins + 1)
    borders = pd.to_datetime(edges).to_numpy()
    bottom = np.zeros(bins)
    parts = _parts(result)
    for i, (name, rows, colour) in enumerate(parts):
        counts = np.histogram(time[rows].astype(np.int64), edges)[0]
        label = name if len(parts) <= 10 else (None if i else "test parts of the splits")
        ax.bar(borders[:-1], counts, np.diff(borders), bottom=bottom, align="edge",
               color=colour, label=label)  # fmt: skip
        bottom += counts
    ax.set_xlabel("issue time")
    ax.set_ylabel("samples")
    fig.legend(loc="outside upper right", ncols=3, **LEGEND)
    return fig, "Samples in time, by part of the split."


def _map(result: Result) -> Picture:
    xy = result.samples.index[["x", "y"]].to_numpy(float)
    fig, ax = figure(6.4, 4.6)
    parts = _parts(result)
    for i, (name, rows, colour) in enumerate(parts):
        label = name if len(parts) <= 12 else (None if i else "tested, by fold")
        ax.plot(xy[rows, 0], xy[rows, 1], ".", markersize=4, color=colour, label=label)
    ax.set_xlabel(_axis(result, "x"))
    ax.set_ylabel(_axis(result, "y"))
    ax.set_aspect("equal", adjustable="datalim")
    fig.legend(loc="outside right upper", markerscale=2.5, **LEGEND)
    return fig, "Samples in place, by part of the split."


def _axis(result: Result, name: str) -> str:
    """Name and units of a coordinate, from the variable of the data that it was taken from."""
    chosen = getattr(result.config, name, None)
    usual = {"x": ("x", "longitude", "lon", "easting"), "y": ("y", "latitude", "lat", "northing")}
    for candidate in (chosen, *usual[name]):
        if isinstance(candidate, str) and candidate in result.data.variables:
            return unit_label(candidate, str(result.data[candidate].attrs.get("units", "")))
    return name


def _groups(result: Result) -> Picture:
    index = result.samples.index
    names = list(pd.unique(index["group"]))
    shown = names[:40]
    fig, ax = figure(7.2, 0.9 + 0.23 * len(shown))
    left = pd.Series(0.0, index=shown)
    parts = _parts(result)
    alone = len(parts) > 1 and all(index["group"].iloc[r].nunique() == 1 for _, r, _ in parts)
    if alone:
        parts = [("tested, each group in its turn", np.concatenate([r for _, r, _ in parts]),
                  SELECTED)]  # fmt: skip
    tested = np.unique(np.concatenate([rows for _, rows, _ in parts]))
    never = np.setdiff1d(np.arange(len(index)), tested)
    if len(never):
        parts = [*parts, ("never tested", never, "#b0b0b0")]
    for name, rows, colour in parts:
        counts = index["group"].iloc[rows].value_counts().reindex(shown, fill_value=0)
        label = name if len(parts) <= 12 else None
        ax.barh(shown, counts.to_numpy(), left=left.to_numpy(), color=colour, label=label)
        left = left + counts
    ax.invert_yaxis()
    ax.set_xlabel("samples")
    if len(parts) <= 12:
        fig.legend(loc="outside right upper", **LEGEND)
    more = f" The first 40 of {len(names)} groups are shown." if len(names) > 40 else ""
    return (
        fig,
        "Samples by group, in the colour of the part or fold in which they are tested." + more,
    )


def calibration(result: Result) -> list[Picture]:
    """Reliability of class probabilities, or coverage of quantiles."""
    target = result.samples.target
    predicted = result.predictions[result.selected]
    if target.name not in predicted:
        return []
    dims = predicted[target.name].dims
    models = dict.fromkeys([result.selected, result.task.baseline])
    if "category" in dims:
        return [_reliability(result, list(models))]
    if "quantile" in dims:
        names = [target.name, *list(target.regions or {})[:1]]
        return [_coverage(result, list(models), n) for n in names if n in result.observed]
    return []


def _reliability(result: Result, models: Sequence[str]) -> Picture:
    target = result.samples.target.name
    truth = result.observed[target].to_numpy()
    fig, ax = figure(4.8, 4.2)
    ax.plot([0, 1], [0, 1], color="black", linewidth=0.9, alpha=0.6)
    for name in models:
        p = result.predictions[name][target].transpose("sample", "category").to_numpy()
        known = truth >= 0
        top = p[known].max(axis=1)
        right = (p[known].argmax(axis=1) == truth[known]).astype(float)
        bins = int(np.clip(len(top) // 40, 1, 10))
        edges = np.unique(np.quantile(top, np.linspace(0, 1, bins + 1)[1:-1]))
        which = np.searchsorted(edges, top, side="right")
        pieces = [np.flatnonzero(which == i) for i in np.unique(which)]
        said = [float(top[c].mean()) for c in pieces]
        seen = np.array([float(right[c].mean()) for c in pieces])
        bars = np.array([_wilson(int(right[c].sum()), len(c)) for c in pieces])
        error = np.abs(bars.T - seen)
        ax.errorbar(said, seen, yerr=error, fmt="o-", color=role_colour(result, name),
                    markersize=5, linewidth=1.2, label=name)  # fmt: skip
    lowest = max(0.0, 1 / max(len(result.samples.target.categories), 1) - 0.08)
    ax.set_xlim(lowest, 1.01)
    ax.set_ylim(0, 1.02)
    ax.set_xlabel("stated probability of the predicted class")
    ax.set_ylabel("share that was right")
    ax.legend(loc="upper left", **LEGEND)
    text = (
        "Reliability on the test samples, bins of about equal size. On the line, a stated 70 % "
        "comes true in 70 % of the cases; below it the model is too sure. Bars are 95 % Wilson "
        "intervals, which take samples as independent."
    )
    return fig, text


def _wilson(k: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """Interval of a share; Wilson 1927, doi:10.1080/01621459.1927.10502953."""
    p, d = k / n, 1 + z**2 / n
    mid = (p + z**2 / (2 * n)) / d
    half = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / d
    return float(mid - half), float(mid + half)


def _coverage(result: Result, models: Sequence[str], variable: str) -> Picture:
    truth = result.observed[variable]
    fig, ax = figure(4.8, 4.2)
    ax.plot([0, 1], [0, 1], color="black", linewidth=0.9, alpha=0.6)
    there = np.isfinite(truth.to_numpy())
    for name in models:
        predicted = result.predictions[name]
        if variable not in predicted or "quantile" not in predicted[variable].dims:
            continue
        q = predicted[variable].transpose(*truth.dims, "quantile").to_numpy()
        levels = predicted["quantile"].to_numpy()
        below = [float((truth.to_numpy() <= q[..., i])[there].mean()) for i in range(len(levels))]
        ax.plot(levels, below, "o-", color=role_colour(result, name), markersize=5, label=name)
    ax.set_xlim(0, 1)
    ax.set_ylim(0, 1)
    ax.set_xlabel("level of the predicted quantile")
    ax.set_ylabel(f"share of observed {variable} below it".replace("_", " "))
    ax.legend(loc="upper left", **LEGEND)
    text = f"Coverage of the quantiles of {variable} on the test samples. On the line, it is right."
    return fig, text


def breakdowns(result: Result) -> list[Picture]:
    """Scores along a dimension, with bands for the selected model and the baseline."""
    found = []
    for dim in result.task.breakdown:
        lines = [s for s in result.breakdown if s.where.startswith(f"{dim}=")]
        metrics = [m for m in result.metrics if any(s.metric == m.name for s in lines)][:4]
        if not metrics:
            continue
        columns = min(2, len(metrics))
        rows = -(-len(metrics) // columns)
        fig, grid = figure(7.2, 2.5 * rows + 0.4, rows=rows, columns=columns, squeeze=False)
        for ax, metric in zip(grid.flat, metrics, strict=False):
            _by_dim(ax, result, [s for s in lines if s.metric == metric.name], dim)
            ax.set_xlabel(dim)
            ax.set_ylabel(unit_label(metric.name, metric.units))
        for ax in list(grid.flat)[len(metrics) :]:
            ax.set_visible(False)
        handles, labels = grid.flat[0].get_legend_handles_labels()
        fig.legend(handles, labels, loc="outside upper center", ncols=4, **LEGEND)
        text = f"Scores by {dim} on the test samples; bands are block-bootstrap intervals."
        found.append((fig, text))
    return found


def _by_dim(ax: Any, result: Result, lines: Sequence[Score], dim: str) -> None:
    order = [result.selected, result.task.baseline]
    others = [m for m in dict.fromkeys(s.model for s in lines) if m not in order]
    spare = [c for c in PALETTE if c not in (SELECTED, BASELINE)]
    for i, name in enumerate([*others, *dict.fromkeys(order)]):
        mine = [s for s in lines if s.model == name]
        if not mine:
            continue
        x = [as_number(s.where.split("=", 1)[1]) for s in mine]
        main = name in order
        colour = role_colour(result, name) if main else spare[i % len(spare)]
        style = "-" if main else "--"
        ax.plot(x, [s.score for s in mine], style, color=colour, label=name,
                linewidth=2.0 if main else 1.0)  # fmt: skip
        if main:
            ax.fill_between(
                x,
                *band([s.low for s in mine], [s.high for s in mine]),
                color=colour,
                alpha=0.2,
                linewidth=0,
            )
    ax.grid(alpha=0.25, linewidth=0.6)


def band(low: Any, high: Any) -> tuple[Any, Any]:
    """Borders of a band, with gaps where an interval has no end."""
    a, b = np.asarray(low, float), np.asarray(high, float)
    there = np.isfinite(a) & np.isfinite(b)
    return np.where(there, a, np.nan), np.where(there, b, np.nan)


def as_number(text: str) -> Any:
    """A coordinate as a number where it is one."""
    try:
        return float(text)
    except ValueError:
        return text
