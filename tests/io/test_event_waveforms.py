"""Waveforms around events: one rate, one band, no amplitude; files, archives and labels."""

import tarfile

import numpy as np
import pytest

from craton.errors import DataError
from craton.io.event_waveforms import Cut, guess_kind, read_event_waveforms, to_band

obspy = pytest.importorskip("obspy")


def write(path, values, rate, channel="HHZ", station="AAA", start="2020-01-01T00:00:00"):
    header = {"network": "XX", "station": station, "channel": channel, "sampling_rate": rate}
    trace = obspy.Trace(np.asarray(values, np.float32), header)
    trace.stats.starttime = obspy.UTCDateTime(start)
    trace.write(str(path), format="MSEED")


def wave(rate, gain=1.0, frequency=5.0, seconds=20):
    t = np.arange(int(seconds * rate)) / rate
    return gain * np.sin(2 * np.pi * frequency * t) * np.exp(-(((t - 10) / 3) ** 2)) + 7.0


@pytest.mark.parametrize("rate", [40.0, 50.0, 100.0, 200.0])
def test_rate_and_gain_of_the_instrument_leave_no_trace(rate):
    """The same ground motion, whatever digitised it."""
    cut = Cut(40.0, 20.0)
    expected, found = to_band(wave(400.0), 400.0, cut), to_band(wave(rate, 30.0), rate, cut)
    np.testing.assert_allclose(found / 30.0, expected, atol=0.01)


def test_what_only_some_instruments_have_is_filtered_out():
    """Energy at 0.2 and at 18 Hz is gone, at 5 Hz it stays."""
    power = {f: np.abs(to_band(wave(100.0, 1.0, f), 100.0, Cut())).max() for f in (0.2, 5, 18)}
    assert power[5] > 0.95 and power[0.2] < 0.05 and power[18] < 0.2


def test_a_folder_with_a_table_and_an_archive_is_read_by_event(tmp_path):
    """Labels by event, stations side by side, blind events without a label."""
    for name, rate in (("a.mseed", 100.0), ("b.mseed", 50.0), ("c.mseed", 40.0)):
        write(tmp_path / name, wave(rate), rate, station=name[0].upper())
    with tarfile.open(tmp_path / "w.tar.gz", "w:gz") as archive:
        for name in ("a.mseed", "b.mseed", "c.mseed"):
            archive.add(tmp_path / name, name)
            (tmp_path / name).unlink()
    (tmp_path / "traces.csv").write_text(
        "file,event,label\na.mseed,E1,quake\nb.mseed,E1,quake\nc.mseed,E2,\n"
    )
    assert guess_kind(tmp_path) == "waveforms"
    found = read_event_waveforms(tmp_path, Cut())
    assert found["event_id"].to_numpy().tolist() == ["E1", "E2"]
    assert found["label"].to_numpy().tolist() == ["quake", ""]
    assert found["event_of"].to_numpy().tolist() == [0, 0, 1]
    assert dict(found["waveform"].sizes) == {"record": 3, "channel": 1, "step": 800}
    np.testing.assert_allclose(found["waveform"][0], found["waveform"][2], atol=0.02)


def test_without_a_table_each_file_is_an_event(tmp_path):
    """Named by the file; components of one station share a record."""
    write(tmp_path / "quarry.mseed", wave(100.0), 100.0)
    found = read_event_waveforms(tmp_path / "quarry.mseed", Cut(components=("Z", "N")))
    assert found["event_id"].to_numpy().tolist() == ["quarry"]
    assert np.abs(found["waveform"][0, 0]).max() == 1 and not found["waveform"][0, 1].any()


def test_a_stream_is_processed_before_its_record_is_made(tmp_path):
    """And a folder of which nothing is left says so, and no file is called missing."""
    write(tmp_path / "a.mseed", wave(100.0), 100.0)
    (tmp_path / "t.csv").write_text("file,event,label\na.mseed,E1,x\n")

    def turned(stream):
        for trace in stream:
            trace.data = -trace.data
        return stream

    plain, found = (read_event_waveforms(tmp_path, Cut(), process=p) for p in (None, turned))
    np.testing.assert_allclose(found["waveform"], -plain["waveform"], atol=1e-6)
    with pytest.raises(DataError, match="no waveform is left after the steps"):
        read_event_waveforms(tmp_path, Cut(), process=lambda stream: stream[:0])


def test_a_file_that_the_table_names_and_that_is_not_there_is_named(tmp_path):
    """No event is dropped in silence."""
    write(tmp_path / "a.mseed", wave(100.0), 100.0)
    (tmp_path / "t.csv").write_text("file,event,label\na.mseed,E1,x\nb.mseed,E2,y\n")
    with pytest.raises(DataError, match=r"b\.mseed"):
        read_event_waveforms(tmp_path, Cut())


def test_dead_channels_are_left_out_and_counted(tmp_path):
    """A record that is zero throughout is no record."""
    write(tmp_path / "a.mseed", wave(100.0), 100.0)
    write(tmp_path / "b.mseed", np.zeros(2000), 100.0)
    found = read_event_waveforms(tmp_path, Cut())
    assert found.sizes["record"] == 1 and "1 records are zero" in found.attrs["history"]
