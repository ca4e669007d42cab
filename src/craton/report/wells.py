"""Pictures of lithofacies along wells: log strips, confusion, wells apart, vintages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from numpy.typing import NDArray

from craton.io.well_alignment import alignment, apply_alignment, well_scales
from craton.metrics import Metric
from craton.models.imputation import imputation_errors
from craton.report.figures import (
    BASELINE,
    OTHER,
    SELECTED,
    confusion_section,
    dots,
    figure,
    unit_label,
)
from craton.report.section import Section
from craton.result import Result
from craton.wells import LogWindows

FACIES = (
    "#f4d03f", "#f5b041", "#dc7633", "#6e2c00", "#1b4f72", "#2e86c1", "#aed6f1", "#a569bd",
    "#196f3d", "#58d68d", "#c0392b", "#7f8c8d",
)  # fmt: skip
"""From sand's yellow through clay's brown to carbonate's blues and greens, as strips are drawn."""

MOST_LOGS = 5
WELLS = 3


def well_sections(result: Result) -> list[Section]:
    """The field's own part of the report."""
    found = [_strips(result), _confusion(result), _by_well(result), _vintages(result)]
    gaps = _imputation(result)
    return [*found, gaps] if gaps is not None else found


def _logs(result: Result) -> tuple[str, ...]:
    gather = result.samples.gather
    assert isinstance(gather, LogWindows)
    return gather.features[: gather.logs]


def facies_colours(n: int) -> list[Any]:
    """One colour for each of `n` facies."""
    if n <= len(FACIES):
        # few facies are told apart best by colours that are not next to each other
        return list(FACIES[: 2 * n : 2] if 2 * n <= len(FACIES) else FACIES[:n])
    from matplotlib import colormaps

    return [colormaps["turbo"](i / max(n - 1, 1)) for i in range(n)]


def _outcome(result: Result, model: str) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.str_]]:
    """Truth, probabilities and well of each test sample."""
    name = result.samples.target.name
    p = result.predictions[model][name].transpose("sample", "category").to_numpy()
    group = result.test.index["group"].to_numpy().astype(str)
    return result.observed[name].to_numpy(), p, group


def _strips(result: Result) -> Section:
    """Logs, described facies, predicted facies and probabilities of three test wells."""
    truth, p, group = _outcome(result, result.selected)
    right = {w: float(np.mean((p.argmax(axis=1) == truth)[group == w])) for w in pd.unique(group)}
    order = sorted(right, key=lambda w: right[w])
    chosen = list(dict.fromkeys([order[-1], order[len(order) // 2], order[0]]))[:WELLS]
    figures = [strip(result, well) for well in chosen]
    kinds = ["the best", "a middling", "the worst"] if len(chosen) == WELLS else ["a"] * WELLS
    captions = [
        f"{w}, {kind} of {len(order)} test wells: {100 * right[w]:.0f} % of the depths right. "
        "'given' is the facies in the file, 'model' the most probable one."
        for w, kind in zip(chosen, kinds, strict=False)
    ]
    text = (
        f"Facies by '{result.selected}', fitted on the other wells each time. Where the "
        "probabilities are spread, the model says that it does not know."
    )
    return Section("Log strips", text, figures=figures, captions=captions)


def strip(result: Result, well: str, model: str | None = None) -> Figure:
    """Draw one test well: logs, described and predicted facies, probabilities, against depth.

    Parameters
    ----------
    result : Result
        Of a task on wells.
    well : str
        A well that was tested.
    model : str, optional
        The selected model by default.
    """
    truth, p, group = _outcome(result, model or result.selected)
    mine = group == well
    rows = result.test.index.index.to_numpy()[mine]
    data, names = result.samples.data, result.samples.target.categories
    depth = data["depth_original"].to_numpy()[rows]
    order = np.argsort(depth, kind="stable")
    rows, depth, truth, p = rows[order], depth[order], truth[mine][order], p[mine][order]
    logs = [c for c in _logs(result) if np.isfinite(data[c].to_numpy()[rows]).any()][:MOST_LOGS]
    widths = [1.0] * len(logs) + [0.38, 0.38, 1.5]
    fig, axes = figure(7.2, 6.4, columns=len(widths), sharey=True, width_ratios=widths)
    for ax, log in zip(axes, logs, strict=False):
        ax.plot(data[log].to_numpy()[rows], depth, color="black", linewidth=0.7)
        ax.set_title(_title(log, str(data[log].attrs.get("units", ""))), fontsize=8.5)
        ax.tick_params(axis="x", labelsize=7.5)
        ax.locator_params(axis="x", nbins=3)
    colours = facies_colours(len(names))
    for ax, label, codes in (
        (axes[-3], "given", np.where(truth < 0, np.nan, truth)),
        (axes[-2], "model", p.argmax(axis=1).astype(float)),
    ):
        edges = np.r_[depth[:1], (depth[1:] + depth[:-1]) / 2, depth[-1:]]
        ax.pcolormesh(
            [0, 1], edges, np.asarray(codes)[:, None], cmap=ListedColormap(colours),
            vmin=-0.5, vmax=len(names) - 0.5, rasterized=True,
        )  # fmt: skip
        ax.set_xticks([])
        ax.set_title(label, fontsize=8.5)
    left = np.zeros(len(depth))
    for k, colour in enumerate(colours):
        share = left + p[:, k]
        axes[-1].fill_betweenx(depth, left, share, color=colour, linewidth=0, step="mid")
        left = share
    axes[-1].set(xlim=(0, 1), xticks=[0, 0.5, 1])
    axes[-1].set_title("probability", fontsize=8.5)
    unit = str(data["depth_original"].attrs.get("units", "m"))
    axes[0].set_ylabel(f"depth [{unit}]")
    axes[0].set_ylim(depth[-1], depth[0])
    handles = [Patch(color=c, label=n) for c, n in zip(colours, names, strict=True)]
    fig.legend(handles=handles, loc="outside lower center", ncols=min(len(names), 9), fontsize=8,
               handlelength=1.0, columnspacing=1.0)  # fmt: skip
    return fig


def _title(name: str, unit: str) -> str:
    text = unit_label(name, unit)
    return text.replace(" [", "\n[")


def _confusion(result: Result) -> Section:
    """The confusion matrix with the cells of adjacent facies framed."""
    found = confusion_section(result)
    gather = result.samples.gather
    assert isinstance(gather, LogWindows)
    ax = found.figures[0].axes[0]
    for i, near in gather.neighbours.items():
        for j in near:
            box = Rectangle((j - 0.46, i - 0.46), 0.92, 0.92, fill=False, edgecolor=BASELINE)
            box.set_linewidth(1.3)
            ax.add_patch(box)
    text = f"{found.text} Framed: facies that count as adjacent."
    captions = ["Numbers are per cent of the row; framed cells count as adjacent facies."]
    return Section("Confusion of facies", text, found.table, found.figures, captions)


def _by_well(result: Result) -> Section:
    """Accuracy of each test well, of the selected model and the baseline."""
    exact, near = result.metrics[1], result.metrics[2]
    _, _, group = _outcome(result, result.selected)
    lines = []
    for well in pd.unique(group):
        mine = np.flatnonzero(group == well)
        line: dict[str, Any] = {"well": well, "depths": len(mine)}
        for name in (result.selected, result.task.baseline):
            line[f"accuracy, {name}"] = _value(result, exact, name, mine)
        line[f"adjacent, {result.selected}"] = _value(result, near, result.selected, mine)
        line[f"log loss, {result.selected}"] = _value(
            result, result.metrics[0], result.selected, mine
        )
        lines.append(line)
    table = pd.DataFrame(lines).sort_values(f"accuracy, {result.selected}", ascending=False)
    fig, ax = figure(7.2, 0.9 + 0.3 * len(table))
    at = np.arange(len(table))[::-1]
    for name, colour in ((result.task.baseline, BASELINE), (result.selected, SELECTED)):
        ax.plot(table[f"accuracy, {name}"], at, "o", color=colour, label=name, markersize=6)
    overall = result.score(result.selected, exact.name)
    ax.axvspan(overall.low, overall.high, color=SELECTED, alpha=0.12, linewidth=0)
    ax.axvline(overall.score, color=SELECTED, linewidth=1)
    ax.set_yticks(at, list(table["well"]))
    ax.set(xlabel="accuracy (share of depths)", ylim=(-0.6, len(table) - 0.4))
    fig.legend(loc="outside upper left", ncols=2)
    caption = (
        "Each well was predicted by a model that had not seen it. Line and band: all wells "
        f"together, {100 * result.run.level:.0f} % interval over wells."
    )
    text = "How far a new well can be from the mean is the spread of these wells."
    return Section("Wells", text, table, (fig,), (caption,))


def _value(result: Result, metric: Metric, model: str, rows: NDArray[np.int64]) -> float:
    observed = result.observed.isel(sample=rows)
    predicted = result.predictions[model].isel(sample=rows)
    return float(metric.value(metric.stats(observed, predicted).sum(axis=0)))


def _vintages(result: Result) -> Section:
    """Median and quartiles of each log by well, as read and aligned."""
    data = result.samples.data
    wells = list(dict.fromkeys(data["well"].to_numpy().astype(str).tolist()))
    median, _ = well_scales(data, list(_logs(result)), wells)
    # a log that is constant, or too short, in every well has no scale to show
    logs = [c for c, m in zip(_logs(result), median.T, strict=True) if np.isfinite(m).any()]
    logs = logs[:MOST_LOGS]
    if not logs:
        return Section("Vintages", "No log has enough values in any well to be compared.")
    measured = alignment(data, logs)
    moved = apply_alignment(data, measured)
    wells = [str(w) for w in measured["well"].to_numpy()]
    fig, axes = figure(7.2, 1.2 + 0.24 * len(wells), columns=len(logs), sharey=True, squeeze=False)
    own = data["well"].to_numpy().astype(str)
    for ax, log in zip(axes[0], logs, strict=True):
        _quartiles(ax, data[log].to_numpy(), own, wells, 0.14, BASELINE, "as read")
        _quartiles(ax, moved[log].to_numpy(), own, wells, -0.14, OTHER, "aligned")
        ax.set_xlabel(_title(log, str(data[log].attrs.get("units", ""))), fontsize=8.5)
        ax.locator_params(axis="x", nbins=3)
    axes[0][0].set_yticks(np.arange(len(wells))[::-1], wells)
    handles, labels = axes[0][0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper left", ncols=2)
    shift = (measured["median"] - measured["reference_median"]) / measured["reference_spread"]
    table = pd.DataFrame(shift.to_numpy(), columns=logs)
    table.insert(0, "well", wells)
    text = (
        "Logs of another tool, mud or decade read the same rock differently. The table gives the "
        "shift of each well's median from that of all wells, in interquartile ranges. Some of it "
        "is rock: models that use aligned logs stand beside models that do not, and what a model "
        "is trained on includes copies of the wells with random offsets and gains."
    )
    caption = "Median and quartiles of each log by well, as read and brought to a common scale."
    return Section("Vintages of the logs", text, table, (fig,), (caption,))


def _quartiles(
    ax: Any,
    values: NDArray[Any],
    own: NDArray[np.str_],
    wells: Sequence[str],
    shift: float,
    colour: str,
    label: str,
) -> None:
    at = np.arange(len(wells))[::-1] + shift
    for y, well in zip(at, wells, strict=True):
        inside = values[(own == well) & np.isfinite(values)]
        if len(inside) < 2:
            continue
        low, middle, high = np.quantile(inside, [0.25, 0.5, 0.75])
        ax.plot([low, high], [y, y], color=colour, linewidth=2, solid_capstyle="butt")
        ax.plot([middle], [y], "o", color=colour, markersize=4)
    ax.plot([], [], "o-", color=colour, label=label)


def _imputation(result: Result) -> Section | None:
    """How well a missing curve is restored, in wells left out."""
    gather, data = result.samples.gather, result.samples.data
    assert isinstance(gather, LogWindows)
    table = np.stack([data[c].to_numpy().astype(float) for c in gather.features], axis=1)
    errors = imputation_errors(table, _logs(result), data["well"].to_numpy().astype(str))
    if not errors:
        return None
    lines = [
        {
            "curve": e.curve,
            "rows without": e.missing,
            "rmse, wells left out": e.rmse,
            "spread of the curve": e.spread,
            "share of variance": 1 - (e.rmse / max(e.spread, 1e-12)) ** 2,
            "unit": str(data[e.curve].attrs.get("units", "")),
        }
        for e in errors
    ]
    fig, ax = figure(7.2, 0.8 + 0.3 * len(errors))
    shares = [float(np.asarray(line["share of variance"])) for line in lines]
    dots(ax, [e.curve for e in errors], shares, shares, shares, colours=[SELECTED] * len(errors))
    ax.set_xlabel("share of the curve's variance restored")
    text = (
        "A gap is filled by regression on the curves that are there, learnt on training wells. "
        "Here each curve with gaps was hidden in wells left out, and restored."
    )
    caption = "1: restored as it was; 0: no better than its mean."
    return Section("Missing curves", text, pd.DataFrame(lines), (fig,), (caption,))
