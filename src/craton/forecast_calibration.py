"""Whether the chances of an earthquake forecast came true in the test, in plain sentences."""

from __future__ import annotations

from typing import NamedTuple

from craton.forecast_words import percent
from craton.result import Result

TAIL = 0.005
"""A number of windows less probable than this, if the chances held, is called out of reach."""

OUTSIDE = 0.05
"""Share of windows that a 95 % interval may miss."""


class Chance(NamedTuple):
    """The mean chance of an event of `magnitude` or more, and how many of the windows had one."""

    magnitude: float
    stated: float
    came: int
    windows: int

    @property
    def fault(self) -> str:
        """``too high`` or ``too low`` where the windows contradict the chances, else nothing.

        Each window's chance knows what came before it, so the number of windows with an event
        varies at most as that of independent ones of the mean chance does, however events cluster.

        Examples
        --------
        >>> Chance(5.0, 0.1, 0, 100).fault, Chance(5.0, 0.1, 12, 100).fault
        ('too high', '')
        """
        from scipy.stats import binom

        if binom.cdf(self.came, self.windows, self.stated) < TAIL:
            return "too high"
        return "too low" if binom.sf(self.came - 1, self.windows, self.stated) < TAIL else ""

    @property
    def share(self) -> str:
        """Share of the windows that had an event, in words."""
        return f"{100 * self.came / self.windows:.3g} %"


def stated_and_came(result: Result) -> list[Chance]:
    """Chances of the selected model for the whole region, by magnitude, beside what came."""
    stated = result.predictions[result.selected]["region_probability"].mean("sample")
    came = result.observed["region_occurred"].sum("sample")
    n = result.observed.sizes["sample"]
    return [
        Chance(float(m), float(p), round(float(k)), n)
        for m, p, k in zip(
            stated["threshold"].to_numpy(), stated.to_numpy(), came.to_numpy(), strict=True
        )
    ]


def in_the_test(result: Result) -> str:
    """What such forecasts were worth: mean chances in the test beside what came, one sentence."""
    parts = [
        f"of M ≥ {c.magnitude:g} was {percent(c.stated)}, and {c.share} of the windows had one"
        + (f" (the chances were {c.fault.upper()})" if c.fault else "")
        for c in stated_and_came(result)
    ]
    windows = f"{len(result.test)} test windows of {result.config.horizon:g} days"
    return f"In the {windows} the mean chance {'; '.join(parts)}."


def cautions(result: Result) -> list[str]:
    """One line where what came contradicts the chances or intervals of the selected model.

    Parameters
    ----------
    result : Result
        A run of `earthquake-forecast`.

    Returns
    -------
    list of str
        Empty where the forecast is calibrated.
    """
    said = [
        f"the chance of M ≥ {c.magnitude:g} was {percent(c.stated)} on average, but {c.share} of "
        f"the windows had one ({c.fault})"
        for c in stated_and_came(result)
        if c.fault
    ]
    said += _intervals(result)
    if not said:
        return []
    windows = f"{len(result.test)} test windows of {result.config.horizon:g} days"
    return [f"'{result.selected}' is poorly calibrated. In the {windows} {'; '.join(said)}."]


def _intervals(result: Result) -> list[str]:
    """Whether the 95 % interval of the number of events missed too many windows."""
    from scipy.stats import binom

    seen = result.observed["region_count"].to_numpy()
    number = result.predictions[result.selected]["region_count"]
    low, high = (number.sel(quantile=q, method="nearest").to_numpy() for q in (0.025, 0.975))
    missed = int(((seen < low) | (seen > high)).sum())
    if binom.sf(missed - 1, len(seen), OUTSIDE) >= TAIL:
        return []
    share = 100 * (1 - missed / len(seen))
    return [f"the 95 % interval of the number of events held in {share:.0f} % of them"]
