"""Wood-Anderson amplitudes and local magnitude, against ObsPy and the definition."""

from __future__ import annotations

import numpy as np
import obspy
import pytest

from craton.models.physics.local_magnitude import (
    GAIN,
    HUTTON_BOORE,
    amplitude_of,
    local_magnitude,
    wood_anderson,
)

RATE = 100.0


def ground(seconds=40.0, seed=0):
    """A burst of velocity in m/s and its displacement, both zero at the ends."""
    rng = np.random.default_rng(seed)
    n = round(seconds * RATE)
    t = np.arange(n) / RATE
    f = np.fft.rfftfreq(n, 1 / RATE)
    spectrum = np.fft.rfft(rng.normal(size=n) * np.exp(-(((t - 15) / 3) ** 2)))
    spectrum *= np.exp(-((np.log(np.maximum(f, 1e-3) / 3.0) / 0.7) ** 2))
    velocity = np.fft.irfft(spectrum, n) * 1e-6
    displacement = np.fft.irfft(np.r_[0, np.fft.rfft(velocity)[1:] / (2j * np.pi * f[1:])], n)
    return velocity, displacement


def test_the_seismograph_moves_as_obspys():
    """ObsPy simulates from poles and zeros; a point in velocity has one zero fewer."""
    velocity, displacement = ground()
    own = 2 * np.pi / 0.8
    pole = own * (-0.7 + 1j * np.sqrt(1 - 0.49))
    paz = {"poles": [pole, pole.conjugate()], "zeros": [0j], "gain": 1.0, "sensitivity": 1.0}
    trace = obspy.Trace(velocity.copy(), {"sampling_rate": RATE})
    trace.simulate(paz_simulate=paz, taper=False, zero_mean=False)
    inside = slice(300, 3500)
    for found in (wood_anderson(displacement, RATE), wood_anderson(velocity, RATE, velocity=True)):
        scale = np.abs(trace.data).max()
        assert np.abs(found - trace.data)[inside].max() < 0.01 * scale


def test_below_its_period_it_is_blind_and_above_it_rigid():
    t = np.arange(8000) / RATE
    slow, quick = (np.abs(wood_anderson(np.sin(2 * np.pi * f * t), RATE)[2000:6000]).max()
                   for f in (0.125, 20.0))  # fmt: skip
    assert slow == pytest.approx(0.01, rel=0.1)  # a tenth of its own frequency, squared
    assert quick == pytest.approx(1.0, rel=0.03)


def test_one_millimetre_at_100_km_is_magnitude_3():
    assert float(local_magnitude(1e-3 / GAIN, 100.0)) == pytest.approx(3.0, abs=1e-9)


def test_ten_millimetres_at_17_km_are_magnitude_3():
    assert float(local_magnitude(10e-3 / GAIN, 17.0)) == pytest.approx(3.0, abs=0.02)


def test_amplitude_and_magnitude_are_each_others_inverse():
    m, r = np.linspace(-1, 5, 13), np.geomspace(3, 600, 13)
    assert np.allclose(local_magnitude(amplitude_of(m, r), r), m)
    other = (1.4, 0.001, 2.6)
    assert np.allclose(local_magnitude(amplitude_of(m, r, other), r, other), m)
    assert HUTTON_BOORE == (1.110, 0.00189, 3.0)
