"""What a run is given and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pydantic
import xarray as xr
from numpy.typing import NDArray

from craton.checks import Finding
from craton.config import Config, build
from craton.errors import ConfigError
from craton.metrics import Metric, require_finite
from craton.models.base import Model, about
from craton.samples import Samples
from craton.scoring import Score
from craton.splits import Split, Splitter
from craton.task import Task
from craton.uncertainty import Calibrator, paired_gain

BLEND = "blend"
Progress = Callable[[int, int, str], None]


def silent(done: int, total: int, text: str) -> None:
    """Report nothing."""


class RunConfig(Config):
    """Settings of a run, the same for every task; written to ``config.yaml`` and read back.

    Attributes
    ----------
    task : str
        Task name, or a Python file that defines one.
    settings : dict
        The task's own settings.
    models : dict
        Model name to settings that differ from the task's.
    candidates : tuple of str
        Candidates to fit; all if empty.
    seed, folds, bootstrap, level
        Seed; folds inside the training part; resamples and coverage of intervals.
    tune : int
        Trials of a search for each candidate, inside the training part; 0 for none.
    audit : bool
        Whether to run the leak audit.
    explain : int
        Test samples used by explanations; 0 for none.
    """

    task: str
    settings: dict[str, Any] = pydantic.Field(default_factory=dict)
    models: dict[str, dict[str, Any]] = pydantic.Field(default_factory=dict)
    candidates: tuple[str, ...] = ()
    seed: int = pydantic.Field(0, ge=0)
    folds: int = pydantic.Field(3, ge=2, le=50)
    bootstrap: int = pydantic.Field(1000, ge=100, le=100_000)
    level: float = pydantic.Field(0.95, gt=0.5, lt=1)
    tune: int = pydantic.Field(0, ge=0, le=10_000)
    audit: bool = True
    explain: int = pydantic.Field(1000, ge=0)

    @classmethod
    def of(cls, task: str, values: Mapping[str, Any]) -> RunConfig:
        """Sort ``--set`` values into the run's own, the models' and the task's."""
        own = {k: v for k, v in values.items() if k in cls.model_fields and k != "task"}
        rest = {k: v for k, v in values.items() if k not in cls.model_fields}
        settings = own.get("settings") or {}
        if not isinstance(settings, Mapping):
            raise ConfigError(
                f"'settings' is {settings!r}, a mapping was expected",
                where=task,
                fix="give --set key=VALUE",
            )
        own["settings"] = {**settings, **rest}
        return build(cls, {**own, "task": task}, where=task)


@dataclass
class Fitted:
    """A fitted model with its calibration."""

    name: str
    model: Model
    calibrator: Calibrator

    def predict(self, samples: Samples) -> xr.Dataset:
        """Predict and calibrate; refuse anything that is not finite."""
        found = self.calibrator.apply(self.model.predict(samples))
        require_finite(found, self.name)
        return found


@dataclass
class Result:
    """Everything a run found; reports and products are made from it."""

    task: Task
    run: RunConfig
    config: Any
    data: xr.Dataset
    samples: Samples
    findings: list[Finding]
    splitter: Splitter
    splits: list[Split]
    audits: list[list[str]]
    metrics: list[Metric]
    observed: xr.Dataset
    test: Samples
    blocks: NDArray[Any]
    predictions: dict[str, xr.Dataset]
    selection: dict[str, float]
    selected: str
    weights: dict[str, float]
    scores: list[Score] = field(default_factory=list)
    breakdown: list[Score] = field(default_factory=list)
    fitted: list[dict[str, Fitted]] = field(default_factory=list)
    final: Fitted | None = None
    leaks: Any = None
    explanation: Any = None
    seconds: dict[str, float] = field(default_factory=dict)
    folder: Path | None = None

    def score(self, model: str, metric: str) -> Score:
        """The score of a model by name."""
        return next(s for s in self.scores if s.model == model and s.metric == metric)

    def verdict(self) -> str:
        """Is the selected model better than the baseline, and does the split let us say so?"""
        doubts = [f.text for f in self.findings if f.where == "split" and f.level == "warning"]
        lines = [self._gain(), *self.better_references]
        return " ".join([*lines, *(f"But doubt the split: {text}." for text in doubts)])

    @cached_property
    def cautions(self) -> list[str]:
        """What the task says must be told to who uses the selected model, a line each."""
        return list(self.task.cautions(self))

    @cached_property
    def known_answer(self) -> list[str]:
        """Whether the known answer of the task's example was found, a line for each statement.

        Empty for a run on other data, with some of the models only, or with settings that took
        away what the answer looks at.
        """
        if getattr(self.config, "data", None) is not None or self.run.candidates:
            return []
        try:
            answer = self.task.answer(self)
        except (LookupError, StopIteration):
            return []
        return [f"{'found' if ok else 'NOT FOUND'}: {text}" for text, ok in answer]

    @cached_property
    def better_references(self) -> list[str]:
        """A sentence for each reference, the baseline apart, that beats the selected model."""
        metric, beyond, level_with = self.metrics[0], [], []
        others = [n for n in self.task.baselines if n not in (self.task.baseline, self.selected)]
        run = self.run
        for name in others:
            theirs, mine = (
                metric.stats(self.observed, self.predictions[n]) for n in (name, self.selected)
            )
            gain = paired_gain(
                metric, theirs, mine, self.blocks, n=run.bootstrap, seed=run.seed, level=run.level
            )
            if not gain.score > 0:
                continue
            best = all(self._loss(name) < self._loss(n) for n in self.predictions if n != name)
            than = "every model" if best else f"'{self.selected}'"
            scores = [f"{self.score(n, metric.name).score:.4g}" for n in (name, self.selected)]
            what = about(self.task.model(name))
            line = (
                f"The reference '{name}' ({what}) does better than {than}: "
                f"{metric.name.replace('_', ' ')} {scores[0]} against {scores[1]} of "
                f"'{self.selected}', gain {gain.score:+.3g} [{gain.low:+.3g}, {gain.high:+.3g}]"
            )
            if gain.low > 0:
                beyond.append(f"{line}.")
            else:
                level_with.append((gain.score, f"{line}, which includes zero."))
        return beyond or [line for _, line in sorted(level_with)[-1:]]

    def _loss(self, model: str) -> float:
        return self.metrics[0].loss(self.score(model, self.metrics[0].name).score)

    def _gain(self) -> str:
        s = self.score(self.selected, self.metrics[0].name)
        base, what = self.task.baseline, self.metrics[0].name.replace("_", " ")
        if s.model == base:
            return f"No candidate was chosen over the baseline '{base}'."
        gain = f"{s.gain:+.3g} [{s.gain_low:+.3g}, {s.gain_high:+.3g}]"
        if s.gain_low > 0:
            return f"'{s.model}' is better than the baseline '{base}': {what} gain {gain}."
        if s.gain_high < 0:
            return f"'{s.model}' is WORSE than the baseline '{base}': {what} gain {gain}."
        return (
            f"'{s.model}' cannot be told from the baseline '{base}': {what} gain {gain} "
            "includes zero."
        )
