"""Amplitudes on a Wood-Anderson seismograph, from records whose instrument is known."""

from __future__ import annotations

from typing import Any

import numpy as np

from craton.checks import Finding
from craton.models.physics.local_magnitude import wood_anderson
from craton.waveforms.quality import clipped_samples
from craton.waveforms.steps import Detrend, RemoveResponse, Taper, apply_steps

HORIZONTAL = "NE12"
LEAST_SNR = 1.5
"""How far a peak must stand above the noise to be told at all."""

TAPER_S = 2.0


def wood_anderson_peaks(
    stream: Any, inventory: Any, noise_end: Any, start: Any, end: Any
) -> tuple[dict[str, tuple[float, float]], list[Finding]]:
    """Largest deflection on each horizontal channel, the instrument removed.

    Parameters
    ----------
    stream : obspy.Stream
        One station, with at least 5 s of noise before `noise_end`. Channels with gaps are left out.
    inventory : obspy.Inventory
        With responses.
    noise_end, start, end : obspy.UTCDateTime
        End of the noise (before P), begin and end of the window of the peak.

    Returns
    -------
    dict of str to (float, float), list of Finding
        Channel identifier to amplitude in m of ground displacement as the seismograph filters it,
        without its gain, and its ratio to the largest of the noise; channels that are clipped or
        drown in noise are missing. Findings name channels without a response.

    Notes
    -----
    The response is divided out between 0.25 Hz and 0.4 times the sampling rate, without a water
    level; below 1.25 Hz the seismograph itself is blind.
    """
    peaks: dict[str, tuple[float, float]] = {}
    findings: list[Finding] = []
    names = [t.id for t in stream]
    for trace in stream:
        if trace.id[-1:] not in HORIZONTAL or names.count(trace.id) > 1:
            continue
        whole = trace.stats.starttime <= noise_end - 5.0 and trace.stats.endtime >= end - 1.0
        data = np.asarray(trace.data)
        low, high = data.min(), data.max()
        if not whole or low == high or clipped_samples(data, low, high):
            continue
        rate = float(trace.stats.sampling_rate)
        corners = (0.1, 0.25, 0.4 * rate, 0.48 * rate)
        steps = (
            Detrend(how="linear"),
            Taper(seconds=TAPER_S),
            RemoveResponse(output="DISP", pre_filter=corners, water_level=None),
        )
        ground, told = apply_steps(type(stream)([trace]), steps, inventory)
        findings += told
        if not len(ground):
            continue
        motion = np.abs(wood_anderson(ground[0].data, rate))
        at = [round((t - trace.stats.starttime) * rate) for t in (noise_end, start, end)]
        noise = motion[round(TAPER_S * rate) : at[0]].max(initial=0.0)
        peak = float(motion[max(at[1], 0) : at[2]].max(initial=0.0))
        if peak > LEAST_SNR * noise and np.isfinite(peak):
            peaks[trace.id] = peak, float(peak / max(noise, 1e-30))
    return peaks, list(dict.fromkeys(findings))
