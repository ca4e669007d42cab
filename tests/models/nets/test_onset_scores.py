"""STA/LTA with AIC as a net, on simulated records whose arrivals are known."""

from __future__ import annotations

import numpy as np
import obspy
import torch

from craton.detection import Detection, detect
from craton.models.nets import onset_scores as onset
from craton.models.physics.seismograms import event_waves, noise_waves

SETTINGS = Detection(
    overlap=onset.OVERLAP, blinding=onset.BLINDING, stacking="max", thresholds=onset.LIMITS
)
P, S = (130.0, 250.0, 371.3), (134.0, 259.0, 376.0)


def record(seconds=480.0, seed=0):
    """Three earthquakes, 40 times above the noise."""
    rng = np.random.default_rng(seed)
    n = round(seconds * 100)
    waves = noise_waves(n, 100.0, rng)
    for p, s in zip(P, S, strict=True):
        event = event_waves(n, 100.0, np.array([p, s]) * 100, 30.0, 2.0, rng)
        waves += event * 40 * waves.std() / np.abs(event).max()
    head = {"network": "XX", "station": "A", "sampling_rate": 100.0}
    return obspy.Stream([obspy.Trace((w * 1000).astype(np.float32), {**head, "channel": f"HH{c}"})
                         for w, c in zip(waves, "ZNE", strict=True)])  # fmt: skip


def seconds(picks, phase):
    return picks.loc[picks["phase"] == phase, "time"].astype("int64").to_numpy() / 1e9


def test_known_arrivals_are_picked_and_little_else():
    picks = detect(record(), onset.OnsetScores(), settings=SETTINGS)
    p, s = seconds(picks, "P"), seconds(picks, "S")
    assert all(np.abs(p - t).min() < 0.15 for t in P)
    # a wave that S sends ahead as P may come up to 0.9 s before it
    assert all(np.abs(s - t).min() < 1.0 for t in S)
    assert len(p) <= 5 and len(s) <= 5


def test_picks_do_not_depend_on_where_the_record_begins():
    whole = record()
    start = whole[0].stats.starttime
    later = whole.slice(start + 77.77)
    one, two = (detect(x, onset.OnsetScores(), settings=SETTINGS) for x in (whole, later))
    one = one[one["time"] > np.datetime64("1970-01-01T00:01:50")].reset_index(drop=True)
    two = two[two["time"] > np.datetime64("1970-01-01T00:01:50")].reset_index(drop=True)
    assert len(one) == len(two)
    assert (abs(one["time"] - two["time"]) < np.timedelta64(30, "ms")).all()


def test_silence_and_steady_noise_have_no_score():
    rng = np.random.default_rng(1)
    quiet = torch.zeros(1, 3, onset.SAMPLES)
    assert not onset.OnsetScores()(quiet).any()
    noise = torch.from_numpy(rng.normal(size=(4, 3, onset.SAMPLES)).astype(np.float32))
    assert not onset.OnsetScores()(noise).any()


def test_a_burst_of_noise_right_before_a_strong_p_does_not_take_its_place():
    rng = np.random.default_rng(2)
    wave = rng.normal(size=(1, 3, onset.SAMPLES)).astype(np.float32)
    wave[:, :, 3000:3040] *= 4
    wave[:, :, 3300:] *= 40
    scores = onset.OnsetScores()(torch.from_numpy(wave))
    p = np.flatnonzero(scores[0, 0].numpy())
    assert len(p) and np.abs(p - 3300).min() < 10
    assert np.abs(p - 3000).min() > 100


def test_a_dead_vertical_is_replaced_by_the_horizontals():
    rng = np.random.default_rng(3)
    wave = rng.normal(size=(1, 3, onset.SAMPLES)).astype(np.float32)
    wave[:, :, 4000:] *= 8
    wave[:, 0] = 0.0
    assert abs(int(onset.OnsetScores()(torch.from_numpy(wave))[0, 0].argmax()) - 4000) <= 20
