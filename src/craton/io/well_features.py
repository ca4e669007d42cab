"""What a well's rows know besides their logs, and whether new logs mean what the old ones did."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from craton.errors import DataError, nearest
from craton.io.wells import _canonical

BEDS = ("formation", "bed_thickness", "bed_position", "above_base", "below_top")
"""Variables that `add_beds` makes."""

IN_BED = " in bed"
"""What follows a log's name where its distance from the bed's mean is meant."""

NOT_LOGS = (
    "x", "y", "z", "x_loc", "y_loc", "z_loc", "lat", "lon", "latitude", "longitude", "easting",
    "northing", "tvd", "tvdss", "depth_md", "dept_md", "md", "index", "bs", "bit_size",
)  # fmt: skip
"""Numeric curves that say where a row is and not what rock it is, in lower case."""

TARGETS = ("facies", "lithofacies", "litho", "lithology", "rock_type")
"""Names under which facies are looked for, in any case."""

Typical = Mapping[str, tuple[float, float, float]]


def log_names(ds: xr.Dataset, without: Sequence[str] = ()) -> tuple[str, ...]:
    """Names of the numeric curves that are logs: no depths, places, or labels.

    Examples
    --------
    >>> ds = xr.Dataset({"well": ("row", ["A"]), "depth": ("row", [1.0]), "GR": ("row", [80.0]),
    ...                  "x_loc": ("row", [5e5])})
    >>> log_names(ds)
    ('GR',)
    """
    labels = [str(n) for n in ds.data_vars if str(n).lower() in TARGETS]
    known = {"depth", "depth_original", *labels, *without}
    names = [str(n) for n, v in ds.data_vars.items() if v.dims == ("row",) and v.dtype.kind in "fi"]
    # an interpreter's rating of the label, or another version of the label, gives it away
    logs = (n for n in names if not (_says_facies(n) or _says_quality(n)))
    return tuple(n for n in logs if n not in known and n.lower() not in NOT_LOGS)


def _says_facies(name: str) -> bool:
    return any(word in name.lower() for word in ("facies", "lithology"))


def _says_quality(name: str) -> bool:
    return any(word in name.lower() for word in ("confidence", "quality", "flag"))


def find_facies(ds: xr.Dataset, name: str | None, where: str) -> str:
    """Name of the curve with the facies: the one named, or one that is called so.

    Raises
    ------
    DataError
        If there is none.
    """
    if name is not None and name in ds:
        return name
    here = {str(n).lower(): str(n) for n in ds.data_vars}
    found = next((here[n] for n in TARGETS if n in here), None)
    like = [n for n in here.values() if _says_facies(n) and not _says_quality(n)]
    if name is None and found is None and len(like) == 1:
        return like[0]
    if name is not None or found is None:
        raise DataError(
            f"there is no curve '{name or 'Facies'}' with the facies to learn",
            where=where,
            fix=f"--set target=NAME; {nearest(name or 'Facies', map(str, ds.data_vars))}",
        )
    return found


def facies_codes(ds: xr.Dataset, name: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Names and codes of the facies as a curve's attributes say, or as they occur.

    Examples
    --------
    >>> flags = {"flag_values": [1, 2], "flag_meanings": "sand shale"}
    >>> facies_codes(xr.Dataset({"F": ("row", [2.0, 1.0, np.nan], flags)}), "F")
    (('sand', 'shale'), (1, 2))
    """
    values = ds[name].to_numpy()
    if values.dtype.kind not in "fi":
        return tuple(sorted({str(v) for v in values} - {"", "nan", "None"})), ()
    codes = tuple(int(v) for v in np.unique(values[np.isfinite(values)]))
    flags = [int(v) for v in np.atleast_1d(ds[name].attrs.get("flag_values", []))]
    names = dict(zip(flags, str(ds[name].attrs.get("flag_meanings", "")).split(), strict=False))
    return tuple(names.get(c, str(c)) for c in codes), codes


def logarithms(ds: xr.Dataset, units: Mapping[str, str]) -> xr.Dataset:
    """Put resistivities in logarithms, which is how they tell rocks apart.

    Examples
    --------
    >>> ds = xr.Dataset({"RT": ("row", [1.0, 100.0])})
    >>> logarithms(ds, {"RT": "ohm.m"})["RT"].values
    array([0., 2.])
    """
    changed = {}
    for curve, unit in units.items():
        if _canonical(unit) == _canonical("ohmm"):
            values = np.log10(np.maximum(ds[curve].to_numpy(), 1e-3))
            changed[curve] = ("row", values, {"units": "log10(ohm.m)"})
    return ds.assign(changed)


def add_beds(
    ds: xr.Dataset,
    formation: str | None,
    order: Sequence[str],
    marks: Sequence[str] = (),
    logs: Sequence[str] = (),
) -> xr.Dataset:
    """Add what a row's bed is: which formation, how thick, and where in it the row lies.

    A bed is a run of rows of one well with one formation and the same values of `marks`.

    Parameters
    ----------
    ds : xr.Dataset
        Wells as read by `craton.io.wells.read_wells`.
    formation : str or None
        Text variable with the formation.
    order : sequence of str
        Formations from the top down; a formation that is not among them becomes NaN.
    marks : sequence of str
        Numeric variables of few values that change at the borders of beds (marine, non-marine).
    logs : sequence of str
        Logs whose distance from their mean over the bed is added, which no offset of a tool
        changes.

    Returns
    -------
    xr.Dataset
        A copy with ``formation`` (place in `order`), ``bed_thickness`` (m), ``bed_position``
        (0 at the top, 1 at the base), ``above_base`` and ``below_top`` (m), and ``LOG in bed``
        in the log's unit. Where there is neither formation nor mark, all are NaN.

    Examples
    --------
    >>> ds = xr.Dataset({"well": ("row", ["A"] * 3), "depth": ("row", [1.0, 2.0, 3.0]),
    ...                  "F": ("row", ["a", "a", "b"])})
    >>> add_beds(ds, "F", ["a", "b"])["bed_thickness"].values
    array([2., 2., 1.])
    """
    out = ds.copy()
    n = ds.sizes["row"]
    depth, well = ds["depth"].to_numpy(), ds["well"].to_numpy().astype(str)
    number = np.full(n, np.nan)
    inside = {log: np.full(n, np.nan) for log in logs}
    here = [m for m in marks if m in ds]
    # a gap is no change: it differs from itself
    keys = [well, *(np.nan_to_num(ds[m].to_numpy(), nan=-1.0) for m in here)]
    if formation is not None and formation in ds:
        names = ds[formation].to_numpy().astype(str)
        place = {name: float(i) for i, name in enumerate(order)}
        number = np.array([place.get(name, np.nan) for name in names.tolist()])
        keys.append(names)
    found = {name: np.full(n, np.nan) for name in BEDS}
    if len(keys) > 1 and n:
        change = np.r_[True, np.logical_or.reduce([k[1:] != k[:-1] for k in keys])]
        first = np.flatnonzero(change)
        bed = np.cumsum(change) - 1
        last = np.r_[first[1:] - 1, n - 1]
        step = typical_step(ds)
        top, base = depth[first][bed] - step / 2, depth[last][bed] + step / 2
        thick = base - top
        found = {
            "bed_thickness": thick,
            "bed_position": (depth - top) / np.maximum(thick, 1e-9),
            "above_base": base - depth,
            "below_top": depth - top,
        }
        for log in logs:
            values = ds[log].to_numpy().astype(float)
            there = np.isfinite(values)
            total = np.bincount(bed, np.where(there, values, 0.0))
            inside[log] = values - (total / np.maximum(np.bincount(bed, there), 1))[bed]
    found["formation"] = number
    units = {"bed_thickness": "m", "above_base": "m", "below_top": "m"}
    for name in BEDS:
        out[name] = ("row", found[name], {"units": units.get(name, "1")})
    for log, values in inside.items():
        out[log + IN_BED] = ("row", values, {"units": str(ds[log].attrs.get("units", ""))})
    return out


def typical_step(ds: xr.Dataset) -> float:
    """Median distance between neighbouring rows of one well, in m; 0 if no well has two rows."""
    well = ds["well"].to_numpy().astype(str)
    steps = np.diff(ds["depth"].to_numpy())[well[1:] == well[:-1]]
    return float(np.median(steps)) if len(steps) else 0.0


def formation_order(ds: xr.Dataset, formation: str) -> tuple[str, ...]:
    """Formations from the top down, by the mean place of their middles in the wells that have them.

    Examples
    --------
    >>> ds = xr.Dataset({"well": ("row", ["A"] * 3), "depth": ("row", [1.0, 2.0, 3.0]),
    ...                  "F": ("row", ["upper", "lower", "lower"])})
    >>> formation_order(ds, "F")
    ('upper', 'lower')
    """
    names, well = ds[formation].to_numpy().astype(str), ds["well"].to_numpy().astype(str)
    depth = ds["depth"].to_numpy()
    places: dict[str, list[float]] = {}
    for w in dict.fromkeys(well.tolist()):
        mine = well == w
        top, base = depth[mine].min(), depth[mine].max()
        for name in dict.fromkeys(names[mine].tolist()):
            middle = depth[mine & (names == name)].mean()
            places.setdefault(name, []).append((middle - top) / max(base - top, 1e-9))
    return tuple(sorted((n for n in places if n), key=lambda n: float(np.mean(places[n]))))


def describe(ds: xr.Dataset, curves: Sequence[str]) -> dict[str, tuple[float, float, float]]:
    """1, 50 and 99 per cent points of each curve that has values."""
    found = {}
    for curve in curves:
        values = ds[curve].to_numpy().astype(float)
        if np.isfinite(values).any():
            low, middle, high = np.nanquantile(values, [0.01, 0.5, 0.99])
            found[curve] = (float(low), float(middle), float(high))
    return found


def match_training(
    ds: xr.Dataset,
    curves: Sequence[str],
    units: Mapping[str, str],
    typical: Typical,
    step: float | None,
    where: str,
) -> xr.Dataset:
    """Refuse wells whose curves do not mean what those of the training did; add absent curves.

    Parameters
    ----------
    ds : xr.Dataset
        Wells as read.
    curves : sequence of str
        Curves that a model was trained on.
    units : mapping
        Their units, where files named them.
    typical : mapping
        Their 1, 50 and 99 per cent points, from `describe`.
    step : float or None
        Typical distance of rows in training, in m.
    where : str
        What to name in a message.

    Returns
    -------
    xr.Dataset
        With every curve; one that was absent is NaN, of which a warning tells.

    Raises
    ------
    DataError
        If a unit differs, values are far off in a way that another unit explains, the rows are
        much nearer or farther than in training (feet for metres), or more than half of the curves
        are absent.
    """
    absent = [c for c in curves if c not in ds]
    if 2 * len(absent) > len(curves):
        raise DataError(
            f"lacks {len(absent)} of the {len(curves)} curves that the model needs: "
            f"{', '.join(absent)}",
            where=where,
            fix=f"give wells with {', '.join(curves)}, or name them: --set columns.NAME=CURVE",
        )
    if absent:
        text = f"{where}: no curve {', '.join(absent)}; estimated from the other curves"
        warnings.warn(text, UserWarning, stacklevel=2)
        ds = ds.assign({c: ("row", np.full(ds.sizes["row"], np.nan)) for c in absent})
    for curve in curves:
        stated, known = str(ds[curve].attrs.get("units", "")), units.get(curve, "")
        if stated and known and _canonical(stated) != _canonical(known):
            raise DataError(
                f"{curve} is in {stated}, the model was trained on {known}",
                where=where,
                fix=f"convert {curve} to {known}",
            )
    _check_values(ds, curves, units, typical, where)
    _check_step(ds, step, where)
    return ds


def _check_values(
    ds: xr.Dataset, curves: Sequence[str], units: Mapping[str, str], typical: Typical, where: str
) -> None:
    well = ds["well"].to_numpy().astype(str)
    for curve in curves:
        if curve not in typical or ds[curve].dtype.kind not in "fi":
            continue
        low, _, high = typical[curve]
        if low > 0:
            bounds = (low / 10, high * 10)
        else:
            bounds = (low - 5 * (high - low), high + 5 * (high - low))
        values = ds[curve].to_numpy().astype(float)
        for w in dict.fromkeys(well.tolist()):
            own = values[(well == w) & np.isfinite(values)]
            if len(own) == 0 or bounds[0] <= np.median(own) <= bounds[1]:
                continue
            unit = units.get(curve, "") or "its unit"
            raise DataError(
                f"{curve} has the median {np.median(own):g} in well {w}, training had {low:g} to "
                f"{high:g} ({unit}): this looks like another unit",
                where=where,
                fix=f"convert {curve} to {unit} of the training wells",
            )


def _check_step(ds: xr.Dataset, step: float | None, where: str) -> None:
    found = typical_step(ds)
    if not step or not found or 0.4 <= found / step <= 2.5:
        return
    unit = str(ds["depth_original"].attrs.get("units", "m")) if "depth_original" in ds else "m"
    other = "ft" if unit == "m" else "m"
    confused = abs(np.log(found / step)) - abs(np.log(0.3048))
    reason = f"; is the depth in {other}, not {unit}?" if abs(confused) < 0.1 else ""
    raise DataError(
        f"depths step by {found:.4g} m, the model was trained on {step:.4g} m{reason}",
        where=where,
        fix=f"--set depth_unit={other}" if reason else f"resample the logs to about {step:.4g} m",
    )
