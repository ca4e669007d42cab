"""Writes the file of a new task."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

from craton.errors import ConfigError, DataError
from craton.io.files import atomic


def write_task(name: str, out: str | Path | None = None) -> Path:
    """Write a task file that works and passes `craton check` as it stands.

    Parameters
    ----------
    name : str
        Lower-case words with hyphens.
    out : path, optional
        File to write; ``name_with_underscores.py`` here by default.

    Returns
    -------
    Path

    Raises
    ------
    ConfigError
        If the name is not of that form.
    DataError
        If the file is there already.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise ConfigError(f"'{name}' is no task name", fix="lower-case words joined by hyphens")
    path = Path(out) if out is not None else Path(f"{name.replace('-', '_')}.py")
    if path.exists():
        raise DataError("is there already", where=str(path), fix="choose another name or --out")
    text = resources.files("craton.data").joinpath("new_task.py.txt").read_text(encoding="utf-8")
    title = name.replace("-", " ").capitalize()
    with atomic(path) as part:
        part.write_text(text.replace("TITLE", title).replace("NAME", name), encoding="utf-8")
    return path
