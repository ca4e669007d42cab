"""The record in parts: which stations and times there are, and the waveforms of one part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from craton.catalogue.settings import CatalogueConfig
from craton.errors import DataError
from craton.io.pieces import read_listed
from craton.io.problems import counted, moment, need_obspy
from craton.io.segments import join
from craton.io.waveforms import Selection, Waveforms, waveform_contents

MARGIN = 120.0
"""Seconds before and after a part that are read as well, so that its edges are seen whole."""


class Part(NamedTuple):
    """A station and a time, from `start` on and before `end`."""

    network: str
    station: str
    start: np.datetime64
    end: np.datetime64


@dataclass(frozen=True)
class Record:
    """All waveforms of a path, of which little lies in memory at once.

    Attributes
    ----------
    path : Path
    contents : pandas.DataFrame
        As `craton.io.waveforms.waveform_contents` gives it.
    config : CatalogueConfig
    """

    path: Path
    contents: pd.DataFrame
    config: CatalogueConfig

    @classmethod
    def of(cls, path: Path, config: CatalogueConfig) -> Record:
        """Look at what is there.

        Raises
        ------
        DataError
            If nothing can be used.
        """
        try:
            found = waveform_contents(path, selection_of(config))
        except DataError:  # an archive whose names tell that it has nothing of the selection
            _of_selection(path, config)
            raise
        if not len(found):
            _of_selection(path, config)
            told = "; ".join(str(p) for p in found.attrs["problems"][:3]) or "nothing is selected"
            raise DataError(
                f"there are no waveforms ({told})", where=str(path),
                fix="give miniSEED, SAC or SLIST: a file, a folder or an SDS archive",
            )  # fmt: skip
        return cls(path, found, config)

    @property
    def span(self) -> tuple[np.datetime64, np.datetime64]:
        """First and last time that is looked at."""
        first, last = self.contents["start"].min(), self.contents["end"].max()
        start, end = (
            None if said is None else pd.Timestamp(moment(said, name))
            for said, name in ((self.config.start, "start"), (self.config.end, "end"))
        )
        first = first if start is None else max(first, start)
        last = last if end is None else min(last, end)
        return first.to_datetime64(), last.to_datetime64()

    def chunks(self) -> list[tuple[np.datetime64, np.datetime64]]:
        """Pieces of time, whose edges are whole multiples of their length."""
        length = round(self.config.chunk_hours * 3600) * 10**9
        first, last = (int(t.astype(np.int64)) for t in self.span)
        edges = np.arange(first // length * length, last + length, length)
        found = [(max(a, first), min(a + length, last)) for a in edges.tolist()]
        return [(np.datetime64(a, "ns"), np.datetime64(b, "ns")) for a, b in found if a < b]

    def parts(self) -> Iterator[Part]:
        """Stations by chunk, in the order of time."""
        table = self.contents
        for start, end in self.chunks():
            here = table[(table["start"] < end) & (table["end"] > start)]
            for network, station in sorted(set(zip(here["network"], here["station"], strict=True))):
                yield Part(network, station, start, end)

    def read(self, part: Part, margin: float = MARGIN, channel: str | None = None) -> Waveforms:
        """Waveforms of a part and of the margin around it; the stream may be empty."""
        obspy = need_obspy()
        wide = np.timedelta64(round(margin * 1e9), "ns")
        first, last = part.start - wide, part.end + wide
        select = Selection(
            part.network or "--", part.station or "--", channel=channel or self.config.channel,
            start=first, end=last,
        )  # fmt: skip
        t = self.contents
        here = t[(t["station"] == part.station) & (t["network"] == part.network)]
        traces, problems = read_listed(here, select)
        segments, more = join(traces) if traces else ([], [])
        return Waveforms(obspy.Stream(segments), problems + more)


def selection_of(config: CatalogueConfig) -> Selection:
    """Which waveforms the settings take.

    Raises
    ------
    DataError
        If start or end is no time, or they are exchanged.
    """
    start, end = (
        None if said is None else moment(said, name)
        for said, name in ((config.start, "start"), (config.end, "end"))
    )
    if start is not None and end is not None and start >= end:
        raise DataError(f"the start {start} is not before the end {end}", fix="exchange them")
    return Selection(config.network, config.station, channel=config.channel, start=start, end=end)


def _of_selection(path: Path, config: CatalogueConfig) -> None:
    """Raise a DataError where it is the settings that leave nothing of the waveforms.

    Raises
    ------
    DataError
        Naming the setting and what there is.
    """
    every = waveform_contents(path)
    if not len(every):
        return
    for key in ("network", "station", "channel"):
        names, said = sorted(set(every[key])), getattr(config, key)
        if any(fnmatchcase(n, p.strip()) for n in names for p in said.split(",")):
            continue
        raise DataError(
            f"{key}={said!r} selects none of the {counted(len(names), key)} "
            f"({', '.join(names[:4])}{', ...' if len(names) > 4 else ''})", where=str(path),
            fix="did you mean stations=?" if key == "station" and config.stations is None
            else f"name one of them, or leave {key} out",
        )  # fmt: skip
    first, last = str(every["start"].min())[:19], str(every["end"].max())[:19]
    raise DataError(
        f"nothing is selected; the waveforms run from {first} to {last}",
        where=str(path),
        fix="set start and end within, and names that go together",
    )
