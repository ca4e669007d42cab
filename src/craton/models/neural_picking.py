"""Neural pickers: a net gives the chance of an onset at each sample, the likeliest pair is taken.

With few labelled windows they are first trained on simulated earthquakes, and each batch is altered
as nature and instruments would (`craton.models.augment`). The nets are in
`craton.models.nets.picking`, imported only when a model is fitted or loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from craton.config import tunable
from craton.errors import ModelError
from craton.models.base import Fitting, State, sub_state
from craton.models.physics import onsets
from craton.models.picking import AFTER_P, pick_prediction, rate_of, ratios
from craton.models.torch_model import Shapes, TorchModel, Training
from craton.samples import Inputs, Samples

if TYPE_CHECKING:
    from torch import Tensor, nn

Floats = NDArray[np.float64]
MANY = 2000
"""Windows from which all nets are tried; with fewer it is the first, others by name."""

FLOOR = 0.02
"""Chance of an onset that every sample has, so that a phase that is not seen forces no other."""

REACH = (0.03, 0.1)
"""Seconds on each side of P and S within which the chance of an onset counts for a pick."""


class PickTraining(Training):
    """Settings that all neural pickers share, besides `Training`.

    Attributes
    ----------
    augment : tuple of str
        What is done to each batch; see `craton.models.augment.ALL`.
    crop : float
        Length in s of the windows trained on; windows of any length are picked.
    widths : tuple of float
        Standard deviations in s of the bells around P and S that the net is asked for; analysts
        place S less precisely.
    pretrain : tuple of str
        What comes before the labelled windows: ``masked`` or ``contrastive`` on their waveforms
        without labels, then ``synthetic``, simulated earthquakes with labels.
    simulated, rounds : int
        Simulated windows, and passes over them.
    """

    epochs: int = tunable(20, 1, 2000, log=True)
    batch: int = tunable(16, 2, 512, log=True)
    learning_rate: float = tunable(2e-3, 1e-5, 0.3, log=True)
    weight_decay: float = tunable(1e-3, 1e-7, 1.0, log=True)
    patience: int = 0
    augment: tuple[str, ...] = ("superpose", "crop", "rotate", "gain", "noise", "clip", "drop")
    crop: float = 30.0
    widths: tuple[float, float] = (0.05, 0.1)
    pretrain: tuple[Literal["masked", "contrastive", "synthetic"], ...] = ("synthetic",)
    simulated: int = tunable(2000, 10, 1_000_000, log=True)
    rounds: int = tunable(6, 1, 500)


class NeuralPicker(TorchModel):
    """Base of the neural pickers; a family gives its net."""

    config: Any
    least: ClassVar[int] = MANY

    def suits(self, samples: Samples) -> bool:
        return len(samples) >= self.least

    def fit(self, train: Samples, fitting: Fitting = Fitting()) -> Self:  # noqa: B008
        import torch

        from craton.models.gathered import inputs_of
        from craton.models.pretraining import pretrained
        from craton.models.training import train as loop

        rate = rate_of(train)
        seconds = train.observed()["arrival"].transpose("sample", "phase").to_numpy()
        if not np.isfinite(seconds).any():
            raise ModelError("no training window has a pick", fix="give windows with picks")
        _, components, length = train.take([0]).inputs()["sequence"].shape
        config = self._no_longer_than(length / rate)
        self.shapes = {"components": components}
        inputs = inputs_of(train, "sequence")
        y = torch.from_numpy((seconds * rate).astype(np.float32))[:, :, None]
        self.nets = []
        for member in range(config.ensemble):
            part = self._member(member, fitting)
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(part.seed)
                net = self._net(self.shapes)
            pretrained(net, inputs, len(train), rate, config, part)
            self.nets.append(
                loop(
                    net, inputs, y, settings=config,
                    loss=onset_loss(config.widths, rate), fitting=part,
                    augment=augmenter(config, rate),
                )
            )  # fmt: skip
        return self

    def _no_longer_than(self, seconds: float) -> Any:
        """The settings, with crops as long as the windows at most."""
        return self.config.model_copy(update={"crop": min(self.config.crop, seconds)})

    def predict(self, samples: Samples) -> xr.Dataset:
        rate = rate_of(samples)
        parts = []
        for part in samples.batches(64):
            waves = part.inputs()["sequence"]
            parts.append(self._picks(waves, self.chances(waves), rate))
        if not parts:
            return pick_prediction(samples, *(np.zeros((0, 2)) for _ in range(3)))
        return pick_prediction(samples, *(np.concatenate(p) for p in zip(*parts, strict=True)))

    def chances(self, waves: NDArray[Any]) -> NDArray[np.float32]:
        """Chance of P, S and neither at each sample.

        Parameters
        ----------
        waves : ndarray, shape (window, component, time)
            Z, N, E.

        Returns
        -------
        ndarray, shape (window, 3, time)
        """
        import torch

        from craton.models.training import apply, pick_device

        device = pick_device(self.config.device)
        inputs = {"sequence": torch.from_numpy(np.ascontiguousarray(waves, np.float32)).to(device)}
        found = [apply(net.to(device), inputs, 16).softmax(dim=1) for net in self.nets]
        chance: NDArray[np.float32] = torch.stack(found).mean(dim=0).cpu().numpy()
        return chance

    def _picks(
        self, raw: NDArray[Any], chance: NDArray[np.float32], rate: float
    ) -> tuple[Floats, Floats, Floats]:
        at, score = self._read(chance, rate)
        seconds = at / rate
        return seconds, score, ratios(onsets.bandpass(raw, rate), seconds, rate)

    @staticmethod
    def _read(chance: NDArray[np.float32], rate: float) -> tuple[Floats, Floats]:
        reach = (round(REACH[0] * rate), round(REACH[1] * rate))
        return best_pair(chance[:, 0], chance[:, 1], round(AFTER_P * rate), reach)

    def gradient(self, samples: Samples) -> Inputs:
        """Input times gradient of the chance of P and S at their picks, in the input's shape."""
        import torch

        found = []
        for part in samples.batches(16):
            raw = np.ascontiguousarray(part.inputs()["sequence"], np.float32)
            waves = torch.from_numpy(raw).requires_grad_()
            nets = [net.cpu().eval()({"sequence": waves}).softmax(dim=1) for net in self.nets]
            chance = torch.stack(nets).mean(dim=0)
            at = self._read(chance.detach().numpy(), rate_of(part))[0].round().astype(np.int64)
            where = torch.from_numpy(at.clip(0, raw.shape[-1] - 1))[:, :, None]
            grown = torch.autograd.grad(chance[:, :2].gather(2, where).sum(), waves)[0]
            found.append(grown.numpy() * raw)
        return {"sequence": np.concatenate(found)}

    def state(self) -> State:
        return {f"model.{k}": v for k, v in self._state().items()}

    def with_state(self, arrays: Mapping[str, NDArray[Any]]) -> Self:
        self._with_state(sub_state(arrays, "model"))
        return self


class PickUNet(NeuralPicker):
    """MONAI's U-Net over time, trained on simulated earthquakes first.

    References
    ----------
    Zhu and Beroza 2019, doi:10.1093/gji/ggy423 (a U-Net for picks).
    """

    class Config(PickTraining):
        """Settings: channels of the first of `levels` levels, `kernel`; see `PickTraining`."""

        hidden: int = tunable(8, 2, 64, log=True)
        levels: int = tunable(5, 2, 7)
        kernel: Literal[3, 5, 7, 9] = 7

    def _net(self, shapes: Shapes) -> nn.Module:
        from craton.models.nets.picking import OnsetUNet

        c = self.config
        return OnsetUNet(shapes["components"], hidden=c.hidden, levels=c.levels, kernel=c.kernel)


class PickResNet(NeuralPicker):
    """Residual units with growing dilation at a sixteenth of the rate, and back."""

    least: ClassVar[int] = 0

    class Config(PickTraining):
        """Settings: `hidden` channels, `depth` units, `kernel`; see `PickTraining`."""

        hidden: int = tunable(32, 4, 256, log=True)
        depth: int = tunable(5, 1, 10)
        kernel: Literal[3, 5, 7, 9] = 7

    def _net(self, shapes: Shapes) -> nn.Module:
        return _hourglass(self.config, shapes, "resnet")


class PickLSTM(NeuralPicker):
    """An LSTM in both directions at a sixteenth of the rate, and back."""

    class Config(PickTraining):
        """Settings: `hidden` units, `depth` layers, `kernel`; see `PickTraining`."""

        hidden: int = tunable(32, 4, 256, log=True)
        depth: int = tunable(1, 1, 4)
        kernel: Literal[3, 5, 7, 9] = 7

    def _net(self, shapes: Shapes) -> nn.Module:
        return _hourglass(self.config, shapes, "lstm")


def _hourglass(c: Any, shapes: Shapes, middle: str) -> nn.Module:
    from craton.models.nets.picking import OnsetHourglass

    return OnsetHourglass(
        shapes["components"], hidden=c.hidden, middle=middle, depth=c.depth, kernel=c.kernel
    )


def augmenter(config: Any, rate: float) -> Any:
    """What `craton.models.training.train` does to each batch, from a picker's settings."""
    from craton.models.augment import augmented

    length = round(config.crop * rate)

    def alter(inputs: dict[str, Tensor], y: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        waves, moved = augmented(inputs["sequence"], y, config.augment, length, rate)
        return {"sequence": waves}, moved

    return alter


def onset_loss(widths: tuple[float, float], rate: float) -> Any:
    """Cross entropy against bells of these widths (s) around the onsets of P and S.

    The loss takes logits (sample, 3, time) and onsets (sample, phase, event) in samples.
    """
    import torch

    def loss(output: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        time = torch.arange(output.shape[-1], device=output.device, dtype=output.dtype)
        size = rate * torch.tensor(widths, device=output.device)[:, None, None]
        bells = torch.nan_to_num(torch.exp(-0.5 * ((time - y[..., None]) / size) ** 2)).amax(dim=2)
        # where two bells meet they share
        bells = bells / bells.sum(dim=1, keepdim=True).clamp_min(1.0)
        wanted = torch.cat([bells, 1.0 - bells.sum(dim=1, keepdim=True)], dim=1)
        value = -(wanted * output.log_softmax(dim=1)).sum(dim=1)
        return value.sum(dim=1), torch.full_like(value[:, 0], value.shape[1])

    return loss


def best_pair(
    p: NDArray[Any], s: NDArray[Any], gap: int, reach: tuple[int, int] = (0, 0)
) -> tuple[Floats, Floats]:
    """The likeliest P and, at least `gap` samples later, S.

    A pick is where most of the chance lies within `reach`, not at the highest sample: a pick that
    is right within a tolerance is what is wanted.

    Parameters
    ----------
    p, s : ndarray, shape (window, time)
        Chance at each sample.
    gap : int
        Samples.
    reach : tuple of int
        Samples on each side of a P and an S pick.

    Returns
    -------
    at, chance : ndarray, shape (window, 2)
        Samples, to a part of one by a parabola through the highest three; the highest chance
        within reach.

    Examples
    --------
    >>> p, s = np.zeros((1, 9)), np.zeros((1, 9))
    >>> p[0, 2], s[0, 6], s[0, 1] = 0.9, 0.5, 0.8
    >>> best_pair(p, s, 1)[0].tolist()
    [[2.0, 6.0]]
    """
    n = p.shape[1]
    p_near, s_near = (_mean_near(v, r) for v, r in zip((p, s), reach, strict=True))
    later = np.full_like(s_near, -1.0)
    later[:, : n - gap] = np.maximum.accumulate(s_near[:, ::-1], axis=1)[:, ::-1][:, gap:]
    first = np.argmax((p_near + FLOOR) * (later + FLOOR), axis=1)
    allowed = np.where(np.arange(n) >= first[:, None] + gap, s_near, -1.0)
    second = allowed.argmax(axis=1)
    at = [_peak(p_near, first), _peak(s_near, second)]
    chance = [_most_near(v, k, r) for v, k, r in zip((p, s), (first, second), reach, strict=True)]
    return np.stack(at, axis=1), np.stack(chance, axis=1)


def _mean_near(curve: NDArray[Any], reach: int) -> Floats:
    from scipy.ndimage import uniform_filter1d

    size = 2 * reach + 1
    return np.asarray(uniform_filter1d(curve.astype(np.float64), size, axis=1, mode="constant"))


def _most_near(curve: NDArray[Any], at: NDArray[np.int64], reach: int) -> Floats:
    where = np.clip(at[:, None] + np.arange(-reach, reach + 1), 0, curve.shape[1] - 1)
    return np.take_along_axis(curve, where, 1).max(axis=1).astype(np.float64)


def _peak(curve: NDArray[Any], at: NDArray[np.int64]) -> Floats:
    rows, inner = np.arange(len(curve)), np.clip(at, 1, curve.shape[1] - 2)
    left, middle, right = (curve[rows, inner + k].astype(np.float64) for k in (-1, 0, 1))
    bend = left - 2 * middle + right
    shift = np.where(bend < -1e-12, 0.5 * (left - right) / np.minimum(bend, -1e-12), 0.0)
    return np.where(at == inner, inner + np.clip(shift, -0.5, 0.5), at)
