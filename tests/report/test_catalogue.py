"""Pictures of a catalogue: they say what is in the tables, with and without events."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from craton.checks import Finding
from craton.report import catalogue as report
from craton.report.html import page
from craton.report.section import Section


def picks(n=6):
    return pd.DataFrame({
        "network": "XX", "station": [f"A{k % 3}" for k in range(n)], "phase": ["P", "S"] * (n // 2),
        "time": pd.Timestamp("2020-01-01T00:00:10") + pd.to_timedelta(np.arange(n), "s"),
        "event": [0] * 4 + [-1] * (n - 4), "event_id": ["ev"] * 4 + [""] * (n - 4),
        "phase_used": ["P", "S", "P", "S"] + [""] * (n - 4),
        "residual_s": [0.1, -0.2, 0.0, 0.3] + [np.nan] * (n - 4),
    })  # fmt: skip


def minute(event="ev"):
    t = np.arange(600) / 10
    shown = picks().assign(name=lambda p: p["network"] + "." + p["station"])
    shown["mine"] = shown["event"] == 0
    shown["other"] = np.arange(len(shown)) == 5
    curves = {"P": (np.array([0.0, 40.0]), np.array([5.0, 12.0]))} if event else {}
    return report.BusyMinute(
        np.datetime64("2020-01-01T00:00:00"), [t, t, t], [np.sin(t), 5 * np.sin(t), np.zeros(600)],
        ["XX.A0", "XX.A1", "XX.A2"], np.array([10.0, 10.1, 40.0]), shown, curves, event,
    )  # fmt: skip


def texts(fig):
    return [t.get_text() for t in fig.findobj(match=lambda a: hasattr(a, "get_text"))]


@pytest.mark.parametrize("event", ["ev", ""])
def test_the_section_names_each_station_and_its_event(event):
    fig = report.section(minute(event))
    ax = fig.axes[0]
    assert {"XX.A0", "XX.A1", "XX.A2"} <= set(texts(fig))
    assert ("distance from ev (km)" if event else "station") in ax.get_ylabel()
    at = sorted(t.get_position()[1] for t in ax.texts)
    assert min(np.diff(at)) > 0.5  # names do not lie on each other
    assert ax.get_xlim() == (0, 60)
    fig.canvas.draw()
    boxes = sorted((t.get_window_extent() for t in ax.texts), key=lambda b: b.y0)
    assert all(a.y1 < b.y0 + 2 for a, b in pairwise(boxes))


def test_picks_of_the_event_of_another_and_of_none_look_different():
    ax = report.section(minute()).axes[0]
    upright = [n for n in ax.lines if len(n.get_xdata()) == 2 and np.ptp(n.get_xdata()) == 0]
    styles = [(n.get_linestyle(), n.get_linewidth() > 1) for n in upright]
    assert sorted(styles) == [("-", False)] + [("-", True)] * 4 + [(":", False)]


def test_the_scale_bar_is_as_long_as_it_says():
    stations = pd.DataFrame({"network": "XX", "station": ["A", "B"], "latitude": [60.0, 60.0],
                             "longitude": [7.0, 8.0]})  # fmt: skip
    fig = report.event_map(pd.DataFrame(columns=[
        "longitude", "latitude", "east_error_km", "north_error_km", "correlation", "magnitude",
        "depth_km"], dtype=float), stations, picks())  # fmt: skip
    assert "10 km" in texts(fig)  # 55.6 km / 5 = 11.1
    bar = next(n for n in fig.axes[0].lines if n.get_linewidth() == 2.0)
    assert np.ptp(bar.get_xdata()) * 111.19 * 0.5 == pytest.approx(10.0, rel=1e-3)


def test_the_map_has_an_ellipse_for_each_event_with_one_and_all_stations():
    events = pd.DataFrame({
        "longitude": [7.0, 7.2], "latitude": [46.0, 46.1], "east_error_km": [1.0, np.nan],
        "north_error_km": [2.0, np.nan], "correlation": [0.0, np.nan], "magnitude": [1.0, np.nan],
        "depth_km": [5.0, 9.0],
    })  # fmt: skip
    stations = pd.DataFrame({"network": "XX", "station": ["A0", "B"], "latitude": [46.0, 46.2],
                             "longitude": [7.1, 7.3]})  # fmt: skip
    fig = report.event_map(events, stations, picks())
    ax = fig.axes[0]
    outlines = [line for line in ax.lines if len(line.get_xdata()) == 73]
    assert len(outlines) == 1
    half = np.sqrt(4.605) / 111.19
    assert np.ptp(outlines[0].get_ydata()) == pytest.approx(2 * 2.0 * half, rel=1e-3)
    wide = 2 * half / np.cos(np.radians(46.0))
    assert np.ptp(outlines[0].get_xdata()) == pytest.approx(wide, rel=1e-3)
    assert {"A0", "B", "station without pick", "90 % ellipse"} <= set(texts(fig))


def test_bars_count_the_picks():
    ax = report.station_counts(picks()).axes[0]
    assert sum(b.get_height() for b in ax.patches) == 6
    left, right = report.residuals(picks()).axes
    assert sum(b.get_height() for b in left.patches) == 2
    assert sum(b.get_height() for b in right.patches) == 2


def test_the_page_escapes_what_it_is_given_and_stands_alone():
    html = page("T", "All <b> well", [("Name", "a & b")],
                [Section("Part", "See doi:10.1785/BSSA0770062074.")],
                [Finding("warning", "odd <script>", "XX")])  # fmt: skip
    assert "<script" not in html and "All &lt;b&gt; well" in html and "a &amp; b" in html
    assert 'href="https://doi.org/10.1785/BSSA0770062074"' in html
    assert "odd &lt;script&gt;" in html and html.count("<html") == 1
