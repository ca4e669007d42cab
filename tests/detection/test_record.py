"""A stream as pieces of channels on one grid of samples."""

from fractions import Fraction

import numpy as np
import obspy
import pytest

from craton.detection.record import blocks, sample_number, sample_time

HUNDRED = Fraction(100)


def trace(data, channel="HHZ", rate=100.0, at=0.0):
    header = {"network": "XX", "station": "AAA", "channel": channel, "sampling_rate": rate}
    return obspy.Trace(np.asanyarray(data), header | {"starttime": obspy.UTCDateTime(at)})


def parts_of(*traces, seconds=3600.0, rate=HUNDRED):
    problems = []
    found = list(blocks(obspy.Stream(list(traces)), "ZNE", rate, seconds, problems))
    return found, problems


@pytest.mark.parametrize("rate", [HUNDRED, Fraction(125, 4), Fraction(1, 3)])
@pytest.mark.parametrize("number", [0, 7, 10**12])
def test_a_sample_has_a_time_and_a_time_its_sample(rate, number):
    """Back and forth, for rates that are no whole numbers."""
    assert sample_number(sample_time(number, rate), rate) == number


def test_blocks_hold_each_sample_once_in_order():
    """Two hours and a bit in blocks of an hour, as views of the data."""
    data = np.arange(7300.0)
    found, problems = parts_of(trace(data, rate=1.0, at=100.0), rate=Fraction(1))
    assert [len(b[0].samples) for b in found] == [3500, 3600, 200] and not problems
    assert np.array_equal(np.concatenate([b[0].samples for b in found]), data)
    assert all(np.shares_memory(b[0].samples, found[0][0].samples.base) for b in found)
    assert [b[0].first for b in found] == [100, 3600, 7200]


def test_components_have_their_place_and_1_2_3_stand_in():
    """N takes 1, E takes 2, Z takes 3."""
    found, _ = parts_of(*[trace(np.ones(9), f"HH{c}") for c in "213"])
    assert sorted(p.component for p in found[0]) == [0, 1, 2]


def test_what_is_not_finite_or_masked_is_a_gap_that_is_told():
    """Runs between them keep their sample numbers."""
    data = np.ma.masked_equal(np.r_[1.0, 2.0, np.nan, 4.0, -1.0, 6.0], -1.0)
    found, problems = parts_of(trace(data))
    assert [(p.first, p.samples.tolist()) for p in found[0]] == [
        (0, [1.0, 2.0]), (3, [4.0]), (5, [6.0])]  # fmt: skip
    assert [p.kind for p in problems] == ["not finite"]


@pytest.mark.parametrize(
    ("odd", "kind"),
    [
        (trace(np.ones(9), "LOG"), "component"),
        (trace(np.ones(9), rate=1e7), "sampling rate"),
        (trace(np.ones(9), rate=1.0), "sampling rate"),
        (trace(np.ones(9), rate=2e5), "sampling rate"),
        (trace(np.array([b"a", b"b"])), "no numbers"),
    ],
)
def test_what_cannot_be_used_is_left_out_and_told_once(odd, kind):
    """Everything else is used."""
    found, problems = parts_of(odd, trace(np.ones(9), "HHE"), odd)
    assert [p.component for p in found[0]] == [2]
    assert [p.kind for p in problems] == [kind]


def test_another_sampling_rate_is_told_with_the_ratio_that_brings_it_there():
    """A piece of information, not a warning."""
    found, problems = parts_of(trace(np.ones(50), rate=40.0))
    assert found[0][0].ratio == Fraction(5, 2)
    assert [(p.level, p.kind, p.where) for p in problems] == [("info", "resampled", "XX.AAA..HH")]
    assert "40 Hz" in problems[0].text and "100 Hz" in problems[0].text


@pytest.mark.parametrize("rate", [99.9998, 100.001, 99.9876, 50.0004])
def test_a_clock_next_to_a_common_rate_keeps_its_time_all_day(rate):
    """A ramp of the time of each sample is still that of the grid, to half a sample, a day later;
    what is done about it is told once."""
    one = trace(np.arange(4_000_000) / rate, rate=rate)
    found, problems = parts_of(one)
    for part in (p for block in found for p in block):
        own = float(100 / part.ratio)
        time = (part.first + np.arange(len(part.samples))) / own
        assert np.abs(time - part.samples).max() < 0.51 / own
    told = [p.kind for p in problems]
    assert set(told) == {"resampled"} and f"{rate!r} Hz" in problems[-1].text
    last = found[-1][-1]
    assert (last.first + len(last.samples)) * float(last.ratio) / 100 == pytest.approx(
        4_000_000 / rate, abs=0.05
    )
