"""What a feed has written, so that nothing is lost or doubled when it is broken off anywhere."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from craton.errors import ConfigError, DataError
from craton.io.files import atomic

FORMAT = 1
ROWS, STATE = "picks.csv", "state.json"


class Ledger:
    """A file of rows and the state that belongs to it.

    The state is written first, whole or not at all, with the rows that are about to be appended and
    the size that the file had before. Whatever happens then, the next start cuts the file to that
    size and appends the rows: each is there once.

    Parameters
    ----------
    folder : Path
        Where ``picks.csv`` and ``state.json`` are, or will be.
    header : str
        First line of the rows.
    owner : mapping of str to str
        What must be the same at each start, such as the hash of the bundle.

    Attributes
    ----------
    state : dict
        As last committed; empty at the first start.
    count : int
        Rows in the file.

    Raises
    ------
    ConfigError
        If the folder is of another owner, or another process writes there.
    DataError
        If the files do not fit each other, are damaged, or cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with Ledger(folder, "a,b\\n", {"bundle": "1"}) as ledger:
    ...     ledger.commit("1,2\\n", {"at": 5})
    >>> with Ledger(folder, "a,b\\n", {"bundle": "1"}) as ledger:
    ...     print(ledger.state["at"], (folder / "picks.csv").read_text().split())
    5 ['a,b', '1,2']
    """

    def __init__(self, folder: Path, header: str, owner: Mapping[str, str]) -> None:
        self.folder, self.owner = folder, dict(owner)
        self.rows, self.place, self.count = folder / ROWS, folder / STATE, 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.lock = open(folder / ".lock", "w")  # noqa: SIM115
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.state = self._recover(header)
            self.count = self.rows.read_bytes().count(b"\n") - header.count("\n")
        except BlockingIOError:
            self.lock.close()
            raise ConfigError(
                "another craton stream is writing here", where=str(folder),
                fix="end it first, or choose another folder with --out",
            ) from None  # fmt: skip
        except BaseException:
            self.lock.close()
            raise

    def __enter__(self) -> Ledger:
        """Nothing is to be done; the lock is held from the start."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let another process write here."""
        self.lock.close()

    def commit(self, rows: str, state: Mapping[str, Any]) -> None:
        """Write a state, and append rows, so that both count or neither."""
        told = {"size": self.size, "rows": rows}
        whole = {"format": FORMAT, "owner": self.owner, **state, "written": told}
        with atomic(self.place) as part, open(part, "w", encoding="utf-8") as stream:
            json.dump(whole, stream)
            _to_disk(stream)
        self._settle()
        self.state = whole
        if rows:
            self._append(rows)
        self.size += len(rows.encode())
        self.count += rows.count("\n")

    def _settle(self) -> None:
        """Bring the new name of the state to the disk, before any row that it speaks of."""
        place = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(place)
        finally:
            os.close(place)

    def _append(self, rows: str) -> None:
        try:
            with open(self.rows, "a", encoding="utf-8", newline="") as stream:
                stream.write(rows)
                _to_disk(stream)
        except OSError as error:
            raise self._unwritable(error) from error

    def _recover(self, header: str) -> dict[str, Any]:
        for rest in self.folder.glob(f".{STATE}.*"):  # of a write that was broken off
            shutil.rmtree(rest, ignore_errors=True)
        if not self.place.exists():
            if self.rows.exists() and self.rows.stat().st_size:
                raise ConfigError(
                    f"has {ROWS} but no {STATE}, without which nothing tells what is in it",
                    where=str(self.folder), fix="choose another folder with --out",
                )  # fmt: skip
            self.size = 0
            self.commit(header, {})
            return {}
        state = self._read()
        if differs := self._differs(state["owner"]):
            if not state.keys() <= {"format", "owner", "written"}:
                raise differs
            self.place.unlink()  # nothing was ever done here
            self.rows.unlink(missing_ok=True)
            return self._recover(header)
        told = state["written"]
        self.size = int(told["size"]) + len(str(told["rows"]).encode())
        seen = self.rows.stat().st_size if self.rows.exists() else 0
        if not int(told["size"]) <= seen <= self.size:
            raise DataError(
                f"has {seen} bytes; {STATE} says {self.size}: it was changed by another hand",
                where=str(self.rows), fix="put it back, or choose another folder with --out",
            )  # fmt: skip
        if seen < self.size:
            os.truncate(self.rows, int(told["size"])) if seen else None
            self._append(str(told["rows"]))
        return state

    def _read(self) -> dict[str, Any]:
        try:
            state = json.loads(self.place.read_text(encoding="utf-8"))
            told, kind = state["written"], state["format"]
            int(told["size"]), str(told["rows"]), dict(state["owner"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise DataError(
                f"cannot be read ({type(error).__name__}: {error})", where=str(self.place),
                fix="choose another folder with --out",
            ) from error  # fmt: skip
        if kind != FORMAT:
            raise DataError(f"has the format {kind}, {FORMAT} was expected", where=str(self.place))
        return dict(state)

    def _differs(self, owner: Mapping[str, str]) -> ConfigError | None:
        """What is said where the folder is of another owner."""
        for name in sorted({*owner, *self.owner}):
            if words := _differs(name, owner.get(name), self.owner.get(name)):
                return ConfigError(
                    f"was begun with {words}: its picks would be of two kinds",
                    where=str(self.folder),
                    fix=f"take the {name} that it was begun with, or another folder with --out",
                )
        return None

    def _unwritable(self, error: OSError) -> DataError:
        return DataError(
            f"cannot be written ({error.strerror or error}); the same command goes on later",
            where=str(self.folder), fix="free some space or choose another place with --out",
        )  # fmt: skip


def _differs(name: str, before: str | None, now: str | None) -> str:
    """What is not the same, in words, if anything; of settings, as JSON, those that differ alone.

    Examples
    --------
    >>> _differs("settings", '{"wait": 30.0, "batch": 4}', '{"wait": 30.0, "threshold": 0.3}')
    'batch=4, now as it is by default, and with threshold as it is by default, now 0.3'
    """
    try:
        old, new = dict(json.loads(before or "")), dict(json.loads(now or ""))
    except (ValueError, TypeError):
        return "" if before == now else f"another {name} ({before}), not {now}"
    words = [
        (f"{k}={json.dumps(old[k])}" if k in old else f"{k} as it is by default")
        + f", now {json.dumps(new[k]) if k in new else 'as it is by default'}"
        for k in sorted({*old, *new})
        if k not in old or k not in new or old[k] != new[k]
    ]
    return ", and with ".join(words)


def _to_disk(stream: Any) -> None:
    stream.flush()
    os.fsync(stream.fileno())
