"""The conformance suite: what every task must pass, a stranger's too."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from craton import bundle as bundles
from craton.config import build
from craton.engine import run
from craton.errors import BundleError, CratonError, ModelError
from craton.independence import audit
from craton.judge import suited
from craton.loaded import load
from craton.models.base import Fitting
from craton.result import Progress, Result, RunConfig, silent
from craton.samples import Samples
from craton.task import Task
from craton.uncertainty import Interval, paired_gain


@dataclass(frozen=True)
class Check:
    """One item of the suite: what must hold, whether it does, and what was seen."""

    name: str
    passed: bool
    seen: str = ""


def check_task(task: Task, *, progress: Progress = silent) -> list[Check]:
    """Run the conformance suite on a task's example with its `quick` settings.

    Parameters
    ----------
    task : Task
        The declaration.
    progress : callable
        Called as ``progress(done, total, text)``.

    Returns
    -------
    list of Check
        A task conforms if all passed.
    """
    suite = _Suite(task)
    items: list[tuple[str, Callable[[], str]]] = [
        ("the split is independent", suite.split_is_clean),
        ("inputs are blind to the future", suite.future_blind),
        ("inputs are blind to their target", suite.target_blind),
        ("a run on the example ends", suite.runs),
        ("the known answer is recovered", suite.known_answer),
        ("the same seed gives the same predictions", suite.deterministic),
        ("the bundle predicts what the model predicted", suite.save_load_identity),
        ("a damaged bundle is refused", suite.damaged_bundle_refused),
        ("permuted targets give no gain", suite.permuted_targets),
        ("the report is one offline file", suite.report_is_offline),
        ("every product is written", suite.products_are_written),
    ]
    found = []
    with tempfile.TemporaryDirectory() as folder:
        suite.folder = Path(folder)
        for i, (name, item) in enumerate(items):
            progress(i, len(items), name)
            try:
                found.append(Check(name, True, item()))
            except CratonError as error:
                found.append(Check(name, False, str(error) or "failed"))
            except Exception as error:
                found.append(Check(name, False, f"{type(error).__name__}: {error}"))
    return found


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ModelError(otherwise)


class _Suite:
    def __init__(self, task: Task) -> None:
        self.task = task
        self.config = RunConfig.of(task.name, {"bootstrap": 200, "folds": 2, **task.quick})
        settings = build(task.config, self.config.settings)
        self.data = task.load(settings)
        self.settings = task.resolve(self.data, settings)
        self.samples = task.samples(self.data, self.settings, False)
        self.folder = Path()
        self.result: Result | None = None

    def split_is_clean(self) -> str:
        splits = list(self.task.splitter(self.settings, self.samples).split(self.samples.index))
        for split in splits:
            audit(self.samples.index, split)
        _require(bool(splits), "the splitter gives no split")
        return f"{len(splits)} split(s), {len(self.samples)} samples"

    def future_blind(self) -> str:
        """Alter everything later than some issue time; inputs issued by then must not change.

        That time is the first test issue where the split is forward in time, so that what is learnt
        from the training part alone (a climatology) counts as known; else the middle of all.
        """
        t0 = self.samples.index["t0"]
        if t0.isna().any():
            return "the samples have no time"
        split = next(self.task.splitter(self.settings, self.samples).split(self.samples.index))
        first = t0.iloc[split.test].min()
        forward = t0.iloc[split.train].max() <= first
        when = first if forward else t0.sort_values().iloc[len(t0) // 2]
        changed = _altered_after(self.data, when.to_datetime64())
        if changed is None:
            return "not tested here: the data have no time coordinate; the target is, see the next"
        other = self.task.samples(changed, self.settings, False)
        mine = self.samples.take((t0 <= when).to_numpy())
        theirs = other.take(np.isin(other.index.index, mine.index.index))
        _assert_equal_inputs(mine, theirs, f"data after {when} were altered")
        return f"inputs of {len(mine)} samples issued by {when:%Y-%m-%d} did not change"

    def target_blind(self) -> str:
        """Alter the target; no input may change, unless it is the target's own past."""
        name = self.samples.target.name
        t0 = self.samples.index["t0"]
        timed = t0.notna().any() and _altered_after(self.data, t0.min().to_datetime64()) is not None
        if name not in self.data or timed:
            return "the target is a later part of the series (see the future)"
        values = self.data[name].to_numpy().copy()
        order = np.random.default_rng(0).permutation(len(values))
        changed = self.data.assign({name: (self.data[name].dims, values[order])})
        other = self.task.samples(changed, self.settings, True)
        both = self.samples.index.index.intersection(other.index.index)
        mine, theirs = (s.take(np.isin(s.index.index, both)) for s in (self.samples, other))
        _assert_equal_inputs(mine, theirs, f"'{name}' was shuffled")
        return f"inputs of {len(mine)} samples did not change when '{name}' was shuffled"

    def runs(self) -> str:
        self.result = run(self.config, self.folder / "run", task=self.task)
        return self.result.verdict()

    def known_answer(self) -> str:
        facts = self.task.answer(self._result())
        _require(bool(facts), "the task states no known answer for its example")
        wrong = [text for text, holds in facts if not holds]
        _require(not wrong, "does not hold: " + "; ".join(wrong))
        return "; ".join(text for text, _ in facts)

    def deterministic(self) -> str:
        again = run(without_extras(self.config), None, task=self.task)
        for name, predicted in self._result().predictions.items():
            for variable in predicted.data_vars:
                same = np.array_equal(predicted[variable], again.predictions[name][variable])
                _require(same, f"'{name}' predicts '{variable}' otherwise in a second run")
        return f"{len(again.predictions)} models, equal to the last bit"

    def save_load_identity(self) -> str:
        result = self._result()
        assert result.final is not None
        loaded = load(self.folder / "run", task=self.task)
        a = result.final.predict(result.test)
        b = loaded.fitted.predict(result.test)
        for variable in a.data_vars:
            _require(
                np.array_equal(a[variable], b[variable]), f"'{variable}' differs after loading"
            )
        return f"'{result.final.name}': equal to the last bit"

    def damaged_bundle_refused(self) -> str:
        folder = self.folder / "run" / "bundle"
        refused = 0
        for name in ("state.safetensors", "manifest.json"):
            whole = (folder / name).read_bytes()
            middle = len(whole) // 2
            flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
            (folder / name).write_bytes(flipped)
            try:
                bundles.load(folder)
            except BundleError:
                refused += 1
            finally:
                (folder / name).write_bytes(whole)
        _require(refused == 2, "a bundle with a flipped byte was loaded")
        return "a flipped byte in the state and in the manifest"

    def permuted_targets(self) -> str:
        """Each candidate learns shuffled targets; a gain on the true test set would be a leak.

        By chance one shuffle keeps a little of the truth, so a candidate fails only if it gains
        after each of six: that happens to an honest one in about one case of sixty.
        """
        seen = []
        for name in self.config.candidates or suited(self.task, self.samples):
            for shuffle in range(6):
                gain = self._gain_when_shuffled(name, shuffle)
                if gain.low <= 0:
                    break
            interval = f"[{gain.low:.3g}, {gain.high:.3g}]"
            _require(gain.low <= 0, f"'{name}' gains {gain.score:.3g} {interval}")
            seen.append(f"{name} {gain.score:+.3g}")
        return ", ".join(seen)

    def _gain_when_shuffled(self, name: str, seed: int) -> Interval:
        result, metric = self._result(), self._result().metrics[0]
        split = result.splits[0]
        train = self.samples.take(split.train).permuted(np.random.default_rng(seed))
        test = self.samples.take(split.test)
        base = result.fitted[0][self.task.baseline].model.predict(test)
        model = self.task.model(name, self.config.models.get(name)).fit(train, Fitting(0))
        a, b = (metric.stats(test.observed(), p) for p in (model.predict(test), base))
        blocks = result.splitter.blocks(self.samples.index)[split.test]
        return paired_gain(metric, a, b, blocks, n=200)

    def report_is_offline(self) -> str:
        report = self.folder / "run" / "report.html"
        text = report.read_text(encoding="utf-8")
        for mark in ('src="http', "src='http", 'rel="stylesheet"', "@import", "url(http"):
            _require(mark not in text, f"the report loads something from outside ({mark})")
        return f"{len(text) / 1e6:.1f} MB"

    def products_are_written(self) -> str:
        result = self._result()
        assert result.final is not None
        samples = self.task.samples(self.data, self.settings, True)
        predicted = result.final.predict(samples)
        for ending, write in self.task.products.items():
            path = self.folder / f"product{ending}"
            write(predicted, samples, path)
            _require(path.exists(), f"no file for the product '{ending}'")
        _require(bool(self.task.products), "the task has no product")
        return ", ".join(sorted(self.task.products))

    def _result(self) -> Result:
        _require(self.result is not None, "the run did not end")
        assert self.result is not None
        return self.result


def without_extras(config: RunConfig) -> RunConfig:
    """The same run without leak audit and explanation."""
    return config.model_copy(update={"audit": False, "explain": 0})


def _altered_after(data: xr.Dataset, when: np.datetime64) -> xr.Dataset | None:
    """Shuffle, in every variable that has the time's dimension, what is later than `when`."""
    if "time" not in data.variables or not data["time"].dims:
        return None
    dim = data["time"].dims[0]
    late = np.flatnonzero(data["time"].to_numpy() > when)
    if len(late) < 2:
        return None
    order = np.random.default_rng(0).permutation(len(late))
    changed: dict[Any, Any] = {}
    for name, array in data.data_vars.items():
        if name == "time" or dim not in array.dims:
            continue
        axis = array.dims.index(dim)
        values = np.moveaxis(array.to_numpy().copy(), axis, 0)
        values[late] = values[late[order]]
        changed[name] = array.copy(data=np.moveaxis(values, 0, axis))
    return data.assign(changed)


def _assert_equal_inputs(mine: Samples, theirs: Samples, why: str) -> None:
    _require(len(mine) == len(theirs), f"{len(mine)} samples became {len(theirs)} when {why}")
    a, b = mine.inputs(), theirs.inputs()
    for key in a:
        same = np.array_equal(a[key], b[key], equal_nan=a[key].dtype.kind == "f")
        _require(same, f"the input '{key}' changed when {why}: it sees what it must not")
