"""Occlusion in time and frequency finds the burst that a prediction rests on."""

import numpy as np
import xarray as xr

from craton.event_types import EventRecords, with_features
from craton.models.base import Model, class_prediction
from craton.result import Fitted
from craton.samples import Samples, Target, make_index
from craton.time_frequency import occluded, time_frequency_effects
from craton.uncertainty import NoCalibration

RATE = 40.0
T = np.arange(4000) / RATE
KINDS = ("no", "yes")


class BurstAt9(Model):
    """Says yes where the record has energy at 9 Hz between 40 and 50 s."""

    def fit(self, train, fitting=None):
        return self

    def predict(self, samples):
        waves = samples.inputs()["sequence"][:, 0, 0]
        carrier = np.exp(2j * np.pi * 9.0 * T) * ((T >= 40) & (T < 50))
        heard = np.abs(waves @ carrier) / 200
        return class_prediction(samples, np.stack([1 - heard, heard], axis=1))

    def state(self):
        return {}

    def with_state(self, arrays):
        return self


def event():
    rng = np.random.default_rng(0)
    wave = np.exp(-(((T - 45) / 2) ** 2)) * np.sin(2 * np.pi * 9 * T) + 0.01 * rng.normal(size=4000)
    data = xr.Dataset(
        {
            "event_id": ("event", ["e"]),
            "label": ("event", np.array(["yes"], dtype=object)),
            "event_of": ("record", [0]),
            "station": ("record", np.array(["A"], dtype=object)),
            "waveform": (("record", "channel", "step"), wave[None, None].astype(np.float32)),
        },
        attrs={"rate": RATE},
    )
    gather = EventRecords(("centroid",), Target("label", KINDS), waveform="waveform")
    return Samples(with_features(data), make_index(1), gather)


def test_the_tile_that_the_model_listens_to_has_the_effect():
    """7 to 10 Hz, 40 to 50 s, and no other."""
    fitted = Fitted("burst", BurstAt9(), NoCalibration())
    p = fitted.predict(event())["label"].to_numpy()
    found = time_frequency_effects(fitted, event(), 0, tiles=10)
    assert found.category == int(p.argmax()) and found.effect.shape == (5, 10)
    sign = 1 if found.category else -1
    row, column = np.unravel_index((sign * found.effect).argmax(), found.effect.shape)
    assert found.frequency[row] == 7.0 and found.time[column] == 40.0
    rest = np.delete(np.abs(found.effect).ravel(), row * 10 + column)
    assert np.abs(found.effect[row, column]) > 3 * rest.max()


def test_occlusion_takes_out_one_tile_and_leaves_the_rest():
    """A wave at 3 and at 9 Hz: either can be removed, with its time."""
    wave = (np.sin(2 * np.pi * 3 * T) + np.sin(2 * np.pi * 9 * T))[None, None]
    wave = wave * (np.abs(T - 50) < 20)
    pieces = occluded(wave, RATE, np.array([0.0, 50.0, 100.0]), np.array([1.0, 6.0, 15.0]))

    def power(x, f, early):
        half = x[0, 0][(T < 50) == early] * np.exp(2j * np.pi * f * T[(T < 50) == early])
        return float(np.abs(half.sum()))

    for k, (f, early) in enumerate([(3, True), (3, False), (9, True), (9, False)]):
        kept = [(g, e) for g in (3, 9) for e in (True, False) if (g, e) != (f, early)]
        scale = min(power(pieces[k], *o) for o in kept)
        assert power(pieces[k], f, early) < 0.15 * scale
