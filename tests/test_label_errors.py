"""Suspected labels and abstention on cases worked out by hand."""

import numpy as np

from craton.label_errors import abstention_curve, suspected_labels


def test_exchanged_labels_are_found_and_honest_doubt_is_not():
    """Classes told apart with 95 %; one label in twenty is exchanged."""
    rng = np.random.default_rng(0)
    true = rng.integers(0, 3, 600)
    p = np.full((600, 3), 0.025)
    p[np.arange(600), true] = 0.95
    doubt = rng.permutation(600)[:60]
    p[doubt] = [0.4, 0.35, 0.25]
    label = true.copy()
    wrong = np.setdiff1d(np.arange(0, 600, 20), doubt)
    label[wrong] = (label[wrong] + 1) % 3
    assert np.flatnonzero(suspected_labels(p, label)).tolist() == wrong.tolist()


def test_what_has_no_label_is_not_suspected():
    """Nor does it count for what is usual."""
    assert not suspected_labels(np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([-1, 1])).any()


def test_abstention_answers_the_surest_first():
    """The one wrong answer is the least certain, so it costs nothing until the end."""
    p = np.array([[0.55, 0.45], [0.9, 0.1], [0.2, 0.8]])
    share, accuracy = abstention_curve(p, np.array([False, True, True]))
    np.testing.assert_allclose(share, [1 / 3, 2 / 3, 1])
    np.testing.assert_allclose(accuracy, [1, 1, 2 / 3])
