"""From waveforms to a catalogue: pick, associate, locate, measure, classify, write.

Each step uses what the tasks have: a bundle of ``phase-picking``, ``phase-association`` or
``event-classification`` where one is given, physics alone where none is. A station's record lies in
memory a few hours at a time, and what is done is kept, so that the same command goes on after an
interrupt.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from craton.catalogue.events import (
    FEWEST_STATIONS,
    Associator,
    associated,
    associator_of,
    no_events,
    unowned,
)
from craton.catalogue.measuring import (
    AMPLITUDES,
    Types,
    measured,
    types_of,
    with_magnitudes,
    with_types,
)
from craton.catalogue.picking import Picker, joined, pick_part, picker_of
from craton.catalogue.records import Record, selection_of
from craton.catalogue.settings import CatalogueConfig
from craton.catalogue.work import Work
from craton.catalogue.writing import UNSIZED, write_catalogue
from craton.checks import Finding
from craton.config import build
from craton.data.registry import locate
from craton.io.problems import counted
from craton.io.stations import read_inventory, read_stations, sites
from craton.models.physics.local_magnitude import HUTTON_BOORE
from craton.provenance import sha256_file, sha256_text

__all__ = ["Catalogue", "CatalogueConfig", "make_catalogue"]

Progress = Callable[[int, int, str], None]
TOGETHER = 50
"""Events whose windows lie in memory at once."""


@dataclass
class Catalogue:
    """What was found, and with what.

    Attributes
    ----------
    events, picks, amplitudes : pandas.DataFrame
        As in ``events.csv``, ``picks.csv`` and ``amplitudes.csv``.
    stations : pandas.DataFrame or None
        One row a station; None where no list was given.
    findings : list of Finding
        What is odd in the waveforms and stations, and what could not be done.
    used : list of str
        Picker, associator, magnitude and classifier in words.
    answer : list of (str, bool)
        Of the example: what came back of what is known.
    days : float
        Length of the record.
    files : list of str
        Names of what was written.
    replaced : bool
        Whether an earlier catalogue lay in the folder.
    """

    events: pd.DataFrame
    picks: pd.DataFrame
    amplitudes: pd.DataFrame
    stations: pd.DataFrame | None
    findings: list[Finding]
    used: list[str]
    answer: list[tuple[str, bool]] = field(default_factory=list)
    days: float = 0.0
    files: list[str] = field(default_factory=list)
    replaced: bool = False


def make_catalogue(
    waveforms: str | Path | None,
    out: str | Path,
    settings: Mapping[str, Any] | None = None,
    *,
    picker: str | Path | None = None,
    associator: str | Path | None = None,
    types: str | Path | None = None,
    progress: Progress = lambda done, total, text: None,
) -> Catalogue:
    """Make a catalogue of continuous waveforms, as ``craton catalogue`` does.

    Parameters
    ----------
    waveforms : path or None
        miniSEED, SAC or SLIST: a file, a folder, an SDS archive, or a dataset's name. None for the
        example, which is written to ``out/example`` and whose events are known.
    out : path
        Folder for ``events.csv``, ``events.xml`` (QuakeML 1.2), ``picks.csv``, ``amplitudes.csv``,
        ``map`` and ``section`` (SVG, PNG), ``report.html``, ``provenance.json``.
    settings : mapping, optional
        See `CatalogueConfig`.
    picker : path, optional
        Bundle of ``phase-picking``, or weights of a PhaseNet with SeisBench's JSON beside them;
        STA/LTA with AIC if None.
    associator : path, optional
        Bundle of ``phase-association``, which gives each event a calibrated probability; likelihood
        ratios on a grid if None.
    types : path, optional
        Bundle of ``event-classification`` trained on waveforms; no types if None.
    progress : callable
        Called as ``progress(done, total, text)``.

    Returns
    -------
    Catalogue

    Raises
    ------
    DataError, ConfigError, BundleError
        If there are no waveforms, a setting is wrong, or a bundle is damaged or of another task.
    """
    folder = Path(out)
    config = build(CatalogueConfig, dict(settings or {}))
    selection_of(config)
    listed = _listed(config.stations)
    tools = picker_of(picker, config.threshold), associator_of(associator, config), types_of(types)
    example = None
    if waveforms is None:
        from craton.catalogue.example import example_in

        progress(0, 1, "writing the example")
        example = example_in(folder / "example", config.velocity_model)
        waveforms = example.waveforms
        config = config.model_copy(update={"stations": str(example.stations)})
        listed = _listed(config.stations)
    path = locate(waveforms).path
    progress(0, 1, "looking at the waveforms")
    record = Record.of(path, config)
    made = _made(record, listed, tools, Work(folder / ".work"), progress)
    if example is not None:
        from craton.catalogue.example import answer

        made.answer = answer(made.events, example.events)
    progress(1, 1, "writing")
    write_catalogue(made, record, tools, folder)
    Work(folder / ".work").clear()
    return made


def _made(
    record: Record, listed: Listed | None, tools: tuple[Picker, Associator, Types | None],
    work: Work, progress: Progress,
) -> Catalogue:  # fmt: skip
    config, (picker, associator, types) = record.config, tools
    files = _state(record)
    picks, findings = _picks(record, picker, work, files, progress)
    stations, inventory, told = _stations(record, listed)
    findings += told + [Finding("warning", line, "picker") for line in picker.cautions]
    used = [f"picks: {picker.name}"]
    if stations is None or not len(picks):
        return Catalogue(no_events(), unowned(picks), _no_amplitudes(), stations,
                         _gathered(findings), used)  # fmt: skip
    if len(stations) < FEWEST_STATIONS:
        text = f"waveforms and coordinates: {counted(len(stations), 'station')}; to locate, "\
               f"{FEWEST_STATIONS} stations are needed"  # fmt: skip
        findings.append(Finding("warning", text, "stations"))
    progress(0, 1, "associating and locating")
    keys = ["network", "station"]
    known = pd.MultiIndex.from_frame(stations[keys])
    placed = pd.MultiIndex.from_frame(picks[keys]).isin(known)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        own = picks[placed].reset_index(drop=True)
        events, mine = associated(own, stations, associator, config)
    findings += [Finding("warning", str(w.message), "associator") for w in caught
                 if w.category is UserWarning]  # fmt: skip
    picks = pd.concat([mine, unowned(picks[~placed])], ignore_index=True)
    picks = picks.sort_values("time", kind="stable").reset_index(drop=True)
    used.append(f"events: {associator.name}, travel times of {associator.table.name}")
    if associator.loaded is not None:
        findings += [Finding("warning", line, "associator") for line in associator.loaded.cautions]
    tables: list[dict[str, pd.DataFrame]] = []
    settings = (config.model_dump_json(), _hash(config.stations), types and types.sha256)
    for some in _groups(events, config.chunk_hours):
        progress(int(some.index[0]), len(events), "magnitudes and types")
        own = picks[picks["event_id"].isin(some["event_id"])]
        stamp = sha256_text([*some["time"], *some["latitude"], *own["time"]])
        compute = partial(measured, record, some, own, stations, inventory, associator.table, types)
        done, said = work.step(("measures", files, *settings, stamp), compute)
        tables.append(done)
        findings += said
    amplitudes = _together([t["amplitudes"] for t in tables]) if tables else _no_amplitudes()
    events = with_magnitudes(events, amplitudes)
    findings += _on_magnitudes(events, inventory)
    used.append(_magnitude_words(config) if len(amplitudes) else "magnitudes: none")
    if types is not None:
        kinds = [t["types"] for t in tables]
        events = with_types(events, _together(kinds)) if kinds else events
        used.append(f"types: {types.name}")
        findings += [Finding("warning", line, "classifier") for line in types.cautions]
    return Catalogue(events, picks, amplitudes, stations, _gathered(findings), used)


def _picks(
    record: Record, picker: Picker, work: Work, files: str, progress: Progress
) -> tuple[pd.DataFrame, list[Finding]]:
    """Picks of all parts, and what is odd in the waveforms."""
    problems = record.contents.attrs.get("problems", [])
    findings = [Finding(p.level, p.text, p.where) for p in problems]
    parts, frames, config = list(record.parts()), [], record.config
    for k, part in enumerate(parts):
        progress(k, len(parts), f"picking: {part.station} {str(part.start)[:16]}")
        key = ("picks", picker.name, picker.sha256, config.threshold, config.channel, files, *part)
        done, said = work.step(key, partial(pick_part, record, part, picker))
        frames.append(done["picks"])
        findings += said
    return joined(frames), _brought(findings)


def _brought(findings: list[Finding]) -> list[Finding]:
    """Findings, those of other sampling rates as one note a rate.

    Examples
    --------
    >>> slow = [Finding("info", "50 Hz is brought to 100 Hz", name) for name in ("XX.A", "XX.B")]
    >>> [(f.level, f.text) for f in _brought(slow)]
    [('note', '50 Hz is brought to 100 Hz: XX.A, XX.B')]
    """
    rates: dict[str, list[str]] = {}
    for f in findings:
        if " Hz is brought to " in f.text:
            rates.setdefault(f.text, []).append(f.where)
    rest = [f for f in findings if f.text not in rates]
    for text, names in rates.items():
        told = ", ".join(sorted({".".join(n.split(".")[:2]) for n in names})[:8])
        rest.append(Finding("note", f"{text}: {told}", "waveforms"))
    return rest


def _groups(events: pd.DataFrame, hours: float) -> list[pd.DataFrame]:
    """Events of one piece of time, `TOGETHER` at most, so that few waveforms are in memory."""
    piece = events["time"].to_numpy("datetime64[ns]").astype(np.int64) // round(hours * 3600e9)
    number = events.groupby(piece).cumcount().to_numpy() // TOGETHER
    return [rows for _, rows in events.groupby([piece, number], sort=True)]


def _together(frames: list[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat([f for f in frames if len(f)] or frames[:1], ignore_index=True)


Listed = tuple[pd.DataFrame, Any]


def _listed(stations: str | None) -> Listed | None:
    """Sites of a list of stations, and the inventory if it is one."""
    if stations is None:
        return None
    path = locate(stations).path
    xml = path.name.lower().removesuffix(".gz").endswith(("xml", "stationxml"))
    return sites(read_stations(path)), read_inventory(path) if xml else None


def _stations(
    record: Record, listed: Listed | None
) -> tuple[pd.DataFrame | None, Any, list[Finding]]:
    """Stations that have waveforms, and their inventory, and what they lack."""
    if listed is None:
        text = "no list of stations was given: picks alone are written, nothing can be located "\
               "(--set stations=FILE, StationXML or CSV)"  # fmt: skip
        return None, None, [Finding("warning", text, "stations")]
    places, inventory = listed
    findings = [
        Finding(p.level, f"{Path(p.where).name}: {p.text}", "stations")
        for p in places.attrs["problems"]
    ]
    have = set(zip(record.contents["network"], record.contents["station"], strict=True))
    places["network"] = _networks(places, have)
    know = set(zip(places["network"], places["station"], strict=True))
    if lost := sorted(".".join(k) for k in have - know):
        text = f"{counted(len(lost), 'station')} with waveforms, but not in the list: "\
               f"{', '.join(lost[:8])}; such picks are written, but locate nothing"  # fmt: skip
        findings.append(Finding("note", text, "stations"))
    if silent := sorted(".".join(k) for k in know - have):
        text = f"without waveforms: {counted(len(silent), 'station')} of the list: "\
               f"{', '.join(silent[:8])}"  # fmt: skip
        findings.append(Finding("info", text, "stations"))
    here = np.array([k in have for k in zip(places["network"], places["station"], strict=True)])
    return places[here].reset_index(drop=True) if here.any() else None, inventory, findings


def _networks(places: pd.DataFrame, have: set[tuple[str, str]]) -> list[str]:
    """Networks of a list of stations; where it names none, that of the waveforms of the station.

    Examples
    --------
    >>> places = pd.DataFrame({"network": ["", "", "ZZ"], "station": ["A", "B", "A"]})
    >>> _networks(places, {("XX", "A"), ("XX", "B"), ("YY", "B")})
    ['XX', '', 'ZZ']
    """
    found = []
    for network, station in zip(places["network"], places["station"], strict=True):
        theirs = [n for n, name in have if name == station]
        found.append(theirs[0] if network == "" and len(theirs) == 1 else str(network))
    return found


def _on_magnitudes(events: pd.DataFrame, inventory: Any) -> list[Finding]:
    empty = int(events["magnitude"].isna().sum())
    if not empty:
        return []
    why = "no horizontal record stands above its noise"
    if inventory is None:
        why = "the list of stations has no instrument responses (StationXML has), and without "\
              "them none is made up"  # fmt: skip
    where = f"they stand in {UNSIZED}" if empty < len(events) else "a forecast needs one for each"
    text = f"{empty} of {len(events)} events have no magnitude: {why}; {where}"
    return [Finding("warning", text, "magnitudes")]


def _magnitude_words(config: CatalogueConfig) -> str:
    n, k, c = config.attenuation
    whose = " (Hutton and Boore 1987)" if config.attenuation == HUTTON_BOORE else " (as set)"
    return f"magnitudes: ML = log10(A/mm) + {n:g} log10(r/100) + {k:g} (r - 100) + {c:g}{whose}"


def _no_amplitudes() -> pd.DataFrame:
    return pd.DataFrame({c: pd.Series(dtype=float) for c in AMPLITUDES})


def _state(record: Record) -> str:
    """What tells whether the files are those of the time before."""
    paths = sorted({str(f) for f in record.contents["file"]})
    told = []
    for name in paths:
        place = Path(name)
        stat = place.stat() if place.is_file() else record.path.stat()
        told.append(f"{name} {stat.st_size} {stat.st_mtime_ns}")
    return sha256_text(told)


def _hash(stations: str | None) -> str:
    return "" if stations is None else sha256_file(locate(stations).path)


MOST_FINDINGS = 4
"""Findings on one channel or file that are told one by one."""


def _gathered(findings: list[Finding]) -> list[Finding]:
    """Each finding once; where one place has many, their number.

    Examples
    --------
    >>> many = [Finding("warning", f"gap {k}", "XX.A..HHZ") for k in range(9)]
    >>> [f.text for f in _gathered(many)][-1]
    '5 more findings like these'
    """
    places: dict[tuple[str, str], list[Finding]] = {}
    for f in dict.fromkeys(findings):
        places.setdefault((f.where, f.level), []).append(f)
    found = []
    for (where, level), rows in places.items():
        found += rows[:MOST_FINDINGS]
        if (more := len(rows) - MOST_FINDINGS) > 0:
            found.append(Finding(level, f"{more} more findings like these", where))  # type: ignore[arg-type]
    return found
