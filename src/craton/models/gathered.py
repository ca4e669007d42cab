"""Inputs of a torch model: in memory, or gathered batch by batch where they lie on disk."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from craton.models.training import Stored, Tensors
from craton.samples import Samples


def inputs_of(samples: Samples, *names: str) -> Tensors | Stored:
    """What `craton.models.training.train` takes, for these inputs of samples.

    Samples of data with a variable that stays on disk (it has the attribute ``on_disk``) are
    gathered when their batch comes; all others at once.
    """
    if any("on_disk" in v.attrs for v in samples.data.data_vars.values()):
        return Gathered(samples, names)
    return _tensors(samples, names)


@dataclass(frozen=True)
class Gathered:
    """Inputs of samples, read when they are asked for."""

    samples: Samples
    names: tuple[str, ...]

    @property
    def fingerprint(self) -> str:
        """Hash of what the files, the cuts and the samples are, but for the values on disk."""
        data, index = self.samples.data, self.samples.index
        digest = hashlib.sha256(repr((self.names, self.samples.gather, index.shape)).encode())
        digest.update(index.index.to_numpy().tobytes())
        for name in sorted(map(str, data.data_vars)):
            told = data[name].attrs.get("on_disk")
            values = data[name].to_numpy() if told is None else np.array(told)
            text = values.dtype.kind in "OUS"
            digest.update("\0".join(map(str, values.ravel())).encode() if text
                          else values.tobytes())  # fmt: skip
        return digest.hexdigest()

    def read(self, rows: NDArray[np.int64]) -> Tensors:
        return _tensors(self.samples.take(rows), self.names)


def _tensors(samples: Samples, names: tuple[str, ...]) -> Tensors:
    found = samples.inputs()
    return {k: torch.from_numpy(np.ascontiguousarray(found[k], np.float32)) for k in names}
