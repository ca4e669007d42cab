"""Onsets of seismic waves by energy and by likelihood: STA/LTA, AIC, signal-to-noise ratio.

All functions take many windows at once. Frequencies are in Hz, times in samples, and the last axis
is time.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LEAST_DB, MOST_DB = -10.0, 60.0
"""Least and greatest signal-to-noise ratio that is told apart, in dB."""


@functools.cache
def _corners(low: float, high: float, rate: float) -> Floats:
    from scipy.signal import butter

    top = min(high, 0.45 * rate)
    return np.asarray(butter(3, [min(low, 0.5 * top), top], "bandpass", fs=rate, output="sos"))


def bandpass(x: NDArray[np.floating], rate: float, low: float = 2.0, high: float = 20.0) -> Floats:
    """Causal Butterworth band-pass of order three, which moves no energy ahead of an onset.

    Parameters
    ----------
    x : ndarray, shape (..., time)
    rate : float
        Samples a second.
    low, high : float
        Corners in Hz; the upper one stays below the Nyquist frequency.
    """
    from scipy.signal import sosfilt

    return np.asarray(sosfilt(_corners(low, high, rate), x - x[..., :1], axis=-1), np.float64)


def energy_ratio(power: NDArray[np.floating], short: int, long: int, least: int) -> Floats:
    """Mean of the next `short` samples over the mean of the last `long` ones, at each sample.

    Where fewer than `least` samples lie on a side the ratio is zero; before `long` samples have
    passed, those that have are taken.

    References
    ----------
    Allen 1978, doi:10.1785/BSSA0680051521 (short- over long-term average).

    Examples
    --------
    >>> step = np.r_[np.ones(50), 9 * np.ones(50)]
    >>> found = energy_ratio(step, 5, 20, 5)
    >>> int(found.argmax()), float(found.max())
    (50, 9.0)
    """
    n = power.shape[-1]
    total = np.concatenate([np.zeros((*power.shape[:-1], 1)), np.cumsum(power, axis=-1)], axis=-1)
    at = np.arange(n)
    end, begin = np.minimum(at + short, n), np.maximum(at - long, 0)
    after = (total[..., end] - total[..., at]) / (end - at)
    before = (total[..., at] - total[..., begin]) / np.maximum(at - begin, 1)
    floor = 1e-12 * total[..., -1:] / n + 1e-300
    ratio = after / np.maximum(before, floor)
    return np.asarray(np.where((at >= least) & (at <= n - min(least, short)), ratio, 0.0))


def aic(x: NDArray[np.floating]) -> Floats:
    """Akaike's criterion of a change of variance at each sample, summed over components.

    Parameters
    ----------
    x : ndarray, shape (..., component, time)

    Returns
    -------
    ndarray, shape (..., time)
        The least value is the likeliest onset; the outermost samples are infinite.

    References
    ----------
    Maeda 1985, doi:10.4294/zisin1948.38.3_365.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(size=(1, 400))
    >>> noise[:, 250:] *= 5.0
    >>> abs(int(aic(noise).argmin()) - 250) <= 3
    True
    """
    n = x.shape[-1]
    k = np.arange(1, n)
    first, second = np.cumsum(x, axis=-1), np.cumsum(np.square(x), axis=-1)
    left = second[..., :-1] / k - (first[..., :-1] / k) ** 2
    rest = n - k
    right = (second[..., -1:] - second[..., :-1]) / rest
    right = right - ((first[..., -1:] - first[..., :-1]) / rest) ** 2
    floor = 1e-6 * (second[..., -1:] / n) + 1e-300
    found = k * np.log(np.maximum(left, floor)) + (rest - 1) * np.log(np.maximum(right, floor))
    total = found.sum(axis=-2)
    edge = max(2, n // 50)
    total[..., :edge] = np.inf
    total[..., n - edge :] = np.inf
    return np.concatenate([np.full((*total.shape[:-1], 1), np.inf), total], axis=-1)


def refine(waves: Floats, at: NDArray[np.floating], before: int, after: int) -> NDArray[np.int64]:
    """Move picks to the likeliest onset near them.

    Parameters
    ----------
    waves : ndarray, shape (window, component, time)
    at : ndarray, shape (window,)
        Samples.
    before, after : int
        How far the AIC looks, in samples.
    """
    n = waves.shape[-1]
    first = np.clip(np.round(at).astype(np.int64) - before, 0, n - before - after)
    where = first[:, None] + np.arange(before + after)
    cut = np.take_along_axis(waves, where[:, None, :], axis=2)
    return first + aic(cut).argmin(axis=-1)


def signal_to_noise(waves: NDArray[np.floating], at: NDArray[np.floating], rate: float) -> Floats:
    """Ratio of amplitudes after and before a pick, in dB, from -10 to 60.

    Root mean square of the second after the pick over that of the two seconds that end 0.1 s before
    it, all components together.

    Parameters
    ----------
    waves : ndarray, shape (window, component, time)
        Band-passed.
    at : ndarray, shape (window,)
        Samples.
    """
    n = waves.shape[-1]
    power = np.square(waves, dtype=np.float64).sum(axis=1)
    total = np.concatenate([np.zeros((len(power), 1)), np.cumsum(power, axis=1)], axis=1)
    pick = np.round(at).astype(np.int64)
    gap, one = round(0.1 * rate), round(rate)

    def mean(begin: NDArray[np.int64], end: NDArray[np.int64]) -> Floats:
        begin, end = np.clip(begin, 0, n - 1), np.clip(end, 1, n)
        end = np.maximum(end, begin + 1)
        ends = [np.take_along_axis(total, i[:, None], axis=1)[:, 0] for i in (begin, end)]
        return np.asarray((ends[1] - ends[0]) / (end - begin))

    signal, noise = mean(pick, pick + one), mean(pick - gap - 2 * one, pick - gap)
    tiny = 1e-12 * total[:, -1] / n + 1e-300
    ratio = 10.0 * np.log10(np.maximum(signal, tiny) / np.maximum(noise, tiny))
    return np.asarray(np.clip(ratio, LEAST_DB, MOST_DB))
