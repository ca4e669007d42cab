"""A Markov chain of classes along a sequence: transitions counted, class chances smoothed.

The classes of neighbouring samples depend on each other: a bed goes on, and what lies on what
follows rules (Walther's law). A classifier that sees each sample's own window does not know the
classes that it gave to the neighbours; forward and backward recursions bring them together.

References
----------
Rabiner 1989, doi:10.1109/5.18626 (forward and backward recursions); Krumbein and Dacey 1969,
doi:10.1007/BF02047072 (Markov chains in stratigraphy).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def transition_matrix(
    classes: NDArray[np.int64], group: NDArray[Any], row: NDArray[np.int64], n: int
) -> Array:
    """Chance of each class one row on, given the class here.

    Parameters
    ----------
    classes : ndarray of int, shape (sample,)
        Class of each sample; -1 where not known.
    group, row : ndarray, shape (sample,)
        Well of each sample and its row in the data. Only pairs of one well at the usual distance
        are counted; if that is k rows, the change over one row is taken as a k-th of it.
    n : int
        Number of classes.

    Returns
    -------
    ndarray, shape (n, n)
        Rows sum to one and hold no zero: a pair never seen gets a share of one count, by the
        frequency of the class that would follow.

    Examples
    --------
    >>> chain = np.array([0, 0, 0, 1, 1, 1, 1])
    >>> transition_matrix(chain, np.array(["a"] * 7), np.arange(7), 2).round(2).tolist()
    [[0.62, 0.38], [0.11, 0.89]]
    """
    order = np.lexsort((row, group))
    c, g, r = classes[order], group[order], row[order]
    step = np.diff(r)
    same = (g[1:] == g[:-1]) & (c[1:] >= 0) & (c[:-1] >= 0)
    usual = int(np.bincount(step[same]).argmax()) if same.any() else 1
    pairs = same & (step == usual)
    count = np.zeros((n, n))
    np.add.at(count, (c[:-1][pairs], c[1:][pairs]), 1.0)
    share = class_shares(classes, n)
    chance = (count + share) / (count.sum(axis=1, keepdims=True) + 1.0)
    if usual > 1:
        chance = np.eye(n) * (1 - 1 / usual) + chance / usual
    return np.asarray(chance)


def class_shares(classes: NDArray[np.int64], n: int) -> Array:
    """Share of each class, one sample added to each, shape (n,)."""
    count = np.bincount(classes[classes >= 0], minlength=n) + 1.0
    return np.asarray(count / count.sum())


def likelihoods(probability: NDArray[Any], share: Array, weight: float) -> Array:
    """What the samples' own windows say: probabilities over shares, to the power `weight`.

    Neighbouring windows overlap, so what they say is not independent and counts less than once.
    """
    ratio = np.maximum(np.asarray(probability, np.float64), 1e-6) / share
    found = (ratio / ratio.max(axis=1, keepdims=True)) ** weight
    return np.asarray(found)


def messages(likelihood: Array, transitions: Array, share: Array) -> Array:
    """What the other samples of a sequence say about each sample.

    Parameters
    ----------
    likelihood : ndarray, shape (sample, class)
        Of each sample's own evidence, in order along the sequence.
    transitions : ndarray, shape (class, class)
    share : ndarray, shape (class,)
        Chances before the first sample.

    Returns
    -------
    ndarray, shape (sample, class)
        The posterior is this times the sample's own likelihood, scaled to sum to one.

    Examples
    --------
    >>> stay = np.array([[0.9, 0.1], [0.1, 0.9]])
    >>> own = np.array([[0.9, 0.1], [0.5, 0.5], [0.9, 0.1]])
    >>> messages(own, stay, np.array([0.5, 0.5]))[1].round(3).tolist()
    [0.957, 0.043]
    """
    n = len(likelihood)
    ahead, behind = np.empty_like(likelihood), np.ones_like(likelihood)
    now = np.asarray(share, np.float64)
    for t in range(n):
        ahead[t] = now
        now = (now * likelihood[t]) @ transitions
        now = now / now.sum()
    for t in range(n - 2, -1, -1):
        now = transitions @ (likelihood[t + 1] * behind[t + 1])
        behind[t] = now / now.sum()
    found = ahead * behind
    return np.asarray(found / found.sum(axis=1, keepdims=True))
