"""The report: one file, offline, escaped, with everything in it."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser

import numpy as np
import pytest

from craton.errors import ModelError
from craton.report.figures import confusion_section, dots, figure, observed_section
from craton.report.html import links, number, render, table
from craton.report.svg import inline_svg
from tests import worlds

VOID = {"meta", "br", "img", "hr", "input", "link"}


class _Tags(HTMLParser):
    """Checks nesting; collects attributes, ids and headings."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.ids: list[str] = []
        self.headings: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.attributes += [(tag, k, v or "") for k, v in attrs]
        self.ids += [v for k, v in attrs if k == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.attributes += [(tag, k, v or "") for k, v in attrs]
        self.ids += [v for k, v in attrs if k == "id"]

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-1:]}"
        self.open.pop()

    def handle_data(self, data):
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)


@cache
def _page(name):
    text = render(worlds.result_of(name))
    tags = _Tags()
    tags.feed(text)
    return text, tags


NAMES = ("labels", "depth", "field", "map")


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_loaded_from_outside(name):
    text, tags = _page(name)
    keys = ("src", "href", "xlink:href", "srcset", "data", "poster", "action")
    loaded = [(t, k, v) for t, k, v in tags.attributes if k in keys]
    for tag, key, value in loaded:
        inside = value.startswith(("#", "data:image/png;base64,"))
        assert inside or (tag == "a" and value.startswith("https://")), (tag, key, value)
    assert "<script" not in text and "@import" not in text
    assert not re.search(r"url\((?!#)", text)


@pytest.mark.parametrize("name", NAMES)
def test_tags_are_nested_and_ids_unique(name):
    _, tags = _page(name)
    assert tags.open == []
    assert len(tags.ids) == len(set(tags.ids))


@pytest.mark.parametrize("name", NAMES)
def test_each_reference_within_the_page_exists(name):
    text, tags = _page(name)
    wanted = {v[1:] for _, k, v in tags.attributes if k in ("href", "xlink:href") and v[:1] == "#"}
    wanted |= set(re.findall(r"url\(#([^)]+)\)", text))
    assert wanted <= set(tags.ids)


def test_the_parts_come_in_their_order():
    _, tags = _page("field")
    assert tags.headings == [
        "Models", "Split", "Own & special", "Calibration", "Score by lead", "Leak audit",
        "Explanation", "Findings on the data", "How it was run", "References",
    ]  # fmt: skip


def test_what_comes_from_data_is_escaped():
    text, _ = _page("labels")
    assert "<script>alert(1)" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert "Clay &lt;or&gt; sand" in text
    assert "a &lt; b" in text
    assert "clay <b>" not in text


def test_sections_that_cannot_be_drawn_are_told_and_the_rest_is_there():
    def sections(result):
        raise ModelError("the simulation is too large", fix="ask for less")

    result = worlds.result_of("labels")
    broken = replace(result, task=replace(result.task, sections=sections))
    with pytest.warns(UserWarning, match="lacks the task's own sections: the simulation is too"):
        text = render(broken)
    assert "ask for less" in text and "What could not be shown" in text


def test_the_verdict_and_the_roles_are_shown():
    text, _ = _page("depth")
    result = worlds.result_of("depth")
    assert result.verdict().split(":")[0].replace("'", "&#39;") in text
    assert text.count('<span class="tag selected">') == len(result.metrics)
    assert text.count('<span class="tag baseline">') == len(result.metrics)


def test_references_are_links_to_click_on():
    text, _ = _page("labels")
    assert '<a href="https://doi.org/10.1000/abc">doi:10.1000/abc</a>' in text
    assert str(links("a <b> arXiv:1706.04599.")) == (
        'a &lt;b&gt; <a href="https://arxiv.org/abs/1706.04599">arXiv:1706.04599</a>.'
    )


def test_a_report_is_small():
    assert all(len(_page(name)[0]) < 2_000_000 for name in NAMES)


def test_the_same_result_gives_the_same_report():
    result = worlds.result_of("depth")
    assert render(result) == render(result)


def test_no_figure_is_left_open():
    from matplotlib import pyplot

    render(worlds.result_of("depth"))
    assert pyplot.get_fignums() == []


def test_black_becomes_the_colour_of_the_page():
    fig, ax = figure()
    dots(ax, ["a"], [1.0], [0.5], [1.5])
    ax.set_xlabel("gain [nat]")
    svg = inline_svg(fig, 'a "figure" <1>', 3)
    assert "#000000" not in svg and "currentColor" in svg
    assert "gain [nat]" in svg
    assert 'aria-label="a &#34;figure&#34; &lt;1&gt;"' in svg


def test_a_crowded_figure_becomes_pixels():
    fig, ax = figure()
    rng = np.random.default_rng(0)
    ax.scatter(*rng.normal(size=(2, 20_000)), s=2)
    svg = inline_svg(fig, "many", 1)
    assert "data:image/png;base64," in svg
    assert len(svg) < 400_000


def test_a_figure_with_too_many_vectors_becomes_a_picture():
    fig, ax = figure()
    for i in range(900):
        ax.plot(np.arange(100), np.random.default_rng(i).normal(size=100))
    drawn = inline_svg(fig, "lines", 1)
    assert drawn.startswith("<img alt=")


def test_a_long_table_says_what_it_leaves_out():
    import pandas as pd

    made = table(pd.DataFrame({"a": np.arange(250), "b": "x"}))
    assert made["left_out"] == 50
    assert made["numeric"] == [True, False]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.0123456, "0.0123"), (12.345, "12.3"), (123456.0, "1.23e+05"), (-0.5, "-0.500")],
)
def test_numbers_have_three_figures(value, text):
    assert number(value) == text


def test_the_confusion_table_counts_right():
    result = worlds.result_of("labels")
    section = confusion_section(result)
    truth = result.observed["kind"].to_numpy()
    guess = result.predictions[result.selected]["kind"].to_numpy().argmax(axis=1)
    assert section.table["samples"].tolist() == np.bincount(truth).tolist()
    hit = (truth == guess) & (truth == 1)
    assert section.table["recall"].iloc[1] == pytest.approx(hit.sum() / (truth == 1).sum())


def test_numbers_get_a_picture_of_observed_and_predicted():
    section = observed_section(worlds.result_of("depth"))
    assert "[m]" in inline_svg(section.figures[0], "", 1)


def test_cautions_and_the_known_answer_stand_at_the_top():
    result = worlds.result_of("labels")
    task = replace(result.task, cautions=lambda result: ["p < q is too sure"])
    text = render(replace(result, task=task))
    top = text[: text.index('id="models"')]
    assert "Caution: p &lt; q is too sure" in top
    assert "<dt>Known answer</dt><dd>found: true</dd>" in top
    assert "Caution" not in render(result)
