"""Pictures of a catalogue made from waveforms, and its page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from craton.io.files import atomic
from craton.report.figures import PALETTE, STYLE, figure
from craton.report.maps import error_ellipse
from craton.report.section import Section

PHASE_COLOURS = {"P": PALETTE[1], "S": PALETTE[0]}
MOST_TRACES = 40
FAR_OFF_KM = 70.0
"""Standard deviation of an epicentre from which on its ellipse would only cover the map."""


@dataclass(frozen=True)
class BusyMinute:
    """What the section shows.

    Attributes
    ----------
    start : numpy.datetime64
        Begin of the minute.
    seconds : ndarray, shape (trace,)
        Of each trace, arrays of s from the start.
    waves : list of ndarray
        Band-passed, one a station.
    names : list of str
        ``NET.STA``.
    distance : ndarray, shape (trace,)
        km from the event, or the number of the station where there is none.
    picks : pandas.DataFrame
        ``name, phase, time``, ``mine``: whether they are the event's, ``other``: another's.
    curves : dict
        Phase to arrays of distance (km) and time (s from the start); empty without an event.
    event : str
        What the event is called, or empty.
    """

    start: np.datetime64
    seconds: list[NDArray[Any]]
    waves: list[NDArray[Any]]
    names: list[str]
    distance: NDArray[np.float64]
    picks: pd.DataFrame
    curves: dict[str, tuple[NDArray[Any], NDArray[Any]]] = field(default_factory=dict)
    event: str = ""


def event_map(events: pd.DataFrame, stations: pd.DataFrame, picks: pd.DataFrame) -> Any:
    """Events with their 90 % ellipses and depths, and the stations with picks."""
    fig, ax = figure(7.0, 5.6)
    slim = float(np.cos(np.radians(stations["latitude"].mean())))
    used = set(zip(picks["network"], picks["station"], strict=True))
    there = np.array([k in used for k in zip(stations["network"], stations["station"],
                                             strict=True)], bool)  # fmt: skip
    for rows, face, label in ((there, "0.45", "station"), (~there, "none", "station without pick")):
        if rows.any():
            some = stations[rows]
            ax.plot(some["longitude"], some["latitude"], "^", color=face, markeredgecolor="0.45",
                    markersize=6, linestyle="none", label=label)  # fmt: skip
    if len(stations) <= 40:
        for row in stations.itertuples():
            ax.annotate(str(row.station), (row.longitude, row.latitude), xytext=(4, 3),
                        textcoords="offset points", fontsize=7.5, alpha=0.7)  # fmt: skip
    names = ["latitude", "longitude", "east_error_km", "north_error_km", "correlation"]
    drawn = False
    for shape in events[names].to_numpy(float):
        if np.isfinite(shape).all() and max(shape[2:4]) < FAR_OFF_KM:
            outline = error_ellipse(*shape)
            ax.plot(outline[:, 0], outline[:, 1], color="black", linewidth=0.7, alpha=0.5,
                    label=None if drawn else "90 % ellipse")  # fmt: skip
            drawn = True
    if len(events):
        magnitude = events["magnitude"].to_numpy(float)
        dots = ax.scatter(
            events["longitude"], events["latitude"], s=_area(magnitude), c=events["depth_km"],
            cmap="viridis_r", edgecolors="black", linewidths=0.4, zorder=3,
            label=None if np.isfinite(magnitude).any() else "event",
        )  # fmt: skip
        for known in _round(magnitude):
            ax.scatter([], [], s=_area(known), facecolors="none", edgecolors="black",
                       linewidths=0.6, label=f"magnitude {known:g}")  # fmt: skip
        fig.colorbar(dots, ax=ax, label="depth (km)", shrink=0.85)
    _scale_bar(ax, 111.19 * slim)
    ax.set_aspect(1 / slim, adjustable="datalim")
    ax.set(xlabel="longitude (degrees east)", ylabel="latitude (degrees north)")
    fig.legend(loc="outside upper center", ncols=4, frameon=False)
    return fig


def _area(magnitude: Any) -> Any:
    """Area of an event's dot, points squared; 0.5 stands where there is no magnitude."""
    return 14 + 26 * np.clip(np.nan_to_num(magnitude, nan=0.5), 0, 5)


def _round(magnitude: NDArray[np.float64]) -> list[float]:
    """Up to three magnitudes, in halves or ones, that a key of sizes shows.

    Examples
    --------
    >>> _round(np.array([0.8, 3.2, np.nan])), _round(np.array([1.2, 1.3])), _round(np.array([]))
    ([1.0, 2.0, 3.0], [1.0], [])
    """
    known = magnitude[np.isfinite(magnitude)]
    if not len(known):
        return []
    low, high = np.round(known.min()), np.round(known.max())
    steps = max((high - low) / 2, 0.5)
    return [float(m) for m in np.unique(np.round(np.arange(low, high + 0.01, steps) * 2) / 2)]


def _scale_bar(ax: Any, km_a_degree: float) -> None:
    """A bar below all that is drawn, of 1, 2 or 5 km times a power of ten."""
    box = ax.dataLim
    if not box.width > 0:
        return
    wanted = box.width * km_a_degree / 5
    unit = 10.0 ** np.floor(np.log10(wanted))
    length = unit * max(k for k in (1, 2, 5) if k * unit <= wanted * (1 + 1e-9))
    y = box.y0 - 0.06 * max(box.height, 0.1 * box.width)
    x = [box.x0, box.x0 + length / km_a_degree]
    ax.plot(x, [y, y], color="black", linewidth=2.0, solid_capstyle="butt")
    ax.annotate(f"{length:g} km", (float(np.mean(x)), y), xytext=(0, 3), ha="center",
                textcoords="offset points", fontsize=8)  # fmt: skip


def section(minute: BusyMinute) -> Any:
    """Waveforms of a minute by distance, with picks and travel-time curves."""
    order = np.argsort(minute.distance, kind="stable")[:MOST_TRACES]
    height = float(np.clip(1.6 + 0.34 * len(order), 3.6, 9.0))
    fig, ax = figure(7.2, height)
    d = minute.distance[order]
    reach = max(float(np.ptp(d)), 1.0)
    gain = 0.75 * reach / max(len(order) - 1, 1)
    for y, k in zip(d, order, strict=True):
        wave = minute.waves[k]
        peak = float(np.nanmax(np.abs(wave))) or 1.0
        ax.plot(minute.seconds[k], y + gain * wave / peak, color="black", linewidth=0.5, alpha=0.75)
        own = minute.picks[minute.picks["name"] == minute.names[k]]
        at = (own["time"].to_numpy() - minute.start) / np.timedelta64(1, "s")
        kinds = zip(at, own["phase"], own["mine"], own["other"], strict=True)
        for t, phase, mine, other in kinds:
            colour = PHASE_COLOURS.get(str(phase)[:1], "0.5")
            ax.plot([t, t], [y - gain, y + gain], color=colour, linewidth=1.8 if mine else 0.9,
                    linestyle="-" if mine or other else ":")  # fmt: skip
    # a line of text is 10 points high; 70 points are left for the axis and the legend
    line = 10.0 / (72.0 * height - 70.0) * (float(np.ptp(d)) + 3.2 * gain)
    for y, k in zip(_apart(d, line), order, strict=True):
        ax.text(60.4, y, minute.names[k], va="center", fontsize=8)
    for phase, (x, t) in minute.curves.items():
        ax.plot(t, x, color=PHASE_COLOURS[phase], linewidth=1.0, alpha=0.7, linestyle="--")
    for phase, colour in PHASE_COLOURS.items():
        ax.plot([], [], color=colour, linewidth=1.8, label=f"{phase} pick")
    if minute.curves:
        for style, label in (("-", "pick of another event"), (":", "pick of no event")):
            ax.plot([], [], color="0.4", linestyle=style, linewidth=0.9, label=label)
        ax.plot([], [], color="0.4", linestyle="--", label="travel time")
    ax.set_xlim(0, 60)
    ax.set_ylim(float(d.min()) - 1.6 * gain, float(d.max()) + 1.6 * gain)
    ax.set_xlabel(f"seconds after {np.datetime_as_string(minute.start, 's')} UTC")
    ax.set_ylabel(f"distance from {minute.event} (km)" if minute.event else "station")
    if not minute.event:
        ax.set_yticks([])
    fig.legend(loc="outside upper center", ncols=5, frameon=False, fontsize=9)
    return fig


def _apart(at: NDArray[Any], least: float) -> NDArray[Any]:
    """Places in rising order, moved up where they lie nearer to each other than `least`.

    Examples
    --------
    >>> _apart(np.array([0.0, 0.1, 5.0]), 1.0).tolist()
    [0.0, 1.0, 5.0]
    """
    found = np.array(at, float)
    for k in range(1, len(found)):
        found[k] = max(found[k], found[k - 1] + least)
    return found


def station_counts(picks: pd.DataFrame) -> Any:
    """Picks of each station, those of events and the others."""
    name = picks["network"] + "." + picks["station"]
    mine = picks["event_id"] != ""
    table = pd.crosstab(name, mine).reindex(columns=[True, False], fill_value=0)
    table = table.loc[table.sum(axis=1).sort_values(ascending=False).index[:60]]
    fig, ax = figure(7.2, 3.0)
    at = np.arange(len(table))
    ax.bar(at, table[True], color=PALETTE[0], label="of an event")
    ax.bar(at, table[False], bottom=table[True], color="0.7", label="of none")
    ax.set_xticks(at, table.index, rotation=90)
    ax.set_ylabel("picks")
    ax.legend(frameon=False)
    return fig


def residuals(picks: pd.DataFrame) -> Any:
    """How far picks are off the travel times of their event."""
    fig, axes = figure(7.2, 2.8, columns=2, sharex=True)
    known = picks[picks["residual_s"].notna()]
    edge = float(np.clip(np.quantile(known["residual_s"].abs(), 0.98) * 1.2, 0.1, 10.0))
    bins = np.linspace(-edge, edge, 41)
    for ax, phase in zip(axes, "PS", strict=True):
        values = known.loc[known["phase_used"] == phase, "residual_s"]
        ax.hist(np.clip(values, -edge, edge), bins, color=PHASE_COLOURS[phase])
        ax.axvline(0.0, color="black", linewidth=0.8, alpha=0.6)
        ax.set_xlabel(f"{phase} residual (s)")
    axes[0].set_ylabel("picks")
    return fig


def write_figure(fig: Any, stem: Path) -> None:
    """Write a figure as SVG and PNG, each whole or not at all."""
    with mpl.rc_context(STYLE):
        for ending in ("svg", "png"):
            with atomic(stem.with_suffix(f".{ending}")) as part:
                fig.savefig(part, facecolor="white", dpi=150)


def sections(
    events: pd.DataFrame, picks: pd.DataFrame, stations: pd.DataFrame | None,
    minute: BusyMinute | None, folder: Path, answer: Sequence[tuple[str, bool]] = (),
) -> list[Section]:  # fmt: skip
    """Parts of the page; map and section are also written to the folder."""
    found = []
    if answer:
        table = pd.DataFrame([{"what must come back": text, "": "yes" if ok else "NO"}
                              for text, ok in answer])  # fmt: skip
        found.append(Section("Known answer", "The events of the example are known.", table))
    if stations is not None:
        drawn = event_map(events, stations, picks)
        write_figure(drawn, folder / "map")
        shown = events.assign(time=events["time"].dt.strftime("%Y-%m-%d %H:%M:%S.%f").str[:-4])
        columns = ["event_id", "time", "latitude", "longitude", "depth_km", "magnitude",
                   "probability", "n_picks", "horizontal_error_km", "depth_error_km", "rms_s",
                   "gap_deg", "event_type"]  # fmt: skip
        shown = shown[[c for c in columns if c in shown]].copy()
        for c in ("latitude", "longitude"):
            shown[c] = shown[c].map("{:.4f}".format)
        text = "Ellipses hold the epicentre with 90 % by the associator's own covariance, which "\
               "knows nothing of errors of the velocity model."  # fmt: skip
        found.append(Section("Events", text, shown, [drawn], ["Epicentres, depths and stations."]))
    if minute is not None:
        drawn = section(minute)
        write_figure(drawn, folder / "section")
        what = f"by distance from {minute.event}" if minute.event else "by station"
        text = f"Vertical records of the minute with the most picks, {what}, band-passed and "\
               "scaled to their own peaks."  # fmt: skip
        found.append(Section("The busiest minute", text, None, [drawn], ["Waveforms and picks."]))
    if len(picks):
        drawn_too = [station_counts(picks)]
        captions = ["Picks of each station."]
        if picks["residual_s"].notna().any():
            drawn_too.append(residuals(picks))
            captions.append("Observed less theoretical times; the outermost bars hold all beyond.")
        found.append(Section("Picks", "", None, drawn_too, captions))
    return found
