"""What is odd in waveforms, said in sentences."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from craton.checks import Finding
from craton.io.problems import counted
from craton.io.segments import RATES, join, solid
from craton.io.waveforms import Waveforms
from craton.waveforms.spikes import spike_samples

_LEAST_CLIPPED = 6


PICKED = {
    "not finite": "; taken for a gap", "still": "; left out", "flat": "; used as it is",
    "spike": ", interpolated", "clipped": "; used as they are",
    "component": "; zeros stand for what is missing",
}  # fmt: skip
"""What picking does with faults."""

SEEN = ("gap", "partial", "overlap", "not finite", "spike")
"""Kinds of problems of detection that findings on the waveforms tell as well."""


def waveform_findings(
    waveforms: Waveforms | Any,
    stations: pd.DataFrame | None = None,
    done: Mapping[str, str] = MappingProxyType({}),
) -> list[Finding]:
    """Say what is wrong with waveforms; nothing is changed.

    Parameters
    ----------
    waveforms : Waveforms or obspy.Stream
        As read, or any stream (masks and NaN are allowed).
    stations : pandas.DataFrame, optional
        As `craton.io.stations.read_stations` gives it; then stations without coordinates are told.
    done : mapping of str to str, optional
        What is done with each kind of fault, to be said with it, such as `PICKED`.

    Returns
    -------
    list of Finding
        What reading met; span; channels with an impossible sampling rate, gaps, no signal, flat
        stretches, spikes, clipping, NaN; stations that lack a component, mix sampling rates or
        have no coordinates.

    Examples
    --------
    >>> import obspy
    >>> header = {"network": "XX", "station": "AAA", "channel": "HHZ", "sampling_rate": 100.0}
    >>> found = waveform_findings(obspy.Stream([obspy.Trace(np.zeros(500), header)]))
    >>> [f.text for f in found if f.where == "XX.AAA..HHZ"]
    ['is zero throughout']
    """
    if isinstance(waveforms, Waveforms):
        traces = list(waveforms.stream)
        found = [Finding(p.level, p.text, p.where) for p in waveforms.problems]
    else:
        traces, found = list(waveforms), []
    sound = []
    for trace in traces:
        rate = float(trace.stats.sampling_rate)
        if RATES[0] <= rate <= RATES[1] and trace.stats.npts:
            sound.append(trace)
        else:
            what = f"the sampling rate {rate:g} Hz, which cannot be" if rate else "no sampling rate"
            what = what if trace.stats.npts else "no samples"
            found.append(Finding("error", f"has {what}: take it out", trace.id))
    if not sound:
        return [*found, Finding("error", "there is no waveform that can be used", "waveforms")]
    found.append(_span(sound))
    if not isinstance(waveforms, Waveforms):
        found += [Finding(p.level, p.text, p.where) for p in join(solid(sound))[1]]
    channels: dict[str, list[Any]] = defaultdict(list)
    for trace in sound:
        channels[trace.id].append(trace)
    for name, rows in channels.items():
        found += [Finding("warning", text, name) for text in _of_channel(rows, done)]
    return found + _of_stations(sound, stations, done)


def _span(traces: list[Any]) -> Finding:
    first = min(t.stats.starttime for t in traces)
    last = max(t.stats.endtime for t in traces)
    names, total = {t.id for t in traces}, sum(t.stats.npts / t.stats.sampling_rate for t in traces)
    text = f"{len(names)} channels, {len(traces)} segments, {total:.0f} s in all, {first} to {last}"
    return Finding("info", text, "waveforms")


def _of_channel(rows: list[Any], done: Mapping[str, str]) -> list[str]:
    """Sentences on one channel; samples are looked at in blocks, so memory stays flat."""

    def tell(kind: str, text: str) -> None:
        told.append(text + done.get(kind, ""))

    lost = sum(_unusable(np.ma.getdata(t.data)) for t in rows)
    told: list[str] = []
    total = sum(t.stats.npts for t in rows)
    if lost:
        tell("not finite", f"{lost} samples ({100 * lost / total:.2g} %) are not finite")
    parts = [(t.data, float(t.stats.sampling_rate)) for t in solid(rows)]
    if not parts:
        return [*told, "has no sample that is a number"]
    low = min(d.min() for d, _ in parts)
    high = max(d.max() for d, _ in parts)
    if low == high:
        tell("still", "is zero throughout" if low == 0 else f"is {low:g} throughout")
        return told
    flat = max(_longest_run(d) / rate for d, rate in parts)
    if flat >= 1.0:
        tell("flat", f"keeps one value for {flat:.1f} s (was the channel dead?)")
    spikes = sum(spike_samples(d).size for d, _ in parts)
    if spikes:
        tell("spike", f"{counted(spikes, 'spike')} of one sample")
    clipped = sum(clipped_samples(d, low, high) for d, _ in parts)
    if clipped:
        tell("clipped", f"{clipped} samples are clipped (at {low:g} or {high:g})")
    return told


def _unusable(data: NDArray[Any]) -> int:
    return int((~np.isfinite(data)).sum()) if data.dtype.kind == "f" else 0


def _longest_run(data: NDArray[Any]) -> int:
    """Samples in the longest stretch of one value, one if there is none."""
    same = np.r_[False, data[1:] == data[:-1], False]
    edges = np.flatnonzero(same[1:] != same[:-1])
    return 1 + int((edges[1::2] - edges[::2]).max(initial=0))


def clipped_samples(data: NDArray[Any], low: float, high: float) -> int:
    """Samples in runs of three or more at the least or greatest value of a channel.

    None are counted where runs are few, or where the channel has so few values (small whole
    numbers) that they come by chance.

    Examples
    --------
    >>> data = np.clip(np.sin(np.arange(1000) / 10), -1, 0.8)
    >>> clipped_samples(data, -1, 0.8)
    205
    """
    if data.dtype.kind in "iu" and float(high) - float(low) < 50:
        return 0
    total = 0
    for value in (low, high):
        at = data == value
        if at.sum() < _LEAST_CLIPPED:
            continue
        edges = np.flatnonzero(np.diff(np.r_[False, at, False].astype(np.int8)))
        lengths = edges[1::2] - edges[::2]
        total += int(lengths[lengths >= 3].sum())
    return total if total >= _LEAST_CLIPPED else 0


def _of_stations(
    traces: list[Any], stations: pd.DataFrame | None, done: Mapping[str, str]
) -> list[Finding]:
    """Missing components, mixed sampling rates, missing coordinates."""
    letters: dict[str, set[str]] = defaultdict(set)
    rates: dict[str, set[float]] = defaultdict(set)
    for trace in traces:
        letters[trace.id[:-1]].add(trace.id[-1:])
        rates[trace.id[:-1]].add(round(float(trace.stats.sampling_rate), 4))
    found = []
    for name, there in letters.items():
        missing = missing_components(there)
        if missing:
            text = f"has only {', '.join(sorted(there))}: {missing} missing"
            level: Literal["note", "info"] = "note" if done else "info"
            found.append(Finding(level, text + done.get("component", ""), name))
        if len(rates[name]) > 1:
            text = f"mixed sampling rates: {', '.join(f'{r:g}' for r in sorted(rates[name]))} Hz"
            found.append(Finding("warning", text, name))
    everywhere = sorted({r for group in rates.values() for r in group})
    if len(everywhere) > 1:
        text = f"mixed sampling rates: {', '.join(f'{r:g}' for r in everywhere)} Hz"
        found.append(Finding("info", text, "waveforms"))
    if stations is not None:
        known = set(stations["network"].astype(str) + "." + stations["station"].astype(str))
        lost = sorted({f"{t.stats.network}.{t.stats.station}" for t in traces} - known)
        if lost:
            have = "has" if len(lost) == 1 else "have"
            text = f"{counted(len(lost), 'station')} {have} no coordinates: {', '.join(lost[:8])}"
            found.append(Finding("warning", text, "stations"))
    return found


def missing_components(there: set[str]) -> str:
    """What three-component instruments have and this one lacks.

    Examples
    --------
    >>> missing_components({"Z"}), missing_components({"Z", "1", "2"}), missing_components({"F"})
    ('north, east', '', '')
    """
    pairs = (("vertical", "Z3"), ("north", "N1"), ("east", "E2"))
    if not there & set("ZNE123"):
        return ""
    return ", ".join(word for word, codes in pairs if not there & set(codes))
