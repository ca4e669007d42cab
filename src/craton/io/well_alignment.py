"""Bring logs of different vintage to one scale, well by well, from the logs alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from craton.errors import DataError, nearest

_LEAST = 30


def alignment(ds: xr.Dataset, curves: Sequence[str]) -> xr.Dataset:
    """Measure the scale of each curve in each well, robustly.

    Tools, muds and borehole corrections differ between wells and decades, so that the same rock
    reads differently. The median and the interquartile range of a curve in a well, moved to those
    of the reference, undo a gain and an offset; they also undo a true difference in rock between
    wells, so use it where wells cut the same interval. Facies are never looked at.

    Parameters
    ----------
    ds : xarray.Dataset
        Dimension ``row``, with ``well``, as read by :func:`craton.io.wells.read_wells`.
    curves : sequence of str
        Curves to measure.

    Returns
    -------
    xarray.Dataset
        ``median`` and ``spread`` (interquartile range) on (well, curve), NaN where a well has
        fewer than 30 values or no spread; ``reference_median`` and ``reference_spread`` on
        (curve): the medians over wells. The units are those of the curves.

    Raises
    ------
    DataError
        If a curve is not there, is text, or has too few values in every well.

    References
    ----------
    Shier, D. E. (2004). Well log normalization: methods and guidelines. Petrophysics 45, 268-280.

    Examples
    --------
    >>> x = np.arange(100.0)
    >>> ds = xr.Dataset({"well": ("row", ["A"] * 100 + ["B"] * 100),
    ...                  "GR": ("row", np.concatenate([x, 2 * x + 10]))})
    >>> alignment(ds, ["GR"])["median"].values.ravel()
    array([ 49.5, 109. ])
    """
    wells = list(dict.fromkeys(str(w) for w in ds["well"].values.tolist()))
    median, spread = well_scales(ds, curves, wells)
    empty = np.isnan(median).all(axis=0)
    if empty.any():
        raise DataError(
            f"curve {curves[int(np.flatnonzero(empty)[0])]} has no well with {_LEAST} values "
            "that differ",
            fix="leave the curve out of the alignment",
        )
    return xr.Dataset(
        {
            "median": (("well", "curve"), median),
            "spread": (("well", "curve"), spread),
            "reference_median": ("curve", np.nanmedian(median, axis=0)),
            "reference_spread": ("curve", np.nanmedian(spread, axis=0)),
        },
        coords={"well": wells, "curve": list(curves)},
    )


def apply_alignment(ds: xr.Dataset, parameters: xr.Dataset, strength: float = 1.0) -> xr.Dataset:
    """Move the curves of each well to the reference scale.

    Parameters
    ----------
    ds : xarray.Dataset
        Wells to move. Each is measured here by its own logs, whether or not it was among the
        wells of the reference, so new wells are treated as the old ones were.
    parameters : xarray.Dataset
        From :func:`alignment`; only the reference is used.
    strength : float
        0 leaves the curves as they are, 1 moves them all the way.

    Returns
    -------
    xarray.Dataset
        A copy. A curve that has fewer than 30 values in a well, or no spread, is left alone
        there, which ``attrs["findings"]`` says.

    Raises
    ------
    DataError
        If a curve is not there.

    Examples
    --------
    >>> x = np.arange(100.0)
    >>> ds = xr.Dataset({"well": ("row", ["A"] * 100 + ["B"] * 100),
    ...                  "GR": ("row", np.concatenate([x, 2 * x + 10]))})
    >>> out = apply_alignment(ds, alignment(ds, ["GR"]))["GR"].values
    >>> bool(np.allclose(out[:100], out[100:]))
    True
    """
    curves = [str(c) for c in parameters["curve"].values.tolist()]
    names = np.array([str(w) for w in ds["well"].values.tolist()])
    wells = list(dict.fromkeys(names.tolist()))
    median, spread = well_scales(ds, curves, wells)
    target = parameters["reference_median"].values
    width = parameters["reference_spread"].values
    out = ds.copy()
    left: list[str] = []
    for c, curve in enumerate(curves):
        values = np.array(ds[curve].values, dtype=float)
        for w, well in enumerate(wells):
            if np.isnan(median[w, c]):
                if np.isfinite(values[names == well]).any():
                    left.append(f"{curve} of well {well} was not aligned: too few values")
                continue
            rows = names == well
            moved = (values[rows] - median[w, c]) / spread[w, c] * width[c] + target[c]
            values[rows] += strength * (moved - values[rows])
        out[curve] = ("row", values, ds[curve].attrs)
    found = [str(ds.attrs.get("findings", "")), *left]
    out.attrs["findings"] = "\n".join(line for line in found if line)
    return out


def align_wells(
    ds: xr.Dataset, curve_names: Sequence[str], reference: xr.Dataset | None = None
) -> xr.Dataset:
    """Align the wells to each other, or to a reference measured before.

    Parameters
    ----------
    ds : xarray.Dataset
        As for :func:`apply_alignment`.
    curve_names : sequence of str
        Curves to align, where there is no `reference`.
    reference : xarray.Dataset, optional
        From :func:`alignment`.

    Returns
    -------
    xarray.Dataset

    Examples
    --------
    >>> x = np.arange(100.0)
    >>> ds = xr.Dataset({"well": ("row", ["A"] * 100), "GR": ("row", x)})
    >>> bool(np.allclose(align_wells(ds, ["GR"])["GR"], x))
    True
    """
    if reference is None:
        reference = alignment(ds, curve_names)
    else:
        reference = reference.sel(curve=list(curve_names))
    return apply_alignment(ds, reference)


def well_scales(
    ds: xr.Dataset, curves: Sequence[str], wells: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Median and interquartile range of each curve in each well.

    Returns
    -------
    median, spread : ndarray, shape (well, curve)
        NaN where a well has fewer than 30 values or no spread.
    """
    median = np.full((len(wells), len(curves)), np.nan)
    spread = median.copy()
    names = np.array([str(w) for w in ds["well"].values.tolist()])
    for c, curve in enumerate(curves):
        if curve not in ds:
            raise DataError(f"has no curve {curve!r}; {nearest(curve, map(str, ds.data_vars))}")
        if ds[curve].dtype.kind not in "fiu":
            raise DataError("is text, a log was expected", where=f"curve {curve}")
        values = np.asarray(ds[curve].values, dtype=float)
        for w, well in enumerate(wells):
            own = values[(names == well) & np.isfinite(values)]
            if own.size < _LEAST:
                continue
            low, middle, high = np.quantile(own, [0.25, 0.5, 0.75])
            if high > low:
                median[w, c], spread[w, c] = middle, high - low
    return median, spread
