"""Forecasts at any time and updates with new events, as an observatory asks for them."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from craton import bundle as bundles
from craton import engine, loaded
from craton.config import parse_settings
from craton.data.earthquakes import simulated_catalog
from craton.errors import ConfigError, DataError
from craton.models.base import Fitting
from craton.monitor import trained_on
from craton.tasks.earthquake_forecast import TASK, EarthquakeConfig
from tests.io.fdsn_server import RECORDED, serve

WORLD = simulated_catalog(seed=5, days=1500)
SETTINGS = {
    "magnitude": 3.0, "cell": 1.0, "horizon": 10.0, "train_from": "2001-01-01",
    "test_from": "2003-01-01", "outline": ((34, -120), (34, -116), (38, -116), (38, -120)),
}  # fmt: skip


def catalogue(path: Path, until: str = "2100-01-01", since: str = "1900-01-01") -> Path:
    """Write the world's events between two times as CSV."""
    table = WORLD[["time", "latitude", "longitude", "depth", "magnitude"]].to_dataframe()
    chosen = (table["time"] < pd.Timestamp(until)) & (table["time"] >= pd.Timestamp(since))
    stamps = table["time"].dt.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    table.assign(time=stamps)[chosen].to_csv(path, index=False)
    return path


def fitted(model: str, world: xr.Dataset, folder: Path, **settings: object) -> Path:
    """Fit one model on the windows before the test and save it as a bundle."""
    config = TASK.resolve(world, EarthquakeConfig(**{**SETTINGS, **settings}))
    samples = TASK.samples(world, config, False)
    split = next(iter(TASK.splitter(config, samples).split(samples.index)))
    learnt = samples.take(split.train)
    own = TASK.model(model).fit(learnt, Fitting())
    target = samples.target
    manifest = {
        "task": TASK.name, "settings": config.model_dump(mode="json"), "seed": 0,
        "model": {"name": model, "members": {model: own.config.model_dump(mode="json")}},
        "target": {"name": target.name, "categories": [], "codes": [], "units": target.units,
                   "quantiles": list(target.quantiles)},
        "trained": trained_on(learnt.index),
    }  # fmt: skip
    state = {f"model.{k}": v for k, v in own.state().items()}
    bundles.save(folder, manifest, state, "# A test's model\n")
    return folder


@pytest.fixture(scope="module")
def poisson(tmp_path_factory) -> Path:
    return fitted("poisson", WORLD, tmp_path_factory.mktemp("bundle") / "poisson")


@pytest.fixture(scope="module")
def etas(tmp_path_factory) -> Path:
    return fitted("etas", WORLD, tmp_path_factory.mktemp("bundle") / "etas")


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    return catalogue(tmp_path_factory.mktemp("csv") / "whole.csv")


def test_a_forecast_knows_nothing_from_its_issue_on(etas: Path, whole: Path, tmp_path: Path):
    issue = "2003-06-01T12:00:00"
    late = engine.predict(etas, whole, settings={"issue": issue})
    early = engine.predict(etas, catalogue(tmp_path / "early.csv", until=issue),
                           settings={"issue": issue})  # fmt: skip
    assert early["expected_count"].values.tolist() == late["expected_count"].values.tolist()
    other = engine.predict(etas, whole, settings={"issue": "2003-07-01"})
    assert not np.allclose(other["expected_count"], late["expected_count"])


def test_an_issue_may_name_its_time_zone(etas: Path, whole: Path):
    utc = engine.predict(etas, whole, settings={"issue": "2003-06-01T12:00:00Z"})
    east = engine.predict(etas, whole, settings={"issue": "2003-06-01T14:00:00+02:00"})
    assert utc["expected_count"].equals(east["expected_count"])


def test_an_issue_within_the_training_is_no_test_and_says_so(poisson: Path, whole: Path):
    with pytest.warns(UserWarning, match="has learnt from what happened until 2003-01-01"):
        engine.predict(poisson, whole, settings={"issue": "2002-06-01"})
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        engine.predict(poisson, whole, settings={"issue": "2003-06-01"})


def test_an_issue_far_beyond_the_catalogue_says_what_is_unknown(etas: Path, whole: Path):
    with pytest.warns(UserWarning, match=r"ends 2\d\d\d\.\d days before the issue"):
        found = engine.predict(etas, whole, settings={"issue": "2010-01-01"})
    assert np.isfinite(found["expected_count"]).all()
    # the longer since the last event, the nearer to the background alone
    now = engine.predict(etas, whole)
    assert float(found["expected_count"].sum()) < float(now["expected_count"].sum())
    last = pd.Timestamp(WORLD.time.values[-1])
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        engine.predict(etas, whole, settings={"issue": str(last + pd.Timedelta("20h"))})


@pytest.mark.parametrize("issue", ["1999-01-01", "2000-01-01"])
def test_an_issue_before_the_first_event_is_refused(poisson: Path, whole: Path, issue: str):
    with pytest.raises(DataError, match="no event comes before the issue"):
        engine.predict(poisson, whole, settings={"issue": issue})


@pytest.mark.parametrize("issue", ["soon", "2024-13-01", "01/02/2024", "9999-01-01"])
def test_an_issue_that_is_no_time_is_refused(poisson: Path, whole: Path, issue: str):
    with pytest.raises(ConfigError, match=r"'issue' is .* a time was expected"):
        engine.predict(poisson, whole, settings={"issue": issue})


def test_a_catalogue_that_begins_late_is_told_in_a_forecast_and_refused_in_an_update(
    poisson: Path, tmp_path: Path
):
    late = catalogue(tmp_path / "late.csv", since="2002-01-01")
    with pytest.warns(UserWarning, match="aftershocks of earlier events are missing"):
        engine.predict(poisson, late)
    gone = catalogue(tmp_path / "gone.csv")
    bundle = fitted("poisson", WORLD, tmp_path / "bundle", data=str(gone))
    gone.unlink()
    with pytest.raises(DataError, match=r"gone.csv.*or give the whole record, old and new"):
        engine.update(bundle, late, tmp_path / "new")


def test_new_events_alone_update_as_the_whole_record_does(whole: Path, tmp_path: Path):
    old = catalogue(tmp_path / "old.csv", until="2003-01-01")
    bundle = fitted("poisson", WORLD, tmp_path / "bundle", data=str(old))
    parts = [
        catalogue(tmp_path / f"{since}.csv", until, since)
        for since, until in (("2003-01-01", "2003-09-01"), ("2003-09-01", "2100-01-01"))
    ]
    first = engine.update(bundle, parts[0], tmp_path / "first")
    both = catalogue(tmp_path / "both.csv", until="2003-09-01")
    same = engine.update(bundle, both, tmp_path / "same")
    assert first.promoted and same.promoted
    assert (first.n_new, first.champion.score) == (same.n_new, same.champion.score)
    # the record grows with each promotion
    assert loaded.load(tmp_path / "first").manifest["record"] == [str(old), str(parts[0])]
    last = engine.update(tmp_path / "first", parts[1], tmp_path / "last")
    known = engine.update(tmp_path / "same", whole, tmp_path / "known")
    assert (last.n_new, last.champion.score) == (known.n_new, known.champion.score)


def test_an_update_scores_the_old_model_on_all_that_is_new(poisson: Path, whole: Path, tmp_path):
    found = engine.update(poisson, whole, tmp_path / "new")
    old = loaded.load(poisson, data=whole)
    samples = old.samples(TASK.load(old.config), old.config, future=False)
    new = samples.take(samples.index["t0"] >= pd.Timestamp(old.manifest["trained"]["last"]))
    metric = TASK.metrics(samples)[0]
    stats = metric.stats(new.observed(), old.fitted.predict(new))
    assert found.n_new == len(new)
    assert found.champion.score == pytest.approx(metric.value(stats.sum(axis=0)))
    assert set(found.seconds) >= {"reading", "scoring", "re-estimating"}


def test_a_model_that_was_promoted_has_learnt_all_and_is_not_updated_again(
    etas: Path, whole: Path, tmp_path: Path
):
    found = engine.update(etas, whole, tmp_path / "new")
    assert found.promoted, found.text  # equal but for chance, and it has seen more
    trained = loaded.load(tmp_path / "new", data=whole).manifest["trained"]
    assert pd.Timestamp(trained["last"]) > pd.Timestamp("2004-01-01")
    with pytest.raises(DataError, match="is newer than"):
        engine.update(tmp_path / "new", whole)


def test_windows_after_the_end_of_a_benchmarks_test_are_new_too(whole: Path, tmp_path: Path):
    bundle = fitted("poisson", WORLD, tmp_path / "bundle", test_until="2003-06-01")
    assert engine.update(bundle, whole, tmp_path / "new").n_new > 35


def test_a_new_estimate_starts_from_the_old_one():
    config = TASK.resolve(WORLD, EarthquakeConfig(**SETTINGS))
    samples = TASK.samples(WORLD, config, False)
    steps: list[int] = []
    count = Fitting(0, lambda done, total, text: steps.append(done))
    first = TASK.model("etas").fit(samples, count)
    scratch = len(steps)
    steps.clear()
    again = TASK.model("etas").start_from(first.state()).fit(samples, count)
    assert len(steps) < scratch / 2
    assert np.allclose(again.state()["parameters"], first.state()["parameters"], atol=0.02)


def test_the_command_line_forecasts_from_an_event_service(
    craton, poisson: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serve() as service:
        address = service.url("starttime=2000-01-01&endtime=2001-01-01&minmagnitude=3")
        code, said = craton("predict", poisson, address, "--out", "forecast.csv",
                            "--set", "issue=2000-12-26")  # fmt: skip
        assert code == 0, said
        assert [q["minmagnitude"] for q in service.asked] == ["3"]
    assert "294 events from 127.0.0.1" in said
    assert "warning: the model has learnt from" in said
    table = pd.read_csv(tmp_path / "forecast.csv")
    assert set(table["forecast_reference_time"]) == {"2000-12-26T00:00:00.000000Z"}


def test_the_command_line_says_what_an_update_found(craton, poisson: Path, whole: Path, tmp_path):
    code, said = craton("update", poisson, whole, "--out", tmp_path / "new")
    assert code == 0, said
    for words in ("samples that the model has not learnt from", "re-estimating", "challenger"):
        assert words in said


def test_the_command_line_keeps_the_events_of_a_service(craton, tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serve(refuse_above=100) as service:
        code, said = craton("data", service.url(), "--out", "events.txt")
        assert code == 0, said
        assert "294 events from 2000-01-04T16:05:40 to 2000-12-25T07:01:53" in said
        assert (tmp_path / "events.txt").read_text() == RECORDED.read_text()
        (tmp_path / "events.txt").unlink()
        service.broken[:] = [400]
        code, said = craton("data", service.url(), "--out", "events.txt")
        assert (code, (tmp_path / "events.txt").exists()) == (2, False)
        assert "craton: fdsn:" in said
        assert craton("data", service.url())[0] == 2


def test_an_address_of_a_service_is_a_setting_like_any_other():
    address = "fdsn:https://a.b/fdsnws/event/1/query?starttime=2000-01-01T00:00:00&minmagnitude=3"
    assert parse_settings([f"data={address}"]) == {"data": address}
