"""What of a waveform drove a prediction, in time and frequency, whatever the model.

References
----------
Zeiler and Fergus 2014, doi:10.1007/978-3-319-10590-1_53 (occlusion).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import signal

from craton.event_types import EventRecords, with_features
from craton.result import Fitted
from craton.samples import Samples, make_index

QUIET = 0.2
"""Quantile in time of the power at a frequency that an occluded tile is brought down to."""


@dataclass(frozen=True)
class TimeFrequency:
    """Effects of tiles of one event's spectrograms on the probability of one type.

    Attributes
    ----------
    time, frequency : ndarray
        Borders of the tiles, in s and Hz.
    effect : ndarray, shape (frequency tile, time tile)
        Probability minus the probability with the tile at the level of the noise.
    category : int
        Position of the type.
    value : float
        Its probability.
    """

    time: NDArray[Any]
    frequency: NDArray[Any]
    effect: NDArray[Any]
    category: int
    value: float


def time_frequency_effects(
    fitted: Fitted,
    samples: Samples,
    row: int,
    *,
    frequency: tuple[float, ...] = (1.0, 2.0, 4.0, 7.0, 10.0, 15.0),
    tiles: int = 10,
) -> TimeFrequency:
    """Bring each tile of the spectrograms of an event down to the noise, at all stations at once.

    Parameters
    ----------
    fitted : Fitted
        A model with its calibration.
    samples : Samples
        Of events with waveforms.
    row : int
        Position of the event among them.
    frequency : tuple of float
        Borders of the tiles, in Hz.
    tiles : int
        Number of tiles along time.

    Returns
    -------
    TimeFrequency
    """
    gather, data = samples.gather, samples.data
    assert isinstance(gather, EventRecords) and gather.waveform
    one = samples.take([row])
    record = gather.layout(data, one.index)[1]
    waves, rate = data[gather.waveform].to_numpy()[record], float(data.attrs["rate"])
    time = np.linspace(0, waves.shape[2] / rate, tiles + 1)
    altered = np.stack([waves, *occluded(waves, rate, time, np.array(frequency))])
    n = len(altered)
    made = xr.Dataset(
        {
            "event_id": ("event", np.arange(n).astype(str).astype(object)),
            "label": ("event", np.full(n, "", dtype=object)),
            "event_of": ("record", np.repeat(np.arange(n), len(record))),
            "station": ("record", np.tile(data["station"].to_numpy()[record], n)),
            gather.waveform: (("record", "channel", "step"), altered.reshape(-1, *waves.shape[1:])),
        },
        attrs=data.attrs,
    )
    found = fitted.predict(Samples(with_features(made), make_index(n), gather))
    p = found[samples.target.name].transpose("sample", "category").to_numpy().astype(float)
    category = int(p[0].argmax())
    effect = (p[0, category] - p[1:, category]).reshape(len(frequency) - 1, tiles)
    return TimeFrequency(time, np.array(frequency), effect, category, float(p[0, category]))


def occluded(
    waves: NDArray[Any], rate: float, time: NDArray[Any], frequency: NDArray[Any]
) -> list[NDArray[np.float32]]:
    """Waveforms with one tile each at the level of the noise: by frequency, then by time.

    Parameters
    ----------
    waves : ndarray, shape (record, channel, step)
    rate : float
        Samples a second.
    time, frequency : ndarray
        Borders of the tiles, in s and Hz.
    """
    n = max(int(2 * rate), 8)
    f, t, spectrum = signal.stft(waves, rate, nperseg=n, noverlap=n // 2, axis=-1)
    size = np.abs(spectrum)
    quiet = np.quantile(size, QUIET, axis=-1, keepdims=True)
    damped = spectrum * np.minimum(1.0, quiet / np.maximum(size, 1e-30))
    found = []
    for low, high in pairwise(frequency):
        rows = (f >= low) & (f < high)
        for begin, end in pairwise(time):
            tile = rows[:, None] & ((t >= begin) & (t < end))
            changed = np.where(tile, damped, spectrum)
            _, back = signal.istft(changed, rate, nperseg=n, noverlap=n // 2)
            back = back[..., : waves.shape[-1]]
            peak = np.abs(back).max(axis=(1, 2), keepdims=True)
            found.append(np.asarray(back / np.where(peak > 0, peak, 1.0), np.float32))
    return found
