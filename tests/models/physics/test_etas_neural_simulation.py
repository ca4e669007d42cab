"""Catalogues of the neural ETAS model, unrolled in order of time."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from craton.models.physics.etas_history import EXCESS
from craton.models.physics.etas_neural import Catalog, Network, NeuralEtas
from craton.models.physics.etas_neural_simulation import (
    CRITICAL,
    Layers,
    Unrolled,
    Unroller,
    offspring_ratio,
    respond,
    units,
)
from tests.models.physics.etas_world import PARAMETERS, SCALE, SQUARE, described, past_of

START = 1700.0


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return described()


def model_with_network(catalog: Catalog, level: float = 0.3) -> NeuralEtas:
    """A network of random weights that matter."""
    torch.manual_seed(0)
    model = NeuralEtas(catalog.features.shape[1], PARAMETERS.gamma, Network(hidden=8))
    model.centre.copy_(torch.from_numpy(catalog.features.mean(axis=0)))
    model.spread.copy_(torch.from_numpy(catalog.features.std(axis=0)))
    torch.nn.init.normal_(model.last.weight, std=0.3)
    torch.nn.init.normal_(model.last.bias, std=0.3)
    model.kappa.data[0] = np.log(level)
    return model


def unroller(model: NeuralEtas, catalog: Catalog, days: float = 30.0) -> Unroller:
    past = past_of(catalog, START)
    return Unroller(model, PARAMETERS, past, (START, START + days), SCALE, SQUARE.area, 7.0)


def unroll(found: Unroller, seed: int = 0) -> Unrolled:
    born = np.array([[START + 1.0, 50.0, 50.0, 3.5, 0.0]])
    return found.run(seed, born, np.array([0]), 10**5)


def test_the_network_answers_as_in_training(catalog: Catalog) -> None:
    model = model_with_network(catalog)
    net = Layers.of(model)
    level, table, u, v = model.weights(catalog.features[:50], catalog.excess[:50])
    out = np.empty(1 + u.shape[1] + v.shape[1])
    for i in range(50):
        respond(units(catalog.features[i].astype(float), net), catalog.excess[i], net, out)
        np.testing.assert_allclose(np.exp(out[1:]), np.r_[u[i], v[i]], rtol=1e-4)
        kappa = np.exp(net.kappa[0] + net.kappa[1] * catalog.excess[i] + out[0])
        assert kappa == pytest.approx(level[i] * (u[i] * (v[i] @ table.T)).sum(), rel=1e-4)


def test_without_its_network_all_events_of_one_magnitude_trigger_alike(catalog: Catalog) -> None:
    plain = NeuralEtas(catalog.features.shape[1], PARAMETERS.gamma, Network(hidden=0))
    found = unroll(unroller(plain, catalog))
    assert (found.u == 1.0).all() and (found.v == 1.0).all()


def test_the_mean_number_of_offspring_is_one_over_magnitudes(catalog: Catalog) -> None:
    model = model_with_network(catalog)
    found = unroller(model, catalog)
    total = 0.0
    for excess, share in zip(found.magnitudes.steps, found.magnitudes.chance, strict=True):
        features = catalog.features[7:8].copy()
        features[:, EXCESS], features[:, EXCESS + 1] = excess, min(excess, 1.0)
        level, table, u, v = model.weights(features, np.array([excess]))
        total += float(share * level[0] * (u[0] * (v[0] @ table.T)).sum())
    given = units(catalog.features[7].astype(float), found.net)
    ratio = offspring_ratio(given, found.net, found.magnitudes.steps, found.magnitudes.chance)
    assert ratio == pytest.approx(total, rel=1e-4)


def test_a_model_that_would_feed_on_itself_is_damped(catalog: Catalog) -> None:
    plain = NeuralEtas(catalog.features.shape[1], PARAMETERS.gamma, Network(hidden=0))
    plain.kappa.data[0] = np.log(5.0)
    found = unroller(plain, catalog)
    events = unroll(found)
    assert events.time.size < 10**5
    by_scale = events.level[:, None] * events.u * (events.v @ found.net.table.T)
    mean = by_scale.sum(axis=1) / np.exp(float(plain.kappa[1]) * events.excess)
    whole = (found.magnitudes.chance * np.exp(float(plain.kappa[1]) * found.magnitudes.steps)).sum()
    np.testing.assert_allclose(mean * whole, CRITICAL, rtol=1e-6)


def test_what_comes_after_a_simulated_event_depends_on_it(catalog: Catalog) -> None:
    model = model_with_network(catalog)
    # a unit that is on where much happened of late, and lowers kappa
    model.hidden.weight.data.zero_()
    model.hidden.bias.data.zero_()
    model.last.weight.data.zero_()
    model.last.bias.data.zero_()
    # the count of the last half hour within the widest reach, far above its mean
    model.hidden.weight.data[0, 6] = 10.0
    model.hidden.bias.data[0] = -20.0
    model.last.weight.data[0, 0] = -1.0
    found = unroll(unroller(model, catalog))
    kappa = found.level * (found.u * (found.v @ Layers.of(model).table.T)).sum(axis=1)
    each = kappa / np.exp(float(model.kappa[1]) * found.excess)
    soon = found.time < found.time[0] + 0.01
    assert 3 < soon.sum() < soon.size
    assert each[0] == pytest.approx(each.max())
    assert each[soon][-1] < 0.3 * each[0]


def test_offspring_follow_the_kernels_of_their_parent(catalog: Catalog) -> None:
    plain = NeuralEtas(catalog.features.shape[1], PARAMETERS.gamma, Network(hidden=0))
    plain.kappa.data[0] = np.log(0.4)
    found = unroller(plain, catalog, days=3000.0)
    born = np.array([[START + 1.0, 50.0, 50.0, 3.5, 0.0]])
    several = [found.run(seed, born, np.array([0]), 10**5) for seed in range(40)]
    first = [e.generation == 1 for e in several]
    kappa = 0.4 * np.exp(3.5) * np.mean(-np.expm1(-2999.0 / 10.0 ** np.arange(-4.3, 4.11, 0.7)))
    number = np.mean([k.sum() for k in first])
    assert number == pytest.approx(kappa, abs=4 * np.sqrt(kappa / 40))
    delay = np.concatenate([e.time[k] for e, k in zip(several, first, strict=True)]) - START - 1.0
    # the exponentials are equally likely: a quarter of them is shorter than a hundredth of a day
    expected = np.mean(-np.expm1(-0.01 / 10.0 ** np.arange(-4.3, 4.11, 0.7)))
    share = expected * 0.4 * np.exp(3.5) / kappa
    assert (delay < 0.01).mean() == pytest.approx(share, abs=4 * np.sqrt(share / delay.size))
    excess = np.concatenate([e.excess[1:] for e in several])
    assert excess.mean() == pytest.approx(1 / PARAMETERS.beta, rel=0.1)


def test_one_seed_gives_one_catalogue_and_another_seed_another(catalog: Catalog) -> None:
    found = unroller(model_with_network(catalog), catalog)
    a, b, c = (unroll(found, seed) for seed in (1, 1, 2))
    assert all(np.array_equal(p, q) for p, q in zip(a, b, strict=True))
    assert not np.array_equal(a.time, c.time)


def test_the_unrolling_ends_when_there_are_too_many(catalog: Catalog) -> None:
    found = unroller(model_with_network(catalog), catalog)
    born = np.tile([[START + 1.0, 50.0, 50.0, 3.5, 0.0]], (20, 1))
    assert found.run(0, born, np.zeros(20, np.int64), 5).time.size == 6
