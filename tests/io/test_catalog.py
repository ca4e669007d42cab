"""Earthquake catalogues from text and QuakeML, and what is wrong with some."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from craton.errors import DataError
from craton.io.catalog import duplicates, read_catalog

COMCAT = """time,latitude,longitude,depth,mag,magType,nst,gap,dmin,rms,net,id,updated,place,type
2020-01-02T03:04:05.678Z,34.1,-117.2,8.5,3.4,ml,,,,,ci,ci1,2020-01-03T00:00:00Z,"5 km N of X",earthquake
2020-01-03T00:00:00.000Z,34.2,-117.3,,4.1,mw,,,,,ci,ci2,2020-01-03T00:00:00Z,"6 km, S",quarry blast
"""  # noqa: E501


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_comcat_export_comes_in_with_units_and_identifiers(tmp_path: Path) -> None:
    catalog = read_catalog(write(tmp_path / "a.csv", COMCAT))
    assert catalog.time.values[0] == np.datetime64("2020-01-02T03:04:05.678", "ns")
    assert catalog.time.dtype == np.dtype("datetime64[ns]")
    assert catalog.latitude.values.tolist() == [34.1, 34.2]
    assert catalog.depth.values[0] == 8.5
    assert np.isnan(catalog.depth.values[1])
    assert catalog.event_id.values.tolist() == ["ci1", "ci2"]
    assert catalog.event_type.values[1] == "quarry blast"
    assert catalog.longitude.attrs["units"] == "degrees_east"
    assert catalog.depth.attrs["units"] == "km"


def test_earthquakenpp_columns_compressed_come_in(tmp_path: Path) -> None:
    text = "time,longitude,latitude,magnitude\n1981-01-01T01:49:29.230,-118.832,33.724,2.27\n"
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(text.encode()))
    catalog = read_catalog(path)
    assert float(catalog.magnitude[0]) == 2.27
    assert "event_id" not in catalog


def test_date_and_time_in_two_columns_are_joined(tmp_path: Path) -> None:
    text = "date,time,long,lat,mag\n1973/01/06,15:39:31.5,46.4,38.0,4.2\n"
    catalog = read_catalog(write(tmp_path / "a.csv", text))
    assert catalog.time.values[0] == np.datetime64("1973-01-06T15:39:31.5", "ns")


def test_an_fdsn_text_answer_comes_in(tmp_path: Path) -> None:
    text = (
        "#EventID | Time | Latitude | Longitude | Depth/km | Magnitude\n"
        "us1|2012-04-04T14:08:46|41.8|13.4|7.1|2.1\n"
    )
    catalog = read_catalog(write(tmp_path / "a.txt", text))
    assert catalog.event_id.values.tolist() == ["us1"]
    assert float(catalog.depth[0]) == 7.1


def test_the_end_of_a_day_and_of_a_minute_may_be_written_as_24_and_60(tmp_path: Path) -> None:
    text = (
        "time,lat,lon,mag\n2019-12-31T24:00:00,1,1,1\n2020-01-01 00:10:60.5,1,1,1\n"
        "2020-01-01T00:10:59.50Z,1,1,1\n"
    )
    times = read_catalog(write(tmp_path / "a.csv", text)).time.values
    wanted = ["2020-01-01T00:00:00", "2020-01-01T00:10:59.5", "2020-01-01T00:11:00.5"]
    assert times.tolist() == np.array(wanted, "datetime64[ns]").tolist()


@pytest.mark.parametrize("bad", ["2020-01-01T24:00:01", "2020-01-01T00:60:00", "2020-01-01T25:00"])
def test_other_times_beyond_the_day_are_refused(tmp_path: Path, bad: str) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_catalog(write(tmp_path / "a.csv", f"time,lat,lon,mag\n{bad},1,1,1\n"))


def test_year_to_second_in_columns_of_their_own_are_joined(tmp_path: Path) -> None:
    text = "YEAR,MONTH,DAY,HOUR,MINUTE,SECOND,LAT,LON,MAG,time\n2020,2,29,1,2,3.25,1,2,3,7.5\n"
    catalog = read_catalog(write(tmp_path / "a.csv", text))
    assert catalog.time.values[0] == np.datetime64("2020-02-29T01:02:03.25", "ns")


def test_days_without_a_clock_are_refused(tmp_path: Path) -> None:
    text = "time,year,month,day,lat,lon,mag\n0.5,2020,2,29,1,2,3\n"
    with pytest.raises(DataError, match="no hour and minute"):
        read_catalog(write(tmp_path / "a.csv", text))


def test_a_depth_in_metres_comes_in_km_and_an_empty_map_leaves_it_out(tmp_path: Path) -> None:
    text = "time,lat,lon,mag,{}\n2020-01-01,1,1,1,-2400\n"
    metres = write(tmp_path / "a.csv", text.format("depth(m)"))
    assert float(read_catalog(metres).depth[0]) == -2.4
    path = write(tmp_path / "b.csv", text.format("depth"))
    with pytest.raises(DataError, match="positive down"):
        read_catalog(path)
    assert np.isnan(read_catalog(path, {"depth": ""}).depth[0])


def test_many_simulated_catalogues_are_not_taken_for_one(tmp_path: Path) -> None:
    head = "lon,lat,mag,time_string,depth,catalog_id,event_id\n"
    rows = [f"1,1,4,2020-01-01T00:00:0{i},5,{i // 2},{i}\n" for i in range(4)]
    with pytest.raises(DataError, match="2 simulated catalogues"):
        read_catalog(write(tmp_path / "a.csv", head + "".join(rows)))
    one = read_catalog(write(tmp_path / "b.csv", head + "".join(rows[:2])))
    assert one.sizes["event"] == 2


def test_a_column_map_names_foreign_columns(tmp_path: Path) -> None:
    text = "Datum;Breite;lon;ML\n2001-02-03 04:05:06;47.0;8.0;1.5\n"
    columns = {"time": "Datum", "latitude": "Breite", "magnitude": "ML"}
    assert float(read_catalog(write(tmp_path / "a.csv", text), columns).magnitude[0]) == 1.5


def test_unsorted_rows_are_sorted_and_the_history_says_so(tmp_path: Path) -> None:
    text = "time,lat,lon,mag\n2020-03-01,1,1,1\n2020-01-01,2,2,2\n2020-02-01T00:00:00+01:00,3,3,3\n"
    catalog = read_catalog(write(tmp_path / "a.csv", text))
    assert catalog.magnitude.values.tolist() == [2, 3, 1]
    assert "1 rows came before their predecessor" in catalog.attrs["history"]
    assert catalog.time.values[1] == np.datetime64("2020-01-31T23:00", "ns")


def test_longitudes_above_180_become_western_ones(tmp_path: Path) -> None:
    text = "time,lat,lon,mag\n2020-03-01,1,190,1\n"
    catalog = read_catalog(write(tmp_path / "a.csv", text))
    assert float(catalog.longitude[0]) == -170
    assert "less 360" in catalog.attrs["history"]


@pytest.mark.parametrize("east", ["185.5", "-174.5"])
def test_events_on_both_sides_of_the_180th_meridian_stay_together(
    tmp_path: Path, east: str
) -> None:
    text = f"time,lat,lon,mag\n2020-03-01,-40,175.5,1\n2020-03-02,-40,{east},1\n"
    catalog = read_catalog(write(tmp_path / "a.csv", text))
    assert catalog.longitude.values.tolist() == [175.5, 185.5]
    assert "1 western longitudes taken plus 360" in catalog.attrs["history"]


HEAD = "time,lat,lon,depth,mag\n2020-01-01,1,1,5,1\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("time,lat,lon,magnitud\n2020-01-01,1,1,1\n", ["magnitude", "did you mean 'magnitud'"]),
        (HEAD + "2020-01-02,1,1,5,strong\n", ["row 2", "column 'mag'", "'strong'"]),
        (HEAD + "2020-01-02,1,1,5,NaN\n" * 2, ["row 2", "column 'mag'", "missing", "2 such"]),
        (HEAD + ",1,1,5,2\n", ["row 2", "column 'time'", "missing"]),
        (HEAD + "02/01/2020,1,1,5,2\n", ["row 2", "column 'time'", "02/01/2020"]),
        (HEAD + "9999-01-01,1,1,5,2\n", ["row 2", "column 'time'"]),
        (HEAD + "2020-13-01,1,1,5,2\n", ["row 2", "column 'time'"]),
        (HEAD + "2020-01-02,99,1,5,2\n", ["row 2", "column 'lat'", "99", "-90 to 90"]),
        (HEAD + "2020-01-02,1,-200,5,2\n", ["row 2", "column 'lon'", "-200"]),
        (HEAD + "2020-01-02,1,1,8500,2\n", ["row 2", "column 'depth'", "km"]),
        (HEAD + "2020-01-02,1,1,5,-999.25\n", ["row 2", "column 'mag'", "-999.25"]),
        (HEAD + "2020-01-02,1,1,5,inf\n", ["row 2", "column 'mag'"]),
        (HEAD.replace(",1,1,5,1", ",1,1,5,1,7"), ["as many values as the header"]),
        (HEAD + "2020-01-02,1,1,5,2,7\n", ["as many values as the header"]),
        (HEAD + "2020-01-02,1\n", ["row 2", "column 'lon'", "missing"]),
        ("time,lat,lon,mag\n", ["no events"]),
        ("", ["empty"]),
        ("\n\n", ["empty"]),
    ],
)
def test_a_bad_table_gives_one_message_that_names_the_place(
    tmp_path: Path, text: str, words: list[str]
) -> None:
    path = write(tmp_path / "bad.csv", text)
    with pytest.raises(DataError) as caught:
        read_catalog(path)
    assert all(word in str(caught.value) for word in [*words, "bad.csv"])


def many(bad: str, n: int = 199) -> str:
    """A catalogue of n good rows with these after the tenth."""
    rows = [f"2020-01-01T00:{i // 60:02d}:{i % 60:02d},1,1,5,2.{i % 10}\n" for i in range(n)]
    return "time,lat,lon,depth,mag\n" + "".join(rows[:10]) + bad + "".join(rows[10:])


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (
            "2020-01-01T00:67:00,1,1,5,2\n",
            "column 'time': the time '2020-01-01T00:67:00' cannot be",
        ),
        ("2020-01-01,95,1,5,2\n", "column 'lat': 95 is out of range"),
        ("2020-01-01,1,x,5,2\n", "column 'lon': 'x' is not a number"),
        ("2020-01-01,1,1,-11,2\n", "column 'depth': -11 is out of range, -10 to 1000"),
        ("2020-01-01,1,1,5,\n", "column 'mag': the magnitude is missing"),
    ],
)
def test_one_bad_row_of_many_is_left_out_and_named_or_refused_if_asked(
    tmp_path: Path, bad: str, words: str
) -> None:
    path = write(tmp_path / "a.csv", many(bad))
    catalog = read_catalog(path)
    assert catalog.sizes["event"] == 199
    assert catalog.attrs["warnings"].startswith("1 of 200 rows left out: row 11, ")
    assert words in catalog.attrs["warnings"]
    with pytest.raises(DataError, match=r"row 11, .*1 such in all"):
        read_catalog(path, bad_rows="error")


def test_the_good_rows_around_a_bad_one_keep_their_values(tmp_path: Path) -> None:
    whole = read_catalog(write(tmp_path / "a.csv", many("")))
    left = read_catalog(write(tmp_path / "b.csv", many("never,1,1,5,2\n")))
    assert "warnings" not in whole.attrs
    for name in ("time", "depth", "magnitude"):
        assert left[name].values.tolist() == whole[name].values.tolist()


def test_more_than_a_hundredth_of_bad_rows_is_an_error_that_names_the_first(tmp_path: Path) -> None:
    bad = "2020-01-01,1,1,5,strong\n"
    assert read_catalog(write(tmp_path / "a.csv", many(bad * 2, 198))).sizes["event"] == 198
    with pytest.raises(DataError, match=r"row 11, column 'mag': 'strong' .*3 such in all; 1 % may"):
        read_catalog(write(tmp_path / "b.csv", many(bad * 3, 197)))


def test_events_without_a_magnitude_are_left_out_up_to_half_of_all(tmp_path: Path) -> None:
    bare = "2020-01-01,1,1,5,\n"
    told = read_catalog(write(tmp_path / "a.csv", many(bare * 50, 50))).attrs["warnings"]
    assert told.startswith("50 of 100 rows left out, the first: row 11, column 'mag'")
    with pytest.raises(DataError, match="51 such in all; 50 % may be left out"):
        read_catalog(write(tmp_path / "b.csv", many(bare * 51, 49)))


def test_depths_above_the_sea_are_kept(tmp_path: Path) -> None:
    catalog = read_catalog(write(tmp_path / "a.csv", many("2020-01-01,1,1,-3.5,2\n")))
    assert float(catalog.depth.min()) == -3.5
    assert "warnings" not in catalog.attrs


def test_depths_that_are_all_heights_have_their_sign_turned_and_it_is_told(tmp_path: Path) -> None:
    text = "time,lat,lon,depth,mag\n2020-01-01,1,1,-24,2\n2020-01-02,1,1,0,2\n"
    catalog = read_catalog(write(tmp_path / "a.csv", text))
    assert catalog.depth.values.tolist() == [24.0, 0.0]
    assert "taken as heights" in catalog.attrs["warnings"]


def test_null_values_of_depth_are_not_taken_for_heights(tmp_path: Path) -> None:
    text = "time,lat,lon,depth,mag\n2020-01-01,1,1,-999,2\n2020-01-02,1,1,0,2\n"
    with pytest.raises(DataError, match="-999 is out of range"):
        read_catalog(write(tmp_path / "a.csv", text))


def test_times_in_days_count_from_the_moment_that_is_given(tmp_path: Path) -> None:
    text = "time,lat,lon,mag,year,month,day\n0,1,1,6,2003,7,26\n1.5,1,1,4,2003,7,27\n"
    path = write(tmp_path / "a.csv", text)
    found = read_catalog(path, days_since="2003-07-26T07:13:00").time.values
    wanted = ["2003-07-26T07:13:00", "2003-07-27T19:13:00"]
    assert found.tolist() == np.array(wanted, "datetime64[ns]").tolist()
    with pytest.raises(DataError, match="days_since"):
        read_catalog(path)
    with pytest.raises(DataError, match="days_since"):
        read_catalog(write(tmp_path / "b.csv", "time,lat,lon,mag\n0,1,1,6\n1.5,1,1,4\n"))
    with pytest.raises(DataError, match="the days_since 'noon' is no time"):
        read_catalog(path, days_since="noon")


@pytest.mark.parametrize("days", ["1e300", "inf", "", "-1e6"])
def test_days_beyond_the_calendar_are_refused(tmp_path: Path, days: str) -> None:
    path = write(tmp_path / "a.csv", f"time,lat,lon,mag\n{days},1,1,6\n")
    with pytest.raises(DataError, match="is no number of days after 2000-01-01"):
        read_catalog(path, days_since="2000-01-01")


def test_a_column_map_to_nowhere_names_the_nearest_column(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "Datum,lat,lon,ML\n2020-01-01,1,1,1\n")
    with pytest.raises(DataError, match="did you mean 'Datum'"):
        read_catalog(path, {"time": "Datun"})
    with pytest.raises(DataError, match="did you mean 'magnitude'"):
        read_catalog(path, {"magnitud": "ML"})


def test_an_unknown_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"\.doc is none of a catalogue"):
        read_catalog(write(tmp_path / "a.doc", COMCAT))


def test_a_truncated_gzip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress((COMCAT * 50).encode())[:-30])
    with pytest.raises(DataError, match="cannot be read to its end"):
        read_catalog(path)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.one_of(st.binary(max_size=300), st.binary(max_size=200).map(lambda b: COMCAT.encode() + b))
)
def test_any_bytes_are_read_or_refused_with_a_data_error(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "fuzz.csv"
    path.write_bytes(raw)
    try:
        catalog = read_catalog(path)
    except DataError:
        return
    assert catalog.sizes["event"] >= 1
    assert np.isfinite(catalog.magnitude.values).all()


QUAKEML = """<?xml version="1.0" encoding="utf-8"?>
<q:quakeml xmlns="http://quakeml.org/xmlns/bed/1.2" xmlns:q="http://quakeml.org/xmlns/quakeml/1.2">
<eventParameters publicID="smi:local/all">
{events}
</eventParameters></q:quakeml>
"""
EVENT = """<event publicID="smi:local/event/{n}"><type>earthquake</type>
<preferredOriginID>smi:local/o{n}b</preferredOriginID>
<preferredMagnitudeID>smi:local/m{n}b</preferredMagnitudeID>
<origin publicID="smi:local/o{n}a"><time><value>2019-01-01T00:00:00Z</value></time>
<latitude><value>1</value></latitude><longitude><value>1</value></longitude></origin>
<origin publicID="smi:local/o{n}b"><time><value>2020-01-0{n}T00:00:00.123456Z</value></time>
<latitude><value>34.5</value></latitude><longitude><value>-117.5</value></longitude>
<depth><value>8500</value></depth></origin>
<magnitude publicID="smi:local/m{n}a"><mag><value>1.0</value></mag></magnitude>
<magnitude publicID="smi:local/m{n}b"><mag><value>{mag}</value></mag><type>Mw</type></magnitude>
</event>"""


def test_quakeml_gives_preferred_origin_and_magnitude_and_depth_in_km(tmp_path: Path) -> None:
    events = EVENT.format(n=2, mag=4.5) + EVENT.format(n=1, mag=3.5)
    catalog = read_catalog(write(tmp_path / "a.xml", QUAKEML.format(events=events)))
    assert catalog.magnitude.values.tolist() == [3.5, 4.5]
    assert catalog.depth.values.tolist() == [8.5, 8.5]
    assert catalog.event_id.values.tolist() == ["1", "2"]
    assert catalog.magnitude_type.values.tolist() == ["Mw", "Mw"]
    assert catalog.time.values[0] == np.datetime64("2020-01-01T00:00:00.123456", "ns")


def test_truncated_quakeml_is_refused(tmp_path: Path) -> None:
    text = QUAKEML.format(events=EVENT.format(n=1, mag=3.5))
    with pytest.raises(DataError, match="truncated or damaged XML"):
        read_catalog(write(tmp_path / "a.xml", text[:-60]))


def test_quakeml_without_events_or_magnitudes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no events"):
        read_catalog(write(tmp_path / "a.xml", QUAKEML.format(events="")))
    bare = '<event publicID="smi:local/event/7"></event>'
    with pytest.raises(DataError, match=r"event 1, column 'time': the time is missing"):
        read_catalog(write(tmp_path / "b.xml", QUAKEML.format(events=bare)))


def test_quakeml_events_without_a_magnitude_are_left_out_and_told(tmp_path: Path) -> None:
    bare = EVENT.format(n=2, mag=1.0)
    bare = bare[: bare.index("<magnitude")] + "</event>"
    events = bare + EVENT.format(n=1, mag=3.5)
    catalog = read_catalog(write(tmp_path / "a.xml", QUAKEML.format(events=events)))
    assert catalog.magnitude.values.tolist() == [3.5]
    assert "1 of 2 events left out: event 1, " in catalog.attrs["warnings"]


def test_xml_entities_and_other_xml_are_refused(tmp_path: Path) -> None:
    bomb = '<?xml version="1.0"?><!DOCTYPE q [<!ENTITY a "aaaa">]><quakeml>&a;</quakeml>'
    with pytest.raises(DataError, match="document type"):
        read_catalog(write(tmp_path / "a.xml", bomb))
    with pytest.raises(DataError, match="QuakeML was expected"):
        read_catalog(write(tmp_path / "b.xml", "<html></html>"))


def test_duplicates_marks_the_later_of_each_close_pair_only(tmp_path: Path) -> None:
    rows = [
        "2020-01-01T00:00:00,34,-117,3.0",
        "2020-01-01T00:00:01,34,-117,3.1",  # repeats the first
        "2020-01-01T00:00:01.5,36,-117,3.0",  # far away
        "2020-01-01T00:00:01.9,34,-117,4.0",  # larger
        "2020-01-01T00:00:09,34,-117,3.0",  # later
        "2020-01-01T00:00:09.1,34.01,-117,3.1",  # repeats it
    ]
    catalog = read_catalog(write(tmp_path / "a.csv", "time,lat,lon,mag\n" + "\n".join(rows)))
    assert duplicates(catalog).tolist() == [False, True, False, False, False, True]
    assert not duplicates(catalog, seconds=0.05).any()


def test_columns_that_are_not_used_are_told_and_one_that_is_missing_with_its_map(
    tmp_path: Path,
) -> None:
    row = "2020-01-02T03:04:05Z,34,-117,3.1,8\n"
    path = write(tmp_path / "a.csv", "time,lat,lon,mag,z\n" + row)
    told = read_catalog(path).attrs["history"]
    assert "columns not used: z" in told
    assert "columns={depth: NAME}" in told
    assert float(read_catalog(path, {"depth": "z"}).depth[0]) == 8.0
    write(path, "time,lat,lon,size,z\n" + row)
    with pytest.raises(DataError, match=r"columns=\{magnitude: NAME\}', NAME one of size, z$"):
        read_catalog(path)
