"""Continuous detection finds what is there, the same however the record is cut."""

import itertools

import numpy as np
import obspy
import pytest
import torch

from craton.detection import Detection, Detector, detect, detect_each, score
from craton.errors import ConfigError, ModelError
from craton.io.picks import PICK_COLUMNS, read_picks, write_picks
from craton.models.nets.phasenet import PhaseNet
from craton.models.nets.picker_input import Filter, PickerInput
from tests.detection.worlds import START, WANTS, onset, record, seconds_of

ARRIVALS = (31.0, 95.5, 260.25, 430.0, 436.5, 571.0)
CAREFUL = Detection(overlap=600, blinding=(420, 60), threshold=0.5)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(3)
    made = PhaseNet(PickerInput(samples=1001), width=4).eval()
    with torch.no_grad():
        made.head.weight *= 10
    return made


def same(a, b, *, skip=0.0, tolerance=1e-6):
    """Scores of two streams agree at all times that both have, but for `skip` s at their ends."""
    assert len(a) == len(b) > 0
    for one in a:
        other = next(t for t in b.select(id=one.id) if t.stats.endtime > one.stats.starttime)
        begin = max(one.stats.starttime, other.stats.starttime) + skip
        end = min(one.stats.endtime, other.stats.endtime) - skip
        x, y = (t.slice(begin, end) for t in (one, other))
        assert abs(x.stats.starttime - y.stats.starttime) < 1e-6 and x.stats.npts > 1000
        np.testing.assert_allclose(x.data, y.data, rtol=0, atol=tolerance)


def test_every_arrival_and_nothing_else_is_picked_at_its_time():
    picks = detect(record(arrivals=ARRIVALS), onset, WANTS, CAREFUL)
    assert list(picks.columns) == list(PICK_COLUMNS)
    np.testing.assert_allclose(seconds_of(picks), ARRIVALS, atol=0.03)
    assert set(picks["channel"]) == {"HHZ"} and set(picks["phase"]) == {"P"}
    assert (picks["probability"] >= 0.5).all() and picks["low"].isna().all()


def test_picks_are_written_and_read_again(tmp_path):
    picks = detect(record(arrivals=ARRIVALS), onset, WANTS, CAREFUL)
    write_picks(picks, tmp_path / "picks.csv")
    read = read_picks(tmp_path / "picks.csv")
    assert (read["time"].to_numpy() == picks["time"].to_numpy()).all()


@pytest.mark.parametrize("cut", [1, 2, 255, 400, 401, 777])
@pytest.mark.parametrize("stacking", ["mean", "max"])
def test_scores_do_not_shift_with_the_start_of_the_record(net, cut, stacking):
    settings = Detection(overlap=500, blinding=(50, 50), stacking=stacking)
    whole, later = record(90), record(90)
    later.trim(START + cut / 100)
    same(score(whole, net, settings=settings), score(later, net, settings=settings), skip=15.1)


@pytest.mark.parametrize("cut", [1, 7, 1000])
def test_a_filtered_and_resampled_record_keeps_its_scores_too(net, cut):
    wants = net.wants.model_copy(update={"filter": Filter(low=1.0, high=20.0)})
    whole, later = record(120, rate=250.0), record(120, rate=250.0)
    later.trim(START + cut / 250)
    same(score(whole, net, wants), score(later, net, wants), skip=25, tolerance=1e-4)


def test_a_record_that_comes_in_pieces_gives_exactly_the_same(net):
    whole = record(300, arrivals=ARRIVALS, rate=125.0)
    gap = whole.copy()
    gap.cutout(START + 100, START + 103)
    scores = score(gap, net)
    every = {p: [t.data for t in scores.select(channel=f"?H{p}")] for p in "PS"}
    limits = {p: float(np.quantile(np.concatenate(x), 0.97)) for p, x in every.items()}
    expected = detect(gap, net, settings=Detection(thresholds=limits))
    assert len(expected) > 20
    cuts = [START, START + 33.333, START + 34, START + 101, START + 200.0001, START + 300]
    pieces = [gap.slice(a, b - 1e-4) for a, b in itertools.pairwise(cuts)]
    for block in (7.0, 3600.0):
        settings = Detection(thresholds=limits, block=block)
        same(scores, score(iter(pieces), net, settings=settings))
        found = detect(iter(pieces), net, settings=settings)
        assert (found["time"] == expected["time"]).all()
        np.testing.assert_allclose(found["probability"], expected["probability"], atol=1e-6)


def test_several_threads_give_what_one_gives(net):
    stream = record(300)
    expected = score(stream, net)
    torch.set_num_threads(3)
    for _ in range(3):
        same(expected, score(stream, net))
    with pytest.raises(ModelError, match="shape"):
        detect(stream, lambda w: w, WANTS)
    assert torch.get_num_threads() == 3


def test_no_window_lies_across_a_gap_and_what_is_too_short_is_told():
    stream = record(100)
    stream.cutout(START + 40, START + 40.5)
    stream.cutout(START + 60, START + 60.2)
    stream.cutout(START + 65, START + 65.2)
    seen = []

    def watch(windows):
        seen.append(windows.clone())
        return torch.full((len(windows), 2, 1001), 0.2)

    marked = stream.copy()
    for trace in marked:
        trace.data[:] = trace.stats.starttime.timestamp % 1000
    wants = WANTS.model_copy(update={"scale": "none"})
    found = score(marked, watch, wants)
    assert all(w.min() == w.max() for batch in seen for w in batch)
    assert len(found) == 2 * 3
    assert detect(stream, watch, WANTS).attrs["problems"][-1].kind == "short"
    told = {p.kind: p.text for p in detect(stream, watch, WANTS).attrs["problems"]}
    assert "3 gaps" in told["gap"] and "1 span shorter" in told["short"] and "4.8" in told["short"]


def test_a_missing_component_is_told_and_may_be_refused():
    both = record(60, components="ZE", arrivals=[30])
    picks = detect(both, onset, WANTS, CAREFUL)
    np.testing.assert_allclose(seconds_of(picks), [30], atol=0.03)
    assert "partial" in {p.kind for p in picks.attrs["problems"]}
    strict = CAREFUL.model_copy(update={"all_components": True})
    assert not len(detect(both, onset, WANTS, strict))


def test_a_component_that_dies_does_not_take_the_others_with_it():
    stream = record(400, arrivals=[100, 300])
    stream[1].trim(endtime=START + 200)
    picks = detect(stream, onset, WANTS, CAREFUL)
    np.testing.assert_allclose(seconds_of(picks), [100, 300], atol=0.03)


def test_a_spike_is_interpolated_and_gives_no_pick():
    """One sample, a thousand times the noise: the scores are those without it, and it is told."""
    sound, spiky = record(200, arrivals=[100]), record(200, arrivals=[100])
    spiky[0].data[6000] += 1e6
    picks = detect(spiky, onset, WANTS, CAREFUL)
    np.testing.assert_allclose(seconds_of(picks), [100], atol=0.03)
    same(score(sound, onset, WANTS, CAREFUL), score(spiky, onset, WANTS, CAREFUL), tolerance=0.02)
    told = [str(p) for p in picks.attrs["problems"]]
    assert told == ["XX.AAA..HHZ: 1 spike of one sample, interpolated"]


def test_a_pick_is_named_after_a_channel_that_is_alive():
    """The vertical is dead until 200 s: the picks before are on a horizontal, also in a feed."""
    stream = record(400, arrivals=[100, 300])
    stream[0].data[:20_000] = 7.0
    whole = detect(stream, onset, WANTS, CAREFUL)
    assert whole["channel"].tolist() == ["HHN", "HHZ"]
    cuts = [START + k for k in range(0, 401, 25)]
    pieces = [stream.slice(a, b - 1e-4) for a, b in itertools.pairwise(cuts)]
    assert detect(iter(pieces), onset, WANTS, CAREFUL).equals(whole)


def test_several_stations_and_instruments_are_kept_apart():
    stream = record(120, arrivals=[40], station="A") + record(120, arrivals=[70], station="B")
    third = record(120, arrivals=[90], station="A", rate=50.0)
    for trace in third:
        trace.stats.channel = "BN" + trace.stats.channel[-1]
    picks = detect(stream + third, onset, WANTS, CAREFUL)
    assert list(zip(picks["station"], picks["channel"], strict=True)) == [
        ("A", "HHZ"), ("B", "HHZ"), ("A", "BNZ")]  # fmt: skip
    np.testing.assert_allclose(seconds_of(picks), [40, 70, 90], atol=0.05)


def test_components_one_and_two_stand_for_north_and_east_and_others_are_left_out():
    stream = record(60, components="Z12H", arrivals=[30])
    picks = detect(stream, onset, WANTS, CAREFUL)
    kinds = {p.kind for p in picks.attrs["problems"]}
    assert "component" in kinds and "partial" not in kinds and len(picks) == 1


def test_the_end_of_a_record_is_scored_to_its_last_sample():
    ones = PickerInput(samples=200, components="Z", phases="P", scale="none")
    for n in (200, 201, 399, 555):
        trace = obspy.Trace(np.ones(n, np.float32), {"channel": "HHZ", "sampling_rate": 100})
        trace.stats.starttime += 0.37
        (found,) = score(trace, lambda w: w, ones)
        assert found.stats.npts == n and found.stats.starttime == trace.stats.starttime
        np.testing.assert_array_equal(found.data, 1)


def test_hostile_samples_are_survived_and_named():
    stream = record(200, arrivals=[50, 150])
    stream[0].data[3000] = np.nan
    stream[1].data = np.ma.masked_array(stream[1].data, np.arange(20000) == 9000)
    odd = stream[2].copy()
    odd.stats.channel, odd.stats.sampling_rate = "HHN", 3e5
    zero = stream[2].copy()
    zero.data = zero.data * 0
    text = stream[2].copy()
    text.data = np.array(["a"] * 10)
    picks = detect(obspy.Stream([*stream, odd, zero, text]), onset, WANTS, CAREFUL)
    np.testing.assert_allclose(seconds_of(picks), [50, 150], atol=0.03)
    kinds = {p.kind for p in picks.attrs["problems"]}
    assert {"not finite", "sampling rate", "overlap", "no numbers", "gap"} <= kinds


def test_samples_keep_their_time_between_those_of_the_grid():
    stream = record(60, start=START + 0.0043, arrivals=[30])
    picks = detect(stream, onset, WANTS, CAREFUL)
    at = seconds_of(picks, START + 0.0043) * 100
    np.testing.assert_allclose(at, np.round(at), atol=1e-5)


def test_it_can_be_watched_and_stopped():
    stream = record(600, arrivals=ARRIVALS)
    seen = []
    settings = CAREFUL.model_copy(update={"block": 60.0})
    detect(stream, onset, WANTS, settings, progress=lambda *a: seen.append(a))
    assert [s[0] for s in seen] == list(range(1, 12)) and {s[1] for s in seen} == {11}
    first = next(f for f in detect_each(stream, onset, WANTS, settings) if len(f))
    np.testing.assert_allclose(seconds_of(first), [31], atol=0.03)


def test_an_empty_stream_gives_an_empty_table():
    picks = detect(obspy.Stream(), onset, WANTS)
    assert list(picks.columns) == list(PICK_COLUMNS) and not len(picks)


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"overlap": 1001}, "do not cover"), ({"overlap": 10, "blinding": (6, 6)}, "do not cover"),
     ({"thresholds": {"X": 0.5}}, "X")],
)  # fmt: skip
def test_windows_that_cannot_be_are_refused(settings, words):
    with pytest.raises(ConfigError, match=words):
        Detector(onset, WANTS, Detection(**settings))


def test_a_net_that_gives_something_else_is_refused():
    with pytest.raises(ConfigError, match="wants"):
        detect(record(30), onset)
    with pytest.raises(ModelError, match="shape"):
        detect(record(30), lambda w: w, WANTS)
    with pytest.raises(ModelError, match="finite"):
        detect(record(30), lambda w: w[:, :2] * np.nan, WANTS)


def test_settings_of_seisbench_are_taken_over():
    told = {"P_threshold": 0.2, "*_threshold": 0.4, "blinding": 250, "stacking": "max",
            "overlap": 1800, "batch_size": 7}  # fmt: skip
    settings = Detection.of_seisbench(told, block=60)
    assert settings.thresholds == {"P": 0.2} and settings.threshold == 0.4
    assert settings.blinding == (250, 250) and settings.stacking == "max"
    assert settings.step(3001) == 1201 and settings.block == 60
