"""What the command line prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from craton.result import Result, RunConfig
from craton.task import Task


def print_result(result: Result, folder: Path) -> None:
    """Print the table of models, the verdict and where the report is."""
    for finding in result.findings:
        if finding.level == "warning":
            print(f"note: {finding.where}: {finding.text}")
    print_scores([s.as_dict() for s in result.scores], result.run.level)
    print(result.verdict())
    print(f"report: {folder / 'report.html'}")


def print_scores(scores: Sequence[Mapping[str, Any]], level: float = 0.95) -> None:
    """Print a line a model: score with interval and gain over the baseline, by metric."""
    share = f"{100 * level:g}"
    console = Console(width=None if Console().is_terminal else 140)
    metrics = list(dict.fromkeys(s["metric"] for s in scores))
    for metric in metrics:
        lines = [s for s in scores if s["metric"] == metric]
        table = Table(title=f"{metric} ({lines[0]['better']} is better, {lines[0]['n']} samples)")
        for column in ("model", "role", "score", f"{share} %", "gain over baseline", f"{share} %"):
            table.add_column(column, justify="left" if column in ("model", "role") else "right")
        for s in sorted(lines, key=lambda s: -(s["gain"] or 0.0)):
            style = "bold" if s["role"] == "selected" else None
            table.add_row(
                s["model"], s["role"], _n(s["score"]), f"{_n(s['low'])} .. {_n(s['high'])}",
                _n(s["gain"], "+"), f"{_n(s['gain_low'], '+')} .. {_n(s['gain_high'], '+')}",
                style=style,
            )  # fmt: skip
        console.print(table)


def print_task(task: Task) -> None:
    """Print the settings of a task, of a run, and the models that can be chosen and set."""
    import inspect

    print(f"{task.name}: {task.title}\n")
    print(inspect.getdoc(task.config) or "")
    print("\nSettings of this task (--set NAME=VALUE) and their defaults")
    for name, field in task.config.model_fields.items():
        print(f"  {name} = {field.get_default(call_default_factory=True)!r}")
    print("\nSettings of any run")
    for name, field in RunConfig.model_fields.items():
        if name not in ("task", "settings", "models"):
            print(f"  {name} = {field.get_default(call_default_factory=True)!r}")
    print("\nModels (--set candidates=NAME,NAME; --set models.NAME.SETTING=VALUE)")
    for name, model in {**task.baselines, **task.models}.items():
        print(f"  {name}: {', '.join(f'{k}={v}' for k, v in model.config.model_dump().items())}")
    print(f"\nProducts of craton predict: {', '.join(task.products)}")


def print_audit(found: Any) -> None:
    """Print the lines of a leak audit."""
    marks = {"info": "-", "warning": "! -", "error": "!! -"}
    for finding, line in zip(found.findings, found.summary, strict=True):
        print(f"{marks[finding.level]} {line}")


def print_checks(found: Sequence[Any]) -> None:
    """Print a line a conformance check."""
    for check in found:
        print(f"{'pass' if check.passed else 'FAIL'}  {check.name}: {check.seen}")


def _n(value: float | None, sign: str = "") -> str:
    return "-" if value is None else f"{value:{sign}.4g}"
