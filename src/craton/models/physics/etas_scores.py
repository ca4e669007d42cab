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
    No pair is left out; the integral of the time kernel is interpolated to 1e-12, and distances
    are exact to 1e-12 up to 2000 km.

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
    sums = _score_sums(index, t, place, log_k, zone, productivity, kernel, table)
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


@jit(parallel=True)
def _score_sums(
    index: Ints, time: Floats, place: Floats, log_k: Floats, zone: Floats, productivity: Floats,
    p: Floats, table: Floats,
) -> Floats:  # fmt: skip
    """Triggered rate at the event, in time alone, and expected events until then."""
    out = np.empty((index.size, 3))
    lanes = 64
    for lane in numba.prange(lanes):
        for i in range(lane, index.size, lanes):
            _rates(index[i], time, place, log_k, zone, productivity, p, out[i])
            out[i, 2] = _until(index[i], time, productivity, p[0], table)
    return out


@jit(reorder=True)
def _rates(
    n: int, time: Floats, place: Floats, log_k: Floats, zone: Floats, productivity: Floats,
    p: Floats, out: Floats,
) -> None:  # fmt: skip
    decay, power_t, power_r = 1.0 / (p[2] * LN2), 1.0 + p[1], 1.0 + p[3]
    curve = 1.0 / EARTH_RADIUS_KM**2
    px, py, pz = place[0], place[1], place[2]
    x, y, z, t = px[n], py[n], pz[n], time[n]
    in_space = in_time = 0.0
    for j in range(n):
        dt = t - time[j]
        dx, dy, dz = px[j] - x, py[j] - y, pz[j] - z
        chord = dx * dx + dy * dy + dz * dz
        # Squared arc from squared chord: the series of arcsin squared.
        q = 0.25 * chord * curve
        tail = 128 / 1575 + q * (128 / 2079 + q * (1024 / 21021 + q * (256 / 6435)))
        arc = chord * (1.0 + q * (1 / 3 + q * (8 / 45 + q * (4 / 35 + q * tail))))
        fading = -dt * decay - power_t * log2(dt + p[0])
        in_space += exp2(log_k[j] + fading - power_r * log2(arc + zone[j]))
        in_time += productivity[j] * exp2(fading)
    out[0] = in_space
    out[1] = in_time


@jit(reorder=True)
def _until(n: int, time: Floats, productivity: Floats, c: float, table: Floats) -> float:
    total, per_knot, t = 0.0, LN2 / KNOT, time[n]
    for j in range(n):
        u = per_knot * log2(1.0 + (t - time[j]) / c)
        total += productivity[j] * _look_up(table, 0, u)
    return total
