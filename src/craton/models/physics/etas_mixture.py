"""Triggering as a mixture of simple kernels: sums over pairs, their gradients, exact rates.

An event triggers ``kappa`` others. Their delays follow a mixture of exponentials and their
distances a mixture of power laws, whose weights are a table common to all events (time scale by
distance scale) times factors of each event. Every kernel has integral one, so the expected number
is right by construction, whatever the weights.

Arguments that recur: `level`, shape (events,), is the expected number of direct offspring over the
sum of the event's unscaled weights; `table`, shape (time scales, zones), the common weights; `u`
and `v`, shape (events, time scales) and (events, zones), the factors of each event.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from craton.models.physics._jit import LN2, exp2, jit
from craton.models.physics.etas_history import arc2
from craton.models.physics.etas_kernels import Floats, Ints

Floats32 = NDArray[np.float32]

TIME_SCALES = 10.0 ** np.arange(-4.3, 4.11, 0.7)
"""Means, in days, of the exponentials."""

ZONES = 10.0 ** np.arange(-4.0, 3.01, 0.8)
"""D, in km2 at magnitude of completeness, of the space kernels ``D / pi (r2 + D)**-2``."""


@jit(parallel=True)
def pair_kernels(
    targets: Ints, first: Ints, source: NDArray[np.int32], weight: Floats32, time: Floats,
    place: Floats, stretch: Floats,
) -> tuple[Floats32, Floats32]:  # fmt: skip
    """Kernels of all pairs, shape (pairs, time scales), times the pair's weight, and by zone.

    `stretch`, shape (events,), is the growth of D with magnitude.
    """
    n = source.size
    in_time = np.empty((n, TIME_SCALES.size), np.float32)
    in_space = np.empty((n, ZONES.size), np.float32)
    for i in numba.prange(targets.size):
        for p in range(first[i], first[i + 1]):
            j = source[p]
            days, r2 = time[targets[i]] - time[j], arc2(place, targets[i], j)
            for a in range(TIME_SCALES.size):
                in_time[p, a] = weight[p] * exp2(-days / (TIME_SCALES[a] * LN2)) / TIME_SCALES[a]
            for b in range(ZONES.size):
                zone = ZONES[b] * stretch[j]
                in_space[p, b] = zone / (np.pi * (r2 + zone) * (r2 + zone))
    return in_time, in_space


@jit(parallel=True)
def pair_rates(
    first: Ints, source: NDArray[np.int32], in_time: Floats32, in_space: Floats32, level: Floats32,
    table: Floats32, u: Floats32, v: Floats32,
) -> Floats:  # fmt: skip
    """Triggered rate at each target from its pairs, per km2 and day."""
    out = np.empty(first.size - 1)
    for i in numba.prange(first.size - 1):
        total = 0.0
        for p in range(first[i], first[i + 1]):
            total += level[source[p]] * _mix(
                in_time[p], in_space[p], table, u[source[p]], v[source[p]]
            )
        out[i] = total
    return out


@jit(reorder=True)
def _mix(e: Floats32, s: Floats32, table: Floats32, u: Floats32, v: Floats32) -> float:
    total = np.float32(0.0)
    for a in range(e.size):
        row = np.float32(0.0)
        for b in range(s.size):
            row += table[a, b] * v[b] * s[b]
        total += e[a] * u[a] * row
    return float(total)


@jit(parallel=True)
def pair_gradients(
    given: Floats, begin: Ints, pair: Ints, target: Ints, in_time: Floats32, in_space: Floats32,
    level: Floats32, table: Floats32, u: Floats32, v: Floats32,
) -> tuple[Floats32, Floats32, Floats32, Floats32]:  # fmt: skip
    """Gradients to level, table, u and v from `given`, the gradient to the rates.

    Pairs are taken by source: ``pair[begin[j]:begin[j + 1]]`` are those of source j, and
    `target` is the target of each pair.
    """
    n, times, zones, lanes = begin.size - 1, in_time.shape[1], in_space.shape[1], 32
    d_level = np.zeros(n, np.float32)
    d_u, d_v = np.zeros((n, times), np.float32), np.zeros((n, zones), np.float32)
    tables = np.zeros((lanes, times, zones), np.float32)
    for lane in numba.prange(lanes):
        outer = np.zeros((times, zones), np.float32)
        for j in range(lane, n, lanes):
            if begin[j] == begin[j + 1]:
                continue
            # The sum over pairs of time times space kernel is all that the gradients need.
            outer[:] = 0.0
            for q in range(begin[j], begin[j + 1]):
                p = pair[q]
                _outer(np.float32(given[target[p]]), in_time[p], in_space[p], outer)
            for a in range(times):
                for b in range(zones):
                    inner = outer[a, b] * table[a, b]
                    d_level[j] += u[j, a] * v[j, b] * inner
                    d_u[j, a] += level[j] * v[j, b] * inner
                    d_v[j, b] += level[j] * u[j, a] * inner
                    tables[lane, a, b] += level[j] * u[j, a] * v[j, b] * outer[a, b]
    return d_level, tables.sum(axis=0), d_u, d_v


@jit(reorder=True)
def _outer(given: np.float32, e: Floats32, s: Floats32, out: Floats32) -> None:
    for a in range(e.size):
        scaled = given * e[a]
        for b in range(s.size):
            out[a, b] += scaled * s[b]


@jit(parallel=True)
def exact_rates(
    targets: Ints, time: Floats, place: Floats, stretch: Floats, level: Floats, table: Floats,
    u: Floats, v: Floats,
) -> Floats:  # fmt: skip
    """Triggered rate at each target from all events before it, per km2 and day.

    Exponentials beyond 40 means (4e-18) are left out.
    """
    out = np.empty(targets.size)
    lanes = 64
    for lane in numba.prange(lanes):
        s = np.empty(ZONES.size)
        for i in range(lane, targets.size, lanes):
            k, total, slow = targets[i], 0.0, 0
            for j in range(k):
                days = time[k] - time[j]
                while slow < TIME_SCALES.size and days > 40.0 * TIME_SCALES[slow]:
                    slow += 1
                while slow > 0 and days <= 40.0 * TIME_SCALES[slow - 1]:
                    slow -= 1
                r2, value = arc2(place, k, j), 0.0
                for b in range(ZONES.size):
                    zone = ZONES[b] * stretch[j]
                    s[b] = v[j, b] * zone / (np.pi * (r2 + zone) * (r2 + zone))
                for a in range(slow, TIME_SCALES.size):
                    row = 0.0
                    for b in range(ZONES.size):
                        row += table[a, b] * s[b]
                    left = exp2(-days / (TIME_SCALES[a] * LN2)) / TIME_SCALES[a]
                    value += left * u[j, a] * row
                total += level[j] * value
            out[i] = total
    return out


def rate_in_time(time: Floats, by_scale: Floats, moments: Floats) -> tuple[Floats, Floats]:
    """Triggered rate of the whole plane just before given moments, and its integral until then.

    Parameters
    ----------
    time : numpy.ndarray, shape (events,)
        Days, in order.
    by_scale : numpy.ndarray, shape (events, time scales)
        Expected offspring of each event by time scale.
    moments : numpy.ndarray, shape (moments,)
        Days, in order.

    Returns
    -------
    rate, integral : numpy.ndarray, shape (moments,)
        Events a day, and events expected since the first event.
    """
    return _in_time(time, by_scale, moments)  # type: ignore[no-any-return]


@jit()
def _in_time(time: Floats, by_scale: Floats, moments: Floats) -> tuple[Floats, Floats]:
    rate, integral = np.zeros(moments.size), np.zeros(moments.size)
    left, born = np.zeros(TIME_SCALES.size), np.zeros(TIME_SCALES.size)
    j, last = 0, time[0] if time.size else 0.0
    for i in range(moments.size):
        while j < time.size and time[j] < moments[i]:
            for a in range(TIME_SCALES.size):
                left[a] = left[a] * np.exp(-(time[j] - last) / TIME_SCALES[a]) + by_scale[j, a]
                born[a] += by_scale[j, a]
            last = time[j]
            j += 1
        for a in range(TIME_SCALES.size):
            still = left[a] * np.exp(-(moments[i] - last) / TIME_SCALES[a])
            rate[i] += still / TIME_SCALES[a]
            integral[i] += born[a] - still
    return rate, integral
