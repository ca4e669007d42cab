"""What the past tells of each event: how dense, how busy, how far, all of it from before.

Places are points on the sphere (3, events) in km, so that no projection distorts distances.
Everything about event i comes from the events before it alone.
"""

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

from craton.models.physics._jit import LN2, exp2, jit
from craton.models.physics.etas_kernels import Floats, Ints

EARTH_RADIUS_KM = 6378.1
"""Radius that the EarthquakeNPP benchmark takes, km."""

DECAYS = np.array([0.03, 0.3, 3.0, 30.0, 300.0])
"""Memory, in days, of the counts of past events."""

REACHES = np.array([0.3, 1.0, 3.0, 10.0])
"""Radii, in units of the catalogue's length scale, of the counts of past events."""


def on_sphere(latitude: ArrayLike, longitude: ArrayLike) -> Floats:
    """Places in km from the Earth's centre, shape (3, n).

    Examples
    --------
    >>> on_sphere([0.0], [90.0]).round(1).ravel().tolist()
    [0.0, 6378.1, 0.0]
    """
    phi, lam = np.radians(latitude), np.radians(longitude)
    unit = np.stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)])
    return np.ascontiguousarray(EARTH_RADIUS_KM * unit)


@jit(inline=True)
def arc2(place: Floats, i: int, j: int) -> float:
    """Squared great-circle distance of two events, km2 (to 1e-12 up to 2000 km)."""
    dx, dy, dz = place[0, j] - place[0, i], place[1, j] - place[1, i], place[2, j] - place[2, i]
    chord = dx * dx + dy * dy + dz * dz
    # Squared arc from squared chord: the series of arcsin squared.
    q = 0.25 * chord / EARTH_RADIUS_KM**2
    tail = 128 / 1575 + q * (128 / 2079 + q * (1024 / 21021 + q * (256 / 6435)))
    return chord * (1.0 + q * (1 / 3 + q * (8 / 45 + q * (4 / 35 + q * tail))))


@jit(parallel=True)
def past_density(targets: Ints, place: Floats, weight: Floats, width2: Floats) -> Floats:
    """Density of the events before each target, by kernels of several widths.

    Parameters
    ----------
    targets : numpy.ndarray of int, shape (targets,)
        Indices among the events, which are in order of time.
    place : numpy.ndarray, shape (3, events)
        As `on_sphere` gives it.
    weight : numpy.ndarray, shape (events,)
        Weight of each event.
    width2 : numpy.ndarray, shape (widths,)
        Squared widths h2, km2, of the kernel ``h / 2 pi (r2 + h2)**-1.5``.

    Returns
    -------
    numpy.ndarray, shape (targets, widths)
        Per km2, each of integral one over the plane; zero where nothing came before.
    """
    out = np.zeros((targets.size, width2.size))
    lanes = 64
    for lane in numba.prange(lanes):
        for i in range(lane, targets.size, lanes):
            _density(targets[i], place, weight, width2, out[i])
    return out


@jit(reorder=True)
def _density(n: int, place: Floats, weight: Floats, width2: Floats, out: Floats) -> None:
    total = 0.0
    for j in range(n):
        total += weight[j]
    if total <= 0.0:
        return
    for q in range(width2.size):
        h2, s = width2[q], 0.0
        for j in range(n):
            dx, dy = place[0, j] - place[0, n], place[1, j] - place[1, n]
            dz = place[2, j] - place[2, n]
            r2 = dx * dx + dy * dy + dz * dz + h2
            s += weight[j] / (r2 * math.sqrt(r2))
        out[q] = s * math.sqrt(h2) / (2.0 * math.pi * total)


@jit(parallel=True)
def past_counts(
    time: Floats, place: Floats, excess: Floats, reach2: Floats, decay: Floats
) -> Floats:
    """Number of events before each event that were near, with fading memory.

    Returns
    -------
    numpy.ndarray, shape (events, 2 * reaches * decays + 3)
        For each reach and decay the number and the sum of ``exp(excess)``; then the squared
        distance to the nearest event before (km2), and the largest ``excess - log10(1 + days)``
        within the widest reach with the days since that event.
    """
    n, reaches, decays = time.size, reach2.size, decay.size
    out = np.zeros((n, 2 * reaches * decays + 3))
    lanes = 64
    for lane in numba.prange(lanes):
        for i in range(lane, n, lanes):
            _counts(i, time, place, excess, reach2, decay, out[i])
    return out


@jit()
def _counts(
    i: int, time: Floats, place: Floats, excess: Floats, reach2: Floats, decay: Floats, out: Floats
) -> None:
    reaches, decays = reach2.size, decay.size
    nearest, largest, since = 1e12, -3.0, 1e5
    for j in range(i):
        dx, dy = place[0, j] - place[0, i], place[1, j] - place[1, i]
        dz = place[2, j] - place[2, i]
        r2 = dx * dx + dy * dy + dz * dz
        nearest = min(nearest, r2)
        if r2 >= reach2[reaches - 1]:
            continue
        days = time[i] - time[j]
        felt = excess[j] - math.log10(1.0 + days)
        if felt > largest:
            largest, since = felt, days
        moment = math.exp(excess[j])
        for a in range(decays):
            if days < 20.0 * decay[a]:
                left = exp2(-days / (decay[a] * LN2))
                for b in range(reaches):
                    if r2 < reach2[b]:
                        k = 2 * (a * reaches + b)
                        out[k] += left
                        out[k + 1] += left * moment
    k = 2 * reaches * decays
    out[k], out[k + 1], out[k + 2] = nearest, largest, since


COUNTED = 2 * DECAYS.size * REACHES.size
"""Columns of `past_features` that hold counts; those of `SEEN` follow."""

SEEN = COUNTED + 7
"""Columns of `past_features` that change with time: all but the densities and the border."""

EXCESS = COUNTED + 5
"""Column of `past_features` that holds the excess; the next one holds it cut at one."""


@jit()
def write_seen(
    counts: Floats, near2: float, felt: float, since: float, background: float, triggered: float,
    excess: float, scale2: float, out: Floats,
) -> None:  # fmt: skip
    """Write the columns of `past_features` that change with time into `out`, for one event.

    Counts, squared distance to the nearest, largest and time since it are those of `past_counts`.
    """
    total = background + triggered
    for k in range(COUNTED):
        out[k] = math.log(counts[k] + 0.05)
    out[COUNTED] = 0.5 * math.log(near2 / scale2 + 1e-4)
    out[COUNTED + 1] = felt
    out[COUNTED + 2] = math.log(since + 1e-3)
    out[COUNTED + 3] = math.log(total + 1e-12)
    out[COUNTED + 4] = math.log(min(max(background / max(total, 1e-300), 1e-6), 1.0))
    out[EXCESS] = excess
    out[EXCESS + 1] = min(excess, 1.0)


@jit()
def _all_seen(counted: Floats, rate: Floats, excess: Floats, scale2: float) -> Floats:
    out = np.empty((excess.size, SEEN))
    for i in range(excess.size):
        near2, felt, since = counted[i, COUNTED], counted[i, COUNTED + 1], counted[i, COUNTED + 2]
        write_seen(
            counted[i], near2, felt, since, rate[i, 0], rate[i, 1], excess[i], scale2, out[i]
        )
    return out


def past_features(
    time: Floats, place: Floats, excess: Floats, rate: Floats, density: Floats, border: Floats,
    scale: float,
) -> NDArray[np.float32]:  # fmt: skip
    """Numbers that describe each event and the past around it, shape (events, features).

    Parameters
    ----------
    time, place, excess : numpy.ndarray
        Days, places on the sphere, magnitude less completeness.
    rate : numpy.ndarray, shape (events, 2)
        Rate of background and of triggered events at each event, per km2 and day.
    density : numpy.ndarray, shape (events, widths)
        Densities of past events, 1/km2.
    border : numpy.ndarray, shape (events,)
        Distance to the region's border, km.
    scale : float
        Length scale of the catalogue, km.
    """
    counted = past_counts(time, place, excess, (REACHES * scale) ** 2, DECAYS)
    seen = _all_seen(counted, rate, excess, scale**2)
    still = [*np.log(density * scale**2 + 1e-9).T, np.log(border / scale + 0.1)]
    return np.hstack([seen, np.stack(still, axis=1)]).astype(np.float32)
