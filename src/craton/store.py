"""What a run has already computed, kept by key, so that an interrupted run goes on where it was."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xarray as xr
from numpy.typing import NDArray

from craton.bundle import load_arrays, save_arrays
from craton.errors import CratonError
from craton.io.files import atomic


@dataclass
class Stage:
    """A fitted state, and predictions by name."""

    state: dict[str, NDArray[Any]]
    predictions: dict[str, xr.Dataset]


class Store:
    """Keeps stages in a folder; a stage is written whole or not at all.

    Parameters
    ----------
    folder : Path or None
        None keeps nothing.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

    def holds(self, key: str) -> bool:
        """Whether the stage of this key was computed before."""
        return self.folder is not None and (self.folder / key).is_dir()

    def stage(self, key: str, compute: Callable[[], Stage]) -> Stage:
        """Return the stage of this key, computing it only if it is not there."""
        if self.folder is None:
            return compute()
        place = self.folder / key
        if place.is_dir():
            try:
                return self._read(place)
            except (CratonError, OSError, ValueError):
                shutil.rmtree(place, ignore_errors=True)
        made = compute()
        with atomic(place) as part:
            part.mkdir()
            save_arrays(part / "state.safetensors", made.state)
            for name, predicted in made.predictions.items():
                write_dataset(part / f"{name}.nc", predicted)
        checkpoint = self.checkpoint(key)
        if checkpoint is not None:
            for leftover in self.folder.glob(f"{key}*.checkpoint*"):
                leftover.unlink(missing_ok=True)
        return made

    def checkpoint(self, key: str) -> Path | None:
        """Return a place for the checkpoint of an iterative fit."""
        return None if self.folder is None else self.folder / f"{key}.checkpoint"

    def clear(self) -> None:
        """Delete everything kept."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    @staticmethod
    def _read(place: Path) -> Stage:
        predictions = {p.stem: read_dataset(p) for p in sorted(place.glob("*.nc"))}
        return Stage(load_arrays(place / "state.safetensors"), predictions)


def write_dataset(path: Path, data: xr.Dataset, attrs: Mapping[str, Any] | None = None) -> None:
    """Write a dataset of ours as netCDF-4."""
    plain = data.assign_attrs(attrs or {})
    # CF: bounds are no coordinates, and have none
    bounds = {c.attrs.get("bounds") for c in plain.coords.values()} & set(plain.coords)
    plain = plain.reset_coords(list(bounds))
    for name in bounds:
        plain[name].encoding["coordinates"] = None
    for name in [n for n in plain.variables if plain[n].dtype.kind in "OU"]:
        plain[name] = plain[name].astype(object)
    encoding: dict[Any, Any] = {
        n: {"zlib": True, "complevel": 1} for n in plain.data_vars if plain[n].dtype.kind == "f"
    }
    plain.to_netcdf(path, engine="h5netcdf", encoding=encoding)


def read_dataset(path: Path) -> xr.Dataset:
    """Read a dataset of ours back into memory."""
    with xr.open_dataset(path, engine="h5netcdf", decode_timedelta=False) as data:
        return data.load()
