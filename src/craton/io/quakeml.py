"""Picks and associated events as QuakeML 1.2, written and read by ObsPy."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from craton.errors import DataError
from craton.io._quakeml import identifier, quakeml_events
from craton.io.files import atomic
from craton.io.problems import need_obspy

_CHANCE = re.compile(r"probability\s*=\s*([0-9.eE+-]+)")
_KINDS = {"surface": "other event", "surface event": "other event", "noise": "not existing",
          "icequake": "ice quake", "blast": "quarry blast"}  # fmt: skip
"""Types of events by another name than QuakeML's."""

KM_DEGREE = 111.195


def write_quakeml(
    path: str | Path, events: pd.DataFrame | None = None, picks: pd.DataFrame | None = None
) -> None:
    """Write events with their picks; picks of no event go into one event without an origin.

    That event has the comment ``unassociated picks``. Intervals become lower and upper
    uncertainties at a confidence level of 90; probabilities, for which QuakeML 1.2 has no place,
    comments ``probability=0.97``, those of types of events ``probability_explosion=0.97``.

    Parameters
    ----------
    path : str or Path
        File to write, whole or not at all.
    events, picks : pandas.DataFrame, optional
        As `craton.io.picks.write_events` and `craton.io.picks.write_picks` take them. Where there
        are such columns, events have ``event_id``, ``event_type``, ``magnitude_type``,
        ``magnitude_error``, ``n_magnitudes``, ``n_stations``, ``rms_s``, ``gap_deg``, picks
        ``phase_used``, ``residual_s``, ``distance_km``, ``azimuth_deg``.
    """
    need_obspy()
    from obspy.core import event as e

    stem = "smi:local/craton"
    count = 0 if events is None else len(events)
    made = [] if events is None else [
        _event(e, f"{stem}/event/{_name(row.get('event_id'), k)}", row)
        for k, row in enumerate(events.to_dict("records"))
    ]  # fmt: skip
    name = e.ResourceIdentifier(f"{stem}/event/none/comment")
    loose = e.Event(
        resource_id=e.ResourceIdentifier(f"{stem}/event/none"),
        comments=[e.Comment(text="unassociated picks", resource_id=name)],
    )
    rows = [] if picks is None else picks.to_dict("records")
    for k, row in enumerate(rows):
        pick = _pick(e, f"{stem}/pick/{k}", row)
        owner = row.get("event", -1)
        if isinstance(owner, (int, np.integer)) and 0 <= owner < count:
            target = made[int(owner)]
            name = e.ResourceIdentifier(f"{stem}/arrival/{k}")
            far = _known(row, "distance_km")
            arrival = e.Arrival(
                resource_id=name, pick_id=pick.resource_id, azimuth=_known(row, "azimuth_deg"),
                phase=row.get("phase_used") or row["phase"],
                time_residual=_known(row, "residual_s"),
                distance=None if far is None else far / KM_DEGREE,
            )  # fmt: skip
            target.origins[0].arrivals.append(arrival)
        else:
            target = loose
        target.picks.append(pick)
    if loose.picks:
        made.append(loose)
    catalog = e.Catalog(made, resource_id=e.ResourceIdentifier(f"{stem}/catalog"))
    with atomic(path) as part, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            catalog.write(str(part), format="QUAKEML")
        except ValueError as error:  # a name with a control character is no XML
            raise DataError(f"cannot be written as QuakeML ({error})", where=str(path)) from error


def picks_of_quakeml(path: str | Path) -> pd.DataFrame:
    """All picks of a QuakeML file, with the identifier of their event in ``event``."""
    rows = []
    for event in quakeml_events(path):
        for pick in event.picks:
            name, when = pick.waveform_id, pick.time
            if when is None:
                continue
            time = np.datetime64(int(when.ns), "ns")
            low, high = (
                np.datetime64("NaT") if not width or width[1] is None
                else time + width[0] * np.timedelta64(round(width[1] * 1e9), "ns")
                for width in _widths(pick.time_errors)
            )  # fmt: skip
            codes = ("network_code", "station_code", "location_code", "channel_code")
            texts = [getattr(name, c, None) or "" for c in codes]
            chance = _chance(pick.comments)
            rows.append([*texts, pick.phase_hint or "", time, low, high, chance,
                         identifier(str(event.resource_id))])  # fmt: skip
    columns = ["network", "station", "location", "channel", "phase", "time", "low", "high",
               "probability", "event"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns).astype(
        dict.fromkeys(("time", "low", "high"), "datetime64[ns]")
    )


def events_of_quakeml(path: str | Path) -> pd.DataFrame:
    """Events of a QuakeML file that have an origin; no magnitude, no depth: NaN."""
    rows = []
    for event in quakeml_events(path):
        origin = event.preferred_origin() or next(iter(event.origins), None)
        if origin is None or origin.time is None:
            continue
        size = event.preferred_magnitude() or next(iter(event.magnitudes), None)
        rows.append({
            "time": np.datetime64(int(origin.time.ns), "ns"),
            "latitude": origin.latitude,
            "longitude": origin.longitude,
            "depth_km": np.nan if origin.depth is None else origin.depth / 1000,
            "magnitude": np.nan if size is None or size.mag is None else size.mag,
            "probability": _chance(event.comments),
            "n_picks": float(len(origin.arrivals) or len(event.picks)),
        })  # fmt: skip
    columns = ["time", "latitude", "longitude", "depth_km", "magnitude", "probability", "n_picks"]
    return pd.DataFrame(rows, columns=columns).astype({"time": "datetime64[ns]"})


def _widths(errors: Any) -> tuple[Any, Any]:
    """Sign and width of the interval below and above a pick."""
    if errors is None:
        return None, None
    return (-1, errors.lower_uncertainty), (1, errors.upper_uncertainty)


def _chance(comments: Any) -> float:
    for comment in comments or []:
        found = _CHANCE.search(comment.text or "")
        if found:
            try:
                return float(found[1])
            except ValueError:
                return np.nan
    return np.nan


def _comments(e: Any, stem: str, chance: Any) -> list[Any]:
    if chance is None or not np.isfinite(float(chance)):
        return []
    name = e.ResourceIdentifier(f"{stem}/comment")
    return [e.Comment(text=f"probability={float(chance):.6g}", resource_id=name)]


def _moment(value: Any) -> Any:
    import obspy

    return obspy.UTCDateTime(ns=int(pd.Timestamp(value).as_unit("ns").value))


def _pick(e: Any, stem: str, row: dict[Any, Any]) -> Any:
    errors = e.QuantityError()
    if not pd.isna(row["low"]) and not pd.isna(row["high"]):
        below, above = row["time"] - row["low"], row["high"] - row["time"]
        errors = e.QuantityError(
            lower_uncertainty=below.total_seconds(), upper_uncertainty=above.total_seconds(),
            confidence_level=90.0,
        )  # fmt: skip
    channel = e.WaveformStreamID(row["network"], row["station"], row["location"], row["channel"])
    return e.Pick(
        resource_id=e.ResourceIdentifier(stem), time=_moment(row["time"]), time_errors=errors,
        waveform_id=channel, phase_hint=row["phase"], evaluation_mode="automatic",
        comments=_comments(e, stem, row["probability"]),
    )  # fmt: skip


def _name(given: Any, number: int) -> str:
    """An identifier as QuakeML allows it; the number where there is none.

    Examples
    --------
    >>> _name("north 4/2", 0), _name("", 7)
    ('north-4-2', '7')
    """
    kept = re.sub(r"[^A-Za-z0-9.*()_~'-]", "-", given) if isinstance(given, str) else ""
    return kept or str(number)


def _known(row: dict[Any, Any], name: str, scale: float = 1.0) -> float | None:
    value = row.get(name)
    return None if value is None or pd.isna(value) else float(value) * scale


def _count(row: dict[Any, Any], name: str) -> int | None:
    value = _known(row, name)
    return None if value is None else int(value)


def _event_type(e: Any, label: Any) -> dict[str, Any]:
    """Type in QuakeML's words; another event where they have none for it."""
    if not isinstance(label, str) or not label:
        return {}
    said = _KINDS.get(label.lower(), label.lower())
    said = said if said in e.header.EventType else "other event"
    return {"event_type": said, "event_type_certainty": "suspected"}


def _event(e: Any, stem: str, row: dict[Any, Any]) -> Any:
    def known(name: str, scale: float = 1.0) -> float | None:
        return _known(row, name, scale)

    origin = e.Origin(
        resource_id=e.ResourceIdentifier(f"{stem}/origin"), time=_moment(row["time"]),
        latitude=float(row["latitude"]), longitude=float(row["longitude"]),
        depth=known("depth_km", 1000), evaluation_mode="automatic",
        time_errors=e.QuantityError(uncertainty=known("time_error_s")),
        depth_errors=e.QuantityError(uncertainty=known("depth_error_km", 1000)),
    )  # fmt: skip
    if (reach := known("horizontal_error_km", 1000)) is not None:
        origin.origin_uncertainty = e.OriginUncertainty(
            horizontal_uncertainty=reach, preferred_description="horizontal uncertainty"
        )
    origin.quality = e.OriginQuality(
        used_phase_count=_count(row, "n_picks"), used_station_count=_count(row, "n_stations"),
        standard_error=known("rms_s"), azimuthal_gap=known("gap_deg"),
    )  # fmt: skip
    found = e.Event(
        resource_id=e.ResourceIdentifier(stem), origins=[origin],
        comments=_comments(e, stem, row.get("probability")),
        preferred_origin_id=origin.resource_id, **_event_type(e, row.get("event_type")),
    )  # fmt: skip
    for column in (c for c in row if str(c).startswith("probability_")):
        if (chance := known(column)) is not None:
            name = e.ResourceIdentifier(f"{stem}/comment/{len(found.comments)}")
            found.comments.append(e.Comment(text=f"{column}={chance:.6g}", resource_id=name))
    if (size := known("magnitude")) is not None:
        name = e.ResourceIdentifier(f"{stem}/magnitude")
        magnitude = e.Magnitude(
            resource_id=name, mag=size, origin_id=origin.resource_id,
            magnitude_type=row.get("magnitude_type") or None,
            mag_errors=e.QuantityError(uncertainty=known("magnitude_error")),
            station_count=_count(row, "n_magnitudes"),
        )  # fmt: skip
        found.magnitudes = [magnitude]
        found.preferred_magnitude_id = name
    return found
