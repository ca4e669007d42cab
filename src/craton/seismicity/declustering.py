"""Main shocks and their clusters after Gardner & Knopoff and after Reasenberg."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from craton.errors import ConfigError
from craton.events import days
from craton.io.geodesy import EARTH_RADIUS_KM
from craton.models.physics._jit import jit
from craton.seismicity.space import unit_vectors

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_CRUST_KM = 30.0


class Clusters(NamedTuple):
    """A catalogue sorted into clusters; an event alone is a cluster of one.

    Attributes
    ----------
    cluster : numpy.ndarray of int, shape (event,)
        Number of the event's cluster, from 0, in the order of the first events.
    mainshock : numpy.ndarray of bool, shape (event,)
        The largest event of each cluster, the first of equals. These are the declustered
        catalogue.
    """

    cluster: Ints
    mainshock: NDArray[np.bool_]


def gardner_knopoff(catalog: xr.Dataset, foreshock_share: float = 1.0) -> Clusters:
    """Decluster with windows in space and time that grow with magnitude.

    From the largest event down, each event that is not yet in a cluster takes all free events
    within its window.

    Parameters
    ----------
    catalog : xarray.Dataset
        As `craton.io.catalog.read_catalog` returns it (sorted by time).
    foreshock_share : float
        Length of the window before an event as a share of the one after it.

    Returns
    -------
    Clusters

    Raises
    ------
    ConfigError
        If `foreshock_share` is negative.

    References
    ----------
    Gardner & Knopoff (1974), doi:10.1785/BSSA0640051363; van Stiphout, Zhuang & Marsan (2012),
    doi:10.5078/corssa-52382934, for the windows as formulas.

    Examples
    --------
    >>> from craton.data.earthquakes import simulated_catalog
    >>> catalog = simulated_catalog(seed=1, days=500)
    >>> found = gardner_knopoff(catalog)
    >>> bool(found.mainshock.sum() == found.cluster.max() + 1 < catalog.sizes["event"])
    True
    """
    if not foreshock_share >= 0:
        raise ConfigError(f"foreshock_share = {foreshock_share}, at least 0 was expected")
    time, place, magnitude = _arrays(catalog)
    km, length = windows(magnitude)
    order = np.argsort(-magnitude, kind="stable")
    owner = _take(time, place, order, _chord_squared(km), length, float(foreshock_share))
    return clusters_of(owner, magnitude)


def windows(magnitude: ArrayLike) -> tuple[Floats, Floats]:
    """Gardner & Knopoff's windows.

    Returns
    -------
    km, days : numpy.ndarray
        Radius and length, of the shape of `magnitude`.

    Examples
    --------
    >>> [float(w.round()) for w in windows(5.0)]
    [40.0, 144.0]
    """
    m = np.asarray(magnitude, float)
    length = np.where(m >= 6.5, 10 ** (0.032 * m + 2.7389), 10 ** (0.5409 * m - 0.547))
    return np.asarray(10 ** (0.1238 * m + 0.983)), length


def reasenberg(
    catalog: xr.Dataset,
    mc: float,
    *,
    tau_min: float = 1.0,
    tau_max: float = 10.0,
    probability: float = 0.95,
    reach: float = 10.0,
    raised: float = 0.5,
    error_km: float = 1.5,
) -> Clusters:
    """Decluster by linking events that interact.

    Two events are linked if the second comes within the look-ahead time of the first, and within
    its zone of interaction or the source of the largest event of the cluster so far. The look-ahead
    time is the one in which, by Omori's law, the next event of the sequence would come with the
    given probability.

    Parameters
    ----------
    catalog : xarray.Dataset
        As `craton.io.catalog.read_catalog` returns it (sorted by time).
    mc : float
        Magnitude of completeness.
    tau_min, tau_max : float
        Bounds of the look-ahead time in days; the first is that of an event alone.
    probability : float
        Of seeing the next event of a sequence.
    reach : float
        Zone of interaction in source radii; a source has 0.011 * 10^(0.4 M) km.
    raised : float
        Completeness is raised by this times the largest magnitude while a cluster goes on.
    error_km : float
        Taken off every distance, for errors of location.

    Returns
    -------
    Clusters

    Raises
    ------
    ConfigError
        If a setting is out of range.

    References
    ----------
    Reasenberg (1985), doi:10.1029/JB090iB07p05479.

    Examples
    --------
    >>> from craton.data.earthquakes import simulated_catalog
    >>> found = reasenberg(simulated_catalog(seed=1, days=500), 3.0)
    >>> bool(found.mainshock.sum() < found.mainshock.size)
    True
    """
    if not (0 < tau_min <= tau_max and 0 < probability < 1 and reach > 0 and error_km >= 0):
        raise ConfigError(
            f"tau_min = {tau_min}, tau_max = {tau_max}, probability = {probability}, reach = "
            f"{reach}, error_km = {error_km}; 0 < tau_min <= tau_max, 0 < probability < 1, reach "
            "> 0 and error_km >= 0 were expected"
        )
    time, place, magnitude = _arrays(catalog)
    source = 0.011 * 10 ** (0.4 * magnitude)
    zone = _chord_squared(np.minimum(reach * source, _CRUST_KM) + error_km)
    inner = _chord_squared(np.minimum(source, _CRUST_KM) + error_km)
    owner = _link(time, place, magnitude, zone, inner, float(mc), float(tau_min), float(tau_max),
                  float(probability), float(raised))  # fmt: skip
    return clusters_of(owner, magnitude)


def clusters_of(owner: Ints, magnitude: Floats) -> Clusters:
    """Number clusters from any label that the events of one cluster share.

    Examples
    --------
    >>> found = clusters_of(np.array([7, 7, 3]), np.array([2.0, 4.0, 3.0]))
    >>> found.cluster.tolist(), found.mainshock.tolist()
    ([0, 0, 1], [False, True, True])
    """
    _, first, label = np.unique(owner, return_index=True, return_inverse=True)
    rank = np.empty(first.size, dtype=np.int64)
    rank[np.argsort(first)] = np.arange(first.size)
    cluster = rank[label.ravel()]
    order = np.lexsort((np.arange(owner.size), -magnitude, cluster))
    mainshock = np.zeros(owner.size, dtype=bool)
    mainshock[order[np.r_[True, np.diff(cluster[order]) > 0][: order.size]]] = True
    return Clusters(cluster, mainshock)


def _arrays(catalog: xr.Dataset) -> tuple[Floats, Floats, Floats]:
    place = unit_vectors(catalog["latitude"].to_numpy(), catalog["longitude"].to_numpy())
    return days(catalog["time"].to_numpy()), place, catalog["magnitude"].to_numpy().astype(float)


def _chord_squared(km: Floats) -> Floats:
    """Squared straight distance on the unit sphere of points that are `km` apart on it."""
    return np.asarray(4 * np.sin(np.minimum(km / (2 * EARTH_RADIUS_KM), np.pi / 2)) ** 2)


@jit(inline=True)
def _apart(place: Floats, i: int, j: int) -> float:
    """Squared straight distance of two events."""
    x, y, z = place[i, 0] - place[j, 0], place[i, 1] - place[j, 1], place[i, 2] - place[j, 2]
    return x * x + y * y + z * z


@jit()
def _take(
    time: Floats, place: Floats, order: Ints, limit: Floats, length: Floats, before: float
) -> Ints:
    """Give each event to the first in `order` whose window holds it."""
    n = time.size
    owner = np.full(n, -1, dtype=np.int64)
    for i in order:
        if owner[i] >= 0:
            continue
        owner[i] = i
        j = i + 1
        while j < n and time[j] - time[i] <= length[i]:
            if owner[j] < 0 and _apart(place, i, j) <= limit[i]:
                owner[j] = i
            j += 1
        j = i - 1
        while j >= 0 and time[i] - time[j] <= length[i] * before:
            if owner[j] < 0 and _apart(place, i, j) <= limit[i]:
                owner[j] = i
            j -= 1
    return owner


@jit()
def _root(up: Ints, i: int) -> int:
    while up[i] != i:
        up[i] = up[up[i]]
        i = up[i]
    return i


@jit()
def _link(
    time: Floats, place: Floats, magnitude: Floats, zone: Floats, inner: Floats, mc: float,
    tau_min: float, tau_max: float, probability: float, raised: float,
) -> Ints:  # fmt: skip
    """Label events by the root of their cluster; `largest` counts events up to the present one."""
    n = time.size
    up = np.arange(n)
    largest = np.full(n, -1, dtype=np.int64)
    for i in range(n):
        root = _root(up, i)
        main = largest[root]
        tau = tau_min
        if main < 0 or magnitude[i] >= magnitude[main]:
            main = largest[root] = i
        else:
            above = max((1.0 - raised) * magnitude[main] - mc, 0.0)
            rate = 10.0 ** ((above - 1.0) * 2.0 / 3.0)
            tau = -np.log(1.0 - probability) * (time[i] - time[main]) / rate
            tau = min(max(tau, tau_min), tau_max)
        j = i + 1
        while j < n and time[j] - time[i] <= tau:
            other = _root(up, j)
            root = _root(up, i)
            if other != root and (
                _apart(place, i, j) <= zone[i] or _apart(place, main, j) <= inner[main]
            ):
                up[other] = root
                rival = largest[other]
                if rival >= 0 and magnitude[rival] > magnitude[largest[root]]:
                    largest[root] = rival
            j += 1
    for i in range(n):
        up[i] = _root(up, i)
    return up
