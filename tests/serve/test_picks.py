"""A picker fed piece by piece, and begun again in the middle."""

import dataclasses

import numpy as np
import obspy
import pytest
import torch

from craton.continuous_picking import pick_continuous
from craton.detection import Detection, detect, score
from craton.errors import ConfigError, ModelError
from craton.io.picks import read_picks
from craton.loaded import load
from craton.models.nets.phasenet import PhaseNet, read_phasenet
from craton.models.nets.picker_input import PickerInput
from craton.serve import live
from craton.serve.packets import instrument
from craton.serve.picks import LivePicks, phasenet_on_feed, picker_on_feed
from tests.detection.worlds import WANTS, onset
from tests.detection.worlds import record as trains
from tests.models.nets.test_phasenet import foreign, shaken, write
from tests.serve.worlds import BUNDLE, record, records, rows_of

KEY = ("XX", "AAA", "", "HH")


@pytest.fixture(scope="module")
def world():
    """Four minutes of a station, its bundle, and the picks of the whole."""
    stream, loaded = record(), load(BUNDLE)
    return stream, loaded, rows_of(pick_continuous(loaded, stream))


def pieces(stream, length=3.7):
    """The stream in pieces of time."""
    at, end = stream[0].stats.starttime, stream[0].stats.endtime
    while at <= end:
        yield stream.slice(at, at + length - 0.005), (at + length).ns
        at += length


def fed(picker, stream, upto=None, length=3.7):
    """Picks that become final while a stream is fed, each with the time that was reached."""
    found = []
    for part, reached in pieces(stream, length):
        if upto is not None and reached > upto:
            break
        rows = picker.take(part, {KEY: reached})
        found += [(row, reached) for row in rows_of(rows)]
    return found


@pytest.mark.parametrize("length", [2.9, 61.0])
def test_pieces_give_the_picks_of_the_whole_record(world, length):
    """With their intervals, whatever the cuts."""
    stream, loaded, offline = world
    picker = picker_on_feed(loaded, {})
    found = [row for row, _ in fed(picker, stream, length=length)] + rows_of(picker.finish())
    live, whole = (sorted(rows, key=lambda r: (r[5], r[4])) for rows in (found, offline))
    assert [row[:6] for row in live] == [row[:6] for row in whole]
    # intervals in ms, which follow a noise level that is rounded
    for columns, most in ((slice(6, 8), 1.01), (slice(8, 9), 2e-3)):
        a, b = ([row[columns] for row in rows] for rows in (live, whole))
        np.testing.assert_allclose(a, b, rtol=0, atol=most)


@pytest.mark.parametrize("settings", [{}, {"overlap": 2700, "blinding": [2200, 200]}])
def test_a_pick_is_given_as_soon_as_it_is_final_and_not_much_later(world, settings):
    """The bound that is told holds, but for the pieces, the filter's and the interval's reach."""
    stream, loaded, _ = world
    picker = picker_on_feed(loaded, settings)
    delays = [(reached - row[5] * 1e6) / 1e9 for row, reached in fed(picker, stream, length=2.5)]
    step = picker.detector.layout.step / 100
    assert len(delays) > 5 and max(delays) <= picker.detector.delay + step + 2.5
    assert f"at most {picker.detector.delay:.1f} s" in picker.about


@pytest.mark.parametrize("seconds", [97.3, 201.9])
def test_begun_again_from_its_mark_and_context_it_goes_on_without_a_seam(world, seconds):
    """What one process has given and the next one gives is the whole, nothing twice."""
    stream, loaded, offline = world
    first = picker_on_feed(loaded, {})
    given = [row for row, _ in fed(first, stream, stream[0].stats.starttime.ns + seconds * 1e9)]
    settled = first.settled()
    second = picker_on_feed(loaded, {})
    second.restore(settled)
    assert second.settled() == settled
    since = min(settled[KEY].values()) / 1e9 - second.context
    again = stream.slice(max(obspy.UTCDateTime(since), stream[0].stats.starttime))
    rest = [row for row, _ in fed(second, again)] + rows_of(second.finish())
    found = sorted([*given, *rest], key=lambda r: (r[5], r[4]))
    expected = sorted(offline, key=lambda r: (r[5], r[4]))
    assert [r[:6] for r in found] == [r[:6] for r in expected]
    np.testing.assert_allclose([r[6:] for r in found], [r[6:] for r in expected], atol=2)
    assert 0 < len(given) < len(offline)


def test_waveforms_are_kept_no_longer_than_picks_need_them(world):
    """A bounded ring of recent samples."""
    stream, loaded, _ = world
    picker = picker_on_feed(loaded, {})
    kept = []
    for part, reached in pieces(stream):
        picker.take(part, {KEY: reached})
        kept.append(sum(t.stats.npts for t in picker.recent[KEY]) / 300)
    window, step = 30.0, 15.0
    assert max(kept) < window + step + 4 + 1 + 2 * 3.7
    assert picker.recent[KEY][0].stats.starttime > stream[0].stats.starttime + 150


def test_an_open_run_above_the_threshold_holds_the_mark_but_not_all_memory():
    """A net that always says yes."""
    wants = PickerInput(samples=200, components="Z", phases="P", scale="none")

    def always(windows):
        return torch.ones(len(windows), 1, 200)

    always.wants = wants
    picker = LivePicks(always, Detection(), lambda picks, stream: picks)
    trace = obspy.Trace(np.zeros(1_000_00), {"network": "XX", "station": "A", "channel": "HHZ",
                                             "sampling_rate": 100.0})  # fmt: skip
    key = instrument(trace)
    for part, reached in pieces(obspy.Stream([trace]), 50.0):
        picker.take(part, {key: reached})
    assert picker.settled()[key]["P"] == 0
    kept = sum(t.stats.npts for t in picker.recent[key]) / 100
    assert kept <= 900 + 100


def test_settings_of_detection_are_taken_and_others_are_refused(world):
    """As `--set overlap=0.9`."""
    _, loaded, _ = world
    assert picker_on_feed(loaded, {"overlap": 0.9}).detector.settings.overlap == 0.9
    with pytest.raises(ConfigError, match=r"there is no setting 'overlop'.*overlap"):
        picker_on_feed(loaded, {"overlop": 0.9})


def test_a_bundle_without_a_neural_picker_says_so(world):
    """A baseline gives no chance at each sample."""
    _, loaded, _ = world
    other = dataclasses.replace(loaded.fitted, model=loaded.task.model("constant"))
    with pytest.raises(ModelError, match="no chance at each sample"):
        picker_on_feed(dataclasses.replace(loaded, fitted=other), {})


def test_the_steps_of_a_bundle_are_done_on_a_feed_as_on_files():
    """The same picks, and not those of the raw record; what looks ahead is refused."""
    stream, step = record(), {"step": "bandpass", "low": 6.0, "high": 12.0, "zero_phase": False}
    loaded = load(BUNDLE, settings={"steps": [step]})
    offline = rows_of(pick_continuous(loaded, stream))
    picker = picker_on_feed(loaded, {})
    found = [row for row, _ in fed(picker, stream, length=7.3)] + rows_of(picker.finish())
    live, whole = (sorted(rows, key=lambda r: (r[5], r[4])) for rows in (found, offline))
    assert [row[:6] for row in live] == [row[:6] for row in whole]
    # intervals in ms, which follow a noise level that is rounded
    for columns, most in ((slice(6, 8), 1.01), (slice(8, 9), 2e-3)):
        a, b = ([row[columns] for row in rows] for rows in (live, whole))
        np.testing.assert_allclose(a, b, rtol=0, atol=most)
    assert offline != rows_of(pick_continuous(load(BUNDLE), stream))
    assert picker.context > picker_on_feed(load(BUNDLE), {}).context
    with pytest.raises(ConfigError, match="a live feed cannot do the step 'detrend'"):
        picker_on_feed(load(BUNDLE, settings={"steps": [{"step": "detrend"}]}), {})


def test_a_net_without_intervals_streams_its_picks_as_they_are():
    """As a PhaseNet from elsewhere."""

    def net(windows):
        return onset(windows)

    net.wants = WANTS
    stream = trains(120, arrivals=(30, 70.5, 100))
    picker = LivePicks(net, Detection())
    found = [row for row, _ in fed(picker, stream)] + rows_of(picker.finish())
    assert found == rows_of(detect(stream, net)) and len(found) >= 3
    assert {row[6] for row in found} == {0}


def test_an_imported_phasenet_runs_on_a_feed_from_its_files(tmp_path):
    """Weights as SeisBench saves them, with their JSON; the picks are those of detection."""
    torch.manual_seed(0)
    path = write(tmp_path, foreign(shaken(PhaseNet(width=4))))
    loaded = read_phasenet(path)
    stream = record(2)
    high = {p: float(np.quantile(score(stream, loaded).select(channel=f"HH{p}")[0].data, 0.95))
            for p in "PS"}  # fmt: skip
    settings = phasenet_on_feed(loaded, {"thresholds": high}).detector.settings
    expected = rows_of(detect(stream, loaded, settings=settings))
    (tmp_path / "in").write_bytes(b"".join(records(stream)))
    live.stream(path, tmp_path / "in", tmp_path / "out", 
                {"speed": "max", "report": 0, "thresholds": high})  # fmt: skip
    found = rows_of(read_picks(tmp_path / "out" / "picks.csv"))
    assert len(found) > 3 and [f[:6] for f in found] == [e[:6] for e in expected]
