"""One channel of a record, piece by piece: filtered, resampled, in single precision."""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from craton.models.nets.picker_input import Filter
from craton.waveforms.spikes import Despiker

STILL_S = 10.0
"""Seconds after which a channel that keeps one value is taken for dead."""

Piece = tuple[int, NDArray[Any]]
"""Number of the first sample, counted from 1970, and samples."""


class Conditioner:
    """Filter and resample a channel whose samples come piece by piece.

    What comes out does not depend on where the pieces begin. A piece that does not follow the one
    before begins anew: nothing is carried over a gap. Spikes of one sample are interpolated before
    a filter spreads them.

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
        self.done = 0
        self.clean, self.still = Despiker(), Still(round(STILL_S * rate))
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
        self.next = first + len(samples)
        self.still.push(first, samples)
        return found + self._conditioned(self.clean.push(samples))

    def _conditioned(self, samples: NDArray[np.float64]) -> list[Piece]:
        """Filter and resample samples that follow those before, and are free of spikes."""
        if not len(samples):
            return []
        first, self.done = self.done, self.done + len(samples)
        x = samples - self.start
        if self.sections is not None:
            x, self.state = signal.sosfilt(self.sections, x, zi=self.state)
        if self.ratio == 1:
            return [(first, x.astype(np.float32))]
        if self.kept is None:
            # Begin on a multiple of q, where samples of the old and the new rate fall together.
            lead = self.margin + (first - self.margin) % self.ratio.denominator
            self.kept, self.kept_from = np.full(lead, x[0]), first - lead
        self.kept = np.concatenate([self.kept, x])
        return self._resampled()

    def close(self) -> list[Piece]:
        """End the run of samples, give what is left of it."""
        if self.next is None:
            return []
        found = self._conditioned(self.clean.close())
        if self.ratio != 1 and self.kept is not None:
            last = -((-self.next * self.ratio.numerator) // self.ratio.denominator)
            self.kept = np.concatenate([self.kept, np.full(self.margin + 1, self.kept[-1])])
            found += [(m, y[: last - m]) for m, y in self._resampled() if last > m]
        self.next = None
        return found

    def _open(self, first: int, value: float) -> None:
        self.start = value if self.level else 0.0
        self.kept, self.done = None, first
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


class Still:
    """Times at which a channel has kept one value, from its beginning or for `least` samples.

    Examples
    --------
    >>> still = Still(10)
    >>> still.push(0, np.r_[np.zeros(5), 1, 2, np.zeros(20)])
    >>> still.at(4), still.at(6), still.at(16), still.at(17)
    (True, False, False, True)
    """

    def __init__(self, least: int) -> None:
        self.least, self.since, self.value = least, -(1 << 62), None
        self.runs: deque[tuple[int, int]] = deque(maxlen=1000)

    def push(self, first: int, samples: NDArray[Any]) -> None:
        """Take samples from number `first` on."""
        edges = first + 1 + np.flatnonzero(samples[1:] != samples[:-1])
        if self.value is not None and samples[0] != self.value:
            edges = np.r_[first, edges]
        self.value = samples[-1]
        if not len(edges):
            return
        edges = np.r_[self.since, edges]
        for k in np.flatnonzero(np.diff(edges) >= self.least).tolist():
            self.runs.append((int(edges[k]), int(edges[k + 1])))
        self.since = int(edges[-1])

    def at(self, number: int) -> bool:
        """Whether the channel was still at a sample, by the samples up to it."""
        runs = [*self.runs, (self.since, 1 << 62)]
        return any(a + self.least <= number < z for a, z in runs)


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
