"""Forecast models of earthquake occurrence."""

import numpy as np
import pytest

from craton.errors import DataError
from craton.models.base import Fitting
from craton.models.point_process import ETAS, SmoothedSeismicity, UniformPoisson
from craton.tasks.earthquake_forecast import TASK, EarthquakeConfig

FAMILIES = [UniformPoisson(), SmoothedSeismicity(), ETAS(catalogs=50)]


@pytest.fixture(scope="module")
def world():
    config = EarthquakeConfig(horizon=30.0, cell=0.5)
    data = TASK.load(config)
    config = TASK.resolve(data, config)
    samples = TASK.samples(data, config, False)
    split = next(iter(TASK.splitter(config, samples).split(samples.index)))
    return samples, samples.take(split.train), samples.take(split.test)


@pytest.mark.parametrize("model", FAMILIES, ids=lambda m: type(m).__name__)
def test_a_forecast_is_probabilities_and_counts(world, model):
    _, train, test = world
    found = model.replace().fit(train).predict(test.take([0, 1, 2]))
    p = found["probability"].to_numpy()
    assert ((p >= 0) & (p <= 1)).all()
    assert (found["expected_count"].to_numpy() > 0).all()
    # a larger magnitude is never more probable
    assert (np.diff(p, axis=1) <= 1e-7).all()


@pytest.mark.parametrize("model", FAMILIES, ids=lambda m: type(m).__name__)
def test_state_brings_the_model_back(world, model):
    _, train, test = world
    fitted = model.replace().fit(train)
    back = model.replace().with_state(fitted.state())
    few = test.take([0, 5])
    for name, values in fitted.predict(few).data_vars.items():
        assert np.array_equal(values, back.predict(few)[name])


def test_a_window_is_forecast_alike_alone_and_in_a_batch(world):
    _, train, test = world
    fitted = ETAS(catalogs=50).fit(train)
    alone = fitted.predict(test.take([3]))["expected_count"].to_numpy()[0]
    batch = fitted.predict(test.take([1, 3, 5]))["expected_count"].to_numpy()[1]
    assert np.array_equal(alone, batch)


def test_the_poisson_rate_is_events_over_time(world):
    _, train, _test = world
    fitted = UniformPoisson().fit(train)
    seen = float(train.take(np.arange(len(train) - 1)).observed()["region_count"].sum())
    expected = seen / (30.0 * (len(train) - 1))
    assert fitted.rate == pytest.approx(expected, rel=0.02)


def test_etas_expects_more_after_a_large_event(world):
    samples, train, _ = world
    fitted = ETAS(catalogs=50).fit(train)
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
