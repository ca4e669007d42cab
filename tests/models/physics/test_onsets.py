"""Onsets by energy and likelihood, on steps of known place."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from craton.models.physics.onsets import aic, bandpass, energy_ratio, refine, signal_to_noise


def step(at, n=2000, loud=10.0, seed=0):
    noise = np.random.default_rng(seed).normal(size=(1, 1, n))
    noise[..., at:] *= loud
    return noise


@settings(max_examples=25, deadline=None)
@given(st.integers(200, 1800), st.integers(0, 1000))
def test_aic_and_energy_ratio_find_a_step_of_variance_within_ten_samples(at, seed):
    """An onset of ten times the amplitude is placed by both together."""
    waves = step(at, seed=seed)
    first = energy_ratio(waves[:, 0] ** 2, 30, 500, 50).argmax(axis=1)
    found = refine(waves, first, 150, 100)
    assert abs(int(found[0]) - at) <= 10


def test_band_pass_moves_nothing_ahead_of_an_onset():
    """A causal filter of a late spike is silent before it."""
    x = np.zeros(1000)
    x[600] = 1.0
    found = bandpass(x, 100.0)
    assert not found[:600].any() and np.abs(found[600:]).max() > 0.01


@pytest.mark.parametrize(("frequency", "kept"), [(0.2, False), (8.0, True), (40.0, False)])
def test_band_pass_keeps_its_band_alone(frequency, kept):
    """A sine inside keeps its size, one outside loses nine tenths."""
    x = np.sin(2 * np.pi * frequency * np.arange(6000) / 100.0)
    size = bandpass(x, 100.0, 2.0, 20.0)[3000:].std() / x.std()
    assert (size > 0.9) if kept else (size < 0.1)


def test_ratio_of_energies_needs_noise_before_and_signal_after():
    """Too near an edge the ratio is zero."""
    found = energy_ratio(np.ones((1, 200)), 10, 50, 20)[0]
    assert not found[:20].any() and not found[191:].any() and np.allclose(found[20:191], 1.0)


def test_aic_sums_its_components():
    """The criterion of two components is the sum of those of each."""
    waves = np.random.default_rng(1).normal(size=(2, 300))
    np.testing.assert_allclose(aic(waves), aic(waves[:1]) + aic(waves[1:]))


def test_a_dead_component_is_no_onset_and_no_error():
    """All-zero windows give finite picks and the lowest ratio."""
    dead = np.zeros((2, 3, 500))
    at = refine(dead, np.array([250.0, 0.0]), 50, 50)
    assert np.isfinite(at).all()
    assert np.isfinite(signal_to_noise(dead, at, 100.0)).all()


def test_signal_to_noise_is_twenty_decibels_for_ten_times_the_amplitude():
    """The ratio is of amplitudes, in dB."""
    found = [signal_to_noise(step(1000, seed=s), np.array([1000.0]), 100.0)[0] for s in range(20)]
    assert np.mean(found) == pytest.approx(20.0, abs=0.5)
