"""One channel of a record, piece by piece: filtered, resampled, in single precision."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from craton.models.nets.picker_input import Filter

Piece = tuple[int, NDArray[Any]]
"""Number of the first sample, counted from 1970, and samples."""


class Conditioner:
    """Filter and resample a channel whose samples come piece by piece.

    What comes out does not depend on where the pieces begin. A piece that does not follow the one
    before begins anew: nothing is carried over a gap.

    Parameters
    ----------
    ratio : Fraction
        Sampling rate that is wanted, over the rate of the channel.
    rate : float
        Sampling rate of the channel, Hz.
    filter_ : Filter or None
        Causal filter, run before resampling.
    level : bool
        Take the first sample away, so that little is lost in single precision.

    Examples
    --------
    >>> half = Conditioner(Fraction(1, 2), 200.0)
    >>> pieces = half.push(0, np.ones(1000)) + half.close()
    >>> sum(len(samples) for _, samples in pieces)
    500
    """

    def __init__(
        self, ratio: Fraction, rate: float, filter_: Filter | None = None, level: bool = False
    ) -> None:
        self.ratio, self.rate, self.level = ratio, rate, level
        self.sections = None if filter_ is None else _sections(filter_, rate)
        self.next: int | None = None
        self.kept: NDArray[Any] | None = None
        self.state: Any = None
        p, q = ratio.numerator, ratio.denominator
        self.half = q * -(-10 * max(p, q) // q)
        self.margin = -(-self.half // p) + 1
        if ratio != 1:
            window = ("kaiser", 5.0)
            self.taps = p * signal.firwin(2 * self.half + 1, 1 / max(p, q), window=window)

    def push(self, first: int, samples: NDArray[Any], offset_ns: int = 0) -> list[Piece]:
        """Take samples from number `first` of the channel on, give what is ready.

        `offset_ns`, the time after the grid, is only kept.
        """
        self.offset_ns = offset_ns
        found = [] if first == self.next else self.close()
        if self.next is None:
            self._open(first, float(samples[0]))
        x = np.subtract(samples, self.start, dtype=np.float64)
        if self.sections is not None:
            x, self.state = signal.sosfilt(self.sections, x, zi=self.state)
        self.next = first + len(samples)
        if self.ratio == 1:
            return [*found, (first, x.astype(np.float32))]
        if self.kept is None:
            # Begin on a multiple of q, where samples of the old and the new rate fall together.
            lead = self.margin + (first - self.margin) % self.ratio.denominator
            self.kept, self.kept_from = np.full(lead, x[0]), first - lead
        self.kept = np.concatenate([self.kept, x])
        return found + self._resampled()

    def close(self) -> list[Piece]:
        """End the run of samples, give what is left of it."""
        if self.next is None:
            return []
        found: list[Piece] = []
        if self.ratio != 1 and self.kept is not None:
            last = -((-self.next * self.ratio.numerator) // self.ratio.denominator)
            self.kept = np.concatenate([self.kept, np.full(self.margin + 1, self.kept[-1])])
            found = [(m, y[: last - m]) for m, y in self._resampled() if last > m]
        self.next = None
        return found

    def _open(self, first: int, value: float) -> None:
        self.start = value if self.level else 0.0
        self.kept = None
        self.made = -((-first * self.ratio.numerator) // self.ratio.denominator)
        if self.sections is not None:
            self.state = signal.sosfilt_zi(self.sections) * (value - self.start)

    def _resampled(self) -> list[Piece]:
        """Samples of the new rate whose whole neighbourhood is there."""
        p, q = self.ratio.numerator, self.ratio.denominator
        assert self.kept is not None
        known = self.kept_from + len(self.kept)
        last = ((known - 1) * p - self.half) // q + 1
        if last <= self.made:
            return []
        made = signal.upfirdn(self.taps, self.kept, p, q)
        at = self.half // q - self.kept_from // q * p
        found = made[self.made + at : last + at].astype(np.float32)
        first, self.made = self.made, last
        drop = (last * q // p - self.margin - self.kept_from) // q * q
        if drop > 0:
            self.kept, self.kept_from = self.kept[drop:], self.kept_from + drop
        return [(first, found)]


def memory(filter_: Filter | None, rate: float) -> float:
    """Seconds after which a filter has forgotten how it began, to one part in 1e9.

    Examples
    --------
    >>> round(memory(Filter(low=1.0, high=45.0, corners=3), 100.0), 1)
    6.6
    """
    if filter_ is None:
        return 0.0
    poles = signal.sos2zpk(_sections(filter_, rate))[1]
    return float(np.log(1e-9) / np.log(np.abs(poles).max()) / rate)


def _sections(filter_: Filter, rate: float) -> NDArray[Any]:
    # a corner that a slow channel cannot have is moved to where it can, as in training
    top = 0.45 * rate
    low = None if filter_.low is None else min(filter_.low, 0.5 * top)
    high = filter_.high if filter_.high is None or filter_.high < rate / 2 else top
    corners = [f for f in (low, high) if f is not None]
    kind = "bandpass" if len(corners) == 2 else "highpass" if filter_.low else "lowpass"
    at = corners if len(corners) == 2 else corners[0]
    found: NDArray[Any] = signal.butter(filter_.corners, at, kind, fs=rate, output="sos")
    return found
