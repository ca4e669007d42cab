"""One station's record as it comes: spans without gaps, the windows in them, their scores."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Request = tuple[int, int, int]
"""First sample of a window, and the first and last (exclusive) whose score it gives."""


@dataclass(frozen=True)
class Layout:
    """Windows of `length` samples every `step`, with `front` and `back` samples without score.

    Windows begin at multiples of `step` counted from 1970, wherever a record begins; so the scores
    of a time do not depend on when the record begins. Only what no such window reaches, at the ends
    of a span, is filled from one window flush with the end.
    """

    length: int
    step: int
    front: int = 0
    back: int = 0
    highest: bool = False
    all_components: bool = False


@dataclass
class _Span:
    """Samples in a row at which the same components are there."""

    start: int
    code: int
    next: int
    started: bool = False


class Station:
    """Samples that are still needed, and scores that are not final yet.

    Sample numbers count from 1970 at the rate of the net.

    Parameters
    ----------
    components, phases : int
        How many.
    layout : Layout
        The windows.
    """

    def __init__(self, components: int, phases: int, layout: Layout) -> None:
        self.layout, self.phases = layout, phases
        self.full = (1 << components) - 1
        self.ends = np.full(components, np.iinfo(np.int64).min)
        self.counts: Counter[str] = Counter()
        self.offsets: list[tuple[int, int]] = []
        self.reference = components
        self.span: _Span | None = None
        self.base: int | None = None

    def _begin(self, first: int) -> None:
        """Start an empty record at a sample, after a long gap or at all."""
        n = len(self.ends)
        self.base = self.done = self.end = self.out = first
        self.wave = np.zeros((n, 0), np.float32)
        self.there = np.zeros((n, 0), bool)
        self.total = np.zeros((0, self.phases), np.float32)
        self.count = np.zeros(0, np.float32)

    def put(
        self, component: int, first: int, samples: NDArray[Any], offset: int, room: int
    ) -> None:
        """Add samples; what is there already stays. `offset` is their time after the grid, ns."""
        if self.base is None or (first > self.end and self.done == self.end and not self.span):
            self._begin(first)
        assert self.base is not None
        if first < self.done:
            self.counts["late"] += min(self.done - first, len(samples))
            samples, first = samples[self.done - first :], self.done
            if not len(samples):
                return
        if component <= self.reference:
            self.reference = component
            if not self.offsets or abs(offset - self.offsets[-1][1]) > 1000:
                self.offsets.append((first, offset))
        a, b = first - self.base, first + len(samples) - self.base
        if b > self.wave.shape[1]:
            more = max(b - self.wave.shape[1], room)
            self.wave = np.pad(self.wave, ((0, 0), (0, more)))
            self.there = np.pad(self.there, ((0, 0), (0, more)))
        new = ~self.there[component, a:b]
        if new.all():
            self.wave[component, a:b] = samples
        else:
            self.counts["overlap"] += int((~new).sum())
            self.wave[component, a:b][new] = samples[new]
        self.there[component, a:b] = True
        last = first + len(samples)
        self.ends[component] = max(self.ends[component], last)
        self.end = max(self.end, last)

    def ready(self, patience: int) -> int:
        """The sample up to which nothing more is waited for."""
        return int(min(e for e in self.ends.tolist() if e > self.end - patience - 1))

    def advance(self, until: int, *, close: bool = False) -> Iterator[Request]:
        """Windows that can be scored now that all samples before `until` are there."""
        if self.base is None:
            return
        until = max(until, self.done)
        self._room(until)
        codes = self._codes(until)
        edges = np.flatnonzero(np.diff(codes)) + 1
        bounds = [0, *edges.tolist(), len(codes)] if len(codes) else []
        for lo, hi in itertools.pairwise(bounds):
            code, at, upto = int(codes[lo]), self.done + lo, self.done + hi
            if self.span is not None and code != self.span.code:
                yield from self._close(at)
            if self.span is None and code:
                step = self.layout.step
                self.span = _Span(at, code, -(-at // step) * step)
                self.counts["spans"] += 1
                self.counts["partial"] += code != self.full
            yield from self._windows(upto)
        self.done = until
        if close:
            yield from self._close(until)

    def _codes(self, until: int) -> NDArray[Any]:
        """A number for each new sample that tells which components are there, 0 for none."""
        assert self.base is not None
        there = self.there[:, self.done - self.base : until - self.base]
        codes = np.zeros(there.shape[1], np.uint8)
        for c, row in enumerate(there):
            codes |= row.astype(np.uint8) << c
        if self.layout.all_components:
            codes[codes != self.full] = 0
        return codes

    def _windows(self, upto: int) -> Iterator[Request]:
        span, plan = self.span, self.layout
        if span is None or span.next + plan.length > upto:
            return
        if not span.started:
            span.started = True
            if span.next > span.start:
                yield span.start, span.start + plan.front, span.next + plan.front
        while span.next + plan.length <= upto:
            s, span.next = span.next, span.next + plan.step
            yield s, s + plan.front, s + plan.length - plan.back

    def _close(self, at: int) -> Iterator[Request]:
        """End the span; fill what no window of the grid has reached."""
        span, plan = self.span, self.layout
        self.span = None
        if span is None:
            return
        last = at - plan.length
        if last < span.start:
            self.counts["short"] += 1
            self.counts["short samples"] += at - span.start
            return
        if span.started:
            reached = span.next - plan.step + plan.length - plan.back
        else:
            reached = span.start + plan.length - plan.back
            yield span.start, span.start + plan.front, reached
        if at - plan.back > reached:
            yield last, reached, at - plan.back

    def window(self, start: int) -> NDArray[Any]:
        """Samples (component, sample) of a window, zeros for what is missing."""
        assert self.base is not None
        a = start - self.base
        return self.wave[:, a : a + self.layout.length]

    def _room(self, until: int) -> None:
        more = until - self.out - len(self.count)
        if more > 0:
            low = -np.inf if self.layout.highest else 0.0
            self.total = np.pad(self.total, ((0, more), (0, 0)), constant_values=low)
            self.count = np.pad(self.count, (0, more))

    def add(self, lo: int, hi: int, scores: NDArray[Any]) -> None:
        """Stack scores (sample, phase) of the samples from `lo` to `hi`."""
        at = slice(lo - self.out, hi - self.out)
        if self.layout.highest:
            np.maximum(self.total[at], scores, out=self.total[at])
            self.count[at] = 1
        else:
            self.total[at] += scores
            self.count[at] += 1

    def release(self) -> tuple[int, NDArray[Any]]:
        """First sample and scores (sample, phase) that no later window changes; NaN for none."""
        if self.base is None:
            return 0, np.zeros((0, self.phases), np.float32)
        final, plan = self.done, self.layout
        if self.span is not None:
            final = self.span.next + plan.front if self.span.started else self.span.start
        n, first = final - self.out, self.out
        with np.errstate(invalid="ignore", divide="ignore"):
            scores = self.total[:n] / self.count[:n, None]
        if plan.highest:
            scores[self.count[:n] == 0] = np.nan
        # Copies, or views would keep the whole block in memory.
        self.total, self.count = self.total[n:].copy(), self.count[n:].copy()
        self.out = final
        self._forget(max(self.base, self.done - plan.length - plan.step))
        return first, scores

    def _forget(self, before: int) -> None:
        """Drop samples that no window needs any more."""
        assert self.base is not None
        a, b = before - self.base, self.end - self.base
        self.wave, self.there = self.wave[:, a:b].copy(), self.there[:, a:b].copy()
        self.base = before
        old = bisect_right(self.offsets, (self.out, 1 << 62)) - 1
        del self.offsets[: max(old, 0)]

    def offset(self, sample: int) -> int:
        """Nanoseconds by which the station's samples come after the grid, at a sample."""
        at = bisect_right(self.offsets, (sample, 1 << 62)) - 1
        return self.offsets[max(at, 0)][1] if self.offsets else 0
