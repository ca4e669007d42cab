"""Simulated seismograms: what is known of them must be in them."""

import numpy as np
import pytest

from craton.models.physics.onsets import bandpass, energy_ratio, refine
from craton.models.physics.seismograms import simulate


@pytest.fixture(scope="module")
def made():
    return simulate(60, 3000, 100.0, np.random.default_rng(5), noise_only=0.2)


def test_the_same_seed_gives_the_same_seismograms(made):
    """Nothing depends on anything but the generator."""
    again = simulate(60, 3000, 100.0, np.random.default_rng(5), noise_only=0.2)
    np.testing.assert_array_equal(made.waves, again.waves)


def test_windows_of_noise_have_no_arrival_and_others_have_p_before_s(made):
    """A window has both arrivals inside, or none."""
    there = np.isfinite(made.arrival)
    assert (there[:, 0] == there[:, 1]).all() and 0 < there[:, 0].mean() < 1
    p, s = made.arrival[there[:, 0]].T
    assert (p > 0).all() and (s > p).all() and (s < 3000).all()


def test_nothing_arrives_before_p():
    """Of strong events the AIC near P lies at the true sample for most."""
    made = simulate(120, 3000, 100.0, np.random.default_rng(6), noise_only=0.0)
    strong = made.snr > 25
    waves = bandpass(made.waves[strong], 100.0)[:, :1]
    found = refine(waves, made.arrival[strong, 0], 100, 100)
    gap = (found - made.arrival[strong, 0]) / 100.0
    assert np.median(np.abs(gap)) < 0.05 and np.mean(gap < -0.1) < 0.15


def test_signal_to_noise_of_p_is_what_was_asked_for():
    """Measured over the second after P, it follows the ratio that was drawn."""
    made = simulate(80, 3000, 100.0, np.random.default_rng(7), noise_only=0.0)
    z = bandpass(made.waves, 100.0, 1.0, 25.0)[:, 0]
    at = made.arrival[:, 0].astype(int)
    rms = lambda a, b: np.sqrt(np.mean(a[b[0] : b[1]] ** 2))  # noqa: E731
    seen = [20 * np.log10(rms(w, (k, k + 100)) / (rms(w, (max(k - 300, 0), k)) + 1e-9))
            for w, k in zip(z, at, strict=True)]  # fmt: skip
    ok = (at > 100) & (made.snr > 10)
    assert np.corrcoef(np.array(seen)[ok], made.snr[ok])[0, 1] > 0.8


def test_s_is_stronger_on_the_horizontals_and_p_on_the_vertical():
    """Energy of P and S has the components that physics gives it."""
    made = simulate(150, 3000, 100.0, np.random.default_rng(8), noise_only=0.0)
    alive = made.waves[:, 1:].any(axis=(1, 2)) & (made.snr > 20)
    share = {}
    for k, phase in enumerate("PS"):
        cut = [
            w[:, int(a) : int(a) + 30]
            for w, a in zip(made.waves[alive], made.arrival[alive, k], strict=True)
        ]
        power = np.array([np.square(c - c.mean()).sum(axis=1) for c in cut if c.shape[1] == 30])
        share[phase] = np.median(power[:, 0] / power.sum(axis=1))
    assert share["P"] > 0.5 > share["S"]


def test_energy_alone_finds_most_strong_arrivals():
    """The events are no weaker than the noise around them."""
    made = simulate(60, 3000, 100.0, np.random.default_rng(9), noise_only=0.0)
    z = bandpass(made.waves, 100.0)[:, 0]
    found = energy_ratio(z**2, 30, 500, 50).argmax(axis=1)
    near = np.abs(found - made.arrival[:, 0]) < 50
    assert near[made.snr > 25].mean() > 0.6
