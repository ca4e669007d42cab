"""Simulated seismograms of earthquakes, explosions, surface events and noise, with wrong labels.

Every source is made of phases: noise, shaped in time by an envelope and in frequency by a source
spectrum, attenuation and the site of the station. An earthquake has P and a stronger S with a
corner frequency (Brune); an explosion has a P as strong as its S, and a slow, low-frequency surface
wave (Rg); a surface event grows and fades without phases. Some labels are exchanged, and the
dataset says which.

References
----------
Brune 1970, doi:10.1029/JB075i026p04997; Aki and Chouet 1975, doi:10.1029/JB080i023p03322 (coda).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from craton.io.event_waveforms import Cut, waveform_records

Array = NDArray[Any]

KINDS = ("earthquake", "explosion", "noise", "surface")
RATE, SECONDS, ORIGIN = 40.0, 100.0, 20.0
P_SPEED, S_SPEED, RG_SPEED = 6.0, 3.46, 2.9
STRESS_DROP = 3e6
QUALITY = 180.0


def synthetic_sources(events: int = 200, wrong: float = 0.05, seed: int = 0) -> xr.Dataset:
    """Make records of simulated events.

    Parameters
    ----------
    events : int
        Number of events; a fourth of them of each kind.
    wrong : float
        Share of the events whose label is exchanged for another.
    seed : int
        Seed.

    Returns
    -------
    xr.Dataset
        Records with ``waveform``, as `craton.io.event_waveforms` gives them, and on `event`
        ``kind``, what was simulated.

    Examples
    --------
    >>> data = synthetic_sources(8)
    >>> dict(data["waveform"].sizes)["step"], sorted(set(data["kind"].values))
    (4000, ['earthquake', 'explosion', 'noise', 'surface'])
    """
    rng = np.random.default_rng(seed)
    kind = rng.permutation(np.arange(events) % len(KINDS))
    label = kind.copy()
    chosen = rng.permutation(events)[: round(wrong * events)]
    label[chosen] = (kind[chosen] + rng.integers(1, len(KINDS), len(chosen))) % len(KINDS)
    count = rng.integers(1, 5, events)
    event = np.repeat(np.arange(events), count)
    station = np.concatenate([rng.permutation(len("ABCDEFGH"))[:n] for n in count])
    traces = _traces(kind, event, station, rng)
    names = np.array(KINDS, dtype=object)
    frame = pd.DataFrame(
        {
            "event": [f"E{e:04d}" for e in event],
            "station": np.array([f"SYN{c}" for c in "ABCDEFGH"], dtype=object)[station],
            "label": names[label[event]],
        }
    )
    given = [{"Z": (trace, RATE)} for trace in traces]
    found = waveform_records(frame, given, Cut(RATE, SECONDS), {}, "example")
    return found.assign(kind=("event", names[kind]))


def _traces(kind: Array, event: Array, station: Array, rng: np.random.Generator) -> Array:
    """Ground velocity (record, step) with noise."""
    n, steps = len(event), int(RATE * SECONDS)
    time, f = np.arange(steps) / RATE - ORIGIN, np.fft.rfftfreq(steps, 1 / RATE)
    distance = rng.uniform(10, 90, n)
    moment = 10 ** rng.uniform(11.5, 14.5, len(kind))[event]
    kinds = np.array(KINDS)[kind][event]
    site = np.exp(0.4 * np.cumsum(rng.normal(size=(8, 12)), axis=1) / np.sqrt(12))[station]
    shape = np.array([np.interp(f, np.linspace(0, RATE / 2, 12), s) for s in site])
    corner = 0.49 * S_SPEED * 1e3 * (STRESS_DROP / moment) ** (1 / 3)
    corner *= np.exp(0.3 * rng.normal(size=len(kind)))[event]

    def phase(arrival: Array, rise: Array, fade: Array, spectrum: Array) -> Array:
        """Noise within an envelope that rises from the arrival and fades, then filtered."""
        after = np.maximum(time - arrival[:, None], 0.0)
        envelope = (1 - np.exp(-after / rise[:, None])) * np.exp(-after / fade[:, None])
        raw = np.fft.rfft(rng.normal(size=(n, steps)) * envelope, axis=1)
        found = np.fft.irfft(raw * spectrum * shape, steps, axis=1)
        return found / np.maximum(np.abs(found).max(axis=1, keepdims=True), 1e-30)

    def brune(fc: Array, travel: Array) -> Array:
        absorbed = np.exp(-np.pi * f * travel[:, None] / QUALITY)
        return f / (1 + (f / fc[:, None]) ** 2) * absorbed

    tp, ts, tr = distance / P_SPEED, distance / S_SPEED, distance / RG_SPEED
    quick, one = np.full(n, 0.05), np.ones(n)
    p = phase(tp, quick, 2.0 * one + 0.04 * distance, brune(1.3 * corner, tp))
    s = phase(ts, 3 * quick, 4.0 * one + 0.06 * distance, brune(corner, ts))
    rg = phase(tr, 2 * one, 5 * one, np.exp(-(((f - 1.6) / 0.7) ** 2)) * np.ones((n, 1)))
    ratio = np.exp(0.35 * rng.normal(size=(3, n)))
    quake = 0.25 * ratio[0][:, None] * p + s
    near = np.exp(-distance / 60) * ratio[2]
    blast = p + (0.7 * ratio[1])[:, None] * s + near[:, None] * rg
    signal = np.select(
        [(kinds == k)[:, None] for k in KINDS],
        [quake, blast, np.zeros((n, steps)), _surface(event, time, f, shape, rng)],
    )
    noise = _noise(n, steps, f, station, rng)
    strength = np.exp(rng.uniform(np.log(1.5), np.log(40), len(kind)))[event]
    strength = strength * np.exp(0.4 * rng.normal(size=n))
    return signal * strength[:, None] + noise


def _surface(event: Array, time: Array, f: Array, shape: Array, rng: np.random.Generator) -> Array:
    """A spindle of 15 to 50 s with surges, below some 6 Hz: (record, step)."""
    events = int(event.max()) + 1
    length, high = rng.uniform(15, 50, (events, 1)), rng.uniform(3, 8, (events, 1))
    middle = rng.uniform(10, 35, (events, 1))
    envelope = np.exp(-(((time - middle) / (0.4 * length)) ** 2))
    surges = rng.normal(size=(events, len(time) // 80))
    at = np.linspace(0, surges.shape[1] - 1, len(time))
    envelope = envelope * np.exp(
        0.6 * np.array([np.interp(at, np.arange(len(s)), s) for s in surges])
    )
    raw = np.fft.rfft(rng.normal(size=(len(event), len(time))) * envelope[event], axis=1)
    spectrum = (f * np.exp(-f / high * 2))[event]
    found = np.fft.irfft(raw * spectrum * shape, len(time), axis=1)
    return np.asarray(found / np.abs(found).max(axis=1, keepdims=True))


def _noise(n: int, steps: int, f: Array, station: Array, rng: np.random.Generator) -> Array:
    """Background, redder at some stations, with a burst nearby in some records: spread 1/3."""
    red = rng.uniform(0.0, 1.0, 8)[station][:, None]
    raw = np.fft.rfft(rng.normal(size=(n, steps)), axis=1)
    found = np.fft.irfft(raw * (1.0 / np.maximum(f, 0.5) ** red), steps, axis=1)
    found /= found.std(axis=1, keepdims=True)
    time = np.arange(steps) / RATE
    middle, width = rng.uniform(5, 95, (n, 1)), rng.uniform(0.5, 8, (n, 1))
    burst = np.exp(-(((time - middle) / width) ** 2)) * (rng.uniform(size=(n, 1)) < 0.2)
    return np.asarray((found + 3 * burst * rng.normal(size=(n, steps))) / 3)
