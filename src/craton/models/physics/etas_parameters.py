"""Parameters of the ETAS model and the events that it works on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from craton.errors import ConfigError, DataError, nearest
from craton.models.physics.etas_kernels import time_integral, time_table

Floats = NDArray[np.float64]

FITTED = ("log10_mu", "log10_k0", "a", "log10_c", "omega", "log10_tau", "log10_d", "gamma", "rho")
"""The parameters that the likelihood of times and places determines, in the order of gradients."""

LN10 = math.log(10.0)
FOREVER = 60.0
"""After this many taper times nothing (1e-26) is left of the time kernel."""


@dataclass(frozen=True)
class EtasParameters:
    """Parameters of the ETAS model.

    Parameters
    ----------
    log10_mu : float
        Background rate in events per km2 and day.
    log10_k0, a : float
        Productivity ``k0 exp(a (m - mc))``.
    log10_c, omega, log10_tau : float
        Time kernel, days.
    log10_d, gamma, rho : float
        Space kernel, d in km2.
    beta : float
        Exponent of the magnitude distribution, b ln 10.
    mc : float
        Reference magnitude, from which events are taken to be complete.

    Raises
    ------
    ConfigError
        If a value is not finite, omega <= -1, rho <= 0 or beta <= 0.

    Examples
    --------
    >>> p = EtasParameters(-6.6, -2.35, 1.5, -2.7, -0.02, 3.66, -0.29, 0.73, 0.6, 2.37, 3.0)
    >>> round(p.branching_ratio(), 2)
    0.91
    """

    log10_mu: float
    log10_k0: float
    a: float
    log10_c: float
    omega: float
    log10_tau: float
    log10_d: float
    gamma: float
    rho: float
    beta: float
    mc: float

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not math.isfinite(value):
                raise ConfigError(f"the ETAS parameter {name} is {value}")
        if self.omega <= -1 or self.rho <= 0 or self.beta <= 0:
            raise ConfigError(
                f"omega = {self.omega}, rho = {self.rho}, beta = {self.beta}; omega > -1, rho > 0 "
                "and beta > 0 were expected"
            )

    @classmethod
    def from_mapping(cls, values: Mapping[str, float]) -> EtasParameters:
        """Take parameters by name; ``m_ref`` may stand for ``mc``, other names are ignored.

        Raises
        ------
        ConfigError
            If one is missing.
        """
        known = dict(values)
        known.setdefault("mc", known.get("m_ref", math.nan))
        for name in cls.__dataclass_fields__:
            if name not in known:
                raise ConfigError(f"the ETAS parameter {name} is missing; {nearest(name, known)}")
        return cls(**{name: float(known[name]) for name in cls.__dataclass_fields__})

    @property
    def mu(self) -> float:
        """Background rate per km2 and day."""
        return float(10.0**self.log10_mu)

    @property
    def c(self) -> float:
        """Onset of the time kernel, days."""
        return float(10.0**self.log10_c)

    @property
    def tau(self) -> float:
        """Taper of the time kernel, days."""
        return float(10.0**self.log10_tau)

    def zone(self, magnitude: ArrayLike) -> Floats:
        """``d exp(gamma (m - mc))`` in km2."""
        excess = np.asarray(magnitude, dtype=float) - self.mc
        return np.asarray(np.exp(LN10 * self.log10_d + self.gamma * excess))

    def productivity(self, magnitude: ArrayLike) -> Floats:
        """Factor of the time kernel alone: productivity times the space integral."""
        excess = np.asarray(magnitude, dtype=float) - self.mc
        log = LN10 * self.log10_k0 + self.a * excess - self.rho * np.log(self.zone(magnitude))
        return np.asarray(np.exp(log) * np.pi / self.rho)

    def table(self, longest: float) -> Floats:
        """`time_table` of these parameters up to `longest` days."""
        return np.asarray(time_table(self.c, self.omega, self.tau, longest))

    def offspring(self, magnitude: ArrayLike) -> Floats:
        """Expected direct offspring of an event, for all time and everywhere."""
        forever = FOREVER * self.tau
        total = time_integral(self.table(forever), self.c, np.array([forever]))[0]
        return np.asarray(self.productivity(magnitude) * total)

    def branching_ratio(self, m_max: float | None = None) -> float:
        """Mean direct offspring of an event, over magnitudes from mc to `m_max`.

        Infinite if large events are too productive for an unbounded distribution.
        """
        growth = self.a - self.rho * self.gamma
        mean = mean_productivity(self.beta, growth, None if m_max is None else m_max - self.mc)
        return float(self.offspring(self.mc)) * mean


def mean_productivity(beta: float, growth: float, span: float | None) -> float:
    """Mean of exp(growth x) for x exponential with rate beta, cut off at `span`."""
    rest = beta - growth
    if span is None:
        return beta / rest if rest > 0 else math.inf
    body = span if abs(rest * span) < 1e-12 else -math.expm1(-rest * span) / rest
    return beta * body / -math.expm1(-beta * span)


class Events(NamedTuple):
    """Events in order of time: days, km east, km north, magnitude."""

    time: Floats
    x: Floats
    y: Floats
    magnitude: Floats

    @classmethod
    def of(cls, time: ArrayLike, x: ArrayLike, y: ArrayLike, magnitude: ArrayLike) -> Events:
        """Check arrays and take them.

        Raises
        ------
        DataError
            If lengths differ, a value is not finite, or times are not in order.
        """
        arrays = [np.ascontiguousarray(v, dtype=float).ravel() for v in (time, x, y, magnitude)]
        if len({v.size for v in arrays}) != 1:
            raise DataError(f"arrays of events have lengths {[v.size for v in arrays]}")
        if not all(np.isfinite(v).all() for v in arrays):
            raise DataError("an event has a time, place or magnitude that is not finite")
        if (np.diff(arrays[0]) < 0).any():
            raise DataError("events are not in order of time", fix="sort them")
        return cls(*arrays)
