"""No bytes bring the waveform readers to anything but waveforms, problems or one error."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from craton.io.waveforms import read_bytes
from tests.io.waveform_files import encoded, trace, walk

MSEED = encoded(trace(walk(1500)), reclen=256)
PLAIN = encoded(trace(walk(200).astype("f4")), encoding="FLOAT32", byteorder=0)


def sac() -> bytes:
    import io

    target = io.BytesIO()
    trace(walk(200).astype("f4")).write(target, format="SAC")
    return target.getvalue()


SAC = sac()
HEAD = b"TIMESERIES XX_A__HHZ_D, 6 samples, 10 sps, 2020-01-01T00:00:00, SLIST, INTEGER, M"
SLIST = HEAD + b"\n1 2 3\n4 5 6\n"
damage = st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=8)


def check(raw: bytes) -> None:
    traces, problems = read_bytes(raw, "a file")
    assert traces or problems
    for one in traces:
        assert one.stats.npts == len(one.data) > 0
        assert 0 < one.stats.sampling_rate < np.inf
        assert one.data.nbytes <= 20 * len(raw)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([MSEED, PLAIN, SAC, SLIST]), damage, st.integers(0, 2000), st.booleans())
def test_damaged_files_give_sound_traces_or_problems(base, changes, cut, shorten):
    raw = bytearray(base)
    for place, value in changes:
        raw[place % len(raw)] = value
    check(bytes(raw[: max(1, cut % len(raw))] if shorten else raw))


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=800), st.sampled_from([b"", MSEED[:64], SAC[:632], SLIST[:80]]))
def test_any_bytes_behind_a_true_beginning_are_survived(raw, beginning):
    check(beginning + raw)


def test_a_blockette_that_lies_behind_its_record_is_survived():
    raw = bytearray(MSEED)
    raw[46:48] = (300).to_bytes(2, "big")
    raw[300:308] = MSEED[48:56]
    check(bytes(raw))
