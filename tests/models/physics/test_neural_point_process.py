"""The neural point process: densities of integral one, no look ahead, right on known worlds."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
import torch
from scipy.integrate import simpson

from craton.errors import DataError
from craton.models.physics.neural_point_process import (
    History,
    Learnt,
    Settings,
    look_back,
    train,
)

SIDE, SETTINGS = 8.0, Settings(past=6, widths=3, epochs=6, hidden=16, rate=5e-3)
TRAIN, HELD, TEST = (100.0, 900.0), (900.0, 1200.0), (1200.0, 1500.0)


def world(bursts: bool) -> History:
    """Two events a day in a square, or bursts of five within minutes and metres."""
    rng = np.random.default_rng(3)
    n = 600 if bursts else 3000
    time, place = rng.uniform(0, 1500, n), rng.uniform(0, SIDE, (2, n))
    if bursts:
        time = np.add.outer(time, np.r_[0.0, rng.uniform(0.001, 0.01, 4)]).ravel()
        place = np.repeat(place, 5, axis=1) + rng.normal(0, 0.05, (2, 5 * n))
    order = np.argsort(time)
    flat = np.full((time.size, 1), 1 / SIDE**2)
    return History(time[order], place[:, order], rng.exponential(0.4, time.size), flat, 1.0)


@cache
def learnt(bursts: bool) -> Learnt:
    torch.manual_seed(0)
    return train(world(bursts), TRAIN, HELD, SETTINGS)


@pytest.mark.parametrize("i", [700, 1501])
def test_the_density_of_the_waiting_time_has_integral_one_and_gives_the_survival(i: int) -> None:
    history, model = world(True), learnt(True).model

    def mass_and_survival(low: float) -> tuple[float, float]:
        wait = np.geomspace(low, 1e5, 20_001)
        seen = look_back(history, np.full(wait.size, i), 6, wait)
        with torch.no_grad():
            density, survival, _ = (v.double().numpy() for v in model(seen))
        return float(simpson(np.exp(density) * wait, x=np.log(wait))), math.exp(survival[0])

    for low in (1e-9, 0.02):
        mass, survival = mass_and_survival(low)
        assert mass == pytest.approx(survival, abs=1e-3)
    assert mass_and_survival(1e-9)[1] == pytest.approx(1.0, abs=1e-3)
    assert mass_and_survival(0.02)[1] < 0.99


@pytest.mark.parametrize("bursts", [True, False])
def test_the_density_of_the_place_has_integral_one_over_the_plane(bursts: bool) -> None:
    history, model = world(bursts), learnt(bursts).model
    step, reach = 0.03, 60.0
    line = np.arange(-reach + step / 2, reach, step)
    # Fine near the square, where narrow kernels are; coarse beyond.
    inner = line[(line > -2) & (line < SIDE + 2)]
    outer = np.arange(-reach, reach, 1.0) + 0.5
    total = 0.0
    for axis, cell in ((inner, step), (outer, 1.0)):
        x, y = (v.ravel() for v in np.meshgrid(axis, axis))
        if cell == 1.0:
            away = (x < -2) | (x > SIDE + 2) | (y < -2) | (y > SIDE + 2)
            x, y = x[away], y[away]
        inside = (x > 0) & (x < SIDE) & (y > 0) & (y < SIDE)
        density = np.where(inside, 1 / SIDE**2, 0.0)[:, None]
        for part in np.array_split(np.arange(x.size), 8):
            index, wait = np.full(part.size, 1000), np.full(part.size, 0.01)
            seen = look_back(history, index, 6, wait, np.stack([x, y])[:, part], density[part])
            with torch.no_grad():
                total += float(torch.exp(model(seen)[2].double()).sum()) * cell**2
    assert total == pytest.approx(1.0, abs=2e-3)


def test_in_a_poisson_world_it_nears_the_truth_and_does_not_pass_it() -> None:
    history = world(False)
    score = learnt(False).model.score(history, TEST)
    n = score.event.size
    # All 3,000 events in 1,500 days: the rate is known, whatever the test events are.
    proper = score.temporal.sum() + score.spatial.sum() - score.uncounted
    truth = n * (math.log(2.0) - math.log(SIDE**2)) - 2.0 * (TEST[1] - TEST[0])
    assert -0.15 < (proper - truth) / n < 0.02


def test_it_learns_bursts() -> None:
    history = world(True)
    score = learnt(True).model.score(history, TEST)
    poisson = math.log(2.0) - math.log(SIDE**2) - 1.0
    assert (score.temporal + score.spatial).mean() > poisson + 3.0
    assert (np.diff(history.time, prepend=0)[score.event] < 0.02).mean() > 0.5


def test_a_score_does_not_depend_on_what_comes_later() -> None:
    history, model = world(True), learnt(True).model
    whole = model.score(history, TEST)
    cut = np.flatnonzero(history.time >= TEST[0])[0] + 50
    early = History(*(v[..., :cut] for v in history[:3]), history.density[:cut], history.scale)
    part = model.score(early, TEST)
    np.testing.assert_allclose(part.temporal, whole.temporal[:50], rtol=1e-5)
    np.testing.assert_allclose(part.spatial, whole.spatial[:50], rtol=1e-5, atol=1e-5)


def test_too_short_a_past_is_refused() -> None:
    with pytest.raises(DataError, match="an event has 2 events before it, at least 6"):
        look_back(world(False), np.array([2, 9]), 6)
