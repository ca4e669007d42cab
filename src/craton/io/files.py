"""Whole files or none: atomic writes, and checks made before anything is read."""

from __future__ import annotations

import contextlib
import gzip
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from craton.errors import DataError

MAX_BYTES = 4 << 30
"""Largest file (after decompression) that a text reader takes into memory, in bytes."""


@contextlib.contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Give a temporary path that replaces `path` only if the block ends well.

    Parameters
    ----------
    path : str or Path
        The file or folder to write. Its parent is made if needed. A folder that stands there
        already is replaced.

    Yields
    ------
    Path
        A path beside the target, with the same ending, to write a file or make a folder at.

    Raises
    ------
    DataError
        If the disk is full or the place cannot be written; what stood there before still stands.

    Examples
    --------
    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "a.txt"
    >>> with atomic(target) as part:
    ...     _ = part.write_text("whole")
    >>> target.read_text()
    'whole'
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        room = Path(tempfile.mkdtemp(prefix=f".{path.name[:40]}.", dir=path.parent))
    except OSError as error:
        raise _cannot_write(path, error) from error
    part, before = room / path.name, room / "before"
    try:
        yield part
        if path.is_dir() and part.is_dir():
            path.rename(before)
        os.replace(part, path)
    except OSError as error:
        if error.filename is None or str(error.filename).startswith((str(room), str(path))):
            raise _cannot_write(path, error) from error
        raise
    finally:
        # also after an interrupt between the two renames
        if before.exists() and not path.exists():
            before.rename(path)
        shutil.rmtree(room, ignore_errors=True)


def _cannot_write(path: Path, error: OSError) -> DataError:
    return DataError(
        f"cannot be written ({error.strerror or error}); nothing was changed",
        where=str(path),
        fix="free some space or choose another place with --out",
    )


def read_text(path: str | Path, *, encoding: str = "utf-8", limit: int = MAX_BYTES) -> str:
    """Read a text file, gzip-compressed if its name ends in ``.gz``.

    Parameters
    ----------
    path : str or Path
        File to read.
    encoding : str
        Text encoding; bytes that do not fit are replaced.
    limit : int
        Most bytes that are taken, after decompression.

    Returns
    -------
    str
        The whole text.

    Raises
    ------
    DataError
        If the file is missing, empty, truncated, or larger than `limit`.
    """
    path = require_file(path)
    try:
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rb") as stream:
            raw = stream.read(limit + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"cannot be read to its end ({error})", where=str(path), fix="fetch the file again"
        ) from error
    if len(raw) > limit:
        raise DataError(
            f"is larger than {limit} bytes", where=str(path), fix="cut it into smaller files"
        )
    text = str(raw.decode(encoding, errors="replace"))
    if not text.strip():
        raise DataError("is empty", where=str(path), fix="give a file with data in it")
    return text


def require_file(path: str | Path) -> Path:
    """Return the path of a file that exists and is not empty.

    Raises
    ------
    DataError
        If there is no such file, it is a folder, or it has no bytes.
    """
    path = Path(path)
    if path.is_dir():
        raise DataError("is a folder, a file was expected", where=str(path), fix="name the file")
    if not path.is_file():
        raise DataError("there is no such file", where=str(path), fix="check the path")
    if path.stat().st_size == 0:
        raise DataError("is empty", where=str(path), fix="give a file with data in it")
    return path
