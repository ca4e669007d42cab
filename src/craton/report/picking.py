"""Sections of a picking run: windows with their picks, residuals, coverage by signal to noise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from craton.report.figures import BASELINE, OTHER, PALETTE, SELECTED, figure
from craton.report.section import Section

if TYPE_CHECKING:
    import xarray as xr

    from craton.result import Result

PHASES = ("P", "S")
COLOURS = {"P": PALETTE[1], "S": PALETTE[0]}
CLASSES = ((-np.inf, 10.0), (10.0, 25.0), (25.0, np.inf))
"""Edges of the classes of signal-to-noise ratio, in dB."""


def picking_sections(result: Result) -> list[Section]:
    """The task's own part of the report."""
    return [_windows(result), _residuals(result), _coverage(result)]


def parts_of(predicted: xr.Dataset, observed: xr.Dataset) -> dict[str, NDArray[Any]]:
    """``truth``, ``low``, ``pick``, ``high``, ``probability``, ``snr``, all (window, phase)."""
    q = predicted["arrival"].transpose("sample", "phase", "quantile")
    levels = {"low": 0.05, "pick": 0.5, "high": 0.95}
    found = {k: q.sel(quantile=v, method="nearest").to_numpy() for k, v in levels.items()}
    truth = observed["arrival"].transpose("sample", "phase").to_numpy()
    pair = {k: predicted[k].transpose("sample", "phase").to_numpy() for k in ("probability", "snr")}
    return {"truth": truth, **found, **pair}


def _tested(result: Result, model: str) -> dict[str, NDArray[Any]]:
    return parts_of(result.predictions[model], result.observed)


def _windows(result: Result) -> Section:
    """Six test windows from the surest to the poorest pick, and the baseline's picks."""
    mine, base = (_tested(result, n) for n in (result.selected, result.task.baseline))
    rate = float(result.samples.data.attrs["sampling_rate"])
    both = np.flatnonzero(np.isfinite(mine["truth"]).all(axis=1))
    order = both[np.argsort(mine["snr"][both, 0])]
    chosen = order[np.unique(np.linspace(0, len(order) - 1, 6).astype(int))][::-1]
    shown = result.test.take(chosen).inputs()["sequence"]
    fig, axes = figure(7.2, 1.45 * len(chosen), rows=len(chosen), squeeze=False)
    names = result.test.data["name"].to_numpy()[result.test.index.index.to_numpy()].astype(str)
    for ax, i, wave in zip(axes[:, 0], chosen, shown, strict=True):
        first = max(float(mine["truth"][i, 0]) - 2.0, 0.0)
        last = min(float(mine["truth"][i, 1]) + 4.0, wave.shape[1] / rate)
        span = slice(int(first * rate), int(last * rate))
        at = np.arange(wave.shape[1])[span] / rate
        for row, component in ((0, 0), (1, 1)):
            trace = wave[component, span]
            scaled = trace / (2.2 * np.abs(trace).max() + 1e-9)
            ax.plot(at, scaled - row, color="black", linewidth=0.6, alpha=0.75)
        for k, phase in enumerate(PHASES):
            colour = COLOURS[phase]
            ax.axvspan(mine["low"][i, k], mine["high"][i, k], color=colour, alpha=0.25, linewidth=0)
            ax.axvline(mine["pick"][i, k], color=colour)
            ax.plot([mine["truth"][i, k]] * 2, [-1.55, -1.35], color="black", linewidth=2.2)
            ax.plot([base["pick"][i, k]], [0.5], "v", color=BASELINE if k == 0 else OTHER,
                    markersize=5)  # fmt: skip
        said = [f"{p} {mine['probability'][i, k]:.2f}" for k, p in enumerate(PHASES)]
        ax.set_title(f"{names[i]}: chance of {', '.join(said)}; P {mine['snr'][i, 0]:.0f} dB over "
                     "noise", loc="left", fontsize=8.5)  # fmt: skip
        ax.set_xlim(first, last)
        ax.set_ylim(-1.6, 0.65)
        ax.set_yticks([0, -1], ["Z", "N"])
    axes[-1, 0].set_xlabel("seconds from the window's start")
    text = (
        "Lines are the picks of the selected model, bands their 90 % intervals (P orange, S blue); "
        "black bars below are the analyst's picks, triangles those of the baseline."
    )
    return Section("Windows and picks", text, figures=[fig], captions=["From strong to weak P."])


def _residuals(result: Result) -> Section:
    """Histograms of pick minus analyst, by phase, for the selected model and the baseline."""
    fig, axes = figure(7.2, 2.8, columns=2)
    edges = np.linspace(-0.5, 0.5, 41)
    rows = []
    both = dict.fromkeys([result.selected, result.task.baseline])
    for name, colour in zip(both, (SELECTED, BASELINE), strict=False):
        parts = _tested(result, name)
        for k, (ax, phase) in enumerate(zip(axes, PHASES, strict=True)):
            gap = (parts["pick"] - parts["truth"])[:, k]
            gap = gap[np.isfinite(gap)]
            shown = np.clip(gap, edges[0], edges[-1])
            ax.hist(shown, edges, histtype="step", color=colour, linewidth=1.4, label=name)
            ax.set_title(phase)
            ax.set_xlabel("pick minus analyst (s)")
            rows.append({
                "model": name, "phase": phase, "picks": len(gap), "median (s)": np.median(gap),
                "within 0.1 s": np.mean(np.abs(gap) <= 0.1), "beyond 0.5 s":
                np.mean(np.abs(gap) > 0.5), "mean absolute (s)": np.abs(gap).mean(),
            })  # fmt: skip
    axes[0].set_ylabel("windows")
    axes[0].legend()
    text = "Residuals beyond half a second are in the outermost bars."
    return Section("Residuals", text, pd.DataFrame(rows), [fig], ["Pick minus analyst's pick."])


def coverage_table(parts: dict[str, NDArray[Any]]) -> pd.DataFrame:
    """Coverage and width of the 90 % intervals by phase and signal-to-noise ratio.

    Returns
    -------
    pd.DataFrame
        ``phase``, ``snr`` (text), ``picks``, ``coverage`` with Wilson's 95 % interval ``low``,
        ``high`` (doi:10.1080/01621459.1927.10502953), ``median width (s)``.
    """
    rows = []
    for k, phase in enumerate(PHASES):
        truth = parts["truth"][:, k]
        known = np.isfinite(truth)
        inside = (truth >= parts["low"][:, k] - 1e-6) & (truth <= parts["high"][:, k] + 1e-6)
        width = parts["high"][:, k] - parts["low"][:, k]
        for low, high in ((-np.inf, np.inf), *CLASSES):
            here = known & (parts["snr"][:, k] >= low) & (parts["snr"][:, k] < high)
            n = int(here.sum())
            if not n:
                continue
            share = float(inside[here].mean())
            bounds = wilson(share, n)
            rows.append({"phase": phase, "snr": _class(low, high), "picks": n, "coverage": share,
                         "low": bounds[0], "high": bounds[1],
                         "median width (s)": float(np.median(width[here]))})  # fmt: skip
    return pd.DataFrame(rows)


def wilson(share: float, n: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's 95 % interval of a share.

    Examples
    --------
    >>> low, high = wilson(0.9, 100)
    >>> round(low, 3), round(high, 3)
    (0.826, 0.945)
    """
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    reach = z * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return float(middle - reach), float(middle + reach)


def _class(low: float, high: float) -> str:
    if not np.isfinite([low, high]).any():
        return "all"
    if not np.isfinite(low):
        return f"below {high:g} dB"
    return f"{low:g} to {high:g} dB" if np.isfinite(high) else f"{low:g} dB and more"


def _coverage(result: Result) -> Section:
    table = coverage_table(_tested(result, result.selected))
    fig, ax = figure(7.2, 0.5 + 0.32 * len(table))
    at = np.arange(len(table))[::-1]
    for y, (_, row) in zip(at, table.iterrows(), strict=True):
        colour = COLOURS[row["phase"]]
        ax.plot([row["low"], row["high"]], [y, y], color=colour, linewidth=2.2)
        ax.plot([row["coverage"]], [y], "o", color=colour)
    ax.axvspan(0.85, 0.95, color="black", alpha=0.08, linewidth=0)
    ax.axvline(0.9, color="black", linewidth=0.8)
    labels = [f"{r['phase']}, {r['snr']} ({r['picks']})" for _, r in table.iterrows()]
    ax.set_yticks(at, labels)
    ax.set_xlabel("share of analyst picks inside the 90 % interval")
    ax.set_xlim(min(0.5, float(table["low"].min()) - 0.02), 1.01)
    text = (
        "Each pick has an interval that is learnt by phase, signal-to-noise ratio and how sure the "
        "picker is, on windows that no model was fitted on. The grey band is 85 to 95 %; bars are "
        "95 % intervals of the share."
    )
    return Section("Do the intervals hold?", text, table, [fig],
                   ["Coverage by phase and signal-to-noise ratio."])  # fmt: skip
