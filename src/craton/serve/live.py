"""A fitted model on a live feed: packets in, rows out, each once."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import resource
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from craton.config import build
from craton.errors import ConfigError, DataError
from craton.io.files import atomic
from craton.io.problems import Problem, counted, need_obspy
from craton.serve.alignment import Aligner
from craton.serve.files import Files, glance
from craton.serve.latency import Latency
from craton.serve.ledger import Ledger
from craton.serve.packets import Instrument, Source, instrument, unpack
from craton.serve.seedlink import SeedLink
from craton.serve.settings import Feed, Wanted, stations
from craton.task import Task

BILLION = 1_000_000_000
DAY = 86_400 * BILLION
SCHEME = "seedlink://"
log = logging.getLogger("craton.serve")


class Live(Protocol):
    """What a task runs on a feed.

    Attributes
    ----------
    header : str
        First line of the rows that it gives.
    context : float
        Seconds before `settled` from which the feed must be given again after a restart.
    about : str
        What bounds the latency, as one line.
    """

    header: str
    context: float
    about: str

    def take(self, stream: Any, upto: Mapping[Instrument, int]) -> pd.DataFrame:
        """Rows that became final with the samples before `upto` (ns).

        They have ``network``, ``station``, ``location``, ``channel`` and ``time``.
        """

    def lines(self, rows: pd.DataFrame) -> str:
        """Rows as text to be appended to the file."""

    def finish(self) -> pd.DataFrame:
        """Rows that the end of the record makes final."""

    def settled(self) -> dict[Instrument, dict[str, int]]:
        """Time in ns before which all rows of a kind were given."""

    def restore(self, settled: Mapping[Instrument, Mapping[str, int]]) -> None:
        """Give no rows before these times."""

    @property
    def problems(self) -> list[Problem]:
        """What was left out."""


@dataclasses.dataclass(frozen=True)
class Streamed:
    """What a feed has given.

    Attributes
    ----------
    picks : int
        Rows written by this process.
    picks_in_all : int
        Rows in the file, those of earlier calls among them.
    packets : int
        Packets that came.
    seconds : float
        Time that it took.
    recorded : float
        Seconds of the record, from the first sample to the newest.
    latency : dict
        As in ``latency.json``.
    problems : list of Problem
        What was odd in the feed.
    """

    picks: int
    picks_in_all: int
    packets: int
    seconds: float
    recorded: float
    latency: dict[str, Any]
    problems: list[Problem]


def stream(
    bundle: str | Path,
    source: str | Path,
    out: str | Path,
    settings: Mapping[str, Any] | None = None,
    *,
    task: Task | None = None,
) -> Streamed:
    """Run a bundle on a live feed, until it ends or is interrupted.

    Parameters
    ----------
    bundle : path
        Folder of the bundle or run folder; or the weights of a PhaseNet, with its JSON beside them.
    source : str or path
        ``seedlink://HOST:PORT``, or a miniSEED file, a folder of them, or an SDS archive.
    out : path
        Folder for ``picks.csv``, ``state.json`` and ``latency.json``. Where it holds the state of
        an earlier call, this one goes on there.
    settings : mapping, optional
        Of `craton.serve.settings.Feed`; what else is given is the task's.
    task : Task, optional
        Needed if the task is not one that is installed.

    Returns
    -------
    Streamed

    Raises
    ------
    ConfigError
        If the bundle's task runs on no feed, a setting is wrong, or the folder was begun with
        another bundle or other settings.
    DataError
        If the source cannot be reached or holds nothing that is wanted, or nothing can be written.
    """
    values = dict(settings or {})
    own = {k: values.pop(k) for k in list(values) if k in Feed.model_fields}
    feed = build(Feed, own, where="stream")
    need_obspy()
    chosen = stations(feed.select)
    if str(source).startswith(SCHEME):
        log.info("%s: %s asked for; loads the bundle", source, counted(len(chosen), "station"))
    else:
        log.info("%s; loads the bundle", glance(Path(source), Wanted(chosen)))
    live, sha256 = _opened(Path(bundle), values, task)
    owner = {"bundle": sha256, "settings": json.dumps({"wait": feed.wait, **values})}
    with Ledger(Path(out), live.header, owner) as ledger:
        return _Run(live, feed, str(source), ledger).run()


def _opened(bundle: Path, settings: Mapping[str, Any], task: Task | None) -> tuple[Live, str]:
    """What runs on the feed, and the hash of what it was made from."""
    if bundle.is_file():
        from craton.models.nets.phasenet import read_phasenet
        from craton.serve.picks import phasenet_on_feed

        net = read_phasenet(bundle)
        return phasenet_on_feed(net, settings), hashlib.sha256(bundle.read_bytes()).hexdigest()
    from craton.loaded import load

    loaded = load(bundle, task=task)
    if loaded.task.stream is None:
        raise ConfigError(
            f"a bundle of {loaded.task.name} does not run on a live feed", where=str(bundle),
            fix="take a bundle of a task that does, as phase-picking, or use craton predict",
        )  # fmt: skip
    for line in loaded.cautions:
        log.info("caution: %s", line)
    return loaded.task.stream(loaded, settings), loaded.sha256


def _key(text: str) -> Instrument:
    network, station, location, band = text.split("|")
    return network, station, location, band


def _seconds(value: float) -> str:
    """Seconds with three significant figures, and no exponent.

    Examples
    --------
    >>> _seconds(0.0512345), _seconds(12345.6)
    ('0.0512', '12346')
    """
    return f"{value:.3g}" if value < 999.5 else f"{value:.0f}"


def _memory_mb() -> float:
    """Resident memory; where the system does not tell it, the largest so far."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * resource.getpagesize() / 2**20
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class _Run:
    """One process on one feed."""

    def __init__(self, live: Live, feed: Feed, source: str, ledger: Ledger) -> None:
        self.live, self.feed, self.ledger, self.name = live, feed, ledger, source
        self.wanted = Wanted(stations(feed.select))
        settled = {_key(k): v for k, v in ledger.state.get("settled", {}).items()}
        self.live.restore(settled)
        before = ledger.state.get("since", {})
        self.since: dict[Instrument, int] = {_key(k): int(v) for k, v in before.items()}
        self.aligners: dict[Instrument, Aligner] = {}
        self.source = self._source()
        self.latency = Latency()
        self.problems: dict[tuple[str, str], Problem] = {}
        self.packets = self.rows = 0
        self.first: int | None = None
        self.began = self.saved = self.reported = time.monotonic()

    def _since(self) -> dict[Instrument, int]:
        """The time from which each instrument would be needed again."""
        context = round(self.live.context * BILLION)
        settled = self.live.settled()
        found = {k: a.first for k, a in self.aligners.items() if a.first is not None}
        found.update({k: min(v.values()) - context for k, v in settled.items() if v})
        return {**self.since, **found}

    def _source(self) -> Source:
        before = self.ledger.state.get("source", {})
        if before:
            log.info("goes on where it was: %s known", counted(len(self.since), "instrument"))
        if self.name.startswith(SCHEME):
            address = self.name.removeprefix(SCHEME)
            return SeedLink(address, self.feed, self._tell, self.since, before, self._reached)
        path = Path(self.name)
        return Files(path, self.feed, self.wanted, self._tell, self.since, before)

    def _reached(self) -> dict[Instrument, int]:
        items = list(self.aligners.items())
        return {key: a.frontier for key, a in items if a.frontier is not None}

    def run(self) -> Streamed:
        """Work until the feed ends."""
        log.info("%s", self.live.about)
        try:
            for packets in self.source.batches():
                if packets:
                    self._work(packets)
                self._now_and_then()
            self._finish()
        finally:
            self.source.close()
        return self._summary()

    def _work(self, packets: list[Any]) -> None:
        """Take packets that came together, as far as the rows that they make final."""
        self.packets += len(packets)
        traces, problems = unpack(packets, self.name, self.wanted)
        for problem in problems:
            self._tell(problem)
        clock, keys = time.time_ns(), set()
        for trace in sorted(traces, key=lambda t: int(t.stats.starttime.ns)):
            key = instrument(trace)
            if key not in self.aligners:
                self.aligners[key] = Aligner(self.feed.wait, self.since.get(key))
            self.aligners[key].put(trace, clock)
            keys.add(key)
        released: list[Any] = []
        waiting = self.source.waiting()
        for key in sorted(keys):
            released += self.aligners[key].release(waiting)
        upto = {k: f for k, f in self._reached().items() if k in keys}
        if released:
            import obspy

            self._write(self.live.take(obspy.Stream(released), upto), packets[0].arrived)

    def _finish(self) -> None:
        """Take what waits, end the record."""
        import obspy

        if not self.aligners:
            told = "; ".join(str(p) for p in list(self.problems.values())[:3])
            if not self.ledger.state.get("settled"):
                raise DataError(
                    f"nothing came that is wanted{f' ({told})' if told else ''}", where=self.name,
                    fix="check --set select, and that there is miniSEED in it",
                )  # fmt: skip
            return
        now = time.monotonic()
        released = [t for key in sorted(self.aligners) for t in self.aligners[key].finish()]
        self._write(self.live.take(obspy.Stream(released), self._reached()), now)
        self._write(self.live.finish(), now, force=True)

    def _write(self, rows: pd.DataFrame, arrived: float, *, force: bool = False) -> None:
        """Commit rows with the state that belongs to them."""
        if len(rows) or force or time.monotonic() - self.saved > self.feed.save:
            self._commit(rows)
        if not len(rows):
            return
        done, clock = time.monotonic(), self.source.now()
        keys = rows[["network", "station", "location", "channel"]].to_numpy().tolist()
        times = rows["time"].to_numpy().astype("datetime64[ns]").astype("int64").tolist()
        for (*names, channel), at in zip(keys, times, strict=True):
            delays = {"arrival_to_written": done - arrived}
            newest = self.aligners[(*names, channel[:-1])].newest  # type: ignore[index]
            if newest is not None:
                delays["record_after_pick"] = (newest - at) / BILLION
            if clock is not None and clock - at < DAY:  # else the feed is a recorded one
                delays["sample_to_written"] = (clock - at) / BILLION
            self.latency.add(**delays)
        self.rows += len(rows)

    def _commit(self, rows: pd.DataFrame) -> None:
        since = self._since()
        state = {
            "source": self.source.state(since) | {"name": self.name},
            "settled": {"|".join(k): v for k, v in self.live.settled().items()},
            "since": {"|".join(k): v for k, v in since.items()},
        }
        self.ledger.commit(self.live.lines(rows) if len(rows) else "", state)
        self.saved = time.monotonic()

    def _tell(self, problem: Problem) -> None:
        """Say a problem the first time that it comes; its latest words are kept."""
        key = (problem.where, problem.kind)
        if key not in self.problems:
            if len(self.problems) >= 10_000:
                return
            log.info("%s", problem)
        self.problems[key] = problem

    def _now_and_then(self) -> None:
        """Save, and say how it goes, where it is time."""
        now = time.monotonic()
        if now - self.saved > self.feed.save and self.aligners:
            self._commit(pd.DataFrame())
        if self.feed.report and now - self.reported > self.feed.report:
            self.reported = now
            self._odd()
            log.info("%s", self._line())
            self._keep()

    def _odd(self) -> None:
        """Tell what the aligners have met."""
        words = {
            "late": ("warning", "came too late and were left out"),
            "again": ("info", "came again, as after a dropped link, and were taken once"),
            "ahead": ("warning", "lie in the future and were left out"),
            "clock jump": ("warning", "jump ahead of what follows them (clock) and were left out"),
        }
        for key, aligner in self.aligners.items():
            for kind, seconds in aligner.seconds().items():
                level, text = words[kind]
                where = ".".join(key)
                self._tell(Problem(level, kind, f"{_seconds(seconds)} s {text}", where))  # type: ignore[arg-type]
        for problem in self.live.problems:
            self._tell(problem)

    def _line(self) -> str:
        """How it goes, in one line."""
        newest = [a.newest for a in self.aligners.values() if a.newest is not None]
        when = pd.Timestamp(max(newest)).isoformat()[:19] if newest else "nothing yet"
        told = self.latency.summary()
        took = told.get("arrival_to_written")
        late = f", written {took['median_s']:.2f} s (99 %: {took['p99_s']:.2f} s) after the last " \
               "sample that they need" if took else ""  # fmt: skip
        said = f"{counted(len(self.aligners), 'instrument')}, {counted(self.rows, 'pick')}"
        return f"{when}: {said}{late}"

    def _recorded(self) -> float:
        spans = [
            a.newest - a.first
            for a in self.aligners.values()
            if a.newest is not None and a.first is not None
        ]
        return max(spans, default=0) / BILLION

    def _keep(self) -> dict[str, Any]:
        """Write ``latency.json``."""
        summary = self.latency.summary()
        told = {
            "picks": summary.pop("picks"),
            "picks_in_all": self.ledger.count,
            **summary,
            "recorded_s": round(self._recorded(), 3),
            "running_s": round(time.monotonic() - self.began, 3),
            "packets": self.packets,
            "memory_mb": round(_memory_mb(), 1),
        }
        with atomic(self.ledger.folder / "latency.json") as part:
            part.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
        return told

    def _summary(self) -> Streamed:
        self._odd()
        log.info("%s", self._line())
        told = self._keep()
        seconds = time.monotonic() - self.began
        problems = list(self.problems.values())
        return Streamed(
            picks=self.rows, picks_in_all=self.ledger.count, packets=self.packets,
            seconds=seconds, recorded=self._recorded(), latency=told, problems=problems,
        )  # fmt: skip
