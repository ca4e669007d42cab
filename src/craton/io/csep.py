"""Forecasts as simulated catalogues, and observed catalogues, in pyCSEP's formats."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from craton.errors import DataError
from craton.io.catalog import read_catalog
from craton.io.csep_regions import Floats, Ints
from craton.io.files import MAX_BYTES, atomic, read_text, require_file

COLUMNS = ("lon", "lat", "mag", "time_string", "depth", "catalog_id", "event_id")
"""Columns of a catalogue forecast, in their order; the names in the file do not matter."""
_MAX_CATALOGS = 100_000_000


@dataclass(frozen=True, eq=False)
class CatalogForecast:
    """Simulated catalogues as flat arrays, one entry an event, ordered by catalogue.

    Attributes
    ----------
    catalog : ndarray of int, shape (event,)
        Catalogue of each event, 0 to ``n_catalogs - 1``, ascending.
    longitude, latitude : ndarray, shape (event,)
        Degrees.
    magnitude : ndarray, shape (event,)
    n_catalogs : int
        Number of catalogues, those without events too.
    time : ndarray of datetime64[ms], shape (event,), optional
        Origin times, UTC.
    depth : ndarray, shape (event,), optional
        km.
    name : str
    """

    catalog: Ints
    longitude: Floats
    latitude: Floats
    magnitude: Floats
    n_catalogs: int
    time: NDArray[np.datetime64] | None = None
    depth: Floats | None = None
    name: str = ""

    def __post_init__(self) -> None:
        n = self.catalog.shape
        given = {
            "longitude": self.longitude, "latitude": self.latitude, "magnitude": self.magnitude,
            "time": self.time, "depth": self.depth,
        }  # fmt: skip
        for name, values in given.items():
            if values is not None and values.shape != n:
                raise DataError(f"{name} has shape {values.shape}, catalog has {n}")
        ordered = bool((np.diff(self.catalog) >= 0).all())
        inside = self.catalog.size == 0 or (
            self.catalog[0] >= 0 and self.catalog[-1] < self.n_catalogs
        )
        if self.n_catalogs < 1 or not ordered or not inside:
            raise DataError(
                f"catalogue numbers from 0 to {self.n_catalogs - 1} in ascending order were "
                "expected",
                fix="sort events by catalogue and give n_catalogs",
            )


def read_catalog_forecast(
    path: str | Path, n_catalogs: int | None = None, *, times: bool = True
) -> CatalogForecast:
    """Read simulated catalogues from pyCSEP's CSV.

    Parameters
    ----------
    path : str or Path
        Columns in this order, with or without a header: longitude, latitude, magnitude, time,
        depth (km), number of the catalogue, identifier. A row with nothing but the number stands
        for a catalogue without events; so does a number that is left out. ``.gz`` too.
    n_catalogs : int, optional
        Number of catalogues; without it the largest number in the file plus one. Give it: a
        file does not tell how many catalogues at its end are empty.
    times : bool
        Whether origin times and depths are read too; tests in space and magnitude need none, and
        reading is faster without.

    Returns
    -------
    CatalogForecast

    Raises
    ------
    DataError
        If the file is missing or empty, a value is no number or out of range (the row is named),
        or a catalogue number does not fit `n_catalogs`.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "forecast.csv"
    >>> _ = path.write_text("174.1,-42.3,4.1,2016-11-14T01:02:03,10.0,1,\\n")
    >>> forecast = read_catalog_forecast(path)
    >>> forecast.n_catalogs, forecast.catalog.tolist()
    (2, [1])
    """
    path = require_file(path)
    frame = _forecast_table(path, times)
    number = frame["catalog_id"].to_numpy()
    place = frame[["lon", "lat", "mag"]].to_numpy()
    missing = np.isnan(place)
    _check_rows(path, frame, missing)
    largest = int(number.max()) + 1 if number.size else 0
    if not largest and n_catalogs is None:
        raise DataError(
            "holds no catalogue", where=str(path), fix="give n_catalogs if all are empty"
        )
    total = largest if n_catalogs is None else int(n_catalogs)
    if not 1 <= total <= _MAX_CATALOGS or largest > total:
        raise DataError(
            f"catalogue number {largest - 1} with {total} catalogues in all",
            where=str(path),
            fix="give n_catalogs as the number of catalogues that were simulated",
        )
    kept = ~missing[:, 0]
    order: Any = kept if kept.all() and (np.diff(number) >= 0).all() else None
    if order is None:
        rows = np.flatnonzero(kept)
        order = rows[np.argsort(number[rows], kind="stable")]
    return CatalogForecast(
        number[order].astype(np.int64),
        place[order, 0],
        place[order, 1],
        place[order, 2],
        total,
        _times(path, frame["time_string"].to_numpy()[order]) if times else None,
        frame["depth"].to_numpy()[order] if times else None,
        path.name.removesuffix(".gz").removesuffix(".csv"),
    )


def _forecast_table(path: Path, times: bool) -> pd.DataFrame:
    with io.StringIO(read_text(path)) if path.suffix == ".gz" else path.open("rb") as source:
        if path.stat().st_size > MAX_BYTES:
            raise DataError(f"is larger than {MAX_BYTES} bytes", where=str(path), fix="cut it")
        first = source.readline()
        line = first.decode("utf-8", "replace") if isinstance(first, bytes) else first
        header = line.strip().lower().startswith("lon")
        source.seek(0)
        wanted = list(COLUMNS[:6]) if times else ["lon", "lat", "mag", "catalog_id"]
        kinds: Any = dict.fromkeys(wanted, np.float64) | ({"time_string": str} if times else {})
        options: Any = {
            "header": None, "names": list(COLUMNS), "usecols": wanted, "index_col": False,
            "skiprows": int(header),
        }  # fmt: skip
        try:
            return pd.read_csv(source, dtype=kinds, **options)
        except (ValueError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
            raise DataError(
                f"is no catalogue forecast ({error})",
                where=str(path),
                fix="give the columns longitude, latitude, magnitude, time, depth, catalogue "
                "number, identifier",
            ) from None


def _check_rows(path: Path, frame: pd.DataFrame, missing: NDArray[np.bool_]) -> None:
    """Refuse the first row that is neither an event nor an empty catalogue."""
    number = frame["catalog_id"].to_numpy()
    # NaN compares as False, so rows of empty catalogues pass.
    bad = {
        "a latitude from -90 to 90": np.abs(frame["lat"].to_numpy()) > 90,
        "a longitude from -180 to 360": np.abs(frame["lon"].to_numpy() - 90) > 270,
        "a magnitude from -5 to 11": np.abs(frame["mag"].to_numpy() - 3) > 8,
        "longitude, latitude and magnitude, or none of them": missing.any(1) & ~missing.all(1),
        "a catalogue number from 0": ~((number >= 0) & (number < _MAX_CATALOGS))
        | (number != np.floor(number)),
    }
    for expected, wrong in bad.items():
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            shown = frame.iloc[row].to_dict()
            raise DataError(f"{shown}: {expected} was expected", where=f"{path}, entry {row + 1}")


def _times(path: Path, texts: NDArray[Any]) -> NDArray[np.datetime64]:
    try:
        found = pd.to_datetime(pd.Series(texts), format="ISO8601", utc=True)
    except ValueError as error:
        raise DataError(f"a time is not ISO 8601 ({error})", where=str(path)) from None
    return found.dt.tz_localize(None).to_numpy().astype("datetime64[ms]")


def write_catalog_forecast(path: str | Path, forecast: CatalogForecast) -> None:
    """Write simulated catalogues as pyCSEP's CSV; catalogues without events get a row of blanks.

    Parameters
    ----------
    path : str or Path
    forecast : CatalogForecast
        With times; pyCSEP reads no event without one. An unknown depth is left blank.

    Raises
    ------
    DataError
        If there are no times, or the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "forecast.csv"
    >>> when = np.array(["2016-11-14T01:02:03"], "datetime64[ms]")
    >>> one = CatalogForecast(*np.array([[1], [174.1], [-42.3], [4.1]]), 2, when)
    >>> write_catalog_forecast(path, one)
    >>> print(path.read_text().splitlines()[1])
    ,,,,,0,
    """
    if forecast.time is None:
        raise DataError("the forecast has no times", where=str(path), fix="read it with times")
    events = pd.DataFrame(
        {
            "lon": forecast.longitude,
            "lat": forecast.latitude,
            "mag": forecast.magnitude,
            "time_string": np.datetime_as_string(forecast.time.astype("datetime64[us]")),
            "depth": np.nan if forecast.depth is None else forecast.depth,
            "catalog_id": forecast.catalog,
            "event_id": np.arange(forecast.catalog.size),
        }
    ).astype({"catalog_id": np.int64, "event_id": object})
    empty = np.setdiff1d(np.arange(forecast.n_catalogs), forecast.catalog)
    blank = pd.DataFrame({"catalog_id": empty}, columns=list(COLUMNS))
    table = pd.concat([events, blank]) if empty.size else events
    with atomic(path) as part:
        table.sort_values("catalog_id", kind="stable").to_csv(
            part, index=False, lineterminator="\n"
        )


def read_observed(path: str | Path) -> xr.Dataset:
    """Read an observed catalogue: pyCSEP's JSON, or any CSV or QuakeML that `read_catalog` takes.

    Parameters
    ----------
    path : str or Path
        ``.json`` (also ``.gz``): ``{"catalog": [[id, time, latitude, longitude, depth,
        magnitude], ...]}`` with times in milliseconds since 1970.

    Returns
    -------
    xarray.Dataset
        Dimension ``event``, as `craton.io.catalog.read_catalog` gives it.

    Raises
    ------
    DataError
        If the file is no such catalogue.
    """
    path = Path(path)
    if not path.name.lower().removesuffix(".gz").endswith(".json"):
        return read_catalog(path)
    try:
        rows = json.loads(read_text(path))["catalog"]
        values = np.array([[float(v) for v in row[1:6]] for row in rows]).reshape(-1, 5)
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise DataError(
            f"is no catalogue of pyCSEP ({error!r})",
            where=str(path),
            fix='give {"catalog": [[id, milliseconds, latitude, longitude, depth, magnitude]]}',
        ) from None
    if not np.isfinite(values[:, [0, 1, 2, 4]]).all():
        raise DataError("a time, coordinate or magnitude is not finite", where=str(path))
    time, lat, lon, depth, magnitude = values[np.argsort(values[:, 0], kind="stable")].T
    columns = {"latitude": lat, "longitude": lon, "depth": depth, "magnitude": magnitude}
    found = xr.Dataset({name: ("event", column) for name, column in columns.items()})
    stamps = (time * 1e6).astype("int64").astype("datetime64[ns]")
    return found.assign(time=("event", stamps))
