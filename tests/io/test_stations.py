"""Lists of stations in each form give the same frame, and what is missing is named."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from obspy.core.inventory import Channel, Inventory, Network, Station

from craton.errors import DataError
from craton.io.stations import COLUMNS, read_inventory, read_stations, sites


def put(folder: Path, text: str, name: str = "a.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_each_form_of_text_and_json_gives_the_same_station(tmp_path):
    forms = {
        "csv": "Network,Station,Latitude,Longitude,Elevation\nXX,AAA,47.5,11.25,650\n",
        "fdsn": "#Network | Station | Latitude | Longitude | Elevation | Site\n#a comment\n"
        "XX|AAA|47.5|11.25|650|Hill, east\n",
        "tab": "station\tlongitude\tlatitude\televation(m)\nXX.AAA..HH\t11.25\t47.5\t650\n",
        "km": "net;sta;lat;lon;elev_km\nXX;AAA;47.5;11.25;0.65\n",
        "pal": "XX.AAA,47.5,11.25,650.0,627368000.0\n",
        "real": "11.25 47.5 XX AAA HHZ 0.65\n",
        "json": json.dumps({"StationList": [{
            "Site": {"Network": "XX", "Station": "AAA"}, "Latitude": 47.5, "Longitude": 11.25,
            "Elevation": 650.0}]}),
    }  # fmt: skip
    for name, text in forms.items():
        found = read_stations(put(tmp_path, text, name))
        assert found[["network", "station"]].to_numpy().tolist() == [["XX", "AAA"]], name
        assert np.allclose(found[list(COLUMNS[4:])], [[47.5, 11.25, 650.0]]), name
        assert found.attrs["problems"] == [], name


@pytest.mark.parametrize(("column", "value"), [
    ("Elev_m", 650), ("elv", 650), ("Height", 650), ("altitude (km)", 0.65), ("ALT_KM", 0.65),
    ("Elevation [m]", 650), ("station_elevation_m", 650), ("elev_ft", 650 / 0.3048),
])  # fmt: skip
def test_elevations_are_taken_by_their_usual_names_in_their_units(tmp_path, column, value):
    path = put(tmp_path, f"Network,Station,Lat,Lon,{column}\nXX,A,47,11,{value}\n")
    found = read_stations(path)
    assert found["elevation_m"].tolist() == pytest.approx([650.0])
    assert found.attrs["problems"] == []


def test_a_column_that_is_not_understood_is_named_and_so_are_missing_elevations(tmp_path):
    rows = "XX,A,47,11,650\nXX,B,47.1,11,5\n"
    (told,) = read_stations(put(tmp_path, "net,sta,lat,lon,Hoehe\n" + rows)).attrs["problems"]
    assert told.level == "warning" and told.text == (
        "column 'Hoehe' was not understood; no elevation: 0 m was taken for 2 stations, depths "
        "will be off"
    )
    (told,) = read_stations(put(tmp_path, "sta,lat,lon\nA,1,2\n")).attrs["problems"]
    assert told.text == "no elevation: 0 m was taken for 1 station, depths will be off"
    text = "sta,lat,lon,elev,StartTime,odd,strange\nA,1,2,3,2020,5,6\n"
    (told,) = read_stations(put(tmp_path, text)).attrs["problems"]
    assert told.text == "columns 'odd', 'strange' were not understood"


def inventory() -> Inventory:
    channels = [Channel(c, "00", 47.5, 11.25, 650.0, 0.0) for c in ("HHZ", "HHN")]
    stations = [Station("AAA", 47.5, 11.25, 640.0, channels=channels),
                Station("BBB", 48.0, 12.0, 10.0)]  # fmt: skip
    return Inventory([Network("XX", stations)], source="test")


def test_stationxml_gives_a_row_a_channel_and_a_station_without_channels(tmp_path):
    path = tmp_path / "a.xml"
    inventory().write(str(path), format="STATIONXML")
    found = read_stations(path)
    assert found[["station", "location", "channel", "elevation_m"]].to_numpy().tolist() == [
        ["AAA", "00", "HHZ", 650.0], ["AAA", "00", "HHN", 650.0], ["BBB", "", "", 10.0]
    ]  # fmt: skip
    assert sites(found)["station"].tolist() == ["AAA", "BBB"]
    assert read_inventory(path).get_contents()["stations"] == ["XX.AAA ()", "XX.BBB ()"]


def test_damaged_or_other_xml_is_one_error(tmp_path):
    path = tmp_path / "a.xml"
    inventory().write(str(path), format="STATIONXML")
    whole = path.read_text()
    with pytest.raises(DataError, match="truncated or damaged XML"):
        read_stations(put(tmp_path, whole[:400], "b.xml"))
    with pytest.raises(DataError, match="XML of <quakeml>, FDSNStationXML was expected"):
        read_stations(put(tmp_path, "<quakeml/>", "b.xml"))
    with pytest.raises(DataError, match="document type"):
        read_stations(put(tmp_path, "<!DOCTYPE a [<!ENTITY b 'c'>]>" + whole[38:], "b.xml"))


def test_stations_without_coordinates_or_name_are_left_out_by_name(tmp_path):
    rows = "XX,A,47,11,\nXX,B,,11,5\nXX,C,0,0,5\nXX,D,147,11,5\nXX,,47,11,5\nNA,E,47,359,7\n"
    found = read_stations(put(tmp_path, "network,station,latitude,longitude,elevation\n" + rows))
    assert found["station"].tolist() == ["A", "E"]
    assert found["network"].tolist() == ["XX", "NA"]  # Nordic networks are not missing values
    assert found["longitude"].tolist() == [11.0, -1.0]
    told = {p.kind: p.text for p in found.attrs["problems"]}
    assert "XX.B, XX.C" in told["no coordinates"]
    assert "XX.D" in told["coordinates"]
    assert set(told) == {"no coordinates", "coordinates", "no name", "no elevation"}
    with pytest.raises(DataError, match=r"no station with coordinates \(1 row has no coord"):
        read_stations(put(tmp_path, "station,latitude,longitude\nA,x,y\n"))
    with pytest.raises(DataError, match="no column of the latitude"):
        read_stations(put(tmp_path, "station,lat itude\nA,x\n"))
    with pytest.raises(DataError, match="JSON without a StationList"):
        read_stations(put(tmp_path, '{"StationList": 3}'))


def test_a_station_whose_channels_lie_apart_is_named(tmp_path):
    text = "network,station,channel,latitude,longitude\nXX,A,HHZ,47,11\nXX,A,EHZ,47.02,11\n"
    found = sites(read_stations(put(tmp_path, text)))
    assert len(found) == 1
    assert [p.where for p in found.attrs["problems"] if p.kind == "moved"] == ["XX.A"]


@settings(max_examples=60, deadline=None)
@given(st.one_of(
    st.text(max_size=200),
    st.text("XA.1-, \t|;#\n", max_size=100).map("station,latitude,longitude\n".__add__),
    st.text('{}[]":,1aStation', max_size=100).map('{"StationList":'.__add__),
))  # fmt: skip
def test_any_text_gives_stations_or_one_error(tmp_path_factory, text):
    path = put(tmp_path_factory.mktemp("a"), text)
    try:
        found = read_stations(path)
    except DataError:
        return
    assert np.isfinite(found[list(COLUMNS[4:])].to_numpy()).all()


REAL = [("ridgecrest-pal-picks/example_pal_format1.sta", 14, "PB.B916", 36.1925),
        ("ridgecrest-pal-picks/gamma_stations.csv", 23, "CI.CCC", 35.525),
        ("glass3-ceus/regional_example_stationlist.json.gz", 575, "N4.060A", 27.0361),
        ("amatrice-real/station.dat", 60, "XO.AM05", 42.9773)]  # fmt: skip


@pytest.mark.realdata
@pytest.mark.skipif("CRATON_DATA_DIR" not in os.environ, reason="CRATON_DATA_DIR is not set")
@pytest.mark.parametrize(("name", "count", "first", "latitude"), REAL)
def test_real_lists_give_all_their_stations(name, count, first, latitude):
    found = sites(read_stations(Path(os.environ["CRATON_DATA_DIR"]) / name))
    assert len(found) == count
    assert f"{found['network'][0]}.{found['station'][0]}" == first
    assert found["latitude"][0] == pytest.approx(latitude)
    assert found["elevation_m"].between(-500, 4000).all() and found.attrs["problems"] == []
