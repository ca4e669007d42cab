"""Peaks of runs of scores, whatever pieces the scores come in."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from craton.detection.peaks import Peaks, table


def all_of(scores, cuts=(), threshold=0.5):
    peaks = Peaks(threshold)
    edges = [0, *sorted(cuts), len(scores)]
    found = []
    for a, b in itertools.pairwise(edges):
        found += peaks.take(1000 + a, np.asarray(scores[a:b]))
    return found + peaks.close()


@pytest.mark.parametrize(
    ("scores", "wanted"),
    [
        ([0.1, 0.6, 0.9, 0.6, 0.1], [(1002, 0.9)]),
        ([0.9, 0.1, 0.7], [(1000, 0.9), (1002, 0.7)]),
        ([0.7, 0.7], [(1000, 0.7)]),
        ([0.5, 0.49], [(1000, 0.5)]),
        ([0.6, np.nan, 0.7], [(1000, 0.6), (1002, 0.7)]),
        ([0.1, 0.2], []),
    ],
)
def test_a_pick_is_the_first_highest_score_of_a_run(scores, wanted):
    """At the threshold or above it; no score is below any threshold."""
    assert all_of(scores) == wanted


@given(st.lists(st.sampled_from([0.0, 0.4, 0.6, 0.8]), max_size=30), st.data())
def test_cuts_change_nothing(scores, data):
    """A run goes on in the next piece."""
    cuts = data.draw(st.lists(st.integers(0, len(scores)), max_size=4))
    assert all_of(scores, cuts) == all_of(scores)


def test_a_gap_between_pieces_ends_the_run():
    """What comes after a gap is another pick."""
    peaks = Peaks(0.5)
    assert peaks.take(0, np.array([0.6])) == []
    assert peaks.take(10, np.array([0.9, 0.1])) == [(0, 0.6), (10, 0.9)]


def test_the_table_is_in_order_of_time_with_all_columns_even_if_it_is_empty():
    """Times are whole nanoseconds."""
    rows = [("XX", "B", "", "HHZ", "P", 2_000_000_001, 0.5), ("XX", "A", "", "HHN", "S", 1, 0.9)]
    found = table(rows)
    assert found["station"].tolist() == ["A", "B"]
    assert found["time"].astype("int64").tolist() == [1, 2_000_000_001]
    assert list(table([]).columns) == list(found.columns) and not len(table([]))
    assert table([])["time"].dtype == found["time"].dtype
