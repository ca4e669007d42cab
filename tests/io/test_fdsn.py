"""Catalogues from an FDSN event service that serves a recorded answer on loopback."""

from __future__ import annotations

import logging
import socket

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from craton.errors import DataError
from craton.io import fdsn
from craton.io.catalog import read_catalog
from craton.io.fdsn import fetch_events, read_fdsn
from tests.io.fdsn_server import RECORDED, Service, serve

WHOLE = read_catalog(RECORDED)


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Take no real pauses, but note them; and ask no proxy for what is on loopback."""
    taken: list[float] = []
    monkeypatch.setattr(fdsn.time, "sleep", taken.append)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return taken


def test_the_whole_answer_comes_in_as_a_catalogue() -> None:
    with serve() as service:
        catalog = read_fdsn(service.url())
        assert len(service.asked) == 1
    for name in ("time", "latitude", "longitude", "depth", "magnitude", "event_id"):
        assert catalog[name].values.tolist() == WHOLE[name].values.tolist()
    assert service.address in catalog.attrs["history"]


def test_start_end_and_least_magnitude_are_passed_on() -> None:
    query = "start=2000-03-01T00:00:00&end=2000-06-01T00:00:00%2B00:00&minmagnitude=4"
    with serve() as service:
        found = read_fdsn(service.url(query))
    spring = (WHOLE.time >= np.datetime64("2000-03-01")) & (WHOLE.time <= np.datetime64("2000-06"))
    assert found.event_id.values.tolist() == (
        WHOLE.event_id[spring & (WHOLE.magnitude >= 4)].values.tolist()
    )


@pytest.mark.parametrize("code", [413, 400])
def test_a_refusal_as_too_many_halves_the_time_until_all_events_are_there(code: int) -> None:
    with serve(refuse_above=20, refuse_code=code) as service:
        found = read_fdsn(service.url())
        assert len(service.asked) > 2 * 294 / 20
    assert found.event_id.values.tolist() == WHOLE.event_id.values.tolist()


@pytest.mark.parametrize("newest_first", [False, True])
def test_a_limit_that_the_service_does_not_tell_of_is_found_and_passed(newest_first: bool) -> None:
    with serve(cut_above=100, newest_first=newest_first) as service:
        found = read_fdsn(service.url())
        assert len(service.asked) == 3
    assert found.event_id.values.tolist() == WHOLE.event_id.values.tolist()


def test_a_limit_that_was_asked_for_is_kept() -> None:
    with serve() as service:
        found = read_fdsn(service.url("starttime=2000-01-01&limit=100"))
        assert len(service.asked) == 1
    assert found.sizes["event"] == 100


@pytest.mark.parametrize("how", ["cut", "silent"])
def test_an_answer_cut_in_its_middle_is_asked_for_again(how: str, pauses: list[float]) -> None:
    with serve(broken=[how, how]) as service:
        found = read_fdsn(service.url())
        assert len(service.asked) == 3
    assert found.sizes["event"] == 294
    assert pauses == [1, 2]


def test_answers_that_are_cut_each_time_give_no_half_catalogue(pauses: list[float]) -> None:
    with serve(broken=["cut"] * 9) as service:
        with pytest.raises(DataError, match="no whole answer in 5 tries"):
            read_fdsn(service.url())
        assert len(service.asked) == 5
    assert pauses == [1, 2, 4, 8]


def test_a_busy_service_is_given_the_time_that_it_asks_for(pauses: list[float]) -> None:
    with serve(broken=[503, 429]) as service:
        assert read_fdsn(service.url()).sizes["event"] == 294
    assert pauses == [7, 2]


def test_no_events_are_one_message() -> None:
    with serve() as service, pytest.raises(DataError, match="no events for this query"):
        read_fdsn(service.url("starttime=1990-01-01&endtime=1991-01-01"))


def test_a_wrong_parameter_is_told_in_the_words_of_the_service() -> None:
    with serve() as service, pytest.raises(DataError, match=r"400: Bad request: .*'minmagnitud'"):
        read_fdsn(service.url("starttime=2000-01-01&minmagnitud=3"))
    assert len(service.asked) == 1


def test_an_error_page_is_shown_without_its_tags() -> None:
    with serve(broken=[403]) as service, pytest.raises(DataError, match="403: not now"):
        read_fdsn(service.url())


def test_what_is_no_event_service_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    page = ["<html>", "<body>"]
    with serve() as service, pytest.raises(DataError, match="no FDSN text"):
        service.header, service.lines = page[0], service.lines[:1]
        read_fdsn(service.url())


def test_a_service_that_is_not_there_is_told(pauses: list[float]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(DataError, match="check the network"):
        read_fdsn(f"fdsn:http://127.0.0.1:{port}/fdsnws/event/1/query?starttime=2000-01-01")
    assert len(pauses) == 4


def test_an_answer_beyond_the_bound_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fdsn, "MAX_ANSWER", 1000)
    with serve() as service, pytest.raises(DataError, match="larger than 1000 bytes"):
        read_fdsn(service.url())
    monkeypatch.setattr(fdsn, "MAX_ANSWER", 10**6)
    monkeypatch.setattr(fdsn, "MAX_EVENTS", 100)
    with serve() as service, pytest.raises(DataError, match="more than 100 events"):
        read_fdsn(service.url())


def test_events_without_a_magnitude_are_left_out_and_told() -> None:
    with serve() as service:
        fields = service.lines[5].split("|")
        fields[10] = ""
        service.lines[5] = "|".join(fields)
        found = read_fdsn(service.url())
    assert found.sizes["event"] == 293
    assert "1 of 294 rows left out: row 6, " in found.attrs["warnings"]


def test_progress_is_told_after_each_answer(caplog: pytest.LogCaptureFixture) -> None:
    told: list[int] = []
    with serve(refuse_above=200) as service, caplog.at_level(logging.INFO, "craton"):
        read_fdsn(service.url(), lambda n, text: told.append(n))
    assert told == sorted(told)
    assert told[-1] == 294
    assert "294 events from 127.0.0.1" in caplog.text


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("fdsn:", "no address"),
        ("fdsn:ftp://a.b/fdsnws/event/1/query?starttime=2000-01-01", "no address"),
        ("fdsn:file:///etc/passwd?starttime=2000-01-01", "no address"),
        ("fdsn:https://me:word@a.b/query?starttime=2000-01-01", "no address"),
        ("fdsn:https://[a/query?starttime=2000-01-01", "no address"),
        ("fdsn:https://a.b/query?minmagnitude=3", "names no start"),
        ("fdsn:https://a.b/query?starttime=yesterday", "'yesterday' is no time"),
        ("fdsn:https://a.b/query?starttime=9999-12-31", "is no time"),
        ("fdsn:https://a.b/query?starttime=2001-01-01&endtime=2000-01-01", "not before its end"),
    ],
)
def test_a_bad_address_is_refused_before_anything_is_asked(address: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_fdsn(address)


@pytest.fixture(scope="module")
def service():
    with serve() as running:
        yield running


@settings(max_examples=100, deadline=None)
@given(
    header=st.one_of(st.just("#EventID|Time|Latitude|Longitude|Depth/km|Magnitude"), st.text()),
    rows=st.lists(
        st.one_of(
            st.text(max_size=40),
            st.lists(st.text("0123456789.-:TZ", max_size=12), max_size=7).map("|".join),
        ),
        max_size=120,
    ),
)
def test_any_answer_is_a_catalogue_or_one_data_error(
    service: Service, header: str, rows: list[str]
) -> None:
    service.header, service.lines = header, rows
    service.select = lambda query: service.lines  # type: ignore[method-assign]
    try:
        found = read_fdsn(service.url())
    except DataError:
        return
    assert found.sizes["event"] >= 1


def test_the_text_is_kept_as_the_service_wrote_it() -> None:
    with serve(refuse_above=50) as service:
        assert fetch_events(service.url()) == RECORDED.read_text(encoding="utf-8")
