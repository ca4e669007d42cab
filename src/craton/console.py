"""What the command line prints."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from craton.config import example, flow, is_pinned
from craton.io.problems import counted, merged
from craton.models.base import about
from craton.result import BLEND, Result, RunConfig
from craton.task import Task

ENOUGH_DAYS = 60
"""Days of record from which on a forecast is offered as the next step."""


def print_result(result: Result, folder: Path) -> None:
    """Print the table of models, the verdict and where the report is."""
    for finding in result.findings:
        if finding.level != "info":
            print(f"note: {finding.where}: {finding.text}")
    print_scores([s.as_dict() for s in result.scores], result.run.level)
    print(
        f"'{result.selected}' was chosen by {result.metrics[0].name} on folds inside the training "
        "part, not by the scores above"
    )
    if BLEND in result.predictions:
        print("blend: weighted mean of candidates, its weights chosen on the same folds")
    if any("nat" in m.units for m in result.metrics):
        print("nat: unit of information; a gain of 1 means e = 2.72 times the probability")
    for line in result.known_answer:
        print(f"known answer of the example {line}")
    print(result.verdict())
    for line in result.cautions:
        print(f"caution: {line}")
    print(f"model: {folder / 'bundle'} (what it is good for: MODEL_CARD.md in it)")
    print(f"report: {folder / 'report.html'} (made in {result.seconds.get('total', 0):.0f} s)")


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
    print(f"{task.name}: {task.title}\n")
    print(inspect.getdoc(task.config) or "")
    print("\nSettings of this task (--set NAME=VALUE) and their defaults")
    fields = task.config.model_fields
    fixed = [name for name, field in fields.items() if is_pinned(field)]
    for name in (n for n in fields if n not in fixed):
        print(_setting(name, fields[name]))
    if fixed:
        print(f"\nPinned by what was trained on, not to be set: {', '.join(fixed)}")
    print("\nSettings of any run")
    for name, field in RunConfig.model_fields.items():
        if name not in ("task", "settings", "models"):
            print(_setting(name, field))
    print("\nModels (--set candidates=NAME,NAME; --set models.NAME.SETTING=VALUE)")
    for name, model in {**task.baselines, **task.models}.items():
        role = " (baseline)" if name == task.baseline else ""
        print(f"  {name}: {about(model)}{role}")
        values = ", ".join(f"{k}={v}" for k, v in model.config.model_dump().items())
        print(f"      {values}" if values else "      no settings")
    print(f"\nData in memory (craton.run(..., data=D), craton.predict(BUNDLE, D)): {task.dataset}")
    print(f"Products of craton predict: {', '.join(task.products)}")


COMMANDS = {
    "stream": ("craton.serve.settings:Feed", "craton.detection:Detection"),
    "catalogue": ("craton.catalogue.settings:CatalogueConfig",),
}
"""Commands that have settings of their own, and the classes of these."""


def print_command(name: str) -> None:
    """Print the settings of a command, with what they mean."""
    for place in COMMANDS[name]:
        module, _, kind = place.partition(":")
        config = getattr(importlib.import_module(module), kind)
        print((inspect.getdoc(config) or "").split("\n\nExamples\n")[0])
        print(f"\nSettings of craton {name} (--set NAME=VALUE) and their defaults")
        for field in config.model_fields.items():
            print(_setting(*field))
        print()


def _setting(name: str, field: Any) -> str:
    """A setting with its default, and how to type it where the default does not show that."""
    default = field.get_default(call_default_factory=True)
    if isinstance(default, bool):
        default = str(default).lower()
    plain = isinstance(default, str | int | float) and default != ""
    if plain:
        return f"  {name} = {default}"
    empty = default is None or len(default) == 0
    value = example(field.annotation, name) if empty else flow(default)
    said = f"{name}={value}"
    quoted = f"'{said}'" if any(c in said for c in " {}[]|") else said
    return f"  {name} = {'not set' if empty else value}    (--set {quoted})"


def print_audit(found: Any) -> None:
    """Print the lines of a leak audit, and how to read them."""
    marks = {"warning": "! -", "error": "!! -"}
    for finding, line in zip(found.findings, found.summary, strict=True):
        print(f"{marks.get(finding.level, '-')} {line}")
    print("Gains and differences are positive where better, their intervals in brackets. A leak is")
    print("what a model can know of a test sample only because of how the samples were dealt.")


def print_catalogue(found: Any, folder: Path) -> None:
    """Print what a catalogue was made with, what is odd, its numbers and its files."""
    from craton.catalogue.writing import verdict

    for level, where, text in merged(f for f in found.findings if f.level != "info"):
        print(f"{level}: {where}: {text}")
    for line in found.used:
        print(line)
    print(verdict(found))
    for text, right in found.answer:
        print(
            f"known answer of the example {'came back' if right else 'DID NOT COME BACK'}: {text}"
        )
    if found.replaced:
        print(f"an earlier catalogue in {folder} was replaced")
    pictures = {
        "map": "map.png" in found.files, "section": "section.png" in found.files,
        "picks by station": len(found.picks), "residuals": found.picks["residual_s"].notna().any(),
    }  # fmt: skip
    shown = ", ".join(name for name, there in pictures.items() if there)
    print(f"report: {folder / 'report.html'}" + (f" ({shown})" if shown else ""))
    print(f"picks: {folder / 'picks.csv'}")
    if not len(found.events):
        return
    print(f"events: {folder / 'events.csv'} and {folder / 'events.xml'}")
    if found.events["magnitude"].notna().any():
        place = folder / "events.csv"
        ready = found.days >= ENOUGH_DAYS
        print(f"forecast: craton run earthquake-forecast --set data={place}" if ready
              else "a forecast wants months of record")  # fmt: skip


def print_streamed(found: Any, path: Path) -> None:
    """Print how many picks a feed has given, and how many there are with those before."""
    if found.picks == 0 < found.picks_in_all:
        print(f"nothing new since the last call ({counted(found.picks_in_all, 'pick')} in all, "
              f"in {path})")  # fmt: skip
        return
    said = counted(found.picks, "pick")
    if found.picks < found.picks_in_all:
        said = f"{counted(found.picks, 'new pick')}, {found.picks_in_all} in all,"
    print(f"{said} in {path}, from {found.recorded:.0f} s of record")


def print_csep(found: Any, level: float = 0.05) -> None:
    """Print a table of CSEP tests, comparisons, and how to read them."""
    from craton.csep.files import rows

    table = Table(title=found.forecast)
    for column in ("test", "looks at", "observed", "P(≥ observed)", "P(≤ observed)"):
        table.add_column(column, justify="left" if column in ("test", "looks at") else "right")
    table.add_column(f"at {100 * level:g} %")
    for row in rows(found.tests, level):
        table.add_row(*row)
    Console(width=None if Console().is_terminal else 140).print(table)
    for c in found.comparisons:
        interval = "" if c.low != c.low else f" [{c.low:+.3f}, {c.high:+.3f}]"
        print(f"{c.name}: {c.gain:+.3f}{interval} nats an event over the other forecast, "
              f"p = {c.p_value:.2g}, {c.n} events")  # fmt: skip
    for note in found.notes:
        print(f"note: {note}")
    print("P: share of the outcomes that the forecast itself expects. N fails if either is below")
    print(f"{level / 2:g}: the forecast is too low (≥) or too high (≤). The others fail if what")
    print(f"came is less likely than {100 - 100 * level:g} % of these outcomes.")


def print_checks(found: Sequence[Any]) -> None:
    """Print a line a conformance check."""
    for check in found:
        print(f"{'pass' if check.passed else 'FAIL'}  {check.name}: {check.seen}")


def _n(value: float | None, sign: str = "") -> str:
    return "-" if value is None else f"{value:{sign}.4g}"
