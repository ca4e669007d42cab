"""Nearest neighbours, repeats and single columns: the arithmetic of the leak audit."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from craton.samples import Samples
from craton.splits import Split

DIMENSIONS = 20
"""Columns that inputs are projected on before neighbours are looked for."""

MAX_TRAIN, MAX_TEST = 20_000, 5_000
"""Most samples of each part among which near repeats are looked for."""

NEAR = 0.01
"""A near repeat is nearer than this share of the usual distance within the training samples."""


@dataclass(frozen=True)
class InputTable:
    """Inputs of all samples: `near` (sample, <= 20) scaled and projected, `exact` (sample,)."""

    near: NDArray[np.float64]
    exact: NDArray[np.void]


@dataclass(frozen=True)
class Alone:
    """What one column tells: its score, the score without it, and whether that is too good."""

    score: float
    trivial: float
    gives_away: bool


def input_table(samples: Samples, batch: int = 2048, seed: int = 0) -> InputTable | None:
    """Lay the inputs of each sample out as a row, standardised and projected to few columns.

    Returns
    -------
    InputTable or None
        None if the samples have no numeric arrays of their own.
    """
    if len(samples) == 0 or _flat(samples.take([0])).shape[1] == 0:
        return None
    scale_rows = np.linspace(0, len(samples) - 1, min(len(samples), batch)).astype(int)
    seen = _flat(samples.take(scale_rows))
    there = np.isfinite(seen)
    count = np.maximum(there.sum(axis=0), 1)
    mean = np.where(there, seen, 0.0).sum(axis=0) / count
    std = np.sqrt((np.where(there, seen - mean, 0.0) ** 2).sum(axis=0) / count)
    std = np.where(std > 1e-12, std, 1.0)
    width = seen.shape[1]
    matrix = np.eye(width)
    if width > DIMENSIONS:
        shape = (width, DIMENSIONS)
        matrix = np.random.default_rng(seed).normal(size=shape) / np.sqrt(DIMENSIONS)
    near, exact = [], []
    for piece in samples.batches(batch):
        flat = _flat(piece)
        exact += [hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in flat]
        near.append(np.where(np.isfinite(flat), (flat - mean) / std, 0.0) @ matrix)
    return InputTable(np.concatenate(near), np.array(exact, dtype="V16"))


def _flat(samples: Samples) -> NDArray[np.float64]:
    """(sample, column) of all numeric arrays that are not shared; one kind of NaN, one zero."""
    found = [
        v.reshape(len(samples), -1).astype(np.float64)
        for k, v in samples.inputs().items()
        if not k.startswith("all_") and v.dtype.kind in "fiub"
    ]
    flat = np.concatenate([np.zeros((len(samples), 0)), *found], axis=1) + 0.0
    flat[np.isnan(flat)] = np.nan
    return flat


def count_repeats(
    table: InputTable, train: NDArray[Any], test: NDArray[Any], seed: int
) -> tuple[int, int]:
    """Count test samples whose inputs repeat those of a training sample.

    Parameters
    ----------
    table : InputTable
        Of all samples.
    train, test : ndarray of int
        Rows of each part.
    seed : int
        Seed of the thinning of large parts; near repeats found are scaled up.

    Returns
    -------
    exact, near : int
        Equal in every number; and nearer than `NEAR` times the median distance between nearest
        training samples, without the exact ones.
    """
    if len(train) < 2 or len(test) == 0:
        return 0, 0
    same = np.isin(table.exact[test], np.unique(table.exact[train]))
    rng = np.random.default_rng(seed)
    few = np.sort(rng.permutation(train)[:MAX_TRAIN])
    rest = test[~same]
    tried = np.sort(rng.permutation(rest)[:MAX_TEST])
    if len(tried) == 0:
        return int(same.sum()), 0
    tree = cKDTree(table.near[few])
    probe = np.sort(rng.permutation(few)[:MAX_TEST])
    within = tree.query(table.near[probe], k=2)[0][:, 1]
    usual = within[within > 0]
    if len(usual) == 0:
        return int(same.sum()), 0
    distance = tree.query(table.near[tried])[0]
    near = (distance < NEAR * np.median(usual)).mean() * len(rest)
    return int(same.sum()), round(float(near))


def nearest(train: NDArray[np.float64], test: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance of each test sample to the nearest training sample, (sample, dimension) in."""
    found: NDArray[np.float64] = cKDTree(train).query(test)[0]
    return found


def alone(
    column: NDArray[Any], truth: NDArray[Any], splits: Sequence[Split], classes: int
) -> Alone:
    """Score of one column alone: the most frequent class, or the mean, of each of its bins.

    A column gives the target away if its accuracy is at least 0.95 and its errors are at most a
    quarter of those of the most frequent class (so that a rare class does not count), or if its R2
    is at least 0.98.

    Parameters
    ----------
    column : ndarray, shape (sample,)
        Values; NaN is a bin of its own.
    truth : ndarray, shape (sample,)
        Class positions (-1 unknown) or numbers (NaN unknown).
    splits : sequence of Split
        Bins are learnt on train and scored on test.
    classes : int
        Number of classes; 0 for a number.

    Returns
    -------
    Alone

    Examples
    --------
    >>> y = np.tile([0, 1], 200)
    >>> halves = [Split(np.arange(200), np.zeros(0, int), np.arange(200, 400))]
    >>> alone(y * 3.0, y, halves, 2)
    Alone(score=1.0, trivial=0.5, gives_away=True)
    """
    known = truth >= 0 if classes else np.isfinite(truth)
    found = np.full((2, len(truth)), np.nan)
    tested = np.zeros(len(truth), bool)
    for split in splits:
        train = split.train[known[split.train]]
        test = split.test[known[split.test]]
        if len(train) == 0:
            continue
        edges = _edges(column[train], len(train))
        table, usual = _by_bin(_bins(column[train], edges), truth[train], classes, len(edges) + 2)
        found[0, test] = table[_bins(column[test], edges)]
        found[1, test] = usual
        tested[test] = True
    if not tested.any():
        return Alone(np.nan, np.nan, False)
    y, said, usual_all = truth[tested], found[0, tested], found[1, tested]
    if classes:
        score, trivial = float((said == y).mean()), float((usual_all == y).mean())
        return Alone(score, trivial, score >= 0.95 and 1 - score <= 0.25 * (1 - trivial))
    total = float(((y - y.mean()) ** 2).sum())
    r2 = [1 - float(((y - s) ** 2).sum()) / max(total, 1e-300) for s in (said, usual_all)]
    return Alone(r2[0], r2[1], total > 0 and r2[0] >= 0.98)


def _edges(values: NDArray[Any], n: int) -> NDArray[Any]:
    """Borders between bins: between few distinct values, else quantiles."""
    there = values[np.isfinite(values)]
    distinct = np.unique(there)
    most = int(np.clip(n // 5, 2, 200))
    if len(distinct) <= most:
        return (distinct[1:] + distinct[:-1]) / 2
    return np.unique(np.quantile(there, np.linspace(0, 1, most + 1)[1:-1]))


def _bins(values: NDArray[Any], edges: NDArray[Any]) -> NDArray[np.int64]:
    return np.where(np.isfinite(values), np.searchsorted(edges, values), len(edges) + 1)


def _by_bin(
    bins: NDArray[np.int64], y: NDArray[Any], classes: int, n: int
) -> tuple[NDArray[np.float64], float]:
    """What each bin says, and what is said without bins, also where a bin is empty."""
    if classes:
        counts = np.zeros((n, classes))
        np.add.at(counts, (bins, y), 1.0)
        usual = float(counts.sum(axis=0).argmax())
        return np.where(counts.any(axis=1), counts.argmax(axis=1), usual), usual
    count = np.bincount(bins, minlength=n)
    total = np.bincount(bins, weights=y, minlength=n)
    mean = float(y.mean())
    return np.where(count > 0, total / np.maximum(count, 1), mean), mean
