"""ComCat's GeoJSON read back, garbage refused with one message."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from craton.errors import DataError
from craton.io.catalog import read_catalog


def feature(n: int = 1, **changed: Any) -> dict[str, Any]:
    """An event as the service writes it."""
    properties = {"mag": 7.1, "place": "16km W of Searles Valley, CA", "time": 1562383193040,
                  "updated": 1, "magType": "mw", "type": "earthquake", **changed}  # fmt: skip
    point = {"type": "Point", "coordinates": [-117.599, 35.77, 8.0]}
    return {"type": "Feature", "properties": properties, "geometry": point, "id": f"ci{n}"}


def written(path: Path, features: Any) -> Path:
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def test_an_event_of_comcat_comes_in_whole(tmp_path: Path) -> None:
    catalog = read_catalog(written(tmp_path / "a.geojson", [feature()]))
    assert catalog.time.values[0] == np.datetime64("2019-07-06T03:19:53.040", "ns")
    found = {n: catalog[n].values[0] for n in ("latitude", "longitude", "depth", "magnitude")}
    assert found == {"latitude": 35.77, "longitude": -117.599, "depth": 8.0, "magnitude": 7.1}
    names = [catalog[n].values[0] for n in ("event_id", "event_type", "magnitude_type")]
    assert names == ["ci1", "earthquake", "mw"]


def test_an_event_without_a_magnitude_is_left_out_and_told(tmp_path: Path) -> None:
    catalog = read_catalog(written(tmp_path / "a.json", [feature(1), feature(2, mag=None)]))
    assert catalog.event_id.values.tolist() == ["ci1"]
    assert "event 2, column 'mag': the magnitude is missing" in catalog.attrs["warnings"]


@pytest.mark.parametrize(
    ("features", "words"),
    [
        (
            [feature(time="2019-07-06")],
            "event 1, column 'time': the time '2019-07-06' is no number",
        ),
        ([feature(time=True)], "the time 'True' is no number of milliseconds"),
        ([feature(time=10**17)], "is no number of milliseconds since 1970"),
        ([feature(mag="big")], "event 1, column 'mag': 'big' is not a number"),
        ([feature(mag=True)], "'True' is not a number"),
        ([{**feature(), "geometry": None}], "the latitude is missing"),
        ([{**feature(), "geometry": {"coordinates": [[1], 2]}}], "is not a number"),
        ([7, None], "the time 'None' is no number"),
        ([], "holds no events"),
        ({"a": 1}, "no FeatureCollection"),
    ],
)
def test_a_bad_event_gives_one_message_that_names_it(
    tmp_path: Path, features: Any, words: str
) -> None:
    with pytest.raises(DataError) as caught:
        read_catalog(written(tmp_path / "a.geojson", features))
    assert words in str(caught.value)
    assert "a.geojson" in str(caught.value)


@pytest.mark.parametrize("text", ["[" * 100_000, "[1, 2]", "7", '{"features": [', "9" * 5000])
def test_other_json_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.geojson"
    path.write_text(text)
    with pytest.raises(DataError, match=r"is no JSON|no FeatureCollection"):
        read_catalog(path)


def test_a_column_map_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a column map was given for GeoJSON"):
        read_catalog(written(tmp_path / "a.geojson", [feature()]), {"magnitude": "mag"})


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=5,
)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    part=st.sampled_from(["time", "mag", "type", "coordinates", "id", "properties", "geometry"]),
    value=ANYTHING,
)
def test_any_value_in_any_place_is_read_or_refused_with_a_data_error(
    tmp_path: Path, part: str, value: Any
) -> None:
    event = feature()
    inner = {"time": "properties", "mag": "properties", "type": "properties",
             "coordinates": "geometry"}  # fmt: skip
    (event[inner[part]] if part in inner else event)[part] = value
    try:
        catalog = read_catalog(written(tmp_path / "fuzz.geojson", [feature(), event]))
    except DataError as error:
        assert "fuzz.geojson" in str(error)
        return
    assert np.isfinite(catalog.magnitude.values).all()
    assert not np.isnat(catalog.time.values).any()


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    time=st.integers(-9_000_000_000_000, 9_000_000_000_000),
    place=st.tuples(st.floats(-179, 179), st.floats(-90, 90), st.floats(-10, 700)),
    mag=st.floats(-2, 9.9),
)
def test_what_is_written_comes_back(
    tmp_path: Path, time: int, place: tuple[float, float, float], mag: float
) -> None:
    event = feature(time=time, mag=mag)
    event["geometry"]["coordinates"] = place
    catalog = read_catalog(written(tmp_path / "a.geojson", [event]))
    assert catalog.time.values[0] == np.datetime64(time, "ms").astype("datetime64[ns]")
    found = tuple(float(catalog[n].values[0]) for n in ("longitude", "latitude", "depth"))
    assert found == pytest.approx(place, abs=1e-12)
    assert float(catalog.magnitude[0]) == pytest.approx(mag, abs=1e-12)
