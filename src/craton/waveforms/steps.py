"""Processing of waveforms as declared steps: JSON in a bundle, applied segment by segment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import numpy as np
import pydantic
from numpy.typing import NDArray
from scipy import signal

from craton.checks import Finding
from craton.config import Config
from craton.errors import DataError
from craton.io.resampling import resampled
from craton.io.segments import solid, trace_of
from craton.waveforms.rotation import rotate_to_rt, rotate_to_zne

Found = list[Finding]


class Detrend(Config):
    """Take the mean or a straight line off each segment."""

    step: Literal["detrend"] = "detrend"
    how: Literal["constant", "linear"] = "constant"


class Taper(Config):
    """Bring both ends of each segment to zero by half a cosine of so many seconds."""

    step: Literal["taper"] = "taper"
    seconds: float = pydantic.Field(1.0, gt=0)


class Bandpass(Config):
    """Butterworth filter, Hz; without `low` a low-pass, without `high` a high-pass.

    With `zero_phase` it runs forward and backward (twice the attenuation, no delay, but it sees
    samples after the time asked for); without, it starts at rest at the first sample's level.
    """

    step: Literal["bandpass"] = "bandpass"
    low: float | None = pydantic.Field(None, gt=0)
    high: float | None = pydantic.Field(None, gt=0)
    corners: int = pydantic.Field(4, ge=1, le=10)
    zero_phase: bool = True

    @pydantic.model_validator(mode="after")
    def _ordered(self) -> Bandpass:
        if self.low is None and self.high is None:
            raise ValueError("give low, high or both")
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError("low must be below high")
        return self


class Resample(Config):
    """Bring each segment to a sampling rate, Hz, by polyphase filtering (no aliases)."""

    step: Literal["resample"] = "resample"
    rate: float = pydantic.Field(gt=0)


class RemoveSensitivity(Config):
    """Divide by the overall sensitivity of the instrument; needs StationXML."""

    step: Literal["remove sensitivity"] = "remove sensitivity"


class RemoveResponse(Config):
    """Deconvolve the instrument by ObsPy's `remove_response`; needs StationXML."""

    step: Literal["remove response"] = "remove response"
    output: Literal["DISP", "VEL", "ACC"] = "VEL"
    pre_filter: tuple[float, float, float, float] | None = None
    water_level: float | None = 60.0


class Rotate(Config):
    """Turn components to vertical, north, east (needs StationXML), or to radial, transverse.

    `back_azimuth` (degrees, from the station to the source) is needed for RT.
    """

    step: Literal["rotate"] = "rotate"
    to: Literal["ZNE", "RT"] = "ZNE"
    back_azimuth: float | None = pydantic.Field(None, ge=-360, le=360)

    @pydantic.model_validator(mode="after")
    def _complete(self) -> Rotate:
        if self.to == "RT" and self.back_azimuth is None:
            raise ValueError("RT needs a back_azimuth")
        return self


class Normalise(Config):
    """Divide by the peak or standard deviation of each channel, or of all of a station."""

    step: Literal["normalise"] = "normalise"
    by: Literal["peak", "std"] = "std"
    per: Literal["channel", "station"] = "channel"


Step = Annotated[
    Detrend | Taper | Bandpass | Resample | RemoveSensitivity | RemoveResponse | Rotate | Normalise,
    pydantic.Field(discriminator="step"),
]


class Steps(Config):
    """A list of steps in the order in which they are applied.

    Examples
    --------
    >>> steps = Steps(steps=(Detrend(), Bandpass(low=1.0, high=20.0)))
    >>> Steps.model_validate_json(steps.model_dump_json()) == steps
    True
    >>> Steps.model_validate({"steps": [{"step": "resample", "rate": 40}]}).steps[0].rate
    40.0
    """

    steps: tuple[Step, ...] = ()


def apply_steps(
    stream: Any, steps: Steps | Sequence[Any], inventory: Any = None
) -> tuple[Any, list[Finding]]:
    """Apply steps in order to each segment by itself, so that no gap is filtered across.

    Parameters
    ----------
    stream : obspy.Stream
        It is not changed. Masked and non-finite samples are gaps.
    steps : Steps or sequence of steps
        What to do.
    inventory : obspy.Inventory, optional
        For steps that need the instrument; see `craton.io.stations.read_inventory`.

    Returns
    -------
    obspy.Stream, list of Finding
        Segments in float64, and what could not be done, by channel: a segment for which a step
        cannot be done is left out.

    Examples
    --------
    >>> import obspy
    >>> stream = obspy.Stream([obspy.Trace(np.arange(5.0))])
    >>> apply_steps(stream, [Detrend(how="linear")])[0][0].data.round(9).tolist()
    [0.0, 0.0, 0.0, 0.0, 0.0]
    """
    import obspy

    whole = solid(stream)
    traces = [trace_of(np.asarray(t.data, dtype=np.float64), t.stats) for t in whole]
    found: Found = []
    cut = sum(t.stats.npts for t in stream) - sum(t.stats.npts for t in traces)
    if cut:
        text = f"{cut} samples are masked or not finite; they were taken as gaps"
        found.append(Finding("warning", text, "waveforms"))
    for step in steps.steps if isinstance(steps, Steps) else steps:
        if isinstance(step, Rotate):
            if step.to == "RT":
                traces = rotate_to_rt(traces, float(step.back_azimuth or 0.0), found)
            else:
                traces = rotate_to_zne(traces, inventory, found)
        elif isinstance(step, Normalise):
            _normalise(traces, step)
        else:
            kept = [_ONE[type(step)](trace, step, inventory, found) for trace in traces]
            traces = [t for t in kept if t is not None]
    return obspy.Stream(traces), _once(found)


def _once(found: Found) -> Found:
    return list(dict.fromkeys(found))


def _detrend(trace: Any, step: Detrend, _: Any, __: Found) -> Any:
    trace.data = signal.detrend(trace.data, type=step.how)
    return trace


def _taper(trace: Any, step: Taper, _: Any, __: Found) -> Any:
    n = min(round(step.seconds * trace.stats.sampling_rate), trace.stats.npts // 2)
    ramp = 0.5 - 0.5 * np.cos(np.pi * np.arange(n) / max(n, 1))
    data = trace.data.copy()
    data[:n] *= ramp
    data[len(data) - n :] *= ramp[::-1]
    trace.data = data
    return trace


def sections_of(step: Bandpass, rate: float, where: str, found: Found) -> NDArray[Any] | None:
    """The filter as second-order sections at a sampling rate, Hz.

    Returns
    -------
    ndarray, shape (section, 6), or None
        No section where nothing is filtered; None where the channel must be left out. Both are
        added to `found`.
    """
    low, high = step.low, step.high
    if low is not None and low >= rate / 2:
        text = f"has {rate:g} Hz, too few for a filter from {low:g} Hz; left out"
        found.append(Finding("warning", text, where))
        return None
    if high is not None and high >= 0.999 * rate / 2:
        text = f"has {rate:g} Hz, too few for a filter to {high:g} Hz: no upper corner was used"
        found.append(Finding("warning", text, where))
        high = None
        if low is None:
            return np.zeros((0, 6))
    kind = "bandpass" if low and high else ("highpass" if low else "lowpass")
    corner = [c for c in (low, high) if c is not None]
    sos: NDArray[Any] = signal.butter(
        step.corners, corner if len(corner) > 1 else corner[0], kind, fs=rate, output="sos"
    )
    return sos


def _bandpass(trace: Any, step: Bandpass, _: Any, found: Found) -> Any:
    rate = float(trace.stats.sampling_rate)
    sos = sections_of(step, rate, trace.id, found)
    if sos is None or not len(sos):
        return None if sos is None else trace
    if step.zero_phase:
        longest = step.low or step.high or rate
        pad = min(len(trace.data) - 1, int(3 * rate / longest) + 6 * len(sos))
        trace.data = signal.sosfiltfilt(sos, trace.data, padlen=pad)
    else:
        start = signal.sosfilt_zi(sos) * trace.data[0]
        trace.data = signal.sosfilt(sos, trace.data, zi=start)[0]
    return trace


def _resample(trace: Any, step: Resample, _: Any, found: Found) -> Any:
    try:
        trace.data = resampled(trace.data, float(trace.stats.sampling_rate), step.rate)
    except DataError as error:
        found.append(Finding("warning", f"{error}; left out", trace.id))
        return None
    trace.stats.sampling_rate = step.rate
    return trace


def _remove_sensitivity(trace: Any, _: RemoveSensitivity, inventory: Any, found: Found) -> Any:
    response = _response(trace, inventory, found)
    if response is None:
        return None
    known = response.instrument_sensitivity
    if known is None or not known.value:
        text = "has no sensitivity in the station data; left out"
        found.append(Finding("warning", text, trace.id))
        return None
    trace.data = trace.data / float(known.value)
    return trace


def _remove_response(trace: Any, step: RemoveResponse, inventory: Any, found: Found) -> Any:
    if _response(trace, inventory, found) is None:
        return None
    try:
        trace.remove_response(
            inventory=inventory, output=step.output, pre_filt=step.pre_filter,
            water_level=step.water_level,
        )  # fmt: skip
    except Exception as error:  # a response may be incomplete in many ways
        text = f"has a response that cannot be removed ({error}); left out"
        found.append(Finding("warning", text, trace.id))
        return None
    return trace


def _response(trace: Any, inventory: Any, found: Found) -> Any:
    if inventory is not None:
        try:
            return inventory.get_response(trace.id, trace.stats.starttime)
        except Exception:  # ObsPy raises a bare Exception where there is none
            pass
    text = "has no response in the station data for its time; left out"
    found.append(Finding("warning", text, trace.id))
    return None


_ONE: dict[type, Callable[[Any, Any, Any, Found], Any]] = {
    Detrend: _detrend,
    Taper: _taper,
    Bandpass: _bandpass,
    Resample: _resample,
    RemoveSensitivity: _remove_sensitivity,
    RemoveResponse: _remove_response,
}


def _normalise(traces: list[Any], step: Normalise) -> None:
    groups: dict[str, list[Any]] = defaultdict(list)
    for trace in traces:
        groups[trace.id if step.per == "channel" else trace.id[:-1]].append(trace)
    for group in groups.values():
        scale = _peak(group) if step.by == "peak" else _spread(group)
        if scale > 0:
            for trace in group:
                trace.data = trace.data / scale


def _peak(group: list[Any]) -> float:
    return max(float(np.abs(t.data).max()) for t in group)


def _spread(group: list[Any]) -> float:
    data: list[NDArray[np.float64]] = [t.data for t in group]
    count = sum(map(len, data))
    mean = sum(float(d.sum()) for d in data) / count
    return float(np.sqrt(sum(float(((d - mean) ** 2).sum()) for d in data) / count))
