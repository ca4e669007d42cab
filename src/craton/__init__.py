"""craton: from geophysical data to a model that you can defend.

The functions here are those of the command line, with xarray in and out. Nothing heavy is imported
before one of them is called.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0.dev0"

if TYPE_CHECKING:
    import xarray as xr

    from craton.conformance import Check
    from craton.engine import Update
    from craton.leaks import LeakAudit
    from craton.result import Result

__all__ = ["audit", "check", "predict", "run", "update"]


def run(
    task: str,
    settings: Mapping[str, Any] | None = None,
    *,
    data: xr.Dataset | None = None,
    out: str | Path | None = None,
) -> Result:
    """Run a task, as ``craton run`` does.

    Parameters
    ----------
    task : str
        Task name, or a Python file that defines one.
    settings : mapping, optional
        What ``--set`` takes: the task's settings, the run's (``seed``, ``folds``, ``candidates``)
        and ``{"models": {NAME: {...}}}``.
    data : xr.Dataset, optional
        Data as the task's `load` gives them, instead of the setting ``data``.
    out : path, optional
        Run folder; None writes nothing.

    Returns
    -------
    Result
        Scores, predictions, the fitted model.
    """
    from craton.engine import run as engine_run
    from craton.result import RunConfig
    from craton.task import find_task

    declaration = find_task(task)
    chosen = RunConfig.of(declaration.name, settings or {})
    return engine_run(chosen, out, task=declaration, data=data)


def predict(
    bundle: str | Path,
    data: str | Path | xr.Dataset | None,
    *,
    out: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
) -> xr.Dataset:
    """Predict with a bundle, as ``craton predict`` does; see `craton.engine.predict`."""
    from craton.engine import predict as engine_predict

    return engine_predict(bundle, data, out, settings=settings)


def update(
    bundle: str | Path, data: str | Path | xr.Dataset, *, out: str | Path | None = None
) -> Update:
    """Score new data, refit, promote if not worse; see `craton.engine.update`."""
    from craton.engine import update as engine_update

    return engine_update(bundle, data, out)


def audit(task: str, settings: Mapping[str, Any] | None = None) -> LeakAudit:
    """Audit a task's data and split for leaks, as ``craton audit`` does."""
    from craton.leaks import quick_audit
    from craton.result import RunConfig
    from craton.task import find_task

    declaration = find_task(task)
    return quick_audit(RunConfig.of(declaration.name, settings or {}), task=declaration)


def check(task: str) -> list[Check]:
    """Run the conformance suite on a task, as ``craton check`` does."""
    from craton.conformance import check_task
    from craton.task import find_task

    return check_task(find_task(task))
