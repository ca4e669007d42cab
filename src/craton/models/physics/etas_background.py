"""Densities of background earthquakes in a region, of integral one."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numba
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from craton.errors import ConfigError, DataError
from craton.models.physics._jit import jit
from craton.models.physics.polygons import (
    as_polygon,
    gauss_in_polygon,
    inside_polygon,
    overlap_areas,
    polygon_area,
)

Floats = NDArray[np.float64]
_CUT = 36.0  # exponent beyond which a Gaussian (2e-16) is left out


class Density(Protocol):
    """What a background must tell: km east and north in, 1/km2 out."""

    @property
    def area(self) -> float:
        """Area of the region in km2."""

    def at(self, x: Floats, y: Floats) -> Floats:
        """Density at points, shape (n,), 1/km2."""

    def in_cells(self, cells: Floats) -> Floats:
        """Probability of each rectangle (x0, x1, y0, y1), shape (n,)."""

    def sample(self, rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
        """Draw `n` points."""


@dataclass(frozen=True)
class UniformDensity:
    """The same density everywhere in a polygon."""

    polygon: Floats

    @classmethod
    def of(cls, region: ArrayLike) -> UniformDensity:
        """From a polygon (n, 2) or rectangle (x0, x1, y0, y1) in km."""
        return cls(as_polygon(region))

    @property
    def area(self) -> float:
        """Area in km2."""
        return polygon_area(self.polygon)

    def at(self, x: Floats, y: Floats) -> Floats:
        """Density at points, zero outside."""
        return np.where(inside_polygon(x, y, self.polygon), 1.0 / self.area, 0.0)

    def in_cells(self, cells: Floats) -> Floats:
        """Share of the polygon in each cell, exact."""
        return np.asarray(
            overlap_areas(self.polygon, np.ascontiguousarray(cells, float)) / self.area
        )

    def sample(self, rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
        """Draw points."""
        low, high = self.polygon.min(axis=0), self.polygon.max(axis=0)

        def draw(k: int) -> tuple[Floats, Floats]:
            return rng.uniform(low[0], high[0], k), rng.uniform(low[1], high[1], k)

        return _sample_inside(draw, self.polygon, n)


@dataclass(frozen=True)
class CellDensity:
    """A probability for each rectangle, uniform within it."""

    cells: Floats
    probability: Floats

    @classmethod
    def of(cls, cells: ArrayLike, weights: ArrayLike) -> CellDensity:
        """From rectangles (n, 4) as x0, x1, y0, y1 that do not overlap, and their weights."""
        box, weight = np.asarray(cells, float).reshape(-1, 4), np.asarray(weights, float).ravel()
        if len(box) != weight.size or (weight < 0).any() or not weight.sum() > 0:
            raise ConfigError("cells want as many weights, none negative and not all zero")
        return cls(box, weight / weight.sum())

    @property
    def area(self) -> float:
        """Area of all cells in km2."""
        return float(_cell_areas(self.cells).sum())

    def at(self, x: Floats, y: Floats) -> Floats:
        """Density at points, zero outside."""
        out, area = np.zeros(x.size), _cell_areas(self.cells)
        for (x0, x1, y0, y1), value in zip(self.cells, self.probability / area, strict=True):
            out[(x >= x0) & (x < x1) & (y >= y0) & (y < y1)] = value
        return out

    def in_cells(self, cells: Floats) -> Floats:
        """Probability of each cell, by overlap."""
        out, density = np.zeros(len(cells)), self.probability / _cell_areas(self.cells)
        for (x0, x1, y0, y1), value in zip(self.cells, density, strict=True):
            wide = np.minimum(cells[:, 1], x1) - np.maximum(cells[:, 0], x0)
            high = np.minimum(cells[:, 3], y1) - np.maximum(cells[:, 2], y0)
            out += value * np.maximum(wide, 0.0) * np.maximum(high, 0.0)
        return out

    def sample(self, rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
        """Draw points."""
        x0, x1, y0, y1 = self.cells[rng.choice(len(self.cells), n, p=self.probability)].T
        return rng.uniform(x0, x1), rng.uniform(y0, y1)


@dataclass(frozen=True)
class KernelDensity:
    """Gaussians of adaptive width around events, cut off at the region, plus a uniform part.

    `number` is the sum of the weights inside the region before they were scaled to an integral of
    one: of background events, if the weights are probabilities.

    References
    ----------
    Zhuang, Ogata & Vere-Jones (2002), doi:10.1198/016214502760046925.
    """

    x: Floats
    y: Floats
    bandwidth: Floats
    weight: Floats
    uniform_share: float
    polygon: Floats
    number: float = math.nan

    @classmethod
    def from_points(
        cls,
        x: ArrayLike,
        y: ArrayLike,
        weight: ArrayLike,
        region: ArrayLike,
        *,
        neighbours: int = 5,
        min_bandwidth: float = 1.0,
        uniform_share: float = 0.01,
    ) -> KernelDensity:
        """Estimate the density.

        Parameters
        ----------
        x, y : array_like, shape (n,)
            Events in km.
        weight : array_like, shape (n,)
            Probability of each event of being background.
        region : array_like
            Polygon (n, 2) or rectangle (x0, x1, y0, y1) in km.
        neighbours : int
            The bandwidth of an event is its distance to this neighbour.
        min_bandwidth : float
            Lower bound of the bandwidth in km, about the error of an epicentre.
        uniform_share : float
            Probability of the uniform part; it keeps the density above zero where no event was.

        Raises
        ------
        DataError
            If all weights are zero or there are no more events than neighbours.
        """
        px, py, w = (np.ascontiguousarray(v, dtype=float).ravel() for v in (x, y, weight))
        if px.size <= neighbours or not w.sum() > 0:
            raise DataError(
                f"{px.size} events of total weight {w.sum():g} give no kernel density with "
                f"{neighbours} neighbours"
            )
        points = np.column_stack([px, py])
        distance = cKDTree(points).query(points, k=[neighbours + 1])[0][:, 0]
        bandwidth = np.maximum(distance, min_bandwidth)
        return cls.of(px, py, bandwidth, w, region, uniform_share=uniform_share)

    @classmethod
    def of(
        cls,
        x: ArrayLike,
        y: ArrayLike,
        bandwidth: ArrayLike,
        weight: ArrayLike,
        region: ArrayLike,
        *,
        uniform_share: float,
    ) -> KernelDensity:
        """From places, bandwidths (km) and weights; the part inside the region has integral one."""
        px, py, h, w = (
            np.ascontiguousarray(v, dtype=float).ravel() for v in (x, y, bandwidth, weight)
        )
        polygon = as_polygon(region)
        mass = float((w * gauss_in_polygon(px, py, h, polygon)).sum())
        return cls(px, py, h, (1 - uniform_share) * w / mass, uniform_share, polygon, mass)

    def weights_at(self, x: Floats, y: Floats) -> Floats:
        """Weights, before they were scaled, of events at these places; NaN where it has none.

        Of several events at one place the first is the first.
        """
        own = pd.DataFrame({"x": self.x, "y": self.y})
        own["nth"] = own.groupby(["x", "y"]).cumcount()
        own["weight"] = self.weight * self.number / (1 - self.uniform_share)
        asked = pd.DataFrame({"x": x, "y": y})
        asked["nth"] = asked.groupby(["x", "y"]).cumcount()
        return asked.merge(own, how="left", on=["x", "y", "nth"])["weight"].to_numpy(float)

    @property
    def area(self) -> float:
        """Area of the region in km2."""
        return polygon_area(self.polygon)

    def at(self, x: Floats, y: Floats) -> Floats:
        """Density at points, zero outside the region."""
        x, y = np.ascontiguousarray(x, float), np.ascontiguousarray(y, float)
        value = _kernel_at(x, y, self.x, self.y, self.bandwidth, self.weight, False)
        value += self.uniform_share / self.area
        return np.where(inside_polygon(x, y, self.polygon), value, 0.0)

    def at_own_points(self) -> Floats:
        """Density at the events themselves, each without its own kernel."""
        value = _kernel_at(self.x, self.y, self.x, self.y, self.bandwidth, self.weight, True)
        value *= self.weight.sum() / np.maximum(self.weight.sum() - self.weight, 1e-300)
        return np.asarray(value + self.uniform_share / self.area)

    def in_cells(self, cells: Floats) -> Floats:
        """Probability of each cell: exact inside the region, to about 1 % where its border cuts."""
        cells = np.ascontiguousarray(cells, float)
        share = overlap_areas(self.polygon, cells)
        whole = share > (1 - 1e-9) * _cell_areas(cells)
        value = np.zeros(len(cells))
        value[whole] = self._kernels_in(cells[whole])
        for k in np.flatnonzero(~whole & (share > 0)):
            parts = _split(cells[k], 16)
            inside = overlap_areas(self.polygon, parts) / _cell_areas(parts)
            value[k] = self._kernels_in(parts) @ inside
        return np.asarray(value + self.uniform_share * share / self.area)

    def _kernels_in(self, cells: Floats) -> Floats:
        return np.asarray(_kernel_in(cells, self.x, self.y, self.bandwidth, self.weight))

    def sample(self, rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
        """Draw points."""
        flat = int(rng.binomial(n, self.uniform_share))
        p = self.weight / self.weight.sum()

        def draw(k: int) -> tuple[Floats, Floats]:
            i = rng.choice(self.x.size, k, p=p)
            h = self.bandwidth[i]
            return self.x[i] + h * rng.normal(size=k), self.y[i] + h * rng.normal(size=k)

        x, y = _sample_inside(draw, self.polygon, n - flat)
        x_flat, y_flat = UniformDensity(self.polygon).sample(rng, flat)
        return np.concatenate([x, x_flat]), np.concatenate([y, y_flat])


def _cell_areas(cells: Floats) -> Floats:
    return np.asarray((cells[:, 1] - cells[:, 0]) * (cells[:, 3] - cells[:, 2]))


def _split(cell: Floats, n: int) -> Floats:
    """Cut a rectangle into n by n."""
    x, y = np.linspace(cell[0], cell[1], n + 1), np.linspace(cell[2], cell[3], n + 1)
    left, low = (v.ravel() for v in np.meshgrid(x[:-1], y[:-1]))
    right, high = (v.ravel() for v in np.meshgrid(x[1:], y[1:]))
    return np.column_stack([left, right, low, high])


def _sample_inside(
    draw: Callable[[int], tuple[Floats, Floats]], polygon: Floats, n: int
) -> tuple[Floats, Floats]:
    """Keep drawing until `n` points lie inside."""
    x, y = np.empty(0), np.empty(0)
    for _ in range(1000):
        if x.size >= n:
            break
        more_x, more_y = draw(2 * (n - x.size) + 8)
        inside = inside_polygon(more_x, more_y, polygon)
        x, y = np.concatenate([x, more_x[inside]]), np.concatenate([y, more_y[inside]])
    else:
        raise DataError("the background hardly ever falls inside the region")
    return x[:n], y[:n]


@jit(parallel=True)
def _kernel_at(
    x: Floats, y: Floats, px: Floats, py: Floats, h: Floats, w: Floats, skip_own: bool
) -> Floats:
    out = np.zeros(x.size)
    for i in numba.prange(x.size):
        total = 0.0
        for j in range(px.size):
            half = 0.5 * ((px[j] - x[i]) ** 2 + (py[j] - y[i]) ** 2) / (h[j] * h[j])
            if half < _CUT and not (skip_own and i == j):
                total += w[j] / (2.0 * math.pi * h[j] * h[j]) * math.exp(-half)
        out[i] = total
    return out


@jit(parallel=True)
def _kernel_in(cells: Floats, px: Floats, py: Floats, h: Floats, w: Floats) -> Floats:
    out = np.zeros(cells.shape[0])
    for i in numba.prange(cells.shape[0]):
        x0, x1, y0, y1 = cells[i]
        for j in range(px.size):
            reach = 9.0 * h[j]
            if x0 - reach < px[j] < x1 + reach and y0 - reach < py[j] < y1 + reach:
                s = 1.0 / (math.sqrt(2.0) * h[j])
                wide = math.erf((x1 - px[j]) * s) - math.erf((x0 - px[j]) * s)
                high = math.erf((y1 - py[j]) * s) - math.erf((y0 - py[j]) * s)
                out[i] += 0.25 * w[j] * wide * high
    return out
