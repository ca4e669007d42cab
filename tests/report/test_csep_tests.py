"""The CSEP section of a report, from predictions whose law is known."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from craton.report.csep_tests import csep_section
from tests.csep.test_windows import RATES, SEEN, WINDOWS, predictions

T0 = pd.date_range("2020-01-01", periods=WINDOWS, freq="7D")


def section(rates, baseline):
    """Section of two forecasts of the same events."""
    index = pd.DataFrame({"t0": T0, "t1": T0 + pd.Timedelta("7D")})
    result = SimpleNamespace(
        selected="best", task=SimpleNamespace(baseline="base"), observed=SEEN, fitted=[],
        predictions={"best": predictions(rates), "base": predictions(baseline)},
        run=SimpleNamespace(seed=0, bootstrap=200, level=0.95),
        config=SimpleNamespace(horizon=7.0), test=SimpleNamespace(index=index),
    )  # fmt: skip
    return csep_section(result)


@pytest.fixture(scope="module")
def found():
    return section(RATES, 2 * RATES)


def test_the_section_tells_the_right_forecast_from_one_that_is_too_high(found):
    table = found.table.set_index("test")
    row = table.loc["number, all windows (cumulative N)"]
    assert row["best"].endswith("passes") and row["base"].endswith("FAILS")
    assert table.loc["magnitude (M)", "best"] == "not tested"
    assert "The law of the number is Poisson" in found.text and "below 0.025" in found.text


def test_the_gain_over_twice_the_rates_is_the_excess_less_ln_2(found):
    table = found.table.set_index("test")
    gain = RATES.sum() / float(SEEN["count"].sum()) - np.log(2)
    assert table.loc["gain over 'base', nats an event (T)", "best"].startswith(f"{gain:+.3f}")


def test_there_are_two_pictures_with_a_caption_each(found):
    assert len(found.figures) == len(found.captions) == 2
    assert [ax.get_title() for ax in found.figures[1].axes] == ["best", "base"]
