"""Forecasts of the ETAS model by cell: expected counts and probabilities.

Background and direct offspring of the known events are computed; what these trigger in turn is
simulated, and the offspring of each simulated event is again computed, not counted, so that a few
hundred simulations give smooth maps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from craton.errors import ConfigError
from craton.models.physics.etas_background import Density
from craton.models.physics.etas_cells import checked_cells, in_any, spread
from craton.models.physics.etas_kernels import Floats, time_integral
from craton.models.physics.etas_parameters import EtasParameters, Events
from craton.models.physics.etas_simulation import Catalogs, Sequences, simulate, survival


class CellRates(NamedTuple):
    """Expected events above mc in each cell: of the background, and triggered directly."""

    background: Floats
    triggered: Floats


class CellForecast(NamedTuple):
    """Forecast of one window.

    `counts` and `probability` (of at least one) are for events of the magnitude asked for, by
    cell, shape (cells,). `total` is the expected number in all cells, `probability_any` the
    probability of at least one in any of them. `number` is the simulated number of such events
    in all cells, shape (n_catalogs,): its quantiles are an interval. `catalogs` holds the
    simulated events above mc.
    """

    counts: Floats
    probability: Floats
    total: float
    probability_any: float
    number: NDArray[np.int64]
    first: CellRates
    catalogs: Catalogs


def expected_counts(
    parameters: EtasParameters,
    history: Events,
    window: tuple[float, float],
    cells: ArrayLike,
    background: Density | None = None,
    *,
    negligible: float = 1e-6,
) -> CellRates:
    """Expected number of background events and direct aftershocks in each cell.

    Parameters
    ----------
    parameters : EtasParameters
        Parameters.
    history : Events
        Events that trigger, in order of time. An event inside the window counts from its time on.
    window : (float, float)
        Start and end in days.
    cells : array_like, shape (cells, 4)
        Rectangles x0, x1, y0, y1 in km.
    background : Density, optional
        Where background events fall; without it there are none.
    negligible : float
        The events that together have less than this share of the expected aftershocks are left
        out.

    Returns
    -------
    CellRates
        Counts of magnitude mc and above, shape (cells,) each.

    Raises
    ------
    ConfigError
        If cells have another shape or no area, or the window is empty.

    Notes
    -----
    The share of an event's aftershocks in a cell near to it is integrated along the edges (error
    below 1e-7), by 3 by 3 Gauss nodes up to three cell sizes away, and by the rate at the centre
    with its curvature beyond (error below 0.3 % of the share of that cell).
    """
    box = checked_cells(cells)
    start, end = window
    if not end > start:
        raise ConfigError(f"the window {window} is empty")
    flat = np.zeros(len(box))
    if background is not None:
        flat = parameters.mu * background.area * (end - start) * background.in_cells(box)
    triggered = np.zeros(len(box))
    if history.time.size:
        mean = _expected_offspring(parameters, history.time, history.magnitude, window)
        order = np.argsort(mean)
        cut = int(np.searchsorted(np.cumsum(mean[order]), negligible * mean.sum()))
        chosen = np.sort(order[cut:])
        triggered = spread(
            history.x[chosen], history.y[chosen], parameters.zone(history.magnitude[chosen]),
            mean[chosen], parameters.rho, np.array([0, chosen.size]), box,
        )[0]  # fmt: skip
    return CellRates(flat, triggered)


def forecast_counts(
    parameters: EtasParameters,
    history: Events,
    window: tuple[float, float],
    cells: ArrayLike,
    background: Density,
    *,
    magnitude: float | None = None,
    m_max: float = 8.5,
    n_catalogs: int = 200,
    seed: int = 0,
    max_events: int = 5_000_000,
) -> CellForecast:
    """Expected count and probability of at least one event in each cell.

    Parameters
    ----------
    parameters, history, window, cells, background
        As in `expected_counts`; history lies before the window.
    magnitude : float, optional
        Least magnitude of the events forecast; mc by default.
    m_max : float
        Largest magnitude of the simulation.
    n_catalogs, seed, max_events
        Of the simulation of later generations.

    Returns
    -------
    CellForecast
        The forecast.

    Raises
    ------
    ModelError
        If the model explodes.
    ConfigError
        If cells or window are not usable.

    Notes
    -----
    Let L be the expected first generation in a cell and L_k what the events of simulation k are
    expected to trigger there. The count is ``q (L + mean L_k)`` with q the share of magnitudes,
    which is exact up to the noise of the mean. The probability is
    ``1 - exp(-q L) mean exp(-q L_k)``: it takes the later events as independent of whether an
    event of the first generation was large, and clusters within a cell as Poisson given their
    parents, so it is somewhat high where one cell holds whole clusters.
    """
    least = parameters.mc if magnitude is None else magnitude
    found = forecast_thresholds(
        parameters, history, window, cells, background, (least,),
        m_max=m_max, n_catalogs=n_catalogs, seed=seed, max_events=max_events,
    )[0]  # fmt: skip
    return found


def forecast_thresholds(
    parameters: EtasParameters,
    history: Events,
    window: tuple[float, float],
    cells: ArrayLike,
    background: Density,
    magnitudes: Sequence[float],
    *,
    m_max: float = 8.5,
    n_catalogs: int = 200,
    seed: int = 0,
    max_events: int = 5_000_000,
) -> list[CellForecast]:
    """Forecasts for several least magnitudes from one simulation; see `forecast_counts`."""
    return forecast_windows(
        parameters, history, window[0], window[1:], cells, background, magnitudes,
        m_max=m_max, n_catalogs=n_catalogs, seed=seed, max_events=max_events,
    )[0]  # fmt: skip


def forecast_windows(
    parameters: EtasParameters,
    history: Events,
    start: float,
    ends: Sequence[float],
    cells: ArrayLike,
    background: Density,
    magnitudes: Sequence[float],
    *,
    m_max: float = 8.5,
    n_catalogs: int = 200,
    seed: int = 0,
    max_events: int = 5_000_000,
    sequences: Sequences | None = None,
) -> list[list[CellForecast]]:
    """Forecasts of windows that begin together, from one simulation of the longest.

    Parameters
    ----------
    start : float
        Begin of all windows, days.
    ends : sequence of float
        End of each, days.
    magnitudes : sequence of float
        Least magnitudes.
    sequences : Sequences, optional
        Events of the history whose direct offspring are multiplied.

    Other parameters are those of `forecast_counts`.

    Returns
    -------
    list of list of CellForecast
        For each end, a forecast for each magnitude.

    Raises
    ------
    ModelError
        If the model explodes.
    ConfigError
        If cells or a window are not usable.
    """
    box = checked_cells(cells)
    whole = simulate(
        parameters, (start, max(ends)), background=background, history=history, m_max=m_max,
        n_catalogs=n_catalogs, seed=seed, max_events=max_events, sequences=sequences,
    )  # fmt: skip
    found = []
    plain = history
    if sequences is not None:
        rows, others = sequences.rows, sequences.others(history.time.size)
        plain = Events(*(column[others] for column in history))
    for end in ends:
        first = expected_counts(parameters, plain, (start, end), box, background)
        events = whole.before(end)
        later = np.zeros((n_catalogs, len(box)))
        if events.time.size:
            mean = _expected_offspring(parameters, events.time, events.magnitude, (start, end))
            bounds = np.searchsorted(events.catalog, np.arange(n_catalogs + 1))
            zone = parameters.zone(events.magnitude)
            later = spread(events.x, events.y, zone, mean, parameters.rho, bounds, box)
        if sequences is not None and rows.size:
            time, x, y, magnitude = (column[rows] for column in history)
            mean = _expected_offspring(parameters, time, magnitude, (start, end))
            alone, zone = np.arange(rows.size + 1), parameters.zone(magnitude)
            later += sequences.factor @ spread(x, y, zone, mean, parameters.rho, alone, box)
        found.append(cell_forecasts(parameters, first, later, events, box, magnitudes, m_max))
    return found


def cell_forecasts(
    parameters: EtasParameters, first: CellRates, later: Floats, events: Catalogs, box: Floats,
    magnitudes: Sequence[float], m_max: float,
) -> list[CellForecast]:  # fmt: skip
    """Forecasts of one window for each magnitude.

    Parameters
    ----------
    parameters : EtasParameters
        Of the magnitudes.
    first : CellRates
        Background and direct offspring of the history, by cell, alike in all catalogues.
    later : numpy.ndarray, shape (catalogues, cells)
        What the simulated events of each catalogue are expected to trigger in the window, and the
        events of `Sequences`.
    events : Catalogs
        The simulated events.
    box, magnitudes, m_max
        As in `forecast_windows`.
    """
    direct, n_catalogs = first.background + first.triggered, len(later)
    inside = in_any(events.x, events.y, box)
    found = []
    for least in magnitudes:
        share = survival(parameters, m_max, max(least, parameters.mc))
        counts = share * (direct + later.mean(axis=0))
        probability = 1.0 - np.exp(-share * direct) * np.exp(-share * later).mean(axis=0)
        wanted = inside & (events.magnitude >= least)
        number = np.bincount(events.catalog[wanted], minlength=n_catalogs)
        missing = float(np.exp(-share * later.sum(axis=1)).mean() * np.exp(-share * direct.sum()))
        found.append(
            CellForecast(
                counts, probability, float(counts.sum()), 1.0 - missing, number, first, events
            )
        )
    return found


def _expected_offspring(
    p: EtasParameters, time: Floats, magnitude: Floats, window: tuple[float, float]
) -> Floats:
    """Direct offspring in the window, everywhere."""
    start, end = window
    table = p.table(end - float(time.min()))
    low = time_integral(table, p.c, start - time)
    return np.asarray(p.productivity(magnitude) * (time_integral(table, p.c, end - time) - low))
