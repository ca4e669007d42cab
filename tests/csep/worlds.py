"""One small world for craton and for pyCSEP: a ragged grid, rates, simulated and seen events."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest

from craton.io.csep import CatalogForecast
from craton.io.csep_regions import grid_region

csep = pytest.importorskip("csep")
from csep.core.catalogs import CSEPCatalog  # noqa: E402
from csep.core.forecasts import CatalogForecast as TheirCatalogs  # noqa: E402
from csep.core.forecasts import GriddedForecast as TheirGrid  # noqa: E402
from csep.core.regions import CartesianGrid2D  # noqa: E402

EDGES = np.round(np.arange(4.0, 6.05, 0.1), 1)
CORNERS = np.array(
    [(172 + i / 10, -43 + j / 10) for i in range(14) for j in range(12) if (i - 7) ** 2 + j < 45]
).round(1)
REGION = grid_region(CORNERS, 0.1)


def their_region(edges=EDGES):
    """The same region as pyCSEP has it."""
    return CartesianGrid2D.from_origins(CORNERS, dh=0.1, magnitudes=edges)


def rates(seed=0, total=20.0):
    """Rates with a Gutenberg-Richter slope, of which no two cells have the same."""
    rng = np.random.default_rng(seed)
    found = rng.gamma(0.3, size=(len(REGION), 1)) * 10 ** -(EDGES - 4)
    return found * total / found.sum()


def events(n, seed=1):
    """Longitude, latitude, magnitude; many on edges of cells."""
    rng = np.random.default_rng(seed)
    cell = rng.choice(len(REGION), n, p=rates(3).sum(axis=1) / rates(3).sum())
    place = CORNERS[cell] + rng.integers(0, 10, (n, 2)) / 100
    return place[:, 0].round(2), place[:, 1].round(2), (4 + rng.exponential(0.4, n)).round(1)


def their_catalog(lon, lat, magnitude):
    """Events as pyCSEP has them."""
    rows = [(str(i), 0, a, o, 10.0, m) for i, (o, a, m) in
            enumerate(zip(lon, lat, magnitude, strict=True))]  # fmt: skip
    return CSEPCatalog(data=rows, region=their_region())


def their_grid(values):
    """Rates as pyCSEP has them."""
    return TheirGrid(data=values, region=their_region(), magnitudes=EDGES, name="a")


def forecast(seed=5, n=60, mean=6.0):
    """Simulated catalogues, some of them empty, the last one too."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(rng.gamma(1.0, mean, n))
    counts[[0, 7, n - 1]] = 0
    lon, lat, size = events(int(counts.sum()), seed + 1)
    return CatalogForecast(np.repeat(np.arange(n), counts), lon, lat, size, n)


def their_forecast(ours):
    """The same catalogues as pyCSEP has them."""
    parts = [ours.catalog == k for k in range(ours.n_catalogs)]
    catalogs = [their_catalog(ours.longitude[p], ours.latitude[p], ours.magnitude[p])
                for p in parts]  # fmt: skip
    return TheirCatalogs(catalogs=catalogs, region=their_region(), n_cat=ours.n_catalogs, name="a")


def quietly(function, *arguments):
    """Call what prints."""
    with contextlib.redirect_stdout(io.StringIO()):
        return function(*arguments)
