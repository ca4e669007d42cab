"""Splits that keep the test set independent, and the audit that refuses those that do not.

A splitter sees `Samples.index` and nothing else. `blocks` says which samples stand or fall together
(the unit of the bootstrap), `split` gives the outer splits, on whose test parts scores are
computed, and `folds` gives folds inside a training part, for choosing between models.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from craton.errors import ConfigError, DataError, nearest

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """Positions in the index of three disjoint parts.

    `calibrate` is for conformal, temperature and isotonic calibration, never for fitting; where it
    is empty the engine calibrates on out-of-fold predictions inside `train`.
    """

    train: Rows
    calibrate: Rows
    test: Rows
    name: str = "test"


class Splitter(Protocol):
    """What a splitter can do; see `ByGroup`, `ForwardInTime`, `SpatialBlocks`, `Both`."""

    def blocks(self, index: pd.DataFrame) -> Rows: ...

    def split(self, index: pd.DataFrame) -> Iterator[Split]: ...

    def folds(self, index: pd.DataFrame, n: int) -> Iterator[Split]: ...


@dataclass(frozen=True)
class ByGroup:
    """Whole groups are left out: wells, stations, events, surveys.

    Parameters
    ----------
    n : int, optional
        Number of outer folds; None leaves out one group at a time.
    train_only : tuple of str
        Groups that are never tested (a pseudo-well, say).
    test : tuple of str
        If given, one split with these groups as the test set.

    Examples
    --------
    >>> from craton.samples import make_index
    >>> index = make_index(4, group=["a", "a", "b", "c"])
    >>> [s.test.tolist() for s in ByGroup().split(index)]
    [[0, 1], [2], [3]]
    """

    n: int | None = None
    train_only: tuple[str, ...] = ()
    test: tuple[str, ...] = ()

    def blocks(self, index: pd.DataFrame) -> Rows:
        return pd.factorize(index["group"])[0].astype(np.int64)

    def split(self, index: pd.DataFrame) -> Iterator[Split]:
        group = index["group"].to_numpy().astype(str)
        blank = int((group == "").sum())
        if 0 < blank < len(group):
            raise DataError(
                f"{blank} of {len(group)} samples have no group",
                where="split by group",
                fix="give every sample its group, or leave those samples out",
            )
        names = [g for g in pd.unique(group) if g not in self.train_only]
        if blank or len(names) < 2:
            raise DataError(
                f"{len(names)} group(s) that may be tested, at least 2 are needed to leave one out",
                where="split by group",
                fix="add groups (wells, stations), or split in time or space",
            )
        if self.test:
            absent = sorted(set(self.test) - set(names))
            if absent:
                raise DataError(
                    f"the test groups {absent} are not in the data",
                    where="split by group",
                    fix=nearest(absent[0], names),
                )
            yield self._leave_out(group, self.test, ", ".join(self.test))
            return
        _require_folds(self.n)
        if self.n is None or self.n >= len(names):
            for name in names:
                yield self._leave_out(group, (name,), name)
            return
        for i, members in enumerate(_balanced(group, names, self.n)):
            yield self._leave_out(group, members, f"fold {i + 1}")

    def folds(self, index: pd.DataFrame, n: int) -> Iterator[Split]:
        yield from ByGroup(n=n, train_only=self.train_only).split(index)

    @staticmethod
    def _leave_out(group: NDArray[Any], members: tuple[str, ...], name: str) -> Split:
        out = np.isin(group, members)
        if out.all():
            raise DataError(
                "every group is tested, none is left to learn from",
                where=f"split {name}",
                fix="test fewer groups",
            )
        return Split(np.flatnonzero(~out), _none(), np.flatnonzero(out), name)


@dataclass(frozen=True)
class ForwardInTime:
    """Learn from the past, calibrate on what follows, test on what follows that.

    A sample whose target reaches over a border is dropped, and so is a sample whose issue time is
    within `gap` after it.

    Parameters
    ----------
    calibrate_from, test_from : str or float
        First issue time of each part (ISO 8601), or a fraction of the time span.
    test_until : str, optional
        Targets end before this time.
    train_from : str, optional
        First issue time of training.
    gap : str
        Length kept free after each border, such as ``"30D"``.
    block : str
        Length of the blocks of the bootstrap.
    """

    calibrate_from: str | float = 0.6
    test_from: str | float = 0.8
    test_until: str | None = None
    train_from: str | None = None
    gap: str = "0D"
    block: str = "30D"

    def blocks(self, index: pd.DataFrame) -> Rows:
        t0, _ = _times(index)
        return ((t0 - t0.min()) // _length(self.block)).to_numpy().astype(np.int64)

    def split(self, index: pd.DataFrame) -> Iterator[Split]:
        t0, t1 = _times(index)
        first, last = t0.min(), t1.max()
        gap = _length(self.gap)
        c, s = (_border(b, first, last) for b in (self.calibrate_from, self.test_from))
        end = _border(self.test_until, first, last) if self.test_until else last
        start = _border(self.train_from, first, last) if self.train_from else first
        if c > s:
            raise DataError(
                f"calibration starts at {c}, after the test at {s}",
                where="split in time",
                fix="let calibration start before the test",
            )
        # a sample issued at the very border belongs to the later part, even if it also ends there
        train = (t0 >= start) & (t0 < c) & (t1 <= c)
        calibrate = (t0 >= c + gap) & (t0 < s) & (t1 <= s)
        test = (t0 >= s + gap) & (t1 <= end)
        for part, name in ((train, "training"), (test, "test")):
            if not part.any():
                raise DataError(
                    f"the {name} part is empty: data run from {first} to {last}, calibration "
                    f"starts at {c}, the test at {s}",
                    where="split in time",
                    fix="move the borders or give a longer record",
                )
        parts = [np.flatnonzero(p.to_numpy()) for p in (train, calibrate, test)]
        yield Split(parts[0], parts[1], parts[2])

    def folds(self, index: pd.DataFrame, n: int) -> Iterator[Split]:
        """Expanding windows: fold i learns from all before it."""
        t0, t1 = _times(index)
        first, last = t0.min(), t1.max()
        edges = [first + (last - first) * (0.4 + 0.6 * i / n) for i in range(n + 1)]
        found = 0
        for i in range(n):
            train = (t0 < edges[i]) & (t1 <= edges[i])
            test = (t0 >= edges[i] + _length(self.gap)) & (t1 <= edges[i + 1])
            if i < n - 1:
                test &= t0 < edges[i + 1]
            if train.any() and test.any():
                found += 1
                yield Split(
                    np.flatnonzero(train.to_numpy()),
                    _none(),
                    np.flatnonzero(test.to_numpy()),
                    f"{edges[i]:%Y-%m-%d}..{edges[i + 1]:%Y-%m-%d}",
                )
        if not found:
            raise DataError(
                f"no fold can be made of {len(index)} samples from {first} to {last}",
                where="folds in time",
                fix="give a longer record, a shorter gap, or start the calibration later",
            )


@dataclass(frozen=True)
class SpatialBlocks:
    """Square blocks are left out, with a buffer around them that is not trained on.

    Parameters
    ----------
    size : float
        Side of a block, in the units of `x` and `y`.
    buffer : float
        Training samples nearer than this to a test sample are dropped.
    n : int
        Number of outer folds; blocks are dealt to folds of near-equal size.
    seed : int
        Seed of the dealing.

    References
    ----------
    Roberts et al. 2017, doi:10.1111/ecog.02881.
    """

    size: float
    buffer: float = 0.0
    n: int = 5
    seed: int = 0

    def blocks(self, index: pd.DataFrame) -> Rows:
        xy = places(index)
        cells = np.floor((xy - xy.min(axis=0)) / self.size).astype(np.int64)
        return pd.factorize(pd.MultiIndex.from_arrays(cells.T))[0].astype(np.int64)

    def split(self, index: pd.DataFrame) -> Iterator[Split]:
        _require_folds(self.n)
        block = self.blocks(index).astype(str)
        names = [str(b) for b in pd.unique(block)]
        if len(names) < 2:
            raise DataError(
                f"all samples fall in one block of side {self.size}",
                where="split in space",
                fix="choose smaller blocks",
            )
        names = [names[i] for i in np.random.default_rng(self.seed).permutation(len(names))]
        xy = places(index)
        for i, members in enumerate(_balanced(block, names, min(self.n, len(names)))):
            out = np.isin(block, members)
            keep = ~out
            if self.buffer > 0:
                near, _ = cKDTree(xy[out]).query(xy, distance_upper_bound=self.buffer)
                keep &= ~np.isfinite(near)
            if not keep.any():
                raise DataError(
                    f"the buffer of {self.buffer} leaves no sample to learn from",
                    where=f"split in space, fold {i + 1}",
                    fix="choose a smaller buffer or smaller blocks",
                )
            yield Split(np.flatnonzero(keep), _none(), np.flatnonzero(out), f"fold {i + 1}")

    def folds(self, index: pd.DataFrame, n: int) -> Iterator[Split]:
        yield from SpatialBlocks(self.size, self.buffer, n, self.seed + 1).split(index)


@dataclass(frozen=True)
class Both:
    """Two splitters at once: the test set is new in both senses (a new well AND a later year).

    Samples that are in the training part of one and the test part of the other are used in neither.
    """

    first: Splitter
    second: Splitter

    def blocks(self, index: pd.DataFrame) -> Rows:
        pair = pd.MultiIndex.from_arrays([self.first.blocks(index), self.second.blocks(index)])
        return pd.factorize(pair)[0].astype(np.int64)

    def split(self, index: pd.DataFrame) -> Iterator[Split]:
        yield from self._cross(list(self.first.split(index)), list(self.second.split(index)))

    def folds(self, index: pd.DataFrame, n: int) -> Iterator[Split]:
        a, b = list(self.first.folds(index, n)), list(self.second.folds(index, n))
        yield from self._cross(a, b)

    @staticmethod
    def _cross(a: list[Split], b: list[Split]) -> Iterator[Split]:
        found = 0
        for p in a:
            for q in b:
                learn = np.union1d(q.train, q.calibrate)
                train = np.intersect1d(p.train, q.train)
                calibrate = np.intersect1d(p.calibrate, learn)
                if not len(p.calibrate):
                    calibrate = np.intersect1d(p.train, q.calibrate)
                test = np.intersect1d(p.test, q.test)
                if len(train) and len(test):
                    found += 1
                    yield Split(train, calibrate, test, f"{p.name} / {q.name}")
        if not found:
            raise DataError(
                "no test sample is new in both senses while something is left to learn from",
                where="split in two senses",
                fix="give more data, or split in one sense only",
            )


def _times(index: pd.DataFrame) -> tuple[pd.Series[Any], pd.Series[Any]]:
    if index[["t0", "t1"]].isna().any(axis=None):
        raise DataError("some samples have no time", where="split in time", fix="give t0 and t1")
    if (index["t1"] < index["t0"]).any():
        raise DataError(
            "some targets end before their issue time", where="split in time", fix="correct t1"
        )
    return index["t0"], index["t1"]


def places(index: pd.DataFrame) -> NDArray[np.float64]:
    xy = index[["x", "y"]].to_numpy(float)
    if not np.isfinite(xy).all():
        raise DataError("some samples have no place", where="split in space", fix="give x and y")
    return xy


def _border(border: str | float, first: pd.Timestamp, last: pd.Timestamp) -> pd.Timestamp:
    if isinstance(border, int | float):
        if not 0 <= border <= 1:
            raise ConfigError(
                f"the border {border} is not between 0 and 1",
                where="split in time",
                fix="give a fraction of the time span, or a date such as 2010-01-01",
            )
        return first + (last - first) * border
    try:
        at = pd.Timestamp(border)
    except ValueError:
        raise ConfigError(
            f"the border {border!r} is no date", where="split in time", fix="write 2010-01-01"
        ) from None
    return at if at.tz is None else at.tz_convert(None)


def _length(text: str) -> pd.Timedelta:
    try:
        return pd.Timedelta(text)
    except ValueError:
        raise ConfigError(
            f"{text!r} is no length of time", where="split in time", fix="write 30D or 6h"
        ) from None


def _require_folds(n: int | None) -> None:
    if n is not None and n < 2:
        raise ConfigError(f"{n} fold(s), at least 2 are needed", where="split", fix="give n >= 2")


def _balanced(group: NDArray[Any], names: list[str], n: int) -> list[tuple[str, ...]]:
    """Deal groups to n folds, largest first to the smallest fold; ties keep the order given."""
    size = Counter(group.tolist())
    folds: list[list[str]] = [[] for _ in range(n)]
    load = [0] * n
    for g in sorted(names, key=lambda g: -size[g]):
        i = int(np.argmin(load))
        folds[i].append(g)
        load[i] += size[g]
    return [tuple(f) for f in folds]


def _none() -> Rows:
    return np.zeros(0, np.int64)
