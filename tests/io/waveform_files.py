"""Small waveform files with known content."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import obspy

START = obspy.UTCDateTime(2020, 1, 31, 23, 59, 50)


def walk(n: int, seed: int = 0) -> np.ndarray:
    """A random walk of whole numbers."""
    steps = np.random.default_rng(seed).integers(-50, 51, n)
    return np.cumsum(steps).astype(np.int32)


def trace(data: Any, name: str = "XX.AAA..HHZ", rate: float = 100.0, at: float = 0.0) -> Any:
    """A trace that starts `at` seconds after `START`."""
    net, sta, loc, cha = name.split(".")
    header = {"network": net, "station": sta, "location": loc, "channel": cha}
    header |= {"sampling_rate": rate, "starttime": START + at}
    return obspy.Trace(np.asarray(data), header)


def encoded(*traces: Any, **how: Any) -> bytes:
    """Traces as miniSEED, 512-byte Steim-2 records unless said otherwise."""
    target = io.BytesIO()
    how = {"encoding": "STEIM2", "reclen": 512, **how}
    obspy.Stream(list(traces)).write(target, format="MSEED", **how)
    return target.getvalue()


def put(folder: Path, raw: bytes, name: str = "a.mseed") -> Path:
    """Write bytes as a file."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)
    return path
