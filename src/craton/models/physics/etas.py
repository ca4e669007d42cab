"""The epidemic-type aftershock sequence (ETAS) model: parameters, likelihood, fit.

The rate of events at time t (days) and place x (km) given the history is

    mu + sum_j k0 exp(a (m_j - mc)) exp(-(t - t_j) / tau) (t - t_j + c)**-(1 + omega)
                                     (r_j**2 + d exp(gamma (m_j - mc)))**-(1 + rho)

the form of Mizrahi, Nandan & Wiemer (2021), doi:10.1785/0220200231, after Ogata (1998),
doi:10.1023/A:1003403601725. See `etas_background` for backgrounds, `etas_completeness` and
`etas_anisotropy` for options of the fit, `etas_simulation` and `etas_forecast` for forecasts, and
`etas_scores` for scores by event.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from craton.errors import ConfigError, DataError, nearest
from craton.models.physics.etas_anisotropy import Anisotropy
from craton.models.physics.etas_background import Density, KernelDensity, UniformDensity
from craton.models.physics.etas_completeness import Completeness
from craton.models.physics.etas_maximise import (
    LOGARITHMIC,
    MAX_BRANCHING,
    at_bounds,
    covariance,
    first_guess,
    maximise,
)
from craton.models.physics.etas_parameters import FITTED, EtasParameters, Events
from craton.models.physics.etas_problem import Problem

__all__ = [
    "FITTED",
    "Anisotropy",
    "Completeness",
    "EtasFit",
    "EtasParameters",
    "Events",
    "fit",
    "log_likelihood",
]

Floats = NDArray[np.float64]
_SOME = 5_000  # targets of the first search, where there are many


def log_likelihood(
    parameters: EtasParameters,
    events: Events,
    targets: NDArray[np.bool_],
    window: tuple[float, float],
    area: float,
    density: ArrayLike | None = None,
    *,
    completeness: Completeness | None = None,
    shares: ArrayLike | None = None,
    anisotropy: Anisotropy | None = None,
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
    completeness : Completeness, optional
        Where and when the catalogue is complete above more than ``parameters.mc`` alone. Events
        below it do not count.
    shares : array_like, shape (places,), optional
        Share of the background in each place of `completeness`; equal by default.
    anisotropy : Anisotropy, optional
        Ellipses around large parents (of exponent 0.5 if it has none).

    Returns
    -------
    value : float
        Natural logarithm; exact but for rounding (no pair is left out), with two approximations
        that `completeness` makes: offspring count with the completeness at their parent's place,
        and unseen events trigger as `Completeness` says.
    gradient : numpy.ndarray, shape (9,)
        Derivatives with respect to `FITTED`; the factor that lets seen events stand for unseen
        ones is held.

    References
    ----------
    Ogata (1998), doi:10.1023/A:1003403601725.
    """
    everywhere = np.full(events.time.size, 1.0 / area)
    if density is not None:
        everywhere[targets] = np.asarray(density, float)
    if completeness is not None:
        kept = completeness.complete(events, parameters.mc)
        events, targets, everywhere = _some(events, kept), targets[kept], everywhere[kept]
    problem = Problem.of(
        parameters, events, targets, window, area, everywhere[targets], completeness,
        None if shares is None else np.asarray(shares, float),
        None if anisotropy is None else anisotropy.ellipses(events),
    )  # fmt: skip
    value, gradient, _ = problem.value(parameters, problem.sums(parameters))
    return value, gradient * LOGARITHMIC


def _some(events: Events, kept: NDArray[np.bool_]) -> Events:
    return Events(*(v[kept] for v in events))


class EtasFit(NamedTuple):
    """A fitted model.

    `background_share` is the probability of each target of being a background event,
    `log_likelihood` that of the last fit, `converged` what the optimiser said, `evaluations` the
    number of passes over all pairs. `covariance`, shape (9, 9), is that of `FITTED` (None if
    errors were not asked for, NaN where the likelihood has no maximum inside its bounds), and
    `exponent` that of the ellipses, if there are any. With a completeness the targets are those
    above it. `max_branching` bounded the branching ratio.
    """

    parameters: EtasParameters
    background: Density
    background_share: Floats
    log_likelihood: float
    n_targets: int
    evaluations: int
    converged: bool
    covariance: Floats | None = None
    exponent: float | None = None
    max_branching: float = MAX_BRANCHING

    @property
    def at_bounds(self) -> dict[str, float]:
        """Parameters that ended at a bound of the search, and the bound: see `etas_maximise`.

        A branching ratio that ends there tells that the model is misspecified, most often its
        background.
        """
        return at_bounds(self.parameters, self.max_branching)

    @property
    def standard_errors(self) -> dict[str, float]:
        """Standard errors of `FITTED` and of beta, by the observed information.

        Background density, completeness and ellipses are taken as known. The error of beta is
        ``beta / sqrt(n)`` (Aki 1965), independent of the others. A parameter at its bound is
        taken as known, too.

        Raises
        ------
        ConfigError
            If the fit was made without ``errors=True``.
        """
        errors = np.sqrt(np.diag(self._spread()))
        found = {name: float(v) for name, v in zip(FITTED, errors, strict=True)}
        return found | {"beta": self.parameters.beta / math.sqrt(self.n_targets)}

    def _spread(self) -> Floats:
        if self.covariance is None:
            raise ConfigError("this fit has no standard errors", fix="fit with errors=True")
        return self.covariance

    def interval(self, name: str, level: float = 0.95) -> tuple[float, float]:
        """Interval of a parameter, symmetric in the units of `FITTED`."""
        reach = NormalDist().inv_cdf(0.5 + level / 2) * self.standard_errors[name]
        value = float(getattr(self.parameters, name))
        return value - reach, value + reach

    def branching_ratio_error(self, m_max: float | None = None) -> float:
        """Standard error of `EtasParameters.branching_ratio`, by the delta method."""
        p, h, spread = self.parameters, 1e-4, self._spread()

        def slope(name: str) -> float:
            up, down = (replace(p, **{name: getattr(p, name) + s}) for s in (h, -h))
            return (up.branching_ratio(m_max) - down.branching_ratio(m_max)) / (2 * h)

        slopes = np.array([slope(name) for name in FITTED])
        of_beta = slope("beta") * self.standard_errors["beta"]
        return math.sqrt(float(slopes @ spread @ slopes) + of_beta**2)


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
    earlier: KernelDensity | None = None,
    rounds: int = 3,
    max_branching: float = MAX_BRANCHING,
    neighbours: int = 5,
    min_bandwidth: float = 1.0,
    max_evaluations: int = 400,
    method: str = "direct",
    errors: bool = False,
    completeness: Completeness | None = None,
    anisotropy: Anisotropy | None = None,
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
    earlier : KernelDensity, optional
        Background of a fit, with the parameters `start`, on a part of these events: for a kernel
        background, its events keep their weight, the others are weighed by it, and nothing is
        repeated. More rounds would draw the background further into the clusters.
    rounds : int
        Fits with a re-estimated kernel density.
    max_branching : float
        Upper bound of the branching ratio (untruncated magnitudes).
    neighbours, min_bandwidth
        Of `KernelDensity.from_points`.
    max_evaluations : int
        Most passes over all pairs in one fit.
    method : {"direct", "em"}
        Climb the likelihood itself; or expectation-maximisation (Veen & Schoenberg 2008), which
        ends at the same maximum after many more passes. It never leaves a bad start by a wild
        step: use it where the direct search does not converge, or to check its maximum.
    errors : bool
        Compute the covariance of the parameters; it takes ten passes over all pairs.
    completeness : Completeness, optional
        Magnitude of completeness in steps of time and by region, also after large events. Events
        below it are left out.
    anisotropy : Anisotropy, optional
        Ellipses around large parents.
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
        If `background` or `method` is an unknown word, or EM is to fit ellipses.

    References
    ----------
    Zhuang, Ogata & Vere-Jones (2002), doi:10.1198/016214502760046925; Veen & Schoenberg (2008),
    doi:10.1198/016214508000000148.
    """
    _check_words(background, method, anisotropy)
    level = np.full(events.time.size, mc)
    if completeness is not None:
        kept = completeness.complete(events, mc)
        events, targets = _some(events, kept), targets[kept]
        level = mc + completeness.lack(events, mc)
    index = np.flatnonzero(targets)
    _check_targets(events, index, window)
    if beta is None:
        beta = 1.0 / (float((events.magnitude - level)[index].mean()) + delta_m / 2)
    uniform, adaptive = UniformDensity.of(region), background == "kernel"
    chosen: Density = uniform if isinstance(background, str) else background
    x, y = events.x[index], events.y[index]
    own: Floats = chosen.at(x, y)
    current = start or first_guess(index.size, uniform.area, window, beta, mc)
    current = replace(current, beta=beta, mc=mc)
    again = rounds if adaptive or completeness is not None or anisotropy is not None else 0
    if adaptive and earlier is not None and completeness is None and anisotropy is None:
        weight = _weights(earlier, current, events, index, window)
        kernel = KernelDensity.from_points(
            x, y, weight, region, neighbours=neighbours, min_bandwidth=min_bandwidth
        )
        chosen, own, again = kernel, kernel.at_own_points(), 0
    ellipses = None if anisotropy is None else anisotropy.ellipses(events)
    evaluations = 0
    for turn in range(again + 1):
        # The last fit alone needs all digits: the ones before only give what it holds.
        rough = turn < again
        problem = Problem.of(
            current, events, targets, window, uniform.area, own, completeness,
            None if completeness is None else completeness.shares(chosen, uniform.polygon),
            ellipses,
        )  # fmt: skip
        if turn == 0 and start is None and index.size >= 2 * _SOME:
            few = problem.every(index.size // _SOME)
            current = maximise(
                current, few, max_branching=max_branching, max_passes=max_evaluations,
                tolerance=1e-6,
            ).parameters  # fmt: skip
            # Far beyond the window the likelihood hardly knows tau, and a climb would stay there.
            tau = min(current.log10_tau, math.log10(window[1] - window[0]))
            current = replace(current, log10_tau=tau)
        found = maximise(
            current, problem, max_branching=max_branching, max_passes=max_evaluations,
            tolerance=1e-6 if rough else 1e-10, em=method == "em",
            progress=_told(progress, f"fit {turn + 1} of {again + 1}"),
        )  # fmt: skip
        current = found.parameters
        evaluations += found.passes
        if rough and adaptive:
            weight = found.share
            if completeness is not None and completeness.polygons:
                weight = weight * np.exp(beta * (level - mc)[index])
            kernel = KernelDensity.from_points(
                x, y, weight, region, neighbours=neighbours, min_bandwidth=min_bandwidth
            )
            # An event must not raise the density at its own place.
            chosen, own = kernel, kernel.at_own_points()
        if rough and ellipses is not None and anisotropy and anisotropy.exponent is None:
            ellipses = problem.best_ellipses(current)
    spread = covariance(current, problem, max_branching) if errors else None
    return EtasFit(
        current, chosen, found.share, found.value, index.size, evaluations, found.converged,
        spread, None if ellipses is None else ellipses.exponent, max_branching,
    )  # fmt: skip


def _weights(
    earlier: KernelDensity,
    p: EtasParameters,
    events: Events,
    index: NDArray[np.int64],
    window: tuple[float, float],
) -> Floats:
    """Probability of each target of being background, that of new ones under an earlier fit."""
    x, y = events.x[index], events.y[index]
    weight = earlier.weights_at(x, y).copy()
    new = np.isnan(weight)
    if new.any():
        some = np.isin(np.arange(events.time.size), index[new])
        density = earlier.at(x[new], y[new])
        problem = Problem.of(p, events, some, window, earlier.area, density)
        weight[new] = problem.value(p, problem.sums(p))[2]
    return weight


def _told(
    progress: Callable[[str, float], None] | None, stage: str
) -> Callable[[float], None] | None:
    return None if progress is None else lambda value: progress(stage, value)


def _check_words(background: Density | str, method: str, anisotropy: Anisotropy | None) -> None:
    for name, word, known in (
        ("background", background, ("uniform", "kernel")),
        ("method", method, ("direct", "em")),
    ):
        if isinstance(word, str) and word not in known:
            raise ConfigError(f"{name} '{word}' is unknown; {nearest(word, known)}")
    if method == "em" and anisotropy is not None:
        raise ConfigError("EM does not fit ellipses", fix="use method='direct'")


def _check_targets(events: Events, index: NDArray[np.int64], window: tuple[float, float]) -> None:
    if index.size < 20:
        raise DataError(
            f"{index.size} events inside region and window, at least 20 were expected",
            fix="widen the region, lengthen the window or lower mc",
        )
    inside = (events.time[index] >= window[0]) & (events.time[index] < window[1])
    if not inside.all():
        raise DataError(f"{int((~inside).sum())} target events lie outside the window {window}")
