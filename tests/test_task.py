"""Tasks are found by name without being imported, or in a stranger's file."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

from craton.errors import ConfigError, DataError
from craton.models.base import Model
from craton.task import Task, find_task, task_names
from tests.worlds_core import TASK, Sign

FILE = """
from tests.worlds_core import TASK as OTHER
from dataclasses import replace
TASK = replace(OTHER, name="mine")
"""


def test_every_task_of_ours_has_a_title_and_is_what_its_file_is_called() -> None:
    names = task_names()
    assert {"table-classification", "well-lithofacies", "sst-forecast"} <= set(names)
    for name, (title, source) in names.items():
        assert source == "craton" and title and not title.endswith(".")
        task = find_task(name)
        assert isinstance(task, Task) and task.name == name
        assert task.baseline in task.baselines
        assert all(isinstance(m, Model) for m in (*task.models.values(), *task.baselines.values()))
        for both in set(task.models) & set(task.baselines):
            assert task.models[both].config == task.baselines[both].config
        assert task.config.model_fields["data"].default is None
        assert all(ending.startswith(".") for ending in task.products) and task.products


def test_a_misspelt_name_gets_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"no task 'well-facies'.*did you mean 'well-"):
        find_task("well-facies")


def test_a_task_in_a_file_of_ones_own_is_found(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(FILE)
    assert find_task(str(tmp_path / "mine.py")).name == "mine"


def test_two_files_of_one_name_are_two_tasks(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.py").write_text(FILE.replace("mine", folder))
    assert [find_task(str(tmp_path / f / "mine.py")).name for f in ("a", "b")] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "said"),
    [("x = 1\n", "defines no TASK"), ("TASK = 3\n", "defines no TASK"), ("def (:\n", "not Python")],
)
def test_a_file_without_a_task_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "mine.py").write_text(text)
    with pytest.raises(ConfigError, match=said):
        find_task(str(tmp_path / "mine.py"))


def test_a_file_that_is_not_there_is_refused() -> None:
    with pytest.raises(DataError, match=r"nowhere\.py: there is no such file"):
        find_task("nowhere.py")


def test_a_task_of_another_package_is_found_by_its_entry_point(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    point = importlib.metadata.EntryPoint("tiny", "tests.worlds_core", "craton.tasks")

    def points(group: str) -> list[importlib.metadata.EntryPoint]:
        return [point] if group == "craton.tasks" else []

    monkeypatch.setattr(importlib.metadata, "entry_points", points)
    assert task_names()["tiny"] == ("tests.worlds_core", "?")
    assert find_task("tiny") is TASK


def test_a_model_of_a_task_is_unfitted_and_takes_settings() -> None:
    model = TASK.model("by-b", {"added": 2.0})
    assert isinstance(model, Sign) and (model.config.column, model.config.added) == (1, 2.0)
    assert model is not TASK.models["by-b"]
    with pytest.raises(ConfigError, match=r"tiny: there is no model 'by-d'.*did you mean"):
        TASK.model("by-d")
    with pytest.raises(ConfigError, match="'added' is 0"):
        TASK.model("by-a", {"added": 0})


def test_a_task_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        TASK.name = "other"  # type: ignore[misc]


def test_the_command_line_names_a_misspelt_task_in_one_line_and_ends_with_2() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "craton.cli", "run", "sst-forcast"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "did you mean 'sst-forecast'" in done.stderr
