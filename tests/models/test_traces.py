"""Nets on whole waveforms: what they can tell, that shifts and gains do not matter, states."""

import numpy as np
import pytest
import xarray as xr

from craton.errors import BundleError, ModelError
from craton.event_types import EventRecords
from craton.models.base import Fitting
from craton.models.by_station import by_station
from craton.models.traces import SpectrogramCNN, TraceCNN
from craton.samples import Samples, Target, make_index

KINDS = ("low", "high")
NETS = {
    "trace": by_station(TraceCNN, sees="waveform", votes="mean", epochs=12, hidden=8, stages=3),
    "spectrogram": by_station(
        SpectrogramCNN, sees="waveform", votes="mean", epochs=12, hidden=4, window=64, top=24
    ),
}


def world(n=120, seed=0, steps=800):
    """Bursts of 4 or 9 Hz at any time, at one station."""
    rng = np.random.default_rng(seed)
    y, t = rng.integers(0, 2, n), np.arange(steps) / 40
    middle = rng.uniform(5, 15, (n, 1))
    carrier = np.sin(2 * np.pi * np.array([4.0, 9.0])[y][:, None] * t + rng.uniform(0, 6, (n, 1)))
    waves = np.exp(-((t - middle) ** 2)) * carrier + 0.05 * rng.normal(size=(n, steps))
    data = xr.Dataset(
        {
            "event_id": ("event", np.arange(n).astype(str)),
            "label": ("event", np.array(KINDS, dtype=object)[y]),
            "event_of": ("record", np.arange(n)),
            "station": ("record", np.full(n, "A", dtype=object)),
            "waveform": (("record", "channel", "step"), waves[:, None].astype(np.float32)),
            "nothing": ("record", rng.normal(size=n)),
        },
        attrs={"rate": 40.0},
    )
    gather = EventRecords(("nothing",), Target("label", KINDS), waveform="waveform")
    return Samples(data, make_index(n), gather)


@pytest.mark.parametrize("name", NETS)
def test_frequencies_are_told_apart_wherever_the_burst_is(name):
    """On events that the net has not seen."""
    test = world(seed=1)
    model = NETS[name].replace().fit(world(), Fitting(0))
    p = model.predict(test)["label"].to_numpy()
    assert (p.argmax(axis=1) == test.observed()["label"].to_numpy()).mean() > 0.9
    other = NETS[name].replace().with_state(model.state())
    np.testing.assert_array_equal(other.predict(test)["label"], p)


def test_the_spectrogram_does_not_know_the_gain():
    """Each record is brought to one mean and spread."""
    torch = pytest.importorskip("torch")
    from craton.models.nets.traces import SpectrogramNet

    net = SpectrogramNet(1, 2, window=64, top=24, hidden=4, stages=2, dropout=0.0)
    wave = torch.from_numpy(world(4).data["waveform"].to_numpy())
    a, b = net.spectrogram(wave), net.spectrogram(1000 * wave)
    assert a.shape == (4, 1, 24, 26)
    torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)
    assert int(a[world(4).observed()["label"].to_numpy() == 1].mean(dim=(0, 1, 3)).argmax()) in (
        13, 14,
    )  # fmt: skip


def test_waveforms_shorter_than_the_window_are_refused():
    """With the setting to change."""
    with pytest.raises(ModelError, match="window"):
        NETS["spectrogram"].replace(window=2048).fit(world(20), Fitting(0))


def test_a_spectrogram_of_more_frequencies_than_there_are_is_refused():
    """Such a state cannot be of a net that was fitted."""
    with pytest.raises(BundleError, match="frequencies"):
        NETS["spectrogram"].replace(window=32, top=24).fit(world(20), Fitting(0))
