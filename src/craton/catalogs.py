"""Earthquake catalogues: what is odd in them."""

from __future__ import annotations

import numpy as np
import xarray as xr

from craton.checks import Finding
from craton.io.catalog import duplicates
from craton.seismicity.b_value import b_value, magnitude_bin
from craton.seismicity.completeness import magnitude_of_completeness


def catalog_findings(
    data: xr.Dataset, used_from: float | None, step: float | None
) -> list[Finding]:
    """Completeness, b-value and its change in time, repeated events.

    Parameters
    ----------
    data : xr.Dataset
        As `craton.io.catalog.read_catalog` gives it.
    used_from : float, optional
        Magnitude from which events are used, if that is already said.
    step : float, optional
        Bin of the magnitudes; found in the data if None.
    """
    magnitudes = data["magnitude"].to_numpy()
    if len(magnitudes) < 50:
        return [Finding("error", f"{len(magnitudes)} events, at least 50 are needed", "catalogue")]
    mc = magnitude_of_completeness(magnitudes)
    b = b_value(magnitudes, mc, step or magnitude_bin(magnitudes))
    twice = int(duplicates(data).sum())
    found = [
        Finding("info", f"{len(magnitudes)} events, magnitude {magnitudes.min():.1f} to "
                f"{magnitudes.max():.1f}", "catalogue"),
        Finding("info", f"complete from about {mc:.1f} (maximum curvature + 0.2); b = {b.b:.2f} "
                f"+- {b.standard_error:.2f}", "catalogue"),
    ]  # fmt: skip
    if not 0.7 <= b.b <= 1.3:
        text = f"b = {b.b:.2f} is unusual: mixed magnitude scales, or not complete from {mc:.1f}?"
        found.append(Finding("warning", text, "catalogue"))
    found += _changes(data, mc, step or magnitude_bin(magnitudes))
    if twice:
        text = f"{twice} events look like a repetition of another (2 s, 5 km, 0.2); all were kept"
        found.append(Finding("warning", text, "catalogue"))
    if used_from is not None and used_from < mc - 0.15:
        text = f"the magnitude {used_from:g} asked for is below completeness, about {mc:.1f}"
        found.append(Finding("warning", text, "catalogue"))
    return found


def _changes(data: xr.Dataset, mc: float, step: float) -> list[Finding]:
    """A b-value that differs between the two halves of the record beyond its errors."""
    large = data["magnitude"].to_numpy() >= mc - 1e-6
    time, magnitude = data["time"].to_numpy()[large], data["magnitude"].to_numpy()[large]
    late = time > time[0] + (time[-1] - time[0]) / 2
    if min(late.sum(), (~late).sum()) < 100:
        return []
    a, b = (b_value(magnitude[part], mc, step) for part in (~late, late))
    reach = float(np.hypot(a.standard_error, b.standard_error))
    if abs(a.b - b.b) < max(4 * reach, 0.15):
        return []
    text = (
        f"b is {a.b:.2f} in the first half of the record and {b.b:.2f} in the second: magnitude "
        "scale or the completeness changed, and chances of large events will be wrong; use later "
        "events only (--set train_from=) or a higher --set magnitude="
    )
    return [Finding("warning", text, "catalogue")]
