"""The command line as a person uses it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from craton import engine
from craton.cli import _extent
from craton.result import RunConfig
from craton.task import find_task

QUICK = [
    part
    for setting in ("candidates=[logistic]", "folds=2", "bootstrap=100", "explain=20")
    for part in ("--set", setting)
]


def test_list_names_every_task_with_its_title(craton):
    code, said = craton("list")
    assert code == 0
    assert "earthquake-forecast" in said
    assert len(said.splitlines()) == len(
        list(Path(__file__).parents[1].glob("src/craton/tasks/[!_]*.py"))
    )


def test_list_tells_what_can_be_set_in_a_task(craton):
    code, said = craton("list", "earthquake-forecast")
    assert code == 0
    assert "horizon = 7.0" in said
    assert "candidates = not set    (--set candidates=WORD,WORD)" in said
    assert "background=kernel" in said


def test_list_tells_what_can_be_set_in_a_stream(craton):
    """The feed's settings and those of detection, with their meaning."""
    code, said = craton("list", "stream")
    assert code == 0 and "Seconds between two looks at files" in said and "  wait = 30.0" in said
    assert "the peak of a run of scores" in said and "  overlap = 0.5" in said
    assert ">>>" not in said


def test_list_tells_what_can_be_set_in_a_catalogue_and_its_help_says_so(craton):
    code, said = craton("list", "catalogue")
    assert code == 0 and "StationXML (with responses" in said and "  chunk_hours = 6.0" in said
    assert "--set stations=" in said
    assert "craton list catalogue" in craton("catalogue", "--help")[1]


def test_a_bare_word_is_a_list_of_one(craton):
    quick = ("--set", "candidates=logistic", *QUICK[2:])
    assert craton("run", "table-classification", *quick, "--out", "r")[0] == 0


def test_a_run_writes_what_another_program_reads(craton):
    code, said = craton("run", "table-classification", *QUICK, "--out", "r")
    assert code == 0
    assert "report" in said
    names = {p.name for p in Path("r").iterdir()}
    assert {"scores.json", "predictions.nc", "report.html", "config.yaml", "provenance.json",
            "bundle"} <= names  # fmt: skip
    assert "work" not in names
    line = json.loads(Path("r/scores.json").read_text())[0]
    wanted = {"task", "model", "role", "metric", "better", "score", "low", "high", "gain"}
    assert wanted | {"gain_low", "gain_high", "n", "split"} <= set(line)


def test_a_run_is_repeated_from_its_config(craton):
    craton("run", "table-classification", *QUICK, "--out", "r")
    code, _ = craton("run", "--config", "r/config.yaml", "--out", "again")
    assert code == 0
    assert Path("r/scores.json").read_text() == Path("again/scores.json").read_text()


def test_report_prints_the_scores_of_a_run(craton):
    craton("run", "table-classification", *QUICK, "--out", "r")
    code, said = craton("report", "r")
    assert code == 0
    assert "log_loss" in said
    assert "report.html" in said


def test_report_tells_a_folder_that_is_not_there_from_one_of_another_kind(craton):
    assert "no such folder" in craton("report", "nope")[1]
    Path("other").mkdir()
    assert "is not a run folder" in craton("report", "other")[1]


@pytest.mark.parametrize(
    ("sizes", "said"),
    [({"pick": 217}, "217 picks"), ({"event": 1}, "1 event"),
     ({"lead": 12, "lat": 3, "quantile": 2}, "12 lead x 3 lat")],
)  # fmt: skip
def test_what_was_predicted_is_counted(sizes, said):
    """One dimension as things, several as they lie."""
    assert _extent(xr.Dataset({"any": (tuple(sizes), np.zeros(tuple(sizes.values())))})) == said


def test_a_new_task_runs(craton):
    code, said = craton("new", "my-porosity")
    assert code == 0 and "craton predict runs/my-porosity" in said and "docs" in said
    code, said = craton("run", "my_porosity.py", "--set", "bootstrap=100", "--out", "r")
    assert code == 0
    assert "ridge" in said


def test_a_bundle_of_a_task_file_needs_the_file_named(craton):
    craton("new", "my-porosity")
    craton("run", "my_porosity.py", "--set", "bootstrap=100", "--out", "r")
    Path("new.csv").write_text("density,sonic,well\n2.4,80,a\n2.5,82,a\n")
    code, said = craton("predict", "r", "new.csv", "--out", "p.csv")
    assert code == 2 and "--task my_porosity.py" in said
    code, _ = craton("predict", "r", "new.csv", "--out", "p.csv", "--task", "my_porosity.py")
    assert code == 0
    assert len(Path("p.csv").read_text().splitlines()) == 3


def test_update_says_so_when_nothing_is_new(craton):
    craton("new", "my-porosity")
    craton("run", "my_porosity.py", "--set", "bootstrap=100", "--out", "r")
    code, _ = craton("update", "r", "r/none.csv", "--task", "my_porosity.py")
    assert code == 2


def test_doctor_tells_the_versions(craton):
    code, said = craton("doctor")
    assert code == 0
    assert "torch" in said


def test_data_lists_the_registry(craton):
    code, said = craton("data")
    assert code == 0
    assert "seg2016-facies" in said


def test_help_starts_in_a_process_of_its_own():
    done = subprocess.run(
        [sys.executable, "-m", "craton.cli", "--help"], capture_output=True, text=True, check=True
    )
    assert "From geophysical data" in done.stdout


def test_steps_are_counted_from_one_and_those_done_before_say_so(craton):
    quick = ("--set", "bootstrap=100", "--set", "audit=false", "--out", "r")
    craton("new", "my-porosity")
    task = find_task("my_porosity.py")
    run = RunConfig.of("my_porosity.py", {"bootstrap": 100, "audit": False})
    engine.run(run, "r", task=task, keep=True)
    code, said = craton("run", "my_porosity.py", *quick)
    assert code == 0
    assert "[1/1]" in said and "[0/" not in said
    assert "ridge, fold 1, done before" in said
