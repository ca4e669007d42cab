"""Waveforms come back as they were written, and what is wrong with a file is named."""

from __future__ import annotations

import gzip
import io
import os
import struct
import tarfile
from pathlib import Path

import numpy as np
import obspy
import pytest

from craton.errors import DataError
from craton.io import waveforms
from craton.io.waveforms import Selection, read_each, read_waveforms, waveform_contents
from tests.io.waveform_files import START, encoded, put, trace, walk


def kinds(found) -> list[str]:
    return sorted(p.kind for p in found.problems)


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize(
    ("encoding", "dtype"),
    [("INT16", "i2"), ("INT32", "i4"), ("FLOAT32", "f4"), ("FLOAT64", "f8"), ("STEIM1", "i4"),
     ("STEIM2", "i4")],
)  # fmt: skip
def test_each_encoding_and_byte_order_gives_the_samples_back(tmp_path, encoding, dtype, order):
    data = walk(3000).astype(dtype)
    raw = encoded(trace(data), encoding=encoding, byteorder=order)
    found = read_waveforms(put(tmp_path, raw))
    assert found.problems == []
    assert np.array_equal(found.stream[0].data, data)
    assert found.stream[0].stats.starttime == START


def test_names_of_files_do_not_matter_and_gzip_is_seen(tmp_path):
    raw = encoded(trace(walk(500)))
    assert read_waveforms(put(tmp_path, gzip.compress(raw), "a.sac")).stream[0].stats.npts == 500


@pytest.mark.parametrize("order", [0, 1])
def test_sac_in_either_byte_order_agrees_with_obspy(tmp_path, order):
    data = walk(700).astype("f4")
    path = tmp_path / "a.sac"
    trace(data).write(str(path), format="SAC", byteorder=order)
    ours, theirs = read_waveforms(path).stream[0], obspy.read(str(path), format="SAC")[0]
    assert np.array_equal(ours.data, theirs.data)
    assert (ours.id, ours.stats.starttime) == (theirs.id, theirs.stats.starttime)
    assert ours.stats.sampling_rate == pytest.approx(100.0)


def test_a_sac_file_that_ends_early_gives_what_is_there(tmp_path):
    path = tmp_path / "a.sac"
    trace(walk(700).astype("f4")).write(str(path), format="SAC")
    found = read_waveforms(put(tmp_path, path.read_bytes()[:-401], "b.sac"))
    assert kinds(found) == ["truncated"]
    assert np.array_equal(found.stream[0].data, walk(700)[:599])


def test_slist_agrees_with_obspy_and_counts_its_samples(tmp_path):
    path = tmp_path / "a.slist"
    trace(walk(100)).write(str(path), format="SLIST")
    ours, theirs = read_waveforms(path).stream[0], obspy.read(str(path), format="SLIST")[0]
    assert np.array_equal(ours.data, theirs.data)
    assert (ours.id, ours.stats.starttime) == (theirs.id, theirs.stats.starttime)
    short = put(tmp_path, path.read_bytes().replace(b"100 samples", b"120 samples"), "b")
    assert kinds(read_waveforms(short)) == ["truncated"]


def test_a_damaged_record_is_left_out_named_and_becomes_a_gap(tmp_path):
    data = walk(5000)
    raw = bytearray(encoded(trace(data)))
    raw[3 * 512 + 100 : 3 * 512 + 140] = bytes(range(40))
    found = read_waveforms(put(tmp_path, bytes(raw)))
    assert kinds(found) == ["gap", "unreadable record"]
    assert "1 of 12 records cannot be decoded" in found.problems[0].text
    first, second = found.stream
    assert np.array_equal(first.data, data[: first.stats.npts])
    assert np.array_equal(second.data, data[-second.stats.npts :])


def test_a_file_that_ends_within_a_record_gives_the_records_before(tmp_path):
    data = walk(5000)
    found = read_waveforms(put(tmp_path, encoded(trace(data))[:-300]))
    assert kinds(found) == ["truncated"]
    n = found.stream[0].stats.npts
    assert 4000 < n < 5000
    assert np.array_equal(found.stream[0].data, data[:n])


def test_bytes_lost_in_the_middle_cost_their_record_only(tmp_path):
    raw = encoded(trace(walk(5000)))
    found = read_waveforms(put(tmp_path, raw[: 4 * 512 + 77] + raw[4 * 512 + 90 :]))
    assert "unreadable record" in kinds(found) and "gap" in kinds(found)
    assert sum(t.stats.npts for t in found.stream) > 4000
    junk = read_waveforms(put(tmp_path, b"x" * 77 + raw))
    assert kinds(junk) == ["unreadable record"]
    assert junk.stream[0].stats.npts == 5000


@pytest.mark.parametrize(("encoding", "dtype"), [("STEIM2", "i4"), ("INT32", "i4"),
                                                 ("FLOAT32", "f4")])  # fmt: skip
def test_a_wrong_flag_of_byte_order_is_seen_and_the_samples_are_right(tmp_path, encoding, dtype):
    data = walk(4000).astype(dtype)
    raw = bytearray(encoded(trace(data), encoding=encoding, byteorder=1))
    for record in range(0, len(raw), 512):
        raw[record + 53] = 0
    found = read_waveforms(put(tmp_path, bytes(raw)))
    assert kinds(found) == ["wrong byte order"]
    assert np.array_equal(found.stream[0].data, data)


def test_a_record_that_claims_more_samples_than_it_can_hold_is_refused_before_decoding(tmp_path):
    raw = bytearray(encoded(trace(walk(5000))))
    raw[512 + 30 : 512 + 32] = (65535).to_bytes(2, "big")
    found = read_waveforms(put(tmp_path, bytes(raw)))
    assert "claim more samples" in found.problems[0].text
    assert len(found.stream) == 2


def test_a_record_without_a_sampling_rate_is_named(tmp_path):
    raw = bytearray(encoded(trace(walk(5000))))
    raw[32:34] = b"\0\0"
    found = read_waveforms(put(tmp_path, bytes(raw)))
    assert kinds(found) == ["sampling rate"]
    assert "0 Hz, which cannot be" in found.problems[0].text
    assert len(found.stream) == 1


def with_rate(raw, factor, multiplier):
    """The records with other fields of their sampling rate."""
    raw = bytearray(raw)
    for k in range(0, len(raw), 512):
        raw[k + 32 : k + 36] = struct.pack(">hh", factor, multiplier)
    return bytes(raw)


@pytest.mark.parametrize("fields", [(-32768, -32768), (32767, 32767), (-32768, -1200)])
def test_contents_name_a_rate_or_time_that_cannot_be_and_keep_the_other_channels(tmp_path, fields):
    """A rate of 1e-9 or 1e9 Hz, or one that ends after the year 2200, costs its channel alone."""
    put(tmp_path, encoded(trace(walk(900))), "a.mseed")
    put(tmp_path, with_rate(encoded(trace(walk(900), "XX.BBB..HHZ")), *fields), "b.mseed")
    found = waveform_contents(tmp_path)
    assert found["station"].tolist() == ["AAA"]
    (problem,) = found.attrs["problems"]
    assert problem.where == "XX.BBB..HHZ" and "900 samples: has" in problem.text
    with pytest.raises(DataError, match=r"which cannot be|outside of the years"):
        read_waveforms(tmp_path / "b.mseed")


@pytest.mark.parametrize("how", [{}, {"encoding": "FLOAT32"}])
def test_a_rate_that_contradicts_the_times_of_the_records_is_named_as_such(tmp_path, how):
    """100 Hz by the records' starts, 20000 Hz by their header: no gaps, but a wrong header."""
    data = walk(9000).astype("f4" if how else "i4")
    path = put(tmp_path, with_rate(encoded(trace(data), **how), 20000, 1))
    with pytest.raises(DataError, match="header says 20000 Hz, its records follow each other at "
                                        "100 Hz; left out"):  # fmt: skip
        read_waveforms(path)
    assert len(waveform_contents(path)) == 0
    assert "20000 Hz" in waveform_contents(path).attrs["problems"][0].text


def test_cut_outs_at_equal_distances_do_not_contradict_their_rate(tmp_path):
    """One record of 50 samples at 100 Hz each seven minutes: gaps, and every sample is kept."""
    raw = b"".join(encoded(trace(walk(50), at=420.0 * k)) for k in range(20))
    found = read_waveforms(put(tmp_path, raw))
    assert sum(t.stats.npts for t in found.stream) == 1000 and kinds(found) == ["gap"]


def test_gap_overlap_and_clock_jump_are_told_apart(tmp_path):
    data = walk(3000)

    def read(*traces):
        found = read_waveforms(put(tmp_path, b"".join(encoded(t) for t in traces)))
        return kinds(found), found.stream

    first = trace(data[:1000])
    found, stream = read(first, trace(data[1000:2000], at=10.0))
    assert found == [] and len(stream) == 1
    found, stream = read(first, trace(data[1000:2000], at=12.0))
    assert found == ["gap"] and len(stream) == 2
    found, stream = read(first, trace(data[1000:2000], at=12.004))
    assert found == ["clock jump"] and len(stream) == 2
    found, stream = read(first, trace(data[900:2000], at=9.0))
    assert found == ["overlap"]
    assert np.array_equal(stream[0].data, data[:2000])
    found, stream = read(first, trace(data[1000:2000], at=9.0))
    assert found == ["clock jump back"]
    assert np.array_equal(np.concatenate([t.data for t in stream])[:1000], data[:1000])
    assert sum(t.stats.npts for t in stream) == 1900


def test_a_file_that_lies_within_another_adds_nothing(tmp_path):
    data = walk(3000)
    put(tmp_path, encoded(trace(data)), "a")
    put(tmp_path, encoded(trace(data[500:900], at=5.0)), "b")
    found = read_waveforms(tmp_path)
    assert kinds(found) == ["overlap"]
    assert np.array_equal(found.stream[0].data, data)


def test_a_changed_sampling_rate_is_told_and_both_parts_are_kept(tmp_path):
    put(tmp_path, encoded(trace(walk(1000))), "a")
    put(tmp_path, encoded(trace(walk(1000), rate=50.0, at=10.0)), "b")
    found = read_waveforms(tmp_path)
    assert kinds(found) == ["mixed sampling rates"]
    assert [t.stats.sampling_rate for t in found.stream] == [100.0, 50.0]


def sds(root: Path, name: str, day: int, data: np.ndarray) -> None:
    """A day file of February 2020, its data from midnight on at 1 Hz."""
    net, sta, _, cha = name.split(".")
    at = obspy.UTCDateTime(2020, 2, 1) + 86400 * (day - 32) - START
    place = f"2020/{net}/{sta}/{cha}.D/{name}.D.2020.{day:03d}"
    put(root, encoded(trace(data, name, 1.0, at)), place)


def test_an_sds_archive_is_joined_over_midnight_and_only_what_is_selected_is_opened(tmp_path):
    data = walk(2 * 86400)
    for name in ("XX.AAA..HHZ", "XX.AAA..HHN", "XX.BBB.00.HHZ"):
        for day in (0, 1):
            sds(tmp_path, name, 32 + day, data[day * 86400 : (day + 1) * 86400])
    found = read_waveforms(
        tmp_path, station="AAA", channel="??Z", start="2020-02-01T23:59:00",
        end="2020-02-02T00:01:00Z",
    )  # fmt: skip
    assert [t.id for t in found.stream] == ["XX.AAA..HHZ"] and found.problems == []
    assert np.array_equal(found.stream[0].data, data[86340:86460])
    assert len(read_waveforms(tmp_path, location="--").stream) == 2
    # A damaged file of a day that is not asked for is not opened.
    (tmp_path / "2020/XX/AAA/HHZ.D/XX.AAA..HHZ.D.2020.032").write_bytes(b"junk")
    late = read_waveforms(
        tmp_path, station="AAA", channel="HHZ", start="2020-02-02T12:00", end="2020-02-03"
    )
    assert late.problems == [] and late.stream[0].stats.npts == 43200
    rest = read_waveforms(tmp_path, station="AAA", channel="HHZ")
    assert kinds(rest) == ["unknown format"] and rest.stream[0].stats.npts == 86400


def test_an_archive_is_read_member_by_member(tmp_path):
    with tarfile.open(tmp_path / "all.tar.gz", "w:gz") as archive:
        for name, raw in {"b.mseed": encoded(trace(walk(300), "XX.B..HHZ")), "c.txt": b"no",
                          "a.mseed": encoded(trace(walk(200), "XX.A..HHZ"))}.items():  # fmt: skip
            info = tarfile.TarInfo(name)
            info.size = len(raw)
            archive.addfile(info, io.BytesIO(raw))
    each = [len(w.stream) for w in read_each(tmp_path / "all.tar.gz")]
    assert each == [1, 0, 1]
    found = read_waveforms(tmp_path / "all.tar.gz")
    assert [(t.id, os.path.basename(t.stats.source)) for t in found.stream] == [
        ("XX.A..HHZ", "a.mseed"), ("XX.B..HHZ", "b.mseed")
    ]  # fmt: skip
    assert kinds(found) == ["unknown format"]
    cut = put(tmp_path, (tmp_path / "all.tar.gz").read_bytes()[:-150], "cut.tar.gz")
    with pytest.raises(DataError, match="archive that cannot be read to its end"):
        read_waveforms(cut)


def test_a_path_without_anything_usable_is_one_error_that_says_what_came(tmp_path):
    with pytest.raises(DataError, match=r"nothing usable.*none of miniSEED, SAC and SLIST"):
        read_waveforms(put(tmp_path, b"hello", "a.mseed"))
    with pytest.raises(DataError, match="miniSEED 3"):
        read_waveforms(put(tmp_path, b"MS\x03" + bytes(200)))
    with pytest.raises(DataError, match=r"channel BHZ.*no sample is selected"):
        read_waveforms(put(tmp_path, encoded(trace(walk(9)))), channel="BHZ")
    with pytest.raises(DataError, match="not before the end"):
        read_waveforms(tmp_path, start="2020-01-02", end="2020-01-01")
    with pytest.raises(DataError, match="there is no such file"):
        read_waveforms(tmp_path / "none")
    with pytest.raises(DataError, match="cannot be read to its end"):
        read_waveforms(put(tmp_path, gzip.compress(encoded(trace(walk(900))))[:-20]))


def plain_record(blockette_100: float) -> bytes:
    """A record of 50 samples whose blockette 100 says the sampling rate."""
    raw = bytearray(512)
    raw[:20] = b"000001D AAA    HHZXX"
    struct.pack_into(">HHBBBBHHhhBBBBiHH", raw, 20, 2020, 1, 0, 0, 0, 0, 0, 50, 100, 1, 0, 0, 0, 2,
                     0, 128, 48)  # fmt: skip
    struct.pack_into(">HHBBBBHHf", raw, 48, 1000, 56, 3, 1, 9, 0, 100, 0, blockette_100)
    raw[128:328] = np.arange(50, dtype=">i4").tobytes()
    return bytes(raw)


def test_the_actual_sampling_rate_is_taken_and_an_absurd_one_is_named(tmp_path):
    assert read_waveforms(put(tmp_path, plain_record(49.5))).stream[0].stats.sampling_rate == 49.5
    for rate in (-5.0, 0.0, 1e30, np.inf, 1e-30):
        with pytest.raises(DataError, match=rf"sampling rate {rate:g} Hz, which cannot be".replace(
            "+", r"\+")):  # fmt: skip
            read_waveforms(put(tmp_path, plain_record(rate)))
    with pytest.raises(DataError, match="cannot be decoded"):
        read_waveforms(put(tmp_path, plain_record(np.nan)))


def test_records_in_any_order_give_the_same_samples(tmp_path):
    raw = encoded(trace(walk(5000))) + encoded(trace(walk(5000, 1), "XX.BBB..HHZ"))
    records = [raw[k : k + 512] for k in range(0, len(raw), 512)]
    mixed = np.random.default_rng(0).permutation(len(records))
    found = read_waveforms(put(tmp_path, b"".join(records[k] for k in mixed)))
    assert found.problems == [] and [t.id for t in found.stream] == ["XX.AAA..HHZ", "XX.BBB..HHZ"]
    for seed, one in enumerate(found.stream):
        assert np.array_equal(one.data, walk(5000, seed))


def test_a_large_file_of_another_kind_is_not_read_and_links_may_lead_back(tmp_path, monkeypatch):
    put(tmp_path, encoded(trace(walk(900))), "day/a.mseed")
    put(tmp_path, b"x" * 3_000_000, "day/model.bin")
    (tmp_path / "day" / "back").symlink_to(tmp_path)
    sizes = []
    known = waveforms.read_bytes
    monkeypatch.setattr(waveforms, "read_bytes", lambda raw, *a: sizes.append(len(raw)) or known(
        raw, *a))  # fmt: skip
    found = read_waveforms(tmp_path)
    assert kinds(found) == ["unknown format"] and found.stream[0].stats.npts == 900
    assert max(sizes) < 10_000 and len(sizes) == 1


def test_log_and_text_records_are_named(tmp_path):
    text = trace(np.frombuffer(b"clock is locked", "S1"), "XX.AAA..LOG", 1.0)
    raw = encoded(text, encoding="ASCII") + encoded(trace(walk(200)))
    found = read_waveforms(put(tmp_path, raw))
    assert kinds(found) == ["encoding"] and len(found.stream) == 1


def test_contents_tell_what_reading_gives_without_decoding(tmp_path):
    """Channels, rates, first and last sample, whatever the order of the records; a gap counts."""
    one = [trace(walk(3000)), trace(walk(2000, 1), at=60.0)]
    put(tmp_path, encoded(*one, trace(walk(500, 2), "XX.BBB..EHZ", 20.0)), "a.mseed")
    put(tmp_path, gzip.compress(encoded(trace(walk(1000), "XX.AAA..HHN"))), "b.gz")
    (tmp_path / "notes.txt").write_text("hello")
    listed = waveform_contents(tmp_path)
    assert any("none of miniSEED" in str(p) for p in listed.attrs["problems"])
    found = read_waveforms(tmp_path).stream
    for row in listed.itertuples():
        mine = found.select(id=f"{row.network}.{row.station}.{row.location}.{row.channel}")
        rate = mine[0].stats.sampling_rate
        assert row.rate == rate and row.samples == sum(t.stats.npts for t in mine)
        first, last = mine[0].stats.starttime, mine[-1].stats.endtime + 1 / rate
        assert abs(row.start.value - first.ns) < 1000 and abs(row.end.value - last.ns) < 1000
    assert listed["channel"].tolist() == ["HHZ", "EHZ", "HHN"]
    late = waveform_contents(tmp_path, Selection(start=np.datetime64("2020-02-01T00:00:40", "ns")))
    assert late["channel"].tolist() == ["HHZ"]


def test_contents_of_a_damaged_file_are_those_of_its_sound_records(tmp_path):
    raw = bytearray(encoded(trace(walk(5000))))
    whole = waveform_contents(put(tmp_path, bytes(raw)))["samples"].item()
    raw[512:1024] = bytes(512)
    assert 0 < waveform_contents(put(tmp_path, bytes(raw), "b.mseed"))["samples"].item() < whole
    assert not len(waveform_contents(put(tmp_path, b"hello" * 100, "c.mseed")))
