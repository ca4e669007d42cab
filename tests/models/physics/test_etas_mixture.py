"""Sums over pairs of the mixture against plain loops, finite differences and quadrature."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad

from craton.io.geodesy import haversine_km
from craton.models.physics.etas_history import arc2, on_sphere, past_counts, past_density
from craton.models.physics.etas_mixture import (
    TIME_SCALES,
    ZONES,
    exact_rates,
    pair_gradients,
    pair_kernels,
    pair_rates,
    rate_in_time,
)

A, B, N = TIME_SCALES.size, ZONES.size, 40


class World:
    """A few events, and weights of the mixture for each."""

    def __init__(self) -> None:
        rng = np.random.default_rng(3)
        self.time = np.sort(rng.uniform(0, 50, N))
        self.latitude, self.longitude = rng.uniform(34, 34.1, N), rng.uniform(-117, -116.9, N)
        self.place = on_sphere(self.latitude, self.longitude)
        self.stretch = np.exp(rng.exponential(0.5, N))
        self.level = rng.uniform(0.1, 1.0, N)
        self.table = rng.dirichlet(np.ones(A * B)).reshape(A, B)
        self.u, self.v = rng.uniform(0.5, 2, (N, A)), rng.uniform(0.5, 2, (N, B))

    def rate(self, i: int) -> float:
        """Triggered rate at event i by a plain loop."""
        total = 0.0
        for j in range(i):
            days = self.time[i] - self.time[j]
            r = haversine_km(self.latitude[i], self.longitude[i], self.latitude[j],
                             self.longitude[j])  # fmt: skip
            e = self.u[j] * np.exp(-days / TIME_SCALES) / TIME_SCALES
            zone = ZONES * self.stretch[j]
            s = self.v[j] * zone / np.pi / (float(r) ** 2 + zone) ** 2
            total += self.level[j] * float(e @ self.table @ s)
        return total


def all_pairs() -> tuple[np.ndarray, np.ndarray]:
    counts = np.arange(N)
    first = np.concatenate([[0], np.cumsum(counts)])
    return first, np.concatenate([np.arange(k) for k in counts]).astype(np.int32)


def test_exact_rates_equal_a_plain_loop() -> None:
    w, targets = World(), np.array([0, 1, 17, N - 1])
    found = exact_rates(targets, w.time, w.place, w.stretch, w.level, w.table, w.u, w.v)
    np.testing.assert_allclose(found, [w.rate(i) for i in targets], rtol=1e-6)


def given_pairs(w: World) -> tuple:
    first, source = all_pairs()
    kernels = pair_kernels(
        np.arange(N), first, source, np.ones(len(source), np.float32), w.time, w.place, w.stretch
    )
    return first, source, *kernels


def test_rates_from_pairs_equal_the_exact_ones() -> None:
    w = World()
    narrow = [a.astype(np.float32) for a in (w.level, w.table, w.u, w.v)]
    found = pair_rates(*given_pairs(w), *narrow)
    np.testing.assert_allclose(found, [w.rate(i) for i in range(N)], rtol=2e-5, atol=1e-12)


def test_gradients_equal_finite_differences() -> None:
    w = World()
    first, source, e, s = given_pairs(w)
    order = np.argsort(source, kind="stable")
    begin = np.searchsorted(source[order], np.arange(N + 1))
    target = np.repeat(np.arange(N), np.diff(first))
    given = np.random.default_rng(0).normal(size=N)
    narrow = [a.astype(np.float32) for a in (w.level, w.table, w.u, w.v)]
    found = pair_gradients(given, begin, order, target, e, s, *narrow)
    for which, at in ((0, (4,)), (1, (6, 3)), (2, (5, 7)), (3, (2, 4))):
        values = []
        for sign in (1, -1):
            moved = [a.copy() for a in narrow]
            moved[which][at] *= 1 + sign * 0.01
            values.append(float(given @ pair_rates(first, source, e, s, *moved)))
        slope = (values[0] - values[1]) / (0.02 * narrow[which][at])
        assert found[which][at] == pytest.approx(slope, rel=2e-3)


def test_the_rate_in_time_is_the_derivative_of_its_integral_and_of_all_events() -> None:
    w = World()
    by_scale = np.random.default_rng(1).uniform(0, 0.1, (N, A))
    moments = np.array([10.0, 10.001, 30.0, 49.0])
    rate, integral = rate_in_time(w.time, by_scale, moments)
    for moment, value in zip(moments, rate, strict=True):
        before = w.time < moment
        delay = moment - w.time[before, None]
        plain = (by_scale[before] * np.exp(-delay / TIME_SCALES) / TIME_SCALES).sum()
        assert value == pytest.approx(plain, rel=1e-9)
    assert not ((w.time > 10.0) & (w.time < 10.001)).any()
    flow = quad(lambda t: rate_in_time(w.time, by_scale, np.array([t]))[0][0], 10.0, 10.001)[0]
    assert integral[1] - integral[0] == pytest.approx(flow, rel=1e-6)


def test_a_density_of_the_past_has_integral_one() -> None:
    place = np.stack([np.zeros(3), np.zeros(3), np.zeros(3)])
    place[:, 1] = [50.0, 0.0, 0.0]  # of no weight

    def at(r: float) -> float:
        moved = place.copy()
        moved[:, 2] = [r, 0.0, 0.0]
        found = past_density(np.array([2]), moved, np.array([1.0, 0.0, 0.0]), np.array([4.0]))
        return float(found[0, 0])

    flat = quad(lambda r: 2 * np.pi * r * at(r), 0, np.inf, limit=200)[0]
    assert flat == pytest.approx(1.0, abs=1e-3)


def test_the_past_of_an_event_does_not_know_what_comes_later() -> None:
    w, half = World(), N // 2
    excess = np.zeros(N)
    reach, decay = np.array([1.0, 100.0]), np.array([1.0, 30.0])
    whole = past_counts(w.time, w.place, excess, reach, decay)
    part = past_counts(w.time[:half], w.place[:, :half], excess[:half], reach, decay)
    np.testing.assert_array_equal(whole[:half], part)


def test_counts_of_the_past_equal_a_plain_sum() -> None:
    w, i = World(), 30
    excess = np.linspace(0, 2, N)
    found = past_counts(w.time, w.place, excess, np.array([9.0]), np.array([5.0]))[i]
    r2 = np.array([arc2(w.place, i, j) for j in range(i)])
    left = np.exp(-(w.time[i] - w.time[:i]) / 5.0) * (r2 < 9.0)
    assert found[0] == pytest.approx(left.sum(), rel=1e-6)
    assert found[1] == pytest.approx((left * np.exp(excess[:i])).sum(), rel=1e-6)
    assert found[2] == pytest.approx(r2.min(), rel=1e-6)


def test_the_rate_in_space_has_the_rate_in_time_as_its_integral() -> None:
    w = World()
    w.stretch[:] = 1.0
    by_scale = w.level[:, None] * w.u * (w.v @ w.table.T)
    now = 51.0
    rate = rate_in_time(w.time, by_scale, np.array([now]))[0][0]
    # rings around one event that has all the weight: the plane in polar coordinates
    level = np.where(np.arange(N) == N - 1, w.level, 0.0)
    own = rate_in_time(w.time, by_scale * (level > 0)[:, None], np.array([now]))[0][0]
    assert own < rate

    def ring(r: float) -> float:
        place = np.c_[w.place, w.place[:, -1] + np.array([r, 0.0, 0.0])]
        grown = [np.append(a, a[-1:], axis=0) for a in (level, w.u, w.v)]
        grown[0][-1] = 0.0
        found = exact_rates(
            np.array([N]), np.append(w.time, now), place, np.ones(N + 1), grown[0], w.table,
            grown[1], grown[2],
        )  # fmt: skip
        return 2 * np.pi * r * float(found[0])

    edges = [0.0, *np.geomspace(1e-3, 500.0, 25)]
    flat = sum(quad(ring, a, b)[0] for a, b in pairwise(edges))
    assert flat == pytest.approx(own, rel=2e-2)
