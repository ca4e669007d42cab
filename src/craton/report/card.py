"""The model card: what a bundle is, how good, for what, and for what not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from craton.report.html import number

if TYPE_CHECKING:
    from craton.result import Result


def model_card(result: Result) -> str:
    """Write the model card of a run's kept model.

    Parameters
    ----------
    result : Result
        With scores and the final model.

    Returns
    -------
    str
        Markdown.

    References
    ----------
    Mitchell et al. 2019, doi:10.1145/3287560.3287596.
    """
    from craton import __version__

    task = result.task
    parts = [
        f"# {task.title}",
        result.verdict(),
        *(f"**Caution:** {line}" for line in result.cautions),
        f"Model '{result.selected}' for the task `{task.name}` ({task.domain}), made with craton "
        f"{__version__}. {_predicts(result)}",
        "## Data and split",
        _data(result),
        "## Scores on the test samples",
        _scores(result),
        "## Intended use and limits",
        _limits(result),
        "## How to run it",
        "```\ncraton predict BUNDLE DATA --out FILE\n```",
        f"`DATA` is in the format of the task (`craton run {task.name}`); the ending of `FILE` "
        f"chooses the format: {', '.join(sorted(task.products)) or 'none'}. The bundle holds "
        "numbers and text only; loading it runs no code from it.",
    ]
    if task.references:
        parts += ["## References", "\n".join(f"- {r}" for r in task.references)]
    return "\n\n".join(parts) + "\n"


def _predicts(result: Result) -> str:
    target = result.samples.target
    if target.categories:
        return f"It gives a probability to each class of '{target.name}': " + (
            ", ".join(target.categories) + "."
        )
    units = "" if target.units == "1" else f" ({target.units})"
    return f"It gives a distribution of '{target.name}'{units}, not a single value."


def _data(result: Result) -> str:
    index = result.samples.index
    source = getattr(result.config, "data", None) or "the task's built-in example"
    lines = [f"- Data: {source}; {len(index)} samples."]
    if index["t0"].notna().any():
        lines.append(f"- Issue times from {index['t0'].min()} to {index['t0'].max()}.")
    groups = sorted(set(index["group"]) - {""})
    if groups:
        shown = ", ".join(groups[:30]) + (", …" if len(groups) > 30 else "")
        lines.append(f"- {len(groups)} groups: {shown}.")
    if index[["x", "y"]].notna().all(axis=None):
        west, south = index[["x", "y"]].min()
        east, north = index[["x", "y"]].max()
        lines.append(f"- Place: x {west:.6g} to {east:.6g}, y {south:.6g} to {north:.6g}.")
    kind, n = type(result.splitter).__name__, len(result.splits)
    kept = "the model tested" if n == 1 else "refitted on all samples after the test"
    blocks = len(np.unique(result.blocks))
    lines.append(
        f"- Split: {kind}, {n} split(s), {len(result.test)} test samples in {blocks} independent "
        f"blocks; the bundle is {kept}."
    )
    return "\n".join(lines)


def _scores(result: Result) -> str:
    lines = [
        f"| metric | {result.selected} | interval | {result.task.baseline} (baseline) | gain | "
        "interval |",
        "|---|---|---|---|---|---|",
    ]
    for metric in result.metrics:
        s: Any = result.score(result.selected, metric.name)
        base = result.score(result.task.baseline, metric.name)
        units = "" if metric.units == "1" else f" [{metric.units}]"
        lines.append(
            f"| {metric.name}{units}, {metric.direction} | {number(s.score)} | "
            f"{number(s.low)} … {number(s.high)} | {number(base.score)} | {number(s.gain, '+')} | "
            f"{number(s.gain_low, '+')} … {number(s.gain_high, '+')} |"
        )
    level = 100 * result.run.level
    return "\n".join(lines) + (
        f"\n\nIntervals cover {level:.0f} %, from a bootstrap of independent blocks."
    )


def _instead(result: Result, name: str = "NAME") -> str:
    """How a bundle of another model is made."""
    return (
        "`craton run --config RUN/config.yaml --set candidates="
        f"{name} --out OTHER_RUN` makes a bundle of it."
    )


def _limits(result: Result) -> str:
    index, lines = result.samples.index, []
    first = result.score(result.selected, result.metrics[0].name)
    if result.selected != result.task.baseline and not first.gain_low > 0:
        lines.append(
            f"- It has not been shown to be better than the baseline '{result.task.baseline}'. "
            f"Prefer the baseline. {_instead(result, result.task.baseline)}"
        )
    lines += [f"- {line} {_instead(result)}" for line in result.better_references]
    lines.append(
        "- Meant for data of the same kind, units, instruments and region as those above. Outside "
        "of them its scores and its stated uncertainty are not known."
    )
    if (index["group"] != "").any():
        lines.append("- Scores are for groups that were not trained on, of the same kind.")
    if index["t0"].notna().any():
        lines.append("- Scores are for the times tested; they may change as conditions change.")
    lines.append(
        "- Predictions are probabilities or distributions. Do not use them as certain statements, "
        "nor as the sole ground for a decision on safety, health or property; a qualified person "
        "must judge them."
    )
    if result.leaks is not None:
        warned = [f for f in result.leaks.findings if f.level != "info"]
        of = f"Leak audit (of '{result.leaks.probe}', no verdict on the chosen model)"
        lines += [f"- {of}, {f.where}: {f.text}." for f in warned]
    return "\n".join(lines)
