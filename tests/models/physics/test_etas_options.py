"""Options of the ETAS fit on worlds that are known: errors, EM, completeness, ellipses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import dblquad, quad

from craton.errors import ConfigError
from craton.models.physics.etas import (
    FITTED,
    Anisotropy,
    Completeness,
    EtasFit,
    EtasParameters,
    Events,
    fit,
    log_likelihood,
)
from craton.models.physics.etas_anisotropy import Ellipses, ellipse_sums
from craton.models.physics.etas_problem import pair_arguments
from tests.models.physics.etas_world import PARAMETERS, SQUARE, history

RECTANGLE = (0, 200, 0, 150)


def all_events(found: Events) -> np.ndarray:
    return np.ones(found.time.size, bool)


def fitted(events: Events, days: float, **options: object) -> EtasFit:
    options = {"background": SQUARE, **options}
    return fit(events, all_events(events), (0, days), mc=3.0, region=RECTANGLE, **options)  # type: ignore[arg-type]


# Standard errors


def test_the_covariance_is_the_inverse_of_the_curvature_of_the_log_likelihood() -> None:
    events = history(120)
    found = fitted(events, 120, errors=True)
    density = SQUARE.at(events.x, events.y)
    scale = np.array([found.standard_errors[name] for name in FITTED])

    def value(shift: np.ndarray) -> float:
        moved = {n: getattr(found.parameters, n) + s for n, s in zip(FITTED, shift, strict=True)}
        p = replace(found.parameters, **moved)
        return log_likelihood(p, events, all_events(events), (0, 120), SQUARE.area, density)[0]

    h = 0.05
    curve, unit = np.empty((9, 9)), np.diag(h * scale)
    for i in range(9):
        for j in range(9):
            corners = [s * t * value(s * unit[i] + t * unit[j]) for s in (1, -1) for t in (1, -1)]
            curve[i, j] = -sum(corners) / (4 * h * h)
    expected = np.linalg.inv(curve) * np.outer(scale, scale)
    np.testing.assert_allclose(np.diag(found.covariance), np.diag(expected), rtol=0.02)
    np.testing.assert_allclose(
        found.covariance / np.outer(scale, scale), np.linalg.inv(curve), atol=0.03
    )
    low, high = found.interval("a", 0.95)
    assert (high - low) / 2 == pytest.approx(1.959964 * found.standard_errors["a"], rel=1e-6)
    assert 0 < found.branching_ratio_error(7.0) < 0.2


def test_errors_shrink_with_the_root_of_the_catalogue_and_must_be_asked_for() -> None:
    short, long = history(100), history(400)
    few, many = (fitted(e, d, errors=True) for e, d in ((short, 100), (long, 400)))
    ratio = few.standard_errors["beta"] / many.standard_errors["beta"]
    assert ratio == pytest.approx(np.sqrt(many.n_targets / few.n_targets), rel=0.15)
    assert many.standard_errors["rho"] < few.standard_errors["rho"]
    with pytest.raises(ConfigError, match="errors=True"):
        _ = few._replace(covariance=None).standard_errors


# EM


def test_em_ends_at_the_maximum_of_the_likelihood() -> None:
    events = history(200)
    direct, em = (fitted(events, 200, method=m) for m in ("direct", "em"))
    assert em.converged
    assert em.evaluations > direct.evaluations
    assert em.log_likelihood == pytest.approx(direct.log_likelihood, abs=2e-3)
    for name in FITTED:
        assert getattr(em.parameters, name) == pytest.approx(
            getattr(direct.parameters, name), abs=5e-3
        )


def test_em_never_lowers_the_likelihood() -> None:
    values: list[float] = []
    fitted(history(150), 150, method="em", progress=lambda _, v: values.append(v))
    assert (np.diff(values) > -1e-12).all()


# Completeness


def test_the_likelihood_of_steps_equals_a_plain_double_loop() -> None:
    whole = Events(*(v[:250] for v in history()))
    end = float(whole.time[-1]) + 1
    network = Completeness.of([0.0, 0.6 * end], [3.4, 3.0])
    found, _ = log_likelihood(
        PARAMETERS, whole, all_events(whole), (0.0, end), SQUARE.area, completeness=network
    )
    p, kept = PARAMETERS, whole.magnitude >= np.where(whole.time < 0.6 * end, 3.4, 3.0)
    e = Events(*(v[kept] for v in whole))
    lack = np.where(e.time < 0.6 * end, 0.4, 0.0)
    factor = np.exp((p.beta - p.a + p.rho * p.gamma) * lack)
    value = 0.0
    for i in range(e.time.size):
        dt = e.time[i] - e.time[:i]
        r2 = (e.x[i] - e.x[:i]) ** 2 + (e.y[i] - e.y[:i]) ** 2 + p.zone(e.magnitude[:i])
        k = factor[:i] * 10**p.log10_k0 * np.exp(p.a * (e.magnitude[:i] - p.mc) - dt / p.tau)
        rate = p.mu + np.sum(k * (dt + p.c) ** -(1 + p.omega) * r2 ** -(1 + p.rho))
        value += np.log(rate) - p.beta * lack[i]
    seen = np.exp(-p.beta * 0.4)
    value -= p.mu * SQUARE.area * end * (0.6 * seen + 0.4)
    for t, m, f in zip(e.time, e.magnitude, factor, strict=True):
        for a, b, share in ((0.0, 0.6 * end, seen), (0.6 * end, end, 1.0)):
            if b > t:
                low, high = np.log(max(a - t, 0) + p.c), np.log(b - t + p.c)
                g = quad(lambda u: np.exp(-p.omega * u - (np.exp(u) - p.c) / p.tau), low, high,
                         epsabs=0, epsrel=1e-11, limit=200)[0]  # fmt: skip
                value -= share * f * float(p.productivity(m)) * g
    assert found == pytest.approx(value, abs=1e-6)


def test_the_gradient_with_steps_equals_finite_differences() -> None:
    events = history(150)
    network = Completeness.of([0, 60], [[3.3, 3.0], [3.5, 3.2]], [(0, 90, 0, 150)])

    def value(q: EtasParameters) -> tuple[float, np.ndarray]:
        return log_likelihood(
            q, events, all_events(events), (0, 150), SQUARE.area, completeness=network
        )

    _, gradient = value(PARAMETERS)
    for k, name in enumerate(FITTED):
        if name in ("a", "gamma", "rho"):
            continue  # these move the productivity of the unseen, which the gradient holds
        up, down = (replace(PARAMETERS, **{name: getattr(PARAMETERS, name) + s})
                    for s in (1e-5, -1e-5))  # fmt: skip
        slope = (value(up)[0] - value(down)[0]) / 2e-5
        assert slope == pytest.approx(gradient[k], rel=2e-5, abs=2e-3), name


def test_parameters_come_back_from_a_catalogue_that_was_poor_at_first() -> None:
    events = history(300)
    network = Completeness.of([0, 200], [3.5, 3.0])
    seen = events.magnitude >= network.at(events.time, events.x, events.y)
    recorded = Events(*(v[seen] for v in events))
    right = fitted(recorded, 300, completeness=network, errors=True)
    wrong = fitted(recorded, 300)
    for name in ("log10_k0", "a", "log10_c", "omega", "log10_d", "gamma", "rho", "beta"):
        distance = getattr(right.parameters, name) - getattr(PARAMETERS, name)
        assert abs(distance) < 3 * right.standard_errors[name], name
    # Aftershocks of unseen events pass for background, so its rate comes out a little high.
    assert right.parameters.log10_mu == pytest.approx(PARAMETERS.log10_mu, abs=0.1)
    assert wrong.parameters.log10_mu < PARAMETERS.log10_mu - 0.2
    assert wrong.parameters.beta < PARAMETERS.beta - 0.4
    truth = PARAMETERS.branching_ratio(7.0)
    assert right.parameters.branching_ratio(7.0) == pytest.approx(truth, abs=0.08)


def test_completeness_by_region_recovers_the_background() -> None:
    events = history(250)
    west = (-1000, 100, -1000, 1000)
    network = Completeness.of([0], [[3.0], [3.5]], [west])
    seen = events.magnitude >= network.at(events.time, events.x, events.y)
    recorded = Events(*(v[seen] for v in events))
    right, wrong = (fitted(recorded, 250, completeness=c) for c in (network, None))
    assert network.shares(SQUARE, SQUARE.polygon) == pytest.approx([0.5, 0.5], abs=0.01)
    assert right.parameters.log10_mu == pytest.approx(PARAMETERS.log10_mu, abs=0.1)
    assert wrong.parameters.log10_mu < PARAMETERS.log10_mu - 0.12


def test_after_a_large_event_completeness_falls_as_the_law_says() -> None:
    events = Events.of([0.0, 10.0], [0, 0], [0, 0], [4.0, 6.5])
    found = Completeness.of([0], [3.0]).after_large_events(events, mc=3.0)
    assert found.at([5.0, 10.0], [0, 0], [0, 0]).tolist() == [3.0, 3.0]
    for days in (1e-3, 0.01, 0.03):
        law = 6.5 - 4.5 - 0.75 * np.log10(days)
        level = float(found.at([10.0 + days], [0], [0])[0])
        assert law <= level + 1e-9 and level < max(law, 3.0) + 0.1 + 1e-9
    assert float(found.at([10.0 + 1.01 * 10 ** (-1 / 0.75)], [0], [0])[0]) == 3.0


def test_parameters_come_back_where_large_events_hide_small_ones() -> None:
    events = history(400, seed=8)
    coda = (3.0, 0.75)  # a poor network: 1 day after M 6 complete from 3
    perfect = Completeness.of([0], [3.0])
    hidden = perfect.after_large_events(events, mc=3.0, from_magnitude=4.5, coda=coda)
    seen = events.magnitude >= hidden.at(events.time, events.x, events.y) - 1e-9
    recorded = Events(*(v[seen] for v in events))
    assert 0.02 < 1 - seen.mean() < 0.5
    # What is seen is all that the law needs: the large events are never hidden by smaller ones.
    known = perfect.after_large_events(recorded, mc=3.0, from_magnitude=4.5, coda=coda)
    right, wrong = (fitted(recorded, 400, completeness=c, errors=True) for c in (known, None))
    for name in ("a", "log10_c", "omega"):
        assert (
            abs(getattr(right.parameters, name) - getattr(PARAMETERS, name))
            < 3.5 * (right.standard_errors[name])
        ), name
    # Lost early aftershocks look like large events of few aftershocks, and a late onset of decay.
    assert wrong.parameters.a < right.parameters.a - 0.1
    assert wrong.parameters.log10_c > right.parameters.log10_c


def test_wrong_steps_are_refused() -> None:
    with pytest.raises(ConfigError, match="not in order"):
        Completeness.of([10, 0], [3, 3])
    with pytest.raises(ConfigError, match="shape"):
        Completeness.of([0, 10], [3.0])
    with pytest.raises(ConfigError, match="did you mean 'em'"):
        fitted(history(600), 600, method="emm")


# Ellipses


def test_an_ellipse_keeps_the_number_of_aftershocks() -> None:
    p = PARAMETERS
    zone, s = float(p.zone(6.0)), 0.8
    whole = dblquad(
        lambda a, r: r * (r**2 * (np.exp(-s) * np.cos(a) ** 2 + np.exp(s) * np.sin(a) ** 2)
                          + zone) ** -(1 + p.rho), 0, np.inf, 0, 2 * np.pi)[0]  # fmt: skip
    assert whole == pytest.approx(np.pi / p.rho * zone**-p.rho, rel=1e-4)


def test_rates_around_an_ellipse_equal_the_formula_and_a_circle_equals_no_ellipse() -> None:
    events = Events.of([0, 1, 2], [0, 3, -1], [0, 2, 4], [6, 3, 3])
    shape = Ellipses(np.array([0]), np.array([0.6]), np.array([0.8]), np.array([1.1]), 0.7)
    arguments = pair_arguments(PARAMETERS, events)
    found = ellipse_sums(np.array([1, 2]), *arguments, *shape)
    p, grown = PARAMETERS, np.exp(0.77)
    for row, (t, x, y) in zip(found, ((1, 3, 2), (2, -1, 4)), strict=True):
        u, v = 0.6 * x + 0.8 * y, 0.6 * y - 0.8 * x
        far = u * u / grown + v * v * grown + float(p.zone(6.0))
        rate = 10**p.log10_k0 * np.exp(p.a * 3 - t / p.tau) / (t + p.c) ** (1 + p.omega)
        assert row[0] == pytest.approx(rate * far ** -(1 + p.rho), rel=1e-10)
    world = history(200)
    arguments_ll = (PARAMETERS, world, all_events(world), (0, 200), SQUARE.area)
    circle = log_likelihood(*arguments_ll, anisotropy=Anisotropy(4.0, exponent=0.0))
    plain = log_likelihood(*arguments_ll)
    assert circle[0] == pytest.approx(plain[0], abs=1e-7)
    np.testing.assert_allclose(circle[1], plain[1], rtol=1e-7)
