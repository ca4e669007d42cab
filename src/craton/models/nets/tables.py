"""Nets for tables."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class MLPNet(nn.Module):
    """All inputs side by side, through `depth` hidden layers.

    Takes ``x`` (sample, column), gives (sample, output).
    """

    def __init__(
        self, columns: int, outputs: int, *, hidden: int, depth: int, dropout: float
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = columns
        for _ in range(depth):
            layers += [nn.Linear(width, hidden), nn.SiLU(), nn.Dropout(dropout)]
            width = hidden
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(width, outputs)

    def forward(self, inputs: dict[str, Tensor]) -> Any:
        return self.head(self.body(inputs["x"]))


def statics(inputs: dict[str, Tensor]) -> list[Tensor]:
    """Return the inputs without a lag axis, each (sample, column), in the order of their names."""
    return [v for k, v in sorted(inputs.items()) if k != "sequence" and v.ndim == 2]


def join(*parts: Tensor) -> Tensor:
    """Lay (sample, ...) tensors side by side as (sample, column)."""
    return torch.cat([p.flatten(1) for p in parts], dim=1)
