"""Earthquake catalogues from FDSN event services, whole or not at all.

The International Federation of Digital Seismograph Networks describes the service at
https://www.fdsn.org/webservices/ (fdsnws-event 1.2). The answer is asked for as text.
"""

from __future__ import annotations

import http.client
import logging
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import Message

import xarray as xr

from craton import __version__
from craton.errors import DataError
from craton.io.bad_rows import Policy
from craton.io.catalog import catalog_from_text

PREFIX = "fdsn:"
MAX_ANSWER = 256 << 20
"""Largest answer to one request, in bytes."""

MAX_EVENTS = 5_000_000
TIMEOUT = 120.0
TRIES = 5
OVERLAP = timedelta(seconds=1)
SHORTEST = timedelta(seconds=2)
_AGAIN = (429, 500, 502, 503, 504)
_TOO_MANY = re.compile(r"matching events|too many|too large|exceeds.{0,40}limit", re.IGNORECASE)
_START, _END, _LIMIT = ("starttime", "start"), ("endtime", "end"), ("limit", "offset")

log = logging.getLogger(__name__)
Progress = Callable[[int, str], None]


def read_fdsn(
    address: str, progress: Progress | None = None, bad_rows: Policy = "omit"
) -> xr.Dataset:
    """Read a catalogue from an FDSN event service.

    Parameters
    ----------
    address : str
        ``fdsn:`` and the address of a query, such as
        ``fdsn:https://HOST/fdsnws/event/1/query?starttime=2000-01-01&minmagnitude=3``. A start is
        needed; without an end all events up to now are asked for. With ``limit`` the one answer
        is taken as it comes; otherwise see `fetch_events`.
    progress : callable, optional
        Called as ``progress(events, text)`` after each answer.
    bad_rows : {"omit", "error"}
        See `craton.io.catalog.read_catalog`.

    Returns
    -------
    xarray.Dataset
        As `craton.io.catalog.read_catalog` gives it; ``attrs["history"]`` says where from.

    Raises
    ------
    DataError
        If the address is none, the service cannot be reached or refuses, the answer is no
        catalogue, or there are no events.
    """
    text = fetch_events(address, progress)
    found = catalog_from_text(text, address, bad_rows=bad_rows)
    when = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    history = f"asked of {address.removeprefix(PREFIX)} on {when}; {found.attrs['history']}"
    return found.assign_attrs(history=history)


def fetch_events(address: str, progress: Progress | None = None) -> str:
    """Fetch the FDSN text of a query: header and events, as the service wrote them.

    A span of time whose events are too many for the service (413, or 400 that says so) is halved
    until they are not. An answer of a round number of events may have been cut by the service at a
    limit that it did not tell of, so what follows the last event is asked for until nothing new
    comes. A request that fails on the way is repeated, up to `TRIES` times, after pauses of 1,
    2, 4 ... seconds or as long as the service asks for.

    Parameters
    ----------
    address, progress
        See `read_fdsn`.

    Returns
    -------
    str
        Lines without repetitions, in the order in which they came.

    Raises
    ------
    DataError
        See `read_fdsn`.
    """
    query = _Query.of(address)
    pages = _Pages(query, progress)
    if any(name in query.rest for name in _LIMIT):
        try:
            pages.add(query.ask(query.start, query.end))
        except _TooManyError as error:
            raise DataError(
                f"the service refuses this many events ({error})",
                where=query.shown,
                fix="ask for fewer, or leave limit= out: the time is then cut into parts",
            ) from None
    else:
        pages.cover(query.start, query.end)
    if not pages.lines:
        raise DataError(
            "the service has no events for this query",
            where=query.shown,
            fix="ask for a longer time, a larger region or smaller magnitudes",
        )
    return "\n".join([pages.header, *pages.lines.values()]) + "\n"


class _TooManyError(Exception):
    """The service holds more events in this span than it gives at once."""


@dataclass
class _Pages:
    """Events gathered so far, by their identifier."""

    query: _Query
    progress: Progress | None
    header: str = ""
    lines: dict[str, str] = field(default_factory=dict)

    def cover(self, start: datetime, end: datetime) -> None:
        """Take all events of a span."""
        spans = [(start, end)]
        while spans:
            start, end = spans.pop()
            try:
                page = self.query.ask(start, end)
            except _TooManyError as error:
                if end - start < SHORTEST:
                    raise DataError(
                        f"the service refuses even {(end - start).total_seconds():g} s of events "
                        f"as too many ({error})",
                        where=self.query.shown,
                        fix="ask for larger magnitudes or a smaller region",
                    ) from None
                middle = start + (end - start) / 2
                spans += [(middle, end), (start, middle)]
                continue
            fresh = self.add(page)
            times = sorted(_event_time(line, self.query.shown) for line in page[1:])
            if fresh and len(times) % 100 == 0:
                # the newest come first or last, and which of them a limit took is told by that
                newest_first = _event_time(page[1], "") > _event_time(page[-1], "")
                rest = (start, times[0] + OVERLAP) if newest_first else (times[-1] - OVERLAP, end)
                if rest[1] > rest[0]:
                    spans.append(rest)

    def add(self, page: list[str]) -> int:
        """Take an answer's lines; return how many are new."""
        if not page:
            return 0
        if self.header and page[0] != self.header:
            raise DataError("answers differ in their header", where=self.query.shown)
        self.header = page[0]
        before = len(self.lines)
        for line in page[1:]:
            self.lines.setdefault(line.split("|", 1)[0].strip() or line, line)
        if len(self.lines) > MAX_EVENTS:
            raise DataError(
                f"more than {MAX_EVENTS} events",
                where=self.query.shown,
                fix="ask for larger magnitudes or a smaller region",
            )
        text = f"{len(self.lines)} events from {self.query.host}"
        log.info(text)
        if self.progress is not None:
            self.progress(len(self.lines), text)
        return len(self.lines) - before


@dataclass(frozen=True)
class _Query:
    """A query of a service, without its span of time and its format."""

    base: str
    rest: dict[str, str]
    start: datetime
    end: datetime
    host: str

    @property
    def shown(self) -> str:
        """The address for messages."""
        return f"{PREFIX}{self.base}"

    @classmethod
    def of(cls, address: str) -> _Query:
        url = address.removeprefix(PREFIX)
        try:
            parts = urllib.parse.urlsplit(url)
            pairs = urllib.parse.parse_qsl(parts.query, keep_blank_values=True, max_num_fields=50)
            host = parts.hostname or ""
        except ValueError as error:
            raise DataError(f"is no address ({error})", where=address[:200]) from None
        if parts.scheme not in ("http", "https") or not host or parts.username:
            raise DataError(
                "is no address of an FDSN event service",
                where=address[:200],
                fix=f"write {PREFIX}https://HOST/fdsnws/event/1/query?starttime=2000-01-01",
            )
        rest = {name.lower(): value for name, value in pairs}
        # the answer is always wanted as text; no events are no error
        rest |= {"format": "text", "nodata": "204"}
        base = urllib.parse.urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
        start = next((rest.pop(n) for n in _START if n in rest), None)
        end = next((rest.pop(n) for n in _END if n in rest), None)
        if start is None:
            raise DataError(
                "names no start, and services differ in what they take then",
                where=address[:200],
                fix="add starttime=2000-01-01",
            )
        now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
        span = _moment(start, address), now if end is None else _moment(end, address)
        if span[0] >= span[1]:
            raise DataError(f"its start {span[0]} is not before its end", where=address[:200])
        return cls(base, rest, *span, host)

    def ask(self, start: datetime, end: datetime) -> list[str]:
        """Header and events of one span; nothing where there are none.

        Raises
        ------
        _TooManyError
            If the service says that these are too many at once.
        """
        span = {"starttime": _written(start), "endtime": _written(end)}
        url = f"{self.base}?{urllib.parse.urlencode({**self.rest, **span})}"
        reason = ""
        for turn in range(TRIES):
            try:
                return _page(*_get(url), self.shown)
            except urllib.error.HTTPError as error:
                said = _said(error)
                if error.code == 413 or (error.code == 400 and _TOO_MANY.search(said)):
                    raise _TooManyError(said) from None
                if error.code not in _AGAIN:
                    raise DataError(
                        f"the service answers {error.code}: {said or error.reason}",
                        where=self.shown,
                        fix="check the parameters of the query"
                        if error.code == 400
                        else "check the address",
                    ) from None
                reason, pause = f"{error.code} {said}".strip(), _pause(turn, error.headers)
            except (OSError, http.client.HTTPException) as error:
                reason, pause = str(getattr(error, "reason", error)), _pause(turn, None)
            if turn < TRIES - 1:
                log.info("%s: %s; once more in %g s", self.host, reason, pause)
                time.sleep(pause)
        raise DataError(
            f"no whole answer in {TRIES} tries ({reason})",
            where=self.shown,
            fix="check the network and try later, or save the answer to a file and give that",
        )


def _opener() -> urllib.request.OpenerDirector:
    """HTTP and HTTPS alone: urllib's own opener would follow a redirection to FTP."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler, urllib.request.HTTPHandler, urllib.request.HTTPSHandler,
        urllib.request.HTTPRedirectHandler, urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPErrorProcessor, urllib.request.UnknownHandler,
    ):  # fmt: skip
        opener.add_handler(handler())
    return opener


def _get(url: str) -> tuple[int, bytes]:
    agent = {"User-Agent": f"craton/{__version__}", "Accept": "text/plain"}
    request = urllib.request.Request(url, headers=agent)
    with _opener().open(request, timeout=TIMEOUT) as answer:
        # reading in one piece would take a cut answer for a whole one
        parts, size = [], 0
        while part := answer.read(1 << 20):
            parts.append(part)
            size += len(part)
            if size > MAX_ANSWER:
                raise DataError(
                    f"the answer is larger than {MAX_ANSWER} bytes",
                    where=url[:200],
                    fix="ask for larger magnitudes or a smaller region",
                )
        told = answer.headers.get("Content-Length", "")
        if told.isdigit() and int(told) != size:
            raise http.client.IncompleteRead(b"", int(told) - size)
        return int(answer.status), b"".join(parts)


def _page(status: int, raw: bytes, where: str) -> list[str]:
    if status == 204:
        return []
    text = raw.decode("utf-8-sig", errors="replace")
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        return []
    names = [n.strip().lower() for n in lines[0].lstrip("#").split("|")]
    if not {"eventid", "time", "magnitude"} <= set(names):
        raise DataError(
            f"the answer is no FDSN text, it begins '{_plain(lines[0], 60)}'",
            where=where,
            fix="name the query of an event service: https://HOST/fdsnws/event/1/query?...",
        )
    body = [line for line in lines[1:] if not line.startswith("#")]
    if body and body[-1].count("|") < lines[0].count("|"):
        # a service that tells no length ends the connection, and so does a cut
        raise http.client.IncompleteRead(b"")
    return [lines[0], *body] if body else []


def _event_time(line: str, where: str) -> datetime:
    fields = line.split("|")
    return _moment(fields[1].strip() if len(fields) > 1 else "", where)


def _moment(text: str, where: str) -> datetime:
    try:
        found = datetime.fromisoformat(text.strip())
        if not 1000 <= found.year <= 2261:
            raise ValueError
    except ValueError:
        raise DataError(
            f"'{_plain(text, 40)}' is no time",
            where=where[:200],
            fix="write times as 2020-01-31 or 2020-01-31T23:59:59 (UTC)",
        ) from None
    return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found


def _written(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds")


def _pause(turn: int, headers: Message | None) -> float:
    """Seconds to wait: 1, 2, 4 ..., or what the service asks for, a minute at most."""
    asked = (headers.get("Retry-After") or "") if headers else ""
    return min(float(asked) if asked.isdigit() else 2.0**turn, 60.0)


def _said(error: urllib.error.HTTPError) -> str:
    """The first words of the page that comes with an error."""
    try:
        return _plain(error.read(2000).decode("utf-8", errors="replace"), 200)
    except (OSError, http.client.HTTPException):
        return ""


def _plain(text: str, most: int) -> str:
    """A stranger's words without tags and control characters."""
    words = re.sub(r"<[^>]*>", " ", text)
    words = "".join(c if c.isprintable() else " " for c in words)
    return " ".join(words.split())[:most]
