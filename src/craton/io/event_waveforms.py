"""Waveforms of seismic events, cut around each: miniSEED files and a CSV of labels in, records out.

All are brought to one sampling rate, one band and one length, and lose their amplitude, so that
nothing of the instrument is left that a model could take for the source.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from craton.errors import DataError
from craton.io.event_features import records_of
from craton.io.resampling import resampled
from craton.io.segments import join
from craton.io.tables import read_table
from craton.io.waveforms import read_each

Array = NDArray[Any]


@dataclass(frozen=True)
class Cut:
    """What all waveforms are brought to.

    Attributes
    ----------
    rate : float
        Samples a second.
    seconds : float, optional
        Length; that of the middle one if not given. Shorter ones end in zeros, longer ones are cut.
    band : tuple of float
        Frequencies kept, in Hz.
    components : tuple of str
        Last letters of the channels, in the order of the channels of a record.
    """

    rate: float = 40.0
    seconds: float | None = None
    band: tuple[float, float] = (1.0, 15.0)
    components: tuple[str, ...] = ("Z",)


def read_event_waveforms(
    path: str | Path,
    cut: Cut,
    *,
    table: str | None = None,
    columns: Mapping[str, Sequence[str]] | None = None,
    process: Callable[[Any], Any] | None = None,
) -> xr.Dataset:
    """Read a folder of miniSEED files (or of archives of them), and the CSV that names their event.

    Parameters
    ----------
    path : str or Path
        Folder, or one miniSEED file. The CSV has a column ``file``, and ``event`` and ``label``
        where known; without a CSV each file is an event of its own.
    cut : Cut
        What all are brought to.
    table : str, optional
        Name of the CSV; by default the only one with a column ``file``.
    columns : mapping
        Role to column; see `craton.io.event_features`.
    process : callable, optional
        From the stream of a file, segments without gaps, to the stream that is used.

    Returns
    -------
    xr.Dataset
        Records with ``waveform`` (record, channel, step) in units of its greatest value; see
        `craton.io.event_features`.

    Raises
    ------
    DataError
        If there is no waveform, a file that the CSV names is missing, or one cannot be read.
    """
    path = Path(path)
    listed = _table(path, table)
    rows: list[dict[str, Any]] = []
    traces: list[dict[str, tuple[Array, float]]] = []
    notes: list[str] = []
    seen = set()
    for name, stream in _files(path, notes):
        if listed is not None and name not in listed.index:
            continue
        seen.add(name)
        stream = stream if process is None else process(stream)
        about = {"event": Path(name).stem} if listed is None else dict(listed.loc[name])
        for station, channels, start in _stations(stream, name, notes):
            own = {"station": station, "time": start, "file": name}
            rows.append({**own, **{k: v for k, v in about.items() if k not in own}})
            traces.append(channels)
    if not rows and seen:
        raise DataError("no waveform is left after the steps", where=str(path),
                        fix="see that the steps can be done on these channels")  # fmt: skip
    if not rows:
        raise DataError("there is no waveform", where=str(path), fix="give miniSEED files")
    if listed is not None and len(missing := set(listed.index) - seen):
        raise DataError(
            f"{len(missing)} files that the table names are missing, '{sorted(missing)[0]}' is one",
            where=str(path),
        )
    return waveform_records(pd.DataFrame(rows), traces, cut, columns or {}, str(path), notes)


def waveform_records(
    frame: pd.DataFrame,
    traces: Sequence[Mapping[str, tuple[Array, float]]],
    cut: Cut,
    columns: Mapping[str, Sequence[str]],
    where: str,
    notes: Sequence[str] = (),
) -> xr.Dataset:
    """Records of a table of one row a record and its traces: component to (values, rate)."""
    names = {c: role for role, cs in columns.items() for c in cs if c in frame}
    frame = frame.rename(columns=names)
    length = cut.seconds
    if length is None:
        length = float(np.floor(np.median([len(v) / r for t in traces for v, r in t.values()])))
    steps = round(length * cut.rate)
    waves = np.zeros((len(traces), len(cut.components), steps), np.float32)
    by_rate: dict[float, list[tuple[int, int, Array]]] = {}
    for i, trace in enumerate(traces):
        for k, component in enumerate(cut.components):
            if component in trace:
                values, rate = trace[component]
                by_rate.setdefault(rate, []).append((i, k, values))
    for rate, found in by_rate.items():
        for i, k, values in found:
            brought = to_band(values, rate, cut)[:steps]
            waves[i, k, : len(brought)] = brought
    peak = np.abs(waves).max(axis=(1, 2), initial=0.0)
    waves /= np.where(peak > 0, peak, 1.0)[:, None, None]
    keep = np.flatnonzero(peak > 0)
    said = list(notes)
    if len(keep) < len(peak):
        said.append(f"{len(peak) - len(keep)} records are zero throughout and left out")
    if not len(keep):
        raise DataError(
            f"no record has a component among {list(cut.components)}",
            where=where,
            fix="name the last letters of the channels with --set components=[Z]",
        )
    roles = [c for c in ("event", "station", "label", "time") if c in frame]
    found_records = records_of(frame[roles].iloc[keep].assign(_row=keep.astype(float)), where)
    order = found_records["_row"].to_numpy().astype(int)
    history = [found_records.attrs["history"], *said]
    return (
        found_records.drop_vars("_row")
        .assign(waveform=(("record", "channel", "step"), waves[order]))
        .assign_attrs(rate=cut.rate, history="\n".join(h for h in history if h))
    )


def to_band(values: Array, rate: float, cut: Cut) -> NDArray[np.float32]:
    """One trace at the common rate and in the common band.

    Examples
    --------
    >>> t = np.arange(1400) / 100
    >>> found = to_band(100 + np.sin(2 * np.pi * 5 * t), 100.0, Cut(rate=40.0))
    >>> len(found), round(float(np.abs(found[200:360]).max()), 1)
    (560, 1.0)
    """
    from scipy import signal

    x = signal.detrend(np.asarray(values, float))
    taper = signal.windows.tukey(len(x), min(1.0, 4.0 * rate / max(len(x), 1)))
    x = x * taper
    x = resampled(x, rate, cut.rate, drift=None)
    high = min(cut.band[1], 0.45 * min(rate, cut.rate))
    sos = signal.butter(4, (cut.band[0], high), "bandpass", fs=cut.rate, output="sos")
    if len(x) <= 3 * (2 * len(sos) + 1):
        return np.zeros(len(x), np.float32)
    return np.asarray(signal.sosfiltfilt(sos, x), np.float32)


def guess_kind(path: str | Path) -> str:
    """Whether a path holds "waveforms" or "features": by the endings of its files."""
    path = Path(path)
    files = [p for p in path.rglob("*") if p.is_file()] if path.is_dir() else [path]
    tables = [p for p in files if ".csv" in p.suffixes]
    return "features" if files and (len(tables) == len(files)) else "waveforms"


def _table(path: Path, name: str | None) -> pd.DataFrame | None:
    """The CSV beside the waveforms, by file."""
    if not path.is_dir():
        return None
    files = [path / name] if name else sorted(path.glob("*.csv"))
    for file in files:
        found = read_table(file)
        if "file" in found:
            frame = pd.DataFrame({str(n): v.to_numpy() for n, v in found.data_vars.items()})
            twice = frame["file"][frame["file"].duplicated()]
            if len(twice):
                raise DataError(f"names '{twice.iloc[0]}' twice", where=str(file))
            frame = frame.set_index("file", drop=False)
            return frame.rename(columns=str.lower)
        if name:
            raise DataError("has no column 'file'", where=str(file), fix="name each row's file")
    return None


def _files(path: Path, notes: list[str]) -> Iterator[tuple[str, Any]]:
    """Name, relative to the folder or archive, and stream of each file that holds waveforms."""
    for found in read_each(path):
        notes += [str(p) for p in found.problems if not p.where.endswith(".csv")]
        if len(found.stream):
            whole = str(found.stream[0].stats.source)
            inside = re.split(r"\.(?:tar|tgz|tar\.\w+)/", whole)[-1]
            yield inside.removeprefix(f"{path}/").removeprefix("./"), found.stream


def _stations(
    stream: Any, name: str, notes: list[str]
) -> Iterator[tuple[str, dict[str, tuple[Array, float]], pd.Timestamp]]:
    """Station and instrument, component to (values, rate), and start, of what one file holds."""
    groups: dict[str, list[Any]] = {}
    for trace in stream:
        groups.setdefault(trace.id[:-1], []).append(trace)
    for station, parts in groups.items():
        pieces = type(stream)(traces=join(parts)[0])
        channels = {trace.id for trace in pieces}
        if len(pieces) > len(channels):
            pieces.merge(method=1, fill_value="interpolate")
            notes.append(f"{name}: gaps were closed by straight lines")
        found = {
            t.stats.channel[-1:]: (np.asarray(t.data, float), float(t.stats.sampling_rate))
            for t in pieces
        }
        start = pd.Timestamp(min(t.stats.starttime for t in pieces).ns, unit="ns")
        yield station.rstrip("."), found, start
