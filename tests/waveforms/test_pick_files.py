"""Windows with picks from npz files, tars, waveforms with tables, and SeisBench's form."""

import io
import tarfile

import h5py
import numpy as np
import obspy
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from craton.errors import DataError
from craton.waveforms.pick_files import npz_arrays, read_pick_windows
from craton.waveforms.processing import Processing
from craton.waveforms.steps import Bandpass, RemoveSensitivity, apply_steps


def npz(**arrays):
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def wave(n=3000):
    return np.random.default_rng(0).normal(size=(n, 3)).astype(np.float32)


def test_npz_files_of_a_tar_are_read_in_the_order_z_n_e(tmp_path):
    """Components, samples of picks, names and the event's minute come from file and name."""
    data = wave()
    raw = npz(data=data, itp=1000, its=1200, channels="HHE_HHN_HHZ")
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        info = tarfile.TarInfo("NC_ABC_2012010203041234.npz")
        info.size = len(raw)
        archive.addfile(info, io.BytesIO(raw))
    found = read_pick_windows(tmp_path)
    np.testing.assert_array_equal(found["waveform"][0], data.T[[2, 1, 0]])
    assert found["arrival"].to_numpy().tolist() == [[10.0, 12.0]]
    assert [str(found[k][0].item()) for k in ("network", "station", "instrument", "event")] == [
        "NC", "ABC", "HH", "201201020304",
    ]  # fmt: skip
    assert np.isnat(found["start"]).all()


def test_a_file_without_picks_can_be_picked(tmp_path):
    """itp and its are not needed."""
    (tmp_path / "x.npz").write_bytes(npz(data=wave()))
    assert read_pick_windows(tmp_path / "x.npz")["arrival"].isnull().all()


def test_what_is_odd_in_a_file_is_told_and_got_over(tmp_path):
    """A wrong shape is left out, NaN becomes zero, a pick outside is not taken."""
    data = wave()
    data[5, 0] = np.nan
    (tmp_path / "a.npz").write_bytes(npz(data=data, itp=99999, its=1200))
    (tmp_path / "b.npz").write_bytes(npz(data=np.zeros((3, 4, 5))))
    found = read_pick_windows(tmp_path)
    assert found.sizes["window"] == 1 and np.isfinite(found["waveform"]).all()
    said = found.attrs["warnings"]
    assert "not finite" in said and "outside" in said and "left out" in said
    assert np.isnan(found["arrival"][0, 0]) and found["arrival"][0, 1] == 12.0


def test_python_objects_are_never_unpickled():
    """An array of objects is refused by its header."""
    with pytest.raises(DataError, match="does not fit"):
        npz_arrays(npz(data=np.array([{"a": 1}], dtype=object)), "x.npz")


def test_a_header_that_promises_more_than_the_file_takes_no_memory():
    """The size in the header is compared with the bytes that are there."""
    raw = npz(data=np.zeros(10)).replace(b"'shape': (10,)", b"'shape': (9999999999,)"[:14])
    with pytest.raises(DataError):
        npz_arrays(raw, "x.npz")
    with pytest.raises(DataError, match="unpack"):
        npz_arrays(npz(data=np.zeros(1000)), "x.npz", most=100)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 700), st.binary(min_size=1, max_size=4))
def test_a_damaged_file_gives_one_clear_error_or_arrays(at, noise):
    """Whatever bytes change, nothing but a DataError comes out."""
    raw = bytearray(npz(data=np.arange(12.0).reshape(4, 3), itp=2))
    raw[at : at + len(noise)] = noise
    try:
        npz_arrays(bytes(raw), "x.npz")
    except DataError as error:
        assert "x.npz" in str(error)


@pytest.fixture
def folder(tmp_path):
    """Ten minutes of one station with an S that follows a P, in miniSEED, and the picks."""
    begin = obspy.UTCDateTime("2020-01-01T00:00:00")
    rng = np.random.default_rng(0)
    traces = [
        obspy.Trace(rng.normal(0, 100, 30_000).astype(np.int32),
                    {"network": "XX", "station": "AAA", "channel": f"HH{c}",
                     "sampling_rate": 50.0, "starttime": begin})
        for c in "ZNE"
    ]  # fmt: skip
    obspy.Stream(traces).write(str(tmp_path / "day.mseed"), format="MSEED")
    pd.DataFrame({
        "network": "XX", "station": ["AAA", "AAA", "BBB"], "phase": ["P", "Sg", "P"],
        "time": ["2020-01-01T00:03:00Z", "2020-01-01T00:03:04.5Z", "2020-01-01T00:05:00Z"],
    }).to_csv(tmp_path / "picks.csv", index=False)  # fmt: skip
    return tmp_path


def test_windows_are_cut_around_the_picks_of_a_table(folder):
    """P and the S after it share a window at the rate wanted; a station without data is told."""
    found = read_pick_windows(folder, rate=100.0)
    assert found.sizes == {"window": 1, "component": 3, "time": 10_500, "phase": 2}
    np.testing.assert_allclose(found["arrival"][0], [45.0, 49.5], atol=0.011)
    start = found["start"].to_numpy()[0]
    assert abs(start - np.datetime64("2020-01-01T00:02:15")) < np.timedelta64(20, "ms")
    assert "no waveforms" in found.attrs["warnings"]


def test_steps_come_before_windows_are_cut(folder):
    """A window is cut from the filtered record; what has no response is told and left out."""
    steps = (Bandpass(low=2.0, high=10.0),)
    found = read_pick_windows(folder, rate=50.0, processing=Processing(steps))
    whole, _ = apply_steps(obspy.read(str(folder / "day.mseed"), format="MSEED"), steps)
    later = found["start"].to_numpy()[0] - np.datetime64("2020-01-01")
    first = round(later / np.timedelta64(20, "ms"))
    cut = whole.select(channel="HHZ")[0].data[first : first + 5250]
    np.testing.assert_allclose(found["waveform"][0, 0], cut - cut.mean(), atol=1e-3)
    with pytest.raises(DataError, match="no response in the station data"):
        read_pick_windows(folder, processing=Processing((RemoveSensitivity(),)))


def test_continuous_waveforms_without_picks_are_cut_one_after_the_other(folder):
    """Ten minutes give windows of a minute that overlap by half, none with a pick."""
    found = read_pick_windows(folder / "day.mseed", length=60.0)
    assert found.sizes["time"] == 6000 and found.sizes["window"] in (19, 20)
    step = np.diff(found["start"].to_numpy())
    assert (np.abs(step - np.timedelta64(30, "s")) < np.timedelta64(1, "ms")).all()
    assert found["arrival"].isnull().all()


def test_seisbench_files_are_read_with_their_arrivals(tmp_path):
    """Samples become seconds, names and start come from the table, no arrival is NaN."""
    data = np.random.default_rng(1).normal(size=(2, 3, 500)).astype(np.float32)
    with h5py.File(tmp_path / "waveforms.hdf5", "w") as file:
        file["data/bucket0"] = data
        file["data_format/component_order"] = "ZNE"
        file["data_format/sampling_rate"] = 100
    pd.DataFrame({
        "trace_name": ["bucket0$0,:3,:500", "bucket0$1,:3,:500"],
        "trace_P_arrival_sample": [100, 150], "trace_S_arrival_sample": [200.0, np.nan],
        "trace_sampling_rate_hz": 100.0, "station_network_code": "CX", "station_code": "PB01",
        "trace_start_time": "2007-01-01T01:42:45.08Z", "source_id": ["a", "b"],
    }).to_csv(tmp_path / "metadata.csv", index=False)  # fmt: skip
    found = read_pick_windows(tmp_path)
    np.testing.assert_array_equal(found["waveform"], data)
    np.testing.assert_array_equal(found["arrival"], [[1.0, 2.0], [1.5, np.nan]])
    assert found["event"].to_numpy().tolist() == ["a", "b"]
    assert found["start"].to_numpy()[0] == np.datetime64("2007-01-01T01:42:45.080")


def test_an_empty_folder_is_refused(tmp_path):
    """One clear error."""
    with pytest.raises(DataError):
        read_pick_windows(tmp_path)
