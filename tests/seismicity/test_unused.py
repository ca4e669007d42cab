"""Which events are not used, and why."""

import numpy as np
import pandas as pd
import pytest

from craton.errors import DataError
from craton.io.forecast_cells import in_cells
from craton.seismicity.unused import kept_events, left_out, unused_findings
from tests.io.test_forecast_cells import BOX, catalog


@pytest.fixture
def cells():
    """Ten events an hour apart: three below magnitude 3, one of the others outside the box."""
    magnitude = [2.0, 2.5, 2.9, 3.0, 3.0, 3.1, 3.2, 4.0, 5.0, 3.0]
    latitude = [35.0] * 9 + [40.0]
    return in_cells(catalog(latitude, [-117.0] * 10, magnitude), BOX, 0.5, 3.0)


def test_events_below_completeness_and_outside_the_region_are_counted(cells):
    below, outside = unused_findings(10, cells, None, estimated=False)
    assert below.text.startswith("3 of 10 events lie below the magnitude of completeness 3 and are")
    assert "--set magnitude=" not in below.text.split(";")[0] and "--set magnitude=" in below.text
    assert outside.text.startswith("1 of the 7 events from magnitude 3 on lie outside the region")
    assert {f.level for f in (below, outside)} == {"note"}


def test_an_estimated_magnitude_says_from_what(cells):
    text = unused_findings(10, cells, None, estimated=True)[0].text
    assert ", estimated from the events before the test," in text
    assert "estimated" not in unused_findings(10, cells, None, estimated=False)[0].text


def test_events_before_the_training_and_after_the_test_are_counted(cells):
    begin, end = pd.Timestamp("2020-01-01T04:30"), pd.Timestamp("2020-01-01T08:00")
    *_, early, late = unused_findings(10, cells, begin, end, estimated=False)
    assert early.text.startswith("2 of the 7 events") and "2020-01-01 04:30:00" in early.text
    assert late.text.startswith("2 of the 7 events") and "--set test_until=" in late.text


def test_where_every_event_is_used_nothing_is_said(cells):
    inside = cells.isel(event=np.flatnonzero(cells["cell_of"].to_numpy() >= 0))
    assert unused_findings(6, inside, None, estimated=False) == []


@pytest.fixture
def mixed():
    """An earthquake and its repetition, a blast and its repetition, an event without a type."""
    found = catalog([35.0] * 5, [-117.0] * 5, [3.0, 3.1, 2.0, 2.0, 4.0])
    hours = np.array([0, 0, 5, 5, 9], "timedelta64[h]")
    time = np.datetime64("2020-01-01", "ns") + hours
    names = np.array(["Earthquake", "earthquake ", "quarry blast", "quarry blast", ""])
    return found.assign(time=("event", time), event_type=("event", names))


def test_types_asked_for_are_kept_whatever_the_case_of_their_letters(mixed):
    assert kept_events(mixed).sizes["event"] == 5
    kept = kept_events(mixed, ("EARTHQUAKE", ""))
    assert kept["magnitude"].to_numpy().tolist() == [3.0, 3.1, 4.0]
    (note,) = left_out(mixed, ("EARTHQUAKE", ""), False)
    assert note.text.startswith("2 of 5 events are of other types than EARTHQUAKE")
    assert note.level == "note" and "--set event_types=" in note.text


def test_the_first_of_a_repeated_event_is_kept(mixed):
    assert kept_events(mixed, (), True)["magnitude"].to_numpy().tolist() == [3.0, 2.0, 4.0]
    (note,) = left_out(mixed, (), True)
    assert note.text.startswith("2 events that look like a repetition")
    assert "--set drop_duplicates=false" in note.text
    both = left_out(mixed, ("earthquake",), True)
    assert [f.text.split()[0] for f in both] == ["3", "1"]


def test_types_that_no_event_has_or_a_catalogue_without_types_are_refused(mixed):
    with pytest.raises(DataError, match=r"no event has it.*choose among: .*quarry blast"):
        kept_events(mixed, ("eathquake",))
    with pytest.raises(DataError, match="has no types of events"):
        kept_events(mixed.drop_vars("event_type"), ("earthquake",))
