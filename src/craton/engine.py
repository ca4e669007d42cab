"""The engine: the only place that knows the order of the steps, the same for every task."""

from __future__ import annotations

import dataclasses
import shutil
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from craton.blocks import split_findings, suggestion
from craton.checks import Finding, check_dataset
from craton.config import build
from craton.data.registry import IN_MEMORY
from craton.errors import DataError, LeakError
from craton.independence import audit
from craton.judge import Judge
from craton.loaded import load
from craton.result import Progress, Result, RunConfig, silent
from craton.samples import Samples
from craton.scoring import Score
from craton.splits import Splitter
from craton.store import Store
from craton.task import Task, find_task

TOLD = 30
"""Lines on what was odd while reading that a prediction tells."""


def prepare(
    run: RunConfig, task: Task | None = None
) -> tuple[Task, Any, xr.Dataset, Samples, list[Finding]]:
    """Load and check the data and cut the samples: the first steps of everything.

    Raises
    ------
    DataError
        If a check finds an error in the data.
    """
    task = task or find_task(run.task)
    for name in (*run.models, *run.candidates):
        task.model(name, run.models.get(name))
    config = build(task.config, run.settings, where=task.name)
    data = task.load(config)
    general = check_dataset(data)
    findings = general + list(task.checks(data, config))
    errors = [f for f in findings if f.level == "error"]
    if errors:
        raise DataError(errors[0].text, where=errors[0].where or task.name)
    config = task.resolve(data, config)
    samples = task.samples(data, config, False)
    if len(samples) == 0:
        raise DataError("no sample can be made of these data", where=task.name)
    idle = {f"variable '{n}'" for n in _unused(data, samples, config)}
    findings = [f for f in findings if not (f in general and f.where in idle)]
    return task, config, data, samples, findings


def _unused(data: xr.Dataset, samples: Samples, config: Any) -> set[str]:
    """Variables that no input, target or setting names, where the inputs are named at all."""
    features = getattr(samples.gather, "features", None)
    if features is None:
        return set()
    said = {v for v in config.model_dump().values() if isinstance(v, str)}
    return {str(n) for n in data.data_vars} - {*features, samples.target.name} - said


def run(
    run: RunConfig,
    out: str | Path | None = None,
    *,
    task: Task | None = None,
    data: xr.Dataset | pd.DataFrame | None = None,
    progress: Progress = silent,
    keep: bool = False,
) -> Result:
    """Train candidates and baselines, judge them, and write a run folder with a report.

    Parameters
    ----------
    run : RunConfig
        What to run.
    out : path, optional
        Run folder; None writes nothing. What an interrupted run had computed there is used again.
    task : Task, optional
        The declaration, if it is not to be looked up by name.
    data : xr.Dataset or pd.DataFrame, optional
        Data in memory, as the task's `dataset` describes them, instead of a file.
    progress : callable
        Called as ``progress(done, total, text)``.
    keep : bool
        Keep the folder's store of intermediate results after the run.

    Returns
    -------
    Result

    Raises
    ------
    ConfigError, DataError, LeakError, ModelError
        See the message.
    """
    began = time.perf_counter()
    progress(0, 1, "reading and checking the data")
    if data is not None:
        task = _given(task or find_task(run.task), data)
        run = run.model_copy(update={"settings": {**run.settings, "data": IN_MEMORY}})
    task, config, data, samples, findings = prepare(run, task)
    splitter = task.splitter(config, samples)
    splits = list(splitter.split(samples.index))
    findings += _sound(samples, splitter)
    audits = [audit(samples.index, split) for split in splits]
    store = Store(None if out is None else Path(out) / "work")
    judge = Judge(task, run, samples, splitter, store, progress, len(splits))
    for split in splits:
        judge.judge(split)
    result = judge.result(config, data, findings, splits, audits)
    result.final = judge.final(result)
    result.seconds["models"] = time.perf_counter() - began
    _judge_further(result, progress)
    result.seconds["total"] = time.perf_counter() - began
    if out is not None:
        from craton.report.folder import write_run

        progress(0, 1, "report")
        write_run(result, Path(out))
        if not keep:
            shutil.rmtree(Path(out) / "work", ignore_errors=True)
    return result


def _sound(samples: Samples, splitter: Splitter) -> list[Finding]:
    """What is to be said of the blocks that are left out; refused where they set nothing apart."""
    found = split_findings(samples, splitter)
    for finding in found:
        if finding.level == "error":
            fix = suggestion(samples, splitter)
            raise LeakError(finding.text, where="split in space", fix=fix)
    return found


def _given(task: Task, data: Any) -> Task:
    """The same task on data that are in memory."""

    def accepted(config: Any) -> xr.Dataset:
        found = task.accept(data, config)
        if not isinstance(found, xr.Dataset):
            raise DataError(
                f"what is in memory is a {type(found).__name__}; {task.name} wants {task.dataset}",
                where=IN_MEMORY,
                fix="give a file, or such a dataset",
            )
        return found

    return dataclasses.replace(task, load=accepted)


def _judge_further(result: Result, progress: Progress) -> None:
    from craton.explain import explain
    from craton.leaks import leak_audit

    start = time.perf_counter()
    if result.run.audit:
        result.leaks = leak_audit(result, progress)
    result.seconds["leak audit"] = time.perf_counter() - start
    start = time.perf_counter()
    if result.run.explain:
        result.explanation = explain(result, progress)
    result.seconds["explanation"] = time.perf_counter() - start


def predict(
    bundle: str | Path,
    data: str | Path | xr.Dataset | pd.DataFrame | None,
    out: str | Path | None = None,
    *,
    task: Task | None = None,
    settings: Mapping[str, Any] | None = None,
    progress: Progress = silent,
) -> xr.Dataset:
    """Predict with a bundle: the field's own format in, the field's own format out.

    Parameters
    ----------
    bundle : path
        Folder of the bundle, or the run folder that holds it.
    data : path or xr.Dataset
        File, folder or dataset in the task's input format, or what is in memory, as the task's
        `dataset` describes it; None for what was trained on.
    out : path, optional
        File to write; its ending chooses the format, one of the task's products.
    task, settings
        See `load`.
    progress : callable
        Called as ``progress(done, total, text)`` where the data are predicted piece by piece.

    Returns
    -------
    xr.Dataset
        The prediction, laid out as the task's `layout` has it: with its places, times and units.
        Its attribute ``wrote`` is what the product says that it wrote, if it says so.

    Raises
    ------
    DataError
        If the data cannot be used, or no product has that ending.
    """
    place = data if data is None or isinstance(data, str | Path) else IN_MEMORY
    found = load(bundle, task=task, data=place, settings=settings)
    products = found.task.products
    name = "" if out is None else Path(out).name.lower()
    # the longest that fits: .csep.csv before .csv
    ending = max((e for e in products if name.endswith(e)), key=len, default="")
    if out is not None and not ending:
        raise DataError(
            f"no product of {found.task.name} ends in '{Path(name).suffix}'",
            where=str(out),
            fix=f"choose one of {', '.join(sorted(products))}",
        )
    if place == IN_MEMORY:
        found = dataclasses.replace(found, task=_given(found.task, data))
    elif place is not None:
        long = found.task.piecewise(found, place, None if out is None else Path(out), progress)
        if long is not None:
            return long.assign_attrs(found.origin)
    raw = found.task.load(found.config)
    errors = [f for f in check_dataset(raw) if f.level == "error"]
    if errors:
        raise DataError(errors[0].text, where=errors[0].where)
    for line in str(raw.attrs.get("warnings", "")).splitlines()[:TOLD]:
        warnings.warn(line, stacklevel=2)
    samples = found.samples(raw, found.config, future=True)
    if len(samples) == 0:
        raise DataError("there is nothing to predict in these data", where=str(place))
    _warn_of_learnt(samples, found.manifest)
    predicted = found.fitted.predict(samples)
    predicted = predicted.assign_attrs(found.origin)
    for line in found.cautions:
        warnings.warn(line, stacklevel=2)
    wrote = None if out is None else products[ending](predicted, samples, Path(out))
    told = found.task.layout(predicted, samples)
    return told.assign_attrs(wrote=wrote) if wrote else told


def _warn_of_learnt(samples: Samples, manifest: Mapping[str, Any]) -> None:
    """Say where a prediction is of a time that the model has learnt from."""
    last = (manifest.get("trained") or {}).get("last")
    issue = samples.index["t0"].min()
    if last is not None and issue < pd.Timestamp(last):
        warnings.warn(
            f"the model has learnt from what happened until {last}: a prediction issued at {issue} "
            "is no test of it",
            stacklevel=3,
        )


@dataclass(frozen=True)
class Update:
    """What an update found: the champion's and the challenger's scores on the new samples.

    `seconds` tells how long each step took.
    """

    n_new: int
    champion: Score
    challenger: Score | None
    promoted: bool
    text: str
    seconds: Mapping[str, float] = dataclasses.field(default_factory=dict)


def update(
    bundle: str | Path,
    data: str | Path | xr.Dataset,
    out: str | Path | None = None,
    *,
    task: Task | None = None,
    progress: Progress = silent,
) -> Update:
    """Score new data first, refit as challenger, promote only if it is not worse.

    `data` is the whole record, old and new, or where the task can join them (`Task.join`) what came
    since: it is then read after the data that the bundle has learnt from. New samples are those
    later than, or of other groups than, what the bundle was trained on. The champion is scored on
    all of them as they came. The challenger is refitted with the first part of the new blocks and
    both are compared on the rest. Unless it loses there by more than a standard error (a quarter of
    the width of the gain's 95 % interval), it is refitted on all data and replaces the bundle in
    `out` (by default the bundle itself).

    Raises
    ------
    DataError
        If nothing is new.
    """
    from craton.monitor import compare

    if isinstance(data, xr.Dataset):
        found = load(bundle, task=task, data=IN_MEMORY)
        found = dataclasses.replace(found, task=_given(found.task, data))
    else:
        found = load(bundle, task=task, data=data)
    return compare(found, bundle, out, progress)
