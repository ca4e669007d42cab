"""Torch models of whole waveforms: convolutions on the trace, and on its spectrogram."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from craton.config import choice, tunable
from craton.errors import BundleError, ModelError
from craton.models.torch_model import Shapes, TorchModel, Training
from craton.samples import Inputs

if TYPE_CHECKING:
    from torch import nn


class TraceCNN(TorchModel):
    """Convolutional net on the waveform."""

    class Config(Training):
        """Settings: `hidden` channels, `stages` of stride 4, 4, 2 ..., `kernel`; see `Training`."""

        epochs: int = tunable(25, 1, 2000, log=True)
        batch: int = tunable(64, 8, 8192, log=True)
        hidden: int = tunable(16, 4, 256, log=True)
        stages: int = tunable(5, 2, 8)
        kernel: Literal[5, 9, 15] = choice(9)
        dropout: float = tunable(0.3, 0.0, 0.7)

    def _shapes(self, inputs: Inputs, outputs: int) -> Shapes:
        return {"channels": inputs["sequence"].shape[1], "outputs": outputs}

    def _prepare(self, inputs: Inputs) -> Inputs:
        return {"sequence": super()._prepare(inputs)["sequence"]}

    def _net(self, shapes: Shapes) -> nn.Module:
        from craton.models.nets.traces import TraceNet

        c = self.config
        return TraceNet(
            shapes["channels"],
            shapes["outputs"],
            hidden=c.hidden,
            stages=c.stages,
            kernel=c.kernel,
            dropout=c.dropout,
        )


class SpectrogramCNN(TraceCNN):
    """Convolutional net on the spectrogram of the waveform.

    References
    ----------
    Kharita et al. 2025, arXiv:2510.23795 (QuakeXNet, such a net for the types of seismic sources).
    """

    class Config(Training):
        """Settings.

        Attributes
        ----------
        window : int
            Steps of a window of the spectrogram, which overlap by half.
        top : int
            Frequencies kept, in units of the sampling rate over the window.
        hidden, stages, dropout
            Channels of the first stage, doubled at each; stages that halve both axes.
        """

        epochs: int = tunable(20, 1, 2000, log=True)
        batch: int = tunable(32, 8, 8192, log=True)
        window: int = tunable(128, 16, 4096, log=True)
        top: int = tunable(48, 4, 2048, log=True)
        hidden: int = tunable(8, 2, 128, log=True)
        stages: int = tunable(3, 1, 6)
        dropout: float = tunable(0.4, 0.0, 0.7)

    def _shapes(self, inputs: Inputs, outputs: int) -> Shapes:
        steps = inputs["sequence"].shape[2]
        if steps < self.config.window:
            raise ModelError(
                f"the waveforms have {steps} steps, the spectrogram's window {self.config.window}",
                fix="set a shorter window",
            )
        return super()._shapes(inputs, outputs)

    def _net(self, shapes: Shapes) -> nn.Module:
        from craton.models.nets.traces import SpectrogramNet

        c = self.config
        if c.top > c.window // 2:
            raise BundleError(f"a window of {c.window} has no {c.top} frequencies")
        return SpectrogramNet(
            shapes["channels"],
            shapes["outputs"],
            window=c.window,
            top=c.top,
            hidden=c.hidden,
            stages=c.stages,
            dropout=c.dropout,
        )
