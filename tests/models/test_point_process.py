"""Forecast models of earthquake occurrence."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from craton.errors import DataError
from craton.io.forecast_cells import cell_region
from craton.models.base import Fitting
from craton.models.blend import Blend
from craton.models.etas import ETAS
from craton.models.neural_etas import NeuralETAS
from craton.models.point_process import Region, SmoothedSeismicity, UniformPoisson, _above
from tests.models.worlds import earthquakes

FAMILIES = {
    UniformPoisson: UniformPoisson(),
    SmoothedSeismicity: SmoothedSeismicity(),
    ETAS: ETAS(catalogs=50),
    NeuralETAS: NeuralETAS(catalogs=50, hidden=8, steps=20, mainshocks=False),
}


@pytest.fixture(scope="module")
def world():
    return earthquakes()


@pytest.fixture(scope="module")
def known(world):
    """One model of each family, fitted."""
    return {family: model.replace().fit(world[1]) for family, model in FAMILIES.items()}


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.__name__)
def test_a_forecast_is_probabilities_and_counts(world, known, family):
    _, _train, test = world
    found = known[family].predict(test.take([0, 1, 2]))
    p = found["probability"].to_numpy()
    assert ((p >= 0) & (p <= 1)).all()
    assert (found["expected_count"].to_numpy() > 0).all()
    # a larger magnitude is never more probable
    assert (np.diff(p, axis=1) <= 1e-7).all()


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.__name__)
def test_state_brings_the_model_back(world, known, family):
    _, _train, test = world
    fitted = known[family]
    back = FAMILIES[family].replace().with_state(fitted.state())
    few = test.take([0, 5])
    for name, values in fitted.predict(few).data_vars.items():
        assert np.array_equal(values, back.predict(few)[name])


def test_a_window_is_forecast_alike_alone_and_in_a_batch(world, known):
    _, _train, test = world
    fitted = known[ETAS]
    alone = fitted.predict(test.take([3]))["expected_count"].to_numpy()[0]
    batch = fitted.predict(test.take([1, 3, 5]))["expected_count"].to_numpy()[1]
    assert np.array_equal(alone, batch)


def test_copies_that_are_redrawn_have_other_catalogues_and_the_same_parameters(world, known):
    _, _train, test = world
    fitted = known[ETAS]
    copies = fitted.redrawn()
    counts = np.stack([c.predict(test.take([3]))["expected_count"].to_numpy() for c in copies])
    assert np.array_equal(counts[0], fitted.predict(test.take([3]))["expected_count"].to_numpy())
    assert len(np.unique(counts.reshape(len(counts), -1).sum(axis=1))) == len(copies) == 5
    assert len({c.parameters for c in copies}) == 1


def test_a_model_without_chance_is_not_redrawn_and_a_blend_is_as_often_as_its_members(world, known):
    poisson, etas = known[UniformPoisson], known[ETAS]
    assert list(poisson.redrawn()) == [poisson]
    blends = Blend({"poisson": poisson, "etas": etas}).redrawn()
    assert [b.members["poisson"] for b in blends] == [poisson] * 5
    assert len({b.members["etas"].config.seed for b in blends}) == 5


def test_the_poisson_rate_is_events_over_time(world, known):
    _, train, _test = world
    fitted = known[UniformPoisson]
    seen = float(train.take(np.arange(len(train) - 1)).observed()["region_count"].sum())
    expected = seen / (30.0 * (len(train) - 1))
    assert fitted.rate == pytest.approx(expected, rel=0.02)


def test_etas_expects_more_after_a_large_event(world, known):
    samples, _train, _ = world
    fitted = known[ETAS]
    quiet = samples.take([len(samples) - 1])
    events = quiet.inputs()["all_events"]
    last = quiet.inputs()["t0"][0]
    large = np.vstack([events, [last - 0.01, 0.0, 0.0, 6.5]])
    shaken = quiet.with_inputs({"all_events": large, "n_history": np.array([len(large)])})
    before, after = (float(fitted.predict(s)["expected_count"].sum()) for s in (quiet, shaken))
    assert after > before + 10


def test_too_few_events_are_refused(world):
    _, train, _ = world
    with pytest.raises(DataError, match="at least 20"):
        UniformPoisson().fit(train.take([0]), Fitting())


def test_the_share_above_a_magnitude_holds_for_rounded_magnitudes():
    rng = np.random.default_rng(0)
    beta, mc, step = 2.3, 3.0, 0.2
    true = mc - step / 2 + rng.exponential(1 / beta, 400_000)
    rounded = np.round(np.floor(true / step + 0.5) * step, 6)
    expected = [(rounded >= m - 1e-9).mean() for m in (3.0, 4.0, 5.0)]
    assert _above(beta, region(mc), (3.0, 4.0, 5.0)) == pytest.approx(expected, rel=0.03)


def region(mc, largest=8.5):
    return Region(np.zeros((0, 4)), np.zeros((0, 2)), mc, 0.1, (mc,), largest)


def test_no_event_reaches_the_largest_magnitude():
    assert _above(2.3, region(3.0, 7.0), (3.0, 7.0, 9.0)).tolist() == [1.0, 0.0, 0.0]


def test_the_largest_magnitude_is_half_a_magnitude_above_the_largest_event_that_is_known():
    events = np.array([[0.0, 0.0, 0.0, 8.4], [1.0, 0.0, 0.0, 3.0]])
    assert region(3.0).knowing(events).largest_magnitude == pytest.approx(8.9)
    assert region(3.0).knowing(events[1:]).largest_magnitude == 8.5
    assert region(3.0, 2.0).knowing(events[:0]).largest_magnitude == 3.5


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.__name__)
def test_chances_and_simulations_end_at_the_largest_magnitude_of_the_settings(world, known, family):
    samples, _train, _ = world
    gather = dataclasses.replace(samples.gather, thresholds=(3.0, 7.9, 8.0, 9.0), simulations=100)
    last = dataclasses.replace(samples, gather=gather).take([len(samples) - 1])
    least = float(last.data["magnitude"].max()) + 0.5
    assert least < 8.0
    fitted = known[family]
    data = last.data.assign_attrs(largest_magnitude=8.0)
    found = fitted.predict(dataclasses.replace(last, data=data))
    chance = found["region_probability"].to_numpy()[0]
    assert chance[1] > 0 and chance[2:].tolist() == [0.0, 0.0]
    assert (found["probability"].to_numpy()[0, 2:] == 0).all()
    assert float(found["magnitude"][-1]) == pytest.approx(7.9)
    assert float(found["event_magnitude"].max()) < 8.0
    wide = fitted.predict(last)
    assert float(wide["region_probability"][0, 2]) > 0
    assert float(wide["region_probability"][0, 3]) == 0


def test_a_forecast_after_a_great_event_gives_its_repetition_a_chance(world, known):
    samples, _train, _ = world
    fitted = known[UniformPoisson]
    gather = dataclasses.replace(samples.gather, thresholds=(3.0, 8.8))
    last = dataclasses.replace(samples, gather=gather).take([len(samples) - 1])
    events = last.inputs()["all_events"]
    shock = np.vstack([events, [last.inputs()["t0"][0] - 0.01, 0.0, 0.0, 8.8]])
    shaken = last.with_inputs({"all_events": shock, "n_history": np.array([len(shock)])})
    chance = [float(fitted.predict(s)["region_probability"][0, 1]) for s in (last, shaken)]
    assert chance[0] == 0 and chance[1] > 0


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.__name__)
def test_catalogues_that_a_forecast_keeps_agree_with_its_expected_counts(world, known, family):
    samples, _train, _ = world
    fitted = known[family]
    last = samples.index.iloc[[-1, -1]].copy()
    last.index = [0, 1]
    last["t1"] = last["t0"] + pd.to_timedelta([1, 30], unit="D")
    gather = dataclasses.replace(samples.gather, simulations=4000)
    found = fitted.predict(dataclasses.replace(samples, index=last, gather=gather))
    month = found.isel(sample=1)
    n = found["catalog_id"].attrs["catalogs"]
    assert n == 4000
    at = cell_region(samples.data).index(found["event_longitude"], found["event_latitude"])
    assert (at >= 0).all()
    expected = month["expected_count"].to_numpy()
    counts = np.bincount(at, minlength=len(expected)) / n
    assert counts.sum() == pytest.approx(expected.sum(), rel=0.05)
    assert np.abs(counts - expected).max() < 0.1 * expected.max()
    low, high = month["count_interval"].to_numpy()
    assert (low <= expected + 1).all() and (high >= np.floor(expected)).all()
    assert (month["count_interval"] >= found.isel(sample=0)["count_interval"]).all()
    # of the magnitudes: the share from each bin on is that of the events
    m = found["event_magnitude"].to_numpy()
    assert float(found["magnitude_share"].sum()) == pytest.approx(1)
    above = float(found["magnitude_share"].sel(magnitude=slice(3.999, None)).sum())
    assert (m >= 4.0).mean() == pytest.approx(above, rel=0.05)
    # a day is a part of the month, from the same simulations
    assert 0 < float(found["expected_count"][0].sum()) < float(found["expected_count"][1].sum())


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.__name__)
def test_some_cells_are_forecast_as_they_are_among_all(world, known, family):
    _, _train, test = world
    fitted = known[family]
    one = test.take([2])
    part = dataclasses.replace(one, data=one.data.isel(cell=[5, 9]))
    whole, few = fitted.predict(one), fitted.predict(part)
    assert np.allclose(whole["expected_count"][:, [5, 9]], few["expected_count"])
    assert (few["region_probability"] <= whole["region_probability"]).all()


def test_a_blend_takes_as_many_catalogues_of_each_member_as_it_weighs(world, known):
    samples, _train, _ = world
    members = {"a": known[UniformPoisson], "b": known[ETAS]}
    weights = {"a": 0.25, "b": 0.75}
    gather = dataclasses.replace(samples.gather, simulations=1000)
    last = dataclasses.replace(samples, gather=gather).take([len(samples) - 1])
    alone = {n: m.predict(last) for n, m in members.items()}
    mixed = Blend(members, weights).predict(last)
    ids = mixed["catalog_id"].to_numpy()
    assert (np.diff(ids) >= 0).all() and ids[-1] < 1000
    for name, first, end in (("a", 0, 250), ("b", 250, 1000)):
        own = alone[name]["catalog_id"].to_numpy()
        kept = alone[name]["event_magnitude"].to_numpy()[(own >= first) & (own < end)]
        assert np.array_equal(
            mixed["event_magnitude"].to_numpy()[(ids >= first) & (ids < end)], kept
        )
    assert mixed["catalog_id"].attrs["catalogs"] == 1000
    mean = sum(w * alone[n]["expected_count"] for n, w in weights.items())
    assert np.allclose(mixed["expected_count"], mean)
