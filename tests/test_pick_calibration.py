"""Conformal intervals of picks, on residuals whose law is known."""

import numpy as np
import pytest
import xarray as xr

from craton.pick_calibration import PickConformal

PAIR = ("sample", "phase")


def world(n, seed, *, there=1.0, tail=False):
    """Picks whose residuals shrink with the signal-to-noise ratio."""
    rng = np.random.default_rng(seed)
    snr = rng.uniform(0, 40, (n, 2))
    noise = rng.standard_t(2, (n, 2)) if tail else rng.normal(size=(n, 2))
    pick = rng.uniform(5, 50, (n, 2))
    truth = pick + noise * np.array([0.05, 0.3]) * 10 ** (-(snr - 20) / 40)
    present = rng.random((n, 2)) < there
    chance = np.where(present, rng.beta(4, 2, (n, 2)), rng.beta(2, 4, (n, 2)))
    q = pick[:, :, None] + np.array([-0.1, 0.0, 0.1])
    predicted = xr.Dataset(
        {"arrival": ((*PAIR, "quantile"), q), "probability": (PAIR, chance), "snr": (PAIR, snr)},
        {"quantile": [0.05, 0.5, 0.95], "phase": ["P", "S"], "sample": np.arange(n)},
    )
    return xr.Dataset({"arrival": (PAIR, np.where(present, truth, np.nan))}), predicted


def inside(observed, predicted):
    q = predicted["arrival"].to_numpy()
    truth = observed["arrival"].to_numpy()
    return (truth >= q[:, :, 0]) & (truth <= q[:, :, 2])


@pytest.mark.parametrize("tail", [False, True])
def test_intervals_cover_nine_tenths_of_new_picks_in_each_class_of_noise(tail):
    """Both phases, weak and strong, normal and heavy-tailed: 85 to 95 % of windows not seen."""
    found = PickConformal().fit(*world(500, 0, tail=tail))
    observed, predicted = world(4000, 1, tail=tail)
    hit = inside(observed, found.apply(predicted))
    weak = predicted["snr"].to_numpy() < 13
    for phase in range(2):
        assert 0.86 < hit[:, phase].mean() < 0.94
        assert 0.84 < hit[weak[:, phase], phase].mean() < 0.96
        assert 0.84 < hit[~weak[:, phase], phase].mean() < 0.96


def test_intervals_of_weak_picks_are_wider_than_those_of_strong_ones():
    """The width follows the signal-to-noise ratio, as the residuals do."""
    observed, predicted = world(500, 0)
    q = PickConformal().fit(observed, predicted).apply(predicted)["arrival"].to_numpy()
    width = (q[:, :, 2] - q[:, :, 0])[:, 1]
    snr = predicted["snr"].to_numpy()[:, 1]
    ratio = np.median(width[snr < 10]) / np.median(width[snr > 30])
    assert ratio == pytest.approx(10 ** (30 / 40), rel=0.35)


def test_the_pick_itself_does_not_move_and_lies_inside():
    """Only the ends of the interval are learnt."""
    observed, predicted = world(200, 2)
    q = PickConformal().fit(observed, predicted).apply(predicted)["arrival"].to_numpy()
    np.testing.assert_allclose(q[:, :, 1], predicted["arrival"].to_numpy()[:, :, 1])
    assert (q[:, :, 0] < q[:, :, 1]).all() and (q[:, :, 1] < q[:, :, 2]).all()


def test_probabilities_are_right_on_average_after_calibration():
    """The mean probability of new windows is the share that has the phase."""
    found = PickConformal().fit(*world(800, 3, there=0.3))
    observed, predicted = world(3000, 4, there=0.3)
    chance = found.apply(predicted)["probability"].to_numpy()
    assert chance.mean() == pytest.approx(float(observed["arrival"].notnull().mean()), abs=0.04)


def test_few_picks_leave_the_intervals_as_they_are():
    """Below twenty picks nothing can be said of a twentieth."""
    observed, predicted = world(19, 5)
    found = PickConformal().fit(observed, predicted).apply(predicted)
    np.testing.assert_array_equal(found["arrival"], predicted["arrival"])


def test_a_calibration_comes_back_from_its_arrays():
    """State and back gives the same intervals."""
    observed, predicted = world(100, 6)
    first = PickConformal().fit(observed, predicted)
    second = PickConformal().with_state(first.state())
    xr.testing.assert_identical(first.apply(predicted), second.apply(predicted))
