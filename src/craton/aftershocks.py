"""The zone of a mainshock, and what is normal: the background of a forecast that people read."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from craton.errors import ConfigError, DataError
from craton.events import Forecasts, days
from craton.io.geodesy import EARTH_RADIUS_KM, haversine_km
from craton.models.physics.mainshocks import zone_radius as radius_of
from craton.models.physics.reasenberg_jones import ReasenbergJones
from craton.models.point_process import SmoothedSeismicity
from craton.samples import Samples, make_index
from craton.seismicity.b_value import b_value

LARGEST = "largest"


def find_mainshock(catalog: xr.Dataset, which: str, until: pd.Timestamp | None = None) -> int:
    """Row of a mainshock.

    Parameters
    ----------
    catalog : xr.Dataset
        Events sorted by time, with `time` and `magnitude`, `event_id` if known.
    which : str
        An identifier; a time, for the largest event within a minute of it; or ``"largest"``, for
        the largest event of the 30 days before `until`.
    until : Timestamp, optional
        Events from here on are not looked at.

    Raises
    ------
    DataError
        If there is no such event.

    Examples
    --------
    >>> time = np.array(["2020-01-01T00:00", "2020-01-01T06:00"], "datetime64[ns]")
    >>> catalog = xr.Dataset({"time": ("event", time), "magnitude": ("event", [5.1, 4.0])})
    >>> find_mainshock(catalog, "largest"), find_mainshock(catalog, "2020-01-01T06:00:30")
    (0, 1)
    """
    time = pd.DatetimeIndex(catalog["time"].to_numpy())
    known = np.ones(len(time), bool) if until is None else np.asarray(time < until)
    if not known.any():
        raise DataError(f"no event is known before {until}", fix="choose a later --set issue=")
    if which == LARGEST:
        fits = known & np.asarray(time >= time[known][-1] - pd.Timedelta(days=30))
    else:
        names = np.full(len(time), "")
        if "event_id" in catalog:
            names = catalog["event_id"].to_numpy().astype(str)
        fits = known & (names == which)
        when = pd.to_datetime(which, errors="coerce", utc=True)
        if not fits.any() and not pd.isna(when):
            gap = np.abs((time - when.tz_localize(None)) / pd.Timedelta(minutes=1))
            fits = known & (np.asarray(gap) <= 1)
        if not fits.any():
            raise DataError(
                f"no event '{which}' is in the catalogue (from completeness on, before the issue "
                "of the forecast)",
                where="mainshock",
                fix="give its identifier as the catalogue has it, its time, or 'largest'",
            )
    rows = np.flatnonzero(fits)
    return int(rows[np.argmax(catalog["magnitude"].to_numpy()[rows])])


def around(cells: xr.Dataset, row: int, radius: float | None = None) -> xr.Dataset:
    """Keep the cells around a mainshock: a forecast of these is one of its aftershock zone.

    Parameters
    ----------
    cells : xr.Dataset
        As `craton.io.forecast_cells.in_cells` gives it.
    row : int
        The mainshock among the events.
    radius : float, optional
        Of its zone in km; `craton.models.physics.mainshocks.zone_radius` if None.

    Returns
    -------
    xr.Dataset
        All events; the cells whose centre is within the radius, and the mainshock's own; the
        attributes `mainshock_time`, `mainshock_magnitude`, `mainshock_latitude`,
        `mainshock_longitude`, `zone_radius` (km).

    Raises
    ------
    DataError
        If the mainshock is so far outside the region that no cell is near.
    """
    shock = cells.isel(event=row)
    magnitude = float(shock["magnitude"])
    radius = radius_of(magnitude) if radius is None else radius
    place = float(shock["latitude"]), float(shock["longitude"])
    # on the sphere: far from its middle, the plane stretches a zone of a great event
    lat, lon = (cells[f"cell_{n}"].to_numpy() for n in ("latitude", "longitude"))
    near = haversine_km(*place, lat, lon, EARTH_RADIUS_KM) <= radius
    own = int(shock["cell_of"])
    if own >= 0:
        near[own] = True
    if not near.any():
        raise DataError(
            f"the mainshock of magnitude {magnitude:g} is more than {radius:.0f} km outside the "
            "region",
            where="mainshock",
        )
    number = np.full(len(near) + 1, -1)  # the last stands for those outside, -1
    number[:-1][near] = np.arange(near.sum())
    zone = cells.isel(cell=np.flatnonzero(near))
    return zone.assign(cell_of=("event", number[cells["cell_of"].to_numpy()])).assign_attrs(
        mainshock_time=str(pd.Timestamp(cells["time"].to_numpy()[row])),
        mainshock_magnitude=magnitude,
        mainshock_latitude=place[0],
        mainshock_longitude=place[1],
        zone_radius=radius,
    )


def normal_forecast(samples: Samples) -> xr.Dataset | None:
    """What is normal: the mean rate of the record so far, spread by a kernel of past epicentres.

    Parameters
    ----------
    samples : Samples
        Windows; the record is cut at the first issue, or at the mainshock of their zone, and begins
        at the attribute `record_from` of the data where there is one.

    Returns
    -------
    xr.Dataset, optional
        A forecast of the same windows by `SmoothedSeismicity`; None if the record has fewer than 20
        events.
    """
    until = record_end(samples)
    begin = record_begin(samples)
    if begin >= until:
        return None
    gather = dataclasses.replace(samples.gather, simulations=0)  # type: ignore[type-var]
    plain = dataclasses.replace(samples, gather=gather)
    index = make_index(2, t0=[begin, until], t1=[begin, until])
    try:
        model = SmoothedSeismicity().fit(dataclasses.replace(plain, index=index))
    except DataError:
        return None
    return model.predict(plain)


def formula_forecast(samples: Samples) -> tuple[np.ndarray, float] | None:
    """What the formula of Reasenberg and Jones expects after a mainshock.

    It is fitted to the mainshocks of the record before it (`ReasenbergJones`), and takes the zone's
    background from the two years before.

    Parameters
    ----------
    samples : Samples
        Windows in the zone of a mainshock, as `around` gives it.

    Returns
    -------
    count, b : ndarray and float, optional
        Expected events of each window, and the slope of their magnitudes; None without a
        mainshock, or with fewer than five in the record.
    """
    if "mainshock_time" not in samples.data.attrs:
        return None
    until = float(days(pd.Timestamp(samples.data.attrs["mainshock_time"])))
    formula = fit_formula(samples, until)
    if formula is None:
        return None
    events = columns(samples)
    row = int(np.flatnonzero(events[0] == until)[0])
    start, end = (days(samples.index[name].to_numpy()) - until for name in ("t0", "t1"))
    return formula.in_zone(*events, row, start, end), formula.b


def fit_formula(
    samples: Samples, until: float, leave_out: float | None = None
) -> ReasenbergJones | None:
    """Fit the formula of Reasenberg and Jones to the mainshocks of a record; see its `fit`."""
    time, x, y, m = columns(samples)
    mc, delta_m = (float(samples.data.attrs[name]) for name in ("mc", "delta_m"))
    known = time < until
    if known.sum() < 20:
        return None
    b = b_value(m[known], mc, delta_m).b
    since = float(days(record_begin(samples)))
    return ReasenbergJones.fit(
        time, x, y, m, mc=mc, b=b, since=since, until=until, leave_out=leave_out
    )


def columns(samples: Samples) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Time in days, x, y and magnitude of all events."""
    data = samples.data
    x, y, m = (data[name].to_numpy().astype(float) for name in ("x", "y", "magnitude"))
    return days(data["time"].to_numpy()), x, y, m


def record_begin(samples: Samples) -> pd.Timestamp:
    """Where the record begins that tells what is normal: `record_from`, or the first event."""
    first = pd.Timestamp(samples.data["time"].to_numpy()[0])
    said = pd.Timestamp(samples.data.attrs.get("record_from", first))
    return max(said, first) if said < record_end(samples) else first


def record_end(samples: Samples) -> pd.Timestamp:
    """Where that record ends: the mainshock, or the first issue."""
    return pd.Timestamp(samples.data.attrs.get("mainshock_time", samples.index["t0"].min()))


def windows_to_come(
    cells: xr.Dataset,
    gather: Forecasts,
    issue: pd.Timestamp,
    horizons: Sequence[float],
    *,
    issue_from: pd.Timestamp | None = None,
    issue_every: float = 1.0,
    mainshock: str | None = None,
    at_mainshock: bool = False,
    zone_radius: float | None = None,
) -> Samples:
    """Windows to forecast: of each horizon, from each issue on, in all cells or near a mainshock.

    Parameters
    ----------
    cells : xr.Dataset
        As `craton.io.forecast_cells.in_cells` gives it.
    gather : Forecasts
        The mainshock's magnitude is added to its thresholds.
    issue : Timestamp
        Time of the last forecast.
    horizons : sequence of float
        Days.
    issue_from : Timestamp, optional
        Time of the first forecast; without it there is one.
    issue_every : float
        Days from one forecast to the next.
    mainshock : str, optional
        See `find_mainshock`; the cells near it are kept.
    at_mainshock : bool
        The forecast is issued right after the mainshock, not at `issue`.
    zone_radius : float, optional
        Radius in km of the zone of the mainshock; of its magnitude if None.

    Raises
    ------
    ConfigError
        If the first issue is later than the last.
    DataError
        If there is no such mainshock, or none of its zone is in the region.
    """
    if mainshock is not None:
        row = find_mainshock(cells, mainshock, issue)
        after = pd.Timestamp(cells["time"].to_numpy()[row]) + pd.Timedelta("1ms")
        issue = after if at_mainshock else issue
        cells = around(cells, row, zone_radius)
        own = float(cells.attrs["mainshock_magnitude"])
        gather = dataclasses.replace(gather, thresholds=tuple(sorted({*gather.thresholds, own})))
    first = issue if issue_from is None else issue_from
    if first > issue:
        raise ConfigError(
            f"the first issue {first} is later than the last, {issue}",
            fix="choose an earlier --set issue_from= or a later --set issue=",
        )
    issues = pd.date_range(first, issue, freq=pd.Timedelta(days=issue_every))
    lengths = pd.to_timedelta(sorted(set(horizons)), unit="D")
    t0 = issues.repeat(len(lengths))
    t1 = t0 + np.tile(lengths, len(issues))
    return Samples(cells, make_index(len(t0), t0=t0, t1=t1), gather)
