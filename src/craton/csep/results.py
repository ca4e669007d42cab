"""What a test of a forecast returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Seed: TypeAlias = int | np.random.Generator | np.random.RandomState
"""A seed, or a generator. The legacy one makes the numbers that pyCSEP makes from its seed."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A consistency test: is what was observed like what the forecast simulates?

    Attributes
    ----------
    name : str
        Name of the test.
    statistic : float
        Of what was observed.
    at_least, at_most : float
        Shares of the forecast's distribution at or above, and at or below, the statistic. For the
        number test they are CSEP's delta 1 and delta 2; `at_most` is the quantile score of the
        likelihood tests.
    distribution : ndarray, shape (simulation,)
        The statistic under the forecast: simulated or, where its law is known, a thousand
        quantiles of it.
    status : {"normal", "undersampled", "not valid"}
        "undersampled": events fell where the simulations put none, and the statistic is of the
        others; "not valid": nothing was there to test.
    left_out : int
        Events left out of the statistic because the simulations put none where they fell.
    """

    name: str
    statistic: float
    at_least: float
    at_most: float
    distribution: Floats = field(repr=False)
    status: Literal["normal", "undersampled", "not valid"] = "normal"
    left_out: int = 0

    def passes(self, level: float = 0.05) -> bool:
        """Whether the forecast is not rejected.

        The number and magnitude tests look at both tails for the number and at large distances for
        the magnitudes; the likelihood tests look at low likelihood alone.
        """
        if self.status == "not valid":
            return True
        if self.name.endswith("N"):
            return min(self.at_least, self.at_most) >= level / 2
        if self.name == "catalogue M":
            return self.at_least >= level
        return self.at_most >= level


def judged(name: str, statistic: float, distribution: Floats) -> Evaluation:
    """Set a statistic among simulated ones.

    Examples
    --------
    >>> found = judged("grid S", 2.0, np.array([1.0, 2.0, 3.0, 4.0]))
    >>> found.at_least, found.at_most
    (0.75, 0.5)
    """
    n = max(distribution.size, 1)
    at_least = float(np.sum(distribution >= statistic)) / n
    at_most = float(np.sum(distribution <= statistic)) / n
    return Evaluation(name, float(statistic), at_least, at_most, distribution)


def generator(seed: Seed) -> np.random.Generator | np.random.RandomState:
    """Return a generator as it is, or make one from a seed."""
    return np.random.default_rng(seed) if isinstance(seed, int | np.integer) else seed
