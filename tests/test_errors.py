"""The errors that craton raises on purpose."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from craton import errors
from craton.errors import CratonError, DataError, nearest

KINDS = [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, CratonError)]


def test_a_message_says_where_what_and_how_to_mend_it() -> None:
    error = DataError("3 rows lack a depth", where="a.csv", fix="fill them in")
    assert str(error) == "a.csv: 3 rows lack a depth. To mend it: fill them in"
    assert (error.what, error.where, error.fix) == ("3 rows lack a depth", "a.csv", "fill them in")


def test_place_and_remedy_may_be_left_out() -> None:
    assert str(DataError("is empty")) == "is empty"
    assert str(DataError("is empty.", fix="fill it")) == "is empty. To mend it: fill it"


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.__name__)
def test_every_error_of_ours_ends_the_command_with_2(kind: type[CratonError]) -> None:
    assert kind("x").exit_code == 2
    assert issubclass(kind, CratonError)


def test_an_error_survives_the_way_back_from_a_worker_process() -> None:
    error = pickle.loads(pickle.dumps(DataError("is empty", where="a.csv")))  # noqa: S301
    assert str(error) == "a.csv: is empty"


def test_the_nearest_known_word_is_named_first() -> None:
    assert nearest("lerning_rate", ["epochs", "learning_rate"]).startswith(
        "did you mean 'learning_rate'?"
    )


def test_a_word_like_nothing_known_gets_the_list_alone() -> None:
    assert nearest("zzz", ["epochs", "depth"]) == "Known: depth, epochs"


@given(st.text(), st.lists(st.text(max_size=5), max_size=5))
def test_any_word_gets_an_answer_that_lists_every_known_one(name: str, known: list[str]) -> None:
    answer = nearest(name, known)
    assert answer.endswith(", ".join(sorted(known)))
