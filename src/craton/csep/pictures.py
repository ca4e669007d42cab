"""Pictures of tests, each drawn on axes that are given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from craton.csep.cumulative import CumulativeGain, CumulativeNumber
from craton.csep.reliability import Reliability
from craton.csep.results import Evaluation, Floats
from craton.errors import DataError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PASSED, FAILED, FORECAST = "#0072b2", "#d55e00", "#7f7f7f"


def draw_evaluation(ax: Axes, found: Evaluation, level: float = 0.05) -> None:
    """Draw the forecast's distribution of a statistic and where the observed one is."""
    drawn = found.distribution[np.isfinite(found.distribution)]
    if not drawn.size:
        raise DataError("there is no distribution to draw", where=found.name)
    # counts get a bar each where there are few
    whole = (drawn == np.floor(drawn)).all() and np.ptp(drawn) < 40
    edges = np.arange(drawn.min() - 0.5, drawn.max() + 1)
    bins = edges.tolist() if whole else 30
    ax.hist(drawn, bins=bins, color=FORECAST, alpha=0.5)
    if np.isfinite(found.statistic):
        colour = PASSED if found.passes(level) else FAILED
        ax.axvline(found.statistic, color=colour, lw=2)
    words = f"P(≥ seen) {found.at_least:.2f}, P(≤ seen) {found.at_most:.2f}"
    ax.set(title=f"{found.name}\n{words}", ylabel="simulations", yticks=[])
    if found.left_out:
        note = f"{found.left_out} events outside\nwhat was simulated"
        ax.text(0.03, 0.97, note, transform=ax.transAxes, va="top", fontsize=8)


def draw_consistency(
    ax: Axes, found: Mapping[str, Evaluation], level: float = 0.05, *, relative: bool = True
) -> None:
    """Draw a test of many days or forecasts: one row each, the forecast's interval and the seen.

    Parameters
    ----------
    ax : Axes
    found : mapping of str to Evaluation
        Label to result, drawn from top to bottom.
    level : float
        The bar spans the statistics of the forecast that pass at this level: the central part for
        the number, all but the low or large end for the other tests.
    relative : bool
        Draw distances from the median, so that days of different size can be compared.
    """
    for row, evaluation in enumerate(found.values()):
        drawn = evaluation.distribution[np.isfinite(evaluation.distribution)]
        if not drawn.size:
            ax.text(0.5, row, "not valid", transform=ax.get_yaxis_transform(), ha="center",
                    va="center", color=FORECAST)  # fmt: skip
            continue
        low, high = _passing(evaluation.name, drawn, level)
        middle = float(np.median(drawn))
        zero = middle if relative else 0.0
        ax.plot([low - zero, high - zero], [row, row], color=FORECAST, lw=6, alpha=0.5)
        ax.plot(middle - zero, row, "|", color="black", ms=10)
        if np.isfinite(evaluation.statistic):
            colour = PASSED if evaluation.passes(level) else FAILED
            marker = "o" if evaluation.status == "normal" else "D"
            ax.plot(evaluation.statistic - zero, row, marker, color=colour)
    ax.set(yticks=range(len(found)), yticklabels=list(found))
    ax.set_ylim(len(found) - 0.5, -0.5)
    ax.set_xlabel("statistic minus its median" if relative else "statistic")


def _passing(name: str, drawn: Floats, level: float) -> tuple[float, float]:
    """Lowest and highest statistic among those drawn with which `Evaluation.passes`."""
    below, above = 100 * level, 100 - 100 * level
    if name.endswith("N"):
        below, above = below / 2, 100 - below / 2
    elif name == "catalogue M":
        below = 0.0
    else:
        above = 100.0
    low = np.percentile(drawn, below, method="lower")
    return float(low), float(np.percentile(drawn, above, method="higher"))


def draw_reliability(ax: Axes, found: Reliability) -> None:
    """Draw a reliability diagram on logarithmic axes, with consistency bars on the diagonal."""
    floor = 0.3 * min(found.probability[found.probability > 0].min(), 1 / found.cases.max())
    shown = np.maximum([found.low, found.high, found.frequency], floor)
    inside = (found.frequency >= found.low) & (found.frequency <= found.high)
    ax.vlines(found.probability, shown[0], shown[1], color=FORECAST, lw=6, alpha=0.4)
    ax.plot([floor, 1], [floor, 1], color="black", lw=0.8)
    for mask, colour in ((inside, PASSED), (~inside, FAILED)):
        seen = mask & (found.frequency > 0)
        none = mask & (found.frequency == 0)
        ax.plot(found.probability[seen], found.frequency[seen], "o", color=colour)
        ax.plot(found.probability[none], np.full(none.sum(), floor), "v", color=colour)
    ax.set(xscale="log", yscale="log", xlabel="forecast probability of a cell",
           ylabel="share of cells with an event")  # fmt: skip
    ax.set_ylim(bottom=floor * 0.8)


def draw_cumulative_number(ax: Axes, found: CumulativeNumber) -> None:
    """Draw the number of events so far, seen and forecast."""
    day = np.arange(1, found.observed.size + 1)
    ax.fill_between(day, found.low, found.high, color=FORECAST, alpha=0.4, lw=0, label="forecast")
    ax.plot(day, found.median, color="black", lw=0.8)
    ax.plot(day, found.observed, "o-", color=PASSED, label="observed")
    ax.set(xlabel="day", ylabel="events so far")
    ax.locator_params(axis="x", integer=True)
    ax.legend(loc="upper left", frameon=False)


def draw_cumulative_gain(ax: Axes, found: CumulativeGain) -> None:
    """Draw the summed gain and its band."""
    day = np.arange(1, found.total.size + 1)
    ax.fill_between(day, found.low, found.high, color=PASSED, alpha=0.25, lw=0)
    ax.plot(day, found.total, "o-", color=PASSED)
    ax.axhline(0, color="black", lw=0.8)
    ax.set(xlabel="day", ylabel="gain so far (nats)")
    ax.locator_params(axis="x", integer=True)
