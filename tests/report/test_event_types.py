"""The report on event types: suspected labels, abstention, stations, time and frequency."""

import numpy as np
import pytest

from craton.data.seismic_sources import synthetic_sources
from craton.engine import run
from craton.report.event_types import event_sections, suspects
from craton.result import RunConfig


@pytest.fixture(scope="module")
def result():
    settings = {
        "candidates": ["logistic"],
        "audit": False,
        "explain": 10,
        "bootstrap": 100,
        "folds": 2,
        "splits": 2,
    }
    run_config = RunConfig.of("event-classification", settings)
    return run(run_config, None, data=synthetic_sources(80, wrong=0.1))


def test_most_suspected_labels_are_those_that_were_exchanged(result):
    """Eight of eighty are, of which chance would find one or two; the surest come first."""
    table = suspects(result)
    data = result.data
    wrong = set(data["event_id"].to_numpy()[(data["kind"] != data["label"]).to_numpy()])
    assert len(wrong & set(table["event"])) >= 5 and len(table) < 24
    assert (np.diff(table["probability"]) <= 0).all()
    assert (table["label"] != table["suggested"]).all()


def test_all_parts_are_there_and_every_picture_has_a_caption(result):
    """Time and frequency only where there are waveforms."""
    sections = {s.title: s for s in event_sections(result)}
    assert list(sections) == [
        "Confusion", "Abstention", "Stations", "Suspected labels", "Time and frequency",
    ]  # fmt: skip
    pictured = sections["Time and frequency"]
    assert len(pictured.figures) == len(pictured.captions) >= 2
    stations = sections["Stations"].table
    assert stations["events"].sum() == len(result.test)


def test_answering_fewer_events_is_more_accurate(result):
    """Half of them against all, by the selected model."""
    table = {s.title: s for s in event_sections(result)}["Abstention"].table
    first = table.iloc[0]
    assert first["50 % answered"] > first["100 % answered"]
