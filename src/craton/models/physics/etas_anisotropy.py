"""Elongated aftershock zones of large parents.

Around a large parent the squared distance ``r**2`` of the space kernel becomes
``exp(-s) u**2 + exp(s) v**2``, u along and v across the strike. The determinant is one, so the
integral over the plane, and with it the expected number of aftershocks, stays what it was.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.spatial import cKDTree

from craton.errors import ConfigError
from craton.models.physics._jit import LN2, exp2, jit, log2
from craton.models.physics.etas_kernels import Floats, Ints
from craton.models.physics.etas_parameters import Events

_MOST = math.log(10.0)  # a fabric is no longer than ten times its width


class Ellipses(NamedTuple):
    """Index of each large parent, cosine and sine of its strike from east, and its fabric.

    `fabric` is half the logarithm of the ratio of the variances along and across the strike, and
    `exponent` the part of it that the kernel follows: the s above is exponent times fabric.
    """

    parent: Ints
    east: Floats
    north: Floats
    fabric: Floats
    exponent: float


@dataclass(frozen=True)
class Anisotropy:
    """Which parents have ellipses, and how these follow the earlier events around them.

    Parameters
    ----------
    magnitude : float
        Least magnitude of a parent with an ellipse.
    radius : float
        Earlier events within this many times the radius of the rupture, and at least
        `least_radius`, give the strike. The rupture is ``10**(0.5 m - 2)`` km long.
    least_radius : float
        km.
    least_events : int
        A parent with fewer earlier events around it keeps its circle.
    exponent : float, optional
        0 is a circle, 1 the ellipse of the variances of the earlier events; fitted if not given.

    Raises
    ------
    ConfigError
        If the exponent lies outside [0, 2] or a size is not positive.

    References
    ----------
    Length of ruptures: after Wells & Coppersmith (1994), doi:10.1785/BSSA0840040974, rounded.

    Examples
    --------
    >>> Anisotropy(magnitude=5.0).exponent is None
    True
    """

    magnitude: float
    radius: float = 1.5
    least_radius: float = 5.0
    least_events: int = 10
    exponent: float | None = None

    def __post_init__(self) -> None:
        sizes = (self.radius, self.least_radius, self.least_events)
        if min(sizes) <= 0 or not 0 <= (self.exponent or 0.0) <= 2:
            raise ConfigError(
                f"anisotropy with sizes {sizes} and exponent {self.exponent}; positive sizes and "
                "an exponent from 0 to 2 were expected"
            )

    def ellipses(self, events: Events) -> Ellipses:
        """Strike and fabric of the earlier events around each large parent."""
        points = np.column_stack([events.x, events.y])
        tree, rows = cKDTree(points), []
        for j in np.flatnonzero(events.magnitude >= self.magnitude):
            reach = max(self.radius * 10 ** (0.5 * events.magnitude[j] - 2.0), self.least_radius)
            near = np.array(tree.query_ball_point(points[j], reach))
            near = near[events.time[near] < events.time[j]]
            if near.size < self.least_events:
                continue
            variance, axes = np.linalg.eigh(np.cov(points[near].T))
            if variance[0] <= 0:
                continue
            ratio = min(0.5 * math.log(variance[1] / variance[0]), _MOST)
            rows.append((j, axes[0, 1], axes[1, 1], ratio))
        table = np.array(rows, dtype=float).reshape(-1, 4)
        east, north, fabric = (np.ascontiguousarray(table[:, k]) for k in (1, 2, 3))
        exponent = 0.5 if self.exponent is None else self.exponent
        return Ellipses(table[:, 0].astype(np.int64), east, north, fabric, exponent)


def best_exponent(rates: Callable[[float], Floats], base: Floats) -> float:
    """The exponent of largest likelihood, the parameters kept.

    `rates` gives the rate at the targets from the elongated parents, `base` is that of all else;
    the integral of the rate does not depend on the exponent.
    """

    def cost(exponent: float) -> float:
        return -float(np.log(base + rates(exponent)).sum())

    found = minimize_scalar(cost, bounds=(0.0, 2.0), method="bounded", options={"xatol": 1e-4})
    return float(found.x)


@jit(parallel=True)
def ellipse_sums(
    targets: Ints, time: Floats, x: Floats, y: Floats, excess: Floats, log_k: Floats,
    zone: Floats, p: Floats, parent: Ints, east: Floats, north: Floats, fabric: Floats,
    exponent: float,
) -> NDArray[np.float64]:  # fmt: skip
    """Sums over elongated parents, with the columns of `pair_sums`."""
    out = np.zeros((targets.size, 8))
    c, omega, tau, rho = p[0], p[1], p[2], p[3]
    power_t, power_r = 1.0 + omega, 1.0 + rho
    for i in numba.prange(targets.size):
        n, row = targets[i], out[i]
        for q in range(parent.size):
            j = parent[q]
            if j >= n:
                break
            dt = time[n] - time[j]
            dx, dy = x[n] - x[j], y[n] - y[j]
            along = east[q] * dx + north[q] * dy
            across = east[q] * dy - north[q] * dx
            grown = math.exp(exponent * fabric[q])
            far = along * along / grown + across * across * grown + zone[j]
            log_t, log_r = log2(dt + c), log2(far)
            h = exp2(log_k[j] - dt / (tau * LN2) - power_t * log_t - power_r * log_r)
            z = h * zone[j] / far
            row[0] += h
            row[1] += h * excess[j]
            row[2] -= power_t * c * h / (dt + c)
            row[3] -= LN2 * h * log_t
            row[4] += h * dt / tau
            row[5] -= power_r * z
            row[6] -= power_r * z * excess[j]
            row[7] -= LN2 * h * log_r
    return out
