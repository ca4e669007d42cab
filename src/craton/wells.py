"""Well logs: the gather of a depth's curves and its neighbours, and what is odd in the wells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from craton.checks import Finding
from craton.errors import DataError, nearest
from craton.gathers import Windows
from craton.io.well_alignment import well_scales
from craton.io.well_features import IN_BED, logarithms
from craton.io.well_products import facies_table, write_facies_csv, write_wells_las
from craton.models.imputation import imputation_errors
from craton.samples import Inputs, Parts, Samples, make_index

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


def well_findings(
    data: xr.Dataset, logs: Sequence[str], constraints: Sequence[str] = ()
) -> list[Finding]:
    """Gaps by curve and well, repeated depths, vintages that differ, wells too short.

    For each log with gaps also how well the others restore it, in wells left out.

    Parameters
    ----------
    data : xr.Dataset
        Wells as read by `craton.io.wells.read_wells`.
    logs : sequence of str
        Curves to look at.
    constraints : sequence of str
        Further curves that help to restore a gap.
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
    data = logarithms(data, {c: str(data[c].attrs.get("units", "")) for c in logs})
    for curve in logs:
        values = data[curve].to_numpy().astype(float)
        found += _curve_findings(values, curve, rows)
    table = np.stack([data[c].to_numpy().astype(float) for c in (*logs, *constraints)], axis=1)
    for e in imputation_errors(table, logs, well):
        text = (
            f"{e.curve} is missing in {e.missing} rows; restored from the other curves in wells "
            f"left out, its error is {e.rmse:.3g} (rmse, {e.n} rows), its spread {e.spread:.3g}"
        )
        found.append(Finding("info", text, "imputation"))
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


def adjacent(
    names: Sequence[str], given: Mapping[str, tuple[str, ...]], codes: Sequence[int] = ()
) -> dict[str, tuple[str, ...]]:
    """Facies adjacent to each: as given, or the next ones in order.

    Codes with gaps between them (30000, 65000) are names, not an order: then none is adjacent.

    Raises
    ------
    DataError
        If a facies that was given does not exist.

    Examples
    --------
    >>> adjacent(["sand", "silt", "clay"], {})["silt"]
    ('sand', 'clay')
    """
    for name in (n for k, v in given.items() for n in (k, *v)):
        if name not in names:
            raise DataError(f"'{name}', called adjacent, is no facies", fix=nearest(name, names))
    if given:
        return dict(given)
    if len(codes) and (np.diff(np.sort(codes)) != 1).any():
        return {}
    last = len(names) - 1
    return {
        c: tuple(names[j] for j in (i - 1, i + 1) if 0 <= j <= last) for i, c in enumerate(names)
    }


def write_csv(predicted: xr.Dataset, samples: Samples, path: Path) -> None:
    """CSV: well, depth, facies as the input codes it, a probability for each, the facies' name."""
    target = samples.target
    labels = [str(c) for c in target.codes] or target.categories
    names = target.categories if target.codes else ()
    _, well, depth, p = _rows(predicted, samples)
    write_facies_csv(path, facies_table(well, depth, p, labels, names))


def write_las(predicted: xr.Dataset, samples: Samples, path: Path) -> None:
    """LAS: curves FACIES and P_NAME; of several wells, a folder of that name with a file each."""
    target = samples.target
    codes = target.codes or range(1, len(target.categories) + 1)
    unit, well, depth, p = _rows(predicted, samples)
    numbers = dict(zip(target.categories, codes, strict=True))
    table = facies_table(well, depth, p, target.categories)
    write_wells_las(path, table, depth_unit=unit, codes=numbers)


def _rows(predicted: xr.Dataset, samples: Samples) -> tuple[str, Any, Any, Any]:
    """Depth unit; well, depth as in the file, and probabilities of each sample."""
    at, data = samples.index.index.to_numpy(), samples.data
    unit = str(data["depth_original"].attrs.get("units", "m"))
    unit, depth = ("m", "depth") if unit == "mixed" else (unit, "depth_original")
    p = predicted[samples.target.name].transpose("sample", "category").to_numpy()
    return unit, data["well"].to_numpy()[at], data[depth].to_numpy()[at], p
