"""What the places of the stations decide for an associator: its grid and its ranges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from craton.models.association_kernels import EARTH

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BLOCK_NODES = 4
"""Side of the blocks of nodes of which the best is kept."""


@dataclass(frozen=True)
class Geometry:
    """What the places of the stations decide.

    Attributes
    ----------
    latitude, longitude, elevation : ndarray, shape (station,)
        Degrees, km.
    spacing : float
        Side of the grid, km.
    ranges : ndarray, shape (range,)
        Trial detection ranges, km.
    reach : float
        Greatest distance at which a pick is looked for, km.
    nodes : ndarray, shape (node, 2)
        Latitude and longitude of the grid.
    block : ndarray of int, shape (node,)
        Block of each node.
    """

    latitude: Floats
    longitude: Floats
    elevation: Floats
    spacing: float
    ranges: Floats
    reach: float
    nodes: Floats
    block: Ints

    @classmethod
    def of(cls, latitude: Floats, longitude: Floats, elevation: Floats, longest: float) -> Geometry:
        """Choose grid and ranges; `longest` (km) is as far as the travel times go."""
        lat, lon = np.asarray(latitude, float), np.asarray(longitude, float)
        tree = cKDTree(vectors(lat, lon))
        k = min(5, len(lat))
        fourth = arc(tree.query(vectors(lat, lon), k=k)[0][:, -1])
        middle = float(np.median(fourth))
        aperture = arc(np.array([2 * np.linalg.norm(
            vectors(lat, lon) - vectors(lat, lon).mean(axis=0), axis=1).max()]))[0]  # fmt: skip
        spacing = float(np.clip(0.2 * middle, 1.5, 25.0))
        low, high = 0.4 * middle, min(max(0.6 * aperture, 2.0 * middle), 450.0, longest / 2.5)
        ranges = np.geomspace(min(low, high / 3), high, 4)
        margin = min(1.2 * middle, 0.5 * aperture)
        nodes, block = _grid(lat, lon, spacing, margin)
        return cls(lat, lon, np.asarray(elevation, float), spacing, ranges,
                   min(2.5 * high, longest), nodes, block)  # fmt: skip


def vectors(latitude: Floats, longitude: Floats) -> Floats:
    """Unit vectors (n, 3) of places in degrees."""
    a, b = np.radians(latitude), np.radians(longitude)
    return np.column_stack([np.cos(a) * np.cos(b), np.cos(a) * np.sin(b), np.sin(a)])


def arc(chord: Floats) -> Floats:
    return np.asarray(2 * EARTH * np.arcsin(np.minimum(chord / 2, 1.0)))


def _grid(lat: Floats, lon: Floats, side: float, margin: float) -> tuple[Floats, Ints]:
    """Nodes near the stations, rows of equal spacing, and the block that each lies in."""
    north = side / 111.19
    rows = np.arange(lat.min() - margin / 111.19, lat.max() + margin / 111.19 + north, north)
    found, label = [], []
    for k, row in enumerate(rows):
        slim = max(np.cos(np.radians(row)), 0.05)
        east = north / slim
        wide = margin / 111.19 / slim
        x = np.arange(lon.min() - wide, lon.max() + wide + east, east)
        found.append(np.column_stack([np.full(len(x), row), x]))
        label.append((k // BLOCK_NODES) * 100_000 + np.arange(len(x)) // BLOCK_NODES)
    nodes, block = np.concatenate(found), np.concatenate(label)
    near = cKDTree(vectors(lat, lon)).query(vectors(nodes[:, 0], nodes[:, 1]))[0]
    keep = arc(near) <= margin
    return nodes[keep], np.unique(block[keep], return_inverse=True)[1].astype(np.int64)
