"""Forecasts of the ETAS model by cell: expected counts and probabilities.

Background and direct offspring of the known events are computed; what these trigger in turn is
simulated, and the offspring of each simulated event is again computed, not counted, so that a few
hundred simulations give smooth maps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

from craton.errors import ConfigError
from craton.models.physics._jit import LN2, exp2, jit, log2
from craton.models.physics.etas_background import Density
from craton.models.physics.etas_kernels import Floats, Ints, time_integral
from craton.models.physics.etas_parameters import EtasParameters, Events
from craton.models.physics.etas_simulation import Catalogs, simulate, survival


class CellRates(NamedTuple):
    """Expected events above mc in each cell: of the background, and triggered directly."""

    background: Floats
    triggered: Floats


class CellForecast(NamedTuple):
    """Forecast of one window.

    `counts` and `probability` (of at least one) are for events of the magnitude asked for, by
    cell, shape (cells,). `total` is the expected number in all cells, `probability_any` the
    probability of at least one in any of them. `number` is the simulated number of such events
    in all cells, shape (n_catalogs,): its quantiles are an interval. `catalogs` holds the
    simulated events above mc.
    """

    counts: Floats
    probability: Floats
    total: float
    probability_any: float
    number: NDArray[np.int64]
    first: CellRates
    catalogs: Catalogs


def expected_counts(
    parameters: EtasParameters,
    history: Events,
    window: tuple[float, float],
    cells: ArrayLike,
    background: Density | None = None,
    *,
    negligible: float = 1e-6,
) -> CellRates:
    """Expected number of background events and direct aftershocks in each cell.

    Parameters
    ----------
    parameters : EtasParameters
        Parameters.
    history : Events
        Events that trigger, in order of time. An event inside the window counts from its time on.
    window : (float, float)
        Start and end in days.
    cells : array_like, shape (cells, 4)
        Rectangles x0, x1, y0, y1 in km.
    background : Density, optional
        Where background events fall; without it there are none.
    negligible : float
        The events that together have less than this share of the expected aftershocks are left
        out.

    Returns
    -------
    CellRates
        Counts of magnitude mc and above, shape (cells,) each.

    Raises
    ------
    ConfigError
        If cells have another shape or no area, or the window is empty.

    Notes
    -----
    The share of an event's aftershocks in a cell near to it is integrated along the edges (error
    below 1e-7), by 3 by 3 Gauss nodes up to three cell sizes away, and by the rate at the centre
    with its curvature beyond (error below 0.3 % of the share of that cell).
    """
    box = _checked_cells(cells)
    start, end = window
    if not end > start:
        raise ConfigError(f"the window {window} is empty")
    flat = np.zeros(len(box))
    if background is not None:
        flat = parameters.mu * background.area * (end - start) * background.in_cells(box)
    triggered = np.zeros(len(box))
    if history.time.size:
        mean = _expected_offspring(parameters, history.time, history.magnitude, window)
        order = np.argsort(mean)
        cut = int(np.searchsorted(np.cumsum(mean[order]), negligible * mean.sum()))
        chosen = np.sort(order[cut:])
        triggered = _spread(
            parameters, history.x[chosen], history.y[chosen], history.magnitude[chosen],
            mean[chosen], np.array([0, chosen.size]), box,
        )[0]  # fmt: skip
    return CellRates(flat, triggered)


def forecast_counts(
    parameters: EtasParameters,
    history: Events,
    window: tuple[float, float],
    cells: ArrayLike,
    background: Density,
    *,
    magnitude: float | None = None,
    m_max: float = 8.5,
    n_catalogs: int = 200,
    seed: int = 0,
    max_events: int = 5_000_000,
) -> CellForecast:
    """Expected count and probability of at least one event in each cell.

    Parameters
    ----------
    parameters, history, window, cells, background
        As in `expected_counts`; history lies before the window.
    magnitude : float, optional
        Least magnitude of the events forecast; mc by default.
    m_max : float
        Largest magnitude of the simulation.
    n_catalogs, seed, max_events
        Of the simulation of later generations.

    Returns
    -------
    CellForecast
        The forecast.

    Raises
    ------
    ModelError
        If the model explodes.
    ConfigError
        If cells or window are not usable.

    Notes
    -----
    Let L be the expected first generation in a cell and L_k what the events of simulation k are
    expected to trigger there. The count is ``q (L + mean L_k)`` with q the share of magnitudes,
    which is exact up to the noise of the mean. The probability is
    ``1 - exp(-q L) mean exp(-q L_k)``: it takes the later events as independent of whether an
    event of the first generation was large, and clusters within a cell as Poisson given their
    parents, so it is somewhat high where one cell holds whole clusters.
    """
    least = parameters.mc if magnitude is None else magnitude
    found = forecast_thresholds(
        parameters, history, window, cells, background, (least,),
        m_max=m_max, n_catalogs=n_catalogs, seed=seed, max_events=max_events,
    )[0]  # fmt: skip
    return found


def forecast_thresholds(
    parameters: EtasParameters,
    history: Events,
    window: tuple[float, float],
    cells: ArrayLike,
    background: Density,
    magnitudes: Sequence[float],
    *,
    m_max: float = 8.5,
    n_catalogs: int = 200,
    seed: int = 0,
    max_events: int = 5_000_000,
) -> list[CellForecast]:
    """Forecasts for several least magnitudes from one simulation; see `forecast_counts`."""
    box = _checked_cells(cells)
    first = expected_counts(parameters, history, window, box, background)
    events = simulate(
        parameters, window, background=background, history=history, m_max=m_max,
        n_catalogs=n_catalogs, seed=seed, max_events=max_events,
    )  # fmt: skip
    later = np.zeros((n_catalogs, len(box)))
    if events.time.size:
        mean = _expected_offspring(parameters, events.time, events.magnitude, window)
        bounds = np.searchsorted(events.catalog, np.arange(n_catalogs + 1))
        later = _spread(parameters, events.x, events.y, events.magnitude, mean, bounds, box)
    direct = first.background + first.triggered
    inside = _in_any(events.x, events.y, box)
    found = []
    for least in magnitudes:
        share = survival(parameters, m_max, max(least, parameters.mc))
        counts = share * (direct + later.mean(axis=0))
        probability = 1.0 - np.exp(-share * direct) * np.exp(-share * later).mean(axis=0)
        wanted = inside & (events.magnitude >= least)
        number = np.bincount(events.catalog[wanted], minlength=n_catalogs)
        missing = float(np.exp(-share * later.sum(axis=1)).mean() * np.exp(-share * direct.sum()))
        found.append(
            CellForecast(
                counts, probability, float(counts.sum()), 1.0 - missing, number, first, events
            )
        )
    return found


def _expected_offspring(
    p: EtasParameters, time: Floats, magnitude: Floats, window: tuple[float, float]
) -> Floats:
    """Direct offspring in the window, everywhere."""
    start, end = window
    table = p.table(end - float(time.min()))
    low = time_integral(table, p.c, start - time)
    return np.asarray(p.productivity(magnitude) * (time_integral(table, p.c, end - time) - low))


def _checked_cells(cells: ArrayLike) -> Floats:
    box = np.ascontiguousarray(cells, dtype=float)
    if box.ndim != 2 or box.shape[1] != 4 or not np.isfinite(box).all():
        raise ConfigError(f"cells have shape {box.shape}; finite (n, 4) x0, x1, y0, y1 expected")
    if (box[:, 1] <= box[:, 0]).any() or (box[:, 3] <= box[:, 2]).any():
        raise ConfigError("a cell has no area; x0 < x1 and y0 < y1 (km) were expected")
    return box


def _in_any(x: Floats, y: Floats, cells: Floats) -> NDArray[np.bool_]:
    return np.asarray(_covered(np.ascontiguousarray(x), np.ascontiguousarray(y), cells))


@jit()
def _covered(x: Floats, y: Floats, cells: Floats) -> NDArray[np.bool_]:
    out = np.zeros(x.size, dtype=np.bool_)
    for i in range(x.size):
        for k in range(cells.shape[0]):
            if cells[k, 0] <= x[i] < cells[k, 1] and cells[k, 2] <= y[i] < cells[k, 3]:
                out[i] = True
                break
    return out


def _spread(
    p: EtasParameters, x: Floats, y: Floats, magnitude: Floats, mean: Floats, bounds: Ints,
    cells: Floats,
) -> Floats:  # fmt: skip
    """Sum of ``mean`` times the share of each event in each cell, by group of events."""
    group = np.repeat(np.arange(bounds.size - 1), np.diff(bounds))
    order = np.lexsort((x, group))
    x, y, mean = x[order], y[order], mean[order]
    zone = p.zone(magnitude[order])
    # log2 of mean times the normalised kernel without its power of r2 + D.
    with np.errstate(divide="ignore"):
        level = np.log2(mean * p.rho / np.pi) + p.rho * np.log2(zone)
    level = np.maximum(level, -900.0)
    return np.asarray(_spread_kernel(x, y, zone, mean, level, p.rho, bounds, cells))


@jit(parallel=True)
def _spread_kernel(
    x: Floats, y: Floats, zone: Floats, mean: Floats, level: Floats, rho: float, bounds: Ints,
    cells: Floats,
) -> Floats:  # fmt: skip
    out = np.zeros((bounds.size - 1, cells.shape[0]))
    for k in numba.prange(cells.shape[0]):
        for g in range(bounds.size - 1):
            i, j = bounds[g], bounds[g + 1]
            if j > i:
                out[g, k] = _far(x[i:j], y[i:j], zone[i:j], level[i:j], rho, cells[k]) + _near(
                    x[i:j], y[i:j], zone[i:j], mean[i:j], level[i:j], rho, cells[k]
                )
    return out


_FAR, _MIDDLE = 9.0, 2.5  # limits of (r**2 + D) / size**2 between the three ways to integrate


@jit(reorder=True)
def _far(x: Floats, y: Floats, zone: Floats, level: Floats, rho: float, cell: Floats) -> float:
    """Rate at the centre with its curvature, of all events that are far away."""
    wide, high = cell[1] - cell[0], cell[3] - cell[2]
    limit = _FAR * max(wide, high) ** 2
    x0, y0, p = 0.5 * (cell[0] + cell[1]), 0.5 * (cell[2] + cell[3]), 1.0 + rho
    total = 0.0
    for j in range(x.size):
        dx, dy = x[j] - x0, y[j] - y0
        sx, sy = dx * dx, dy * dy
        s = sx + sy + zone[j]
        one = 1.0 / s
        bend = wide * wide * (2.0 * (p + 1.0) * sx * one - 1.0)
        bend += high * high * (2.0 * (p + 1.0) * sy * one - 1.0)
        value = exp2(level[j] - p * log2(s)) * (1.0 + bend * p * one / 12.0)
        total += value if s >= limit else 0.0
    return total * wide * high


@jit()
def _near(
    x: Floats, y: Floats, zone: Floats, mean: Floats, level: Floats, rho: float, cell: Floats
) -> float:
    """The events that `_far` leaves out; `x` is in order."""
    wide, high = cell[1] - cell[0], cell[3] - cell[2]
    size = max(wide, high)
    x0, y0 = 0.5 * (cell[0] + cell[1]), 0.5 * (cell[2] + cell[3])
    reach = math.sqrt(_FAR) * size
    total = 0.0
    for j in range(np.searchsorted(x, x0 - reach), np.searchsorted(x, x0 + reach, side="right")):
        s = (x[j] - x0) ** 2 + (y[j] - y0) ** 2 + zone[j]
        if s < _MIDDLE * size * size:
            total += mean[j] * cell_share(x[j], y[j], zone[j], rho, cell)
        elif s < _FAR * size * size:
            total += _middle(x0 - x[j], y0 - y[j], wide, high, zone[j], level[j], rho)
    return total


@jit(reorder=True)
def _middle(
    dx: float, dy: float, wide: float, high: float, zone: float, level: float, rho: float
) -> float:
    """Gauss nodes, 3 by 3."""
    total = 0.0
    for n in range(9):
        r = (dx + _GAUSS9[0, n] * wide) ** 2 + (dy + _GAUSS9[1, n] * high) ** 2 + zone
        total += _WEIGHT9[n] * exp2(level - (1.0 + rho) * log2(r))
    return total * wide * high


_GAUSS3, _WEIGHT3 = np.polynomial.legendre.leggauss(3)
_GAUSS9 = 0.5 * np.array([np.repeat(_GAUSS3, 3), np.tile(_GAUSS3, 3)])
_WEIGHT9 = 0.25 * np.outer(_WEIGHT3, _WEIGHT3).ravel()
_GAUSS8, _WEIGHT8 = np.polynomial.legendre.leggauss(8)


@jit(reorder=True)
def cell_share(x: float, y: float, zone: float, rho: float, cell: Floats) -> float:
    """Share of the space kernel around (x, y) that falls into a rectangle.

    In polar coordinates the integral over the radius is closed, so that an integral along each
    edge remains: with p the distance to the edge and s = p sinh(v) the place on it,
    ``(1 - (1 + p**2 cosh(v)**2 / D)**-rho) / cosh(v) dv / 2 pi``.
    """
    left, right, low, high = cell[0] - x, cell[1] - x, cell[2] - y, cell[3] - y
    return (
        _edge(-low, left, right, zone, rho)
        + _edge(right, low, high, zone, rho)
        + _edge(high, -right, -left, zone, rho)
        + _edge(-left, -high, -low, zone, rho)
    )


@jit(reorder=True)
def _edge(distance: float, s0: float, s1: float, zone: float, rho: float) -> float:
    """Part of one edge; `distance` is negative if the centre lies on its outer side."""
    p = abs(distance)
    if p < 1e-9 * (abs(s0) + abs(s1)):
        return 0.0
    v0, v1 = _asinh(s0 / p), _asinh(s1 / p)
    panels = int((v1 - v0) / 2.0) + 1
    half = 0.5 * (v1 - v0) / panels
    scale = p * p / zone
    total = 0.0
    for k in range(panels):
        middle = v0 + (2 * k + 1) * half
        for n in range(8):
            grown = exp2((middle + half * _GAUSS8[n]) / LN2)
            cosh = 0.5 * (grown + 1.0 / grown)
            tail = exp2(-rho * log2(1.0 + scale * cosh * cosh))
            total += _WEIGHT8[n] * (1.0 - tail) / cosh
    return math.copysign(half * total / (2.0 * math.pi), distance)


@jit(inline=True)
def _asinh(z: float) -> float:
    size = abs(z)
    return math.copysign(LN2 * log2(size + math.sqrt(size * size + 1.0)), z)
