"""A Markov chain of classes along a sequence: transitions counted, class chances smoothed.

The classes of neighbouring samples depend on each other: a bed goes on, and what lies on what
follows rules (Walther's law). A classifier that sees each sample's own window does not know the
classes that it gave to the neighbours; forward and backward recursions bring them together. What is
known beforehand of each row, such as whether it is marine, is the row's *mark*: the transition into
a row depends on its mark and on that of the row before.

References
----------
Rabiner 1989, doi:10.1109/5.18626 (forward and backward recursions); Krumbein and Dacey 1969,
doi:10.1007/BF02047072 (Markov chains in stratigraphy).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from craton.errors import BundleError

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_MARKS = 6
"""A column with more values than this is no mark."""


@dataclass
class FaciesChain:
    """Transitions of classes by the marks of two rows that follow each other.

    Attributes
    ----------
    values : ndarray, shape (mark,)
        Values that a mark may have; a row with another one gets the last number, `len(values)`.
    transitions : ndarray, shape (mark + 1, mark + 1, class, class)
        By the mark of the row before, the mark of the row, the class before, the class.
    share : ndarray, shape (mark + 1, class)
        Class shares by mark; the last row is that of all marks together.

    Examples
    --------
    >>> classes = np.array([0, 0, 0, 1, 1, 1, 1])
    >>> chain = FaciesChain.fit(classes, np.zeros(7), np.array(["a"] * 7), np.arange(7), 2)
    >>> chain.transitions[0, 0].round(2).tolist()
    [[0.61, 0.39], [0.11, 0.89]]
    """

    values: Array
    transitions: Array
    share: Array

    @classmethod
    def fit(
        cls, classes: Ints, mark: NDArray[Any], group: NDArray[Any], row: Ints, n: int
    ) -> FaciesChain:
        """Count classes that follow each other.

        Parameters
        ----------
        classes : ndarray of int, shape (sample,)
            Class of each sample; -1 where not known.
        mark : ndarray, shape (sample,)
            Mark of each sample, such as 1 for non-marine and 2 for marine.
        group, row : ndarray, shape (sample,)
            Well of each sample and its row in the data. Only pairs of one well at the usual
            distance are counted; if that is k rows, the change over one row is a k-th of it.
        n : int
            Number of classes.
        """
        values = np.unique(mark[np.isfinite(mark)]).astype(np.float64)
        values = values if len(values) <= MOST_MARKS else np.zeros(0)
        k = len(values)
        code = mark_codes(mark, values)
        order = np.lexsort((row, group))
        c, m, g, r = classes[order], code[order], group[order], row[order]
        known = c >= 0
        count = np.zeros((k + 1, n))
        np.add.at(count, (m[known], c[known]), 1.0)
        count[k] = count.sum(axis=0)
        whole = (count[k] + 1) / (count[k] + 1).sum()
        share = (count + 2 * whole) / (count.sum(axis=1, keepdims=True) + 2)
        step = np.diff(r)
        same = (g[1:] == g[:-1]) & known[1:] & known[:-1]
        usual = max(int(np.bincount(step[same]).argmax()), 1) if same.any() else 1
        at = np.flatnonzero(same & (step == usual))
        pairs = np.zeros((k + 1, k + 1, n, n))
        np.add.at(pairs, (m[at], m[at + 1], c[at], c[at + 1]), 1.0)
        pairs[k], pairs[:, k] = pairs.sum(axis=0), pairs.sum(axis=0)
        # a pair never seen gets a part of one count, as often as its second class has that mark
        chance = (pairs + share[None, :, None, :]) / (pairs.sum(axis=3, keepdims=True) + 1.0)
        if usual > 1:
            chance = np.eye(n) * (1 - 1 / usual) + chance / usual
        return cls(values, chance, share)

    def likelihoods(self, probability: NDArray[Any], mark: Ints, weight: float) -> Array:
        """What the samples' own windows say: probabilities over shares, to the power `weight`.

        Neighbouring windows overlap, so what they say is not independent and counts less than once.
        """
        ratio = np.maximum(np.asarray(probability, np.float64), 1e-6) / self.share[mark]
        found = (ratio / ratio.max(axis=1, keepdims=True)) ** weight
        return np.asarray(found)

    def messages(self, likelihood: Array, mark: Ints) -> Array:
        """What the other samples of a well say about each one, beyond what its mark says.

        Parameters
        ----------
        likelihood : ndarray, shape (sample, class)
            Of each sample's own evidence, in order along the well.
        mark : ndarray of int, shape (sample,)
            Mark numbers.

        Returns
        -------
        ndarray, shape (sample, class)
            Ratio of the class's chance given the others to its chance without them, up to a
            factor; all ones where the others say nothing.
        """
        told = self._recursions(likelihood, mark)
        silent = self._recursions(np.ones_like(likelihood), mark)
        return np.asarray(told / np.maximum(silent, 1e-12))

    def _recursions(self, likelihood: Array, mark: Ints) -> Array:
        n = len(likelihood)
        ahead, behind = np.empty_like(likelihood), np.ones_like(likelihood)
        if n:
            ahead[0] = self.share[mark[0]]
        for t in range(1, n):
            now = (ahead[t - 1] * likelihood[t - 1]) @ self.transitions[mark[t - 1], mark[t]]
            ahead[t] = now / now.sum()
        for t in range(n - 2, -1, -1):
            now = self.transitions[mark[t], mark[t + 1]] @ (likelihood[t + 1] * behind[t + 1])
            behind[t] = now / now.sum()
        found = ahead * behind
        return np.asarray(found / found.sum(axis=1, keepdims=True))

    def state(self) -> dict[str, NDArray[Any]]:
        """Return what was learnt, as arrays."""
        return {"values": self.values, "transitions": self.transitions, "share": self.share}

    @classmethod
    def from_state(cls, arrays: dict[str, NDArray[Any]]) -> FaciesChain:
        """Restore from arrays.

        Raises
        ------
        BundleError
            If their shapes disagree or a chance is not above zero.
        """
        values, transitions, share = (arrays[k] for k in ("values", "transitions", "share"))
        k, n = len(values) + 1, share.shape[-1]
        sound = values.ndim == 1 and share.shape == (k, n) and transitions.shape == (k, k, n, n)
        if not sound or not (share > 0).all() or not (transitions > 0).all():
            raise BundleError("the Markov chain's arrays do not fit together")
        return cls(values, transitions, share)


def mark_codes(mark: NDArray[Any], values: Array) -> Ints:
    """Number of each mark among `values`; the number of values where it is none of them.

    Examples
    --------
    >>> mark_codes(np.array([2.0, 1.0, np.nan]), np.array([1.0, 2.0])).tolist()
    [1, 0, 2]
    """
    found = np.full(len(mark), len(values), np.int64)
    for i, value in enumerate(values):
        found[mark == value] = i
    return found
