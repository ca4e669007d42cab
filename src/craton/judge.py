"""The judge: fits and predicts every model in every split, and chooses between them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from craton import provenance
from craton.checks import Finding
from craton.config import search_space
from craton.errors import DataError
from craton.metrics import require_finite
from craton.models.base import Fitting, Model
from craton.models.blend import Blend, choose_weights, mix
from craton.result import BLEND, Fitted, Progress, Result, RunConfig
from craton.samples import Samples
from craton.scoring import score_all, score_by
from craton.splits import Split, Splitter
from craton.store import Stage, Store
from craton.task import Task
from craton.uncertainty import Calibrator


def suited(task: Task, samples: Samples) -> list[str]:
    """The candidates of a task that its samples suit."""
    return [name for name, model in task.models.items() if model.suits(samples)]


class Judge:
    """Fits and predicts every model in every split; the test part is predicted once."""

    def __init__(
        self,
        task: Task,
        run: RunConfig,
        samples: Samples,
        splitter: Splitter,
        store: Store,
        progress: Progress,
        n_splits: int,
    ) -> None:
        self.task, self.run, self.samples, self.splitter = task, run, samples, splitter
        self.store, self.progress = store, progress
        self.metrics = list(task.metrics(samples))
        self.candidates = list(run.candidates or suited(task, samples))
        self.names = [*task.baselines, *(c for c in self.candidates if c not in task.baselines)]
        self.fingerprint = _fingerprint(samples)
        self.raw: dict[str, list[xr.Dataset]] = {}
        self.calibrated: dict[str, list[xr.Dataset]] = {}
        self.selection: dict[str, list[float]] = {}
        self.weights: list[dict[str, float]] = []
        self.fitted: list[dict[str, Fitted]] = []
        self.settings: dict[str, dict[str, Any]] = {}
        self.done, self.total = 0, n_splits * len(self.names)

    def judge(self, split: Split) -> None:
        """Fit, calibrate and predict all models of one split."""
        train, test = self.samples.take(split.train), self.samples.take(split.test)
        stages = {name: self._stage(name, split, train, test) for name in self.names}
        inner = train.take(np.concatenate([f.test for f in self._folds(train)]))
        truth = inner.observed()
        # where the split sets nothing aside, calibration is learnt out of fold
        aside = len(split.calibrate) > 0
        where, held = ("calibrate", self.samples.take(split.calibrate)) if aside else ("oof", inner)
        found = {n: s.predictions for n, s in stages.items()}
        models = {n: self._model(n).with_state(s.state) for n, s in stages.items()}
        weights = self._weights(truth, {n: found[n]["oof"] for n in self.candidates})
        if weights:
            found[BLEND] = {
                part: mix({n: found[n][part] for n in weights}, weights)
                for part in found[self.candidates[0]]
            }
            models[BLEND] = Blend({n: models[n] for n in weights}, weights)
        fitted = {}
        for name, predicted in found.items():
            require_finite(predicted["test"], name)
            calibrator = self._calibrator(held, predicted[where])
            fitted[name] = Fitted(name, models[name], calibrator)
            self.selection.setdefault(name, []).append(self._loss(truth, predicted["oof"]))
            self.raw.setdefault(name, []).append(predicted["test"])
            self.calibrated.setdefault(name, []).append(calibrator.apply(predicted["test"]))
        self.weights.append(weights)
        self.fitted.append(fitted)

    def result(
        self,
        config: Any,
        data: xr.Dataset,
        findings: list[Finding],
        splits: list[Split],
        audits: list[list[str]],
    ) -> Result:
        """Score what was predicted and choose, by what was seen inside the training parts."""
        rows = np.concatenate([s.test for s in splits])
        test = self.samples.take(rows)
        predictions = {n: xr.concat(p, "sample") for n, p in self.calibrated.items()}
        observed = test.observed()
        blocks = self.splitter.blocks(self.samples.index)[rows]
        selection = {n: float(np.mean(v)) for n, v in self.selection.items()}
        chosen = [n for n in selection if n in (*self.candidates, BLEND)]
        selected = min(chosen or selection, key=lambda n: selection[n])
        weights = {
            n: float(np.mean([w.get(n, 0.0) for w in self.weights])) for n in self.candidates
        }
        roles = {n: "reference" for n in self.task.baselines}
        roles |= {n: "candidate" for n in chosen}
        roles |= {selected: "selected", self.task.baseline: "baseline"}
        result = Result(
            self.task, self.run, config, data, self.samples, findings, self.splitter, splits,
            audits, self.metrics, observed, test, blocks, predictions, selection, selected,
            {n: w for n, w in weights.items() if w > 0}, fitted=self.fitted,
        )  # fmt: skip
        names = splits[0].name if len(splits) == 1 else f"{len(splits)} folds"
        result.scores = score_all(result, roles, names)
        result.breakdown = [s for d in self.task.breakdown for s in score_by(result, roles, d)]
        return result

    def final(self, result: Result) -> Fitted:
        """The model to keep: the one tested, or with several splits one refitted on all samples.

        In the second case the calibration is learnt on the pooled out-of-fold predictions.
        """
        name = result.selected
        if len(result.splits) == 1:
            return result.fitted[0][name]
        members = result.weights if name == BLEND else {name: 1.0}
        whole = Split(np.arange(len(self.samples)), np.zeros(0, int), np.zeros(0, int), "all")
        models = {}
        for member in members:
            stage = self._stage(member, whole, self.samples, None)
            models[member] = self._model(member).with_state(stage.state)
        model = Blend(models, members) if name == BLEND else models[name]
        pooled = xr.concat(self.raw[name], "sample")
        return Fitted(name, model, self._calibrator(result.test, pooled))

    def _model(self, name: str) -> Model:
        return self.task.model(
            name, {**self.run.models.get(name, {}), **self.settings.get(name, {})}
        )

    def _calibrator(self, held: Samples, predicted: xr.Dataset) -> Calibrator:
        return self.task.calibrator(held.target).fit(held.observed(), predicted)

    def _loss(self, observed: xr.Dataset, predicted: xr.Dataset) -> float:
        metric = self.metrics[0]
        value = float(metric.value(metric.stats(observed, predicted).sum(axis=0)))
        if np.isnan(value):
            raise DataError(
                f"{metric.name} cannot be computed inside the training part: nothing to score",
                where=self.task.name,
                fix="give a longer or fuller record",
            )
        return float(metric.loss(value))

    def _weights(self, truth: xr.Dataset, predictions: dict[str, xr.Dataset]) -> dict[str, float]:
        if not self.task.blend or len(predictions) < 2:
            return {}
        return choose_weights(lambda p: self._loss(truth, p), predictions)

    def _folds(self, train: Samples) -> list[Split]:
        return list(self.splitter.folds(train.index, self.run.folds))

    def _stage(self, name: str, split: Split, train: Samples, test: Samples | None) -> Stage:
        if self.run.tune and name in self.candidates and test is not None:
            self.settings[name] = self._tuned(name, train)
        model = self._model(name)
        rows = (split.train.tobytes(), split.test.tobytes(), split.calibrate.tobytes())
        folds = [f.test.tobytes() for f in self._folds(train)] if test is not None else []
        what = (self.task.name, self.run.settings, self.run.seed, *folds, self.fingerprint)
        made_by = (name, model.config, provenance.versions())
        key = provenance.sha256_text([*rows, *what, *made_by])[:24]
        step = f"{name}, {split.name}" + (", done before" if self.store.holds(key) else "")
        self.progress(self.done, self.total, step)

        def compute() -> Stage:
            predictions = {}
            if test is not None:
                predictions["oof"] = self._out_of_fold(name, train, key)
            fitted = self._fit(name, train, key, split.name, told=test is not None)
            if test is not None:
                predictions["test"] = fitted.predict(test)
                if len(split.calibrate):
                    predictions["calibrate"] = fitted.predict(self.samples.take(split.calibrate))
            return Stage(fitted.state(), predictions)

        stage = self.store.stage(key, compute)
        self.done += test is not None
        self.progress(self.done, self.total, step)
        return stage

    def _out_of_fold(self, name: str, train: Samples, key: str) -> xr.Dataset:
        parts = []
        folds = self._folds(train)
        for i, fold in enumerate(folds):
            where = f"fold {i + 1}/{len(folds)}"
            fitted = self._fit(name, train.take(fold.train), f"{key}-{i}", where)
            parts.append(fitted.predict(train.take(fold.test)))
        return xr.concat(parts, "sample")

    def _fit(self, name: str, train: Samples, key: str, where: str, told: bool = False) -> Model:
        def progress(done: int, total: int, text: str) -> None:
            self.progress(self.done, self.total, f"{name}, {where}: {text} {done}/{total}")

        fitting = Fitting(self.run.seed, progress, self.store.checkpoint(key), told)
        return self._model(name).fit(train, fitting)

    def _tuned(self, name: str, train: Samples) -> dict[str, Any]:
        """Search settings on the folds inside a training part."""
        from craton.models.tuning import tune

        # not the settings found in another split, whose training part may hold this one's test
        base = self.task.model(name, self.run.models.get(name))
        space = search_space(base.Config)
        if not space:
            return {}
        folds = self._folds(train)
        truth = train.take(np.concatenate([f.test for f in folds])).observed()

        def loss(model: Model) -> float:
            parts = [
                model.replace()
                .fit(train.take(f.train), Fitting(self.run.seed))
                .predict(train.take(f.test))
                for f in folds
            ]
            return self._loss(truth, xr.concat(parts, "sample"))

        def progress(done: int, total: int, text: str) -> None:
            self.progress(self.done, self.total, f"{name}: search {done}/{total} {text}")

        return tune(base.replace, loss, trials=self.run.tune, seed=self.run.seed, progress=progress)


def _fingerprint(samples: Samples, most: int = 200) -> str:
    """Hash of the data, the index, and some inputs and observations: what a fit depends on.

    Between an interrupted run and the next the task's file may have changed, not only the data.
    """
    few = samples.take(np.unique(np.linspace(0, len(samples) - 1, most).astype(int)))
    cut = [f"{k}{v.shape}{provenance.sha256_bytes(v)}" for k, v in sorted(few.inputs().items())]
    index = provenance.sha256_bytes(pd.util.hash_pandas_object(samples.index).to_numpy())
    whole = (provenance.sha256_data(samples.data), provenance.sha256_data(few.observed()))
    return provenance.sha256_text([*whole, index, *cut])
