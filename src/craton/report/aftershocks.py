"""The aftershock forecast of a report: after the largest event of the test, and what came."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from craton.aftershocks import around, normal_forecast, windows_to_come
from craton.forecast_tables import horizons, region_table
from craton.forecast_words import chances, days, decline, expected, heading, number, percent
from craton.models.mainshock_factor import MainshockFactor
from craton.past_mainshocks import FORMULA, misfit, past_forecasts
from craton.report.figures import PALETTE, figure
from craton.report.maps import forecast_map
from craton.report.section import Section
from craton.result import Result
from craton.samples import Samples

TOLD = (1.0, 7.0, 30.0)
DRAWN = (0.1, 0.3, 1.0, 2.0, 4.0, 7.0, 14.0, 30.0)


def aftershock_section(result: Result) -> Section | None:
    """What the tested model would have said right after the largest test event, and what came.

    Parameters
    ----------
    result : Result
        Of the task earthquake-forecast.

    Returns
    -------
    Section, optional
        None where no event of the test lies in the region.
    """
    samples = _zone(result)
    if samples is None:
        return None
    fitted = result.fitted[0][result.selected]
    predicted, normal = fitted.predict(samples), normal_forecast(samples)
    table = region_table(predicted, samples, normal)
    told = table[table["horizon_days"].isin(TOLD)]
    m, mc = predicted["threshold"].to_numpy(), float(samples.data.attrs["mc"])
    magnitude = float(samples.data.attrs["mainshock_magnitude"])
    lines = [
        "After the largest event of the test, by the model fitted on the training part alone. "
        + heading(samples),
        " ".join(chances(told, m, 7.0, magnitude)),
        f"{expected(told, mc, 7.0)} {decline(told, mc)} {_came(table, mc)}",
    ]
    fig = _figure(predicted, samples, table)
    caption = (
        f"Left: chance of at least one M ≥ {_middle(m):g} in 7 days by cell; star: the mainshock; "
        "circles: events of these 7 days, that the forecast did not know. Middle: number of events "
        "since the issue with the 95 % interval; dotted, where there are mainshocks enough, the "
        "formula of Reasenberg and Jones. Right: events a day in the same parts of time."
    )
    return Section("Aftershocks", "\n\n".join(lines), _table(told, m, mc), [fig], [caption])


def past_section(result: Result) -> Section | None:
    """What the model expects after mainshocks that it has learnt from; None without such."""
    table = past_forecasts(result)
    if table.empty:
        return None
    text = (
        f"The tested model right after the {len(table)} largest earthquakes of the training part, "
        "each in its zone. It has learnt from what came, so its numbers should be right on average."
    )
    if FORMULA in table:
        text += " The formula of Reasenberg and Jones is fitted to the other mainshocks each time."
    text += factor_words(result.fitted[0][result.selected].model)
    wrong = misfit(table)
    if wrong:
        text += (
            f" They are not: {wrong}. Take its forecast of aftershocks with that in mind; the "
            "scores above are those of all windows, most of them without a large earthquake."
        )
    return Section("Aftershocks of past mainshocks", text, table)


def factor_words(model: Any) -> str:
    """What a model has learnt of the number of aftershocks, a sentence for each of its members."""
    members = getattr(model, "members", {"": model})
    text = ""
    for name, member in members.items():
        factor: MainshockFactor | None = getattr(member, "factor", None)
        if factor is None:
            continue
        who = f"'{name}'" if name else "the model"
        gain = f"{factor.gain:.2f} [{factor.low:.2f}, {factor.high:.2f}] (90 %) nats a forecast"
        held = f"{factor.mainshocks} mainshocks, each held out once"
        if not factor.kept:
            text += (
                f" A factor on the aftershocks of mainshocks gains {gain} on {held}; {who} does "
                "without."
            )
            continue
        least = factor.least + np.array([1.0, 2.0])
        first, second = factor.of(least, np.zeros(2))
        text += (
            f" In forecasts {who} multiplies the direct aftershocks of known mainshocks of "
            f"M ≥ {factor.least:.1f}, right after M {least[0]:.1f} by {first:.1f} and after "
            f"M {least[1]:.1f} by {second:.1f}, fading in {factor.fade:.0f} days: on {held}, "
            f"that gains {gain}."
        )
    return text


def _zone(result: Result) -> Samples | None:
    """Windows right after the largest test event, in its zone."""
    data, index = result.samples.data, result.test.index
    time = data["time"].to_numpy()
    inside = (time >= index["t0"].min().to_datetime64()) & (
        time < index["t1"].max().to_datetime64()
    )
    inside &= data["cell_of"].to_numpy() >= 0
    if not inside.any():
        return None
    rows = np.flatnonzero(inside)
    row = int(rows[np.argmax(data["magnitude"].to_numpy()[rows])])
    issue = pd.Timestamp(time[row]) + pd.Timedelta("1ms")
    magnitude = float(data["magnitude"].to_numpy()[row])
    gather: Any = result.samples.gather
    gather = dataclasses.replace(
        gather, simulations=1000, thresholds=tuple(sorted({*gather.thresholds, magnitude}))
    )
    zone = around(data, row, result.config.zone_radius)
    return windows_to_come(zone, gather, issue, sorted({*TOLD, *DRAWN}))


def _came(table: pd.DataFrame, mc: float) -> str:
    week = table[table["horizon_days"] == 7.0].iloc[0]
    if not np.isfinite(week["observed_count"]):
        return "The catalogue ends before these 7 days are over."
    return f"In these 7 days {week['observed_count']:.0f} came."


def _middle(thresholds: Any) -> float:
    return float(thresholds[min(1, len(thresholds) - 1)])


def _table(told: pd.DataFrame, thresholds: Any, mc: float) -> pd.DataFrame:
    """A column a horizon: numbers and chances, what is normal, and what came."""
    columns = {}
    for _, r in told.iterrows():
        over, usual = np.isfinite(r["observed_count"]), "normal_count" in r
        low, high = r["count_low"], r["count_high"]
        column = {
            f"expected number, M ≥ {mc:g}": number(r["expected_count"]),
            "95 % of the simulations": f"{low:.0f} to {high:.0f}",
            "normal number": number(r["normal_count"]) if usual else "",
            **({FORMULA: number(r["formula_count"])} if "formula_count" in r else {}),
            "number that came": f"{r['observed_count']:.0f}" if over else "",
        }
        for m in thresholds:
            text = percent(r[f"probability_m{m:g}"])
            if usual:
                text += f", normally {percent(r[f'normal_probability_m{m:g}'])}"
            if over:
                text += "; came" if r[f"observed_m{m:g}"] else "; none came"
            column[f"chance of M ≥ {m:g}"] = text
        columns[f"next {days(r['horizon_days'])}"] = column
    return pd.DataFrame(columns).rename_axis("").reset_index()


def _figure(predicted: xr.Dataset, samples: Samples, table: pd.DataFrame) -> Any:
    from matplotlib.colors import LogNorm

    fig, (left, middle, right) = figure(10.5, 3.5, columns=3, width_ratios=(1.15, 1, 1))
    m = _middle(predicted["threshold"].to_numpy())
    week = int(np.flatnonzero(horizons(samples) == 7.0)[0])
    chance = 100 * predicted["probability"].isel(sample=week).sel(threshold=m).to_numpy()
    norm = LogNorm(max(chance.min(), chance.max() * 1e-3), chance.max())
    forecast_map(left, samples, chance, f"chance of M ≥ {m:g}, 7 days (%)", norm=norm)
    _events(left, samples, samples.index["t1"].iloc[week])
    end, count = (table[n].to_numpy(float) for n in ("horizon_days", "expected_count"))
    seen = table["observed_count"].to_numpy(float)
    low, high = (table[n].to_numpy(float) for n in ("count_low", "count_high"))
    blue = PALETTE[0]
    middle.fill_between(end, low, high, color=blue, alpha=0.25, linewidth=0, label="95 % interval")
    middle.plot(end, count, color=blue, label="expected")
    middle.plot(end, seen, ".", color="black", label="observed")
    middle.set(xlabel="days since issue", ylabel="events since issue", xscale="log")
    begin = np.append(0.0, end[:-1])
    at = np.sqrt(np.maximum(begin, end / 4) * end)
    right.plot(at, np.diff(count, prepend=0) / (end - begin), color=blue, label="expected")
    right.plot(at, np.diff(seen, prepend=0) / (end - begin), ".", color="black", label="observed")
    if "normal_count" in table:
        usual = table["normal_count"].to_numpy(float)
        middle.plot(end, usual, "--", color=PALETTE[1], label="normally")
        right.axhline(usual[-1] / end[-1], linestyle="--", color=PALETTE[1], label="normally")
    right.set(xlabel="days since issue", ylabel="events a day", xscale="log", yscale="log")
    if "formula_count" in table:
        by_formula = table["formula_count"].to_numpy(float)
        middle.plot(end, by_formula, ":", color=PALETTE[2], label=FORMULA)
    left.locator_params(axis="x", nbins=4)
    for ax in (middle, right):
        ax.legend()
    return fig


def _events(ax: Any, samples: Samples, until: pd.Timestamp) -> None:
    """The mainshock, and the events of the window."""
    data = samples.data
    time = data["time"].to_numpy()
    late = (time >= samples.index["t0"].min().to_datetime64()) & (time < until.to_datetime64())
    late &= data["cell_of"].to_numpy() >= 0
    lon, lat = (data[n].to_numpy()[late] for n in ("longitude", "latitude"))
    size = 8 * 2.2 ** (data["magnitude"].to_numpy()[late] - float(data.attrs["mc"]))
    box = ax.get_xlim(), ax.get_ylim()
    ax.scatter(lon, lat, s=size, facecolor="none", edgecolor="white", linewidth=0.9)
    star = (data.attrs["mainshock_longitude"], data.attrs["mainshock_latitude"])
    ax.plot(*star, "*", color=PALETTE[1], markersize=11, markeredgecolor="white")
    ax.set(xlim=box[0], ylim=box[1])
