"""Work that is done stays done: tables kept by key, so that an interrupted command goes on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from craton.checks import Finding
from craton.io.files import atomic
from craton.provenance import sha256_text

Tables = dict[str, pd.DataFrame]
Done = tuple[Tables, list[Finding]]


class Work:
    """Keeps tables and findings in a folder, a file a step.

    Parameters
    ----------
    folder : Path
        Made if need be.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def step(self, key: tuple[Any, ...], compute: Callable[[], Done]) -> Done:
        """What `compute` gives for this key, computed only if it is not there."""
        place = self.folder / f"{sha256_text(key)[:24]}.json"
        if place.is_file():
            try:
                return _read(place)
            except (OSError, ValueError, KeyError, TypeError):
                place.unlink(missing_ok=True)
        found = compute()
        with atomic(place) as part:
            part.write_text(_text(found), encoding="utf-8")
        return found

    def clear(self) -> None:
        """Delete all that is kept."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _text(found: Done) -> str:
    tables = {}
    for name, table in found[0].items():
        columns = {}
        for column in table.columns:
            values = table[column].to_numpy()
            kind = values.dtype.kind if values.dtype.kind in "ifbM" else "O"
            if kind == "M":
                values = values.astype("datetime64[ns]").astype(np.int64)
            columns[str(column)] = [kind, values.tolist()]
        tables[name] = columns
    findings = [[f.level, f.text, f.where] for f in found[1]]
    return json.dumps({"tables": tables, "findings": findings})


def _read(place: Path) -> Done:
    kept = json.loads(place.read_text(encoding="utf-8"))
    types: dict[str, Any] = {"i": np.int64, "f": float, "b": bool, "M": "datetime64[ns]", "O": str}
    tables = {}
    for name, columns in kept["tables"].items():
        made = {}
        for column, (kind, values) in columns.items():
            plain = np.array(values, np.int64) if kind == "M" else values
            made[column] = np.asarray(plain, types[kind]) if kind != "O" else values
        tables[name] = pd.DataFrame(made)
    return tables, [Finding(*f) for f in kept["findings"]]
