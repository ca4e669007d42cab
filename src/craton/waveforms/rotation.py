"""Components turned to vertical, north and east, or to radial and transverse."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from craton.checks import Finding
from craton.io.segments import part, trace_of

Found = list[Finding]


def rotate_to_zne(traces: list[Any], inventory: Any, found: Found) -> list[Any]:
    """Turn three components to Z, N, E by their orientation in the station data.

    Traces of stations whose orientation is not known, or that lack a component, stay as they are,
    and `found` says so. Of the others the time that all three components have is kept.
    """
    done = []
    for name, parts in _groups(traces).items():
        letters = next((c for c in ("ZNE", "Z12", "123") if set(c) <= set(parts)), None)
        angles = None if letters is None else _angles(name, letters, parts, inventory)
        if letters is None or angles is None:
            what = (
                "lacks a component" if letters is None else "has no orientation in the station data"
            )
            found.append(Finding("warning", f"{what}; not rotated", name))
            done += [t for rows in parts.values() for t in rows]
            continue
        matrix = np.linalg.inv(_directions(angles))
        for rows in _together([parts[c] for c in letters]):
            turned = matrix @ np.stack([t.data for t in rows])
            done += [_renamed(rows[0], data, c) for data, c in zip(turned, "ZNE", strict=True)]
        done += [t for c, rows in parts.items() if c not in letters for t in rows]
    return done


def rotate_to_rt(traces: list[Any], back_azimuth: float, found: Found) -> list[Any]:
    """Turn north and east to radial (away from the source) and transverse (clockwise of it)."""
    angle, done = np.deg2rad(back_azimuth), []
    for name, parts in _groups(traces).items():
        if not {"N", "E"} <= set(parts):
            text = "has no north and east component; not rotated"
            found.append(Finding("warning", text, name))
            done += [t for rows in parts.values() for t in rows]
            continue
        for north, east in _together([parts["N"], parts["E"]]):
            radial = -np.cos(angle) * north.data - np.sin(angle) * east.data
            across = np.sin(angle) * north.data - np.cos(angle) * east.data
            done += [_renamed(north, radial, "R"), _renamed(north, across, "T")]
        done += [t for c, rows in parts.items() if c not in "NE" for t in rows]
    return done


def _groups(traces: list[Any]) -> dict[str, dict[str, list[Any]]]:
    """Instrument (``NET.STA.LOC.CH``) to component letter to segments."""
    groups: dict[str, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    for trace in traces:
        groups[trace.id[:-1]][trace.id[-1:]].append(trace)
    return groups


def _angles(
    name: str, letters: str, parts: dict[str, list[Any]], inventory: Any
) -> list[tuple[float, float]] | None:
    """Azimuth and dip of each component, degrees, or None if one is not known."""
    if inventory is None:
        return None
    found = []
    for letter in letters:
        try:
            known = inventory.get_orientation(name + letter, parts[letter][0].stats.starttime)
        except Exception:  # ObsPy raises a bare Exception where there is none
            return None
        if known["azimuth"] is None or known["dip"] is None:
            return None
        found.append((float(known["azimuth"]), float(known["dip"])))
    return found if abs(np.linalg.det(_directions(found))) > 0.05 else None


def _directions(angles: list[tuple[float, float]]) -> Any:
    """Unit vectors (up, north, east), a row a component; dip is positive downwards."""
    azimuth, dip = np.deg2rad(np.array(angles)).T
    rows = [-np.sin(dip), np.cos(azimuth) * np.cos(dip), np.sin(azimuth) * np.cos(dip)]
    return np.stack(rows, axis=1)


def _together(columns: list[list[Any]]) -> list[list[Any]]:
    """Segments cut to the times that one of each column has, at equal sampling rates."""
    rows = [[trace] for trace in columns[0]]
    for column in columns[1:]:
        rows = [cut for row in rows for trace in column if (cut := _common([*row, trace]))]
    return rows


def _common(row: list[Any]) -> list[Any]:
    rate = float(row[0].stats.sampling_rate)
    if any(abs(t.stats.sampling_rate / rate - 1) > 1e-6 for t in row):
        return []
    begin = max(int(t.stats.starttime.ns) for t in row)
    first = [round((begin - int(t.stats.starttime.ns)) * rate * 1e-9) for t in row]
    length = min(t.stats.npts - a for t, a in zip(row, first, strict=True))
    return [part(t, a, a + length) for t, a in zip(row, first, strict=True)] if length > 0 else []


def _renamed(trace: Any, data: Any, letter: str) -> Any:
    found = trace_of(data, trace.stats)
    found.stats.channel = trace.stats.channel[:-1] + letter
    return found
