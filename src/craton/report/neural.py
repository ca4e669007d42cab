"""What the network of the neural ETAS model does, as a part of the report."""

from __future__ import annotations

import numpy as np

from craton.models.neural_etas import NeuralETAS
from craton.models.physics.etas_kernels import Floats, time_integral
from craton.models.physics.etas_mixture import TIME_SCALES, ZONES
from craton.report.figures import PALETTE, figure
from craton.report.section import Section
from craton.result import Result

DAYS = np.geomspace(1e-4, 3e3, 120)
KM = np.geomspace(1e-2, 300.0, 120)


def neural_section(result: Result) -> list[Section]:
    """How soon and how far events trigger others, and whether a network was kept."""
    return [
        _section(name, fitted.model)
        for name, fitted in result.fitted[0].items()
        if isinstance(fitted.model, NeuralETAS)
    ]


def _section(name: str, model: NeuralETAS) -> Section:
    choice = model.choice
    kept = "kept" if choice.low > 0 else "not kept: every event triggers by the same kernels"
    text = (
        f"On the last fifth of the training part the network of '{name}' gained {choice.gain:+.3f} "
        f"[{choice.low:+.3f}, {choice.high:+.3f}] nats an event over the same model without it; "
        f"it was {kept}. The pictures show which share of an event's aftershocks has come after a "
        "time and lies within a distance: the middle event, the range of four in five events as "
        "the network sees them, and the parametric ETAS model that it started from."
    )
    catalog = getattr(model, "catalog", None)
    if catalog is None:  # a run that went on after an interruption took the scores from its store
        return Section("Neural ETAS", text.split(" The pictures")[0])
    _, table, u, v = model.model.weights(catalog.features, catalog.excess)
    by_time = u * (v @ table.T)
    by_zone = v * (u @ table)
    delays = _shares(by_time) @ (1.0 - np.exp(-DAYS / TIME_SCALES[:, None]))
    distances = _shares(by_zone) @ (KM**2 / (KM**2 + ZONES[:, None]))
    base = model.base
    whole = base.table(60.0 * base.tau)
    etas_delay = time_integral(whole, base.c, DAYS)
    etas_delay = etas_delay / time_integral(whole, base.c, np.array([60.0 * base.tau]))
    etas_distance = 1.0 - (1.0 + KM**2 / base.zone(base.mc)) ** -base.rho
    fig, axes = figure(8, 3.4, columns=2)
    for ax, at, found, etas, label in (
        (axes[0], DAYS, delays, etas_delay, "days after the event"),
        (axes[1], KM, distances, etas_distance, "distance, km (an event at completeness)"),
    ):
        low, middle, high = np.quantile(found, [0.1, 0.5, 0.9], axis=0)
        ax.fill_between(at, low, high, color=PALETTE[0], alpha=0.25, linewidth=0)
        ax.plot(at, middle, color=PALETTE[0], label=name)
        ax.plot(at, etas, color="black", linestyle="--", label="parametric ETAS")
        ax.set(xscale="log", xlabel=label, ylabel="share of aftershocks", ylim=(0, 1))
    axes[0].legend(loc="upper left")
    return Section("Neural ETAS", text, figures=[fig], captions=["Shares of direct aftershocks."])


def _shares(weights: Floats) -> Floats:
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))
