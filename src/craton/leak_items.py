"""The items of the leak audit; see `craton.leaks`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from craton import neighbours
from craton.checks import Finding
from craton.errors import DataError
from craton.leak_coordinates import fit_coordinates
from craton.metrics import Metric
from craton.models.base import Fitting, Model
from craton.result import Progress, RunConfig, silent
from craton.samples import Samples
from craton.splits import Split, Splitter
from craton.task import Task
from craton.uncertainty import Interval, block_bootstrap, paired_gain

RANDOM_FOLDS = 5
"""Random folds at the least; as many as there are honest ones, up to ten."""

SLOW = 0.05
"""Seconds of processor time a sample beyond which a probe counts as slow; only simulations are."""

FEW = 50
"""Test samples that are audited where the probe is slow: a number that no clock decides."""


@dataclass
class Evidence:
    """What the audit looks at: samples, honest splits and the probe fitted in each."""

    task: Task
    run: RunConfig
    samples: Samples
    splits: list[Split]
    splitter: Splitter
    metrics: Sequence[Metric]
    probe: str
    fitted: Sequence[Mapping[str, Model]]
    progress: Progress = silent
    numbers: list[tuple[Any, ...]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    known: dict[str, xr.Dataset] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._thin()
        self.rows = np.concatenate([s.test for s in self.splits])
        self.test = self.samples.take(self.rows)
        self.observed = self.test.observed()
        self.blocks = self.splitter.blocks(self.samples.index)[self.rows]
        self.options: dict[str, Any] = {
            "n": self.run.bootstrap,
            "seed": self.run.seed,
            "level": self.run.level,
        }

    def _thin(self) -> None:
        """Test fewer samples where the probe is slow, so that the audit takes less than the run."""
        n = sum(len(s.test) for s in self.splits)
        few = self.samples.take(self.splits[0].test[:4])
        for _ in range(2):
            # the first call may compile something
            began = time.process_time()
            self.fitted[0][self.probe].predict(few)
            if time.process_time() - began < SLOW * len(few):
                return
        if n <= FEW:
            return
        chosen = np.zeros(n, bool)
        chosen[np.random.default_rng(self.run.seed).permutation(n)[:FEW]] = True
        ends = np.cumsum([len(s.test) for s in self.splits])
        masks = np.split(chosen, ends[:-1])
        kept = [
            (replace(s, test=s.test[mask]), models)
            for s, mask, models in zip(self.splits, masks, self.fitted, strict=True)
            if mask.any()
        ]
        self.splits, self.fitted = [s for s, _ in kept], [m for _, m in kept]
        text = f"{FEW} of {n} test samples were audited, because '{self.probe}' predicts slowly"
        self.note("info", text, "samples")

    @property
    def doubted(self) -> bool:
        """Whether something speaks against the split that was given."""
        return any(f.where == "split" and f.level != "info" for f in self.findings)

    @property
    def apart(self) -> str:
        """How this run deals samples, for people: kept apart only if nothing speaks against it."""
        return "in the split as given" if self.doubted else "with training and test kept apart"

    def model(self, name: str) -> Model:
        """An unfitted model with the run's settings."""
        return self.task.model(name, self.run.models.get(name))

    def note(self, level: Any, text: str, item: str) -> None:
        """Add a finding."""
        self.findings.append(Finding(level, text, item))

    def add(
        self, item: str, split: str, what: str, value: float,
        low: float = np.nan, high: float = np.nan, n: int = 0, units: str = "1",
    ) -> None:  # fmt: skip
        """Add a line of numbers."""
        self.numbers.append(
            (item, split, what, float(value), low, high, n or len(self.rows), units)
        )

    def add_interval(self, item: str, split: str, metric: Metric, found: Interval) -> None:
        """Add a gain as a line of numbers."""
        self.add(item, split, metric.name, found.score, found.low, found.high, units=metric.units)

    def scored(self, predicted: xr.Dataset, item: str, split: str) -> list[NDArray[np.float64]]:
        """Statistics by metric, with the score and its interval added to the numbers."""
        found = []
        for metric in self.metrics:
            stats = metric.stats(self.observed, predicted)
            own = block_bootstrap(metric, stats, self.blocks, **self.options)
            self.add_interval(item, split, metric, own)
            found.append(stats)
        return found

    def gain(self, k: int, stats: NDArray[np.float64], base: NDArray[np.float64]) -> Interval:
        """Gain by the k-th metric, paired."""
        return paired_gain(self.metrics[k], stats, base, self.blocks, **self.options)


def _honest(e: Evidence, name: str) -> xr.Dataset:
    """Predictions of the test samples by a model fitted in the honest splits, uncalibrated."""
    if name not in e.known:
        parts = [
            models[name].predict(e.samples.take(split.test))
            for models, split in zip(e.fitted, e.splits, strict=True)
        ]
        e.known[name] = xr.concat(parts, "sample")
    return e.known[name]


def _random_against_honest(e: Evidence) -> None:
    """The same probe, the same test samples, as many training samples: only the dealing differs."""
    mine = e.scored(_honest(e, e.probe), "score of the probe", "honest")
    base = e.scored(_honest(e, e.task.baseline), f"score of '{e.task.baseline}'", "honest")
    theirs = e.scored(_random(e), "score of the probe", "random")
    said, flattered = [], []
    for k, metric in enumerate(e.metrics):
        gap = e.gain(k, theirs[k], mine[k])
        e.add_interval("gap", "random against honest", metric, gap)
        random, honest = (float(metric.value(s[k].sum(axis=0))) for s in (theirs, mine))
        said.append(
            f"{_words(metric.name)} {random:.3g} instead of {honest:.3g} (difference "
            f"{_interval(gap)})"
        )
        flattered += [_words(metric.name)] if gap.low > 0 else []
    verdict = "no difference is certain"
    if flattered:
        verdict = f"dealing at random would flatter the model in {' and '.join(flattered)}"
    elif e.doubted:
        verdict += ", which means little: the split itself may leak, see above"
    text = (
        f"had training and test samples been dealt at random, '{e.probe}' would score "
        f"{' and '.join(said)}: {verdict}"
    )
    e.note("warning" if flattered else "info", text, "random split")
    _skill(e, [e.gain(k, a, b) for k, (a, b) in enumerate(zip(mine, base, strict=True))])


def _skill(e: Evidence, gains: Sequence[Interval]) -> None:
    said, level = [], "info"
    for metric, gain in zip(e.metrics, gains, strict=True):
        e.add_interval("gain of the probe over the baseline", "honest", metric, gain)
        verdict = "" if gain.low > 0 else ", WORSE" if gain.high < 0 else ", no skill shown"
        said.append(f"gain in {_words(metric.name)} {_interval(gain)}{verdict}")
        level = level if gain.low > 0 else "warning"
    text = f"'{e.probe}' against the baseline '{e.task.baseline}', {e.apart}: "
    e.note(level, text + "; ".join(said), "skill")


def _random(e: Evidence) -> xr.Dataset:
    """Predictions of the test samples from folds dealt at random over all samples."""
    rng = np.random.default_rng(e.run.seed)
    tested = np.unique(e.rows)
    fold = np.full(len(e.samples), -1)
    folds = min(max(RANDOM_FOLDS, min(len(e.splits), 10)), len(tested))
    fold[tested] = rng.permutation(len(tested)) % folds
    size = round(float(np.mean([len(s.train) for s in e.splits])))
    parts = []
    for k in range(folds):
        e.progress(k, folds, "leak audit: random folds")
        rest = np.flatnonzero(fold != k)
        # as many training samples as the honest split has, so that the gap is not one of size
        train = np.sort(rng.permutation(rest)[:size])
        model = e.model(e.probe).fit(e.samples.take(train), Fitting(e.run.seed))
        parts.append((np.flatnonzero(fold == k), model))
    predicted = [model.predict(e.samples.take(rows)) for rows, model in parts]
    order = {row: i for i, row in enumerate(np.concatenate([rows for rows, _ in parts]))}
    return xr.concat(predicted, "sample").isel(sample=[order[r] for r in e.rows])


def _coordinates(e: Evidence) -> None:
    """Place and time alone: a model that needs nothing else has learnt a map or a calendar."""
    declared = e.task.coordinates_only
    names = tuple(n for n in ("x", "y", "t0") if e.samples.index[n].notna().all())
    if declared:
        known = declared
        text = f"the baseline '{declared}', which knows place or time and nothing else,"
        predicted = _honest(e, declared)
    elif not names:
        e.note("info", "does not apply here: the samples have neither place nor time",
               "coordinates only")  # fmt: skip
        return
    else:
        known, predicted = fit_coordinates(e, names)
        what = {"x": "x", "y": "y", "t0": "time"}
        text = f"'{known}' fitted on {' and '.join(what[n] for n in names)} alone"
    stats = e.scored(predicted, "score from coordinates only", "honest")
    probe, base = (
        [m.stats(e.observed, _honest(e, n)) for m in e.metrics] for n in (e.probe, e.task.baseline)
    )
    said, alone = [], []
    for k, metric in enumerate(e.metrics):
        less, more = e.gain(k, probe[k], stats[k]), e.gain(k, stats[k], base[k])
        score = float(metric.value(stats[k].sum(axis=0)))
        said.append(
            f"{_words(metric.name)} {score:.3g} ('{e.probe}' with all inputs gains "
            f"{_interval(less)} over that)"
        )
        alone += [metric.name] if less.low <= 0 and more.low > 0 and not declared else []
    tail = ": most of the skill may be a map or a calendar" if alone else ""
    reached = f"{text} reaches {'; '.join(said)}{tail}"
    e.note("warning" if alone else "info", reached, "coordinates only")


def _duplicates(e: Evidence) -> None:
    table = neighbours.input_table(e.samples)
    if table is None:
        raise DataError("the samples have no numeric inputs of their own")
    found = {}
    for kind, parts in _both(e).items():
        exact = near = n = 0
        for split in parts:
            same, close = neighbours.count_repeats(table, split.train, split.test, e.run.seed)
            exact, near, n = exact + same, near + close, n + len(split.test)
        e.add("exact duplicates across the split", kind, "share of test samples", exact / n, n=n)
        e.add("near duplicates across the split", kind, "share of test samples", near / n, n=n)
        found[kind] = (exact, near, n)
    exact, near, n = found["random"]
    dealt = f"dealt at random: {exact} and {near} of {n}"
    exact, near, n = found["honest"]
    some = exact + near > max(1, 0.001 * n)
    text = (
        f"{exact} of {n} test samples have the very inputs of a training sample, {near} more "
        f"almost the same ({dealt})"
    )
    e.note("warning" if some else "info", text, "duplicates")


def _both(e: Evidence) -> dict[str, list[Split]]:
    """The honest splits, and one that deals rows at random."""
    return {"honest": e.splits, "random": [_random_split(e)]}


def _random_split(e: Evidence) -> Split:
    order = np.random.default_rng(e.run.seed).permutation(len(e.samples))
    k = len(order) // RANDOM_FOLDS
    return Split(np.sort(order[k:]), np.zeros(0, np.int64), np.sort(order[:k]), "random")


def _places(e: Evidence) -> None:
    xy = e.samples.index[["x", "y"]].to_numpy(float)
    if not np.isfinite(xy).all():
        e.note("info", "does not apply here: the samples have no place", "shared places")
        return
    place = pd.factorize(pd.MultiIndex.from_arrays(list(np.round(xy, 2).T)))[0]
    shares = {}
    for kind, parts in _both(e).items():
        shared = np.concatenate([np.isin(place[s.test], place[s.train]) for s in parts])
        shares[kind] = float(shared.mean())
        e.add("shared places", kind, "share of test samples", shares[kind], n=len(shared))
    text = (
        f"{100 * shares['honest']:.1f} % of the test samples are at the place of a training "
        f"sample, to 0.01 in x and y (dealt at random: {100 * shares['random']:.1f} %)"
    )
    e.note("warning" if shares["honest"] > 0 else "info", text, "shared places")


def _distances(e: Evidence) -> None:
    index = e.samples.index
    found = False
    for item, columns, units in (("distance in place", ["x", "y"], "units of x and y"),
                                 ("distance in time", ["t0"], "d")):  # fmt: skip
        if not index[columns].notna().all(axis=None):
            continue
        found = True
        if columns == ["t0"]:
            at = ((index["t0"] - index["t0"].min()) / pd.Timedelta("1D")).to_numpy(float)[:, None]
        else:
            at = index[columns].to_numpy(float)
        said = {}
        for kind, parts in _both(e).items():
            d = np.concatenate([neighbours.nearest(at[s.train], at[s.test]) for s in parts])
            low, mid = np.percentile(d, [5, 50])
            e.add(item, kind, "median to the nearest training sample", mid, n=len(d), units=units)
            e.add(item, kind, "5 % of the test samples are nearer than", low, n=len(d), units=units)
            said[kind] = (mid, low)
        (mid, low), (mid_random, low_random) = said["honest"], said["random"]
        text = (
            f"half of the test samples are {mid:.3g} {'days' if units == 'd' else units} or more "
            f"from the nearest training sample, 95 % {low:.3g} or more (dealt at random: "
            f"{mid_random:.3g} and {low_random:.3g})"
        )
        e.note("info", text, "distance")
    if not found:
        e.note("info", "does not apply here: the samples have neither place nor time", "distance")


def _columns(e: Evidence) -> None:
    """Each variable of the table alone: one that is enough was computed from the target."""
    target = e.samples.target.name
    inputs = e.samples.inputs()
    truth = e.samples.observed()[target].to_numpy() if target in e.observed else np.zeros((0, 0))
    if "x" not in inputs or inputs["x"].ndim != 2 or truth.ndim != 1:
        e.note("info", "does not apply here: the inputs are no table, or the target is no single "
               "value", "columns")  # fmt: skip
        return
    named = {
        spots["x"][1]: name
        for name, spots in e.samples.parts().get("variable", {}).items()
        if "x" in spots and len(spots["x"]) == 2 and np.ndim(spots["x"][1]) == 0
    }
    classes = len(e.samples.target.categories)
    best, flagged = ("", -np.inf), []
    for i in range(inputs["x"].shape[1]):
        name = named.get(i, f"column {i}")
        found = neighbours.alone(inputs["x"][:, i], truth, e.splits, classes)
        what = "accuracy of this column alone" if classes else "R2 of this column alone"
        e.add("column alone", "honest", f"{name}: {what}", found.score)
        best = max(best, (name, found.score), key=lambda b: b[1])
        if found.gives_away:
            flagged.append(name)
            e.note(
                "warning",
                f"'{name}' alone gives the target away ({what.split()[0]} {found.score:.3f}, "
                f"without it {found.trivial:.3f}): was it measured later, or made from it?",
                "columns",
            )
    if not flagged:
        what = "accuracy" if classes else "R2"
        said = f"; the best, '{best[0]}', reaches {what} {best[1]:.3g}" if best[0] else ""
        e.note("info", f"no column alone gives the target away{said}", "columns")


def _words(name: str) -> str:
    return name.replace("_", " ")


def _interval(gain: Interval) -> str:
    return f"{gain.score:+.3g} [{gain.low:+.3g}, {gain.high:+.3g}]"


ITEMS: tuple[tuple[str, Callable[[Evidence], None]], ...] = (
    ("random split", _random_against_honest),
    ("coordinates only", _coordinates),
    ("duplicates", _duplicates),
    ("shared places", _places),
    ("distance", _distances),
    ("columns", _columns),
)
"""Name and function of each item, in the order of the report."""
