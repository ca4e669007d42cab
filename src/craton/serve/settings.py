"""What can be set of a live feed, and which channels are wanted of it."""

from __future__ import annotations

import fnmatch
from typing import Any, Literal, NamedTuple

import pydantic

from craton.config import Config
from craton.errors import ConfigError


class Feed(Config):
    """Settings of a feed; what else is set goes to the task.

    Attributes
    ----------
    select : tuple of str
        Channels: ``NET_STA:CHA CHA``, several stations with commas, with ``?`` and ``*``; a channel
        may have its location in front (``00HHZ``). A SeedLink server must be told; of files
        everything is taken by default.
    begin : str or None
        Time (UTC) to begin at, where nothing has been worked on yet.
    speed : float or "max", optional
        Replay of files at so many times real time; 0 or ``max`` as fast as it goes. Without it
        files are read to their ends and then watched as they grow.
    wait : float
        Seconds of the record for which a packet that is missing, or a channel that lags, is waited
        for while others of its instrument go on.
    idle : float or None
        Seconds without anything new after which the feed has ended; by default it never does.
    timeout : float
        Seconds without a sign of life after which a link counts as dropped.
    retry, longest_retry : float
        Seconds before a dropped link is made again; doubled each time, up to the longest.
    poll : float
        Seconds between two looks at files.
    save : float
        Seconds after which the state is written although there is no pick.
    report : float
        Seconds between two lines on how it goes; 0 for none.
    """

    select: tuple[str, ...] = ()
    begin: str | None = None
    speed: float | Literal["max"] | None = None
    wait: float = pydantic.Field(default=30.0, ge=0, le=86400)
    idle: float | None = pydantic.Field(default=None, gt=0)
    timeout: float = pydantic.Field(default=120.0, ge=0.1)
    retry: float = pydantic.Field(default=1.0, gt=0)
    longest_retry: float = pydantic.Field(default=60.0, gt=0)
    poll: float = pydantic.Field(default=0.5, gt=0, le=3600)
    save: float = pydantic.Field(default=10.0, ge=0)
    report: float = pydantic.Field(default=60.0, ge=0)

    @pydantic.field_validator("speed")
    @classmethod
    def _not_backwards(cls, value: Any) -> Any:
        if value == "max":
            return 0.0
        if value is not None and value < 0:
            raise ValueError("a replay does not run backwards")
        return value


class Station(NamedTuple):
    """Channels of a station, as they are asked of a SeedLink server."""

    network: str
    station: str
    selectors: tuple[str, ...]


def stations(select: tuple[str, ...]) -> list[Station]:
    """Read what `Feed.select` says.

    Raises
    ------
    ConfigError
        If an entry is not of the form ``NET_STA:CHA CHA``.

    Examples
    --------
    >>> stations(("XX_AAA:HH? 00BHZ",))
    [Station(network='XX', station='AAA', selectors=('HH?', '00BHZ'))]
    """
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for entry in select:
        name, _, channels = entry.partition(":")
        network, underscore, station = name.strip().partition("_")
        selectors = tuple(c.removesuffix(".D") for c in channels.split()) or ("???",)
        odd = [c for c in selectors if len(c) not in (3, 5)]
        if not underscore or not network or not station or "_" in station or odd:
            raise ConfigError(
                f"'{entry}' names no channels", where="select",
                fix="--set select='NET_STA:CHA CHA,NET_STA:CHA', for example XX_AAA:HH?",
            )  # fmt: skip
        before = found.get((network, station), ())
        found[network, station] = tuple(dict.fromkeys((*before, *selectors)))
    return [Station(*names, selectors) for names, selectors in found.items()]


class Wanted:
    """Which channels are wanted.

    Examples
    --------
    >>> Wanted(stations(("XX_AAA:HH?",))).takes("XX.AAA.00.HHZ")
    True
    """

    def __init__(self, chosen: list[Station]) -> None:
        self.chosen = chosen
        self.known: dict[str, bool] = {}

    def takes(self, name: str) -> bool:
        """Whether a channel, as ``NET.STA.LOC.CHA``, is wanted."""
        if name not in self.known:
            if len(self.known) > 100_000:  # a hostile feed
                self.known.clear()
            self.known[name] = not self.chosen or any(_fits(name, s) for s in self.chosen)
        return self.known[name]


def _fits(name: str, chosen: Station) -> bool:
    network, station, location, channel = name.split(".")
    like = fnmatch.fnmatchcase
    if not (like(network, chosen.network) and like(station, chosen.station)):
        return False
    for selector in chosen.selectors:
        place, code = (selector[:2], selector[2:]) if len(selector) == 5 else ("*", selector)
        if like(channel, code) and like(location, place.replace("-", "").strip()):
            return True
    return False
