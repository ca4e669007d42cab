"""Nets for whole waveforms: convolutions on the trace, and on its spectrogram."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

FLOOR = 1e-5
"""Least power in a spectrogram, beside the greatest of the record: 50 dB."""


class TraceNet(nn.Module):
    """Strided convolutions on a waveform; what they find is averaged over time, and its maximum.

    Takes ``sequence`` (sample, channel, step), gives (sample, output).
    """

    def __init__(
        self, channels: int, outputs: int, *, hidden: int, stages: int, kernel: int, dropout: float
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = channels
        for i in range(stages):
            out = hidden * 2 ** min(i // 2, 2)
            stride = 4 if i < 2 else 2
            conv = nn.Conv1d(width, out, kernel, stride, kernel // 2, bias=False)
            layers += [conv, nn.BatchNorm1d(out), nn.ReLU()]
            width = out
        self.body = nn.Sequential(*layers)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(2 * width, outputs)

    def forward(self, inputs: dict[str, Tensor]) -> Any:
        found = self.body(inputs["sequence"])
        return self.head(self.dropout(torch.cat([found.mean(dim=2), found.amax(dim=2)], dim=1)))


class SpectrogramNet(nn.Module):
    """Convolutions on the spectrogram of a waveform; the trace itself stays the input.

    The spectrogram is the logarithm of power in windows that overlap by half, each record brought
    to mean 0 and spread 1. Frequencies keep their place to the end, times do not.

    Takes ``sequence`` (sample, channel, step), gives (sample, output).

    Parameters
    ----------
    window : int
        Steps of a window of the spectrogram.
    top : int
        Frequencies kept, from the lowest but one.
    """

    def __init__(
        self,
        channels: int,
        outputs: int,
        *,
        window: int,
        top: int,
        hidden: int,
        stages: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.window, self.top = window, top
        layers: list[nn.Module] = []
        width, rows = channels, top
        for i in range(stages):
            out = hidden * 2**i
            conv = nn.Conv2d(width, out, 3, padding=1, bias=False)
            layers += [conv, nn.BatchNorm2d(out), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True)]
            width, rows = out, -(-rows // 2)
        self.body = nn.Sequential(*layers)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(2 * width * rows, outputs)

    def spectrogram(self, waves: Tensor) -> Tensor:
        """Log-power (sample, channel, frequency, time) of waveforms (sample, channel, step)."""
        n, channels, steps = waves.shape
        taper = torch.hann_window(self.window, device=waves.device)
        found = torch.stft(
            waves.reshape(n * channels, steps).float(), self.window, self.window // 2,
            window=taper, return_complex=True,
        )  # fmt: skip
        power = found[:, 1 : self.top + 1].abs() ** 2
        power = power.reshape(n, channels, *power.shape[1:])
        most = power.amax(dim=(1, 2, 3), keepdim=True).clamp_min(1e-20)
        logs = torch.log(power / most + FLOOR)
        mean = logs.mean(dim=(1, 2, 3), keepdim=True)
        return (logs - mean) / logs.std(dim=(1, 2, 3), keepdim=True).clamp_min(1e-3)

    def forward(self, inputs: dict[str, Tensor]) -> Any:
        found = self.body(self.spectrogram(inputs["sequence"]))
        both = torch.cat([found.mean(dim=3), found.amax(dim=3)], dim=1).flatten(1)
        return self.head(self.dropout(functional.relu(both)))
