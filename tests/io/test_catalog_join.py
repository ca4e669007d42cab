"""A catalogue and what came after it, as one."""

from __future__ import annotations

import numpy as np
import xarray as xr

from craton.io.catalog_join import joined


def events(days: list[int], **more: list[float]) -> xr.Dataset:
    time = np.datetime64("2026-01-01", "ns") + np.array(days) * np.timedelta64(1, "D")
    columns = {"magnitude": [float(d) for d in days], **more}
    return xr.Dataset(
        {"time": ("event", time), **{k: ("event", v) for k, v in columns.items()}},
        attrs={"history": f"{len(days)} events"},
    )


def test_where_two_catalogues_overlap_the_newer_one_counts() -> None:
    found = joined(events([1, 4, 6]), events([5, 7]))
    assert found["magnitude"].to_numpy().tolist() == [1.0, 4.0, 5.0, 7.0]
    assert found.attrs["history"].splitlines() == [
        "3 events", "2 events", "joined: 2 and 2 events"
    ]  # fmt: skip


def test_a_newer_catalogue_of_the_same_time_takes_the_place_of_the_old_one() -> None:
    assert joined(events([2, 4]), events([1, 3])).equals(events([1, 3]))


def test_variables_that_one_lacks_are_left_out() -> None:
    found = joined(events([1], depth=[3.0]), events([2]))
    assert sorted(found.data_vars) == ["magnitude", "time"]


def test_what_is_told_of_both_stays_and_they_lie_on_one_side_of_the_180th_meridian() -> None:
    old = events([1], longitude=[185.0]).assign_attrs(warnings="1 of 9 rows left out")
    new = events([2], longitude=[-178.0]).assign_attrs(warnings="2 of 9 rows left out")
    found = joined(old, new)
    assert found["longitude"].to_numpy().tolist() == [185.0, 182.0]
    assert found.attrs["warnings"].splitlines() == ["1 of 9 rows left out", "2 of 9 rows left out"]
