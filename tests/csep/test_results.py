"""When a forecast counts as rejected, and where random numbers come from."""

import numpy as np
import pytest

from craton.csep.results import Evaluation, generator, judged


def evaluation(name: str, at_least: float, at_most: float) -> Evaluation:
    return Evaluation(name, 0.0, at_least, at_most, np.zeros(0))


def test_ties_count_on_both_sides():
    found = judged("grid S", 2.0, np.array([1.0, 2.0, 2.0, 3.0]))
    assert (found.at_least, found.at_most) == (0.75, 0.75)


@pytest.mark.parametrize(("at_least", "at_most", "passes"),
                         [(0.5, 0.5, True), (0.02, 0.99, False), (0.99, 0.02, False),
                          (0.03, 0.97, True)])  # fmt: skip
def test_the_number_test_looks_at_both_tails_with_half_the_level_each(at_least, at_most, passes):
    assert evaluation("grid N", at_least, at_most).passes(0.05) is passes


def test_the_magnitude_test_of_catalogues_rejects_large_distances():
    assert not evaluation("catalogue M", 0.04, 0.97).passes()
    assert evaluation("catalogue M", 0.97, 0.04).passes()


def test_likelihood_tests_reject_low_likelihood_alone():
    assert not evaluation("grid L", 0.97, 0.04).passes()
    assert evaluation("grid L", 0.04, 0.97).passes()


def test_a_test_of_nothing_rejects_nothing():
    assert Evaluation("grid S", np.nan, np.nan, np.nan, np.zeros(0), "not valid").passes()


def test_a_seed_makes_the_same_numbers_and_a_generator_goes_on():
    assert generator(3).random() == generator(np.int64(3)).random()
    given = np.random.RandomState(1)
    assert generator(given) is given
