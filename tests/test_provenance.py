"""Hashes that tell data apart, versions, hardware."""

from __future__ import annotations

import hashlib
import platform
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from craton import provenance


def test_the_hash_of_a_file_is_that_of_hashlib(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc" * 100_000)
    assert provenance.sha256_file(tmp_path / "a") == hashlib.sha256(b"abc" * 100_000).hexdigest()


def data() -> xr.Dataset:
    return xr.Dataset(
        {"a": (("row", "k"), np.arange(6.0).reshape(2, 3)), "b": ("row", np.array(["x", "y"]))}
    )


def test_the_same_data_have_the_same_hash_in_any_order_of_variables_and_memory() -> None:
    turned = data()[["b", "a"]]
    turned["a"] = turned["a"].copy(data=np.asfortranarray(turned["a"]))
    assert provenance.sha256_data(data()) == provenance.sha256_data(turned)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.assign(a=d["a"] + 1e-12),
        lambda d: d.rename(a="c"),
        lambda d: d.rename(k="lag"),
        lambda d: d.isel(row=[1, 0]),
        lambda d: d.assign(b=("row", np.array(["x", "z"]))),
        lambda d: d.assign_coords(row=[0, 1]),
        lambda d: d.assign(a=(("row", "k"), np.arange(6.0).reshape(2, 3).astype("f4"))),
    ],
)
def test_any_change_of_values_names_or_order_changes_the_hash(change) -> None:  # type: ignore[no-untyped-def]
    assert provenance.sha256_data(change(data())) != provenance.sha256_data(data())


@given(st.lists(st.text("ab"), min_size=1), st.lists(st.text("ab"), min_size=1))
def test_texts_have_the_same_hash_only_if_they_are_the_same(a: list[str], b: list[str]) -> None:
    assert (provenance.sha256_text(a) == provenance.sha256_text(b)) == (a == b)


def test_the_hash_of_an_array_is_that_of_its_values_in_order() -> None:
    a = np.arange(6).reshape(2, 3)
    assert provenance.sha256_bytes(a) == provenance.sha256_bytes(np.asfortranarray(a))
    assert provenance.sha256_bytes(a) != provenance.sha256_bytes(a.T)


def test_versions_and_hardware_are_told_without_naming_the_machine() -> None:
    found = provenance.versions()
    assert found["python"] == platform.python_version() and found["numpy"] == np.__version__
    machine = provenance.hardware()
    assert machine["cores"] >= 1 and machine["memory_gib"] > 0
    assert platform.node() not in str(machine)
