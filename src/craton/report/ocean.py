"""Pictures of a forecast of fields: plume, skill by lead, skill maps, the strongest event."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from craton.io.grids import axes as axes_of
from craton.io.grids import spread_out
from craton.metrics import middle
from craton.models.physics.lim import LIM, modes, tau_test
from craton.report.figures import BASELINE, DIVERGING, PALETTE, SELECTED, figure
from craton.report.section import Section
from craton.result import Result

LEADS = (3, 6, 9)
"""Months ahead that maps are drawn for, as far as they are forecast."""

MISSING = "#b0b0b0"
SHADES = (0.12, 0.22, 0.35)


def ocean_sections(result: Result) -> list[Section]:
    """The field's own part of the report of an ocean forecast."""
    found = [
        _plume(result),
        _skill_by_lead(result),
        _skill_maps(result),
        _event(result),
        _coverage(result),
        _modes(result),
    ]
    return [section for section in found if section is not None]


def _shown(result: Result) -> list[str]:
    """The selected model and the baseline; one name where they are the same."""
    return list(dict.fromkeys([result.selected, result.task.baseline]))


def _region(result: Result) -> str:
    return next(iter(result.samples.target.regions or {}))


def _leads(result: Result) -> list[int]:
    """The leads for maps: those of 3, 6, 9 that are there, else first, middle and last."""
    leads = result.observed["lead"].to_numpy().tolist()
    wanted = [lead for lead in LEADS if lead in leads]
    if len(wanted) >= 2:
        return wanted
    return sorted({leads[0], leads[len(leads) // 2], leads[-1]})


def _plume(result: Result) -> Section:
    """Quantiles of the regional mean from the last month in the data."""
    assert result.final is not None
    region = _region(result)
    samples = result.task.samples(result.data, result.config, True)
    found = result.final.predict(samples)
    q = found[region].isel(sample=0)
    row, weights = int(samples.index.index[0]), (samples.target.regions or {})[region]
    field = samples.data[samples.target.name].to_numpy()
    past = np.arange(max(0, row - 23), row + 1)
    there = np.isfinite(field[past])
    seen = np.where(there, field[past], 0) @ weights / np.maximum(there @ weights, 1e-9)
    issued = samples.index["t0"].iloc[0]
    leads = q["lead"].to_numpy()
    fig, ax = figure(7.2, 3.2)
    ax.plot(past - row, seen, color="black", label="observed")
    _fan(ax, leads, q, SELECTED)
    ax.axhline(0, color="black", linewidth=0.6, alpha=0.5)
    ax.axvline(0, color="black", linewidth=0.6, alpha=0.5, linestyle=":")
    ax.set_xlabel(f"months from {issued:%B %Y}")
    ax.set_ylabel(f"{_words(region)} anomaly [degC]")
    ax.legend(loc="best")
    last = q.isel(lead=-1)
    low, mid, high = (float(last.sel(quantile=p, method="nearest")) for p in (0.05, 0.5, 0.95))
    month = (issued + pd.offsets.MonthBegin(int(leads[-1]))).strftime("%B %Y")
    text = (
        f"The forecast of '{result.final.name}' from the last month that has data. For {month}: "
        f"{mid:+.2f} degC, with a chance of 90 % between {low:+.2f} and {high:+.2f} degC."
    )
    return Section(
        "The next months", text, None, (fig,), ("Median, and intervals of 50, 80 and 90 %.",)
    )


def _fan(ax: Any, x: NDArray[Any], q: xr.DataArray, colour: str, label: str = "forecast") -> None:
    """Median and nested central intervals."""
    levels = q["quantile"].to_numpy()
    lower = levels[levels < 0.5 - 1e-9]
    for low, shade in zip(lower, SHADES, strict=False):
        band = (q.sel(quantile=p, method="nearest").to_numpy() for p in (low, 1 - low))
        ax.fill_between(x, *band, color=colour, alpha=shade, linewidth=0)
    ax.plot(x, middle(q).to_numpy(), color=colour, marker="o", markersize=3, label=label)


def _skill_by_lead(result: Result) -> Section:
    """Anomaly correlation and error along the leads, of the region and of the field."""
    region, name = _region(result), result.samples.target.name
    panels = [
        f"{kind}_{what}" for what in (region, name) for kind in ("anomaly_correlation", "rmse")
    ]
    fig, axes = figure(7.2, 5.6, rows=2, columns=2, sharex=True)
    for ax, metric in zip(axes.ravel(), panels, strict=True):
        _curves(ax, result, metric)
        ax.set_title(_words(metric), loc="left")
    for ax in axes[1]:
        ax.set_xlabel("lead [months]")
        ax.xaxis.set_major_locator(_ticker(3))
    handles, labels = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower center", ncols=4)
    table = _table(result, [f"anomaly_correlation_{w}" for w in (region, name)])
    years = result.test.index["t0"].dt.year
    text = (
        f"Forecasts issued {years.min()} to {years.max()}. Anomaly correlation is not centred, and "
        "for the field it runs over all cells, weighted by area. Bands are 95 % intervals by "
        f"resampling blocks of two years ({len(np.unique(result.blocks))} blocks)."
    )
    return Section("Skill by lead", text, table, (fig,), ("Bands for the selected model and the "
                   "baseline.",))  # fmt: skip


def _curves(ax: Any, result: Result, metric: str) -> None:
    grey = iter([*PALETTE[2:], *PALETTE[2:]])
    for model in result.predictions:
        lines = [s for s in result.breakdown if s.model == model and s.metric == metric]
        x = [float(s.where.split("=")[1]) for s in lines]
        shown = model in _shown(result)
        colour = _colour(result, model) if shown else next(grey)
        width, style = (2.0, "-") if shown else (1.1, "--")
        ax.plot(x, [s.score for s in lines], style, color=colour, linewidth=width, label=model)
        if shown and all(np.isfinite([s.low for s in lines] + [s.high for s in lines])):
            low, high = [s.low for s in lines], [s.high for s in lines]
            ax.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
    if metric.startswith("anomaly"):
        ax.axhline(0, color="black", linewidth=0.6, alpha=0.5)
        ax.set_ylabel("correlation")
    else:
        ax.set_ylabel("degC")
    ax.grid(alpha=0.2, linewidth=0.5)


def _colour(result: Result, model: str) -> str:
    return SELECTED if model == result.selected else BASELINE


def _table(result: Result, metrics: Sequence[str]) -> pd.DataFrame:
    """Scores with intervals at the leads of the maps."""
    lines = []
    for model in result.predictions:
        line: dict[str, Any] = {"model": model}
        for metric in metrics:
            for lead in _leads(result):
                score = next(
                    s
                    for s in result.breakdown
                    if s.model == model and s.metric == metric and s.where == f"lead={lead}"
                )
                head = f"{_words(metric.removeprefix('anomaly_correlation_'))}, lead {lead}"
                line[head] = f"{score.score:.2f} [{score.low:.2f}, {score.high:.2f}]"
        lines.append(line)
    return pd.DataFrame(lines)


def cell_correlation(observed: xr.DataArray, forecast: xr.DataArray) -> NDArray[np.float64]:
    """Uncentred correlation over the samples, of each cell.

    Parameters
    ----------
    observed, forecast : xr.DataArray
        (sample, point), anomalies; NaN where not observed.

    Returns
    -------
    ndarray, shape (point,)
        NaN where nothing was observed.

    Examples
    --------
    >>> o = xr.DataArray([[1.0, np.nan], [-1.0, np.nan]], dims=("sample", "point"))
    >>> cell_correlation(o, o).tolist()
    [1.0, nan]
    """
    t = observed.transpose("sample", "point").to_numpy().astype(float)
    g = forecast.transpose("sample", "point").to_numpy().astype(float)
    there = np.isfinite(t)
    t, g = np.where(there, t, 0.0), np.where(there, g, 0.0)
    power = np.sqrt((t * t).sum(axis=0) * (g * g).sum(axis=0))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(power > 0, (t * g).sum(axis=0) / power, np.nan))


def _skill_maps(result: Result) -> Section:
    """Anomaly correlation of each cell, a row a model, a column a lead."""
    name, shown, leads = result.samples.target.name, _shown(result), _leads(result)
    fig, axes = _panels(result, len(shown), len(leads))
    mesh: Any = None
    for i, model in enumerate(shown):
        guess = middle(result.predictions[model][name])
        for j, lead in enumerate(leads):
            skill = cell_correlation(result.observed[name].sel(lead=lead), guess.sel(lead=lead))
            mesh = _map(axes[i, j], result, skill, 1.0)
            axes[i, j].set_title(f"{model}, lead {lead}", fontsize=9, loc="left")
    _bar(fig, mesh, axes, "anomaly correlation")
    text = "Anomaly correlation of each cell over the test. Cells that are never observed are grey."
    return Section("Where the forecast has skill", text, None, (fig,))  # fmt: skip


def _event(result: Result) -> Section | None:
    """The month whose regional mean was highest in the test, as it was forecast before."""
    region, name, leads = _region(result), result.samples.target.name, _leads(result)
    index, truth = result.test.index, result.observed[region].transpose("sample", "lead")
    months = index["t0"].to_numpy().astype("datetime64[M]")
    valid = months[:, None] + truth["lead"].to_numpy()[None, :]
    complete = [m for m in np.unique(valid) if all(((months + k) == m).any() for k in leads)]
    scored = np.where(
        np.isin(valid, complete), np.nan_to_num(truth.to_numpy(), nan=-np.inf), -np.inf
    )
    if not np.isfinite(scored).any():
        return None
    peak = valid.ravel()[int(scored.argmax())]
    rows = [int(np.flatnonzero(months + k == peak)[0]) for k in leads]
    seen = result.observed[name].isel(sample=rows[0]).sel(lead=leads[0]).to_numpy()
    maps, titles, lines = [seen], [f"observed, {peak}"], []
    shown = _shown(result)
    for model in shown:
        for k, row in zip(leads, rows, strict=True):
            found = result.predictions[model].isel(sample=row).sel(lead=k)
            maps.append(middle(found[name]).to_numpy())
            titles.append(f"{model}, lead {k}")
            q = [float(found[region].sel(quantile=p, method="nearest")) for p in (0.05, 0.5, 0.95)]
            issued = f"{months[row]}"
            lines.append((model, k, issued, *q, float(truth[row].sel(lead=k))))
    limit = float(np.nanmax(np.abs(seen)))
    fig, axes = _panels(result, 1 + len(shown), len(leads))
    spots = [axes[0, 0], *axes[1:].ravel()]
    for ax, values, title in zip(spots, maps, titles, strict=True):
        mesh = _map(ax, result, np.where(np.isfinite(seen), values, np.nan), limit)
        ax.set_title(title, fontsize=9, loc="left")
    for ax in axes[0, 1:]:
        ax.set_axis_off()
    _bar(fig, mesh, axes, "anomaly [degC]")
    head = ["model", "lead", "issued", "5 %", "median", "95 %", "observed"]
    text = (
        f"{_words(region)} was highest in the test in {peak}: {lines[0][-1]:+.2f} degC. The maps "
        "show the medians of the forecasts for that month; a median is smoother and weaker than "
        "what comes, which is why the intervals are given."
    )
    table = pd.DataFrame(lines, columns=head)
    return Section("The strongest event of the test", text, table, (fig,))


def _coverage(result: Result) -> Section:
    """Share of observations inside central intervals, along the leads."""
    region, name = _region(result), result.samples.target.name
    fig, axes = figure(7.2, 2.9, columns=2, sharey=True)
    for ax, what in zip(axes, (region, name), strict=True):
        for model in _shown(result):
            for inner, style in ((0.9, "-"), (0.5, "--")):
                x, share = _share_inside(result, model, what, inner)
                label = f"{model}, {100 * inner:.0f} %"
                ax.plot(x, share, style, color=_colour(result, model), marker=".", label=label)
        for inner in (0.9, 0.5):
            ax.axhline(inner, color="black", linewidth=0.6, alpha=0.6)
        ax.set(xlabel="lead [months]", ylim=(0, 1), title=_words(what))
    axes[0].set_ylabel("share inside")
    handles, labels = axes[0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower center", ncols=2)
    text = (
        "Share of the observations inside the central intervals of 90 % and 50 %, which thin lines "
        "mark. The intervals were stretched on the calibration part, not on the test."
    )
    return Section("Do the intervals hold at every lead?", text, None, (fig,))


def _share_inside(
    result: Result, model: str, what: str, inner: float
) -> tuple[NDArray[Any], list[float]]:
    q = result.predictions[model][what]
    low, high = (q.sel(quantile=p, method="nearest") for p in (0.5 - inner / 2, 0.5 + inner / 2))
    truth = result.observed[what]
    share = []
    for lead in truth["lead"].to_numpy():
        y = truth.sel(lead=lead).to_numpy()
        within = (y >= low.sel(lead=lead).to_numpy()) & (y <= high.sel(lead=lead).to_numpy())
        share.append(float(within[np.isfinite(y)].mean()))
    return truth["lead"].to_numpy(), share


def _modes(result: Result) -> Section | None:
    """Eigenmodes of the linear inverse model, and whether it is consistent along the leads."""
    model = next((f.model for f in result.fitted[0].values() if isinstance(f.model, LIM)), None)
    if model is None:
        return None
    test = tau_test(model, result.samples.take(result.splits[0].train))
    first = modes(model.operator, model.lag).iloc[0]
    fig, ax = figure(7.2, 2.8)
    region = _region(result)
    ax.plot(test["lead"], test[f"{region} data"], "o-", color="black", label="training data")
    ax.plot(
        test["lead"], test[f"{region} power"], "s--", color=BASELINE, label="linear inverse model"
    )
    ax.axhline(0, color="black", linewidth=0.6, alpha=0.5)
    ax.set(xlabel="lead [months]", ylabel=f"{_words(region)} autocorrelation")
    ax.legend()
    turn = (
        f"with a period of {first['period']:.0f} months"
        if np.isfinite(first["period"])
        else "without turning"
    )
    text = (
        f"{len(model.operator)} EOFs; the operator was estimated at a lag of {model.lag:g} months. "
        f"The slowest mode fades to 1/e in {first['decay']:.0f} months, {turn}; all eigenvalues "
        "are inside the unit circle. If the field is a linear process driven by noise, the "
        "operator's powers give the lagged covariances of the data at every lead (the tau test): "
        f"at lead {test['lead'].iloc[-1]:.0f} they give {_words(region)} an autocorrelation of "
        f"{test[f'{region} power'].iloc[-1]:.2f}, the training data have "
        f"{test[f'{region} data'].iloc[-1]:.2f}."
    )
    table = modes(model.operator, model.lag).head(6)
    table.columns = ["size of the eigenvalue", "decay (months)", "period (months)"]
    return Section("The linear inverse model", text, table, (fig,))  # fmt: skip


def _panels(result: Result, rows: int, columns: int) -> tuple[Any, Any]:
    """A figure whose panels are as high as the maps in them."""
    lat, lon = (result.samples.data[c].to_numpy() for c in ("lat", "lon"))
    shape = np.ptp(lat) / max(np.ptp(lon), 1.0) / np.cos(np.radians(lat.mean()))
    panel = float(np.clip((7.2 / columns - 0.45) * shape, 0.5, 4.0))
    return figure(7.2, rows * (panel + 0.5) + 0.75, rows=rows, columns=columns, squeeze=False)


def _bar(fig: Any, mesh: Any, axes: Any, label: str) -> None:
    fig.colorbar(mesh, ax=axes, label=label, location="bottom", shrink=0.6, aspect=40)


def _map(ax: Any, result: Result, values: NDArray[np.float64], limit: float) -> Any:
    """Draw values of the points, missing ones in grey."""
    lat, lon = (result.samples.data[c].to_numpy() for c in ("lat", "lon"))
    options: dict[str, Any] = {"cmap": DIVERGING, "vmin": -limit, "vmax": limit}
    ax.set_facecolor(MISSING)
    found = axes_of(lat, lon)
    if found is None:
        mesh = ax.scatter(lon, lat, c=values, s=6, **options)
    else:
        rows, columns, cell = found
        grid = spread_out(np.asarray(values, float), cell, (len(rows), len(columns)))
        mesh = ax.pcolormesh(_edges(columns), _edges(rows), grid, rasterized=True, **options)
    ax.set_aspect(1 / np.cos(np.radians(lat.mean())))
    for box in result.config.regions.values():
        west = box[2] + 360.0 * np.ceil(max(lon.min() - box[2], 0.0) / 360.0)
        east = west + (box[3] - box[2]) % 360.0
        ax.plot([west, east, east, west, west], [box[0], box[0], box[1], box[1], box[0]],
                color="black", linewidth=0.7)  # fmt: skip
    ax.xaxis.set_major_locator(_ticker(60))
    ax.xaxis.set_major_formatter(_east_west)
    ax.yaxis.set_major_locator(_ticker(20))
    ax.yaxis.set_major_formatter(_north_south)
    ax.tick_params(labelsize=8)
    return mesh


def _ticker(step: float) -> Any:
    from matplotlib.ticker import MultipleLocator

    return MultipleLocator(step)


def _east_west(x: float, _: int) -> str:
    x = x % 360.0
    return f"{x:.0f}°" if x in (0.0, 180.0) else f"{x:.0f}°E" if x < 180 else f"{360 - x:.0f}°W"


def _north_south(y: float, _: int) -> str:
    return "0°" if y == 0 else f"{abs(y):.0f}°{'N' if y > 0 else 'S'}"


def _edges(centres: NDArray[np.float64]) -> NDArray[np.float64]:
    """Borders of cells around their centres."""
    if len(centres) < 2:
        return np.array([centres[0] - 0.5, centres[0] + 0.5])
    half = np.diff(centres) / 2
    middle_ = centres[:-1] + half
    return np.r_[centres[0] - half[0], middle_, centres[-1] + half[-1]]


def _words(name: str) -> str:
    """A name as a reader knows it."""
    known = {"nino34": "Niño-3.4", "sst": "field", "rmse": "RMSE", "anomaly_correlation":
             "anomaly correlation"}  # fmt: skip
    for short, full in known.items():
        name = name.replace(short, full)
    return name.replace("_", ", ")
