"""Compiled loops of the associator: the stack over a grid, the likelihood of one event, its picks.

An event is seen by a station at distance d with probability p(d) that is one half at the event's
detection range; a pick of it has a Student residual, and picks that are nobody's come as a Poisson
process. With s the density of the residuals over the rate of stray picks, summed over the picks,
each station and phase multiplies the likelihood ratio of event against noise by 1 - p + p s:
silence of a near station speaks against an event as a pick speaks for it. Where the waves through
crust and mantle come apart they are phases of their own, each with its chance: a detector's picks
of regional events are as often the later ones, and left alone they would make up another event.

References
----------
Arora, Russell and Sudderth 2013, doi:10.1785/0120120107.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from craton.models.physics._jit import LN2, jit, log2, side_by_side
from craton.models.physics.travel_times import lookup

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

EARTH = 6371.0
DEPTH_MEAN, DEPTH_SPREAD = 8.0, 8.0  # of the prior on depth, km
APART = 2.0  # s from which the later wave counts as a phase of its own
LONGEST_S = 1000.0  # no travel time is longer
CELL = 64  # bins of origin time that are passed over together


class Network(NamedTuple):
    """Stations and what is assumed of them and their picks.

    Attributes
    ----------
    place : ndarray, shape (station, 3)
        Unit vectors.
    delay_p, delay_s : ndarray, shape (station,)
        Added to travel times, s (elevation).
    active : ndarray, shape (station,)
        Highest chance of a pick.
    table : ndarray, shape (phase, depth, distance)
        Travel times, steps `dx` and `dz` in km.
    scale0 : float
        Residual scale in s.
    scale1 : ndarray, shape (2,)
        Its growth by second of travel time, added in squares: first arrivals, later ones.
    width : float
        Of the fall of the chance of a pick, in units of log distance.
    merged : ndarray, shape (2,)
        Chance of a P and of an S pick, of the chance that the event is seen, where each is one.
    share : ndarray, shape (phase,)
        The same where first and later waves have come apart.
    wrong : float
        Share of picks with the wrong letter.
    """

    place: Floats
    delay_p: Floats
    delay_s: Floats
    active: Floats
    table: Any
    dx: float
    dz: float
    scale0: float
    scale1: Floats
    width: float
    merged: Floats
    share: Floats
    wrong: float


class Stream(NamedTuple):
    """Picks sorted by station and time; those of station i lie in ``first[i]:first[i + 1]``.

    `code` is 0 for P, 1 for S, -1 where the picker does not say; `rate` is the rate of stray picks
    (1/s) where and when the pick came; `used` is the event that has the pick, or -1.
    """

    first: Ints
    times: Floats
    code: Ints
    rate: Floats
    used: Ints


@jit()
def detection(distance: float, log_range: float, width: float) -> float:
    """Chance that a station sees the event: one half at the event's detection range."""
    return 1.0 / (1.0 + np.exp((np.log(distance + 1.0) - log_range) / width))  # type: ignore[no-any-return]


@jit()
def student(residual: float, scale: float) -> float:
    """Density of a residual: Student's t with three degrees of freedom."""
    z = residual / scale
    return 0.36755259694786135 / scale / (1.0 + z * z / 3.0) ** 2


@jit()
def separation(a: Floats, b: Floats) -> float:
    """Distance in km between two unit vectors."""
    chord = (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 + (a[2] - b[2]) ** 2
    return 2.0 * EARTH * np.arcsin(min(0.5 * np.sqrt(chord), 1.0))  # type: ignore[no-any-return]


@jit()
def unit(latitude: float, longitude: float) -> Floats:
    """Unit vector of a place in degrees."""
    a, b = np.radians(latitude), np.radians(longitude)
    return np.array([np.cos(a) * np.cos(b), np.cos(a) * np.sin(b), np.sin(a)])


@jit()
def arrival(
    phase: int, station: int, distance: float, depth: float, network: Network
) -> tuple[float, float, float, float, float]:
    """Chance (of that to see the event), travel time, scale, and window of residuals of a phase.

    The windows of a first arrival and of the later one end half way between the two, so that no
    pick counts for both. A chance of zero says that there is no such phase there.
    """
    wave = phase % 2
    delay = network.delay_p[station] if wave == 0 else network.delay_s[station]
    travel = lookup(network.table[wave], network.dx, network.dz, distance, depth)
    gap = lookup(network.table[wave + 2], network.dx, network.dz, distance, depth) - travel
    apart = gap > APART
    if phase >= 2 and not apart:
        return 0.0, 0.0, 1.0, 0.0, 0.0
    share = network.share[phase] if apart else network.merged[wave]
    travel += delay if phase < 2 else delay + gap
    scale = np.sqrt(network.scale0**2 + (network.scale1[phase // 2] * travel) ** 2)
    low, high = -8.0 * scale, 8.0 * scale
    if apart and phase < 2:
        high = min(high, 0.5 * gap)
    elif apart:
        low = max(low, -0.5 * gap)
    return share, travel, scale, low, high


@jit()
def odds(pick: int, residual: float, scale: float, wave: int, network: Network,
         stream: Stream) -> float:  # fmt: skip
    """Density of a pick's residual over the rate of stray picks, with its letter's say."""
    value = student(residual, scale) / stream.rate[pick]
    if stream.code[pick] >= 0:
        value *= 1.0 - network.wrong if stream.code[pick] == wave else network.wrong
    return value


def stack(
    near: Any, distance: Any, order: Ints, edge: Ints, network: Network, stream: Stream,
    rows: Any, log_ranges: Floats, start: float, step: float, smear: float, best: Any, where: Any,
) -> None:  # fmt: skip
    """Stack log-likelihood ratios over origin time at each node; keep the best of each block.

    `near` and `distance` (node, station) are the stations next to each node; the nodes of block k
    are ``order[edge[k]:edge[k + 1]]``; `rows` (wave, distance) are the travel times at one depth.
    `best` and `where` (block, bin) get the highest stack above what is in `best`, and its node. A
    pick counts for all origin times within `smear` s of its own.
    """
    log_rate, last = np.log(stream.rate), start + best.shape[1] * step + LONGEST_S

    def some(first: int, end: int) -> None:
        _stack_blocks(
            first, end, near, distance, order, edge, network, stream, log_rate, rows, log_ranges,
            start, last, step, smear, best, where,
        )  # fmt: skip

    # blocks are of unequal work
    side_by_side(some, len(edge) - 1, parts=16)


@jit(nogil=True)
def _stack_blocks(
    begin: int, stop: int, near: Any, distance: Any, order: Ints, edge: Ints, network: Network,
    stream: Stream, log_rate: Floats, rows: Any, log_ranges: Floats, start: float, last: float,
    step: float, smear: float, best: Any, where: Any,
) -> None:  # fmt: skip
    lowest, highest = np.empty(len(network.place), np.int64), np.empty(len(network.place), np.int64)
    for i in range(len(network.place)):
        a, b = stream.first[i], stream.first[i + 1]
        lowest[i] = a + np.searchsorted(stream.times[a:b], start - smear)
        highest[i] = a + np.searchsorted(stream.times[a:b], last)
    for k in range(begin, stop):
        _stack_block(
            near, distance, order[edge[k] : edge[k + 1]], network, stream, lowest, highest,
            log_rate, rows, log_ranges, start, step, smear, best[k], where[k],
        )  # fmt: skip


@jit()
def _stack_block(
    near: Any, distance: Any, nodes: Ints, network: Network, stream: Stream, lowest: Ints,
    highest: Ints, log_rate: Floats, rows: Any, log_ranges: Floats, start: float, step: float,
    smear: float, best: Any, where: Any,
) -> None:  # fmt: skip
    """Stack the nodes of a block.

    Where all gains that touch a cell of `CELL` bins cannot lift it above the least of `best`, it is
    passed over.
    """
    n_bins, n = len(best), len(log_ranges)
    end, floor = start + n_bins * step, best.min()
    log_density = np.log(0.6 / (2.0 * smear))
    bins = np.zeros((n, n_bins + 1), np.float32)
    touch, carry = np.zeros((n, n_bins // CELL + 1)), np.zeros((n, n_bins // CELL + 1))
    base, plus, last, p = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    votes = np.empty(n, np.int64)
    for node in nodes:
        for r in range(n):
            base[r], votes[r] = 0.0, 0
            for t in range(bins.shape[1]):
                bins[r, t] = 0.0
            for c in range(touch.shape[1]):
                touch[r, c] = carry[r, c] = 0.0
        for m in range(near.shape[1]):
            i, d = near[node, m], distance[node, m]
            far = np.log(d + 1.0)
            for r in range(n):
                p[r] = network.active[i] / (1.0 + np.exp((far - log_ranges[r]) / network.width))
            for wave in range(2):
                heard = False
                for r in range(n):
                    share = p[r] * network.merged[wave]
                    plus[r], last[r] = -np.inf, start
                    if share < 0.05:
                        continue
                    silence = LN2 * log2(1.0 - share)
                    base[r] += silence
                    if highest[i] > lowest[i]:
                        plus[r], heard = LN2 * log2(share) - silence + log_density, True
                if not heard:
                    continue
                at = min(d / network.dx, rows.shape[1] - 1.001)
                k = int(at)
                travel = rows[wave, k] + (at - k) * (rows[wave, k + 1] - rows[wave, k])
                for j in range(lowest[i], highest[i]):
                    origin = stream.times[j] - travel
                    if origin - smear > end:
                        break
                    if stream.used[j] >= 0 or (stream.code[j] >= 0 and stream.code[j] != wave):
                        continue
                    for r in range(n):
                        gain = plus[r] - log_rate[j]
                        if gain <= 0.0 or origin + smear <= last[r]:
                            continue
                        a = int((max(origin - smear, last[r]) - start) / step)
                        last[r] = origin + smear
                        b = min(n_bins, int((last[r] - start) / step))
                        votes[r] += 1
                        bins[r, a] += gain
                        bins[r, b] -= gain
                        carry[r, a // CELL] += gain
                        carry[r, b // CELL] -= gain
                        for c in range(a // CELL, b // CELL + 1):
                            touch[r, c] += gain
        for r in range(n):
            if votes[r] < 3:
                continue
            before = base[r]
            for c in range(touch.shape[1]):
                if before + touch[r, c] > floor:
                    total = before
                    for t in range(c * CELL, min((c + 1) * CELL, n_bins)):
                        total += bins[r, t]
                        if total > best[t]:
                            best[t] = total
                            where[t] = node
                before += carry[r, c]


@jit()
def best_origin(
    source: Floats, depth: float, guess: float, spread: float, steps: int, log_ranges: Floats,
    near: Ints, network: Network, stream: Stream,
) -> tuple[float, float, int]:  # fmt: skip
    """Highest log ratio over detection range and origin time within `spread` of a guess.

    The log-likelihood ratio is that of an event against noise alone, with the prior on its depth.

    Returns
    -------
    (log ratio, origin, index of the detection range)
    """
    n, m, each = len(log_ranges), 2 * steps + 1, spread / max(steps, 1)
    total, seen, p = np.empty((n, m)), np.empty(m), np.empty(n)
    for r in range(n):
        for k in range(m):
            total[r, k] = -0.5 * ((depth - DEPTH_MEAN) / DEPTH_SPREAD) ** 2
    for i in near:
        d, most = separation(source, network.place[i]), 0.0
        for r in range(n):
            p[r] = detection(d, log_ranges[r], network.width) * network.active[i]
            most = max(most, p[r])
        if most < 0.01:
            continue
        a, b = stream.first[i], stream.first[i + 1]
        for phase in range(4):
            share, travel, scale, low, high = arrival(phase, i, d, depth, network)
            if share * most < 0.01:
                continue
            heard, at = False, guess + travel
            for k in range(m):
                seen[k] = 0.0
            for j in range(a + np.searchsorted(stream.times[a:b], at - spread + low), b):
                late = stream.times[j] - at
                if late > high + spread:
                    break
                if stream.used[j] >= 0:
                    continue
                for k in range(m):
                    residual = late - (k - steps) * each
                    if low <= residual <= high:
                        heard = True
                        seen[k] += odds(j, residual, scale, phase % 2, network, stream)
            for r in range(n):
                chance = share * p[r]
                if p[r] < 0.01 or chance < 0.01:
                    continue
                silence = np.log(1.0 - chance)
                for k in range(m):
                    if heard and seen[k] > 0.0:
                        total[r, k] += np.log(1.0 - chance + chance * seen[k])
                    else:
                        total[r, k] += silence
    top, when, which = -1e300, guess, 0
    for r in range(n):
        for k in range(m):
            if total[r, k] > top:
                top, when, which = total[r, k], guess + (k - steps) * each, r
    return top, when, which
