"""Picking of P and S: windows and their crops, what is odd in them, scores, and files of picks."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from craton.checks import Finding, check_positions
from craton.io.picks import write_picks
from craton.io.problems import counted
from craton.metrics import Metric, Stats
from craton.models.physics.onsets import bandpass
from craton.samples import Inputs, Parts, Samples, Target
from craton.waveforms.stored import cut_out

PHASES = ("P", "S")
NOISE = " before P"
"""Ends the name of a window that holds what came before P."""

LOOKED_AT = 1000
"""Windows on disk whose waveforms are looked at for findings."""

LEAST_NOISE_S = 5.0
EPOCH = np.datetime64("1970-01-01T00:00:00", "ns")
"""Stands for the start of a window whose time is not known."""


@dataclass(frozen=True)
class SeismicWindows:
    """One sample a window: input ``sequence`` (sample, component, time), Z, N, E, band-passed.

    Parameters
    ----------
    target : Target
        ``arrival``, in s from the window's start.
    band : tuple of float
        Corners in Hz of the causal band-pass.
    threshold : float
        Probability from which a pick is written.
    """

    target: Target
    band: tuple[float, float] = (1.0, 45.0)
    threshold: float = 0.5

    def inputs(self, data: xr.Dataset, index: pd.DataFrame) -> Inputs:
        rows, rate = index.index.to_numpy(), float(data.attrs["sampling_rate"])
        waves = data["waveform"].isel(window=rows).to_numpy()
        return {"sequence": bandpass(waves, rate, *self.band).astype(np.float32)}

    def observed(self, data: xr.Dataset, index: pd.DataFrame) -> xr.Dataset:
        seconds = data["arrival"].transpose("window", "phase").to_numpy()
        values = (("sample", "phase"), seconds[index.index.to_numpy()], {"units": "s"})
        return xr.Dataset({"arrival": values}, {"phase": list(PHASES)})

    def parts(self, data: xr.Dataset) -> Parts:
        whole = slice(None)
        kinds: dict[str, dict[str, tuple[Any, ...]]] = {
            "vertical": {"sequence": (whole, 0)},
            "horizontals": {"sequence": (whole, np.array([1, 2]))},
        }
        return {"variable": kinds}

    def coords(self, data: xr.Dataset, index: pd.DataFrame) -> dict[str, xr.Variable]:
        """Names and start of each window."""
        rows = index.index.to_numpy()
        found = {}
        for name in ("name", "network", "station"):
            text = data[name].to_numpy()[rows].astype(str)
            found[name] = xr.Variable(("sample",), text, {"long_name": name})
        start = data["start"].to_numpy()[rows]
        if not np.isnat(start).any():
            about = {"long_name": "start of the window"}
            found["start"] = xr.Variable(("sample",), start, about)
        return found


def cropped(data: xr.Dataset, seconds: float, margin: float, seed: int) -> xr.Dataset:
    """Cut each window to a length at a place drawn by chance, its picks within.

    Parameters
    ----------
    data : xr.Dataset
        As `craton.waveforms.pick_files` gives it.
    seconds : float
        Length; windows that are not longer stay as they are.
    margin : float
        Seconds that a pick keeps from the edges, where that is possible.
    seed : int
        Of the draw.
    """
    rate = float(data.attrs["sampling_rate"])
    n = round(seconds * rate)
    spare = data.sizes["time"] - n
    if spare <= 0:
        return data
    arrival = data["arrival"].to_numpy() * rate
    latest = np.nan_to_num(np.nanmin(_or(arrival, np.inf), axis=1) - margin * rate, posinf=spare)
    earliest = np.nan_to_num(np.nanmax(_or(arrival, -np.inf), axis=1) + margin * rate - n, neginf=0)
    low = np.clip(np.ceil(earliest), 0, spare)
    high = np.maximum(np.clip(np.floor(latest), 0, spare), low)
    drawn = np.random.default_rng(seed).random(data.sizes["window"])
    start = np.floor(low + drawn * (high - low + 1)).astype(np.int64).clip(0, spare)
    moved = data["arrival"] - xr.DataArray(start / rate, dims="window")
    moved = moved.where((moved >= 0) & (moved < seconds))
    offset = _duration(start / rate)
    found = data.drop_vars(["waveform", "arrival"]).assign(
        waveform=cut_out(data["waveform"], np.arange(len(start)), start, n),
        first=("window", start, {"long_name": "first sample in the window that was cut"}),
        arrival=moved.assign_attrs(data["arrival"].attrs),
        start=("window", data["start"].to_numpy() + offset),
    )
    return found.assign_attrs(data.attrs)


def _duration(seconds: NDArray[Any]) -> NDArray[np.timedelta64]:
    return np.asarray((seconds * 1e9).round().astype("timedelta64[ns]"))


def _or(values: NDArray[Any], other: float) -> NDArray[Any]:
    return np.where(np.isnan(values), other, values)


def with_noise(
    whole: xr.Dataset, crops: xr.Dataset, length: float, guard: float = 1.0
) -> xr.Dataset:
    """Add to crops, for each whole window, what came before its P as a window without an event.

    It is repeated there and back to fill the window, so that no step shows where it meets itself.

    Parameters
    ----------
    whole, crops : xr.Dataset
        Windows before and after cropping.
    length : float
        Seconds of the windows made.
    guard : float
        Seconds before P that are left out.
    """
    rate = float(whole.attrs["sampling_rate"])
    p, count = whole["arrival"].to_numpy()[:, 0], whole.sizes["window"]
    rows = np.flatnonzero(np.nan_to_num(p) - guard >= LEAST_NOISE_S)
    n, nothing = round(length * rate), np.zeros(len(rows), np.int64)
    noise = whole.isel(window=rows).drop_vars("waveform")
    names = np.array([f"{v}{NOISE}" for v in noise["name"].to_numpy()], object)
    noise = noise.assign(arrival=noise["arrival"] * np.nan, name=("window", names))
    first = np.zeros(count, np.int64)
    if "first" in crops:
        first, noise = crops["first"].to_numpy(), noise.assign(first=("window", nothing))
    quiet = np.r_[np.zeros(count, np.int64), ((p[rows] - guard) * rate).astype(np.int64)]
    waves = cut_out(whole["waveform"], np.r_[np.arange(count), rows], np.r_[first, nothing], n,
                    quiet)  # fmt: skip
    found = xr.concat([crops.drop_vars("waveform"), noise], "window", combine_attrs="override")
    found = found.assign(waveform=waves)
    found["arrival"].attrs.update(whole["arrival"].attrs)
    return found.assign_attrs(whole.attrs)


def picking_findings(data: xr.Dataset, where: str) -> list[Finding]:
    """What a careful colleague would say of the windows: how many, dead, clipped."""
    arrival = data["arrival"].to_numpy()
    quiet = np.char.endswith(data["name"].to_numpy().astype(str), NOISE)
    known = np.isfinite(arrival[~quiet])
    text = (
        f"{len(known)} windows of {data.sizes['time'] / data.attrs['sampling_rate']:g} s with "
        f"{known[:, 0].sum()} P and {known[:, 1].sum()} S picks"
    )
    found = [Finding("info", text, "windows")]
    rows = np.flatnonzero(~quiet)
    if "on_disk" in data["waveform"].attrs and len(rows) > LOOKED_AT:
        rows = rows[np.linspace(0, len(rows) - 1, LOOKED_AT).astype(int)]
        found.append(Finding("info", f"waveforms of {LOOKED_AT} windows were looked at", "windows"))
    waves = data["waveform"].isel(window=rows).to_numpy()
    dead = (waves == waves[..., :1]).all(axis=2)
    for count, text in (
        (int((dead.any(axis=1) & ~dead.all(axis=1)).sum()), "lack one or two components"),
        (int(dead.all(axis=1).sum()), "hold no signal at all"),
        (int(_clipped(waves).sum()), "look clipped"),
        (int((known.any(axis=1) & (np.diff(arrival[~quiet], axis=1)[:, 0] <= 0)).sum()),
         "have S before P"),
    ):  # fmt: skip
        if count:
            found.append(Finding("info", f"{count} windows {text}", "windows"))
    return found


def position_findings(whole: xr.Dataset, used: xr.Dataset, where: str) -> list[Finding]:
    """Phases at the same place in all windows: a warning where it is so in those used.

    Where it is so in the windows as they are but not in the crops used, a note says that the crop
    removed it: other uses of these files have the leak.
    """
    found = []
    for phase in PHASES:
        raw, left = _constant(whole, phase), _constant(used, phase)
        if left is not None:
            fix = "; cut the windows at random before training or scoring (--set crop=60)"
            found.append(Finding("warning", left.text + fix, where))
        elif raw is not None:
            length = used.sizes["time"] / float(used.attrs["sampling_rate"])
            text = f"{raw.text}, in the files as they are; the crop of {length:g} s removes it"
            found.append(Finding("note", text, where))
    return found


def _constant(data: xr.Dataset, phase: str) -> Finding | None:
    """What tells that a phase does not move."""
    quiet = np.char.endswith(data["name"].to_numpy().astype(str), NOISE)
    at = data["arrival"].to_numpy()[~quiet, PHASES.index(phase)]
    extent = data.sizes["time"] / float(data.attrs["sampling_rate"])
    return check_positions(at[np.isfinite(at)], extent, 0.1, phase, "s")


def _clipped(waves: NDArray[Any]) -> NDArray[np.bool_]:
    """Windows that hold their largest value ten times or more."""
    top = np.abs(waves).max(axis=2, keepdims=True)
    return np.asarray(
        (((np.abs(waves) >= 0.999 * top) & (top > 100)).sum(axis=2) >= 10).any(axis=1)
    )


def _median(predicted: xr.Dataset) -> NDArray[Any]:
    q = predicted["arrival"].sel(quantile=0.5, method="nearest")
    return np.asarray(q.transpose("sample", "phase").to_numpy())


def hit_rate(tolerance: float, *phases: str) -> Metric:
    """Share of analyst picks that the pick of the window is within so many seconds of."""
    columns = [PHASES.index(p) for p in phases or PHASES]

    def stats(observed: xr.Dataset, predicted: xr.Dataset) -> Stats:
        truth = observed["arrival"].transpose("sample", "phase").to_numpy()[:, columns]
        gap = np.abs(truth - _median(predicted)[:, columns])
        # analysts' picks are at samples: a gap of ten samples counts as 0.1 s
        hit = np.nan_to_num(gap, nan=np.inf) <= tolerance + 1e-6
        return np.stack([hit.sum(axis=1), np.isfinite(truth).sum(axis=1)], axis=1).astype(float)

    name = "_".join([f"hit_{tolerance:g}s", *phases])
    return Metric(name, "higher", stats, _mean)


def pick_mae(phase: str) -> Metric:
    """Mean absolute residual of a phase."""

    def stats(observed: xr.Dataset, predicted: xr.Dataset) -> Stats:
        i = PHASES.index(phase)
        truth = observed["arrival"].transpose("sample", "phase").to_numpy()[:, i]
        gap = np.abs(truth - _median(predicted)[:, i])
        return np.stack([np.nan_to_num(gap), np.isfinite(gap).astype(float)], axis=1)

    return Metric(f"mae_{phase}", "lower", stats, _mean, "s")


def pick_coverage(phase: str, low: float = 0.05, high: float = 0.95) -> Metric:
    """Share of analyst picks inside the predicted interval."""

    def stats(observed: xr.Dataset, predicted: xr.Dataset) -> Stats:
        truth = observed["arrival"].sel(phase=phase).to_numpy()
        q = predicted["arrival"].sel(phase=phase).transpose("sample", "quantile")
        first, last = (q.sel(quantile=v, method="nearest").to_numpy() for v in (low, high))
        inside = (truth >= first - 1e-6) & (truth <= last + 1e-6)
        return np.stack([inside, np.isfinite(truth)], axis=1).astype(float)

    promised = round(high - low, 6)
    name = f"coverage_{round(100 * promised)}_{phase}"
    return Metric(name, "nearer", stats, _mean, goal=promised)


def false_picks(phase: str, threshold: float = 0.5) -> Metric:
    """Share of windows of noise in which the phase is declared to be there."""

    def stats(observed: xr.Dataset, predicted: xr.Dataset) -> Stats:
        empty = observed["arrival"].isnull().all("phase").to_numpy()
        said = predicted["probability"].sel(phase=phase).to_numpy() >= threshold
        return np.stack([empty & said, empty], axis=1).astype(float)

    return Metric(f"false_picks_{phase}", "lower", stats, _mean)


def declared(phase: str, threshold: float = 0.5) -> Metric:
    """Share of analyst picks whose phase is declared to be there."""

    def stats(observed: xr.Dataset, predicted: xr.Dataset) -> Stats:
        there = observed["arrival"].sel(phase=phase).notnull().to_numpy()
        said = predicted["probability"].sel(phase=phase).to_numpy() >= threshold
        return np.stack([there & said, there], axis=1).astype(float)

    return Metric(f"declared_{phase}", "higher", stats, _mean)


def _mean(total: Stats) -> Any:
    count = total[..., 1]
    return np.where(count > 0, total[..., 0] / np.where(count > 0, count, 1.0), np.nan)


def pick_table(predicted: xr.Dataset, samples: Samples) -> pd.DataFrame:
    """Picks whose probability reaches the threshold, a row each, as `craton.io.picks` writes them.

    Where windows of one instrument overlap, of picks of a phase within a second of each other the
    most probable stays. Where the time of a window is not known, its start counts as 1970-01-01,
    and all rows have ``window`` (its name), ``seconds``, ``seconds_low`` and ``seconds_high`` from
    its start as well.
    """
    data, rows = samples.data, samples.index.index.to_numpy()
    q = predicted["arrival"].transpose("sample", "phase", "quantile")
    first, middle, last = (
        q.sel(quantile=v, method="nearest").to_numpy() for v in (0.05, 0.5, 0.95)
    )
    chance = predicted["probability"].transpose("sample", "phase").to_numpy()
    start = data["start"].to_numpy()[rows].astype("datetime64[ns]")
    unknown = bool(np.isnat(start).any())
    begin = np.where(np.isnat(start), EPOCH, start)
    alive = np.concatenate([
        data["waveform"].isel(window=rows[a : a + 256]).to_numpy()[:, 1:].any(axis=(1, 2))
        for a in range(0, max(len(rows), 1), 256)
    ])  # fmt: skip
    threshold = getattr(samples.gather, "threshold", 0.5)
    frames = []
    for i, phase in enumerate(PHASES):
        letter = np.where(alive & (phase == "S"), "N", "Z")
        at = {"time": middle, "low": first, "high": last}
        times = {
            k: begin + (v[:, i] * 1e9).round().astype("timedelta64[ns]") for k, v in at.items()
        }
        code = data["instrument"].to_numpy()[rows].astype(str)
        frame = pd.DataFrame({
            **{k: data[k].to_numpy()[rows].astype(str) for k in ("network", "station", "location")},
            "channel": np.where(code == "", "", np.char.add(code, letter)),
            "phase": phase, **times, "probability": chance[:, i],
        })  # fmt: skip
        if unknown:
            frame["window"] = data["name"].to_numpy()[rows].astype(str)
            frame["seconds"], frame["seconds_low"], frame["seconds_high"] = (
                v[:, i].round(4) for v in (middle, first, last)
            )
        frames.append(frame[chance[:, i] >= threshold])
    table = pd.concat(frames, ignore_index=True)
    return table if unknown else _once(table)


def _once(table: pd.DataFrame) -> pd.DataFrame:
    """Picks of overlapping windows once, in the order of time."""
    names = ["network", "station", "location", "channel", "phase"]
    ordered = table.sort_values([*names, "time"], kind="stable").reset_index(drop=True)
    same = (ordered[names] == ordered[names].shift()).all(axis=1)
    near = ordered["time"].diff() <= pd.Timedelta("1s")
    cluster = (~(same & near)).cumsum()
    best = ordered.groupby(cluster)["probability"].idxmax()
    return ordered.loc[best].sort_values("time", kind="stable").reset_index(drop=True)


def write_pick_file(predicted: xr.Dataset, samples: Samples, path: Path) -> str:
    """CSV or QuakeML of picks, by the ending; gives back how many."""
    table = pick_table(predicted, samples)
    if "window" in table:
        warnings.warn(
            "the time of these windows is not known: their start counts as 1970-01-01T00:00:00Z, "
            "and the columns window, seconds, seconds_low, seconds_high tell the picks in a window",
            stacklevel=2,
        )
    write_picks(table, path)
    return counted(len(table), "pick")


def pick_target() -> Target:
    """What is predicted: seconds from the window's start, median and 90 % interval."""
    return Target("arrival", units="s", quantiles=(0.05, 0.5, 0.95))
