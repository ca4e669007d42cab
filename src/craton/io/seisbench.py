"""Waveforms for training in STEAD's and SeisBench's form: HDF5 and a CSV, read piece by piece."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from craton.errors import DataError
from craton.io._hdf5 import WaveformFile
from craton.io.prefetch import prefetch
from craton.io.problems import Problem
from craton.io.resampling import resampled

T = TypeVar("T")
MAX_BATCH = 4 << 30
"""Most bytes that one batch may take."""
_BUCKET = r"^(?P<bucket>[^$]+)\$(?P<row>\d+)(?:,:(?P<components>\d*),:(?P<samples>\d*))?$"
_RATES = ("trace_sampling_rate_hz", "sampling_rate")


class WaveformDataset:
    """Labelled waveforms of any size on disk; only what is asked for is read.

    Parameters
    ----------
    path : str or Path
        A folder with ``metadata.csv`` and ``waveforms.hdf5`` (SeisBench; also in chunks,
        ``metadata_X.csv`` and ``waveforms_X.hdf5``), or an HDF5 file with a CSV of the same name
        or ``metadata.csv`` beside it (STEAD's chunks). Waveforms lie in buckets
        (``bucket0$12,:3,:1200`` in the column ``trace_name``) or one a dataset of that name.
    components : str
        Components wanted, in this order; those that a trace lacks are zero.
    sampling_rate : float, optional
        Rate wanted, Hz; traces of another rate are resampled. That of the first trace if None.
    samples : int, optional
        Length wanted; longer traces are cut, shorter ones end in zeros. The longest if None.

    Attributes
    ----------
    metadata : pandas.DataFrame
        One row a trace, as in the CSV.
    problems : list of Problem
        What was taken for granted or is not in the file.
    paths : list of Path
        The HDF5 files.

    Raises
    ------
    DataError
        If a file is missing, no HDF5 or no table, refers to other files, or names no waveforms.

    Examples
    --------
    >>> import tempfile, h5py
    >>> folder = Path(tempfile.mkdtemp())
    >>> with h5py.File(folder / "waveforms.hdf5", "w") as file:
    ...     file["data/bucket0"] = np.ones((2, 3, 8))
    >>> names = {"trace_name": ["bucket0$0,:3,:8", "bucket0$1,:3,:6"]}
    >>> pd.DataFrame(names).to_csv(folder / "metadata.csv", index=False)
    >>> data = WaveformDataset(folder)
    >>> len(data), data.batch([1, 0]).shape, float(data.batch([1]).sum())
    (2, (2, 3, 8), 18.0)
    """

    def __init__(
        self,
        path: str | Path,
        components: str = "ZNE",
        sampling_rate: float | None = None,
        samples: int | None = None,
    ) -> None:
        self.path, self.components = Path(path), components
        self.problems: list[Problem] = []
        self._files: dict[int, WaveformFile] = {}
        self.paths: list[Path] = []
        tables = []
        for k, (waveforms, table) in enumerate(_pairs(self.path)):
            self.paths.append(waveforms)
            frame = _metadata(table)
            tables.append(frame.assign(_file=k))
        self.metadata = pd.concat(tables, ignore_index=True)
        self._file = self.metadata.pop("_file").to_numpy()
        files = [WaveformFile(p) for p in self.paths]
        self._files = dict(enumerate(files))
        said = [self._or_default(f, "sampling_rate", 100.0) for f in files]
        rates = pd.to_numeric(self._column(_RATES, said), errors="coerce").to_numpy(dtype=float)
        bad = ~(np.isfinite(rates) & (rates > 0) & (rates < 1e6))
        if bad.any():
            raise DataError(
                f"{int(bad.sum())} traces have a sampling rate that cannot be ({rates[bad][0]:g})",
                where=f"{self.path}, row {int(bad.argmax()) + 1}", fix="take them out of the CSV",
            )  # fmt: skip
        self._rates = rates
        # STEAD's own files do not say their order, which is east, north, vertical.
        usual = "ENZ" if "receiver_code" in self.metadata else "ZNE"
        orders = [self._or_default(f, "component_order", usual) for f in files]
        order = self._column(("trace_component_order",), orders).astype(str)
        self._order, self._orders = pd.factorize(order)
        self.sampling_rate = float(sampling_rate or rates[0])
        self._where, self._buckets = _places(self.metadata["trace_name"].astype(str))
        self._lengths = self._known_lengths()
        self.samples = int(samples or self._longest())

    def __len__(self) -> int:
        """Number of traces."""
        return len(self.metadata)

    def batch(self, rows: ArrayLike) -> NDArray[np.float32]:
        """Read traces.

        Parameters
        ----------
        rows : array of int
            Positions in `metadata`, in any order.

        Returns
        -------
        numpy.ndarray of float32, shape (row, component, sample)

        Raises
        ------
        DataError
            If a row is not there, a trace is not in the file, or the batch would be too large.
        """
        wanted = np.asarray(rows, dtype=np.int64).ravel()
        if wanted.size and not (wanted.min() >= 0 and wanted.max() < len(self)):
            raise DataError(f"rows {wanted.min()} to {wanted.max()} were asked for, there are "
                            f"{len(self)}", where=str(self.path))  # fmt: skip
        shape = (wanted.size, len(self.components), self.samples)
        if 4 * np.prod(shape, dtype=float) > MAX_BATCH:
            raise DataError(f"a batch of shape {shape} is too large", where=str(self.path),
                            fix="ask for fewer rows or samples")  # fmt: skip
        found = np.zeros(shape, np.float32)
        order = np.lexsort((self._where["row"][wanted], self._where["bucket"][wanted],
                            self._file[wanted]))  # fmt: skip
        for place in order.tolist():
            self._one(int(wanted[place]), found[place])
        return found

    def batches(
        self,
        rows: ArrayLike,
        size: int,
        *,
        workers: int = 2,
        ahead: int = 4,
        transform: Callable[[NDArray[np.int64], NDArray[np.float32]], T] | None = None,
    ) -> Iterator[tuple[NDArray[np.int64], Any]]:
        """Read batches in a given order, some ahead of the one in use.

        Parameters
        ----------
        rows : array of int
            All rows in the order wanted, as an epoch's shuffle gives it.
        size : int
            Rows a batch; the last may be shorter.
        workers : int
            Threads that read; with 0 the batches are read when they are asked for.
        ahead : int
            Most batches that lie ready, which bounds the memory.
        transform : callable, optional
            From rows and waveforms to what is wanted instead; runs in the worker.

        Yields
        ------
        rows : numpy.ndarray of int
        waveforms : numpy.ndarray of float32, or what `transform` gives
        """
        order = np.asarray(rows, dtype=np.int64).ravel()
        parts = (order[a : a + size] for a in range(0, len(order), max(1, size)))

        def read(part: NDArray[np.int64]) -> Any:
            found = self.batch(part)
            return found if transform is None else transform(part, found)

        yield from prefetch(read, parts, workers, ahead)

    def __getstate__(self) -> dict[str, Any]:
        """Without open files, which each process opens for itself."""
        return {**self.__dict__, "_files": {}}

    def _or_default(self, file: WaveformFile, name: str, usual: Any) -> Any:
        """What a file says of itself, or what is usual, which is told."""
        known = getattr(file, name)
        column = {"sampling_rate": _RATES, "component_order": ("trace_component_order",)}[name]
        if known is None and not any(c in self.metadata for c in column):
            text = f"does not say its {name.replace('_', ' ')}; {usual} was taken"
            self.problems.append(Problem("info", name, text, str(file.path)))
        return usual if known is None else known

    def _one(self, row: int, out: NDArray[np.float32]) -> None:
        file, where = self._open(int(self._file[row])), self._where
        most, known = self._needed(row), int(self._lengths[row])
        most = most if known < 0 else min(most, known)
        if where["row"][row] >= 0:
            bucket, components = self._bucket(row), int(where["components"][row])
            data = file.of_bucket(bucket, int(where["row"][row]), components, most)
        else:
            data = file.of_trace(self._name(row), most)
        if self._rates[row] != self.sampling_rate:
            data = resampled(data, self._rates[row], self.sampling_rate)
        n = min(data.shape[1], self.samples)
        there = str(self._orders[self._order[row]])
        for c, letter in enumerate(self.components):
            at = there.find(letter)
            if 0 <= at < len(data):
                out[c, :n] = data[at, :n]

    def _name(self, row: int) -> str:
        return str(self.metadata["trace_name"].iat[row])

    def _bucket(self, row: int) -> str:
        return self._buckets[int(self._where["bucket"][row])]

    def _needed(self, row: int) -> int:
        """Samples of a trace that can matter for the length wanted."""
        ratio = self._rates[row] / self.sampling_rate
        return self.samples if ratio == 1 else int(self.samples * ratio) + 64

    def _open(self, number: int) -> WaveformFile:
        """The file, opened anew in a process that was forked."""
        file = self._files.get(number)
        if file is None or file.process != os.getpid():
            file = self._files[number] = WaveformFile(self.paths[number])
        return file

    def _column(self, names: Sequence[str], defaults: list[Any]) -> pd.Series:
        """A column of the CSV, filled up by what each HDF5 file says of itself."""
        known = pd.Series(defaults, dtype=object).iloc[self._file].reset_index(drop=True)
        for name in names:
            if name in self.metadata:
                column = self.metadata[name]
                known = column.where(column.notna(), known)
                break
        return known

    def _known_lengths(self) -> NDArray[np.int64]:
        """Samples of each trace by its name; a trace of its own is looked up when it is read."""
        lengths = self._where["samples"].copy()
        if "trace_npts" in self.metadata:
            said = pd.to_numeric(self.metadata["trace_npts"], errors="coerce").fillna(-1)
            lengths = np.where(lengths < 0, said.clip(-1, 1 << 40).astype(np.int64), lengths)
        return lengths

    def _longest(self) -> int:
        """Longest trace at the rate wanted; the first stands for those that do not say."""
        ratio = self.sampling_rate / self._rates
        known = self._lengths >= 0
        longest = float((self._lengths * ratio)[known].max(initial=0))
        if not known.all():
            row = int((~known).argmax())
            file = self._open(int(self._file[row]))
            longest = max(longest, file.length(self._name(row), self._bucket(row)) * ratio[row])
            self._lengths = np.where(known, self._lengths, np.iinfo(np.int64).max)
        if not 1 <= longest < 1 << 31:
            raise DataError(f"the longest trace has {longest:.0f} samples", where=str(self.path),
                            fix="set samples")  # fmt: skip
        return round(longest)


def _pairs(path: Path) -> list[tuple[Path, Path]]:
    """HDF5 files and their tables."""
    if path.is_file():
        table = next((t for t in (path.with_suffix(".csv"), path.parent / "metadata.csv")
                      if t.is_file()), None)  # fmt: skip
        if table is None:
            raise DataError("there is no CSV beside the HDF5", where=str(path),
                            fix=f"put {path.stem}.csv or metadata.csv there")  # fmt: skip
        return [(path, table)]
    tables = sorted(path.glob("metadata*.csv")) if path.is_dir() else []
    pairs = [(t.with_name(t.stem.replace("metadata", "waveforms") + ".hdf5"), t) for t in tables]
    if not pairs and path.is_dir():
        pairs = [(t.with_suffix(".hdf5"), t) for t in sorted(path.glob("*.csv"))]
    pairs = [(w, t) for w, t in pairs if w.is_file()]
    if not pairs:
        raise DataError("there is no metadata.csv with a waveforms.hdf5", where=str(path),
                        fix="name a folder in the form of SeisBench, or an HDF5 file")  # fmt: skip
    return pairs


def _metadata(path: Path) -> pd.DataFrame:
    try:
        # NA is a network, not a missing value.
        table = pd.read_csv(path, low_memory=False, keep_default_na=False, index_col=False,
                            na_values=["", "nan", "NaN", "None"])  # fmt: skip
    except (OSError, ValueError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise DataError(f"is no CSV table ({error})", where=str(path)) from None
    if "trace_name" not in table or not len(table) or table["trace_name"].isna().any():
        raise DataError(
            f"has no column 'trace_name' that is filled (columns: {', '.join(table.columns[:8])})",
            where=str(path), fix="give the metadata of SeisBench or STEAD",
        )  # fmt: skip
    return table


def _places(names: pd.Series) -> tuple[dict[str, NDArray[np.int64]], list[str]]:
    """Bucket (its number), row, components, samples of each name; row -1: an array of its own."""
    parts = names.str.extract(_BUCKET)
    codes, buckets = pd.factorize(parts["bucket"].fillna(""))
    found = {"bucket": codes.astype(np.int64)}
    for key in ("row", "components", "samples"):
        number = pd.to_numeric(parts[key].replace("", np.nan), errors="coerce")
        found[key] = number.fillna(-1).clip(-1, 1 << 40).to_numpy(dtype=np.int64)
    return found, [str(b) for b in buckets]
