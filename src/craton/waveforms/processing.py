"""The steps that a task's settings declare, on files, on windows, and on records that run on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from craton.checks import Finding
from craton.errors import ConfigError
from craton.io.problems import Problem, need_obspy
from craton.io.resampling import resampled
from craton.io.stations import read_inventory
from craton.waveforms.hourly_steps import HourlySteps, refusal
from craton.waveforms.steps import RemoveResponse, RemoveSensitivity, Rotate, Step, apply_steps
from craton.waveforms.stored import processed

LOOKED_AT = 200
"""Windows on disk that are processed at once, to tell what cannot be done."""

PLACE = {"Z": 0, "N": 1, "E": 2, "1": 1, "2": 2, "3": 0}


@dataclass(frozen=True)
class Processing:
    """Declared steps, and the station data that they need.

    Attributes
    ----------
    steps : tuple of Step
        In the order in which they are applied; without any, what comes is given back.
    inventory : obspy.Inventory, optional
        Responses and orientations.
    """

    steps: tuple[Step, ...] = ()
    inventory: Any = None

    @classmethod
    def of(cls, steps: Sequence[Step], inventory: str | None) -> Processing:
        """Steps of the settings, with the StationXML that the settings name.

        Raises
        ------
        ConfigError
            If a step needs station data and none are named.
        DataError
            If the file is missing or no StationXML.

        Examples
        --------
        >>> Processing.of((RemoveSensitivity(),), None)
        Traceback (most recent call last):
        craton.errors.ConfigError: settings: the step 'remove sensitivity' needs ...
        """
        if inventory is None:
            for step in steps:
                turned = isinstance(step, Rotate) and step.to == "ZNE"
                if turned or isinstance(step, RemoveSensitivity | RemoveResponse):
                    raise ConfigError(
                        f"the step '{step.step}' needs station data, and none are named",
                        where="settings", fix="name a StationXML with --set inventory=FILE.xml",
                    )  # fmt: skip
            return cls(tuple(steps))
        return cls(tuple(steps), read_inventory(inventory) if steps else None)

    @property
    def text(self) -> str:
        """The steps as JSON."""
        return json.dumps([s.model_dump(mode="json") for s in self.steps])

    def stream(self, stream: Any, problems: list[Problem]) -> Any:
        """Apply the steps to each segment of a stream as a whole; `problems` grows."""
        if not self.steps:
            return stream
        found, told = apply_steps(stream, self.steps, self.inventory)
        tell(told, problems)
        return found

    def record(self, streams: Iterable[Any], problems: list[Problem]) -> Iterator[Any]:
        """Apply the steps to a record of any length, hour by hour.

        Raises
        ------
        ConfigError
            If a step needs the whole record.

        See Also
        --------
        craton.waveforms.hourly_steps.HourlySteps : how.
        """
        if not self.steps:
            yield from streams
            return
        hours = HourlySteps(self.steps, self.inventory)
        for stream in streams:
            found = hours.take(stream)
            del stream  # or it would lie in memory beside the next
            yield found
            del found
        yield hours.finish()
        tell(hours.findings, problems)

    def files(self, stream: Any, problems: list[Problem]) -> Any:
        """Apply the steps to waveforms to learn from: as on records that run on, where they can."""
        if not self.steps or refusal(self.steps):
            return self.stream(stream, problems)
        found = need_obspy().Stream()
        for part in self.record([stream], problems):
            found += part
        return found

    def windows(self, data: xr.Dataset, problems: list[Problem]) -> xr.Dataset:
        """Apply the steps to each window by itself.

        Parameters
        ----------
        data : xr.Dataset
            As `craton.waveforms.pick_files` describes it. Windows on disk stay there and are
            processed when they are read. What has these steps behind it already stays as it is.
        problems : list of Problem
            What could not be done is added.
        """
        if not self.steps or data.attrs.get("steps") == self.text:
            return data
        rate = float(data.attrs["sampling_rate"])
        n = data.sizes["window"]
        texts = {k: data[k].to_numpy().astype(str) if k in data else np.full(n, "")
                 for k in ("network", "station", "location", "instrument")}  # fmt: skip
        start = np.zeros(n, np.int64)  # where the time is not known
        if "start" in data:
            known = data["start"].to_numpy().astype("datetime64[ns]").astype(np.int64)
            start = np.maximum(known, 0)

        def each(row: int, waves: NDArray[Any]) -> NDArray[Any]:
            names = {k: str(v[row]) for k, v in texts.items()}
            return self._window(waves, names, int(start[row]), rate, problems)

        made = processed(data["waveform"], each, self.text)
        if "on_disk" in made.attrs:
            rows = np.linspace(0, n - 1, min(n, LOOKED_AT)).astype(np.int64)
            made.isel(window=rows).to_numpy()
        return data.assign(waveform=made).assign_attrs(steps=self.text)

    def _window(
        self, waves: NDArray[Any], names: dict[str, str], start: int, rate: float,
        problems: list[Problem],
    ) -> NDArray[Any]:  # fmt: skip
        """One window (component, time) in the order Z, N, E; components of zeros are not there."""
        obspy = need_obspy()
        last = int(np.flatnonzero(waves.any(axis=0)).max(initial=-1)) + 1
        band = names["instrument"][:2]
        header: dict[str, Any] = {k: names[k] for k in ("network", "station", "location")}
        header |= {"starttime": obspy.UTCDateTime(ns=start), "sampling_rate": rate}
        traces = [
            obspy.Trace(wave[:last].astype(np.float64), {**header, "channel": f"{band}{letter}"})
            for letter, wave in zip("ZNE", waves, strict=True) if wave.any()
        ]  # fmt: skip
        found = np.zeros_like(waves)
        for trace in self.stream(obspy.Stream(traces), problems):
            place, own = PLACE.get(trace.stats.channel[-1:]), float(trace.stats.sampling_rate)
            if place is None:
                continue
            values = resampled(trace.data, own, rate, drift=None)
            first = round((trace.stats.starttime.ns - start) * rate * 1e-9)
            values = values[: waves.shape[1] - first]
            found[place, first : first + len(values)] = values
        return found


def tell(found: Iterable[Finding], problems: list[Problem]) -> None:
    """Findings of steps as problems, each once.

    Examples
    --------
    >>> problems = []
    >>> tell([Finding("warning", "has no response; left out", "XX.A..HHZ")] * 2, problems)
    >>> [str(p) for p in problems]
    ['XX.A..HHZ: has no response; left out']
    """
    for one in found:
        level = "info" if one.level == "info" else "warning"
        problem = Problem(level, "step", one.text, one.where)  # type: ignore[arg-type]
        if problem not in problems:
            problems.append(problem)


def with_warnings(data: xr.Dataset, problems: Iterable[Problem]) -> xr.Dataset:
    """Add problems to those that a dataset tells of itself."""
    told = [str(p) for p in problems if p.level == "warning"]
    if not told:
        return data
    lines = dict.fromkeys([*str(data.attrs.get("warnings", "")).splitlines(), *told])
    return data.assign_attrs(warnings="\n".join([line for line in lines if line][:200]))
