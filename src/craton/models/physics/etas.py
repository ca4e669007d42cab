"""The epidemic-type aftershock sequence (ETAS) model: parameters, likelihood, fit.

The rate of events at time t (days) and place x (km) given the history is

    mu + sum_j k0 exp(a (m_j - mc)) exp(-(t - t_j) / tau) (t - t_j + c)**-(1 + omega)
                                     (r_j**2 + d exp(gamma (m_j - mc)))**-(1 + rho)

the form of Mizrahi, Nandan & Wiemer (2021), doi:10.1785/0220200231, after Ogata (1998),
doi:10.1023/A:1003403601725. See `etas_background` for backgrounds, `etas_simulation` and
`etas_forecast` for forecasts, and `etas_scores` for scores by event.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize

from craton.errors import ConfigError, DataError, ModelError, nearest
from craton.models.physics.etas_background import Density, KernelDensity, UniformDensity
from craton.models.physics.etas_kernels import integral_sums, pair_sums, time_table
from craton.models.physics.etas_near import NearPairs, near_pairs, near_sums
from craton.models.physics.etas_parameters import (
    FITTED,
    FOREVER,
    LN10,
    EtasParameters,
    Events,
    mean_productivity,
)

__all__ = ["FITTED", "EtasFit", "EtasParameters", "Events", "fit", "log_likelihood"]

Floats = NDArray[np.float64]

_LOGARITHMIC = np.array([LN10 if name.startswith("log10") else 1.0 for name in FITTED])


def log_likelihood(
    parameters: EtasParameters,
    events: Events,
    targets: NDArray[np.bool_],
    window: tuple[float, float],
    area: float,
    density: ArrayLike | None = None,
) -> tuple[float, Floats]:
    """Log-likelihood of the target events, and its gradient.

    Parameters
    ----------
    parameters : EtasParameters
        Parameters.
    events : Events
        All events that may trigger, in order of time, those before the window too.
    targets : numpy.ndarray of bool, shape (events,)
        The events that are explained: inside the region and the window.
    window : (float, float)
        Start and end in days; events at its end are outside.
    area : float
        Area of the region in km2. Triggered events are counted over the whole plane.
    density : array_like, shape (targets,), optional
        Background density at the targets in 1/km2, of integral one over the region. Uniform if
        not given. The background rate is ``mu * area * density``.

    Returns
    -------
    value : float
        Natural logarithm; exact but for rounding (no pair is left out).
    gradient : numpy.ndarray, shape (9,)
        Derivatives with respect to `FITTED`.

    References
    ----------
    Ogata (1998), doi:10.1023/A:1003403601725.
    """
    index = np.flatnonzero(targets)
    shape = np.full(index.size, 1.0 / area) if density is None else np.asarray(density, float)
    sums = pair_sums(index, *_pair_arguments(parameters, events))
    value, gradient, _ = _likelihood(parameters, events, sums, window, area, shape)
    return value, gradient * _LOGARITHMIC


def _pair_arguments(
    p: EtasParameters, events: Events
) -> tuple[Floats, Floats, Floats, Floats, Floats, Floats, Floats]:
    """What `pair_sums` and its kin want to know besides the targets."""
    excess, zone = events.magnitude - p.mc, p.zone(events.magnitude)
    log_k = (LN10 * p.log10_k0 + p.a * excess) / math.log(2.0)
    kernel = np.array([p.c, p.omega, p.tau, p.rho])
    return events.time, events.x, events.y, excess, log_k, zone, kernel


def _likelihood(
    p: EtasParameters,
    events: Events,
    sums: Floats,
    window: tuple[float, float],
    area: float,
    density: Floats,
) -> tuple[float, Floats, Floats]:
    """Value, gradient in natural logarithms, and the share of background at each target.

    `sums` are the triggered rate at each target and its derivatives, as of `pair_sums`.
    """
    excess, zone = events.magnitude - p.mc, p.zone(events.magnitude)
    rate = p.mu * area * density
    total = rate + sums[:, 0]
    if not (total > 0).all():
        raise ModelError("the rate is zero at an event", fix="give the background density a floor")
    start, end = window
    table = p.table(max(end - float(events.time[0]), end - start))
    counts = integral_sums(
        table, p.c, events.time, excess, zone, p.productivity(events.magnitude), p.rho, start, end
    )
    expected = p.mu * area * (end - start)
    value = float(np.log(total).sum() - expected - counts[0])
    share = rate / total
    gradient = np.concatenate(
        [[share.sum() - expected], (sums / total[:, None]).sum(axis=0) - counts]
    )
    return value, gradient, share


class EtasFit(NamedTuple):
    """A fitted model.

    `background_share` is the probability of each target of being a background event,
    `log_likelihood` that of the last fit, `converged` what the optimiser said, `evaluations` the
    number of likelihoods computed.
    """

    parameters: EtasParameters
    background: Density
    background_share: Floats
    log_likelihood: float
    n_targets: int
    evaluations: int
    converged: bool


_FARTHEST = 3.0  # largest change of log rate that is extrapolated
_BOUNDS = (
    (-60.0, 10.0),  # ln mu
    (math.log(1e-4), math.log(0.999)),  # ln branching ratio
    (-1.0, 10.0),  # a - rho gamma, cut below beta
    (LN10 * -7.0, LN10 * 1.0),  # ln c
    (-0.9, 2.0),  # omega
    (LN10 * -1.0, LN10 * 5.5),  # ln tau
    (LN10 * -6.0, LN10 * 4.0),  # ln d
    (-0.5, 4.0),  # gamma
    (math.log(0.03), math.log(8.0)),  # ln rho
)


def fit(
    events: Events,
    targets: NDArray[np.bool_],
    window: tuple[float, float],
    *,
    mc: float,
    region: ArrayLike,
    background: Density | str = "uniform",
    delta_m: float = 0.0,
    beta: float | None = None,
    start: EtasParameters | None = None,
    start_background: KernelDensity | None = None,
    rounds: int = 3,
    max_branching: float = 0.999,
    neighbours: int = 5,
    min_bandwidth: float = 1.0,
    max_evaluations: int = 400,
    progress: Callable[[str, float], None] | None = None,
) -> EtasFit:
    """Fit the ETAS model by maximum likelihood.

    Parameters
    ----------
    events : Events
        All events that may trigger, in order of time.
    targets : numpy.ndarray of bool, shape (events,)
        The events to explain: magnitude at least mc, inside region and window.
    window : (float, float)
        Start and end in days.
    mc : float
        Reference magnitude.
    region : array_like
        Polygon (n, 2) in km, or rectangle (x0, x1, y0, y1).
    background : {"uniform", "kernel"} or Density
        Uniform; an adaptive kernel density estimated together with the parameters (stochastic
        declustering: fit, weigh each event by its background share, estimate, repeat); or a
        density that is kept.
    delta_m : float
        Bin width of the magnitudes, for beta.
    beta : float, optional
        Exponent of magnitudes; by default its maximum-likelihood estimate from the targets.
    start : EtasParameters, optional
        Where to start from.
    start_background : KernelDensity, optional
        Kernel density to start from, of an earlier fit; it is then re-estimated once.
    rounds : int
        Fits with a re-estimated kernel density.
    max_branching : float
        Upper bound of the branching ratio (untruncated magnitudes).
    neighbours, min_bandwidth
        Of `KernelDensity.from_points`.
    max_evaluations : int
        Most evaluations of the likelihood in one fit.
    progress : callable, optional
        Called with a stage and the log-likelihood per target after each evaluation.

    Returns
    -------
    EtasFit
        Parameters, background, shares.

    Raises
    ------
    DataError
        If there are fewer than 20 targets, or one lies outside the window.
    ConfigError
        If `background` is an unknown word.

    References
    ----------
    Zhuang, Ogata & Vere-Jones (2002), doi:10.1198/016214502760046925.
    """
    index = np.flatnonzero(targets)
    _check_targets(events, index, window)
    uniform = UniformDensity.of(region)
    chosen: Density = background if not isinstance(background, str) else uniform
    if isinstance(background, str) and background not in ("uniform", "kernel"):
        raise ConfigError(
            f"background '{background}' is unknown; {nearest(background, ('uniform', 'kernel'))}"
        )
    if beta is None:
        beta = 1.0 / (float(events.magnitude[index].mean()) - (mc - delta_m / 2))
    current = start or _first_guess(index.size, uniform.area, window, beta, mc)
    current = replace(current, beta=beta, mc=mc)
    again = rounds if background == "kernel" else 0
    x, y = events.x[index], events.y[index]
    own: Floats = chosen.at(x, y)
    if start_background is not None and again:
        again, own = 1, start_background.at_other_points(x, y)
    evaluations = 0
    for turn in range(again + 1):
        stage = f"fit {turn + 1} of {again + 1}"
        # The last fit alone needs all digits: the ones before only give weights.
        rough = turn < again
        result = _maximise(
            current, events, index, window, uniform.area, own, max_branching, max_evaluations,
            1e-6 if rough else 1e-10, stage, progress,
        )  # fmt: skip
        current, value, share, used, converged = result
        evaluations += used
        if rough:
            kernel = KernelDensity.from_points(
                x, y, share, region, neighbours=neighbours, min_bandwidth=min_bandwidth
            )
            # An event must not raise the density at its own place.
            chosen, own = kernel, kernel.at_own_points()
    return EtasFit(current, chosen, share, value, index.size, evaluations, converged)


def _check_targets(events: Events, index: NDArray[np.int64], window: tuple[float, float]) -> None:
    if index.size < 20:
        raise DataError(
            f"{index.size} events inside region and window, at least 20 were expected",
            fix="widen the region, lengthen the window or lower mc",
        )
    inside = (events.time[index] >= window[0]) & (events.time[index] < window[1])
    if not inside.all():
        raise DataError(f"{int((~inside).sum())} target events lie outside the window {window}")


def _first_guess(
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


def _maximise(
    start: EtasParameters,
    events: Events,
    index: NDArray[np.int64],
    window: tuple[float, float],
    area: float,
    density: Floats,
    max_branching: float,
    max_evaluations: int,
    tolerance: float,
    stage: str,
    progress: Callable[[str, float], None] | None,
) -> tuple[EtasParameters, float, Floats, int, bool]:
    """Climb on the near pairs from one pass over all pairs to the next.

    It ends when a pass finds that the last climb gained less than `tolerance` nats a target.
    """
    beta, mc, n = start.beta, start.mc, index.size
    low, high = np.array(_BOUNDS).T
    high[1], high[2] = math.log(max_branching), 0.97 * beta

    def measure(p: EtasParameters, sums: Floats) -> tuple[float, Floats, Floats]:
        value, gradient, share = _likelihood(p, events, sums, window, area, density)
        return value / n, gradient / n, share

    here, best = np.clip(_encode(start), low, high), -math.inf
    kept = (start, -math.inf, np.empty(0))
    step, passes, converged = here * 0.0, 0, False
    while passes < max_evaluations and not converged:
        p, _ = _decode(here, beta, mc)
        pairs = near_pairs(index, *_pair_arguments(p, events))
        value, _, share = measure(p, pairs.total)
        passes += 1
        if progress:
            progress(stage, value)
        if value < best:
            # What lies beyond the near pairs was extrapolated too far: go back half of the way.
            converged = best - value < tolerance
            step = step / 2
            here = here - step
            continue
        converged = value - best < tolerance
        best, kept = value, (p, value * n, share)
        if not converged:
            there = _climb(here, p, pairs, events, index, measure, (low, high), tolerance)
            step, here = there - here, there
    return *kept, passes, converged


def _climb(
    start: Floats,
    about: EtasParameters,
    pairs: NearPairs,
    events: Events,
    index: NDArray[np.int64],
    measure: Callable[[EtasParameters, Floats], tuple[float, Floats, Floats]],
    bounds: tuple[Floats, Floats],
    tolerance: float,
) -> Floats:
    """Maximise with the sums over all but near pairs extrapolated from the parameters `about`."""
    slope = pairs.rest / np.maximum(pairs.rest[:, :1], 1e-300)
    origin = _natural(about)

    def cost(vector: Floats) -> tuple[float, Floats]:
        p, slopes = _decode(vector, about.beta, about.mc)
        sums = near_sums(index, pairs.first, pairs.source, *_pair_arguments(p, events))
        grown = slope @ (_natural(p) - origin)
        rest = pairs.rest[:, 0] * np.exp(np.clip(grown, -_FARTHEST, _FARTHEST))
        sums += rest[:, None] * slope
        value, gradient, _ = measure(p, sums)
        return -value, -_chain(gradient, p, slopes)

    found = minimize(
        cost,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=np.array(bounds).T,
        options={"maxfun": 400, "ftol": tolerance / 10, "gtol": 1e-7, "maxcor": 20},
    )
    return np.asarray(found.x)


def _natural(p: EtasParameters) -> Floats:
    """Parameters in the order and units of the columns of `pair_sums`."""
    ln_k0, ln_c, ln_tau, ln_d = LN10 * np.array([p.log10_k0, p.log10_c, p.log10_tau, p.log10_d])
    return np.array([ln_k0, p.a, ln_c, p.omega, ln_tau, ln_d, p.gamma, p.rho])
