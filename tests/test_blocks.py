"""Blocks in space: too small ones are refused, and the data name a size."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import craton
from craton.blocks import reach, split_findings
from craton.data.tables import example_table
from craton.errors import ConfigError, LeakError
from craton.gathers import Rows
from craton.samples import Samples, Target, make_index
from craton.splits import ByGroup, ForwardInTime, SpatialBlocks


def patches(side: float = 1000.0, n: int = 600, seed: int = 0, shuffled: bool = False) -> Samples:
    """A chess board of squares: two places are alike only within about one square."""
    rng = np.random.default_rng(seed)
    xy = rng.uniform(0, 12 * side, (n, 2))
    colour = rng.integers(0, 2, (12, 12))[tuple((xy // side).astype(int).T)]
    if shuffled:
        colour = rng.permutation(colour)
    data = xr.Dataset({"a": ("row", rng.normal(size=n)), "c": ("row", colour)})
    index = make_index(n, x=xy[:, 0], y=xy[:, 1], group=np.arange(n))
    return Samples(data, index, Rows(("a",), Target("c", ("b", "w"), (0, 1))))


def level(samples: Samples, splitter: object) -> list[str]:
    return [f.level for f in split_findings(samples, splitter)]


@pytest.mark.parametrize("side", [0.01, 1000.0])
def test_the_range_is_that_of_the_patches_in_any_unit(side: float) -> None:
    found = reach(patches(side))
    # random squares: the correlation falls to 0.1 a little below the side of a square
    assert 0.6 * side < found.range < 1.2 * side
    assert found.range <= found.block < 1.2 * found.range
    assert 0.3 < found.spacing / (12 * side / np.sqrt(600)) < 0.7


def test_blocks_of_one_metre_are_refused_and_wide_ones_are_not() -> None:
    samples = patches()
    assert level(samples, SpatialBlocks(1.0)) == ["error"]
    assert level(samples, SpatialBlocks(600.0)) == ["warning"]
    assert level(samples, SpatialBlocks(1200.0)) == ["info"]


def test_a_buffer_counts_for_what_it_sets_apart() -> None:
    assert level(patches(), SpatialBlocks(600.0, buffer=500.0)) == ["info"]


def test_single_samples_are_let_through_where_neighbours_are_not_alike() -> None:
    samples = patches(shuffled=True)
    assert reach(samples).range == 0
    assert level(samples, SpatialBlocks(1.0)) == ["warning"]


def test_groups_of_one_sample_are_warned_of_and_time_is_left_alone() -> None:
    assert level(patches(), ByGroup(n=5)) == ["warning"]
    assert level(patches(), ForwardInTime()) == []


def test_where_the_area_is_too_small_for_the_range_that_is_said() -> None:
    rng = np.random.default_rng(0)
    xy = rng.uniform(0, 10, (400, 2))
    data = xr.Dataset({"a": ("row", xy[:, 0]), "c": ("row", (xy[:, 0] > 5).astype(int))})
    index = make_index(400, x=xy[:, 0], y=xy[:, 1])
    samples = Samples(data, index, Rows(("a",), Target("c", ("w", "e"), (0, 1))))
    found = reach(samples)
    assert found.capped and found.block < found.range
    assert len(np.unique(SpatialBlocks(found.block).blocks(index))) >= 10


@pytest.fixture
def metres(tmp_path):
    """The example of the table task, its places in metres."""
    data = example_table()
    data = data.assign(x=data["x"] * 1000, y=data["y"] * 1000)
    data.to_dataframe().to_csv(tmp_path / "rows.csv", index=False)
    return {"data": str(tmp_path / "rows.csv"), "x": "x", "y": "y"}


def test_a_run_on_blocks_smaller_than_the_spacing_is_refused_with_a_size(metres) -> None:
    with pytest.raises(LeakError, match=r"as leaky as a random one.*--set block=7\d00"):
        craton.run("table-classification", {**metres, "block": 1})


def test_the_audit_of_such_blocks_does_not_reassure(metres) -> None:
    said = craton.audit("table-classification", {**metres, "block": 1, "bootstrap": 100}).summary
    assert said[0].startswith("Split: a run would refuse this split")
    assert not any("honest" in line for line in said)
    assert not any("kept apart" in line or line.endswith("is certain") for line in said)


def test_a_doubtful_block_is_in_the_verdict(metres) -> None:
    quick = {"candidates": ["logistic"], "bootstrap": 100, "audit": False, "explain": 10}
    found = craton.run("table-classification", {**metres, "block": 3000, **quick})
    assert "But doubt the split" in found.verdict()
    assert "--set block=" in found.verdict()


def test_without_a_block_a_size_is_named(metres) -> None:
    with pytest.raises(ConfigError, match=r"--set block=7\d00"):
        craton.run("table-classification", metres)
