"""Simulation and forecasts against closed forms and against each other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import dblquad

from craton.errors import ConfigError, ModelError
from craton.models.mainshock_factor import even_gamma
from craton.models.physics.etas import Events
from craton.models.physics.etas_cells import cell_share
from craton.models.physics.etas_forecast import (
    CellForecast,
    expected_counts,
    forecast_counts,
    forecast_thresholds,
    forecast_windows,
)
from craton.models.physics.etas_kernels import time_integral
from craton.models.physics.etas_simulation import Sequences, draw_magnitudes, simulate, survival
from tests.models.physics.etas_world import GRID, PARAMETERS, SQUARE, history


@pytest.mark.parametrize(("zone", "rho"), [(0.5, 0.6), (0.01, 0.4), (40.0, 1.3)])
@pytest.mark.parametrize("cell", [[-3, 7, -5, 5], [0.2, 10, -4, 6], [12, 22, 3, 13]])
def test_the_share_of_a_cell_equals_quadrature(zone: float, rho: float, cell: list[float]) -> None:
    def density(y: float, x: float) -> float:
        return float(rho / np.pi * zone**rho * (x * x + y * y + zone) ** -(1 + rho))

    x0, x1, y0, y1 = map(float, cell)
    cuts = [
        sorted({a, b, *(v for v in (-0.3, 0.0, 0.3) if a < v < b)}) for a, b in ((x0, x1), (y0, y1))
    ]
    expected = sum(
        dblquad(density, a, b, c, d, epsabs=1e-10, epsrel=1e-8)[0]
        for a, b in zip(cuts[0][:-1], cuts[0][1:], strict=True)
        for c, d in zip(cuts[1][:-1], cuts[1][1:], strict=True)
    )
    assert cell_share(0.0, 0.0, zone, rho, np.array([x0, x1, y0, y1])) == pytest.approx(
        expected, rel=1e-6
    )


def test_the_same_seed_gives_the_same_catalogues() -> None:
    first, second, other = (
        simulate(PARAMETERS, (0, 400), background=SQUARE, n_catalogs=3, seed=s) for s in (7, 7, 8)
    )
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)
    assert first.time.size != other.time.size


def test_the_mean_number_of_simulated_events_is_that_of_the_branching_process() -> None:
    # A taper much shorter than the window: nearly all descendants fall into it.
    p = replace(PARAMETERS, log10_tau=0.5)
    ratio = p.branching_ratio(7.0)
    assert 0.2 < ratio < 0.9
    n, days = 60, 400.0
    events = simulate(p, (0, days), background=SQUARE, m_max=7.0, n_catalogs=n, seed=2)
    founders = p.mu * SQUARE.area * days
    counts = np.bincount(events.catalog, minlength=n)
    assert counts.mean() == pytest.approx(founders / (1 - ratio), rel=0.05)
    assert (events.generation == 0).sum() / n == pytest.approx(founders, rel=0.04)
    triggered = events.parent >= 0
    assert (events.time[triggered] >= events.time[events.parent[triggered]]).all()
    same = events.catalog[triggered] == events.catalog[events.parent[triggered]]
    assert same.all()


def test_simulated_magnitudes_and_distances_follow_their_laws() -> None:
    rng = np.random.default_rng(0)
    m = draw_magnitudes(PARAMETERS, 6.0, rng, 100_000)
    assert m.min() >= 3.0 and m.max() <= 6.0
    assert (m >= 4.0).mean() == pytest.approx(survival(PARAMETERS, 6.0, 4.0), abs=0.003)
    assert survival(PARAMETERS, 6.0, 2.0) == 1.0 and survival(PARAMETERS, 6.0, 7.0) == 0.0
    e = Events.of([-1.0], [100.0], [75.0], [6.5])
    events = simulate(PARAMETERS, (0, 5), background=SQUARE, history=e, n_catalogs=400, seed=1)
    direct = events.parent == -2
    r2 = (events.x[direct] - 100) ** 2 + (events.y[direct] - 75) ** 2
    zone = float(PARAMETERS.zone(6.5))
    uniform = 1 - (1 + r2 / zone) ** -PARAMETERS.rho
    assert np.abs(np.sort(uniform) - np.linspace(0, 1, uniform.size)).max() < 1.6 / np.sqrt(
        uniform.size
    )


def test_even_magnitudes_keep_their_law_and_their_productivity_scatters_less() -> None:
    rng = np.random.default_rng(3)
    drawn = [[draw_magnitudes(PARAMETERS, 8.0, rng, 1000, even) for _ in range(50)]
             for even in (False, True)]  # fmt: skip
    for m in drawn:
        assert (np.concatenate(m) >= 4.0).mean() == pytest.approx(
            survival(PARAMETERS, 8.0, 4.0), rel=0.05
        )
    plain, even = (np.std([PARAMETERS.productivity(m).mean() for m in part]) for part in drawn)
    assert even < 0.6 * plain
    assert draw_magnitudes(PARAMETERS, 8.0, rng, 0, True).size == 0
    # their order tells nothing
    assert abs(np.corrcoef(drawn[1][0], np.arange(1000))[0, 1]) < 0.1


def test_an_explosive_model_is_refused_with_its_branching_ratio() -> None:
    wild = replace(PARAMETERS, log10_k0=-1.2, a=3.0)
    with pytest.raises(ModelError, match="branching ratio"):
        simulate(wild, (0, 1000), background=SQUARE, seed=1, max_events=20_000)


def test_expected_counts_equal_the_mean_of_direct_simulated_offspring() -> None:
    e = history()
    window = (2000.0, 2030.0)
    rates = expected_counts(PARAMETERS, e, window, GRID, SQUARE)
    n = 400
    events = simulate(PARAMETERS, window, background=SQUARE, history=e, n_catalogs=n, seed=3)
    inside = (events.x >= 0) & (events.x < 200) & (events.y >= 0) & (events.y < 150)
    assert rates.background.sum() == pytest.approx(PARAMETERS.mu * SQUARE.area * 30, rel=1e-9)
    direct = inside & (events.parent <= -2)
    expected = rates.triggered.sum()
    assert abs(direct.sum() / n - expected) < 4 * np.sqrt(expected / n)
    cell = (events.x[direct] // 10 * 15 + events.y[direct] // 10).astype(int)
    counts = np.bincount(cell, minlength=300)
    score = (counts - n * rates.triggered) / np.sqrt(n * rates.triggered)
    assert np.abs(score).max() < 5
    assert score.std() == pytest.approx(1.0, abs=0.2)


def test_expected_counts_in_a_cell_equal_shares_integrated_exactly() -> None:
    e = Events(*(v[:400] for v in history()))
    window = (2000.0, 2007.0)
    found = expected_counts(PARAMETERS, e, window, GRID).triggered
    table = PARAMETERS.table(2010.0)
    mean = PARAMETERS.productivity(e.magnitude) * (
        time_integral(table, PARAMETERS.c, 2007.0 - e.time)
        - time_integral(table, PARAMETERS.c, 2000.0 - e.time)
    )
    zone = PARAMETERS.zone(e.magnitude)
    for k in (0, 77, 150, 299):
        exact = sum(
            mean[j] * cell_share(e.x[j], e.y[j], zone[j], PARAMETERS.rho, GRID[k])
            for j in range(e.time.size)
        )
        assert found[k] == pytest.approx(exact, rel=1e-3)


def test_a_forecast_agrees_with_many_plain_simulations() -> None:
    past = history()
    shock = Events.of([1999.5], [104.0], [72.0], [6.3])
    e = Events(*(np.append(a, b) for a, b in zip(past, shock, strict=True)))
    e = Events(*(v[e.time <= 1999.5] for v in e))
    window, n = (2000.0, 2007.0), 6000
    found = forecast_counts(
        PARAMETERS, e, window, GRID, SQUARE, magnitude=4.0, m_max=7.5, n_catalogs=1000, seed=4
    )
    events = simulate(
        PARAMETERS, window, background=SQUARE, history=e, m_max=7.5, n_catalogs=n, seed=5
    )
    inside = (events.x >= 0) & (events.x < 200) & (events.y >= 0) & (events.y < 150)
    large = inside & (events.magnitude >= 4.0)
    assert found.total == pytest.approx(large.sum() / n, rel=0.08)
    assert found.number.mean() == pytest.approx(large.sum() / n, rel=0.12)
    cell = (events.x // 10 * 15 + events.y // 10).astype(int)
    hit = np.unique(events.catalog[large] * 300 + cell[large])
    probability = np.bincount(hit % 300, minlength=300) / n
    error = np.sqrt(found.probability * (1 - found.probability) / n) + 1e-4
    high = found.probability > 0.01
    assert high.sum() > 5
    # Clusters make the computed probability a little high (see its notes), never much.
    gap = found.probability - probability
    assert (gap[high] < 5 * error[high] + 0.06 * found.probability[high]).all()
    assert (gap > -5 * error).all()
    any_event = np.unique(events.catalog[large]).size / n
    assert found.probability_any == pytest.approx(any_event, abs=0.03)


def test_cells_and_windows_that_make_no_sense_are_refused() -> None:
    e = history(600)
    with pytest.raises(ConfigError, match="no area"):
        expected_counts(PARAMETERS, e, (600, 607), [[0, 0, 0, 1]])
    with pytest.raises(ConfigError, match="empty"):
        expected_counts(PARAMETERS, e, (607, 600), GRID)
    with pytest.raises(ConfigError, match="reaches into the window"):
        simulate(PARAMETERS, (10, 20), background=SQUARE, history=e)


def test_windows_of_one_simulation_are_those_of_a_simulation_each() -> None:
    e = history(600)
    arguments = (GRID, SQUARE, (PARAMETERS.mc, 4.0))
    found = forecast_windows(
        PARAMETERS, e, 600.0, (601.0, 630.0), *arguments, n_catalogs=2000, seed=1
    )
    longest = forecast_thresholds(
        PARAMETERS, e, (600.0, 630.0), *arguments, n_catalogs=2000, seed=1
    )
    for a, b in zip(found[1], longest, strict=True):
        np.testing.assert_array_equal(a.counts, b.counts)
        np.testing.assert_array_equal(a.number, b.number)
    day = forecast_thresholds(PARAMETERS, e, (600.0, 601.0), *arguments, n_catalogs=2000, seed=2)
    for a, b in zip(found[0], day, strict=True):
        assert a.total == pytest.approx(b.total, rel=0.05)
        assert a.probability_any == pytest.approx(b.probability_any, rel=0.05)
        assert a.number.mean() == pytest.approx(b.number.mean(), rel=0.15)
    events = found[0][0].catalogs
    assert (events.time < 601.0).all()
    born = events.parent >= 0
    assert (events.time[events.parent[born]] < events.time[born]).all()
    assert (events.catalog[events.parent[born]] == events.catalog[born]).all()


def test_the_offspring_of_a_sequence_are_multiplied_and_nothing_else() -> None:
    e = Events.of([-30.0, -0.2, -0.1], [40.0, 100.0, 100.0], [40.0, 75.0, 75.0], [6.0, 6.5, 5.0])
    window, n = (0.0, 7.0), 400

    def forecast(sequences: Sequences | None) -> CellForecast:
        return forecast_windows(
            PARAMETERS, e, 0.0, window[1:], GRID, SQUARE, (3.0,), n_catalogs=n, seed=5,
            sequences=sequences,
        )[0][0]  # fmt: skip

    rows = np.array([1])
    plain, none, same, fivefold = (
        forecast(s) for s in (None, *(Sequences(rows, np.full((n, 1), f)) for f in (0.0, 1.0, 5.0)))
    )
    own = plain.total - none.total
    assert own > 5
    assert same.total == pytest.approx(plain.total, rel=0.02)
    assert fivefold.total == pytest.approx(none.total + 5 * own, rel=0.05)
    direct = expected_counts(PARAMETERS, Events.of([-0.2], [100.0], [75.0], [6.5]), window, GRID)
    gained = fivefold.counts - none.counts
    near = direct.triggered > 0.2
    assert near.any() and (gained[near] > 4.5 * direct.triggered[near]).all()
    assert fivefold.number.mean() == pytest.approx(fivefold.total, rel=0.08)
    # a factor of one that differs from catalogue to catalogue has the same mean and spreads more
    spread_out = forecast(Sequences(rows, even_gamma(1.0, (n, 1), 0)))
    assert spread_out.total == pytest.approx(plain.total, rel=0.03)
    assert spread_out.number.var() > plain.number.var() + 0.5 * own**2
    assert spread_out.probability_any < plain.probability_any


def test_no_sequences_are_as_good_as_none() -> None:
    e = history()
    nobody = Sequences(np.array([], np.int64), np.zeros((50, 0)))
    found = [
        forecast_windows(PARAMETERS, e, float(e.time[-1]) + 0.1, [float(e.time[-1]) + 5], GRID,
                         SQUARE, (3.0,), n_catalogs=50, seed=1, sequences=s)[0][0]
        for s in (None, nobody)
    ]  # fmt: skip
    np.testing.assert_array_equal(found[0].counts, found[1].counts)
