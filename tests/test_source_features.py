"""Features of waveforms whose envelope and spectrum are known."""

import numpy as np

from craton.source_features import source_features

RATE = 40.0
T = np.arange(4000) / RATE


def burst(middle, width, frequency, rng=None):
    carrier = np.sin(2 * np.pi * frequency * T) if rng is None else rng.normal(size=len(T))
    return np.exp(-(((T - middle) / width) ** 2)) * carrier


def features(*waves):
    return source_features(np.stack(waves)[:, None], RATE)


def test_amplitude_is_no_feature():
    """A thousand times the gain gives the same numbers."""
    wave = burst(40, 5, 4.0) + 0.01 * np.random.default_rng(0).normal(size=len(T))
    found = features(wave, 1000 * wave)
    for name, values in found.items():
        np.testing.assert_allclose(values[0], values[1], rtol=1e-6, atol=1e-6, err_msg=name)


def test_frequencies_are_those_of_the_wave():
    """Centroid and dominant frequency of a narrow wave, to a bin of half a Hz."""
    found = features(burst(40, 5, 3.0), burst(40, 5, 9.0))
    np.testing.assert_allclose(found["dominant"], [3, 9], atol=0.5)
    np.testing.assert_allclose(found["centroid"], [3, 9], atol=0.5)


def test_duration_is_that_of_the_envelope():
    """90 % of the energy of an envelope exp(-(t/w)^2) lie within 1.645 w."""
    found = features(burst(50, 4, 5.0), burst(50, 12, 5.0))
    np.testing.assert_allclose(found["duration"], [1.645 * 4, 1.645 * 12], rtol=0.03)


def test_p_over_s_tells_an_explosion_from_an_earthquake():
    """Equal phases against a P of a fifth of the S."""
    rng = np.random.default_rng(1)
    p, s = burst(30, 1.0, 9.0), burst(40, 2.0, 9.0)
    noise = 0.002 * rng.normal(size=len(T))
    found = features(p + s + noise, 0.2 * p + s + noise)
    assert found["ps_ratio_high"][0] > found["ps_ratio_high"][1] + 1.0


def test_an_emergent_spindle_rises_slowly():
    """Its peak comes late in its duration, that of a decaying coda early."""
    coda = np.where(T > 20, np.exp(-(T - 20) / 8), 0) * np.sin(2 * np.pi * 5 * T)
    found = features(burst(50, 15, 3.0), coda)
    assert found["rise_share"][0] > 0.3 > found["rise_share"][1]


def test_a_dead_record_has_no_features():
    """All are missing, none is infinite."""
    found = features(np.zeros(len(T)), burst(40, 5, 4.0))
    assert all(np.isnan(v[0]) and np.isfinite(v[1]) for v in found.values())
