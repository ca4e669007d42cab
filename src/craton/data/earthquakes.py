"""A synthetic earthquake catalogue with a known answer."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from craton.errors import ConfigError
from craton.io.geodesy import project, unproject
from craton.models.physics.etas_background import KernelDensity, as_polygon
from craton.models.physics.etas_parameters import EtasParameters
from craton.models.physics.etas_simulation import simulate

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
