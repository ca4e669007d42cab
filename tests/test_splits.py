"""Splits keep the test set independent, whatever the index looks like."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from craton.errors import ConfigError, CratonError, DataError
from craton.independence import audit
from craton.samples import make_index
from craton.splits import Both, ByGroup, ForwardInTime, SpatialBlocks, Split, Splitter

START = np.datetime64("2000-01-01", "ns")
DAY = np.timedelta64(1, "D")


@st.composite
def indexes(draw: st.DrawFn) -> pd.DataFrame:
    """Indexes with times that tie, targets of many lengths, places that coincide, few groups."""
    n = draw(st.integers(1, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    t0 = START + rng.integers(0, draw(st.sampled_from([1, 20, 400])), n) * DAY
    t1 = t0 + rng.integers(0, draw(st.sampled_from([1, 15])), n) * DAY
    x, y = rng.integers(0, draw(st.sampled_from([1, 5, 50])), (2, n)).astype(float)
    group = rng.integers(0, draw(st.integers(1, 8)), n).astype(str)
    return make_index(n, t0=t0, t1=t1, x=x, y=y, group=group)


SPLITTERS: dict[str, Splitter] = {
    "groups, one by one": ByGroup(),
    "groups, in folds": ByGroup(n=3),
    "groups, one never tested": ByGroup(n=2, train_only=("0",)),
    "time": ForwardInTime(),
    "time, gap": ForwardInTime(0.5, 0.6, gap="10D"),
    "time, no calibration": ForwardInTime(0.7, 0.7),
    "time, dates": ForwardInTime("2000-01-09", "2000-01-12T12:00Z", test_until="2001-01-01"),
    "space": SpatialBlocks(7.0),
    "space, buffer": SpatialBlocks(5.0, buffer=3.0, n=4),
    "group and time": Both(ByGroup(n=3), ForwardInTime(0.4, 0.6)),
    "time and space": Both(ForwardInTime(0.4, 0.6), SpatialBlocks(10.0, 2.0, n=3)),
}
ANY = pytest.mark.parametrize("splitter", SPLITTERS.values(), ids=SPLITTERS.keys())


def made(splits: Iterator[Split]) -> list[Split]:
    """All splits, or none where the splitter says clearly that it cannot."""
    try:
        found = list(splits)
    except DataError as error:
        assert len(str(error)) > 20
        return []
    assert found
    return found


@ANY
@settings(deadline=None, max_examples=60)
@given(index=indexes(), folds=st.integers(2, 5))
def test_every_split_and_fold_is_disjoint_inside_the_index_and_passes_the_audit(
    splitter: Splitter, index: pd.DataFrame, folds: int
) -> None:
    if isinstance(splitter, SpatialBlocks):
        index = index.assign(group="")  # a group in two blocks is a leak, and refused
    for split in [*made(splitter.split(index)), *made(splitter.folds(index, folds))]:
        rows = np.concatenate([split.train, split.calibrate, split.test])
        assert len(np.unique(rows)) == len(rows)
        assert rows.min() >= 0 and rows.max() < len(index)
        assert len(split.train) and len(split.test)
        assert audit(index, split)


@ANY
@settings(deadline=None, max_examples=40)
@given(index=indexes())
def test_no_sample_is_tested_twice(splitter: Splitter, index: pd.DataFrame) -> None:
    tested = [split.test for split in made(splitter.split(index))]
    rows = np.concatenate(tested) if tested else np.zeros(0)
    assert len(np.unique(rows)) == len(rows)


@ANY
@settings(deadline=None, max_examples=40)
@given(index=indexes())
def test_a_block_is_given_to_every_sample_and_the_split_is_the_same_a_second_time(
    splitter: Splitter, index: pd.DataFrame
) -> None:
    assert splitter.blocks(index).shape == (len(index),)
    for a, b in zip(made(splitter.split(index)), made(splitter.split(index)), strict=True):
        np.testing.assert_array_equal(a.train, b.train)
        np.testing.assert_array_equal(a.test, b.test)


@settings(deadline=None)
@given(index=indexes(), n=st.sampled_from([None, 2, 3, 50]))
def test_groups_are_never_on_both_sides_and_each_is_tested_once(
    index: pd.DataFrame, n: int | None
) -> None:
    seen: list[str] = []
    for split in made(ByGroup(n=n).split(index)):
        learnt, tested = (set(index["group"].iloc[r]) for r in (split.train, split.test))
        assert not learnt & tested
        assert learnt | tested == set(index["group"])
        seen += tested
    assert sorted(seen) in ([], sorted(set(index["group"])))


@settings(deadline=None)
@given(index=indexes(), gap=st.integers(0, 20), c=st.floats(0.2, 0.6), s=st.floats(0.6, 0.9))
def test_every_target_learnt_ends_before_what_follows_is_issued_and_the_gap_is_free(
    index: pd.DataFrame, gap: int, c: float, s: float
) -> None:
    for split in made(ForwardInTime(c, s, gap=f"{gap}D").split(index)):
        first, last = index["t0"].min(), index["t1"].max()
        borders = [first + (last - first) * b for b in (c, s)]
        train, calibrate, test = (index.iloc[r] for r in (split.train, split.calibrate, split.test))
        width = pd.Timedelta(days=gap)
        assert train["t1"].max() <= borders[0] and test["t0"].min() >= borders[1] + width
        if len(calibrate):
            assert calibrate["t0"].min() >= borders[0] + width
            assert calibrate["t1"].max() <= borders[1]


@settings(deadline=None)
@given(index=indexes(), n=st.integers(2, 6))
def test_folds_in_time_learn_from_all_that_ended_before_and_grow(
    index: pd.DataFrame, n: int
) -> None:
    size = 0
    for fold in made(ForwardInTime().folds(index, n)):
        assert index["t1"].iloc[fold.train].max() <= index["t0"].iloc[fold.test].min()
        assert len(fold.train) >= size
        size = len(fold.train)


@settings(deadline=None)
@given(index=indexes(), size=st.floats(1, 30), buffer=st.floats(0, 20), n=st.integers(2, 6))
def test_no_training_sample_is_within_the_buffer_of_a_test_sample(
    index: pd.DataFrame, size: float, buffer: float, n: int
) -> None:
    xy = index[["x", "y"]].to_numpy()
    splitter = SpatialBlocks(size, buffer, n)
    blocks = splitter.blocks(index)
    for split in made(splitter.split(index)):
        distance = cdist(xy[split.test], xy[split.train])
        assert distance.min() > 0 and distance.min() >= buffer * (1 - 1e-9)
        assert not set(blocks[split.test]) & set(blocks[split.train])
        far = np.setdiff1d(np.arange(len(index)), np.r_[split.train, split.test])
        assert (cdist(xy[far], xy[split.test]).min(axis=1, initial=np.inf) <= buffer).all()


@settings(deadline=None)
@given(index=indexes())
def test_with_both_the_test_is_new_in_both_senses(index: pd.DataFrame) -> None:
    for split in made(Both(ByGroup(), ForwardInTime(0.4, 0.6)).split(index)):
        learnt, test = np.r_[split.train, split.calibrate], split.test
        assert not set(index["group"].iloc[learnt]) & set(index["group"].iloc[test])
        assert index["t1"].iloc[learnt].max() <= index["t0"].iloc[test].min()


def test_with_both_the_calibration_part_is_that_of_the_one_that_has_one() -> None:
    t0 = START + np.tile(np.arange(10), 2) * DAY
    index = make_index(20, t0=t0, group=["a"] * 10 + ["b"] * 10)
    forward = ForwardInTime("2000-01-04", "2000-01-07")
    for both in (Both(ByGroup(), forward), Both(forward, ByGroup())):
        first = next(both.split(index))
        assert first.train.tolist() == [10, 11, 12]
        assert first.calibrate.tolist() == [13, 14, 15]
        assert first.test.tolist() == [6, 7, 8, 9]


def test_a_sample_issued_at_a_border_belongs_to_the_later_part() -> None:
    index = make_index(6, t0=START + np.arange(6) * DAY)
    split = next(ForwardInTime("2000-01-03", "2000-01-05").split(index))
    assert [r.tolist() for r in (split.train, split.calibrate, split.test)] == [
        [0, 1], [2, 3], [4, 5],
    ]  # fmt: skip


def test_a_target_that_reaches_over_a_border_is_in_no_part() -> None:
    t0 = START + np.arange(10) * DAY
    index = make_index(10, t0=t0, t1=t0 + 2 * DAY)
    split = next(ForwardInTime("2000-01-05", "2000-01-08").split(index))
    assert [r.tolist() for r in (split.train, split.calibrate, split.test)] == [
        [0, 1, 2], [4, 5], [7, 8, 9],
    ]  # fmt: skip


def test_the_end_of_training_and_test_can_be_set() -> None:
    index = make_index(10, t0=START + np.arange(10) * DAY)
    splitter = ForwardInTime(
        "2000-01-05", "2000-01-06", train_from="2000-01-03", test_until="2000-01-08"
    )
    split = next(splitter.split(index))
    assert split.train.tolist() == [2, 3] and split.test.tolist() == [5, 6, 7]


def test_the_groups_named_are_the_test_set() -> None:
    index = make_index(5, group=["a", "b", "c", "b", "a"])
    (split,) = ByGroup(test=("b",)).split(index)
    assert split.test.tolist() == [1, 3] and split.name == "b"


def test_a_group_for_training_only_is_in_every_training_part() -> None:
    index = make_index(5, group=["a", "b", "c", "b", "pseudo"])
    for splits in (
        ByGroup(train_only=("pseudo",)).split(index),
        ByGroup(train_only=("pseudo",)).folds(index, 2),
    ):
        for split in splits:
            assert 4 in split.train


def test_folds_of_groups_are_of_near_equal_size() -> None:
    group = np.repeat(list("abcdef"), [30, 10, 10, 10, 10, 20])
    sizes = [len(s.test) for s in ByGroup(n=3).split(make_index(90, group=group))]
    assert sizes == [30, 30, 30]


def test_samples_of_one_block_in_space_stand_together() -> None:
    index = make_index(4, x=[0, 9, 11, 0], y=[0, 9, 0, 0])
    blocks = SpatialBlocks(10.0).blocks(index)
    assert blocks[0] == blocks[1] == blocks[3] != blocks[2]


def test_blocks_in_time_have_the_length_asked_for() -> None:
    index = make_index(90, t0=START + np.arange(90) * DAY)
    assert np.bincount(ForwardInTime(block="30D").blocks(index)).tolist() == [30, 30, 30]


LINE = make_index(10, t0=START + np.arange(10) * DAY, x=np.arange(10.0), y=np.zeros(10))
# the only sample of "a" reaches over the border
ACROSS = make_index(
    3, t0=START + np.array([0, 0, 2]) * DAY, t1=START + np.array([0, 2, 2]) * DAY,
    group=["b", "a", "b"],
)  # fmt: skip
WELLS = make_index(3, group=["a", "a", "b"])


@pytest.mark.parametrize(
    ("splitter", "index", "said"),
    [
        (ByGroup(), make_index(4), "at least 2 are needed"),
        (ByGroup(), make_index(4, group=["a"] * 4), "1 group"),
        (ByGroup(train_only=("b",)), WELLS, "1 group"),
        (ByGroup(), make_index(3, group=["a", "", "b"]), "1 of 3 samples have no group"),
        (ByGroup(test=("c",)), WELLS, r"\['c'\] are not in the data"),
        (ByGroup(test=("a", "b")), WELLS, "none is left to learn from"),
        (ForwardInTime(), make_index(4), "some samples have no time"),
        (ForwardInTime("2001-01-01", "2002-01-01"), LINE, "the test part is empty"),
        (ForwardInTime("1999-01-01", "2000-01-04"), LINE, "the training part is empty"),
        (ForwardInTime(0.8, 0.6), LINE, "after the test"),
        (ForwardInTime(gap="400D"), LINE, "the test part is empty"),
        (SpatialBlocks(100.0), LINE, "one block of side 100"),
        (SpatialBlocks(2.0), make_index(4), "some samples have no place"),
        (SpatialBlocks(5.0, buffer=50.0), LINE, "buffer of 50.0 leaves no sample"),
        (Both(ByGroup(), ForwardInTime("2000-01-02", "2000-01-02")), ACROSS, "new in both senses"),
    ],
)  # fmt: skip
def test_data_that_cannot_be_split_are_refused_with_one_message(
    splitter: Splitter, index: pd.DataFrame, said: str
) -> None:
    with pytest.raises(DataError, match=said):
        list(splitter.split(index))


@pytest.mark.parametrize(
    ("splitter", "said"),
    [
        (ForwardInTime(0.5, 1990.0), "between 0 and 1"),
        (ForwardInTime(0.5, "soon"), "'soon' is no date"),
        (ForwardInTime(gap="a bit"), "'a bit' is no length of time"),
        (SpatialBlocks(2.0, n=1), "at least 2"),
    ],
)
def test_settings_that_make_no_split_are_refused(splitter: Splitter, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        list(splitter.split(LINE))
    with pytest.raises(CratonError):
        list(ByGroup(n=1).split(WELLS))


def test_too_short_a_record_for_folds_in_time_is_refused() -> None:
    with pytest.raises(DataError, match="no fold can be made"):
        list(ForwardInTime(gap="300D").folds(LINE, 3))


def test_a_target_that_ends_before_it_is_issued_is_refused() -> None:
    t0 = START + np.arange(5) * DAY
    with pytest.raises(DataError, match="end before their issue time"):
        list(ForwardInTime().split(make_index(5, t0=t0, t1=t0 - DAY)))


def test_dealing_sixty_thousand_groups_takes_seconds_not_minutes() -> None:
    import time

    index = make_index(120_000, group=np.arange(120_000) // 2)
    began = time.perf_counter()
    assert len(list(ByGroup(n=5).split(index))) == 5
    assert time.perf_counter() - began < 5
