"""Pictures show the numbers of the results."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from craton.csep import pictures
from craton.csep.cumulative import cumulative_gain, cumulative_number_test
from craton.csep.reliability import reliability
from craton.csep.results import Evaluation, judged
from craton.errors import DataError

DRAWN = np.random.default_rng(0).poisson(9, 1000).astype(float)


@pytest.fixture
def ax():
    return Figure().subplots()


@pytest.mark.parametrize(("seen", "colour"), [(9.0, pictures.PASSED), (40.0, pictures.FAILED)])
def test_the_line_of_what_was_seen_tells_whether_the_forecast_passes(ax, seen, colour):
    pictures.draw_evaluation(ax, judged("catalogue N", seen, DRAWN))
    assert ax.lines[0].get_xdata()[0] == seen
    assert to_hex(ax.lines[0].get_color()) == colour
    assert sum(bar.get_height() for bar in ax.patches) == 1000


@pytest.mark.parametrize("name", ["catalogue N", "catalogue S", "catalogue M"])
def test_a_bar_spans_what_passes_and_nothing_else(ax, name):
    pictures.draw_consistency(ax, {"a": judged(name, 9.0, DRAWN)}, relative=False)
    low, high = ax.lines[0].get_xdata()
    values = np.unique(DRAWN)
    passing = values[[judged(name, v, DRAWN).passes() for v in values]]
    assert (low, high) == (passing[0], passing[-1])


def test_a_day_without_events_is_named_and_not_drawn(ax):
    empty = Evaluation("catalogue S", np.nan, np.nan, np.nan, np.zeros(0), "not valid")
    pictures.draw_consistency(ax, {"a": empty, "b": judged("catalogue S", 9.0, DRAWN)})
    assert [t.get_text() for t in ax.texts] == ["not valid"]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["a", "b"]
    with pytest.raises(DataError, match="no distribution"):
        pictures.draw_evaluation(ax, empty)


def test_bins_of_the_diagram_stand_at_their_probabilities(ax):
    rng = np.random.default_rng(1)
    p = rng.beta(0.2, 5, 3000)
    found = reliability(p, rng.random(3000) < p, bins=5)
    pictures.draw_reliability(ax, found)
    shown = np.concatenate([line.get_xdata() for line in ax.lines[1:]])
    np.testing.assert_allclose(np.sort(shown), found.probability)


def test_sums_are_drawn_day_by_day(ax):
    found = cumulative_number_test([[0, 1, 2]] * 4, [1, 1, 0, 2])
    pictures.draw_cumulative_number(ax, found)
    assert ax.lines[1].get_ydata().tolist() == [1, 2, 2, 4]
    other = Figure().subplots()
    pictures.draw_cumulative_gain(other, cumulative_gain([1.0, -0.5]))
    assert other.lines[0].get_ydata().tolist() == [1.0, 0.5]
