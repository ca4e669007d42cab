"""Samples at another rate are the same wave."""

import numpy as np
import pytest

from craton.errors import DataError
from craton.io.resampling import resampled


def sine(rate, seconds=20.0, hertz=3.0):
    return np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


@pytest.mark.parametrize(("old", "new"), [(200, 100), (40, 100), (125, 100), (100, 31.25)])
def test_a_sine_at_another_rate_is_the_sine(old, new):
    """Away from the ends, and from the first sample on."""
    found, wanted = resampled(sine(old), old, new), sine(new)
    inner = slice(round(new), -round(new))
    assert abs(len(found) - len(wanted)) <= 1
    np.testing.assert_allclose(found[inner], wanted[: len(found)][inner], atol=2e-3)


def test_what_the_new_rate_cannot_hold_is_gone():
    """40 Hz at 50 samples a second does not come back as 10 Hz."""
    assert np.abs(resampled(sine(200, hertz=40.0), 200, 50)[50:-50]).max() < 0.01


def test_a_line_stays_a_line_to_its_ends():
    """The filter takes what lies outside for the line through both ends."""
    found = resampled(1000.0 + np.arange(400.0), 100, 50)
    np.testing.assert_allclose(found, 1000.0 + 2.0 * np.arange(200), atol=0.5)


def test_axes_before_the_last_are_kept_and_one_rate_changes_nothing():
    """Windows by component at once."""
    assert resampled(np.ones((4, 3, 100)), 100, 50).shape == (4, 3, 50)
    np.testing.assert_array_equal(resampled(np.arange(5.0), 100, 100), np.arange(5.0))


def test_a_drift_is_refused_where_time_matters_and_taken_where_it_does_not():
    """100.001 Hz is a tenth of a sample off after 12,000 samples."""
    with pytest.raises(DataError, match="without a drift"):
        resampled(np.zeros(12_000), 100.001, 40)
    assert len(resampled(np.zeros(12_000), 100.001, 40, drift=None)) == 4800
    assert len(resampled(np.zeros(1_000), 100.001, 40)) == 400
