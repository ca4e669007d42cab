"""QuakeML events as a table of strings and numbers, and guards for any XML that ObsPy reads."""

from __future__ import annotations

import gzip
import io
import re
import warnings
import xml.parsers.expat
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from craton.errors import DataError
from craton.io.files import MAX_BYTES, require_file
from craton.io.problems import need_obspy

QUAKEML_ENDINGS = ("xml", "qml", "quakeml")


def quakeml_table(path: str | Path, limit: int = MAX_BYTES) -> pd.DataFrame:
    """Read time, place, depth (km) and magnitude of each event of a QuakeML file.

    Parameters
    ----------
    path : str or Path
        QuakeML, also gzip-compressed.
    limit : int
        Most bytes that are taken, after decompression.

    Returns
    -------
    pandas.DataFrame
        One row an event, in the order of the file; NaT and NaN where it has no origin or magnitude.

    Raises
    ------
    DataError
        If the XML is truncated, has a document type or entities, or is no QuakeML.
    MissingExtraError
        If ObsPy is not installed.
    """
    path = require_file(path)
    events = quakeml_events(path, limit)
    return pd.DataFrame([_row(event) for event in events])


def quakeml_events(path: str | Path, limit: int = MAX_BYTES) -> Any:
    """Read QuakeML as ``obspy.Catalog``; raises as `quakeml_table` for what is no QuakeML."""
    path = require_file(path)
    raw = xml_bytes(path, "QuakeML", limit)
    obspy = need_obspy()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # The format is named: without it ObsPy tries plugins that unpickle.
            return obspy.read_events(io.BytesIO(raw), format="QUAKEML")
    except Exception as error:
        raise DataError(f"is no QuakeML ({error})", where=str(path)) from error


def xml_bytes(path: Path, what: str, limit: int = MAX_BYTES) -> bytes:
    """The bytes of an XML file that is whole, without entities, and has the root `what`."""
    raw = _bytes(path, limit)
    _well_formed(raw, path, what)
    return raw


def identifier(resource: str) -> str:
    """The short name in a resource identifier."""
    query = re.search(r"(?:eventid|evid)=([^&]+)", resource, flags=re.IGNORECASE)
    return query[1] if query else resource.rsplit("/", 1)[-1]


def _bytes(path: Path, limit: int) -> bytes:
    try:
        opener: Any = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rb") as stream:
            raw: bytes = stream.read(limit + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"cannot be read to its end ({error})", where=str(path), fix="fetch the file again"
        ) from error
    if len(raw) > limit:
        raise DataError(f"is larger than {limit} bytes", where=str(path), fix="cut it")
    if not raw.strip():
        raise DataError("is empty", where=str(path), fix="give a file with data in it")
    return raw


def _well_formed(raw: bytes, path: Path, what: str) -> None:
    """Refuse entities (they can fill the memory) and XML that ends early."""
    parser = xml.parsers.expat.ParserCreate()

    def refuse(*_: Any) -> None:
        raise DataError(
            f"declares a document type, which {what} does not have",
            where=str(path),
            fix="take the DOCTYPE out",
        )

    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    names: list[str] = []
    parser.StartElementHandler = lambda name, _: names.append(name) if not names else None
    try:
        parser.Parse(raw, True)
    except xml.parsers.expat.ExpatError as error:
        raise DataError(
            f"is truncated or damaged XML (line {error.lineno}: "
            f"{xml.parsers.expat.ErrorString(error.code)})",
            where=str(path),
            fix="fetch the file again",
        ) from error
    if names[0].rsplit(":", 1)[-1].lower() != what.lower():
        raise DataError(f"is XML of <{names[0]}>, {what} was expected", where=str(path))


def _row(event: Any) -> dict[str, Any]:
    """What a table holds of an event; NaT and NaN for what it does not have."""
    origin = event.preferred_origin() or next(iter(event.origins), None)
    magnitude = event.preferred_magnitude() or next(iter(event.magnitudes), None)

    def of(thing: Any, name: str, missing: Any = np.nan) -> Any:
        found = getattr(thing, name, None)
        return missing if found is None else found

    time, depth = of(origin, "time", None), of(origin, "depth")
    return {
        "time": np.datetime64("NaT" if time is None else int(time.ns), "ns"),
        "latitude": of(origin, "latitude"),
        "longitude": of(origin, "longitude"),
        "depth": depth / 1000.0,
        "magnitude": of(magnitude, "mag"),
        "event_id": identifier(str(event.resource_id)),
        "event_type": event.event_type or "",
        "magnitude_type": of(magnitude, "magnitude_type", ""),
    }
