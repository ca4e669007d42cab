"""Windows with picks out of SeisBench's and STEAD's HDF5 files and their tables."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from craton.io.problems import Problem
from craton.io.seisbench import WaveformDataset
from craton.waveforms.stored import FileWindows, on_disk

IN_MEMORY = 1 << 30
"""Bytes of waveforms up to which all are read at once."""

_ARRIVAL = re.compile(r"(?:trace_)?([PpSs])[a-zA-Z]{0,2}_arrival_sample$")
_COLUMNS = {
    "network": ("station_network_code", "network_code", "trace_network_code"),
    "station": ("station_code", "receiver_code", "trace_station_code"),
    "location": ("station_location_code", "trace_location_code"),
    "instrument": ("trace_channel", "receiver_type", "station_type"),
    "event": ("source_id", "source_origin_time", "source_time"),
    "start": ("trace_start_time",),
    "name": ("trace_name_original", "trace_name"),
}


def seisbench_windows(
    path: Path, rate: float, problems: list[Problem], most: int = IN_MEMORY
) -> xr.Dataset:
    """Windows as `craton.waveforms.pick_files.read_pick_windows` gives them.

    Where all waveforms together take more than `most` bytes they stay on disk, and only what is
    taken of ``waveform`` is read.

    Parameters
    ----------
    path : Path
        As `craton.io.seisbench.WaveformDataset` takes it.
    rate : float
        Samples a second that is wanted.
    problems : list of Problem
        What was odd is added.
    most : int
        Bytes that may be taken.

    Raises
    ------
    DataError
        As `WaveformDataset`.
    """
    data = WaveformDataset(path, sampling_rate=rate)
    problems += data.problems
    table = data.metadata
    texts = {k: _text(table, names) for k, names in _COLUMNS.items()}
    start = pd.to_datetime(texts.pop("start"), errors="coerce", utc=True, format="mixed")
    texts["instrument"] = np.array([v[:2] for v in texts["instrument"]], object)
    texts["event"] = np.where(texts["event"] == "", texts["name"], texts["event"])
    files = [p.stat() for p in data.paths]
    told = "; ".join(f"{p}, {s.st_size} bytes, {s.st_mtime_ns}"
                     for p, s in zip(data.paths, files, strict=True))  # fmt: skip
    source = FileWindows(data)
    waves = on_disk(source, told)
    stays = len(data) * 12 * data.samples > most
    if not stays:
        waves = waves.load()
        del waves.attrs["on_disk"]
    else:
        source.read(np.linspace(0, len(data) - 1, min(len(data), 200)).astype(np.int64))
    if source.bad:
        text = f"{source.bad} samples{' of 200 traces' if stays else ''} are not finite; "
        problems.append(Problem("warning", "not finite", text + "set to zero", str(path)))
    return xr.Dataset(
        {
            "waveform": waves,
            "arrival": (("window", "phase"), _arrivals(table, rate),
                        {"units": "s", "missing_means": "no such pick"}),
            "start": ("window", start.tz_localize(None).to_numpy().astype("datetime64[ns]")),
            **{k: ("window", v) for k, v in texts.items()},
        },
        coords={"component": list("ZNE"), "phase": ["P", "S"]},
        attrs={"sampling_rate": float(rate)},
    )  # fmt: skip


def _arrivals(table: pd.DataFrame, rate: float) -> NDArray[np.float64]:
    """Seconds of the first P and the first S of each trace, NaN where there is none."""
    columns: dict[str, list[str]] = {"P": [], "S": []}
    for name in map(str, table.columns):
        if found := _ARRIVAL.fullmatch(name):
            columns[found[1].upper()].append(name)
    own = next((c for c in ("trace_sampling_rate_hz", "sampling_rate") if c in table), None)
    theirs = np.full(len(table), rate)
    if own is not None:
        theirs = pd.to_numeric(table[own], errors="coerce").fillna(rate).to_numpy(float)
    found_all = []
    for phase in ("P", "S"):
        picks = [pd.to_numeric(table[c], errors="coerce") for c in columns[phase]]
        first = pd.concat(picks, axis=1).min(axis=1) if picks else pd.Series(np.nan, table.index)
        found_all.append(first.to_numpy(float) / theirs)
    return np.stack(found_all, axis=1)


def _text(table: pd.DataFrame, names: tuple[str, ...]) -> NDArray[Any]:
    column = next((n for n in names if n in table), None)
    if column is None:
        return np.full(len(table), "", dtype=object)
    return table[column].fillna("").astype(str).to_numpy(object)
