"""Picks, types and associated events come back as they were written, in the columns agreed on."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import obspy
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from craton.errors import DataError
from craton.io.picks import (
    EVENT_COLUMNS,
    PICK_COLUMNS,
    read_event_types,
    read_events,
    read_picks,
    unknown_stations,
    write_event_types,
    write_events,
    write_picks,
)


def put(folder: Path, text: str, name: str = "a.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def picks() -> pd.DataFrame:
    time = np.array(["2020-01-31T23:59:59.999999", "2020-02-01T00:00:01.25"], "datetime64[ns]")
    table = pd.DataFrame({
        "network": ["NA", "XX"], "station": ["AAA", "B"], "location": ["", "00"],
        "channel": ["HHZ", "EHN"], "phase": ["P", "S"], "time": time,
        "low": time - np.timedelta64(120, "ms"), "high": time + np.timedelta64(80, "ms"),
        "probability": [0.97, 0.5],
    })  # fmt: skip
    table.loc[1, ["low", "high"]] = pd.NaT
    return table


def test_the_csv_of_picks_is_the_one_agreed_on(tmp_path):
    path = tmp_path / "a.csv"
    write_picks(picks(), path)
    assert path.read_text().splitlines() == [
        "network,station,location,channel,phase,time,low,high,probability",
        "NA,AAA,,HHZ,P,2020-01-31T23:59:59.999999Z,2020-01-31T23:59:59.879999Z,"
        "2020-02-01T00:00:00.079999Z,0.97",
        "XX,B,00,EHN,S,2020-02-01T00:00:01.250000Z,,,0.5",
    ]


@pytest.mark.parametrize("name", ["a.csv", "a.quakeml", "a.xml"])
def test_picks_come_back_from_csv_and_quakeml(tmp_path, name):
    write_picks(picks(), tmp_path / name)
    found = read_picks(tmp_path / name)
    pd.testing.assert_frame_equal(
        found[list(PICK_COLUMNS)], picks(), check_dtype=False, check_index_type=False
    )
    assert str(found["time"].dtype) == "datetime64[ns]" and found.attrs["problems"] == []


def test_obspy_reads_the_interval_of_a_pick_at_its_confidence(tmp_path):
    write_picks(picks(), tmp_path / "a.xml")
    event = obspy.read_events(str(tmp_path / "a.xml"), format="QUAKEML")[0]
    errors = event.picks[0].time_errors
    assert (errors.lower_uncertainty, errors.upper_uncertainty) == (0.12, 0.08)
    assert errors.confidence_level == 90 and event.picks[0].waveform_id.id == "NA.AAA..HHZ"


def events() -> pd.DataFrame:
    time = np.array(["2020-01-01T00:00:00.5", "2020-01-02T00:00:00"], "datetime64[ns]")
    return pd.DataFrame({
        "time": time, "latitude": [35.5, -10.0], "longitude": [-117.25, 170.0],
        "depth_km": [8.25, np.nan], "magnitude": [2.5, np.nan], "probability": [0.75, 1.0],
        "n_picks": [2, 0], "depth_error_km": [1.5, np.nan],
    })  # fmt: skip


@pytest.mark.parametrize("name", ["a.csv", "a.quakeml"])
def test_events_come_back_from_csv_and_quakeml(tmp_path, name):
    write_events(events(), tmp_path / name, picks().assign(event=[0, 0]))
    found = read_events(tmp_path / name)[list(EVENT_COLUMNS)]
    pd.testing.assert_frame_equal(found, events()[list(EVENT_COLUMNS)], check_dtype=False)


def test_the_picks_of_an_event_are_its_arrivals_in_quakeml_and_others_are_kept(tmp_path):
    write_events(events(), tmp_path / "a.xml", picks().assign(event=[1, -1]))
    catalog = obspy.read_events(str(tmp_path / "a.xml"), format="QUAKEML")
    assert [len(e.picks) for e in catalog] == [0, 1, 1]
    assert [c.text for c in catalog[2].comments] == ["unassociated picks"]
    arrival = catalog[1].origins[0].arrivals[0]
    assert arrival.phase == "P" and arrival.pick_id == catalog[1].picks[0].resource_id
    assert catalog[0].origins[0].depth_errors.uncertainty == 1500
    assert len(read_picks(tmp_path / "a.xml")) == 2


def test_the_first_line_of_events_is_the_one_agreed_on(tmp_path):
    write_events(events().drop(columns="depth_error_km"), tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text().splitlines()[:2] == [
        "time,latitude,longitude,depth_km,magnitude,probability,n_picks",
        "2020-01-01T00:00:00.500000Z,35.5,-117.25,8.25,2.5,0.75,2",
    ]


def test_types_of_events_carry_the_likeliest_label_and_a_column_a_class(tmp_path):
    path = tmp_path / "a.csv"
    write_event_types(path, ["e1", "e2"], [[0.25, 0.75], [0.9, 0.1]], ["earthquake", "explosion"])
    assert path.read_text().splitlines() == [
        "event,label,earthquake,explosion", "e1,explosion,0.25,0.75", "e2,earthquake,0.9,0.1"
    ]  # fmt: skip
    assert read_event_types(path)["explosion"].tolist() == [0.75, 0.1]
    with pytest.raises(DataError, match="column 'explosion': 1 values are no probability"):
        read_event_types(put(tmp_path, "event,label,explosion\na,b,1.5\n"))
    with pytest.raises(DataError, match="finite probabilities"):
        write_event_types(path, ["e1"], [[np.nan, 1.0]], ["a", "b"])


def test_pal_pairs_become_a_p_and_an_s_each(tmp_path):
    line = (
        "CI.CCC,2019-07-03T23:59:54Z,2019-07-04T00:00:06.718Z,2019-07-04T00:00:15.888Z,3e-08,12,39"
    )
    found = read_picks(put(tmp_path, f"{line}\n{line}\n", "a.pick"))
    assert found["phase"].tolist() == ["P", "S", "P", "S"]
    assert found["pair"].tolist() == [0, 0, 1, 1] and found["snr"].tolist() == [12, 39, 12, 39]
    assert found["time"][1] == pd.Timestamp("2019-07-04T00:00:15.888")


def test_phasenets_sample_numbers_become_times(tmp_path):
    text = ("fname\tt0\tp_idx\tp_prob\ts_idx\ts_prob\tp_amp\ts_amp\n"
            "2016_10_14_00000.00_IV_ARRO_mseed\t2016-10-14T00:00:00.500\t[1670,25855]\t[0.5,0.9]\t"
            "[20]\t[0.4]\t[1e-7,2e-7]\t[3e-7]\n"
            "x_IV_BAD_mseed\t2016-10-14T00:00:00\t[1,oops]\t[1,1]\t[]\t[]\t[]\t[]\n")  # fmt: skip
    found = read_picks(put(tmp_path, text))
    assert found["station"].tolist() == ["ARRO"] * 3
    assert found["time"][0] == pd.Timestamp("2016-10-14T00:00:17.200")
    assert found["probability"].tolist() == [0.5, 0.9, 0.4]
    assert "x_IV_BAD_mseed P" in found.attrs["problems"][0].text


def test_json_lines_that_are_no_picks_are_counted(tmp_path):
    good = json.dumps({"Site": {"Station": "RYN", "Network": "NN", "Channel": "HHZ"},
                       "Amplitude": {"SNR": 2.2}, "Phase": "P",
                       "Time": "2017-01-06T04:56:34.730Z"})  # fmt: skip
    found = read_picks(put(tmp_path, f'{good}\n{{"a":\n{{}}\n{good}\n', "a.jsonpick"))
    assert len(found) == 2 and found["snr"].tolist() == [2.2, 2.2]
    assert found.attrs["problems"][0].text.startswith("2 lines are no picks (first line 2)")


def test_what_cannot_be_used_is_left_out_by_number(tmp_path):
    rows = ["XX,A,P,2020-01-01T00:00:00Z,0.5", "XX,A,P,yesterday,0.5", "XX,,P,2020-01-01,0.5",
            "XX,A,P,9999-01-01,0.5", "XX,A,P,2020-01-01,7"]  # fmt: skip
    text = "network,station,phase,time,probability\n" + "\n".join(rows)
    found = read_picks(put(tmp_path, text))
    assert len(found) == 2
    assert [p.kind for p in found.attrs["problems"]] == ["no time", "no name", "probability"]
    assert "first pick 2" in found.attrs["problems"][0].text
    with pytest.raises(DataError, match=r"no usable pick \(1 picks have no time"):
        read_picks(put(tmp_path, "station,phase,time\nA,P,x\n"))
    with pytest.raises(DataError, match="no column 'phase'"):
        read_picks(put(tmp_path, "station,time\nA,P\n"))
    with pytest.raises(DataError, match="is no CSV table"):
        read_picks(put(tmp_path, "station,phase,time\nA,P,2020-01-01,5,6\n"))
    with pytest.raises(DataError, match="1 of the picks have no time"):
        write_picks(picks().assign(time=[pd.NaT, picks()["time"][1]]), tmp_path / "b.csv")
    with pytest.raises(DataError, match="cannot be written as QuakeML"):
        write_picks(picks().assign(station="A\x00"), tmp_path / "b.xml")
    with pytest.raises(DataError, match="the picks have no column 'low'"):
        write_picks(picks().drop(columns="low"), tmp_path / "b.csv")


def test_an_interval_that_does_not_hold_its_pick_is_named(tmp_path):
    write_picks(picks().assign(high=picks()["low"]), tmp_path / "a.csv")
    found = read_picks(tmp_path / "a.csv")
    assert found["low"].isna().all()
    assert [p.kind for p in found.attrs["problems"]] == ["interval"]


def test_picks_of_unknown_stations_are_named():
    assert unknown_stations(picks(), picks()) == []
    assert (
        "1 pick of 1 station that the list does not have"
        in unknown_stations(picks(), picks()[:1])[0].text
    )


texts = st.one_of(
    st.text(max_size=200),
    st.text('P,A2020-1TZ.:"\n', max_size=120).map("station,phase,time\n".__add__),
    st.text("P,A2020-1TZ.:\n", max_size=120).map("A.B,2020-01-01T00:00:00Z,".__add__),
    st.text('{}[]":,1aSiteTm', max_size=120).map('{"Site":'.__add__),
    st.text("[]1,.e\t\n_", max_size=120).map(
        "fname\tt0\tp_idx\ts_idx\nA_B_C\t2020-01-01\t".__add__
    ),
)


@settings(max_examples=80, deadline=None)
@given(texts)
def test_any_text_gives_picks_or_one_error(tmp_path_factory, text):
    try:
        found = read_picks(put(tmp_path_factory.mktemp("a"), text))
    except DataError:
        return
    assert found["time"].notna().all() and (found["station"] != "").all()


REAL = [("ridgecrest-pal-picks/2019-07-04.pick.gz", 2 * 4941, {"P", "S"}),
        ("glass3-ceus/ceus_dev.jsonpick.gz", 57335, {"P"}),
        ("amatrice-real/phasenet_picks_20161014.csv.gz", 115440, {"P", "S"})]  # fmt: skip


@pytest.mark.realdata
@pytest.mark.skipif("CRATON_DATA_DIR" not in os.environ, reason="CRATON_DATA_DIR is not set")
@pytest.mark.parametrize(("name", "count", "phases"), REAL)
def test_real_pick_files_give_all_their_picks(name, count, phases):
    found = read_picks(Path(os.environ["CRATON_DATA_DIR"]) / name)
    assert len(found) == count and set(found["phase"]) == phases
    assert found.attrs["problems"] == []


@pytest.mark.parametrize("text", [
    "network,station,phase,time\nXX,AAA,P,2020-01-01T00:00:01Z,0.9\n",
    "fname\tt0\tp_idx\ts_idx\nXX_AAA\t2020-01-01T00:00:00\t[1]\t[2]\t[3]\n",
    "XX.AAA,2020-01-01T00:00:00,2020-01-01T00:00:01,2020-01-01T00:00:02,1,2,3,4\n",
])  # fmt: skip
def test_a_row_longer_than_the_header_is_an_error_not_a_loss(tmp_path, text):
    """Surplus entries in CSV, PhaseNet's table and PAL's list are refused with a way to mend it."""
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(DataError, match=r"more entries than the header|Expected \d fields"):
        read_picks(tmp_path / "p.csv")
