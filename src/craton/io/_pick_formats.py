"""Picks as other programs write them: PAL, GLASS3's JSON lines, PhaseNet's table."""

from __future__ import annotations

import io
import json
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from craton.errors import DataError
from craton.io.problems import Problem

TEXTS = ("network", "station", "location", "channel", "phase")


def to_times(text: pd.Series) -> pd.Series:
    """Text as datetime64[ns] in UTC, NaT where it is no time of the years 1900 to 2200."""
    found = pd.to_datetime(
        text.astype(str).str.strip(), format="ISO8601", utc=True, errors="coerce"
    )
    found = found.where(found.dt.year.between(1900, 2200)).dt.tz_localize(None)
    return found.astype("datetime64[ns]")


def text_table(text: str, path: Path, what: str, **options: Any) -> pd.DataFrame:
    """A table of text as text; a row with more entries than the header has names is an error."""
    try:
        with warnings.catch_warnings():
            # without index_col pandas leaves surplus entries of a row out, with it it warns
            warnings.simplefilter("error", pd.errors.ParserWarning)
            # NA is a network, not a missing value
            return pd.read_csv(
                io.StringIO(text), dtype=str, keep_default_na=False, index_col=False, **options
            )
    except pd.errors.ParserWarning:
        raise DataError(
            f"is no {what}: rows have more entries than the header has names", where=str(path),
            fix="name every column, or take the separator off the end of the rows",
        ) from None  # fmt: skip
    except (pd.errors.ParserError, ValueError) as error:
        raise DataError(f"is no {what} ({error})", where=str(path)) from None


def of_pal(text: str, path: Path) -> pd.DataFrame:
    """PAL's paired picks: a row a pair becomes two rows with the same ``pair``.

    Its amplitude is ground displacement in m: on 362 earthquakes of Ridgecrest the magnitudes that
    follow from it are those of the Southern California network plus 0.29, with a scatter of 0.14.
    """
    names = ["station", "origin", "P", "S", "amplitude", "snr_p", "snr_s"]
    rows = text_table(text, path, "list of PAL's picks", header=None, names=names)
    split = rows["station"].str.split(".", n=1, expand=True).reindex(columns=[0, 1])
    both = [
        pd.DataFrame({
            "network": split[0], "station": split[1], "phase": phase, "time": rows[phase],
            "amplitude_m": pd.to_numeric(rows["amplitude"], errors="coerce"),
            "snr": pd.to_numeric(rows[f"snr_{phase.lower()}"], errors="coerce"),
            "pair": np.arange(len(rows)),
        })
        for phase in "PS"
    ]  # fmt: skip
    return pd.concat(both).sort_index(kind="stable").reset_index(drop=True)


def of_json_lines(text: str, path: Path, problems: list[Problem]) -> pd.DataFrame:
    """GLASS3's picks, one JSON object a line; a line that is none is told and left out."""
    lines = [line for line in text.splitlines() if line.strip()]
    rows, bad, first = [], 0, 0
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            site, size = row["Site"], row.get("Amplitude") or {}
            rows.append((
                site.get("Network", ""), site["Station"], site.get("Location", ""),
                site.get("Channel", ""), row.get("Phase", "P"), row["Time"], size.get("SNR"),
                size.get("Period"), row.get("Polarity", ""), row.get("Picker", ""),
                row.get("ID", ""),
            ))  # fmt: skip
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            bad, first = bad + 1, first or number
    if bad:
        text = f"{bad} lines are no picks (first line {first}); left out"
        problems.append(Problem("warning", "unreadable pick", text, str(path)))
    names = [*TEXTS, "time", "snr", "period_s", "polarity", "picker", "id"]
    return pd.DataFrame(rows, columns=names)


def of_samples(
    text: str, path: Path, sampling_rate: float, problems: list[Problem]
) -> pd.DataFrame:
    """PhaseNet's table: a row a file, with lists of sample numbers, probabilities, amplitudes."""
    rows = text_table(text, path, "table of PhaseNet's", sep="\t")
    starts = to_times(rows["t0"]) if "t0" in rows else pd.Series(pd.NaT, rows.index)
    found, bad = [], []
    for k, name in enumerate(rows.get("fname", [])):
        parts = re.sub(r"[._](mseed|npz|sac)$", "", name).split("_")
        network, station = parts[-2:] if len(parts) >= 2 else ("", name)
        for phase in "PS":
            lists = [_listed(rows.get(f"{phase.lower()}_{c}"), k) for c in ("idx", "prob", "amp")]
            samples, chance, size = lists
            if (
                samples is None
                or np.isnat(starts.to_numpy()[k])
                or len(chance or samples) != len(samples)
            ):
                bad.append(f"{name} {phase}")
                continue
            later = np.round(np.asarray(samples) / sampling_rate * 1e9)
            found.append(pd.DataFrame({
                "network": network, "station": station, "phase": phase,
                "time": starts.to_numpy()[k] + later.astype("timedelta64[ns]"),
                "probability": chance or np.nan,
                "amplitude": size if size and len(size) == len(samples) else np.nan,
            }))  # fmt: skip
    if bad:
        text = f"{len(bad)} lists cannot be read ({', '.join(bad[:3])}); left out"
        problems.append(Problem("warning", "unreadable pick", text, str(path)))
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=[*TEXTS, "time"])


def _listed(column: pd.Series | None, row: int) -> list[float] | None:
    """The numbers of ``[1,2,3]``; None if it is no such list."""
    text = "" if column is None else str(column.iloc[row]).strip()
    try:
        found = [float(v) for v in text.strip("[]").replace(",", " ").split()]
    except ValueError:
        return None
    # Sample numbers beyond any record would wrap around as times.
    return found if text and all(abs(v) < 1e9 for v in found) else None
