"""The leak audit: how much of a score would be a leak under a naive split, and where leaks hide.

It sets the score that randomly dealt folds would have claimed beside the honest one, fits the
coordinates alone, looks for duplicates and for shared places across the split, measures how far
test samples are from what was trained on, and looks for a column that gives the target away.

References
----------
Kapoor and Narayanan 2023, doi:10.1016/j.patter.2023.100804 (leakage in applied machine learning);
Roberts et al. 2017, doi:10.1111/ecog.02881 (cross-validation under dependence).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pandas as pd

from craton.blocks import split_findings, suggestion
from craton.checks import Finding
from craton.errors import CratonError, LeakError
from craton.independence import audit
from craton.judge import suited
from craton.leak_items import ITEMS, Evidence
from craton.models.base import Fitting, Model
from craton.result import Progress, Result, RunConfig, silent
from craton.samples import Samples
from craton.splits import Split, Splitter
from craton.task import Task

NUMBERS = ("item", "split", "what", "value", "low", "high", "n", "units")


@dataclass(frozen=True)
class LeakAudit:
    """What a leak audit found.

    Attributes
    ----------
    probe : str
        The model that was fitted under both splits.
    findings : list of Finding
        One or more for each item; what needs attention is a warning.
    numbers : pd.DataFrame
        `item`, `split` (random, honest), `what`, `value`, `low`, `high`, `n`, `units`.
    summary : list of str
        The same in plain sentences.
    """

    probe: str
    findings: list[Finding]
    numbers: pd.DataFrame
    summary: list[str]


def leak_audit(result: Result, progress: Progress = silent) -> LeakAudit:
    """Audit a run for leaks.

    Parameters
    ----------
    result : Result
        A run with its fitted models.
    progress : callable
        Called as ``progress(done, total, text)``.

    Returns
    -------
    LeakAudit
    """
    candidates = _candidates(result.task, result.run, result.samples)
    fitted = [{n: f.model for n, f in models.items()} for models in result.fitted]
    doubts = [f for f in result.findings if f.where == "split"]
    evidence = Evidence(
        result.task, result.run, result.samples, result.splits, result.splitter,
        result.metrics[:2], candidates[0], fitted, progress,
    )  # fmt: skip
    evidence.findings[:0] = doubts
    return _audit(evidence)


def quick_audit(run: RunConfig, task: Task | None = None, progress: Progress = silent) -> LeakAudit:
    """Audit data and split with the probe alone, without a whole run.

    Parameters
    ----------
    run : RunConfig
        Which task, with which settings.
    task : Task, optional
        The declaration, if it is not to be looked up by name.
    progress : callable
        Called as ``progress(done, total, text)``.

    Returns
    -------
    LeakAudit

    Raises
    ------
    ConfigError, DataError, ModelError
        As in a run. A split that leaks is audited all the same, with a finding that says so.
    """
    from craton.engine import prepare

    task, config, _, samples, _ = prepare(run, task)
    splitter = task.splitter(config, samples)
    splits = list(splitter.split(samples.index))
    candidates = _candidates(task, run, samples)
    names = dict.fromkeys([task.baseline, candidates[0]])
    if task.coordinates_only:
        names[task.coordinates_only] = None
    fitted: list[Mapping[str, Model]] = []
    refused = _refused(samples, splitter, splits)
    for i, split in enumerate(splits):
        progress(i, len(splits), f"leak audit: honest split {split.name}")
        train = samples.take(split.train)
        models = {n: task.model(n, run.models.get(n)) for n in names}
        fitted.append({n: m.fit(train, Fitting(run.seed)) for n, m in models.items()})
    metrics = list(task.metrics(samples))[:2]
    evidence = Evidence(
        task, run, samples, splits, splitter, metrics, candidates[0], fitted, progress
    )
    evidence.findings[:0] = refused
    return _audit(evidence)


def _candidates(task: Task, run: RunConfig, samples: Samples) -> list[str]:
    """In the task's order; baselines that are candidates come last."""
    wanted = run.candidates or suited(task, samples)
    return [n for n in dict.fromkeys([*task.models, *task.baselines]) if n in wanted]


def _refused(samples: Samples, splitter: Splitter, splits: list[Split]) -> list[Finding]:
    """What speaks against the split, and the splits that a run would refuse."""
    found = []
    for finding in split_findings(samples, splitter):
        if finding.level == "error":
            text = f"a run would refuse this split: {finding.text}. To mend it: "
            finding = replace(finding, text=text + suggestion(samples, splitter))
        found.append(finding)
    for split in splits:
        try:
            audit(samples.index, split)
        except LeakError as error:
            found.append(Finding("error", f"a run would refuse this split: {error}", "split"))
    return found


def _audit(evidence: Evidence) -> LeakAudit:
    for i, (name, item) in enumerate(ITEMS):
        evidence.progress(i, len(ITEMS), f"leak audit: {name}")
        try:
            item(evidence)
        except CratonError as error:
            evidence.note("info", f"does not apply here: {error}", name)
    numbers = pd.DataFrame(evidence.numbers, columns=list(NUMBERS))
    summary = [f"{f.where.capitalize()}: {f.text}" for f in evidence.findings]
    return LeakAudit(evidence.probe, evidence.findings, numbers, summary)
