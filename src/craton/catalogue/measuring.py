"""Magnitude and type of events, from windows around their arrivals."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from craton.catalogue.events import away, places_of, travel
from craton.catalogue.picking import bundle_of
from craton.catalogue.records import Part, Record
from craton.catalogue.work import Done
from craton.checks import Finding
from craton.errors import ConfigError, DataError
from craton.io.event_waveforms import Cut, waveform_records
from craton.io.picks import read_event_types
from craton.io.problems import Problem
from craton.models.physics.local_magnitude import local_magnitude
from craton.models.physics.travel_times import TravelTimes
from craton.waveforms.amplitudes import wood_anderson_peaks
from craton.waveforms.processing import Processing

NOISE_S = 12.0
"""Seconds before P that tell how loud the noise is."""

FEW = 3
"""Stations from which on a magnitude has an error."""

GOOD_SNR = 3.0
"""Ratio of peak to noise from which a station tells a magnitude; where none has it, less does."""

AMPLITUDES = ("event_id", "network", "station", "distance_km", "amplitude_m", "snr", "magnitude")


@dataclass(frozen=True)
class Types:
    """A bundle of ``event-classification`` that takes waveforms."""

    path: Path
    name: str
    sha256: str
    cut: Cut
    cautions: tuple[str, ...]
    processing: Processing = field(default_factory=Processing)


def types_of(bundle: str | Path | None) -> Types | None:
    """The bundle, None if there is none.

    Raises
    ------
    ConfigError, BundleError
        If it is of another task, has learnt from tables of features, or is damaged.
    """
    if bundle is None:
        return None
    loaded = bundle_of(bundle, "event-classification", "--types")
    c = loaded.config
    if c.kind != "waveforms":
        raise ConfigError(
            "has learnt from a table of features, which waveforms do not have", where=str(bundle),
            fix="give a bundle of event-classification that was trained on waveforms",
        )  # fmt: skip
    cut = Cut(c.rate, c.seconds, c.band, c.components)
    return Types(Path(bundle), f"{loaded.fitted.name} of a bundle of event-classification",
                 loaded.sha256, cut, loaded.cautions,
                 Processing.of(c.steps, c.inventory))  # fmt: skip


class _Arrival(NamedTuple):
    """An event at a station: times of P and S, hypocentral distance."""

    event: str
    p: np.datetime64
    s: np.datetime64
    distance_km: float


def measured(
    record: Record, events: pd.DataFrame, picks: pd.DataFrame, stations: pd.DataFrame,
    inventory: Any, table: TravelTimes, types: Types | None,
) -> Done:  # fmt: skip
    """Amplitudes by station and types of some events that follow each other closely.

    Returns
    -------
    tables, findings
        ``amplitudes``, a row a station with a peak above the noise, and ``types`` (``event``,
        ``label``, a column a class).
    """
    mine = picks[picks["event_id"].isin(events["event_id"])]
    rows: list[tuple[Any, ...]] = []
    findings: list[Finding] = []
    windows: list[dict[str, Any]] = []
    traces: list[dict[str, Any]] = []
    problems: list[Problem] = []
    before = record.config.types_before
    length = 0.0 if types is None else float(types.cut.seconds or 60.0)
    for (network, station), own in mine.groupby(["network", "station"]):
        arrivals = list(_arrivals(own, events, stations, table))
        first = min(a.p for a in arrivals) - _span(before + NOISE_S + 5)
        last = max(a.s + (a.s - a.p) for a in arrivals) + _span(length + 15)
        stream = record.read(Part(str(network), str(station), first, last), 0.0).stream
        waves = None if types is None else types.processing.stream(stream, problems)
        for a in arrivals:
            if inventory is not None:
                peaks, told = _peaks(stream, inventory, a)
                findings += told
                if peaks:
                    size = 10 ** float(np.mean(np.log10([a for a, _ in peaks.values()])))
                    snr = round(min(r for _, r in peaks.values()), 2)
                    ml = float(local_magnitude(size, a.distance_km, record.config.attenuation))
                    rows.append((a.event, network, station, round(a.distance_km, 2), size, snr,
                                 round(ml, 2)))  # fmt: skip
            if types is not None and waves is not None:
                begin = a.p - _span(before)
                name, found = _window(waves, begin, length, types.cut.components)
                if found:
                    windows.append({"event": a.event, "station": name, "time": begin})
                    traces.append(found)
    amplitudes = pd.DataFrame(rows, columns=AMPLITUDES)
    kinds = _no_types()
    if types is not None and windows:
        kinds, told = _classified(types, pd.DataFrame(windows), traces)
        findings += told
    findings += [Finding(p.level, p.text, p.where) for p in problems]
    return {"amplitudes": amplitudes, "types": kinds}, list(dict.fromkeys(findings))


def _span(seconds: float) -> np.timedelta64:
    return np.timedelta64(round(seconds * 1e9), "ns")


def _arrivals(
    own: pd.DataFrame, events: pd.DataFrame, stations: pd.DataFrame, table: TravelTimes
) -> Iterator[_Arrival]:
    """Arrivals at a station: picked ones, and those of the travel times where there is no pick."""
    y, x, up = (float(v[0]) for v in places_of(own.iloc[:1], stations))
    for name, rows in own.groupby("event_id"):
        event = events[events["event_id"] == name].iloc[0]
        d = float(away(event["latitude"], event["longitude"], y, x)[0])
        times = []
        for w in ("P", "S"):
            picked = rows.loc[rows["phase_used"] == w, "time"]
            seconds = float(travel(table, w, d, event["depth_km"], up))
            theirs = event["time"] + pd.Timedelta(seconds, "s")
            times.append((picked.iloc[0] if len(picked) else theirs).to_datetime64())
        yield _Arrival(str(name), times[0], times[1], float(np.hypot(d, event["depth_km"])))


def _utc(time: np.datetime64) -> Any:
    import obspy

    return obspy.UTCDateTime(ns=int(time.astype("datetime64[ns]").astype(np.int64)))


def _peaks(
    stream: Any, inventory: Any, a: _Arrival
) -> tuple[dict[str, tuple[float, float]], list[Finding]]:
    """Peaks of the first instrument of the station that has any."""
    p, s = _utc(a.p), _utc(a.s)
    end = s + 8.0 + 0.7 * max(s - p, 0.0)
    cut = stream.slice(p - NOISE_S, end + 3.0)
    told: list[Finding] = []
    for instrument in sorted({t.id[:-1] for t in cut}):
        mine = type(stream)([t for t in cut if t.id[:-1] == instrument])
        peaks, more = wood_anderson_peaks(mine, inventory, p - 0.5, p, end)
        told += more
        if peaks:
            return peaks, told
    return {}, told


def _window(
    stream: Any, begin: Any, seconds: float, components: tuple[str, ...]
) -> tuple[str, dict[str, Any]]:
    """First instrument with whole windows, and component to values and rate."""
    start = _utc(begin)
    cut = stream.slice(start, start + seconds)
    for instrument in sorted({t.id[:-1] for t in cut}):
        found: dict[str, Any] = {}
        for t in cut:
            letter = {"1": "N", "2": "E", "3": "Z"}.get(t.id[-1:], t.id[-1:])
            rate = float(t.stats.sampling_rate)
            whole = t.stats.npts >= 0.95 * seconds * rate and t.stats.starttime - start < 1.0
            if t.id[:-1] == instrument and letter in components and whole:
                found[letter] = (np.asarray(t.data, float), rate)
        if found:
            return instrument.rstrip("."), found
    return "", {}


def _classified(
    types: Types, windows: pd.DataFrame, traces: list[dict[str, Any]]
) -> tuple[pd.DataFrame, list[Finding]]:
    from craton.engine import predict

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(record=True):
        warnings.simplefilter("always")  # its cautions are told once, from the bundle
        place = Path(folder) / "types.csv"
        try:
            records = waveform_records(windows, traces, types.cut, {}, "catalogue")
            predict(types.path, records, place)
        except DataError as error:  # dead channels, or stations that the bundle does not know
            text = f"{windows['event'].nunique()} events have no type ({error.what})"
            return _no_types(), [Finding("warning", text, "types")]
        return read_event_types(place), []


def _no_types() -> pd.DataFrame:
    return pd.DataFrame({"event": [], "label": []}, dtype=object)


def with_magnitudes(events: pd.DataFrame, amplitudes: pd.DataFrame) -> pd.DataFrame:
    """Median magnitude of the stations, its standard error, and their number.

    Examples
    --------
    >>> events = pd.DataFrame({"event_id": ["a", "b"], "magnitude": [np.nan, np.nan]})
    >>> rows = pd.DataFrame({"event_id": ["a"] * 3, "magnitude": [1.0, 1.2, 1.1], "snr": 9.0})
    >>> with_magnitudes(events, rows)["magnitude"].tolist()
    [1.1, nan]
    """
    good = amplitudes["snr"] >= GOOD_SNR
    none = ~amplitudes["event_id"].isin(amplitudes.loc[good, "event_id"])
    groups = amplitudes[good | none].groupby("event_id")["magnitude"]
    middle, count = groups.median(), groups.size()
    spread = groups.apply(lambda m: 1.4826 * float(np.median(np.abs(m - m.median()))))
    # the median of n normal values scatters by sqrt(pi / 2) more than their mean
    error: pd.Series = (spread * np.sqrt(np.pi / 2 / count)).where(count >= FEW)
    names = events["event_id"]
    known = names.isin(middle.index)
    return events.assign(
        magnitude=names.map(middle).astype(float).round(2),
        magnitude_type=np.where(known, "ML", ""),
        magnitude_error=names.map(error).astype(float).round(3),
        n_magnitudes=names.map(count).fillna(0).astype(int),
    )


def with_types(events: pd.DataFrame, types: pd.DataFrame) -> pd.DataFrame:
    """Type of each event, and the probability of each class; empty where no window was whole."""
    keyed = types.set_index("event")
    labels = events["event_id"].map(keyed["label"]).astype(object)
    found = events.assign(event_type=labels.fillna(""))
    for name in keyed.columns.drop("label"):
        found[f"probability_{name}"] = events["event_id"].map(keyed[name]).astype(float)
    return found
