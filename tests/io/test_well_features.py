"""Beds, formations, and whether new logs mean what the old ones did."""

import numpy as np
import pytest
import xarray as xr

from craton.data.wells import synthetic_wells
from craton.errors import DataError
from craton.io.well_features import (
    add_beds,
    describe,
    facies_codes,
    find_facies,
    formation_order,
    log_names,
    match_training,
    typical_step,
)


def wells(**curves):
    n = 6
    ds = xr.Dataset({"well": ("row", ["A"] * 4 + ["B"] * 2)})
    ds["depth"] = ("row", np.array([10.0, 11, 12, 13, 20, 21]))
    for name, values in curves.items():
        ds[name] = ("row", np.broadcast_to(values, n))
    return ds


def test_a_bed_ends_where_formation_mark_or_well_changes():
    ds = wells(F=["a", "a", "a", "b", "b", "b"], M=[1.0, 1.0, 2.0, 2.0, 2.0, 2.0])
    found = add_beds(ds, "F", ["a", "b"], ["M"])
    assert found["bed_thickness"].values.tolist() == [2.0, 2.0, 1.0, 1.0, 2.0, 2.0]
    assert found["below_top"].values.tolist() == [0.5, 1.5, 0.5, 0.5, 0.5, 1.5]
    assert found["above_base"].values.tolist() == [1.5, 0.5, 0.5, 0.5, 1.5, 0.5]


def test_a_log_in_its_bed_does_not_change_with_an_offset_of_the_tool():
    gr = np.array([50.0, 70.0, np.nan, 80.0, 10.0, 30.0])
    a, b = (
        add_beds(wells(F=["a"] * 6, GR=values), "F", ["a"], (), ["GR"])["GR in bed"].values
        for values in (gr, gr + 17.0)
    )
    assert a == pytest.approx(b, nan_ok=True)
    assert a[4:].tolist() == [-10.0, 10.0] and np.isnan(a[2])


def test_gaps_in_a_mark_do_not_cut_beds_to_pieces():
    found = add_beds(wells(F=["a"] * 6, M=np.nan), "F", ["a"], ["M"])
    assert found["bed_thickness"].values.tolist() == [4.0] * 4 + [2.0] * 2


def test_an_unknown_formation_is_not_a_number():
    found = add_beds(wells(F=["a", "z", "a", "a", "a", "a"]), "F", ["a"])
    assert np.isnan(found["formation"].values[1]) and found["formation"].values[0] == 0


def test_without_formation_or_mark_nothing_is_known_of_beds():
    assert np.isnan(add_beds(wells(), None, [])["bed_position"].values).all()


def test_formations_are_ordered_from_the_top_down():
    ds = synthetic_wells(1, 3, 200)
    order = formation_order(ds, "Formation")
    assert order[:4] == ("A SH", "A LM", "B SH", "B LM")


def test_places_and_labels_are_no_logs():
    ds = wells(GR=1.0, X_LOC=2.0, Facies=1.0, DEPTH_MD=3.0, F="a")
    assert log_names(ds) == ("GR",)


def test_facies_are_found_whatever_their_case():
    assert find_facies(wells(LITHOFACIES=1.0), None, "x") == "LITHOFACIES"
    with pytest.raises(DataError, match="--set target=NAME"):
        find_facies(wells(GR=1.0), None, "x")


def test_facies_as_words_have_no_codes():
    assert facies_codes(wells(F=["mud", "sand", "", "mud", "sand", "mud"]), "F") == (
        ("mud", "sand"), (),
    )  # fmt: skip


def test_the_step_is_that_within_wells():
    assert typical_step(wells()) == 1.0
    assert typical_step(wells().isel(row=[0])) == 0.0


def test_kilograms_for_grams_are_refused_by_their_values():
    old, new = wells(RHOB=np.linspace(2.0, 2.8, 6)), wells(RHOB=np.linspace(2000.0, 2800.0, 6))
    typical = describe(old, ["RHOB"])
    with pytest.raises(DataError, match=r"RHOB has the median .* \(g/cm3\)"):
        match_training(new, ["RHOB"], {"RHOB": "g/cm3"}, typical, 1.0, "x")
    assert match_training(old, ["RHOB"], {"RHOB": "g/cm3"}, typical, 1.0, "x") is not None


def test_spellings_of_one_unit_are_the_same_unit():
    ds = wells(RHOB=2.5)
    ds["RHOB"].attrs["units"] = "G/CC"
    match_training(ds, ["RHOB"], {"RHOB": "g/cm3"}, {}, None, "x")


def test_a_coarser_sampling_is_refused_without_blaming_feet():
    with pytest.raises(DataError, match=r"resample the logs to about 0.1 m"):
        match_training(wells(GR=1.0), ["GR"], {}, {}, 0.1, "x")
