"""Aftershock forecasts after the mainshocks that a model has learnt from, and what came.

A model that is right event by event may still expect too few after a large earthquake: it may have
left to the aftershocks of aftershocks what belongs to the mainshock (for isotropic models see
Hainzl, Christophersen and Enescu 2008, doi:10.1785/0120070256).
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from craton.aftershocks import around, columns, fit_formula, windows_to_come
from craton.events import days
from craton.forecast_tables import region_table
from craton.models.physics.mainshocks import APART, find_mainshocks
from craton.models.triggering import DAYS
from craton.result import Result

MOST = 8
"""Mainshocks that are looked at."""
FORMULA = "Reasenberg and Jones"
ABOVE = 2.0
"""Magnitudes above the least one that is forecast, from which on an earthquake is a mainshock."""
SIMULATIONS = 200
TOO_FEW, TOO_MANY = 0.67, 1.5
"""Shares of the number that came outside of which a number expected is told to be wrong."""


def past_forecasts(
    result: Result, age: float = 0.0, windows: NDArray[np.int64] | None = None
) -> pd.DataFrame:
    """What the tested model expects after the largest earthquakes of its training part.

    Parameters
    ----------
    result : Result
        Of the task earthquake-forecast.
    age : float
        Days after the mainshock that the forecast is issued.
    windows : ndarray of int, optional
        Rows of the samples whose largest earthquakes are looked at; those of training if None.

    Returns
    -------
    pd.DataFrame
        A row a mainshock: its name, the number expected in 7 days in its zone with the 95 % of the
        simulations, what the formula of Reasenberg and Jones expects that is fitted to the other
        mainshocks of the training part (where there are five), and the number that came. Empty
        where there is no such earthquake.
    """
    fitted, gather = result.fitted[0][result.selected], _gather(result)
    data, lines = result.samples.data, []
    last = float(days(result.samples.take(result.splits[0].train).index["t1"].max()))
    for row in past_mainshocks(result, windows):
        time = pd.Timestamp(data["time"].to_numpy()[row])
        issue = time + pd.Timedelta("1ms") + pd.Timedelta(days=age)
        zone = around(data, row, result.config.zone_radius)
        samples = windows_to_come(zone, gather, issue, [DAYS])
        told = region_table(fitted.predict(samples), samples).iloc[0]
        formula = fit_formula(result.samples, last, leave_out=float(days(time)))
        by_formula = {}
        if formula is not None:
            count = formula.in_zone(*columns(result.samples), row, age, age + DAYS)
            by_formula = {FORMULA: round(float(count), 1)}
        lines.append({
            "mainshock": f"M {data['magnitude'].to_numpy()[row]:g}, {time:%Y-%m-%d}",
            "expected in 7 days": round(float(told["expected_count"]), 1),
            "95 % from": int(told["count_low"]),
            "to": int(told["count_high"]),
            **by_formula,
            "came": int(told["observed_count"]),
        })  # fmt: skip
    return pd.DataFrame(lines)


def misfit(table: pd.DataFrame) -> str | None:
    """One line where a model expects too few or too many after past mainshocks.

    The number that came in all must lie beyond the 95 % intervals added up, too: after one
    mainshock, or where few events are expected, chance alone makes such ratios.

    Examples
    --------
    >>> columns = ["expected in 7 days", "95 % from", "to", "came"]
    >>> table = pd.DataFrame([[20.0, 8, 35, 80], [30.0, 15, 48, 120]], columns=columns)
    >>> misfit(table).split(":")[0]
    'after large earthquakes this model expects TOO FEW'
    >>> misfit(table.assign(came=[34, 46])) is None
    True
    """
    if table.empty:
        return None
    expected, came = float(table["expected in 7 days"].sum()), int(table["came"].sum())
    likely = table["95 % from"].sum() <= came <= table["to"].sum()
    if likely or TOO_FEW * came <= expected <= TOO_MANY * came:
        return None
    return (
        f"after large earthquakes this model expects TOO {'FEW' if expected < came else 'MANY'}: "
        f"in the 7 days after the {len(table)} largest of its training part {expected:.0f} events "
        f"in all, and {came} came"
    )


def past_mainshocks(result: Result, windows: NDArray[np.int64] | None = None) -> list[int]:
    """Rows of the largest earthquakes of the training part, or of other windows, the largest first.

    Those within 30 days of a larger one in its zone are left out, those less than `ABOVE`
    magnitudes above the least one that is forecast, and those whose aftershocks of the first weeks
    reach beyond the windows.
    """
    windows = result.splits[0].train if windows is None else windows
    data, index = result.samples.data, result.samples.take(windows).index
    time, x, y, m = columns(result.samples)
    least = _gather(result).thresholds[0] + ABOVE
    first, last = days([index["t0"].min(), index["t1"].max()])
    rows = find_mainshocks(time, x, y, m, least, since=first, after=APART)
    inside = data["cell_of"].to_numpy()[rows] >= 0
    rows = rows[inside & (time[rows] < last - APART - DAYS)]
    found: list[int] = rows[np.argsort(-m[rows], kind="stable")][:MOST].tolist()
    return found


def _gather(result: Result) -> Any:
    gather: Any = result.samples.gather
    return dataclasses.replace(gather, simulations=SIMULATIONS)
