"""Compiled kernels of the ETAS model: integrals in time, sums over pairs.

All times are in days, distances in km. The time kernel is ``exp(-t/tau) / (t + c)**(1 + omega)``
and the space kernel ``(r**2 + D)**-(1 + rho)`` with ``D = d exp(gamma (m - mc))``.
"""

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import NDArray

from craton.models.physics._jit import LN2, exp2, jit, log2

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

KNOT = 0.0025
"""Spacing of the knots of `time_table` in log(t + c); its error is then below 1e-12."""

# Gauss-Legendre, 4 nodes on [0, 1].
_NODES, _WEIGHTS = (
    0.5 * (np.polynomial.legendre.leggauss(4)[0] + 1.0),
    0.5 * np.polynomial.legendre.leggauss(4)[1],
)


@jit()
def time_table(c: float, omega: float, tau: float, longest: float) -> Floats:
    """Integral of the time kernel from 0 on, with its derivatives, at knots in log(t + c).

    With ``u = log(t + c)`` the integrand is ``exp(-omega u - (exp(u) - c) / tau)``: smooth for
    every omega, so that no incomplete gamma function of negative argument is needed.

    Parameters
    ----------
    c, omega, tau : float
        Parameters of the kernel.
    longest : float
        Longest time in days that will be looked up.

    Returns
    -------
    numpy.ndarray, shape (knots, 8)
        Columns 0 to 3: the integral G and its derivatives to omega, ln tau and ln c; 4 to 7:
        their slopes in u times `KNOT`, for Hermite interpolation.
    """
    start = math.log(c)
    knots = int((math.log(longest + c) - start) / KNOT) + 3
    table = np.zeros((knots, 8))
    total = np.zeros(4)
    for k in range(knots):
        for n in range(5):
            # Node 4 is the knot itself and gives the slopes.
            u = start + KNOT * (k + (_NODES[n] if n < 4 else 0.0))
            grown = math.exp(u)
            w = math.exp(-omega * u - (grown - c) / tau) * KNOT
            if n == 4:
                table[k, :4] = total
                table[k, 4] = w
                table[k, 5] = -u * w
                table[k, 6] = (grown - c) / tau * w
                table[k, 7] = -(1.0 + omega) * c / grown * w
            else:
                w *= _WEIGHTS[n]
                table[k, 0] += w
                table[k, 1] -= u * w
                table[k, 2] += (grown - c) / tau * w
                table[k, 3] -= (1.0 + omega) * c / grown * w
                if n == 3:
                    step = table[k, :4].copy()
        total += step
    return table


@jit(inline=True)
def _look_up(table: Floats, column: int, u: float) -> float:
    """Cubic Hermite interpolation at `u` knots from the start."""
    k = min(max(int(u), 0), table.shape[0] - 2)
    s = u - k
    g0, g1 = table[k, column], table[k + 1, column]
    s0, s1 = table[k, column + 4], table[k + 1, column + 4]
    rise = g1 - g0
    return g0 + s * (s0 + s * (3.0 * rise - 2.0 * s0 - s1 + s * (s0 + s1 - 2.0 * rise)))


@jit(inline=True)
def _knot(t: float, c: float) -> float:
    return math.log1p(t / c) / KNOT


@jit()
def time_integral(table: Floats, c: float, times: Floats) -> Floats:
    """Integral of the time kernel from 0 to each of `times` (0 for negative ones)."""
    out = np.zeros(times.size)
    for i in range(times.size):
        if times[i] > 0:
            out[i] = _look_up(table, 0, _knot(times[i], c))
    return out


@jit()
def time_quantile(table: Floats, c: float, low: Floats, high: Floats, share: Floats) -> Floats:
    """Times at which the integral from `low` has reached `share` of the one to `high`.

    The interpolated integral is inverted by bisection over the knots, then by Newton steps that
    stay in their bracket.
    """
    out = np.empty(low.size)
    for i in range(low.size):
        u_low, u_high = _knot(low[i], c), _knot(high[i], c)
        g_low, g_high = _look_up(table, 0, u_low), _look_up(table, 0, u_high)
        goal = g_low + share[i] * (g_high - g_low)
        left, right = int(u_low), min(int(u_high) + 1, table.shape[0] - 1)
        while right - left > 1:
            middle = (left + right) // 2
            if table[middle, 0] <= goal:
                left = middle
            else:
                right = middle
        a, b = max(float(left), u_low), min(float(left) + 1.0, u_high)
        u = 0.5 * (a + b)
        for _ in range(60):
            error = _look_up(table, 0, u) - goal
            if error > 0:
                b = u
            else:
                a = u
            slope = table[left, 4] + (u - left) * (table[left + 1, 4] - table[left, 4])
            step = u - error / slope if slope > 0 else a - 1.0
            new = step if a < step < b else 0.5 * (a + b)
            if abs(new - u) <= 1e-12 * max(1.0, abs(u)):
                u = new
                break
            u = new
        out[i] = min(max(c * math.expm1(u * KNOT), low[i]), high[i])
    return out


@jit(reorder=True)
def _target(
    n: int, time: Floats, x: Floats, y: Floats, excess: Floats, log_k: Floats, zone: Floats,
    p: Floats, rates: Floats, out: Floats,
) -> None:  # fmt: skip
    """Triggered rate at event `n` from each before it, and sums of these (see `pair_sums`)."""
    c, omega, tau, rho = p[0], p[1], p[2], p[3]
    s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = 0.0
    decay, power_t, power_r = 1.0 / (tau * LN2), 1.0 + omega, 1.0 + rho
    t_n, x_n, y_n = time[n], x[n], y[n]
    for j in range(n):
        dt = t_n - time[j]
        dx = x[j] - x_n
        dy = y[j] - y_n
        later = dt + c
        far = dx * dx + dy * dy + zone[j]
        log_t = log2(later)
        log_r = log2(far)
        h = exp2(log_k[j] - dt * decay - power_t * log_t - power_r * log_r)
        rates[j] = h
        z = h * zone[j] / far
        s0 += h
        s1 += h * excess[j]
        s2 += h / later
        s3 += h * log_t
        s4 += h * dt
        s5 += z
        s6 += z * excess[j]
        s7 += h * log_r
    out[0] = s0
    out[1] = s1
    out[2] = -power_t * c * s2
    out[3] = -LN2 * s3
    out[4] = s4 / tau
    out[5] = -power_r * s5
    out[6] = -power_r * s6
    out[7] = -LN2 * s7


@jit(parallel=True)
def pair_sums(
    targets: Ints, time: Floats, x: Floats, y: Floats, excess: Floats, log_k: Floats,
    zone: Floats, p: Floats,
) -> Floats:  # fmt: skip
    """Triggered rate at each target event and its derivatives, from all events before it.

    Parameters
    ----------
    targets : numpy.ndarray of int, shape (targets,)
        Index of each target among the events, which are in order of time.
    time, x, y, excess, log_k, zone : numpy.ndarray, shape (events,)
        Time, place, magnitude less mc, log2 of productivity, and D in km2.
    p : numpy.ndarray
        c, omega, tau, rho.

    Returns
    -------
    numpy.ndarray, shape (targets, 8)
        The rate (per day and km2), which is also its derivative to ln k0, then those to a, ln c,
        omega, ln tau, ln d, gamma and rho. Pairs are summed as they come, never stored.
    """
    out = np.empty((targets.size, 8))
    n = targets.size
    # Later targets have more sources: dealing them out in turn balances the cores.
    lanes = 64
    for lane in numba.prange(lanes):
        rates = np.empty(time.size)
        for i in range(lane, n, lanes):
            _target(targets[i], time, x, y, excess, log_k, zone, p, rates, out[i])
    return out


@jit(parallel=True)
def rate_sums(
    t: Floats, x0: Floats, y0: Floats, before: Ints, time: Floats, x: Floats, y: Floats,
    log_k: Floats, zone: Floats, p: Floats,
) -> Floats:  # fmt: skip
    """Triggered rate (per day and km2) at any points, from the first ``before[i]`` events."""
    out = np.empty(t.size)
    for i in numba.prange(t.size):
        out[i] = _rate(t[i], x0[i], y0[i], before[i], time, x, y, log_k, zone, p)
    return out


@jit(reorder=True)
def _rate(
    t: float, x0: float, y0: float, n: int, time: Floats, x: Floats, y: Floats, log_k: Floats,
    zone: Floats, p: Floats,
) -> float:  # fmt: skip
    decay, power_t, power_r = 1.0 / (p[2] * LN2), 1.0 + p[1], 1.0 + p[3]
    total = 0.0
    for j in range(n):
        dt = t - time[j]
        dx = x[j] - x0
        dy = y[j] - y0
        log_r = log2(dx * dx + dy * dy + zone[j])
        total += exp2(log_k[j] - dt * decay - power_t * log2(dt + p[0]) - power_r * log_r)
    return total


@jit()
def integral_sums(
    table: Floats, c: float, time: Floats, excess: Floats, zone: Floats, offspring: Floats,
    rho: float, edges: Floats, seen: Floats, place: Ints,
) -> Floats:  # fmt: skip
    """Expected direct offspring of all events between the edges, and its derivatives.

    `offspring` is productivity times the integral of the space kernel over the plane; between
    edges s and s + 1 the share ``seen[place, s]`` of them counts. The order of the derivatives is
    that of `pair_sums`.
    """
    out = np.zeros(8)
    g, low, high = np.zeros(4), np.zeros(4), np.zeros(4)
    steps = edges.size - 1
    for j in range(time.size):
        if time[j] >= edges[steps]:
            break
        g[:] = 0.0
        first = max(np.searchsorted(edges, time[j], side="right") - 1, 0)
        for s in range(first, steps + 1):
            u = _knot(max(edges[s] - time[j], 0.0), c)
            for k in range(4):
                high[k] = _look_up(table, k, u)
                if s > first:
                    g[k] += seen[place[j], s - 1] * (high[k] - low[k])
                low[k] = high[k]
        expected = offspring[j] * g[0]
        out[0] += expected
        out[1] += expected * excess[j]
        out[2] += offspring[j] * g[3]
        out[3] += offspring[j] * g[1]
        out[4] += offspring[j] * g[2]
        out[5] -= rho * expected
        out[6] -= rho * expected * excess[j]
        out[7] -= expected * (math.log(zone[j]) + 1.0 / rho)
    return out
