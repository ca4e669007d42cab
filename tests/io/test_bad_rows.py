"""A few bad rows are left out and told of, many are an error."""

import pytest

from craton.errors import DataError
from craton.io.bad_rows import BadRows


def marked(rows, policy="omit", **options) -> BadRows:
    bad = BadRows(policy)
    bad.mark(rows, "mag", lambda row: f"bad value {row}", "mend it", **options)
    return bad


def test_nothing_marked_is_nothing_told():
    keep, notes = marked([]).settle(10, "a.csv")
    assert keep.all() and notes == []


def test_the_first_of_a_few_bad_rows_is_named_and_all_are_left_out():
    keep, notes = marked([7, 3]).settle(300, "a.csv")
    assert (~keep).nonzero()[0].tolist() == [3, 7]
    assert notes == ["2 of 300 rows left out, the first: row 4, column 'mag': bad value 3"]


def test_more_than_a_hundredth_is_an_error_with_file_row_column_and_remedy():
    with pytest.raises(DataError) as caught:
        marked([5, 6]).settle(100, "a.csv")
    text = str(caught.value)
    assert all(word in text for word in ("a.csv", "row 6", "'mag'", "bad value 5", "mend it"))
    assert "2 such in all; 1 % may be left out" in text


def test_one_bad_row_is_an_error_where_that_was_asked_for():
    with pytest.raises(DataError, match="bad value 2"):
        marked([2], "error").settle(1000, "a.csv")


def test_marks_with_other_limits_are_judged_apart_and_a_row_counts_once_in_each():
    bad = marked([1, 1])
    bad.mark(range(20), None, lambda row: "empty", "fill it", most=0.5)
    keep, notes = bad.settle(100, "a.csv")
    assert (~keep).sum() == 20
    assert [note.split(":")[0] for note in notes] == [
        "1 of 100 rows left out", "20 of 100 rows left out, the first"
    ]  # fmt: skip
