"""Simulated windows of local earthquakes, whose P and S arrivals are known."""

from __future__ import annotations

import numpy as np
import xarray as xr

from craton.models.physics.seismograms import simulate


def example_windows(n: int = 80, seconds: float = 20.0, rate: float = 100.0) -> xr.Dataset:
    """The task's example: simulated windows as `craton.waveforms.pick_files` reads them."""
    found = simulate(n, round(seconds * rate), rate, np.random.default_rng(11), noise_only=0.0)
    names = np.array([f"SY.ST{i % 7:02d}.{i:04d}" for i in range(n)])
    start = np.datetime64("2020-01-01T00:00:00", "ns") + np.arange(n) * np.timedelta64(1, "h")
    station = [f"ST{i % 7:02d}" for i in range(n)]
    return xr.Dataset(
        {
            "waveform": (("window", "component", "time"), found.waves, {"units": "count"}),
            "arrival": (("window", "phase"), found.arrival / rate, {"units": "s"}),
            "start": ("window", start),
            "name": ("window", names.astype(object)),
            "network": ("window", np.full(n, "SY", dtype=object)),
            "station": ("window", np.array(station, dtype=object)),
            "location": ("window", np.full(n, "", dtype=object)),
            "instrument": ("window", np.full(n, "HH", dtype=object)),
            "event": ("window", np.array([f"event {i:04d}" for i in range(n)], dtype=object)),
            "true_snr": ("window", found.snr, {"units": "dB"}),
        },
        coords={"component": ["Z", "N", "E"], "phase": ["P", "S"]},
        attrs={"sampling_rate": rate},
    )
