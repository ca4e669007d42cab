"""Samples with altered inputs: parts of arrays shuffled, set to their mean, stacked in one batch.

What explanations are made with; nothing here knows a model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from craton.samples import Inputs, Samples

MAX_PARTS = {"variable": 64, "lag": 32, "region": 32}
"""Parts of a kind that are altered one by one; more are grouped with their neighbours."""

BATCH_ROWS, BATCH_BYTES = 8192, 24 << 20

Where = tuple[Any, ...]


@dataclass(frozen=True)
class Part:
    """A part of the inputs that may be switched off.

    Attributes
    ----------
    kind, name : str
        ``variable``, ``lag`` or ``region``, and which.
    spots : tuple of (str, tuple)
        Input keys, and the slices of each array.
    """

    kind: str
    name: str
    spots: tuple[tuple[str, Where], ...]

    @property
    def shared(self) -> bool:
        """Whether it lies in an array that all samples share."""
        return any(key.startswith("all_") for key, _ in self.spots)


def list_parts(samples: Samples) -> list[Part]:
    """The parts that the samples' gather names, in its order."""
    return [
        Part(kind, name, tuple(spots.items()))
        for kind, named in samples.parts().items()
        for name, spots in named.items()
    ]


def regroup(parts: Sequence[Part], limits: Mapping[str, int]) -> tuple[list[Part], list[str]]:
    """Join neighbouring parts of a kind until there are no more than its limit.

    Parameters
    ----------
    parts : sequence of Part
        In the order in which neighbours stand beside each other.
    limits : mapping
        Kind to the most parts of it; a kind that is not named has no limit.

    Returns
    -------
    parts : list of Part
        A group is named ``first .. last``.
    notes : list of str
        A sentence for each kind that was grouped.
    """
    found: list[Part] = []
    notes: list[str] = []
    for kind in dict.fromkeys(p.kind for p in parts):
        mine = [p for p in parts if p.kind == kind]
        limit = limits.get(kind, len(mine))
        if len(mine) <= limit:
            found += mine
            continue
        edges = np.linspace(0, len(mine), limit + 1).round().astype(int)
        for a, b in pairwise(edges):
            spots = tuple(s for p in mine[a:b] for s in p.spots)
            name = mine[a].name if b - a == 1 else f"{mine[a].name} .. {mine[b - 1].name}"
            found.append(Part(kind, name, spots))
        notes.append(f"{len(mine)} parts of kind '{kind}' were altered in {limit} groups")
    return found, notes


def change_part(
    inputs: Inputs, part: Part, change: Callable[[NDArray[Any]], NDArray[Any]]
) -> Inputs:
    """Return the arrays that a part lies in, copied, with the part changed."""
    return _replaced(inputs, part, inputs, change)


def mean_part(inputs: Inputs, part: Part, reference: Inputs) -> Inputs:
    """Return the arrays that a part lies in, with the part at its mean over reference samples.

    Whole numbers, times and texts take the middle of the sorted values.
    """
    return _replaced(inputs, part, reference, _middle)


def _replaced(
    inputs: Inputs, part: Part, source: Inputs, change: Callable[[NDArray[Any]], NDArray[Any]]
) -> Inputs:
    altered: Inputs = {}
    for key, where in part.spots:
        if key not in inputs:
            continue
        values = altered.setdefault(key, np.array(inputs[key]))
        values[where] = change(np.asarray(source[key][where]))
    return altered


def _middle(values: NDArray[Any]) -> NDArray[Any]:
    if values.dtype.kind != "f":
        return np.asarray(np.sort(values, axis=0)[len(values) // 2])
    there = np.isfinite(values)
    total = np.where(there, values, 0.0).sum(axis=0, dtype=np.float64)
    count = there.sum(axis=0)
    # a part without any value stays without one
    mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return np.asarray(mean, values.dtype)


def stack(
    samples: Samples, inputs: Inputs, changes: Sequence[Inputs], rows: NDArray[np.int64]
) -> Samples:
    """Lay altered copies of some samples one after the other: (change * row).

    Parameters
    ----------
    samples : Samples
        All samples.
    inputs : dict of ndarray
        Their inputs.
    changes : sequence of dict of ndarray
        Arrays for all samples that replace those in `inputs`; only a lone change may replace an
        array that all samples share.
    rows : ndarray of int
        Samples to take.
    """
    joined: Inputs = {}
    for key, values in inputs.items():
        given = [change.get(key, values) for change in changes]
        if key.startswith("all_"):
            assert len(changes) == 1 or all(g is values for g in given)
            joined[key] = given[0]
        else:
            joined[key] = np.concatenate([g[rows] for g in given])
    return samples.take(np.tile(rows, len(changes))).with_inputs(joined, whole=True)


def in_batches(parts: list[Part], n: int, size: int) -> list[list[Part]]:
    """Parts that are predicted together, for `n` samples whose predictions take `size` bytes each.

    One that alters a shared array stands alone.
    """
    rows = max(1, min(BATCH_ROWS, BATCH_BYTES // max(size, 1)) // max(n, 1))
    batches: list[list[Part]] = []
    open_ = False
    for part in parts:
        if part.shared or not open_ or len(batches[-1]) >= rows:
            batches.append([])
        batches[-1].append(part)
        open_ = not part.shared
    return batches
