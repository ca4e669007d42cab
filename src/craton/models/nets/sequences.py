"""Nets for sequences (sample, channel, lag); static inputs join before the last layer."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from craton.models.nets.tables import join, statics


class RecurrentNet(nn.Module):
    """An LSTM or GRU over the lags.

    Read at the newest lag; or, if bidirectional, at the centre, which then sees both sides. What
    came in at that step joins what is read, so that persistence need not pass through the cell.

    Takes ``sequence`` (sample, channel, lag), gives (sample, output).
    """

    def __init__(
        self,
        channels: int,
        static: int,
        outputs: int,
        *,
        cell: str,
        hidden: int,
        layers: int,
        bidirectional: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        kind = nn.LSTM if cell == "lstm" else nn.GRU
        self.recurrent = kind(
            channels,
            hidden,
            layers,
            batch_first=True,
            bidirectional=bidirectional,
            dropout=dropout if layers > 1 else 0.0,
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear((2 if bidirectional else 1) * hidden + channels + static, outputs)
        nn.init.zeros_(self.head.weight)
        if cell == "lstm":
            self._remember()

    def _remember(self) -> None:
        """Start with open forget gates, so that a gradient reaches the oldest lag."""
        for name, value in self.recurrent.named_parameters():
            if name.startswith("bias_hh"):
                size = value.shape[0] // 4
                nn.init.constant_(value[size : 2 * size], 1.0)

    def forward(self, inputs: dict[str, Tensor]) -> Any:
        steps, _ = self.recurrent(inputs["sequence"].transpose(1, 2))
        at = steps.shape[1] // 2 if self.recurrent.bidirectional else -1
        newest = inputs["sequence"][:, :, at]
        return self.head(join(self.dropout(steps[:, at]), newest, *statics(inputs)))


class TCNNet(nn.Module):
    """Residual convolutions whose dilation doubles from block to block.

    Causal: a step sees older lags only and the newest step is read. Centred: a step sees both
    sides, and the centre step and the mean of all steps are read.

    Takes ``sequence`` (sample, channel, lag), gives (sample, output).

    References
    ----------
    Bai, Kolter & Koltun (2018), arXiv:1803.01271
    """

    def __init__(
        self,
        channels: int,
        static: int,
        outputs: int,
        *,
        hidden: int,
        blocks: int,
        kernel: int,
        causal: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        self.causal = causal
        self.start = nn.Conv1d(channels, hidden, 1)
        self.blocks = nn.ModuleList(
            _DilatedBlock(hidden, kernel, 2**i, causal, dropout) for i in range(blocks)
        )
        self.head = nn.Linear((1 if causal else 2) * hidden + static, outputs)

    def forward(self, inputs: dict[str, Tensor]) -> Any:
        found = self.start(inputs["sequence"])
        for block in self.blocks:
            found = block(found)
        if self.causal:
            read = [found[:, :, -1]]
        else:
            read = [found[:, :, found.shape[2] // 2], found.mean(dim=2)]
        return self.head(join(*read, *statics(inputs)))


class _DilatedBlock(nn.Module):
    def __init__(
        self, hidden: int, kernel: int, dilation: int, causal: bool, dropout: float
    ) -> None:
        super().__init__()
        reach = (kernel - 1) * dilation
        self.pad = (reach, 0) if causal else (reach // 2, reach - reach // 2)
        self.first = nn.Conv1d(hidden, hidden, kernel, dilation=dilation)
        self.second = nn.Conv1d(hidden, hidden, 1)
        self.norm = nn.BatchNorm1d(hidden)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        inner = functional.silu(self.norm(self.first(functional.pad(x, self.pad))))
        return x + self.dropout(self.second(inner))
