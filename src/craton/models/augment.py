"""Seismograms altered as nature and instruments would alter them, so that few teach much.

Each function takes and gives waves (sample, component, time) in the order Z, N, E, and onsets
(sample, phase, event) in samples, NaN where there is none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Altered = tuple[Tensor, Tensor]
ALL = ("superpose", "crop", "rotate", "gain", "noise", "clip", "drop")


def augmented(
    waves: Tensor, onsets: Tensor, kinds: Sequence[str], length: int, rate: float
) -> Altered:
    """Alter a batch in the order of `ALL`.

    Parameters
    ----------
    kinds : sequence of str
        Those of `ALL` that are wanted; without ``crop`` the window stays whole.
    length : int
        Samples of a cropped window.
    rate : float
        Samples a second.

    Examples
    --------
    >>> waves, onsets = torch.randn(4, 3, 900), torch.full((4, 2, 1), 400.0)
    >>> found, moved = augmented(waves, onsets, ["crop", "superpose"], 300, 100.0)
    >>> tuple(found.shape), tuple(moved.shape)
    ((4, 3, 300), (4, 2, 2))
    """
    onsets = torch.cat([onsets, torch.full_like(onsets, math.nan)], dim=2)
    steps: dict[str, Callable[[Tensor, Tensor], Altered]] = {
        "superpose": _superpose,
        "rotate": _rotate,
        "gain": _gain,
        "noise": _noise,
        "clip": _clip,
        "drop": _drop,
        "crop": lambda w, o: _crop(w, o, length, rate),
    }
    waves = waves - waves.mean(dim=-1, keepdim=True)
    with waves.device:
        for kind in ALL:
            if kind in kinds:
                waves, onsets = steps[kind](waves, onsets)
    return waves, onsets


def _chance(n: int, share: float) -> Tensor:
    return torch.rand(n) < share


def _superpose(waves: Tensor, onsets: Tensor) -> Altered:
    """Add another event of the batch, moved in time, to one in five."""
    n, _, length = waves.shape
    other = torch.randperm(n)
    picked = _chance(n, 0.2) & (other != torch.arange(n))
    shift = int(torch.randint(-length // 3, length // 3, ()))
    size = waves.std(dim=(1, 2), keepdim=True) + 1e-9
    level = 10.0 ** (torch.rand(n, 1, 1) * 1.2 - 0.8) * size / size[other]
    moved = torch.zeros_like(waves)
    begin, end = max(shift, 0), length + min(shift, 0)
    moved[..., begin:end] = waves[other][..., begin - shift : end - shift]
    added = torch.where(picked[:, None, None], waves + level * moved, waves)
    theirs = onsets[other, :, 0] + shift
    gone = ~picked[:, None] | ~((theirs > 0) & (theirs < length))
    theirs = torch.where(gone, math.nan, theirs)
    found = onsets.clone()
    found[:, :, 1] = theirs
    return added, found


def _rotate(waves: Tensor, onsets: Tensor) -> Altered:
    """Turn the horizontals by any angle: the sensor or the event could lie in any direction."""
    if waves.shape[1] != 3:
        return waves, onsets
    angle = 2 * math.pi * torch.rand(len(waves), 1)
    c, s = torch.cos(angle), torch.sin(angle)
    z, n, e = waves.unbind(dim=1)
    return torch.stack([z, c * n - s * e, s * n + c * e], dim=1), onsets


def _gain(waves: Tensor, onsets: Tensor) -> Altered:
    """Scale each component by its own factor of about a third, and turn the sign of half."""
    size = torch.exp(0.3 * torch.randn(len(waves), waves.shape[1], 1))
    sign = torch.where(_chance(len(waves), 0.5), -1.0, 1.0)
    return waves * size * sign[:, None, None], onsets


def _noise(waves: Tensor, onsets: Tensor) -> Altered:
    """Add noise of a random colour to half, 10 to 50 dB below the window's strength."""
    n, _, length = waves.shape
    colour = torch.rand(n, 1, 1) * 1.5
    f = torch.fft.rfftfreq(length)[1:]
    shape = torch.cat([torch.zeros(n, 1, 1), f ** (-colour)], dim=2)
    drawn = torch.fft.irfft(torch.fft.rfft(torch.randn_like(waves)) * shape, length)
    drawn = drawn / (drawn.std(dim=(1, 2), keepdim=True) + 1e-9)
    level = 10.0 ** (-0.5 - 2.0 * torch.rand(n, 1, 1)) * waves.std(dim=(1, 2), keepdim=True)
    level = level * _chance(n, 0.5)[:, None, None]
    # a dead component stays dead
    alive = (waves.abs().amax(dim=-1, keepdim=True) > 0).to(waves.dtype)
    return waves + level * alive * drawn, onsets


def _clip(waves: Tensor, onsets: Tensor) -> Altered:
    """Clip one in twelve, as a recorder that is driven too hard."""
    top = waves.abs().amax(dim=(1, 2), keepdim=True)
    share = torch.where(_chance(len(waves), 0.08), 10.0 ** (-1.5 * torch.rand(len(waves))), 1.0)
    most = top * share[:, None, None]
    return torch.maximum(torch.minimum(waves, most), -most), onsets


def _drop(waves: Tensor, onsets: Tensor) -> Altered:
    """Take the horizontals away from one in five, any one component from one in twenty."""
    n, components, _ = waves.shape
    keep = torch.ones(n, components, 1)
    keep[_chance(n, 0.2), 1:] = 0.0
    one = _chance(n, 0.05)
    keep[one, torch.randint(0, components, (n,))[one]] = 0.0
    return waves * keep, onsets


def _crop(waves: Tensor, onsets: Tensor, length: int, rate: float) -> Altered:
    """Cut a window; nine in ten hold the first P, the others are cut anywhere."""
    n, components, whole = waves.shape
    if length >= whole:
        return waves, onsets
    first = torch.nan_to_num(onsets[:, 0, 0], nan=-1.0)
    low = (first + 0.5 * rate - length).clamp(0, whole - length)
    high = (first - 0.5 * rate).clamp(0, whole - length)
    anywhere = _chance(n, 0.1) | (first < 0)
    low = torch.where(anywhere, 0.0, low)
    high = torch.where(anywhere, float(whole - length), torch.maximum(high, low))
    start = (low + torch.rand(n) * (high - low)).long()
    where = start[:, None, None] + torch.arange(length)
    cut = waves.gather(2, where.expand(n, components, length))
    moved = onsets - start[:, None, None]
    inside = (moved >= 0) & (moved < length)
    return cut, torch.where(inside, moved, math.nan)
