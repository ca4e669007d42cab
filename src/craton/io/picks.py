"""Picks, types of events and associated events: read and written as the field passes them on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from craton.errors import DataError
from craton.io._pick_formats import TEXTS, of_json_lines, of_pal, of_samples, text_table, to_times
from craton.io._quakeml import QUAKEML_ENDINGS
from craton.io.files import atomic, read_text
from craton.io.problems import Problem, counted
from craton.io.quakeml import events_of_quakeml, picks_of_quakeml, write_quakeml
from craton.io.tables import six_digits

PICK_COLUMNS = (*TEXTS, "time", "low", "high", "probability")
EVENT_COLUMNS = ("time", "latitude", "longitude", "depth_km", "magnitude", "probability", "n_picks")
_TIMES = ("time", "low", "high")


def read_picks(path: str | Path, sampling_rate: float = 100.0) -> pd.DataFrame:
    """Read picks.

    Parameters
    ----------
    path : str or Path
        CSV with the columns of `PICK_COLUMNS` (station, phase and time suffice; others stay as
        they are), PAL (``NET.STA, origin, P time, S time, amplitude, ...``), GLASS3's JSON lines,
        PhaseNet's table of sample numbers by file, or QuakeML (``.xml``, ``.quakeml``). All also
        gzip-compressed; text is told by its first line.
    sampling_rate : float
        Samples a second of the sample numbers in PhaseNet's table.

    Returns
    -------
    pandas.DataFrame
        `PICK_COLUMNS`, then what else the file tells (``snr``, ``pair``, ``amplitude``, or
        ``amplitude_m`` where it is known to be in m, ...).
        Times are datetime64[ns] in UTC; ``low``, ``high`` bound the 90 % interval (NaT if not
        given), ``probability`` is NaN if not given. In the order of the file. ``attrs["problems"]``
        lists what was left out.

    Raises
    ------
    DataError
        If the file is missing, empty, damaged, none of these forms, or holds no usable pick.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.csv"
    >>> _ = path.write_text("network,station,phase,time\\nXX,AAA,P,2020-01-01T00:00:01.5Z\\n")
    >>> read_picks(path)["time"][0]
    Timestamp('2020-01-01 00:00:01.500000')
    """
    path = Path(path)
    if path.name.lower().removesuffix(".gz").rsplit(".", 1)[-1] in QUAKEML_ENDINGS:
        return _checked(picks_of_quakeml(path), [], path)
    text = read_text(path, encoding="utf-8-sig")
    first = text.lstrip().split("\n", 1)[0]
    problems: list[Problem] = []
    if first.startswith("{"):
        table = of_json_lines(text, path, problems)
    elif re.match(r"\w+\.\w+,\d{4}-\d\d-\d\dT", first):
        table = of_pal(text, path)
    elif "p_idx" in first and "s_idx" in first:
        table = of_samples(text, path, sampling_rate, problems)
    else:
        table = _of_csv(text, path, ("station", "phase", "time"))
    return _checked(table, problems, path)


def write_picks(picks: pd.DataFrame, path: str | Path) -> None:
    """Write picks as CSV, or as QuakeML where the ending says so.

    Parameters
    ----------
    picks : pandas.DataFrame
        `PICK_COLUMNS` and any others, which follow in the CSV.
    path : str or Path
        ``.csv``, or ``.xml``, ``.qml``, ``.quakeml``. Written whole or not at all.

    Raises
    ------
    DataError
        If a column is missing or the place cannot be written.
    """
    _require(picks, PICK_COLUMNS, "the picks")
    if Path(path).suffix.lstrip(".").lower() in QUAKEML_ENDINGS:
        write_quakeml(path, picks=picks)
        return
    rest = [c for c in picks.columns if c not in PICK_COLUMNS]
    _write(picks[[*PICK_COLUMNS, *rest]], path)


def picks_text(picks: pd.DataFrame, *, header: bool = False) -> str:
    """Picks as the lines of `write_picks`, to be appended to a file."""
    _require(picks, PICK_COLUMNS, "the picks")
    text = _as_text(picks[list(PICK_COLUMNS)])
    return str(text.to_csv(index=False, header=header, lineterminator="\n"))


def unknown_stations(picks: pd.DataFrame, stations: pd.DataFrame) -> list[Problem]:
    """Name the stations of picks that are not in a list of stations.

    Parameters
    ----------
    picks, stations : pandas.DataFrame
        With ``network`` and ``station``.

    Returns
    -------
    list of Problem
        One at most, with the number of picks that cannot be used.

    Examples
    --------
    >>> names = pd.DataFrame({"network": ["XX", "XX"], "station": ["A", "B"]})
    >>> unknown_stations(names, names[:1])[0].text
    '1 pick of 1 station that the list does not have, or not with coordinates: XX.B; left out'
    """
    known = set(stations["network"].astype(str) + "." + stations["station"].astype(str))
    names = picks["network"].astype(str) + "." + picks["station"].astype(str)
    lost = names[~names.isin(known)]
    if not len(lost):
        return []
    unique = lost.unique()
    shown = ", ".join(unique[:8]) + (", ..." if len(unique) > 8 else "")
    many = f"{counted(len(lost), 'pick')} of {counted(len(unique), 'station')}"
    text = f"{many} that the list does not have, or not with coordinates: {shown}; left out"
    return [Problem("warning", "unknown station", text, "picks")]


def write_event_types(
    path: str | Path,
    events: ArrayLike,
    probability: ArrayLike,
    classes: list[str],
    decided: ArrayLike | None = None,
) -> None:
    """Write types of events: ``event,label,`` and a probability a class.

    Parameters
    ----------
    path : str or Path
        CSV to write.
    events : array of str, shape (event,)
        Their names.
    probability : array, shape (event, class)
        In the order of `classes`.
    classes : list of str
        Names of the classes, which name the columns.
    decided : array of int, shape (event,), optional
        Position of the class that is the label; the likeliest by default.

    Raises
    ------
    DataError
        If a probability is not finite or the shapes differ.
    """
    chance, names = np.asarray(probability, float), np.asarray(events).astype(str)
    if chance.shape != (len(names), len(classes)) or not np.isfinite(chance).all():
        raise DataError(
            f"{len(names)} events and {len(classes)} classes need finite probabilities of shape "
            f"({len(names)}, {len(classes)}); the shape is {chance.shape}", where=str(path),
        )  # fmt: skip
    which = chance.argmax(axis=1) if decided is None else np.asarray(decided)
    labels = np.asarray(classes)[which] if len(names) else []
    table = pd.DataFrame({"event": names, "label": labels})
    for k, name in enumerate(classes):
        table[name] = six_digits(chance[:, k])
    _write(table, path)


def read_event_types(path: str | Path) -> pd.DataFrame:
    """Read types of events as `write_event_types` writes them.

    Raises
    ------
    DataError
        If a column is missing or a probability lies outside of 0 to 1.
    """
    table = _of_csv(read_text(path, encoding="utf-8-sig"), Path(path), ("event", "label"))
    for name in table.columns[2:]:
        chance = pd.to_numeric(table[name], errors="coerce")
        if bad := int((~chance.between(0, 1)).sum()):
            raise DataError(
                f"{bad} values are no probability", where=f"{path}, column '{name}'",
                fix="give numbers from 0 to 1",
            )  # fmt: skip
        table[name] = chance
    return table


def write_events(events: pd.DataFrame, path: str | Path, picks: pd.DataFrame | None = None) -> None:
    """Write associated events as CSV, or with their picks as QuakeML where the ending says so.

    Parameters
    ----------
    events : pandas.DataFrame
        `EVENT_COLUMNS` and any others, which follow in the CSV. Uncertainties (one standard
        deviation) in ``time_error_s``, ``horizontal_error_km``, ``depth_error_km`` go to QuakeML.
    path : str or Path
        ``.csv``, or ``.xml``, ``.qml``, ``.quakeml``.
    picks : pandas.DataFrame, optional
        `PICK_COLUMNS` and ``event``: the row of `events` that a pick belongs to (-1: none).

    Raises
    ------
    DataError
        If a column is missing or the place cannot be written.
    """
    _require(events, EVENT_COLUMNS, "the events")
    if Path(path).suffix.lstrip(".").lower() in QUAKEML_ENDINGS:
        write_quakeml(path, events=events, picks=picks)
        return
    rest = [c for c in events.columns if c not in EVENT_COLUMNS]
    _write(events[[*EVENT_COLUMNS, *rest]], path)


def read_events(path: str | Path) -> pd.DataFrame:
    """Read associated events as `write_events` writes them; magnitude and depth may be missing.

    Raises
    ------
    DataError
        If a column is missing, or an event has no time or place.
    """
    path = Path(path)
    if path.name.lower().removesuffix(".gz").rsplit(".", 1)[-1] in QUAKEML_ENDINGS:
        table = events_of_quakeml(path)
    else:
        table = _of_csv(read_text(path, encoding="utf-8-sig"), path, EVENT_COLUMNS[:3])
        table = table.reindex(
            columns=[*EVENT_COLUMNS, *(c for c in table.columns if c not in EVENT_COLUMNS)]
        )
        table["time"] = to_times(table["time"])
        for name in EVENT_COLUMNS[1:]:
            table[name] = pd.to_numeric(table[name], errors="coerce").astype(float)
    for name in EVENT_COLUMNS[:3]:
        if bad := int(table[name].isna().sum()):
            raise DataError(f"{bad} events have no {name}", where=str(path), fix="take them out")
    return table


def iso(times: ArrayLike) -> NDArray[Any]:
    """Times as ISO 8601 with microseconds and a final Z; what is missing stays empty.

    Examples
    --------
    >>> iso(np.array(["2020-01-01T00:00:01.5", "NaT"], "datetime64[ns]")).tolist()
    ['2020-01-01T00:00:01.500000Z', '']
    """
    values = np.asarray(times).astype("datetime64[ns]")
    # Rounded, not cut: a pick at a sample is often a nanosecond short of it.
    text = np.datetime_as_string((values + np.timedelta64(500, "ns")).astype("datetime64[us]"))
    return np.where(np.isnat(values), "", np.char.add(text, "Z"))


def _require(table: pd.DataFrame, columns: tuple[str, ...], what: str) -> None:
    missing = [c for c in columns if c not in table]
    if missing:
        raise DataError(f"{what} have no column '{missing[0]}'", fix=f"give {', '.join(columns)}")
    if bad := int(pd.isna(table["time"]).sum()):
        raise DataError(f"{bad} of {what} have no time", fix="take them out")


def _write(table: pd.DataFrame, path: str | Path) -> None:
    table = _as_text(table)
    with atomic(path) as part:
        table.to_csv(part, index=False)


def _as_text(table: pd.DataFrame) -> pd.DataFrame:
    table = table.copy()
    for name in table.columns:
        if table[name].dtype.kind == "M":
            table[name] = iso(table[name].to_numpy())
        elif name in ("probability", "magnitude", "depth_km"):
            table[name] = six_digits(table[name].to_numpy())
    return table


def _of_csv(text: str, path: Path, needed: tuple[str, ...]) -> pd.DataFrame:
    table = text_table(text, path, "CSV table")
    table.columns = [str(c).strip() for c in table.columns]
    missing = [c for c in needed if c not in table]
    if missing:
        raise DataError(
            f"has no column '{missing[0]}' (the first line is {text.splitlines()[0][:100]!r})",
            where=str(path), fix=f"give a CSV with {', '.join(needed)}, or another form of picks",
        )  # fmt: skip
    return table


def _checked(table: pd.DataFrame, problems: list[Problem], path: Path) -> pd.DataFrame:
    """All columns in order with their types; picks that cannot be used left out by number."""
    rest = [c for c in table.columns if c not in PICK_COLUMNS]
    table = table.reindex(columns=[*PICK_COLUMNS, *rest])
    for name in TEXTS:
        table[name] = table[name].astype(object).fillna("").astype(str).str.strip()
    for name in _TIMES:
        if table[name].dtype.kind != "M":
            table[name] = to_times(table[name])
    table["probability"] = pd.to_numeric(table["probability"], errors="coerce").astype(float)
    for bad, kind, text in (
        (table["time"].isna(), "no time", "have no time that can be read"),
        (table["station"] == "", "no name", "have no name of a station"),
    ):
        if n := int(bad.reindex(table.index).sum()):
            said = f"{n} picks {text} (first pick {int(bad.argmax()) + 1}); left out"
            problems.append(Problem("warning", kind, said, str(path)))
            table = table[~bad.reindex(table.index)]
    if not len(table):
        told = "; ".join(p.text for p in problems) or "it has no rows"
        raise DataError(f"holds no usable pick ({told})", where=str(path),
                        fix="give station, phase and time for each pick")  # fmt: skip
    odd = ~table["probability"].between(0, 1) & table["probability"].notna()
    wide = ~((table["low"] <= table["time"]) & (table["time"] <= table["high"]))
    wide &= table["low"].notna() | table["high"].notna()
    if odd.any():
        text = f"{int(odd.sum())} probabilities are not from 0 to 1; taken as not given"
        problems.append(Problem("warning", "probability", text, str(path)))
        table["probability"] = table["probability"].where(~odd)
    if wide.any():
        text = f"{int(wide.sum())} intervals do not hold the time of their pick; taken as not given"
        problems.append(Problem("warning", "interval", text, str(path)))
        table[["low", "high"]] = table[["low", "high"]].mask(wide)
    table = table.reset_index(drop=True)
    table.attrs["problems"] = problems
    return table
