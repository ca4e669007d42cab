"""Which labels a model that had not seen them holds for wrong, and what it pays to abstain."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def suspected_labels(probability: Array, truth: Array) -> NDArray[np.bool_]:
    """Samples whose label is probably wrong, by confident learning.

    A label is suspected where another class is the most probable one, and as probable as that class
    is on the average of the samples that carry its label. The probabilities must come from models
    that were not fitted on the sample.

    Parameters
    ----------
    probability : ndarray, shape (sample, category)
        Calibrated probabilities.
    truth : ndarray of int, shape (sample,)
        Labels as given; -1 where there is none.

    Returns
    -------
    ndarray of bool, shape (sample,)

    References
    ----------
    Northcutt, Jiang and Chuang 2021, doi:10.1613/jair.1.12125.

    Examples
    --------
    >>> p = np.array([[0.9, 0.1], [0.9, 0.1], [0.55, 0.45], [0.2, 0.8]])
    >>> suspected_labels(p, np.array([0, 1, 1, 1])).tolist()
    [False, True, False, False]
    """
    p, truth = np.asarray(probability, float), np.asarray(truth)
    classes = p.shape[1]
    usual = np.array(
        [p[truth == k, k].mean() if (truth == k).any() else np.inf for k in range(classes)]
    )
    said = p.argmax(axis=1)
    sure = p[np.arange(len(p)), said] >= usual[said]
    return np.asarray((truth >= 0) & (said != truth) & sure)


def abstention_curve(probability: Array, right: Array) -> tuple[NDArray[Any], NDArray[Any]]:
    """Accuracy of those that are answered, where the least certain are left open.

    Parameters
    ----------
    probability : ndarray, shape (sample, category)
    right : ndarray of bool, shape (sample,)
        Whether the type that was decided for is the true one.

    Returns
    -------
    share : ndarray, shape (sample,)
        Share answered, from the most certain sample alone to all.
    accuracy : ndarray, shape (sample,)

    Examples
    --------
    >>> p = np.array([[0.6, 0.4], [0.1, 0.9]])
    >>> abstention_curve(p, np.array([False, True]))
    (array([0.5, 1. ]), array([1. , 0.5]))
    """
    order = np.argsort(-np.asarray(probability).max(axis=1), kind="stable")
    count = np.arange(1, len(order) + 1)
    return count / len(order), np.cumsum(np.asarray(right, float)[order]) / count
