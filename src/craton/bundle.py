"""A bundle: a manifest and arrays, each with its hash. Loading one runs no code.

    manifest.json         format, task, settings, model, calibration, members with their sha256
    manifest.sha256       hash of the manifest
    state.safetensors     the arrays
    MODEL_CARD.md         for people

Nothing in a bundle names a class or a function: the manifest names a task and one of its models,
and the task's declaration gives the code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from craton.errors import BundleError
from craton.io.files import atomic
from craton.provenance import sha256_file

FORMAT = 1
MAX_STATE_BYTES = 8 << 30
MAX_MANIFEST_BYTES = 16 << 20
MEMBERS = ("state.safetensors", "MODEL_CARD.md")


@dataclass(frozen=True)
class Bundle:
    """A checked bundle in memory.

    Attributes
    ----------
    manifest : dict
        See the module's text.
    state : dict of ndarray
        All arrays, under ``model.`` and ``calibrator.``.
    sha256 : str
        Hash of the manifest, which holds those of all members: it names this bundle alone.
    """

    manifest: dict[str, Any]
    state: dict[str, NDArray[Any]]
    sha256: str

    @property
    def cautions(self) -> tuple[str, ...]:
        """Lines that who uses it must be told; nothing in them moves a cursor."""
        said = self.manifest.get("cautions", [])
        if not isinstance(said, list):
            raise BundleError(f"its manifest's cautions are {said!r}, a list was expected")
        return tuple("".join(c for c in str(s) if c.isprintable()) for s in said)


def save_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays as safetensors, read them again and compare.

    Arrays are made contiguous first: non-contiguous ones are written wrongly by safetensors 0.8.

    Raises
    ------
    BundleError
        If an array has no fixed-size type, or does not come back equal.
    OSError
        If it cannot be written.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file, save_file

    clean = {}
    for name, values in arrays.items():
        array = np.asarray(values)
        if array.dtype.kind not in "fiub":
            raise BundleError(f"the state '{name}' is of type {array.dtype}, numbers were expected")
        # ascontiguousarray would turn a 0-d array into 1-d
        clean[name] = np.array(array, array.dtype.newbyteorder("="), order="C", copy=True)
    try:
        save_file(clean, str(path))
        back = load_file(str(path))
    except SafetensorError as error:
        # a full disk comes as this type: `atomic` makes one message of it and names the target
        raise OSError(str(error)) from error
    for name, array in clean.items():
        same = back[name].dtype == array.dtype and back[name].shape == array.shape
        if not same or back[name].tobytes() != array.tobytes():
            raise BundleError(f"the state '{name}' did not come back as it was written")


def load_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Read arrays from safetensors.

    Raises
    ------
    BundleError
        If the file is not whole safetensors, or too large.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    if not path.is_file() or path.stat().st_size > MAX_STATE_BYTES:
        raise BundleError("is missing or too large", where=str(path))
    try:
        return dict(load_file(str(path)))
    except (SafetensorError, ValueError, KeyError, TypeError, OSError) as error:
        raise BundleError(f"is not safetensors ({error})", where=str(path)) from None


def save(
    path: str | Path, manifest: Mapping[str, Any], state: Mapping[str, NDArray[Any]], card: str
) -> Path:
    """Write a bundle, all of it or nothing, and check that it loads.

    Parameters
    ----------
    path : str or Path
        Folder to make; one that is there is replaced.
    manifest : mapping
        What can be written as JSON; `format` and `members` are added.
    state : mapping of ndarray
        Numbers only.
    card : str
        The model card, Markdown.

    Raises
    ------
    BundleError
        If what was written does not come back equal.
    DataError
        If the disk is full or the place cannot be written; an older bundle still stands.
    """
    path = Path(path)
    with atomic(path) as part:
        part.mkdir()
        save_arrays(part / "state.safetensors", state)
        (part / "MODEL_CARD.md").write_text(card, encoding="utf-8")
        members = {
            name: {"sha256": sha256_file(part / name), "bytes": (part / name).stat().st_size}
            for name in MEMBERS
        }
        full = {**manifest, "format": FORMAT, "members": members}
        text = json.dumps(full, indent=1, sort_keys=True, allow_nan=False)
        (part / "manifest.json").write_text(text, encoding="utf-8")
        digest = sha256_file(part / "manifest.json")
        (part / "manifest.sha256").write_text(digest + "\n", encoding="ascii")
        load(part)
    return path


def load(path: str | Path) -> Bundle:
    """Read and check a bundle.

    Raises
    ------
    BundleError
        If there is no bundle, a byte was changed, a file is there that no bundle has (a pickle,
        say), or the format is newer than this version knows.
    """
    path = Path(path)
    where = str(path)
    manifest_path = path / "manifest.json"
    if not path.exists():
        raise BundleError("there is no such folder", where=where, fix="check the path")
    if not manifest_path.is_file():
        raise _no_bundle(path)
    if manifest_path.stat().st_size > MAX_MANIFEST_BYTES:
        raise BundleError("its manifest is too large", where=where)
    manifest = _manifest(manifest_path)
    strangers = sorted(
        p.name
        for p in path.iterdir()
        if p.name not in (*MEMBERS, "manifest.json", "manifest.sha256")
    )
    if strangers:
        raise BundleError(
            f"holds '{strangers[0]}', which no bundle has; nothing of it was opened",
            where=where,
            fix="delete that file, or get the bundle from its author again",
        )
    members = manifest.get("members")
    if not isinstance(members, dict) or set(members) != set(MEMBERS):
        raise BundleError("its manifest does not list all members", where=where)
    for name, said in members.items():
        file = path / name
        if not file.is_file() or sha256_file(file) != dict(said or {}).get("sha256"):
            raise BundleError(
                "is missing or was changed after it was saved (sha256 differs)",
                where=f"{where}/{name}",
                fix="get the bundle from its author again",
            )
    return Bundle(manifest, load_arrays(path / "state.safetensors"), sha256_file(manifest_path))


def _no_bundle(path: Path) -> BundleError:
    """Of a folder without a manifest, and which bundles it holds."""
    held = sorted(p.parent.name for p in path.glob("*/manifest.json"))
    if not held:
        return BundleError(
            "is not a bundle (no manifest.json)", where=str(path), fix="name the folder RUN/bundle"
        )
    which = "which is one" if len(held) == 1 else "which are bundles"
    return BundleError(
        f"is not a bundle; it holds {', '.join(held[:8])}, {which}", where=str(path),
        fix=f"name {path / held[0]}",
    )  # fmt: skip


def _manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        said = (path.parent / "manifest.sha256").read_text(encoding="ascii").strip()
    except (OSError, ValueError, RecursionError) as error:
        raise BundleError(f"cannot be read ({error})", where=str(path)) from None
    form = manifest.get("format") if isinstance(manifest, dict) else None
    if isinstance(form, int) and form > FORMAT:
        raise BundleError(
            f"is of format {form}, this version reads up to {FORMAT}",
            where=str(path.parent),
            fix="install a newer craton",
        )
    if sha256_file(path) != said or form != FORMAT:
        raise BundleError(
            "the manifest was changed after it was saved (sha256 differs)",
            where=str(path.parent),
            fix="get the bundle from its author again",
        )
    return dict(manifest)
