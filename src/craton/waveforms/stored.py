"""Windows that stay on disk, or in the longer windows they are cut from, until they are read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from xarray.backends import BackendArray
from xarray.core import indexing

from craton.io.seisbench import WaveformDataset

Each = Callable[[int, NDArray[Any]], NDArray[Any]]
"""Number of a window and its waveforms (component, time) to other ones."""

DIMS = ("window", "component", "time")


class _Windows(BackendArray):
    """Windows (window, component, time) of float32; a family reads whole windows by number."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        self.shape, self.dtype = shape, np.dtype(np.float32)

    def read(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        raise NotImplementedError

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        how = indexing.IndexingSupport.OUTER_1VECTOR
        return indexing.explicit_indexing_adapter(key, self.shape, how, self._indexed)

    def _indexed(self, key: tuple[Any, ...]) -> Any:
        rows = np.arange(self.shape[0])[key[0]]
        found = self.read(np.atleast_1d(rows))
        return (found if np.ndim(rows) else found[0])[(slice(None),) * np.ndim(rows) + key[1:]]


class FileWindows(_Windows):
    """The traces of a file, what is not finite set to zero.

    Attributes
    ----------
    bad : int
        Samples that were not finite so far.
    """

    def __init__(self, data: WaveformDataset) -> None:
        super().__init__((len(data), len(data.components), data.samples))
        self.data, self.bad = data, 0

    def read(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        found = self.data.batch(rows)
        wrong = ~np.isfinite(found)
        if wrong.any():
            self.bad += int(wrong.sum())
            found[wrong] = 0.0
        return found


class _Cuts(_Windows):
    def __init__(
        self, source: xr.Variable, rows: NDArray[Any], first: NDArray[Any], length: int,
        quiet: NDArray[Any],
    ) -> None:  # fmt: skip
        super().__init__((len(rows), source.shape[1], length))
        self.source, self.rows, self.first, self.quiet = source, rows, first, quiet

    def read(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        whole = self.source.isel(window=self.rows[rows]).to_numpy()
        at = self.first[rows, None] + np.arange(self.shape[2])
        quiet = np.maximum(self.quiet[rows, None], 1)
        # there and back again over what is quiet
        there = at % (2 * quiet)
        folded = np.where(there < quiet, there, 2 * quiet - 1 - there)
        at = np.where(self.quiet[rows, None] > 0, folded, at)
        cut = np.take_along_axis(whole, at[:, None], 2)
        return np.ascontiguousarray(cut, np.float32)


class _Processed(_Windows):
    def __init__(self, source: xr.Variable, each: Each) -> None:
        windows, components, samples = source.shape
        super().__init__((windows, components, samples))
        self.source, self.each = source, each

    def read(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        whole = self.source.isel(window=rows).to_numpy()
        made = [self.each(int(row), waves) for row, waves in zip(rows, whole, strict=True)]
        return np.stack(made).astype(np.float32) if made else whole


def on_disk(windows: FileWindows, told: str) -> xr.Variable:
    """A variable that reads what is taken of it.

    Parameters
    ----------
    windows : FileWindows
    told : str
        Names the files in hashes of the data; kept as the attribute ``on_disk``.
    """
    lazy = indexing.LazilyIndexedArray(windows)
    return xr.Variable(DIMS, lazy, {"units": "count", "on_disk": told})


def cut_out(
    source: xr.DataArray, rows: NDArray[Any], first: NDArray[Any], length: int,
    quiet: NDArray[Any] | None = None,
) -> xr.Variable:  # fmt: skip
    """Windows cut from longer ones; they stay on disk if those are there.

    Parameters
    ----------
    source : xr.DataArray, shape (window, component, time)
    rows, first : ndarray of int, shape (window,)
        Which window each is cut from, and its first sample there.
    length : int
        Samples of a window.
    quiet : ndarray of int, shape (window,), optional
        Samples of the source that are repeated there and back to fill the window, where not 0.

    Examples
    --------
    >>> source = xr.DataArray(np.arange(5, dtype=np.float32)[None, None], dims=DIMS)
    >>> one = np.array([0, 0])
    >>> cut_out(source, one, np.array([2, 0]), 3, np.array([0, 2])).values[:, 0].tolist()
    [[2.0, 3.0, 4.0], [0.0, 1.0, 1.0]]
    """
    quiet = np.zeros(len(rows), np.int64) if quiet is None else quiet
    cuts = _Cuts(source.variable, rows, first, length, quiet)
    found = xr.Variable(DIMS, indexing.LazilyIndexedArray(cuts), source.attrs)
    return found if "on_disk" in source.attrs else found.load()


def processed(source: xr.DataArray, each: Each, told: str) -> xr.Variable:
    """Windows of which something is made when they are read; they stay on disk if they are there.

    Parameters
    ----------
    source : xr.DataArray, shape (window, component, time)
    each : callable
        From the number and the waveforms of a window to waveforms of the same shape.
    told : str
        What is made, for hashes of the data.

    Examples
    --------
    >>> source = xr.DataArray(np.ones((1, 1, 2), np.float32), dims=DIMS)
    >>> processed(source, lambda row, waves: 2 * waves, "twice").values.tolist()
    [[[2.0, 2.0]]]
    """
    made = _Processed(source.variable, each)
    found = xr.Variable(DIMS, indexing.LazilyIndexedArray(made), source.attrs)
    if "on_disk" not in source.attrs:
        return found.load()
    found.attrs["on_disk"] = f"{source.attrs['on_disk']}; {told}"
    return found
