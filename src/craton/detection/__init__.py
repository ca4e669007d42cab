"""Picks on continuous records of any length by any net that scores each sample of a window."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from craton.detection.detector import Detector, Progress
from craton.detection.peaks import table
from craton.detection.record import Key, sample_time
from craton.detection.runner import Net
from craton.detection.settings import Detection
from craton.io.problems import need_obspy
from craton.models.nets.picker_input import PickerInput

__all__ = ["Detection", "Detector", "detect", "detect_each", "score"]


def detect(
    stream: Any,
    net: Net,
    wants: PickerInput | None = None,
    settings: Detection = Detection(),  # noqa: B008
    *,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Pick phases on a continuous record.

    Parameters
    ----------
    stream : obspy.Stream or iterable of obspy.Stream
        Any number of stations, with gaps. Streams of an iterable follow each other in time, each
        with all channels of its time, so that a long record need not lie in memory at once.
    net : callable
        Windows (window, component, sample) to scores (window, phase, sample), as Tensors.
    wants : PickerInput, optional
        What the net takes and gives; by default ``net.wants``.
    settings : Detection
        Windows, stacking, thresholds.
    progress : callable, optional
        Called as ``progress(done, total, text)`` after each block.

    Returns
    -------
    pandas.DataFrame
        ``network, station, location, channel, phase, time, low, high, probability``, by time.
        ``low`` and ``high`` are NaT: they come from a calibrated picker. ``attrs["problems"]``
        lists gaps, short spans, missing components and what was left out.

    Raises
    ------
    ConfigError
        If nothing says what the net wants, or the windows do not cover the record.
    ModelError
        If the net gives another shape, or scores that are not finite.

    See Also
    --------
    detect_each : the same, block by block, to be stopped at any time.
    craton.models.nets.phasenet.read_phasenet : a net with weights that SeisBench saved.

    Examples
    --------
    >>> import obspy
    >>> wants = PickerInput(samples=200, components="Z", phases="P", scale="none")
    >>> trace = obspy.Trace(np.zeros(1000, np.float32), {"station": "A", "channel": "HHZ"})
    >>> trace.stats.sampling_rate = 100
    >>> trace.data[444] = 0.9
    >>> picks = detect(trace, lambda windows: windows, wants)
    >>> picks[["station", "channel", "phase", "time"]].iloc[0].astype(str).to_list()
    ['A', 'HHZ', 'P', '1970-01-01 00:00:04.440000']
    """
    detector = Detector(net, wants, settings)
    frames = [f for f in _each(detector, stream, progress) if len(f)]
    found = pd.concat(frames, ignore_index=True) if frames else table([])
    found = found.sort_values("time", kind="stable", ignore_index=True)
    found.attrs["problems"] = detector.problems
    return found


def detect_each(
    stream: Any,
    net: Net,
    wants: PickerInput | None = None,
    settings: Detection = Detection(),  # noqa: B008
) -> Iterator[pd.DataFrame]:
    """Pick phases block by block: stop when you like and keep what came.

    Takes what `detect` takes.

    Yields
    ------
    pandas.DataFrame
        The picks that became final with each block.
    """
    return _each(Detector(net, wants, settings), stream, None)


def score(
    stream: Any,
    net: Net,
    wants: PickerInput | None = None,
    settings: Detection = Detection(),  # noqa: B008
) -> Any:
    """The stacked scores of all phases, of which `detect` takes the peaks.

    Takes what `detect` takes.

    Returns
    -------
    obspy.Stream
        One trace a station, phase and span; the channel is the band with the phase's letter.
    """
    obspy = need_obspy()
    kept: dict[Key, list[tuple[int, int, NDArray[Any]]]] = defaultdict(list)
    detector = Detector(
        net, wants, settings, lambda key, first, offset, x: kept[key].append((first, offset, x))
    )
    detector.limits = {}  # no picks
    for _ in _each(detector, stream, None):
        pass
    found = obspy.Stream()
    for (network, station, location, band), pieces in kept.items():
        for first, offset, parts in _joined(pieces):
            begin = obspy.UTCDateTime(ns=sample_time(first, detector.rate) + offset)
            for i, phase in enumerate(detector.wants.phases):
                header = {"network": network, "station": station, "location": location,
                          "channel": band + phase, "starttime": begin,
                          "sampling_rate": float(detector.rate)}  # fmt: skip
                found.append(obspy.Trace(np.concatenate([x[:, i] for x in parts]), header))
    return found


def _each(detector: Detector, stream: Any, progress: Progress | None) -> Iterator[pd.DataFrame]:
    obspy = need_obspy()
    if isinstance(stream, obspy.Trace):
        stream = obspy.Stream([stream])
    streams: Iterable[Any] = [stream] if isinstance(stream, obspy.Stream) else stream
    for one in streams:
        yield from detector.feed(one, progress)
        del one  # or it would lie in memory beside the next
    yield detector.finish()


def _joined(
    pieces: list[tuple[int, int, NDArray[Any]]],
) -> list[tuple[int, int, list[NDArray[Any]]]]:
    """Runs of scores without NaN, as lists of pieces that follow each other."""
    runs: list[tuple[int, int, list[NDArray[Any]]]] = []
    for first, offset, scores in pieces:
        good = np.isfinite(scores[:, 0])
        edges = np.flatnonzero(np.diff(np.concatenate([[False], good, [False]])))
        for lo, hi in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            last = runs[-1] if runs else None
            if last is not None and last[0] + sum(map(len, last[2])) == first + lo:
                last[2].append(scores[lo:hi])
            else:
                runs.append((first + lo, offset, [scores[lo:hi]]))
    return runs
