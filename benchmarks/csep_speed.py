"""CSEP's four tests of 10,000 simulated catalogues, from the CSV file to the results.

craton beside pyCSEP. The catalogues are simulated by ETAS after a magnitude-7.5 main shock and lie
in the region, so that pyCSEP needs no filters. Both read the same file and the same observed events
in one process, and all statistics, quantiles and distributions are compared. With CRATON_DATA_DIR
set, the seven daily forecasts of the 2016 Kaikoura aftershocks are compared too.

python benchmarks/csep_speed.py [catalogues]
python benchmarks/csep_speed.py globe          (the quadtree alone; the other results are kept)
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from craton.csep import compare, grids
from craton.csep.catalogs import evaluate
from craton.io.csep import (
    CatalogForecast,
    read_catalog_forecast,
    read_observed,
    write_catalog_forecast,
)
from craton.io.csep_regions import grid_region, quadtree_from_catalog
from craton.io.files import read_text
from craton.models.physics.etas_background import UniformDensity
from craton.models.physics.etas_parameters import EtasParameters, Events
from craton.models.physics.etas_simulation import simulate

RESULT = Path(__file__).parent / "results" / "csep_speed.json"
KM = 6371 * np.pi / 180
PARAMETERS = EtasParameters(-4.5, -2.35, 1.5, -2.7, 0.0, 2.5, -0.29, 0.73, 0.6, 2.37, 3.0)


def simulated(n: int) -> tuple[CatalogForecast, xr.Dataset, np.ndarray]:
    """Forecast catalogues, one more as the observed one, and the corners of the cells."""
    main = Events(*(np.array([v]) for v in (-0.02, 250.0, 250.0, 7.5)))
    square = UniformDensity.of((0, 500, 0, 500))
    events = simulate(
        PARAMETERS, (0, 1), background=square, history=main, n_catalogs=n + 1, seed=1, m_max=8.0
    )
    lon, lat = np.round(10 + events.x / KM, 4), np.round(events.y / KM, 4)
    side = np.arange(45) / 10
    corners = np.array([(10 + a, b) for a in side for b in side])
    inside = (lon >= 10) & (lon < 14.5) & (lat >= 0) & (lat < 4.5)
    time_ = np.datetime64("2020-01-01", "ms") + (events.time * 86_400_000).astype("timedelta64[ms]")
    size = np.round(events.magnitude, 2)
    first = inside & (events.catalog < n)
    forecast = CatalogForecast(
        events.catalog[first], lon[first], lat[first], size[first], n, time_[first],
        np.full(int(first.sum()), 10.0),
    )  # fmt: skip
    last = inside & (events.catalog == n)
    columns = {"longitude": lon, "latitude": lat, "magnitude": size, "time": time_}
    observed = xr.Dataset({k: ("event", v[last]) for k, v in columns.items()})
    return forecast, observed, corners


def by_pycsep(path: Path, observed: xr.Dataset, corners, edges, filters: bool, n: int):
    """Four tests by pyCSEP, and the seconds they took from the file on."""
    from csep.core import catalog_evaluations as tests
    from csep.core.catalogs import CSEPCatalog
    from csep.core.regions import CartesianGrid2D

    import csep

    region = CartesianGrid2D.from_origins(corners, dh=0.1, magnitudes=edges)
    stamps = observed["time"].to_numpy().astype("datetime64[ms]").astype(int)
    places = (observed[k].to_numpy() for k in ("latitude", "longitude", "magnitude"))
    rows = [(str(i), int(t), a, o, 10.0, m) for i, (t, a, o, m) in
            enumerate(zip(stamps, *places, strict=True))]  # fmt: skip
    seen = CSEPCatalog(data=rows, region=region)
    options = {}
    if filters:
        lowest = [f"magnitude >= {edges[0]}"]
        options = {"filters": lowest, "filter_spatial": True, "apply_filters": True}
        seen = seen.filter(lowest).filter_spatial(region)
    begin = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        forecast = csep.load_catalog_forecast(str(path), region=region, n_cat=n, **options)
        found = [
            test(forecast, seen)
            for test in (
                tests.number_test, tests.magnitude_test, tests.spatial_test,
                tests.pseudolikelihood_test,
            )
        ]  # fmt: skip
    return found, time.perf_counter() - begin


def largest_difference(ours, theirs) -> float:
    """Over statistics, quantiles and distributions of all tests."""
    worst = 0.0
    for a, b in zip(ours, theirs, strict=True):
        there = np.asarray(b.test_distribution, float)
        if there.shape != a.distribution.shape:
            return float("inf")
        apart = (
            a.statistic - b.observed_statistic,
            a.at_least - b.quantile[0],
            a.at_most - b.quantile[1],
            *(a.distribution - there),
        )
        worst = max(worst, float(np.abs(apart).max()))
    return worst


def compared(path: Path, observed: xr.Dataset, corners, edges, filters: bool, n: int) -> dict:
    """Times of both and the largest difference."""
    region = grid_region(corners, 0.1)
    times = []
    for _ in range(5):
        begin = time.perf_counter()
        ours = evaluate(path, observed, region, edges, n)
        times.append(time.perf_counter() - begin)
    theirs, seconds = by_pycsep(path, observed, corners, edges, filters, n)
    return {
        "catalogues": n,
        "observed events": int(ours.number.statistic),
        "simulated events a catalogue": round(float(ours.number.distribution.mean()), 1),
        "craton (s), first call": round(times[0], 3),
        "craton (s), median of the next 4": round(statistics.median(times[1:]), 3),
        "pyCSEP (s)": round(seconds, 2),
        "times faster": round(seconds / statistics.median(times[1:]), 1),
        "largest difference": largest_difference(ours, theirs),
    }


def resampled(path: Path, n: int) -> CatalogForecast:
    """Catalogues of a forecast drawn with replacement."""
    given = read_catalog_forecast(path, 100)
    pick = np.random.default_rng(0).integers(0, 100, n)
    start = np.searchsorted(given.catalog, np.arange(101))
    rows = np.concatenate([np.arange(start[k], start[k + 1]) for k in pick])
    catalog = np.repeat(np.arange(n), np.diff(start)[pick])
    place = given.longitude[rows], given.latitude[rows], given.magnitude[rows]
    return CatalogForecast(catalog, *place, n, given.time[rows], given.depth[rows])


def kaikoura(folder: Path, n: int) -> list[dict]:
    """The seven daily forecasts of csep-kaikoura-etas, and the first resampled to n catalogues."""
    nodes = np.array(read_text(folder / "nz.testing.nodes.dat.gz").split(), float).reshape(-1, 2)
    observed = read_observed(folder / "catalog.json.gz")
    edges = np.round(np.arange(3.6, 8.05, 0.1), 1)
    days = []
    with tempfile.TemporaryDirectory() as room:
        for file in sorted(folder.glob("etas_*.csv.gz")):
            day = np.datetime64(file.name[5:15])
            when = observed["time"].to_numpy().astype("datetime64[D]")
            plain = Path(room) / file.name[:-3]
            plain.write_text(read_text(file), encoding="utf-8")
            today = observed.isel(event=np.flatnonzero(when == day))
            found = compared(plain, today, np.round(nodes - 0.05, 10), edges, True, 100)
            days.append({"day": str(day)} | found)
        first = sorted(folder.glob("etas_*.csv.gz"))[0]
        when = observed["time"].to_numpy().astype("datetime64[D]")
        today = observed.isel(event=np.flatnonzero(when == np.datetime64(first.name[5:15])))
        plain = Path(room) / "resampled.csv"
        write_catalog_forecast(plain, resampled(first, n))
        found = compared(plain, today, np.round(nodes - 0.05, 10), edges, True, n)
        days.append({"day": f"{first.name[5:15]}, resampled"} | found)
    return days


LIKELIHOODS = ("spatial_test", "likelihood_test", "conditional_likelihood_test")
SIZES = np.array([5.95])


def globe_files(folder: Path):
    """Training and test events as (longitude, latitude, magnitude), and the expected events."""
    train, test = (
        pd.read_csv(folder / f"cat_{k}.csv.gz")[["lon", "lat", "mag"]].to_numpy()
        for k in ("train_2013", "test")
    )
    return train, test, 6 * np.loadtxt(folder / "example_rate_zoom=EQ10L11.csv.gz")[:, None]


def globe_by_craton(folder: Path, n: int) -> tuple[list, list[float]]:
    """Six tests on the quadtree from the files on, and the seconds by the clock and of threads."""
    begin = time.perf_counter(), time.process_time()
    train, test, rates = globe_files(folder)
    region = quadtree_from_catalog(train[:, 0], train[:, 1], 10, zoom=11)
    counts = grids.count_events(*test.T, region, SIZES)
    even = np.full_like(rates, rates.mean())
    found = [grids.number_test(rates, counts)]
    for name in LIKELIHOODS:  # the legacy generator, which makes the numbers that pyCSEP makes
        seed = np.random.RandomState(1)
        found.append(getattr(grids, name)(rates, counts, n=n, seed=seed))
    found += [compare.t_test(rates, even, counts), compare.w_test(rates, even, counts)]
    return found, [time.perf_counter() - begin[0], time.process_time() - begin[1]]


def globe_by_pycsep(folder: Path, n: int) -> tuple[list, list[float]]:
    """The same by pyCSEP."""
    from csep.core import poisson_evaluations as theirs
    from csep.core.catalogs import CSEPCatalog
    from csep.core.forecasts import GriddedForecast
    from csep.core.regions import QuadtreeGrid2D

    def catalog(events, region=None):
        rows = [(str(i), 0, a, o, 10.0, m) for i, (o, a, m) in enumerate(events.tolist())]
        return CSEPCatalog(data=rows, region=region)

    begin = time.perf_counter(), time.process_time()
    train, test, rates = globe_files(folder)
    region = QuadtreeGrid2D.from_catalog(catalog(train), 10, zoom=11, magnitudes=SIZES)
    forecast, even = (
        GriddedForecast(data=data, region=region, magnitudes=SIZES, name="globe")
        for data in (rates, np.full_like(rates, rates.mean()))
    )
    seen = catalog(test, region)
    found = [theirs.number_test(forecast, seen)]
    for name in LIKELIHOODS:
        found.append(getattr(theirs, name)(forecast, seen, num_simulations=n, seed=1))
    found += [theirs.paired_t_test(forecast, even, seen), theirs.w_test(forecast, even, seen)]
    return found, [time.perf_counter() - begin[0], time.process_time() - begin[1]]


def globe(folder: Path) -> list[dict]:
    """N, S, L, CL, T and W tests on the global quadtree of 8,089 cells, from the files on.

    The quadtree is made from the events before 2014; T and W are against as many events spread
    evenly over the cells. The S, L and CL tests simulate 1,000 and 10,000 catalogues.
    """
    results = []
    for n in (1_000, 10_000):
        first, *runs = (globe_by_craton(folder, n) for _ in range(6))
        ours = first[0]
        seconds = np.median([run[1] for run in runs], axis=0)
        other, spent = globe_by_pycsep(folder, n)
        apart = [ours[0].at_least - other[0].quantile[0], ours[0].at_most - other[0].quantile[1]]
        for a, b in zip(ours[1:4], other[1:4], strict=True):
            apart += [*(a.distribution - b.test_distribution), a.at_most - b.quantile]
            apart.append(a.statistic - b.observed_statistic)
        apart.append(ours[4].gain - other[4].observed_statistic)
        apart.append(ours[4].low - other[4].test_distribution[0])
        apart.append(ours[5].statistic - other[5].observed_statistic)
        apart.append(ours[5].p_value - other[5].quantile)
        results.append({
            "catalogues": n,
            "craton (s)": round(float(seconds[0]), 3),
            "pyCSEP (s)": round(spent[0], 2),
            "times faster": round(spent[0] / float(seconds[0]), 1),
            "craton (CPU s)": round(float(seconds[1]), 3),
            "pyCSEP (CPU s)": round(spent[1], 2),
            "times faster, by CPU time": round(spent[1] / float(seconds[1]), 1),
            "quantiles of S, L, CL": [r.at_most for r in ours[1:4]],
            "largest difference": float(np.abs(apart).max()),
        })  # fmt: skip
    return results


def main() -> None:
    """Measure, print and keep."""
    mirror = os.environ.get("CRATON_DATA_DIR")
    if sys.argv[1:] == ["globe"]:
        found = json.loads(RESULT.read_text(encoding="utf-8"))
        found["csep-global-quadtree"] = globe(Path(mirror) / "csep-global-quadtree")
        keep(found)
        return
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    forecast, observed, corners = simulated(n)
    with tempfile.TemporaryDirectory() as room:
        path = Path(room) / "forecast.csv"
        write_catalog_forecast(path, forecast)
        edges = np.round(np.arange(3.0, 8.05, 0.1), 1)
        found = {"simulated": compared(path, observed, corners, edges, False, n)}
    if mirror:
        found["csep-kaikoura-etas"] = kaikoura(Path(mirror) / "csep-kaikoura-etas", n)
        found["csep-global-quadtree"] = globe(Path(mirror) / "csep-global-quadtree")
    keep(found)


def keep(found: dict) -> None:
    """Write and print."""
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
