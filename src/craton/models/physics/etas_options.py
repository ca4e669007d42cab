"""What each option of the ETAS fit gains alone, on events held out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from craton.errors import ConfigError, nearest
from craton.models.physics.etas import Anisotropy, Completeness, EtasFit, Events, fit
from craton.models.physics.etas import log_likelihood as etas_log_likelihood
from craton.models.physics.polygons import as_polygon, polygon_area
from craton.seismicity.completeness import magnitude_of_completeness
from craton.uncertainty import Interval, Mean, paired_gain

OPTIONS = (
    "kernel background", "completeness in time", "completeness in space", "after large events",
    "ellipses",
)  # fmt: skip
BLOCK = 30.0
"""Days of the blocks that are drawn again for the intervals."""

LARGE = 2.0
"""Parents so much above completeness have an ellipse; they hide small events from 4 on."""

COARSE = 0.5
"""Steps of completeness after large events, rounded up: finer ones take as much longer."""

FEWEST = 50
"""Events of a step in time, at most, that tell nothing of its completeness."""

STEP = 1096.0
"""Days of a step of completeness in time."""


class OptionGain(NamedTuple):
    """An option's fit, its gain per held-out event over the plain fit, and seconds it took."""

    gain: Interval
    events: int
    fit: EtasFit
    seconds: float


def option_gains(
    events: Events,
    targets: NDArray[np.bool_],
    learn: tuple[float, float],
    held: tuple[float, float],
    *,
    mc: float,
    region: ArrayLike,
    delta_m: float = 0.1,
    options: Iterable[str] = OPTIONS,
    progress: Callable[[str, float], None] | None = None,
) -> dict[str, OptionGain]:
    """Fit the plain model and each option alone on one window, and score them on the next.

    With a completeness the events above it alone count, and the gain is over the parameters of the
    plain fit under the same completeness.

    Parameters
    ----------
    events : Events
        All events that may trigger, in order of time.
    targets : numpy.ndarray of bool, shape (events,)
        Events to explain: inside the region and above `mc`.
    learn, held : (float, float)
        Windows in days; the second begins where the first ends, or later.
    mc, delta_m : float
        Completeness, bin width of the magnitudes.
    region : array_like
        Polygon (n, 2) in km.
    options : iterable of str
        Of `OPTIONS`, or "expectation-maximisation".
    progress : callable, optional
        See `fit`.

    Returns
    -------
    dict of str to OptionGain
        "plain" first.

    Raises
    ------
    ConfigError
        If an option is unknown.
    """
    outline, step = as_polygon(region), max(delta_m, 0.1)
    kinds: dict[str, Callable[[], dict[str, Any]]] = {
        "plain": dict,
        "kernel background": lambda: {"background": "kernel"},
        "completeness in time": lambda: {
            "completeness": completeness_in_time(events, learn, mc=mc, delta_m=step)
        },
        "completeness in space": lambda: {
            "completeness": completeness_in_space(events, learn, outline, mc=mc, delta_m=step)
        },
        "after large events": lambda: {
            "completeness": Completeness.of([0.0], [mc]).after_large_events(
                events, mc=mc, from_magnitude=max(mc + LARGE, 4.0), step=COARSE
            )
        },
        "ellipses": lambda: {"anisotropy": Anisotropy(magnitude=mc + LARGE)},
        "expectation-maximisation": lambda: {"method": "em"},
    }
    found: dict[str, OptionGain] = {}
    for option in ("plain", *options):
        if option not in kinds:
            raise ConfigError(f"option '{option}' is unknown; {nearest(option, list(kinds))}")
        begun, settings = time.perf_counter(), kinds[option]()
        past = events.time < learn[1]
        fitted = fit(
            Events(*(v[past] for v in events)), targets[past] & (events.time[past] >= learn[0]),
            learn, mc=mc, region=outline, delta_m=delta_m, progress=progress, **settings,
        )  # fmt: skip
        seconds = time.perf_counter() - begun
        scoring = {k: v for k, v in settings.items() if k == "completeness"}
        plain = found["plain"].fit if found else fitted
        reference = _blocks(plain, events, targets, held, outline, **scoring)
        if "anisotropy" in settings:
            scoring["anisotropy"] = replace(settings["anisotropy"], exponent=fitted.exponent)
        scored = _blocks(fitted, events, targets, held, outline, **scoring)
        gain = paired_gain(Mean, scored, reference, np.arange(len(scored)))
        found[option] = OptionGain(gain, int(scored[:, 1].sum()), fitted, seconds)
    return found


def completeness_in_time(
    events: Events, window: tuple[float, float], *, mc: float, delta_m: float
) -> Completeness:
    """Completeness in steps of three years, the last one kept after the window.

    By `craton.seismicity.completeness.magnitude_of_completeness`; `mc` where a step holds too few
    events to tell.
    """
    starts = np.arange(window[0], max(window[1] - 0.9 * STEP, window[0] + 1.0), STEP)
    levels = [
        _level(events.magnitude[(events.time >= a) & (events.time < b)], mc, delta_m)
        for a, b in pairwise([*starts, window[1]])
    ]
    return Completeness.of(starts, levels)


def completeness_in_space(
    events: Events, window: tuple[float, float], region: NDArray[np.float64], *, mc: float,
    delta_m: float,
) -> Completeness:  # fmt: skip
    """Completeness of the four quarters around the median epicentre of a window, at all times."""
    inside = (events.time >= window[0]) & (events.time < window[1])
    x, y, magnitude = (v[inside] for v in (events.x, events.y, events.magnitude))
    middle = np.median(x), np.median(y)
    # far beyond the region: events outside trigger too
    low, high = region.min(axis=0) - 1e4, region.max(axis=0) + 1e4
    east, north = x >= middle[0], y >= middle[1]
    levels = [_level(magnitude[(east == e) & (north == n)], mc, delta_m)
              for n in (False, True) for e in (False, True)]  # fmt: skip
    boxes = []
    for n in (False, True):
        for e in (False, True):
            a, b = (middle[0], high[0]) if e else (low[0], middle[0])
            c, d = (middle[1], high[1]) if n else (low[1], middle[1])
            boxes.append([[a, c], [b, c], [b, d], [a, d]])
    return Completeness.of([0.0], np.array(levels)[:, None], boxes[1:])


def _level(magnitude: NDArray[np.float64], mc: float, delta_m: float) -> float:
    """Completeness of some events; `mc` where they are too few, or their least is the cut."""
    level = magnitude_of_completeness(magnitude, delta_m) if magnitude.size > FEWEST else mc
    # of magnitudes without bins the least lies somewhat above the cut
    return level if level > mc + delta_m / 2 else mc


def _blocks(
    found: EtasFit, events: Events, targets: NDArray[np.bool_], window: tuple[float, float],
    region: NDArray[np.float64], **options: Any,
) -> NDArray[np.float64]:  # fmt: skip
    """Log-likelihood and number of events of each block of a window, shape (blocks, 2)."""
    edges = np.append(np.arange(window[0], window[1], BLOCK), window[1])
    counted, rows = targets, []
    if "completeness" in options:
        counted = targets & options["completeness"].complete(events, found.parameters.mc)
        options["shares"] = options["completeness"].shares(found.background, region)
    for start, end in pairwise(edges):
        known = events.time < end
        past = Events(*(v[known] for v in events))
        mine = targets[known] & (past.time >= start)
        density = found.background.at(past.x[mine], past.y[mine])
        value, _ = etas_log_likelihood(
            found.parameters, past, mine, (start, end), polygon_area(region), density, **options
        )
        rows.append((value, float((mine & counted[known]).sum())))
    return np.array(rows)
