"""A SeedLink server as a feed: ObsPy's client in a thread, the link made again when it drops."""

from __future__ import annotations

import fnmatch
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from craton.errors import ConfigError, CratonError, DataError
from craton.io.problems import moment, need_obspy
from craton.serve.link import link_to
from craton.serve.packets import Instrument, Packet, Tell
from craton.serve.settings import Feed, Station, Wanted, stations

BILLION = 1_000_000_000
QUEUE = 8192
"""Packets that are held where the model does not keep up; then the server is made to wait."""
AT_ONCE = 256
REMEMBERED = 2000
"""Packets of a station whose sequence numbers are remembered."""
MARGIN_S = 60.0
"""Seconds before what has been worked on from which a station is asked for again, at least."""
log = logging.getLogger("craton.serve")


class Place:
    """How far the packets of one station have come."""

    def __init__(self, sequence: int | None = None) -> None:
        self.sequence = sequence
        self.first: int | None = None
        self.packets: deque[tuple[int, int]] = deque(maxlen=REMEMBERED)

    def take(self, sequence: int, start: int) -> None:
        """Note a packet."""
        self.sequence = sequence
        self.first = start if self.first is None else self.first
        self.packets.append((start, sequence))

    def before(self, time_ns: int) -> int | None:
        """Sequence number of the last packet before the first that begins at a time or later."""
        found = None
        for start, sequence in self.packets:
            if start >= time_ns:
                return found
            found = sequence
        return found


class SeedLink:
    """Packets of a SeedLink server.

    A link that is dropped, silent, or out of step is made again after a pause, which grows to a
    ceiling while it fails. Each station is then asked for by time, a little before where it ended,
    so that a server that numbers its packets anew does no harm; where the server does not serve
    times, by sequence number.

    Parameters
    ----------
    address : str
        ``HOST:PORT``.
    feed : Feed
        Channels and patience.
    tell : callable
        Takes problems.
    since : mapping of Instrument to int
        Time in ns from which data are needed, after a restart.
    state : mapping
        As `state` gave it.
    reached : callable
        Gives the time in ns up to which each instrument has been worked on.

    Raises
    ------
    ConfigError
        If no channels are chosen or the address is none.
    """

    def __init__(
        self, address: str, feed: Feed, tell: Tell, since: Mapping[Instrument, int],
        state: Mapping[str, Any], reached: Callable[[], Mapping[Instrument, int]],
    ) -> None:  # fmt: skip
        host, _, port = address.rstrip("/").rpartition(":")
        if not host or not port.isdigit() or not 0 < int(port) < 65536:
            raise ConfigError(
                f"'{address}' is no server", fix="give seedlink://HOST:PORT; often it is port 18000"
            )
        self.chosen = stations(feed.select)
        if not self.chosen:
            raise ConfigError(
                "a SeedLink server must be told which channels are wanted",
                fix="--set select='NET_STA:CHA,NET_STA:CHA', for example XX_AAA:HH?",
            )
        if feed.speed is not None:
            raise ConfigError("a server is no replay", fix="leave 'speed' out")
        need_obspy()
        self.wanted = Wanted(self.chosen)
        self.address, self.feed, self.tell, self.reached = f"{host}:{port}", feed, tell, reached
        self.since = dict(since)
        self.begin = None if feed.begin is None else int(moment(feed.begin).astype("int64"))
        numbers = dict(state.get("sequences", {}))
        self.places = {name: Place(number) for name, number in numbers.items()}
        self.known = bool(state)
        self.longest = 0.0
        self.queue: queue.Queue[Packet | CratonError | None] = queue.Queue(QUEUE)
        self.stopping = threading.Event()
        self.reader = threading.Thread(target=self._read, name="seedlink", daemon=True)

    def batches(self) -> Iterator[list[Packet]]:
        """What has come; ends when the server says that there is no more."""
        self.reader.start()
        quiet, poll = 0.0, min(self.feed.poll, 0.5)
        while True:
            packets: list[Packet] = []
            item: Packet | CratonError | None = None
            waiting = False
            try:
                item = self.queue.get(timeout=poll)
                while isinstance(item, Packet):
                    packets.append(item)
                    if len(packets) == AT_ONCE:
                        waiting = True
                        break
                    item = self.queue.get_nowait()
            except queue.Empty:
                waiting = True
            if packets:
                quiet = 0.0
                yield packets
            if isinstance(item, CratonError):
                raise item
            if not waiting:
                return
            if not packets:
                quiet += poll
                if self.feed.idle is not None and quiet > self.feed.idle:
                    return
                yield []

    def waiting(self) -> None:
        """A server does not tell what it has."""

    def now(self) -> int:
        """The clock."""
        return time.time_ns()

    def state(self, since: Mapping[Instrument, int]) -> dict[str, Any]:
        """Sequence numbers from which to go on, for servers that do not serve times."""
        found: dict[str, int] = {}
        for name, place in list(self.places.items()):
            needed = [at for key, at in since.items() if f"{key[0]}.{key[1]}" == name]
            number = place.before(min(needed)) if needed else None
            if number is not None:
                found[name] = number
        return {"sequences": found}

    def close(self) -> None:
        """End the link and its thread, which is left alone where it hangs in a connection."""
        self.stopping.set()
        until = time.monotonic() + 2.0
        while self.reader.is_alive() and time.monotonic() < until:
            try:
                self.queue.get_nowait()  # it may wait for room
            except queue.Empty:
                self.reader.join(0.05)

    def ask(self, station: Station) -> tuple[int | None, int | None]:
        """Time in ns and sequence number from which a station is wanted, as far as known."""

        def matches(network: str, name: str) -> bool:
            like = fnmatch.fnmatchcase
            return like(network, station.network) and like(name, station.station)

        ends = {**self.since, **self.reached()}
        times = [at for key, at in ends.items() if matches(key[0], key[1])]
        own = [p for n, p in list(self.places.items()) if matches(*n.split(".", 1))]
        if not times:
            times = [p.first for p in own if p.first is not None]
        numbers = [p.sequence for p in own if p.sequence is not None]
        at = min(times) - round(max(MARGIN_S, 2 * self.longest) * BILLION) if times else self.begin
        return at, min(numbers, default=None)

    def note(self, name: str, sequence: int, start: int, seconds: float) -> None:
        """Take note of a packet of a channel (``NET.STA.LOC.CHA``), if it is wanted."""
        if self.wanted.takes(name):
            self.longest = max(self.longest, min(seconds, 3600.0))
            station = ".".join(name.split(".")[:2])
            self.places.setdefault(station, Place()).take(sequence, start)

    def _read(self) -> None:
        """What the thread does: keep a link, put its packets into the queue."""
        pause, end = self.feed.retry, None
        while not self.stopping.is_set():
            link, began = link_to(self), time.monotonic()
            try:
                for packet in link.packets():
                    self.queue.put(packet)
                    self.known = True
                log.info("%s: the server has ended the feed", self.address)
                break
            except DataError as error:
                if not self.known:
                    end = error
                    break
                told = error.what
            except OSError as error:
                told = str(error)
            except Exception as error:  # whatever a library says
                end = DataError(f"{type(error).__name__}: {error}", where=self.address)
                break
            finally:
                link.disconnect()
            if self.stopping.is_set():
                return
            if link.received and time.monotonic() - began > self.feed.longest_retry:
                pause = self.feed.retry
            log.info("%s: %s; the link is made again in %g s", self.address, told, pause)
            self.stopping.wait(pause)
            pause = min(2 * pause, self.feed.longest_retry)
        self.queue.put(end)
