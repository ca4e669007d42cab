"""Figures as inline SVG that takes the page's colours, small enough for one file."""

from __future__ import annotations

import base64
import io
import re
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.collections import Collection, QuadMesh
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.text import Text

from craton.report.figures import STYLE

INK = "#010203"
MANY_POINTS, MANY_CELLS = 3000, 2000
MAX_SVG = 600_000
"""Characters of an SVG beyond which the figure is put in as a picture of pixels."""


def inline_svg(fig: Figure, label: str, number: int) -> str:
    """Write a figure as an `<svg>` element, or as an `<img>` with the data in it if it is large.

    Parameters
    ----------
    fig : Figure
        It is emptied afterwards.
    label : str
        Text for those who cannot see it; escaped here.
    number : int
        Number of the figure in the page; keeps the ids of different figures apart.

    Returns
    -------
    str
        HTML without any reference to the outside.
    """
    from markupsafe import escape

    _theme(fig)
    text = io.StringIO()
    salt: dict[Any, Any] = {"svg.hashsalt": f"figure-{number}", **STYLE}
    with mpl.rc_context(salt):
        fig.savefig(text, format="svg", transparent=True, dpi=130, metadata={"Date": None})
    svg = _trim(text.getvalue(), f"f{number}")
    if len(svg) > MAX_SVG:
        return _pixels(fig, str(escape(label)))
    fig.clear()
    return svg.replace("<svg ", f'<svg role="img" aria-label="{escape(label)}" ', 1)


def _pixels(fig: Figure, label: str) -> str:
    raw = io.BytesIO()
    fig.patch.set_facecolor("white")
    for text in fig.findobj(Text):
        if text.get_color() == INK:  # type: ignore[attr-defined]
            text.set_color("black")  # type: ignore[attr-defined]
    with mpl.rc_context(STYLE):
        fig.savefig(raw, format="png", dpi=150, facecolor="white")
    fig.clear()
    data = base64.b64encode(raw.getvalue()).decode("ascii")
    return f'<img alt="{label}" src="data:image/png;base64,{data}">'


def _theme(fig: Figure) -> None:
    """Black text becomes ink, faces of axes transparent, crowded artists pixels."""
    artists: list[Any] = fig.findobj()
    for text in (a for a in artists if isinstance(a, Text)):
        if to_rgba(text.get_color())[:3] == (0.0, 0.0, 0.0):
            text.set_color(INK)
        text.set_fontsize(max(text.get_fontsize(), 7.5))
    for ax in fig.axes:
        ax.patch.set_alpha(0.0)
    for legend in (a for a in artists if isinstance(a, Legend)):
        legend.get_frame().set_alpha(0.0)
    for artist in artists:
        if isinstance(artist, (Collection, Line2D)) and _crowded(artist):
            artist.set_rasterized(True)


def _crowded(artist: Any) -> bool:
    """Whether an artist would take more room as vectors than as pixels."""
    if isinstance(artist, Line2D):
        marked = artist.get_marker() not in (None, "None", "", " ")
        return np.size(artist.get_xdata()) > (MANY_POINTS if marked else 10 * MANY_POINTS)
    array, offsets = artist.get_array(), artist.get_offsets()
    if array is not None and array.size > (400 if isinstance(artist, QuadMesh) else MANY_CELLS):
        return True
    if offsets is not None and len(offsets) > MANY_POINTS:
        return True
    return sum(len(p.vertices) for p in artist.get_paths()) > 20 * MANY_POINTS


_HEAD = re.compile(r"^.*?(?=<svg)", re.S)
_METADATA = re.compile(r"<metadata>.*?</metadata>\s*", re.S)
_COMMENT = re.compile(r"<!--.*?-->\s*", re.S)
_NAMESPACE = re.compile(r' xmlns(:\w+)?="[^"]*"')
_GROUP_ID = re.compile(r'<g id="[A-Za-z]+[A-Za-z0-9]*_\d+">')
_SIZE = re.compile(r'(<svg[^>]*?) width="([\d.]+)pt" height="([\d.]+)pt"', re.S)


def _trim(svg: str, prefix: str) -> str:
    """Keep what a page needs: no preamble, no comments, no repeated ids, the page's ink."""
    svg = _COMMENT.sub("", _METADATA.sub("", _HEAD.sub("", svg)))
    svg = _NAMESPACE.sub("", svg)
    svg = _GROUP_ID.sub("<g>", svg)
    # ids that are referred to (clips, markers, gradients) are kept apart between figures
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', svg)
    svg = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", svg)
    svg = re.sub(r'href="#([^"]+)"', rf'href="#{prefix}-\1"', svg)
    svg = _SIZE.sub(lambda m: f'{m[1]} style="--w:{float(m[2]) / 0.72:.0f}px"', svg, count=1)
    for black in ("#000000", INK):
        svg = svg.replace(f": {black}", ": currentColor")
    # text without a fill would be black on a dark page
    return svg.replace("<svg ", '<svg fill="currentColor" ', 1).strip()
