"""A small FDSN event service on loopback that serves a recorded answer, for tests."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

RECORDED = Path(__file__).with_name("fdsn_events.txt")
"""300 events of a simulated catalogue, as a service would write them."""

KNOWN = {"starttime", "endtime", "minmagnitude", "limit", "format", "nodata", "orderby"}


@dataclass
class Service:
    """How the service behaves, and what it was asked.

    Attributes
    ----------
    refuse_above : int
        Answers with more events are refused with `refuse_code`.
    cut_above : int
        Answers are cut to this number of events without a word.
    newest_first : bool
        Order of the events.
    broken : list
        What happens to the next requests: ``"cut"`` ends the answer in its middle, ``"silent"``
        the same without having told its length, a number is answered as that status.
    """

    header: str
    lines: list[str]
    refuse_above: int = 10**9
    refuse_code: int = 413
    cut_above: int = 10**9
    newest_first: bool = False
    broken: list[str | int] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    address: str = ""

    def url(self, query: str = "starttime=2000-01-01&endtime=2001-01-01") -> str:
        """Address of a query as `craton` takes it."""
        return f"fdsn:{self.address}/fdsnws/event/1/query?{query}"

    def select(self, query: dict[str, str]) -> list[str]:
        """Lines that a query selects."""
        start, end = query.get("starttime", ""), query.get("endtime", "9999")
        least = float(query.get("minmagnitude", -9))
        found = []
        for line in self.lines:
            fields = line.split("|")
            if start <= fields[1] <= end and (not fields[10] or float(fields[10]) >= least):
                found.append(line)
        if self.newest_first:
            found.reverse()
        return found[: int(query.get("limit", 10**9))]

    def answer(self, path: str) -> tuple[int, str]:
        """Status and body of an answer."""
        parts = urlsplit(path)
        query = dict(parse_qsl(parts.query))
        self.asked.append(query)
        if parts.path != "/fdsnws/event/1/query":
            return 404, "no such service"
        unknown = set(query) - KNOWN
        if unknown or query.get("format") != "text":
            return 400, f"Bad request: cannot handle {sorted(unknown) or 'this format'}"
        found = self.select(query)
        if len(found) > self.refuse_above:
            return self.refuse_code, f"{len(found)} matching events exceeds search limit of few"
        found = found[: self.cut_above]
        return (200, "\n".join([self.header, *found]) + "\n") if found else (204, "")


@contextmanager
def serve(**settings: object) -> Iterator[Service]:
    """Run the service on a free port of 127.0.0.1 while the block lasts."""
    header, *lines = RECORDED.read_text(encoding="utf-8").splitlines()
    service = Service(header, lines, **settings)  # type: ignore[arg-type]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            broken = service.broken.pop(0) if service.broken else ""
            status, text = service.answer(self.path)
            if isinstance(broken, int):
                status, text = broken, "<html>not <b>now</b></html>"
            body = text.encode()
            self.send_response(status)
            if broken != "silent":
                self.send_header("Content-Length", str(len(body)))
            if status == 503:
                self.send_header("Retry-After", "7")
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if broken in ("cut", "silent") else body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    service.address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
