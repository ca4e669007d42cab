"""Local magnitude from the amplitude on a Wood-Anderson seismograph."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

PERIOD_S, DAMPING, GAIN = 0.8, 0.7, 2080.0
"""Of the Wood-Anderson seismograph (gain: Uhrhammer and Collins 1990)."""

HUTTON_BOORE = (1.110, 0.00189, 3.0)
"""Geometrical spreading, attenuation per km, and magnitude of 1 mm at 100 km, for California."""


def wood_anderson(waves: NDArray[np.floating], rate: float, *, velocity: bool = False) -> Floats:
    """Motion of the mass of a Wood-Anderson seismograph for ground motion, without its gain.

    Parameters
    ----------
    waves : ndarray, shape (..., time)
        Ground displacement in m, or velocity in m/s; its mean counts as zero.
    rate : float
        Samples a second.
    velocity : bool
        Whether it is velocity.

    Returns
    -------
    ndarray, shape (..., time)
        m.

    References
    ----------
    Uhrhammer and Collins 1990, doi:10.1785/BSSA0800030702.

    Examples
    --------
    >>> t = np.arange(4000) / 100.0
    >>> found = wood_anderson(np.sin(2 * np.pi * 10.0 * t), 100.0)
    >>> round(float(np.abs(found[1500:2500]).max()), 1)  # far above its own 1.25 Hz it is rigid
    1.0
    """
    from scipy.fft import irfft, next_fast_len, rfft

    n = waves.shape[-1]
    size = next_fast_len(n + round(8 * PERIOD_S * rate), real=True)
    own, w = 2 * np.pi / PERIOD_S, 2 * np.pi * np.fft.rfftfreq(size, 1.0 / rate)
    s = 1j * w
    response = s**2 / (s**2 + 2 * DAMPING * own * s + own**2)
    if velocity:
        response = s / (s**2 + 2 * DAMPING * own * s + own**2)
    level = waves - waves.mean(axis=-1, keepdims=True)
    return np.asarray(irfft(rfft(level, size, axis=-1) * response, size, axis=-1)[..., :n])


def local_magnitude(
    amplitude: ArrayLike,
    hypocentral_km: ArrayLike,
    relation: tuple[float, float, float] = HUTTON_BOORE,
) -> Floats:
    """Magnitude of amplitudes at distances.

    ``ML = log10(A) + n log10(r / 100) + k (r - 100) + c``, with A in mm on the seismograph's paper.

    Parameters
    ----------
    amplitude : array_like
        Largest deflection from zero of `wood_anderson`, m; the gain is put on here.
    hypocentral_km : array_like
        r; below 3 km it counts as 3.
    relation : tuple of float
        n, k, c; those of Hutton and Boore (1987) by default.

    References
    ----------
    Hutton and Boore 1987, doi:10.1785/BSSA0770062074; Richter 1935, doi:10.1785/BSSA0250010001.

    Examples
    --------
    >>> local_magnitude(1e-3 / 2080, 100.0).item()  # by definition: 1 mm at 100 km
    3.0
    """
    n, k, c = relation
    r = np.maximum(np.asarray(hypocentral_km, float), 3.0)
    size = np.log10(np.asarray(amplitude, float) * GAIN * 1e3)
    return np.asarray(size + n * np.log10(r / 100.0) + k * (r - 100.0) + c)


def amplitude_of(
    magnitude: ArrayLike,
    hypocentral_km: ArrayLike,
    relation: tuple[float, float, float] = HUTTON_BOORE,
) -> Floats:
    """Amplitude in m that has a magnitude: the inverse of `local_magnitude`.

    Examples
    --------
    >>> round(amplitude_of(3.0, 100.0).item() * 2080e3, 6)
    1.0
    """
    of_a_metre = local_magnitude(1.0, hypocentral_km, relation)
    return np.asarray(10.0 ** (np.asarray(magnitude, float) - of_a_metre))
