"""HDF5 files of waveforms, treated as hostile: no links out of the file, sizes checked."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from craton.errors import DataError


@contextlib.contextmanager
def _sound(where: str) -> Iterator[None]:
    """Say plainly what the library says of a damaged file in many ways."""
    try:
        yield
    except DataError:
        raise
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, MemoryError) as error:
        raise DataError(
            f"is no HDF5 that can be read ({error})", where=where, fix="fetch the file again"
        ) from error


class WaveformFile:
    """One HDF5 file of waveforms: what it says of itself, and bytes of its arrays."""

    def __init__(self, path: Path) -> None:
        self.path, self.process = path, os.getpid()
        with _sound(str(path)):
            self.file = h5py.File(path, "r", rdcc_nbytes=1 << 20)
            self.size = path.stat().st_size
            self.handle = os.open(path, os.O_RDONLY)
            self.component_order = self._fact("component_order")
            self.sampling_rate = self._fact("sampling_rate")
            self.flipped = str(self._fact("dimension_order")).endswith("C")
            self._sets: dict[str, tuple[Any, int | None]] = {}
            link = self.file.get("data", getlink=True)
            group = isinstance(link, h5py.HardLink) and isinstance(self.file["data"], h5py.Group)
        if not group:
            raise DataError(
                "has no group 'data'",
                where=str(path),
                fix="give waveforms in the form of SeisBench or STEAD",
            )

    def __del__(self) -> None:
        if hasattr(self, "handle"):
            os.close(self.handle)

    def _fact(self, name: str) -> Any:
        """What the file says in its group ``data_format``, or None."""
        link = self.file.get(f"data_format/{name}", getlink=True)
        if not isinstance(link, h5py.HardLink):
            return None
        value = self.file[f"data_format/{name}"]
        if not isinstance(value, h5py.Dataset) or value.shape != () or value.dtype.kind == "V":
            return None
        plain = value[()]
        return plain.decode("utf-8", "replace") if isinstance(plain, bytes) else plain

    def dataset(self, name: str) -> tuple[Any, int | None]:
        """An array, and where its bytes lie if they lie in one piece as they are."""
        known = self._sets.get(name)
        if known is not None:
            return known
        with _sound(f"{self.path}, data/{name}"):
            return self._looked_up(name)

    def _looked_up(self, name: str) -> tuple[Any, int | None]:
        link = self.file.get(f"data/{name}", getlink=True) if name else None
        found = self.file[f"data/{name}"] if isinstance(link, h5py.HardLink) else None
        if not isinstance(found, h5py.Dataset):
            raise DataError(
                f"has no waveforms 'data/{name}'",
                where=str(self.path),
                fix="take the trace out of the CSV, or fetch the file again",
            )
        if found.dtype.kind not in "fiu" or found.is_virtual or found.external:
            raise DataError("holds no plain numbers, or refers to other files",
                            where=f"{self.path}, data/{name}")  # fmt: skip
        offset = found.id.get_offset()
        if offset is not None and offset + found.size * found.dtype.itemsize > self.size:
            raise DataError(
                "is cut off: the array reaches beyond the end of the file",
                where=f"{self.path}, data/{name}",
                fix="fetch the file again",
            )
        if found.ndim == 3 or len(self._sets) < 10_000:  # buckets are few, single traces many
            self._sets[name] = (found, offset)
        return found, offset

    def length(self, name: str, bucket: str) -> int:
        """Samples in a trace, whatever its name says of it."""
        found, _ = self.dataset(bucket or name)
        shape = found.shape[-2:]
        if len(shape) < 2:
            return int(shape[0]) if shape else 0
        return int(shape[0] if (self.flipped or shape[1] <= 4 < shape[0]) else shape[1])

    def of_bucket(self, bucket: str, row: int, components: int, samples: int) -> NDArray[Any]:
        """Trace `row` of a bucket (row, component, sample), as far as it goes."""
        found, offset = self.dataset(bucket)
        if found.ndim != 3 or row >= found.shape[0]:
            raise DataError(f"has no trace {row}: its shape is {found.shape}",
                            where=f"{self.path}, data/{bucket}", fix="mend the CSV")  # fmt: skip
        _, a, b = found.shape
        if self.flipped:
            a, b = b, a
        count, last = min(components, a) if components >= 0 else a, min(samples, b)
        with _sound(f"{self.path}, data/{bucket}"):
            if offset is None:
                if self.flipped:
                    return np.asarray(found[row, :last, :count]).T
                return np.asarray(found[row, :count, :last])
            size = found.dtype.itemsize
            raw = os.pread(self.handle, a * b * size, offset + row * a * b * size)
            plain = np.frombuffer(raw, found.dtype).reshape(found.shape[1:])
            return (plain.T if self.flipped else plain)[:count, :last]

    def of_trace(self, name: str, samples: int) -> NDArray[Any]:
        """An array of its own, (component, sample) or, as in STEAD, (sample, component)."""
        found, _ = self.dataset(name)
        if found.ndim not in (1, 2):
            raise DataError(f"has the shape {found.shape}, that of one trace was expected",
                            where=f"{self.path}, data/{name}")  # fmt: skip
        with _sound(f"{self.path}, data/{name}"):
            if found.ndim == 1:
                return np.asarray(found[:samples])[None]
            long, wide = found.shape
            if self.flipped or wide <= 4 < long:
                return np.asarray(found[:samples, :16]).T
            return np.asarray(found[:16, :samples])
