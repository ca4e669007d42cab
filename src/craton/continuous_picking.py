"""A bundle's picker on continuous records: detection, and then an interval for each pick."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor, nn

from craton.detection import Detection, Detector
from craton.detection.peaks import table
from craton.errors import ModelError
from craton.io.picks import write_picks
from craton.io.pieces import longest_run, read_pieces
from craton.io.problems import Problem, merged, need_obspy
from craton.io.waveforms import Waveforms, waveform_contents
from craton.models.nets.picker_input import Filter, PickerInput
from craton.models.neural_picking import NeuralPicker
from craton.models.physics import onsets
from craton.models.picking import horizontals
from craton.pick_calibration import PickConformal
from craton.result import Progress
from craton.waveforms.processing import Processing
from craton.waveforms.quality import PICKED, SEEN, waveform_findings
from craton.waveforms.spikes import spike_samples
from craton.waveforms.windows import windows_around

BEFORE, LENGTH = 4.0, 6.0
"""Seconds before a pick, and of the window, over which signal to noise is measured."""

MOST_KEPT = 600.0
"""Seconds of a record at most that are kept for picks that are not final."""

LONG_S = 600.0
"""Length of a record in s from which on it is continuous, and no window around an event."""

MOST_TOLD = 30
"""Problems that are told one by one."""


class _Scores(nn.Module):
    """The nets of a picker as one net from windows to chances of P, S and neither."""

    def __init__(self, nets: list[nn.Module], wants: PickerInput) -> None:
        super().__init__()
        self.nets, self.wants = nn.ModuleList(nets), wants

    def forward(self, waves: Tensor) -> Tensor:
        found = [net({"sequence": waves}).softmax(dim=1) for net in self.nets]
        return torch.stack(found).mean(dim=0)


def detector_net(picker: NeuralPicker, band: tuple[float, float], rate: float) -> nn.Module:
    """A fitted picker as `craton.detection.detect` takes nets; ``wants`` tells its windows.

    Parameters
    ----------
    picker : NeuralPicker
        Fitted.
    band : tuple of float
        Corners in Hz of the band-pass that it was trained after.
    rate : float
        Samples a second.
    """
    wants = PickerInput(
        samples=round(picker.config.crop * rate), sampling_rate=rate, components="ZNE",
        phases="PSN", scale="none", filter=Filter(low=band[0], high=band[1], corners=3),
    )  # fmt: skip
    return _Scores(list(picker.nets), wants).eval()


def pick_continuous(loaded: Any, stream: Any, settings: Detection | None = None) -> pd.DataFrame:
    """Pick P and S on a continuous record with a bundle of ``phase-picking``.

    Parameters
    ----------
    loaded : craton.loaded.Loaded
        The bundle.
    stream : obspy.Stream or iterable of obspy.Stream
        Any number of stations and sampling rates, with gaps. Streams of an iterable follow each
        other in time, each with all channels of its time: the picks are those of the whole.
    settings : Detection, optional
        Windows, stacking, thresholds.

    Returns
    -------
    pandas.DataFrame
        As `craton.detection.detect` gives it, with the calibrated probability and the conformal
        interval of each time; ``attrs["problems"]`` lists what was odd in the record.

    Raises
    ------
    ModelError
        If the bundle holds no neural picker.
    ConfigError
        If one of its steps cannot be done on a record that runs on.
    """
    obspy = need_obspy()
    problems: list[Problem] = []
    one = isinstance(stream, obspy.Stream | obspy.Trace)
    streams: Iterable[Any] = [obspy.Stream(stream) if one else stream] if one else stream
    frames = list(pick_each(loaded, streams, settings, problems))
    return _together(frames, problems)


def pick_each(
    loaded: Any, streams: Iterable[Any], settings: Detection | None, problems: list[Problem]
) -> Iterator[pd.DataFrame]:
    """Pick stream by stream, as `pick_continuous`; what was odd is added to `problems`.

    Yields
    ------
    pandas.DataFrame
        The picks that became final with each stream, and those of the end.
    """
    model, config = loaded.fitted.model, loaded.config
    if not isinstance(model, NeuralPicker):
        raise ModelError(f"'{loaded.fitted.name}' gives no chance at each sample",
                         fix="take a bundle with a neural picker")  # fmt: skip
    net = detector_net(model, config.band, config.rate)
    detector = Detector(net, None, settings or Detection(threshold=0.1))
    kept = need_obspy().Stream()
    processing = Processing.of(config.steps, config.inventory)
    for stream in processing.record(streams, problems):
        found = [f for f in detector.feed(stream) if len(f)]
        pool = kept + stream
        del stream  # or it would lie in memory beside the next
        if found:
            picks = pd.concat(found, ignore_index=True)
            yield with_intervals(picks, pool, loaded.fitted.calibrator, config.threshold)
        kept = _unsettled(pool, detector)
        del pool
    yield with_intervals(detector.finish(), kept, loaded.fitted.calibrator, config.threshold)
    problems += detector.problems


def _unsettled(stream: Any, detector: Detector) -> Any:
    """The last part of each channel, around which picks may still come."""
    settled = {k: min(times.values()) for k, times in detector.settled().items()}
    last: dict[str, int] = {}
    for trace in stream:
        last[trace.id] = max(last.get(trace.id, 0), trace.stats.endtime.ns)
    kept = type(stream)()
    for trace in stream:
        s, end = trace.stats, last[trace.id]
        key = (s.network, s.station, s.location, s.channel[:-1])
        begin = min(settled.get(key, end), end) - round(2 * BEFORE * 1e9)
        part = trace.slice(type(s.starttime)(ns=max(begin, end - round(MOST_KEPT * 1e9))))
        if part.stats.npts:
            kept.append(part.copy())
    return kept


def _together(frames: list[pd.DataFrame], problems: list[Problem]) -> pd.DataFrame:
    frames = [f for f in frames if len(f)] or [table([])]
    found = pd.concat(frames, ignore_index=True)
    found = found.sort_values("time", kind="stable", ignore_index=True)
    found.attrs["problems"] = problems
    return found


def with_intervals(
    picks: pd.DataFrame, stream: Any, calibrator: PickConformal, threshold: float
) -> pd.DataFrame:
    """Calibrate probabilities, add intervals, and keep picks that reach the threshold."""
    if not len(picks):
        return picks
    found = picks.copy()
    snr = _signal_to_noise(picks, stream)
    for k, phase in enumerate(("P", "S")):
        rows = (picks["phase"] == phase).to_numpy()
        if not rows.any():
            continue
        given = picks["probability"].to_numpy(float)[rows]
        low, high, chance = calibrator.interval(k, snr[rows], given)
        time = picks["time"].to_numpy()[rows]
        for name, seconds in (("low", low), ("high", high)):
            found.loc[rows, name] = time + (seconds * 1e9).round().astype("timedelta64[ns]")
        found.loc[rows, "probability"] = chance
    return found[found["probability"] >= threshold].reset_index(drop=True)


def _signal_to_noise(picks: pd.DataFrame, stream: Any) -> NDArray[np.float64]:
    """dB at each pick, on the traces of its instrument as they were sampled at its time."""
    found = np.full(len(picks), onsets.LEAST_DB)
    names = ["network", "station", "location", "channel"]
    own = picks[names].astype(str)
    instrument = own["network"] + "." + own["station"] + "." + own["location"] + "."
    instrument += own["channel"].str[:-1]
    time, left = picks["time"].to_numpy(), np.ones(len(picks), bool)
    for rate in sorted({float(t.stats.sampling_rate) for t in stream}, reverse=True):
        part = type(stream)([t for t in stream if float(t.stats.sampling_rate) == rate])
        here = np.zeros(len(picks), bool)
        for trace in part:
            begin = np.datetime64(trace.stats.starttime.ns, "ns")
            end = np.datetime64((trace.stats.endtime + 1 / rate).ns, "ns")
            same = (instrument == trace.id[:-1]).to_numpy()
            here |= same & (time >= begin) & (time < end)
        for phase in ("P", "S"):
            rows = np.flatnonzero(left & here & (picks["phase"] == phase).to_numpy())
            if len(rows):
                found[rows] = _ratios(picks.iloc[rows], part, rate, phase)
        left &= ~here
    return found


def _ratios(picks: pd.DataFrame, stream: Any, rate: float, phase: str) -> NDArray[np.float64]:
    around = picks[["network", "station", "location", "channel", "time"]]
    cut = windows_around(stream, around, before=BEFORE, seconds=LENGTH)
    raw = np.array(cut["waveform"])
    raw[np.ptp(raw, axis=2) == 0] = 0  # a channel of one value is none
    for row in raw.reshape(-1, raw.shape[2]):
        at = spike_samples(row)
        row[at] = (row[at - 1] + row[at + 1]) / 2
    waves = onsets.bandpass(raw, rate)
    part = _vertical(waves) if phase == "P" else horizontals(waves)
    return onsets.signal_to_noise(part, np.full(len(picks), BEFORE * rate), rate)


def _vertical(waves: NDArray[Any]) -> NDArray[Any]:
    """Z of Z, N, E; where it is dead, the first horizontal that is not."""
    first = waves.any(axis=2).argmax(axis=1)
    return np.take_along_axis(waves, first[:, None, None], axis=1)


def predict_record(
    loaded: Any, place: str | Path, out: Path | None, progress: Progress
) -> xr.Dataset | None:
    """Pick P and S on records of any length in files, station by station and piece by piece.

    Parameters
    ----------
    loaded : craton.loaded.Loaded
        The bundle.
    place : path
        miniSEED, SAC or SLIST: a file, a folder or an SDS archive.
    out : Path, optional
        CSV or QuakeML to write.
    progress : callable
        Called as ``progress(done, total, text)`` after each piece.

    Returns
    -------
    xr.Dataset or None
        The picks, one along ``pick``; None where the bundle has no neural picker, or no record is
        longer than `LONG_S`, so that what is there are windows around events.
    """
    if not isinstance(loaded.fitted.model, NeuralPicker):
        return None
    contents = waveform_contents(place)
    if not len(contents) or longest_run(contents) < LONG_S:
        return None
    problems: list[Problem] = list(contents.attrs["problems"])

    def streams() -> Iterator[Any]:
        for piece in read_pieces(contents):
            found = waveform_findings(Waveforms(piece.stream, piece.problems), done=PICKED)
            problems.extend(Problem("warning", "record", f.text, f.where) for f in found
                            if f.level != "info")  # fmt: skip
            progress(piece.number - 1, piece.total, f"picking {piece.station}")
            yield piece.stream
            del piece  # before the next is read

    frames = list(pick_each(loaded, streams(), None, problems))
    picks = _together(frames, problems)
    for line in _lines(problems):
        warnings.warn(line, stacklevel=3)
    if out is not None:
        write_picks(picks, out)
    columns = {str(k): ("pick", picks[k].to_numpy()) for k in picks.columns}
    return xr.Dataset(columns)


def _lines(problems: list[Problem]) -> list[str]:
    """What is to be told, a line a station, the worst first, and not more than `MOST_TOLD`.

    Problems of one channel that are the same but for their numbers are one; what the findings on
    the waveforms tell is not told again as a problem of detection.
    """
    told: dict[tuple[str, str], list[Problem]] = {}
    missing = {p.where for p in problems if p.kind == "record" and "missing" in p.text}
    for problem in problems:
        if problem.kind in SEEN and (problem.kind != "partial" or problem.where in missing):
            continue
        kind = re.sub(r"\d[\d.:T-]*Z?", "#", problem.text)
        told.setdefault((problem.where, kind), []).append(problem)
    once = []
    for same in told.values():
        others = len({p.text for p in same}) - 1  # what each piece of a record says is said once
        more = f" (and {others} more like it)" if others else ""
        once.append(same[0]._replace(text=same[0].text + more, level="warning"))
    lines = [f"{where}: {text}" for _, where, text in merged(once)]
    more_lines = [f"and {len(lines) - MOST_TOLD} more lines"] if len(lines) > MOST_TOLD else []
    return lines[:MOST_TOLD] + more_lines
