"""Pairs of events that matter, and an ETAS likelihood that needs all pairs only now and then.

Of the thousands of earlier events a few dozen make up nearly all of the rate at an event. A pass
over all pairs gives the exact rates and gradients and keeps these few; between passes the rates
are followed on them alone, and what all others add is extrapolated by its own gradient. Value and
gradient of the last pass are exact, so the maximum is the one of all pairs.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from craton.models.physics._jit import LN2, exp2, jit, log2
from craton.models.physics.etas_kernels import Floats, Ints, _target

SHARE = 2e-4
"""A pair is near if it gives at least this share of the triggered rate at its target."""
MOST = 1024
_BLOCK = 4096


class NearPairs(NamedTuple):
    """Near pairs, by target.

    ``source[first[i]:first[i + 1]]`` are the indices of the events near target i, in order of
    time, and then those drawn from the others; `weight` is one for the former, and for the latter
    what makes a weighted sum of rates over all of them an estimate of the sum over all events.
    `near` and `rest`, shape (targets, 8), are the sums over the near ones and over all others,
    with the columns of `pair_sums`.
    """

    first: Ints
    source: NDArray[np.int32]
    weight: NDArray[np.float32]
    near: Floats
    rest: Floats

    @property
    def total(self) -> Floats:
        """Sums over all pairs, exact."""
        return self.near + self.rest


def near_pairs(
    targets: Ints, time: Floats, x: Floats, y: Floats, excess: Floats, log_k: Floats,
    zone: Floats, p: Floats, share: float = SHARE, draws: int = 0, seed: int = 0,
) -> NearPairs:  # fmt: skip
    """Pass over all pairs of events.

    Parameters
    ----------
    targets, time, x, y, excess, log_k, zone, p
        As in `pair_sums`.
    share : float
        Least share of the triggered rate that makes a pair near; at most `MOST` pairs of a target
        are kept (the share is raised for it until they are no more).
    draws, seed
        Number of other pairs drawn for each target, with probability in proportion to their rate.

    Returns
    -------
    NearPairs
        Memory is bounded by the pairs kept.
    """
    near, rest = np.empty((targets.size, 8)), np.empty((targets.size, 8))
    count, sources, weights = np.empty(targets.size, np.int64), [], []
    rng = np.random.default_rng(seed)
    for k in range(0, targets.size, _BLOCK):
        part = slice(k, min(k + _BLOCK, targets.size))
        room = np.empty((part.stop - part.start, MOST + draws), np.int32)
        scale = np.ones(room.shape, np.float32)
        chance = np.sort(rng.random((len(room), draws)), axis=1)
        _pass(targets[part], time, x, y, excess, log_k, zone, p, share, chance,
              near[part], rest[part], count[part], room, scale)  # fmt: skip
        used = np.arange(room.shape[1]) < count[part, None]
        sources.append(room[used])
        weights.append(scale[used])
    first = np.concatenate([[0], np.cumsum(count)])
    source = np.concatenate([np.empty(0, np.int32), *sources])
    return NearPairs(first, source, np.concatenate([np.empty(0, np.float32), *weights]), near, rest)


@jit(parallel=True)
def _pass(
    targets: Ints, time: Floats, x: Floats, y: Floats, excess: Floats, log_k: Floats,
    zone: Floats, p: Floats, share: float, chance: Floats, near: Floats, rest: Floats,
    count: Ints, room: NDArray[np.int32], scale: NDArray[np.float32],
) -> None:  # fmt: skip
    n, lanes = targets.size, 64
    for lane in numba.prange(lanes):
        found = np.empty(time.size)
        for i in range(lane, n, lanes):
            k = targets[i]
            _target(k, time, x, y, excess, log_k, zone, p, found, rest[i])
            least = share * rest[i, 0]
            kept = MOST + 1
            while kept > MOST:
                kept = 0
                for j in range(k):
                    if found[j] >= least and found[j] > 0:
                        if kept < MOST:
                            room[i, kept] = j
                        kept += 1
                least *= 2.0
            count[i] = kept
            _near(k, room[i, :kept], time, x, y, excess, log_k, zone, p, near[i])
            for q in range(8):
                rest[i, q] -= near[i, q]
            if chance.shape[1] and rest[i, 0] > 1e-9 * near[i, 0]:
                count[i] = _draw(
                    k, found, least / 2.0, rest[i, 0], chance[i], kept, room[i], scale[i]
                )


@jit()
def _draw(
    n: int, rates: Floats, least: float, rest: float, chance: Floats, kept: int,
    room: NDArray[np.int32], scale: NDArray[np.float32],
) -> int:  # fmt: skip
    """Draw among the pairs of a rate below `least`; return how many pairs there are then."""
    reached, q = 0.0, 0
    for j in range(n):
        if rates[j] < least:
            reached += rates[j]
            while q < chance.size and reached >= chance[q] * rest:
                room[kept + q] = j
                scale[kept + q] = rest / (chance.size * rates[j])
                q += 1
    return kept + q


@jit(parallel=True)
def near_sums(
    targets: Ints, first: Ints, source: NDArray[np.int32], time: Floats, x: Floats, y: Floats,
    excess: Floats, log_k: Floats, zone: Floats, p: Floats,
) -> Floats:  # fmt: skip
    """Sums over near pairs, shape (targets, 8), as `pair_sums` gives them over all."""
    out = np.empty((targets.size, 8))
    for i in numba.prange(targets.size):
        _near(targets[i], source[first[i] : first[i + 1]], time, x, y, excess, log_k, zone, p,
              out[i])  # fmt: skip
    return out


@jit(reorder=True)
def _near(
    n: int, source: NDArray[np.int32], time: Floats, x: Floats, y: Floats, excess: Floats,
    log_k: Floats, zone: Floats, p: Floats, out: Floats,
) -> None:  # fmt: skip
    c, omega, tau, rho = p[0], p[1], p[2], p[3]
    s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = 0.0
    decay, power_t, power_r = 1.0 / (tau * LN2), 1.0 + omega, 1.0 + rho
    for q in range(source.size):
        j = source[q]
        dt = time[n] - time[j]
        dx = x[j] - x[n]
        dy = y[j] - y[n]
        later = dt + c
        far = dx * dx + dy * dy + zone[j]
        log_t = log2(later)
        log_r = log2(far)
        h = exp2(log_k[j] - dt * decay - power_t * log_t - power_r * log_r)
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
def expected_logs(
    targets: Ints, first: Ints, source: NDArray[np.int32], chance: Floats, time: Floats,
    x: Floats, y: Floats, excess: Floats, log_k: Floats, zone: Floats, p: Floats,
) -> Floats:  # fmt: skip
    """Sum over near pairs of `chance` times the logarithm of the rate, and its derivatives.

    Returns, for each target, the sum and then its derivatives in the order of `pair_sums`.
    """
    out = np.zeros((targets.size, 9))
    c, omega, tau, rho = p[0], p[1], p[2], p[3]
    for i in numba.prange(targets.size):
        n, row = targets[i], out[i]
        for k in range(first[i], first[i + 1]):
            j, w = source[k], chance[k]
            dt = time[n] - time[j]
            far = (x[j] - x[n]) ** 2 + (y[j] - y[n]) ** 2 + zone[j]
            log_t, log_r = math.log(dt + c), math.log(far)
            z = w * (1.0 + rho) * zone[j] / far
            row[0] += w * (LN2 * log_k[j] - dt / tau - (1.0 + omega) * log_t - (1.0 + rho) * log_r)
            row[1] += w
            row[2] += w * excess[j]
            row[3] -= w * (1.0 + omega) * c / (dt + c)
            row[4] -= w * log_t
            row[5] += w * dt / tau
            row[6] -= z
            row[7] -= z * excess[j]
            row[8] -= w * log_r
    return out


@jit(parallel=True)
def near_rates(
    targets: Ints, first: Ints, source: NDArray[np.int32], time: Floats, x: Floats, y: Floats,
    log_k: Floats, zone: Floats, p: Floats,
) -> Floats:  # fmt: skip
    """Rate of each near pair, shape (pairs,)."""
    out = np.empty(source.size)
    for i in numba.prange(targets.size):
        n = targets[i]
        for k in range(first[i], first[i + 1]):
            j = source[k]
            dt = time[n] - time[j]
            far = (x[j] - x[n]) ** 2 + (y[j] - y[n]) ** 2 + zone[j]
            out[k] = math.exp(
                LN2 * log_k[j] - dt / p[2] - (1.0 + p[1]) * math.log(dt + p[0])
                - (1.0 + p[3]) * math.log(far)
            )  # fmt: skip
    return out
