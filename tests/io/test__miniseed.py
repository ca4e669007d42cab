"""miniSEED record by record: headers as they were written, and what is said of damage."""

import numpy as np
import pytest

from craton.io._miniseed import may_be_miniseed, read_miniseed, scan
from tests.io.waveform_files import START, encoded, trace, walk


def everything(table):
    return np.ones(len(table), bool)


@pytest.mark.parametrize("reclen", [256, 512, 4096])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_headers_tell_channel_time_and_rate_of_each_record(reclen, byteorder):
    """In both byte orders and any length of record."""
    raw = encoded(trace(walk(5000), "XX.AB1.00.HHN", rate=62.5), reclen=reclen,
                  byteorder=byteorder)  # fmt: skip
    table, problems = scan(raw, "a")
    assert not problems and len(table) == len(raw) // reclen
    assert set(table["id"]) == {"XX.AB1.00.HHN"} and set(table["length"]) == {reclen}
    assert set(table["rate"]) == {62.5} and table["samples"].sum() == 5000
    assert table["start"][0] == START.ns
    later = START.ns + np.r_[0, np.cumsum(table["samples"])[:-1]] / 62.5 * 1e9
    assert np.abs(table["start"] - later).max() <= 50_000  # tenths of milliseconds


@pytest.mark.parametrize("encoding", ["STEIM1", "STEIM2", "INT32", "FLOAT32", "FLOAT64", "INT16"])
def test_samples_are_what_was_written(encoding):
    """All encodings of plain and compressed numbers."""
    kind = {"FLOAT32": "f4", "FLOAT64": "f8", "INT16": "i2"}.get(encoding, "i4")
    data = np.clip(walk(3000), -30_000, 30_000).astype(kind)
    found, problems = read_miniseed(encoded(trace(data), encoding=encoding), "a", everything)
    assert not problems and len(found) == 1
    np.testing.assert_array_equal(found[0].data, data)


def test_only_records_that_are_wanted_are_decoded():
    """A mask over the table of records."""
    raw = encoded(trace(walk(3000)), trace(walk(3000), "XX.BBB..HHZ"))
    found, _ = read_miniseed(raw, "a", lambda table: table["id"] == "XX.BBB..HHZ")
    assert {t.id for t in found} == {"XX.BBB..HHZ"}
    assert read_miniseed(raw, "a", lambda table: np.zeros(len(table), bool)) == ([], [])


def test_what_is_no_record_is_skipped_and_counted():
    """Between records and at the end; records after it are found again."""
    raw = encoded(trace(walk(4000)))
    sound, _ = scan(raw, "a")
    damaged = raw[:1024] + b"\x99" * 333 + raw[1024:] + b"\x77" * 20
    table, problems = scan(damaged, "a")
    assert table["samples"].tolist() == sound["samples"].tolist()
    assert ["353 bytes" in p.text and "byte 1024" in p.text for p in problems] == [True]


def test_a_record_that_is_cut_off_is_named():
    """With the bytes that are there of it."""
    raw = encoded(trace(walk(4000)))
    table, problems = scan(raw[:-100], "a")
    assert len(table) == len(raw) // 512 - 1
    assert [(p.kind, "412 bytes" in p.text) for p in problems] == [("truncated", True)]


def test_one_record_that_cannot_be_decoded_costs_itself_only():
    """Found by halving; all others are there."""
    raw = bytearray(encoded(trace(walk(6000))))
    table, _ = scan(bytes(raw), "a")
    bad = len(table) // 2
    raw[bad * 512 + 64 : bad * 512 + 512] = b"\xff" * 448
    found, problems = read_miniseed(bytes(raw), "a", everything)
    assert sum(t.stats.npts for t in found) >= 6000 - int(table["samples"][bad])
    assert len(problems) <= 1


def test_bytes_of_another_kind_are_none():
    """No record at all."""
    assert read_miniseed(b"nothing like it" * 100, "a", everything) is None
    assert not may_be_miniseed(b"nothing like it" * 100)
    assert may_be_miniseed(encoded(trace(walk(100))))
    assert may_be_miniseed(b"000001V 010009002.4")
