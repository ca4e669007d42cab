"""Epicentres as points of a sphere, whose straight distances need no trigonometry."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def unit_vectors(latitude: ArrayLike, longitude: ArrayLike) -> NDArray[np.float64]:
    """Points on the unit sphere.

    Parameters
    ----------
    latitude, longitude : array_like, shape (n,)
        Degrees.

    Returns
    -------
    numpy.ndarray, shape (n, 3)

    Examples
    --------
    >>> unit_vectors([0.0, 90.0], [90.0, 0.0]).round(6).tolist()
    [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    phi, lam = np.radians(np.asarray(latitude, float)), np.radians(np.asarray(longitude, float))
    return np.column_stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)])
