"""Forecasts of the neural ETAS model against its own expectations and against ETAS."""

from __future__ import annotations

import numpy as np
import pytest

from craton.errors import ModelError
from craton.io.geodesy import unproject
from craton.models.physics.etas_forecast import forecast_windows as etas_windows
from craton.models.physics.etas_history import on_sphere
from craton.models.physics.etas_neural import WIDTHS, Network, NeuralEtas, describe
from craton.models.physics.etas_neural_forecast import PastDensity, _Simulation, forecast_windows
from craton.models.physics.etas_neural_past import Past
from craton.models.physics.etas_neural_training import train
from craton.models.physics.etas_parameters import Events
from craton.models.physics.etas_simulation import Sequences
from craton.models.physics.polygons import border_distance
from tests.models.physics.etas_world import GRID, PARAMETERS, SQUARE, history

START, SCALE = 2000.0, 3.0


@pytest.fixture(scope="module")
def world() -> tuple[NeuralEtas, Past, PastDensity, Events]:
    events = history()
    t, x, y, m = events
    latitude, longitude = unproject(x, y, (34.0, -117.0))
    catalog = describe(
        t, on_sphere(latitude, longitude), np.stack([x, y]), m,
        border_distance(x, y, SQUARE.polygon), PARAMETERS, SQUARE.area, SCALE,
    )  # fmt: skip
    network = Network(hidden=0, start=100)
    model = train(catalog, (100.0, START), None, gamma=PARAMETERS.gamma, network=network).model
    likely = catalog.rate[:, 0] / catalog.rate.sum(axis=1)
    density = PastDensity.of(x, y, likely, WIDTHS * SCALE, model.shares, SQUARE.polygon)
    return model, Past(t, x, y, m, catalog.features), density, events


def test_a_past_density_has_integral_one_and_its_samples_follow_it() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 200, 50), rng.uniform(0, 150, 50)
    density = PastDensity.of(x, y, rng.random(50), np.array([2.0, 8.0]), np.array([0.2, 0.5, 0.3]),
                             SQUARE.polygon)  # fmt: skip
    wide = density.in_cells(np.array([[-1e5, 1e5, -1e5, 1e5]]))
    assert wide[0] == pytest.approx(1.0, abs=2e-4)
    expected = density.in_cells(GRID)
    px, py = density.sample(rng, 40_000)
    inside = [((px >= a) & (px < b) & (py >= c) & (py < d)).mean() for a, b, c, d in GRID]
    np.testing.assert_allclose(inside, expected, atol=5 * np.sqrt(expected.max() / 40_000))
    centre_x, centre_y = GRID[:, :2].mean(axis=1), GRID[:, 2:].mean(axis=1)
    small = np.stack([centre_x - 0.05, centre_x + 0.05, centre_y - 0.05, centre_y + 0.05], axis=1)
    np.testing.assert_allclose(density.at(centre_x, centre_y), density.in_cells(small) / 0.01,
                               rtol=0.02)  # fmt: skip


def test_simulated_first_generations_have_the_expected_number(world: tuple) -> None:
    model, past, density, _ = world
    simulation = _Simulation(
        model, PARAMETERS, past, (START, START + 30), SCALE, SQUARE.area, 7.0, 10**6
    )
    mean = simulation.by_scale(simulation.history, simulation.window)
    expected = float((mean * (simulation.history.v @ simulation.table.T)).sum())
    events = simulation.run(density, 400, 1).events
    first = (events.generation == 1).sum() / 400
    # offspring of the history and of background events
    founders = (events.generation == 0).sum() / 400
    assert founders == pytest.approx(model.nu * 30, rel=0.1)
    assert expected < first < expected + founders
    assert ((events.time >= START) & (events.time < START + 30)).all()
    order = np.lexsort((events.time, events.catalog))
    assert (order == np.arange(order.size)).all()


def test_forecasts_on_an_etas_world_agree_with_etas(world: tuple) -> None:
    model, past, density, events = world
    share = density.in_cells(GRID)
    neural = forecast_windows(
        model, PARAMETERS, past, START, [START + 7, START + 30], GRID, density, share, (3.0, 4.0),
        scale=SCALE, m_max=7.0, n_catalogs=200, seed=0,
    )  # fmt: skip
    etas = etas_windows(
        PARAMETERS, events, START, [START + 7, START + 30], GRID, SQUARE, (3.0, 4.0), m_max=7.0,
        n_catalogs=200, seed=0,
    )  # fmt: skip
    for a, b in zip(neural, etas, strict=True):
        assert a[0].total == pytest.approx(b[0].total, rel=0.35)
        assert a[0].number.mean() == pytest.approx(a[0].total, rel=0.2)
        assert a[1].total < 0.3 * a[0].total


def test_the_same_seed_gives_the_same_catalogues(world: tuple) -> None:
    model, past, density, _ = world
    share = density.in_cells(GRID)
    twice = [
        forecast_windows(
            model, PARAMETERS, past, START, [START + 7], GRID, density, share, (3.0,), scale=SCALE,
            m_max=7.0, n_catalogs=20, seed=3,
        )[0][0]
        for _ in range(2)
    ]  # fmt: skip
    np.testing.assert_array_equal(twice[0].catalogs.time, twice[1].catalogs.time)
    np.testing.assert_array_equal(twice[0].counts, twice[1].counts)


def test_a_history_shorter_than_that_of_the_background_is_forecast(world: tuple) -> None:
    model, past, density, _ = world
    few = Past(*(column[:50] for column in past))
    found = forecast_windows(
        model, PARAMETERS, few, START, [START + 7], GRID, density, density.in_cells(GRID), (3.0,),
        scale=SCALE, m_max=7.0, n_catalogs=20, seed=3,
    )  # fmt: skip
    assert found[0][0].total > 0


def test_a_simulation_that_explodes_is_refused(world: tuple) -> None:
    model, past, density, _ = world
    with pytest.raises(ModelError, match="more than 10 events"):
        forecast_windows(
            model, PARAMETERS, past, START, [START + 7], GRID, density, density.in_cells(GRID),
            (3.0,), scale=SCALE, m_max=7.0, n_catalogs=20, seed=3, max_events=10,
        )  # fmt: skip


def test_the_offspring_of_a_sequence_are_multiplied(world: tuple) -> None:
    model, past, density, _ = world
    rows = np.array([int(np.argmax(past.magnitude))])
    start = float(past.time[rows[0]]) + 0.1
    known = Past(*(column[: rows[0] + 1] for column in past))
    n = 200
    plain, none, same, fivefold = (
        forecast_windows(
            model, PARAMETERS, known, start, [start + 7], GRID, density, density.in_cells(GRID),
            (3.0,), scale=SCALE, m_max=7.0, n_catalogs=n, seed=3, sequences=sequences,
        )[0][0]
        for sequences in (None, *(Sequences(rows, np.full((n, 1), f)) for f in (0.0, 1.0, 5.0)))
    )  # fmt: skip
    own = plain.total - none.total
    assert own > 1
    assert same.total == pytest.approx(plain.total, rel=0.03)
    assert fivefold.total == pytest.approx(none.total + 5 * own, rel=0.1)
    assert fivefold.number.mean() == pytest.approx(fivefold.total, rel=0.15)
