"""What the command line prints."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from craton.checks import Finding
from craton.config import build, parse_settings
from craton.conformance import Check
from craton.console import print_audit, print_checks, print_result, print_scores, print_task
from craton.scoring import Score
from craton.task import find_task
from craton.tasks.sst_forecast import OceanConfig
from craton.tasks.well_lithofacies import WellConfig
from tests import worlds

LINE = Score("t", "linear", "selected", "rmse", "lower", 1.23456, 1.0, 2.0, 0.5, 0.25, 1.0, 40, "s")
BASE = dataclasses.replace(LINE, model="mean", role="baseline", score=2.0, gain=0.0)


def table(capsys: pytest.CaptureFixture[str], *lines: Score, level: float = 0.95) -> list[str]:
    print_scores([line.as_dict() for line in lines], level)
    return [line.strip() for line in capsys.readouterr().out.splitlines() if line.strip()]


def cells(line: str) -> list[str]:
    return [c.strip() for c in line.strip("│┃").replace("┃", "│").split("│")]


def test_a_line_has_the_score_and_the_gain_with_their_intervals(capsys) -> None:
    (line,) = [text for text in table(capsys, LINE) if "linear" in text]
    assert cells(line) == ["linear", "selected", "1.235", "1 .. 2", "+0.5", "+0.25 .. +1"]


def test_the_largest_gain_comes_first(capsys) -> None:
    said = "\n".join(table(capsys, BASE, LINE))
    assert said.index("linear") < said.index("mean")


def test_each_metric_has_a_table_that_tells_its_direction(capsys) -> None:
    other = dataclasses.replace(LINE, metric="accuracy", better="higher", n=39)
    titles = [line for line in table(capsys, LINE, other) if "samples" in line]
    assert titles == [
        "rmse (lower is better, 40 samples)",
        "accuracy (higher is better, 39 samples)",
    ]


def test_what_is_not_a_number_is_a_dash(capsys) -> None:
    nothing = dataclasses.replace(LINE, low=float("-inf"), gain=float("nan"))
    (line,) = [text for text in table(capsys, nothing) if "linear" in text]
    assert cells(line)[3:5] == ["- .. 2", "-"]


def test_the_heads_name_the_coverage_asked_for(capsys) -> None:
    head = next(text for text in table(capsys, LINE, level=0.9) if "model" in text)
    assert cells(head) == ["model", "role", "score", "90 %", "gain over baseline", "90 %"]


def test_a_result_gives_its_warnings_the_verdict_and_the_report(capsys) -> None:
    result = worlds.result_of("labels")
    findings = [Finding("warning", "has gaps", "well 7"), Finding("info", "is long", "well 8")]
    print_result(dataclasses.replace(result, findings=findings), Path("out"))
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "note: well 7: has gaps"
    assert said[-3] == result.verdict()
    assert said[-2].startswith(f"model: {Path('out') / 'bundle'} ") and "MODEL_CARD.md" in said[-2]
    assert said[-1].startswith(f"report: {Path('out') / 'report.html'} (made in ")
    chosen = next(line for line in said if "was chosen by log_loss" in line)
    assert "folds inside the training part" in chosen
    assert not any("well 8" in line for line in said)


def test_a_result_gives_notes_the_known_answer_and_cautions_beside_the_verdict(capsys) -> None:
    result = worlds.result_of("labels")
    answer = [("the law is found", True), ("the noise is left alone", False)]
    task = dataclasses.replace(
        result.task, answer=lambda result: answer, cautions=lambda result: ["it is too sure"]
    )
    findings = [Finding("note", "9 of 10 events are not used", "events")]
    print_result(dataclasses.replace(result, task=task, findings=findings), Path("out"))
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "note: events: 9 of 10 events are not used"
    at = said.index(result.verdict())
    assert said[at - 2 : at] == [
        "known answer of the example found: the law is found",
        "known answer of the example NOT FOUND: the noise is left alone",
    ]
    assert said[at + 1] == "caution: it is too sure"


def test_a_task_tells_every_setting_with_its_default_and_every_model(capsys) -> None:
    task = worlds.LABELS
    print_task(task)
    said = capsys.readouterr().out
    assert said.startswith(f"{task.name}: {task.title}\n")
    assert "\n  n = 400\n" in said and "\n  seed = 0\n" in said
    assert all(f"\n  {name}: " in said for name in (*task.models, *task.baselines))
    assert "every sample gets the class frequencies" in said
    assert said.rstrip().endswith(".csv")


def test_a_setting_shows_how_it_is_typed_and_a_pinned_one_stands_apart(capsys) -> None:
    print_task(find_task("well-lithofacies"))
    said = capsys.readouterr().out
    typed = re.search(r"--set '(columns=.*?)'\)", said)[1]
    assert build(WellConfig, parse_settings([typed])).columns == {"NAME_WANTED": "NAME_IN_FILE"}
    assert "not to be set: units, typical, step" in said
    assert "\n  typical" not in said and "()" not in said and "{}" not in said
    print_task(find_task("sst-forecast"))
    typed = re.search(r"--set '(regions=.*?)'\)", capsys.readouterr().out)[1]
    assert build(OceanConfig, parse_settings([typed])).regions == OceanConfig().regions


def test_an_audit_is_a_list(capsys) -> None:
    found = [Finding("info", "none found"), Finding("warning", "one looked at")]
    print_audit(SimpleNamespace(findings=found, summary=[f.text for f in found]))
    first, second, *legend = capsys.readouterr().out.splitlines()
    assert (first, second) == ("- none found", "! - one looked at")
    assert "positive where better" in " ".join(legend)


def test_a_check_that_failed_stands_out(capsys) -> None:
    print_checks([Check("blind", True, "5 targets"), Check("sound", False, "rmse 3")])
    assert capsys.readouterr().out == "pass  blind: 5 targets\nFAIL  sound: rmse 3\n"
