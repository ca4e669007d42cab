"""Gains of the options of an ETAS fit, on worlds where one of them is true."""

from __future__ import annotations

import numpy as np
import pytest

from craton.errors import ConfigError
from craton.models.physics.etas import Completeness, Events
from craton.models.physics.etas_options import (
    completeness_in_space,
    completeness_in_time,
    option_gains,
)
from craton.models.physics.etas_simulation import simulate
from tests.models.physics.etas_world import PARAMETERS, SQUARE, history

MC, SIDE = 3.0, 420.0


def faults(exponent: float) -> Events:
    """Faults of any strike with a large parent each, whose offspring lie along them."""
    rng, rows = np.random.default_rng(3), []
    for k in range(36):
        middle = np.array([35.0 + 70.0 * (k % 6), 35.0 + 70.0 * (k // 6)])
        strike = rng.uniform(0, np.pi)
        along = np.array([np.cos(strike), np.sin(strike)])
        across = np.array([-along[1], along[0]])
        start = 300.0 + 30.0 * k
        n, spread = 60, np.array([3.0, 0.6])
        before = rng.standard_normal((n, 2)) * spread
        variance, axes = np.linalg.eigh(np.cov(before[np.hypot(*before.T) < 5.0].T))
        # Squared distances of density (r2 + d)**-(1 + rho), stretched at equal area.
        d, rho, shape = 0.5, 0.8, (variance[1] / variance[0]) ** (0.25 * exponent)
        r = np.sqrt(d * (rng.random(n) ** (-1 / rho) - 1))
        angle = rng.uniform(0, 2 * np.pi, n)
        after = np.stack([r * np.sin(angle) / shape, r * np.cos(angle) * shape], axis=1) @ axes.T
        place = np.concatenate([before, [[0.0, 0.0]], after])
        xy = middle + place[:, :1] * along + place[:, 1:] * across
        delay = 0.01 * (rng.random(n) ** (-1 / 0.2) - 1)
        time = np.concatenate([rng.uniform(0, start, n), [start], start + np.minimum(delay, 300)])
        small = MC + np.minimum(rng.exponential(1 / 2.3, 2 * n), 1.0)
        rows.append(np.column_stack([time, xy, np.concatenate([small[:n], [5.5], small[n:]])]))
    table = np.concatenate(rows)
    inside = ((table[:, 1:3] > 0) & (table[:, 1:3] < SIDE)).all(axis=1)
    return Events.of(*table[inside][np.argsort(table[inside][:, 0])].T)


def all_of(events: Events) -> np.ndarray:
    return np.ones(events.time.size, bool)


@pytest.mark.parametrize("truth", [0.0, 1.0])
def test_the_exponent_of_the_ellipses_comes_back_and_gains_where_it_is_true(truth: float) -> None:
    events = faults(truth)
    found = option_gains(
        events, all_of(events), (0.0, 1000.0), (1000.0, 1600.0), mc=MC,
        region=(0.0, SIDE, 0.0, SIDE), options=["ellipses"],
    )["ellipses"]  # fmt: skip
    assert found.fit.exponent == pytest.approx(truth, abs=0.2)
    assert (found.gain.low > 0.01) == (truth > 0)


def test_a_kernel_background_gains_where_the_background_is_uneven_and_em_gains_nothing() -> None:
    clusters = np.random.default_rng(0).uniform((20, 20), (180, 130), (6, 2))
    events = simulate(PARAMETERS, (0, 300), background=SQUARE, m_max=6.0, seed=1)
    nearest = np.argmin(
        (events.x[:, None] - clusters[:, 0]) ** 2 + (events.y[:, None] - clusters[:, 1]) ** 2, 1
    )
    # Everything is drawn in towards its cluster.
    x = clusters[nearest, 0] + 0.3 * (events.x - clusters[nearest, 0])
    y = clusters[nearest, 1] + 0.3 * (events.y - clusters[nearest, 1])
    world = Events.of(events.time, x, y, events.magnitude)
    found = option_gains(
        world, all_of(world), (0.0, 200.0), (200.0, 300.0), mc=MC, region=SQUARE.polygon,
        delta_m=0.0, options=["kernel background", "expectation-maximisation"],
    )  # fmt: skip
    assert list(found) == ["plain", "kernel background", "expectation-maximisation"]
    assert found["plain"].gain.score == 0
    assert found["kernel background"].gain.low > 0
    assert abs(found["expectation-maximisation"].gain.score) < 1e-3


def test_a_gain_under_a_completeness_counts_the_events_above_it_alone() -> None:
    events, learn, held = history(400), (0.0, 350.0), (350.0, 400.0)
    found = option_gains(
        events, all_of(events), learn, held, mc=MC, region=SQUARE.polygon, delta_m=0.0,
        options=["after large events"],
    )["after large events"]  # fmt: skip
    late = events.time >= held[0]
    hidden = Completeness.of([0.0], [MC]).after_large_events(events, mc=MC, step=0.5)
    assert hidden.levels.max() > MC
    assert found.events == int((late & hidden.complete(events, MC)).sum())


def test_steps_of_completeness_begin_where_each_step_in_time_was_cut() -> None:
    rng, days = np.random.default_rng(1), 2 * 1096.0
    magnitude = MC + np.floor(10 * rng.exponential(1 / 2.3, 4000)) / 10
    time = np.sort(rng.uniform(0, days, 4000))
    seen = (time > days / 2) | (magnitude > 3.35)
    events = Events.of(time[seen], time[seen], time[seen], magnitude[seen])
    steps = completeness_in_time(events, (0.0, days), mc=MC, delta_m=0.1)
    np.testing.assert_allclose(steps.levels, [[3.4, MC]])


def test_the_quarter_that_was_cut_has_a_completeness_of_its_own() -> None:
    rng = np.random.default_rng(1)
    magnitude = MC + np.floor(10 * rng.exponential(1 / 2.3, 4000)) / 10
    x, y, time = rng.uniform(0, 200, 4000), rng.uniform(0, 150, 4000), np.arange(4000.0)
    seen = (x < 100) | (y < 75) | (magnitude > 3.35)
    events = Events.of(time[seen], x[seen], y[seen], magnitude[seen])
    found = completeness_in_space(events, (0.0, 4000.0), SQUARE.polygon, mc=MC, delta_m=0.1)
    # the medians lie a little off the middle: small events of a strip are there, so 0.2 is added
    assert found.levels.ravel().tolist() == pytest.approx([MC, MC, MC, 3.6])
    assert found.place([10, 190, 10, 190, 190], [10, 10, 140, 140, 1e4]).tolist() == [0, 1, 2, 3, 3]


def test_completeness_in_space_is_fitted_and_scored_on_the_events_above_it() -> None:
    events, learn, held = history(400), (0.0, 350.0), (350.0, 400.0)
    poor = (events.x > np.median(events.x)) & (events.y > np.median(events.y))
    seen = ~poor | (events.magnitude >= 3.4)
    cut = Events(*(v[seen] for v in events))
    found = option_gains(
        cut, all_of(cut), learn, held, mc=MC, region=SQUARE.polygon, delta_m=0.1,
        options=["completeness in space"],
    )  # fmt: skip
    gained, plain = found["completeness in space"], found["plain"]
    # the rate of all events comes back where the plain fit knows those that were seen alone
    assert plain.fit.parameters.mu < gained.fit.parameters.mu
    assert gained.events <= plain.events


def test_an_unknown_option_is_named() -> None:
    events = history(200)
    with pytest.raises(ConfigError, match="elipses"):
        option_gains(
            events, all_of(events), (0.0, 150.0), (150.0, 200.0), mc=MC, region=SQUARE.polygon,
            options=["elipses"],
        )  # fmt: skip
