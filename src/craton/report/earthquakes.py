"""Pictures of an earthquake forecast: maps, forecast against observed counts, magnitudes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from craton.aftershocks import normal_forecast
from craton.forecast_calibration import in_the_test
from craton.forecast_cautions import bound_lines
from craton.forecast_tables import horizons, region_table
from craton.forecast_words import (
    CAUTION,
    chance_table,
    chances,
    decline,
    expected,
    heading,
    normal_is,
)
from craton.models.etas import ETAS
from craton.models.physics.etas_options import OPTIONS
from craton.models.physics.etas_parameters import FITTED, EtasParameters
from craton.models.point_process import Region
from craton.report.aftershocks import aftershock_section, past_section
from craton.report.csep_tests import csep_section
from craton.report.figures import PALETTE, figure
from craton.report.maps import forecast_map
from craton.report.neural import neural_section
from craton.report.section import Section
from craton.result import Result
from craton.samples import Samples

NORMAL = "smoothed-seismicity"
"""The baseline that tells what is normal."""


def forecast_sections(result: Result) -> list[Section]:
    """The field's own part of the report."""
    after, past = aftershock_section(result), past_section(result)
    return [
        _next_window(result),
        _series(result),
        *(section for section in (after, past) if section is not None),
        _gain_map(result),
        csep_section(result),
        _magnitudes(result),
        _parameters(result),
        *_options(result),
        *neural_section(result),
    ]


def _next_window(result: Result) -> Section:
    """The forecast that the bundle would issue now."""
    from matplotlib.colors import LogNorm

    assert result.final is not None
    samples = result.task.samples(result.data, result.config, True)
    found, normal = result.final.predict(samples), normal_forecast(samples)
    table, m = region_table(found, samples, normal), found["threshold"].to_numpy()
    lengths = horizons(samples)
    middle = int(np.argsort(lengths)[len(lengths) // 2])
    length, mc = float(lengths[middle]), float(samples.data.attrs["mc"])
    text = [
        heading(samples), " ".join(chances(table, m, length)),
        f"{expected(table, mc, length)} {decline(table, mc)}", in_the_test(result),
        f"{normal_is(samples, normal)} {CAUTION[0]}",
    ]  # fmt: skip
    fig, axes = figure(10, 4.2, columns=2)
    at, m2 = found.isel(sample=middle), float(m[min(1, len(m) - 1)])
    chance = 100 * np.maximum(at["probability"].sel(threshold=m2).to_numpy(), 1e-9)
    norm = LogNorm(max(chance.min(), chance.max() * 1e-4), chance.max())
    forecast_map(axes[0], samples, chance, f"chance of M ≥ {m2:g}, {length:g} days (%)", norm=norm)
    _recent(axes[0], samples, samples.index["t0"].iloc[middle])
    if normal is None:
        axes[1].set_axis_off()
    else:
        usual = normal["expected_count"].isel(sample=middle).to_numpy()
        times = at["expected_count"].to_numpy() / np.maximum(usual, 1e-12)
        reach = float(np.clip(np.quantile(np.abs(np.log10(times)), 0.99), 0.5, 3))
        norm = LogNorm(10**-reach, 10**reach)
        forecast_map(axes[1], samples, times, "times normal", norm=norm, cmap="PuOr_r")
    caption = (
        f"Forecast of '{result.final.name}' for the {length:g} days after the catalogue's end. "
        "Left: chance of at least one such event by cell; circles: events of the 30 days before, "
        "larger ones larger. Right: expected number over the normal one."
    )
    shown = chance_table(table, m)
    return Section("The next forecast", "\n\n".join(text), shown, [fig], [caption])


def _recent(ax: Any, samples: Samples, t0: pd.Timestamp) -> None:
    time = pd.DatetimeIndex(samples.data["time"].to_numpy())
    late = np.flatnonzero((time >= t0 - pd.Timedelta("30D")) & (time < t0))
    mc = float(samples.data.attrs["mc"])
    size = 6 * 2.2 ** (samples.data["magnitude"].to_numpy()[late] - mc)
    lon, lat = (samples.data[n].to_numpy()[late] for n in ("longitude", "latitude"))
    x0, x1 = ax.get_xlim()
    y0, y1 = ax.get_ylim()
    ax.scatter(lon, lat, s=size, facecolor="none", edgecolor="white", linewidth=0.8)
    ax.set(xlim=(x0, x1), ylim=(y0, y1))


def _series(result: Result) -> Section:
    """Forecast and observed numbers and chances, window by window."""
    t0 = result.test.index["t0"].to_numpy()
    seen = result.observed["region_count"].to_numpy()
    predicted = result.predictions[result.selected]
    normal = result.predictions.get(NORMAL)
    low, mid, high = (
        predicted["region_count"].sel(quantile=q, method="nearest").to_numpy()
        for q in (0.025, 0.5, 0.975)
    )
    fig, (ax, below) = figure(9, 5.2, rows=2, sharex=True, height_ratios=(1.5, 1))
    ax.fill_between(t0, low, high, color=PALETTE[0], alpha=0.25, linewidth=0, label="95 % interval")
    ax.plot(t0, mid, color=PALETTE[0], linewidth=1, label="median forecast")
    outside = (seen < low) | (seen > high)
    ax.plot(t0, seen, ".", color="black", markersize=4, label="observed")
    ax.plot(
        t0[outside], seen[outside], "o", mfc="none", color=PALETTE[1], label="outside the interval"
    )
    if normal is not None:
        usual = normal["expected_count"].sum("cell").to_numpy()
        ax.plot(t0, usual, "--", color=PALETTE[1], linewidth=1, label="normally")
    _count_axis(ax, max(float(seen.max()), float(high.max())))
    ax.set(ylabel="events in the window")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=5)
    m = _chance_series(below, result, normal)
    share = 100 * outside.mean()
    text = (
        f"{share:.1f} % of the {len(seen)} test windows fall outside the 95 % interval. A "
        "mainshock that nothing announced lies above it: its window was issued before it."
    )
    caption = (
        f"Test windows of {result.config.horizon:g} days, issued by '{result.selected}' before "
        f"each of them. Below: the chance of at least one event of M ≥ {m:g}, triangles where one "
        "came."
    )
    if normal is not None:
        caption += f" Normally: the mean of '{NORMAL}', which knows the training part."
    return Section("Forecast and observed numbers", text, figures=[fig], captions=[caption])


def _chance_series(ax: Any, result: Result, normal: Any) -> float:
    """Draw the chance in each window of a magnitude that came in some of them; return that."""
    came = result.observed["region_occurred"]
    thresholds = came["threshold"].to_numpy()
    # the one whose share of windows tells most: nearest to a quarter
    j = int(np.argmin(np.abs(came.mean("sample").to_numpy() - 0.25)))
    t0, m = result.test.index["t0"].to_numpy(), float(thresholds[j])
    chance = 100 * result.predictions[result.selected]["region_probability"][:, j].to_numpy()
    ax.plot(t0, chance, color=PALETTE[0], linewidth=1)
    if normal is not None:
        usual = 100 * normal["region_probability"][:, j].to_numpy()
        ax.plot(t0, usual, "--", color=PALETTE[1], linewidth=1)
    hit = came[:, j].to_numpy() > 0
    ax.plot(t0[hit], chance[hit], "^", color="black", markersize=4)
    ax.set(ylabel=f"chance of M ≥ {m:g} (%)", xlabel="issue time", ylim=(0, None))
    return m


def _count_axis(ax: Any, top: float) -> None:
    """Linear for few events, else linear to ten and logarithmic above, with numbers to read."""
    from matplotlib.ticker import FixedLocator, NullLocator, ScalarFormatter

    if top <= 50:
        return
    ax.set_yscale("symlog", linthresh=10)
    ticks = [0.0, 5.0, *(a * 10.0**k for k in range(1, 7) for a in (1, 2, 5))]
    ax.yaxis.set_major_locator(FixedLocator([t for t in ticks if t <= 1.2 * max(top, 10)]))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(ScalarFormatter())


def _gain_map(result: Result) -> Section:
    """Where the information gain over the baseline comes from."""
    base, best = (
        np.maximum(result.predictions[n]["expected_count"].to_numpy().astype(float), 1e-12)
        for n in (result.task.baseline, result.selected)
    )
    n = result.observed["count"].to_numpy()
    gain = (n * np.log(best / base) - best + base).sum(axis=0)
    limit = max(float(np.abs(gain).max()), 1e-6)
    fig, (left, right) = figure(10, 4.2, columns=2)
    forecast_map(
        left, result.test, gain, "log-likelihood gain (nats)", cmap="PuOr", vmin=-limit, vmax=limit
    )
    seen = n.sum(axis=0)
    forecast_map(right, result.test, np.where(seen > 0, seen, np.nan), "events observed")
    text = (
        f"Log-likelihood of '{result.selected}' minus that of '{result.task.baseline}', summed "
        f"over the test windows: {gain.sum():.1f} nats for {seen.sum():.0f} events."
    )
    captions = ["Left: gain by cell. Right: events of the test windows."]
    return Section("Where the gain comes from", text, figures=[fig], captions=captions)


def _magnitudes(result: Result) -> Section:
    """Magnitude-frequency distribution, with completeness, b-value and what is not used."""
    from craton.seismicity.b_value import b_value
    from craton.seismicity.unused import WHERE, kept_events

    config = result.config
    kept = kept_events(result.data, config.event_types, config.drop_duplicates)
    values = kept["magnitude"].to_numpy()
    mc, step = float(config.magnitude), float(result.samples.data.attrs["delta_m"])
    found = b_value(np.round(values, 6), mc, step)
    edges = np.arange(np.floor(values.min() * 10) / 10, values.max() + step, step)
    above = np.array([(values >= m - 1e-9).sum() for m in edges])
    fig, ax = figure(6, 3.6)
    ax.semilogy(edges, above, "o", color="black", markersize=3, label="observed")
    at = np.array([mc, values.max()])
    n = (values >= mc - 1e-9).sum()
    line = n * 10 ** (-found.b * (at - mc))
    ax.semilogy(at, line, color=PALETTE[0], label=f"b = {found.b:.2f} ± {found.standard_error:.2f}")
    ax.axvline(mc, color=PALETTE[7], linestyle="--", label=f"used from {mc:g}")
    ax.set(xlabel="magnitude m", ylabel="events of m or more", ylim=(0.7, None))
    ax.legend()
    text = "\n\n".join(f"{f.text}." for f in result.findings if f.where == WHERE)
    caption = "Whole catalogue as it was read."
    if kept.sizes["event"] < result.data.sizes["event"]:
        caption = "Whole catalogue, but for the types and repetitions that are left out."
    return Section("Magnitudes", text, figures=[fig], captions=[caption])


def _parameters(result: Result) -> Section:
    """ETAS parameters as fitted on the training part, beside the truth where it is known."""
    rows = {}
    train = result.samples.take(result.splits[0].train)
    largest = Region.of(train).knowing(train.inputs()["all_events"]).largest_magnitude
    for name, fitted in result.fitted[0].items():
        if isinstance(fitted.model, ETAS):
            p = fitted.model.parameters
            rows[name] = {**vars(p), "branching ratio": p.branching_ratio(largest)}
            if fitted.model.errors is not None:
                named = (*FITTED, "beta", "branching ratio")
                rows[f"{name}: standard error"] = dict(
                    zip(named, fitted.model.errors.tolist(), strict=True)
                )
    truth = {k[5:]: v for k, v in result.data.attrs.items() if k.startswith("etas_")}
    if truth:
        ratio = EtasParameters.from_mapping(truth).branching_ratio(largest)
        rows["truth"] = {**truth, "branching ratio": ratio}
    frame = pd.DataFrame(rows).rename_axis("parameter").reset_index()
    text = (
        "Rate λ = μ + Σ k0 exp(a (m − mc)) exp(−t/τ) (t + c)^−(1+ω) "
        "(r² + d exp(γ (m − mc)))^−(1+ρ), days and km. The branching ratio, the mean number of "
        f"direct aftershocks of an event up to magnitude {largest:g}, is better determined than "
        "the single parameters. Standard "
        "errors are those of the observed information, for events in the whole plane and a known "
        "background: a value less and plus 1.96 of them is its 95 % interval."
    )
    lines = bound_lines({name: fitted.model for name, fitted in result.fitted[0].items()})
    return Section("ETAS parameters", "\n\n".join([text, *lines]), table=frame)


def _options(result: Result) -> list[Section]:
    """What each option of the ETAS fit gains alone."""
    models = [f.model for f in result.fitted[0].values() if isinstance(f.model, ETAS)]
    gains = next((m.gains for m in models if m.gains is not None), None)
    if gains is None:
        return []
    columns = ("gain", "low", "high", "events")
    frame = pd.DataFrame(gains, index=list(OPTIONS), columns=columns)
    frame = frame.astype({"events": int}).rename_axis("option").reset_index()
    text = (
        "Each option alone against the plain fit with a uniform background: both fitted on the "
        "first four fifths of the training part (of its last 10,000 events where it has more) and "
        "scored on the last fifth, in nats per event with a 95 % interval from 30-day blocks. With "
        "a completeness the events above it alone count. The candidates above use the background; "
        "the other options are arguments of `craton.models.physics.etas.fit`."
    )
    return [Section("Options of the ETAS fit", text, table=frame)]
