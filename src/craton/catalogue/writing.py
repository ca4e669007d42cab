"""The catalogue's files: CSV, QuakeML, pictures, report, provenance."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from craton import provenance
from craton.catalogue.events import away, places_of, travel
from craton.catalogue.records import Part, Record
from craton.io.files import atomic
from craton.io.picks import PICK_COLUMNS, write_events, write_picks
from craton.io.problems import counted
from craton.models.physics.onsets import bandpass
from craton.models.physics.travel_times import TravelTimes
from craton.report.catalogue import BusyMinute, sections
from craton.report.html import page

if TYPE_CHECKING:
    from craton.catalogue import Catalogue

MINUTE, LEAD = 60.0, 4.0
BAND = (2.0, 20.0)
REFERENCES = (
    "Hutton and Boore 1987, doi:10.1785/BSSA0770062074 (local magnitude)",
    "Uhrhammer and Collins 1990, doi:10.1785/BSSA0800030702 (Wood-Anderson seismograph)",
    "Kennett and Engdahl 1991, doi:10.1111/j.1365-246X.1991.tb06724.x (iasp91)",
    "Allen 1978, doi:10.1785/BSSA0680051521 (STA/LTA)",
    "Maeda 1985, doi:10.4294/zisin1948.38.3_365 (AIC)",
)


def write_catalogue(made: Catalogue, record: Record, tools: tuple[Any, ...], folder: Path) -> None:
    """Write all files, each whole or not at all, and remove those of a catalogue before it.

    Without stations only picks, report, section and provenance are written. Afterwards `made` says
    what was written, and whether it took the place of another.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made.replaced = _is_catalogue(folder / "provenance.json")
    made.days = float((record.span[1] - record.span[0]) / np.timedelta64(1, "D"))
    made.files = ["picks.csv", "report.html", "provenance.json"]
    if made.stations is None:
        write_own_picks(made.picks, folder)
    else:
        made.files += ["amplitudes.csv", "map.svg", "map.png"]
        made.files += write_tables(made.events, made.picks, folder)
        with atomic(folder / "amplitudes.csv") as part:
            made.amplitudes.to_csv(part, index=False)
    minute = busiest_minute(made, record, tools[1].table)
    made.files += [] if minute is None else ["section.svg", "section.png"]
    parts = sections(made.events, made.picks, made.stations, minute, folder, made.answer)
    html = page("Catalogue of continuous waveforms", verdict(made), _facts(made, record), parts,
                made.findings, REFERENCES)  # fmt: skip
    with atomic(folder / "report.html") as part:
        part.write_text(html, encoding="utf-8")
    with atomic(folder / "provenance.json") as part:
        part.write_text(json.dumps(_provenance(made, record, tools), indent=1), encoding="utf-8")
    for name in set(FILES if made.replaced else ()) - set(made.files):
        (folder / name).unlink(missing_ok=True)


UNSIZED = "events-without-magnitude.csv"
FILES = (
    "events.csv", "events.xml", UNSIZED, "picks.csv", "amplitudes.csv", "map.svg", "map.png",
    "section.svg", "section.png", "report.html", "provenance.json",
)  # fmt: skip
"""All that a catalogue may leave in its folder."""


def _is_catalogue(provenance: Path) -> bool:
    """Whether this command has written the file."""
    try:
        return {"waveforms", "used"} <= set(json.loads(provenance.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, RecursionError):
        return False


def write_own_picks(picks: pd.DataFrame, folder: Path) -> None:
    """Write ``picks.csv``."""
    rest = ["event_id", "phase_used", "residual_s", "distance_km", "azimuth_deg"]
    write_picks(picks[[*PICK_COLUMNS, *rest]], folder / "picks.csv")


def write_tables(events: pd.DataFrame, picks: pd.DataFrame, folder: Path) -> list[str]:
    """Write ``picks.csv``, ``events.csv`` and ``events.xml``; give the names of those of events.

    Where some events have a magnitude and others none, those without are set apart in a file of
    their own, because a catalogue with holes is taken by no program that forecasts.
    """
    write_own_picks(picks, folder)
    names = ["events.csv", "events.xml"]
    sized = events["magnitude"].notna()
    (folder / UNSIZED).unlink(missing_ok=True)
    if sized.any() and not sized.all():
        write_events(events[~sized], folder / UNSIZED)
        names.append(UNSIZED)
        events = events[sized].reset_index(drop=True)
    write_events(events, folder / "events.csv")
    # picks of no event would make an event without an origin, which no catalogue takes
    number = pd.Series(events.index, index=events["event_id"])
    owned = picks[picks["event_id"].isin(number.index)]
    owned = owned.assign(event=owned["event_id"].map(number).astype(int))
    write_events(events, folder / "events.xml", owned)
    return names


def verdict(made: Catalogue) -> str:
    """One sentence with the numbers."""
    n, sized = len(made.events), int(made.events["magnitude"].notna().sum())
    picks = counted(len(made.picks), "pick")
    if made.stations is None:
        names = made.picks.groupby(["network", "station"]).ngroups
        return f"Picks alone were written: {picks} of {counted(names, 'station')}, not located."
    mine = int((made.picks["event_id"] != "").sum())
    said = f"{counted(n, 'event')}, {sized} with a magnitude, of {picks}, of which "
    return f"{said}{mine} {'belongs' if mine == 1 else 'belong'} to an event."


def _facts(made: Catalogue, record: Record) -> list[tuple[str, str]]:
    first, last = (np.datetime_as_string(t, "s") for t in record.span)
    names = record.contents.groupby(["network", "station"]).ngroups
    facts = [
        ("Waveforms", f"{record.path.name}, {counted(names, 'station')}, {first} to {last} UTC")
    ]
    for line in made.used:
        name, _, text = line.partition(": ")
        facts.append((name.capitalize(), text))
    if len(made.events) and made.events["magnitude"].notna().any():
        m = made.events["magnitude"]
        facts.append(("Magnitude range", f"{m.min():.1f} to {m.max():.1f}"))
    return facts


def busiest_minute(made: Catalogue, record: Record, table: TravelTimes) -> BusyMinute | None:
    """Waveforms of the minute with the most picks of events, or with the most picks at all.

    Picks count with their probability.
    """
    picks = made.picks
    some = picks[picks["event"] >= 0] if (picks["event"] >= 0).any() else picks
    if not len(some):
        return None
    clock = some["time"].to_numpy("datetime64[ns]").astype(np.int64) / 1e9
    sure = np.r_[0.0, np.cumsum(np.nan_to_num(some["probability"].to_numpy(float), nan=1.0))]
    count = sure[np.searchsorted(clock, clock + MINUTE - LEAD)] - sure[:-1]
    start = np.datetime64(round((clock[int(count.argmax())] - LEAD) * 1e9), "ns")
    end = start + np.timedelta64(round(MINUTE * 1e9), "ns")
    inside = picks[(picks["time"] >= start) & (picks["time"] < end)]
    own = inside.loc[inside["event"] >= 0, "event"]
    event = made.events.iloc[int(own.mode().iloc[0])] if len(own) else None
    names = sorted(set(zip(record.contents["network"], record.contents["station"], strict=True)))
    if event is not None and made.stations is not None:
        names = sorted(zip(made.stations["network"], made.stations["station"], strict=True))
    wanted = pd.DataFrame(names, columns=["network", "station"])
    distance = np.arange(len(names), dtype=float)
    if event is not None and made.stations is not None:
        y, x, _ = places_of(wanted, made.stations)
        distance = away(event["latitude"], event["longitude"], y, x)[0]
    order = np.argsort(distance, kind="stable")[:40]
    seconds, waves, kept = [], [], []
    for k in order:
        wave = _vertical(record, Part(names[k][0], names[k][1], start, end))
        if wave is not None:
            seconds.append(wave[0])
            waves.append(wave[1])
            kept.append(k)
    if not kept:
        return None
    number = -2 if event is None else int(own.mode().iloc[0])
    mine = inside["event"] == number if event is not None else True
    name = inside["network"] + "." + inside["station"]
    shown = inside.assign(name=name, mine=mine, other=(inside["event"] >= 0) & ~np.asarray(mine))
    curves = {}
    if event is not None:
        reach = np.linspace(0.0, float(distance[kept].max()) * 1.05 + 1.0, 80)
        begin = float((event["time"].to_datetime64() - start) / np.timedelta64(1, "s"))
        for phase in "PS":
            curves[phase] = reach, begin + travel(table, phase, reach, event["depth_km"], 0.0)
    return BusyMinute(
        start, seconds, waves, [".".join(names[k]) for k in kept], distance[kept],
        shown[["name", "phase", "time", "mine", "other"]], curves,
        "" if event is None else str(event["event_id"]),
    )  # fmt: skip


def _vertical(record: Record, part: Part) -> tuple[Any, Any] | None:
    """Seconds from the start and values of the vertical of a station, or what it has."""
    stream = record.read(part, margin=10.0).stream
    ids = sorted({t.id for t in stream}, key=lambda name: (name[-1:] not in "Z3", name))
    if not ids:
        return None
    first, when, found = int(part.start.astype(np.int64)), [], []
    for t in (t for t in stream if t.id == ids[0] and t.stats.npts > 20):
        rate = float(t.stats.sampling_rate)
        if rate < 10.0:
            continue
        at = (int(t.stats.starttime.ns) - first) / 1e9 + np.arange(t.stats.npts) / rate
        band = bandpass(np.asarray(t.data, float), rate, *BAND)
        inside = (at >= 0) & (at <= MINUTE)
        if inside.any():  # a gap in the record is a gap in the line
            when += [at[inside], np.array([at[inside][-1]])]
            found += [band[inside], np.array([np.nan])]
    if not when:
        return None
    values = np.concatenate(found)
    return np.concatenate(when), values


def _provenance(made: Catalogue, record: Record, tools: tuple[Any, ...]) -> dict[str, Any]:
    files = sorted({str(f) for f in record.contents["file"]})
    here = [Path(f) for f in files if Path(f).is_file()] or [record.path]
    root = record.path if record.path.is_dir() else record.path.parent
    stations = record.config.stations
    return {
        "waveforms": {
            str(p.relative_to(root) if p.is_relative_to(root) else p): provenance.sha256_file(p)
            for p in here if p.is_file()
        },
        "stations": None if stations is None else {
            Path(stations).name: provenance.sha256_file(_located(stations))
        },
        "bundles": {
            name: {"name": tool.name, "sha256": tool.sha256}
            for name, tool in zip(("picker", "associator", "types"), tools, strict=True)
            if tool is not None
        },
        "settings": record.config.model_dump(mode="json"),
        "used": made.used,
        "versions": provenance.versions(),
        "hardware": provenance.hardware(),
    }  # fmt: skip


def _located(stations: str) -> Path:
    from craton.data.registry import locate

    return locate(stations).path
