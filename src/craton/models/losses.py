"""Losses of the torch models, which give a sum and a number of terms for every sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional


def masked_squares(output: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Squared error of (sample, ...) outputs; a missing target counts for nothing.

    Examples
    --------
    >>> masked_squares(torch.tensor([[1.0, 2.0]]), torch.tensor([[float("nan"), 4.0]]))
    (tensor([4.]), tensor([1.]))
    """
    output, y = output.flatten(1), y.flatten(1)
    there = torch.isfinite(y)
    error = torch.where(there, output - torch.nan_to_num(y), 0.0)
    return (error**2).sum(dim=1), there.sum(dim=1).to(output.dtype)


def cross_entropy(smoothing: float) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Cross entropy of logits (sample, category) with label smoothing."""

    def loss(output: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        value = functional.cross_entropy(output, y, reduction="none", label_smoothing=smoothing)
        return value, torch.ones_like(value)

    return loss


def sample_weights(y: NDArray[Any], classes: int, kind: str) -> Tensor | None:
    """Weights (sample,) that give every class that is there the same total, or none."""
    if kind == "none":
        return None
    count = np.bincount(y, minlength=classes)
    each = len(y) / (np.maximum(count, 1) * (count > 0).sum())
    return torch.from_numpy(each[y].astype(np.float32))


def start_from_shares(net: nn.Module, y: Tensor, classes: int, weights: Tensor | None) -> None:
    """Set the bias of ``net.head`` so that an untrained net gives the class shares.

    A class that training lacks so starts from next to nothing, and no epoch is lost on it.
    """
    share = torch.bincount(y, weights, minlength=classes) + 0.01
    head = net.get_submodule("head")
    assert isinstance(head, nn.Linear)
    with torch.no_grad():
        head.bias.copy_(torch.log(share / share.sum()))
