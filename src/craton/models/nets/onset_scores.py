"""STA/LTA and AIC as a net from windows to scores: detection with nothing trained.

It takes the place of a net in `craton.detection.detect`, so that gaps, blocks and live feeds are
dealt with in one place. A score is a single sample at an onset; all others are zero.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from craton.models.nets.picker_input import Filter, PickerInput
from craton.models.physics import onsets
from craton.models.picking import horizontals

RATE = 100.0
REACH = 15.0
"""Longest time from P to S that is looked at, s."""

WARM, AHEAD = 6.0, 3.0
"""Seconds that the long average needs before an onset, and AIC after it."""

BLINDING = (int((WARM + REACH) * RATE), int(AHEAD * RATE))
SAMPLES, OVERLAP = 7500, 4000
"""Length and overlap of windows, so that each P comes once at least with all of its `REACH`."""

LIMITS = {"P": 0.35, "S": 0.5}
"""Least score of a pick."""


FAR_STRONGER = 10.0
"""Ratio of a later onset over an earlier one that no S on the vertical has over its P."""


class OnsetScores:
    """P by STA/LTA on the vertical, S by energy on the horizontals after it, both placed by AIC.

    The score of a P is r / (r + 10) and of an S r / (r + 3), where r is the ratio of energies after
    and before; it is no calibrated probability.

    Attributes
    ----------
    wants : PickerInput
        Windows of 75 s at 100 Hz, band-passed.

    References
    ----------
    Allen 1978, doi:10.1785/BSSA0680051521; Maeda 1985, doi:10.4294/zisin1948.38.3_365.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(size=(1, 3, SAMPLES)).astype(np.float32)
    >>> noise[:, :, 3000:] *= 6.0
    >>> scores = OnsetScores()(torch.from_numpy(noise))
    >>> abs(int(scores[0, 0].argmax()) - 3000) <= 5
    True
    """

    wants = PickerInput(
        samples=SAMPLES, sampling_rate=RATE, components="ZNE", phases="PS", scale="none",
        filter=Filter(low=2.0, high=20.0, corners=3),
    )  # fmt: skip

    def __call__(self, windows: Tensor) -> Tensor:
        """Scores (window, phase, sample) of windows (window, component, sample)."""
        waves = windows.cpu().numpy().astype(np.float64)
        scores = np.zeros((len(waves), 2, waves.shape[-1]), np.float32)
        vertical, across = waves[:, :1].copy(), horizontals(waves)
        dead = ~vertical.any(axis=(1, 2))
        vertical[dead, 0] = across[dead].sum(axis=1)
        up = onsets.energy_ratio(vertical[:, 0] ** 2, 30, 500, 100)
        side = onsets.energy_ratio(np.square(across).sum(axis=1), 50, 100, 30)
        least = 10.0 * LIMITS["P"] / (1.0 - LIMITS["P"])
        for k in np.flatnonzero(up.max(axis=1) >= least):
            for p, r, s, q in _pairs(vertical[k], across[k], up[k], side[k], least):
                scores[k, 0, p] = r / (r + 10.0)
                if s >= 0:
                    scores[k, 1, s] = q / (q + 3.0)
        return torch.from_numpy(scores)


def _pairs(
    vertical: NDArray[Any], across: NDArray[Any], up: NDArray[Any], side: NDArray[Any], least: float
) -> list[tuple[int, float, int, float]]:
    """Sample and ratio of each P, and of its S or -1; what triggers again in between is its own."""
    n, found, free = len(up), [], 0
    edges = np.flatnonzero(np.diff(np.r_[False, up >= least, False].astype(np.int8)))
    for a, b in edges.reshape(-1, 2).tolist():
        if a < free or a > n - BLINDING[1]:
            continue
        peak = a + int(up[a:b].argmax())
        if up[b : b + int(REACH * RATE)].max(initial=0.0) > FAR_STRONGER * up[peak]:
            continue  # a burst of noise before the true P
        p = int(onsets.refine(vertical[None], np.array([peak]), 150, 60)[0])
        s, q = -1, 0.0
        begin, end = p + 30, min(p + int(REACH * RATE), n - BLINDING[1])
        if begin < end:
            at = begin + int(side[begin:end].argmax())
            q = float(side[at])
            if q >= 3.0 * LIMITS["S"] / (1.0 - LIMITS["S"]):
                s = max(int(onsets.refine(across[None], np.array([at]), 50, 50)[0]), p + 20)
        free = max(b, s + 200, p + 200)
        if p + REACH * RATE > n - BLINDING[1]:
            s = -1  # the next window sees all of it
        found.append((p, float(up[peak]), s, q))
    return found
