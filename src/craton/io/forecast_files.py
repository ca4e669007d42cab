"""Gridded forecasts as GeoJSON, GeoTIFF and CSV, the formats that maps and agencies take."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from craton.errors import DataError, MissingExtraError
from craton.io.files import atomic

_BOUNDS = ("west", "south", "east", "north")


def write_csv(path: str | Path, table: pd.DataFrame) -> None:
    """Write a table as CSV; floats keep every digit, times are ISO 8601.

    Parameters
    ----------
    path : str or Path
        File to write.
    table : pandas.DataFrame
        One row a cell.

    Raises
    ------
    DataError
        If the table has no columns or the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.csv"
    >>> write_csv(path, pd.DataFrame({"latitude": [34.05], "count": [0.1]}))
    >>> path.read_text()
    'latitude,count\\n34.05,0.1\\n'
    """
    if not len(table.columns):
        raise DataError("the table has no columns", where=str(path))
    with atomic(path) as part:
        table.to_csv(part, index=False, lineterminator="\n", date_format="%Y-%m-%dT%H:%M:%S.%f")


def write_geojson(
    path: str | Path,
    table: pd.DataFrame,
    cell: float | None = None,
    *,
    members: Mapping[str, Any] | None = None,
) -> None:
    """Write cells as GeoJSON: a FeatureCollection with one rectangle for each row.

    Parameters
    ----------
    path : str or Path
        File to write.
    table : pandas.DataFrame
        One row a cell, with either ``west, south, east, north`` or ``longitude, latitude`` of
        the centre (degrees). Every column becomes a property; NaN becomes null.
    cell : float, optional
        Side of a cell in degrees for tables of centres; by default the smallest spacing of the
        centres.
    members : mapping, optional
        Further members of the collection, of values that JSON holds; readers of maps pass them by.

    Raises
    ------
    DataError
        If the cells have no place, or a side cannot be told from the centres.

    References
    ----------
    RFC 7946, doi:10.17487/RFC7946 (rings counterclockwise, WGS 84, longitudes -180 to 180: a cell
    across the 180th meridian is two rectangles).

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.geojson"
    >>> write_geojson(path, pd.DataFrame({"longitude": [0.5], "latitude": [1.5], "n": [2]}), 1.0)
    >>> json.loads(path.read_text())["features"][0]["geometry"]["coordinates"][0][0]
    [0.0, 1.0]
    """
    corners = _corners(table, cell, str(path))
    columns = {str(name): _plain(table[name]) for name in table.columns}
    with atomic(path) as part, part.open("w", encoding="utf-8") as stream:
        stream.write('{"type": "FeatureCollection",\n')
        for name, value in (members or {}).items():
            stream.write(f"{json.dumps(name)}: {json.dumps(value, allow_nan=False)},\n")
        stream.write('"features": [\n')
        for i, (west, south, east, north) in enumerate(corners.tolist()):
            feature = {
                "type": "Feature",
                "geometry": _rectangle(west, south, east, north),
                "properties": {name: values[i] for name, values in columns.items()},
            }
            stream.write((",\n" if i else "") + json.dumps(feature, allow_nan=False))
        stream.write("\n]}\n")


def write_geotiff(
    path: str | Path,
    grid: xr.DataArray | xr.Dataset,
    *,
    tags: Mapping[str, Any] | None = None,
    band_tags: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:
    """Write a regular latitude-longitude grid as GeoTIFF.

    Parameters
    ----------
    path : str or Path
        File to write.
    grid : xarray.DataArray or xarray.Dataset
        Dimensions ``latitude`` and ``longitude`` (centres of cells, degrees, regularly spaced, in
        either direction). Each variable, and each index along any further dimension, is a band,
        described by its name and coordinate. EPSG:4326, north up, NaN is no-data.
    tags : mapping, optional
        GDAL metadata of the file; a list is written as words.
    band_tags : mapping, optional
        The same for single bands, by their description.

    Raises
    ------
    DataError
        If a dimension is missing, the spacing is not regular, or a variable is not numeric.
    MissingExtraError
        If rasterio is not installed.
    """
    try:
        import rasterio
        from rasterio.transform import from_origin
    except ImportError as error:
        raise MissingExtraError(
            "rasterio writes GeoTIFF and is not installed", fix="pip install 'craton[rasters]'"
        ) from error
    fields = [grid] if isinstance(grid, xr.DataArray) else list(grid.data_vars.values())
    bands = [band for field in fields for band in _bands(field, str(path))]
    if not bands:
        raise DataError("the grid has no variables", where=str(path))
    latitude, longitude = bands[0][1]["latitude"].values, bands[0][1]["longitude"].values
    dlat, dlon = (
        _spacing(values, name, str(path))
        for values, name in ((latitude, "latitude"), (longitude, "longitude"))
    )
    kinds = {band.dtype for _, band in bands}
    dtype = "float32" if kinds <= {np.dtype("float32")} else "float64"
    with (
        atomic(path) as part,
        rasterio.open(
            part,
            "w",
            driver="GTiff",
            width=longitude.size,
            height=latitude.size,
            count=len(bands),
            dtype=dtype,
            crs="EPSG:4326",
            transform=from_origin(
                longitude.min() - dlon / 2, latitude.max() + dlat / 2, dlon, dlat
            ),
            nodata=np.nan,
            compress="deflate",
        ) as raster,
    ):
        for number, (name, band) in enumerate(bands, start=1):
            upright = band.sortby("latitude", ascending=False).sortby("longitude")
            raster.write(upright.values.astype(dtype), number)
            raster.set_band_description(number, name)
            raster.update_tags(number, **_words((band_tags or {}).get(name, {})))
        raster.update_tags(**_words(tags or {}))


def _words(tags: Mapping[str, Any]) -> dict[str, str]:
    """Values as GDAL keeps them: text, numbers in full."""
    return {
        name: " ".join(map(str, value)) if isinstance(value, list) else str(value)
        for name, value in tags.items()
    }


def _corners(table: pd.DataFrame, cell: float | None, path: str) -> NDArray[np.float64]:
    if set(_BOUNDS) <= set(table.columns):
        corners = table[list(_BOUNDS)].to_numpy(dtype=float)
    elif {"longitude", "latitude"} <= set(table.columns):
        centre = table[["longitude", "latitude"]].to_numpy(dtype=float)
        if cell is None:
            gaps = np.concatenate([np.diff(np.unique(centre[:, axis])) for axis in (0, 1)])
            gaps = gaps[gaps > 1e-9]
            if not gaps.size:
                raise DataError("the side of a cell cannot be told", where=path, fix="give cell=")
            cell = float(gaps.min())
        # Twelve digits keep 34.1 - 0.05 from becoming 34.050000000000004.
        corners = np.round(np.hstack([centre - cell / 2, centre + cell / 2]), 12)
    else:
        raise DataError(
            "the table tells no place; columns west, south, east, north or longitude, latitude "
            f"were expected, it has {', '.join(map(str, table.columns))}",
            where=path,
        )
    bad = ~np.isfinite(corners).all(axis=1) | (corners[:, 2:] <= corners[:, :2]).any(axis=1)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise DataError(
            f"the cell {corners[row].tolist()} (west, south, east, north) has no area",
            where=f"{path}, row {row + 1}",
        )
    return corners


def _rectangle(west: float, south: float, east: float, north: float) -> dict[str, Any]:
    """A cell as RFC 7946 asks for it: within -180 to 180, in two where it crosses the meridian."""
    turns = 360.0 * np.floor((west + 180.0) / 360.0)
    if turns:
        west, east = round(west - turns, 12), round(east - turns, 12)
    spans = [(west, east)] if east <= 180 else [(west, 180.0), (-180.0, round(east - 360, 12))]
    rings = [[[[w, south], [e, south], [e, north], [w, north], [w, south]]] for w, e in spans]
    if len(rings) == 1:
        return {"type": "Polygon", "coordinates": rings[0]}
    return {"type": "MultiPolygon", "coordinates": rings}


def _plain(column: pd.Series) -> list[Any]:
    """Values of a column as JSON can hold them: None for what is missing or infinite."""
    if pd.api.types.is_datetime64_any_dtype(column):
        return [None if pd.isna(v) else pd.Timestamp(v).isoformat() for v in column]
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_integer_dtype(column):
        return [None if pd.isna(v) else v for v in column.tolist()]
    if pd.api.types.is_float_dtype(column):
        return [float(v) if np.isfinite(v) else None for v in column.to_numpy(dtype=float)]
    return [None if pd.isna(v) else str(v) for v in column]


def _bands(field: xr.DataArray, path: str) -> list[tuple[str, xr.DataArray]]:
    name = str(field.name or "value")
    for dim in ("latitude", "longitude"):
        if dim not in field.dims or dim not in field.coords:
            raise DataError(
                f"'{name}' has no dimension {dim} with coordinates; it has "
                f"{', '.join(map(str, field.dims))}",
                where=path,
            )
    if field.dtype.kind not in "fiub":
        raise DataError(f"'{name}' holds {field.dtype}, numbers were expected", where=path)
    field = field.transpose(..., "latitude", "longitude")
    extra = [str(dim) for dim in field.dims[:-2]]
    bands = []
    for place in itertools.product(*(range(field.sizes[dim]) for dim in extra)):
        band = field.isel(dict(zip(extra, place, strict=True)))
        label = [f"{dim}={band[dim].values}" for dim in extra if dim in band.coords]
        bands.append((" ".join([name, *label]), band))
    return bands


def _spacing(values: NDArray[Any], name: str, path: str) -> float:
    if values.size < 2:
        raise DataError(f"one {name} is too few to tell the cell size", where=path)
    steps = np.diff(values.astype(float))
    step = float(steps.mean())
    if step == 0 or not np.allclose(steps, step, rtol=0, atol=1e-4 * abs(step)):
        raise DataError(
            f"{name} is not regularly spaced (steps from {steps.min():g} to {steps.max():g})",
            where=path,
            fix="interpolate to a regular grid, or write GeoJSON",
        )
    return abs(step)
