"""What must be told to who uses an earthquake forecast, in plain sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from craton import forecast_calibration
from craton.models.etas import ETAS
from craton.models.physics.etas_maximise import at_bounds
from craton.result import Result


def cautions(result: Result) -> list[str]:
    """Poor calibration of the selected model, and ETAS fits that ended at a bound.

    Of the fits the selected model's is told and the baseline's, over which the gain is.

    Parameters
    ----------
    result : Result
        A run of `earthquake-forecast`.

    Returns
    -------
    list of str
        One line for each.
    """
    told = {name: result.fitted[0][name].model for name in (result.selected, result.task.baseline)
            if name in result.fitted[0]}  # fmt: skip
    return forecast_calibration.cautions(result) + bound_lines(told)


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
