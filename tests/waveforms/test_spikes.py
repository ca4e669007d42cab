"""Spikes are taken out wherever a record is cut, and onsets are left alone."""

from __future__ import annotations

import numpy as np
import pytest

from craton.waveforms.spikes import Despiker, spike_samples
from tests.waveforms.worlds import noise, quake


@pytest.mark.parametrize("seed", range(5))
def test_spikes_are_found_at_their_places_and_an_onset_is_none(seed):
    data = quake()
    assert spike_samples(data).size == 0
    rng = np.random.default_rng(seed)
    places = np.sort(rng.choice(np.arange(5, 2900), 12, replace=False) // 5 * 5)
    data[places] += rng.choice([-1, 1], 12) * 80_000
    assert spike_samples(data).tolist() == np.unique(places).tolist()


@pytest.mark.parametrize("size", [1, 3, 7, 64, 1000])
def test_pieces_of_any_size_lose_the_spikes_of_the_whole(size):
    data, places = noise(1000), np.array([6, 90, 500, 505, 993])
    data[places] += 1e5
    expected = data.copy()
    expected[places] = (data[places - 1] + data[places + 1]) / 2
    clean = Despiker()
    for _ in range(2):  # a second segment begins anew
        pieces = [clean.push(data[k : k + size]) for k in range(0, len(data), size)]
        assert np.array_equal(np.concatenate([*pieces, clean.close()]), expected)
    assert clean.count == 10 and spike_samples(data).tolist() == places.tolist()


def test_an_onset_noise_small_counts_and_coarse_units_pass_as_they_are():
    few = np.rint(np.random.default_rng(0).normal(0, 0.3, 5000)).astype(np.int32)
    smooth = np.rint(5 * np.cumsum(np.random.default_rng(2).normal(0, 0.05, 5000))) * 520
    for data in (quake(), smooth, np.random.default_rng(1).normal(size=100_000), few):
        clean = Despiker()
        assert np.array_equal(np.r_[clean.push(data), clean.close()], data)
