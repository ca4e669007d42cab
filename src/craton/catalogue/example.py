"""The example of the catalogue: written as a user's files are, and whether its answer came back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from craton.data.seismic_records import Example, write_example
from craton.models.associators import table_of
from craton.models.event_matching import match

SECONDS, KM = 3.0, 10.0
"""Largest difference of a found event from a known one."""

LOCATABLE = ("earthquake", "explosion")
CODA_S = 40.0
"""Seconds after a slide, which has no phases, in which what is found is of the slide."""


def example_in(folder: Path, velocity_model: str, minutes: float = 60.0) -> Example:
    """Write the example, unless it is there."""
    truth = folder / "truth.csv"
    if truth.is_file():
        events = pd.read_csv(truth, parse_dates=["time"])
        return Example(folder / "sds", folder / "stations.xml", events)
    return write_example(folder, table_of(velocity_model), minutes=minutes)


def answer(found: pd.DataFrame, known: pd.DataFrame) -> list[tuple[str, bool]]:
    """What came back of the known events, and whether it is enough."""
    real = known[known["kind"].isin(LOCATABLE)].reset_index(drop=True)
    t, u = (f["time"].to_numpy("datetime64[ns]").astype(np.int64) / 1e9 for f in (found, real))
    y, x = (found[c].to_numpy(float) for c in ("latitude", "longitude"))
    v, w = (real[c].to_numpy(float) for c in ("latitude", "longitude"))
    i, j, off = match(t, y, x, u, v, w, SECONDS, KM)
    slides = known.loc[known["kind"] == "surface", "time"].to_numpy("datetime64[ns]")
    after = t[:, None] - slides.astype(np.int64) / 1e9
    of_slide = ((after > -2) & (after < CODA_S)).any(axis=1)
    false = int((~of_slide & ~np.isin(np.arange(len(t)), i)).sum())
    said = [
        (f"{len(i)} of {len(real)} earthquakes and blasts were found, at least 80 %",
         len(i) >= 0.8 * len(real)),
        (f"{false} events are of nothing that happened, at most a fifth",
         false <= 0.2 * max(len(real), 1)),
    ]  # fmt: skip
    if not len(i):
        return said
    middle = float(np.median(off))
    said.append((f"the median epicentre is off by {middle:.2f} km, at most 2", middle <= 2.0))
    size = found["magnitude"].to_numpy(float)[i] - real["magnitude"].to_numpy(float)[j]
    if np.isfinite(size).any():
        spread = float(np.nanmedian(np.abs(size)))
        text = f"the median magnitude is off by {spread:.2f}, at most 0.2"
        said.append((text, spread <= 0.2))
    return said
