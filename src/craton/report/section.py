"""One part of a report: a title, a few sentences, a table, pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Section:
    """A part of a report.

    Attributes
    ----------
    title : str
        Heading.
    text : str
        Plain sentences; a blank line starts a paragraph.
    table : pd.DataFrame, optional
        Shown as it is, numbers to three figures.
    figures : sequence of matplotlib figures
        Drawn inline as SVG, each closed after drawing.
    captions : sequence of str
        One a figure.
    """

    title: str
    text: str = ""
    table: pd.DataFrame | None = None
    figures: Sequence[Any] = field(default_factory=tuple)
    captions: Sequence[str] = field(default_factory=tuple)
