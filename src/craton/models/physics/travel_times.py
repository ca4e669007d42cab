"""Travel times of P and S in a layered Earth, by distance and depth, as a table.

A spherical model is flattened, cut into thin layers of constant velocity, and the first arrival is
the earliest of the direct wave and the head waves on every layer below the source that is faster
than all above it. For layers of constant velocity that is exact; where velocity grows with depth
the head waves of thin layers are tangents of the diving wave's travel-time curve, so their envelope
converges to it from above with the square of the layers' thickness.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from craton.errors import DataError
from craton.models.physics._jit import jit

Floats = NDArray[np.float64]

EARTH_RADIUS_KM = 6371.0
PHASES = ("P", "S", "Pg", "Sg")
"""First P, first S, and the first of each that stays above the mantle (later beyond ~150 km)."""

MANTLE_KM_S = 7.6
"""P velocity from which a layer counts as mantle."""


@dataclass(frozen=True)
class VelocityModel:
    """P and S velocity against depth; between two depths both change linearly.

    Attributes
    ----------
    depth : ndarray, shape (n,)
        km, not decreasing; a depth given twice is an interface.
    p, s : ndarray, shape (n,)
        km/s.
    name : str
        Shown in reports.
    spherical : bool
        Whether distances are long enough for the Earth's curvature to count.

    Examples
    --------
    >>> model = VelocityModel.layers([0.0, 30.0], [6.0, 8.0], [3.5, 4.5], spherical=False)
    >>> model.p.tolist(), model.depth.tolist()
    ([6.0, 6.0, 8.0, 8.0], [0.0, 30.0, 30.0, 1000.0])
    """

    depth: Floats
    p: Floats
    s: Floats
    name: str = ""
    spherical: bool = True

    def __post_init__(self) -> None:
        """Refuse what is no model.

        Raises
        ------
        DataError
            Naming the first value that is wrong.
        """
        depth, p, s = (np.asarray(a, float) for a in (self.depth, self.p, self.s))
        where = f"velocity model {self.name}".strip()
        if not (len(depth) == len(p) == len(s) and len(depth) > 0):
            raise DataError("depth, P and S differ in length, or are empty", where=where)
        if not np.isfinite([depth, p, s]).all() or (np.diff(depth) < 0).any() or depth[0] > 0:
            raise DataError(
                "depths must begin at or above 0 km, not decrease, and all numbers be finite",
                where=where,
            )
        if (p <= 0).any() or (s <= 0).any() or (s >= p).any():
            bad = int(np.flatnonzero((p <= 0) | (s <= 0) | (s >= p))[0])
            raise DataError(
                f"at {depth[bad]:g} km P is {p[bad]:g} and S {s[bad]:g} km/s; 0 < S < P was "
                "expected",
                where=where,
                fix="give depth (km), P and S (km/s), and leave out the fluid core",
            )
        for name, value in zip(("depth", "p", "s"), (depth, p, s), strict=True):
            object.__setattr__(self, name, value)

    @classmethod
    def layers(
        cls,
        tops: ArrayLike,
        p: ArrayLike,
        s: ArrayLike,
        *,
        name: str = "",
        spherical: bool = True,
        bottom: float = 1000.0,
    ) -> VelocityModel:
        """Make a model of layers of constant velocity from the depths of their tops (km)."""
        top = np.asarray(tops, float)
        edges = np.append(top, max(bottom, float(top[-1]) + 1.0))
        depth = np.column_stack([edges[:-1], edges[1:]]).ravel()
        twice = [np.repeat(np.asarray(v, float), 2) for v in (p, s)]
        return cls(depth, twice[0], twice[1], name, spherical)


def iasp91() -> VelocityModel:
    """The global model iasp91 down to 1,400 km, with its continental crust of 35 km.

    References
    ----------
    Kennett and Engdahl 1991, doi:10.1111/j.1365-246X.1991.tb06724.x.

    Examples
    --------
    >>> float(iasp91().p[0]), float(iasp91().depth[-1])
    (5.8, 1400.0)
    """
    # upper and lower edge in km; polynomials of radius over 6371 km for P and S
    pieces: tuple[tuple[float, float, tuple[float, ...], tuple[float, ...]], ...] = (
        (0.0, 20.0, (5.8,), (3.36,)),
        (20.0, 35.0, (6.5,), (3.75,)),
        (35.0, 120.0, (8.78541, -0.74953), (6.706231, -2.248585)),
        (120.0, 210.0, (25.41389, -17.69722), (5.75020, -1.27420)),
        (210.0, 410.0, (30.78765, -23.25415), (15.24213, -11.08552)),
        (410.0, 660.0, (29.38896, -21.40656), (17.70732, -13.50652)),
        (660.0, 760.0, (25.96984, -16.93412), (20.76890, -16.53147)),
        (760.0, 1400.0, (25.1486, -41.1538, 51.9932, -26.6083),
         (12.9303, -21.2590, 27.8988, -14.1080)),
    )  # fmt: skip
    depth: list[float] = []
    p: list[float] = []
    s: list[float] = []
    for top, bottom, vp, vs in pieces:
        z = np.linspace(top, bottom, 2 if len(vp) == 1 else 2 + int((bottom - top) // 10))
        x = 1.0 - z / EARTH_RADIUS_KM
        depth += z.tolist()
        p += np.polynomial.polynomial.polyval(x, vp).tolist()
        s += np.polynomial.polynomial.polyval(x, vs).tolist()
    return VelocityModel(np.array(depth), np.array(p), np.array(s), "iasp91")


def read_velocity_model(path: str | Path) -> VelocityModel:
    """Read a velocity file: columns depth (km), P and S (km/s), more columns and words ignored.

    That covers the ``.nd`` files of TauP (the solid part above the first fluid layer is taken) and
    plain tables of three columns.

    Raises
    ------
    DataError
        If there is no such file, it is too large, or holds no usable line.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError("there is no such velocity file", where=str(path), fix="check the path")
    if path.stat().st_size > 1_000_000:
        raise DataError("is larger than 1 MB, a velocity file was expected", where=str(path))
    rows: list[list[float]] = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        words = line.split("#")[0].replace(",", " ").split()
        try:
            values = [float(w) for w in words[:3]]
        except ValueError:
            continue
        if len(values) < 3:
            continue
        if values[2] <= 0:
            break
        rows.append(values)
    if len(rows) < 1:
        raise DataError(
            "has no line with depth, P and S", where=str(path), fix="columns: km, km/s, km/s"
        )
    z, p, s = np.array(rows).T
    return VelocityModel(z, p, s, path.name)


def velocity_model(name: str) -> VelocityModel:
    """Return the model ``iasp91``, or read a velocity file."""
    return iasp91() if name == "iasp91" else read_velocity_model(name)


@dataclass(frozen=True)
class TravelTimes:
    """Table of travel times for surface receivers; `lookup` reads it, compiled.

    Attributes
    ----------
    seconds : ndarray, shape (phase, depth, distance), float32
        In the order of `PHASES`.
    distance_step, depth_step : float
        km; both axes begin at 0.
    surface_p, surface_s : float
        Velocity at the surface (km/s), for stations above it.
    name : str
        The velocity model's.
    """

    seconds: NDArray[np.float32]
    distance_step: float
    depth_step: float
    surface_p: float
    surface_s: float
    name: str = ""

    @property
    def max_distance(self) -> float:
        """Longest distance of the table, km."""
        return (self.seconds.shape[2] - 1) * self.distance_step

    @property
    def max_depth(self) -> float:
        """Largest depth of the table, km."""
        return (self.seconds.shape[1] - 1) * self.depth_step

    def __call__(self, phase: str, distance_km: ArrayLike, depth_km: ArrayLike) -> Floats:
        """Interpolate times in s; beyond the table's ends its last value holds.

        Examples
        --------
        >>> model = VelocityModel.layers([0.0], [6.0], [3.5], spherical=False)
        >>> table = travel_times(model, max_distance=60.0, max_depth=20.0, distance_step=0.5)
        >>> table("P", 30.0, 10.0).round(2).item()
        5.27
        """
        x, z = np.broadcast_arrays(np.asarray(distance_km, float), np.asarray(depth_km, float))
        found = np.empty(x.shape)
        row = PHASES.index(phase)
        _lookup_all(
            self.seconds[row], self.distance_step, self.depth_step, x.ravel(), z.ravel(),
            found.reshape(-1),
        )  # fmt: skip
        return found


@jit()
def lookup(
    table: NDArray[np.float32], dx: float, dz: float, distance: float, depth: float
) -> float:
    """Bilinear interpolation in one phase's table (depth, distance), clamped at its ends."""
    fx = min(max(distance / dx, 0.0), table.shape[1] - 1.000001)
    fz = min(max(depth / dz, 0.0), table.shape[0] - 1.000001)
    i, k = int(fx), int(fz)
    a, b = fx - i, fz - k
    upper = table[k, i] * (1.0 - a) + table[k, i + 1] * a
    lower = table[k + 1, i] * (1.0 - a) + table[k + 1, i + 1] * a
    return upper * (1.0 - b) + lower * b  # type: ignore[no-any-return]


@jit()
def _lookup_all(
    table: NDArray[np.float32], dx: float, dz: float, x: Floats, z: Floats, out: Floats
) -> None:
    for i in range(len(x)):
        out[i] = lookup(table, dx, dz, x[i], z[i])


def travel_times(
    model: VelocityModel,
    *,
    max_distance: float = 1800.0,
    max_depth: float = 60.0,
    distance_step: float = 2.0,
    depth_step: float = 1.0,
    layer: float = 2.0,
) -> TravelTimes:
    """Compute the table of a model.

    Parameters
    ----------
    model : VelocityModel
        Its curvature is counted if it is spherical.
    max_distance, max_depth : float
        Ends of the table, km.
    distance_step, depth_step : float
        Steps of the table, km.
    layer : float
        Thickest layer, km, into which gradients are cut.

    Returns
    -------
    TravelTimes
    """
    x = np.arange(0.0, max_distance + distance_step * 1.5, distance_step)
    depths = np.arange(0.0, max_depth + depth_step * 1.5, depth_step)
    seconds = np.empty((len(PHASES), len(depths), len(x)), np.float32)
    for row, wave in ((0, "p"), (1, "s")):
        top, velocity, crust = _cut(model, wave, depths, layer)
        for k, depth in enumerate(depths):
            first, direct = _first_arrivals(top, velocity, crust, _flat(depth, model), x)
            seconds[row, k], seconds[row + 2, k] = first, direct
    surface = float(model.p[0]), float(model.s[0])
    return TravelTimes(seconds, distance_step, depth_step, *surface, model.name)


def _flat(depth: float | Floats, model: VelocityModel) -> float | Floats:
    if not model.spherical:
        return depth
    return -EARTH_RADIUS_KM * np.log(1.0 - np.asarray(depth) / EARTH_RADIUS_KM)


def _cut(
    model: VelocityModel, wave: str, depths: Floats, layer: float
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Tops and velocities of flat thin layers with an edge at each depth of the table."""
    z, v = model.depth, getattr(model, wave)
    edges = np.unique(np.concatenate([[0.0], z[z > 0], depths]))
    pieces = [
        np.linspace(a, b, 1 + max(1, int(np.ceil((b - a) / layer))))[:-1]
        for a, b in pairwise(edges)
    ]
    top = np.concatenate([*pieces, edges[-1:]])
    middle = np.append((top[:-1] + top[1:]) / 2, top[-1] + layer / 2)
    velocity, p = np.interp(middle, z, v), np.interp(middle, z, model.p)
    if model.spherical:
        velocity = velocity * EARTH_RADIUS_KM / (EARTH_RADIUS_KM - middle)
    crust = np.logical_and.accumulate(p < MANTLE_KM_S)
    return np.asarray(_flat(top, model)), velocity, crust


def _first_arrivals(
    top: Floats, v: Floats, crust: NDArray[np.bool_], source: float | Floats, x: Floats
) -> tuple[Floats, Floats]:
    """First arrival of all, and of those that stay in the crust, for one source depth."""
    n_above = int(np.searchsorted(top, np.asarray(source) - 1e-9, side="right"))
    above = np.minimum(np.append(top[1:], np.inf), source)[:n_above] - top[:n_above]
    if float(np.asarray(source)) <= 0.0:
        n_above, above = 0, np.zeros(0)
    else:
        keep = above > 1e-9
        n_above, above = int(keep.sum()), above[: int(keep.sum())]
    direct = _direct(above, v[: max(n_above, 1)], x)
    thick = np.diff(top)
    passes = np.where(np.arange(len(thick)) < n_above, 1.0, 2.0)
    fastest = np.maximum.accumulate(v)
    # a layer bears a head wave if it is faster than all above it, and lies below the source
    bears = np.flatnonzero(np.r_[False, v[1:] > fastest[:-1]] & (np.arange(len(v)) >= n_above))
    first, within = direct.copy(), direct.copy()
    for k in bears:
        p = 1.0 / v[k]
        slow = np.sqrt(np.maximum(1.0 / v[:k] ** 2 - p * p, 1e-16))
        weight = passes[:k] * thick[:k]
        line = np.where(
            x >= (weight * p / slow).sum() - 1e-9, p * x + (weight * slow).sum(), np.inf
        )
        first = np.minimum(first, line)
        if crust[k]:
            within = np.minimum(within, line)
    return first, within


def _direct(thick: Floats, v: Floats, x: Floats) -> Floats:
    """Times of the wave that goes straight up, by its ray parameter."""
    if thick.size == 0:
        return x / v[0]
    most = 1.0 / v.max()
    p = most * np.concatenate([np.linspace(0.0, 0.9, 60), 1.0 - np.geomspace(0.1, 1e-13, 300)[1:]])
    slow = np.sqrt(1.0 / v[:, None] ** 2 - p**2)
    far = (thick[:, None] * p / slow).sum(axis=0)
    # T = pX + tau(p); interpolating tau keeps the error of second order
    delay = (thick[:, None] * slow).sum(axis=0)
    at = np.interp(x, far, p)
    return at * x + np.interp(at, p, delay)
