"""Which events are not used, and why."""

import numpy as np
import pandas as pd
import pytest

from craton.io.forecast_cells import in_cells
from craton.seismicity.unused import unused_findings
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
