"""Windows with picks out of SeisBench's and STEAD's HDF5 files and their tables."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from craton.errors import DataError
from craton.io.problems import Problem
from craton.io.seisbench import WaveformDataset

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


def seisbench_rows(
    path: Path, rate: float, problems: list[Problem], most: int = 2 << 30
) -> list[dict[str, Any]]:
    """Rows of windows, as `craton.waveforms.pick_files.windows_of` takes them.

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
        If the table names no arrival, or all traces together take more than `most`.
    """
    data = WaveformDataset(path, sampling_rate=rate)
    problems += data.problems
    table = data.metadata
    if (size := len(data) * 3 * data.samples * 4) > most:
        raise DataError(
            f"{len(data)} traces of {data.samples} samples take {size / 2**30:.1f} GB of memory, "
            f"at most {most / 2**30:.0f} GB are read at once", where=str(path),
            fix="take some rows of the table into one of their own",
        )  # fmt: skip
    known = _arrivals(table, rate)
    texts = {k: _text(table, names) for k, names in _COLUMNS.items()}
    start = pd.to_datetime(texts["start"], errors="coerce", utc=True, format="mixed")
    begin = start.tz_localize(None).to_numpy().astype("datetime64[ns]")
    waves = data.batch(np.arange(len(data)))
    bad = ~np.isfinite(waves)
    if bad.any():
        text = f"{int(bad.sum())} samples are not finite; set to zero"
        problems.append(Problem("warning", "not finite", text, str(path)))
        waves[bad] = 0.0
    rows = []
    for i in range(len(data)):
        names = {k: str(texts[k][i]) for k in texts if k != "start"}
        names["instrument"] = names["instrument"][:2]
        names["event"] = names["event"] or names["name"]
        rows.append({"waves": waves[i], "arrival": known[i], "start": begin[i], **names})
    return rows


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
