"""Compiled loops of the associator: from a place near an event to its hypocentre and its picks."""

from __future__ import annotations

import numpy as np

from craton.models.association_kernels import (
    DEPTH_MEAN,
    DEPTH_SPREAD,
    Floats,
    Ints,
    Network,
    Stream,
    arrival,
    best_origin,
    detection,
    odds,
    separation,
    unit,
)
from craton.models.physics._jit import jit, side_by_side
from craton.models.physics.travel_times import lookup


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
    dx, dz = network.dx, network.dz
    for i in near:
        d = separation(source, network.place[i])
        p = detection(d, log_range, network.width) * network.active[i]
        if p < 0.01:
            continue
        e, n = np.dot(network.place[i], east), np.dot(network.place[i], north)
        length = max(np.sqrt(e * e + n * n), 1e-12)
        a, b = stream.first[i], stream.first[i + 1]
        for phase in range(4):
            share, travel, scale, low, high = arrival(phase, i, d, depth, network)
            share *= p
            if share < 0.01:
                continue
            table, at, up, above = network.table[phase], origin + travel, d - dx, depth - dz
            up, above = max(up, 0.0), max(above, 0.0)
            slope = (lookup(table, dx, dz, d + dx, depth) - lookup(table, dx, dz, up, depth)) / (
                d + dx - up
            )
            row[0], row[1] = -slope * e / length, -slope * n / length
            row[2] = lookup(table, dx, dz, d, depth + dz) - lookup(table, dx, dz, d, above)
            row[2] /= depth + dz - above
            row[3] = 1.0
            start, seen = a + np.searchsorted(stream.times[a:b], at + low), 0.0
            for turn in range(2):
                for j in range(start, b):
                    residual = stream.times[j] - at
                    if residual > high:
                        break
                    if stream.used[j] >= 0:
                        continue
                    chance = odds(j, residual, scale, phase % 2, network, stream)
                    if turn == 0:
                        seen += chance
                        continue
                    belongs = share * chance / (1.0 - share + share * seen)
                    weight = belongs * 4.0 / (3.0 + (residual / scale) ** 2) / scale**2
                    for k in range(4):
                        right[k] += weight * row[k] * residual
                        for m in range(4):
                            matrix[k, m] += weight * row[k] * row[m]
    return matrix, right


@jit()
def inverse(matrix: Floats) -> Floats:
    """Of a symmetric positive definite matrix; compiles in a tenth of the time of LAPACK's.

    Examples
    --------
    >>> inverse(np.array([[2.0, 1.0], [1.0, 2.0]])).round(3).tolist()
    [[0.667, -0.333], [-0.333, 0.667]]
    """
    n = len(matrix)
    left, found = matrix.copy(), np.zeros((n, n))
    for k in range(n):
        found[k, k] = 1.0
    for k in range(n):
        pivot = left[k, k]
        for m in range(n):
            left[k, m] /= pivot
            found[k, m] /= pivot
        for i in range(n):
            factor = left[i, k]
            if i != k:
                for m in range(n):
                    left[i, m] -= factor * left[k, m]
                    found[i, m] -= factor * found[k, m]
    return found


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
        step, move = inverse(damped), np.zeros(4)
        for k in range(4):
            for m in range(4):
                move[k] += step[k, m] * right[m]
        length = np.sqrt(move[0] ** 2 + move[1] ** 2)
        if length > 100.0:
            for k in range(4):
                move[k] *= 100.0 / length
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
    return top, latitude, longitude, depth, origin, which, inverse(matrix)


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


def heights(
    latitude: Floats, longitude: Floats, guess: Floats, side: float, smear: float,
    log_ranges: Floats, max_depth: float, hopeless: float, near: Ints, network: Network,
    stream: Stream,
) -> Floats:  # fmt: skip
    """The log ratio that `search` comes to from each of some places."""
    found = np.empty(len(latitude))

    def some(first: int, end: int) -> None:
        _heights(
            first, end, latitude, longitude, guess, side, smear, log_ranges, max_depth, hopeless,
            near, network, stream, found,
        )  # fmt: skip

    side_by_side(some, len(found))
    return found


@jit(nogil=True)
def _heights(
    begin: int, stop: int, latitude: Floats, longitude: Floats, guess: Floats, side: float,
    smear: float, log_ranges: Floats, max_depth: float, hopeless: float, near: Ints,
    network: Network, stream: Stream, found: Floats,
) -> None:  # fmt: skip
    for k in range(begin, stop):
        found[k] = search(
            latitude[k], longitude[k], guess[k], side, smear, log_ranges, max_depth, hopeless,
            near[k], network, stream,
        )[0]  # fmt: skip


@jit()
def claim(
    latitude: float, longitude: float, depth: float, origin: float, log_range: float, near: Ints,
    network: Network, stream: Stream, pick: Ints, phase: Ints, residual: Floats, chance: Floats,
    distance: Floats,
) -> int:  # fmt: skip
    """Give an event its picks: at most one a station and phase, each likelier real than stray.

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
        begun = n
        for kind in range(4):
            share, travel, scale, low, high = arrival(kind, i, d, depth, network)
            share *= p
            if share < 0.01:
                continue
            most, which, off, seen, at = 0.0, -1, 0.0, 0.0, origin + travel
            for j in range(a + np.searchsorted(stream.times[a:b], at + low), b):
                gap = stream.times[j] - at
                if gap > high:
                    break
                if stream.used[j] >= 0 or j in pick[begun:n]:
                    continue
                value = odds(j, gap, scale, kind % 2, network, stream)
                seen += value
                if value > most:
                    most, which, off = value, j, gap
            belongs = share * most / (1.0 - share + share * seen)
            if which >= 0 and belongs > 0.5:
                pick[n], phase[n], residual[n], chance[n] = which, kind, off, belongs
                distance[n] = d
                n += 1
    return n
