"""Permutation importance: how much worse the score gets when a part of the inputs is shuffled.

References
----------
Breiman 2001, doi:10.1023/A:1010933404324.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from craton.alter import MAX_PARTS, Part, change_part, in_batches, list_parts, regroup, stack
from craton.errors import DataError
from craton.metrics import Metric
from craton.models.blend import Blend, mix
from craton.result import Fitted, Progress, silent
from craton.samples import Inputs, Samples
from craton.uncertainty import _percentiles, by_block, resamples

FEW_PARTS = {"variable": 24, "lag": 8, "region": 8}
"""The same limits where the models are slow; see `craton.alter.MAX_PARTS`."""

SECONDS = 15.0
"""Processor time an explanation may always take: other work on the machine does not count."""

LARGE = 1000
"""Samples over which a call's own cost is spread, about."""

FEWEST = 10
"""Fewest samples that are shuffled, however slow the models are."""

COLUMNS = ("model", "kind", "name", "drop", "low", "high")
Stats = dict[str, NDArray[np.float64]]


@dataclass
class Pool:
    """Test samples with their inputs, and the models that may predict each of them."""

    samples: Samples
    inputs: Inputs
    which: NDArray[np.int64]
    fitted: Sequence[Mapping[str, Fitted]]
    metric: Metric
    blocks: NDArray[Any]

    def take(self, rows: NDArray[np.int64]) -> Pool:
        inputs = {k: v if k.startswith("all_") else v[rows] for k, v in self.inputs.items()}
        samples = self.samples.take(rows)
        return Pool(samples, inputs, self.which[rows], self.fitted, self.metric, self.blocks[rows])


def permutation_importance(
    fitted: Mapping[str, Fitted] | Fitted,
    samples: Samples,
    metric: Metric,
    *,
    blocks: NDArray[Any] | None = None,
    n: int = 500,
    seed: int = 0,
    level: float = 0.95,
    progress: Progress = silent,
) -> pd.DataFrame:
    """Worsening of a score when each part of the inputs is shuffled between samples.

    Parameters
    ----------
    fitted : Fitted, or mapping of name to Fitted
        Models with their calibration, from a run or from `craton.loaded.load`.
    samples : Samples
        Samples that the models were not fitted on, with known targets.
    metric : Metric
        The score.
    blocks : ndarray, shape (sample,), optional
        Independent units of the bootstrap; each sample for itself by default.
    n, seed, level
        Resamples, seed, coverage of the intervals.

    Returns
    -------
    pd.DataFrame
        `model`, `kind`, `name`, `drop`, `low`, `high`.

    Raises
    ------
    DataError
        If there are fewer than two samples.
    """
    if len(samples) < 2:
        raise DataError(f"{len(samples)} sample(s), at least 2 are needed to shuffle anything")
    models = {fitted.name: fitted} if isinstance(fitted, Fitted) else fitted
    units = np.arange(len(samples)) if blocks is None else blocks
    which = np.zeros(len(samples), np.int64)
    pool = Pool(samples, samples.inputs(), which, [models], metric, units)
    return importance_of(pool, np.inf, progress, n=n, seed=seed, level=level)[0]


def importance_of(
    pool: Pool, budget: float, progress: Progress, *, n: int, seed: int, level: float
) -> tuple[pd.DataFrame, int, list[str]]:
    """Importance of every part to every model of a pool, within a budget of seconds.

    Returns
    -------
    table : pd.DataFrame
        See `permutation_importance`.
    n : int
        Samples that were shuffled.
    notes : list of str
        What was grouped or thinned.
    """
    parts, notes = regroup(list_parts(pool.samples), MAX_PARTS)
    n_all = len(pool.samples)
    repeats = int(np.clip(3000 // max(n_all, 1), 1, 5))
    rng = np.random.default_rng(seed + 1)
    seconds, idle = _trial(pool, parts, rng)
    if seconds * n_all * (repeats * len(parts) + 1) > budget:
        parts, keep, more = _afford(parts, n_all, budget / max(seconds, 1e-9))
        rows = np.sort(np.random.default_rng(seed + 2).permutation(n_all)[:keep])
        pool, notes, repeats = pool.take(rows), notes + more, 1
    base, size = _predict(pool, [{}])
    shuffled: list[Stats] = []
    for batch in in_batches(parts, len(pool.samples), size):
        progress(len(shuffled), len(parts), "explanation: permutation")
        total: list[Stats] = [{} for _ in batch]
        for _ in range(repeats):
            changes = [_shuffle(pool.inputs, part, rng) for part in batch]
            for so_far, stats in zip(total, _pieces(pool, changes, idle), strict=True):
                so_far.update({k: so_far.get(k, 0.0) + v / repeats for k, v in stats.items()})
        shuffled += total
    return _table(pool, parts, base, shuffled, n, seed, level), len(pool.samples), notes


def _table(
    pool: Pool,
    parts: Sequence[Part],
    base: Stats,
    shuffled: Sequence[Stats],
    n: int,
    seed: int,
    level: float,
) -> pd.DataFrame:
    """Drops of the score with paired intervals, all on the same resamples."""
    metric = pool.metric
    which, weights = resamples(pool.blocks, n, seed)
    lines = []
    for name, stats in base.items():
        mine = by_block(stats, which)
        whole, drawn = metric.value(mine.sum(axis=0)), metric.value(weights @ mine)
        for part, altered in zip(parts, shuffled, strict=True):
            if name not in altered:
                lines.append((name, part.kind, part.name, 0.0, 0.0, 0.0))
                continue
            theirs = by_block(altered[name], which)
            drop = float(metric.gain(whole, metric.value(theirs.sum(axis=0))))
            drops = np.asarray(metric.gain(drawn, metric.value(weights @ theirs)), float)
            lines.append((name, part.kind, part.name, drop, *_percentiles(drops, level, len(mine))))
    return pd.DataFrame(lines, columns=list(COLUMNS))


def _afford(parts: list[Part], n: int, predictions: float) -> tuple[list[Part], int, list[str]]:
    """Group parts, then take fewer samples, until the models' speed allows it.

    `predictions` is how many samples all models may predict.
    """
    parts, notes = regroup(parts, FEW_PARTS)
    keep = int(np.clip(_round_down(predictions / (len(parts) + 1)), min(n, FEWEST), n))
    why = "because the models are slow"
    notes = [f"{note}, {why}" for note in notes]
    if keep < n:
        notes.append(f"{keep} of {n} test samples were shuffled, {why}")
    return parts, keep, notes or [f"each part was shuffled once, {why}"]


def _round_down(x: float) -> float:
    """To 1, 2 or 5 times a power of ten, so that a run a little slower is explained alike."""
    power = 10.0 ** np.floor(np.log10(max(x, 1.0)))
    return float(power * max(k for k in (1, 2, 5) if k * power <= max(x, 1.0)))


def _trial(pool: Pool, parts: list[Part], rng: np.random.Generator) -> tuple[float, set[str]]:
    """Seconds a sample takes, and models of which no sample moves when all parts are shuffled."""
    n = len(pool.samples)
    rows = np.linspace(0, n - 1, int(np.clip(n // 10, min(n, 4), 50))).astype(np.int64)
    few = pool.take(rows)
    began = time.process_time()
    base, _ = _predict(few, [{}])
    seconds = (time.process_time() - began) / max(len(rows), 1)
    if seconds * n * len(parts) > SECONDS:
        seconds = min(seconds, _seconds(few, seconds * len(rows)))
    if len(rows) < 30:
        # too few to call a model idle
        return seconds, set()
    whole = Part("all", "all", tuple(spot for part in parts for spot in part.spots))
    altered = {k: v if k.startswith("all_") else v[rows]
               for k, v in _shuffle(pool.inputs, whole, rng).items()}  # fmt: skip
    moved, _ = _predict(few, [altered])
    return seconds, {name for name in base if np.array_equal(moved[name], base[name])}


def _seconds(few: Pool, before: float) -> float:
    """Seconds a sample takes in large batches, where a call's own cost hardly counts."""
    n, times = len(few.samples), []
    for copies in (1,) if before > 2 else (1, 5):
        # the call before may have compiled or cached something
        began = time.process_time()
        _predict(few, [{}] * copies)
        times.append(time.process_time() - began)
    if len(times) == 1:
        return times[0] / n
    each = max((times[1] - times[0]) / (4 * n), 1e-7)
    return each + max(times[0] - each * n, 0.0) / LARGE


def _shuffle(inputs: Inputs, part: Part, rng: np.random.Generator) -> Inputs:
    """Permute a part along the first axis, the same way in all arrays of the same length."""
    orders: dict[int, NDArray[np.int64]] = {}

    def permute(values: NDArray[Any]) -> NDArray[Any]:
        order = orders.setdefault(len(values), rng.permutation(len(values)))
        return values[order]

    return change_part(inputs, part, permute)


def _predict(
    pool: Pool, changes: list[Inputs], skip: set[str] | frozenset[str] = frozenset()
) -> tuple[Stats, int]:
    """Statistics of every model under each change, one change after the other.

    Returns
    -------
    stats : dict of ndarray, shape (change * sample, k)
    bytes : int
        Size of a sample's predictions, the largest of all models.
    """
    n, k = len(pool.samples), len(changes)
    found: Stats = {}
    size = 1
    for i in np.unique(pool.which):
        rows = np.flatnonzero(pool.which == i)
        altered = stack(pool.samples, pool.inputs, changes, rows)
        observed = altered.observed()
        spots = (np.arange(k)[:, None] * n + rows).ravel()
        for name, predicted in _all_models(pool.fitted[i], altered, skip).items():
            stats = pool.metric.stats(observed, predicted)
            size = max(size, predicted.nbytes // max(len(altered), 1))
            if name not in found:
                found[name] = np.zeros((k * n, stats.shape[1]))
            found[name][spots] = stats
    return found, size


def _all_models(
    fitted: Mapping[str, Fitted], samples: Samples, skip: set[str] | frozenset[str]
) -> dict[str, xr.Dataset]:
    """Calibrated predictions; a blend is mixed from what its members have predicted already."""
    raw: dict[int, xr.Dataset] = {}

    def predict(model: Any) -> xr.Dataset:
        if id(model) not in raw:
            if isinstance(model, Blend):
                parts = {n: predict(model.members[n]) for n in model.weights}
                raw[id(model)] = mix(parts, model.weights)
            else:
                raw[id(model)] = model.predict(samples)
        return raw[id(model)]

    return {n: f.calibrator.apply(predict(f.model)) for n, f in fitted.items() if n not in skip}


def _pieces(pool: Pool, changes: list[Inputs], skip: set[str]) -> list[Stats]:
    """Statistics of every model, one mapping a change."""
    stats, _ = _predict(pool, changes, skip)
    pieces = {name: np.split(values, len(changes)) for name, values in stats.items()}
    return [{name: pieces[name][i] for name in pieces} for i in range(len(changes))]
