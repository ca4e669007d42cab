"""The example of the catalogue: written as a user's files are, and whether its answer came back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from craton.data.seismic_records import Example, write_example
from craton.io.problems import counted
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
    of_slide = (after > -2) & (after < CODA_S) & ~np.isin(np.arange(len(t)), i)[:, None]
    false = len(t) - len(i) - int(of_slide.any(axis=1).sum())
    said = [
        (f"{len(i)} of {len(real)} earthquakes and blasts were found, at least 80 %",
         len(i) >= 0.8 * len(real)),
        (f"{counted(false, 'false event')}, at most a fifth{_pieces(of_slide)}",
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


def _pieces(of_slide: NDArray[np.bool_]) -> str:
    """How many events are pieces of how many slides.

    Examples
    --------
    >>> _pieces(np.array([[True, False], [True, False], [False, False]]))
    '; 2 more are pieces of 1 slide, which has no phases to locate by'
    """
    n, slides = int(of_slide.any(axis=1).sum()), int(of_slide.any(axis=0).sum())
    if not n:
        return ""
    are = "is a piece" if n == 1 else "are pieces"
    have = "has" if slides == 1 else "have"
    return f"; {n} more {are} of {counted(slides, 'slide')}, which {have} no phases to locate by"
