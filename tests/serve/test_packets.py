"""Packets that are damaged, of the wrong byte order, or not wanted."""

import io

import numpy as np
import obspy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from craton.serve.packets import Packet, unpack
from craton.serve.settings import Wanted, stations


def raw_of(samples=100, start=0, channel="HHZ", order=">", encoding="STEIM2"):
    rng = np.random.default_rng(start)
    data = rng.integers(-1000, 1000, samples).astype(np.int32)
    header = {"network": "XX", "station": "AAA", "channel": channel, "sampling_rate": 100.0,
              "starttime": obspy.UTCDateTime(2024, 5, 1) + start}  # fmt: skip
    raw = io.BytesIO()
    obspy.Trace(data, header).write(raw, "MSEED", reclen=512, encoding=encoding, byteorder=order)
    return raw.getvalue(), data


def test_packets_of_several_channels_are_decoded_together():
    """The samples are those that were sent."""
    sent = [raw_of(channel=c) for c in ("HHZ", "HHN")]
    traces, problems = unpack([Packet(r, 0.0) for r, _ in sent], "feed", Wanted([]))
    for trace, (_, data) in zip(sorted(traces, key=lambda t: t.stats.channel),
                                reversed(sent), strict=True):  # fmt: skip
        np.testing.assert_array_equal(trace.data, data)
    assert problems == []


def test_a_damaged_packet_is_named_and_its_neighbours_are_kept():
    """Steim frames that do not fit each other."""
    good = [raw_of(start=k)[0] for k in range(3)]
    bad = bytearray(good[1])
    bad[70:400] = bytes(np.random.default_rng(1).integers(0, 255, 330, np.uint8))
    packets = [Packet(good[0], 0.0), Packet(bytes(bad), 0.0), Packet(good[2], 0.0)]
    traces, problems = unpack(packets, "feed", Wanted([]))
    assert sum(t.stats.npts for t in traces) == 200
    assert [p.kind for p in problems] == ["unreadable record"]


def test_a_wrong_flag_of_byte_order_is_named_and_mended():
    """The flag says little, the data are big."""
    raw, data = raw_of(encoding="INT32")
    at = raw.index(b"\x03\xe8", 46)  # blockette 1000
    wrong = raw[: at + 5] + b"\x00" + raw[at + 6 :]
    traces, problems = unpack([Packet(wrong, 0.0)], "feed", Wanted([]))
    np.testing.assert_array_equal(traces[0].data, data)
    assert [p.kind for p in problems] == ["wrong byte order"]


def test_a_channel_that_is_not_wanted_is_named_and_left_out():
    """A server that sends more than it was asked for."""
    packets = [Packet(raw_of(channel=c)[0], 0.0) for c in ("HHZ", "LCE")]
    traces, problems = unpack(packets, "feed", Wanted(stations(("XX_AAA:HH?",))))
    assert [t.stats.channel for t in traces] == ["HHZ"]
    assert [(p.kind, p.where) for p in problems] == [("not wanted", "XX.AAA..LCE")]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 511), st.integers(0, 255)), max_size=8))
def test_no_bytes_make_it_fail(changes):
    """Whatever is changed in a packet, it gives traces, or a problem, or both."""
    raw = bytearray(raw_of()[0])
    for at, value in changes:
        raw[at] = value
    traces, problems = unpack([Packet(bytes(raw), 0.0)], "feed", Wanted([]))
    assert traces or problems


@pytest.mark.parametrize("raw", [b"", b"x", b"\x00" * 512, b"noise" * 103])
def test_what_is_no_record_is_named(raw):
    """An empty packet too."""
    traces, problems = unpack([Packet(raw, 0.0)], "feed", Wanted([]))
    assert traces == [] and len(problems) == 1
