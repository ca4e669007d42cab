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
    import pandas as pd
    import xarray as xr

    from craton.conformance import Check
    from craton.engine import Update
    from craton.leaks import LeakAudit
    from craton.result import Result
    from craton.serve.live import Streamed

__all__ = ["audit", "check", "predict", "run", "stream", "update"]


def run(
    task: str,
    settings: Mapping[str, Any] | None = None,
    *,
    data: xr.Dataset | pd.DataFrame | None = None,
    out: str | Path | None = None,
) -> Result:
    """Run a task, as ``craton run`` does.

    Parameters
    ----------
    task : str
        Task name, or a Python file that defines one.
    settings : mapping, optional
        What ``--set`` takes: the task's settings, the run's (``seed``, ``folds``, ``candidates``)
        and ``{"models": {NAME: {...}}}``. ``data`` is a path, a dataset's name, or the data.
    data : xr.Dataset or pd.DataFrame, optional
        Data in memory, instead of the setting ``data``; see Notes.
    out : path, optional
        Run folder; None writes nothing.

    Returns
    -------
    Result
        Scores, predictions, the fitted model.

    Notes
    -----
    What data in memory must look like is a task's own matter; ``craton list TASK`` tells it:

    - ``sst-forecast``: a field as `xarray.open_dataset` gives it, monthly, (time, lat, lon), in
      degC or K as its attribute ``units`` says; (time, point) and (time, y, x) too;
    - ``table-classification``: a data frame, or a dataset whose variables lie on one dimension;
    - ``well-lithofacies``: the same, with the columns ``well``, ``depth`` and the curves;
    - ``earthquake-forecast``: what `craton.io.catalog.read_catalog` gives, ``time``, ``latitude``,
      ``longitude``, ``depth`` and ``magnitude`` on ``event``.
    """
    from craton.engine import run as engine_run
    from craton.result import RunConfig
    from craton.task import find_task

    declaration = find_task(task)
    settings = dict(settings or {})
    if data is None and not isinstance(settings.get("data"), str | Path | None):
        data = settings.pop("data")
    if isinstance(settings.get("data"), Path):
        settings["data"] = str(settings["data"])
    chosen = RunConfig.of(task, settings)
    return engine_run(chosen, out, task=declaration, data=data)


def predict(
    bundle: str | Path,
    data: str | Path | xr.Dataset | pd.DataFrame | None,
    *,
    out: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    task: str | None = None,
) -> xr.Dataset:
    """Predict with a bundle, as ``craton predict`` does.

    Parameters
    ----------
    bundle : path
        Folder of the bundle, or the run folder that holds it.
    data : path, xr.Dataset or pd.DataFrame
        File, folder or dataset's name; or data in memory as in `run`; None for those trained on.
    out : path, optional
        File to write as well; its ending is the format.
    settings : mapping, optional
        Settings of the task that differ.
    task : str, optional
        The Python file of a task that is not installed. Naming it runs it.

    Returns
    -------
    xr.Dataset
        The prediction with the coordinates of its field: ``sst-forecast`` by issue, lead, quantile,
        latitude and longitude, as in the netCDF that it writes; ``well-lithofacies`` with well and
        depth; others with the number, place, time and group of each sample.
    """
    from craton.engine import predict as engine_predict
    from craton.task import find_task

    declaration = None if task is None else find_task(task)
    return engine_predict(bundle, data, out, task=declaration, settings=settings)


def stream(
    bundle: str | Path,
    source: str | Path,
    out: str | Path,
    settings: Mapping[str, Any] | None = None,
    *,
    task: str | None = None,
) -> Streamed:
    """Run a bundle on a live feed, as ``craton stream`` does; see `craton.serve.live.stream`."""
    from craton.serve.live import stream as run_stream
    from craton.task import find_task

    declaration = None if task is None else find_task(task)
    return run_stream(bundle, source, out, settings, task=declaration)


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
