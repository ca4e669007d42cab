"""What is odd in an earthquake catalogue, said in sentences."""

from __future__ import annotations

from typing import Literal

import numpy as np
import xarray as xr

from craton.checks import Finding
from craton.io.catalog import duplicates
from craton.seismicity.b_value import b_positive, b_value, magnitude_bin
from craton.seismicity.blasts import blast_cells
from craton.seismicity.completeness import Completeness, completeness, magnitude_of_completeness
from craton.seismicity.completeness_maps import completeness_in_time, completeness_map
from craton.seismicity.copies import compare_catalogs
from craton.seismicity.declustering import gardner_knopoff, reasenberg
from craton.seismicity.nearest_neighbour import families, nearest_neighbours
from craton.seismicity.unused import type_names

_NATURAL = {"", "earthquake", "eq", "le", "re", "ke", "known", "unknown", "not reported", "nan"}
_MOST = 30_000
_METHODS = {
    "maximum-curvature": "maximum curvature",
    "goodness-of-fit": "goodness of fit",
    "b-stability": "stability of b",
}


def catalog_findings(
    data: xr.Dataset, used_from: float | None, step: float | None
) -> list[Finding]:
    """Completeness, b-value, their changes, blasts, clusters and repeated events.

    Parameters
    ----------
    data : xr.Dataset
        As `craton.io.catalog.read_catalog` gives it.
    used_from : float, optional
        Magnitude from which events are used, if that is already said.
    step : float, optional
        Bin of the magnitudes; found in the data if None.

    Returns
    -------
    list of Finding

    Examples
    --------
    >>> from craton.data.earthquakes import simulated_catalog, with_blasts
    >>> found = catalog_findings(with_blasts(simulated_catalog(seed=1)), 3.0, 0.01)
    >>> any("more events by day than by night" in f.text for f in found)
    True
    """
    magnitudes = data["magnitude"].to_numpy()
    if len(magnitudes) < 50:
        return [
            _say(
                "error",
                f"{len(magnitudes)} events, at least 50 are needed, over 20 "
                "windows of --set horizon= days (7) or more: give a longer record",
            )
        ]
    step = step or magnitude_bin(magnitudes)
    mc = magnitude_of_completeness(magnitudes)
    if np.unique(magnitudes[magnitudes >= mc - step / 2]).size < 2:
        text = f"fewer than two different magnitudes from completeness, about {mc:.1f}, on"
        return [_say("error", f"{text}: nothing can be said of their distribution")]
    level = mc if used_from is None else max(mc, used_from)
    methods = [completeness(magnitudes, method) for method in _METHODS]
    found = [
        _say("info", f"{len(magnitudes)} events, magnitude {magnitudes.min():.1f} to "
             f"{magnitudes.max():.1f}"),
        _say("info", "complete from about " + ", ".join(_told(c) for c in methods)),
    ]  # fmt: skip
    least = min((c.mc for c in methods if np.isfinite(c.mc)), default=mc)
    if used_from is not None and used_from < least - 0.15:
        text = f"the magnitude {used_from:g} asked for is below completeness, about {mc:.1f}"
        found.append(_say("warning", text))
    found += _in_time(data, level) + _in_space(data, level)
    found += _slope(data, mc, step) + _changes(data, mc, step)
    found += _repeated(data) + _not_natural(data) + _by_day(data)
    return found + _clusters(data, level)


def copy_findings(
    first: xr.Dataset, second: xr.Dataset, names: tuple[str, str] = ("the first", "the second")
) -> list[Finding]:
    """Say whether two catalogues are independent, copies, or kept by different clocks.

    Parameters
    ----------
    first, second : xr.Dataset
        As `craton.io.catalog.read_catalog` gives them.
    names : (str, str)
        What to call them.

    Returns
    -------
    list of Finding

    Examples
    --------
    >>> from craton.data.earthquakes import simulated_catalog
    >>> catalog = simulated_catalog(seed=1, days=500)
    >>> copy_findings(catalog, catalog, ("ours", "theirs"))[0].level
    'warning'
    """
    c, where = compare_catalogs(first, second), "two catalogues"
    share = f"{100 * c.share_first:.0f} % of the events of {names[0]} are in {names[1]}"
    share += f", {100 * c.share_second:.0f} % the other way"
    if not c.first.size:
        return [Finding("info", share, where)]
    typical = f"typical difference {c.seconds:.2f} s, {c.km:.1f} km, {c.magnitude:.2f} magnitudes"
    same = f"{100 * c.equal:.0f} % of these are equal beyond what two solutions are"
    found = [Finding("info", f"{share}; {typical}; {same}", where)]
    if c.is_copy:
        text = f"{share}; {typical}; {same}: one is largely a copy, no independent evidence"
        found = [Finding("warning", text, where)]
    if abs(c.shift_seconds) > 30:
        text = f"the clock of {names[1]} is {c.shift_seconds:+.1f} s off that of {names[0]}"
        hours = round(c.shift_seconds / 3600)
        if hours and abs(c.shift_seconds - 3600 * hours) <= 1:
            text += f", {hours:+d} h: local time against UTC?"
        found.append(Finding("warning", text, where))
    if abs(c.shift_magnitude) >= 0.1:
        text = f"magnitudes of {names[1]} are {c.shift_magnitude:+.2f} off those of {names[0]}"
        found.append(Finding("warning" if c.is_copy else "info", text, where))
    return found


def _say(level: Literal["info", "warning", "error"], text: str) -> Finding:
    return Finding(level, text, "catalogue")


def _told(c: Completeness) -> str:
    if np.isnan(c.mc):
        return f"nowhere by {_METHODS[c.method]}"
    return f"{c.mc:.1f} ({c.low:.1f} to {c.high:.1f}) by {_METHODS[c.method]}"


def _in_time(data: xr.Dataset, level: float) -> list[Finding]:
    """Times in which the catalogue is not complete from `level` on."""
    n = data.sizes["event"]
    window = max(200, n // 50)
    if n < 3 * window:
        return []
    found = completeness_in_time(data, window, resamples=50)
    # A window speaks for the time up to the middle of the next, so sequences weigh little.
    start, end = (found[k].to_numpy() for k in ("start", "end"))
    length = (end - start) / np.timedelta64(1, "D")
    poor = found["low"].to_numpy() > level + 0.15
    share = float(length[poor].sum() / max(length.sum(), 1e-9))
    if share < 0.1:
        return []
    runs = np.flatnonzero(np.diff(np.r_[False, poor, False].astype(int))).reshape(-1, 2)
    a, z = max(runs, key=lambda run: float((end[run[1] - 1] - start[run[0]]).astype(float)))
    worst = np.median(found["mc"].to_numpy()[a:z])
    text = (
        f"not complete from {level:.1f} in {100 * share:.0f} % of the record, longest from "
        f"{_date(start[a])} to {_date(end[z - 1])} (about {worst:.1f}): use later events only "
        "(--set train_from=) or a higher --set magnitude="
    )
    return [_say("warning", text)]


def _in_space(data: xr.Dataset, level: float) -> list[Finding]:
    """How completeness differs from place to place."""
    n = data.sizes["event"]
    side = max(float(np.ptp(data[k].to_numpy())) for k in ("latitude", "longitude"))
    if n < 1000 or side == 0:
        return []
    found = completeness_map(data, side / 20, nearest_events=200, reach_km=side / 10 * 111.2)
    mc = found["mc"].to_numpy()
    mc = mc[np.isfinite(mc)]
    if mc.size < 10:
        return []
    low, high = np.quantile(mc, [0.1, 0.9])
    text = f"completeness differs in space: {low:.1f} to {high:.1f} in 80 % of the places"
    well_above = level + 0.35  # a small sample's second bin may be its fullest: 0.1 and 0.2
    if high <= well_above:
        return [_say("info", text)]
    share = 100 * float((mc > well_above).mean())
    return [_say("warning", f"{text}, well above {level:.1f} in {share:.0f} %")]


def _slope(data: xr.Dataset, mc: float, step: float) -> list[Finding]:
    """b-value, and b-positive beside it."""
    magnitudes = data["magnitude"].to_numpy()
    b = b_value(magnitudes, mc, step)
    text = f"b = {b.b:.2f} +- {b.standard_error:.2f} from magnitude {mc:.1f}"
    steps = np.diff(magnitudes)
    if np.unique(steps[steps >= 0.2 - 1e-9]).size < 10:
        found = [_say("info", text)]
    else:
        p = b_positive(magnitudes, step, 0.2)
        text += f"; {p.b:.2f} +- {p.standard_error:.2f} from positive differences (b-positive)"
        found = [_say("info", text)]
        if p.b - b.b > max(4 * np.hypot(b.standard_error, p.standard_error), 0.1):
            text = (
                f"b-positive is {p.b:.2f} where b is {b.b:.2f}: events above {mc:.1f} are missing, "
                "most likely soon after large ones"
            )
            found.append(_say("warning", text))
    if not 0.7 <= b.b <= 1.3:
        text = f"b = {b.b:.2f} is unusual: mixed magnitude scales, or not complete from {mc:.1f}?"
        found.append(_say("warning", text))
    return found


def _changes(data: xr.Dataset, mc: float, step: float) -> list[Finding]:
    """A b-value that differs between the two halves of the record beyond its errors."""
    large = data["magnitude"].to_numpy() >= mc - 1e-6
    time, magnitude = data["time"].to_numpy()[large], data["magnitude"].to_numpy()[large]
    late = time > time[0] + (time[-1] - time[0]) / 2
    if min(late.sum(), (~late).sum()) < 100:
        return []
    a, b = (b_value(magnitude[part], mc, step) for part in (~late, late))
    reach = float(np.hypot(a.standard_error, b.standard_error))
    if abs(a.b - b.b) < max(4 * reach, 0.15):
        return []
    text = (
        f"b is {a.b:.2f} in the first half of the record and {b.b:.2f} in the second: magnitude "
        "scale or the completeness changed, and chances of large events will be wrong; use later "
        "events only (--set train_from=) or a higher --set magnitude="
    )
    return [_say("warning", text)]


def _repeated(data: xr.Dataset) -> list[Finding]:
    twice = int(duplicates(data).sum())
    if not twice:
        return []
    text = (
        f"{twice} events look like a repetition of another (2 s, 5 km, 0.2); all were kept: "
        "--set drop_duplicates=true leaves the later ones out, early aftershocks among them"
    )
    return [_say("warning", text)]


def _not_natural(data: xr.Dataset) -> list[Finding]:
    """Events that are no earthquakes by the type that the file gives them."""
    if "event_type" not in data:
        return []
    names = type_names(data)
    natural = names.isin(_NATURAL)
    count = names[~natural].value_counts()
    if count.empty:
        return []
    kept = ", ".join(name or '""' for name in sorted(set(names[natural]))) or "earthquake"
    most = ", ".join(f"{name} {number}" for name, number in count.iloc[:4].items())
    text = (
        f"{count.sum()} events are no earthquakes by their own type ({most}); all were kept: "
        f"--set event_types='[{kept}]' leaves them out"
    )
    return [_say("warning", text)]


def _by_day(data: xr.Dataset) -> list[Finding]:
    """Places with more events by day, as quarries make them."""
    cells = blast_cells(data)
    if not cells.contaminated.any():
        return []
    worst = int(np.argmax(cells.excess))
    share = 100 * cells.excess.sum() / data.sizes["event"]
    text = (
        f"{int(cells.contaminated.sum())} cells of 0.2 degrees have more events by day than by "
        f"night, about {cells.excess.sum():.0f} in all ({share:.1f} %), most near "
        f"{cells.latitude[worst]:.1f}, {cells.longitude[worst]:.1f}: quarry blasts?"
    )
    return [_say("warning", text)]


def _clusters(data: xr.Dataset, mc: float) -> list[Finding]:
    """Share of main shocks by three ways of declustering, on the latest events."""
    some = data.isel(event=np.flatnonzero(data["magnitude"].to_numpy() >= mc - 1e-6)[-_MOST:])
    if some.sizes["event"] < 200:
        return []
    magnitude = some["magnitude"].to_numpy()
    share = [100 * float(c.mainshock.mean()) for c in (
        families(nearest_neighbours(some), magnitude), gardner_knopoff(some), reasenberg(some, mc)
    )]  # fmt: skip
    text = (
        f"of the events from {mc:.1f} on {share[0]:.0f} % are main shocks by nearest neighbours, "
        f"{share[1]:.0f} % by Gardner-Knopoff windows, {share[2]:.0f} % by Reasenberg's links"
    )
    return [_say("info", text)]


def _date(moment: np.datetime64) -> str:
    return str(moment.astype("datetime64[D]"))
