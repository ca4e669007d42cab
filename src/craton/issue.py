"""When a forecast is issued, and what its catalogue cannot know then."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import xarray as xr

from craton.errors import ConfigError, DataError


def issue_time(data: xr.Dataset, said: str | None, train_from: str | None) -> pd.Timestamp:
    """Time at which a forecast is issued; warns of what the catalogue cannot know then.

    Parameters
    ----------
    data : xr.Dataset
        The whole catalogue, sorted by time.
    said : str, optional
        Time asked for (UTC where it names no zone); a millisecond after the last event if None.
        Events at and after it are not used.
    train_from : str, optional
        First issue of the model's training: a catalogue that begins later lacks events whose
        aftershocks the model counts on.

    Raises
    ------
    ConfigError
        If it is no time.
    DataError
        If no event comes before it.
    """
    time = pd.DatetimeIndex(data["time"].to_numpy())
    first, last = time[0], time[-1]
    issue = last + pd.Timedelta("1ms") if said is None else parse_time(said, "issue")
    if issue <= first:
        raise DataError(
            f"no event comes before the issue {issue}, the first is at {first}",
            fix="choose a later --set issue=, or give a longer catalogue",
        )
    if train_from is not None and first > parse_time(train_from, "train_from"):
        warnings.warn(
            f"the catalogue begins at {first}, later than the model's training ({train_from}): "
            "aftershocks of earlier events are missing from the forecast",
            stacklevel=2,
        )
    pauses = np.diff(time[-1000:].to_numpy())
    longest = pd.Timedelta(pauses.max()) if len(pauses) else pd.Timedelta(0)
    gap = issue - last
    if gap > max(longest, pd.Timedelta("1D")):
        warnings.warn(
            f"the catalogue ends {gap / pd.Timedelta('1D'):.1f} days before the issue {issue}, "
            "longer than any pause between its latest events: what came since is unknown to the "
            "forecast, whose rates are then too low; give a newer catalogue",
            stacklevel=2,
        )
    return issue


def parse_time(said: str, setting: str) -> pd.Timestamp:
    """Read a setting that is a time, UTC where it names no zone.

    Raises
    ------
    ConfigError
        If it is no time between 1678 and 2261.

    Examples
    --------
    >>> str(parse_time("2024-01-01T02:00+02:00", "issue"))
    '2024-01-01 00:00:00'
    """
    try:
        found = pd.to_datetime(str(said), format="ISO8601")
        if not 1678 <= found.year <= 2261:  # not a time has no year within these
            raise ValueError
        found = found if found.tz is None else found.tz_convert("UTC").tz_localize(None)
    except (ValueError, OverflowError):
        raise ConfigError(
            f"'{setting}' is '{said}', a time was expected",
            fix=f"write it as --set {setting}=2024-01-31T12:00:00 (UTC)",
        ) from None
    return found.as_unit("ns")
