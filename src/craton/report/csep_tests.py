"""CSEP's tests of the selected forecast and the baseline, as a part of the report."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from craton.csep.compare import PairedGain, compare_days
from craton.csep.pictures import draw_reliability
from craton.csep.results import Evaluation, Floats
from craton.csep.windows import WindowTests, evaluate_windows
from craton.events import days
from craton.io.csep_regions import magnitude_index
from craton.report.figures import BASELINE, SELECTED, figure
from craton.report.section import Section
from craton.result import Result

_FLOOR = 1e-12
"""Least expected number in a cell, so that an event in a cell of rate zero costs 28 nats."""
_BLOCK_DAYS = 30


def csep_section(result: Result) -> Section:
    """Number, space and magnitude tests, reliability, and the paired comparison.

    Parameters
    ----------
    result : Result
        Of the task earthquake-forecast.

    Returns
    -------
    Section
    """
    names = list(dict.fromkeys([result.selected, result.task.baseline]))
    tests = {
        name: evaluate_windows(
            result.predictions[name], result.observed, magnitudes=_magnitudes(result, name),
            seed=result.run.seed,
        )
        for name in names
    }  # fmt: skip
    gain = _gain(result) if len(names) == 2 else None
    return Section(
        "CSEP tests",
        _words(result, tests),
        _table(result, tests, gain),
        [_number_figure(result, tests), _reliability_figure(tests)],
        [
            "Events since the first test window: observed, and the 95 % range of each forecast.",
            "Cells and windows by their chance of an event: share that had one. Blue: within the "
            "bar, where 90 % of such shares lie if the chances are right and cells independent; "
            "orange: outside; triangles: none had one.",
        ],
    )


def _magnitudes(result: Result, name: str) -> tuple[Floats, Floats] | None:
    """Share of events in each magnitude bin by the tested model, and numbers observed."""
    fitted = result.fitted[0].get(name) if result.fitted else None
    if fitted is None:
        return None
    gather: Any = dataclasses.replace(result.test.gather, simulations=100)  # type: ignore[type-var]
    one = dataclasses.replace(result.test, gather=gather, index=result.test.index.iloc[:1])
    predicted = fitted.predict(one)
    if "magnitude_share" not in predicted:
        return None
    edges = predicted["magnitude"].to_numpy()
    found = magnitude_index(_observed_magnitudes(result), edges)
    counts = np.bincount(found[found >= 0], minlength=edges.size)
    return predicted["magnitude_share"].to_numpy().astype(float), counts.astype(float)


def _observed_magnitudes(result: Result) -> Floats:
    """Magnitudes of the events in the cells and windows of the test."""
    data, index = result.test.data, result.test.index
    time = days(data["time"].to_numpy())
    first, stop = (np.searchsorted(time, days(index[k]), side="left") for k in ("t0", "t1"))
    rows = np.concatenate([np.arange(a, b) for a, b in zip(first, stop, strict=True)])
    rows = rows[data["cell_of"].to_numpy()[rows] >= 0]
    return np.asarray(data["magnitude"].to_numpy()[rows], dtype=np.float64)


def _gain(result: Result) -> PairedGain | None:
    """Paired T and W tests against the baseline, if there are events enough."""
    best, base = (
        np.maximum(result.predictions[n]["expected_count"].to_numpy().astype(float), _FLOOR)
        for n in (result.selected, result.task.baseline)
    )
    counts = result.observed["count"].to_numpy()
    if counts.sum() < 2:
        return None
    block = max(1, int(np.ceil(_BLOCK_DAYS / result.config.horizon)))
    run = result.run
    return compare_days(
        best, base, counts, block=block, n=run.bootstrap, seed=run.seed, level=run.level
    )


def _words(result: Result, tests: dict[str, WindowTests]) -> str:
    laws = list(dict.fromkeys(found.law for found in tests.values()))
    law = laws[0] if len(laws) == 1 else " and ".join(f"{f.law} ('{n}')" for n, f in tests.items())
    n = result.observed.sizes["sample"]
    unsampled = sum(f.reliability.unforeseen for f in tests.values())
    said = [
        f"The tests of the Collaboratory for the Study of Earthquake Predictability on the {n} "
        f"test windows of {result.config.horizon:g} days, each issued before it. The run keeps "
        "expected numbers by cell and quantiles of the number, not simulated catalogues: these "
        f"are the tests of gridded forecasts. The law of the number is {law}, with the mean and "
        "the quantiles that were forecast.",
        "A quantile is the share of the outcomes that the forecast itself expects, at or below "
        "what came. Number: P(≥) below 0.025 means that hardly any of these outcomes has so many "
        "events, the forecast is too low; P(≤) below 0.025 means that hardly any has so few, it is "
        "too high. Space and magnitude: a quantile below 0.05 means that events came where, or in "
        "magnitudes that, the forecast holds for less likely than 95 % of its own outcomes do. A "
        "right forecast fails each test in one case of twenty.",
        "The space test takes events as independent given the forecast; aftershocks within a "
        "window are not, so that it fails clustered seismicity too often. The binary test asks "
        "only which cells were hit and is moved less.",
    ]
    if unsampled:
        said.append(f"Events came in {unsampled} cells and windows of chance zero.")
    return "\n\n".join(said)


def _table(
    result: Result, tests: dict[str, WindowTests], gain: PairedGain | None
) -> pd.DataFrame:  # fmt: skip
    rows = {
        "number, each window (N)": [_each(t) for t in tests.values()],
        "number, all windows (cumulative N)": [_all(t) for t in tests.values()],
        "space (S)": [_quantile(t.spatial) for t in tests.values()],
        "space, cells hit or not (binary S)": [_quantile(t.binary) for t in tests.values()],
        "magnitude (M)": [_quantile(t.magnitude) for t in tests.values()],
    }
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=list(tests))
    if gain is not None:
        base = f"gain over '{result.task.baseline}', nats an event"
        t, w = gain.t, gain.w
        frame.loc[f"{base} (T)"] = [f"{t.gain:+.3f} [{t.low:+.3f}, {t.high:+.3f}]", "-"]
        frame.loc[f"{base} (W)"] = [f"p = {w.p_value:.2g}", "-"]
        blocks = f"{base}, {_BLOCK_DAYS}-day blocks"
        frame.loc[blocks] = [f"{gain.gain:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]", "-"]
    return frame.rename_axis("test").reset_index()


def _each(found: WindowTests) -> str:
    said = f"{int(found.passed.sum())} of {found.passed.size} windows pass"
    return f"{said}: {_verdict(found.windows_pass())}"


def _all(found: WindowTests) -> str:
    at_least, at_most = float(found.number.at_least[-1]), float(found.number.at_most[-1])
    return f"P(≥) {at_least:.3f}, P(≤) {at_most:.3f}: {_verdict(found.number_passes())}"


def _quantile(found: Evaluation | None) -> str:
    if found is None or found.status == "not valid":
        return "not tested"
    return f"{found.at_most:.3f}: {_verdict(found.passes())}"


def _verdict(passes: bool) -> str:
    return "passes" if passes else "FAILS"


def _number_figure(result: Result, tests: dict[str, WindowTests]) -> Any:
    until: NDArray[Any] = result.test.index["t1"].to_numpy()
    fig, ax = figure(9, 3.4)
    for (name, found), colour in zip(tests.items(), (SELECTED, BASELINE), strict=False):
        number = found.number
        ax.fill_between(until, number.low, number.high, color=colour, alpha=0.25, linewidth=0)
        ax.plot(until, number.median, color=colour, linewidth=1, label=name)
    seen = next(iter(tests.values())).number.observed
    ax.plot(until, seen, color="black", linewidth=1.6, label="observed")
    ax.set(ylabel="events so far", xlabel="end of the window", ylim=(0, None))
    ax.legend(loc="upper left")
    return fig


def _reliability_figure(tests: dict[str, WindowTests]) -> Any:
    fig, axes = figure(4.5 * len(tests), 3.8, columns=len(tests), squeeze=False)
    for ax, (name, found) in zip(axes[0], tests.items(), strict=True):
        draw_reliability(ax, found.reliability)
        ax.set_title(name)
    return fig
