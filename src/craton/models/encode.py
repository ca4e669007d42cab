"""From raw inputs to numbers a model can take: standardise, fill gaps, reduce fields to EOFs.

Everything is learnt on the training samples and kept as arrays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from craton.samples import Inputs, Target

FIELD_COMPONENTS = 15
"""EOFs kept of a field, as in the linear inverse models of tropical sea-surface temperature."""


@dataclass
class Encoder:
    """Encodes inputs and targets; made by `fit`, restored by `from_state`.

    A table ``x`` is standardised by variable, its gaps filled with the mean, and a column that says
    "was missing" added for each variable with gaps in training. A ``sequence`` is standardised by
    channel. If the target is a field (lead, point) and the sequence has the same points, both are
    projected on the leading EOFs of the training inputs.
    """

    arrays: dict[str, NDArray[Any]]

    @classmethod
    def fit(
        cls, inputs: Inputs, observed: NDArray[Any], target: Target, *, raw_fields: bool = False
    ) -> Encoder:
        """Learn means, spreads and EOFs from training inputs."""
        arrays: dict[str, NDArray[Any]] = {}
        is_field = observed.ndim == 3
        for key, values in inputs.items():
            same = values.ndim == 3 and is_field and values.shape[1] == observed.shape[2]
            if same and not raw_fields and key == "sequence":
                arrays["eofs"], arrays["eof_scale"] = eofs(values)
                continue
            axes = (0, *range(2, values.ndim))
            there = np.isfinite(values)
            n = np.maximum(there.sum(axis=axes), 1)
            mean = np.where(there, values, 0.0).sum(axis=axes, dtype=np.float64) / n
            gap = np.where(there, values - _along(mean, values.ndim), 0.0)
            std = np.sqrt((gap**2).sum(axis=axes) / n)
            arrays[f"{key}.mean"] = mean.astype(np.float32)
            arrays[f"{key}.std"] = np.where(std > 1e-12, std, 1.0).astype(np.float32)
            if key == "x":
                arrays["x.gappy"] = np.asarray((~there).any(axis=0))
        arrays["shape"] = np.array(observed.shape[1:], np.int64)
        arrays["classes"] = np.array([len(target.categories)], np.int64)
        if not target.categories and "eofs" not in arrays:
            flat = columns(observed)
            there = np.isfinite(flat)
            n = np.maximum(there.sum(axis=0), 1)
            mean = np.where(there, flat, 0.0).sum(axis=0, dtype=np.float64) / n
            std = np.sqrt((np.where(there, flat - mean, 0.0) ** 2).sum(axis=0) / n)
            arrays["y.mean"] = mean.astype(np.float32)
            arrays["y.std"] = np.where(std > 1e-12, std, 1.0).astype(np.float32)
        return cls(arrays)

    def encode(self, inputs: Inputs) -> Inputs:
        """Return inputs without gaps, float32."""
        found: Inputs = {}
        for key, values in inputs.items():
            if key == "sequence" and "eofs" in self.arrays:
                found[key] = np.nan_to_num(self._reduce(values))
                continue
            mean, std = (_along(self.arrays[f"{key}.{s}"], values.ndim) for s in ("mean", "std"))
            there = np.isfinite(values)
            found[key] = np.where(there, (values - mean) / std, 0.0).astype(np.float32)
            if key == "x" and self.arrays["x.gappy"].any():
                flags = (~there)[:, self.arrays["x.gappy"]].astype(np.float32)
                found[key] = np.concatenate([found[key], flags], axis=1)
        return found

    def encode_target(self, observed: NDArray[Any]) -> NDArray[Any]:
        """Return classes as they are; numbers as (sample, output), scaled, NaN where missing."""
        if "eofs" in self.arrays:
            swapped = np.moveaxis(observed, 1, 2)
            return columns(np.moveaxis(self._reduce(swapped), 1, 2))
        if "y.mean" not in self.arrays:
            return observed
        flat = columns(observed)
        return ((flat - self.arrays["y.mean"]) / self.arrays["y.std"]).astype(np.float32)

    def decode_target(self, y: NDArray[Any]) -> NDArray[np.float32]:
        """Undo `encode_target`: (sample, output) to (sample, *shape of the target)."""
        shape = (len(y), *self.arrays["shape"].tolist())
        if "eofs" in self.arrays:
            parts = len(self.arrays["eof_scale"])
            scores = y.reshape(len(y), shape[1], parts) * self.arrays["eof_scale"]
            return (scores @ self.arrays["eofs"]).astype(np.float32)
        back = y * self.arrays["y.std"] + self.arrays["y.mean"]
        return back.reshape(shape).astype(np.float32)

    def _reduce(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """(sample, point, step) to (sample, component, step), gaps by least squares."""
        patterns = self.arrays["eofs"].astype(np.float64)
        flat = np.moveaxis(values, 1, 2).reshape(-1, values.shape[1])
        scores = project(flat, patterns) / self.arrays["eof_scale"]
        back = scores.reshape(values.shape[0], values.shape[2], len(patterns))
        return np.ascontiguousarray(np.moveaxis(back, 1, 2), dtype=np.float32)

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the arrays learnt."""
        return self.arrays

    @classmethod
    def from_state(cls, arrays: Mapping[str, NDArray[Any]]) -> Encoder:
        """Restore an encoder from its arrays."""
        return cls(dict(arrays))


def eofs(
    fields: NDArray[Any], components: int = FIELD_COMPONENTS
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Leading empirical orthogonal functions of fields with gaps.

    Gaps count as zero anomaly in the covariance, divided by the number of pairs seen.

    Parameters
    ----------
    fields : ndarray, shape (sample, point, step)
        Anomalies; NaN where missing.
    components : int
        Patterns kept, at most the number of points.

    Returns
    -------
    patterns : ndarray, shape (component, point)
        Orthonormal patterns.
    scale : ndarray, shape (component,)
        Standard deviation of each score.
    """
    last = fields[:, :, -1]
    there = np.isfinite(last).astype(np.float64)
    filled = np.where(there > 0, last, 0.0).astype(np.float64)
    pairs = np.maximum(there.T @ there, 1.0)
    covariance = filled.T @ filled / pairs
    values, vectors = np.linalg.eigh(covariance)
    keep = np.argsort(values)[::-1][: min(components, fields.shape[1])]
    # a pattern without variance would be noise divided by nothing
    keep = keep[values[keep] > 1e-6 * max(values[keep[0]], 1e-30)] if values.any() else keep[:1]
    patterns = vectors[:, keep].T
    signs = np.sign(patterns[np.arange(len(keep)), np.abs(patterns).argmax(axis=1)])
    scale = np.sqrt(np.maximum(values[keep], 1e-12))
    return (patterns * signs[:, None]).astype(np.float32), scale.astype(np.float32)


def project(fields: NDArray[Any], patterns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores of fields on patterns; fields with gaps by ridge least squares on what is there.

    Parameters
    ----------
    fields : ndarray, shape (n, point)
    patterns : ndarray, shape (component, point)

    Returns
    -------
    ndarray, shape (n, component)
        NaN where a field has no value at all.
    """
    there = np.isfinite(fields)
    filled = np.where(there, fields, 0.0).astype(np.float64)
    scores = filled @ patterns.T
    gappy = np.flatnonzero(~there.all(axis=1))
    masks, which = np.unique(there[gappy], axis=0, return_inverse=True)
    for i, mask in enumerate(masks):
        rows = gappy[which.ravel() == i]
        seen = patterns[:, mask]
        gram = seen @ seen.T + 0.02 * np.eye(len(patterns))
        scores[rows] = np.linalg.solve(gram, scores[rows].T).T if mask.any() else np.nan
    return scores


def columns(values: NDArray[Any]) -> NDArray[Any]:
    """Lay out (sample, ...) as (sample, column), also where there are no samples."""
    return values.reshape(len(values), int(np.prod(values.shape[1:])))


def _along(values: NDArray[Any], ndim: int) -> NDArray[Any]:
    return values.reshape(1, -1, *([1] * (ndim - 2)))
