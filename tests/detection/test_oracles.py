"""Scores and picks beside a plain computation, SeisBench, and events that are known."""

import itertools
import os
import warnings
from pathlib import Path

import numpy as np
import obspy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from craton.detection import Detection, detect, score
from craton.io.waveforms import read_waveforms
from craton.models.nets.phasenet import read_phasenet
from craton.models.nets.picker_input import Filter, PickerInput
from tests.detection.worlds import onset

LENGTH, RATE = 40, 10.0
WANTS = PickerInput(
    samples=LENGTH, sampling_rate=RATE, components="ZN", phases="PS", scale="none"
)  # fmt: skip


def ramp(windows):
    """A net whose scores depend on the place in the window and on both components."""
    place = torch.linspace(0.1, 0.3, LENGTH)
    first = place * (1 + windows[:, 0])
    return torch.stack([first, place.flip(0) * (1 + windows[:, 1])], dim=1)


def plain(wave, there, begin, how):
    """Stacked scores by a loop over samples: all grid windows in a span, then windows at its ends.

    NaN where there is none. `wave` and `there` have the shape (component, sample).
    """
    step = how.step(LENGTH)
    front, back = how.blinding
    n = wave.shape[1]
    codes = there[0] + 2 * there[1]
    scores = np.full((2, n), np.nan)
    edges = [0, *(np.flatnonzero(np.diff(codes)) + 1), n]
    for lo, hi in itertools.pairwise(edges):
        if codes[lo] == 0 or hi - lo < LENGTH:
            continue
        grid = [s for s in range(lo, hi - LENGTH + 1) if (begin + s) % step == 0]
        ends = [s for s in (lo, hi - LENGTH) if s not in grid]
        for starts, fill in [(grid, False), *(([s], True) for s in ends)]:
            heap = np.full((len(starts) + 1, 2, n), np.nan)
            for i, s in enumerate(starts):
                found = ramp(torch.tensor(wave[None, :, s : s + LENGTH])).numpy()[0]
                heap[i, :, s + front : s + LENGTH - back] = found[:, front : LENGTH - back]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)  # all NaN
                joined = (np.nanmax if how.stacking == "max" else np.nanmean)(heap, axis=0)
            free = np.isnan(scores) | (not fill)
            scores = np.where(free & np.isfinite(joined), joined, scores)
    return scores


@settings(max_examples=20, deadline=None)
@given(
    begin=st.integers(0, 200),
    gaps=st.lists(st.tuples(*map(st.integers, (0, 0, 1), (1, 290, 60))), max_size=5),
    overlap=st.integers(11, 35),
    blinding=st.sampled_from([(0, 0), (3, 8)]),
    stacking=st.sampled_from(["mean", "max"]),
    block=st.sampled_from([1.0, 4.7, 1000.0]),
    patience=st.sampled_from([0.0, 2.0, 30.0]),
    batch=st.sampled_from([1, 5]),
)  # fmt: skip
def test_scores_are_those_of_a_plain_loop(
    begin, gaps, overlap, blinding, stacking, block, patience, batch
):
    n = 300
    wave = np.random.default_rng(begin).random((2, n)).astype(np.float32)
    there = np.ones((2, n), bool)
    for c, at, size in gaps:
        there[c, at : at + size] = False
    how = Detection(overlap=overlap, blinding=blinding, stacking=stacking, block=block,
                    patience=patience, batch=batch)  # fmt: skip
    stream = obspy.Stream()
    for c, letter in enumerate("ZN"):
        edges = np.flatnonzero(np.diff(np.concatenate([[False], there[c], [False]])))
        for a, b in zip(edges[::2], edges[1::2], strict=True):
            header = {"channel": f"HH{letter}", "sampling_rate": RATE,
                      "starttime": obspy.UTCDateTime((begin + int(a)) / RATE)}  # fmt: skip
            stream.append(obspy.Trace(wave[c, a:b], header))
    expected = plain(np.where(there, wave, 0), there, begin, how)
    found = np.full((2, n), np.nan)
    for trace in score(stream, ramp, WANTS, how):
        a = round(trace.stats.starttime.timestamp * RATE) - begin
        found["PS".index(trace.stats.channel[-1]), a : a + trace.stats.npts] = trace.data
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_seisbench_annotates_the_same(tmp_path):
    models = pytest.importorskip("seisbench.models")
    torch.manual_seed(0)
    peer = models.PhaseNet().eval()
    peer.save(tmp_path / "peer")
    net = read_phasenet(tmp_path / "peer.pt")
    rng = np.random.default_rng(0)
    stream = obspy.Stream(
        obspy.Trace(rng.normal(size=30_000), {"channel": f"HH{c}", "sampling_rate": 100})
        for c in "ZNE"
    )
    for overlap, blinding, stacking in [(1500, (0, 0), "mean"), (2000, (250, 250), "max")]:
        how = Detection(overlap=overlap, blinding=blinding, stacking=stacking)
        ours = score(stream, net, settings=how)
        theirs = peer.annotate(
            stream,
            overlap=overlap,
            blinding=blinding,
            stacking={"mean": "avg"}.get(stacking, "max"),
        )
        for trace in ours:
            other = theirs.select(channel=f"*_{trace.stats.channel[-1]}")[0]
            last = min(trace.stats.endtime, other.stats.endtime) - 61
            a, b = trace.slice(endtime=last), other.slice(trace.stats.starttime, last)
            np.testing.assert_allclose(a.data, b.data, atol=1e-5)


@pytest.mark.realdata
@pytest.mark.skipif("CRATON_DATA_DIR" not in os.environ, reason="CRATON_DATA_DIR is not set")
def test_three_known_events_at_unterhaching_are_found_by_a_classical_function():
    folder = Path(os.environ["CRATON_DATA_DIR"]) / "obspy-unterhaching"
    stream = read_waveforms(folder).stream
    wants = PickerInput(samples=2000, phases="NP", filter=Filter(low=10, high=20))
    how = Detection(overlap=1400, blinding=(420, 60), threshold=0.4)
    picks = detect(stream, onset, wants, how)
    seconds = (picks["time"] - np.datetime64("2010-05-27T16:24:00")).dt.total_seconds()

    def stations(first, last, least=0.4):
        inside = seconds.between(first, last) & (picks["probability"] >= least)
        return set(picks["station"][inside])

    assert stations(31, 35, 0.9) == stations(207, 213, 0.9) == {"UH1", "UH2", "UH3", "UH4"}
    assert stations(178, 184) == {"UH1", "UH2", "UH3"}
    # Of the rest of the four minutes, three stations agree once, on a weaker burst at 16:25:27.
    rest = seconds[
        ~(seconds.between(31, 36) | seconds.between(178, 184) | seconds.between(207, 213))
    ]
    assert all(84 <= s <= 90 for s in rest if len(stations(s - 1.5, s + 1.5)) > 2)
    assert {p.kind for p in picks.attrs["problems"]} <= {"partial", "resampled"}
