"""On real forecasts the tests give what pyCSEP gives, and what was published with the data."""

import gzip
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp

from craton.csep import binary, catalogs, compare, grids
from craton.csep.cumulative import cumulative_number_test
from craton.csep.reliability import catalog_reliability
from craton.csep.simulated import count_simulated
from craton.io.csep import read_catalog_forecast, read_observed
from craton.io.csep_grids import GriddedForecast, read_gridded_forecast
from craton.io.csep_regions import grid_region, quadtree_from_catalog, quadtree_zoom
from tests.csep import worlds

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif("CRATON_DATA_DIR" not in os.environ, reason="CRATON_DATA_DIR is not set"),
]
DATA = Path(os.environ.get("CRATON_DATA_DIR", "."))
EDGES = np.round(np.arange(3.6, 8.05, 0.1), 1)


@pytest.fixture(scope="module")
def kaikoura():
    """Region, and of each day the file and what was observed, to 30 km as in the experiment."""
    folder = DATA / "csep-kaikoura-etas"
    nodes = np.loadtxt(folder / "nz.testing.nodes.dat.gz")
    observed = read_observed(folder / "catalog.json.gz")
    days = []
    for file in sorted(folder.glob("etas_*.csv.gz")):
        when = observed["time"].to_numpy().astype("datetime64[D]") == np.datetime64(file.name[5:15])
        shallow = observed["depth"].to_numpy() <= 30
        days.append((file, observed.isel(event=np.flatnonzero(when & shallow))))
    return grid_region(np.round(nodes - 0.05, 10), 0.1), days


def test_numbers_of_kaikoura_are_those_published_with_the_data(kaikoura):
    region, days = kaikoura
    found = [catalogs.evaluate(file, seen, region, EDGES, 100).number for file, seen in days]
    assert [int(e.statistic) for e in found] == [146, 62, 32, 24, 22, 7, 5]
    expected = [88.9, 30.6, 19.9, 13.9, 12.2, 8.8, 7.2]
    np.testing.assert_allclose([e.distribution.mean() for e in found], expected, atol=0.05)
    shares = [0.03, 0.00, 0.09, 0.09, 0.12, 0.60, 0.70]
    np.testing.assert_allclose([e.at_least for e in found], shares, atol=0.005)
    assert [e.passes() for e in found] == [True, False, True, True, True, True, True]


def test_all_tests_of_kaikoura_are_those_of_pycsep(kaikoura, tmp_path):
    csep = pytest.importorskip("csep")
    theirs = pytest.importorskip("csep.core.catalog_evaluations")
    regions = pytest.importorskip("csep.core.regions")
    region, days = kaikoura
    their_region = regions.nz_csep_region(magnitudes=EDGES)
    lowest = ["magnitude >= 3.6"]
    for file, seen in days:
        plain = tmp_path / file.name[:-3]
        plain.write_bytes(gzip.decompress(file.read_bytes()))
        forecast = csep.load_catalog_forecast(
            str(plain), region=their_region, filters=lowest, filter_spatial=True,
            apply_filters=True, n_cat=100,
        )  # fmt: skip
        columns = (seen[k].to_numpy() for k in ("longitude", "latitude", "magnitude"))
        catalog = worlds.their_catalog(*columns)
        catalog.region = their_region
        catalog = catalog.filter(lowest).filter_spatial(their_region)
        expected = [
            worlds.quietly(test, forecast, catalog)
            for test in (theirs.number_test, theirs.magnitude_test, theirs.spatial_test,
                         theirs.pseudolikelihood_test)
        ]  # fmt: skip
        for a, b in zip(catalogs.evaluate(file, seen, region, EDGES, 100), expected, strict=True):
            assert abs(a.statistic - b.observed_statistic) < 1e-9, (file.name, a.name)
            assert (a.at_least, a.at_most, a.status) == (*b.quantile, b.status), (file.name, a.name)
            np.testing.assert_allclose(a.distribution, b.test_distribution, atol=1e-9, rtol=0)


def test_the_week_of_kaikoura_has_more_events_than_its_forecasts(kaikoura):
    region, days = kaikoura
    simulated = [
        count_simulated(read_catalog_forecast(f, 100, times=False), region, EDGES) for f, _ in days
    ]
    counts = [catalogs.observed_counts(seen, region, EDGES) for _, seen in days]
    found = cumulative_number_test([s.events for s in simulated], [c.sum() for c in counts])
    assert found.observed[-1] == 298
    assert found.at_least[-1] < 0.02
    diagram = catalog_reliability(simulated, counts, bins=5)
    hits = sum((c.sum(axis=1) > 0).sum() for c in counts)
    assert np.isclose((diagram.frequency * diagram.cases).sum(), hits)
    smooth = [compare.smoothed_rates(s, region, bandwidth=5.0) for s in simulated]
    even = [s.total * region.area / region.area.sum() for s in simulated]
    gain = compare.compare_days(smooth, even, [c.sum(axis=1) for c in counts])
    assert gain.low > 2  # nats an event over an even spread


@pytest.fixture(scope="module")
def globe():
    """The two given grids with rates of six years, and the events of those years on each."""
    folder = DATA / "csep-global-quadtree"
    train = pd.read_csv(folder / "cat_train_2013.csv.gz")
    test = pd.read_csv(folder / "cat_test.csv.gz")
    trees = {
        "zoom=6": quadtree_zoom(6),
        "zoom=EQ10L11": quadtree_from_catalog(train["lon"], train["lat"], 10, zoom=11),
    }
    found = {}
    for name, region in trees.items():
        rates = 6 * np.loadtxt(folder / f"example_rate_{name}.csv.gz")[:, None]
        assert rates.shape == (len(region), 1)
        counts = grids.count_events(test["lon"], test["lat"], test["mag"], region, [5.95])
        found[name] = region, rates, counts, test
    return found


@pytest.mark.parametrize("name", ["zoom=6", "zoom=EQ10L11"])
def test_tests_of_the_globe_are_those_of_pycsep(globe, name):
    regions = pytest.importorskip("csep.core.regions")
    forecasts = pytest.importorskip("csep.core.forecasts")
    poisson = pytest.importorskip("csep.core.poisson_evaluations")
    binomial = pytest.importorskip("csep.core.binomial_evaluations")
    region, rates, counts, test = globe[name]
    assert counts.sum() == 651
    their_region = regions.QuadtreeGrid2D.from_quadkeys(list(region.quadkeys), magnitudes=[5.95])
    theirs = forecasts.GriddedForecast(
        data=rates, region=their_region, magnitudes=np.array([5.95]), name=name
    )
    catalog = worlds.their_catalog(test["lon"], test["lat"], test["mag"])
    catalog.region = their_region
    np.testing.assert_array_equal(catalog.spatial_counts(), counts[:, 0])
    pairs = [
        (grids.spatial_test, poisson.spatial_test, 200),
        (grids.likelihood_test, poisson.likelihood_test, 200),
        (grids.conditional_likelihood_test, poisson.conditional_likelihood_test, 200),
        (binary.binary_spatial_test, binomial.binary_spatial_test, 20),
    ]
    for ours, other, n in pairs:
        expected = other(theirs, catalog, num_simulations=n, seed=11)
        found = ours(rates, counts, n=n, seed=np.random.RandomState(11))
        assert abs(found.statistic - expected.observed_statistic) < 1e-9, found.name
        assert found.at_most == expected.quantile, found.name
        np.testing.assert_allclose(found.distribution, expected.test_distribution, atol=1e-9)
    expected = binomial.negative_binomial_number_test(theirs, catalog, 23541.0)
    found = grids.number_test(rates, counts, 23541.0)
    assert np.allclose([found.at_least, found.at_most], expected.quantile, atol=1e-9)


def test_the_finer_grid_of_the_globe_is_better_where_earthquakes_are(globe):
    forecasts = [
        GriddedForecast(globe[name][1], globe[name][0], np.array([5.95]))
        for name in ("zoom=EQ10L11", "zoom=6")
    ]
    test = globe["zoom=6"][3]
    found = compare.density_t_test(*forecasts, test["lon"], test["lat"], test["mag"])
    assert found.n == 651
    assert found.low > 0


def test_the_given_spatial_test_is_what_32_events_make_of_its_forecast():
    given = json.loads((DATA / "csep-global-quadtree" / "example_spatial_test.json").read_text())
    drawn = np.array(given["test_distribution"])
    datasets = pytest.importorskip("csep.utils.datasets")
    forecast = read_gridded_forecast(datasets.helmstetter_aftershock_fname)
    counts = np.zeros_like(forecast.rates)
    counts[0, 0] = 32
    found = grids.spatial_test(forecast.rates, counts)
    assert ks_2samp(found.distribution, drawn).pvalue > 0.05
    assert given["quantile"] == np.mean(drawn <= given["observed_statistic"])
