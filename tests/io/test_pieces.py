"""A long record read piece by piece is the record."""

import numpy as np
import obspy
import pytest

from craton.io.pieces import longest_run, read_pieces
from craton.io.waveforms import read_waveforms, waveform_contents

BEGIN = obspy.UTCDateTime("2021-03-04T22:30:00")


def record(folder, station="AAA", channel="HHZ", hours=3.0, rate=10.0, name=None, late=0.0):
    """Write a random record, and give its samples."""
    wave = np.random.default_rng(1).integers(-999, 999, round(hours * 3600 * rate)).astype("i4")
    header = {"network": "XX", "station": station, "channel": channel, "sampling_rate": rate}
    trace = obspy.Trace(wave, header | {"starttime": BEGIN + late})
    trace.write(str(folder / (name or f"{station}.{channel}.mseed")), format="MSEED")
    return wave


@pytest.mark.parametrize("most", [1, 150_000, 1 << 30])
def test_pieces_put_together_are_the_record(tmp_path, most):
    """Each sample comes once, in order, whatever the size of a piece."""
    wave = record(tmp_path)
    pieces = list(read_pieces(waveform_contents(tmp_path), most))
    found = np.concatenate([t.data for p in pieces for t in p.stream])
    assert np.array_equal(found, wave)
    begins = [p.stream[0].stats.starttime for p in pieces]
    assert begins == sorted(begins) and [p.number for p in pieces] == [*range(1, len(pieces) + 1)]


def test_a_piece_holds_no_more_than_was_asked_for(tmp_path):
    """Memory follows the size of a piece, not of the record."""
    record(tmp_path)
    record(tmp_path, channel="HHN")
    pieces = list(read_pieces(waveform_contents(tmp_path), 4 * 2 * 10 * 1200))
    assert max(sum(t.stats.npts for t in p.stream) for p in pieces) == 2 * 10 * 1200


def test_stations_come_one_after_the_other_with_all_their_channels(tmp_path):
    """All channels of a time are in one piece, though they lie in files of their own."""
    for station in ("AAA", "BBB"):
        for channel in ("HHZ", "HHN"):
            record(tmp_path, station, channel)
    pieces = list(read_pieces(waveform_contents(tmp_path), 200_000))
    assert [p.station for p in pieces] == sorted(p.station for p in pieces)
    assert all({t.stats.channel for t in p.stream} == {"HHZ", "HHN"} for p in pieces)


def test_an_archive_is_read_where_its_files_lie(tmp_path):
    """Members of a tar are found again."""
    import tarfile

    wave = record(tmp_path)
    with tarfile.open(tmp_path / "all.tar", "w") as archive:
        archive.add(tmp_path / "AAA.HHZ.mseed", "inside/AAA.HHZ.mseed")
    pieces = list(read_pieces(waveform_contents(tmp_path / "all.tar"), 150_000))
    assert np.array_equal(np.concatenate([t.data for p in pieces for t in p.stream]), wave)


def test_what_is_wrong_with_a_file_comes_with_its_piece(tmp_path):
    """A file that ends within a record is read as far as it goes, and named."""
    record(tmp_path)
    file = tmp_path / "AAA.HHZ.mseed"
    file.write_bytes(file.read_bytes()[:-100])
    pieces = list(read_pieces(waveform_contents(tmp_path)))
    assert "truncated" in {p.kind for piece in pieces for p in piece.problems}
    whole = read_waveforms(tmp_path).stream
    assert sum(t.stats.npts for p in pieces for t in p.stream) == whole[0].stats.npts


def test_files_that_follow_each_other_are_one_run(tmp_path):
    """Ten minutes in two files are ten minutes; an hour later begins anew."""
    for k, late in enumerate((0.0, 300.0, 7200.0)):
        record(tmp_path, hours=1 / 12, name=f"{k}.mseed", late=late)
    assert longest_run(waveform_contents(tmp_path)) == pytest.approx(600.0)


def test_a_gap_between_two_pieces_is_named_as_one_within(tmp_path):
    """Ten minutes are missing, in one piece or where pieces of ten minutes meet."""
    for k, late in enumerate((0.0, 4200.0)):
        record(tmp_path, hours=1.0, name=f"{k}.mseed", late=late)
    for most in (1, 1 << 30):
        pieces = read_pieces(waveform_contents(tmp_path), most)
        told = [str(p) for piece in pieces for p in piece.problems]
        assert len(told) == 1 and told[0].startswith("XX.AAA..HHZ: 1 gap, 600.000 s in all, ")
        assert "at 2021-03-04T23:40:00" in told[0]
