"""Declared steps on records of any length, hour by hour, with the same result however it comes.

Hours are counted from 1970. Each is processed with a margin on both sides, wide enough for what its
filters remember, and neighbours are faded into each other where they meet. So the result does not
depend on the pieces in which a record is read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import signal

from craton.checks import Finding
from craton.errors import ConfigError
from craton.io.segments import clip, join, solid, trace_of
from craton.waveforms.steps import (
    Bandpass,
    Normalise,
    RemoveResponse,
    Resample,
    Step,
    Taper,
    apply_steps,
)

BILLION = 10**9
HOUR = 3600 * BILLION
FADE = 30 * BILLION
"""Half the time, ns, over which an hour is faded into the next."""

LEAST_S, MOST_S = 60.0, 1800.0
"""Margin in s beyond the fade, at least and at most."""

SLACK = BILLION
"""How much earlier than the others a channel of a piece may end, ns."""


def reach(step: Step) -> float:
    """Seconds over which a step feels where a record was cut.

    A filter has forgotten where it began to one part in 1e9; ObsPy tapers a twentieth at either end
    before it removes a response.

    Examples
    --------
    >>> round(reach(Bandpass(low=1.0, high=20.0, corners=3)), 1)
    7.0
    """
    if isinstance(step, Taper):
        return step.seconds
    if isinstance(step, RemoveResponse):
        return 0.15 * HOUR / BILLION
    if not isinstance(step, Bandpass):
        return 0.0
    corner = [2 * np.pi * f for f in (step.low, step.high) if f is not None]
    kind = "bandpass" if len(corner) == 2 else "highpass" if step.low else "lowpass"
    at = corner if len(corner) == 2 else corner[0]
    poles = signal.butter(step.corners, at, kind, analog=True, output="zpk")[1]
    return float(np.log(1e9) / np.abs(poles.real).min())


def refusal(steps: Sequence[Step]) -> str:
    """Why steps cannot be applied hour by hour; empty if they can.

    Examples
    --------
    >>> refusal([Normalise()])
    "the step 'normalise' needs the whole record"
    """
    for step in steps:
        if isinstance(step, Normalise | Resample):
            return f"the step '{step.step}' needs the whole record"
    seconds = sum(reach(step) for step in steps)
    if seconds > MOST_S:
        return f"the steps remember {seconds:.0f} s of the record, at most {MOST_S:g} s can be"
    return ""


class HourlySteps:
    """Steps on a record that comes in pieces.

    Parameters
    ----------
    steps : sequence of Step
        What to do.
    inventory : obspy.Inventory, optional
        For steps that need the instrument.

    Attributes
    ----------
    findings : list of Finding
        What could not be done, each once.

    Raises
    ------
    ConfigError
        If a step needs the whole record, or remembers too much of it.
    """

    def __init__(self, steps: Sequence[Step], inventory: Any = None) -> None:
        if why := refusal(steps):
            raise ConfigError(
                f"{why}, and a record that runs on is worked on hour by hour", where="steps",
                fix="leave the step out (the rate is a setting of its own, and each window is "
                "scaled by itself), or raise the lowest corner",
            )  # fmt: skip
        self.steps, self.inventory = tuple(steps), inventory
        margin = max(sum(reach(step) for step in steps), LEAST_S)
        self.margin = FADE + round(margin * BILLION)
        self.instruments: dict[str, _Instrument] = {}
        self.findings: list[Finding] = []

    def take(self, stream: Any) -> Any:
        """Take what follows of the record; give what is ready.

        Parameters
        ----------
        stream : obspy.Stream
            Any instruments, each with all channels of its time. An instrument that does not come
            again has ended.

        Returns
        -------
        obspy.Stream
        """
        import obspy

        groups: dict[str, list[Any]] = defaultdict(list)
        for trace in stream:
            groups[trace.id[:-1]].append(trace)
        found = []
        for name in [n for n in self.instruments if n not in groups]:
            found += self.instruments.pop(name).finish()
        for name, traces in groups.items():
            if name not in self.instruments:
                self.instruments[name] = _Instrument(self)
            found += self.instruments[name].take(traces)
        return obspy.Stream(found)

    def finish(self) -> Any:
        """End all records; give the rest."""
        import obspy

        rest = [t for one in self.instruments.values() for t in one.finish()]
        self.instruments = {}
        return obspy.Stream(rest)

    def tell(self, findings: list[Finding]) -> None:
        """Keep findings, each once."""
        self.findings += [f for f in dict.fromkeys(findings) if f not in self.findings]


class _Instrument:
    """What is still needed of the channels of one instrument."""

    def __init__(self, owner: HourlySteps) -> None:
        self.owner = owner
        self.kept: list[Any] = []
        self.tails: list[Any] = []
        self.hour: int | None = None

    def take(self, traces: list[Any]) -> list[Any]:
        whole = solid(traces)
        lost = sum(t.stats.npts for t in traces) - sum(t.stats.npts for t in whole)
        if lost:
            text = "samples that are masked or not finite are taken for gaps"
            self.owner.tell([Finding("warning", text, traces[0].id)])
        self.kept, problems = join([*self.kept, *(t for t in whole if t.stats.npts)])
        self.owner.tell([Finding(p.level, p.text, p.where) for p in problems
                         if p.kind in ("overlap", "clock jump back")])  # fmt: skip
        ends = [int(t.stats.endtime.ns) for t in traces if t.stats.npts]
        return self._ready(max(ends) - SLACK) if ends else []

    def finish(self) -> list[Any]:
        found = self._ready(None)
        found, self.tails = [*found, *self.tails], []
        return found

    def _ready(self, until: int | None) -> list[Any]:
        """The hours that are complete, with their margins, before a time."""
        found: list[Any] = []
        margin = self.owner.margin
        while self.kept:
            first = min(int(t.stats.starttime.ns) for t in self.kept) // HOUR
            self.hour = first if self.hour is None else max(self.hour, first)
            if until is not None and (self.hour + 1) * HOUR + margin > until:
                break
            found += self._worked(self.hour)
            self.hour += 1
            begin = self.hour * HOUR
            rest = [t for t in self.kept if int(t.stats.endtime.ns) >= begin - FADE]
            cut = [clip(t, _time(begin - margin), None) for t in rest]
            self.kept = [t for t in cut if t is not None]
        return found

    def _worked(self, hour: int) -> list[Any]:
        """One hour, faded in over what the hour before said, without what is faded out."""
        import obspy

        owner, begin, end = self.owner, hour * HOUR, (hour + 1) * HOUR
        cut = [clip(t, _time(begin - owner.margin), _time(end + owner.margin)) for t in self.kept]
        made, told = apply_steps(
            obspy.Stream([t for t in cut if t is not None]), owner.steps, owner.inventory
        )
        owner.tell(told)
        tails, self.tails = self.tails, []
        found = []
        for trace in made:
            own = clip(trace, _time(begin - FADE), _time(end - FADE))
            if own is not None:
                match = [t for t in tails if _same(t, own)]
                tails = [t for t in tails if not _same(t, own)]
                found.append(_faded(match[0], own, begin) if match else own)
            tail = clip(trace, _time(end - FADE), _time(end + FADE))
            if tail is not None:
                self.tails.append(trace_of(tail.data.copy(), tail.stats))
        return tails + found


def _time(ns: int) -> np.datetime64:
    return np.datetime64(ns, "ns")


def _same(tail: Any, trace: Any) -> bool:
    """Whether both are the same samples of a channel, of which the tail has the first."""
    apart = int(tail.stats.starttime.ns) - int(trace.stats.starttime.ns)
    near = abs(apart) * float(trace.stats.sampling_rate) < 0.5 * BILLION
    return bool(near and tail.id == trace.id and tail.stats.npts <= trace.stats.npts)


def _faded(tail: Any, trace: Any, middle: int) -> Any:
    """From the tail to the trace, in proportion to the time around the middle."""
    n, rate = int(tail.stats.npts), float(trace.stats.sampling_rate)
    since = int(trace.stats.starttime.ns) - (middle - FADE)
    share = np.clip((since + np.arange(n) / rate * BILLION) / (2 * FADE), 0.0, 1.0)
    data = np.asarray(trace.data).copy()
    data[:n] = (1 - share) * tail.data + share * data[:n]
    return trace_of(data, trace.stats)
