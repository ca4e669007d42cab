"""Where a result comes from: versions, hashes, hardware."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

PACKAGES = (
    "craton", "numpy", "scipy", "pandas", "xarray", "scikit-learn", "lightgbm", "torch", "monai",
    "numba", "lasio", "obspy", "rasterio", "h5netcdf",
)  # fmt: skip


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that compute or read something."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def hardware() -> dict[str, Any]:
    """The machine in a few words, without its name."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "memory_gib": round(memory, 1),
    }


def sha256_file(path: str | Path) -> str:
    """Hash of a file's bytes.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as f:
    ...     sha256_file(f.name)[:8]
    'e3b0c442'
    """
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_data(data: xr.Dataset) -> str:
    """Hash of a dataset's names, shapes and values, in the order of the names.

    Of a variable that lies on disk, what its attribute ``on_disk`` says of the files.
    """
    digest = hashlib.sha256()
    for name in sorted(map(str, data.variables)):
        digest.update(f"{name}{data[name].dims}{data[name].shape}".encode())
        if "on_disk" in data[name].attrs:
            digest.update(str(data[name].attrs["on_disk"]).encode())
            continue
        values = data[name].to_numpy()
        text = values.dtype.kind in "OUS"
        digest.update("\0".join(map(str, values.ravel())).encode() if text else values.tobytes())
    return digest.hexdigest()


def sha256_bytes(values: NDArray[Any]) -> str:
    """Hash of an array's bytes."""
    return hashlib.sha256(values.tobytes()).hexdigest()


def sha256_text(parts: Iterable[Any]) -> str:
    """Hash of several values' texts."""
    return hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()
