"""P and S picks on real windows of northern California, folds by event, against STA/LTA with AIC.

Windows of `phasenet-nc-waveforms` (Zhu and Beroza 2019, doi:10.1093/gji/ggy423) are cropped to 60 s
at random. Each model is fitted on the events of the other folds, with the settings of the task.
Intervals of a fold are learnt on the windows of the other folds, predicted by models that had not
seen them (cross-conformal prediction, Vovk 2015, doi:10.1007/s10472-013-9368-4). The ablation takes
away one thing at a time and is paired with the full model on the same folds and resamples.

    CRATON_DATA_DIR=... python benchmarks/phase_picking.py [--only NAME ...] [--run FOLDER]
    CRATON_DATA_DIR=... python benchmarks/phase_picking.py --rescore

With ``--run`` the engine makes a whole run as well, with its report and the bundle of all windows;
``--rescore`` fits nothing and scores the predictions that an earlier call has left.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr

from craton.engine import prepare, run
from craton.metrics import Metric
from craton.models.base import Fitting
from craton.report.folder import write_run
from craton.report.picking import coverage_table, parts_of
from craton.result import RunConfig
from craton.samples import Samples
from craton.uncertainty import block_bootstrap, paired_gain

MAIN, BASELINE, PLAIN = "resnet", "sta-lta-aic", "without pre-training"
SETTINGS: dict[str, Any] = {"data": "phasenet-nc-waveforms", "splits": 4}
RESULTS = Path(__file__).parent / "results" / "phase_picking.json"
BARS = {"hit_0.1s_P": 0.90, "hit_0.1s_S": 0.60}
PUBLISHED = {
    "STA/LTA + AIC, another implementation": {"hit_0.1s_P": 0.82, "hit_0.5s_P": 0.88},
    "ObsPy AR-AIC": {"hit_0.1s_P": 0.80, "hit_0.5s_P": 0.90, "hit_0.1s_S": 0.29,
                     "hit_0.5s_S": 0.60},
}  # fmt: skip
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    BASELINE: (BASELINE, {}),
    "constant": ("constant", {}),
    MAIN: (MAIN, {}),
    PLAIN: (MAIN, {"pretrain": []}),
    "masked pre-training instead": (MAIN, {"pretrain": ["masked"]}),
    "contrastive pre-training instead": (MAIN, {"pretrain": ["contrastive"]}),
    "masked, then synthetic": (MAIN, {"pretrain": ["masked", "synthetic"]}),
    "contrastive, then synthetic": (MAIN, {"pretrain": ["contrastive", "synthetic"]}),
    "without augmentation but the crop": (MAIN, {"augment": ["crop"]}),
    "unet": ("unet", {}),
    "lstm": ("lstm", {}),
}
NOTE = (
    "Nets, training and augmentation were chosen on these 112 windows, of which no part was kept "
    "out: scores of the chosen model flatter it a little, and gains between models that differ by "
    "less than their intervals are none. Self-supervised pre-training sees the training windows of "
    "each fold only, for there are no others of this network."
)


def main() -> None:
    """Run what is asked for and keep the numbers after each step."""
    options = argparse.ArgumentParser()
    options.add_argument("--only", nargs="*", default=list(MODELS))
    options.add_argument("--rescore", action="store_true")
    options.add_argument("--run", type=Path, default=None)
    wanted = options.parse_args()
    torch.set_num_threads(1)
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    kept |= {"bars": BARS, "measured by others": PUBLISHED, "note": NOTE}
    for name in wanted.only:
        began, cpu = time.perf_counter(), time.process_time()
        if not wanted.rescore:
            fitted(name)
            took = {
                "seconds": time.perf_counter() - began,
                "cpu_seconds": time.process_time() - cpu,
            }
            kept[name] = {k: round(v) for k, v in took.items()}
        elif not predictions_of(name).exists():
            continue
        kept[name] = judged(name) | {k: kept[name][k] for k in ("seconds", "cpu_seconds")}
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(kept, indent=1) + "\n")
        print(name, json.dumps(kept[name]), flush=True)
        if name == MAIN and wanted.run is not None:
            chosen = {**SETTINGS, "splits": 2, "folds": 2, "explain": 10, "audit": False}
            result = run(RunConfig.of("phase-picking", chosen), None, progress=said)
            write_run(result, wanted.run)


def fitted(name: str) -> None:
    """Fit a model on each fold, and leave its calibrated predictions."""
    model_name, changes = MODELS[name]
    settings = RunConfig.of("phase-picking", SETTINGS)
    task, config, _, samples, _ = prepare(settings)
    parts, rows, fold = [], [], []
    for i, split in enumerate(task.splitter(config, samples).split(samples.index)):
        model = task.model(model_name, changes)
        model.fit(samples.take(split.train), Fitting(settings.seed))
        parts.append(model.predict(samples.take(split.test)))
        rows.append(split.test)
        fold.append(np.full(len(split.test), i))
        said(i + 1, config.splits, name)
    test, raw = samples.take(np.concatenate(rows)), xr.concat(parts, "sample")
    found = cross_calibrated(task, test, raw, np.concatenate(fold))
    found.to_netcdf(predictions_of(name), engine="h5netcdf")


def judged(name: str) -> dict[str, Any]:
    """Scores of a model with intervals, and its paired gains."""
    model_name, changes = MODELS[name]
    task, config, _, samples, _ = prepare(RunConfig.of("phase-picking", SETTINGS))
    with xr.open_dataset(predictions_of(name), engine="h5netcdf") as kept:
        found = kept.load()
    where = found["sample"].to_numpy()
    test, metrics = samples.take(where), task.metrics(samples)
    blocks = task.splitter(config, samples).blocks(samples.index)[where]
    scores = {m.name: scored(m, test.observed(), found, blocks, name) for m in metrics}
    met = {k: bool(scores[k]["score"] >= bar) for k, bar in BARS.items()}
    table = coverage_table(parts_of(found, test.observed())).round(4).to_dict("records")
    return {"model": model_name, "changes": changes, "bars met": met, "scores": scores,
            "coverage": table}  # fmt: skip


def cross_calibrated(task: Any, test: Samples, raw: xr.Dataset, fold: Any) -> xr.Dataset:
    """Each fold calibrated on the others."""
    parts = []
    for k in np.unique(fold):
        rest, own = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        calibrator = task.calibrator(test.target)
        calibrator.fit(test.take(rest).observed(), raw.isel(sample=rest))
        parts.append(calibrator.apply(raw.isel(sample=own)))
    found: xr.Dataset = xr.concat(parts, "sample")
    return found


def scored(
    metric: Metric, observed: xr.Dataset, found: xr.Dataset, blocks: Any, name: str
) -> dict[str, float]:
    """A score with its interval, and paired gains."""
    stats = metric.stats(observed, found)
    own = block_bootstrap(metric, stats, blocks)
    row = {"score": own.score, "low": own.low, "high": own.high}
    others = {BASELINE: "the baseline", MAIN: "the full model", PLAIN: "no pre-training"}
    for other, words in others.items():
        what = f"gain over {words}"
        if other == name or not predictions_of(other).exists():
            continue
        with xr.open_dataset(predictions_of(other), engine="h5netcdf") as kept:
            theirs = metric.stats(observed, kept.sel(sample=found["sample"]).load())
        gain = paired_gain(metric, stats, theirs, blocks)
        row |= {what: gain.score, f"{what}, low": gain.low, f"{what}, high": gain.high}
    return {k: round(float(v), 4) for k, v in row.items()}


def predictions_of(name: str) -> Path:
    """Where predictions wait for the others to be paired with."""
    folder = Path(tempfile.gettempdir()) / "phase_picking"
    folder.mkdir(exist_ok=True)
    return folder / f"{name.replace(' ', '_')}.nc"


def said(done: int, total: int, text: str) -> None:
    """Tell how far it is."""
    print(f"{time.strftime('%H:%M:%S')} {done}/{total} {text}", flush=True)


if __name__ == "__main__":
    main()
