"""Tables of features of events become records."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from craton.errors import DataError
from craton.io.event_features import read_event_features, records_of


def test_stations_of_one_event_are_brought_together(tmp_path):
    """Two files, the station in their names, the event in columns of different names."""
    (tmp_path / "f_AAA_dev.csv").write_text(
        "origin_time,a,label\n2020-01-01T00:00:00Z,1,0\n2020-01-02T00:00:00Z,2,1\n"
    )
    (tmp_path / "f_BBB_dev.csv").write_text("origin_time,a,label\n2020-01-01T00:00:00Z,3,0\n")
    (tmp_path / "f_BBB_blind.csv").write_text("blind_event,a\nX7,4\n")
    found = read_event_features(tmp_path, pattern="f_*.csv", station_in_name="f_([A-Z]+)_")
    records = pd.DataFrame(
        {
            "event": found["event_id"].to_numpy()[found["event_of"]],
            "station": found["station"],
            "a": found["a"],
        }
    )
    got = {(e, s): a for e, s, a in records.itertuples(index=False)}
    assert got == {
        ("2020-01-01T00:00:00Z", "AAA"): 1.0,
        ("2020-01-01T00:00:00Z", "BBB"): 3.0,
        ("2020-01-02T00:00:00Z", "AAA"): 2.0,
        ("X7", "BBB"): 4.0,
    }
    label = dict(zip(found["event_id"].to_numpy(), found["label"].to_numpy(), strict=True))
    assert label == {"2020-01-01T00:00:00Z": "0", "2020-01-02T00:00:00Z": "1", "X7": ""}


def test_infinities_and_leftovers_of_memory_are_no_values():
    """Infinite is missing, 1e-320 is zero, and the reader says so."""
    found = records_of(pd.DataFrame({"event": ["a", "b"], "f": [np.inf, 1e-320]}))
    assert np.isnan(found["f"][0]) and found["f"][1] == 0
    assert "1 infinite" in found.attrs["history"]


def test_an_event_with_two_labels_has_none():
    """And is named."""
    frame = pd.DataFrame({"event": ["a", "a", "b"], "label": ["x", "y", "y"], "f": [1.0, 2, 3]})
    found = records_of(frame)
    assert found["label"].to_numpy().tolist() == ["", "y"]
    assert "two labels" in found.attrs["history"] and ": a" in found.attrs["history"]


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "event,f\n,2\n"])
def test_a_table_that_names_no_event_is_refused(tmp_path, text):
    """With the file, and how to mend it."""
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(DataError, match="event"):
        read_event_features(tmp_path / "t.csv")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcd"), st.floats(-1e9, 1e9)), min_size=1, max_size=30))
def test_no_record_is_lost_and_events_are_contiguous(rows):
    """Whatever the order of the rows."""
    found = records_of(pd.DataFrame(rows, columns=["event", "f"]))
    event_of = found["event_of"].to_numpy()
    assert (np.diff(event_of) >= 0).all()
    names = found["event_id"].to_numpy()[event_of]
    assert sorted(zip(names, found["f"].to_numpy(), strict=True)) == sorted(
        (e, 0.0 if abs(f) < 1e-300 else f) for e, f in rows
    )
