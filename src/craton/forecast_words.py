"""Earthquake forecasts in plain sentences."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from craton.aftershocks import normal_forecast, record_begin, record_end
from craton.forecast_tables import horizons, region_table
from craton.io.files import atomic
from craton.samples import Samples

CAUTION = (
    "These are probabilities, not a prediction: they say how often earthquakes follow in many "
    "situations like this one. A damaging earthquake is possible at any time, also when its "
    "chance is small.",
    "The forecast knows the catalogue up to the time of issue. In the hours after a large "
    "earthquake many small ones are missing from catalogues, so that early forecasts may be too "
    "low; each new forecast replaces the one before.",
)


def percent(p: float) -> str:
    """A probability in words that claim no more than is known.

    Examples
    --------
    >>> [percent(p) for p in (0.00001, 0.004, 0.12, 0.999)]
    ['less than 0.01 %', '0.4 %', '12 %', 'more than 99 %']
    """
    if p < 1e-4:
        return "less than 0.01 %"
    if p > 0.99:
        return "more than 99 %"
    return f"{100 * p:.2g} %"


def number(n: float) -> str:
    """An expected number of events.

    Examples
    --------
    >>> [number(n) for n in (0.0123, 3.21, 123.4)]
    ['0.012', '3.2', '123']
    """
    if n < 0.001:
        return "less than 0.001"
    return f"{n:.2g}" if n < 10 else f"{n:.0f}"


def days(h: float) -> str:
    """A length of time.

    Examples
    --------
    >>> days(1.0), days(7.0), days(0.25)
    ('day', '7 days', '6 hours')
    """
    if h < 1:
        return f"{24 * h:.2g} hours"
    return "day" if h == 1 else f"{h:g} days"


def heading(samples: Samples) -> str:
    """What is forecast, from when on, and where, in one sentence."""
    data, t0 = samples.data, samples.index["t0"].max()
    issued = f"{t0:%Y-%m-%d %H:%M} UTC"
    if "mainshock_time" in data.attrs:
        a = data.attrs
        when = pd.Timestamp(a["mainshock_time"])
        return (
            f"Forecast from {issued} on, after the earthquake of magnitude "
            f"{a['mainshock_magnitude']:.3g} on {when:%Y-%m-%d} at {when:%H:%M} UTC "
            f"({_degrees(a['mainshock_latitude'], 'NS')}, "
            f"{_degrees(a['mainshock_longitude'], 'EW')}), for the area within about "
            f"{a['zone_radius']:.0f} km of it."
        )
    half = float(data.attrs["cell"]) / 2
    lat, lon = (data[f"cell_{n}"].to_numpy() for n in ("latitude", "longitude"))
    return (
        f"Forecast from {issued} on, for the whole region ({_degrees(lat.min() - half, 'NS')} to "
        f"{_degrees(lat.max() + half, 'NS')}, {_degrees(lon.min() - half, 'EW')} to "
        f"{_degrees(lon.max() + half, 'EW')})."
    )


def _degrees(value: float, letters: str) -> str:
    value = (value + 180) % 360 - 180 if letters == "EW" else value
    return f"{abs(value):.2f}° {letters[0] if value >= 0 else letters[1]}"


def chances(
    table: pd.DataFrame, thresholds: np.ndarray, horizon: float, mainshock: float | None = None
) -> list[str]:
    """A sentence for each magnitude: the chance within a horizon, and what is normal.

    Parameters
    ----------
    table : pd.DataFrame
        As `craton.forecast_tables.region_table` gives it, for one time of issue.
    thresholds : ndarray
        Magnitudes.
    horizon : float
        Days, one of the table's.
    mainshock : float, optional
        Magnitude of the mainshock, if it is one of them.

    Examples
    --------
    >>> table = pd.DataFrame({"horizon_days": [7.0], "probability_m5": 0.12, "normal_count": 0.2,
    ...                       "normal_probability_m5": 0.004})
    >>> print(*chances(table, np.array([5.0]), 7.0))
    The chance of at least one earthquake of M ≥ 5 in the next 7 days is 12 %, normally 0.4 %.
    """
    row = table[np.isclose(table["horizon_days"], horizon)].iloc[0]
    found = []
    for m in thresholds:
        same = mainshock is not None and abs(m - mainshock) < 1e-6
        text = (
            f"The chance of at least one earthquake of M ≥ {m:g}"
            + (", as large as the mainshock or larger," if same else "")
            + f" in the next {days(horizon)} is {percent(row[f'probability_m{m:g}'])}"
        )
        if "normal_count" in row:
            text += f", normally {percent(row[f'normal_probability_m{m:g}'])}"
        found.append(text + ".")
    return found


def expected(table: pd.DataFrame, mc: float, horizon: float) -> str:
    """One sentence: the expected number of events and its interval."""
    row = table[np.isclose(table["horizon_days"], horizon)].iloc[0]
    text = (
        f"In the next {days(horizon)} {number(row['expected_count'])} earthquakes of M ≥ {mc:g} "
        f"are expected (95 % of the simulations have {row['count_low']:.0f} to "
        f"{row['count_high']:.0f})"
    )
    if "normal_count" in row:
        text += f", normally {number(row['normal_count'])}"
    if "formula_count" in row:
        text += (
            f"; the formula of Reasenberg and Jones, fitted to the mainshocks before, gives "
            f"{number(row['formula_count'])}"
        )
    return text + "."


def decline(table: pd.DataFrame, mc: float) -> str:
    """One sentence: the expected number a day in each part of the longest horizon."""
    parts = table.sort_values("horizon_days")
    ends = parts["horizon_days"].to_numpy(float)
    begins = np.append(0.0, ends[:-1])
    rates = np.diff(parts["expected_count"].to_numpy(float), prepend=0.0) / (ends - begins)
    said = [f"{number(rates[0])} in the first {days(ends[0])}" if ends[0] == 1 else
            f"{number(rates[0])} a day in the first {days(ends[0])}"]  # fmt: skip
    said += [
        f"{number(r)} a day from day {a:g} to day {b:g}"
        for r, a, b in zip(rates[1:], begins[1:], ends[1:], strict=True)
    ]
    text = f"Expected earthquakes of M ≥ {mc:g}: {', '.join(said)}"
    if "normal_count" in parts:
        text += f"; normally {number(parts['normal_count'].iloc[-1] / ends[-1])} a day"
    return text + "."


def chance_table(table: pd.DataFrame, thresholds: np.ndarray) -> pd.DataFrame:
    """Magnitude by horizon; each entry is the chance, and the normal one in brackets."""
    frame = pd.DataFrame({"magnitude": [f"M ≥ {m:g}" for m in thresholds]})
    for _, row in table.sort_values("horizon_days").iterrows():
        entries = []
        for m in thresholds:
            text = percent(row[f"probability_m{m:g}"])
            if "normal_count" in row:
                text += f" (normally {percent(row[f'normal_probability_m{m:g}'])})"
            entries.append(text)
        frame[f"next {days(row['horizon_days'])}"] = entries
    return frame


def write_words(predicted: xr.Dataset, samples: Samples, path: Path) -> None:
    """Markdown: the forecast in sentences that a newspaper could print, and a table.

    Of several times of issue the last is told.
    """
    last = np.flatnonzero(samples.index["t0"] == samples.index["t0"].max())
    samples, predicted = samples.take(last), predicted.isel(sample=last)
    normal = normal_forecast(samples)
    table = region_table(predicted, samples, normal)
    mc, m = float(samples.data.attrs["mc"]), predicted["threshold"].to_numpy()
    lengths = np.sort(horizons(samples))
    middle = float(lengths[len(lengths) // 2])
    shock = samples.data.attrs.get("mainshock_magnitude")
    kind = "Earthquake" if shock is None else "Aftershock"
    lines = [f"# {kind} forecast", "", heading(samples), ""]
    lines += [f"- {sentence}" for sentence in chances(table, m, middle, shock)]
    lines += [f"- {expected(table, mc, middle)}"]
    if len(lengths) > 1:
        lines += [f"- {decline(table, mc)}"]
    lines += ["", "Chance of at least one earthquake:", "", *_markdown(chance_table(table, m)), ""]
    lines += [
        "Expected number of earthquakes, with the range of 95 % of the simulations:", "",
        *_markdown(_numbers(table, mc)), "", normal_is(samples, normal), "",
        "\n\n".join(CAUTION), "", *_origin(predicted),
    ]  # fmt: skip
    with atomic(path) as part:
        part.write_text("\n".join(lines), encoding="utf-8")


def _origin(predicted: xr.Dataset) -> list[str]:
    """What a test showed of the model, and which model it is, where that is known."""
    about = predicted.attrs
    lines = [f"Caution: {about['caution']}", ""] if "caution" in about else []
    if "bundle_sha256" in about:
        made = f"made with craton {about['craton']} by the model '{about['model']}'"
        lines += [f"This forecast was {made} of the bundle {about['bundle_sha256'][:12]}.", ""]
    return lines


def normal_is(samples: Samples, normal: xr.Dataset | None) -> str:
    """One sentence: what "normally" means here."""
    if normal is None:
        return "The record is too short to say what is normal."
    begin, until = record_begin(samples), record_end(samples)
    return (
        f"“Normally” is the mean rate of the record from {begin:%Y-%m-%d} to {until:%Y-%m-%d} in "
        "this area, aftershocks of the past included, with as large a share of large earthquakes "
        "as in the whole region."
    )


def _numbers(table: pd.DataFrame, mc: float) -> pd.DataFrame:
    row = {"magnitude": f"M ≥ {mc:g}"}
    for _, r in table.sort_values("horizon_days").iterrows():
        text = f"{number(r['expected_count'])} ({r['count_low']:.0f} to {r['count_high']:.0f})"
        if "normal_count" in r:
            text += f", normally {number(r['normal_count'])}"
        row[f"next {days(r['horizon_days'])}"] = text
    return pd.DataFrame([row])


def _markdown(frame: pd.DataFrame) -> list[str]:
    rows = [list(map(str, frame.columns)), ["---"] * len(frame.columns)]
    rows += [[str(v) for v in row] for row in frame.itertuples(index=False)]
    return ["| " + " | ".join(row) + " |" for row in rows]
