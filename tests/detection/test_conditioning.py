"""A channel is filtered and resampled as a whole, whatever pieces it comes in."""

from fractions import Fraction

import numpy as np
import pytest
from scipy import signal

from craton.detection.conditioning import Conditioner
from craton.models.nets.picker_input import Filter

RATIOS = [Fraction(1), Fraction(1, 2), Fraction(2), Fraction(4, 5), Fraction(8, 5), Fraction(5, 1)]


def joined(pieces):
    first = pieces[0][0]
    at = first
    for begin, samples in pieces:
        assert begin == at
        at += len(samples)
    return first, np.concatenate([samples for _, samples in pieces])


@pytest.mark.parametrize("ratio", RATIOS)
def test_a_slow_sine_is_the_same_sine_at_the_new_rate(ratio):
    rate, begin, n = 100.0, 1003, 4000
    wave = np.sin(2 * np.pi * 1.7 * np.arange(begin, begin + n) / rate)
    c = Conditioner(ratio, rate)
    first, found = joined(c.push(begin, wave) + c.close())
    assert first == -((-begin * ratio.numerator) // ratio.denominator)
    assert len(found) == -((-(begin + n) * ratio.numerator) // ratio.denominator) - first
    new = rate * float(ratio)
    expected = np.sin(2 * np.pi * 1.7 * np.arange(first, first + len(found)) / new)
    inside = slice(100, -100)
    np.testing.assert_allclose(found[inside], expected[inside], atol=2e-3)


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("filter_", [None, Filter(low=2, high=30), Filter(low=1)])
def test_pieces_of_any_size_give_what_the_whole_gives(ratio, filter_):
    rng = np.random.default_rng(0)
    wave = rng.normal(size=3000).astype(np.float32) + 3
    one = Conditioner(ratio, 100.0, filter_, level=True)
    first, whole = joined(one.push(17, wave) + one.close())
    other = Conditioner(ratio, 100.0, filter_, level=True)
    pieces, at = [], 0
    while at < len(wave):
        step = int(rng.integers(1, 400))
        pieces += other.push(17 + at, wave[at : at + step])
        at += step
    again, found = joined(pieces + other.close())
    assert again == first
    np.testing.assert_allclose(found, whole, rtol=0, atol=1e-6)


def test_the_filter_is_the_causal_one_of_scipy():
    wave = np.random.default_rng(1).normal(size=500)
    c = Conditioner(Fraction(1), 100.0, Filter(low=2, high=30), level=True)
    found = np.concatenate([x for _, x in c.push(0, wave) + c.close()])
    sections = signal.butter(4, [2, 30], "bandpass", fs=100.0, output="sos")
    np.testing.assert_allclose(found, signal.sosfilt(sections, wave - wave[0]), atol=1e-5)


def test_what_folds_back_is_filtered_away_before_a_lower_rate():
    wave = np.sin(2 * np.pi * 70 * np.arange(4000) / 200)
    c = Conditioner(Fraction(1, 2), 200.0)
    _, found = joined(c.push(0, wave) + c.close())
    assert np.abs(found[100:-100]).max() < 0.01


def test_nothing_is_carried_over_a_gap():
    c = Conditioner(Fraction(1, 2), 100.0, level=True)
    pieces = c.push(0, np.full(500, 7.0)) + c.push(900, np.full(500, 1e6)) + c.close()
    assert all(np.abs(samples).max() < 1e-6 for _, samples in pieces)
    assert sum(len(samples) for _, samples in pieces) == 500
