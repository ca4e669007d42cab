"""The search for the maximum of the ETAS likelihood, directly or by EM, and its curvature."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from craton.models.physics.etas_kernels import time_table
from craton.models.physics.etas_near import (
    NearPairs,
    expected_logs,
    near_pairs,
    near_rates,
    near_sums,
)
from craton.models.physics.etas_parameters import (
    FITTED,
    FOREVER,
    LN10,
    EtasParameters,
    mean_productivity,
)
from craton.models.physics.etas_problem import Problem

Floats = NDArray[np.float64]

LOGARITHMIC = np.array([LN10 if name.startswith("log10") else 1.0 for name in FITTED])
"""What turns derivatives to natural logarithms into those to `FITTED`."""

MAX_BRANCHING = 0.999
"""Upper bound of the branching ratio of a fit, unless another is asked for."""

_MIXED = 5  # climbs that are mixed
_CLOSE = 1e-3  # a coordinate so near its bound is at it
_FARTHEST = 3.0  # largest change of log rate that is extrapolated
_BOUNDS = (
    (-60.0, 10.0),  # ln mu
    (math.log(1e-4), math.log(MAX_BRANCHING)),  # ln branching ratio
    (-1.0, 10.0),  # a - rho gamma, cut below beta
    (LN10 * -7.0, LN10 * 1.0),  # ln c
    (-0.9, 2.0),  # omega
    (LN10 * -1.0, LN10 * 5.5),  # ln tau
    (LN10 * -6.0, LN10 * 4.0),  # ln d
    (-0.5, 4.0),  # gamma
    (math.log(0.03), math.log(8.0)),  # ln rho
)


def first_guess(
    n: int, area: float, window: tuple[float, float], beta: float, mc: float
) -> EtasParameters:
    """Half background, half triggered, with values usual for regional catalogues."""
    vector = np.array(
        [
            math.log(0.5 * n / area / (window[1] - window[0])),
            math.log(0.5),
            0.6 * beta,
            math.log(5e-3),
            0.1,
            math.log(1000.0),
            math.log(0.1),
            0.8,
            math.log(0.6),
        ]
    )
    return _decode(vector, beta, mc)[0]


def _decode(v: Floats, beta: float, mc: float) -> tuple[EtasParameters, Floats]:
    """Parameters from the vector of `_BOUNDS`, and dln G to omega, ln tau, ln c.

    The vector holds the branching ratio in place of k0 and the growth of total productivity in
    place of a: with these the parameters of the kernels are much less correlated.
    """
    ln_mu, ln_n, growth, ln_c, omega, ln_tau, ln_d, gamma, ln_rho = v.tolist()
    rho, c, tau = math.exp(ln_rho), math.exp(ln_c), math.exp(ln_tau)
    last = time_table(c, omega, tau, FOREVER * tau)[-1]
    ln_k0 = ln_n - math.log(beta / (beta - growth)) - math.log(last[0])
    ln_k0 += -math.log(math.pi) + ln_rho + rho * ln_d
    parameters = EtasParameters(
        ln_mu / LN10, ln_k0 / LN10, growth + rho * gamma, ln_c / LN10, omega, ln_tau / LN10,
        ln_d / LN10, gamma, rho, beta, mc,
    )  # fmt: skip
    return parameters, np.asarray(last[1:4] / last[0])


def _encode(p: EtasParameters) -> Floats:
    growth = min(p.a - p.rho * p.gamma, 0.97 * p.beta)
    ratio = float(p.offspring(p.mc)) * mean_productivity(p.beta, growth, None)
    return np.array(
        [
            LN10 * p.log10_mu,
            math.log(ratio),
            growth,
            LN10 * p.log10_c,
            p.omega,
            LN10 * p.log10_tau,
            LN10 * p.log10_d,
            p.gamma,
            math.log(p.rho),
        ]
    )


def _chain(g: Floats, p: EtasParameters, slopes: Floats) -> Floats:
    """Gradient to the vector of `_decode` from the one to natural parameters."""
    k = g[1]
    growth = p.a - p.rho * p.gamma
    return np.array(
        [
            g[0],
            k,
            g[2] - k / (p.beta - growth),
            g[3] - k * slopes[2],
            g[4] - k * slopes[0],
            g[5] - k * slopes[1],
            g[6] + k * p.rho,
            g[7] + g[2] * p.rho,
            p.rho * (g[8] + k * (1.0 / p.rho + LN10 * p.log10_d) + g[2] * p.gamma),
        ]
    )


class Found(NamedTuple):
    """What a search found; `share` is the share of background at each target."""

    parameters: EtasParameters
    value: float
    share: Floats
    passes: int
    converged: bool


def _limits(beta: float, max_branching: float) -> tuple[Floats, Floats]:
    low, high = np.array(_BOUNDS).T
    high[1], high[2] = math.log(max_branching), 0.97 * beta
    return low, high


_BOUNDED = (
    "log10_mu", "branching ratio", "a - rho gamma", "log10_c", "omega", "log10_tau", "log10_d",
    "gamma", "rho",
)  # fmt: skip


def at_bounds(p: EtasParameters, max_branching: float = MAX_BRANCHING) -> dict[str, float]:
    """Parameters of a fit that ended at the bounds of the search, and the bounds.

    Parameters
    ----------
    p : EtasParameters
        As fitted.
    max_branching : float
        Upper bound of the branching ratio (untruncated magnitudes) in the fit.

    Returns
    -------
    dict of str to float
        Those of `FITTED`, with the branching ratio in place of log10_k0, and ``a - rho gamma``, the
        growth of productivity with magnitude, in place of a.

    Examples
    --------
    >>> p = EtasParameters(-6.6, -3.5, 1.5, -2.7, -0.02, 5.5, -0.29, 0.73, 0.6, 2.37, 3.0)
    >>> at_bounds(p)
    {'log10_tau': 5.5}
    """
    here, (low, high) = _encode(p), _limits(p.beta, max_branching)
    bound = np.where(here <= low + _CLOSE, low, high)
    found = {}
    for k in np.flatnonzero(_held(here, (low, high))).tolist():
        name, value = _BOUNDED[k], float(bound[k])
        if name.startswith("log10"):
            value /= LN10
        elif name in ("branching ratio", "rho"):
            value = math.exp(value)
        found[name] = round(value, 9)
    return found


def _held(here: Floats, limits: tuple[Floats, Floats]) -> NDArray[np.bool_]:
    """Coordinates at one of their bounds."""
    low, high = limits
    return np.asarray((here <= low + _CLOSE) | (here >= high - _CLOSE))


def maximise(
    start: EtasParameters,
    problem: Problem,
    *,
    max_branching: float,
    max_passes: int,
    tolerance: float,
    em: bool = False,
    progress: Callable[[float], None] | None = None,
) -> Found:
    """Climb on the near pairs from one pass over all pairs to the next.

    It ends when a climb from an exact pass hopes for less than `tolerance` nats a target. The
    climbs are a fixed-point iteration, which Anderson's mixing shortens. With `em` each climb is an
    M-step, unmixed: the responsibilities are those of the last pass.

    References
    ----------
    Walker & Ni (2011), doi:10.1137/10078356X.
    """
    beta, mc, n = start.beta, start.mc, problem.index.size
    low, high = _limits(beta, max_branching)
    here, best = np.clip(_encode(start), low, high), -math.inf
    kept = (start, -math.inf, np.empty(0))
    passes, converged = 0, False
    climb, climbs = (_expect_and_climb if em else _climb), list[tuple[Floats, Floats]]()
    while passes < max_passes and not converged:
        p, _ = _decode(here, beta, mc)
        pairs = near_pairs(problem.index, *problem.arguments(p))
        total, _, share = problem.value(p, pairs.total + problem.elongated(p))
        value = total / n
        passes += 1
        if progress:
            progress(value)
        if value < best:
            # What lies beyond the near pairs was extrapolated too far: go back half of the way,
            # or to where the last climb ended.
            came, end = climbs[-1]
            converged = best - value < tolerance and len(climbs) == 1
            here = (came + here) / 2 if len(climbs) == 1 else end
            climbs = [(came, here)]
            continue
        gained, best, kept = value - best, value, (p, total, share)
        end, hoped = climb(here, p, pairs, problem, (low, high), tolerance)
        # Value and gradient are exact here, so what a climb hopes for tells how far the top is.
        converged = (gained if em else hoped) < tolerance
        climbs = [*climbs, (here, end)][-1 if em else -_MIXED :]
        here = np.clip(_mixed(climbs), low, high)
    return Found(*kept, passes, converged)


def _mixed(climbs: list[tuple[Floats, Floats]]) -> Floats:
    """The end of the last climb, corrected by what changed between the climbs before."""
    starts, ends = (np.array(v) for v in zip(*climbs, strict=True))
    residual = ends - starts
    if len(climbs) == 1:
        return np.asarray(ends[-1])
    share = np.linalg.lstsq(np.diff(residual, axis=0).T, residual[-1], rcond=1e-6)[0]
    return np.asarray(ends[-1] - share @ np.diff(ends, axis=0))


def _climb(
    start: Floats,
    about: EtasParameters,
    pairs: NearPairs,
    problem: Problem,
    bounds: tuple[Floats, Floats],
    tolerance: float,
) -> tuple[Floats, float]:
    """Maximise with the sums over all but near pairs extrapolated from the parameters `about`."""
    slope = pairs.rest / np.maximum(pairs.rest[:, :1], 1e-300)
    origin, n = _natural(about), problem.index.size

    def cost(vector: Floats) -> tuple[float, Floats]:
        p, slopes = _decode(vector, about.beta, about.mc)
        sums = near_sums(problem.index, pairs.first, pairs.source, *problem.arguments(p))
        grown = slope @ (_natural(p) - origin)
        rest = pairs.rest[:, 0] * np.exp(np.clip(grown, -_FARTHEST, _FARTHEST))
        sums += rest[:, None] * slope + problem.elongated(p)
        value, gradient, _ = problem.value(p, sums)
        return -value / n, -_chain(gradient / n, p, slopes)

    return _minimum(cost, start, bounds, tolerance)


def _expect_and_climb(
    start: Floats,
    about: EtasParameters,
    pairs: NearPairs,
    problem: Problem,
    bounds: tuple[Floats, Floats],
    tolerance: float,
) -> tuple[Floats, float]:
    """EM: responsibilities of background and near pairs, then the maximum with them held.

    The other pairs enter by their exact gradient, so the two methods have the same fixed points.
    """
    index, n = problem.index, problem.index.size
    total = pairs.total[:, 0] + about.mu * problem.area * problem.density
    share = 1.0 - pairs.total[:, 0] / total
    time, x, y, _, log_k, zone, kernel = problem.arguments(about)
    chance = near_rates(index, pairs.first, pairs.source, time, x, y, log_k, zone, kernel)
    chance /= np.repeat(total, np.diff(pairs.first))
    pull, origin = (pairs.rest / total[:, None]).sum(axis=0), _natural(about)

    def cost(vector: Floats) -> tuple[float, Floats]:
        p, slopes = _decode(vector, about.beta, about.mc)
        sums = expected_logs(index, pairs.first, pairs.source, chance, *problem.arguments(p))
        near, counts = sums.sum(axis=0), problem.part * problem.counts(p)
        expected = problem.part * p.mu * problem.area * problem.exposure
        value = share.sum() * math.log(p.mu) + near[0] + pull @ (_natural(p) - origin)
        gradient = np.concatenate([[share.sum() - expected], near[1:] + pull - counts])
        return -(value - expected - counts[0]) / n, -_chain(gradient / n, p, slopes)

    return _minimum(cost, start, bounds, tolerance)


def _minimum(
    cost: Callable[[Floats], tuple[float, Floats]],
    start: Floats,
    bounds: tuple[Floats, Floats],
    tolerance: float,
) -> tuple[Floats, float]:
    """Where the cost is least, and how much less than at the start."""
    found = minimize(
        cost,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=np.array(bounds).T,
        options={"maxfun": 400, "ftol": tolerance / 10, "gtol": 1e-7, "maxcor": 20},
    )
    return np.asarray(found.x), float(cost(start)[0] - found.fun)


def _natural(p: EtasParameters) -> Floats:
    """Parameters in the order and units of the columns of `pair_sums`."""
    ln_k0, ln_c, ln_tau, ln_d = LN10 * np.array([p.log10_k0, p.log10_c, p.log10_tau, p.log10_d])
    return np.array([ln_k0, p.a, ln_c, p.omega, ln_tau, ln_d, p.gamma, p.rho])


_STEP = 1e-4  # of the differences, in the coordinates of `_decode`


def covariance(p: EtasParameters, problem: Problem, max_branching: float) -> Floats:
    """Covariance of `FITTED`: inverse of the observed information, by the delta method.

    The information is the forward difference of the exact gradient in the coordinates in which
    the search is made: ten passes over all pairs. A coordinate at its bound is held, as if it
    were known.

    Returns
    -------
    numpy.ndarray, shape (9, 9)
        NaN throughout where the information is not positive definite.
    """
    here = _encode(p)
    free = np.flatnonzero(~_held(here, _limits(p.beta, max_branching)))

    def gradient(vector: Floats) -> Floats:
        q, slopes = _decode(vector, p.beta, p.mc)
        return _chain(problem.value(q, problem.sums(q))[1], q, slopes)

    def fitted(vector: Floats) -> Floats:
        q, _ = _decode(vector, p.beta, p.mc)
        return np.array([getattr(q, name) for name in FITTED])

    slope, values = gradient(here), fitted(here)
    steps = _STEP * np.eye(here.size)[free]
    rows = np.array([slope - gradient(here + step) for step in steps])[:, free] / _STEP
    jacobian = np.array([fitted(here + step) - values for step in steps]) / _STEP
    matrix = 0.5 * (rows + rows.T)
    if np.linalg.eigvalsh(matrix)[0] <= 0:
        return np.full((here.size, here.size), np.nan)
    return np.asarray(jacobian.T @ np.linalg.inv(matrix) @ jacobian)
