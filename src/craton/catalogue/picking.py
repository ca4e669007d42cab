"""Picks of a record, part by part, by whichever picker there is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from craton.catalogue.records import Part, Record
from craton.catalogue.work import Done
from craton.checks import Finding
from craton.errors import ConfigError
from craton.io.picks import PICK_COLUMNS
from craton.io.waveforms import Waveforms
from craton.provenance import sha256_file
from craton.waveforms.quality import PICKED, SEEN, waveform_findings

SAME_ONSET = np.timedelta64(300_000_000, "ns")
"""Picks of one phase at one station that are nearer than this are one."""


@dataclass(frozen=True)
class Picker:
    """A way to pick.

    Attributes
    ----------
    name : str
        For people.
    sha256 : str
        Of its bundle or weights; empty where nothing was trained.
    find : callable
        From a stream to picks.
    """

    name: str
    sha256: str
    find: Callable[[Any], pd.DataFrame]
    cautions: tuple[str, ...] = ()


def picker_of(bundle: str | Path | None, threshold: float | None) -> Picker:
    """The picker of a bundle of ``phase-picking``, of PhaseNet's weights, or STA/LTA with AIC.

    Raises
    ------
    ConfigError, BundleError
        If the bundle is of another task or damaged.
    """
    from craton.detection import Detection, detect

    level = {} if threshold is None else {"threshold": threshold}
    if bundle is None:
        from craton.models.nets import onset_scores as onset

        limits = onset.LIMITS if threshold is None else dict.fromkeys("PS", threshold)
        settings = Detection(
            overlap=onset.OVERLAP, blinding=onset.BLINDING, stacking="max", thresholds=limits
        )
        net = onset.OnsetScores()
        return Picker("STA/LTA with AIC (nothing trained; scores are no probabilities)", "",
                      lambda stream: detect(stream, net, settings=settings))  # fmt: skip
    path = Path(bundle)
    if path.is_file():
        from craton.models.nets.phasenet import read_phasenet

        phasenet = read_phasenet(path)
        settings = Detection.of_seisbench(phasenet.defaults, **level)
        return Picker(f"PhaseNet, weights of {path.name} (its chances are not calibrated)",
                      sha256_file(path),
                      lambda stream: detect(stream, phasenet, settings=settings))  # fmt: skip
    from craton.continuous_picking import pick_continuous

    loaded = bundle_of(path, "phase-picking", "--picker", {} if threshold is None else level)
    return Picker(f"{loaded.fitted.name} of a bundle of phase-picking, with conformal intervals",
                  loaded.sha256, lambda stream: pick_continuous(loaded, stream),
                  loaded.cautions)  # fmt: skip


def bundle_of(path: str | Path, task: str, option: str, settings: Any = None) -> Any:
    """A bundle that must be of this task.

    Raises
    ------
    ConfigError
        If it is of another.
    """
    from craton.data.registry import IN_MEMORY
    from craton.loaded import load

    found = load(path, data=IN_MEMORY)
    if found.task.name != task:
        raise ConfigError(
            f"is a bundle of {found.task.name}, {option} wants one of {task}", where=str(path),
            fix=f"give a bundle that `craton run {task}` has written",
        )  # fmt: skip
    return load(path, data=IN_MEMORY, settings=settings) if settings else found


def pick_part(record: Record, part: Part, picker: Picker) -> Done:
    """Picks of a station in a piece of time, and what is odd in its waveforms."""
    waveforms = record.read(part)
    if not len(waveforms.stream):
        told = [Finding(p.level, p.text, p.where) for p in waveforms.problems]
        return {"picks": _empty()}, told
    findings = _findings(waveforms, part)
    picks = picker.find(waveforms.stream)
    problems = picks.attrs.get("problems", [])
    findings += [Finding(p.level, p.text, p.where) for p in problems if p.kind not in SEEN]
    inside = (picks["time"] >= part.start) & (picks["time"] < part.end)
    return {"picks": picks[inside].reset_index(drop=True)[list(PICK_COLUMNS)]}, findings


def _findings(waveforms: Waveforms, part: Part) -> list[Finding]:
    """What is odd in a part, without its margin."""
    import obspy

    begin, end = (obspy.UTCDateTime(ns=int(t.astype(np.int64))) for t in part[2:])
    inside = waveforms.stream.slice(begin, end - 1e-6)
    found = waveform_findings(Waveforms(inside, waveforms.problems), done=PICKED)
    spans = [f for f in found if f.level == "info" and f.where == "waveforms"]
    empty = [f for f in found if "no waveform that can be used" in f.text]
    return [f for f in found if f not in spans and f not in empty]


def _empty() -> pd.DataFrame:
    texts = {c: pd.Series(dtype=object) for c in PICK_COLUMNS[:5]}
    times = {c: pd.Series(dtype="datetime64[ns]") for c in PICK_COLUMNS[5:8]}
    return pd.DataFrame({**texts, **times, "probability": pd.Series(dtype=float)})


def joined(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Picks of all parts by time, each onset once, whatever instruments a station has.

    Examples
    --------
    >>> row = {"network": "XX", "station": "A", "location": "", "channel": "HHZ", "phase": "P",
    ...        "time": pd.Timestamp("2020-01-01"), "probability": 0.6}
    >>> twice = [row, {**row, "time": pd.Timestamp("2020-01-01T00:00:00.1"), "probability": 0.9}]
    >>> joined([pd.DataFrame(twice)])["probability"].tolist()
    [0.9]
    """
    full = [f for f in frames if len(f)]
    if not full:
        return _empty()
    picks = pd.concat(full, ignore_index=True)
    names = ["network", "station", "phase"]
    picks = picks.sort_values([*names, "time"], kind="stable").reset_index(drop=True)
    same = (picks[names] == picks[names].shift()).all(axis=1)
    near = picks["time"].diff() <= SAME_ONSET
    best = picks.groupby((~(same & near)).cumsum())["probability"].idxmax()
    return picks.loc[best].sort_values("time", kind="stable").reset_index(drop=True)
