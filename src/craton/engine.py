"""The engine: the only place that knows the order of the steps, the same for every task."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import xarray as xr

from craton.checks import Finding, check_dataset
from craton.config import build
from craton.errors import DataError
from craton.judge import Judge
from craton.result import Progress, Result, RunConfig, silent
from craton.samples import Samples
from craton.splits import audit
from craton.store import Store
from craton.task import Task, find_task


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
    findings = check_dataset(data) + list(task.checks(data, config))
    errors = [f for f in findings if f.level == "error"]
    if errors:
        raise DataError(errors[0].text, where=errors[0].where or task.name)
    config = task.resolve(data, config)
    samples = task.samples(data, config, False)
    if len(samples) == 0:
        raise DataError("no sample can be made of these data", where=task.name)
    return task, config, data, samples, findings


def run(
    run: RunConfig,
    out: str | Path | None = None,
    *,
    task: Task | None = None,
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
    task, config, data, samples, findings = prepare(run, task)
    splitter = task.splitter(config, samples)
    splits = list(splitter.split(samples.index))
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


def _judge_further(result: Result, progress: Progress) -> None:
    from craton.explain import explain
    from craton.leaks import leak_audit

    start = time.perf_counter()
    if result.run.audit:
        result.leaks = leak_audit(result, progress)
    result.seconds["leak audit"] = time.perf_counter() - start
    start = time.perf_counter()
    result.explanation = explain(result, progress)
    result.seconds["explanation"] = time.perf_counter() - start
