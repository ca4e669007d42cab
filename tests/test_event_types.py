"""Records of events as samples: places of stations, decisions, confounders, products."""

import numpy as np
import pandas as pd
import xarray as xr

from craton.event_types import (
    EventRecords,
    class_shares,
    common_start,
    event_findings,
    steady_stations,
    write_csv,
)
from craton.io.event_features import records_of
from craton.samples import Samples, Target, make_index

KINDS = ("earthquake", "icequake")


def records(n=4, first=("2005", "2018")):
    """Event i has stations A, and B if i is odd; types alternate; one begins earlier."""
    rows = []
    for i in range(n):
        year = int(first[1 - i % 2]) + i
        for station in ("A", "B")[: 1 + i % 2]:
            time, label = f"{year}-01-01T00:00:00Z", KINDS[i % 2]
            rows.append((f"e{i}", station, label, time, 10.0 * i + (station == "B")))
    return records_of(pd.DataFrame(rows, columns=["event", "station", "label", "time", "f"]))


def samples(data, **settings):
    gather = EventRecords(("f",), Target("label", KINDS), **settings)
    return Samples(data, make_index(data.sizes["event"]), gather)


def test_each_record_has_the_place_of_its_station():
    """Whichever events are asked for, in whichever order."""
    found = samples(records(), stations=("B", "A")).take([3, 0]).inputs()
    np.testing.assert_array_equal(found["x"][:, :, 0], [[31, 30], [np.nan, 0]])
    np.testing.assert_array_equal(found["present"], [[1, 1], [0, 1]])
    np.testing.assert_array_equal(found["station"][0], [[1, 0], [0, 1]])


def test_a_station_that_was_not_trained_on_has_no_place():
    """Its records are not taken for those of another."""
    found = samples(records(), stations=("B",)).inputs()
    np.testing.assert_array_equal(found["present"][:, 0], [0, 1, 0, 1])


def test_decision_by_shares_is_the_likelihood_ratio():
    """A rare type wins at a probability above its share; the column of probabilities stays."""
    data = records()
    made = samples(data, shares={"earthquake": 0.8, "icequake": 0.2})
    p = xr.Dataset({"label": (("sample", "category"), np.array([[0.7, 0.3], [0.9, 0.1]]))})
    decided = made.gather.decide(p)["label"].to_numpy().argmax(axis=1)
    assert decided.tolist() == [1, 0]


def test_the_file_has_a_row_an_event_and_columns_named_by_type(tmp_path):
    """And the label that was decided for."""
    made = samples(records(), shares={"earthquake": 0.8, "icequake": 0.2}).take([1, 2])
    p = xr.Dataset({"label": (("sample", "category"), np.array([[0.7, 0.3], [0.9, 0.1]]))})
    write_csv(p, made, tmp_path / "out.csv")
    table = pd.read_csv(tmp_path / "out.csv")
    assert list(table) == ["event", "label", "earthquake", "icequake"]
    assert table["event"].tolist() == ["e1", "e2"]
    assert table["label"].tolist() == ["icequake", "earthquake"]
    assert table["icequake"].tolist() == [0.3, 0.1]


def test_a_type_that_is_catalogued_from_later_on_is_noticed():
    """Here the icequakes begin 13 years before the earthquakes."""
    data = records()
    assert common_start(data).startswith("2018")
    assert common_start(records(40, first=("1990", "1990"))) is None
    level = {f.level for f in event_findings(data, in_time=False) if f.where == "time"}
    assert level == {"warning"}


def test_a_station_that_saw_one_type_only_is_no_input():
    """With it, its name would give the type away."""
    rows = [(f"e{i}", "A", KINDS[i % 2], float(i)) for i in range(60)]
    columns = ["event", "station", "label", "f"]
    assert steady_stations(records_of(pd.DataFrame(rows, columns=columns))) == ("A",)
    rows += [(f"x{i}", "B", KINDS[0], float(i)) for i in range(60)]
    assert steady_stations(records_of(pd.DataFrame(rows, columns=columns))) == ()


def test_shares_are_those_of_the_time_learnt_from():
    """The test part has no say."""
    data = records(8, first=("2000", "2000"))
    assert class_shares(data, None, "2003") == {"earthquake": 2 / 3, "icequake": 1 / 3}
