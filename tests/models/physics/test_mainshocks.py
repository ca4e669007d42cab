"""Which events are mainshocks, and how far their zones reach."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from craton.models.physics.mainshocks import APART, find_mainshocks, next_larger, zone_radius


def plainly(time, x, y, m, least, since, after):
    """The definition, event by event."""
    found = []
    for i in range(len(time)):
        if m[i] < least or time[i] < since:
            continue
        dependent = False
        for j in range(len(time)):
            near = np.hypot(x[i] - x[j], y[i] - y[j]) <= zone_radius(m[j])
            before = j < i and time[i] - time[j] <= APART and m[j] >= m[i]
            later = j > i and time[j] - time[i] <= after and m[j] > m[i]
            same = time[j] == time[i] and j != i and m[j] > m[i]
            dependent |= near and (before or later or same)
        if not dependent:
            found.append(i)
    return found


@pytest.mark.hypothesis
@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 30), st.sampled_from([0.0, 10.0, 30.0]))
def test_mainshocks_follow_their_definition_event_by_event(seed, n, after):
    rng = np.random.default_rng(seed)
    time = np.sort(np.round(rng.uniform(0, 150, n), 1))
    x, y = rng.uniform(0, 150, (2, n))
    m = np.round(rng.uniform(4, 7, n), 1)
    found = find_mainshocks(time, x, y, m, 5.0, since=20.0, after=after)
    assert found.tolist() == plainly(time, x, y, m, 5.0, 20.0, after)


def test_the_next_larger_event_is_looked_for_in_the_zone_alone():
    time, x = np.array([0.0, 1.0, 2.0, 3.0]), np.array([0.0, 500.0, 5.0, 5.0])
    m, y = np.array([5.0, 7.0, 4.9, 5.0]), np.zeros(4)
    assert next_larger(time, x, y, m, 0) == 3.0
    assert next_larger(time, x, y, m, 1) == np.inf
