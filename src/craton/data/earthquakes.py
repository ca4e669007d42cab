"""Synthetic earthquake catalogues with known answers, also with known flaws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import ndtr

from craton.errors import ConfigError
from craton.io.geodesy import project, unproject
from craton.models.physics.etas_background import KernelDensity
from craton.models.physics.etas_parameters import EtasParameters
from craton.models.physics.etas_simulation import simulate
from craton.models.physics.polygons import as_polygon

CENTRE = (36.0, -118.0)
"""Latitude and longitude of the middle of the world, degrees."""

HALF_SIDE = 2.0
"""Half the side of the world, degrees."""

M_MAX = 7.5
"""Largest magnitude of the world."""

BURN_IN_DAYS = 2000.0
"""Days that are simulated before the catalogue begins, and not given out."""

# Ends of the two faults (degrees from the centre: east, north), share of background, width in km.
_FAULTS = (
    ((-1.6, 1.5), (0.9, -1.4), 0.45, 6.0),
    ((0.1, 1.6), (1.5, 0.2), 0.25, 9.0),
)
_POINTS_A_FAULT = 60


def true_parameters(background_per_day: float = 0.27) -> EtasParameters:
    """Parameters of the synthetic world, of branching ratio 0.68.

    Parameters
    ----------
    background_per_day : float
        Background events a day in the whole region.

    Examples
    --------
    >>> round(true_parameters().branching_ratio(M_MAX), 2)
    0.68
    """
    area = background().area
    return EtasParameters(
        log10_mu=float(np.log10(background_per_day / area)),
        log10_k0=-2.402,
        a=1.6,
        log10_c=-2.5,
        omega=0.05,
        log10_tau=3.0,
        log10_d=-0.3,
        gamma=0.8,
        rho=0.65,
        beta=float(np.log(10.0)),
        mc=3.0,
    )


def region() -> NDArray[np.float64]:
    """Outline of the world in km from `CENTRE`, shape (corners, 2)."""
    steps = np.linspace(-HALF_SIDE, HALF_SIDE, 21)[:-1]
    side = np.full(steps.size, HALF_SIDE)
    east = np.concatenate([steps, side, -steps, -side])
    north = np.concatenate([-side, steps, side, -steps])
    return as_polygon(np.column_stack(project(CENTRE[0] + north, CENTRE[1] + east, CENTRE)))


def background() -> KernelDensity:
    """True density of background events: two faults and a uniform part of 30 %."""
    x, y, width, weight = [], [], [], []
    for (east0, north0), (east1, north1), share, km in _FAULTS:
        along = np.linspace(0.0, 1.0, _POINTS_A_FAULT)
        east, north = east0 + along * (east1 - east0), north0 + along * (north1 - north0)
        fault_x, fault_y = project(CENTRE[0] + north, CENTRE[1] + east, CENTRE)
        x.append(fault_x)
        y.append(fault_y)
        width.append(np.full(along.size, km))
        weight.append(np.full(along.size, share / along.size))
    return KernelDensity.of(
        np.concatenate(x),
        np.concatenate(y),
        np.concatenate(width),
        np.concatenate(weight),
        region(),
        uniform_share=0.3,
    )


def simulated_catalog(
    seed: int = 0,
    days: float = 5000.0,
    *,
    background_per_day: float = 0.27,
    start: str = "2000-01-01",
) -> xr.Dataset:
    """Simulate a catalogue of M 3 and above from an ETAS model that is told.

    Parameters
    ----------
    seed : int
        The same seed gives the same catalogue.
    days : float
        Length; 5000 days hold about 4000 events.
    background_per_day : float
        Background events a day in the whole region.
    start : str
        First day.

    Returns
    -------
    xarray.Dataset
        As `craton.io.catalog.read_catalog` returns it, within 2 degrees of `CENTRE`. Attributes
        ``etas_*`` are the true parameters, ``centre_latitude`` and ``centre_longitude`` the
        origin of the plane they refer to, ``m_max`` the largest magnitude,
        ``background_events`` the number of events that nothing triggered.

    Raises
    ------
    ConfigError
        If `days` or `background_per_day` is not positive.

    Examples
    --------
    >>> catalog = simulated_catalog(seed=1, days=200)
    >>> float(catalog.magnitude.min()) >= 3.0, catalog.attrs["etas_rho"]
    (True, 0.65)
    """
    if not (days > 0 and background_per_day > 0):
        raise ConfigError(f"days = {days}, background_per_day = {background_per_day}; must be > 0")
    rng = np.random.default_rng(seed)
    truth = true_parameters(background_per_day)
    events = simulate(truth, (-BURN_IN_DAYS, days), background=background(), m_max=M_MAX, seed=rng)
    # Beyond the antipode's distance the projection has no inverse; such events are far outside.
    near = np.hypot(events.x, events.y) < 2000.0
    latitude, longitude = unproject(
        np.where(near, events.x, 2000.0), np.where(near, events.y, 2000.0), CENTRE
    )
    keep = near & (events.time >= 0)
    keep &= (np.abs(latitude - CENTRE[0]) <= HALF_SIDE) & (
        np.abs(longitude - CENTRE[1]) <= HALF_SIDE
    )
    n = int(keep.sum())
    milliseconds = np.floor(events.time[keep] * 86_400_000.0).astype("timedelta64[ms]")
    time = (np.datetime64(start, "ms") + milliseconds).astype("datetime64[ns]")
    columns = {
        "time": (time, {"standard_name": "time", "long_name": "origin time (UTC)"}),
        "latitude": (
            np.round(latitude[keep], 4),
            {"standard_name": "latitude", "units": "degrees_north"},
        ),
        "longitude": (
            np.round(longitude[keep], 4),
            {"standard_name": "longitude", "units": "degrees_east"},
        ),
        "depth": (
            np.round(rng.gamma(4.0, 2.5, n), 2),
            {"standard_name": "depth", "units": "km", "positive": "down"},
        ),
        "magnitude": (
            np.round(events.magnitude[keep], 2),
            {"long_name": "magnitude", "units": "1"},
        ),
        "event_id": (
            np.array([f"sim{i:06d}" for i in range(n)], dtype=str),
            {"long_name": "identifier of the event", "cf_role": "timeseries_id"},
        ),
    }
    return xr.Dataset(
        {name: ("event", values, attrs) for name, (values, attrs) in columns.items()},
        attrs={
            "Conventions": "CF-1.11",
            "history": f"simulated with seed {seed}, {days:g} days from {start}",
            **{f"etas_{name}": float(value) for name, value in asdict(truth).items()},
            "centre_latitude": CENTRE[0],
            "centre_longitude": CENTRE[1],
            "m_max": M_MAX,
            "background_events": float((events.generation[keep] == 0).sum()),
        },
    )


def with_blasts(
    catalog: xr.Dataset, seed: int = 0, *, quarries: int = 4, per_year: float = 60.0
) -> xr.Dataset:
    """Add quarry blasts that the network took for earthquakes.

    They come on working days around the middle of the day (local solar time), within a kilometre
    or two of their quarry, near the surface, and are small.

    Parameters
    ----------
    catalog : xarray.Dataset
        As `simulated_catalog` returns it.
    seed : int
        Of places and times.
    quarries : int
        Number of quarries, strewn at random over the region of the catalogue.
    per_year : float
        Blasts of each quarry a year.

    Returns
    -------
    xarray.Dataset
        The catalogue with the truth in ``event_type``, "earthquake" or "quarry blast", and
        ``quarry``, the number of the quarry or -1.

    Raises
    ------
    ConfigError
        If there is no quarry or no blast.

    Examples
    --------
    >>> catalog = with_blasts(simulated_catalog(seed=1, days=400), quarries=2)
    >>> sorted({str(name) for name in catalog.event_type.values})
    ['earthquake', 'quarry blast']
    """
    if not (quarries > 0 and per_year > 0):
        raise ConfigError(f"quarries = {quarries}, per_year = {per_year}; both must be positive")
    rng = np.random.default_rng(seed)
    time, latitude, longitude, magnitude = (
        catalog[name].to_numpy() for name in ("time", "latitude", "longitude", "magnitude")
    )
    sites = []
    for place in (latitude, longitude):
        low, high = np.quantile(place, [0.02, 0.98])
        sites.append(rng.uniform(float(low), float(high), quarries))
    first, last = time.min().astype("datetime64[D]"), time.max().astype("datetime64[D]")
    dates = np.arange(first, last)
    dates = dates[np.is_busday(dates)]
    hits = rng.random((quarries, dates.size)) < per_year / 261.0
    quarry, date = np.nonzero(hits)
    n = quarry.size
    hour = np.clip(rng.normal(12.5, 2.0, n), 8.0, 17.0) - sites[1][quarry] / 15.0
    blasts = {
        "time": (dates[date] + (hour * 3.6e6).astype("timedelta64[ms]")).astype("datetime64[ns]"),
        "latitude": np.round(sites[0][quarry] + rng.normal(0, 0.01, n), 4),
        "longitude": np.round(sites[1][quarry] + rng.normal(0, 0.01, n), 4),
        "depth": np.round(rng.uniform(0, 2, n), 2),
        "magnitude": np.round(magnitude.min() + np.abs(rng.normal(0, 0.25, n)), 2),
        "event_id": np.array([f"blast{i:06d}" for i in range(n)], dtype=str),
    }
    names = np.repeat(["earthquake", "quarry blast"], [time.size, n])
    both = {name: np.concatenate([catalog[name].to_numpy(), blasts[name]]) for name in blasts}
    both |= {"event_type": names, "quarry": np.r_[np.full(time.size, -1), quarry]}
    order = np.argsort(both["time"], kind="stable")
    attrs = {name: catalog[name].attrs if name in catalog else {} for name in both}
    return xr.Dataset(
        {name: ("event", values[order], attrs[name]) for name, values in both.items()},
        attrs=catalog.attrs,
    )


def with_incompleteness(
    catalog: xr.Dataset,
    seed: int = 0,
    *,
    steps: Sequence[tuple[str, float]] = (("1900-01-01", 3.8), ("2005-01-01", 3.4)),
    per_degree: float = 0.0,
    width: float = 0.1,
    after_magnitude: float = 5.0,
    coda: tuple[float, float] = (4.5, 0.75),
) -> xr.Dataset:
    """Lose events as a network does: early, far from the stations and soon after large events.

    An event of magnitude m is detected with the probability that a normal deviate is below
    ``(m - mc) / width + 2``, so 98 % are at the completeness mc. It is the largest of what the
    network can do at the time and place and of ``M - coda[0] - coda[1] log10(t)``, t days after
    each event of magnitude M, wherever in the region.

    Parameters
    ----------
    catalog : xarray.Dataset
        As `simulated_catalog` returns it.
    seed : int
        Of the detection.
    steps : sequence of (str, float)
        Date from which, and completeness of the network.
    per_degree : float
        Rise of completeness per degree east of the middle, where there are fewer stations.
    width : float
        Width of the fading of the detection, in magnitudes.
    after_magnitude : float
        Least magnitude of an event that hides others.
    coda : (float, float)
        Of the completeness after such an event; the default is that of southern California.

    Returns
    -------
    xarray.Dataset
        All events with the truth in ``completeness``, mc at the time and place of the event, and
        ``detected``. ``world.isel(event=world.detected)`` is the recorded catalogue.

    Raises
    ------
    ConfigError
        If there are no steps, their dates do not increase or `width` is not positive.

    References
    ----------
    Helmstetter, Kagan & Jackson (2006), doi:10.1785/0120050067, equation 5, for the time after
    large events; Ogata & Katsura (1993), doi:10.1111/j.1365-246X.1993.tb04663.x, for the fading.

    Examples
    --------
    >>> world = with_incompleteness(simulated_catalog(seed=1, days=400))
    >>> 0.1 < float(world.detected.mean()) < 0.5
    True
    """
    dates = np.array([date for date, _ in steps], dtype="datetime64[ns]")
    if not len(steps) or (np.diff(dates) <= np.timedelta64(0)).any() or not width > 0:
        raise ConfigError(
            f"steps = {steps}, width = {width}; dates in order and width > 0 expected"
        )
    time, magnitude = catalog["time"].to_numpy(), catalog["magnitude"].to_numpy()
    level = np.array([value for _, value in steps])
    at = np.maximum(np.searchsorted(dates, time, side="right") - 1, 0)
    east = catalog["longitude"].to_numpy() - CENTRE[1]
    mc = level[at] + per_degree * np.maximum(east, 0)
    day = (time - time[0]) / np.timedelta64(1, "D")
    lowest = float(mc.min())
    for large in np.flatnonzero(magnitude >= after_magnitude):
        until = day[large] + 10 ** ((magnitude[large] - coda[0] - lowest) / coda[1])
        hidden = slice(large + 1, int(np.searchsorted(day, until)))
        since = np.maximum(day[hidden] - day[large], 1e-6)
        mc[hidden] = np.maximum(mc[hidden], magnitude[large] - coda[0] - coda[1] * np.log10(since))
    seen = np.random.default_rng(seed).random(time.size) < ndtr((magnitude - mc) / width + 2.0)
    truth = {"long_name": "true magnitude of completeness", "units": "1"}
    return catalog.assign(
        completeness=("event", mc, truth),
        detected=("event", seen, {"long_name": "whether the network saw the event"}),
    )
