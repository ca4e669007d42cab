"""Each fault of a waveform is named, and sound waveforms are not accused."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import obspy
import pandas as pd
import pytest

from craton.io.waveforms import read_waveforms
from craton.waveforms.quality import (
    PICKED,
    clipped_samples,
    missing_components,
    waveform_findings,
)
from craton.waveforms.spikes import spike_samples
from tests.io.waveform_files import encoded, put, walk
from tests.waveforms.worlds import noise, quake, sine, trace


def texts(*traces, stations=None) -> list[str]:
    return [f.text for f in waveform_findings(obspy.Stream(list(traces)), stations)]


def test_three_sound_components_give_a_summary_and_nothing_else():
    found = waveform_findings(obspy.Stream([trace(quake(), f"XX.AAA..HH{c}") for c in "ZNE"]))
    assert [f.level for f in found] == ["info"]
    assert "3 channels, 3 segments, 180 s in all" in found[0].text


FAULTS = {
    "is zero throughout": lambda x: 0 * x,
    "is 7 throughout": lambda x: 0 * x + 7,
    "keeps one value for 5.0 s": lambda x: np.r_[x[:2000], np.full(500, x[2000]), x[2500:]],
    "3 spikes of one sample": lambda x: x + 1e5 * np.isin(np.arange(len(x)), [10, 900, 4000]),
    "samples are clipped (at -1500 or 1500)": lambda x: np.clip(
        np.rint(2000 * sine(len(x), 1.0)), -1500, 1500),
    "20 samples (0.33 %) are not finite": lambda x: np.where(np.arange(len(x)) < 20, np.nan, x),
    "has no sample that is a number": lambda x: x * np.nan,
}  # fmt: skip


@pytest.mark.parametrize("said", FAULTS)
def test_each_fault_of_a_channel_is_named_and_no_other(said):
    found = [f for f in waveform_findings(obspy.Stream([trace(FAULTS[said](noise(6000)))]))
             if f.where == "XX.AAA..HHZ"]  # fmt: skip
    expected = 2 if "number" in said else 1
    assert len(found) == expected and said in found[-1].text
    assert found[-1].level == "warning"


def test_small_whole_numbers_that_repeat_are_not_clipped():
    data = np.rint(np.random.default_rng(0).normal(0, 2, 100_000)).astype(np.int32)
    assert clipped_samples(data, data.min(), data.max()) == 0
    assert spike_samples(data).size == 0


@pytest.mark.parametrize("rate", [0.0, -100.0, np.nan, np.inf])
def test_an_impossible_sampling_rate_is_an_error_and_the_rest_is_looked_at(rate):
    bad = trace(noise(100), "XX.BAD..HHZ")
    bad.stats.__dict__["sampling_rate"] = rate
    found = waveform_findings(obspy.Stream([bad, trace(np.zeros(300))]))
    assert [f.where for f in found if f.level == "error"] == ["XX.BAD..HHZ"]
    assert "is zero throughout" in [f.text for f in found]


def test_what_picking_does_with_a_fault_is_said_with_it():
    """A dead, a spiky and a clipped channel, and one that has no vertical beside it."""
    faults = (
        "is zero throughout",
        "3 spikes of one sample",
        "samples are clipped (at -1500 or 1500)",
    )
    waves = [trace(FAULTS[fault](noise(6000)), f"XX.AAA..HH{c}")
             for fault, c in zip(faults, "ZNE", strict=True)]  # fmt: skip
    said = [f.text for f in waveform_findings(obspy.Stream(waves), done=PICKED)]
    assert [f"{fault}{how}" for fault, how in zip(
        faults[:2], ("; left out", ", interpolated"), strict=True)] == said[1:3]  # fmt: skip
    assert said[3].endswith("samples are clipped (at -1500 or 1500); used as they are")
    alone = waveform_findings(obspy.Stream(waves[1:]), done=PICKED)[-1]
    assert alone.level == "note" and alone.text.endswith("zeros stand for what is missing")


def test_gaps_of_a_stream_in_memory_are_told():
    said = texts(trace(noise(500)), trace(noise(500), at=7.0))
    assert any("1 gap, 2.000 s in all" in text for text in said)
    masked = trace(noise(500))
    masked.data = np.ma.masked_array(masked.data, np.arange(500) // 10 == 20)
    assert any("1 gap, 0.100 s in all" in text for text in texts(masked))


def test_missing_components_mixed_rates_and_stations_without_coordinates_are_told():
    traces = [trace(noise(500)), trace(noise(500), "XX.AAA..HHE", rate=50.0),
              trace(noise(500), "XX.BBB..EHZ")]  # fmt: skip
    said = texts(*traces, stations=pd.DataFrame({"network": ["XX"], "station": ["AAA"]}))
    assert "has only E, Z: north missing" in said
    assert "has only Z: north, east missing" in said
    assert said.count("mixed sampling rates: 50, 100 Hz") == 2
    assert "1 station has no coordinates: XX.BBB" in said
    assert missing_components({"1", "2", "3"}) == ""


def test_what_reading_met_is_among_the_findings(tmp_path):
    path = put(tmp_path, encoded(trace(walk(5000)))[:-300])
    found = waveform_findings(read_waveforms(path))
    assert any("bytes into a record" in f.text for f in found)


def test_nothing_usable_is_an_error():
    assert waveform_findings(obspy.Stream())[0].level == "error"


@pytest.mark.realdata
@pytest.mark.skipif("CRATON_DATA_DIR" not in os.environ, reason="CRATON_DATA_DIR is not set")
def test_the_records_of_unterhaching_are_read_whole_and_found_in_two_sampling_rates():
    folder = Path(os.environ["CRATON_DATA_DIR"]) / "obspy-unterhaching"
    found = read_waveforms(folder)
    assert len(found.stream) == 6
    for one in found.stream:
        theirs = obspy.read(one.stats.source, format="SLIST")[0]
        assert np.array_equal(one.data, theirs.data)
        assert abs(one.stats.starttime - theirs.stats.starttime) < 1e-6
    said = [f"{f.where}: {f.text}" for f in waveform_findings(found)]
    assert "waveforms: mixed sampling rates: 50, 100 Hz" in said
    assert not any("spike" in text or "clipped" in text for text in said)


@pytest.mark.realdata
@pytest.mark.skipif("CRATON_DATA_DIR" not in os.environ, reason="CRATON_DATA_DIR is not set")
def test_the_571_traces_of_the_north_west_agree_with_their_table():
    folder = Path(os.environ["CRATON_DATA_DIR"]) / "pnw-seismic-sources"
    table = pd.read_csv(folder / "traces.csv").set_index("file")
    found = read_waveforms(folder / "waveforms_mseed.tar.gz")
    assert len(found.stream) == len(table) == 571
    assert {p.kind for p in found.problems} <= {"gap", "overlap"}
    for one in found.stream:
        row = table.loc[Path(one.stats.source).name]
        assert one.id == row["channel_id"]
        assert one.stats.sampling_rate == pytest.approx(row["sampling_rate"])
        assert abs(one.stats.starttime - obspy.UTCDateTime(row["trace_start"])) < 1e-4
