"""Pictures of associated events: map, record sections, recall against number of detections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from craton.detection_tables import event_table
from craton.detections import window_matches
from craton.io.geodesy import haversine_km
from craton.report.figures import PALETTE, figure, role_colour
from craton.report.maps import error_ellipse
from craton.report.section import Section

if TYPE_CHECKING:
    from craton.result import Result

WIDEST_KM = 140.0
"""Standard deviation of an epicentre from which its ellipse is not drawn."""


def association_sections(result: Result) -> list[Section]:
    """The field's own part of the report, on the test windows."""
    predicted = result.predictions[result.selected]
    table, owner = event_table(predicted, result.test)
    pictures = [_curve(result)]
    if len(table):
        pictures = [_map(result, table), *_records(result, table, owner), *pictures]
    least = result.test.gather.least  # type: ignore[attr-defined]
    text = (
        f"The selected model '{result.selected}' detects {len(table)} events in "
        f"{len(result.test)} test windows, each with a probability of at least "
        f"{least:g}. Probabilities are calibrated on windows whose events "
        "are known, which for real picks are those of a synthetic world on the same stations. "
        "A detection that no known event matches may be an event that the catalogue lacks."
    )
    return [Section("Events", text, None, [f for f, _ in pictures], [c for _, c in pictures])]


def _map(result: Result, table: pd.DataFrame) -> tuple[Any, str]:
    data = result.test.data
    fig, ax = figure(7.0, 5.2)
    ax.plot(data["longitude"], data["latitude"], "^", color="0.65", markersize=3, label="station")
    slim = np.cos(np.radians(float(table["latitude"].mean())))
    names = ["latitude", "longitude", "east_error_km", "north_error_km", "correlation"]
    for place in table[names].to_numpy(float):
        if np.isfinite(place).all() and max(place[2:4]) < WIDEST_KM:
            ax.plot(*error_ellipse(*place).T, color=PALETTE[0], linewidth=0.7)
    size = 6 + 0.6 * table["n_picks"]
    ax.scatter(table["longitude"], table["latitude"], s=size, color=PALETTE[0], alpha=0.7,
               linewidths=0, label="detected event")  # fmt: skip
    known = result.observed
    ax.plot(known["event_longitude"].to_numpy().ravel(), known["event_latitude"].to_numpy().ravel(),
            "x", color=PALETTE[1], markersize=4, label="known event")  # fmt: skip
    ax.set_aspect(1 / slim, adjustable="datalim")
    ax.set_xlabel("longitude (degrees)")
    ax.set_ylabel("latitude (degrees)")
    fig.legend(loc="outside upper right", ncols=3, fontsize=9, frameon=False)
    return fig, "Test events with their 90 % ellipses, by size of the number of picks."


def _records(result: Result, table: pd.DataFrame, owner: Any) -> list[tuple[Any, str]]:
    """Picks by distance and time for the surest event and for the least sure."""
    from craton.models.associators import table_of

    times, data = table_of(result.config.velocity_model), result.test.data
    order = np.lexsort((table["score"], table["probability"]))
    found = []
    for name, k in (("surest", int(order[-1])), ("least sure", int(order[0]))):
        event = table.iloc[k]
        clock = (data["time"].to_numpy() - event["time"].to_datetime64()) / np.timedelta64(1, "s")
        station = data["pick_station"].to_numpy()
        d = haversine_km(event["latitude"], event["longitude"], data["latitude"].to_numpy(),
                         data["longitude"].to_numpy())[station]  # fmt: skip
        own = owner == k
        reach = 1.15 * float(d[own].max()) if own.any() else 100.0
        x = np.linspace(0.0, reach, 100)
        last = 1.15 * float(times("S", reach, 0.0))
        near = (d <= reach) & (clock > -0.05 * last) & (clock < last)
        fig, ax = figure(6.4, 3.4)
        depth = np.full_like(x, float(event["depth_km"]))
        for phase, style in (("P", "-"), ("S", "--")):
            first, later = (times(p, x, depth) for p in (phase, f"{phase}g"))
            ax.plot(x, first, style, color="0.4", linewidth=1, label=phase)
            apart = later > first + 2.0
            if apart.any():
                ax.plot(x[apart], later[apart], style, color="0.75", linewidth=1,
                        label=f"{phase}g")  # fmt: skip
        ax.plot(d[near & ~own], clock[near & ~own], ".", color="0.7", label="other picks")
        ax.plot(d[own], clock[own], "o", color=PALETTE[0], markersize=4, label="its picks")
        ax.set_xlabel("distance (km)")
        ax.set_ylabel("time after origin (s)")
        fig.legend(loc="outside upper right", ncols=6, fontsize=9, frameon=False)
        text = (
            f"The {name} event: {event['time']:%Y-%m-%d %H:%M:%S}, probability "
            f"{event['probability']:.2f}, {int(event['n_picks'])} picks, against the travel times."
        )
        found.append((fig, text))
    return found


def _curve(result: Result) -> tuple[Any, str]:
    """Share of the known events found by the first n detections, most probable first."""
    fig, ax = figure(6.0, 3.4)
    match = result.test.gather.match  # type: ignore[attr-defined]
    known = max(int(np.isfinite(result.observed["event_time"]).sum()), 1)
    for name, predicted in result.predictions.items():
        partner, there, _ = window_matches(result.observed, predicted, *match)
        order = np.argsort(-predicted["probability"].to_numpy()[there], kind="stable")
        recall = np.cumsum((partner[there] >= 0)[order]) / known
        ax.plot(np.arange(1, len(recall) + 1), recall, color=role_colour(result, name), label=name)
    ax.axvline(known, color="0.7", linewidth=0.8)
    ax.set_xlabel("number of detections, most probable first")
    ax.set_ylabel("recall")
    ax.set_ylim(0, 1.02)
    ax.legend(fontsize=9, frameon=False)
    return fig, "Recall against the number of detections; the line is the number of known events."
