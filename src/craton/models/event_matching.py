"""Events matched one to one, and a logistic curve from a number to the chance of a match."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from craton.io.geodesy import haversine_km

Floats = NDArray[np.float64]


def match(
    time: Floats, latitude: Floats, longitude: Floats, true_time: Floats, true_latitude: Floats,
    true_longitude: Floats, seconds: float, km: float,
) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:  # fmt: skip
    """Match events one to one, nearest first.

    Parameters
    ----------
    time, latitude, longitude : ndarray, shape (n,)
        Detected: s, degrees.
    true_time, true_latitude, true_longitude : ndarray, shape (m,)
        Known.
    seconds, km : float
        Largest differences of a match.

    Returns
    -------
    detected, known : ndarray of int, shape (k,)
        Rows that belong together.
    distance : ndarray, shape (k,)
        km.

    Examples
    --------
    >>> zero = np.zeros(2)
    >>> match(np.array([0.0, 9.0]), zero, zero, np.array([1.0, 2.0]), zero, zero, 3.0, 10.0)[:2]
    (array([0]), array([0]))
    """
    order = np.argsort(true_time, kind="stable")
    low = np.searchsorted(true_time[order], time - seconds)
    high = np.searchsorted(true_time[order], time + seconds, side="right")
    a = np.repeat(np.arange(len(time)), high - low)
    b = order[np.concatenate([np.arange(i, j) for i, j in zip(low, high, strict=True)]
                             or [np.zeros(0)]).astype(int)]  # fmt: skip
    d = haversine_km(latitude[a], longitude[a], true_latitude[b], true_longitude[b])
    near = d <= km
    a, b, d = a[near], b[near], d[near]
    cost = d / km + np.abs(time[a] - true_time[b]) / seconds
    mine, theirs, kept = set(), set(), []
    for k in np.argsort(cost, kind="stable"):
        if a[k] not in mine and b[k] not in theirs:
            mine.add(a[k])
            theirs.add(b[k])
            kept.append(k)
    return a[kept], b[kept], d[kept]


def fit_curve(x: Floats, real: NDArray[np.bool_], rounds: int = 50) -> Floats:
    """Intercept and slope of a logistic curve by Newton's method, with a weak prior.

    Examples
    --------
    >>> x = np.array([-2.0, -1.0, 0.0, 1.0, 2.0] * 20)
    >>> bool(fit_curve(x, x + np.tile([0.5, -0.5], 50) > 0)[1] > 1)
    True
    """
    design = np.column_stack([np.ones(len(x)), x])
    y = (real * real.sum() + 1.0 * real) / (real.sum() + 2.0) + (~real) / ((~real).sum() + 2.0)
    beta, prior = np.array([0.0, 1.0]), np.array([0.0, 1.0])
    for _ in range(rounds):
        p = 1 / (1 + np.exp(-np.clip(design @ beta, -30, 30)))
        slope = design.T @ (y - p) - 0.1 * (beta - prior)
        curvature = (design * (p * (1 - p))[:, None]).T @ design + 0.1 * np.eye(2)
        step = np.linalg.solve(curvature, slope)
        # a shorter step in the same direction: Newton's own may overshoot
        beta = beta + step / max(1.0, float(np.linalg.norm(step)))
        if np.abs(step).max() < 1e-8:
            break
    return beta
