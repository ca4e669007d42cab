"""Simulated three-component seismograms of local earthquakes, whose P and S arrivals are known.

Arrivals come from a layered crust, pulses and coda from Brune's source spectrum with attenuation,
and noise is coloured, drifts in strength, and has hum, bursts and glitches. All filters are causal,
so no energy lies ahead of an arrival but what the physics puts there.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from craton.models.physics.onsets import bandpass
from craton.models.physics.travel_times import TravelTimes, VelocityModel, travel_times

Floats = NDArray[np.float64]

TOPS, P_KM_S, S_KM_S = (0.0, 2.0, 6.0, 18.0, 28.0), (4.4, 5.5, 6.1, 6.7, 8.0), \
    (2.4, 3.15, 3.5, 3.85, 4.5)  # fmt: skip
"""Layers of a generic continental crust: depths of the tops in km, velocities in km/s."""


@dataclass(frozen=True)
class Simulated:
    """Simulated windows.

    Attributes
    ----------
    waves : ndarray, shape (window, component, time), float32
        Z, N, E, in counts.
    arrival : ndarray, shape (window, phase)
        Samples of P and S from the window's start; NaN in windows of noise alone.
    distance, depth, magnitude, snr : ndarray, shape (window,)
        km, km, moment magnitude, and the amplitude of P over noise in dB.
    """

    waves: NDArray[np.float32]
    arrival: Floats
    distance: Floats
    depth: Floats
    magnitude: Floats
    snr: Floats


@functools.cache
def _crust() -> TravelTimes:
    model = VelocityModel.layers(TOPS, P_KM_S, S_KM_S, name="generic crust", spherical=False)
    return travel_times(model, max_distance=160.0, max_depth=25.0, distance_step=1.0)


def simulate(
    n: int, samples: int, rate: float, rng: np.random.Generator, *, noise_only: float = 0.1
) -> Simulated:
    """Simulate windows.

    Parameters
    ----------
    n, samples : int
        Number of windows and their length.
    rate : float
        Samples a second.
    rng : Generator
        Source of chance.
    noise_only : float
        Share of windows without an event.

    Returns
    -------
    Simulated

    References
    ----------
    Brune 1970, doi:10.1029/JB075i026p04997 (spectrum, corner frequency against moment); Aki and
    Chouet 1975, doi:10.1029/JB080i023p03322 (coda); Hanks and Kanamori 1979,
    doi:10.1029/JB084iB05p02348 (moment magnitude).

    Examples
    --------
    >>> found = simulate(3, 2000, 100.0, np.random.default_rng(0), noise_only=0.0)
    >>> found.waves.shape, bool((found.arrival[:, 1] > found.arrival[:, 0]).all())
    ((3, 3, 2000), True)
    """
    length = samples / rate
    distance = np.exp(rng.uniform(np.log(1.5), np.log(140.0), n))
    depth = rng.uniform(1.0, 20.0, n)
    # another crust for each window: Vp/Vs and speed vary from place to place
    times = _crust()
    p = times("P", distance, depth) * rng.uniform(0.9, 1.1, n)
    s = p * (times("S", distance, depth) / times("P", distance, depth)) * rng.uniform(0.96, 1.06, n)
    gap = np.minimum(s - p, 0.6 * length)
    first = rng.uniform(1.0, np.maximum(length - gap - 2.0, 1.5))
    arrival = np.stack([first, first + gap], axis=1) * rate
    magnitude = np.clip(0.3 + rng.exponential(0.7, n) + 1.0 * np.log10(distance), -0.5, 4.5)
    snr = rng.uniform(2.0, 50.0, n)
    quiet = rng.random(n) < noise_only
    waves = np.empty((n, 3, samples), np.float32)
    for i in range(n):
        noise = noise_waves(samples, rate, rng)
        if not quiet[i]:
            event = event_waves(samples, rate, arrival[i], distance[i], magnitude[i], rng)
            noise += event * _gain(event[0], noise[0], arrival[i, 0], rate, snr[i])
        waves[i] = _record(noise, rng)
    arrival[quiet] = np.nan
    return Simulated(waves, arrival, distance, depth, magnitude, snr)


def event_waves(
    samples: int, rate: float, arrival: Floats, distance: float, magnitude: float,
    rng: np.random.Generator,
) -> Floats:  # fmt: skip
    """P and S of one earthquake on three components, shape (3, samples)."""
    # Hanks and Kanamori in N m, Brune's corner for S at 3.5 km/s; stress drop in Pa
    moment = 10.0 ** (1.5 * magnitude + 9.05)
    drop = 10.0 ** rng.normal(6.3, 0.4)
    corner_s = float(np.clip(0.37 * 3500.0 * (16.0 / 7.0 * drop / moment) ** (1 / 3), 1.0, 25.0))
    corner_p = min(1.3 * corner_s, 30.0)
    kappa = rng.uniform(0.005, 0.04) + distance / 3.5 / rng.uniform(150.0, 600.0)
    steep = rng.uniform(0.2, 1.2)
    azimuth = rng.uniform(0.0, 2 * np.pi)
    across = np.array([np.cos(azimuth), np.sin(azimuth)])
    along_p = np.array([np.cos(steep * 0.8), *(np.sin(steep * 0.8) * across)])
    angle = rng.uniform(0.0, 2 * np.pi)
    transverse = np.array([0.0, -across[1], across[0]])
    radial = np.array([-np.sin(steep * 0.8), *(np.cos(steep * 0.8) * across)])
    along_s = np.cos(angle) * radial + np.sin(angle) * transverse
    ratio = np.exp(rng.normal(np.log(3.0), 0.6))
    found = phase_waves(samples, rate, arrival[0], corner_p, 0.5 * kappa, along_p, rng)
    found += ratio * phase_waves(samples, rate, arrival[1], corner_s, kappa, along_s, rng)
    if rng.random() < 0.4:
        # S turned to P below the station comes a little before S, on the vertical
        early = arrival[1] - rng.uniform(0.1, 0.9) * rate
        if early > arrival[0] + 0.2 * rate:
            leak = phase_waves(samples, rate, early, corner_s, 0.5 * kappa, along_p, rng)
            found += rng.uniform(0.1, 0.5) * ratio * leak
    return found


def phase_waves(
    samples: int, rate: float, at: float, corner: float, decay: float, along: Floats,
    rng: np.random.Generator,
) -> Floats:  # fmt: skip
    """One phase: a pulse along its direction of motion, then scattered waves in all directions."""
    t = (np.arange(samples) - at) / rate
    after = np.maximum(t, 0.0)
    begun = t >= 0
    rise = rng.uniform(0.0, 0.3) * rng.random()
    scatter = (1.0 - np.exp(-after / (rise + 1e-3))) * np.exp(-after / rng.uniform(0.5, 6.0))
    scatter *= begun / (1.0 + after) ** rng.uniform(0.3, 1.2)
    coda = rng.normal(size=(3, samples)) * scatter
    # near the arrival the coda still moves as the wave does
    polarised = np.exp(-after / rng.uniform(0.1, 0.8)) * begun
    shared = rng.normal(size=samples) * scatter * polarised
    coda = (
        coda * (1.0 - 0.8 * polarised) * np.array([[0.7], [1.0], [1.0]]) + along[:, None] * shared
    )
    pulse = np.zeros((3, samples))
    k = int(np.ceil(at))
    if 0 <= k < samples:
        pulse[:, k] = along * rng.uniform(0.0, 8.0) * rng.choice([-1.0, 1.0])
    return _coloured(pulse + coda, rate, corner, decay)


def _coloured(x: Floats, rate: float, corner: float, decay: float) -> Floats:
    """Ground velocity of Brune's spectrum: first order up, second order down at the corner."""
    from scipy.signal import lfilter

    pole = np.exp(-2 * np.pi * min(corner, 0.45 * rate) / rate)
    found = lfilter([1.0 - pole], [1.0, -pole], x, axis=-1)
    found = lfilter([1.0 - pole], [1.0, -pole], found, axis=-1)
    found = np.diff(found, axis=-1, prepend=0.0)
    loss = np.exp(-1.0 / (rate * max(decay / 2.0, 1e-4)))
    return np.asarray(lfilter([1.0 - loss], [1.0, -loss], found, axis=-1))


def noise_waves(samples: int, rate: float, rng: np.random.Generator) -> Floats:
    """Coloured noise on three components with microseism, hum and slow changes of strength."""
    f = np.fft.rfftfreq(samples, 1.0 / rate)
    shape = np.maximum(f, 0.05) ** (-0.5 * rng.uniform(0.0, 3.0))
    shape = shape + shape[len(f) // 4] * 10 ** rng.uniform(-1, 1.5) * np.exp(
        -0.5 * (np.log(np.maximum(f, 1e-3) / rng.uniform(0.12, 0.3)) / 0.4) ** 2
    )
    if rng.random() < 0.35:
        bump = np.exp(-0.5 * ((f - rng.uniform(2.0, 20.0)) / rng.uniform(0.1, 1.5)) ** 2)
        shape = shape + shape[len(f) // 4] * rng.uniform(1.0, 12.0) * bump
    if rng.random() < 0.5:
        # a short-period instrument or a filter takes the low frequencies away
        shape = shape * f**2 / (f**2 + rng.uniform(0.5, 2.5) ** 2)
    shape[0] = 0.0
    spectrum = rng.normal(size=(3, len(f))) + 1j * rng.normal(size=(3, len(f)))
    found = np.fft.irfft(spectrum * shape, samples, axis=-1)
    found /= found.std(axis=-1, keepdims=True) + 1e-30
    knots = rng.normal(0.0, rng.uniform(0.0, 0.4), 8)
    change = np.interp(np.linspace(0, 7, samples), np.arange(8), knots)
    return np.asarray(found * np.exp(change) * np.exp(rng.normal(0.0, 0.2, (3, 1))))


def _gain(event: Floats, noise: Floats, at: float, rate: float, snr: float) -> float:
    """Factor that gives P on the vertical this signal-to-noise ratio from 1 Hz up, in dB."""
    both = bandpass(np.stack([event, noise]), rate, 1.0, 25.0)
    k = int(at)
    loud = np.sqrt(np.mean(both[0, k : k + round(1.0 * rate)] ** 2)) + 1e-30
    return float(10.0 ** (snr / 20.0) * both[1].std() / loud)


def _record(ground: Floats, rng: np.random.Generator) -> NDArray[np.float32]:
    """What the recorder makes of it: gain, glitches, dead horizontals, whole counts."""
    scale = 10.0 ** rng.uniform(0.7, 3.0)
    found = ground * scale
    samples = found.shape[1]
    if rng.random() < 0.1:
        k, c = rng.integers(0, samples), rng.integers(0, 3)
        found[c, k : k + rng.integers(1, 4)] += rng.choice([-1, 1]) * rng.uniform(3, 30) * scale
    if rng.random() < 0.05:
        found[:, rng.integers(0, samples) :] += rng.normal(0.0, 2.0, (3, 1)) * scale
    if rng.random() < 0.2:
        found[1:] = 0.0
    return np.asarray(np.round(found), np.float32)
