"""Scores of an ETAS model event by event, as the EarthquakeNPP benchmark defines them.

The rate in time alone takes the space kernel over the whole plane; distances are great circles.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import ArrayLike

from craton.errors import DataError
from craton.models.physics._jit import LN2, exp2, jit, log2
from craton.models.physics.etas_kernels import KNOT, Floats, Ints, _look_up, time_integral
from craton.models.physics.etas_parameters import LN10, EtasParameters
from craton.models.physics.polygons import inside_polygon

EARTH_RADIUS_KM = 6378.1
"""Radius that the benchmark takes, km."""


class NextEventScores(NamedTuple):
    """Scores of each test event, in order of time.

    `temporal` is ``log rate(t_i)`` less the integral of the rate since the test event before
    (since the window's start for the first, for which the benchmark counts the background alone);
    `spatial` is the log density of the epicentre given the time. `event` has their indices.
    `uncounted` is the part of the integral over the window that the benchmark leaves out: triggered
    events before the first test event and everything after the last.
    """

    event: Ints
    temporal: Floats
    spatial: Floats
    uncounted: float


def benchmark_events(
    days: ArrayLike,
    latitude: ArrayLike,
    longitude: ArrayLike,
    magnitude: ArrayLike,
    *,
    window: tuple[float, float],
    polygon: ArrayLike,
    mc: float,
    delta_m: float = 0.1,
) -> tuple[Floats, Floats, Floats, Floats]:
    """Take the events that the benchmark counts, with magnitudes rounded half up.

    Parameters
    ----------
    days, latitude, longitude, magnitude : array_like, shape (n,)
        Catalogue in order of time.
    window : (float, float)
        Start of the auxiliary part and end of the test, in days; the end is outside.
    polygon : array_like, shape (corners, 2)
        Region as latitude, longitude; its edges count as inside.
    mc, delta_m : float
        Least magnitude after rounding, and the bin width.

    Returns
    -------
    days, latitude, longitude, magnitude : numpy.ndarray
        The events taken.
    """
    t, lat, lon, m = (np.asarray(v, float) for v in (days, latitude, longitude, magnitude))
    rounded = np.floor(m / delta_m + 0.5) * delta_m
    corners = np.asarray(polygon, float)[:, ::-1]
    keep = (t >= window[0]) & (t < window[1]) & (rounded >= mc)
    keep &= inside_polygon(lon, lat, corners)
    return t[keep], lat[keep], lon[keep], rounded[keep]


def next_event_scores(
    parameters: EtasParameters,
    days: ArrayLike,
    latitude: ArrayLike,
    longitude: ArrayLike,
    magnitude: ArrayLike,
    *,
    test: tuple[float, float],
    area: float,
    density: ArrayLike | None = None,
) -> NextEventScores:
    """Temporal and spatial log-likelihood of each test event, given all events before it.

    Parameters
    ----------
    parameters : EtasParameters
        Parameters.
    days, latitude, longitude, magnitude : array_like, shape (n,)
        Events in order of time, as `benchmark_events` gives them.
    test : (float, float)
        Test window in days; events at its end are outside.
    area : float
        Area of the region in km2.
    density : array_like, shape (test events,), optional
        Background density at the test events, 1/km2, of integral one over the region; uniform by
        default.

    Returns
    -------
    NextEventScores
        The means of `temporal` and `spatial` are the benchmark's TLL and SLL, in nats per event.

    Raises
    ------
    DataError
        If no event falls into the test window or the events are not in order.

    Notes
    -----
    No pair is left out in space, and distances are exact to 1e-12 up to 2000 km. In time, events
    long before a target act in blocks through Chebyshev nodes, to a relative 1e-11; the integral of
    the time kernel is interpolated to 1e-12.

    References
    ----------
    Stockman, Lawson & Werner (2026), arXiv:2410.08226.
    """
    t, lat, lon, m = (
        np.ascontiguousarray(v, float) for v in (days, latitude, longitude, magnitude)
    )
    if (np.diff(t) < 0).any():
        raise DataError("events are not in order of time", fix="sort them")
    index = np.flatnonzero((t >= test[0]) & (t < test[1]))
    if not index.size:
        raise DataError(f"no event falls into the test window {test} (days)")
    p = parameters
    phi, lam = np.radians(lat), np.radians(lon)
    place = EARTH_RADIUS_KM * np.stack(
        [np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)]
    )
    productivity, zone = p.productivity(m), p.zone(m)
    log_k = (LN10 * p.log10_k0 + p.a * (m - p.mc)) / math.log(2.0)
    table = p.table(max(float(t[-1]), test[1]) - float(t[0]))
    kernel = np.array([p.c, p.omega, p.tau, p.rho])
    sums = np.empty((index.size, 3))
    _space_sums(index, t, place, log_k, zone, kernel, sums)
    _time_sums(index, t, productivity, *_nodes(t, productivity), kernel, table, sums)
    own = np.full(index.size, 1.0 / area) if density is None else np.asarray(density, float)
    total = p.mu * area
    in_space, in_time = total * own + sums[:, 0], total + sums[:, 1]
    waited = np.diff(t[index], prepend=test[0])
    expected = total * waited + np.diff(sums[:, 2], prepend=sums[0, 2])
    temporal = np.log(in_time) - expected
    reach = [time_integral(table, p.c, moment - t) for moment in (test[0], test[1])]
    whole = total * (test[1] - test[0]) + float(productivity @ (reach[1] - reach[0]))
    return NextEventScores(
        index, temporal, np.log(in_space) - np.log(in_time), whole - float(expected.sum())
    )


_BLOCK, _DEGREE = 256, 16
"""Events of a block, and its nodes."""


def _nodes(time: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Times and weights of Chebyshev nodes that stand for blocks of events.

    A sum of ``weight * f(time)`` over a block is that over its nodes for any f that is smooth on
    it: the weights are the sums of the Lagrange polynomials of the nodes at the events.
    """
    blocks = time.size // _BLOCK
    when, share = (v[: blocks * _BLOCK].reshape(blocks, _BLOCK) for v in (time, weight))
    centre, half = (when[:, -1:] + when[:, :1]) / 2, (when[:, -1:] - when[:, :1]) / 2
    angle = np.arccos(np.clip((when - centre) / np.where(half > 0, half, 1.0), -1.0, 1.0))
    at = np.pi * (np.arange(_DEGREE) + 0.5) / _DEGREE
    sums = np.stack([(share * np.cos(q * angle)).sum(axis=1) for q in range(_DEGREE)], axis=1)
    sums[:, 0] /= 2
    weights = sums @ np.cos(np.outer(np.arange(_DEGREE), at)) * (2 / _DEGREE)
    return (centre + half * np.cos(at)).ravel(), weights.ravel()


@jit(parallel=True)
def _space_sums(
    index: Ints, time: Floats, place: Floats, log_k: Floats, zone: Floats, p: Floats, out: Floats
) -> None:  # fmt: skip
    """Triggered rate at each event (column 0)."""
    lanes = 64
    for lane in numba.prange(lanes):
        for i in range(lane, index.size, lanes):
            out[i, 0] = _in_space(index[i], time, place, log_k, zone, p)


@jit(reorder=True)
def _in_space(
    n: int, time: Floats, place: Floats, log_k: Floats, zone: Floats, p: Floats
) -> float:  # fmt: skip
    decay, power_t, power_r = 1.0 / (p[2] * LN2), 1.0 + p[1], 1.0 + p[3]
    curve = 1.0 / EARTH_RADIUS_KM**2
    px, py, pz = place[0], place[1], place[2]
    x, y, z, t = px[n], py[n], pz[n], time[n]
    total = 0.0
    for j in range(n):
        dt = t - time[j]
        dx, dy, dz = px[j] - x, py[j] - y, pz[j] - z
        chord = dx * dx + dy * dy + dz * dz
        # Squared arc from squared chord: the series of arcsin squared.
        q = 0.25 * chord * curve
        tail = 128 / 1575 + q * (128 / 2079 + q * (1024 / 21021 + q * (256 / 6435)))
        arc = chord * (1.0 + q * (1 / 3 + q * (8 / 45 + q * (4 / 35 + q * tail))))
        fading = dt * decay + power_t * log2(dt + p[0])
        total += exp2(log_k[j] - fading - power_r * log2(arc + zone[j]))
    return total


@jit(parallel=True)
def _time_sums(
    index: Ints, time: Floats, productivity: Floats, node: Floats, weight: Floats, p: Floats,
    table: Floats, out: Floats,
) -> None:  # fmt: skip
    """Triggered rate in time alone (column 1) and expected events until then (column 2)."""
    lanes = 64
    for lane in numba.prange(lanes):
        for i in range(lane, index.size, lanes):
            n = index[i]
            rate = until = 0.0
            t, done = time[n], 0
            while done < n:
                last = min(done + _BLOCK, n)
                long = time[last - 1] - time[done]
                # the kernel in time has its pole three half-lengths from the centre, or further
                if last - done == _BLOCK and t - time[last - 1] + p[0] >= long and long <= p[2]:
                    low = done // _BLOCK * _DEGREE
                    a, b = _in_time(t, node, weight, low, low + _DEGREE, p, table)
                else:
                    a, b = _in_time(t, time, productivity, done, last, p, table)
                rate, until, done = rate + a, until + b, last
            out[i, 1], out[i, 2] = rate, until


@jit(reorder=True)
def _in_time(
    t: float, time: Floats, weight: Floats, low: int, high: int, p: Floats, table: Floats
) -> tuple[float, float]:  # fmt: skip
    decay, power, per_knot = 1.0 / (p[2] * LN2), 1.0 + p[1], LN2 / KNOT
    rate = until = 0.0
    for j in range(low, high):
        dt = t - time[j]
        rate += weight[j] * exp2(-dt * decay - power * log2(dt + p[0]))
    for j in range(low, high):
        u = per_knot * log2(1.0 + (t - time[j]) / p[0])
        until += weight[j] * _look_up(table, 0, u)
    return rate, until
