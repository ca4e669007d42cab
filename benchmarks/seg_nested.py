"""Facies of the nine real wells, everything chosen without the well that is scored.

CRATON_DATA_DIR=DIR python benchmarks/seg_nested.py [FOLDER]

For each well the choice among `configurations` is made by leaving out the other wells in turn: a
model fitted without wells A and B predicts B where A is scored, and A where B is. The choice goes
by log loss, as in every run; a blend counts as one more configuration, its weights for an inner
well learnt on the others. The chosen one is then fitted on all wells but the scored one, and its
temperature learnt on the inner predictions. The pseudo-well is trained on, never scored.

Other rules of choice are reported beside it; none was taken for its score. What remains optimistic
is the list itself, made by people who had seen scores in these wells. Predictions are kept in
FOLDER, by default in the system's folder for temporary files, so that a run that was stopped goes
on where it was.

Of 268 rows of sandstone (SS), 247 are in SHANKLE and CROSS H CATTLE: where one of them is scored
and the other left out inside, models hardly know it, and the inner losses are higher.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from craton.engine import prepare
from craton.io.files import atomic
from craton.metrics import Metric, accuracy, score
from craton.models.along_well import AlongWell, along_well
from craton.models.base import Fitting
from craton.models.blend import choose_weights, mix
from craton.models.boosting import LightGBM
from craton.models.linear import Logistic
from craton.models.svm import SVM
from craton.models.trees import ExtraTrees
from craton.provenance import sha256_text
from craton.result import RunConfig
from craton.samples import Samples
from craton.uncertainty import Interval, Temperature, block_bootstrap, paired_gain
from craton.wells import LogWindows

RESULT = Path(__file__).parent / "results" / "seg_nested.json"
UNTUNED = "extra-trees row 0v leaf 3"
Predictions = dict[str, dict[str, xr.Dataset]]
"""Configuration to well to prediction."""


@dataclass(frozen=True)
class Configuration:
    """A model, the half width of its window in rows, and whether it sees the bed."""

    model: AlongWell
    half: int = 10
    bed: bool = True


FEATURES: dict[str, tuple[str, int, bool]] = {
    "row": ("row", 10, False),
    "bed": ("bed", 10, True),
    "window 10": ("window", 10, False),
    "window 10 + bed": ("window", 10, True),
    "window 20 + bed": ("window", 20, True),
}
"""Context, half width and whether with the bed."""


def configurations() -> dict[str, Configuration]:
    """All that is chosen from: trees by features, vintages and size; and other models."""
    found = {}
    # three vintages and a leaf of three would make leaves of one row's copies
    sizes = ((0, 3), (0, 8), (3, 8))
    for (name, (context, half, bed)), (vintages, leaf) in itertools.product(
        FEATURES.items(), sizes
    ):
        model = along_well(
            ExtraTrees, trees=200, threads=1, min_leaf=leaf, context=context, vintages=vintages
        )
        found[f"extra-trees {name} {vintages}v leaf {leaf}"] = Configuration(model, half, bed)
    trees = {"trees": 200, "threads": 1}
    for vintages, leaf in ((0, 3), (3, 8)):
        model = along_well(ExtraTrees, **trees, min_leaf=leaf, vintages=vintages, aligned=True)
        found[f"extra-trees aligned bed {vintages}v leaf {leaf}"] = Configuration(model)
    model = along_well(ExtraTrees, **trees, min_leaf=3, smooth=True)
    found["extra-trees markov bed 0v leaf 3"] = Configuration(model)
    for name in ("bed", "window 10 + bed", "window 20 + bed"):
        context, half, bed = FEATURES[name]
        for leaves in (7, 15):
            model = along_well(LightGBM, rounds=80, leaves=leaves, min_leaf=40, context=context)
            found[f"lightgbm {name} {leaves} leaves"] = Configuration(model, half, bed)
    found["svm row"] = Configuration(along_well(SVM, cost=10.0, context="row"))
    found["svm aligned bed"] = Configuration(along_well(SVM, cost=1.0, aligned=True))
    found["logistic markov row"] = Configuration(
        along_well(Logistic, penalty=10.0, context="row", smooth=True)
    )
    return found


class Wells:
    """Samples of the wells, and predictions of each well by models that were not given it."""

    def __init__(self, samples: Samples, scored: list[str], folder: Path) -> None:
        self.samples, self.scored, self.folder = samples, scored, folder
        self.group = samples.index["group"].to_numpy(str)
        self.target = samples.target.name
        truth = {w: self.take(w).observed() for w in scored}
        self.truth = {w: o[[self.target]] for w, o in truth.items()}
        self.all_truth = join(list(self.truth.values()))
        rows = [o.sizes["sample"] for o in self.truth.values()]
        self.blocks = np.repeat(np.arange(len(scored)), rows)

    def take(self, *wells: str) -> Samples:
        return self.samples.take(np.flatnonzero(np.isin(self.group, wells)))

    def predict(self, choice: Configuration, out: tuple[str, ...]) -> dict[str, xr.Dataset]:
        """Predict the wells left out, or look up what was predicted before."""
        settings = (type(choice.model).__name__, choice.model.config.model_dump_json())
        key = sha256_text([*settings, choice.half, choice.bed, *out])[:24]
        place = self.folder / f"{key}.json"
        if not place.is_file():
            gather = self.samples.gather
            assert isinstance(gather, LogWindows)
            beds = gather.beds if choice.bed else ()
            gather = dataclasses.replace(gather, half=choice.half, beds=beds)
            own = dataclasses.replace(self.samples, gather=gather)
            inside = own.take(np.flatnonzero(~np.isin(self.group, out)))
            model = choice.model.replace().fit(inside, Fitting(0))
            made = {}
            for well in out:
                rows = np.flatnonzero(self.group == well)
                p = model.predict(own.take(rows))[self.target]
                made[well] = np.round(p.to_numpy().astype(float), 6).tolist()
            with atomic(place) as part:
                part.write_text(json.dumps(made), encoding="utf-8")
        kept = json.loads(place.read_text(encoding="utf-8"))
        return {w: as_prediction(np.array(kept[w], np.float32), self.target) for w in out}


def as_prediction(p: NDArray[Any], target: str) -> xr.Dataset:
    return xr.Dataset({target: (("sample", "category"), p)})


def join(parts: list[xr.Dataset]) -> xr.Dataset:
    return xr.concat(parts, "sample")


def fit_all(wells: Wells) -> dict[tuple[str, ...], Predictions]:
    """Left-out wells to configuration to well to prediction."""
    choices = configurations()
    left = [c for n in (1, 2) for c in itertools.combinations(wells.scored, n)]
    found: dict[tuple[str, ...], Predictions] = {out: {} for out in left}
    start = time.perf_counter()
    for i, (name, choice) in enumerate(choices.items()):
        for out in left:
            found[out][name] = wells.predict(choice, out)
        seconds = time.perf_counter() - start
        print(f"{i + 1}/{len(choices)} {name}: {seconds:.0f} s", flush=True)
    return found


@dataclass
class Inside:
    """Predictions of the wells inside, with the scored well never seen, and their loss."""

    wells: Wells
    names: list[str]
    found: dict[str, Predictions]
    """Inner well to configuration to well to prediction."""

    def given(self, name: str, well: str) -> NDArray[Any]:
        """Probability that a configuration gave to the true class, in an inner well."""
        p = self.found[well][name][well][self.wells.target].to_numpy()
        truth = self.wells.truth[well][self.wells.target].to_numpy()
        return np.asarray(p[np.arange(len(truth)), truth], float)

    def weights(self, without: str = "") -> dict[str, float]:
        """Weights of a blend, by log loss in the inner wells but one."""
        given = {
            n: xr.Dataset({"p": ("sample", np.concatenate(
                [self.given(n, w) for w in self.found if w != without]))})
            for n in self.names
        }  # fmt: skip
        return choose_weights(lambda d: loss(d["p"].to_numpy()), given)

    def losses(self) -> dict[str, float]:
        """Log loss of each configuration in the inner wells; of the blend with other weights."""
        found = {n: loss(np.concatenate([self.given(n, w) for w in self.found]))
                 for n in self.names}  # fmt: skip
        blended = []
        for well in self.found:
            weights = self.weights(without=well)
            blended.append(sum(k * self.given(n, well) for n, k in weights.items()))
        found["blend"] = loss(np.concatenate(blended))
        return found

    def accuracies(self) -> dict[str, float]:
        """Accuracy of each configuration in the inner wells."""
        truth = join([self.wells.truth[w] for w in self.found])
        metric = accuracy(self.wells.target)
        return {n: score(metric, truth, self.mixed({n: 1.0})) for n in self.names}

    def mixed(self, weights: dict[str, float]) -> xr.Dataset:
        """Predictions of the inner wells by a blend."""
        return join([mix({n: p[n][w] for n in weights}, weights) for w, p in self.found.items()])


def loss(given: NDArray[Any]) -> float:
    return float(-np.log(np.maximum(given, 1e-12)).mean())


def judge(wells: Wells, found: dict[tuple[str, ...], Predictions]) -> dict[str, Any]:
    """Choose inside, score outside, by several rules of choice."""
    names = list(configurations())
    told: dict[str, list[xr.Dataset]] = {}
    chosen: dict[str, dict[str, Any]] = {}
    for well in wells.scored:
        pairs = {w: found[tuple(sorted((well, w), key=wells.scored.index))]
                 for w in wells.scored if w != well}  # fmt: skip
        inside = Inside(wells, names, pairs)
        losses, right, weights = inside.losses(), inside.accuracies(), inside.weights()
        single = min(names, key=lambda n: losses[n])
        best = weights if losses["blend"] < losses[single] else {single: 1.0}
        rules = {
            "nested": best,
            "nested, no blend": {single: 1.0},
            "nested, no blend, by accuracy": {max(names, key=lambda n: right[n]): 1.0},
            "mean of all": dict.fromkeys(names, 1 / len(names)),
            UNTUNED: {UNTUNED: 1.0},
        }
        truth = join([wells.truth[w] for w in pairs])
        for rule, use in rules.items():
            out = mix({n: found[(well,)][n][well] for n in use}, use)
            calibrator = Temperature(wells.target).fit(truth, inside.mixed(use))
            told.setdefault(rule, []).append(calibrator.apply(out))
        chosen[well] = {
            "weights": best,
            "by_accuracy": next(iter(rules["nested, no blend, by accuracy"])),
            "inner_log_loss": {"blend": losses["blend"], single: losses[single]},
        }
        print(well, json.dumps(chosen[well]), flush=True)
    return {"chosen": chosen, "told": {rule: join(parts) for rule, parts in told.items()}}


def scores(metrics: list[Metric], wells: Wells, predicted: xr.Dataset) -> dict[str, Any]:
    """Each score with its interval over wells, and the accuracy by well."""
    found: dict[str, Any] = {}
    for metric in metrics:
        stats = metric.stats(wells.all_truth, predicted)
        found[metric.name] = rounded(block_bootstrap(metric, stats, wells.blocks))
    right = accuracy(wells.target).stats(wells.all_truth, predicted)[:, 0]
    found["accuracy_by_well"] = {
        w: round(float(right[wells.blocks == i].mean()), 4) for i, w in enumerate(wells.scored)
    }
    return found


def gain(wells: Wells, predicted: xr.Dataset, base: xr.Dataset) -> list[float]:
    """Gain in accuracy, with its interval on the same resamples of wells."""
    metric = accuracy(wells.target)
    mine, theirs = (metric.stats(wells.all_truth, p) for p in (predicted, base))
    return rounded(paired_gain(metric, mine, theirs, wells.blocks))


def hindsight(wells: Wells, found: dict[tuple[str, ...], Predictions]) -> dict[str, float]:
    """Accuracy of each configuration in the scored wells, which no choice has seen."""
    told = {name: join([found[(w,)][name][w] for w in wells.scored]) for name in configurations()}
    metric = accuracy(wells.target)
    return {n: round(score(metric, wells.all_truth, p), 4) for n, p in told.items()}


def rounded(interval: Interval) -> list[float]:
    return [round(v, 4) for v in (interval.score, interval.low, interval.high)]


def main() -> None:
    """Fit, choose, score, print and keep."""
    folder = Path(sys.argv[1] if sys.argv[1:] else Path(tempfile.gettempdir()) / "seg_nested")
    folder.mkdir(parents=True, exist_ok=True)
    run = RunConfig.of("well-lithofacies", {"data": "seg2016-facies"})
    task, config, _, samples, _ = prepare(run)
    group = dict.fromkeys(samples.index["group"].to_numpy(str).tolist())
    wells = Wells(samples, [w for w in group if w not in config.train_only], folder)
    fitted = fit_all(wells)
    judged = judge(wells, fitted)
    metrics = list(task.metrics(samples))
    found = {
        "data": "seg2016-facies, nine real wells",
        "samples": sum(len(wells.take(w)) for w in wells.scored),
        "configurations": list(configurations()),
        "scores": {rule: scores(metrics, wells, p) for rule, p in judged["told"].items()},
        "gain_in_accuracy_over_untuned": gain(
            wells, judged["told"]["nested"], judged["told"][UNTUNED]
        ),
        "chosen": judged["chosen"],
        "accuracy_in_hindsight": hindsight(wells, fitted),
    }
    text = json.dumps(found, indent=1)
    RESULT.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
