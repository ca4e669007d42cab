"""Each fault of a record is named, and what is sound of the station is picked all the same."""

import io
import warnings
from types import SimpleNamespace

import numpy as np
import obspy
import pandas as pd
import pytest

from craton import picking
from craton.continuous_picking import predict_record
from craton.data.seismograms import example_windows
from craton.models.neural_picking import PickResNet
from craton.pick_calibration import PickConformal
from craton.samples import Samples, make_index
from craton.waveforms.pick_files import read_pick_windows
from tests.test_pick_calibration import world

BEGIN = obspy.UTCDateTime("2021-03-04T23:50:00")
RATE, SECONDS = 50.0, 640


@pytest.fixture(scope="module")
def bundle():
    """What is loaded of a bundle, with a net that knows little."""
    data = example_windows(12, seconds=12.0, rate=RATE)
    index = make_index(12, group=data["event"].to_numpy().astype(str))
    samples = Samples(data, index, picking.SeismicWindows(picking.pick_target()))
    model = PickResNet(epochs=1, pretrain=[], crop=10.0, hidden=8, depth=1).fit(samples)
    calibrator = PickConformal().fit(*world(200, 0, there=0.5))
    fitted = SimpleNamespace(model=model, calibrator=calibrator, name="resnet")
    config = SimpleNamespace(band=(1.0, 20.0), rate=RATE, threshold=1e-3, steps=(), inventory=None)
    return SimpleNamespace(fitted=fitted, config=config)


def trace(component):
    rng = np.random.default_rng(3)
    n = round(SECONDS * RATE)
    phase = (np.arange(n) / RATE) % 30.0
    wave = 100 * rng.normal(size=n) * (1 + 40 * np.exp(-phase) * (phase < 8))
    header = {"network": "XX", "station": "AAA", "channel": f"HH{component}"}
    header |= {"sampling_rate": RATE, "starttime": BEGIN}
    return obspy.Trace(wave.round().astype("i4"), header)


def raw(*traces):
    target = io.BytesIO()
    obspy.Stream(list(traces)).write(target, format="MSEED", reclen=512)
    return target.getvalue()


def changed(sound, at, value):
    """The bytes of each record's header at a place, set or turned over."""
    found = bytearray(sound)
    for record in range(0, len(found), 512):
        place = slice(record + at, record + at + len(value or b"1"))
        found[place] = value or bytes([1 - found[record + at]])
    return bytes(found)


def with_samples(change):
    def make():
        found = trace("Z")
        found.data = change(found.data.copy())
        return raw(found)

    return make


def spiked(data):
    data[9000] = 2_000_000
    return data


def lost(data):
    data = data.astype("f4")
    data[9000:9050] = np.nan
    return data


def jumped():
    whole = trace("Z")
    late = whole.slice(starttime=BEGIN + 300)
    late.stats.starttime += 3.457
    return raw(whole.slice(endtime=BEGIN + 299.99), late)


NOISE = np.random.default_rng(0).integers(0, 256, 700, dtype=np.uint8).tobytes()
CASES = {
    "a truncated record": (lambda: raw(trace("Z"))[:-200], "bytes into a record"),
    "a file of something else": (lambda: b"\x00\x01nothing" * 4000, "is none of miniSEED"),
    "bytes between records": (
        lambda: raw(trace("Z"))[:5120] + NOISE + raw(trace("Z"))[5120:], "no sound record"),
    "wrong byte order": (lambda: changed(raw(trace("Z")), 53, None), "wrong byte order"),
    "a clock that jumps": (jumped, "clock jump"),
    "a channel of zeros": (with_samples(np.zeros_like), "zero throughout"),
    "a spike": (with_samples(spiked), "1 spike"),
    "NaN": (with_samples(lost), "50 samples"),
    "clipping": (with_samples(lambda d: np.clip(d, -1500, 1500)), "clipped"),
    "no sampling rate": (lambda: changed(raw(trace("Z")), 32, bytes(4)), "rate 0 Hz"),
    "an absurd sampling rate": (
        lambda: changed(raw(trace("Z")), 32, b"\x7f\xff\x7f\xff"), "header says 1.07368e+09 Hz"),
}  # fmt: skip


@pytest.fixture(params=list(CASES))
def case(request, tmp_path):
    """A station whose vertical has a fault, and the words that name it."""
    make, words = CASES[request.param]
    (tmp_path / "z.mseed").write_bytes(make())
    for component in "NE":
        (tmp_path / f"{component}.mseed").write_bytes(raw(trace(component)))
    return tmp_path, words


def test_a_prediction_names_the_fault_and_picks_the_rest(case, bundle):
    """On the terminal, one line."""
    folder, words = case
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found = predict_record(bundle, folder, folder / "picks.csv", lambda *a: None)
    lines = [str(w.message) for w in told]
    assert sum(words in line for line in lines) == 1, lines
    assert len(lines) < 10 and found.sizes["pick"] > 0
    assert {w.category for w in told} == {UserWarning}


def test_training_names_the_fault_and_cuts_the_rest(case):
    """In the findings of the run."""
    folder, words = case
    at = [BEGIN + 60 + 30 * k + (3 if k % 2 else 0) for k in range(8)]
    pd.DataFrame({
        "network": "XX", "station": "AAA", "location": "", "channel": "HHZ",
        "phase": ["P", "S"] * 4, "time": [str(t) for t in at],
    }).to_csv(folder / "picks.csv", index=False)  # fmt: skip
    found = read_pick_windows(folder, rate=RATE)
    lines = found.attrs["warnings"].splitlines()
    assert sum(words in line for line in lines) == 1, lines
    assert not any("picks.csv" in line for line in lines)
    assert found.sizes["window"] == 4 and np.isfinite(found["waveform"]).all()
