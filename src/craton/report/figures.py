"""Drawing helpers: figures that fit the report in light and dark, and the sections tasks share.

A figure is a plain matplotlib `Figure`, never pyplot's, so nothing is left open. Black is the
report's ink: it becomes the page's text colour when the figure is written as SVG.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from cycler import cycler
from matplotlib.figure import Figure

from craton.report.section import Section

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from craton.result import Result

PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6bb1", "#7f7f7f")
"""Told apart with any colour vision and on light and dark ground (Okabe and Ito 2008)."""

SELECTED, BASELINE, OTHER = PALETTE[0], PALETTE[1], PALETTE[7]
SEQUENTIAL, DIVERGING = "cividis", "RdBu_r"

STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.size": 10.0,
    "axes.titlesize": 10.5,
    "axes.labelsize": 10.0,
    "xtick.labelsize": 9.0,
    "ytick.labelsize": 9.0,
    "legend.fontsize": 9.0,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycler(color=PALETTE),
    "lines.linewidth": 1.6,
    "savefig.facecolor": "none",
    "svg.fonttype": "none",
}


def figure(
    width: float = 7.2, height: float = 3.2, *, rows: int = 1, columns: int = 1, **options: Any
) -> tuple[Figure, Any]:
    """Make a figure in the report's style.

    Parameters
    ----------
    width, height : float
        Inches; 7.2 fills a page.
    rows, columns : int
        Axes.
    **options
        Passed on to `Figure.subplots` (``sharex``, ``sharey``, ``squeeze``, ``width_ratios``).

    Returns
    -------
    figure : Figure
    axes : Axes or ndarray of Axes

    Examples
    --------
    >>> fig, ax = figure()
    >>> line = ax.plot([0, 1], [0, 1])
    """
    with mpl.rc_context(STYLE):
        fig = Figure(figsize=(width, height), layout="constrained")
        return fig, fig.subplots(rows, columns, **options)


def dots(
    ax: Axes,
    names: Sequence[str],
    values: Sequence[float],
    low: Sequence[float],
    high: Sequence[float],
    *,
    colours: Sequence[str] | None = None,
    zero: bool = True,
) -> None:
    """Draw a dot and an interval for each name, the first on top.

    Parameters
    ----------
    ax : Axes
        Axes to draw on.
    names, values, low, high : sequence
        One a line; a value that is not finite draws nothing.
    colours : sequence of str, optional
        One a line.
    zero : bool
        Draw a line at zero.
    """
    at = np.arange(len(names))[::-1]
    for i, y in enumerate(at):
        colour = colours[i] if colours else PALETTE[0]
        if np.isfinite(low[i]) and np.isfinite(high[i]):
            ax.plot([low[i], high[i]], [y, y], color=colour, linewidth=2.2, solid_capstyle="butt")
        if np.isfinite(values[i]):
            ax.plot([values[i]], [y], "o", color=colour, markersize=6)
    if zero:
        ax.axvline(0.0, color="black", linewidth=0.8, alpha=0.6)
    ax.set_yticks(at, list(names))
    ax.set_ylim(-0.6, len(names) - 0.4)
    ax.grid(axis="x", alpha=0.25, linewidth=0.6)


def unit_label(name: str, units: str) -> str:
    """Axis label: words, with units in brackets if there are any."""
    text = name.replace("_", " ")
    return text if units in ("", "1") else f"{text} [{units}]"


def role_colour(result: Result, model: str) -> str:
    """Blue for the selected model, vermilion for the baseline, grey for the others."""
    if model == result.selected:
        return SELECTED
    return BASELINE if model == result.task.baseline else OTHER


def confusion_section(result: Result, model: str | None = None) -> Section:
    """How often each class is taken for which other, on the test samples.

    Parameters
    ----------
    result : Result
        Of a task whose target has categories.
    model : str, optional
        The selected model by default.

    Returns
    -------
    Section
        A picture of row-wise shares and a table of precision and recall.
    """
    import pandas as pd

    target, name = result.samples.target, model or result.selected
    classes = len(target.categories)
    p = result.predictions[name][target.name].transpose("sample", "category").to_numpy()
    truth = result.observed[target.name].to_numpy()
    known = truth >= 0
    counts = np.zeros((classes, classes), int)
    np.add.at(counts, (truth[known], p.argmax(axis=1)[known]), 1)
    true, said = counts.sum(axis=1), counts.sum(axis=0)
    hit = np.diag(counts)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = counts / true[:, None]
        table = pd.DataFrame(
            {
                "class": target.categories,
                "samples": true,
                "predicted": said,
                "precision": hit / said,
                "recall": hit / true,
            }
        )
    text = f"Shares of each true class (row) that '{name}' takes for each class (column)."
    return Section("Confusion", text, table, (_confusion(share, counts, target.categories),))


def _confusion(share: Any, counts: Any, labels: Sequence[str]) -> Figure:
    n = len(labels)
    longest = max(len(str(c)) for c in labels)
    side = float(np.clip(0.55 * n + 0.08 * longest + 1.2, 3.4, 7.2))
    fig, ax = figure(min(side + 0.6, 7.2), side)
    ax.imshow(np.nan_to_num(share), vmin=0, vmax=1, cmap="Blues", aspect="equal")
    if n <= 14:
        for i in range(n):
            for j in range(n):
                if counts[i, j]:
                    colour = "#fefefe" if share[i, j] > 0.55 else "#010101"
                    size = 9 if n <= 9 else 7.5
                    text = f"{100 * share[i, j]:.0f}"
                    ax.text(j, i, text, ha="center", va="center", color=colour, fontsize=size)
    turn = 90 if longest > 4 else 0
    ax.set_xticks(range(n), list(labels), rotation=turn)
    ax.set_yticks(range(n), list(labels))
    ax.set_xlabel("predicted class")
    ax.set_ylabel("true class [% of the row]")
    for spine in ax.spines.values():
        spine.set_visible(False)
    return fig


def observed_section(result: Result, model: str | None = None) -> Section:
    """Predicted medians against what was observed, with the central 90 % intervals' coverage.

    Parameters
    ----------
    result : Result
        Of a task whose target is one number a sample, or a field of them.
    model : str, optional
        The selected model by default.

    Returns
    -------
    Section
    """
    from craton.metrics import middle

    target, name = result.samples.target, model or result.selected
    truth = result.observed[target.name]
    guess = middle(result.predictions[name][target.name]).transpose(*truth.dims)
    y, g = truth.to_numpy().ravel(), guess.to_numpy().ravel()
    there = np.isfinite(y)
    y, g = y[there], g[there]
    fig, ax = figure(4.6, 4.4)
    if len(y) > 4000:
        cells = ax.hexbin(g, y, gridsize=50, mincnt=1, cmap=SEQUENTIAL, bins="log")
        fig.colorbar(cells, ax=ax, label="number of values")
    else:
        ax.plot(g, y, "o", markersize=3, alpha=0.5, color=SELECTED)
    ends = [float(min(y.min(), g.min())), float(max(y.max(), g.max()))] if len(y) else [0.0, 1.0]
    ax.plot(ends, ends, color="black", linewidth=0.9, label="equal")
    ax.set_xlabel(unit_label(f"predicted {target.name} (median)", target.units))
    ax.set_ylabel(unit_label(f"observed {target.name}", target.units))
    text = f"Test samples of all splits, predicted by '{name}'."
    return Section("Observed and predicted", text, None, (fig,))
