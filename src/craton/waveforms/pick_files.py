"""Windows of seismograms with analyst picks: npz files as of PhaseNet, or waveforms and a table.

All become one dataset with ``waveform`` (window, component, time) in the order Z, N, E,
``arrival`` (window, phase) in seconds from the window's start, NaN where there is no pick,
``start`` (window), NaT where the file does not tell, and ``name``, ``network``, ``station``,
``location``, ``instrument`` (the channel without its component) and ``event`` (window).
"""

from __future__ import annotations

import io
import re
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from craton.errors import DataError
from craton.io.picks import read_picks
from craton.io.problems import Problem
from craton.io.waveforms import read_waveforms
from craton.waveforms.pick_cuts import cut_around, cut_continuous
from craton.waveforms.pick_tables import seisbench_windows
from craton.waveforms.processing import Processing
from craton.waveforms.quality import waveform_findings

COMPONENTS, PHASES = ("Z", "N", "E"), ("P", "S")
ROLE = {"Z": 0, "N": 1, "E": 2, "1": 1, "2": 2, "3": 0}
"""Place of a component by the last letter of its channel."""

TEXTS = ("name", "network", "station", "location", "instrument", "event")
MAX_MEMBER = 64 << 20
"""Most bytes that one npz file may unpack to."""

_NAME = re.compile(r"([A-Za-z0-9]{1,4})_([A-Za-z0-9]{1,6})_(\d{12})\d*")

Row = dict[str, Any]


def read_pick_windows(
    path: str | Path,
    *,
    picks: str | Path | None = None,
    rate: float = 100.0,
    length: float = 60.0,
    processing: Processing = Processing(),  # noqa: B008
) -> xr.Dataset:
    """Read windows with picks.

    Parameters
    ----------
    path : str or Path
        npz file (``data`` of shape (time, component) in the order E, N, Z or as ``channels``
        says; ``itp`` and ``its``, samples of P and S, if known), folder or tar of such; SeisBench's
        or STEAD's HDF5 with its table; or waveforms as `craton.io.waveforms.read_waveforms` takes.
    picks : path, optional
        Table of picks for waveforms; the folder's only CSV or QuakeML file by default. Without
        one, waveforms are cut into windows one after the other that overlap by half.
    rate : float
        Samples a second; other waveforms are resampled.
    length : float
        Seconds of the windows that are cut where there are no picks.
    processing : Processing
        Steps that are applied to each window, or to waveforms before windows are cut.

    Returns
    -------
    xr.Dataset
        See the module; ``attrs["sampling_rate"]`` and, where something was odd, ``history`` and
        ``warnings``.

    Raises
    ------
    DataError
        If nothing can be read.
    """
    path = Path(path)
    if not path.exists():
        raise DataError("there is no such file or folder", where=str(path), fix="check the path")
    members = _npz_members(path)
    first = next(members, None)
    problems: list[Problem] = []
    if first is not None:
        rows = [row for name, raw in _chain(first, members)
                if (row := _npz_row(name, raw, rate, problems)) is not None]  # fmt: skip
    elif _is_hdf5(path):
        data = processing.windows(seisbench_windows(path, rate, problems), problems)
        return _told(data, problems)
    else:
        rows = _cut_rows(path, picks, rate, length, processing, problems)
    data = windows_of(rows, rate, problems, str(path))
    if first is None:
        return data.assign_attrs(steps=processing.text) if processing.steps else data
    return _told(processing.windows(data, problems), problems)


def _cut_rows(
    path: Path, picks: str | Path | None, rate: float, length: float, processing: Processing,
    problems: list[Problem],
) -> list[Row]:  # fmt: skip
    """Windows around the picks of a table, or one after the other, of waveforms that run on."""
    file = _picks_of(path, picks)
    table = None if file is None else read_picks(file)
    waves = read_waveforms(path)
    problems += [Problem("info" if f.level == "info" else "warning", "record", f.text, f.where)
                 for f in waveform_findings(waves) if f.where != str(file)]  # fmt: skip
    stream = processing.files(waves.stream, problems)
    if not len(stream) and len(waves.stream):
        told = "; ".join(str(p) for p in problems if p.kind == "step")
        raise DataError(f"no waveform is left after the steps ({told[:200]})", where=str(path),
                        fix="see that the steps can be done on these channels")  # fmt: skip
    if table is None:
        return cut_continuous(stream, rate, length, problems)
    return cut_around(stream, table, rate, problems)


def holds_windows(path: str | Path) -> bool:
    """Whether a path holds windows (npz or HDF5), and no waveforms that run on.

    Examples
    --------
    >>> holds_windows("day.mseed")
    False
    """
    path = Path(path)
    return path.exists() and (_is_hdf5(path) or next(_npz_members(path), None) is not None)


def windows_of(rows: list[Row], rate: float, problems: list[Problem], where: str) -> xr.Dataset:
    """Lay windows side by side, the short ones filled with zeros at the end.

    Parameters
    ----------
    rows : list of dict
        ``waves`` (component, time), ``arrival`` (phase,) in s, ``start``, and the `TEXTS`.

    Raises
    ------
    DataError
        If there is none.
    """
    if not rows:
        told = "; ".join(str(p) for p in problems[:3])
        raise DataError(f"holds no usable window{f' ({told})' if told else ''}", where=where,
                        fix="give npz files, or waveforms and a table of picks")  # fmt: skip
    longest = max(r["waves"].shape[1] for r in rows)
    waves = np.zeros((len(rows), 3, longest), np.float32)
    for i, row in enumerate(rows):
        waves[i, :, : row["waves"].shape[1]] = row["waves"]
    texts = {k: ("window", np.array([str(r.get(k, "")) for r in rows], object)) for k in TEXTS}
    start = np.array([r.get("start", np.datetime64("NaT")) for r in rows], "datetime64[ns]")
    found = xr.Dataset(
        {
            "waveform": (("window", "component", "time"), waves, {"units": "count"}),
            "arrival": (("window", "phase"), np.array([r["arrival"] for r in rows], float),
                        {"units": "s", "missing_means": "no such pick"}),
            "start": ("window", start),
            **texts,
        },
        coords={"component": list(COMPONENTS), "phase": list(PHASES)},
        attrs={"sampling_rate": float(rate)},
    )  # fmt: skip
    return _told(found, problems)


def _told(data: xr.Dataset, problems: list[Problem]) -> xr.Dataset:
    for key, level in (("history", "info"), ("warnings", "warning")):
        if lines := dict.fromkeys(str(p) for p in problems if p.level == level):
            data.attrs[key] = "\n".join(list(lines)[:200])
    return data


def _chain(first: tuple[str, bytes], rest: Iterator[tuple[str, bytes]]) -> Any:
    yield first
    yield from rest


def _npz_members(path: Path) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of the npz files in a file, folder, or tar archive."""
    if path.is_dir():
        files = sorted(p for p in path.iterdir() if p.suffix in (".npz", ".tar"))
    else:
        files = [path]
    for file in files:
        if file.suffix == ".npz":
            if file.stat().st_size > MAX_MEMBER:
                raise DataError(f"is larger than {MAX_MEMBER} bytes", where=str(file))
            yield file.name, file.read_bytes()
        elif tarfile.is_tarfile(file):
            try:
                with tarfile.open(file, "r:*") as archive:
                    for member in archive:
                        if not member.isfile() or not member.name.endswith(".npz"):
                            continue
                        if member.size > MAX_MEMBER:
                            raise DataError(f"is larger than {MAX_MEMBER} bytes", where=member.name)
                        stream = archive.extractfile(member)
                        if stream is not None:
                            yield Path(member.name).name, stream.read(member.size)
            except (tarfile.TarError, EOFError, OSError) as error:
                raise DataError(f"is a damaged archive ({error})", where=str(file),
                                fix="fetch it again") from None  # fmt: skip


def npz_arrays(raw: bytes, where: str, *, most: int = MAX_MEMBER) -> dict[str, NDArray[Any]]:
    """Arrays of an npz file, whose sizes are checked before memory is taken for them.

    Raises
    ------
    DataError
        If it is damaged, holds Python objects, or would unpack to more than `most` bytes.

    Examples
    --------
    >>> stream = io.BytesIO()
    >>> np.savez(stream, data=np.arange(3))
    >>> npz_arrays(stream.getvalue(), "a.npz")["data"].tolist()
    [0, 1, 2]
    """
    found = {}
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            if sum(i.file_size for i in archive.infolist()) > most:
                raise DataError(f"would unpack to more than {most} bytes", where=where)
            for info in archive.infolist():
                with archive.open(info) as stream:
                    content = stream.read(most + 1)
                if len(content) > most:
                    raise DataError(f"would unpack to more than {most} bytes", where=where)
                found[info.filename.removesuffix(".npy")] = _npy(content, where)
    except (zipfile.BadZipFile, EOFError, OSError, ValueError, NotImplementedError) as error:
        raise DataError(f"is no sound npz file ({error})", where=where,
                        fix="write it with numpy.savez") from None  # fmt: skip
    return found


def _npy(content: bytes, where: str) -> NDArray[Any]:
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0
    if version != (1, 0):
        read = np.lib.format.read_array_header_2_0
    shape, _, dtype = read(stream)
    size = dtype.itemsize * int(np.prod([int(s) for s in shape], dtype=object))
    if dtype.hasobject or size > len(content):
        raise DataError(f"an array of {dtype} {shape} does not fit its file", where=where)
    stream.seek(0)
    return np.asarray(np.lib.format.read_array(stream, allow_pickle=False))


def _npz_row(name: str, raw: bytes, rate: float, problems: list[Problem]) -> Row | None:
    arrays = npz_arrays(raw, name)
    data = arrays.get("data")
    if (
        data is None
        or data.ndim != 2
        or data.shape[1] not in (1, 3)
        or data.dtype.kind not in "fiu"
    ):
        shape = "missing" if data is None else f"{data.dtype} {data.shape}"
        text = f"'data' is {shape}, numbers of shape (time, 3) were expected; left out"
        problems.append(Problem("warning", "shape", text, name))
        return None
    if len(data) < 100:
        problems.append(Problem("warning", "short", f"has {len(data)} samples; left out", name))
        return None
    channels = str(arrays["channels"]) if "channels" in arrays else ""
    waves = _ordered(data.T.astype(np.float32), channels)
    bad = ~np.isfinite(waves)
    if bad.any():
        text = f"{int(bad.sum())} samples are not finite; set to zero"
        problems.append(Problem("warning", "not finite", text, name))
        waves[bad] = 0.0
    arrival = np.full(2, np.nan)
    for i, key in enumerate(("itp", "its")):
        value = np.ravel(arrays[key])[:1].astype(float) if key in arrays else np.zeros(0)
        if len(value) and 0 <= value[0] < len(data):
            arrival[i] = value[0]
        elif len(value) and np.isfinite(value[0]):
            text = f"the {PHASES[i]} pick is at sample {value[0]:g}, outside; taken as not given"
            problems.append(Problem("warning", "pick", text, name))
    told = _NAME.match(name)
    return {
        "waves": waves,
        "arrival": arrival / rate,
        "name": name.removesuffix(".npz"),
        "network": told[1] if told else "",
        "station": told[2] if told else "",
        "instrument": channels.split("_")[0][:2],
        "event": told[3] if told else name,
    }


def _ordered(waves: NDArray[np.float32], channels: str) -> NDArray[np.float32]:
    """Z, N, E from what `channels` names, or from E, N, Z."""
    found = np.zeros((3, waves.shape[1]), np.float32)
    letters = [c[-1:] for c in channels.split("_")]
    if len(letters) != len(waves) or not set(letters) <= set(ROLE):
        letters = ["E", "N", "Z"] if len(waves) == 3 else ["Z"]
    for wave, letter in zip(waves, letters, strict=True):
        found[ROLE[letter]] = wave
    return found


def _is_hdf5(path: Path) -> bool:
    files = path.iterdir() if path.is_dir() else [path]
    return any(f.suffix.lower() in (".hdf5", ".h5") for f in files)


def _picks_of(path: Path, picks: str | Path | None) -> Path | None:
    if picks is not None:
        return Path(picks)
    if not path.is_dir():
        return None
    tables = [p for p in sorted(path.iterdir()) if p.suffix.lower() in (".csv", ".xml", ".qml")]
    tables = [p for p in tables if "station" not in p.name.lower()]
    if len(tables) > 1:
        raise DataError(
            f"{len(tables)} tables may hold the picks ({', '.join(p.name for p in tables[:4])})",
            where=str(path), fix="name the right one with --set picks=FILE",
        )  # fmt: skip
    return tables[0] if tables else None
