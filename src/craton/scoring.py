"""Scores of all models with intervals, and gains over the baseline on the same resamples."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from craton.metrics import Metric
from craton.uncertainty import block_bootstrap, paired_gain

if TYPE_CHECKING:
    from craton.result import Result


@dataclass(frozen=True)
class Score:
    """A line of ``scores.json``: a score and its gain over the baseline, with intervals."""

    task: str
    model: str
    role: str
    metric: str
    better: str
    score: float
    low: float
    high: float
    gain: float
    gain_low: float
    gain_high: float
    n: int
    split: str
    units: str = "1"
    blocks: int = 0
    where: str = ""

    def as_dict(self) -> dict[str, Any]:
        """As plain values; not-a-number becomes None."""
        values = asdict(self)
        return {
            k: None if isinstance(v, float) and not np.isfinite(v) else v for k, v in values.items()
        }


def score_all(result: Result, roles: dict[str, str], split: str) -> list[Score]:
    """Score every model by every metric on the test samples."""
    return [
        line
        for metric in result.metrics
        for line in _lines(result, metric, result.observed, result.predictions, roles, split, "")
    ]


def score_by(result: Result, roles: dict[str, str], dim: str) -> list[Score]:
    """Score every model at each coordinate of a dimension, such as the lead."""
    found = []
    for value in result.observed[dim].to_numpy():
        observed = result.observed.sel({dim: [value]})
        predictions = {n: p.sel({dim: [value]}) for n, p in result.predictions.items()}
        for metric in result.metrics:
            where = f"{dim}={value}"
            found += _lines(result, metric, observed, predictions, roles, "test", where)
    return found


def _lines(
    result: Result,
    metric: Metric,
    observed: xr.Dataset,
    predictions: dict[str, xr.Dataset],
    roles: dict[str, str],
    split: str,
    where: str,
) -> list[Score]:
    run, blocks = result.run, result.blocks
    stats = {n: metric.stats(observed, p) for n, p in predictions.items()}
    base = stats[result.task.baseline]
    options: dict[str, Any] = {"n": run.bootstrap, "seed": run.seed, "level": run.level}
    lines = []
    for name, values in stats.items():
        own = block_bootstrap(metric, values, blocks, **options)
        gain = paired_gain(metric, values, base, blocks, **options)
        lines.append(
            Score(
                result.task.name,
                name,
                roles.get(name, "candidate"),
                metric.name,
                metric.better,
                own.score,
                own.low,
                own.high,
                gain.score,
                gain.low,
                gain.high,
                len(values),
                split,
                metric.units,
                own.blocks,
                where,
            )
        )
    return lines
