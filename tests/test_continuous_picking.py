"""A picker on continuous records: the same chances, and an interval for each pick."""

import numpy as np
import obspy
import pandas as pd
import pytest
import torch

from craton import picking
from craton.continuous_picking import detector_net, with_intervals
from craton.data.seismograms import example_windows
from craton.detection import Detection, detect
from craton.models.neural_picking import PickResNet
from craton.samples import Samples, make_index
from tests.test_pick_calibration import world

BAND = (1.0, 45.0)


@pytest.fixture(scope="module")
def picker():
    data = example_windows(24, seconds=12.0)
    index = make_index(24, group=data["event"].to_numpy().astype(str))
    samples = Samples(data, index, picking.SeismicWindows(picking.pick_target(), BAND))
    model = PickResNet(simulated=60, rounds=1, epochs=1, crop=10.0, hidden=8)
    return model.fit(samples), samples


def test_the_net_for_detection_gives_the_chances_of_the_picker(picker):
    """The same windows give the same numbers."""
    model, samples = picker
    waves = samples.inputs()["sequence"][:4, :, :1000]
    net = detector_net(model, BAND, 100.0)
    with torch.inference_mode():
        found = net(torch.from_numpy(waves)).numpy()
    np.testing.assert_allclose(found, model.chances(waves), atol=1e-6)
    assert net.wants.phases == "PSN" and net.wants.samples == 1000


def test_a_continuous_record_is_picked_by_the_net(picker):
    """Detection takes the net as it is and names picks of P and S."""
    model, _ = picker
    rng = np.random.default_rng(0)
    stream = obspy.Stream([
        obspy.Trace(rng.normal(0, 100, 6000), {"network": "XX", "station": "AAA",
                                               "channel": f"HH{c}", "sampling_rate": 100.0})
        for c in "ZNE"
    ])  # fmt: skip
    found = detect(stream, detector_net(model, BAND, 100.0), settings=Detection(threshold=0.001))
    assert set(found["phase"]) <= {"P", "S"} and len(found) > 0


def test_each_pick_gets_an_interval_that_follows_its_signal_to_noise_ratio():
    """A pick at a strong onset has a narrow interval, one in noise a wide one."""
    from craton.pick_calibration import PickConformal

    calibrator = PickConformal().fit(*world(500, 0, there=0.5))
    rng = np.random.default_rng(1)
    wave = rng.normal(size=(3, 6000))
    wave[:, 4000:] *= 30.0
    begin = obspy.UTCDateTime("2020-01-01")
    stream = obspy.Stream([
        obspy.Trace(w, {"network": "XX", "station": "AAA", "channel": f"HH{c}",
                        "sampling_rate": 100.0, "starttime": begin})
        for c, w in zip("ZNE", wave, strict=True)
    ])  # fmt: skip
    time = np.datetime64("2020-01-01T00:00:00", "ns") + np.array([20_000, 40_000]).astype("m8[ms]")
    picks = pd.DataFrame({
        "network": "XX", "station": "AAA", "location": "", "channel": "HHN", "phase": "S",
        "time": time, "low": pd.NaT, "high": pd.NaT, "probability": 0.8,
    })  # fmt: skip
    found = with_intervals(picks, stream, calibrator, 0.05)
    width = (found["high"] - found["low"]).dt.total_seconds()
    assert ((found["low"] < found["time"]) & (found["time"] < found["high"])).all()
    assert width[1] < 0.5 * width[0]
    assert len(with_intervals(picks, stream, calibrator, 0.9999)) == 0
