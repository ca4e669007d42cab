"""Pickers of P and S: what all give, and those that need no training.

A picker predicts, for each window and phase, ``arrival`` (sample, phase, quantile) in seconds from
the window's start, ``probability`` (sample, phase) that the phase is there, before calibration, and
``snr`` (sample, phase), the signal-to-noise ratio at the pick in dB, by which intervals are scaled.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from craton.config import Config
from craton.models.base import Fitting, Model, State, need
from craton.models.physics import onsets
from craton.samples import Samples

Floats = NDArray[np.float64]
SPREAD = (0.05, 0.2)
"""Standard deviation in s of a P and an S pick before calibration."""

AFTER_P = 0.2
"""Least time from P to S, in s."""


def rate_of(samples: Samples) -> float:
    """Samples a second of a task's windows."""
    return float(samples.data.attrs["sampling_rate"])


def pick_prediction(samples: Samples, seconds: Floats, chance: Floats, snr: Floats) -> xr.Dataset:
    """Wrap picks as a dataset.

    Parameters
    ----------
    seconds, chance, snr : ndarray, shape (sample, phase)
        From the window's start; 0 to 1; dB.
    """
    from scipy.special import ndtri

    levels = list(samples.target.quantiles)
    reach = np.asarray(SPREAD)[:, None] * ndtri(levels)
    pair = ("sample", "phase")
    return xr.Dataset(
        {
            "arrival": ((*pair, "quantile"), seconds[:, :, None] + reach, {"units": "s"}),
            "probability": (pair, np.clip(chance, 1e-6, 1 - 1e-6), {"units": "1"}),
            "snr": (pair, snr, {"units": "dB"}),
        },
        coords={
            "sample": samples.index.index.to_numpy(),
            "phase": ["P", "S"],
            "quantile": levels,
        },
    )


def horizontals(waves: Floats) -> Floats:
    """N and E of Z, N, E; the vertical where both are dead.

    Parameters
    ----------
    waves : ndarray, shape (window, component, time)

    Returns
    -------
    ndarray, shape (window, 2, time)
    """
    found = waves[:, 1:].copy()
    dead = ~found.any(axis=(1, 2))
    found[dead, 0] = waves[dead, 0]
    return found


def ratios(waves: Floats, seconds: Floats, rate: float) -> Floats:
    """Signal-to-noise ratio of P on the vertical and S on the horizontals, shape (window, 2)."""
    parts = (waves[:, :1], horizontals(waves))
    found = [onsets.signal_to_noise(w, seconds[:, i] * rate, rate) for i, w in enumerate(parts)]
    return np.stack(found, axis=1)


class ConstantPick(Model):
    """The same time in every window: the median of the training windows.

    It knows nothing but where windows were cut; if it is good, they were cut around the answer.
    """

    def fit(self, train: Samples, fitting: Fitting = Fitting()) -> Self:  # noqa: B008
        seen = train.observed()["arrival"].to_numpy()
        known = np.isfinite(seen)
        middle = [np.median(s[k]) if k.any() else 0.0 for s, k in zip(seen.T, known.T, strict=True)]
        self.seconds, self.share = np.array(middle), known.mean(axis=0)
        return self

    def predict(self, samples: Samples) -> xr.Dataset:
        n = len(samples)
        given = (self.seconds, self.share, np.zeros(2))
        return pick_prediction(samples, *(np.tile(v, (n, 1)) for v in given))

    def state(self) -> State:
        return {"seconds": self.seconds, "share": self.share}

    def with_state(self, arrays: Mapping[str, NDArray[Any]]) -> Self:
        need(arrays, "seconds", "share")
        self.seconds, self.share = arrays["seconds"], arrays["share"]
        return self


class EnergyPicker(Model):
    """P by STA/LTA on the vertical, S by energy on the horizontals, both placed by AIC.

    Nothing is learnt.

    References
    ----------
    Allen 1978, doi:10.1785/BSSA0680051521; Maeda 1985, doi:10.4294/zisin1948.38.3_365; Küperkoch
    et al. 2012, doi:10.1785/0120110187 (S on horizontals by likelihood).
    """

    class Config(Config):
        """Settings: pass `band` in Hz; `short`, `long` averages of P and of S in s; `reach` of S
        after P in s.
        """

        band: tuple[float, float] = (2.0, 20.0)
        short: float = 0.3
        long: float = 5.0
        short_s: float = 0.5
        long_s: float = 1.0
        reach: float = 15.0

    def fit(self, train: Samples, fitting: Fitting = Fitting()) -> Self:  # noqa: B008
        return self

    def predict(self, samples: Samples) -> xr.Dataset:
        rate = rate_of(samples)
        parts = [self._picks(part.inputs()["sequence"], rate) for part in samples.batches(256)]
        if not parts:
            return pick_prediction(samples, *(np.zeros((0, 2)) for _ in range(3)))
        return pick_prediction(samples, *(np.concatenate(p) for p in zip(*parts, strict=True)))

    def _picks(self, raw: NDArray[Any], rate: float) -> tuple[Floats, Floats, Floats]:
        c = self.config
        waves = onsets.bandpass(raw, rate, *c.band)
        steps = [round(v * rate) for v in (c.short, c.long, 0.5, 3.0, 1.0, c.short_s, c.long_s)]
        short, long, least, before, after, short_s, long_s = steps
        vertical, across = waves[:, :1], horizontals(waves)
        found = onsets.energy_ratio(vertical[:, 0] ** 2, short, long, least)
        strength = [found.max(axis=1)]
        p = onsets.refine(vertical, found.argmax(axis=1), before, after)
        power = np.square(across).sum(axis=1)
        found = onsets.energy_ratio(power, short_s, long_s, round(0.3 * rate))
        later = np.arange(raw.shape[-1]) - p[:, None]
        found = np.where((later > 1.5 * AFTER_P * rate) & (later < c.reach * rate), found, 0.0)
        strength.append(found.max(axis=1))
        s = onsets.refine(across, found.argmax(axis=1), short_s, short_s)
        seconds = np.stack([p, np.maximum(s, p + AFTER_P * rate)], axis=1) / rate
        power_ratio = np.stack(strength, axis=1)
        chance = power_ratio / (power_ratio + np.array([10.0, 3.0]))
        return seconds, chance, ratios(waves, seconds, rate)

    def state(self) -> State:
        return {}

    def with_state(self, arrays: Mapping[str, NDArray[Any]]) -> Self:
        return self
