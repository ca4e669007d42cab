"""The run folder: files that people and other programs read, each written whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from craton import __version__, bundle, provenance
from craton.errors import ModelError
from craton.io.files import atomic
from craton.models.blend import Blend
from craton.monitor import trained_on
from craton.report.card import model_card
from craton.report.html import render
from craton.store import write_dataset

if TYPE_CHECKING:
    from craton.result import Result


def write_run(result: Result, out: Path) -> Path:
    """Write the folder of a run.

    ``scores.json``, ``scores_by.json``, ``predictions.nc``, ``config.yaml``, ``provenance.json``,
    ``split.csv``, ``findings.json``, ``leaks.json``, ``importance.csv``, ``bundle/`` and
    ``report.html``.

    Parameters
    ----------
    result : Result
        A run with its final model.
    out : Path
        Folder; what it holds of an earlier run is replaced, file by file.

    Returns
    -------
    Path
        The report.

    Raises
    ------
    DataError
        If a file cannot be written.
    BundleError
        If the bundle does not come back as it was written.
    """
    import yaml

    out = Path(out)
    _write_json(out / "scores.json", [s.as_dict() for s in result.scores])
    _write_json(out / "scores_by.json", [s.as_dict() for s in result.breakdown])
    with atomic(out / "predictions.nc") as part:
        write_dataset(part, predictions_of(result))
    text = yaml.safe_dump(config_of(result), sort_keys=False, allow_unicode=True)
    _write(out / "config.yaml", text)
    _write_json(out / "provenance.json", provenance_of(result))
    _write(out / "split.csv", split_table(result).to_csv(index=False))
    _write_json(out / "findings.json", [vars(f) for f in result.findings])
    if result.leaks is not None:
        _write_json(out / "leaks.json", leaks_of(result))
    if result.explanation is not None:
        _write(out / "importance.csv", result.explanation.importance.to_csv(index=False))
        _write(out / "local.csv", result.explanation.local.to_csv(index=False))
    bundle.save(out / "bundle", manifest_of(result), state_of(result), model_card(result))
    _write(out / "report.html", render(result))
    result.folder = out
    return out / "report.html"


def config_of(result: Result) -> dict[str, Any]:
    """The run's settings as they were used: ``craton run --config`` repeats the run with them.

    Where a search chose settings, it is repeated too; what it found is in ``provenance.json``.
    """
    run = result.run.model_dump(mode="json")
    run["settings"] = result.config.model_dump(mode="json")
    if not result.run.tune:
        run["models"] = {n: s[0] for n, s in _settings(result).items()}
    return run


def manifest_of(result: Result) -> dict[str, Any]:
    """What the bundle's manifest says, in plain JSON values.

    Raises
    ------
    ModelError
        If the run has no final model.
    """
    if result.final is None:
        raise ModelError("the run has no final model to keep", where=result.task.name)
    model, target = result.final.model, result.samples.target
    members = model.members if isinstance(model, Blend) else {result.final.name: model}
    learnt = result.samples
    if len(result.splits) == 1:
        split = result.splits[0]
        learnt = result.samples.take(np.concatenate([split.train, split.calibrate]))
    return {
        "task": result.task.name,
        "title": result.task.title,
        "craton": __version__,
        "settings": result.config.model_dump(mode="json"),
        "model": {
            "name": result.final.name,
            "members": {n: m.config.model_dump(mode="json") for n, m in members.items()},
            "weights": dict(model.weights) if isinstance(model, Blend) else {},
        },
        "target": {
            "name": target.name,
            "categories": list(target.categories),
            "codes": [int(c) for c in target.codes],
            "units": target.units,
            "quantiles": [float(q) for q in target.quantiles],
        },
        "trained": trained_on(learnt.index),
        "scores": [s.as_dict() for s in result.scores if s.model == result.selected],
        "cautions": result.cautions,
        "data_sha256": provenance.sha256_data(result.samples.data),
        "seed": result.run.seed,
    }


def state_of(result: Result) -> dict[str, Any]:
    """Arrays of the final model and its calibration."""
    assert result.final is not None
    state = {f"model.{k}": v for k, v in result.final.model.state().items()}
    return state | {f"calibrator.{k}": v for k, v in result.final.calibrator.state().items()}


def provenance_of(result: Result) -> dict[str, Any]:
    """Where the results come from: versions, machine, seed, hashes, settings, times."""
    rows = [a.tobytes() for s in result.splits for a in (s.train, s.calibrate, s.test)]
    return {
        "task": result.task.name,
        "data": getattr(result.config, "data", None),
        "data_sha256": provenance.sha256_data(result.samples.data),
        "split_sha256": provenance.sha256_text(rows),
        "seed": result.run.seed,
        "samples": len(result.samples),
        "tested": len(result.test),
        "selected": result.selected,
        "selection_loss": dict(result.selection),
        "weights": dict(result.weights),
        "models": _settings(result),
        "seconds": {k: round(v, 3) for k, v in result.seconds.items()},
        "peak_memory_gib": _peak_memory(),
        "hardware": provenance.hardware(),
        "versions": provenance.versions(),
    }


def leaks_of(result: Result) -> dict[str, Any]:
    """The leak audit as plain values."""
    audit = result.leaks
    return {
        "probe": audit.probe,
        "summary": list(audit.summary),
        "findings": [vars(f) for f in audit.findings],
        "numbers": audit.numbers.to_dict("records"),
    }


def split_table(result: Result) -> pd.DataFrame:
    """Each sample's part in each split: `sample` (label), `part`, `split`."""
    labels = result.samples.index.index.to_numpy()
    tables = []
    for split in result.splits:
        for part in ("train", "calibrate", "test"):
            rows = getattr(split, part)
            tables.append(pd.DataFrame({"sample": labels[rows], "part": part, "split": split.name}))
    return pd.concat(tables, ignore_index=True)


def predictions_of(result: Result) -> xr.Dataset:
    """Predictions of the selected model and the baseline beside what was observed, on the test.

    Returns
    -------
    xr.Dataset
        The selected model's variables under their own names, the baseline's with ``_baseline``,
        observations with ``_observed``; `t0`, `t1`, `x`, `y`, `group` as coordinates of `sample`
        where the samples have them.
    """
    found = _renamed(result.predictions[result.selected], "", result.selected)
    base = _renamed(result.predictions[result.task.baseline], "_baseline", result.task.baseline)
    observed = _renamed(result.observed, "_observed", "observed")
    for other in (base, observed):
        clash = {
            d: f"{d}_of_{next(iter(other.data_vars))}"
            for d in other.dims
            if d in found.dims and found.sizes[d] != other.sizes[d]
        }
        other = other.rename(clash)
        # positions are the same; labels may repeat, so nothing is aligned by them
        found = found.assign(
            {n: (v.dims, v.to_numpy(), v.attrs) for n, v in other.data_vars.items()}
        )
        found = found.assign_coords(
            {n: c for n, c in other.coords.items() if n not in found.coords and n != "sample"}
        )
    target = result.samples.target
    codes = f"{target.name}_observed"
    if target.categories and codes in found:
        found[codes].attrs.update(
            flag_values=np.arange(len(target.categories), dtype=np.int32),
            flag_meanings=" ".join(c.replace(" ", "_") for c in target.categories),
        )
    found = found.assign_coords(result.test.coords())
    return found.assign_attrs(
        Conventions="CF-1.11",
        title=result.task.title,
        source=f"craton {__version__}",
        task=result.task.name,
        model=result.selected,
        baseline=result.task.baseline,
        history=result.verdict(),
    )


def _renamed(data: xr.Dataset, ending: str, what: str) -> xr.Dataset:
    plain = data.drop_vars("sample", errors="ignore")
    for name in plain.data_vars:
        attrs = plain[name].attrs
        attrs = {"long_name": str(name).replace("_", " "), **attrs, "model": what}
        plain = plain.assign({name: plain[name].assign_attrs(attrs)})
    return plain.rename({n: f"{n}{ending}" for n in plain.data_vars})


def _settings(result: Result) -> dict[str, list[dict[str, Any]]]:
    """Settings of each model, one a split, or one for all where they are the same."""
    found: dict[str, list[dict[str, Any]]] = {}
    for fitted in result.fitted:
        for name, f in fitted.items():
            if isinstance(f.model, Blend):
                continue
            found.setdefault(name, []).append(f.model.config.model_dump(mode="json"))
    return {n: s[:1] if all(x == s[0] for x in s) else s for n, s in found.items()}


def _peak_memory() -> float:
    import resource

    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)


def _plain(value: Any) -> Any:
    """JSON-safe values: numbers of numpy as Python's, not-a-number as null."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


def _write_json(path: Path, value: Any) -> None:
    _write(path, json.dumps(_plain(value), indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def _write(path: Path, text: str) -> None:
    with atomic(path) as part:
        part.write_text(text, encoding="utf-8")
