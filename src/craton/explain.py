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

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from craton.alter import MAX_PARTS, list_parts, regroup
from craton.importance import SECONDS, Pool, importance_of, permutation_importance
from craton.occlusion import headline, occlude, single
from craton.result import Progress, Result, silent

__all__ = ["Explanation", "explain", "headline", "permutation_importance", "single"]

GRADIENTS = ("model", "kind", "name", "effect")
LOCAL = ("sample", "why", "output", "value", "kind", "name", "effect")


@dataclass(frozen=True)
class Explanation:
    """What the models of a run need, and what drove some of their predictions.

    Attributes
    ----------
    importance : pd.DataFrame
        `model`, `kind` (variable, lag, region), `name`, `drop` (worsening of the score when the
        part is shuffled), `low`, `high` (block bootstrap of the test samples; what another
        training set would change is not in them).
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
    pool = Pool(
        samples, samples.inputs(), which[rows], result.fitted, result.metrics[0],
        result.blocks[rows],
    )  # fmt: skip
    # beyond what is always allowed, a fifth of the time that the models took
    budget = max(SECONDS, 0.2 * result.seconds.get("models", 0.0))
    bootstrap = min(result.run.bootstrap, 500)
    importance, n, notes = importance_of(
        pool, budget, progress, n=bootstrap, seed=result.run.seed, level=result.run.level
    )
    local = _local(result, pool, rows)
    gradients = _gradients(pool)
    metric = result.metrics[0]
    return Explanation(importance, local, gradients, metric.name, metric.units, n, notes)


def _local(result: Result, pool: Pool, rows: NDArray[np.int64]) -> pd.DataFrame:
    parts, _ = regroup(list_parts(pool.samples), MAX_PARTS)
    if not parts:
        return pd.DataFrame(columns=list(LOCAL))
    tables = []
    for why, spot in _chosen(result, rows).items():
        fitted = result.fitted[int(pool.which[spot])][result.selected]
        one = pool.samples.take([spot])
        found = occlude(fitted, one, parts, pool.inputs)
        head = {"sample": one.index.index[0], "why": why, **found.attrs}
        for column, value in head.items():
            found[str(column)] = value
        tables.append(found[list(LOCAL)])
    return pd.concat(tables, ignore_index=True)


def telling(result: Result) -> dict[str, int]:
    """A few telling test samples: reason to position among all of them."""
    return _chosen(result, np.arange(len(result.test)))


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


def _gradients(pool: Pool) -> pd.DataFrame:
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
