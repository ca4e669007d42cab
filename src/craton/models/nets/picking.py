"""Nets that give, at each sample of a seismogram, the chance of a P and of an S onset.

All take ``sequence`` (sample, component, time) of any length and give logits (sample, 3, time) of
P, S and neither. They are made of MONAI's blocks with ``spatial_dims=1``. `components` is how many
they take, `deepest` names the module whose output looks furthest around.
"""

from __future__ import annotations

from typing import Any

import torch
from monai.networks.blocks.convolutions import Convolution, ResidualUnit
from monai.networks.nets.unet import UNet
from torch import Tensor, nn
from torch.nn import functional

OUTPUTS = 3
STRIDE = 4


def levelled(waves: Tensor) -> Tensor:
    """Each component twice, (sample, 2 component, time): scaled, and with large values compressed.

    The first is divided by its standard deviation; the second is the inverse hyperbolic sine in
    units of the median size, in which a weak P before a strong S is still seen.
    """
    waves = waves - waves.mean(dim=-1, keepdim=True)
    scaled = waves / (waves.std(dim=-1, keepdim=True) + 1e-9)
    middle = scaled.abs().median(dim=-1, keepdim=True).values
    return torch.cat([scaled, 0.3 * torch.asinh(scaled / (middle + 1e-3))], dim=1)


class OnsetUNet(nn.Module):
    """MONAI's U-Net over time.

    Parameters
    ----------
    components : int
        Components of the seismogram.
    hidden : int
        Channels of the first level; each of the `levels` levels has twice as many, to `most`.
    kernel : int
        Samples of a filter.
    """

    def __init__(
        self, components: int, *, hidden: int, levels: int, kernel: int, most: int = 64
    ) -> None:
        super().__init__()
        self.components = components
        self.deepest = "unet.model" + ".1.submodule" * levels
        # the first level keeps the rate, or onsets would be placed to four samples
        channels = [hidden, *(min(hidden * 2**i, most) for i in range(levels))]
        self.factor = STRIDE ** (levels - 1)
        self.unet = UNet(
            spatial_dims=1,
            in_channels=2 * components,
            out_channels=OUTPUTS,
            channels=channels,
            strides=[1] + [STRIDE] * (levels - 1),
            kernel_size=kernel,
            up_kernel_size=kernel,
            num_res_units=1,
            act="RELU",
            norm="BATCH",
        )

    def forward(self, inputs: dict[str, Tensor]) -> Any:
        return _padded(self.unet, inputs["sequence"], self.factor)


class OnsetHourglass(nn.Module):
    """Halves the time scale twice by four, looks around at length, and comes back.

    Parameters
    ----------
    components, hidden : int
        Components of the seismogram, channels.
    middle : {"resnet", "lstm"}
        What looks around: residual units whose dilation doubles, or an LSTM in both directions.
    depth : int
        Residual units, or layers.
    kernel : int
        Samples of a filter.
    """

    def __init__(
        self, components: int, *, hidden: int, middle: str, depth: int, kernel: int
    ) -> None:
        super().__init__()
        self.components, self.deepest = components, "middle"
        self.factor = STRIDE**2
        few = max(hidden // 2, 4)
        self.first = _unit(2 * components, few, kernel)
        self.second = _unit(few, few, kernel, strides=STRIDE)
        self.third = _unit(few, hidden, kernel, strides=STRIDE)
        self.recurrent: nn.LSTM | None = None
        if middle == "lstm":
            self.recurrent = nn.LSTM(hidden, hidden, depth, batch_first=True, bidirectional=True)
            self.middle: nn.Module = nn.Conv1d(2 * hidden, hidden, 1)
        else:
            units = [_unit(hidden, hidden, kernel, dilation=2**i) for i in range(depth)]
            self.middle = nn.Sequential(*units)
        self.up = _up(hidden, few, kernel)
        self.upper = _up(2 * few, few, kernel)
        self.head = nn.Conv1d(2 * few, OUTPUTS, kernel, padding=kernel // 2)

    def forward(self, inputs: dict[str, Tensor]) -> Any:
        return _padded(self._whole, inputs["sequence"], self.factor)

    def _whole(self, x: Tensor) -> Tensor:
        fine = self.first(x)
        coarse = self.second(fine)
        deep = self.third(coarse)
        if self.recurrent is not None:
            deep = deep + self.middle(self.recurrent(deep.transpose(1, 2))[0].transpose(1, 2))
        else:
            deep = self.middle(deep)
        found = self.upper(torch.cat([self.up(deep), coarse], dim=1))
        return self.head(torch.cat([found, fine], dim=1))


def _padded(net: Any, waves: Tensor, factor: int) -> Tensor:
    n = waves.shape[-1]
    x = functional.pad(levelled(waves), (0, -n % factor))
    return net(x)[..., :n]


def _unit(given: int, made: int, kernel: int, strides: int = 1, dilation: int = 1) -> nn.Module:
    return ResidualUnit(
        spatial_dims=1,
        in_channels=given,
        out_channels=made,
        strides=strides,
        kernel_size=kernel,
        dilation=dilation,
        subunits=1,
        act="RELU",
        norm="BATCH",
    )


def _up(given: int, made: int, kernel: int) -> nn.Module:
    return Convolution(
        spatial_dims=1,
        in_channels=given,
        out_channels=made,
        strides=STRIDE,
        kernel_size=kernel,
        act="RELU",
        norm="BATCH",
        is_transposed=True,
    )
