"""A tropical Pacific whose months are made by a known linear inverse model."""

from __future__ import annotations

import functools
from collections.abc import Iterable

import numpy as np
import xarray as xr
from scipy import linalg

from craton.errors import ConfigError

PERIOD = 48.0
"""Period of the oscillation, in months."""

DECAY = 12.0
"""Time in which the oscillation fades to 1/e, in months."""

_OTHER_DECAYS = (9.0, 7.0, 5.5, 4.5, 3.5, 3.0)
_REST_DECAY = 1.5
_NINO34_SD = 0.9
_BOX = (-5.0, 5.0, 190.0, 240.0)


def synthetic_sst(seed: int = 0, years: int = 80, nonlinearity: float = 0.0) -> xr.Dataset:
    """Simulate monthly anomalies of sea-surface temperature.

    The anomaly field x of the tropical Pacific follows x(t+1) = A x(t) + noise, whose noise is
    Gaussian and correlated in space. A turns one pair of patterns (a warm tongue and a zonal
    seesaw) with a period of four years while it fades within a year, and lets all other patterns
    fade faster. There is no seasonal cycle. The best forecast is therefore a power of A, and
    its skill is known: :func:`optimal_skill`.

    Parameters
    ----------
    seed : int
        Of the noise alone; the ocean is always the same.
    years : int
        Length from 1900-01 on.
    nonlinearity : float
        Strength of a bounded quadratic term that makes warm events larger than cold ones; the
        known answers hold for 0.

    Returns
    -------
    xarray.Dataset
        ``sst`` (time, point) in degC, with ``lat``, ``lon`` and ``weight`` on ``point``, laid out
        as by :func:`craton.io.fields.read_sst`. ``attrs`` hold the true eigenvalues of A
        (``eigenvalues_real``, ``eigenvalues_imag``, the slowest eight), ``period_months`` and
        ``decay_months`` of the oscillation.

    Raises
    ------
    ConfigError
        If `years` is less than 1.

    References
    ----------
    Penland, C. and Sardeshmukh, P. D. (1995). The optimal growth of tropical sea surface
    temperature anomalies. J. Climate 8, doi:10.1175/1520-0442(1995)008<1999:TOGOTS>2.0.CO;2

    Examples
    --------
    >>> ds = synthetic_sst(seed=1, years=2)
    >>> dict(ds.sizes), ds.attrs["period_months"]
    ({'time': 24, 'point': 135}, 48.0)
    """
    if years < 1:
        raise ConfigError(f"is {years}, at least 1 was expected", where="years")
    lat, lon = grid()
    operator, noise, covariance = linear_model()
    random = np.random.default_rng(seed)
    months = 12 * years
    root = linalg.cholesky(noise, lower=True)
    start = linalg.cholesky(covariance, lower=True)
    tongue = _patterns()[:, 0]
    scale = float(np.sqrt(tongue @ covariance @ tongue))
    shocks = random.standard_normal((months, len(lat))) @ root.T
    field = np.empty((months, len(lat)))
    field[0] = start @ random.standard_normal(len(lat))
    for t in range(1, months):
        field[t] = operator @ field[t - 1] + shocks[t]
        if nonlinearity:
            # tanh keeps the run bounded whatever the strength.
            warm = np.tanh(tongue @ field[t - 1] / scale)
            field[t] += nonlinearity * scale * (warm**2 - 0.4) * tongue
    values = np.linalg.eigvals(operator)
    values = values[np.argsort(-abs(values), kind="stable")][:8]
    time = np.datetime64("1900-01", "M") + np.arange(months)
    return xr.Dataset(
        {"sst": (("time", "point"), field, {"units": "degC", "long_name": "SST anomaly"})},
        coords={
            "time": time.astype("datetime64[ns]"),
            "lat": ("point", lat, {"units": "degrees_north", "standard_name": "latitude"}),
            "lon": ("point", lon, {"units": "degrees_east", "standard_name": "longitude"}),
            "weight": ("point", np.cos(np.deg2rad(lat)), {"long_name": "cosine of latitude"}),
        },
        attrs={
            "title": "synthetic tropical Pacific, a linear inverse model",
            "history": f"simulated with seed {seed}, nonlinearity {nonlinearity}",
            "grid_shape": np.array([9, 15]),
            "period_months": PERIOD,
            "decay_months": DECAY,
            "eigenvalues_real": values.real.astype(float),
            "eigenvalues_imag": values.imag.astype(float),
            "nonlinearity": float(nonlinearity),
        },
    )


def optimal_skill(leads: Iterable[int] = range(1, 13)) -> xr.Dataset:
    """Return the skill for Niño-3.4 that no forecast of :func:`synthetic_sst` can exceed.

    With error covariance E(h), the sum of A^j Q A^jT for j < h, and climatological covariance C,
    the root-mean-square error of the index w·x is the root of w·E(h)·w, and the correlation of
    forecast and truth is the root of 1 - w·E(h)·w / w·C·w.

    Parameters
    ----------
    leads : iterable of int
        Months ahead.

    Returns
    -------
    xarray.Dataset
        ``rmse`` (degC), ``anomaly_correlation``, and ``field_rmse`` (root of the cosine-weighted
        mean square error over all points, degC) on ``lead``.

    Examples
    --------
    >>> skill = optimal_skill([1, 12])
    >>> bool(skill["rmse"][0] < skill["rmse"][1])
    True
    """
    lead = np.asarray(list(leads), dtype=int)
    if lead.size == 0 or lead.min() < 1:
        raise ConfigError("lead months of 1 and more were expected", where="leads")
    operator, noise, covariance = linear_model()
    index = nino34_weights()
    area = np.cos(np.deg2rad(grid()[0]))
    area = area / area.sum()
    error = np.zeros_like(noise)
    index_error, field_error = [], []
    for _ in range(lead.max()):
        error = operator @ error @ operator.T + noise
        index_error.append(index @ error @ index)
        field_error.append(area @ np.diag(error))
    square = np.array(index_error)[lead - 1]
    return xr.Dataset(
        {
            "rmse": ("lead", np.sqrt(square), {"units": "degC"}),
            "anomaly_correlation": (
                "lead",
                np.sqrt(1.0 - square / (index @ covariance @ index)),
                {"units": "1"},
            ),
            "field_rmse": ("lead", np.sqrt(np.array(field_error)[lead - 1]), {"units": "degC"}),
        },
        coords={"lead": ("lead", lead, {"units": "months"})},
    )


def optimal_forecast(field: np.ndarray, leads: Iterable[int]) -> np.ndarray:
    """Return the best forecasts that there are of :func:`synthetic_sst` with nonlinearity 0.

    Parameters
    ----------
    field : ndarray, shape (sample, 135)
        Fields at the issue times, on the points of :func:`grid`, degC.
    leads : iterable of int
        Months ahead.

    Returns
    -------
    ndarray, shape (sample, lead, 135)

    Examples
    --------
    >>> optimal_forecast(np.ones((2, 135)), [1, 6]).shape
    (2, 2, 135)
    """
    operator = linear_model()[0]
    powers = [np.linalg.matrix_power(operator, lead) for lead in leads]
    return np.stack([field @ power.T for power in powers], axis=1)


def grid() -> tuple[np.ndarray, np.ndarray]:
    """Return latitude and longitude of the 135 points, row by row: 5° by 10°.

    Examples
    --------
    >>> lat, lon = grid()
    >>> float(lat.min()), float(lon.max())
    (-20.0, 280.0)
    """
    lat, lon = np.meshgrid(
        np.arange(-20.0, 21.0, 5.0), np.arange(140.0, 281.0, 10.0), indexing="ij"
    )
    return lat.ravel(), lon.ravel()


def nino34_weights() -> np.ndarray:
    """Return the weights, shape (135,), whose product with a field is its Niño-3.4 index.

    Examples
    --------
    >>> round(float(nino34_weights().sum()), 12)
    1.0
    """
    lat, lon = grid()
    south, north, west, east = _BOX
    inside = (lat >= south) & (lat <= north) & (lon >= west) & (lon <= east)
    weights = np.where(inside, np.cos(np.deg2rad(lat)), 0.0)
    return weights / weights.sum()


@functools.cache
def linear_model() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the true monthly operator, the noise covariance and the covariance of the field.

    Returns
    -------
    operator, noise, covariance : ndarray, shape (135, 135)
        The last two in degC squared; ``covariance = A covariance A' + noise``.

    Examples
    --------
    >>> operator, noise, covariance = linear_model()
    >>> bool(np.allclose(operator @ covariance @ operator.T + noise, covariance))
    True
    """
    lat, lon = grid()
    basis = _patterns()
    turn = 2.0 * np.pi / PERIOD
    # The second pattern is the faster to respond, which makes the pair non-normal.
    stretch = np.diag([1.0, 0.6])
    pair = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    pair = np.exp(-1.0 / DECAY) * (stretch @ pair @ np.linalg.inv(stretch))
    modes = linalg.block_diag(pair, np.diag(np.exp(-1.0 / np.array(_OTHER_DECAYS))))
    rest = np.eye(len(lat)) - basis @ basis.T
    operator = basis @ modes @ basis.T + np.exp(-1.0 / _REST_DECAY) * rest
    strength = np.array([1.0, 0.6, 0.5, 0.5, 0.4, 0.4, 0.3, 0.3])
    apart = ((lat[:, None] - lat) / 6.0) ** 2 + ((lon[:, None] - lon) / 12.0) ** 2
    local = 0.02 * np.exp(-0.5 * apart) + 1e-4 * np.eye(len(lat))
    noise = basis @ np.diag(strength**2) @ basis.T + local
    covariance = linalg.solve_discrete_lyapunov(operator, noise)
    index = nino34_weights()
    factor = _NINO34_SD**2 / float(index @ covariance @ index)
    return operator, _symmetric(noise * factor), _symmetric(covariance * factor)


def _patterns() -> np.ndarray:
    """Eight orthonormal patterns, shape (135, 8): warm tongue, zonal seesaw, standing waves."""
    lat, lon = grid()
    x, y = (lon - 140.0) / 140.0, lat / 20.0
    shapes = [
        np.exp(-((lat / 8.0) ** 2)) / (1.0 + np.exp(-(lon - 195.0) / 15.0)),
        np.exp(-((lat / 10.0) ** 2)) * np.cos(np.pi * x),
        np.ones_like(lat),
        y,
        np.cos(np.pi * x) * y,
        np.cos(2.0 * np.pi * x),
        y**2,
        np.cos(3.0 * np.pi * x) * np.exp(-(y**2)),
    ]
    basis, upper = np.linalg.qr(np.stack(shapes, axis=1))
    return np.asarray(basis * np.sign(np.diag(upper)))


def _symmetric(matrix: np.ndarray) -> np.ndarray:
    return np.asarray(0.5 * (matrix + matrix.T))
