"""Files as a feed."""

import os
import time

import numpy as np
import obspy
import pytest

from craton.errors import DataError
from craton.io._miniseed import scan
from craton.serve import files
from craton.serve.files import Files
from craton.serve.settings import Feed, Wanted, stations
from tests.serve.worlds import START, record, records


@pytest.fixture(scope="module")
def packets():
    """A minute of one station."""
    return records(record(1))


def feed_of(path, problems=None, since=None, state=None, **settings):
    chosen = Feed(**({"speed": "max"} | settings))
    tell = (lambda p: None) if problems is None else problems.append
    return Files(path, chosen, Wanted(stations(chosen.select)), tell, since or {}, state or {})


def all_of(source):
    return [p.raw for batch in source.batches() for p in batch]


def ends(raws):
    rows, _ = scan(b"".join(raws), "")
    return rows["start"] + rows["samples"] / rows["rate"] * 1e9


def test_records_come_in_the_order_in_which_they_were_complete(packets, tmp_path):
    """Whatever their order in the file, as when channel follows channel."""
    by_channel = sorted(packets, key=lambda p: p[15:18])
    (tmp_path / "a").write_bytes(b"".join(by_channel[:30]))
    (tmp_path / "b").write_bytes(b"".join(by_channel[30:]))
    found = all_of(feed_of(tmp_path))
    assert sorted(found) == sorted(packets) and (np.diff(ends(found)) >= 0).all()


def test_a_file_is_looked_through_only_when_its_time_has_come(packets, tmp_path, monkeypatch):
    """So a long archive does not lie in memory."""
    monkeypatch.setattr(files, "AT_ONCE", 20)
    for k in range(3):
        part = records(record(1, start=START + 60 * k))
        (tmp_path / f"{k}").write_bytes(b"".join(part))
    source = feed_of(tmp_path)
    batches = source.batches()
    next(batches)
    assert source.files["0"].offset and not source.files["2"].offset
    for _ in batches:
        pass
    assert not any(len(f.rows) for f in source.files.values())


@pytest.mark.parametrize("chunk", [600, 5000, 1 << 22])
def test_a_file_that_grows_by_odd_numbers_of_bytes_is_read_once(
    packets, tmp_path, chunk, monkeypatch
):
    """A record is taken when it is whole."""
    monkeypatch.setattr(files, "CHUNK", chunk)
    raw, path, problems = b"".join(packets[:12]), tmp_path / "a", []
    path.write_bytes(raw[:700])
    source = feed_of(path, problems, speed=None, idle=0.05, poll=0.01)
    batches, found, at = source.batches(), [], 700
    for batch in batches:
        found += [p.raw for p in batch]
        assert len(found) <= at // 512
        if at < len(raw):
            with open(path, "ab") as stream:
                stream.write(raw[at : at + 333])
            at += 333
    assert found == packets[:12] and not problems


@pytest.mark.parametrize("more", [1, 47, 48, 55, 63, 64, 127, 128, 511])
def test_a_record_that_is_written_in_part_is_waited_for(packets, tmp_path, more):
    """Wherever its bytes break off: in its header, before its length is told, or in its samples."""
    path, problems, found = tmp_path / "a", [], []
    path.write_bytes(packets[0] + packets[1][:more])
    for batch in feed_of(path, problems, speed=None, idle=0.05, poll=0.01).batches():
        found += [p.raw for p in batch]
        if path.stat().st_size < 1024:
            path.write_bytes(packets[0] + packets[1])
    assert found == packets[:2] and not problems


def test_new_files_are_found(packets, tmp_path):
    """As at midnight in an SDS archive."""
    (tmp_path / "a").write_bytes(b"".join(packets[:5]))
    source = feed_of(tmp_path, speed=None, idle=0.05, poll=0.01)
    found = []
    for batch in source.batches():
        found += [p.raw for p in batch]
        if len(found) == 5 and not (tmp_path / "2024").exists():
            (tmp_path / "2024").mkdir()
            (tmp_path / "2024" / "b").write_bytes(b"".join(packets[5:9]))
    assert found == packets[:9]


def test_damage_and_files_of_other_kinds_are_named_and_survived(packets, tmp_path):
    """Noise between records, a file that ends within one, a text, a hidden one, a dead link."""
    noise = bytes(np.random.default_rng(0).integers(128, 255, 1000, np.uint8))
    (tmp_path / "a").write_bytes(packets[0] + noise + packets[1] + packets[2][:300])
    (tmp_path / "b.txt").write_text("station list " * 100)
    (tmp_path / ".hidden").write_bytes(packets[3])
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    problems = []
    assert all_of(feed_of(tmp_path, problems)) == packets[:2]
    told = {(os.path.basename(p.where), p.kind) for p in problems}
    assert told == {("a", "unreadable record"), ("a", "truncated"), ("b.txt", "unreadable record")}


def test_a_text_in_a_folder_that_grows_is_read_once(tmp_path, packets):
    """Not at each look."""
    (tmp_path / "notes").write_text("no waveforms here " * 100)
    (tmp_path / "a").write_bytes(packets[0])
    problems = []
    source = feed_of(tmp_path, problems, speed=None, idle=0.1, poll=0.01)
    assert all_of(source) == packets[:1] and len(problems) == 1


def test_a_file_that_becomes_shorter_is_read_anew_and_told(packets, tmp_path):
    """What came before is known to those behind the source."""
    path, problems = tmp_path / "a", []
    path.write_bytes(b"".join(packets[:5]))
    source = feed_of(path, problems, speed=None, idle=0.05, poll=0.01)
    found = []
    for batch in source.batches():
        found += [p.raw for p in batch]
        if len(found) == 5:
            path.write_bytes(packets[7])
    assert found == [*packets[:5], packets[7]] and [p.kind for p in problems] == ["shorter"]


def test_only_what_is_wanted_and_needed_is_given(packets, tmp_path):
    """By channel, by the time to begin at, and by what was done before."""
    (tmp_path / "a").write_bytes(b"".join(packets))
    found = all_of(feed_of(tmp_path, select="XX_AAA:HHZ"))
    assert found == [p for p in packets if p[15:18] == b"HHZ"]
    half = START + 30
    found = all_of(feed_of(tmp_path, begin=str(half)))
    assert found == [p for p, end in zip(packets, ends(packets), strict=True) if end > half.ns]
    since = {("XX", "AAA", "", "HH"): half.ns}
    assert all_of(feed_of(tmp_path, since=since, begin=None)) == found


def test_after_a_restart_files_that_are_done_are_not_read_again(packets, tmp_path, monkeypatch):
    """Only those whose end is needed, and what has been added."""
    for k in range(3):
        part = records(record(1, start=START + 60 * k))
        (tmp_path / f"{k}").write_bytes(b"".join(part))
    source = feed_of(tmp_path)
    whole = all_of(source)
    since = {("XX", "AAA", "", "HH"): (START + 150).ns}
    read = []
    before = files._read
    monkeypatch.setattr(files, "_read", lambda p, *a: read.append(p.name) or before(p, *a))
    again = all_of(feed_of(tmp_path, since=since, state=source.state(since)))
    assert set(read) == {"2"}
    assert again == [p for p, e in zip(whole, ends(whole), strict=True) if e > (START + 150).ns]
    with open(tmp_path / "0", "ab") as stream:
        stream.write(packets[3])
    late = {("XX", "AAA", "", "HH"): (START + 150).ns, ("XX", "BBB", "", "HH"): (START + 150).ns}
    assert packets[3] not in all_of(feed_of(tmp_path, since=late, state=source.state(since)))


def test_a_replay_keeps_its_time(packets, tmp_path):
    """At 60 times real time a minute takes a second, and packets are due one after another."""
    (tmp_path / "a").write_bytes(b"".join(packets))
    source = feed_of(tmp_path, speed=60.0)
    began, due = time.monotonic(), []
    for batch in source.batches():
        due += [p.arrived for p in batch]
        assert all(p.arrived <= time.monotonic() for p in batch)
    length = (ends(packets)[-1] - ends(packets)[0]) / 1e9 / 60
    assert due[-1] - due[0] == pytest.approx(length, abs=1e-6)
    assert time.monotonic() - began >= length
    assert source.now() >= ends(packets)[-1] - 1e6


def test_a_place_that_is_not_there_is_one_clear_error(tmp_path):
    """With a hint at servers."""
    with pytest.raises(DataError, match="no such file"):
        feed_of(tmp_path / "nowhere")


def test_the_world_of_these_tests_is_what_it_says(packets):
    """Odd lengths, three channels, no gap."""
    stream = obspy.Stream()
    for p in packets:
        import io

        stream += obspy.read(io.BytesIO(p), format="MSEED")
    lengths = {t.stats.npts for t in stream}
    stream.merge()
    assert len(lengths) > 10 and [t.stats.npts for t in stream] == [6000] * 3
