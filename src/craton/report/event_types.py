"""Pictures of types of seismic events: confusion, abstention, suspected labels, spectrograms."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from craton.event_types import EventRecords
from craton.explain import telling
from craton.label_errors import abstention_curve, suspected_labels
from craton.report.figures import DIVERGING, confusion_section, figure, role_colour
from craton.report.section import Section
from craton.result import Result
from craton.source_features import spectrogram
from craton.time_frequency import TimeFrequency, time_frequency_effects

MOST = 30
"""Suspected labels that are listed."""


def event_sections(result: Result) -> list[Section]:
    """The field's own part of the report."""
    found = [_confusion(result), _abstention(result), _by_records(result), _suspects(result)]
    if _gather(result).waveform:
        found.append(_time_frequency(result))
    return found


def _gather(result: Result) -> EventRecords:
    gather = result.samples.gather
    assert isinstance(gather, EventRecords)
    return gather


def _outcome(result: Result, model: str) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Truth, probabilities and the type decided for, of each test event."""
    name, gather = result.samples.target.name, _gather(result)
    p, decided = (
        d[name].transpose("sample", "category").to_numpy()
        for d in (result.predictions[model], gather.decide(result.predictions[model]))
    )
    return result.observed[name].to_numpy(), p, decided.argmax(axis=1)


def _confusion(result: Result) -> Section:
    weighed = {n: _gather(result).decide(p) for n, p in result.predictions.items()}
    return confusion_section(dataclasses.replace(result, predictions=weighed))


def _abstention(result: Result) -> Section:
    """Accuracy against the share of events that are answered."""
    fig, ax = figure(5.2, 3.6)
    lines = []
    for name in dict.fromkeys([result.selected, result.task.baseline]):
        truth, p, said = _outcome(result, name)
        share, accuracy = abstention_curve(p, said == truth)
        ax.plot(share, accuracy, color=role_colour(result, name), label=name)
        line: dict[str, Any] = {"model": name}
        for part in (0.5, 0.7, 0.8, 0.9, 1.0):
            line[f"{100 * part:.0f} % answered"] = accuracy[max(round(part * len(share)) - 1, 0)]
        lines.append(line)
    ax.set_xlabel("share of the test events that are answered")
    ax.set_ylabel("share of those that is right")
    ax.set_xlim(0, 1.01)
    ax.legend(loc="lower left")
    text = (
        "The events whose most probable type is the least probable are left to an analyst first. "
        "The table gives the accuracy of those that are answered."
    )
    return Section("Abstention", text, pd.DataFrame(lines), (fig,))


def _by_records(result: Result) -> Section:
    """Accuracy by the number of records of an event."""
    truth, p, said = _outcome(result, result.selected)
    sample = _gather(result).layout(result.samples.data, result.test.index)[0]
    count = np.bincount(sample, minlength=len(truth))
    lines = []
    for n in np.unique(count):
        mine = count == n
        lines.append(
            {
                "records": int(n),
                "events": int(mine.sum()),
                "right": float((said == truth)[mine].mean()),
                "mean probability of the type decided for": float(p[mine, said[mine]].mean()),
            }
        )
    text = f"Test events of '{result.selected}' by the number of stations that recorded them."
    return Section("Stations", text, pd.DataFrame(lines))


def suspects(result: Result) -> pd.DataFrame:
    """Test events whose label the selected model holds for wrong, the surest first.

    Returns
    -------
    pd.DataFrame
        `event`, `label` as given, `suggested`, `probability` of the latter, `records`.
    """
    truth, p, _ = _outcome(result, result.selected)
    target, gather, index = result.samples.target, _gather(result), result.test.index
    rows = np.flatnonzero(suspected_labels(p, truth))
    said = p.argmax(axis=1)
    names = np.array(target.categories, dtype=object)
    sample = gather.layout(result.samples.data, index)[0]
    table = pd.DataFrame(
        {
            "event": result.samples.data["event_id"].to_numpy()[index.index.to_numpy()[rows]],
            "label": names[truth[rows]],
            "suggested": names[said[rows]],
            "probability": p[rows, said[rows]].astype(float),
            "records": np.bincount(sample, minlength=len(truth))[rows],
        }
    )
    return table.sort_values("probability", ascending=False, ignore_index=True)


def _suspects(result: Result) -> Section:
    table = suspects(result)
    n = len(result.test)
    text = (
        f"{len(table)} of {n} test events carry a label that '{result.selected}', which had not "
        "seen it, holds for wrong: another type is the most probable, and as probable as it is on "
        "average where it is the label (confident learning, doi:10.1613/jair.1.12125). Have an "
        "analyst look at them before you trust either."
    )
    if len(table) > MOST:
        text += f" The {MOST} surest are listed."
    return Section("Suspected labels", text, table.head(MOST) if len(table) else None)


def _time_frequency(result: Result) -> Section:
    """Spectrogram and effects of its tiles, of a few telling events."""
    which = np.concatenate([np.full(len(s.test), i) for i, s in enumerate(result.splits)])
    figures, captions = [], []
    for why, row in telling(result).items():
        fitted = result.fitted[int(which[row])][result.selected]
        found = time_frequency_effects(fitted, result.test, row)
        event = result.test.index.index[row]
        label = str(result.samples.data["label"].to_numpy()[event])
        name = str(result.samples.data["event_id"].to_numpy()[event])
        figures.append(_tiles(result, row, found))
        said = result.samples.target.categories[found.category]
        captions.append(
            f"{name}, {why}: labelled {label}, called {said} with {found.value:.2f}. Left: "
            "spectrogram at one of its stations. Right: what the probability loses when a tile is "
            "brought down to the noise at all stations; blue speaks against the type."
        )
    text = (
        "Which part of the waveforms speaks for the type. What is explained is the calibrated "
        "probability of the selected model, its features and votes included."
    )
    return Section("Time and frequency", text, None, figures, captions)


def _tiles(result: Result, row: int, found: TimeFrequency) -> Any:
    data, gather = result.samples.data, _gather(result)
    record = gather.layout(data, result.test.take([row]).index)[1]
    rate = float(data.attrs["rate"])
    f, t, power = spectrogram(data[gather.waveform].to_numpy()[record[:1], 0], rate)
    fig, (left, right) = figure(7.2, 2.5, columns=2, sharey=True)
    logs = 10 * np.log10(power[0] + 1e-12)
    top = logs.max()
    left.pcolormesh(t, f, logs, vmin=top - 50, vmax=top, cmap="cividis", rasterized=True)
    size = max(float(np.abs(found.effect).max()), 1e-3)
    drawn = right.pcolormesh(
        found.time, found.frequency, found.effect, vmin=-size, vmax=size, cmap=DIVERGING
    )
    left.set_ylim(found.frequency[0], found.frequency[-1])
    left.set_ylabel("frequency [Hz]")
    for ax in (left, right):
        ax.set_xlabel("time [s]")
    fig.colorbar(drawn, ax=right, label="effect")
    return fig
