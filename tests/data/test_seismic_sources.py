"""The simulated sources are what they say they are."""

import numpy as np

from craton.data.seismic_sources import KINDS, synthetic_sources
from craton.source_features import source_features


def test_as_many_labels_are_exchanged_as_asked_for():
    """And never for the same type."""
    data = synthetic_sources(80, wrong=0.1)
    assert int((data["kind"] != data["label"]).sum()) == 8
    assert set(data["label"].to_numpy()) == set(KINDS)


def test_the_same_seed_gives_the_same_seismograms():
    """And another seed others."""
    a, b, c = (synthetic_sources(12, seed=s)["waveform"].to_numpy() for s in (3, 3, 4))
    np.testing.assert_array_equal(a, b)
    assert a.shape != c.shape or not np.allclose(a, c)


def test_sources_differ_as_the_physics_says():
    """P over S and Rg: explosions above earthquakes; surface events rise slowly and are low."""
    data = synthetic_sources(160, wrong=0.0, seed=1)
    kind = data["kind"].to_numpy()[data["event_of"].to_numpy()]
    found = source_features(data["waveform"].to_numpy(), float(data.attrs["rate"]))
    middle = {n: {k: float(np.median(v[kind == k])) for k in KINDS} for n, v in found.items()}
    assert middle["ps_ratio_high"]["explosion"] > middle["ps_ratio_high"]["earthquake"]
    assert middle["band_1_2"]["explosion"] > middle["band_1_2"]["earthquake"]
    assert middle["centroid"]["surface"] < middle["centroid"]["earthquake"]
    assert middle["peak_to_noise"]["noise"] == min(middle["peak_to_noise"].values())


def test_nothing_moves_before_the_origin_but_noise():
    """The first 18 s of an earthquake are as those of noise: nothing there tells the type."""
    data = synthetic_sources(160, wrong=0.0)
    waves = data["waveform"].to_numpy()[:, 0].astype(float)
    kind = data["kind"].to_numpy()[data["event_of"].to_numpy()]
    strong = np.abs(waves[:, :720]).std(axis=1) / waves[:, 720:].std(axis=1)
    assert np.median(strong[kind == "earthquake"]) < 0.3 < np.median(strong[kind == "noise"])
