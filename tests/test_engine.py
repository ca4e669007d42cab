"""The engine from data to bundle, to prediction, to update."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from craton import __version__
from craton import bundle as bundles
from craton.checks import Finding
from craton.engine import load, predict, prepare, run, update
from craton.errors import BundleError, ConfigError, DataError, LeakError
from craton.monitor import drift, new_rows
from craton.result import BLEND, Result, RunConfig
from craton.samples import make_index
from craton.splits import Split
from craton.task import Task
from tests.worlds_core import PLAIN, TASK, Sign, WorldConfig, world, write


@pytest.fixture(autouse=True)
def counted() -> Iterator[None]:
    Sign.forget()
    yield


def started(out: Path | None = None, task: Task = TASK, **settings: Any) -> Result:
    options = {"bootstrap": 200, "audit": False, "explain": 10, **settings}
    return run(RunConfig.of(task.name, options), out, task=task)


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """A run on the example, made once."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    return folder, started(folder)


@pytest.fixture
def ran(whole_run: tuple[Path, Result], tmp_path: Path) -> Path:
    """A copy of the folder of a run on the example."""
    return shutil.copytree(whole_run[0], tmp_path / "run")


@pytest.fixture(scope="module")
def whole_champion(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("champion")
    old = write(folder / "old.csv", world(120))
    started(folder / "run", PLAIN, split="time", data=old, candidates=["by-a"])
    return folder / "run"


@pytest.fixture
def champion(whole_champion: Path, tmp_path: Path) -> Path:
    """A copy of the folder of a run forward in time on the first 120 days."""
    return shutil.copytree(whole_champion, tmp_path / "run")


def content(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}


def test_a_run_writes_scores_of_every_model_and_a_bundle_and_tidies_up(
    whole_run: tuple[Path, Result],
) -> None:
    folder, result = whole_run
    scores = json.loads((folder / "scores.json").read_text())
    assert {s["model"] for s in scores} == {"by-a", "by-b", "by-c", "frequency", BLEND}
    assert result.folder == folder and (folder / "report.html").is_file()
    assert bundles.load(folder / "bundle").manifest["model"]["name"] == result.selected
    assert not (folder / "work").exists()
    assert not [p for p in folder.iterdir() if p.name.startswith(".")]


def test_the_known_answer_is_found_and_the_leak_audit_is_part_of_the_run() -> None:
    result = started(audit=True)
    assert all(holds for _, holds in TASK.answer(result))
    assert result.leaks is not None and result.leaks.summary


@pytest.mark.parametrize("split", ["group", "time"])
def test_the_same_seed_gives_the_same_bits(tmp_path: Path, split: str) -> None:
    first, again = (started(tmp_path / name, split=split) for name in ("a", "b"))
    for name, predicted in first.predictions.items():
        xr.testing.assert_identical(predicted, again.predictions[name])
    assert first.scores == again.scores and first.selection == again.selection
    for name in ("state.safetensors", "manifest.json"):
        a, b = (content(tmp_path / r / "bundle")[name] for r in ("a", "b"))
        assert a == b


class Stop:
    """Interrupts the run, as Ctrl-C does, when this model is fitted for this time."""

    def __init__(self, model: str, times: int) -> None:
        self.model, self.left = model, times

    def __call__(self, done: int, total: int, text: str) -> None:
        if text.startswith(f"{self.model},") and "counting" in text:
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt


@pytest.mark.parametrize(("model", "times"), [("by-a", 3), ("by-b", 1), ("by-c", 9)])
def test_an_interrupted_run_goes_on_where_it_was_and_ends_the_same(
    tmp_path: Path, whole_run: tuple[Path, Result], model: str, times: int
) -> None:
    options = RunConfig.of("tiny", {"bootstrap": 200, "audit": False, "explain": 10})
    _, whole = whole_run
    fits = 3 * 3 * 4 + len(whole.weights)  # splits, models, folds and all of them; then the final
    with pytest.raises(KeyboardInterrupt):
        run(options, tmp_path, task=TASK, progress=Stop(model, times))
    before = len(Sign.fits)
    assert 0 < before < fits and not (tmp_path / "bundle").exists()
    result = run(options, tmp_path, task=TASK)
    # what is lost is the model that was being fitted, its three folds at most
    assert fits <= len(Sign.fits) <= fits + 3
    assert len(Sign.fits) - before < fits - before + 4
    assert result.scores == whole.scores
    for name, predicted in whole.predictions.items():
        xr.testing.assert_identical(predicted, result.predictions[name])


def test_a_run_repeated_from_its_own_settings_is_the_same(tmp_path: Path) -> None:
    from craton.config import read_yaml

    first = started(tmp_path, models={"by-b": {"added": 3.0}}, seed=4)
    again = run(RunConfig(**read_yaml(tmp_path / "config.yaml")), None, task=TASK)
    assert again.scores == first.scores


@pytest.mark.parametrize("task", [TASK, PLAIN], ids=["blend", "one model"])
@pytest.mark.parametrize("split", ["group", "time"])
def test_the_bundle_predicts_what_the_run_predicted(tmp_path: Path, task: Task, split: str) -> None:
    result = started(tmp_path / "run", task, split=split)
    assert result.final is not None
    data = write(tmp_path / "a.csv", world())
    found = predict(tmp_path / "run", data, tmp_path / "p.csv", task=task)
    expected = result.final.predict(result.samples)
    np.testing.assert_array_equal(found["rock"], expected["rock"])
    table = pd.read_csv(tmp_path / "p.csv")
    np.testing.assert_allclose(table["probability_shale"], expected["rock"][:, 1], rtol=5e-6)
    assert found.attrs["model"] == result.final.name


def test_the_folder_of_the_bundle_and_that_of_the_run_are_the_same_to_a_user(
    ran: Path,
) -> None:
    a, b = (predict(p, None, task=TASK) for p in (ran, ran / "bundle"))
    xr.testing.assert_identical(a, b)


def test_a_product_that_the_task_does_not_write_is_refused_with_those_it_does(
    tmp_path: Path, ran: Path
) -> None:
    for name in ("p.tif", "p"):
        with pytest.raises(DataError, match=r"no product of tiny ends in .*choose one of \.csv"):
            predict(ran, None, tmp_path / name, task=TASK)
    assert not (tmp_path / "p.tif").exists()


def test_what_a_product_tells_of_itself_comes_with_the_prediction(
    tmp_path: Path, ran: Path
) -> None:
    def two_things(predicted: Any, samples: Any, path: Path) -> str:
        return "2 things"

    telling = replace(TASK, products={".csv": two_things})
    assert predict(ran, None, tmp_path / "p.csv", task=telling).attrs["wrote"] == "2 things"
    assert "wrote" not in predict(ran, None, tmp_path / "p.csv", task=TASK).attrs


def test_data_without_a_column_that_was_trained_on_are_refused(tmp_path: Path, ran: Path) -> None:
    data = write(tmp_path / "a.csv", world().drop(columns="b"))
    with pytest.raises((DataError, KeyError)):
        predict(ran, data, tmp_path / "p.csv", task=TASK)
    assert not (tmp_path / "p.csv").exists()


def test_infinite_values_stop_a_run_and_a_prediction_before_anything_is_fitted(
    tmp_path: Path, ran: Path
) -> None:
    Sign.forget()
    table = world()
    table.loc[3, "a"] = np.inf
    data = write(tmp_path / "a.csv", table)
    with pytest.raises(DataError, match="variable 'a': 1 infinite"):
        started(tmp_path / "other", data=data)
    with pytest.raises(DataError, match="variable 'a': 1 infinite"):
        predict(ran, data, tmp_path / "p.csv", task=TASK)
    assert Sign.fits == [] and not (tmp_path / "other").exists()


def test_a_finding_of_the_tasks_own_stops_the_run_if_it_is_an_error() -> None:
    task = replace(TASK, checks=lambda d, c: [Finding("error", "depth in feet", "well 3")])
    with pytest.raises(DataError, match="well 3: depth in feet"):
        prepare(RunConfig.of("tiny", {}), task)


class Leaky:
    """A splitter that deals rows of one well to both sides."""

    def blocks(self, index: pd.DataFrame) -> np.ndarray[Any, Any]:
        return np.arange(len(index))

    def split(self, index: pd.DataFrame) -> Iterator[Split]:
        rows = np.arange(len(index))
        yield Split(rows[::2], rows[:0], rows[1::2])

    def folds(self, index: pd.DataFrame, n: int) -> Iterator[Split]:
        yield from self.split(index)


def test_a_leaky_split_is_refused_before_anything_is_fitted(tmp_path: Path) -> None:
    with pytest.raises(LeakError, match="group"):
        started(tmp_path / "run", replace(TASK, splitter=lambda config, samples: Leaky()))
    assert Sign.fits == [] and not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"candidates": ["by-d"]}, "no model 'by-d'.*did you mean 'by-"),
        ({"models": {"by-a": {"colum": 1}}}, "no setting 'colum'.*'column'"),
        ({"splt": "time"}, "no setting 'splt'.*did you mean 'split'"),
        ({"split": "space"}, "'split' is 'space'"),
    ],
)
def test_a_wrong_setting_is_one_message_before_anything_is_read(
    settings: dict[str, Any], said: str
) -> None:
    def unread(config: WorldConfig) -> xr.Dataset:
        raise AssertionError("data were read")

    with pytest.raises(ConfigError, match=said):
        started(task=replace(TASK, load=unread), **settings)


def test_what_must_be_told_is_kept_in_the_bundle_and_said_by_every_prediction(
    tmp_path: Path,
) -> None:
    task = replace(TASK, cautions=lambda result: [f"'{result.selected}' is too sure\x1b[2J"])
    started(tmp_path / "run", task)
    assert "is too sure" in (tmp_path / "run" / "bundle" / "MODEL_CARD.md").read_text()
    with pytest.warns(UserWarning, match="is too sure"):
        found = predict(tmp_path / "run", None, task=TASK)
    # no bundle moves the cursor of a terminal
    assert found.attrs["caution"].endswith("is too sure[2J")


def test_a_prediction_names_the_bundle_that_it_comes_from(ran: Path) -> None:
    found = predict(ran, None, task=TASK)
    digest = (ran / "bundle" / "manifest.sha256").read_text().strip()
    assert (found.attrs["bundle_sha256"], found.attrs["task"]) == (digest, TASK.name)
    assert found.attrs["craton"] == __version__ and "caution" not in found.attrs


def damaged(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change a manifest and sign it anew, as an attacker would."""
    path = folder / "bundle" / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    (path.parent / "manifest.sha256").write_text(digest)


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.pop("model"),
        lambda m: m.pop("target"),
        lambda m: m["model"].update(members=[1]),
        lambda m: m["model"].update(name="other"),
        lambda m: m.update(settings=None),
        lambda m: m["target"].pop("codes"),
        lambda m: m.update(cautions="none"),
    ],
)
def test_a_manifest_that_lacks_something_is_refused(
    ran: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    damaged(ran, change)
    with pytest.raises(BundleError, match="its manifest"):
        load(ran, task=TASK)


def test_a_manifest_that_names_a_file_as_its_task_does_not_have_it_run(
    tmp_path: Path, ran: Path
) -> None:
    code = tmp_path / "evil.py"
    code.write_text(f"open({str(tmp_path / 'went-off')!r}, 'w')\n")
    damaged(ran, lambda m: m.update(task=str(code)))
    with pytest.raises(BundleError, match="no bundle may have run"):
        load(ran)
    assert not (tmp_path / "went-off").exists()


def test_a_bundle_of_a_task_that_is_not_installed_says_so(ran: Path) -> None:
    with pytest.raises(ConfigError, match="no task 'tiny'"):
        load(ran)


def test_an_update_promotes_a_challenger_that_is_not_worse(tmp_path: Path, champion: Path) -> None:
    before = content(champion / "bundle")
    trained = bundles.load(champion / "bundle").manifest["trained"]
    new = write(tmp_path / "new.csv", pd.concat([world(120), world(240, 3)[120:]]))
    found = update(champion, new, task=PLAIN)
    assert trained["n"] == 84  # the first 0.7 of 119 days
    assert found.n_new == 240 - 84
    assert found.challenger is not None and found.promoted, found.text
    after = bundles.load(champion / "bundle").manifest
    assert after["trained"]["n"] == 240
    assert content(champion / "bundle.before") == before
    assert predict(champion, new, task=PLAIN).sizes["sample"] == 240


def test_an_update_keeps_the_champion_where_the_challenger_is_worse(
    tmp_path: Path, champion: Path
) -> None:
    before = content(champion / "bundle")
    # a spell of turned columns first, on which the challenger learns; then as ever
    table = pd.concat([world(120), world(2000, 3, slice(120, 1060))[120:]])
    found = update(champion, write(tmp_path / "new.csv", table), task=PLAIN)
    assert not found.promoted and found.challenger is not None
    assert found.challenger.score > found.champion.score * 0.9
    assert content(champion / "bundle") == before
    assert not (champion / "bundle.before").exists()


def test_an_update_with_another_place_leaves_the_old_bundle(tmp_path: Path, champion: Path) -> None:
    before = content(champion / "bundle")
    new = write(tmp_path / "new.csv", pd.concat([world(120), world(240, 3)[120:]]))
    assert update(champion, new, tmp_path / "better", task=PLAIN).promoted
    assert content(champion / "bundle") == before
    assert bundles.load(tmp_path / "better").manifest["trained"]["n"] == 240


def test_an_update_refuses_where_nothing_is_new(tmp_path: Path, ran: Path) -> None:
    data = write(tmp_path / "same.csv", world())
    with pytest.raises(DataError, match=r"none of the 240 samples is newer"):
        update(ran, data, task=TASK)


def test_one_new_group_is_scored_but_nothing_is_compared(tmp_path: Path, ran: Path) -> None:
    fits = len(Sign.fits)
    table = pd.concat([world(), world(240, 9)[:40].assign(well="new")])
    found = update(ran, write(tmp_path / "a.csv", table), task=TASK)
    assert (found.n_new, found.challenger, found.promoted) == (40, None, False)
    assert np.isfinite(found.champion.score) and len(Sign.fits) == fits


def test_a_challenger_learns_no_target_that_ends_in_the_time_it_is_judged_on(
    tmp_path: Path,
) -> None:
    def long(data: xr.Dataset, config: WorldConfig, future: bool) -> Any:
        found = TASK.samples(data, config, future)
        return replace(found, index=found.index.assign(t1=found.index["t0"] + pd.Timedelta("8D")))

    task = replace(PLAIN, samples=long)
    old = write(tmp_path / "old.csv", world(120))
    started(tmp_path / "run", task, split="time", data=old, candidates=["by-a"])
    Sign.forget()
    new = write(tmp_path / "new.csv", pd.concat([world(120), world(240, 3)[120:]]))
    update(tmp_path / "run", new, task=task)
    learnt = Sign.fits[0][1]
    judged = min(int(rows.min()) for _, rows in Sign.predictions[1:] if len(rows) < 240)
    later = [rows for _, rows in Sign.predictions if set(rows).isdisjoint(learnt)]
    assert later and max(learnt) + 8 <= min(int(rows.min()) for rows in later[-2:])
    assert judged <= min(int(rows.min()) for rows in later[-2:])


DAYS = pd.date_range("2000-01-01", periods=5, freq="D")


@pytest.mark.parametrize(
    ("index", "trained", "rows"),
    [
        (make_index(5, t0=DAYS), {"last": "2000-01-04", "groups": [], "n": 1}, [4]),
        (make_index(5, t0=DAYS, t1=DAYS + DAYS.freq), {"last": "2000-01-04", "n": 1}, [3, 4]),
        (make_index(5, group=list("abcab")), {"last": None, "groups": ["a", "b"]}, [2]),
        (make_index(5), {"last": None, "groups": [], "n": 3}, [3, 4]),
        (make_index(5, t0=DAYS), {"last": "2001-01-01", "groups": [], "n": 1}, []),
    ],
    ids=["later", "issued when the last one ended", "another group", "further rows", "nothing"],
)
def test_new_is_what_is_later_or_of_another_group_or_further_down(
    index: pd.DataFrame, trained: dict[str, Any], rows: list[int]
) -> None:
    assert new_rows(index, trained).tolist() == rows


def test_drift_finds_the_variable_that_was_shifted() -> None:
    samples = TASK.samples(TASK.load(WorldConfig()), WorldConfig(), False)
    x = samples.inputs()["x"].copy()
    x[:, 1] += 5
    found = drift(samples, samples.with_inputs({"x": x})).set_index("name")
    assert found.loc["b", "statistic"] == 1 and found.loc["a", "statistic"] == 0
    low, high = np.percentile(x[:, 1], [25, 75])
    assert found.loc["b", "shift"] == pytest.approx(5 / (high - low), rel=1e-5)


def test_explanations_can_be_left_out(tmp_path: Path) -> None:
    assert started(tmp_path / "run", explain=0).explanation is None
    assert "Explanations were switched off" in (tmp_path / "run/report.html").read_text()
