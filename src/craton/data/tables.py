"""A table with a known answer: classes that two columns explain, in autocorrelated space."""

from __future__ import annotations

import numpy as np
import xarray as xr


def example_table(n: int = 900, seed: int = 0) -> xr.Dataset:
    """Make rows at places, with a class that two columns explain and one column that betrays place.

    Parameters
    ----------
    n : int
        Rows.
    seed : int
        Seed.

    Returns
    -------
    xr.Dataset
        Variables on `row`: `x`, `y` (km), `a`, `b` (informative), `noise`, `smooth` (varies slowly
        in space and is independent of the class given `a` and `b`), `class` (text).

    Examples
    --------
    >>> sorted(set(example_table(50)["class"].to_numpy()))
    ['granite', 'schist']
    """
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0, 60, (2, n))
    waves = [np.sin((x * np.cos(t) + y * np.sin(t)) / 5 + p) for t, p in rng.uniform(0, 6, (6, 2))]
    field = np.sum(waves, axis=0)
    a = rng.normal(size=n) + 0.7 * field
    b = rng.normal(size=n)
    score = 1.2 * a - 1.5 * b + rng.logistic(size=n) * 0.7
    label = np.where(score > 0, "granite", "schist").astype(object)
    columns = {"x": x, "y": y, "a": a, "b": b, "noise": rng.normal(size=n), "smooth": np.cos(x / 9)}
    data = xr.Dataset({k: ("row", v) for k, v in columns.items()})
    data["x"].attrs["units"] = data["y"].attrs["units"] = "km"
    return data.assign({"class": ("row", label)})
