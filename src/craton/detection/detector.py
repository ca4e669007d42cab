"""Windows of continuous records through a net, and what comes out put together again."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from craton.detection.conditioning import Conditioner, memory
from craton.detection.peaks import Peaks, Pick, table
from craton.detection.record import BILLION, SLOWEST, Key, Part, blocks, sample_time
from craton.detection.runner import Net, Runner
from craton.detection.settings import Detection
from craton.detection.station import Layout, Station
from craton.errors import ConfigError
from craton.io.problems import Problem, counted
from craton.models.nets.picker_input import PickerInput
from craton.waveforms.spikes import PAST, REACH

Progress = Callable[[int, int, str], None]
# First sample, component, samples, and their time after the grid in ns.
Arrival = tuple[int, int, NDArray[Any], int]
Sink = Callable[[Key, int, int, NDArray[Any]], None]
RESAMPLING_S = 10.0
"""Seconds that resampling looks back at most, for channels of 1 Hz or more."""


class Detector:
    """Detection that goes on: give it records as they come, take the picks that are final.

    What is found does not depend on how the record is cut into pieces, so a live feed gives the
    picks of the whole day at once. A score is final when no later window can change it, at the
    latest one window after its time.

    Parameters
    ----------
    net : callable
        Windows (window, component, sample) to scores (window, phase, sample), as Tensors. A net
        with ``for_inference`` gives the twin that is run. Where torch has several threads, the net
        is called from all of them.
    wants : PickerInput, optional
        What the net takes and gives; by default ``net.wants``.
    settings : Detection
        Windows, thresholds, blocks.
    sink : callable, optional
        Called as ``sink(instrument, first sample, offset in ns, scores)`` with all scores
        (sample, phase) that are final, NaN where there is none.

    Attributes
    ----------
    problems : list of Problem
        What was left out; complete after `finish`.

    Raises
    ------
    ConfigError
        If nothing says what the net wants, or the windows do not cover the record.
    """

    def __init__(
        self,
        net: Net,
        wants: PickerInput | None = None,
        settings: Detection = Detection(),  # noqa: B008
        sink: Sink | None = None,
    ) -> None:
        told = wants or getattr(net, "wants", None)
        if not isinstance(told, PickerInput):
            raise ConfigError(
                "nothing says what windows this net wants", fix="give wants=PickerInput(...)"
            )
        self.wants, self.settings, self.sink = told, settings, sink
        self.runner = Runner(net, self.wants, settings.batch)
        self.rate = Fraction(self.wants.sampling_rate).limit_denominator(1000)
        self.layout = Layout(
            self.wants.samples,
            settings.step(self.wants.samples),
            *settings.blinding,
            highest=settings.stacking == "max",
            all_components=settings.all_components,
        )
        limits = dict.fromkeys(self.wants.phases.replace("N", ""), settings.threshold)
        if odd := sorted(settings.thresholds.keys() - limits.keys()):
            raise ConfigError(f"thresholds of {odd} are given, the net gives {sorted(limits)}")
        self.limits = limits | settings.thresholds
        # spikes are looked for a few samples behind the newest
        self.patience = round(settings.patience * float(self.rate)) + REACH
        self.most = round(settings.block * float(self.rate)) + self.wants.samples
        self.problems: list[Problem] = []
        self.stations: dict[Key, Station] = {}
        self.channels: dict[Key, dict[tuple[int, Fraction], Conditioner]] = defaultdict(dict)
        self.peaks: dict[Key, dict[str, Peaks]] = {}

    def feed(self, stream: Any, progress: Progress | None = None) -> Iterator[pd.DataFrame]:
        """Take a stream that comes after those before it; give picks block by block.

        Parameters
        ----------
        stream : obspy.Stream
            Any number of stations, all channels of its time.
        progress : callable, optional
            Called as ``progress(done, total, text)`` after each block.

        Yields
        ------
        pandas.DataFrame
            The picks that became final, as of `detect`.
        """
        length = self.settings.block
        begins = [t.stats.starttime.ns for t in stream if t.stats.npts]
        ends = [t.stats.endtime.ns for t in stream if t.stats.npts]
        total = int(max(ends) / 1e9 // length - min(begins) / 1e9 // length) + 1 if ends else 0
        for parts in blocks(stream, self.wants.components, self.rate, length, self.problems):
            if not parts:
                continue
            rows = self._block(parts)
            if progress is not None:
                start = sample_time(parts[-1].first, self.rate / parts[-1].ratio)
                done = int(start / 1e9 // length - min(begins) / 1e9 // length) + 1
                progress(done, total, str(np.datetime64(start, "ns"))[:19])
            yield table(rows)

    def finish(self) -> pd.DataFrame:
        """End all records; give the last picks, and complete the problems."""
        rows = []
        for key in sorted(self.channels):
            rows += self._put(key, sorted(self._flushed(key, math.inf), key=_begin))
            station = self.stations.get(key)
            if station is None:
                continue
            if station.base is not None:
                rows += self._end(key)
            for phase, peaks in self.peaks[key].items():
                rows += self._rows(key, phase, peaks.close())
            self._tell(key, station)
        return table(rows)

    @property
    def delay(self) -> float:
        """Seconds after a time, at most, whose samples its score waits for."""
        ratios = [float(r) for found in self.channels.values() for _, r in found]
        ahead = REACH * max(ratios, default=1.0)  # samples that tell a spike
        return (self.layout.length - self.layout.front + ahead) / float(self.rate)

    @property
    def context(self) -> float:
        """Seconds before a time whose samples its score depends on, but for rounding.

        A feed that is given again from so long before `settled` on goes on as if it had never been
        broken off.
        """
        spikes = (PAST + REACH + 1) * SLOWEST
        windows = (self.layout.length + self.layout.step + spikes) / float(self.rate)
        return windows + memory(self.wants.filter, float(self.rate)) + RESAMPLING_S

    def settled(self) -> dict[Key, dict[str, int]]:
        """Time, in ns, before which no pick of a phase can come any more, by instrument."""
        found: dict[Key, dict[str, int]] = {}
        for key, station in self.stations.items():
            if station.base is None:
                continue
            for phase, peaks in self.peaks[key].items():
                at = station.out if peaks.open is None else peaks.open[0]
                time = sample_time(at, self.rate) + station.offset(at)
                found.setdefault(key, {})[phase] = time
        return found

    def _block(self, parts: list[Part]) -> list[tuple[Any, ...]]:
        """Take the parts of a block, station by station, and run the windows that are complete."""
        groups: dict[Key, list[Part]] = defaultdict(list)
        for part in parts:
            groups[part.key].append(part)
        rows, waiting = [], []
        for key in sorted(groups):
            pieces, newest = self._conditioned(key, groups[key])
            rows += self._put(key, sorted([*pieces, *self._flushed(key, newest)], key=_begin))
            station = self.stations.get(key)
            if station is None or station.base is None:
                continue
            self._request(station, station.ready(self.patience))
            waiting.append(key)
            # Short pieces of many stations share a batch; a long one is not kept waiting.
            if station.done - station.out > 4 * self.wants.samples:
                rows += self._release(waiting)
                waiting = []
        return rows + self._release(waiting)

    def _conditioned(self, key: Key, parts: list[Part]) -> tuple[list[Arrival], float]:
        """What the channels of a station make of new parts, and where the newest ends."""
        pieces: list[Arrival] = []
        newest = 0.0
        channels = self.channels[key]
        for part in parts:
            name = (part.component, part.ratio)
            if name not in channels:
                channels[name] = self._channel(part)
            channel = channels[name]
            first, offset = _place(part, channel, self.rate)
            again = max(0, min((channel.next or first) - first, len(part.samples)))
            if again:
                self._station(key).counts["overlap"] += math.ceil(again * part.ratio)
            newest = max(newest, float((first + len(part.samples)) * part.ratio))
            if again < len(part.samples):
                made = channel.push(first + again, part.samples[again:], offset)
                pieces += [(a, part.component, x, offset) for a, x in made]
        return pieces, newest

    def _flushed(self, key: Key, newest: float) -> list[Arrival]:
        """The rest of channels that lag too far behind the newest one of their station."""
        pieces: list[Arrival] = []
        for (component, ratio), channel in self.channels[key].items():
            if channel.next is not None and newest - float(channel.next * ratio) > self.patience:
                pieces += [(a, component, x, channel.offset_ns) for a, x in channel.close()]
        return pieces

    def _put(self, key: Key, pieces: list[Arrival]) -> list[tuple[Any, ...]]:
        """Give a station its new samples; a long gap ends its record, which may give picks."""
        if not pieces:
            return []
        rows: list[tuple[Any, ...]] = []
        room = max(a + len(x) for a, _, x, _ in pieces) - pieces[0][0]
        station = self._station(key)
        for first, component, samples, offset in pieces:
            if station.base is not None and first > station.end + self.patience:
                rows += self._end(key)
            station.put(component, first, samples, offset, min(room, self.most))
        return rows

    def _channel(self, part: Part) -> Conditioner:
        own = float(self.rate / part.ratio)
        level = self.wants.scale != "none"
        return Conditioner(part.ratio, own, self.wants.filter, level)

    def _station(self, key: Key) -> Station:
        if key not in self.stations:
            wants = self.wants
            self.stations[key] = Station(len(wants.components), len(wants.phases), self.layout)
            self.peaks[key] = {p: Peaks(limit) for p, limit in self.limits.items()}
        return self.stations[key]

    def _end(self, key: Key) -> list[tuple[Any, ...]]:
        station = self.stations[key]
        self._request(station, station.end, close=True)
        return self._release([key])

    def _request(self, station: Station, until: int, *, close: bool = False) -> None:
        for request in station.advance(until, close=close):
            self.runner.put(station, request)

    def _release(self, keys: list[Key]) -> list[tuple[Any, ...]]:
        """Run the windows that wait; picks in the scores of stations that have become final."""
        self.runner.finish()
        rows = []
        for key in keys:
            station = self.stations[key]
            first, scores = station.release()
            if self.sink is not None and len(scores):
                self.sink(key, first, station.offset(first), scores)
            for phase, peaks in self.peaks[key].items():
                column = np.ascontiguousarray(scores[:, self.wants.phases.index(phase)])
                rows += self._rows(key, phase, peaks.take(first, column))
        return rows

    def _rows(self, key: Key, phase: str, picks: list[Pick]) -> list[tuple[Any, ...]]:
        """Picks with the names of their channel; S is on a horizontal one, where one is alive."""
        if not picks:
            return []
        network, name, location, band = key
        station = self.stations[key]
        seen = [c for c, e in zip(self.wants.components, station.ends, strict=True) if e > -BILLION]
        found = []
        for at, score in picks:
            live = [c for c in seen if not self._still(key, c, at)] or seen
            channel = band + min(live, key=lambda c: (c == "Z") == (phase == "S"))
            ns = sample_time(at, self.rate) + station.offset(at)
            found.append((network, name, location, channel, phase, ns, score))
        return found

    def _still(self, key: Key, component: str, at: int) -> bool:
        """Whether a component has long kept one value at a sample of the net."""
        mine = self.wants.components.index(component)
        return all(channel.still.at(math.floor(at / ratio))
                   for (c, ratio), channel in self.channels[key].items() if c == mine)  # fmt: skip

    def _tell(self, key: Key, station: Station) -> None:
        """Name what this station's record lacked."""
        where, n = ".".join(key), station.counts
        for c, letter in enumerate(self.wants.components):
            spikes = sum(x.clean.count for (k, _), x in self.channels[key].items() if k == c)
            if spikes:
                text = f"{counted(spikes, 'spike')} of one sample, interpolated"
                self.problems.append(Problem("warning", "spike", text, where + letter))
        seconds = {k: n[k] / float(self.rate) for k in ("short samples", "late", "overlap")}
        told = {
            "gap": f"{counted(n['spans'] - 1, 'gap')} (or components that come and go); no window "
            "lies across one",
            "short": f"{counted(n['short'], 'span')} shorter than a window, without scores; "
            f"{seconds['short samples']:.2f} s in all",
            "partial": f"zeros stand for missing components in {counted(n['partial'], 'span')}",
            "late": f"{seconds['late']:.2f} s came after later ones had been worked on; left out",
            "overlap": f"{seconds['overlap']:.2f} s came twice; the first was kept",
        }
        for kind, text in told.items():
            if n["spans" if kind == "gap" else kind] > (kind == "gap"):
                level = "info" if kind in ("gap", "partial") else "warning"
                self.problems.append(Problem(level, kind, text, where))  # type: ignore[arg-type]


def _begin(piece: Arrival) -> tuple[int, int]:
    return piece[0], piece[1]


def _place(part: Part, channel: Conditioner, rate: Fraction) -> tuple[int, int]:
    """Number and offset of a part's first sample; one that follows within half a sample follows."""
    if channel.next is None:
        return part.first, part.offset
    spacing = BILLION / float(rate / part.ratio)
    offset = part.offset + round((part.first - channel.next) * spacing)
    if abs(offset - channel.offset_ns) < spacing / 2 and abs(offset) <= spacing:
        return channel.next, offset
    return part.first, part.offset
