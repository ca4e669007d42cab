"""Watching a model in use: drift of its inputs and scores, champion against challenger."""

from __future__ import annotations

import dataclasses
import functools
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from scipy.special import stdtrit

from craton import bundle as bundles
from craton.errors import DataError
from craton.metrics import Metric, require_finite
from craton.models.base import Fitting, Model
from craton.result import Fitted, Progress
from craton.samples import Samples
from craton.scoring import Score
from craton.uncertainty import Interval, block_bootstrap, paired_gain

if TYPE_CHECKING:
    from craton.engine import Update
    from craton.loaded import Loaded


def new_rows(index: pd.DataFrame, trained: dict[str, Any]) -> NDArray[np.int64]:
    """Positions of samples that a bundle has not been trained on.

    Parameters
    ----------
    index : pd.DataFrame
        `Samples.index`.
    trained : dict
        The manifest's ``trained``: ``last`` (end of the last target) and ``groups``.

    Returns
    -------
    ndarray of int
    """
    groups = set(trained.get("groups") or [])
    if index["t0"].notna().any() and trained.get("last"):
        # the last one learnt may be issued when its target ends: it is not new
        last = pd.Timestamp(trained["last"])
        new = (index["t0"] >= last) & (index["t1"] > last)
    elif groups:
        new = ~index["group"].isin(groups)
    else:
        new = pd.Series(np.arange(len(index)) >= int(trained["n"]), index=index.index)
    return np.flatnonzero(new.to_numpy())


def drift(before: Samples, after: Samples) -> pd.DataFrame:
    """Shift of each input variable between two sets of samples.

    Returns
    -------
    pd.DataFrame
        `name`, `statistic` (Kolmogorov-Smirnov distance, 0 to 1), `shift` (difference of medians
        over the first set's interquartile range).

    References
    ----------
    Smirnov 1948, doi:10.1214/aoms/1177730256.
    """
    from scipy.stats import ks_2samp

    a, b = before.inputs(), after.inputs()
    rows = []
    for name, at in before.parts().get("variable", {}).items():
        key = next(iter(at))
        x, y = (np.ravel(v[key][at[key]]) for v in (a, b))
        x, y = x[np.isfinite(x)], y[np.isfinite(y)]
        if len(x) < 2 or len(y) < 2:
            continue
        low, mid, high = np.percentile(x, [25, 50, 75])
        shift = (np.median(y) - mid) / max(high - low, 1e-12)
        rows.append((name, float(ks_2samp(x, y).statistic), float(shift)))
    return pd.DataFrame(rows, columns=["name", "statistic", "shift"])


def compare(
    champion: Loaded, bundle: str | Path, out: str | Path | None, progress: Progress
) -> Update:
    """Champion against challenger on new samples; see `craton.engine.update`."""
    from craton.engine import Update

    clock = _Clock()
    task, config = champion.task, champion.config
    progress(0, 4, "reading the data")
    raw, record = whole_record(champion)
    samples = champion.samples(raw, config, future=False)
    new = new_rows(samples.index, champion.manifest["trained"])
    clock.took("reading")
    if len(new) == 0:
        raise DataError(
            f"none of the {len(samples)} samples is newer than, or of another group than, those "
            "the bundle was trained on",
            where=str(config.data),
            fix="give newer data",
        )
    metric = task.metrics(samples)[0]
    blocks = task.splitter(config, samples).blocks(samples.index)
    progress(1, 4, "scoring the model on what is new")
    draws = _stats(champion.fitted, metric, samples.take(new))
    stats = draws.mean(axis=0)
    own = _score(task.name, champion.fitted.name, metric, stats, blocks[new])
    clock.took("scoring")
    t0, t1 = samples.index["t0"].to_numpy(), samples.index["t1"].to_numpy()
    # NaT sorts last, so samples without a time keep the order of the data
    order = pd.unique(blocks[new[np.argsort(t0[new], kind="stable")]])
    if len(order) < 2:
        text = f"one new block only, nothing to compare; champion's {metric.name} {own.score:.4g}"
        return Update(len(new), own, None, False, text, clock.seconds)
    judged = new[np.isin(blocks[new], order[len(order) // 2 :])]
    # a target that reaches into the time judged would tell the challenger of it
    early = ~np.isin(np.arange(len(samples)), judged) & ~(t1 > t0[judged].min())
    progress(2, 4, "challenger, to be compared")
    challenger = _refit(champion, champion.fitted.model, samples.take(early), progress)
    clock.took("re-estimating")
    theirs = _stats(challenger, metric, samples.take(judged))
    gain = _gain(metric, theirs, draws[:, np.isin(new, judged)], blocks[judged])
    score = _score(task.name, challenger.name, metric, theirs.mean(axis=0), blocks[judged])
    clock.took("scoring")
    promoted = is_no_worse(gain.score, gain.low, gain.high)
    text = (
        f"{metric.name} on {len(judged)} new samples held back: challenger {score.score:.4g}, "
        f"gain over the champion {gain.score:+.3g} [{gain.low:+.3g}, {gain.high:+.3g}]"
    )
    if promoted:
        progress(3, 4, "challenger, on all data")
        whole = _refit(champion, challenger.model, samples, progress)
        clock.took("re-estimating")
        _promote(whole, champion, samples, record, bundle, out)
        clock.took("saving")
    return Update(len(new), own, score, promoted, text, clock.seconds)


def whole_record(champion: Loaded) -> tuple[xr.Dataset, list[str]]:
    """Load new data, after the record that a bundle has learnt from if they begin later.

    Returns
    -------
    xr.Dataset
        What `Task.load` gives of the data, joined to the older record by `Task.join`.
    list of str
        The data that make up the record, the oldest first.

    Raises
    ------
    DataError
        If the older record cannot be read any more.
    """
    task, config, manifest = champion.task, champion.config, champion.manifest
    raw, first = task.load(config), manifest["trained"].get("first")
    if task.join is None or first is None or raw["time"].min() <= np.datetime64(first):
        return raw, [str(config.data)]
    record = list(manifest.get("record") or [manifest["settings"].get("data")])
    parts = []
    for data in record:
        try:
            parts.append(task.load(config.model_copy(update={"data": data})))
        except DataError as error:
            raise DataError(
                f"the new data begin at {raw['time'].min().dt.strftime('%Y-%m-%d').item()}, after "
                f"the record that the model has learnt from, and that cannot be read: {error}",
                where=str(config.data),
                fix="put it back where it was, or give the whole record, old and new",
            ) from None
    return functools.reduce(task.join, [*parts, raw]), [*record, str(config.data)]


def is_no_worse(gain: float, low: float, high: float) -> bool:
    """Whether a gain with its 95 % interval is no loss of more than a standard error.

    An equal model that has seen more data is taken, then, about five times in six.

    Examples
    --------
    >>> is_no_worse(-0.1, -0.5, 0.3), is_no_worse(-0.3, -0.7, 0.1)
    (True, False)
    """
    return gain >= min(0.0, (low - high) / 4)


class _Clock:
    """Seconds of each step, those of one name added up."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.last = time.perf_counter()

    def took(self, step: str) -> None:
        now = time.perf_counter()
        self.seconds[step] = self.seconds.get(step, 0.0) + now - self.last
        self.last = now


def _refit(champion: Loaded, start: Model, train: Samples, progress: Progress) -> Fitted:
    """Refit the champion's model with its own settings; its calibration is kept."""
    old = champion.fitted
    model = old.model.replace()
    fitting = Fitting(champion.manifest.get("seed", 0), progress)
    # a state of before is a good start for an iterative fit, and ignored by the others
    model.start_from(start.state())
    return Fitted(old.name, model.fit(train, fitting), old.calibrator)


def _stats(fitted: Fitted, metric: Metric, samples: Samples) -> NDArray[np.float64]:
    """Statistics of each of the copies with other random numbers, shape (copy, sample, k)."""
    found = []
    for model in fitted.model.redrawn():
        predicted = dataclasses.replace(fitted, model=model).predict(samples)
        require_finite(predicted, fitted.name)
        found.append(metric.stats(samples.observed(), predicted))
    return np.stack(found)


def _gain(
    metric: Metric, theirs: NDArray[np.float64], ours: NDArray[np.float64], blocks: NDArray[Any]
) -> Interval:
    """Gain with an interval that holds the chance of the random numbers too.

    Models that simulate differ by them alone, more than by the samples if these are few.
    """
    found = paired_gain(metric, theirs.mean(axis=0), ours.mean(axis=0), blocks)
    copies = [
        float(metric.gain(metric.value(a.sum(axis=0)), metric.value(b.sum(axis=0))))
        for a, b in zip(theirs, ours, strict=True)
    ]
    reach = 0.0
    if len(copies) > 1:
        error = float(np.std(copies, ddof=1)) / np.sqrt(len(copies))
        reach = float(stdtrit(len(copies) - 1, 0.975)) * error
    return dataclasses.replace(
        found,
        low=found.score - float(np.hypot(found.score - found.low, reach)),
        high=found.score + float(np.hypot(found.high - found.score, reach)),
    )


def _score(
    task: str, model: str, metric: Metric, stats: NDArray[np.float64], blocks: NDArray[Any]
) -> Score:
    found = block_bootstrap(metric, stats, blocks)
    nan = float("nan")
    return Score(
        task, model, "champion", metric.name, metric.better, found.score, found.low,
        found.high, nan, nan, nan, len(stats), "new", metric.units, found.blocks,
    )  # fmt: skip


def trained_on(index: pd.DataFrame) -> dict[str, Any]:
    """What the manifest says of the samples trained on: number, times, groups."""
    timed = bool(index["t0"].notna().any())
    return {
        "n": len(index),
        "first": str(index["t0"].min()) if timed else None,
        "last": str(index["t1"].max()) if timed else None,
        "groups": sorted(set(index["group"]) - {""}),
    }


def _promote(
    fitted: Fitted, champion: Loaded, samples: Samples, record: list[str], bundle: str | Path,
    out: str | Path | None,
) -> None:  # fmt: skip
    place = Path(bundle)
    inner = place / "bundle"
    source = inner if inner.is_dir() else place
    target = source if out is None else Path(out)
    manifest = {**champion.manifest, "trained": trained_on(samples.index), "record": record}
    manifest["updated_from"] = champion.manifest["members"]
    state = {f"model.{k}": v for k, v in fitted.model.state().items()}
    state |= {f"calibrator.{k}": v for k, v in fitted.calibrator.state().items()}
    card = (source / "MODEL_CARD.md").read_text(encoding="utf-8")
    if target == source:
        shutil.copytree(source, source.with_name(source.name + ".before"), dirs_exist_ok=True)
    bundles.save(target, manifest, state, card)
