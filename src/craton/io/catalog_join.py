"""A catalogue and what came after it, as one."""

from __future__ import annotations

import xarray as xr

from craton.io.geodesy import continuous


def joined(old: xr.Dataset, new: xr.Dataset) -> xr.Dataset:
    """Join an old catalogue and a newer one; where they overlap in time the newer one counts.

    Parameters
    ----------
    old, new : xr.Dataset
        Catalogues as `read_catalog` gives them.

    Returns
    -------
    xr.Dataset
        The events of `old` before the first of `new`, then those of `new`; the variables that both
        have.

    Examples
    --------
    >>> import numpy as np
    >>> def days(*which):
    ...     time = np.array([f"2026-01-{d:02d}" for d in which], "datetime64[ns]")
    ...     return xr.Dataset({"time": ("event", time), "magnitude": ("event", [2.0] * len(which))})
    >>> joined(days(1, 5, 9), days(7, 8)).time.dt.day.to_numpy().tolist()
    [1, 5, 7, 8]
    """
    kept = old.isel(event=(old["time"] < new["time"].min()).to_numpy())
    both = [name for name in old if name in new]
    found = xr.concat([kept[both], new[both]], "event", join="override", combine_attrs="override")
    if "longitude" in found:
        # the newer events alone may lie on the other side of the 180th meridian
        found["longitude"] = found["longitude"].copy(data=continuous(found["longitude"]))
    told = {
        name: [str(d.attrs[name]) for d in (old, new) if name in d.attrs]
        for name in ("history", "warnings")
    }
    told["history"].append(f"joined: {kept.sizes['event']} and {new.sizes['event']} events")
    return found.assign_attrs({name: "\n".join(lines) for name, lines in told.items() if lines})
