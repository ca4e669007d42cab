"""A picker on continuous records: the same chances, and an interval for each pick."""

import gc
import weakref
from types import SimpleNamespace

import numpy as np
import obspy
import pandas as pd
import pytest
import torch

from craton import picking
from craton.continuous_picking import (
    _lines,
    _signal_to_noise,
    detector_net,
    pick_continuous,
    predict_record,
    with_intervals,
)
from craton.data.seismograms import example_windows
from craton.detection import Detection, detect
from craton.errors import ConfigError, ModelError
from craton.io.picks import read_picks
from craton.io.pieces import read_pieces
from craton.io.problems import Problem
from craton.io.waveforms import waveform_contents
from craton.models.neural_picking import PickResNet
from craton.models.picking import EnergyPicker
from craton.pick_calibration import PickConformal
from craton.samples import Samples, make_index
from craton.waveforms.steps import Bandpass, Detrend, Normalise
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


def bundle(model):
    """What is loaded of a bundle with this model."""
    calibrator = PickConformal().fit(*world(500, 0, there=0.5))
    config = SimpleNamespace(band=BAND, rate=100.0, threshold=0.02, steps=(), inventory=None)
    return SimpleNamespace(
        fitted=SimpleNamespace(model=model, calibrator=calibrator, name="resnet"), config=config
    )


def quake(station, channels, rate=100.0, minutes=12.0, begin="2021-03-04T23:50:00", **gap):
    """A record with two bursts a minute."""
    rng = np.random.default_rng(3)
    n = round(minutes * 60 * rate)
    phase = (np.arange(n) / rate) % 30.0
    stream = obspy.Stream()
    for c in channels:
        wave = 100 * rng.normal(size=n) * (1 + 40 * np.exp(-phase) * (phase < 8))
        header = {"network": "XX", "station": station, "channel": f"HH{c}"}
        header |= {"sampling_rate": rate, "starttime": obspy.UTCDateTime(begin)}
        stream.append(obspy.Trace(wave.round().astype("i4"), header))
    if gap:
        at = obspy.UTCDateTime(begin)
        stream.cutout(at + gap["after"], at + gap["after"] + gap["seconds"])
    return stream


@pytest.fixture
def archive(tmp_path):
    """Stations as users have them: one component, another rate, a gap."""
    world_ = (
        quake("AAA", "ZNE")
        + quake("BBB", "Z", after=250.0, seconds=20.0)
        + quake("CCC", "Z12", rate=40.0)
        + quake("DDD", "ZNE", rate=125.0)
    )
    for k, trace in enumerate(world_):
        trace.write(str(tmp_path / f"{k}.mseed"), format="MSEED")
    return tmp_path, world_


def near(a, b):
    """The same picks, but for the rounding of another order of sums."""
    by = ["network", "station", "phase", "time"]
    a, b = (t.sort_values(by, ignore_index=True) for t in (a, b))
    assert len(a) == len(b) > 20 and (a[by[:3]] == b[by[:3]]).all(axis=None)
    for name in ("time", "low", "high"):
        assert (a[name] - b[name]).abs().max() < pd.Timedelta("10us")
    np.testing.assert_allclose(a["probability"], b["probability"], atol=1e-5)


def test_a_record_in_pieces_gives_the_picks_of_the_whole(picker, archive):
    """Across midnight, gaps and pieces, for one and three components and three sampling rates."""
    folder, stream = archive
    loaded = bundle(picker[0])
    whole = pick_continuous(loaded, stream)
    pieces = (p.stream for p in read_pieces(waveform_contents(folder), 1))
    near(whole, pick_continuous(loaded, pieces))
    assert set(whole["station"]) == {"AAA", "BBB", "CCC", "DDD"}
    assert (whole["low"] < whole["time"]).all() and (whole["time"] < whole["high"]).all()
    assert not whole[["low", "high"]].isna().any(axis=None)


def test_signal_to_noise_is_measured_on_a_channel_that_is_alive():
    """A dead vertical, and a spike beside the pick: the ratio is that of the sound horizontals."""
    stream = quake("AAA", "ZNE", minutes=2.0)
    alive = pd.DataFrame([{"network": "XX", "station": "AAA", "location": "", "channel": "HHN",
                           "phase": "P", "time": stream[0].stats.starttime.datetime}])  # fmt: skip
    alive["time"] += pd.Timedelta("30s")
    stream[0].data[:] = stream[1].data
    expected = _signal_to_noise(alive, stream)
    stream[0].data[:] = 12
    stream[1].data[2850] += 10**7
    np.testing.assert_allclose(_signal_to_noise(alive, stream), expected, atol=0.5)
    assert expected[0] > 10


STEPS = (Detrend(), Bandpass(low=2.0, high=15.0, corners=2))


def test_the_steps_of_a_bundle_are_those_that_obspy_does_by_hand(picker):
    """On a raw record with steps the picks are those without on a record filtered before."""
    stream = quake("AAA", "ZNE")
    by_hand = stream.copy()
    for trace in by_hand:
        trace.data = trace.data.astype(float)
    by_hand.detrend("demean").filter("bandpass", freqmin=2.0, freqmax=15.0, corners=2,
                                     zerophase=True)  # fmt: skip
    raw, loaded = bundle(picker[0]), bundle(picker[0])
    loaded.config.steps = STEPS
    begin, end = (pd.Timestamp(t.datetime) for t in (stream[0].stats.starttime + 60,
                                                     stream[0].stats.endtime - 60))  # fmt: skip
    found, expected = (p[(p["time"] > begin) & (p["time"] < end)] for p in (
        pick_continuous(loaded, stream), pick_continuous(raw, by_hand)))  # fmt: skip
    near(found, expected)


def test_steps_on_a_record_in_pieces_give_the_picks_of_the_whole(picker, archive):
    """Across midnight, gaps and pieces, for one and three components and three sampling rates."""
    folder, stream = archive
    loaded = bundle(picker[0])
    loaded.config.steps = STEPS
    pieces = (p.stream for p in read_pieces(waveform_contents(folder), 1))
    near(pick_continuous(loaded, stream), pick_continuous(loaded, pieces))


def test_a_step_that_needs_the_whole_record_is_refused_before_it_is_read(picker):
    loaded = bundle(picker[0])
    loaded.config.steps = (Normalise(),)
    with pytest.raises(ConfigError, match="'normalise' needs the whole record"):
        pick_continuous(loaded, iter(()))


def test_what_each_piece_of_a_record_has_is_told_once():
    texts = ["is zero throughout"] * 2 + ["1 gap, 2.0 s in all", "1 gap, 3.0 s in all"]
    told = _lines([Problem("warning", "any", t, "XX.A..HHE") for t in texts])
    assert told == ["XX.A..HHE: 1 gap, 2.0 s in all (and 1 more like it)",
                    "XX.A..HHE: is zero throughout"]  # fmt: skip


def test_a_fault_is_told_once_a_station_and_what_is_lost_comes_first():
    """Gaps of three channels and of their detection are one line; a lost file is first."""
    gaps = [Problem("warning", "record", "1 gap, 2.0 s", f"XX.A..HH{c}") for c in "ZNE"]
    found = [Problem("info", "gap", "1 gap (or components that come and go)", "XX.A..HH")]
    mild = [Problem("warning", "record", f"{k} spikes, interpolated", f"XX.B{k}..HHZ")
            for k in range(40)]  # fmt: skip
    lost = Problem("warning", "truncated", "ends 3 bytes into a record; it was left out", "a.mseed")
    told = _lines([*mild, *gaps, *found, lost])
    assert told[:2] == ["a.mseed: ends 3 bytes into a record; it was left out",
                        "XX.A: HHZ, HHN, HHE: 1 gap, 2.0 s"]  # fmt: skip
    assert told[-1] == "and 12 more lines" and len(told) == 31


def test_what_is_odd_in_a_record_is_told_and_picks_are_written(picker, archive, tmp_path):
    """Rates that are not the net's, single components and gaps each have a line."""
    folder, stream = archive
    seen = []
    loaded = bundle(picker[0])
    with pytest.warns(UserWarning) as told:
        found = predict_record(loaded, folder, tmp_path / "p.csv", lambda *a: seen.append(a))
    lines = "\n".join(str(w.message) for w in told)
    assert "40 Hz is brought to the 100 Hz" in lines and "125 Hz is brought" in lines
    assert lines.count("1 gap") == 1 and "zeros stand for what is missing" in lines
    near(read_picks(tmp_path / "p.csv"), pick_continuous(loaded, stream))
    assert found.sizes["pick"] == len(read_picks(tmp_path / "p.csv"))
    assert seen[0][0] == 0 and seen[-1][0] < seen[-1][1] == len(seen)


def test_windows_around_events_are_left_to_the_picker_of_windows(picker, tmp_path):
    """Short records are no continuous ones, and a baseline has no chance at each sample."""
    for trace in quake("AAA", "ZNE", minutes=1.5):
        trace.write(str(tmp_path / f"{trace.id}.mseed"), format="MSEED")
    assert predict_record(bundle(picker[0]), tmp_path, None, lambda *a: None) is None
    assert predict_record(bundle(EnergyPicker()), tmp_path, None, lambda *a: None) is None
    with pytest.raises(ModelError, match="neural picker"):
        pick_continuous(bundle(EnergyPicker()), quake("AAA", "Z"))


def test_a_record_with_nothing_to_pick_gives_an_empty_table(picker, tmp_path):
    """No pick is no error, in the file neither."""
    for trace in quake("AAA", "ZNE"):
        trace.data[:] = 0
        trace.write(str(tmp_path / f"{trace.id}.mseed"), format="MSEED")
    loaded = bundle(picker[0])
    loaded.config.threshold = 0.999
    with pytest.warns(UserWarning, match="zero throughout"):
        found = predict_record(loaded, tmp_path, tmp_path / "p.xml", lambda *a: None)
    assert found.sizes["pick"] == 0 and (tmp_path / "p.xml").is_file()


def test_no_more_than_two_pieces_of_a_record_lie_in_memory(picker):
    """The one in work and the ends of the one before, however long the record is."""
    alive, most, whole = [0], [0], quake("AAA", "Z", minutes=20.0)

    def pieces():
        for minute in range(20):
            at = whole[0].stats.starttime + 60 * minute
            stream = whole.slice(at, at + 59.995).copy()
            weakref.finalize(stream[0].data, lambda: alive.__setitem__(0, alive[0] - 1))
            alive[0] += 1
            most[0] = max(most[0], alive[0])
            yield stream
            del stream

    loaded = bundle(picker[0])
    settings = Detection(threshold=0.65)  # or runs of this net's scores last for minutes
    found = pick_continuous(loaded, pieces(), settings)
    gc.collect()
    assert most[0] <= 2 and alive[0] == 0
    near(found, pick_continuous(loaded, whole, settings))
