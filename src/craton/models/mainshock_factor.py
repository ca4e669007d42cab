"""How many more aftershocks mainshocks have than a triggering model forecasts, from past ones.

The likelihood of single events, each with all before it known, rewards a model that leaves to the
aftershocks of aftershocks what belongs to the mainshock: a forecast of a week, which does not know
these yet, is then far too low after a large earthquake and too high after small ones. But the
number of aftershocks grows with the magnitude of the mainshock as the number of earthquakes falls
(in southern California with 10**(1.05 m): Helmstetter, Kagan and Jackson 2005,
doi:10.1029/2004JB003286). So the direct offspring of a known mainshock of magnitude m and age t are
multiplied by ::

    1 + (exp(growth max(m - least, 0)) - 1) exp(-t / fade)

with `growth` what the model's own growth lacks. It fades as the aftershocks become known.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from craton.models.physics.etas_simulation import Sequences
from craton.models.physics.mainshocks import find_mainshocks
from craton.uncertainty import Mean, paired_gain

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FEWEST = 10
"""Mainshocks from which a factor is learnt."""
LEVEL = 0.9
"""Of the interval of the gain: its lower bound is above zero if a one-sided test of 5 % says so."""
_FOLDS = 8
_FADE, _SPREAD = (0.1, 30.0), (0.01, 1.5)
"""Bounds of the search, the first in days."""
_GONE = 5.0
"""After so many times `fade` less than a hundredth of the factor is left."""


class Seen(NamedTuple):
    """Forecasts after past mainshocks, one row each.

    Attributes
    ----------
    mainshock : numpy.ndarray of int
        Which mainshock.
    magnitude, age : numpy.ndarray
        Its magnitude, and its age in days when the forecast is issued.
    own, rest : numpy.ndarray
        Expected events: direct offspring of the mainshock and what these trigger; all others.
    came : numpy.ndarray
        Events that came.
    scatter : float
        Variance of simulated numbers over their mean.
    """

    mainshock: Ints
    magnitude: Floats
    age: Floats
    own: Floats
    rest: Floats
    came: Floats
    scatter: float

    def take(self, rows: Any) -> Seen:
        """Some of the rows."""
        return Seen._make([*(column[rows] for column in self[:-1]), self.scatter])


class MainshockFactor(NamedTuple):
    """Factor on the direct offspring of known mainshocks.

    Attributes
    ----------
    least : float
        Magnitude from which on it exceeds one.
    growth : float
        Of its logarithm with magnitude, right after the mainshock.
    fade : float
        Days in which its excess falls to 1/e.
    spread : float
        Variance of a gamma variable of mean one, by which single sequences differ.
    mainshocks : int
        Number that it was learnt from.
    gain, low, high : float
        What it gains on mainshocks held out, nats a forecast, with its interval of 90 %.
    """

    least: float
    growth: float
    fade: float
    spread: float
    mainshocks: int
    gain: float
    low: float
    high: float

    @property
    def kept(self) -> bool:
        """Whether it gains on mainshocks that were held out."""
        return self.low > 0

    def of(self, magnitude: Floats, age: Floats) -> Floats:
        """The mean factor.

        Examples
        --------
        >>> factor = MainshockFactor(5.2, 1.15, 5.0, 0.5, 60, 0.2, 0.1, 0.3)
        >>> found = factor.of(np.array([5.0, 6.0, 7.0, 7.0]), np.array([0.0, 0.0, 0.0, 10.0]))
        >>> found.round(1).tolist()
        [1.0, 2.5, 7.9, 1.9]
        """
        return _factor(self.least, self.growth, self.fade, magnitude, age)

    def sequences(self, history: Floats, start: float, n: int, seed: int) -> Sequences | None:
        """Factors of the mainshocks of a history in `n` catalogues; None without such.

        Parameters
        ----------
        history : numpy.ndarray, shape (events, 4)
            Time in days, x, y in km, magnitude, in order of time.
        start : float
            Begin of the forecast, days.
        n, seed : int
            Number of catalogues, and a seed.
        """
        time, x, y, m = history.T
        rows = find_mainshocks(time, x, y, m, self.least, since=start - _GONE * self.fade)
        if not rows.size:
            return None
        mean = self.of(m[rows], start - time[rows])
        return Sequences(rows, mean * even_gamma(self.spread, (n, rows.size), seed))

    @classmethod
    def learn(cls, seen: Seen, beta: float) -> MainshockFactor | None:
        """Fit it: maximum likelihood of negative binomial numbers.

        Parameters
        ----------
        seen : Seen
            Forecasts after past mainshocks.
        beta : float
            Exponent of the distribution of magnitudes, which the growth of the number of
            aftershocks is taken to equal.

        Returns
        -------
        MainshockFactor, optional
            None from fewer than `FEWEST` mainshocks, or where the model lacks no growth.
        """
        names, which = np.unique(seen.mainshock, return_inverse=True)
        if names.size < FEWEST or np.ptp(seen.magnitude) == 0:
            return None
        at_once = seen.age == seen.age.min()
        slope = np.polyfit(seen.magnitude[at_once], np.log(seen.own[at_once]), 1)[0]
        growth = float(beta - slope)
        if growth <= 0:
            return None
        fold = np.random.default_rng(0).permutation(names.size)[which] % _FOLDS
        score, plain = np.zeros(which.size), np.zeros(which.size)
        for k in range(min(_FOLDS, names.size)):
            learn, held = seen.take(fold != k), seen.take(fold == k)
            score[fold == k] = _score(_fit(learn, growth), growth, held)
            plain[fold == k] = _score((np.inf, 1.0, _fit(learn, 0.0)[2]), growth, held)
        a, b = (np.c_[s, np.ones(s.size)] for s in (score, plain))
        gain = paired_gain(Mean, a, b, which, level=LEVEL)
        least, fade, spread = _fit(seen, growth)
        told = (float(gain.score), float(gain.low), float(gain.high))
        return cls(least, growth, fade, spread, names.size, *told)


def even_gamma(variance: float, shape: tuple[int, int], seed: int) -> Floats:
    """Gamma variables of mean one, each column drawn evenly over its distribution.

    Examples
    --------
    >>> drawn = even_gamma(0.5, (1000, 2), 0)
    >>> drawn.mean(axis=0).round(9).tolist(), drawn.var(axis=0).round(1).tolist()
    ([1.0, 1.0], [0.5, 0.5])
    """
    from scipy.special import gammaincinv

    n, k = shape
    rng = np.random.default_rng(seed)
    rank = rng.permuted(np.tile(np.arange(n)[:, None], (1, k)), axis=0)
    drawn = variance * gammaincinv(1.0 / variance, (rank + 0.5) / n)
    return np.asarray(drawn / drawn.mean(axis=0))


def _factor(least: float, growth: float, fade: float, magnitude: Floats, age: Floats) -> Floats:
    excess = np.maximum(magnitude - least, 0.0)
    return np.asarray(1.0 + np.expm1(growth * excess) * np.exp(-age / fade))


def _score(parameters: tuple[float, float, float], growth: float, seen: Seen) -> Floats:
    """Log-likelihood of each number that came, negative binomial with the simulations' scatter."""
    from scipy.special import gammaln, xlogy

    least, fade, spread = parameters
    own = seen.own * _factor(least, growth, fade, seen.magnitude, seen.age)
    mean = own + seen.rest
    variance = max(seen.scatter, 1.0) * mean + spread * own**2
    size, n = mean**2 / np.maximum(variance - mean, 1e-6 * mean), seen.came
    return np.asarray(
        gammaln(n + size) - gammaln(size) - gammaln(n + 1)
        + xlogy(size, size / (size + mean)) + xlogy(n, mean / (size + mean))
    )  # fmt: skip


def _fit(seen: Seen, growth: float) -> tuple[float, float, float]:
    """Least magnitude, fade and spread; with no growth the spread alone is of use."""
    from scipy.optimize import minimize

    low, high = float(seen.magnitude.min()), float(seen.magnitude.max())
    bounds = [(low, high), tuple(np.log(_FADE)), tuple(np.log(_SPREAD))]

    def loss(v: Floats) -> float:
        return -float(_score((v[0], np.exp(v[1]), np.exp(v[2])), growth, seen).sum())

    found = [
        minimize(loss, [first, 1.0, -1.0], method="Nelder-Mead", bounds=bounds)
        for first in (0.7 * low + 0.3 * high, 0.3 * low + 0.7 * high)
    ]
    least, fade, spread = min(found, key=lambda f: float(f.fun)).x
    return float(least), float(np.exp(fade)), float(np.exp(spread))
