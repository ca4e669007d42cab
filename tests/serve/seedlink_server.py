"""A small SeedLink server on loopback that plays recorded packets, for tests.

It knows the commands of protocol 3 that ObsPy's client sends, and can be told to misbehave.
"""

from __future__ import annotations

import fnmatch
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import numpy as np
import obspy

from craton.io._miniseed import scan


@dataclass
class Server:
    """What is served and how.

    Attributes
    ----------
    packets : list of bytes
        miniSEED records of 512 bytes in the order in which they are sent.
    base : int
        Sequence number of the first one.
    end : bool
        Say END after the last one; otherwise the link stays open.
    rate : float
        Packets a second; 0 as fast as it goes.
    drop_after : list of int
        For each connection in turn the packets after which it is closed.
    damage : dict
        Number of a packet to the bytes that are sent in its place (header of 8 bytes, record).
    refuse : tuple of str
        Commands that begin so are answered with ERROR.
    version : str
        What it says to be.
    hello : bytes or None
        Sent in place of the answer to HELLO.
    silent : bool
        After the packets nothing is answered any more.
    """

    packets: list[bytes]
    base: int = 1
    end: bool = True
    rate: float = 0.0
    drop_after: list[int] = field(default_factory=list)
    damage: dict[int, bytes] = field(default_factory=dict)
    refuse: tuple[str, ...] = ()
    version: str = "v3.1 (2020.075)"
    hello: bytes | None = None
    silent: bool = False
    asked: list[list[str]] = field(default_factory=list)
    port: int = 0

    def __post_init__(self) -> None:
        rows, _ = scan(b"".join(self.packets), "packets")
        self.names = [str(n) for n in rows["id"]]
        seconds = rows["samples"] / rows["rate"]
        self.ends = (rows["start"] + seconds * 1e9).astype(np.int64)

    def selected(self, wanted: dict[str, dict[str, object]]) -> Iterator[int]:
        """Numbers of the packets that a connection is to be sent."""
        for k, name in enumerate(self.names):
            network, station, location, channel = name.split(".")
            one = wanted.get(f"{network}.{station}")
            if one is None or not any(_takes(s, location, channel) for s in one["select"]):
                continue
            since, sequence = one["time"], one["sequence"]
            if since is not None and self.ends[k] <= since:
                continue
            if sequence is not None and self.base + k < sequence:
                continue
            yield k


def _takes(selector: str, location: str, channel: str) -> bool:
    if len(selector) == 5:
        return selector[:2].strip("-") == location and fnmatch.fnmatch(channel, selector[2:])
    return fnmatch.fnmatch(channel, selector)


@contextmanager
def serving(server: Server, port: int = 0) -> Iterator[str]:
    """Serve on loopback; gives the address as craton takes it."""
    door = socket.create_server(("127.0.0.1", port))
    server.port = door.getsockname()[1]
    stop = threading.Event()
    links: list[socket.socket] = []

    def accept() -> None:
        while not stop.is_set():
            try:
                link, _ = door.accept()
            except OSError:
                return
            links.append(link)
            number = len(server.asked)
            server.asked.append([])
            threading.Thread(target=_serve, args=(server, link, number, stop), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"seedlink://127.0.0.1:{server.port}"
    finally:
        stop.set()
        door.shutdown(socket.SHUT_RDWR)
        door.close()
        for link in links:
            with suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
            link.close()


def _serve(server: Server, link: socket.socket, number: int, stop: threading.Event) -> None:
    wanted: dict[str, dict[str, object]] = {}
    current: dict[str, object] = {}
    try:
        with link:
            for line in _lines(link):
                server.asked[number].append(line)
                word, *rest = line.split()
                if any(line.startswith(r) for r in server.refuse):
                    link.sendall(b"ERROR\r\n")
                elif word == "HELLO":
                    said = f"SeedLink {server.version} :: loopback\r\n".encode()
                    link.sendall(server.hello or said)
                    if server.hello is None:
                        time.sleep(0.02)  # in two pieces
                        link.sendall(b"Tests\r\n")
                elif word == "STATION":
                    known = any(n.startswith(f"{rest[1]}.{rest[0]}.") for n in server.names)
                    current = {"select": [], "time": None, "sequence": None}
                    if known:
                        wanted[f"{rest[1]}.{rest[0]}"] = current
                    link.sendall(b"OK\r\n" if known else b"ERROR\r\n")
                elif word == "SELECT":
                    current["select"].append(rest[0])  # type: ignore[attr-defined]
                    link.sendall(b"O")
                    link.sendall(b"K\r\n")
                elif word == "TIME":
                    at = obspy.UTCDateTime(*map(int, rest[0].split(",")))
                    current["time"] = at.ns
                    link.sendall(b"OK\r\n")
                elif word == "DATA":
                    current["sequence"] = int(rest[0], 16) if rest else None
                    link.sendall(b"OK\r\n")
                elif word == "END":
                    _play(server, link, number, wanted, stop)
                    if server.silent:
                        stop.wait()
                    if server.end or number < len(server.drop_after):
                        return
                elif word == "INFO":
                    link.sendall(b"SLINFO  " + bytes(512))
                else:
                    return
    except OSError:
        return


def _lines(link: socket.socket) -> Iterator[str]:
    kept = b""
    while raw := link.recv(1024):
        kept += raw
        *lines, kept = kept.replace(b"\n", b"").split(b"\r")
        yield from (line.decode().strip() for line in lines if line.strip())


def _play(
    server: Server, link: socket.socket, number: int, wanted: dict[str, dict[str, object]],
    stop: threading.Event,
) -> None:  # fmt: skip
    limit = server.drop_after[number] if number < len(server.drop_after) else -1
    for sent, k in enumerate(server.selected(wanted)):
        if sent == limit or stop.is_set():
            return
        head = f"SL{(server.base + k) & 0xFFFFFF:06X}".encode()
        link.sendall(server.damage.pop(k, head + server.packets[k]))
        if server.rate:
            stop.wait(1 / server.rate)
    if server.end and limit < 0:
        link.sendall(b"END")
