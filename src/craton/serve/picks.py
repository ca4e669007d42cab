"""A picker on a feed: detection piece by piece, an interval for each pick, a mark to go on from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from craton.config import build
from craton.continuous_picking import BEFORE, LENGTH, detector_net, with_intervals
from craton.detection import Detection, Detector
from craton.detection.peaks import table
from craton.errors import ModelError
from craton.io.picks import PICK_COLUMNS, picks_text
from craton.io.problems import Problem
from craton.models.neural_picking import NeuralPicker
from craton.serve.packets import Instrument, instrument
from craton.serve.settings import Feed
from craton.waveforms.live_steps import LiveSteps
from craton.waveforms.processing import Processing

BILLION = 1_000_000_000
LONGEST_S = 900.0
"""Seconds of waveforms that are kept for intervals, at most."""
Calibrate = Callable[[pd.DataFrame, Any], pd.DataFrame]
"""Picks of one instrument and its recent waveforms to picks with intervals."""


class LivePicks:
    """Picks on a feed: the same as on the whole record at once.

    Parameters
    ----------
    net : callable
        As `craton.detection.Detector` takes it.
    settings : Detection
        Windows, stacking, thresholds.
    calibrate : callable, optional
        Gives intervals; without it picks stay as the net gives them.
    steps : LiveSteps, optional
        What is done to the waveforms first.

    Attributes
    ----------
    header : str
        First line of the file of picks.
    context : float
        Seconds before `settled` from which the feed must be given again after a restart.
    about : str
        What bounds the latency, as one line.
    """

    def __init__(
        self, net: Any, settings: Detection, calibrate: Calibrate | None = None,
        steps: LiveSteps | None = None,
    ) -> None:  # fmt: skip
        self.steps = steps or LiveSteps(Processing())
        self.detector = Detector(net, settings=settings)
        self.calibrate = calibrate
        self.header = picks_text(table([]), header=True)
        self.context = self.detector.context + BEFORE + self.steps.context
        self.about = (
            f"a pick is final at most {self.detector.delay:.1f} s after its time "
            f"(windows of {self.detector.layout.length / float(self.detector.rate):g} s, one "
            f"every {self.detector.layout.step / float(self.detector.rate):g} s)"
        )
        self.after = round((LENGTH - BEFORE) * BILLION) if calibrate else 0
        self.upto: dict[Instrument, int] = {}
        self.recent: dict[Instrument, list[Any]] = {}
        self.pending: dict[Instrument, pd.DataFrame] = {}
        self.done: Mapping[Instrument, Mapping[str, int]] = {}
        self.half = round(0.5 * BILLION / float(self.detector.rate))

    def restore(self, settled: Mapping[Instrument, Mapping[str, int]]) -> None:
        """Leave out picks before these times (ns): they are written already."""
        self.done = settled

    def take(self, stream: Any, upto: Mapping[Instrument, int]) -> pd.DataFrame:
        """Take what follows of the record; give the picks that are final.

        Parameters
        ----------
        stream : obspy.Stream
            Any instruments, all their channels, each up to the time in `upto` (ns).
        """
        self.upto.update(upto)
        stream = self.steps.take(stream)
        if self.calibrate is not None:
            for trace in stream:
                self.recent.setdefault(instrument(trace), []).append(trace)
        for frame in self.detector.feed(stream):
            self._hold(frame)
        found = self._final()
        self._forget(upto)
        return found

    def lines(self, rows: pd.DataFrame) -> str:
        """Picks as lines of CSV."""
        return picks_text(rows)

    def finish(self) -> pd.DataFrame:
        """End all records; give the last picks."""
        self._hold(self.detector.finish())
        self.upto = dict.fromkeys(self.upto, np.iinfo(np.int64).max)
        return self._final()

    def settled(self) -> dict[Instrument, dict[str, int]]:
        """Time in ns before which all picks of a phase were given, by instrument."""
        found = {key: dict(phases) for key, phases in self.done.items()}
        for key, phases in self.detector.settled().items():
            before = found.get(key, {})
            found[key] = {p: max(at, before.get(p, at)) for p, at in phases.items()}
        for key, frame in self.pending.items():
            for phase, time in zip(frame["phase"], frame["time"], strict=True):
                found[key][phase] = min(found[key][phase], time.value)
        return found

    @property
    def problems(self) -> list[Problem]:
        """What the steps and the detector left out."""
        return [*self.steps.problems, *self.detector.problems]

    def _hold(self, frame: pd.DataFrame) -> None:
        """Keep new picks until the samples after them are there."""
        if not len(frame):
            return
        keys = [
            (n, s, x, c[:-1])
            for n, s, x, c in frame[list(PICK_COLUMNS[:4])].itertuples(index=False)
        ]
        times = frame["time"].to_numpy().astype("datetime64[ns]").astype(np.int64)
        for row, (key, phase, time) in enumerate(zip(keys, frame["phase"], times, strict=True)):
            if time >= self.done.get(key, {}).get(phase, time) - self.half:
                one = frame.iloc[[row]]
                held = self.pending.get(key)
                joined = one if held is None else pd.concat([held, one], ignore_index=True)
                self.pending[key] = joined

    def _final(self) -> pd.DataFrame:
        """The picks whose samples are there, with intervals."""
        import obspy

        found = []
        for key, frame in list(self.pending.items()):
            times = frame["time"].to_numpy().astype("datetime64[ns]").astype(np.int64)
            ready = times + self.after <= self.upto.get(key, 0)
            if not ready.any():
                continue
            rows = frame[ready].reset_index(drop=True)
            if self.calibrate is not None:
                rows = self.calibrate(rows, obspy.Stream(self.recent.get(key, [])))
            found.append(rows)
            self.pending[key] = frame[~ready].reset_index(drop=True)
            if ready.all():
                del self.pending[key]
        found = [f for f in found if len(f)]
        return pd.concat(found, ignore_index=True) if found else table([])

    def _forget(self, keys: Mapping[Instrument, int]) -> None:
        """Drop waveforms that no pick needs any more."""
        settled = self.settled() if self.calibrate else {}
        for key in keys:
            if key not in self.recent or key not in settled:
                continue
            since = min(settled[key].values()) - round((BEFORE + 1.0) * BILLION)
            since = max(since, self.upto[key] - round(LONGEST_S * BILLION))
            self.recent[key] = [t for t in self.recent[key] if int(t.stats.endtime.ns) > since]


def picker_on_feed(loaded: Any, settings: Mapping[str, Any]) -> LivePicks:
    """How a bundle of ``phase-picking`` runs on a feed.

    Parameters
    ----------
    loaded : craton.loaded.Loaded
        The bundle.
    settings : mapping
        Of `craton.detection.Detection`; ``threshold`` is that of the net's own score, before
        calibration.

    Raises
    ------
    ConfigError
        If there is no such setting, or a step of the bundle cannot be done on a feed.
    ModelError
        If the bundle holds no neural picker.
    """
    model, config = loaded.fitted.model, loaded.config
    if not isinstance(model, NeuralPicker):
        raise ModelError(f"'{loaded.fitted.name}' gives no chance at each sample",
                         fix="take a bundle with a neural picker")  # fmt: skip
    net = detector_net(model, config.band, config.rate)

    def calibrate(picks: pd.DataFrame, stream: Any) -> pd.DataFrame:
        return with_intervals(picks, stream, loaded.fitted.calibrator, config.threshold)

    chosen = _detection({"threshold": 0.1, **settings})
    steps = LiveSteps(Processing.of(config.steps, config.inventory))
    return LivePicks(net, chosen, calibrate, steps)


def phasenet_on_feed(net: Any, settings: Mapping[str, Any]) -> LivePicks:
    """How an imported PhaseNet runs on a feed: picks without intervals.

    Parameters
    ----------
    net : craton.models.nets.phasenet.PhaseNet
        As `read_phasenet` gives it.
    settings : mapping
        Of `craton.detection.Detection`; by default those in its JSON.
    """
    _detection(settings)
    return LivePicks(net, Detection.of_seisbench(net.defaults, **settings))


def _detection(settings: Mapping[str, Any]) -> Detection:
    """Settings of detection; of one that is unknown, the nearest of the feed's as well is named."""
    return build(Detection, settings, where="stream", also=Feed.model_fields)
