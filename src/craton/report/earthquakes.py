"""Pictures of an earthquake forecast: maps, forecast against observed counts, magnitudes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from craton.models.physics.etas_parameters import EtasParameters
from craton.models.point_process import ETAS
from craton.report.figures import PALETTE, SEQUENTIAL, figure
from craton.report.section import Section
from craton.result import Result
from craton.samples import Samples


def forecast_sections(result: Result) -> list[Section]:
    """The field's own part of the report."""
    return [
        _next_window(result),
        _series(result),
        _gain_map(result),
        _magnitudes(result),
        _parameters(result),
    ]


def _grid(samples: Samples, values: NDArray[Any]) -> tuple[Any, Any, Any]:
    """Cells as a grid of edges and values, NaN outside the region."""
    data = samples.data
    half = float(data.attrs["cell"]) / 2
    lat = np.round(data["cell_latitude"].to_numpy(), 6)
    lon = np.round(data["cell_longitude"].to_numpy(), 6)
    lats, lons = np.unique(lat), np.unique(lon)
    grid = np.full((len(lats), len(lons)), np.nan)
    grid[np.searchsorted(lats, lat), np.searchsorted(lons, lon)] = values
    return np.r_[lons - half, lons[-1] + half], np.r_[lats - half, lats[-1] + half], grid


def _map(ax: Any, samples: Samples, values: NDArray[Any], label: str, **options: Any) -> None:
    lon, lat, grid = _grid(samples, values)
    mesh = ax.pcolormesh(lon, lat, grid, rasterized=True, **options)
    ax.set(xlabel="longitude (degrees east)", ylabel="latitude (degrees north)")
    ax.set_aspect(1 / np.cos(np.radians(lat.mean())))
    ax.figure.colorbar(mesh, ax=ax, label=label, shrink=0.85)


def _next_window(result: Result) -> Section:
    """The forecast that the bundle would issue now."""
    from matplotlib.colors import LogNorm

    assert result.final is not None
    samples = result.task.samples(result.data, result.config, True)
    found = result.final.predict(samples).isel(sample=0)
    index = samples.index.iloc[0]
    length = (index["t1"] - index["t0"]) / pd.Timedelta("1D")
    lines, usual = [], _usual(result)
    came = result.observed["region_occurred"].mean("sample").to_numpy()
    n = result.observed.sizes["sample"]
    for j, m in enumerate(found["threshold"].to_numpy()):
        chance = float(found["region_probability"][j])
        lines.append(
            f"The chance of at least one event of M ≥ {m:g} in the region in the {length:g} days "
            f"from {index['t0']:%Y-%m-%d %H:%M} UTC is {_percent(chance)}. In the test windows it "
            f"was {_percent(usual[j])} in the mean, and {_percent(came[j])} of the {n} windows had "
            f"one{_verdict(usual[j], came[j], n)}."
        )
    low, high = (
        float(found["region_count"].sel(quantile=q, method="nearest")) for q in (0.025, 0.975)
    )
    mean = float(found["expected_count"].sum())
    lines.append(
        f"Expected number of events of M ≥ {samples.data.attrs['mc']:g}: {mean:.1f}, "
        f"95 % of the simulations give {low:.0f} to {high:.0f}."
    )
    fig, axes = figure(10, 4.2, columns=2)
    counts = np.maximum(found["expected_count"].to_numpy(), 1e-12)
    top = counts.max()
    norm = LogNorm(max(counts.min(), top * 1e-4), top)
    label = f"expected events, M ≥ {samples.data.attrs['mc']:g}"
    _map(axes[0], samples, counts, label, cmap=SEQUENTIAL, norm=norm)
    m = float(found["threshold"][min(1, found.sizes["threshold"] - 1)])
    chance_map = 100 * np.maximum(found["probability"].sel(threshold=m).to_numpy(), 1e-9)
    norm = LogNorm(max(chance_map.min(), chance_map.max() * 1e-4), chance_map.max())
    label = f"chance of at least one M ≥ {m:g} (%)"
    _map(axes[1], samples, chance_map, label, cmap=SEQUENTIAL, norm=norm)
    _recent(axes[0], samples, index["t0"])
    return Section(
        "The next forecast",
        "\n\n".join(lines),
        figures=[fig],
        captions=[
            f"Forecast of '{result.final.name}' for the window after the catalogue's end. Circles: "
            "events of the 30 days before, larger ones larger."
        ],
    )


def _usual(result: Result) -> NDArray[Any]:
    found = result.predictions[result.selected]["region_probability"]
    return np.asarray(found.mean("sample").to_numpy())


def _verdict(said: float, came: float, n: int) -> str:
    """A warning where the share of windows is out of reach of the chances stated."""
    from scipy.stats import binom

    k = round(came * n)
    tail = min(binom.cdf(k, n, said), binom.sf(k - 1, n, said))
    return ": THE FORECAST IS NOT CALIBRATED HERE" if tail < 0.005 else ""


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
    """Forecast and observed numbers, window by window."""
    t0 = result.test.index["t0"].to_numpy()
    seen = result.observed["region_count"].to_numpy()
    found = result.predictions[result.selected]["region_count"]
    low, mid, high = (
        found.sel(quantile=q, method="nearest").to_numpy() for q in (0.025, 0.5, 0.975)
    )
    fig, ax = figure(9, 3.4)
    ax.fill_between(t0, low, high, color=PALETTE[0], alpha=0.25, linewidth=0, label="95 % interval")
    ax.plot(t0, mid, color=PALETTE[0], linewidth=1, label="median forecast")
    outside = (seen < low) | (seen > high)
    ax.plot(t0, seen, ".", color="black", markersize=4, label="observed")
    ax.plot(
        t0[outside], seen[outside], "o", mfc="none", color=PALETTE[1], label="outside the interval"
    )
    ax.set_yscale("symlog", linthresh=10)
    ax.set(ylabel="events in the window", xlabel="issue time")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4)
    share = 100 * outside.mean()
    text = (
        f"{share:.1f} % of the {len(seen)} test windows fall outside the 95 % interval. A "
        "mainshock that nothing announced lies above it: its window was issued before it."
    )
    return Section("Forecast and observed numbers", text, figures=[fig], captions=[
        f"Test windows, issued by '{result.selected}' before each of them."
    ])  # fmt: skip


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
    _map(
        left, result.test, gain, "log-likelihood gain (nats)", cmap="PuOr", vmin=-limit, vmax=limit
    )
    seen = n.sum(axis=0)
    _map(right, result.test, np.where(seen > 0, seen, np.nan), "events observed", cmap=SEQUENTIAL)
    text = (
        f"Log-likelihood of '{result.selected}' minus that of '{result.task.baseline}', summed "
        f"over the test windows: {gain.sum():.1f} nats for {seen.sum():.0f} events."
    )
    captions = ["Left: gain by cell. Right: events of the test windows."]
    return Section("Where the gain comes from", text, figures=[fig], captions=captions)


def _magnitudes(result: Result) -> Section:
    """Magnitude-frequency distribution, with completeness and b-value."""
    from craton.seismicity.b_value import b_value

    values = result.data["magnitude"].to_numpy()
    mc, step = float(result.config.magnitude), float(result.samples.data.attrs["delta_m"])
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
    return Section("Magnitudes", figures=[fig], captions=["Whole catalogue as it was read."])


def _parameters(result: Result) -> Section:
    """ETAS parameters as fitted on the training part, beside the truth where it is known."""
    rows = {}
    for name, fitted in result.fitted[0].items():
        if isinstance(fitted.model, ETAS):
            p = fitted.model.parameters
            rows[name] = {**vars(p), "branching ratio": p.branching_ratio(8.5)}
    truth = {k[5:]: v for k, v in result.data.attrs.items() if k.startswith("etas_")}
    if truth:
        ratio = EtasParameters.from_mapping(truth).branching_ratio(8.5)
        rows["truth"] = {**truth, "branching ratio": ratio}
    frame = pd.DataFrame(rows).rename_axis("parameter").reset_index()
    text = (
        "Rate λ = μ + Σ k0 exp(a (m − mc)) exp(−t/τ) (t + c)^−(1+ω) "
        "(r² + d exp(γ (m − mc)))^−(1+ρ), days and km. The branching ratio, the mean number of "
        "direct aftershocks of an event, is better determined than the single parameters."
    )
    return Section("ETAS parameters", text, table=frame)


def _percent(p: float) -> str:
    if p <= 0:
        return "0 %"
    if p > 0.995:
        return "above 99 %"
    return f"{100 * p:.2g} %"
