"""Sends samples through flat trees; imported only where a tree model predicts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def forest_mean(
    x: NDArray[np.float32],
    feature: NDArray[np.int32],
    threshold: NDArray[np.float32],
    left: NDArray[np.int32],
    right: NDArray[np.int32],
    value: NDArray[np.float32],
    offset: NDArray[np.int64],
) -> Any:
    """Mean over all trees of the value of the leaf that each sample reaches: (sample, output)."""
    n, outputs, trees = x.shape[0], value.shape[1], offset.shape[0] - 1
    total = np.zeros((n, outputs), np.float64)
    for tree in range(trees):  # tree by tree, so that a tree stays in the cache
        first = offset[tree]
        for i in range(n):
            node = first
            while feature[node] >= 0:
                if x[i, feature[node]] <= threshold[node]:
                    node = first + left[node]
                else:
                    node = first + right[node]
            leaf = left[node]
            for k in range(outputs):
                total[i, k] += value[leaf, k]
    return (total / trees).astype(np.float32)
