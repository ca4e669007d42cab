"""CSEP tests of a forecast file against a catalogue file: what ``craton csep`` does."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from craton.csep import catalogs, grids
from craton.csep.compare import Comparison, density_t_test, smoothed_rates, t_test, w_test
from craton.csep.pictures import draw_evaluation
from craton.csep.results import Evaluation, Floats
from craton.csep.simulated import count_simulated
from craton.errors import ConfigError, DataError
from craton.io.csep import CatalogForecast, read_catalog_forecast, read_observed
from craton.io.csep_grids import GriddedForecast, read_gridded_forecast
from craton.io.csep_regions import Region, grid_region
from craton.io.files import atomic, require_file
from craton.issue import parse_time

Forecast = CatalogForecast | GriddedForecast
_MOST_CELLS = 4_000_000


@dataclass(frozen=True)
class FileTests:
    """Tests of one forecast file.

    Attributes
    ----------
    forecast : str
        What was tested, in words.
    tests : list of Evaluation
    comparisons : list of Comparison
        T and W tests against another forecast.
    notes : list of str
        Sentences on what was left out or assumed.
    """

    forecast: str
    tests: list[Evaluation]
    comparisons: list[Comparison] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def as_dict(self, level: float = 0.05) -> dict[str, Any]:
        """Plain values, for JSON; what is not a number is None."""
        rows = [
            {
                "test": t.name, "observed": t.statistic, "at_least": t.at_least,
                "at_most": t.at_most, "passes": t.passes(level), "status": t.status,
                "left_out": t.left_out,
            }
            for t in self.tests
        ]  # fmt: skip
        pairs = [vars(c) for c in self.comparisons]
        return {
            "forecast": self.forecast, "level": level,
            "tests": [{k: _finite(v) for k, v in row.items()} for row in rows],
            "comparisons": [{k: _finite(v) for k, v in row.items()} for row in pairs],
            "notes": self.notes,
        }  # fmt: skip


def evaluate_files(
    forecast: str | Path,
    catalog: str | Path,
    *,
    against: str | Path | None = None,
    grid: str | Path | None = None,
    cell: float = 0.1,
    magnitude: float | None = None,
    start: str | None = None,
    end: str | None = None,
    n_catalogs: int | None = None,
    seed: int = 0,
) -> FileTests:
    """Test a forecast file against what came.

    Parameters
    ----------
    forecast : str or Path
        Grid (``.dat``, ``.txt``, a quadtree's ``.csv``) or simulated catalogues (``.csv``).
    catalog : str or Path
        Observed events: any format of `craton.io.csep.read_observed`.
    against : str or Path, optional
        Forecast to compare with by T and W tests.
    grid : str or Path, optional
        Gridded forecast whose cells and magnitude bins simulated catalogues are counted in.
    cell : float
        Side of a cell in degrees, where no grid tells it; cells fill the box of all simulated
        events.
    magnitude : float, optional
        Lowest magnitude, where no grid tells it; that of the simulated events if None.
    start, end : str, optional
        Time of the forecast; the first and last simulated event if None, all observed events for
        a grid.
    n_catalogs : int, optional
        Number of simulated catalogues, where the last ones in the file are empty.
    seed : int
        Of the simulations of gridded forecasts.

    Returns
    -------
    FileTests

    Raises
    ------
    DataError
        If a file is not what was expected, or forecasts to be compared have different cells.
    """
    tested = read_forecast(forecast, n_catalogs)
    other = None if against is None else read_forecast(against)
    region, edges = _cells(tested, other, grid, cell, magnitude)
    seen, notes = _in_time(read_observed(catalog), tested, start, end)
    counts = catalogs.observed_counts(seen, region, edges)
    notes.append(
        f"{int(counts.sum())} of {seen.sizes['event']} events lie in the cells with magnitude "
        f"{edges[0]:g} or more"
    )
    if isinstance(tested, CatalogForecast):
        name = f"{tested.n_catalogs} simulated catalogues"
        tests = list(catalogs.evaluate(tested, seen, region, edges))
    else:
        name, tests = "expected numbers by cell, Poisson law", _gridded(tested.rates, counts, seed)
    name += f", {len(region)} cells, {edges.size} bins of magnitude"
    if other is None:
        return FileTests(name, tests, notes=notes)
    if counts.sum() < 2:
        return FileTests(name, tests, [], [*notes, "fewer than two events: nothing to compare"])
    return FileTests(name, tests, _compared(tested, other, region, edges, counts, seen), notes)


def read_forecast(path: str | Path, n_catalogs: int | None = None) -> Forecast:
    """Read a forecast of either kind, told apart by its ending and first line.

    Raises
    ------
    DataError
        If it is neither.
    """
    path = require_file(Path(path))
    name = path.name.lower().removesuffix(".gz")
    if name.endswith((".dat", ".txt")):
        return read_gridded_forecast(path)
    if not name.endswith(".csv"):
        raise DataError(
            "the ending is none of a forecast", where=str(path),
            fix="give a grid as .dat, or simulated catalogues or a quadtree as .csv",
        )  # fmt: skip
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as source:
        quadtree = b"quadkey" in source.readline(10_000).lower()
    return read_gridded_forecast(path) if quadtree else read_catalog_forecast(path, n_catalogs)


def write_tests(found: FileTests, path: Path) -> None:
    """Write tests as JSON, or as a picture (PNG, SVG or PDF) with a panel a test.

    Raises
    ------
    ConfigError
        If the ending is none of these.
    """
    ending = path.suffix.lower()
    if ending == ".json":
        with atomic(path) as part:
            part.write_text(json.dumps(found.as_dict(), indent=1) + "\n", encoding="utf-8")
        return
    if ending not in (".png", ".svg", ".pdf"):
        raise ConfigError(
            f"the ending {ending or 'of nothing'} is no format of tests", where=str(path),
            fix="give --out FILE.json, .png, .svg or .pdf",
        )  # fmt: skip
    from matplotlib.figure import Figure

    shown = [t for t in found.tests if np.isfinite(t.distribution).any()]
    if not shown:
        raise DataError("no test is valid: there is nothing to draw", fix="write .json")
    columns = min(len(shown), 3)
    rows = -(-len(shown) // columns)
    fig = Figure(figsize=(3.4 * columns, 2.7 * rows), layout="constrained")
    axes = fig.subplots(rows, columns, squeeze=False).ravel()
    for ax, test in zip(axes, shown, strict=False):
        draw_evaluation(ax, test)
    for ax in axes[len(shown) :]:
        ax.set_axis_off()
    with atomic(path) as part:
        fig.savefig(part, format=ending[1:], dpi=150)


def _cells(
    tested: Forecast, other: Forecast | None, grid: str | Path | None, cell: float,
    magnitude: float | None,
) -> tuple[Region, Floats]:  # fmt: skip
    """Cells and bins of the first grid among those given, else the box of simulated events."""
    given = [] if grid is None else [read_forecast(grid)]
    order = [tested, *given, other]
    found = next((f for f in order if isinstance(f, GriddedForecast)), None)
    if grid is not None and not isinstance(given[0], GriddedForecast):
        raise DataError("is no gridded forecast", where=str(grid), fix="give a .dat file")
    if found is not None:
        return found.region, found.magnitudes
    assert isinstance(tested, CatalogForecast)
    if not tested.catalog.size:
        raise DataError("no catalogue has an event", fix="give the cells by --grid FILE.dat")
    lon, lat, size = tested.longitude, tested.latitude, tested.magnitude
    low = np.floor(np.array([lon.min(), lat.min()]) / cell + 1e-9)
    high = np.floor(np.array([lon.max(), lat.max()]) / cell + 1e-9)
    n = (high - low + 1).astype(int)
    if n.prod() > _MOST_CELLS:
        raise ConfigError(f"{n[0]} x {n[1]} cells of {cell:g} degrees", fix="give a larger --cell")
    side = [low[k] + np.arange(n[k]) for k in (0, 1)]
    corners = np.stack([v.ravel() for v in np.meshgrid(*side, indexing="ij")], axis=1) * cell
    lowest = float(np.floor(size.min() * 10 + 1e-6) / 10) if magnitude is None else magnitude
    top = max(float(size.max()), lowest)
    edges = np.round(lowest + 0.1 * np.arange(int((top - lowest) / 0.1 + 1e-6) + 1), 6)
    return grid_region(np.round(corners, 8), cell), edges


def _in_time(
    observed: xr.Dataset, tested: Forecast, start: str | None, end: str | None
) -> tuple[xr.Dataset, list[str]]:
    """Observed events in the time of the forecast, and how that was told."""
    first = None if start is None else parse_time(start, "start").to_datetime64()
    last = None if end is None else parse_time(end, "end").to_datetime64()
    notes = []
    if isinstance(tested, CatalogForecast) and tested.time is not None and tested.time.size:
        guessed = [n for n, said in (("start", first), ("end", last)) if said is None]
        first = tested.time.min() if first is None else first
        last = tested.time.max() if last is None else last
        if guessed:
            notes.append(f"{' and '.join(guessed)} taken from the simulated events")
    elif first is None or last is None:
        notes.append(
            "a grid does not tell its time: all events of the catalogue were taken"
            + ("" if first is None else " from --start on")
            + ("" if last is None else " up to --end")
        )
    time = observed["time"].to_numpy()
    kept = np.ones(time.size, bool)
    kept &= True if first is None else time >= first
    kept &= True if last is None else time <= last
    if first is not None and last is not None:
        notes.insert(0, f"events from {str(first)[:19]} to {str(last)[:19]}")
    return observed.isel(event=np.flatnonzero(kept)), notes


def _gridded(rates: Floats, counts: Floats, seed: int) -> list[Evaluation]:
    return [
        grids.number_test(rates, counts),
        *(
            test(rates, counts, seed=seed)
            for test in (
                grids.magnitude_test, grids.spatial_test, grids.likelihood_test,
                grids.conditional_likelihood_test,
            )
        ),
    ]  # fmt: skip


def _compared(
    tested: Forecast, other: Forecast, region: Region, edges: Floats, counts: Floats,
    seen: xr.Dataset,
) -> list[Comparison]:  # fmt: skip
    if isinstance(tested, GriddedForecast) and isinstance(other, GriddedForecast):
        if not _same_cells(tested.region, other.region):
            places = (seen[k].to_numpy() for k in ("longitude", "latitude", "magnitude"))
            return [density_t_test(tested, other, *places)]
        if np.array_equal(tested.magnitudes, other.magnitudes):
            return _paired(tested.rates, other.rates, counts)
    a, b = (_in_space(f, region, edges) for f in (tested, other))
    return _paired(a, b, counts.sum(axis=1, keepdims=True))


def _paired(rates: Floats, benchmark: Floats, counts: Floats) -> list[Comparison]:
    return [t_test(rates, benchmark, counts), w_test(rates, benchmark, counts)]


def _in_space(forecast: Forecast, region: Region, edges: Floats) -> Floats:
    """Expected events by cell, shape (cell, 1)."""
    if isinstance(forecast, CatalogForecast):
        return smoothed_rates(count_simulated(forecast, region, edges), region)[:, None]
    if not _same_cells(forecast.region, region):
        raise DataError(
            "the forecasts have different cells", where=forecast.name or None,
            fix="give both on the same cells, or leave out --against",
        )  # fmt: skip
    if not np.isclose(forecast.magnitudes[0], edges[0]):
        raise DataError(
            f"the forecasts begin at magnitudes {forecast.magnitudes[0]:g} and {edges[0]:g}",
            fix="give forecasts of the same lowest magnitude",
        )
    return np.asarray(forecast.rates.sum(axis=1, keepdims=True))


def _same_cells(a: Region, b: Region) -> bool:
    return a.bounds.shape == b.bounds.shape and bool(np.allclose(a.bounds, b.bounds))


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not np.isfinite(value) else value


WORDS: dict[str, str] = {
    "N": "number of events", "M": "magnitudes", "S": "places", "L": "number, places, magnitudes",
    "CL": "places and magnitudes", "pseudo-likelihood": "number and places",
}  # fmt: skip
"""What a test looks at, by the last word of its name."""


def rows(tests: Sequence[Evaluation], level: float = 0.05) -> list[tuple[str, ...]]:
    """Lay tests out: name, what it looks at, observed, both quantiles, verdict.

    Examples
    --------
    >>> rows([grids.number_test([[3.0]], [[3]])])[0]
    ('N', 'number of events', '3', '0.577', '0.647', 'passes')
    """
    found = []
    for t in tests:
        name = t.name.split(" ", 1)[1]
        number = f"{t.statistic:.5g}"
        verdict = "passes" if t.passes(level) else "FAILS"
        if t.status == "not valid":
            number, verdict = "-", "nothing to test"
        elif t.left_out:
            verdict += f", without {t.left_out} events where nothing was simulated"
        quantiles = ("-" if not np.isfinite(q) else f"{q:.3f}" for q in (t.at_least, t.at_most))
        found.append((name, WORDS.get(name, ""), number, *quantiles, verdict))
    return found
