"""What a phase-picking net wants of its windows, and how they are brought to its scale."""

from __future__ import annotations

import math
from typing import Literal, Self

import pydantic
import torch
from torch import Tensor

from craton.config import Config
from craton.errors import ConfigError


class Filter(Config):
    """A causal Butterworth filter, run over the record before it is cut into windows.

    Attributes
    ----------
    low, high : float or None
        Corner frequencies, Hz; one alone makes a high-pass (`low`) or a low-pass (`high`).
    corners : int
        Order of the filter.

    Examples
    --------
    >>> Filter(low=0.5).corners
    4
    """

    low: float | None = pydantic.Field(default=None, gt=0)
    high: float | None = pydantic.Field(default=None, gt=0)
    corners: int = pydantic.Field(default=4, ge=1, le=20)

    @pydantic.model_validator(mode="after")
    def _order(self) -> Self:
        if self.low is None and self.high is None:
            raise ValueError("a filter needs a low or a high corner frequency")
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError(f"the low corner {self.low:g} Hz is not below {self.high:g} Hz")
        return self


class PickerInput(Config):
    """The windows that a net takes, and the meaning of what it gives.

    Attributes
    ----------
    samples : int
        Length of a window.
    sampling_rate : float
        Samples a second, Hz.
    components : str
        One letter a channel, in the order of the net; N takes component 1 too, E takes 2.
    phases : str
        One letter an output; ``N`` is noise.
    scale : {"std", "peak", "none"}
        What a window is divided by, after its mean is taken away: the standard deviation (with
        n - 1) or the largest absolute value. With "none" it is left as it is.
    joint : bool
        One scale for all channels of a window, instead of one for each.
    detrend : bool
        Take away a straight line instead of the mean.
    filter : Filter or None
        What the record goes through first.

    Examples
    --------
    >>> PickerInput(phases="PSN").phases
    'PSN'
    """

    samples: int = pydantic.Field(default=3001, ge=2, le=10_000_000)
    sampling_rate: float = pydantic.Field(default=100.0, gt=0, le=1e5)
    components: str = pydantic.Field(default="ZNE", min_length=1, max_length=8)
    phases: str = pydantic.Field(default="NPS", min_length=1)
    scale: Literal["std", "peak", "none"] = "std"
    joint: bool = False
    detrend: bool = False
    filter: Filter | None = None

    @pydantic.model_validator(mode="after")
    def _possible(self) -> Self:
        for name in ("components", "phases"):
            letters = getattr(self, name)
            if len(set(letters)) < len(letters):
                raise ValueError(f"{name} {letters!r} has a letter twice")
        corner = max((self.filter.low or 0, self.filter.high or 0)) if self.filter else 0
        if corner >= self.sampling_rate / 2:
            raise ValueError(f"the filter's corner {corner:g} Hz is not below half the rate")
        return self


def normalise(windows: Tensor, wants: PickerInput) -> Tensor:
    """Bring windows to the scale that a net was trained with, in place.

    Parameters
    ----------
    windows : Tensor of float, shape (window, channel, sample)
        Overwritten.
    wants : PickerInput
        The scale and what goes before it.

    Returns
    -------
    Tensor
        The same memory. A channel that is constant becomes zero.

    Raises
    ------
    ConfigError
        If the windows are not three-dimensional.

    Examples
    --------
    >>> normalise(torch.tensor([[[1.0, 2.0, 3.0]]]), PickerInput(samples=3)).tolist()
    [[[-1.0, 0.0, 1.0]]]
    """
    if windows.ndim != 3:
        raise ConfigError(
            f"windows have the shape {tuple(windows.shape)}, three axes were expected"
        )
    if wants.scale == "none":
        return windows
    n = windows.shape[-1]
    windows -= windows.mean(dim=-1, keepdim=True)
    if wants.detrend:
        t = torch.linspace(-1, 1, n, dtype=windows.dtype, device=windows.device)
        slope = (windows @ t) / (t @ t)
        windows -= slope[..., None] * t
    axes = (-1, -2) if wants.joint else (-1,)
    if wants.scale == "std":
        size = n * windows.shape[1] if wants.joint else n
        root = math.sqrt(max(size - 1, 1))
        scale = torch.linalg.vector_norm(windows, dim=axes, keepdim=True) / root
    else:
        scale = windows.abs().amax(dim=axes, keepdim=True)
    return windows.div_(scale + 1e-10)
