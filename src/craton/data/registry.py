"""Datasets by name: where they are, that they are whole, under which licence.

A dataset is looked for in the folder named by ``CRATON_DATA_DIR`` first, then in the cache, then at
its public address if it has one. craton ships no data.
"""

from __future__ import annotations

import difflib
import hashlib
import http.client
import json
import os
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from craton.errors import DataError
from craton.io.files import atomic
from craton.provenance import sha256_file

MIRROR = "CRATON_DATA_DIR"
IN_MEMORY = "<memory>"
"""What a task's setting `data` says when a caller gave a dataset instead of a file."""


@dataclass(frozen=True)
class Located:
    """A path that holds data, and what of it is meant.

    Attributes
    ----------
    path : Path
        File or folder.
    dataset : str
        Registry name; "" for a user's own path.
    part : str
        What stands after the dataset's name and is no file of it (``SCEDC_30``).
    """

    path: Path
    dataset: str = ""
    part: str = ""


@cache
def registry() -> dict[str, dict[str, Any]]:
    """The registry: name -> title, source, licence, files (path, bytes, sha256, url if public)."""
    text = resources.files("craton.data").joinpath("registry.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


def locate(data: str | Path) -> Located:
    """Find a user's own path, or a dataset of the registry, and check its files' sha256.

    Parameters
    ----------
    data : str
        A path, ``NAME`` or ``NAME/PART`` of the registry.

    Returns
    -------
    Located

    Raises
    ------
    DataError
        If there is neither such a path nor such a dataset, a file of it was changed, or it is not
        here and cannot be fetched.

    Examples
    --------
    >>> locate("no-such-data")  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    craton.errors.DataError: no-such-data: there is no such file, folder or dataset
    """
    path = Path(data).expanduser()
    if path.exists() or str(data) == IN_MEMORY:
        return Located(path)
    name, _, part = str(data).partition("/")
    known = registry()
    if name not in known:
        raise DataError(
            "there is no such file, folder or dataset",
            where=str(data),
            fix=f"check the path{_like(name, known)}; `craton data` lists the datasets",
        )
    folder = fetch(name)
    inside = folder / part
    if part and inside.is_file():
        return Located(inside, name, part)
    return Located(folder, name, part)


def _like(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f", or did you mean the dataset '{close[0]}'?" if close else ""


def fetch(name: str) -> Path:
    """Return the folder of a dataset, whole and checked.

    Raises
    ------
    DataError
        If it is not here and cannot be fetched, or a file's sha256 differs.
    """
    entry = registry()[name]
    mirror = os.environ.get(MIRROR)
    if mirror and (Path(mirror).expanduser() / name).is_dir():
        folder = Path(mirror).expanduser()
        _verify(folder, entry)
        return folder / name
    if mirror and not Path(mirror).expanduser().is_dir():
        raise DataError("is not a folder", where=f"{MIRROR}={mirror}", fix="correct the variable")
    cache_folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "craton"
    missing = [f for f in entry["files"] if not (cache_folder / f["path"]).is_file()]
    for file in missing:
        _download(name, entry, file, cache_folder / file["path"])
    _verify(cache_folder, entry)
    return cache_folder / name


def _verify(folder: Path, entry: dict[str, Any]) -> None:
    for file in entry["files"]:
        path = folder / file["path"]
        if not path.is_file():
            raise DataError("is missing from the dataset", where=str(path), fix="fetch it again")
        stat = path.stat()
        if stat.st_size != file["bytes"] or _hash(str(path), stat.st_mtime_ns) != file["sha256"]:
            raise DataError(
                "differs from the registry (sha256)", where=str(path), fix="fetch it again"
            )


@cache
def _hash(path: str, changed: int) -> str:
    return sha256_file(path)


def _download(name: str, entry: dict[str, Any], file: dict[str, Any], path: Path) -> None:
    url = str(file.get("url", ""))
    hint = f"put the files into a folder and set {MIRROR} to the folder above it"
    if not url.startswith("https://"):
        raise DataError(
            f"is not on this machine and has no public address; source: {entry['source']}",
            where=name,
            fix=hint,
        )
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            content = answer.read(file["bytes"] + 1)
    except (OSError, http.client.HTTPException) as error:
        raise DataError(
            f"is not on this machine and could not be fetched ({error})", where=name, fix=hint
        ) from None
    if hashlib.sha256(content).hexdigest() != file["sha256"]:
        raise DataError(
            f"what came from {url} differs from the registry (sha256)", where=name, fix=hint
        )
    with atomic(path) as part:
        part.write_bytes(content)
