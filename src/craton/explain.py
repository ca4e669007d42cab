"""Explanations: what a model needs (permutation), and what drove one prediction (occlusion).

Both alter the parts that `Samples.parts` names: a variable, a lag, a region. Permutation shuffles a
part between test samples and looks at how much worse the score gets; occlusion replaces it by its
mean over reference samples and looks at how much the prediction changes.

References
----------
Breiman 2001, doi:10.1023/A:1010933404324 (permutation); Zeiler and Fergus 2014,
doi:10.1007/978-3-319-10590-1_53 (occlusion).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from craton.alter import (
    Part,
    change_part,
    list_parts,
    mean_part,
    regroup,
    stack,
    with_all_inputs,
)
from craton.errors import DataError
from craton.metrics import Metric, middle
from craton.models.blend import Blend, mix
from craton.result import Fitted, Progress, Result, silent
from craton.samples import Inputs, Samples, Target
from craton.uncertainty import paired_gain

MAX_PARTS = {"variable": 64, "lag": 32, "region": 32}
"""Parts of a kind that are altered one by one; more are grouped with their neighbours."""

FEW_PARTS = 8
"""Parts of a kind to which slow models are reduced."""

SECONDS = 15.0
"""Time an explanation may always take; beyond it a fifth of the time that the models took."""

BATCH_ROWS, BATCH_BYTES = 8192, 96 << 20

IMPORTANCE = ("model", "kind", "name", "drop", "low", "high")
GRADIENTS = ("model", "kind", "name", "effect")
LOCAL = ("sample", "why", "output", "value", "kind", "name", "effect")


@dataclass(frozen=True)
class Explanation:
    """What the models of a run need, and what drove some of their predictions.

    Attributes
    ----------
    importance : pd.DataFrame
        `model`, `kind` (variable, lag, region), `name`, `drop` (worsening of the score when the
        part is shuffled), `low`, `high` (block bootstrap).
    local : pd.DataFrame
        `sample` (label), `why` it was chosen, `output`, `value`, `kind`, `name`, `effect` (value
        minus the value with the part at its mean).
    gradients : pd.DataFrame
        `model`, `kind`, `name`, `effect`: mean size of input times gradient, where a model gives
        it.
    metric, units : str
        The score that `drop` is in.
    n : int
        Test samples that were shuffled.
    notes : list of str
        What was grouped or left out to save time.
    """

    importance: pd.DataFrame
    local: pd.DataFrame
    gradients: pd.DataFrame
    metric: str
    units: str
    n: int
    notes: list[str] = field(default_factory=list)


@dataclass
class _Pool:
    """Test samples with their inputs, and the models that may predict each of them."""

    samples: Samples
    inputs: Inputs
    which: NDArray[np.int64]
    fitted: Sequence[Mapping[str, Fitted]]
    metric: Metric
    blocks: NDArray[Any]

    def take(self, rows: NDArray[np.int64]) -> _Pool:
        inputs = {k: v if k.startswith("all_") else v[rows] for k, v in self.inputs.items()}
        samples = self.samples.take(rows)
        return _Pool(
            samples, inputs, self.which[rows], self.fitted, self.metric, self.blocks[rows]
        )


def explain(result: Result, progress: Progress = silent) -> Explanation:
    """Explain all models of a run on its test samples.

    Parameters
    ----------
    result : Result
        With its fitted models; at most ``result.run.explain`` test samples are used.
    progress : callable
        Called as ``progress(done, total, text)``.

    Returns
    -------
    Explanation
    """
    which = np.concatenate([np.full(len(s.test), i) for i, s in enumerate(result.splits)])
    rng = np.random.default_rng(result.run.seed)
    n = min(result.run.explain, len(which))
    rows = np.sort(rng.permutation(len(which))[:n])
    samples = result.test.take(rows)
    pool = _Pool(
        samples, samples.inputs(), which[rows], result.fitted, result.metrics[0],
        result.blocks[rows],
    )  # fmt: skip
    budget = max(SECONDS, 0.2 * result.seconds.get("models", 0.0))
    options = {"seed": result.run.seed, "level": result.run.level}
    bootstrap = min(result.run.bootstrap, 500)
    importance, n, notes = _importance(pool, budget, progress, n=bootstrap, **options)
    local = _local(result, pool, rows)
    gradients = _gradients(pool)
    metric = result.metrics[0]
    return Explanation(importance, local, gradients, metric.name, metric.units, n, notes)


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
        Models with their calibration, from a run or from `craton.engine.load`.
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
    pool = _Pool(samples, samples.inputs(), which, [models], metric, units)
    return _importance(pool, np.inf, progress, n=n, seed=seed, level=level)[0]


def _importance(
    pool: _Pool, budget: float, progress: Progress, *, n: int, seed: int, level: float
) -> tuple[pd.DataFrame, int, list[str]]:
    found = list_parts(pool.samples)
    parts, notes = regroup(found, MAX_PARTS)
    began = time.perf_counter()
    base, sizes = _predict(pool, [{}])
    pool, parts, more, base, sizes = _afford(
        pool, parts, budget, time.perf_counter() - began, base, sizes, seed
    )
    notes += more
    repeats = 1 if more else int(np.clip(1000 // max(len(pool.samples), 1), 1, 3))
    rng = np.random.default_rng(seed + 1)
    idle = _unmoved(pool, parts, base, rng)
    shuffled: list[dict[str, NDArray[np.float64]]] = []
    batches = _batches(parts, len(pool.samples), sizes)
    for batch in batches:
        progress(len(shuffled), len(parts), "explanation: permutation")
        total: list[dict[str, NDArray[np.float64]]] = []
        for _ in range(repeats):
            changes = [_shuffle(pool.inputs, part, rng) for part in batch]
            stats = _split_stats(_predict(pool, changes, idle)[0], len(batch))
            total = stats if not total else [_add(a, b) for a, b in zip(total, stats, strict=True)]
        shuffled += [{k: v / repeats for k, v in t.items()} for t in total]
    lines = []
    for name, mine in base.items():
        for part, stats in zip(parts, shuffled, strict=True):
            theirs = stats.get(name, mine)
            gain = paired_gain(pool.metric, mine, theirs, pool.blocks, n=n, seed=seed, level=level)
            lines.append((name, part.kind, part.name, gain.score, gain.low, gain.high))
    return pd.DataFrame(lines, columns=list(IMPORTANCE)), len(pool.samples), notes


def _afford(
    pool: _Pool,
    parts: list[Part],
    budget: float,
    seconds: float,
    base: dict[str, NDArray[np.float64]],
    sizes: int,
    seed: int,
) -> tuple[_Pool, list[Part], list[str], dict[str, NDArray[np.float64]], int]:
    """Group lags and regions, then take fewer samples, until the models' speed allows it."""
    if seconds * (len(parts) + 1) <= budget:
        return pool, parts, [], base, sizes
    few = {k: FEW_PARTS for k in MAX_PARTS if k != "variable"} | {"variable": 24}
    parts, notes = regroup(parts, few)
    need = seconds * (len(parts) + 1)
    n = len(pool.samples)
    keep = int(max(min(n, 50), n * min(1.0, budget / need)))
    if keep < n:
        rows = np.sort(np.random.default_rng(seed + 2).permutation(n)[:keep])
        pool = pool.take(rows)
        base = {k: v[rows] for k, v in base.items()}
        notes.append(f"{keep} of {n} test samples were shuffled, because the models are slow")
    if not notes:
        notes = ["each part was shuffled once, because the models are slow"]
    return pool, parts, notes, base, sizes


def _unmoved(
    pool: _Pool, parts: list[Part], base: dict[str, NDArray[np.float64]], rng: np.random.Generator
) -> set[str]:
    """Models whose score of no sample changes when all parts are shuffled at once."""
    if not parts or len(pool.samples) < 2:
        return set(base)
    whole = Part("all", "all", tuple(spot for part in parts for spot in part.spots))
    stats = _predict(pool, [_shuffle(pool.inputs, whole, rng)])[0]
    return {name for name in base if np.array_equal(stats[name], base[name])}


def _shuffle(inputs: Inputs, part: Part, rng: np.random.Generator) -> Inputs:
    """Permute a part along the first axis, the same way in all arrays of the same length."""
    orders: dict[int, NDArray[np.int64]] = {}

    def permute(values: NDArray[Any]) -> NDArray[Any]:
        order = orders.setdefault(len(values), rng.permutation(len(values)))
        return values[order]

    return change_part(inputs, part, permute)


def _predict(
    pool: _Pool, changes: list[Inputs], skip: set[str] | frozenset[str] = frozenset()
) -> tuple[dict[str, NDArray[np.float64]], int]:
    """Statistics of every model under each change, one change after the other.

    Returns
    -------
    stats : dict of ndarray, shape (change * sample, k)
    bytes : int
        Size of a sample's predictions, the largest of all models.
    """
    n, k = len(pool.samples), len(changes)
    found: dict[str, NDArray[np.float64]] = {}
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


def _batches(parts: list[Part], n: int, size: int) -> list[list[Part]]:
    """Parts that are predicted together; one that alters a shared array stands alone."""
    rows = max(1, min(BATCH_ROWS, BATCH_BYTES // max(size, 1)) // max(n, 1))
    batches: list[list[Part]] = []
    open_ = False
    for part in parts:
        if part.shared or not open_ or len(batches[-1]) >= rows:
            batches.append([])
        batches[-1].append(part)
        open_ = not part.shared
    return batches


def _split_stats(
    stats: dict[str, NDArray[np.float64]], k: int
) -> list[dict[str, NDArray[np.float64]]]:
    pieces = {name: np.split(values, k) for name, values in stats.items()}
    return [{name: pieces[name][i] for name in pieces} for i in range(k)]


def _add(
    a: dict[str, NDArray[np.float64]], b: dict[str, NDArray[np.float64]]
) -> dict[str, NDArray[np.float64]]:
    return {k: a[k] + b[k] for k in a}


def headline(
    predicted: xr.Dataset, target: Target, category: int | None = None
) -> tuple[NDArray[np.float64], str]:
    """One number a sample: what an explanation explains.

    Parameters
    ----------
    predicted : xr.Dataset
        Prediction of any kind.
    target : Target
        What is predicted.
    category : int, optional
        Class whose probability is meant; that predicted for the first sample by default.

    Returns
    -------
    values : ndarray, shape (sample,)
        Probability of the class; total of the expected counts; else the median, mean over leads
        and points.
    text : str
        What that is.
    """
    if target.categories and target.name in predicted and "category" in predicted[target.name].dims:
        p = predicted[target.name].transpose("sample", "category").to_numpy()
        chosen = int(p[0].argmax()) if category is None else category
        return p[:, chosen].astype(float), f"probability of {target.categories[chosen]}"
    if "expected_count" in predicted:
        count = middle(predicted["expected_count"])
        dims = [d for d in count.dims if d != "sample"]
        return count.sum(dims).to_numpy().astype(float), "expected count, in total"
    name = target.name if target.name in predicted else str(next(iter(predicted.data_vars)))
    value = middle(predicted[name])
    dims = [d for d in value.dims if d != "sample"]
    text = f"median of {name}" + (f" ({target.units})" if target.units != "1" else "")
    text += f", mean over {' and '.join(map(str, dims))}" if dims else ""
    return value.mean(dims).to_numpy().astype(float), text


def single(
    fitted: Fitted, samples: Samples, row: int, *, reference: Samples | None = None
) -> pd.DataFrame:
    """Say what drove one prediction: its change when each part is set to its mean.

    Parameters
    ----------
    fitted : Fitted
        A model with its calibration, from a run or from `craton.engine.load`.
    samples : Samples
        Samples among which the one to explain is; their targets need not be known.
    row : int
        Position of that sample.
    reference : Samples, optional
        Samples that give the means; `samples` by default.

    Returns
    -------
    pd.DataFrame
        `kind`, `name`, `effect`, largest first: the output minus the output without what this part
        says. ``attrs`` has ``output`` (what it is) and ``value``.

    Raises
    ------
    DataError
        If there is no such row.
    """
    if not 0 <= row < len(samples):
        raise DataError(f"there is no row {row}, the samples have rows 0 to {len(samples) - 1}")
    means = (samples if reference is None else reference).inputs()
    parts, _ = regroup(list_parts(samples), MAX_PARTS)
    return _occlude(fitted, samples.take([row]), parts, means)


def _occlude(
    fitted: Fitted, one: Samples, parts: Sequence[Part], means: Inputs
) -> pd.DataFrame:
    inputs = one.inputs()
    target = one.target
    first = fitted.predict(with_all_inputs(one, inputs))
    category = None
    if target.categories and target.name in first:
        p = first[target.name].transpose("sample", "category").to_numpy()
        category = int(p[0].argmax())
    value, text = headline(first, target, category)
    effects: list[float] = []
    for batch in _batches(list(parts), 1, first.nbytes):
        changes = [mean_part(inputs, part, means) for part in batch]
        altered = stack(one, inputs, changes, np.zeros(1, np.int64))
        found, _ = headline(fitted.predict(altered), target, category)
        effects += [float(value[0] - v) for v in found]
    table = pd.DataFrame(
        {"kind": [p.kind for p in parts], "name": [p.name for p in parts], "effect": effects}
    )
    order = np.argsort(-np.abs(table["effect"].to_numpy(float)), kind="stable")
    table = table.iloc[order].reset_index(drop=True)
    table.attrs = {"output": text, "value": float(value[0])}
    return table


def _local(result: Result, pool: _Pool, rows: NDArray[np.int64]) -> pd.DataFrame:
    parts, _ = regroup(list_parts(pool.samples), MAX_PARTS)
    if not parts:
        return pd.DataFrame(columns=list(LOCAL))
    tables = []
    for why, spot in _chosen(result, rows).items():
        fitted = result.fitted[int(pool.which[spot])][result.selected]
        one = pool.samples.take([spot])
        found = _occlude(fitted, one, parts, pool.inputs)
        head = {"sample": one.index.index[0], "why": why, **found.attrs}
        tables.append(found.assign(**head)[list(LOCAL)])
    return pd.concat(tables, ignore_index=True)


def _chosen(result: Result, rows: NDArray[np.int64]) -> dict[str, int]:
    """A few telling test samples: reason to position among `rows`."""
    target = result.samples.target
    predicted = result.predictions[result.selected]
    if not (target.categories and target.name in predicted):
        order = np.arange(len(rows))
        if result.test.index["t0"].notna().any():
            order = np.argsort(result.test.index["t0"].to_numpy()[rows], kind="stable")
        named = (("first", 0), ("middle", len(order) // 2), ("last", len(order) - 1))
        return {f"{why} of the test samples": int(order[i]) for why, i in named}
    p = predicted[target.name].transpose("sample", "category").to_numpy()[rows]
    truth = result.observed[target.name].to_numpy()[rows]
    top, right = p.max(axis=1), p.argmax(axis=1) == truth
    found = {}
    if right.any():
        found["most confident and right"] = int(np.where(right, top, -1.0).argmax())
    if (~right & (truth >= 0)).any():
        found["most confident and wrong"] = int(np.where(~right & (truth >= 0), top, -1).argmax())
    found["least certain"] = int(top.argmin())
    middle_one = int(np.argsort(top, kind="stable")[len(top) // 2])
    return {**found, "of middling certainty": middle_one}


def _gradients(pool: _Pool) -> pd.DataFrame:
    """Mean size of input times gradient by part, of the models that offer it."""
    lines = []
    i = int(pool.which[0])
    rows = np.flatnonzero(pool.which == i)[:200]
    samples = pool.samples.take(rows)
    for name, fitted in pool.fitted[i].items():
        if not hasattr(fitted.model, "gradient"):
            continue
        given = fitted.model.gradient(samples)
        for part in list_parts(samples):
            total = np.zeros(len(rows))
            for key, where in part.spots:
                if key in given and not key.startswith("all_"):
                    total += given[key][where].reshape(len(rows), -1).sum(axis=1)
            lines.append((name, part.kind, part.name, float(np.abs(total).mean())))
    return pd.DataFrame(lines, columns=list(GRADIENTS))
