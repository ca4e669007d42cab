"""ObsPy's SeedLink connection, made to tell what it passes over and to end when it is told to."""

from __future__ import annotations

import functools
import logging
import select
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from craton.errors import DataError
from craton.io._miniseed import scan
from craton.io.problems import Problem
from craton.serve.packets import Packet

if TYPE_CHECKING:
    from craton.serve.seedlink import SeedLink

TICK_S = 0.2
"""Seconds after which a thread that waits for bytes looks whether it is to end."""


class _Told:
    """What is laid over ``SeedLinkConnection``.

    As it is, it takes a server that has gone for one that is silent, tries again for ever what a
    server has refused, logs an unknown station and goes on, takes a line that comes in two pieces
    for a wrong answer, and decodes a packet only to read its name.
    """

    def __init__(self, source: SeedLink) -> None:
        base: Any = super()
        base.__init__(timeout=source.feed.timeout)
        self.source, self.patience = source, source.feed.timeout
        self.failure: Exception | None = None
        self.refused: list[str] = []
        self.asked = ""
        self.heard = time.monotonic()
        self.latest: bytes | None = None
        self.received = 0
        self.terminate_flag = False
        self.begin_time: Any = None
        self.socket: Any = None

    def packets(self) -> Iterator[Packet]:
        """Make the link; give the packets that are sound as they come.

        Raises
        ------
        DataError
            If the server cannot be reached or refuses what it is asked for.
        OSError
            If the link drops, is silent, or out of step.
        """
        me: Any = self
        me.set_sl_address(self.source.address)
        me.netto, me.keepalive = 0, self.patience / 5
        for s in self.source.chosen:
            me.add_stream(s.network, s.station, " ".join(s.selectors), -1, None)
        while True:
            self.latest = None
            try:
                found = me.collect()
            except Exception as error:
                raise self.failure or DataError(
                    f"cannot be reached ({error})", where=self.source.address,
                    fix="check host and port, and that the server runs",
                ) from error  # fmt: skip
            if self.failure is not None:
                raise self.failure
            if found == b"SLERROR":
                raise DataError("the server reports an error", where=self.source.address)
            if found is None or isinstance(found, bytes):
                return
            if self.latest is not None:
                self.received += 1
                yield Packet(self.latest, time.monotonic())

    def _fail(self, error: Exception) -> Exception:
        """Make the loop of `collect` end with an error."""
        self.failure = self.failure or error
        self.terminate_flag = True
        return error

    def connect(self) -> None:
        """Connect within the time that is set; it also would end a link without packets."""
        base: Any = super()
        self.timeout: float | None = self.patience
        self.heard = time.monotonic()
        base.connect()
        self.timeout = None

    def receive_data(self, maxbytes: int, code: str) -> bytes:
        """Bytes as soon as there are any; none where it is time for a sign of life."""
        began = time.monotonic()
        while True:
            if self.source.stopping.is_set():
                raise self._fail(ConnectionAbortedError("ended"))
            if select.select([self.socket], [], [], TICK_S)[0]:
                raw = bytes(self.socket.recv(maxbytes))
                if not raw:
                    raise self._fail(ConnectionResetError("the server closed the link"))
                self.heard = time.monotonic()
                return raw
            now = time.monotonic()
            if now - self.heard > self.patience:
                raise self._fail(TimeoutError(f"nothing came for {self.patience:g} s"))
            if now - began > self.patience / 8:
                return b""

    def send_data(self, sendbytes: bytes, code: str, resplen: int) -> bytes | None:
        """Send a command; give its answer, whole."""
        self.asked = sendbytes.decode().strip()
        self.socket.sendall(sendbytes)
        if resplen <= 0:
            return None
        lines, answer = 2 if self.asked == "HELLO" else 1, b""
        while answer.count(b"\n") < lines:
            if answer.endswith(b"\n") and not select.select([self.socket], [], [], 2.0)[0]:
                break  # a server that says hello in one line
            answer += self.receive_data(resplen, code)
        if answer.strip() == b"ERROR":
            self.refused.append(self.asked)
        return answer

    def send_info_request(self, info_level: str, verb_level: int) -> None:
        """Ask for a sign of life, where the server gives any."""
        base: Any = super()
        if base.check_version(2.92) >= 0:
            base.send_info_request(info_level, verb_level)

    def config_link(self) -> None:
        """Choose the stations; tell which are refused."""
        base: Any = super()
        self.refused = []
        try:
            base.config_link()
        except OSError:
            raise
        except Exception as error:
            refused = f" (it refused: {', '.join(self.refused)})" if self.refused else ""
            raise self._fail(
                DataError(
                    f"the server does not serve what was chosen{refused or f' ({error})'}",
                    where=self.source.address, fix="check --set select, and the server's list",
                )
            ) from error  # fmt: skip
        for asked in self.refused:
            if not asked.startswith("TIME"):
                text = f"the server refuses '{asked}'; left out"
                self.source.tell(Problem("warning", "refused", text, self.source.address))

    def negotiate_station(self, stream: Any) -> None:
        """Ask for a station by time where it was left, or by number where times are not served."""
        import obspy

        base: Any = super()
        chosen = next(
            s for s in self.source.chosen if (s.network, s.station) == (stream.net, stream.station)
        )
        at, number = self.source.ask(chosen)
        stream.seqnum = -1
        self.begin_time = None if at is None else obspy.UTCDateTime(ns=at)
        try:
            base.negotiate_station(stream)
        except Exception:
            if at is None or self.failure is not None:
                raise
            self.begin_time = None
            stream.seqnum = -1 if number is None else number
            base.negotiate_station(stream)

    def update_stream(self, packet: Any) -> None:
        """Take a packet without decoding it."""
        head, raw = bytes(packet.slhead), bytes(packet.msrecord)
        try:
            number = int(head[2:], 16) if head[:2] == b"SL" else -1
        except ValueError:
            number = -1
        if number < 0:
            self._fail(ConnectionError("the packets are out of step"))
            return
        records, _ = scan(raw, "")
        if len(records) != 1 or records["offset"][0]:
            text = "packets without a sound header; left out"
            self.source.tell(Problem("warning", "damaged packet", text, self.source.address))
            return
        record = records[0]
        seconds = float(record["samples"] / record["rate"]) if record["rate"] > 0 else 0.0
        self.source.note(str(record["id"]), number, int(record["start"]), seconds)
        self.latest = raw


@functools.cache
def _connection() -> type:
    from obspy.clients.seedlink.client.seedlinkconnection import SeedLinkConnection

    logging.getLogger("obspy.clients.seedlink").setLevel(logging.CRITICAL + 1)
    return type("Link", (_Told, SeedLinkConnection), {})


def link_to(source: SeedLink) -> Any:
    """A link that is not made yet."""
    return _connection()(source)
