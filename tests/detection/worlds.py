"""Records with known arrivals, and nets whose scores are known."""

import numpy as np
import obspy
import torch
from torch.nn import functional

from craton.models.nets.picker_input import PickerInput

START = obspy.UTCDateTime(2020, 1, 1, 0, 0, 3.17)


def record(seconds=600, *, rate=100.0, arrivals=(), start=START, components="ZNE", station="AAA",
           seed=0):  # fmt: skip
    """Noise of one station, with short wave trains from the given seconds on."""
    rng = np.random.default_rng(seed)
    n = int(seconds * rate)
    t = np.arange(n) / rate
    traces = []
    for c in components:
        x = rng.normal(size=n)
        for at in arrivals:
            after = np.clip(t - at, 0, None)
            x += 40 * (t >= at) * np.sin(2 * np.pi * 8 * after) * np.exp(-after / 0.8)
        header = {"network": "XX", "station": station, "channel": f"HH{c}", "starttime": start,
                  "sampling_rate": rate}  # fmt: skip
        traces.append(obspy.Trace(1000 * x.astype(np.float32) + 5e4, header))
    return obspy.Stream(traces)


WANTS = PickerInput(samples=1001, phases="NP")


def onset(windows, short=50, long=400):
    """A classical detector as a net: mean energy of 0.5 s ahead over 4 s behind, to 0...1.

    It is the same at all times of a window but near its ends.
    """
    energy = windows.square().mean(dim=1, keepdim=True)
    ahead = functional.avg_pool1d(functional.pad(energy, (0, short - 1)), short, 1)
    behind = functional.avg_pool1d(functional.pad(energy, (long, -1)), long, 1)
    inside = torch.arange(windows.shape[-1]) >= long
    p = (inside * ahead / (ahead + 8 * behind + 1e-9)).clamp(0, 1)
    return torch.cat([1 - p, p], dim=1)


def seconds_of(picks, start=START):
    """Pick times after the start of the record."""
    return (picks["time"].to_numpy().astype("int64") - start.ns) / 1e9
