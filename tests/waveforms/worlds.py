"""Traces and station data with known content."""

from __future__ import annotations

from typing import Any

import numpy as np
from obspy.core.inventory import (
    Channel,
    InstrumentSensitivity,
    Inventory,
    Network,
    PolesZerosResponseStage,
    Response,
    Station,
)

from tests.io.waveform_files import trace

__all__ = ["inventory", "noise", "quake", "sine", "trace"]


def noise(n: int, seed: int = 0, size: float = 1000.0) -> np.ndarray:
    """White noise rounded to counts."""
    return np.rint(np.random.default_rng(seed).normal(0, size, n))


def quake(n: int = 6000) -> np.ndarray:
    """Noise, then a sudden arrival a thousand times as large that rings away."""
    after = np.maximum(np.arange(n) - n // 2, 0) / 100
    wave = 1e6 * np.sin(2 * np.pi * 8 * after) * np.exp(-after / 3) * (after > 0)
    return noise(n) + np.rint(wave)


def sine(n: int, hertz: float, rate: float = 100.0) -> np.ndarray:
    """A sine of amplitude one."""
    return np.sin(2 * np.pi * hertz * np.arange(n) / rate)


def inventory(angles: dict[str, tuple[float, float]], sensitivity: float = 400.0) -> Inventory:
    """Station XX.AAA with channels of these azimuths and dips, flat in velocity."""
    channels: list[Any] = []
    for code, (azimuth, dip) in angles.items():
        stage = PolesZerosResponseStage(
            1, sensitivity, 1.0, "M/S", "COUNTS", "LAPLACE (RADIANS/SECOND)", 1.0, [], []
        )
        known = InstrumentSensitivity(sensitivity, 1.0, "M/S", "COUNTS")
        response = Response(instrument_sensitivity=known, response_stages=[stage])
        channels.append(Channel(code, "", 47.0, 11.0, 0.0, 0.0, azimuth=azimuth, dip=dip,
                                sample_rate=100.0, response=response))  # fmt: skip
    station = Station("AAA", 47.0, 11.0, 0.0, channels=channels)
    return Inventory([Network("XX", [station])], source="test")
