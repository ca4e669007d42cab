"""Declared steps on a live feed: those that need nothing of what comes later."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from craton.checks import Finding
from craton.errors import ConfigError
from craton.io.problems import Problem
from craton.io.segments import solid, trace_of
from craton.waveforms.hourly_steps import reach
from craton.waveforms.processing import Processing, tell
from craton.waveforms.steps import Bandpass, RemoveSensitivity, Step, apply_steps, sections_of

BILLION = 10**9


class LiveSteps:
    """Steps on packets as they come; what comes out does not depend on where packets begin.

    Parameters
    ----------
    processing : Processing
        The declared steps.

    Attributes
    ----------
    context : float
        Seconds after which it no longer shows where a feed began.
    problems : list of Problem
        What could not be done, each once.

    Raises
    ------
    ConfigError
        If a step needs what comes later.

    Examples
    --------
    >>> LiveSteps(Processing((Bandpass(low=1.0),)))
    Traceback (most recent call last):
    craton.errors.ConfigError: steps: a live feed cannot do the step 'bandpass' with zero_phase, ...
    """

    def __init__(self, processing: Processing) -> None:
        for step in processing.steps:
            if not _causal(step):
                name = f"'{step.step}'" + (" with zero_phase" if isinstance(step, Bandpass) else "")
                raise ConfigError(
                    f"a live feed cannot do the step {name}, which needs what comes later or "
                    "other channels", where="steps",
                    fix="train with steps that look back alone: 'remove sensitivity', and "
                    "'bandpass' with zero_phase: false",
                )  # fmt: skip
        self.processing = processing
        self.context = sum(reach(step) for step in processing.steps)
        self.problems: list[Problem] = []
        self.states: dict[tuple[str, int], tuple[int | None, NDArray[Any] | None]] = {}

    def take(self, stream: Any) -> Any:
        """Process what follows of the channels of a stream."""
        if not self.processing.steps:
            return stream
        traces = [trace_of(np.asarray(t.data, np.float64), t.stats) for t in solid(stream)]
        found: list[Finding] = []
        for number, step in enumerate(self.processing.steps):
            if isinstance(step, Bandpass):
                made = [self._filtered(t, number, step, found) for t in traces if t.stats.npts]
                traces = [t for t in made if t is not None]
            else:
                done, told = apply_steps(traces, [step], self.processing.inventory)
                traces, found = list(done), found + told
        tell(found, self.problems)
        return type(stream)(traces)

    def _filtered(self, trace: Any, number: int, step: Bandpass, found: list[Finding]) -> Any:
        """Filter on from where the channel ended, or begin anew after a gap."""
        rate = float(trace.stats.sampling_rate)
        sos = sections_of(step, rate, trace.id, found)
        if sos is None or not len(sos):
            return None if sos is None else trace
        begin = int(trace.stats.starttime.ns)
        follows, state = self.states.get((trace.id, number), (None, None))
        if follows is None or abs(begin - follows) * rate >= 0.5 * BILLION:
            state = signal.sosfilt_zi(sos) * trace.data[0]
        data, state = signal.sosfilt(sos, trace.data, zi=state)
        self.states[trace.id, number] = (begin + round(len(data) / rate * BILLION), state)
        return trace_of(data, trace.stats)


def _causal(step: Step) -> bool:
    return isinstance(step, RemoveSensitivity) or (
        isinstance(step, Bandpass) and not step.zero_phase
    )
