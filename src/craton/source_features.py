"""Features of waveforms that tell the type of a seismic source: envelope, spectrum, spectrogram.

None depends on the absolute amplitude, so none knows magnitude, gain or distance by itself. The
window must hold some noise before the event.

References
----------
Hammer, Ohrnberger and Fäh 2013, doi:10.1093/gji/ggs036; Provost, Hibert and Malet 2017,
doi:10.1002/2016GL070709 (envelope and spectrogram features); Walter et al. 1995,
doi:10.1785/BSSA0850041050 (ratios of P and S by frequency tell explosions from earthquakes).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, signal

Array = NDArray[Any]

EDGES = (1.0, 2.0, 3.0, 4.5, 6.0, 8.0, 10.0, 12.5, 15.0)
"""Borders of the frequency bands, in Hz."""

AFTER = (-2.0, 2.0, 4.0, 7.0, 11.0, 16.0, 24.0, 36.0)
"""Borders of the windows after the onset in which the energy of wide bands is taken, in s."""

WIDE = {"1_2": (0,), "2_3": (1,), "3_6": (2, 3), "6_10": (4, 5), "10_15": (6, 7)}
"""Wide bands, in Hz, and the bands that they are made of."""

TINY = 1e-12

RULE = ("ps_ratio_high", "centroid", "duration")
"""What an analyst would look at: P over S at high frequency, how high, how long."""


def source_features(waves: Array, rate: float) -> dict[str, NDArray[np.float64]]:
    """Features of records.

    Parameters
    ----------
    waves : ndarray, shape (record, channel, step)
        Filtered waveforms without mean; the first channel is the vertical, further ones add the
        share of the energy that is horizontal. A record that is zero throughout has no features.
    rate : float
        Samples a second.

    Returns
    -------
    dict
        Name to (record,), NaN where it cannot be had. Times are in s, frequencies in Hz, ratios in
        natural logarithms.

    Examples
    --------
    >>> t = np.arange(4000) / 40
    >>> w = np.sin(2 * np.pi * 5 * t) * np.exp(-((t - 50) / 4) ** 2)
    >>> found = source_features(w[None, None], 40.0)
    >>> round(float(found["centroid"][0])), round(float(found["duration"][0]))
    (5, 7)
    """
    z = np.asarray(waves[:, 0], float)
    peak = np.abs(z).max(axis=1, initial=0.0)
    z = z / np.where(peak > 0, peak, 1.0)[:, None]
    envelope = np.abs(signal.hilbert(z, axis=1))
    smooth = ndimage.uniform_filter1d(envelope, max(int(rate), 1), axis=1)
    frequency, time, power = spectrogram(z, rate)
    phases = _phases(smooth, rate)
    found = {
        **_shape(z, smooth, phases, rate),
        **_spectrum(frequency, time, power, phases),
        **_in_time(frequency, time, power, phases),
        **_after_onset(frequency, time, power, phases),
    }
    if waves.shape[1] > 1:
        energy = (np.asarray(waves, float) ** 2).sum(axis=2)
        found["horizontal"] = _log(energy[:, 1:].sum(axis=1), energy[:, 0])
    empty = peak == 0
    return {k: np.where(empty | ~np.isfinite(v), np.nan, v) for k, v in found.items()}


def spectrogram(z: Array, rate: float) -> tuple[Array, Array, Array]:
    """Power (record, frequency, time) in windows of 2 s that overlap by half."""
    n = max(int(2 * rate), 8)
    frequency, time, found = signal.stft(z, rate, nperseg=n, noverlap=n // 2, axis=1)
    return frequency, time, np.abs(found) ** 2


def _log(a: Array, b: Array) -> Array:
    return np.asarray(np.log((a + TINY) / (b + TINY)))


def _phases(smooth: Array, rate: float) -> dict[str, Array]:
    """Onset, peak, and times by which shares of the energy above the noise have arrived, in s.

    The onset is where the envelope first leaves the noise, so that a weak P is not missed.
    """
    noise = np.quantile(smooth, 0.2, axis=1, keepdims=True)
    above = np.maximum(smooth**2 - (1.5 * noise) ** 2, 0.0)
    total = np.cumsum(above, axis=1)
    share = total / np.maximum(total[:, -1:], TINY)
    found = {q: (share >= q / 100).argmax(axis=1) / rate for q in (2, 5, 25, 50, 75, 95)}
    times = {f"t{q}": v for q, v in found.items()}
    height = smooth.max(axis=1, keepdims=True)
    level = np.maximum(3 * noise, noise + 0.05 * (height - noise))
    onset = np.where((smooth > level).any(axis=1), (smooth > level).argmax(axis=1) / rate, 0.0)
    onset = np.where(onset > 0, np.minimum(onset, times["t5"]), times["t2"])
    return {**times, "on": onset, "peak": smooth.argmax(axis=1) / rate, "noise": noise[:, 0]}


def _shape(z: Array, smooth: Array, at: dict[str, Array], rate: float) -> dict[str, Array]:
    """Shape of trace and envelope: how sudden, how long, how peaked, how it decays."""
    spread, mean = z.std(axis=1) + TINY, smooth.mean(axis=1)
    height = smooth.max(axis=1)
    centred = smooth - mean[:, None]
    width = smooth.std(axis=1) + TINY
    duration = at["t95"] - at["t5"]
    steps = np.arange(z.shape[1]) / rate
    tail = (steps > at["peak"][:, None]) & (steps < at["t95"][:, None] + 1.0)
    slope, misfit = _line(steps, np.log(smooth + TINY), tail)
    zero = np.diff(np.signbit(z), axis=1)
    inside = (steps[1:] >= at["t5"][:, None]) & (steps[1:] <= at["t95"][:, None])
    peaks = (smooth[:, 1:-1] > smooth[:, :-2]) & (smooth[:, 1:-1] > smooth[:, 2:])
    high = peaks & (smooth[:, 1:-1] > 0.3 * height[:, None])
    return {
        "peak_to_mean": np.log(height / (mean + TINY) + TINY),
        "peak_to_noise": _log(height, at["noise"]),
        "kurtosis": np.log1p(np.maximum((z**4).mean(axis=1) / spread**4, 0.0)),
        "envelope_skewness": (centred**3).mean(axis=1) / width**3,
        "envelope_kurtosis": np.log1p((centred**4).mean(axis=1) / width**4),
        "duration": duration,
        "rise": at["peak"] - at["on"],
        "rise_share": (at["peak"] - at["on"]) / np.maximum(at["t95"] - at["on"], 1 / rate),
        "half_share": (at["t50"] - at["on"]) / np.maximum(at["t95"] - at["on"], 1 / rate),
        "whole": at["t95"] - at["on"],
        "middle_share": (at["t50"] - at["t5"]) / np.maximum(duration, 1 / rate),
        "onset_share": (at["t25"] - at["t2"]) / np.maximum(duration, 1 / rate),
        "decay": slope,
        "decay_misfit": misfit,
        "zero_crossings": (zero & inside).sum(axis=1) / np.maximum(inside.sum(axis=1), 1) * rate,
        "envelope_peaks": high.sum(axis=1) / np.maximum(duration, 1.0),
    }


def _line(x: Array, y: Array, use: Array) -> tuple[Array, Array]:
    """Slope of a least-squares line over the steps in use, and the spread about it."""
    n = np.maximum(use.sum(axis=1), 1)
    mean_x, mean_y = (use * x).sum(axis=1) / n, (use * y).sum(axis=1) / n
    dx, dy = use * (x - mean_x[:, None]), use * (y - mean_y[:, None])
    slope = (dx * dy).sum(axis=1) / np.maximum((dx**2).sum(axis=1), TINY)
    rest = use * (dy - slope[:, None] * dx)
    return slope, np.sqrt((rest**2).sum(axis=1) / n)


def _weights(time: Array, begin: Array, end: Array) -> Array:
    """Windows (record, time) between two times, one column at the least."""
    inside = (time >= begin[:, None]) & (time <= end[:, None])
    nearest = np.abs(time - ((begin + end) / 2)[:, None]).argmin(axis=1)
    inside[np.arange(len(inside)), nearest] = True
    return inside.astype(float)


def _bands(frequency: Array, spectrum: Array) -> Array:
    """Energy by band, (..., band)."""
    parts = [
        spectrum[..., (frequency >= a) & (frequency < b)].sum(axis=-1) for a, b in pairwise(EDGES)
    ]
    return np.stack(parts, axis=-1)


def _spectrum(f: Array, time: Array, power: Array, at: dict[str, Array]) -> dict[str, Array]:
    """Spectrum of the event, the noise before it taken off."""
    event = _weights(time, at["t2"], at["t95"])
    noise = np.quantile(power, 0.2, axis=2)
    mean = np.einsum("rft,rt->rf", power, event) / event.sum(axis=1)[:, None]
    spectrum = np.maximum(mean - noise, 0.0)
    inside = (f >= EDGES[0]) & (f <= EDGES[-1])
    f, spectrum = f[inside], spectrum[:, inside]
    share = (spectrum + TINY) / (spectrum + TINY).sum(axis=1, keepdims=True)
    centroid = share @ f
    cumulative = np.cumsum(share, axis=1)
    quantiles = {q: f[(cumulative >= q / 100).argmax(axis=1)] for q in (25, 75, 95)}
    band = _bands(f, share)
    logs = {f"band_{a:g}_{b:g}": np.log(band[:, i] + 1e-6)
            for i, (a, b) in enumerate(pairwise(EDGES))}  # fmt: skip
    use = np.ones((len(share), len(f)))
    slope, rough = _line(np.log(f), np.log(share + 1e-9), use)
    return {
        "centroid": centroid,
        "bandwidth": np.sqrt((share * (f - centroid[:, None]) ** 2).sum(axis=1)),
        "dominant": f[share.argmax(axis=1)],
        **{f"frequency_{q}": v for q, v in quantiles.items()},
        "spectral_slope": slope,
        "spectral_roughness": rough,
        "spectral_entropy": -(share * np.log(share)).sum(axis=1) / np.log(len(f)),
        **logs,
    }


def _in_time(f: Array, time: Array, power: Array, at: dict[str, Array]) -> dict[str, Array]:
    """How the spectrum changes along the event: early against late, low against high."""
    clean = np.maximum(power - np.quantile(power, 0.2, axis=2, keepdims=True), 0.0)
    band = _bands(f, np.moveaxis(clean, 1, 2))
    low, high = band[..., :3].sum(axis=2), band[..., 4:].sum(axis=2)
    onset, half = at["on"], at["t50"]
    reach = 0.6 * (half - onset)
    first = _weights(time, onset - 0.5, onset + reach + 0.5)
    main = _weights(time, half - 0.5, half + reach + 1.0)
    late = _weights(time, at["t75"], at["t95"])
    event = _weights(time, onset, at["t95"])

    def mean(values: Array, window: Array) -> Array:
        return np.asarray((values * window).sum(axis=1) / window.sum(axis=1))

    total = clean.sum(axis=1) + TINY
    centroid = np.einsum("rft,f->rt", clean, f) / total
    middle = mean(centroid, event)
    wander = np.sqrt(mean((centroid - middle[:, None]) ** 2, event))
    when = {name: (v * event @ time) / ((v * event).sum(axis=1) + TINY)
            for name, v in (("low", low), ("high", high))}  # fmt: skip
    pieces = np.log(clean.sum(axis=1) + TINY)
    return {
        "ps_ratio_low": _log(mean(low, first), mean(low, main)),
        "ps_ratio_high": _log(mean(high, first), mean(high, main)),
        "high_low_first": _log(mean(high, first), mean(low, first)),
        "high_low_main": _log(mean(high, main), mean(low, main)),
        "high_low_late": _log(mean(high, late), mean(low, late)),
        "late_share": _log(mean(low + high, late), mean(low + high, main)),
        "centroid_drift": mean(centroid, late) - mean(centroid, first),
        "centroid_wander": wander,
        "low_after_high": when["low"] - when["high"],
        "roughness_in_time": np.sqrt(
            mean(np.diff(pieces, axis=1, prepend=pieces[:, :1]) ** 2, event)
        ),
    }


def _after_onset(f: Array, time: Array, power: Array, at: dict[str, Array]) -> dict[str, Array]:
    """Energy by wide band and time after the onset, beside the greatest: a coarse spectrogram."""
    clean = np.maximum(power - np.quantile(power, 0.2, axis=2, keepdims=True), 0.0)
    band = _bands(f, np.moveaxis(clean, 1, 2))
    wide = np.stack([band[..., list(parts)].sum(axis=-1) for parts in WIDE.values()], axis=2)
    cells = []
    for a, b in pairwise(AFTER):
        window = _weights(time, at["on"] + a, at["on"] + b)
        cells.append(np.einsum("rtb,rt->rb", wide, window) / window.sum(axis=1)[:, None])
    logs = np.log(np.stack(cells, axis=2) + 1e-7)
    logs = np.maximum(logs - logs.max(axis=(1, 2), keepdims=True), -9.0)
    return {
        f"energy_{name}_hz_{a:g}_{b:g}_s": logs[:, i, j]
        for i, name in enumerate(WIDE)
        for j, (a, b) in enumerate(pairwise(AFTER))
    }
