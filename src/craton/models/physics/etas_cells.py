"""Shares of ETAS aftershocks in rectangular cells: exact near an event, expanded far from it."""

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

from craton.errors import ConfigError
from craton.models.physics._jit import LN2, exp2, jit, log2
from craton.models.physics.etas_kernels import Floats, Ints


def checked_cells(cells: ArrayLike) -> Floats:
    box = np.ascontiguousarray(cells, dtype=float)
    if box.ndim != 2 or box.shape[1] != 4 or not np.isfinite(box).all():
        raise ConfigError(f"cells have shape {box.shape}; finite (n, 4) x0, x1, y0, y1 expected")
    if (box[:, 1] <= box[:, 0]).any() or (box[:, 3] <= box[:, 2]).any():
        raise ConfigError("a cell has no area; x0 < x1 and y0 < y1 (km) were expected")
    return box


def in_any(x: Floats, y: Floats, cells: Floats) -> NDArray[np.bool_]:
    return np.asarray(_covered(np.ascontiguousarray(x), np.ascontiguousarray(y), cells))


@jit()
def _covered(x: Floats, y: Floats, cells: Floats) -> NDArray[np.bool_]:
    out = np.zeros(x.size, dtype=np.bool_)
    for i in range(x.size):
        for k in range(cells.shape[0]):
            if cells[k, 0] <= x[i] < cells[k, 1] and cells[k, 2] <= y[i] < cells[k, 3]:
                out[i] = True
                break
    return out


def spread(
    x: Floats, y: Floats, zone: Floats, mean: Floats, rho: float, bounds: Ints, cells: Floats
) -> Floats:
    """Sum of ``mean`` times the share of each event in each cell, by group of events.

    Parameters
    ----------
    x, y, zone, mean : numpy.ndarray, shape (events,)
        Places in km, D in km2 of the space kernel ``(r**2 + D)**-(1 + rho)``, expected offspring.
    rho : float
        Exponent of the kernel.
    bounds : numpy.ndarray of int, shape (groups + 1,)
        Where each group begins and the last ends.
    cells : numpy.ndarray, shape (cells, 4)
        Rectangles x0, x1, y0, y1 in km.

    Returns
    -------
    numpy.ndarray, shape (groups, cells)
    """
    group = np.repeat(np.arange(bounds.size - 1), np.diff(bounds))
    order = np.argsort(x, kind="stable")
    x, y, zone, mean, group = x[order], y[order], zone[order], mean[order], group[order]
    # log2 of mean times the normalised kernel without its power of r2 + D.
    with np.errstate(divide="ignore"):
        level = np.log2(mean * rho / np.pi) + rho * np.log2(zone)
    level = np.maximum(level, -900.0)
    found = _spread_kernel(x, y, zone, mean, level, group, rho, bounds.size - 1, cells)
    return np.ascontiguousarray(found.T)


_FAR, _MIDDLE = 9.0, 2.5  # limits of (r**2 + D) / size**2 between the three ways to integrate
_BLOCK = 512  # events at once: what they give stays in the nearest cache


@jit(parallel=True)
def _spread_kernel(
    x: Floats, y: Floats, zone: Floats, mean: Floats, level: Floats, group: Ints, rho: float,
    groups: int, cells: Floats,
) -> Floats:  # fmt: skip
    """Sums by cell and group; `x` is in order."""
    out = np.zeros((cells.shape[0], groups))
    for k in numba.prange(cells.shape[0]):
        part = np.empty(_BLOCK)
        for i in range(0, x.size, _BLOCK):
            j = min(i + _BLOCK, x.size)
            _far(x[i:j], y[i:j], zone[i:j], level[i:j], rho, cells[k], part)
            for n in range(i, j):
                out[k, group[n]] += part[n - i]
        _near(x, y, zone, mean, level, group, rho, cells[k], out[k])
    return out


@jit(reorder=True)
def _far(
    x: Floats, y: Floats, zone: Floats, level: Floats, rho: float, cell: Floats, part: Floats
) -> None:
    """Rate at the centre with its curvature, of each event that is far away; else zero."""
    wide, high = cell[1] - cell[0], cell[3] - cell[2]
    limit, area = _FAR * max(wide, high) ** 2, wide * high
    x0, y0, p = 0.5 * (cell[0] + cell[1]), 0.5 * (cell[2] + cell[3]), 1.0 + rho
    for j in range(x.size):
        dx, dy = x[j] - x0, y[j] - y0
        sx, sy = dx * dx, dy * dy
        s = sx + sy + zone[j]
        one = 1.0 / s
        bend = wide * wide * (2.0 * (p + 1.0) * sx * one - 1.0)
        bend += high * high * (2.0 * (p + 1.0) * sy * one - 1.0)
        value = area * exp2(level[j] - p * log2(s)) * (1.0 + bend * p * one / 12.0)
        part[j] = value if s >= limit else 0.0


@jit()
def _near(
    x: Floats, y: Floats, zone: Floats, mean: Floats, level: Floats, group: Ints, rho: float,
    cell: Floats, out: Floats,
) -> None:  # fmt: skip
    """Add the events that `_far` leaves out; `x` is in order."""
    wide, high = cell[1] - cell[0], cell[3] - cell[2]
    size = max(wide, high)
    x0, y0 = 0.5 * (cell[0] + cell[1]), 0.5 * (cell[2] + cell[3])
    reach = math.sqrt(_FAR) * size
    for j in range(np.searchsorted(x, x0 - reach), np.searchsorted(x, x0 + reach, side="right")):
        s = (x[j] - x0) ** 2 + (y[j] - y0) ** 2 + zone[j]
        if s < _MIDDLE * size * size:
            out[group[j]] += mean[j] * cell_share(x[j], y[j], zone[j], rho, cell)
        elif s < _FAR * size * size:
            out[group[j]] += _middle(x0 - x[j], y0 - y[j], wide, high, zone[j], level[j], rho)


@jit(reorder=True)
def _middle(
    dx: float, dy: float, wide: float, high: float, zone: float, level: float, rho: float
) -> float:
    """Gauss nodes, 3 by 3."""
    total = 0.0
    for n in range(9):
        r = (dx + _GAUSS9[0, n] * wide) ** 2 + (dy + _GAUSS9[1, n] * high) ** 2 + zone
        total += _WEIGHT9[n] * exp2(level - (1.0 + rho) * log2(r))
    return total * wide * high


_GAUSS3, _WEIGHT3 = np.polynomial.legendre.leggauss(3)
_GAUSS9 = 0.5 * np.array([np.repeat(_GAUSS3, 3), np.tile(_GAUSS3, 3)])
_WEIGHT9 = 0.25 * np.outer(_WEIGHT3, _WEIGHT3).ravel()
_GAUSS8, _WEIGHT8 = np.polynomial.legendre.leggauss(8)


@jit(reorder=True)
def cell_share(x: float, y: float, zone: float, rho: float, cell: Floats) -> float:
    """Share of the space kernel around (x, y) that falls into a rectangle.

    In polar coordinates the integral over the radius is closed, so that an integral along each
    edge remains: with p the distance to the edge and s = p sinh(v) the place on it,
    ``(1 - (1 + p**2 cosh(v)**2 / D)**-rho) / cosh(v) dv / 2 pi``.
    """
    left, right, low, high = cell[0] - x, cell[1] - x, cell[2] - y, cell[3] - y
    if rho == 1.0:
        return (
            _corner(right, high, zone)
            - _corner(left, high, zone)
            - _corner(right, low, zone)
            + _corner(left, low, zone)
        )
    return (
        _edge(-low, left, right, zone, rho)
        + _edge(right, low, high, zone, rho)
        + _edge(high, -right, -left, zone, rho)
        + _edge(-left, -high, -low, zone, rho)
    )


@jit()
def _corner(x: float, y: float, zone: float) -> float:
    """Integral of ``D / pi (r**2 + D)**-2`` from the centre to a corner, which is closed."""
    a, b = math.sqrt(x * x + zone), math.sqrt(y * y + zone)
    return (x / a * math.atan(y / a) + y / b * math.atan(x / b)) / (2.0 * math.pi)


@jit(reorder=True)
def _edge(distance: float, s0: float, s1: float, zone: float, rho: float) -> float:
    """Part of one edge; `distance` is negative if the centre lies on its outer side."""
    p = abs(distance)
    if p < 1e-9 * (abs(s0) + abs(s1)):
        return 0.0
    v0, v1 = _asinh(s0 / p), _asinh(s1 / p)
    panels = int((v1 - v0) / 2.0) + 1
    half = 0.5 * (v1 - v0) / panels
    scale = p * p / zone
    total = 0.0
    for k in range(panels):
        middle = v0 + (2 * k + 1) * half
        for n in range(8):
            grown = exp2((middle + half * _GAUSS8[n]) / LN2)
            cosh = 0.5 * (grown + 1.0 / grown)
            tail = exp2(-rho * log2(1.0 + scale * cosh * cosh))
            total += _WEIGHT8[n] * (1.0 - tail) / cosh
    return math.copysign(half * total / (2.0 * math.pi), distance)


@jit(inline=True)
def _asinh(z: float) -> float:
    size = abs(z)
    return math.copysign(LN2 * log2(size + math.sqrt(size * size + 1.0)), z)
