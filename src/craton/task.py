"""A task is data, not a subclass: one frozen declaration of what differs between two problems."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from craton.errors import ConfigError, DataError, nearest

if TYPE_CHECKING:
    import xarray as xr

    from craton.checks import Finding
    from craton.config import Config
    from craton.metrics import Metric
    from craton.models.base import Model
    from craton.report.section import Section
    from craton.samples import Samples, Target
    from craton.splits import Splitter
    from craton.uncertainty import Calibrator


def with_places(predicted: xr.Dataset, samples: Samples) -> xr.Dataset:
    """Add what is known of each sample to a prediction: its number, `t0`, `x`, `y`, `group`."""
    return predicted.assign_coords(samples.coords())


@dataclass(frozen=True)
class Task:
    """The declaration of a task; it reads like the methods section of a paper.

    Attributes
    ----------
    name, title, domain : str
        ``well-lithofacies``, one line, and the field it belongs to.
    config : type of Config
        The task's own settings; has at least ``data: str | None = None``, where None means the
        task's example with a known answer.
    load : callable
        ``load(config) -> xr.Dataset``: native format in, the field's names and units out.
    samples : callable
        ``samples(data, config, future) -> Samples``. With `future` the samples whose target is not
        known are given, those to predict; without it those to learn from and to test on.
    splitter : callable
        ``splitter(config, samples) -> Splitter``.
    models : mapping
        Candidate name to an unfitted model. The first is the probe of the leak audit.
    baselines : mapping
        Baseline name to an unfitted model.
    baseline : str
        The one that an expert would name; gains are over it.
    metrics : callable
        ``metrics(samples) -> list of Metric``; the first one chooses between candidates.
    calibrator : callable
        ``calibrator(target) -> Calibrator``, unfitted.
    checks : callable
        ``checks(data, config) -> list of Finding``, the field's own.
    sections : callable
        ``sections(result) -> list of Section``, the field's own pictures in the report.
    products : mapping
        File ending to ``write(predicted, samples, path)``, which may give back what it wrote
        (``12 events``), for the command line.
    answer : callable
        ``answer(result) -> list of (statement, bool)``: what a run on the example must find. A run
        on it with all models tells whether it was.
    cautions : callable
        ``cautions(result) -> list of str``: one plain line for each thing that who uses the
        selected model must be told, as a poor calibration. They stand beside the verdict, in the
        bundle, and are said again by every prediction with it.
    resolve : callable
        ``resolve(data, config) -> config``: pins what the data decide (curves, classes, region,
        dates), so that a prediction on other data means the same.
    accept : callable
        ``accept(data, config) -> xr.Dataset``: what a caller has in memory, as `load` would have
        given it.
    join : callable, optional
        ``join(old, new) -> xr.Dataset``: an old record and what came after it as one, so that an
        update may be given new data alone. Both have a ``time``.
    dataset : str
        In words, what such a dataset must look like.
    layout : callable
        ``layout(predicted, samples) -> xr.Dataset``: a prediction with the coordinates of its
        field, as `craton.predict` returns it.
    piecewise : callable
        ``piecewise(loaded, data, out, progress) -> xr.Dataset or None``: predicts, and writes, a
        file or folder that may be too long for `load`, piece by piece; None where `load` will do.
    stream : callable, optional
        ``stream(loaded, settings) -> craton.serve.live.Live``: how its bundle runs on a live feed.
    breakdown : tuple of str
        Dimensions by whose coordinate scores are also given (``lead``).
    coordinates_only : str, optional
        A baseline that knows place or time only; where None, the leak audit fits the probe on the
        coordinates.
    quick : mapping
        Settings that make a run on the example take seconds, for `craton check`.
    references : tuple of str
        Sources, with DOI.
    """

    name: str
    title: str
    domain: str
    config: type[Config]
    load: Callable[[Any], xr.Dataset]
    samples: Callable[[xr.Dataset, Any, bool], Samples]
    splitter: Callable[[Any, Samples], Splitter]
    models: Mapping[str, Model]
    baselines: Mapping[str, Model]
    baseline: str
    metrics: Callable[[Samples], Sequence[Metric]]
    calibrator: Callable[[Target], Calibrator]
    checks: Callable[[xr.Dataset, Any], list[Finding]]
    sections: Callable[[Any], list[Section]]
    products: Mapping[str, Callable[[xr.Dataset, Samples, Path], str | None]]
    answer: Callable[[Any], list[tuple[str, bool]]]
    resolve: Callable[[xr.Dataset, Any], Any] = lambda data, config: config
    accept: Callable[[Any, Any], xr.Dataset] = lambda data, config: data
    join: Callable[[xr.Dataset, xr.Dataset], xr.Dataset] | None = None
    dataset: str = "as the task's `load` gives it"
    layout: Callable[[xr.Dataset, Samples], xr.Dataset] = with_places
    cautions: Callable[[Any], list[str]] = lambda result: []
    piecewise: Callable[..., xr.Dataset | None] = lambda loaded, data, out, progress: None
    stream: Callable[[Any, Mapping[str, Any]], Any] | None = None
    breakdown: tuple[str, ...] = ()
    coordinates_only: str | None = None
    blend: bool = True
    quick: Mapping[str, Any] = field(default_factory=dict)
    references: tuple[str, ...] = ()

    def model(self, name: str, settings: Mapping[str, Any] | None = None) -> Model:
        """Return the unfitted candidate or baseline of this name.

        Raises
        ------
        ConfigError
            If there is none of that name, or a setting is wrong.
        """
        known = {**self.baselines, **self.models}
        if name not in known:
            raise ConfigError(
                f"there is no model '{name}'", where=self.name, fix=nearest(name, known)
            )
        return known[name].replace(**(settings or {}))


def task_names() -> dict[str, tuple[str, str]]:
    """List the tasks without importing any: name -> (title, where it comes from)."""
    import craton

    found = {}
    for path in sorted((Path(craton.__file__).parent / "tasks").glob("[!_]*.py")):
        doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        found[path.stem.replace("_", "-")] = (doc.split("\n")[0].rstrip("."), "craton")
    from importlib.metadata import entry_points

    for point in entry_points(group="craton.tasks"):
        found.setdefault(point.name, (point.value, point.dist.name if point.dist else "?"))
    return found


def find_task(name: str) -> Task:
    """Return a task by name, or from a stranger's Python file.

    Parameters
    ----------
    name : str
        ``well-lithofacies``, a name under the entry point ``craton.tasks``, or a path ending in
        ``.py`` to a file that defines ``TASK``. Naming a file runs it, as Python does.

    Raises
    ------
    ConfigError
        If there is no such task, or the file has no ``TASK``.
    """
    if name.endswith(".py"):
        return _from_file(Path(name))
    known = task_names()
    if name not in known:
        raise ConfigError(f"there is no task '{name}'", fix=nearest(name, known))
    if known[name][1] == "craton":
        module = importlib.import_module(f"craton.tasks.{name.replace('-', '_')}")
        return _task_of(module, name)
    from importlib.metadata import entry_points

    loaded = next(p for p in entry_points(group="craton.tasks") if p.name == name).load()
    return loaded if isinstance(loaded, Task) else _task_of(loaded, name)


def _from_file(path: Path) -> Task:
    if not path.is_file():
        raise DataError("there is no such file", where=str(path), fix="check the path")
    name = f"craton_task_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise ConfigError(f"is not Python: {error}", where=str(path)) from None
    return _task_of(module, str(path))


def _task_of(module: Any, where: str) -> Task:
    task = getattr(module, "TASK", None)
    if not isinstance(task, Task):
        raise ConfigError(
            "defines no TASK", where=where, fix="end the file with TASK = Task(...); see craton new"
        )
    return task
