"""Convolutional nets made of MONAI's blocks, for sequences and for grids."""

from __future__ import annotations

from typing import Any

import torch
from monai.networks.blocks.convolutions import ResidualUnit
from monai.networks.nets.unet import UNet
from torch import Tensor, nn
from torch.nn import functional

from craton.models.nets.tables import join, statics

BINS = 12
"""Most parts of a sequence that keep their place before the last layer."""


class CNN1DNet(nn.Module):
    """A small residual net over the lags; what it finds keeps its place, to `BINS` parts.

    Takes ``sequence`` (sample, channel, lag), gives (sample, output).
    """

    def __init__(
        self,
        channels: int,
        lags: int,
        static: int,
        outputs: int,
        *,
        hidden: int,
        stages: int,
        kernel: int,
        dropout: float,
    ) -> None:
        super().__init__()
        units = [
            ResidualUnit(
                spatial_dims=1,
                in_channels=channels if i == 0 else hidden,
                out_channels=hidden,
                strides=1 if i == 0 else 2,
                kernel_size=kernel,
                subunits=2,
                act="RELU",
                norm="BATCH",
                dropout=dropout,
            )
            for i in range(stages)
        ]
        bins = min(BINS, -(-lags // 2 ** (stages - 1)))
        self.body = nn.Sequential(*units, nn.AdaptiveAvgPool1d(bins))
        self.head = nn.Linear(hidden * bins + static, outputs)

    def forward(self, inputs: dict[str, Tensor]) -> Any:
        return self.head(join(self.body(inputs["sequence"]), *statics(inputs)))


class GridNet(nn.Module):
    """A U-Net on a grid of points, with the past steps as channels and the leads as outputs.

    Cells without a point are zero, and a further channel tells which these are. Static inputs are
    channels that are constant in space. The newest step is added to every lead with a factor that
    is learnt for each lead, so the net starts from damped persistence.

    Takes ``sequence`` (sample, point, lag), gives (sample, lead, point).

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the grid.
    cell : Tensor of int, shape (point,)
        Cell of each point, row by row.
    """

    def __init__(
        self,
        lags: int,
        static: int,
        leads: int,
        *,
        shape: tuple[int, int],
        cell: Tensor,
        hidden: int,
        stages: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.shape = shape
        self.cell = cell
        mask = torch.zeros(shape[0] * shape[1], device="cpu").index_fill(0, cell, 1.0)
        self.mask = mask.reshape(1, 1, *shape)
        self.factor = 2 ** (stages - 1)
        self.unet = UNet(
            spatial_dims=2,
            in_channels=lags + static + 1,
            out_channels=leads,
            channels=[hidden * 2**i for i in range(stages)],
            strides=[2] * (stages - 1),
            num_res_units=1,
            act="RELU",
            norm="BATCH",
            dropout=dropout,
        )
        self.damping = nn.Parameter(torch.zeros(leads))

    def forward(self, inputs: dict[str, Tensor]) -> Any:
        sequence = inputs["sequence"]
        cell, mask = self.cell.to(sequence.device), self.mask.to(sequence.device)
        n, _, lags = sequence.shape
        rows, columns = self.shape
        grid = sequence.new_zeros(n, lags, rows * columns)
        grid[:, :, cell] = sequence.transpose(1, 2)
        layers = [grid.reshape(n, lags, rows, columns), mask.expand(n, -1, -1, -1)]
        layers += [
            s[:, :, None, None].expand(-1, -1, rows, columns) * mask for s in statics(inputs)
        ]
        image = torch.cat(layers, dim=1)
        below, right = -rows % self.factor, -columns % self.factor
        found = self.unet(functional.pad(image, (0, right, 0, below)))[:, :, :rows, :columns]
        change = found.reshape(n, -1, rows * columns)[:, :, cell]
        return change + self.damping[None, :, None] * sequence[:, None, :, -1]
