"""A stream of traces as pieces of channels, block by block, and what was wrong with it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from craton.io.problems import Problem

BILLION = 10**9
Key = tuple[str, str, str, str]
"""Network, station, location and the channel without its component."""


class Part(NamedTuple):
    """Samples in a row of one channel.

    Attributes
    ----------
    key : Key
        The instrument.
    component : int
        Which channel of the net.
    first : int
        Number of the first sample, counted from 1970 at the channel's own rate.
    offset : int
        Time of the samples after that grid, ns.
    ratio : Fraction
        Rate of the net over that of the channel.
    samples : array
        All of them finite.
    """

    key: Key
    component: int
    first: int
    offset: int
    ratio: Fraction
    samples: NDArray[Any]


EARLY = Fraction(63, 100)
"""Share of a sample by which times before a sample of the grid are still counted as its own. No
round number, so that clocks that stand between two samples are not now at one, now at the other."""

MOST_STEPS = 5000
"""Largest denominator of a ratio of rates; what is nearer to a simple ratio keeps its own pace."""

SLOWEST = 5
"""How many times the rate of a channel that of the net may be."""

FASTEST = 1000
"""How many times the rate of the net that of a channel may be."""


def sample_number(ns: int, rate: Fraction) -> int:
    """The number, counted from 1970, of the sample of a time.

    Examples
    --------
    >>> sample_number(1_003_000_000, Fraction(100))
    100
    """
    return math.floor(Fraction(ns) * rate / BILLION + EARLY)


def sample_time(number: int, rate: Fraction) -> int:
    """The time of a sample, ns since 1970."""
    return (2 * number * BILLION * rate.denominator + rate.numerator) // (2 * rate.numerator)


def blocks(
    stream: Any, components: str, rate: Fraction, seconds: float, problems: list[Problem]
) -> Iterator[list[Part]]:
    """Cut a stream into blocks of time; each holds the parts of all channels in it.

    Parameters
    ----------
    stream : obspy.Stream
        In any order, with gaps and masks.
    components : str
        Letters that the net knows.
    rate : Fraction
        Rate of the net, Hz.
    seconds : float
        Length of a block.
    problems : list of Problem
        What is left out is told here.

    Yields
    ------
    list of Part
        In order of time; views of the stream's data. Blocks without data are passed over.
    """
    length = round(seconds * BILLION)
    found: dict[int, list[tuple[Any, Key, int, Fraction, float]]] = defaultdict(list)
    for trace in stream:
        known = _known(trace, components, rate, problems)
        if known is not None:
            begin = int(trace.stats.starttime.ns)
            last = begin + sample_time(_count(trace, known[3]) - 1, rate / known[2])
            for number in range(begin // length, last // length + 1):
                found[number].append((trace, *known))
    for number in sorted(found):
        parts = []
        for trace, key, component, ratio, pace in found[number]:
            begin, own = int(trace.stats.starttime.ns), rate / ratio
            first = sample_number(begin, own)
            a = max(0, _from(number * length - begin, own))
            b = min(_count(trace, pace), _from((number + 1) * length - begin, own))
            offset = begin - sample_time(first, own)
            at = slice(a, b) if pace == 1 else np.rint(np.arange(a, b) * pace).astype(np.int64)
            piece = trace.data[at]
            runs = _finite(piece)
            for lo, hi in runs:
                samples = np.ma.getdata(piece)[lo:hi]
                parts.append(Part(key, component, first + a + lo, offset, ratio, samples))
            if runs != [(0, b - a)] and a < b:
                text = "samples that are masked or not finite are taken for gaps"
                _once(problems, Problem("warning", "not finite", text, trace.id))
        yield sorted(parts, key=lambda p: p.first / float(rate / p.ratio))


def _from(ns: int, rate: Fraction) -> int:
    """The first sample at or after a time."""
    return -(-ns * rate.numerator // (BILLION * rate.denominator))


def _count(trace: Any, pace: float) -> int:
    """How many samples of the grid a trace has."""
    return int((int(trace.stats.npts) - 1) / pace) + 1


def _known(
    trace: Any, components: str, rate: Fraction, problems: list[Problem]
) -> tuple[Key, int, Fraction, float] | None:
    """Instrument, component, ratio of rates and pace of a trace; None, and a problem, if unusable.

    The pace, samples of the trace to one of its grid, is one but for rates next to a common one,
    such as 100.001 Hz, whose clock would drift away from it: there each sample of the grid is the
    nearest of the trace.
    """
    s, data = trace.stats, trace.data
    if not s.npts:
        return None
    letter = str(s.channel)[-1:]
    letter = letter if letter in components else {"1": "N", "2": "E", "3": "Z"}.get(letter, letter)
    kind, own = np.asarray(data).dtype.kind, float(s.sampling_rate)
    if not letter or letter not in components:
        told = ("component", f"is none of the components {components}")
    elif kind not in "iuf":
        told = ("no numbers", f"holds no numbers but {np.asarray(data).dtype}")
    elif not 1e-3 <= own <= 1e6:
        told = ("sampling rate", f"has the sampling rate {own:g} Hz, which cannot be")
    elif own * SLOWEST < rate:
        told = ("sampling rate", f"has {own:g} Hz, too few for a net of {float(rate):g} Hz")
    elif own > rate * FASTEST:
        told = ("sampling rate", f"has {own:g} Hz, too many for a net of {float(rate):g} Hz")
    else:
        ratio = Fraction(float(rate) / own).limit_denominator(MOST_STEPS)
        pace = own * float(ratio) / float(rate)
        key = (str(s.network), str(s.station), str(s.location), str(s.channel)[:-1])
        if abs(pace - 1) * s.npts < 0.5:
            pace = 1.0
        if ratio != 1:
            fewer = " (nothing was recorded at the highest frequencies)" if ratio > 1 else ""
            text = f"{own:g} Hz is brought to the {float(rate):g} Hz of the net{fewer}"
            _once(problems, Problem("info", "resampled", text, ".".join(key)))
        if pace != 1:
            text = (f"{own!r} Hz is taken for {float(rate / ratio):g} Hz, with one sample in "
                    f"{abs(1 / (pace - 1)):.0f} left out or twice")  # fmt: skip
            _once(problems, Problem("info", "resampled", text, ".".join(key)))
        return key, components.index(letter), ratio, pace
    _once(problems, Problem("warning", told[0], f"{told[1]}; left out", trace.id))
    return None


def _once(problems: list[Problem], problem: Problem) -> None:
    """Tell a problem that may come with every piece of a feed a single time."""
    if problem not in problems:
        problems.append(problem)


def _finite(data: NDArray[Any]) -> list[tuple[int, int]]:
    """Runs of samples that are neither masked nor NaN nor infinite."""
    masked = np.ma.getmaskarray(data) if isinstance(data, np.ma.MaskedArray) else None
    plain = np.ma.getdata(data)
    if plain.dtype.kind != "f" and masked is None:
        return [(0, len(plain))] if len(plain) else []
    good = np.isfinite(plain) if masked is None else np.isfinite(plain) & ~masked
    if good.all():
        return [(0, len(good))] if len(good) else []
    edges = np.flatnonzero(np.diff(np.concatenate([[False], good, [False]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
