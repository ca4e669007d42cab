"""Wells through a cyclic succession whose facies and logs are made by a known process."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import xarray as xr

from craton.errors import ConfigError
from craton.io.las_write import write_las
from craton.io.well_layout import FOOT

NAMES = ("sandstone", "siltstone", "mudstone", "wackestone", "grainstone")
"""Facies of codes 1 to 5: the first two are non-marine, the others marine, mostly."""

CURVES = ("GR", "ILD_log10", "DeltaPHI", "PHIND", "PE")
"""Logs, in API, log10(ohm.m), %, % and b/e."""

_UNITS = ("API", "log10(ohm.m)", "%", "%", "b/e")
_MEANS = np.array(
    [
        [55.0, 0.55, 8.0, 15.0, 2.9],
        [75.0, 0.60, 6.0, 14.0, 3.2],
        [95.0, 0.50, 4.0, 17.0, 3.5],
        [70.0, 0.75, 3.0, 10.0, 4.2],
        [45.0, 0.90, 0.5, 8.0, 4.8],
    ]
)
_SPREADS = np.array([18.0, 0.17, 3.5, 3.5, 0.55])
# One row of correlation for all facies: clay raises gamma ray and porosity, lowers resistivity.
_CORRELATION = np.array(
    [
        [1.0, -0.3, 0.1, 0.2, 0.0],
        [-0.3, 1.0, -0.2, -0.4, 0.1],
        [0.1, -0.2, 1.0, 0.1, -0.2],
        [0.2, -0.4, 0.1, 1.0, -0.2],
        [0.0, 0.1, -0.2, -0.2, 1.0],
    ]
)
_STAY = 0.85
# Chance of the next facies (upward) after the present one has ended, by half-cycle.
_NON_MARINE = np.array([0.48, 0.44, 0.04, 0.02, 0.02])
_MARINE = np.array([0.02, 0.04, 0.34, 0.32, 0.28])
_RESOLUTION = 0.7


def synthetic_wells(seed: int = 0, wells: int = 8, rows_per_well: int = 300) -> xr.Dataset:
    """Simulate logs and facies of wells through the same kind of succession.

    Non-marine and marine half-cycles alternate; within each, facies follow a Markov chain in
    depth. Each row's logs are Gaussian given its facies, then blurred over neighbouring rows as
    a tool of finite resolution does, then changed by a gain and an offset of the well. Every
    fourth well has no PE.

    Parameters
    ----------
    seed : int
        Of everything drawn.
    wells : int
        Number of wells, named W01, W02, ...
    rows_per_well : int
        Rows at steps of half a foot.

    Returns
    -------
    xarray.Dataset
        As from :func:`craton.io.wells.read_wells`: ``well``, ``depth`` (m), ``depth_original``
        (ft), ``Facies`` (codes 1 to 5, ``flag_meanings`` in its attributes), ``Formation``, the
        five logs, ``NM_M`` (1 non-marine, 2 marine) and ``RELPOS`` (1 at the top of a half-cycle
        to 0 at its base). ``attrs`` hold the share of rows that the best classifier gets right:
        ``bayes_accuracy_row`` from a row's unblurred logs alone, ``bayes_accuracy`` from the
        unblurred logs of the whole well and NM_M, which nothing can exceed in the long run.

    Raises
    ------
    ConfigError
        If there is no well or there are fewer than two rows.

    References
    ----------
    Krumbein, W. C. and Dacey, M. F. (1969). Markov chains and embedded Markov chains in geology.
    Mathematical Geology 1, doi:10.1007/BF02047072

    Examples
    --------
    >>> ds = synthetic_wells(wells=2, rows_per_well=50)
    >>> dict(ds.sizes), bool(ds.attrs["bayes_accuracy_row"] < ds.attrs["bayes_accuracy"])
    ({'row': 100}, True)
    """
    if wells < 1 or rows_per_well < 2:
        raise ConfigError(f"{wells} wells of {rows_per_well} rows are too few", where="wells")
    random = np.random.default_rng(seed)
    parts = [_well(random, k, rows_per_well) for k in range(wells)]
    ds = xr.concat(parts, "row", data_vars="all", join="override", combine_attrs="override")
    row, context = _bayes_accuracy()
    ds.attrs = {
        "title": "synthetic wells",
        "history": f"simulated with seed {seed}",
        "findings": "",
        "source": "synthetic",
        "bayes_accuracy_row": row,
        "bayes_accuracy": context,
    }
    return ds


def write_example_las(
    folder: str | Path, seed: int = 0, wells: int = 4, rows_per_well: int = 300
) -> list[Path]:
    """Write synthetic wells as LAS files, one a well, in feet.

    Parameters
    ----------
    folder : str or Path
        Where to put W01.las, W02.las, ...
    seed, wells, rows_per_well
        As for :func:`synthetic_wells`.

    Returns
    -------
    list of Path

    Examples
    --------
    >>> import tempfile
    >>> [path.name for path in write_example_las(tempfile.mkdtemp(), wells=2, rows_per_well=20)]
    ['W01.las', 'W02.las']
    """
    ds = synthetic_wells(seed, wells, rows_per_well)
    files = []
    for name in dict.fromkeys(ds["well"].values.tolist()):
        one = ds.isel(row=np.flatnonzero(ds["well"].values == name))
        if np.isnan(one["PE"].values).all():
            one = one.drop_vars("PE")
        files.append(Path(folder) / f"{name}.las")
        write_las(files[-1], one)
    return files


def _well(random: np.random.Generator, k: int, rows: int) -> xr.Dataset:
    marine, position, formation = _cycles(random, rows)
    facies = _facies(random, marine)
    blurred = _blur(_emit(random, facies))
    gain = np.exp(0.06 * random.standard_normal(len(CURVES)))
    offset = 0.25 * _SPREADS * random.standard_normal(len(CURVES))
    centre = _MEANS.mean(axis=0)
    logs = gain * (blurred - centre) + centre + offset
    if k % 4 == 3:
        logs[:, CURVES.index("PE")] = np.nan
    feet = 2500.0 + 10.0 * float(random.integers(0, 50)) + 0.5 * np.arange(rows)
    ds = xr.Dataset()
    ds["well"] = ("row", np.full(rows, f"W{k + 1:02d}"))
    ds["depth"] = ("row", feet * FOOT, {"units": "m", "positive": "down"})
    ds["depth_original"] = ("row", feet, {"units": "ft", "positive": "down"})
    ds["Facies"] = (
        "row",
        facies + 1.0,
        {"flag_values": np.arange(1, 6), "flag_meanings": " ".join(NAMES)},
    )
    ds["Formation"] = ("row", formation)
    for c, name in enumerate(CURVES):
        ds[name] = ("row", np.round(logs[:, c], 4), {"units": _UNITS[c]})
    ds["NM_M"] = ("row", marine + 1.0)
    ds["RELPOS"] = ("row", np.round(position, 3))
    return ds


def _cycles(random: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw the half-cycles downward: marine (0, 1), relative position, name, one a row."""
    marine = np.empty(rows, dtype=int)
    position = np.empty(rows)
    names = []
    at, half = 0, 0
    while at < rows:
        thick = int(random.integers(12, 32))
        stop = min(at + thick, rows)
        marine[at:stop] = half % 2
        position[at:stop] = np.linspace(1.0, 0.0, thick)[: stop - at]
        names += [f"{chr(65 + half // 2 % 26)} {'LM' if half % 2 else 'SH'}"] * (stop - at)
        at, half = stop, half + 1
    return marine, position, np.array(names)


def _next(marine: int) -> np.ndarray:
    """Transition matrix into a row of this half-cycle."""
    choice = _MARINE if marine else _NON_MARINE
    return np.asarray(_STAY * np.eye(len(NAMES)) + (1.0 - _STAY) * choice)


def _transitions(marine: np.ndarray) -> np.ndarray:
    """Transition matrix into each row; at a boundary of half-cycles no facies is remembered."""
    table = np.stack([_next(0), _next(1)])[marine]
    fresh = np.flatnonzero(np.diff(marine, prepend=1 - marine[0]))
    table[fresh] = np.stack([_NON_MARINE, _MARINE])[marine[fresh]][:, None, :]
    return np.asarray(table)


def _facies(random: np.random.Generator, marine: np.ndarray) -> np.ndarray:
    steps = np.cumsum(_transitions(marine), axis=2)
    draws = random.random(len(marine))
    facies = np.empty(len(marine), dtype=int)
    state = 0
    for t, draw in enumerate(draws):
        state = min(int(np.searchsorted(steps[t, state], draw, side="right")), len(NAMES) - 1)
        facies[t] = state
    return facies


def _emit(random: np.random.Generator, facies: np.ndarray) -> np.ndarray:
    root = np.linalg.cholesky(_CORRELATION)
    noise = random.standard_normal((len(facies), len(CURVES))) @ root.T
    return np.asarray(_MEANS[facies] + _SPREADS * noise)


def _blur(logs: np.ndarray) -> np.ndarray:
    lag = np.arange(-2, 3)
    kernel = np.exp(-0.5 * (lag / _RESOLUTION) ** 2)
    padded = np.pad(logs, ((2, 2), (0, 0)), mode="edge")
    rows = len(logs)
    return np.asarray(sum(w * padded[k : k + rows] for k, w in enumerate(kernel / kernel.sum())))


def _log_density(logs: np.ndarray) -> np.ndarray:
    """Log-density of each row under each facies, up to a constant, shape (rows, 5)."""
    root = np.linalg.inv(np.linalg.cholesky(_CORRELATION))
    z = ((logs[:, None, :] - _MEANS) / _SPREADS) @ root.T
    return np.asarray(-0.5 * (z**2).sum(axis=2))


@functools.cache
def _bayes_accuracy(rows: int = 40_000) -> tuple[float, float]:
    """Share of rows right: from the row's logs alone, and from the well's logs and NM_M."""
    random = np.random.default_rng(20_160)
    marine, _, _ = _cycles(random, rows)
    facies = _facies(random, marine)
    density = _log_density(_emit(random, facies))
    prior = np.bincount(facies, minlength=len(NAMES)) / rows
    alone = (density + np.log(prior)).argmax(axis=1)
    posterior = _smooth(density, _transitions(marine))
    return float((alone == facies).mean()), float((posterior.argmax(axis=1) == facies).mean())


def _smooth(density: np.ndarray, transitions: np.ndarray) -> np.ndarray:
    """Posterior of each row's facies given all rows (forward and backward recursions)."""
    likelihood = np.exp(density - density.max(axis=1, keepdims=True))
    rows, states = likelihood.shape
    forward, backward = np.empty((rows, states)), np.ones((rows, states))
    ahead = np.full(states, 1.0 / states)
    for t in range(rows):
        ahead = (ahead @ transitions[t]) * likelihood[t]
        ahead /= ahead.sum()
        forward[t] = ahead
    for t in range(rows - 2, -1, -1):
        behind = transitions[t + 1] @ (likelihood[t + 1] * backward[t + 1])
        backward[t] = behind / behind.sum()
    posterior = forward * backward
    return np.asarray(posterior / posterior.sum(axis=1, keepdims=True))
