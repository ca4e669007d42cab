"""Event types from tables in memory, miniSEED of one's own, and the icequakes of Alaska."""

import json
import os

import numpy as np
import pandas as pd
import pytest

import craton
from craton.data.seismic_sources import RATE, synthetic_sources
from craton.engine import run
from craton.errors import ConfigError, DataError
from craton.result import RunConfig

FEW = {
    "candidates": ["extra-trees"],
    "models": {"extra-trees": {"trees": 20}},
    "audit": False,
    "explain": 10,
    "bootstrap": 100,
    "folds": 2,
    "splits": 2,
}


def table(n=120, seed=0):
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        label = ("earthquake", "explosion", "surface")[i % 3]
        for station in ("A", "B"):
            a, b = rng.normal(size=2) + (i % 3, -(i % 3))
            rows.append((f"e{i}", station, label, a, b))
    return pd.DataFrame(rows, columns=["event", "station", "label", "a", "b"])


def test_a_frame_in_memory_is_learnt_and_blind_events_are_predicted(tmp_path):
    """A row a record in, a row an event out; events that have a label are left alone."""
    run(RunConfig.of("event-classification", FEW), tmp_path / "run", data=table())
    new = table(9, seed=1)
    new.loc[new["event"].isin(["e3", "e4"]), "label"] = None
    out = tmp_path / "types.csv"
    craton.predict(tmp_path / "run", new, out=out)
    found = pd.read_csv(out)
    assert found["event"].tolist() == ["e3", "e4"]
    assert list(found)[2:] == ["earthquake", "explosion", "surface"]
    np.testing.assert_allclose(found.iloc[:, 2:].sum(axis=1), 1, atol=1e-5)


def test_a_folder_of_miniseed_with_a_table_is_learnt(tmp_path):
    """Waveforms of one's own, written as a user would have them."""
    obspy = pytest.importorskip("obspy")
    data = synthetic_sources(72, wrong=0.0)
    rows = []
    for i, wave in enumerate(data["waveform"].to_numpy()[:, 0]):
        event = int(data["event_of"][i])
        header = {"network": "XX", "station": str(data["station"].to_numpy()[i])[:5]}
        header |= {"channel": "HHZ", "sampling_rate": RATE}
        header["starttime"] = obspy.UTCDateTime(2020, 1, 1) + 86400 * event
        obspy.Trace(wave, header).write(str(tmp_path / f"{i}.mseed"), format="MSEED")
        rows.append((f"{i}.mseed", f"E{event}", data["label"].to_numpy()[event]))
    pd.DataFrame(rows, columns=["file", "event", "label"]).to_csv(tmp_path / "l.csv", index=False)
    steps = [{"step": "detrend"}, {"step": "taper", "seconds": 2.0}]
    settings = {**FEW, "data": str(tmp_path), "steps": steps}
    result = run(RunConfig.of("event-classification", settings), tmp_path / "run")
    kept = json.loads((tmp_path / "run" / "bundle" / "manifest.json").read_text())["settings"]
    assert kept["steps"] == [{"step": "detrend", "how": "constant"}, steps[1]]
    assert len(result.test) == 72 and result.config.kind == "waveforms"
    assert result.score("extra-trees", "balanced_accuracy").score > 0.45


def test_a_dataset_that_names_no_events_is_refused():
    """With what was expected."""
    with pytest.raises(DataError, match="event"):
        run(RunConfig.of("event-classification", FEW), None, data=pd.DataFrame({"a": [1.0]}))


def test_steps_on_what_are_no_files_of_waveforms_are_refused():
    """A table of features has nothing to filter."""
    settings = {"steps": [{"step": "detrend"}]}
    with pytest.raises(ConfigError, match="steps are for files of waveforms"):
        run(RunConfig.of("event-classification", {**FEW, **settings}), None)


def test_one_type_alone_cannot_be_learnt():
    """There is nothing to tell apart."""
    one = table().assign(label="surface")
    with pytest.raises(DataError, match="at least 2"):
        run(RunConfig.of("event-classification", FEW), None, data=one)


def test_a_decision_that_does_not_exist_is_refused():
    """The settings name those that do."""
    with pytest.raises(ConfigError, match="decide"):
        run(RunConfig.of("event-classification", {**FEW, "decide": "best"}), None, data=table())


@pytest.mark.realdata
@pytest.mark.skipif("CRATON_DATA_DIR" not in os.environ, reason="CRATON_DATA_DIR is not set")
def test_icequakes_are_told_from_earthquakes_forward_in_time(tmp_path):
    """Balanced accuracy 0.98, calibration error 0.03; 799 blind events, one row each."""
    settings = {
        "data": "icequake-alaska",
        "candidates": ["extra-trees"],
        "audit": False,
        "explain": 10,
    }
    result = run(RunConfig.of("event-classification", settings), tmp_path)
    assert result.score("extra-trees", "balanced_accuracy").score >= 0.98
    assert result.score("extra-trees", "calibration_error").score <= 0.03
    assert (result.test.index["t0"] >= pd.Timestamp("2020-07-01")).all()
    craton.predict(tmp_path, "icequake-alaska", out=tmp_path / "blind.csv")
    found = pd.read_csv(tmp_path / "blind.csv")
    assert len(found) == 799 and found["event"].is_unique
