"""The ETAS model against quadrature, finite differences, simulation and published scores."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad

from craton.data.earthquakes import CENTRE, background, region, simulated_catalog, true_parameters
from craton.errors import ConfigError, DataError
from craton.io.geodesy import haversine_km, project
from craton.models.physics.etas import (
    FITTED,
    EtasFit,
    EtasParameters,
    Events,
    fit,
    log_likelihood,
)
from craton.models.physics.etas_kernels import KNOT, time_integral, time_quantile, time_table
from craton.models.physics.etas_problem import Problem
from craton.models.physics.etas_scores import benchmark_events, next_event_scores
from tests.models.physics.etas_world import PARAMETERS, SQUARE, history

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
    for a, b in pairwise(knots):
        edges = np.linspace(np.log(a + c), np.log(b + c), 12)
        parts.append(sum(quad(kernel, p, q, epsabs=0, epsrel=1e-12)[0]
                         for p, q in pairwise(edges)))  # fmt: skip
    np.testing.assert_allclose(found, np.cumsum(parts), rtol=2e-10)


def test_derivatives_of_the_time_integral_equal_finite_differences() -> None:
    c, omega, tau, t, h = 3e-3, -0.1, 200.0, 50.0, 1e-5

    def integral(c: float, omega: float, tau: float) -> float:
        return float(time_integral(time_table(c, omega, tau, t), c, np.array([t]))[0])

    table = time_table(c, omega, tau, t)
    place = np.log1p(t / c) / KNOT
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
    np.testing.assert_allclose((g[1] - g[0]) / (g[2] - g[0]), share, atol=1e-6)


def test_productivity_holds_the_integral_of_the_space_kernel_over_the_plane() -> None:
    m = 5.1
    zone = float(PARAMETERS.zone(m))
    flat = quad(lambda r: 2 * np.pi * r * (r**2 + zone) ** -(1 + PARAMETERS.rho), 0, np.inf)[0]
    expected = 10**PARAMETERS.log10_k0 * np.exp(PARAMETERS.a * (m - 3.0)) * flat
    assert float(PARAMETERS.productivity(m)) == pytest.approx(expected, rel=1e-7)


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


def synthetic(seed: int, days: float = 5000.0) -> tuple[Events, np.ndarray]:
    catalog = simulated_catalog(seed=seed, days=days)
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
    events, targets = synthetic(1, 3500)
    stages: list[str] = []
    arguments = dict(mc=3.0, region=region(), rounds=2)
    kernel = fit(events, targets, (500, 3500), background="kernel",
                 progress=lambda stage, _: stages.append(stage), **arguments)  # fmt: skip
    uniform = fit(events, targets, (500, 3500), background="uniform", **arguments)
    assert kernel.log_likelihood > uniform.log_likelihood + 250
    assert kernel.parameters.branching_ratio(7.5) == pytest.approx(0.68, abs=0.08)
    assert kernel.background_share.mean() == pytest.approx(0.35, abs=0.06)
    assert stages[0] == "fit 1 of 3" and stages[-1] == "fit 3 of 3"
    cells = np.array(
        [[x, x + 5, y, y + 5] for x in range(-200, 200, 5) for y in range(-240, 240, 5)]
    )
    found, truth = kernel.background.in_cells(cells), background().in_cells(cells)
    assert np.corrcoef(found, truth)[0, 1] > 0.8


def test_a_fit_that_goes_on_from_an_earlier_background_ends_where_one_from_scratch_ends() -> None:
    events, targets = synthetic(1, 3500)
    known = events.time < 3450
    part = Events(*(v[known] for v in events))
    arguments = dict(mc=3.0, region=region(), background="kernel", rounds=2)
    old = fit(part, targets[known], (500, 3450), **arguments)
    new = fit(events, targets, (500, 3500), start=old.parameters, earlier=old.background,
              **arguments)  # fmt: skip
    scratch = fit(events, targets, (500, 3500), **arguments)
    assert new.evaluations <= 5 < scratch.evaluations
    assert new.log_likelihood == pytest.approx(scratch.log_likelihood, abs=5.0)
    for name in ("log10_mu", "a", "log10_c", "rho"):
        assert getattr(new.parameters, name) == pytest.approx(
            getattr(scratch.parameters, name), abs=0.02
        )


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


# Scores


@pytest.mark.parametrize("bursts", [0, 3])
def test_scores_equal_a_plain_loop_over_great_circles(bursts: int) -> None:
    """With bursts, blocks of events long before a target act through their nodes."""
    rng = np.random.default_rng(0)
    t = rng.uniform(0, 100, 60)
    for start in rng.uniform(0, 60, bursts):
        t = np.append(t, start + np.append(rng.exponential(0.3, 300), np.zeros(300)))
    t = np.sort(t)
    n = t.size
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
@pytest.mark.parametrize(
    ("series", "events"),
    [("SCEDC_20", 13066), ("SCEDC_25", 5465), ("SCEDC_30", 2065), ("SaltonSea_10", 4103),
     ("SanJac_10", 4399)],
)  # fmt: skip
def test_published_parameters_give_the_published_scores(series: str, events: int) -> None:
    folder = Path(os.environ["CRATON_DATA_DIR"]) / "earthquakenpp"
    sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))
    try:
        from earthquakenpp_published import score
    finally:
        sys.path.pop(0)
    result = score(folder, series)
    entry = json.loads((folder / "benchmark.json").read_text())[series]["published"]
    assert result["n"] == events
    assert result["tll"] == pytest.approx(entry["ETAS_tll"], abs=0.006)
    assert result["sll"] == pytest.approx(entry["ETAS_sll"], abs=0.006)


def test_a_part_of_the_events_explained_has_about_their_likelihood_each() -> None:
    events = history(400)
    targets, window = events.time >= 50.0, (50.0, 400.0)
    density = np.full(int(targets.sum()), 1 / SQUARE.area)
    whole = Problem.of(PARAMETERS, events, targets, window, SQUARE.area, density)

    def each(problem: Problem) -> tuple[float, np.ndarray]:
        value, gradient, _ = problem.value(PARAMETERS, problem.sums(PARAMETERS))
        return value / problem.index.size, gradient / problem.index.size

    (a, of_a), (b, of_b) = each(whole), each(whole.every(3))
    assert b == pytest.approx(a, abs=0.15)
    parts = [
        replace(
            whole.every(3), index=some, density=density[k::3], part=some.size / whole.index.size
        )
        for k, some in enumerate(whole.index[k::3] for k in range(3))
    ]
    total = sum(p.value(PARAMETERS, p.sums(PARAMETERS))[0] for p in parts)
    assert total == pytest.approx(a * whole.index.size, rel=1e-12)
    np.testing.assert_allclose(of_b, of_a, atol=0.1)


def test_a_fit_that_first_looks_at_some_events_ends_at_the_same_maximum(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    events, window = history(900), (0.0, 900.0)
    every = np.ones(events.time.size, bool)

    def fitted() -> EtasFit:
        return fit(events, every, window, mc=3.0, region=(0, 200, 0, 150), background=SQUARE)

    whole = fitted()
    monkeypatch.setattr("craton.models.physics.etas._SOME", 400)
    assert every.size >= 800
    some = fitted()
    assert some.log_likelihood == pytest.approx(whole.log_likelihood, abs=1e-3)
    assert vars(some.parameters) != vars(whole.parameters)


def test_a_fit_that_ends_at_a_bound_tells_which() -> None:
    events = history(400)
    targets = np.ones(events.time.size, bool)
    bounded, free = (
        fit(events, targets, (0.0, 400.0), mc=3.0, region=SQUARE.polygon, max_branching=most)
        for most in (0.3, 0.999)
    )
    assert bounded.at_bounds == {"branching ratio": 0.3}
    assert bounded.parameters.branching_ratio() == pytest.approx(0.3)
    assert "branching ratio" not in free.at_bounds
