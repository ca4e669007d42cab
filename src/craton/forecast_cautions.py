"""What must be told to who uses an earthquake forecast, in plain sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import xarray as xr

from craton import forecast_calibration
from craton.checks import Finding
from craton.models.etas import ETAS
from craton.models.physics.etas_maximise import at_bounds
from craton.models.point_process import ROOM
from craton.past_mainshocks import misfit, past_forecasts
from craton.result import Result


def cautions(result: Result) -> list[str]:
    """Poor calibration of the selected model, a fit at a bound, a misfit after mainshocks.

    The report tells this of all fits.

    Parameters
    ----------
    result : Result
        A run of `earthquake-forecast`.

    Returns
    -------
    list of str
        One line for each.
    """
    name = result.selected
    told = {name: result.fitted[0][name].model} if name in result.fitted[0] else {}
    wrong = misfit(past_forecasts(result))
    return [
        *forecast_calibration.cautions(result),
        *bound_lines(told),
        *([f"{wrong}."] if wrong else []),
    ]


def largest_findings(cells: xr.Dataset, largest: float) -> list[Finding]:
    """Say where the largest event of a catalogue raises the largest magnitude possible."""
    seen = float(cells["magnitude"].max())
    if seen + ROOM <= largest:
        return []
    text = (
        f"the largest event has magnitude {seen:g}: forecasts that know it take {seen + ROOM:g}, "
        f"not {largest:g}, as the largest magnitude possible; --set largest_magnitude= chooses a "
        "larger one"
    )
    return [Finding("note", text, "catalogue")]


def bound_lines(models: Mapping[str, Any]) -> list[str]:
    """One line for each ETAS fit that ended at a bound of the search."""
    lines = []
    for name, model in models.items():
        found = at_bounds(model.parameters) if isinstance(model, ETAS) else {}
        if not found:
            continue
        ended = ", ".join(f"{which} at its bound of {value:g}" for which, value in found.items())
        cause = "the events do not determine it, or the model is misspecified"
        if "branching ratio" in found:
            cause = "the model is misspecified, most often its background"
        lines.append(
            f"the fit of '{name}' ended with {ended}: {cause}; standard errors take the bound as "
            "known."
        )
    return lines
