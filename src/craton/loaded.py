"""A bundle that is ready to predict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xarray as xr

from craton import __version__
from craton import bundle as bundles
from craton.config import build, read_yaml
from craton.errors import BundleError, ConfigError, DataError, nearest
from craton.models.base import sub_state
from craton.models.blend import Blend
from craton.result import BLEND, Fitted
from craton.samples import Samples, Target
from craton.task import Task, find_task, task_names


@dataclass(frozen=True)
class Loaded:
    """A bundle ready to predict: the declaration, its settings, the fitted model.

    `cautions` are lines that who uses it must be told, `sha256` is the hash that names the bundle.
    """

    task: Task
    config: Any
    manifest: dict[str, Any]
    fitted: Fitted
    target: Target
    cautions: tuple[str, ...]
    sha256: str

    @property
    def origin(self) -> dict[str, str]:
        """Where a prediction comes from, for its files."""
        said = {"task": self.task.name, "model": self.fitted.name, "bundle_sha256": self.sha256}
        cautions = {"caution": " ".join(self.cautions)} if self.cautions else {}
        return {**said, "craton": __version__, **cautions}

    def samples(self, data: xr.Dataset, config: Any, *, future: bool) -> Samples:
        """Cut samples whose classes are the bundle's, whatever is in the data."""
        found = self.task.samples(data, config, future)
        if found.target.categories != self.target.categories:
            raise DataError(
                f"the classes are {found.target.categories}, the bundle's are "
                f"{self.target.categories}",
                where=self.task.name,
            )
        return found


def load(
    bundle: str | Path,
    *,
    task: Task | None = None,
    data: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Loaded:
    """Load a bundle.

    Parameters
    ----------
    bundle : path
        Folder of the bundle, or the run folder that holds it.
    task : Task, optional
        Needed if the task is not one that is installed: a bundle never names a file to run.
    data : path, optional
        Data that take the place of those trained on.
    settings : mapping, optional
        Task settings that differ.

    Raises
    ------
    BundleError, ConfigError
        If the bundle is damaged or its task is not known here.
    """
    folder = Path(bundle)
    inner = folder / "bundle"
    kept = bundles.load(inner if inner.is_dir() else folder)
    manifest = kept.manifest
    try:
        name, settings_of = str(manifest["model"]["name"]), dict(manifest["model"]["members"])
        values = {**manifest["settings"], **(settings or {})}
        target, wanted = _target(manifest["target"]), str(manifest["task"])
        cautions = kept.cautions
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError(
            f"its manifest lacks something ({type(error).__name__}: {error})", where=str(bundle)
        ) from None
    if task is None and wanted.endswith(".py"):
        # to look it up would run it
        raise BundleError(
            f"its task is the file '{wanted}', which no bundle may have run",
            where=str(bundle),
            fix="name the task's file yourself with --task, if you trust it",
        )
    task = task or _installed(wanted, folder)
    if data is not None:
        values["data"] = str(data)
    config = build(task.config, values, where=str(bundle))
    members = {n: task.model(n, s) for n, s in settings_of.items()}
    if name != BLEND and name not in members:
        raise BundleError(
            f"its manifest names a model '{name}' without settings", where=str(bundle)
        )
    model = Blend(members) if name == BLEND else members[name]
    model.with_state(sub_state(kept.state, "model"))
    calibrator = task.calibrator(target).with_state(sub_state(kept.state, "calibrator"))
    fitted = Fitted(name, model, calibrator)
    return Loaded(task, config, manifest, fitted, target, cautions, kept.sha256)


def _installed(wanted: str, folder: Path) -> Task:
    """The task of a bundle; where it is a file's, the file is named and not run."""
    if wanted in task_names():
        return find_task(wanted)
    kept = folder.parent if folder.name == "bundle" else folder
    try:
        file = str(read_yaml(kept / "config.yaml").get("task", ""))
    except ConfigError:
        file = ""
    file = file if file.endswith(".py") else "FILE.py"
    raise ConfigError(
        f"there is no task '{wanted}' that is installed, and no bundle may have a file run",
        where=str(folder),
        fix=f"if it is one of your own, name its file: --task {file} (from Python, task='{file}'); "
        f"naming it runs it. {nearest(wanted, task_names())}",
    )


def _target(said: Mapping[str, Any]) -> Target:
    return Target(
        said["name"],
        tuple(said["categories"]),
        tuple(said["codes"]),
        said["units"],
        tuple(said["quantiles"]),
    )
