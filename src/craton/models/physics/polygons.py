"""Polygons on a plane: outlines of regions, what lies in them, how far the border is."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import owens_t

from craton.errors import ConfigError
from craton.models.physics._jit import jit

Floats = NDArray[np.float64]


def as_polygon(region: ArrayLike) -> Floats:
    """Vertices, counterclockwise and not closed, of a polygon or of (x0, x1, y0, y1).

    Raises
    ------
    ConfigError
        If the region has another shape, a value that is not finite, or no area.

    Examples
    --------
    >>> as_polygon((0, 2, 0, 1)).tolist()
    [[0.0, 0.0], [2.0, 0.0], [2.0, 1.0], [0.0, 1.0]]
    """
    points = np.asarray(region, dtype=float)
    if points.shape == (4,):
        x0, x1, y0, y1 = points
        points = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 3 or not np.isfinite(points).all():
        raise ConfigError(
            f"the region has shape {points.shape}; a polygon (n, 2) or (x0, x1, y0, y1) in km "
            "was expected"
        )
    if (points[0] == points[-1]).all():
        points = points[:-1]
    area = polygon_area(points)
    if area == 0:
        raise ConfigError("the region has no area")
    return np.ascontiguousarray(points if area > 0 else points[::-1])


def polygon_area(polygon: Floats) -> float:
    """Area of a polygon; negative if its vertices run clockwise."""
    following = np.roll(polygon, -1, axis=0)
    return 0.5 * float((polygon[:, 0] * following[:, 1] - following[:, 0] * polygon[:, 1]).sum())


def inside_polygon(x: ArrayLike, y: ArrayLike, polygon: ArrayLike) -> NDArray[np.bool_]:
    """Tell which points lie in a polygon, its edges included.

    Examples
    --------
    >>> inside_polygon([0.5, 1.0, 1.5], [0.5, 0.5, 0.5], (0, 1, 0, 1)).tolist()
    [True, True, False]
    """
    px, py = np.asarray(x, dtype=float).ravel(), np.asarray(y, dtype=float).ravel()
    corners = as_polygon(polygon)
    inside, edge = np.zeros(px.size, dtype=bool), np.zeros(px.size, dtype=bool)
    for (ax, ay), (bx, by) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        cross = (bx - ax) * (py - ay) - (by - ay) * (px - ax)
        along = (px - ax) * (px - bx) + (py - ay) * (py - by)
        edge |= (np.abs(cross) <= 1e-12 * max(1.0, abs(bx - ax) + abs(by - ay))) & (along <= 0)
        crosses = (ay > py) != (by > py)
        inside ^= crosses & ((cross > 0) == (by > ay))
    return inside | edge


def border_distance(x: ArrayLike, y: ArrayLike, polygon: ArrayLike) -> Floats:
    """Distance of points to the nearest edge of a polygon, in its units.

    Examples
    --------
    >>> border_distance([0.5, 1.0, 3.0], [0.5, 0.75, 0.5], (0, 2, 0, 1)).tolist()
    [0.5, 0.25, 1.0]
    """
    points = np.stack([np.ravel(x), np.ravel(y)], axis=1).astype(float)
    corners, nearest = as_polygon(polygon), np.full(len(points), np.inf)
    for a, edge in zip(corners, np.roll(corners, -1, axis=0) - corners, strict=True):
        share = np.clip((points - a) @ edge / max(float(edge @ edge), 1e-300), 0.0, 1.0)
        nearest = np.minimum(nearest, np.hypot(*(points - a - share[:, None] * edge).T))
    return nearest


def gauss_in_polygon(x: Floats, y: Floats, h: Floats, polygon: Floats) -> Floats:
    """Probability that a Gaussian around each point falls into a polygon.

    In polar coordinates each edge adds the angle it is seen under less 2 pi times a difference of
    Owen's T functions, which is exact.
    """
    total = np.zeros(x.size)
    for a, b in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        length = float(np.hypot(*(b - a)))
        if length == 0:
            continue
        ex, ey = (b - a) / length
        ax, ay, bx, by = a[0] - x, a[1] - y, b[0] - x, b[1] - y
        cross, dot = ax * by - ay * bx, ax * bx + ay * by
        p = np.abs(cross) / length
        with np.errstate(divide="ignore", invalid="ignore"):
            slopes = [np.where(p > 0, (u * ex + v * ey) / p, 0) for u, v in ((ax, ay), (bx, by))]
        tail = owens_t(p / h, slopes[1]) - owens_t(p / h, slopes[0])
        part = np.abs(np.arctan2(cross, dot)) / (2 * math.pi) - tail
        total += np.where(p > 0, np.sign(cross) * part, 0.0)
    return total


@jit()
def overlap_areas(polygon: Floats, cells: Floats) -> Floats:
    """Area of the polygon inside each rectangle (clipping by one side after the other)."""
    out = np.zeros(cells.shape[0])
    room = np.empty((2, 4 * polygon.shape[0] + 16, 2))
    for i in range(cells.shape[0]):
        n = polygon.shape[0]
        room[0, :n] = polygon
        for side in range(4):
            axis, sign, limit = side // 2, 1.0 if side % 2 == 0 else -1.0, cells[i, side]
            old, new = room[side % 2], room[1 - side % 2]
            kept = 0
            for k in range(n):
                a, b = old[k], old[(k + 1) % n]
                da, db = sign * (a[axis] - limit), sign * (b[axis] - limit)
                if da >= 0:
                    new[kept] = a
                    kept += 1
                if (da > 0 and db < 0) or (da < 0 and db > 0):
                    new[kept] = a + (b - a) * (da / (da - db))
                    kept += 1
            n = kept
        last = room[0]
        for k in range(n):
            following = last[(k + 1) % n]
            out[i] += 0.5 * (last[k, 0] * following[1] - following[0] * last[k, 1])
    return out
