"""Detections as a table and as files."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from craton.detection_tables import event_table, write_detections
from craton.io.picks import read_events
from craton.io.quakeml import picks_of_quakeml
from craton.models.associators import SLOTS, VALUES
from craton.tasks.phase_association import AssociationConfig, samples
from tests.models.test_associators import stream


def case(least=0.5):
    """Three windows' detections: 0.95 and 0.6 in one, in wrong order of time, 0.4 in the next."""
    given = samples(stream(), AssociationConfig(least_probability=least), future=False)
    n, width = given.inputs()["pick_number"].shape
    values = {k: np.zeros((n, SLOTS)) for k in (*VALUES, "probability", "n_picks")}
    values["event_magnitude"][:] = -9.0
    values["probability"][1, :2], values["probability"][2, 0] = (0.95, 0.6), 0.4
    values["event_time"][1, :2] = 120.5, 60.0
    values["event_magnitude"][1, 0] = 2.5
    values["east_error_km"][1, 0], values["north_error_km"][1, 0] = 3.0, 4.0
    predicted = xr.Dataset({k: (("sample", "slot"), v) for k, v in values.items()})
    slot = np.full((n, width), -1)
    slot[1, 3:5], slot[1, 5] = 0, 1
    predicted["pick_slot"] = (("sample", "pick_of_window"), slot)
    return predicted, given


def test_detections_are_told_by_time_with_their_picks():
    """Two of three are sure enough; rows go by time, each pick knows its row, no size is empty."""
    predicted, given = case()
    table, owner = event_table(predicted, given)
    start = given.inputs()["window"][1, 0]
    assert table["probability"].tolist() == [0.6, 0.95]
    at = table["time"].to_numpy().astype("datetime64[ns]").astype(np.int64) / 1e9
    assert at == pytest.approx([start + 60.0, start + 120.5], abs=1e-3)
    assert np.isnan(table["magnitude"][0])
    assert table["magnitude"][1] == 2.5
    assert table["horizontal_error_km"][1] == 5.0
    number = given.inputs()["pick_number"][1]
    assert owner[number[3:6]].tolist() == [1, 1, 0]
    assert (owner >= 0).sum() == 3


@pytest.mark.parametrize(("least", "n"), [(0.3, 3), (0.5, 2), (0.9, 1), (0.99, 0)])
def test_the_task_says_how_sure_a_detection_must_be(least, n):
    """`least_probability` decides which detections are written."""
    assert len(event_table(*case(least))[0]) == n


def test_files_hold_what_the_table_holds(tmp_path):
    """CSV gives the events back; QuakeML has the picks of its events beside them."""
    predicted, given = case()
    table, owner = event_table(predicted, given)
    for name in ("e.csv", "e.xml"):
        assert write_detections(predicted, given, tmp_path / name) == f"{len(table)} events"
        again = read_events(tmp_path / name)
        pd.testing.assert_series_equal(
            again["time"].dt.floor("ms"), table["time"].dt.floor("ms"), check_dtype=False
        )
        assert again["magnitude"].tolist()[1] == 2.5
    assert len(picks_of_quakeml(tmp_path / "e.xml")) == (owner >= 0).sum()
