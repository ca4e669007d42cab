"""Windows on one grid, whatever the record begins with, and scores that are final once."""

import numpy as np
import pytest

from craton.detection.station import Layout, Station


def run(pieces, layout, components=1, patience=50):
    """Requests of a station, and the scores that come of windows that give their sample numbers."""
    station = Station(components, 1, layout)
    asked, scores = [], {}

    def keep(requests):
        for start, lo, hi in requests:
            asked.append((start, lo, hi))
            station.add(lo, hi, np.arange(lo, hi, dtype=np.float32)[:, None])
        first, found = station.release()
        for k, value in enumerate(found[:, 0].tolist()):
            assert first + k not in scores
            scores[first + k] = value

    for component, first, n in pieces:
        station.put(component, first, np.ones(n, np.float32), 0, n)
        keep(station.advance(station.ready(patience)))
    keep(station.advance(station.end, close=True))
    return asked, scores, station


@pytest.mark.parametrize("start", [0, 1, 37, 99])
@pytest.mark.parametrize("blind", [0, 10])
def test_each_sample_gets_its_score_once_and_windows_lie_on_one_grid(start, blind):
    """Windows begin at multiples of the step; one at each end is flush with the record."""
    layout = Layout(100, 50, blind, blind)
    asked, scores, _ = run([(0, start, 523)], layout)
    begins = [a for a, _, _ in asked]
    assert {b % 50 for b in begins} - {start % 50, (start + 423) % 50} <= {0}
    covered = range(start + blind, start + 523 - blind)
    known = {k for k, v in scores.items() if np.isfinite(v)}
    assert known == set(covered)
    assert all(scores[k] == pytest.approx(k) for k in covered)


def test_pieces_change_nothing():
    """The same windows, the same scores."""
    whole = run([(0, 13, 600)], Layout(100, 40))
    parts = run([(0, 13, 7), (0, 20, 293), (0, 313, 300)], Layout(100, 40))
    assert whole[0] == parts[0] and whole[1] == parts[1]


def test_no_window_lies_across_a_gap_and_short_spans_have_no_score():
    """A span below a window is counted."""
    asked, scores, station = run([(0, 0, 300), (0, 320, 60), (0, 400, 200)], Layout(100, 50))
    assert all(b + 100 <= 300 or b >= 400 for b, _, _ in asked)
    assert all(not np.isfinite(scores.get(k, np.nan)) for k in range(300, 400))
    assert station.counts["short"] == 1 and station.counts["short samples"] == 60
    assert station.counts["spans"] == 3


def test_a_component_that_is_missing_makes_a_span_of_its_own_or_none():
    """With `all_components` nothing is scored where one is missing."""
    pieces = [(0, 0, 200), (1, 200, 200), (0, 200, 400)]
    asked, _, station = run(pieces, Layout(100, 50), components=2, patience=300)
    assert station.counts["partial"] == 2 and station.counts["spans"] == 3
    edges = [(a, a + 100) for a, _, _ in asked]
    assert all(b <= 200 or a >= 400 or (a >= 200 and b <= 400) for a, b in edges)
    both = Layout(100, 50, all_components=True)
    asked, _, _ = run(pieces, both, components=2, patience=300)
    assert asked and all(a >= 200 and a + 100 <= 400 for a, _, _ in asked)


def test_samples_that_come_too_late_or_twice_are_counted_and_not_used():
    """What has been worked on does not change."""
    layout = Layout(100, 50)
    asked, scores, station = run([(0, 0, 400), (0, 350, 100), (0, 10, 20)], layout)
    assert station.counts["late"] == 50 + 20
    assert asked == run([(0, 0, 450)], layout)[0] and scores[449] == 449


@pytest.mark.parametrize(("highest", "wanted"), [(False, 0.5), (True, 0.8)])
def test_overlapping_scores_are_averaged_or_the_highest_counts(highest, wanted):
    """Two windows over the same samples, 0.2 and 0.8."""
    station = Station(1, 1, Layout(100, 50, highest=highest))
    station.put(0, 0, np.ones(150, np.float32), 0, 150)
    for value, (_, lo, hi) in zip((0.2, 0.8), station.advance(150, close=True), strict=True):
        station.add(lo, hi, np.full((hi - lo, 1), value, np.float32))
    first, scores = station.release()
    assert first == 0 and scores[75, 0] == pytest.approx(wanted)
    assert scores[[10, 140], 0] == pytest.approx([0.2, 0.8])


def test_the_offset_of_a_time_is_that_of_its_samples():
    """A clock that stands 300 microseconds later from sample 200 on."""
    station = Station(1, 1, Layout(100, 50))
    station.put(0, 0, np.ones(200, np.float32), 1_000_000, 400)
    station.put(0, 200, np.ones(200, np.float32), 1_300_000, 200)
    assert station.offset(150) == 1_000_000 and station.offset(250) == 1_300_000
