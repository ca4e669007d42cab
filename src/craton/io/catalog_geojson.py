"""Earthquake catalogues as GeoJSON, as ComCat's event service gives them (``format=geojson``)."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd

from craton.errors import DataError
from craton.io.bad_rows import BadRows
from craton.io.catalog_values import TIME_FIX, YEARS

GEOJSON_ENDINGS = ("geojson", "json")
_PROPERTIES = {"magnitude": "mag", "magnitude_type": "magType", "event_type": "type"}
_PLACES = ("longitude", "latitude", "depth")
_LIMITS = [int(np.datetime64(f"{y}-01-01", "ms").astype(int)) for y in (YEARS[0], YEARS[1] + 1)]


def geojson_table(text: str, where: str, bad: BadRows) -> pd.DataFrame:
    """Lay the events of a FeatureCollection out as a table.

    Parameters
    ----------
    text : str
        The whole answer: each feature has ``id``, ``properties`` with ``time`` (milliseconds since
        1970), ``mag``, ``magType``, ``type``, and a point of longitude, latitude and depth (km).
    where : str
        Its file, for messages.
    bad : BadRows
        Takes the events whose time is none.

    Returns
    -------
    pandas.DataFrame
        ``time`` as datetime64[ns], the other variables as text.

    Raises
    ------
    DataError
        If the text is no GeoJSON of events.

    References
    ----------
    https://earthquake.usgs.gov/earthquakes/feed/v1.0/geojson.php; RFC 7946, doi:10.17487/RFC7946.

    Examples
    --------
    >>> text = '''{"type": "FeatureCollection", "features": [{"id": "ci1", "properties":
    ... {"time": 86400000, "mag": 3.1}, "geometry": {"coordinates": [-117.0, 34.0, 8.5]}}]}'''
    >>> geojson_table(text, "a.geojson", BadRows()).loc[0, ["magnitude", "depth"]].tolist()
    ['3.1', '8.5']
    """
    features = _features(text, where)
    rows: list[dict[str, str]] = []
    stamps: list[Any] = []
    for feature in features:
        properties = _part(feature, "properties")
        place = _part(feature, "geometry").get("coordinates")
        place = [*place, None, None, None] if isinstance(place, list) else [None] * 3
        row = dict(zip(_PLACES, place, strict=False))
        row |= {name: properties.get(key) for name, key in _PROPERTIES.items()}
        rows.append({name: _word(value) for name, value in row.items()})
        rows[-1]["event_id"] = _word(feature.get("id") if isinstance(feature, dict) else None)
        stamps.append(properties.get("time"))
    good = np.array([_is_stamp(value) for value in stamps], dtype=bool)
    bad.mark(
        np.flatnonzero(~good),
        "time",
        lambda row: f"the time {str(stamps[row])[:40]!r} is no number of milliseconds since 1970",
        TIME_FIX if not good.any() else "mend the event or take it out",
    )
    whole = [round(value) if ok else 0 for value, ok in zip(stamps, good, strict=True)]
    times = np.array(whole, dtype="datetime64[ms]").astype("datetime64[ns]")
    times[~good] = np.datetime64("NaT")
    columns = [*_PLACES, *_PROPERTIES, "event_id"]
    table = pd.DataFrame(rows, columns=columns, dtype=str)
    table.insert(0, "time", times)
    table.attrs["names"] = {**_PROPERTIES, "event_id": "id"}
    return table


def _features(text: str, where: str) -> list[Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"is no JSON ({str(error)[:80]})", where=where, fix="fetch the file again"
        ) from None
    features = found.get("features") if isinstance(found, dict) else None
    if not isinstance(features, list):
        raise DataError(
            "is JSON, but no FeatureCollection of events",
            where=where,
            fix="ask the event service for format=geojson",
        )
    return features


def _part(feature: Any, name: str) -> dict[str, Any]:
    found = feature.get(name) if isinstance(feature, dict) else None
    return found if isinstance(found, dict) else {}


def _word(value: Any) -> str:
    """A value as text; what is neither text nor a number stays for the reader to complain of."""
    # half a character, which JSON can hold, is none
    return "" if value is None else str(value)[:200].encode("utf-8", "replace").decode()


def _is_stamp(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and _LIMITS[0] <= value < _LIMITS[1]
