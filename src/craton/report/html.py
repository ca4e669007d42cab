"""The report: one HTML file that needs nothing else, not even a network."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from craton import provenance
from craton.errors import CratonError
from craton.report import judged, pictures
from craton.report.section import Section

if TYPE_CHECKING:
    from markupsafe import Markup

    from craton.checks import Finding
    from craton.result import Result

MAX_ROWS = 200
"""Rows of a table that are shown; the rest is said to be left out."""


class _Page:
    """Turns figures and tables into HTML, numbering the figures."""

    def __init__(self) -> None:
        self.figures = 0

    def figure(self, fig: Any, caption: str) -> dict[str, Any]:
        from markupsafe import Markup

        from craton.report.svg import inline_svg

        self.figures += 1
        return {"svg": Markup(inline_svg(fig, caption, self.figures)), "caption": caption}

    def figures_of(self, drawn: Sequence[pictures.Picture]) -> list[dict[str, Any]]:
        return [self.figure(fig, caption) for fig, caption in drawn]

    def section(self, section: Section) -> dict[str, Any]:
        captions = [*section.captions, *[""] * len(section.figures)]
        drawn = [self.figure(f, c) for f, c in zip(section.figures, captions, strict=False)]
        return {
            "title": section.title,
            "id": slug(section.title),
            "paragraphs": paragraphs(section.text),
            "table": None if section.table is None else table(section.table),
            "figures": drawn,
        }


def render(result: Result) -> str:
    """Make the report of a run.

    Parameters
    ----------
    result : Result
        With scores; leak audit and explanation may be missing.

    Returns
    -------
    str
        HTML with everything in it: style, figures as SVG, no script, nothing loaded.
    """
    return _rendered("report.html.j2", context(result, _Page()))


def page(
    title: str,
    verdict: str,
    facts: Sequence[tuple[str, str]],
    sections: Sequence[Section],
    findings: Sequence[Finding],
    references: Sequence[str] = (),
) -> str:
    """Make a page of sections and findings, for what is no run of a task.

    Parameters
    ----------
    title, verdict : str
        Heading, and the sentence below it.
    facts : sequence of (str, str)
        Name and value.
    sections, findings, references
        In the order in which they are shown.

    Returns
    -------
    str
        HTML with everything in it, as of `render`.
    """
    drawn = _Page()
    shown = {
        "title": title, "verdict": verdict, "facts": facts,
        "sections": [drawn.section(s) for s in sections],
        "findings": findings, "references": references, "versions": provenance.versions(),
    }  # fmt: skip
    return _rendered("page.html.j2", shown)


def _rendered(name: str, shown: dict[str, Any]) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("craton", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["links"] = links
    style = resources.files("craton.report").joinpath("report.css").read_text(encoding="utf-8")
    return environment.get_template(name).render(style=style, **shown)


def _sections(result: Result) -> Sequence[Section]:
    """The task's own sections; what cannot be shown is told and costs nothing that was computed."""
    try:
        return result.task.sections(result)
    except CratonError as error:
        warnings.warn(f"the report lacks the task's own sections: {error}", stacklevel=2)
        return [Section("What could not be shown", f"The task's own sections: {error}")]


def context(result: Result, page: _Page | None = None) -> dict[str, Any]:
    """Everything that the template shows, in the order in which it shows it."""
    page = page or _Page()
    audit, found = result.leaks, result.explanation
    shown = {
        "task": result.task,
        "verdict": result.verdict(),
        "cautions": result.cautions,
        "facts": _facts(result),
        "metrics": _metrics(result),
        "gains": page.figure(*pictures.gains(result)),
        "split": page.figures_of(pictures.split_pictures(result)),
        "audits": _audits(result),
        "sections": [page.section(s) for s in _sections(result)],
        "calibration": page.figures_of(pictures.calibration(result)),
        "breakdown": page.figures_of(pictures.breakdowns(result)),
        "audit": None,
        "explanation": None,
        "findings": result.findings,
        "run": _how(result),
        "references": result.task.references,
    }
    if audit is not None:
        drawn = judged.leak_picture(audit, result)
        shown["audit"] = {
            "probe": audit.probe,
            "findings": audit.findings,
            "figures": [] if drawn is None else [page.figure(*drawn)],
            "numbers": table(audit.numbers),
        }
    if found is not None:
        shown["explanation"] = {
            "notes": found.notes,
            "figures": page.figures_of(judged.importance_pictures(found, result)),
            "local": page.figures_of(judged.local_pictures(found.local)),
            "models": _by_model(found.importance),
            "gradients": _gradients(found.gradients),
        }
    return shown


def _facts(result: Result) -> list[tuple[str, str]]:
    tested, total = len(result.test), len(result.samples)
    splits = len(result.splits)
    kind = type(result.splitter).__name__
    blocks = len(np.unique(result.blocks))
    weights = ", ".join(f"{n} {w:.0%}" for n, w in result.weights.items())
    chosen = f"{result.selected} (of {weights})" if result.selected == "blend" else result.selected
    return [
        ("Task", f"{result.task.name} ({result.task.domain})"),
        ("Data", str(getattr(result.config, "data", None) or "the task's example")),
        ("Samples", f"{total}, of which {tested} tested in {splits} split(s), {kind}"),
        ("Independent blocks", f"{blocks} among the test samples"),
        ("Chosen model", chosen),
        ("Baseline", result.task.baseline),
        *(("Known answer", line) for line in result.known_answer),
    ]


def _audits(result: Result) -> list[str]:
    lines = [
        "; ".join(said) if len(result.splits) == 1 else f"{split.name}: {'; '.join(said)}"
        for split, said in zip(result.splits, result.audits, strict=True)
    ]
    more = len(lines) - 15
    return lines if more <= 0 else [*lines[:15], f"and {more} splits more, which passed as well"]


def _metrics(result: Result) -> list[dict[str, Any]]:
    found = []
    order = [s.model for s in pictures.ranked(result)]
    for metric in result.metrics:
        rows = []
        for model in order:
            s = result.score(model, metric.name)
            rows.append(
                {
                    "model": s.model,
                    "role": s.role,
                    "score": number(s.score),
                    "interval": f"{number(s.low)} … {number(s.high)}",
                    "gain": "" if s.role == "baseline" else number(s.gain, "+"),
                    "gain_interval": ""
                    if s.role == "baseline"
                    else f"{number(s.gain_low, '+')} … {number(s.gain_high, '+')}",
                }
            )
        units = "" if metric.units == "1" else f" [{metric.units}]"
        title = metric.name.replace("_", " ") + units
        about = {"name": title, "better": metric.direction, "units": metric.units}
        found.append({**about, "rows": rows})
    return found


def _how(result: Result) -> dict[str, Any]:
    import yaml

    from craton.report.folder import config_of

    seconds = {k: f"{v:.1f} s" for k, v in result.seconds.items()}
    hardware = provenance.hardware()
    machine = f"{hardware['system']}, {hardware['cores']} cores, {hardware['memory_gib']} GiB"
    return {
        "config": yaml.safe_dump(config_of(result), sort_keys=False, allow_unicode=True),
        "versions": provenance.versions(),
        "seconds": seconds,
        "machine": machine,
    }


def _by_model(importance: pd.DataFrame) -> dict[str, Any] | None:
    """Drops with one column a model: what each of them needs."""
    if importance.empty:
        return None
    wide = importance.pivot_table(
        index=["kind", "name"], columns="model", values="drop", sort=False, aggfunc="first"
    )
    wide = wide[list(dict.fromkeys(importance["model"]))]
    return table(wide.reset_index())


def _gradients(gradients: pd.DataFrame) -> dict[str, Any] | None:
    if gradients.empty:
        return None
    best = gradients.sort_values("effect", ascending=False, kind="stable")
    return table(best.groupby("model", sort=False).head(10))


def table(frame: pd.DataFrame) -> dict[str, Any]:
    """A frame as rows of text, numbers to three figures and right-aligned."""
    columns = [str(c) for c in frame.columns]
    numeric = [frame[c].dtype.kind in "fiu" for c in frame.columns]
    rows = [[_cell(v) for v in row] for row in frame.head(MAX_ROWS).itertuples(index=False)]
    left_out = max(len(frame) - MAX_ROWS, 0)
    return {"columns": columns, "numeric": numeric, "rows": rows, "left_out": left_out}


def _cell(value: Any) -> str:
    if isinstance(value, (float, np.floating)):
        return number(float(value))
    return "" if value is None else str(value)


def number(value: float, sign: str = "") -> str:
    """A number to three figures, or a dash.

    Examples
    --------
    >>> number(0.123456), number(1234567.0), number(float("nan")), number(0.5, "+")
    ('0.123', '1.23e+06', '–', '+0.500')
    """
    if not np.isfinite(value):
        return "–"
    size = abs(value)
    if size == 0:
        return "0"
    if size >= 1e5 or size < 1e-3:
        return f"{value:{sign}.3g}"
    digits = max(0, 2 - int(np.floor(np.log10(size))))
    return f"{value:{sign}.{digits}f}"


def paragraphs(text: str) -> list[str]:
    """Pieces of a text between blank lines."""
    return [p.strip() for p in re.split(r"\n\s*\n", text) if p.strip()]


def slug(title: str) -> str:
    """An id made of a title.

    Examples
    --------
    >>> slug("Observed & predicted")
    'observed-predicted'
    """
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "section"


_DOI = re.compile(r"(?:doi:)(10\.\d{4,9}/[^\s,;]+[^\s,;.)])|arXiv:(\d{4}\.\d{4,5})")


def links(text: str) -> Markup:
    """Escape a text and make its DOIs and arXiv numbers links to click on."""
    from markupsafe import Markup, escape

    out, end = Markup(""), 0
    for match in _DOI.finditer(text):
        doi, arxiv = match.groups()
        place = f"https://doi.org/{doi}" if doi else f"https://arxiv.org/abs/{arxiv}"
        out += escape(text[end : match.start()])
        out += Markup('<a href="{}">{}</a>').format(place, match.group(0))
        end = match.end()
    return out + escape(text[end:])
