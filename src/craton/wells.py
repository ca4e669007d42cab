"""Well logs: the gather of a depth's curves and its neighbours, and what is odd in the wells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from craton.checks import Finding
from craton.io.well_alignment import well_scales
from craton.io.well_features import IN_BED
from craton.samples import Inputs, Parts, Windows, make_index

SHORT = 50
"""Rows below which a well says little."""

SHIFTED = 0.75
"""Shift of a well's median, in interquartile ranges of all wells, that is worth a word."""


@dataclass(frozen=True)
class LogWindows(Windows):
    """Rows of wells with the rows above and below.

    Inputs are those of `Windows`, ``x`` (sample, curve) and ``sequence`` (sample, curve, lag);
    ``bed`` (sample, variable), what is known of the bed or formation that a row lies in; and
    ``scale`` (sample, log, 2), median and interquartile range of each log in the row's own well,
    NaN where the well has too few values of it.

    Parameters
    ----------
    logs : int
        The first so many of `features` are measured logs; the others are constraints that a
        geologist has put in.
    beds : tuple of str
        Variables of ``bed``.
    neighbours : mapping
        Class position to the positions that count as adjacent to it.
    """

    logs: int = 0
    beds: tuple[str, ...] = ()
    neighbours: Mapping[int, tuple[int, ...]] = field(default_factory=dict)

    def inputs(self, data: xr.Dataset, index: pd.DataFrame) -> Inputs:
        found = super().inputs(data, index)
        rows = index.index.to_numpy()
        columns = [data[b].to_numpy().astype(np.float32)[rows] for b in self.beds]
        if columns:
            found["bed"] = np.stack(columns, axis=1)
        found["scale"] = self._scales(data, rows)
        return found

    def _scales(self, data: xr.Dataset, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        well = data[self.group].to_numpy().astype(str)
        names, number = np.unique(well, return_inverse=True)
        median, spread = well_scales(data, self.features[: self.logs], names.tolist())
        return np.stack([median, spread], axis=2).astype(np.float32)[number.ravel()[rows]]

    def parts(self, data: xr.Dataset) -> Parts:
        found = super().parts(data)
        for i, name in enumerate(self.beds):
            curve = name.removesuffix(IN_BED)
            found["variable"].setdefault(curve, {})["bed"] = (slice(None), i)
        return found

    def whole(self, data: xr.Dataset, groups: NDArray[np.str_]) -> pd.DataFrame:
        """Index of every row of these wells, in the order of the data."""
        well = data[self.group].to_numpy().astype(str)
        rows = np.flatnonzero(np.isin(well, groups))
        return make_index(len(rows), group=well[rows], labels=rows)


def well_findings(data: xr.Dataset, logs: Sequence[str]) -> list[Finding]:
    """Gaps by curve and well, repeated depths, vintages that differ, wells too short.

    Parameters
    ----------
    data : xr.Dataset
        Wells as read by `craton.io.wells.read_wells`.
    logs : sequence of str
        Curves to look at.
    """
    well, depth = data["well"].to_numpy().astype(str), data["depth"].to_numpy()
    names = list(dict.fromkeys(well.tolist()))
    found = [
        Finding("info", line.strip(), "reading")
        for line in str(data.attrs.get("findings", "")).splitlines()
    ]
    rows = {w: np.flatnonzero(well == w) for w in names}
    text = (
        f"{len(names)} wells, {min(map(len, rows.values()))} to {max(map(len, rows.values()))} rows"
    )
    found.append(Finding("info", text, "wells"))
    for w in names:
        if len(rows[w]) < SHORT:
            found.append(Finding("warning", f"has {len(rows[w])} rows only", f"well {w}"))
        twice = int((np.diff(depth[rows[w]]) == 0).sum())
        if twice:
            found.append(Finding("warning", f"{twice} depths occur twice", f"well {w}"))
    for curve in logs:
        values = data[curve].to_numpy().astype(float)
        found += _curve_findings(values, curve, rows)
    return found


def _curve_findings(
    values: NDArray[np.float64], curve: str, rows: Mapping[str, NDArray[np.int64]]
) -> list[Finding]:
    found, where = [], f"curve {curve}"
    share = {w: float(np.isfinite(values[r]).mean()) for w, r in rows.items()}
    absent = [w for w, s in share.items() if s == 0]
    partly = [f"{w} ({100 * (1 - s):.0f} %)" for w, s in share.items() if 0 < s < 0.99]
    if absent:
        found.append(Finding("warning", f"absent in {', '.join(absent)}", where))
    if partly:
        found.append(Finding("info", f"has gaps in {', '.join(partly)}", where))
    own = {w: np.quantile(values[r][np.isfinite(values[r])], [0.25, 0.5, 0.75])
           for w, r in rows.items() if np.isfinite(values[r]).sum() >= SHORT}  # fmt: skip
    if len(own) < 3:
        return found
    middle = float(np.median([q[1] for q in own.values()]))
    width = max(float(np.median([q[2] - q[0] for q in own.values()])), 1e-12)
    off = {w: (q[1] - middle) / width for w, q in own.items()}
    odd = [f"{w} by {s:+.1f}" for w, s in off.items() if abs(s) > SHIFTED]
    if odd:
        text = (
            f"the median is off in {', '.join(odd)} interquartile ranges: another vintage or rock"
        )
        found.append(Finding("info", text, where))
    return found
