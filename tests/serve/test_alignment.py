"""Packets in any order in, a record in order of time out."""

import numpy as np
import obspy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from craton.serve.alignment import Aligner

RATE = 10.0


def packet(start, n, channel="HHZ", value=None):
    """Samples that tell their own number, from a number of the grid on."""
    data = np.arange(start, start + n) if value is None else np.full(n, value)
    header = {"network": "XX", "station": "A", "channel": channel, "sampling_rate": RATE,
              "starttime": obspy.UTCDateTime(start / RATE)}  # fmt: skip
    return obspy.Trace(data.astype(np.int32), header)


def through(aligner, packets, every=1):
    """What comes out of an aligner that is emptied now and then: samples by channel and number."""
    found, order = {}, {}
    for k, one in enumerate(packets):
        aligner.put(one)
        out = aligner.release() if k % every == 0 else []
        if k == len(packets) - 1:
            out += aligner.finish()
        for trace in out:
            first = round(trace.stats.starttime.timestamp * RATE)
            assert first > order.get(trace.stats.channel, -1)  # in order of time
            order[trace.stats.channel] = first + trace.stats.npts - 1
            for i, v in enumerate(trace.data.tolist()):
                assert (trace.stats.channel, first + i) not in found  # once
                found[trace.stats.channel, first + i] = v
    return found


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_the_order_of_packets_their_repetition_and_their_cuts_do_not_matter(data):
    """Three channels with a gap each come out whole, once and in order of time."""
    packets = []
    for c, channel in enumerate(("HHZ", "HHN", "HHE")):
        at = 0
        for n in data.draw(st.lists(st.integers(1, 60), min_size=12, max_size=12)):
            packets.append((at + n, packet(at, n, channel)))
            at += n + (25 if at < 100 + 30 * c <= at + n else 0)
    lag = data.draw(st.lists(st.integers(0, 40), min_size=36, max_size=36))
    order = sorted(range(36), key=lambda k: packets[k][0] + lag[k])
    sent = [packets[k][1] for k in order]
    for k in data.draw(st.lists(st.integers(5, 35), max_size=4)):
        sent.insert(min(k + 2, len(sent)), sent[k])
    every = data.draw(st.integers(1, 5))
    found = through(Aligner(wait=20.0), sent, every)
    expected = {
        (p.stats.channel, round(p.stats.starttime.timestamp * RATE) + i)
        for _, p in packets
        for i in range(p.stats.npts)
    }
    assert set(found) == expected
    assert all(v == number for (_, number), v in found.items())


def test_the_frontier_moves_with_the_slowest_channel_but_never_lags_by_much_more_than_the_wait():
    """With 5 s of patience a channel that has stopped holds the others for 5 s and a packet."""
    aligner = Aligner(wait=5.0)
    for start in range(0, 100, 10):
        aligner.put(packet(start, 10))
        if start < 60:
            aligner.put(packet(start, 10, "HHN"))
        aligner.release()
    assert aligner.frontier == 6_000_000_000  # HHN ends at 6 s, HHZ at 10 s
    for start in range(100, 140, 10):
        aligner.put(packet(start, 10))
    aligner.release()
    assert aligner.frontier == 8_000_000_000
    aligner.put(packet(60, 20, "HHN"))  # too late for all but nothing of it
    assert aligner.seconds() == {"late": 2.0}


def test_packets_longer_than_the_wait_are_not_late():
    """Packets of 8 s beside such of 1 s, each when it is complete, with 5 s of patience.

    The first long one is: nobody knew of its channel.
    """
    sent = [(at + 10, packet(at, 10)) for at in range(0, 400, 10)]
    sent += [(at + 80, packet(at, 80, "HHN")) for at in range(0, 400, 80)]
    aligner = Aligner(wait=5.0)
    found = through(aligner, [p for _, p in sorted(sent, key=lambda s: s[0])])
    assert len(found) == 720 and aligner.seconds() == {"late": 8.0}


def test_what_is_sure_to_come_is_waited_for():
    """Samples of a known begin hold the frontier there, but never move it back."""
    aligner = Aligner(wait=5.0)
    for start in range(0, 200, 10):
        aligner.put(packet(start, 10))
        aligner.release(waiting=3_000_000_000)
    assert aligner.frontier == 3_000_000_000
    aligner.put(packet(30, 160, "HHN"))
    aligner.release()
    assert aligner.frontier == 19_000_000_000 and not aligner.seconds()
    aligner.release(waiting=1_000_000_000)
    assert aligner.frontier == 19_000_000_000


def test_a_channel_that_is_long_gone_is_not_waited_for():
    """After ten minutes its instrument goes on without delay."""
    aligner = Aligner(wait=5.0)
    aligner.put(packet(0, 100, "HHN"))
    for start in range(0, 7000, 50):
        aligner.put(packet(start, 50))
        aligner.release()
    assert aligner.frontier == aligner.newest


def test_what_came_again_is_told_apart_from_what_came_too_late():
    """A packet of a gap that was given up is late; one that was given on is a repetition."""
    aligner = Aligner(wait=5.0)
    for start in (0, 10, 20, 40, 50, 60, 70, 80, 90):
        aligner.put(packet(start, 10))
        aligner.release()
    aligner.put(packet(30, 10))
    aligner.put(packet(10, 20))
    assert aligner.seconds() == {"late": 1.0, "again": 2.0}


def test_a_packet_from_the_future_is_left_out():
    """A clock that is a day ahead does not take the feed with it."""
    aligner = Aligner(wait=5.0)
    aligner.put(packet(0, 10), clock=100 * 10**9)
    aligner.put(packet(864_000, 10), clock=100 * 10**9)
    aligner.put(packet(10, 10), clock=100 * 10**9)
    assert aligner.newest == 2 * 10**9 and "ahead" in aligner.seconds()


def test_a_clock_that_jumps_ahead_once_is_told_and_a_gap_is_not():
    """The packet after a jump decides: if it follows there was a gap, if not the clock jumped."""
    aligner = Aligner(wait=5.0)
    for start in (0, 10, 5000, 20, 30):
        aligner.put(packet(start, 10))
    assert aligner.newest == 4 * 10**9 and "clock jump" in aligner.seconds()
    for start in (6000, 6010):
        aligner.put(packet(start, 10))
    assert aligner.newest == 602 * 10**9


def test_a_clock_that_is_set_back_gives_nothing_twice():
    """What comes for a time that is past is left out; then the feed goes on."""
    found = through(Aligner(wait=2.0), [packet(s, 10) for s in (0, 10, 20, 30, 40)]
                    + [packet(10, 10, value=-1)] + [packet(s, 10) for s in (50, 60)])  # fmt: skip
    assert -1 not in found.values() and len(found) == 70


def test_times_that_are_rounded_in_each_packet_do_not_wander():
    """At 128 Hz the starts of packets are rounded to 0.1 ms; the samples stay evenly spaced."""
    aligner, starts, at = Aligner(wait=0.0), [], 0
    rng = np.random.default_rng(0)
    for n in rng.integers(20, 90, 30).tolist():
        trace = obspy.Trace(np.zeros(n), {"channel": "HHZ", "sampling_rate": 128.0})
        trace.stats.starttime = obspy.UTCDateTime(ns=round(at / 128 * 1e4) * 100_000)
        aligner.put(trace)
        for one in aligner.release():
            starts.append(one.stats.starttime.ns * 128 / 1e9)
        at += n
    assert starts == pytest.approx(np.round(starts), abs=1e-4) and len(starts) == 30


def test_after_a_restart_nothing_before_the_mark_comes_out_and_nothing_is_told_of_it():
    """The server sends a little more than was asked for."""
    aligner = Aligner(wait=1.0, since=1_500_000_000)
    found = through(aligner, [packet(s, 10) for s in (0, 10, 20, 30)])
    assert sorted(n for _, n in found) == list(range(15, 40)) and not aligner.seconds()


def test_an_aligner_that_has_seen_nothing_gives_nothing():
    """Not even at its end."""
    assert Aligner(1.0).release() == [] and Aligner(1.0).finish() == []


def test_a_restart_between_two_samples_is_no_lateness():
    """A packet of which less than a sample lies before the mark is whole; with one sample, late."""
    for before, late in ((0.4, 0.0), (1.0, 0.1)):
        aligner = Aligner(wait=0.0, since=round((10 - before) * 1e9 / RATE))
        aligner.frontier = round(10 * 1e9 / RATE)
        aligner.put(packet(9, 20))
        assert aligner.seconds().get("late", 0.0) == pytest.approx(late)
