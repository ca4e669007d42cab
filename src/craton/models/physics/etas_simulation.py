"""Simulation of the ETAS model, generation by generation in flat arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from craton.errors import ConfigError, ModelError
from craton.models.physics.etas_background import Density
from craton.models.physics.etas_kernels import time_integral, time_quantile
from craton.models.physics.etas_parameters import EtasParameters, Events

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Catalogs(NamedTuple):
    """Simulated events of many catalogues, ordered by catalogue, then time.

    `generation` is 0 for background events, 1 for the direct offspring of the history or of a
    background event, and so on; `parent` is the index of the parent in these arrays, -1 for
    background, and ``-2 - j`` for offspring of event j of the history.
    """

    catalog: NDArray[np.int64]
    time: Floats
    x: Floats
    y: Floats
    magnitude: Floats
    generation: NDArray[np.int64]
    parent: NDArray[np.int64]

    def before(self, end: float) -> Catalogs:
        """The events before a time; their parents are among them."""
        kept = self.time < end
        place = np.cumsum(kept) - 1
        parent = np.where(self.parent >= 0, place[np.maximum(self.parent, 0)], self.parent)
        return join([self._replace(parent=parent)], kept) if kept.size else self


MANY = 100
"""From so many catalogues on, magnitudes are drawn evenly over all of them."""


def draw_magnitudes(
    parameters: EtasParameters, m_max: float, rng: np.random.Generator, n: int, even: bool = False
) -> Floats:
    """Draw from the exponential distribution between mc and `m_max`.

    If `even`, one from each of n equal parts of the distribution, in random order: the few large
    ones, which trigger most, then come as often as they should in all catalogues together.
    """
    span = parameters.beta * (m_max - parameters.mc)
    share = rng.random(n)
    if even and n:
        share = (share + rng.permutation(n)) / n
    return np.asarray(parameters.mc - np.log1p(share * np.expm1(-span)) / parameters.beta)


def survival(parameters: EtasParameters, m_max: float, magnitude: float) -> float:
    """Probability that an event above mc reaches `magnitude` (1 below mc, 0 above `m_max`)."""
    beta, low = parameters.beta, parameters.mc
    m = min(max(magnitude, low), m_max)
    top = np.exp(-beta * (m_max - low))
    return float((np.exp(-beta * (m - low)) - top) / (1.0 - top))


class Sequences(NamedTuple):
    """Known events whose direct offspring are multiplied.

    Attributes
    ----------
    rows : numpy.ndarray of int, shape (k,)
        The events, as rows of a history.
    factor : numpy.ndarray, shape (catalogues, k)
        Their factors, which may differ from one catalogue to the next.
    """

    rows: Ints
    factor: Floats

    def others(self, n: int) -> NDArray[np.bool_]:
        """Tell which of `n` events of the history have no factor."""
        return ~np.isin(np.arange(n), self.rows)


def simulate(
    parameters: EtasParameters,
    window: tuple[float, float],
    *,
    background: Density,
    history: Events | None = None,
    sequences: Sequences | None = None,
    m_max: float = 8.5,
    n_catalogs: int = 1,
    seed: int | np.random.Generator = 0,
    max_events: int = 5_000_000,
) -> Catalogs:
    """Simulate catalogues over a window that follows a history.

    Parameters
    ----------
    parameters : EtasParameters
        Parameters; the background has ``mu * background.area`` events a day.
    window : (float, float)
        Start and end in days.
    background : Density
        Where background events fall.
    history : Events, optional
        Events before the window that trigger in it; those at or after its start are refused.
    sequences : Sequences, optional
        Events of the history whose direct offspring are multiplied.
    m_max : float
        Largest magnitude.
    n_catalogs : int
        Number of independent continuations of the one history.
    seed : int or numpy.random.Generator
        The same seed gives the same catalogues.
    max_events : int
        Upper bound of the number of events in all catalogues.

    Returns
    -------
    Catalogs
        Flat arrays. Triggered events outside the region are kept: they can trigger inside.

    Raises
    ------
    ModelError
        If the catalogues grow beyond `max_events` (a supercritical model).
    ConfigError
        If the window is empty, m_max is not above mc, or history reaches into the window.

    Notes
    -----
    Times are drawn by inversion of the exact integral of the time kernel, distances by inversion
    of the closed form. The magnitudes of a generation in 100 catalogues or more are drawn evenly
    over all of them (stratified), so that means over the catalogues converge sooner.

    Examples
    --------
    >>> from craton.models.physics.etas_background import UniformDensity
    >>> p = EtasParameters(-4, -2.35, 1.5, -2.7, 0.0, 2.5, -0.29, 0.73, 0.6, 2.37, 3.0)
    >>> square = UniformDensity.of((0, 100, 0, 100))
    >>> result = simulate(p, (0, 30), background=square, n_catalogs=2, seed=1)
    >>> bool((result.time < 30).all())
    True
    """
    start, end = window
    if not (end > start and m_max > parameters.mc and n_catalogs >= 1):
        raise ConfigError(
            f"window {window}, m_max {m_max}, n_catalogs {n_catalogs}: an end after the start, "
            f"m_max above mc = {parameters.mc} and at least one catalogue were expected"
        )
    rng = seed if isinstance(seed, np.random.Generator) else np.random.default_rng(seed)
    longest = end - start
    if history is not None and history.time.size:
        if history.time[-1] >= start:
            raise ConfigError("the history reaches into the window", fix="cut it at the start")
        longest = end - float(history.time[0])
    table = parameters.table(longest)
    room = _Room(parameters, table, (start, end), m_max, max_events, n_catalogs >= MANY)
    parts = [_founders(room, background, n_catalogs, rng)]
    first = parts[0]
    if history is not None and history.time.size:
        parts.append(_aftershocks_of_history(room, history, n_catalogs, rng, sequences))
        first = join(parts)
    parts, total, last, offset = [first], first.time.size, first, 0
    while last.time.size:
        room.check(total)
        born = _offspring(room, last, offset, total, rng)
        offset = total
        parts.append(born)
        total += born.time.size
        last = born
    return ordered(join(parts))


class _Room(NamedTuple):
    """What each step of a simulation needs."""

    parameters: EtasParameters
    table: Floats
    window: tuple[float, float]
    m_max: float
    max_events: int
    even: bool

    def magnitudes(self, rng: np.random.Generator, n: int) -> Floats:
        """Draw magnitudes."""
        return draw_magnitudes(self.parameters, self.m_max, rng, n, self.even)

    def reach(self, time: Floats, moment: float) -> Floats:
        """Integral of the time kernel of each event up to a moment."""
        return np.asarray(time_integral(self.table, self.parameters.c, moment - time))

    def check(self, expected: float) -> None:
        check_size(expected, self.max_events, self.parameters, self.m_max)


def check_size(expected: float, most: int, parameters: EtasParameters, m_max: float) -> None:
    """Refuse a simulation that explodes.

    Raises
    ------
    ModelError
        If more events are expected than allowed.
    """
    if expected > most:
        ratio = parameters.branching_ratio(m_max)
        raise ModelError(
            f"the simulated catalogues would hold more than {most:,} events in all "
            f"(branching ratio {ratio:.3g} up to magnitude {m_max})",
            fix="ask for fewer catalogues (--set simulations=100) or shorter windows "
            "(--set horizons=1); where the branching ratio is near 1 or above, give the fit more "
            "events or a larger --set magnitude=",
        )


def _founders(room: _Room, background: Density, n: int, rng: np.random.Generator) -> Catalogs:
    p, (start, end) = room.parameters, room.window
    mean = p.mu * background.area * (end - start)
    room.check(mean * n)
    counts = rng.poisson(mean, n)
    k = int(counts.sum())
    x, y = background.sample(rng, k)
    return Catalogs(
        np.repeat(np.arange(n), counts),
        rng.uniform(start, end, k),
        x,
        y,
        room.magnitudes(rng, k),
        np.zeros(k, dtype=np.int64),
        np.full(k, -1, dtype=np.int64),
    )


def _aftershocks_of_history(
    room: _Room, history: Events, n: int, rng: np.random.Generator, sequences: Sequences | None
) -> Catalogs:
    p, (start, end) = room.parameters, room.window
    mean = p.productivity(history.magnitude)
    mean *= room.reach(history.time, end) - room.reach(history.time, start)
    catalog, parent = deal(mean, n, rng, sequences, room.check)
    return _born(
        room, catalog, history.time[parent], history.x[parent], history.y[parent],
        history.magnitude[parent], np.ones(parent.size, dtype=np.int64), -2 - parent, rng,
    )  # fmt: skip


def deal(
    mean: Floats, n: int, rng: np.random.Generator, sequences: Sequences | None,
    check: Callable[[float], None],
) -> tuple[Ints, Ints]:  # fmt: skip
    """Draw the direct offspring of known events.

    Parameters
    ----------
    mean : numpy.ndarray, shape (events,)
        Expected offspring of each event.
    n : int
        Number of catalogues.
    rng : numpy.random.Generator
    sequences : Sequences, optional
        Events whose offspring are multiplied.
    check : callable
        Refuses an expected number of events that is too large.

    Returns
    -------
    catalog, parent : numpy.ndarray of int
        Of each offspring.
    """
    plain = mean if sequences is None else np.where(sequences.others(mean.size), mean, 0.0)
    cumulative = np.cumsum(plain)
    own = 0.0 if sequences is None else sequences.factor * mean[sequences.rows]
    check(float(cumulative[-1]) * n + float(np.sum(own)))
    # One Poisson number a catalogue, dealt out to parents, is the same law as one a parent.
    counts = rng.poisson(cumulative[-1], n)
    k = int(counts.sum())
    parent = np.searchsorted(cumulative, rng.random(k) * cumulative[-1], side="right")
    parent, catalog = np.minimum(parent, mean.size - 1), np.repeat(np.arange(n), counts)
    if sequences is None or not sequences.rows.size:
        return catalog, parent
    more = rng.poisson(own)
    which, event = np.divmod(np.repeat(np.arange(more.size), more.ravel()), sequences.rows.size)
    return np.append(catalog, which), np.append(parent, sequences.rows[event])


def _offspring(
    room: _Room, last: Catalogs, offset: int, total: int, rng: np.random.Generator
) -> Catalogs:
    mean = room.parameters.productivity(last.magnitude) * room.reach(last.time, room.window[1])
    room.check(total + float(mean.sum()))
    parent = np.repeat(np.arange(last.time.size), rng.poisson(mean))
    return _born(
        room, last.catalog[parent], last.time[parent], last.x[parent], last.y[parent],
        last.magnitude[parent], last.generation[parent] + 1, offset + parent, rng,
    )  # fmt: skip


def _born(
    room: _Room,
    catalog: NDArray[np.int64],
    time: Floats,
    x: Floats,
    y: Floats,
    magnitude: Floats,
    generation: NDArray[np.int64],
    parent: NDArray[np.int64],
    rng: np.random.Generator,
) -> Catalogs:
    """Times, places and magnitudes of the offspring of given parents (one row each)."""
    p, (start, end), k = room.parameters, room.window, time.size
    low = np.maximum(start - time, 0.0)
    delay = time_quantile(room.table, p.c, low, end - time, rng.random(k))
    distance = np.sqrt(p.zone(magnitude) * np.expm1(-np.log1p(-rng.random(k)) / p.rho))
    azimuth = rng.uniform(0.0, 2.0 * np.pi, k)
    return Catalogs(
        catalog,
        time + delay,
        x + distance * np.cos(azimuth),
        y + distance * np.sin(azimuth),
        room.magnitudes(rng, k),
        generation,
        np.asarray(parent, dtype=np.int64),
    )


def join(parts: list[Catalogs], order: Any = ...) -> Catalogs:
    """Put catalogues behind each other, or take some rows."""
    columns: Any = [np.concatenate(column)[order] for column in zip(*parts, strict=True)]
    return Catalogs(*columns)


def ordered(events: Catalogs) -> Catalogs:
    """Order by catalogue and time; parents are renumbered."""
    order = np.lexsort((events.time, events.catalog))
    place = np.empty(order.size, dtype=np.int64)
    place[order] = np.arange(order.size)
    parent = events.parent
    if order.size:
        parent = np.where(parent >= 0, place[np.maximum(parent, 0)], parent)
    moved = events._replace(parent=parent)
    return join([moved], order)
