"""Picks of P and S in seismograms, each with a conformal interval and the chance that it is there.

A net trained on simulated earthquakes first and on few labelled windows then is set beside STA/LTA
with AIC. Events are left out whole, windows are cropped at random, and the interval of each time is
learnt by phase and signal-to-noise ratio on windows that no model was fitted on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydantic
import xarray as xr

from craton import picking
from craton.checks import Finding
from craton.config import Config
from craton.data.registry import locate
from craton.data.seismograms import example_windows
from craton.errors import DataError
from craton.io.problems import Problem
from craton.metrics import Metric
from craton.models.neural_picking import PickLSTM, PickResNet, PickUNet
from craton.models.picking import ConstantPick, EnergyPicker
from craton.pick_calibration import PickConformal
from craton.report.section import Section
from craton.result import Progress, Result
from craton.samples import Samples, Target, make_index
from craton.serve.picks import picker_on_feed
from craton.splits import ByGroup, Splitter
from craton.task import Task
from craton.uncertainty import Calibrator
from craton.waveforms.pick_files import holds_windows, read_pick_windows
from craton.waveforms.processing import Processing, with_warnings
from craton.waveforms.steps import Rotate, Step


class PickConfig(Config):
    """Settings.

    Attributes
    ----------
    data : str
        npz file, or folder or tar of such; folder of miniSEED, SAC or SLIST with a table of picks;
        or a dataset's name. None for simulated seismograms.
    picks : str
        Table of picks beside waveforms; the folder's only CSV or QuakeML file by default.
    rate : float
        Samples a second; other waveforms are resampled (npz files must have it).
    crop : float
        Seconds that each window is cut to at a place drawn by chance; 0 leaves windows as they
        are. The report tells whether the files were cut around the answer, and whether the crop
        removed that.
    margin : float
        Seconds that a pick keeps from the edges of a crop.
    noise : bool
        Add what came before each P as a window without an event.
    band : tuple of float
        Corners in Hz of the band-pass before all models.
    steps : list of steps
        What is done to waveforms before all else, in this order; see `craton.waveforms.steps`.
    inventory : str
        StationXML for steps that need the instrument.
    threshold : float
        Probability from which a pick is written.
    splits : int
        Folds of events.
    draw : int
        Seed of the crops.
    """

    data: str | None = None
    picks: str | None = None
    rate: float = pydantic.Field(100.0, ge=10, le=1000)
    crop: float = pydantic.Field(60.0, ge=0)
    margin: float = pydantic.Field(1.0, ge=0)
    noise: bool = True
    band: tuple[float, float] = (1.0, 45.0)
    steps: tuple[Step, ...] = ()
    inventory: str | None = None
    threshold: float = pydantic.Field(0.5, gt=0, lt=1)
    splits: int = pydantic.Field(5, ge=2)
    draw: int = pydantic.Field(0, ge=0)

    @pydantic.field_validator("steps")
    @classmethod
    def _turned(cls, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        if any(isinstance(step, Rotate) and step.to == "RT" for step in steps):
            raise ValueError(
                "the picker takes Z, N and E of all sources, and radial and transverse are those "
                "of one back azimuth; rotate to ZNE"
            )
        return steps


def load(config: PickConfig) -> xr.Dataset:
    """Read windows, or simulate the example."""
    processing = Processing.of(config.steps, config.inventory)
    if config.data is None:
        return _processed(example_windows(rate=config.rate), processing)
    length = config.crop or 60.0
    where = locate(config.data).path
    return read_pick_windows(
        where, picks=config.picks, rate=config.rate, length=length, processing=processing
    )


def _processed(data: xr.Dataset, processing: Processing) -> xr.Dataset:
    problems: list[Problem] = []
    return with_warnings(processing.windows(data, problems), problems)


def accept(data: xr.Dataset, config: PickConfig) -> xr.Dataset:
    """Windows that are in memory, as `craton.waveforms.pick_files` describes them."""
    missing = [v for v in ("waveform", "arrival", "event") if v not in data]
    if missing or "sampling_rate" not in data.attrs:
        raise DataError(
            f"lacks {missing or ['the attribute sampling_rate']}",
            where="dataset",
            fix="give a dataset as craton.waveforms.pick_files describes it",
        )
    data = data.assign(waveform=data["waveform"].transpose("window", "component", "time"))
    return _processed(data, Processing.of(config.steps, config.inventory))


def checks(data: xr.Dataset, config: PickConfig) -> list[Finding]:
    """How many windows and picks, dead and clipped components, picks that never move."""
    where, used = config.data or "example", _cut(data, config)
    found = picking.picking_findings(used, where)
    return found + picking.position_findings(data, used, where)


def _cut(data: xr.Dataset, config: PickConfig) -> xr.Dataset:
    return picking.cropped(data, config.crop, config.margin, config.draw) if config.crop else data


def resolve(data: xr.Dataset, config: PickConfig) -> PickConfig:
    """Two folds are enough for the example."""
    if config.data is None and "splits" not in config.model_fields_set:
        return config.model_copy(update={"splits": 2})
    return config


def samples(data: xr.Dataset, config: PickConfig, future: bool) -> Samples:
    """One sample a window; to learn from, crops with a pick and windows of noise."""
    target = picking.pick_target()
    gather = picking.SeismicWindows(target, config.band, config.threshold)
    if not future:
        labelled = data["arrival"].notnull().any("phase").to_numpy()
        if not labelled.any():
            raise DataError("no window has a pick of P or S", where=config.data or "example",
                            fix="give npz files with itp and its, or a table of picks")  # fmt: skip
        data = data.isel(window=labelled)
        crops = _cut(data, config)
        if config.noise:
            length = crops.sizes["time"] / float(data.attrs["sampling_rate"])
            crops = picking.with_noise(data, crops, length)
        data = crops
    index = make_index(data.sizes["window"], group=data["event"].to_numpy().astype(str))
    return Samples(data, index, gather)


def splitter(config: PickConfig, samples: Samples) -> Splitter:
    """Whole events are left out."""
    return ByGroup(n=config.splits)


def metrics(samples: Samples) -> list[Metric]:
    """Hits within 0.1 s choose; the rest is what papers report, by phase."""
    kinds = [picking.hit_rate(0.1)]
    for phase in picking.PHASES:
        kinds += [picking.hit_rate(0.1, phase), picking.hit_rate(0.5, phase)]
        kinds += [picking.pick_mae(phase), picking.pick_coverage(phase)]
        kinds += [picking.declared(phase)]
        if samples.observed()["arrival"].isnull().all("phase").any():
            kinds.append(picking.false_picks(phase))
    return kinds


def calibrator(target: Target) -> Calibrator:
    """Conformal intervals by phase and signal-to-noise ratio, logistic probabilities."""
    return PickConformal()


def piecewise(
    loaded: Any, data: str | Path, out: Path | None, progress: Progress
) -> xr.Dataset | None:
    """Continuous records are picked by detection, a piece at a time; windows as they come."""
    place = locate(str(data)).path
    if holds_windows(place):
        return None
    from craton.continuous_picking import predict_record

    return predict_record(loaded, place, out, progress)


def sections(result: Result) -> list[Section]:
    """Windows with their picks, residuals, coverage by signal-to-noise ratio."""
    from craton.report.picking import picking_sections

    return picking_sections(result)


def answer(result: Result) -> list[tuple[str, bool]]:
    """The simulated arrivals are known: strong ones are found, and intervals hold them."""
    truth = result.observed["arrival"].to_numpy()
    strong = result.test.data["true_snr"].to_numpy()[result.test.index.index.to_numpy()] > 20
    strong &= np.isfinite(truth).all(axis=1)
    found = result.predictions["sta-lta-aic"]["arrival"].sel(quantile=0.5).to_numpy()
    share = float((np.abs(found - truth)[strong, 0] <= 0.1).mean())
    seen = [result.score(result.selected, f"coverage_90_{p}").score for p in picking.PHASES]
    return [
        (f"STA/LTA with AIC finds {share:.2f} of the strong P within 0.1 s", share > 0.75),
        (f"90 % intervals of P and S cover {seen[0]:.2f} and {seen[1]:.2f}",
         all(0.8 <= s <= 0.98 for s in seen)),
    ]  # fmt: skip


TASK = Task(
    name="phase-picking",
    title="P and S picks with conformal intervals, set beside STA/LTA with AIC",
    domain="seismology",
    config=PickConfig,
    load=load,
    accept=accept,
    resolve=resolve,
    dataset="a dataset of windows as craton.waveforms.pick_files describes it",
    samples=samples,
    splitter=splitter,
    models={"resnet": PickResNet(), "unet": PickUNet(), "lstm": PickLSTM()},
    baselines={"constant": ConstantPick(), "sta-lta-aic": EnergyPicker()},
    baseline="sta-lta-aic",
    metrics=metrics,
    calibrator=calibrator,
    stream=picker_on_feed,
    checks=checks,
    sections=sections,
    piecewise=piecewise,
    products={
        ".csv": picking.write_pick_file,
        ".xml": picking.write_pick_file,
        ".quakeml": picking.write_pick_file,
    },
    answer=answer,
    coordinates_only="constant",
    blend=False,
    quick={
        "candidates": ["resnet"],
        "models": {"resnet": {"simulated": 300, "rounds": 2, "epochs": 2}},
    },
    references=(
        "Allen 1978, doi:10.1785/BSSA0680051521",
        "Maeda 1985, doi:10.4294/zisin1948.38.3_365",
        "Zhu and Beroza 2019, doi:10.1093/gji/ggy423",
        "Lei et al. 2018, doi:10.1080/01621459.2017.1307116",
    ),
)
