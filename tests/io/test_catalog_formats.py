"""Catalogues without a header line: each format read back, garbage refused with one message."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from craton.errors import DataError
from craton.io.bad_rows import BadRows
from craton.io.catalog import catalog_from_text, read_catalog
from craton.io.catalog_formats import clock_times, find_format

# 6 July 2019, 03:19:53.04 UTC, M 7.1 near Ridgecrest: the same event in each format.
ZMAP = "-117.599\t35.770\t{year}\t7\t6\t7.1\t8.0\t3\t19\t53.04"
CSEP = "-117.599,35.77,7.1,2019-07-06T03:19:53.040000,8.0,,38457511"
SCEDC = "2019/07/06 03:19:53.04 eq  l 7.10 w    35.770 -117.599   8.0 A 38457511  144 1533"
RELOCATED = "2019 07 06 03 19 53.040  38457511 35.77000 -117.59900   8.000 7.10 144 6.9 0.2 1 ct"
RELOC = (
    " 38457511  35.770000 -117.599000 8.000 1.0 2.0 3.0 0.1 0.1 0.2 2019  7  6  3 19 53.040 7.1"
    "  96 100 544  31 0.006 0.039 1"
)
PHASES = (
    "# 2019  7  6  3 19 53.04  35.7700 -117.5990    8.00 7.10  0.1  0.2  0.04   38457511\n"
    "CICCC       1.730  -1.000   P"
)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ZMAP", ZMAP.format(year=2019)),
        ("ZMAP", ZMAP.format(year=2019.509963) + "\t0.1\t0.5\t0.05"),
        ("ZMAP", ZMAP.format(year=2019).replace("\t", ",")),
        ("CSEP", CSEP),
        ("SCEDC", SCEDC),
        ("SCEDC", "#YYY/MM/DD HH:mm:SS.ss ET GT MAG  M    LAT     LON     DEPTH Q  EVID NPH NGRM\n"
                  + SCEDC + "\n#Number of rows returned: 1"),
        ("the relocated Southern California catalogue", RELOCATED),
        ("hypoDD", RELOC),
        ("hypoDD's phase file", PHASES),
    ],
)  # fmt: skip
def test_the_same_event_is_read_from_each_format(name: str, text: str) -> None:
    form = find_format(text.splitlines())
    assert form is not None
    assert form.name == name
    catalog = catalog_from_text(text, "a file")
    assert catalog.time.values.tolist() == [np.datetime64("2019-07-06T03:19:53.04", "ns").item()]
    assert catalog.latitude.values.tolist() == [35.77]
    assert catalog.longitude.values.tolist() == [-117.599]
    assert catalog.depth.values.tolist() == [8.0]
    assert catalog.magnitude.values.tolist() == [7.1]
    if name != "ZMAP":
        assert catalog.event_id.values.tolist() == ["38457511"]


def test_pycsep_reads_the_same_from_csep(tmp_path: Path) -> None:
    readers = pytest.importorskip("csep.utils.readers")
    path = tmp_path / "a.csv"
    path.write_text(f"{CSEP}\n-71.25,-43.0,4.15,2020-02-29T23:59:59.500000,33.0,,x1\n")
    ours = read_catalog(path)
    theirs = readers.csep_ascii(str(path))
    assert [int(e[1]) for e in theirs] == (ours.time.values.astype("int64") // 10**6).tolist()
    for column, name in ((2, "latitude"), (3, "longitude"), (4, "depth"), (5, "magnitude")):
        assert [float(e[column]) for e in theirs] == ours[name].values.tolist()


def test_obspy_reads_the_same_from_zmap(tmp_path: Path) -> None:
    obspy = pytest.importorskip("obspy")
    path = tmp_path / "a.zmap"
    path.write_text(
        ZMAP.format(year=2019) + "\n-71.25\t-43.0\t2020\t2\t29\t4.15\t33.0\t23\t59\t59\n"
    )
    ours = read_catalog(path)
    theirs = obspy.read_events(str(path), format="ZMAP")
    assert [e.origins[0].time.ns for e in theirs] == ours.time.values.astype("int64").tolist()
    assert [e.origins[0].latitude for e in theirs] == ours.latitude.values.tolist()
    assert [e.origins[0].longitude for e in theirs] == ours.longitude.values.tolist()
    assert [e.origins[0].depth / 1000 for e in theirs] == ours.depth.values.tolist()
    assert [e.magnitudes[0].mag for e in theirs] == ours.magnitude.values.tolist()


def test_zmap_with_decimal_years_alone_is_read_to_the_second() -> None:
    # day 60 of the leap year 2020 at noon
    text = f"-117.5 34.1 {2020 + 59.5 / 366:.12f} 0 0 3.0 5.0 0 0 0"
    found = catalog_from_text(text, "a file").time.values[0]
    assert abs(found - np.datetime64("2020-02-29T12:00", "ns")) < np.timedelta64(1, "s")


def test_a_decimal_year_rounded_over_new_year_keeps_the_date() -> None:
    text = "-117.5 34.1 2020.0000 12 31 3.0 5.0 23 59 59"
    assert str(catalog_from_text(text, "a").time.values[0]).startswith("2020-12-31")
    text = "-117.5 34.1 2020.0001 12 31 3.0 5.0 23 59 59"
    assert str(catalog_from_text(text, "a").time.values[0]).startswith("2019-12-31T23:59:59")


def test_sixty_seconds_are_the_next_minute() -> None:
    parts = {"year": [1999], "month": [12], "day": [31], "hour": [23], "minute": [59]}
    found = clock_times({**parts, "second": [60.17]}, BadRows())
    assert found[0] == np.datetime64("2000-01-01T00:00:00.17", "ns")


def test_scedc_events_without_a_magnitude_are_left_out_and_told() -> None:
    bare = SCEDC.replace("7.10 w", "0.00 n")
    catalog = catalog_from_text(f"{SCEDC}\n{bare}", "a")
    assert catalog.sizes["event"] == 1
    assert "1 of 2 rows left out: row 2, " in catalog.attrs["warnings"]
    assert "the magnitude is missing" in catalog.attrs["warnings"]
    assert catalog.event_type.values.tolist() == ["eq"]
    assert catalog.magnitude_type.values.tolist() == ["w"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (SCEDC + "\n" + SCEDC.replace("07/06", "06/31"), ["row 2", "no day 2019-06-31"]),
        (SCEDC + "\n" + SCEDC.replace("03:19:", "25:19:"), ["row 2", "hour", "'25'"]),
        (SCEDC + "\n" + SCEDC.replace("35.770", "95.770"), ["row 2", "latitude", "95.77"]),
        (SCEDC + "\n2019/07/06 03:19:53.04 eq", ["row 2", "3 values", "SCEDC"]),
        (SCEDC + "\n" + RELOCATED, ["row 2", "SCEDC"]),
        (ZMAP.format(year=2019.1), ["days apart", "row 1"]),
        (ZMAP.format(year=2019) + "\n" + ZMAP.format(year=20190706), ["row 2", "no year"]),
        (RELOCATED + "\n" + RELOCATED.replace(" 19 53", " x 53"), ["row 2", "minute", "'x'"]),
        (RELOCATED.replace("7.10", "71.0"), ["row 1", "magnitude", "71"]),
        (RELOC + "\n" + RELOC.rsplit(" ", 1)[0], ["row 2", "23 values", "hypoDD"]),
        (CSEP + "\n" + CSEP.replace("2019-07-06", "06-07-2019"), ["row 2", "time"]),
        ("1 2 3 4 5\n1 2 3 4 5", ["no header line", "ZMAP"]),
    ],
)
def test_a_bad_row_is_named(text: str, words: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        catalog_from_text(text, "a file")
    assert all(word in str(caught.value) for word in [*words, "a file"]), caught.value


def test_a_column_map_for_a_format_without_names_is_refused() -> None:
    with pytest.raises(DataError, match="which has no header"):
        catalog_from_text(SCEDC, "a", {"magnitude": "MAG"})


class Event(NamedTuple):
    """An event with the digits that every format keeps."""

    seconds: int
    hundredths: int
    latitude: int
    longitude: int
    depth: int
    magnitude: int


EVENTS = st.lists(
    st.builds(
        Event,
        st.integers(-2_000_000_000, 4_000_000_000),
        st.integers(0, 99),
        st.integers(-90_000, 90_000),
        st.integers(-180_000, 180_000),
        st.integers(0, 700_0),
        st.integers(-100, 950),
    ),
    min_size=1,
    max_size=12,
)


def moment(event: Event) -> np.datetime64:
    return np.datetime64(event.seconds, "s") + np.timedelta64(event.hundredths * 10, "ms")


def written(name: str, event: Event, n: int) -> str:
    stamp = str(moment(event).astype("datetime64[ms]"))
    year, month, day = stamp[:10].split("-")
    hour, minute, second = stamp[11:22].split(":")
    lat, lon = f"{event.latitude / 1000:.3f}", f"{event.longitude / 1000:.3f}"
    depth, mag = f"{event.depth / 10:.1f}", f"{event.magnitude / 100:.2f}"
    clock = f"{year} {month} {day} {hour} {minute} {second}"
    return {
        "ZMAP": f"{lon} {lat} {year} {month} {day} {mag} {depth} {hour} {minute} {second}",
        "CSEP": f"{lon},{lat},{mag},{stamp},{depth},0,{n}",
        "SCEDC": f"{year}/{month}/{day} {hour}:{minute}:{second} eq l {mag} l {lat} {lon} {depth} "
        f"A {n} 12 0",
        "RELOCATED": f"{clock} {n} {lat} {lon} {depth} {mag} 12 3.4",
        "RELOC": f"{n} {lat} {lon} {depth} 1 2 3 4 5 6 {clock} {mag} 1 2 3 4 5 6 7",
        "PHASES": f"# {clock} {lat} {lon} {depth} {mag} 0 0 0 {n}\nABC 1.0 1.0 P",
    }[name]


@pytest.mark.parametrize("name", ["ZMAP", "CSEP", "SCEDC", "RELOCATED", "RELOC", "PHASES"])
@settings(max_examples=60, deadline=None)
@given(events=EVENTS)
def test_what_is_written_comes_back(name: str, events: list[Event]) -> None:
    text = "\n".join(written(name, e, n) for n, e in enumerate(events, 1))
    catalog = catalog_from_text(text, "a file")
    ordered = sorted(events, key=moment)
    assert catalog.time.values.tolist() == [
        moment(e).astype("datetime64[ns]").item() for e in ordered
    ]
    assert catalog.latitude.values.tolist() == [e.latitude / 1000 for e in ordered]
    turns = (catalog.longitude.values - [e.longitude / 1000 for e in ordered]) / 360
    np.testing.assert_allclose(turns, np.round(turns), atol=1e-12)
    assert catalog.depth.values.tolist() == [e.depth / 10 for e in ordered]
    assert catalog.magnitude.values.tolist() == [e.magnitude / 100 for e in ordered]


SEEDS = [ZMAP.format(year=2019), CSEP, SCEDC, RELOCATED, RELOC, PHASES]


@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    base=st.sampled_from(SEEDS),
    at=st.integers(0, 200),
    put=st.one_of(
        st.sampled_from(
            ["nan", "inf", "-", "1e400", " 9" * 30, "\0", "\n", "#", ",", "२", "1_0", "0x1f"]
        ),
        st.text(max_size=8),
    ),
    gone=st.integers(0, 20),
    rows=st.integers(0, 2),
)
def test_damaged_lines_are_read_or_refused_with_a_data_error(
    base: str, at: int, put: str, gone: int, rows: int
) -> None:
    text = "\n".join([*[base] * rows, base[:at] + put + base[at + gone :]])
    try:
        catalog = catalog_from_text(text, "a file")
    except DataError as error:
        assert "a file" in str(error)
        return
    assert catalog.sizes["event"] >= 1
    for name in ("latitude", "longitude", "magnitude"):
        assert np.isfinite(catalog[name].values).all()
    assert not np.isnat(catalog.time.values).any()


REAL = Path(os.environ.get("CRATON_DATA_DIR", "."))
realdata = pytest.mark.skipif("CRATON_DATA_DIR" not in os.environ, reason="no CRATON_DATA_DIR")


@pytest.mark.realdata
@realdata
@pytest.mark.parametrize(
    ("name", "events", "first"),
    [
        ("hypodd-california/example2_hypoDD.reloc.gz", 308, "1984-04-24T21:20:23.480"),
        ("hypodd-california/example2_Calaveras.pha.gz", 308, "1984-04-24T21:20:23.480"),
        ("etas-reference-catalogs/Phuket.csv.gz", 1248, "2004-02-16T14:44:39.900"),
        ("etas-reference-catalogs/iran.quakes.csv.gz", 5970, "1973-01-06T15:39:31"),
        ("etas-switzerland/ch_catalog.csv.gz", 22526, "1972-01-10T23:24:41"),
        ("ridgecrest-pal-picks/scsn_catalog_20190704.csv.gz", 703, "2019-07-04T17:02:55.340"),
    ],
)
def test_real_catalogues_come_in_whole(name: str, events: int, first: str) -> None:
    catalog = read_catalog(REAL / name)
    assert catalog.sizes["event"] == events
    assert catalog.time.values[0] == np.datetime64(first, "ns")


@pytest.mark.realdata
@realdata
def test_the_one_impossible_time_of_a_real_catalogue_is_left_out_and_named() -> None:
    # it also has times of 24:00:00 and seconds of 60, which are read
    path = REAL / "etas-reference-catalogs/horus_italy_M2.5.csv.gz"
    found = read_catalog(path)
    assert found.sizes["event"] == 37_080
    assert (
        "row 4529, column 'time_string': the time '1979-05-27T15:67:33'"
        in (found.attrs["warnings"])
    )
    with pytest.raises(DataError, match="row 4529"):
        read_catalog(path, bad_rows="error")


@pytest.mark.realdata
@realdata
def test_two_real_catalogues_of_heights_have_depths_positive_down() -> None:
    folder = REAL / "etas-reference-catalogs"
    japan = read_catalog(folder / "japan.quakes.csv.gz")
    assert (float(japan.depth.min()), float(japan.depth.max())) == (0.0, 100.0)
    miyagi = read_catalog(folder / "main2003JUL26.csv.gz", days_since="2003-07-26T07:13:31")
    assert miyagi.sizes["event"] == 2305
    # its columns of year, month and day say the same
    assert str(miyagi.time.values[-1])[:10] == "2003-08-13"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (SCEDC.replace("07/06", "06/31"), "there is no day 2019-06-31"),
        (RELOCATED.replace(" 19 53", " 77 53"), "the minute is '77', 0 to 59 was expected"),
        (ZMAP.format(year=20190706), "'20190706' is no year"),
        (ZMAP.format(year=2019.1), "days apart"),
    ],
)
def test_one_bad_row_of_a_format_without_a_header_is_left_out_and_named(
    line: str, words: str
) -> None:
    good = {"2019/0": SCEDC, "2019 0": RELOCATED}.get(line[:6], ZMAP.format(year=2019))
    catalog = catalog_from_text("\n".join([*[good] * 150, line, *[good] * 49]), "a")
    assert catalog.sizes["event"] == 199
    assert catalog.attrs["warnings"].startswith("1 of 200 rows left out: row 151")
    assert words in catalog.attrs["warnings"]
