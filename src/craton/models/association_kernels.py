"""Compiled loops of the associator: the stack over a grid, the likelihood of one event, its picks.

An event is seen by a station at distance d with probability p(d) that is one half at the event's
detection range; a pick of it has a Student residual, and picks that are nobody's come as a Poisson
process. With s the density of the residuals over the rate of stray picks, summed over the picks,
each station and wave multiplies the likelihood ratio of event against noise by 1 - p + p s: silence
of a near station speaks against an event as a pick speaks for it.

References
----------
Arora, Russell and Sudderth 2013, doi:10.1785/0120120107.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from craton.models.physics._jit import jit
from craton.models.physics.travel_times import lookup

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

EARTH = 6371.0
DEPTH_MEAN, DEPTH_SPREAD = 8.0, 8.0  # of the prior on depth, km


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
    scale0, scale1 : float
        Residual scale in s, and its growth by second of travel time, added in squares.
    width : float
        Of the fall of the chance of a pick, in units of log distance.
    s_share : float
        Chance of an S pick where there would be a P pick.
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
    scale1: float
    width: float
    s_share: float
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
def stack(
    near: Any, distance: Any, block: Ints, network: Network, stream: Stream, log_rate: Floats,
    rows: Any, log_ranges: Floats, start: float, step: float, smear: float, best: Any, where: Any,
) -> None:  # fmt: skip
    """Stack log-likelihood ratios over origin time at each node; keep the best of each block.

    `near` and `distance` (node, station) are the stations next to each node; `rows` (wave,
    distance) the travel times at one depth; `best` and `where` (block, bin) hold the highest stack
    and its node. A pick counts for all origin times within `smear` s of its own.
    """
    n_stations, n_bins = len(network.place), best.shape[1]
    bins = np.zeros(n_bins + 2, np.float32)
    end = start + n_bins * step
    log_density = np.log(0.6 / (2.0 * smear))
    lowest, highest = np.empty(n_stations, np.int64), np.empty(n_stations, np.int64)
    for i in range(n_stations):
        a, b = stream.first[i], stream.first[i + 1]
        lowest[i] = a + np.searchsorted(stream.times[a:b], start - smear)
        highest[i] = a + np.searchsorted(stream.times[a:b], end + 1000.0)
    for node in range(len(near)):
        for r in range(len(log_ranges)):
            bins[:] = 0.0
            base, votes = 0.0, 0
            for m in range(near.shape[1]):
                i, d = near[node, m], distance[node, m]
                p = detection(d, log_ranges[r], network.width) * network.active[i]
                if p < 0.05:
                    continue
                for wave in range(2):
                    share = p if wave == 0 else p * network.s_share
                    if share < 0.05:
                        continue
                    at = min(d / network.dx, rows.shape[1] - 1.001)
                    k = int(at)
                    travel = rows[wave, k] + (at - k) * (rows[wave, k + 1] - rows[wave, k])
                    base += np.log(1.0 - share)
                    odds = np.log(share / (1.0 - share)) + log_density
                    last = start
                    for j in range(lowest[i], highest[i]):
                        origin = stream.times[j] - travel
                        if origin - smear > end:
                            break
                        if stream.code[j] >= 0 and stream.code[j] != wave:
                            continue
                        gain = odds - log_rate[j]
                        if stream.used[j] >= 0 or origin + smear <= last or gain <= 0.0:
                            continue
                        a, last = max(origin - smear, last), origin + smear
                        votes += 1
                        bins[int((a - start) / step)] += gain
                        bins[min(n_bins, int((last - start) / step))] -= gain
            if votes < 3:
                continue
            total, b = base, block[node]
            for t in range(n_bins):
                total += bins[t]
                if total > best[b, t]:
                    best[b, t] = total
                    where[b, t] = node


@jit()
def log_ratio(
    source: Floats, depth: float, origin: float, log_range: float, near: Ints, network: Network,
    stream: Stream,
) -> float:  # fmt: skip
    """Log-likelihood ratio of an event against noise alone, with the prior on its depth."""
    total = -0.5 * ((depth - DEPTH_MEAN) / DEPTH_SPREAD) ** 2
    for i in near:
        d = separation(source, network.place[i])
        p = detection(d, log_range, network.width) * network.active[i]
        if p < 0.01:
            continue
        a, b = stream.first[i], stream.first[i + 1]
        for wave in range(2):
            share = p if wave == 0 else p * network.s_share
            if share < 0.01:
                continue
            delay = network.delay_p[i] if wave == 0 else network.delay_s[i]
            travel = lookup(network.table[wave], network.dx, network.dz, d, depth) + delay
            later = lookup(network.table[wave + 2], network.dx, network.dz, d, depth) + delay
            scale = np.sqrt(network.scale0**2 + (network.scale1 * travel) ** 2)
            seen = 0.0
            lo = a + np.searchsorted(stream.times[a:b], origin + travel - 8.0 * scale)
            for j in range(lo, b):
                residual = stream.times[j] - origin - travel
                if residual > 8.0 * scale + later - travel:
                    break
                if stream.used[j] >= 0:
                    continue
                density = student(residual, scale)
                if later - travel > 0.5:
                    density = 0.7 * density + 0.3 * student(residual - later + travel, scale)
                if stream.code[j] >= 0:
                    density *= 1.0 - network.wrong if stream.code[j] == wave else network.wrong
                seen += density / stream.rate[j]
            total += np.log(1.0 - share + share * seen)
    return total


@jit()
def best_origin(
    source: Floats, depth: float, guess: float, spread: float, steps: int, log_ranges: Floats,
    near: Ints, network: Network, stream: Stream,
) -> tuple[float, float, int]:  # fmt: skip
    """Highest log ratio over detection range and origin time within `spread` of a guess."""
    top, when, which = -1e300, guess, 0
    for r in range(len(log_ranges)):
        for k in range(-steps, steps + 1):
            at = guess + k * spread / max(steps, 1)
            value = log_ratio(source, depth, at, log_ranges[r], near, network, stream)
            if value > top:
                top, when, which = value, at, r
    return top, when, which


@jit()
def normal_equations(
    latitude: float, longitude: float, depth: float, origin: float, log_range: float,
    near: Ints, network: Network, stream: Stream,
) -> tuple[Floats, Floats]:  # fmt: skip
    """Weighted normal equations in east, north, depth (km) and origin time (s).

    Each pick has the weight of its residual's Student density times the posterior probability that
    it is the event's: one step of expectation and maximisation.
    """
    matrix, right = np.zeros((4, 4)), np.zeros(4)
    matrix[2, 2] = 1.0 / DEPTH_SPREAD**2
    right[2] = (DEPTH_MEAN - depth) / DEPTH_SPREAD**2
    source = unit(latitude, longitude)
    a1, o1 = np.radians(latitude), np.radians(longitude)
    east = np.array([-np.sin(o1), np.cos(o1), 0.0])
    north = np.array([-np.sin(a1) * np.cos(o1), -np.sin(a1) * np.sin(o1), np.cos(a1)])
    row = np.empty(4)
    for i in near:
        d = separation(source, network.place[i])
        p = detection(d, log_range, network.width) * network.active[i]
        if p < 0.01:
            continue
        e, n = np.dot(network.place[i], east), np.dot(network.place[i], north)
        length = max(np.sqrt(e * e + n * n), 1e-12)
        a, b = stream.first[i], stream.first[i + 1]
        for wave in range(2):
            share = p if wave == 0 else p * network.s_share
            if share < 0.01:
                continue
            delay = network.delay_p[i] if wave == 0 else network.delay_s[i]
            dx, dz = network.dx, network.dz
            travel = lookup(network.table[wave], dx, dz, d, depth) + delay
            later = lookup(network.table[wave + 2], dx, dz, d, depth) + delay
            scale = np.sqrt(network.scale0**2 + (network.scale1 * travel) ** 2)
            lo = a + np.searchsorted(stream.times[a:b], origin + travel - 8.0 * scale)
            seen = 0.0
            for turn in range(2):
                for j in range(lo, b):
                    gap = stream.times[j] - origin - travel
                    if gap > 8.0 * scale + later - travel:
                        break
                    if stream.used[j] >= 0:
                        continue
                    early, late = student(gap, scale), 0.0
                    if later - travel > 0.5:
                        early, late = 0.7 * early, 0.3 * student(gap - later + travel, scale)
                    odds = 1.0 / stream.rate[j]
                    if stream.code[j] >= 0:
                        odds *= 1.0 - network.wrong if stream.code[j] == wave else network.wrong
                    if turn == 0:
                        seen += (early + late) * odds
                        continue
                    for branch in range(2):
                        density = early if branch == 0 else late
                        if density <= 0.0:
                            continue
                        residual = gap if branch == 0 else gap - later + travel
                        belongs = share * density * odds / (1.0 - share + share * seen)
                        table = network.table[wave + 2 * branch]
                        up = max(d - dx, 0.0)
                        slope = (lookup(table, dx, dz, d + dx, depth)
                                 - lookup(table, dx, dz, up, depth)) / (d + dx - up)  # fmt: skip
                        above = max(depth - dz, 0.0)
                        row[0], row[1] = -slope * e / length, -slope * n / length
                        row[2] = lookup(table, dx, dz, d, depth + dz)
                        row[2] = (row[2] - lookup(table, dx, dz, d, above)) / (depth + dz - above)
                        row[3] = 1.0
                        z = residual / scale
                        weight = belongs * 4.0 / (3.0 + z * z) / scale**2
                        for k in range(4):
                            right[k] += weight * row[k] * residual
                            for m in range(4):
                                matrix[k, m] += weight * row[k] * row[m]
    return matrix, right


@jit()
def locate(
    latitude: float, longitude: float, depth: float, origin: float, log_ranges: Floats,
    max_depth: float, near: Ints, network: Network, stream: Stream, rounds: int,
) -> tuple[float, float, float, float, float, int, Floats]:  # fmt: skip
    """Climb to the most likely hypocentre by damped expectation and maximisation.

    Returns
    -------
    (log ratio, latitude, longitude, depth, origin, index of the detection range, covariance)
    """
    source = unit(latitude, longitude)
    top, origin, which = best_origin(
        source, depth, origin, 0.0, 0, log_ranges, near, network, stream
    )
    damping = 1e-3
    matrix, right = normal_equations(
        latitude, longitude, depth, origin, log_ranges[which], near, network, stream
    )
    for _ in range(rounds):
        damped = matrix.copy()
        for k in range(4):
            damped[k, k] += damping * matrix[k, k] + 1e-9
        move = np.linalg.solve(damped, right)
        length = np.sqrt(move[0] ** 2 + move[1] ** 2)
        if length > 100.0:
            move *= 100.0 / length
        la = latitude + move[1] / 111.19
        lo = longitude + move[0] / 111.19 / max(np.cos(np.radians(latitude)), 0.05)
        z = min(max(depth + move[2], 0.0), max_depth)
        value, _, r = best_origin(
            unit(la, lo), z, origin + move[3], 0.0, 0, log_ranges, near, network, stream
        )
        if value > top:
            gained = value - top
            top, which = value, r
            latitude, longitude, depth, origin = la, lo, z, origin + move[3]
            matrix, right = normal_equations(
                latitude, longitude, depth, origin, log_ranges[which], near, network, stream
            )
            damping = max(damping / 5, 1e-6)
            if gained < 1e-3:
                break
        else:
            damping *= 10.0
            if damping > 1e3:
                break
    for k in range(4):
        matrix[k, k] += 1e-9
    covariance: Any = np.linalg.inv(matrix)
    return top, latitude, longitude, depth, origin, which, covariance


@jit()
def search(
    latitude: float, longitude: float, guess: float, side: float, smear: float,
    log_ranges: Floats, max_depth: float, hopeless: float, near: Ints, network: Network,
    stream: Stream,
) -> tuple[float, float, float, float, float, int, Floats]:  # fmt: skip
    """Look around a node, then climb from the best place found; as `locate` returns.

    A place whose best is below `hopeless` is not climbed from.
    """
    top, la, lo, at, which = -1e300, latitude, longitude, guess, 0
    steps = min(8, max(2, int(np.ceil(1.5 * smear / network.scale0))))
    for a in range(-1, 2):
        for b in range(-1, 2):
            y = latitude + a * side / 3.0 / 111.19
            x = longitude + b * side / 3.0 / 111.19 / max(np.cos(np.radians(latitude)), 0.05)
            only = log_ranges if a == -1 and b == -1 else log_ranges[which : which + 1]
            value, when, r = best_origin(
                unit(y, x), DEPTH_MEAN, guess, 1.5 * smear, steps, only, near, network, stream
            )
            if value > top:
                top, la, lo, at = value, y, x, when
                if len(only) > 1:
                    which = r
    if top < hopeless:
        return top, la, lo, DEPTH_MEAN, at, which, np.zeros((4, 4))
    return locate(la, lo, DEPTH_MEAN, at, log_ranges, max_depth, near, network, stream, 15)


@jit()
def claim(
    latitude: float, longitude: float, depth: float, origin: float, log_range: float, near: Ints,
    network: Network, stream: Stream, pick: Ints, phase: Ints, residual: Floats, chance: Floats,
    distance: Floats,
) -> int:  # fmt: skip
    """Give an event its picks: at most one P and one S a station, each likelier real than stray.

    `chance` is the posterior probability that the pick is the event's, `phase` its row in
    `PHASES`. Returns how many there are.
    """
    source, n = unit(latitude, longitude), 0
    for i in near:
        d = separation(source, network.place[i])
        p = detection(d, log_range, network.width) * network.active[i]
        if p < 0.01:
            continue
        a, b = stream.first[i], stream.first[i + 1]
        taken = -1
        for wave in range(2):
            share = p if wave == 0 else p * network.s_share
            delay = network.delay_p[i] if wave == 0 else network.delay_s[i]
            travel = lookup(network.table[wave], network.dx, network.dz, d, depth) + delay
            later = lookup(network.table[wave + 2], network.dx, network.dz, d, depth) + delay
            scale = np.sqrt(network.scale0**2 + (network.scale1 * travel) ** 2)
            lo = a + np.searchsorted(stream.times[a:b], origin + travel - 8.0 * scale)
            most, which, off, kind, seen = 0.0, -1, 0.0, wave, 0.0
            for j in range(lo, b):
                gap = stream.times[j] - origin - travel
                if gap > 8.0 * scale + later - travel:
                    break
                if stream.used[j] >= 0 or j == taken:
                    continue
                early, late = student(gap, scale), 0.0
                if later - travel > 0.5:
                    early, late = 0.7 * early, 0.3 * student(gap - later + travel, scale)
                odds = 1.0 / stream.rate[j]
                if stream.code[j] >= 0:
                    odds *= 1.0 - network.wrong if stream.code[j] == wave else network.wrong
                seen += (early + late) * odds
                if (early + late) * odds > most:
                    most, which = (early + late) * odds, j
                    off, kind = (gap, wave) if early >= late else (gap - later + travel, wave + 2)
            belongs = share * most / (1.0 - share + share * seen)
            if which >= 0 and belongs > 0.5:
                pick[n], phase[n], residual[n], chance[n] = which, kind, off, belongs
                distance[n] = d
                taken = which
                n += 1
    return n
