"""The formula of Reasenberg and Jones on sequences that it drew."""

import numpy as np
import pytest
from scipy.integrate import quad

from craton.models.physics.reasenberg_jones import ReasenbergJones, background_rate, zone_times

TRUTH = ReasenbergJones(-1.8, 1.0, 0.05, 1.1, 3.0)


def world(seed=0, number=40):
    """Sequences of the truth a year apart, on a background of 0.1 events a day near each."""
    rng = np.random.default_rng(seed)
    rows = []
    for k in range(number):
        start, m = 400.0 * (k + 2), float(rng.choice([5.2, 5.6, 6.0, 6.4]))
        rows.append((start, 0.0, 0.0, m))
        n = rng.poisson(TRUTH.expected(m, 0.0, 100.0))
        # inversion of the integral of (t + c)**-p
        q = 1 - TRUTH.p
        ends = (TRUTH.c**q, (100.0 + TRUTH.c) ** q)
        age = (ends[0] + rng.random(n) * (ends[1] - ends[0])) ** (1 / q) - TRUTH.c
        rows += [(start + a, *rng.normal(0, 5, 2), 3.0 + rng.exponential(0.2)) for a in age]
    flat = rng.poisson(0.1 * 400 * (number + 3))
    rows += [(t, *rng.uniform(-8, 8, 2), 3.2) for t in rng.uniform(0, 400 * (number + 3), flat)]
    return tuple(np.array(sorted(rows)).T)


@pytest.mark.parametrize("p", [0.9, 1.0, 1.3])
def test_the_expected_number_is_the_integral_of_the_rate(p):
    formula = TRUTH._replace(p=p)
    rate = 10 ** (formula.a + formula.b * 3.0)
    by_quadrature = quad(lambda t: rate * (t + formula.c) ** -p, 0.3, 9.0)[0]
    assert formula.expected(6.0, 0.3, 9.0) == pytest.approx(by_quadrature, rel=1e-8)


def test_the_fit_finds_what_sequences_were_drawn_with():
    time, x, y, m = world()
    found = ReasenbergJones.fit(time, x, y, m, mc=3.0, b=1.0, since=500.0, until=1e6)
    assert found.mainshocks == 40
    assert found.a == pytest.approx(TRUTH.a, abs=0.05)
    assert found.p == pytest.approx(TRUTH.p, abs=0.05)
    assert found.c == pytest.approx(TRUTH.c, rel=0.3)
    assert found.expected(6.0, 0, 7) == pytest.approx(TRUTH.expected(6.0, 0, 7), rel=0.05)


def test_nothing_from_the_end_of_the_record_on_is_looked_at():
    time, x, y, m = world()
    known = time < 8000.0
    cut = ReasenbergJones.fit(
        time[known], x[known], y[known], m[known], mc=3.0, b=1.0, since=500.0, until=8000.0
    )
    whole = ReasenbergJones.fit(time, x, y, m, mc=3.0, b=1.0, since=500.0, until=8000.0)
    assert cut == whole and whole.mainshocks < 20


def test_a_mainshock_that_is_left_out_is_not_fitted_and_few_give_none():
    time, x, y, m = world(number=6)
    first = float(time[np.flatnonzero(m >= 5)[0]])
    options = {"mc": 3.0, "b": 1.0, "since": 500.0, "until": 1e6}
    assert ReasenbergJones.fit(time, x, y, m, **options).mainshocks == 6
    assert ReasenbergJones.fit(time, x, y, m, **options, leave_out=first).mainshocks == 5
    few = world(number=4)
    assert ReasenbergJones.fit(*few, **options) is None


def test_the_zone_has_its_background_from_before_the_mainshock():
    time, x, y, m = world()
    row = int(np.flatnonzero(m >= 5)[20])
    lonely = m == 3.2
    part = lonely & (time >= time[row] - 730) & (time < time[row] - 30)
    rate = background_rate(time[lonely | (m >= 5)], x[lonely | (m >= 5)], y[lonely | (m >= 5)],
                           m[lonely | (m >= 5)], int((lonely | (m >= 5))[:row].sum()))  # fmt: skip
    assert rate == pytest.approx((part.sum() + 1) / 700.0)  # the mainshock of the year before, too
    formula = TRUTH.in_zone(time, x, y, m, row, 0.0, 7.0)
    flat = background_rate(time, x, y, m, row)
    assert formula == pytest.approx(TRUTH.expected(m[row], 0, 7) + 7 * flat)
    assert background_rate(time, x, y, m, 0) == 0.0
    assert zone_times(time, x, y, m, row, time[row] + 7).size > 0
