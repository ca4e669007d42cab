"""Benchmarks of seismic event types: files, labels, and how they are to be split.

References
----------
Kharita, Denolle and West 2024, doi:10.1093/gji/ggae106 (icequakes of southern Alaska); Kharita et
al. 2025, arXiv:2510.23795 (Pacific Northwest); Collins et al. 2022, doi:10.5066/P90VGCSK (exotic
seismic events).
"""

from __future__ import annotations

from typing import Any

from craton.data.registry import Located

ICEQUAKES: dict[str, Any] = {
    "kind": "features",
    "pattern": "physical_features_*.csv*",
    "station_in_name": r"physical_features_([A-Z0-9]+)_",
    "names": {"0": "earthquake", "1": "icequake"},
    "categories": ("earthquake", "icequake"),
    # a row of a catalogue, and the length of the window that was cut
    "ignore": ("serial_no", "Window_Length"),
    "rule": ("FCentroid", "KurtoEnv", "RappMaxMean"),
    # its score counts both types alike
    "decide": "balanced",
    # a whole year is set aside, so that all seasons are in it
    "calibrate_from": "2019-07-01",
    "test_from": "2020-07-01",
}

PACIFIC_NORTHWEST: dict[str, Any] = {
    "kind": "waveforms",
    "table": "traces.csv",
    "categories": ("earthquake", "explosion", "surface"),
    "rate": 40.0,
    "seconds": 140.0,
    "components": ("Z",),
    # its score is macro-F1
    "decide": "between",
}

BENCHMARKS = {"icequake-alaska": ICEQUAKES, "pnw-seismic-sources": PACIFIC_NORTHWEST}


def benchmark(found: Located) -> dict[str, Any]:
    """Settings of a registered dataset; empty for a user's own files.

    Examples
    --------
    >>> from pathlib import Path
    >>> benchmark(Located(Path("mine.csv")))
    {}
    """
    return dict(BENCHMARKS.get(found.dataset, {}))
