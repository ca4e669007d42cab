"""The ETAS model against quadrature, finite differences, simulation and published scores."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import dblquad, quad

from craton.data.earthquakes import CENTRE, background, region, simulated_catalog, true_parameters
from craton.errors import ConfigError, DataError, ModelError
from craton.io.geodesy import haversine_km, project
from craton.models.physics.etas import FITTED, EtasParameters, Events, fit, log_likelihood
from craton.models.physics.etas_background import (
    CellDensity,
    KernelDensity,
    UniformDensity,
    as_polygon,
    inside_polygon,
)
from craton.models.physics.etas_forecast import cell_share, expected_counts, forecast_counts
from craton.models.physics.etas_kernels import time_integral, time_quantile, time_table
from craton.models.physics.etas_scores import benchmark_events, next_event_scores
from craton.models.physics.etas_simulation import draw_magnitudes, simulate, survival

PARAMETERS = EtasParameters(-4.2, -2.5, 1.6, -2.4, 0.05, 2.5, -0.4, 0.8, 0.63, 2.3, 3.0)
SQUARE = UniformDensity.of((0.0, 200.0, 0.0, 150.0))
GRID = np.array([[x, x + 10, y, y + 10] for x in range(0, 200, 10) for y in range(0, 150, 10)])


def history(days: float = 2000.0, seed: int = 5) -> Events:
    events = simulate(PARAMETERS, (0, days), background=SQUARE, m_max=7.0, seed=seed)
    return Events.of(events.time, events.x, events.y, events.magnitude)


# Integrals


@pytest.mark.parametrize("omega", [-0.95, -0.5, -0.02, 0.0, 0.3, 1.0, 1.7])
@pytest.mark.parametrize(("c", "tau"), [(1e-2, 30.0), (1e-5, 3e4)])
def test_the_time_integral_equals_quadrature_for_any_omega(
    omega: float, c: float, tau: float
) -> None:
    def kernel(u: float) -> float:  # in u = log(t + c)
        return float(np.exp(-omega * u - (np.exp(u) - c) / tau))

    times = np.array([1e-6, 1e-3, 0.2, 5.0, 400.0, 1e4])
    found = time_integral(time_table(c, omega, tau, 1e4), c, times)
    knots = np.concatenate([[0.0], times])
    parts = []
    for a, b in zip(knots[:-1], knots[1:], strict=True):
        edges = np.linspace(np.log(a + c), np.log(b + c), 12)
        parts.append(sum(quad(kernel, p, q, epsabs=0, epsrel=1e-12)[0]
                         for p, q in zip(edges[:-1], edges[1:], strict=True)))  # fmt: skip
    np.testing.assert_allclose(found, np.cumsum(parts), rtol=2e-10)


def test_derivatives_of_the_time_integral_equal_finite_differences() -> None:
    c, omega, tau, t, h = 3e-3, -0.1, 200.0, 50.0, 1e-5

    def integral(c: float, omega: float, tau: float) -> float:
        return float(time_integral(time_table(c, omega, tau, t), c, np.array([t]))[0])

    table = time_table(c, omega, tau, t)
    place = np.log1p(t / c) / 0.0025
    k = int(place)
    found = table[k, 1:4] + (place - k) * (table[k + 1, 1:4] - table[k, 1:4])
    expected = [
        (integral(c, omega + h, tau) - integral(c, omega - h, tau)) / (2 * h),
        (integral(c, omega, tau * np.exp(h)) - integral(c, omega, tau * np.exp(-h))) / (2 * h),
        (integral(c * np.exp(h), omega, tau) - integral(c * np.exp(-h), omega, tau)) / (2 * h),
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_quantiles_of_the_delay_invert_its_integral() -> None:
    c, n = 1e-3, 2000
    table = time_table(c, 0.1, 500.0, 1e4)
    rng = np.random.default_rng(0)
    low = rng.choice([0.0, 0.5, 300.0], n)
    high, share = low + 10 ** rng.uniform(-2, 3, n), rng.random(n)
    delay = time_quantile(table, c, low, high, share)
    g = [time_integral(table, c, v) for v in (low, delay, high)]
    np.testing.assert_allclose((g[1] - g[0]) / (g[2] - g[0]), share, atol=1e-7)


def test_productivity_holds_the_integral_of_the_space_kernel_over_the_plane() -> None:
    m = 5.1
    zone = float(PARAMETERS.zone(m))
    flat = quad(lambda r: 2 * np.pi * r * (r**2 + zone) ** -(1 + PARAMETERS.rho), 0, np.inf)[0]
    expected = 10**PARAMETERS.log10_k0 * np.exp(PARAMETERS.a * (m - 3.0)) * flat
    assert float(PARAMETERS.productivity(m)) == pytest.approx(expected, rel=1e-7)


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


# Likelihood and fit


def plain_log_likelihood(p: EtasParameters, e: Events, start: float, end: float) -> float:
    """Double loop, quadrature: nothing shared with the code under test."""
    value, targets = 0.0, np.flatnonzero(e.time >= start)
    for i in targets:
        dt = e.time[i] - e.time[:i]
        excess = e.magnitude[:i] - p.mc
        r2 = (e.x[i] - e.x[:i]) ** 2 + (e.y[i] - e.y[:i]) ** 2
        k = 10**p.log10_k0 * np.exp(p.a * excess) * np.exp(-dt / p.tau)
        k /= (dt + p.c) ** (1 + p.omega)
        value += np.log(p.mu + np.sum(k / (r2 + 10**p.log10_d * np.exp(p.gamma * excess)) **
                                      (1 + p.rho)))  # fmt: skip
    value -= p.mu * SQUARE.area * (end - start)
    for t, m in zip(e.time, e.magnitude, strict=True):
        a, b = np.log(max(start - t, 0) + p.c), np.log(end - t + p.c)
        g = quad(lambda u: np.exp(-p.omega * u - (np.exp(u) - p.c) / p.tau), a, b,
                 epsabs=0, epsrel=1e-11, limit=200)[0]  # fmt: skip
        value -= float(p.productivity(m)) * g
    return value


def test_the_log_likelihood_equals_a_plain_double_loop() -> None:
    e = Events(*(v[:300] for v in history()))
    end = float(e.time[-1]) + 1.0
    found, _ = log_likelihood(PARAMETERS, e, e.time >= 20.0, (20.0, end), SQUARE.area)
    assert found == pytest.approx(plain_log_likelihood(PARAMETERS, e, 20.0, end), abs=1e-6)


def test_the_gradient_equals_finite_differences() -> None:
    e = history(600)
    targets, window, h = e.time >= 100, (100.0, 600.0), 1e-5
    density = np.random.default_rng(0).uniform(0.5, 1.5, int(targets.sum())) / SQUARE.area

    def value(p: EtasParameters) -> float:
        return log_likelihood(p, e, targets, window, SQUARE.area, density)[0]

    _, gradient = log_likelihood(PARAMETERS, e, targets, window, SQUARE.area, density)
    for name, slope in zip(FITTED, gradient, strict=True):
        up, down = (replace(PARAMETERS, **{name: getattr(PARAMETERS, name) + s}) for s in (h, -h))
        assert (value(up) - value(down)) / (2 * h) == pytest.approx(slope, rel=2e-5, abs=2e-3)


def synthetic(seed: int) -> tuple[Events, np.ndarray]:
    catalog = simulated_catalog(seed=seed)
    first = np.datetime64("2000-01-01", "ns")
    time = (catalog["time"].values - first).astype(np.int64) / 86400e9
    x, y = project(catalog["latitude"].values, catalog["longitude"].values, CENTRE)
    return Events.of(time, x, y, catalog["magnitude"].values), time >= 500


def test_a_fit_recovers_the_parameters_of_a_simulated_catalogue() -> None:
    events, targets = synthetic(1)
    found = fit(events, targets, (500, 5000), mc=3.0, region=region(), background=background())
    truth, p = true_parameters(), found.parameters
    assert found.converged
    tolerance = dict(log10_mu=0.08, log10_k0=0.15, a=0.25, log10_c=0.15, omega=0.06,
                     log10_tau=0.5, log10_d=0.2, gamma=0.2, rho=0.12, beta=0.12)  # fmt: skip
    for name, allowed in tolerance.items():
        assert abs(getattr(p, name) - getattr(truth, name)) < allowed, name
    assert p.branching_ratio(7.5) == pytest.approx(truth.branching_ratio(7.5), abs=0.06)
    density = background().at(events.x[targets], events.y[targets])
    at_truth, _ = log_likelihood(truth, events, targets, (500, 5000), background().area, density)
    # Nine free parameters gain 4.5 on average, 2 ln L being chi-squared.
    assert 0 < found.log_likelihood - at_truth < 15


def test_declustering_finds_the_background_and_beats_the_uniform_one() -> None:
    events, targets = synthetic(1)
    stages: list[str] = []
    arguments = dict(mc=3.0, region=region(), rounds=2)
    kernel = fit(events, targets, (500, 5000), background="kernel",
                 progress=lambda stage, _: stages.append(stage), **arguments)  # fmt: skip
    uniform = fit(events, targets, (500, 5000), background="uniform", **arguments)
    assert kernel.log_likelihood > uniform.log_likelihood + 300
    assert kernel.parameters.branching_ratio(7.5) == pytest.approx(0.68, abs=0.08)
    assert kernel.background_share.mean() == pytest.approx(0.35, abs=0.06)
    assert stages[0] == "fit 1 of 3" and stages[-1] == "fit 3 of 3"
    cells = np.array(
        [[x, x + 5, y, y + 5] for x in range(-200, 200, 5) for y in range(-240, 240, 5)]
    )
    found, truth = kernel.background.in_cells(cells), background().in_cells(cells)
    assert np.corrcoef(found, truth)[0, 1] > 0.8


def test_useless_events_and_settings_are_refused() -> None:
    e = history(600)
    with pytest.raises(DataError, match="at least 20"):
        fit(e, e.time < 1e-3, (0, 600), mc=3.0, region=(0, 200, 0, 150))
    with pytest.raises(DataError, match="outside the window"):
        fit(e, e.time >= 0, (300, 600), mc=3.0, region=(0, 200, 0, 150))
    with pytest.raises(ConfigError, match="did you mean 'kernel'"):
        fit(e, e.time >= 0, (0, 600), mc=3.0, region=(0, 200, 0, 150), background="kernl")
    with pytest.raises(DataError, match="not in order"):
        Events.of([2, 1], [0, 0], [0, 0], [3, 3])
    with pytest.raises(ConfigError, match="omega > -1"):
        replace(PARAMETERS, omega=-1.2)
    with pytest.raises(ConfigError, match="log10_mu is missing"):
        EtasParameters.from_mapping({"a": 1.0})


# Background densities


def densities() -> list[UniformDensity | CellDensity | KernelDensity]:
    rng = np.random.default_rng(0)
    x, y = rng.normal(60, 20, 80).clip(1, 199), rng.uniform(0, 150, 80)
    return [
        SQUARE,
        CellDensity.of(GRID[:40], np.arange(40.0)),
        KernelDensity.from_points(x, y, rng.random(80), (0, 200, 0, 150)),
        KernelDensity.from_points(x, y, rng.random(80), [[0, 0], [190, 10], [100, 150]]),
    ]


@pytest.mark.parametrize("which", range(4))
def test_a_background_density_integrates_to_one_and_its_cells_agree(which: int) -> None:
    density = densities()[which]
    step = 0.5
    x, y = np.meshgrid(np.arange(0.25, 200, step), np.arange(0.25, 150, step))
    at = density.at(x.ravel(), y.ravel())
    assert at.sum() * step**2 == pytest.approx(1.0, abs=2e-3)
    assert density.in_cells(GRID).sum() == pytest.approx(1.0, abs=5e-3)
    inside = (x.ravel() < 70) & (x.ravel() >= 60) & (y.ravel() >= 40) & (y.ravel() < 50)
    cell = density.in_cells(np.array([[60.0, 70.0, 40.0, 50.0]]))[0]
    assert at[inside].sum() * step**2 == pytest.approx(cell, rel=0.02, abs=1e-5)


@pytest.mark.parametrize("which", range(4))
def test_samples_of_a_background_density_fall_into_cells_as_often_as_told(which: int) -> None:
    density = densities()[which]
    x, y = density.sample(np.random.default_rng(1), 20_000)
    cells = np.array([[a, a + 40.0, b, b + 50.0] for a in range(0, 200, 40) for b in (0, 50, 100)])
    n = [((x >= a) & (x < b) & (y >= c) & (y < d)).sum() for a, b, c, d in cells]
    expected = 20_000 * density.in_cells(cells)
    assert np.abs(n - expected).max() < 5 * np.sqrt(20_000 * 0.25) * 1.2
    assert sum(n) == 20_000


def test_the_density_at_an_event_leaves_the_event_out() -> None:
    density = densities()[2]
    assert isinstance(density, KernelDensity)
    keep = np.arange(80) != 7
    w = density.weight
    parts = (
        w
        / (2 * np.pi * density.bandwidth**2)
        * np.exp(
            -((density.x - density.x[7]) ** 2 + (density.y - density.y[7]) ** 2)
            / (2 * density.bandwidth**2)
        )
    )
    expected = parts[keep].sum() * w.sum() / w[keep].sum() + 0.01 / density.area
    assert density.at_own_points()[7] == pytest.approx(expected, rel=1e-9)


def test_polygons_know_their_inside_and_their_edge() -> None:
    triangle = [[0, 0], [4, 0], [0, 4]]
    assert inside_polygon([1, 2, 3, 0, 5], [1, 2, 3, 0, 0], triangle).tolist() == [
        True, True, False, True, False,
    ]  # fmt: skip
    assert (as_polygon(triangle[::-1]) == np.array([[0, 0], [4, 0], [0, 4]])).all()
    overlap = UniformDensity.of(triangle).in_cells(np.array([[1.0, 3.0, 1.0, 3.0]]))
    assert overlap[0] == pytest.approx(2.0 / 8.0)
    with pytest.raises(ConfigError, match="polygon"):
        as_polygon([1, 2, 3])


# Simulation and forecast


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


# Scores


def test_scores_equal_a_plain_loop_over_great_circles() -> None:
    rng = np.random.default_rng(0)
    n = 60
    t = np.sort(rng.uniform(0, 100, n))
    lat, lon = rng.uniform(32, 37, n), rng.uniform(-122, -114, n)
    m, p, area = rng.choice([3.0, 3.1, 4.5, 6.0], n), PARAMETERS, 4e5
    scores = next_event_scores(p, t, lat, lon, m, test=(50.0, 100.0), area=area)
    first = int(scores.event[0])
    table = p.table(100.0)
    for k, i in enumerate(scores.event):
        dt, k0 = t[i] - t[:i], 10**p.log10_k0 * np.exp(p.a * (m[:i] - 3))
        g = k0 * np.exp(-dt / p.tau) / (dt + p.c) ** (1 + p.omega)
        r = haversine_km(lat[i], lon[i], lat[:i], lon[:i])
        rate = p.mu + np.sum(g / (r**2 + p.zone(m[:i])) ** (1 + p.rho))
        alone = p.mu * area + np.sum(g * np.pi / p.rho / p.zone(m[:i]) ** p.rho)
        assert scores.spatial[k] == pytest.approx(np.log(rate / alone), abs=1e-9)
        if i > first:
            parts = p.productivity(m[:i]) * (
                time_integral(table, p.c, dt) - time_integral(table, p.c, t[i - 1] - t[:i])
            )
            waited = p.mu * area * (t[i] - t[i - 1]) + parts.sum()
        else:
            waited = p.mu * area * (t[i] - 50.0)
        assert scores.temporal[k] == pytest.approx(np.log(alone) - waited, abs=1e-9)
    # All parts of the integral together are the integral over the window.
    before = p.productivity(m) * (
        time_integral(table, p.c, 100.0 - t) - time_integral(table, p.c, 50.0 - t)
    )
    assert scores.uncounted > 0
    assert scores.uncounted < p.mu * area * 50 + before.sum()


def test_benchmark_events_round_half_up_and_keep_the_border() -> None:
    square = [[0, 0], [0, 1], [1, 1], [1, 0]]
    kept = benchmark_events(
        [0, 1, 2, 3, 4], [0.5, 1.0, 0.5, 1.5, 0.5], [0.5, 0.5, 0.5, 0.5, 0.5],
        [2.95, 3.0, 2.94, 4.0, 3.0], window=(0, 4), polygon=square, mc=3.0,
    )  # fmt: skip
    np.testing.assert_allclose(kept[3], [3.0, 3.0])
    assert kept[0].tolist() == [0, 1]


@pytest.mark.realdata
@pytest.mark.skipif("CRATON_DATA_DIR" not in os.environ, reason="CRATON_DATA_DIR is not set")
def test_published_parameters_give_the_published_scores_on_scedc_30() -> None:
    folder = Path(os.environ["CRATON_DATA_DIR"]) / "earthquakenpp"
    sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))
    try:
        from earthquakenpp_published import score
    finally:
        sys.path.pop(0)
    result = score(folder, "SCEDC_30")
    entry = json.loads((folder / "benchmark.json").read_text())["SCEDC_30"]["published"]
    assert result["n"] == 2065
    assert result["tll"] == pytest.approx(entry["ETAS_tll"], abs=0.006)
    assert result["sll"] == pytest.approx(entry["ETAS_sll"], abs=0.006)
