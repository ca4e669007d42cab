"""Real catalogues: numbers of other programs, labelled explosions, a clock that is off."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from sklearn.metrics import roc_auc_score

from craton.io.catalog import read_catalog
from craton.seismicity.b_value import b_positive, b_value
from craton.seismicity.blasts import blast_cells, blast_probability
from craton.seismicity.completeness import completeness
from craton.seismicity.copies import compare_catalogs

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif("CRATON_DATA_DIR" not in os.environ, reason="CRATON_DATA_DIR is not set"),
]


@pytest.fixture(scope="module")
def folder() -> Path:
    return Path(os.environ["CRATON_DATA_DIR"])


def test_the_italian_catalogue_has_the_numbers_that_seismostats_finds(folder: Path) -> None:
    # read as it stands: the other program was given the row whose time is impossible, too
    table = pd.read_csv(folder / "etas-reference-catalogs/horus_italy_M2.5.csv.gz")
    m = np.round(table["M"].to_numpy(), 1)
    # SeismoStats 1.0.1 on the same magnitudes
    assert b_value(m, 2.7, 0.1)[:2] == pytest.approx((0.81667930304465, 0.004524758869901434))
    assert b_positive(m, 0.1) == pytest.approx((0.9163371026726351, 0.006919048598167955, 16461))
    assert completeness(m, resamples=0).mc == 2.8
    assert completeness(m, "b-stability", resamples=0).mc == 3.0


def test_labelled_explosions_of_the_northwest_are_found_without_their_labels(folder: Path) -> None:
    table = pd.read_csv(folder / "pnsn-event-types/pnsn_comcat_2018-2022.csv.gz")
    table["time"] = pd.to_datetime(table["timestamp"], unit="s").astype("datetime64[ns]")
    table = table.sort_values("time")
    names = ("time", "latitude", "longitude")
    data = xr.Dataset({k: ("event", table[k].to_numpy()) for k in names})
    blasts = table["event_type"].isin(["explosion", "quarry blast"]).to_numpy()
    assert roc_auc_score(blasts, blast_probability(data)) > 0.94
    cells = blast_cells(data)
    number = np.bincount(cells.cell_of, blasts, minlength=cells.contaminated.size)
    assert cells.contaminated.sum() >= 35
    assert (number[cells.contaminated] > 0).all()
    assert not blast_cells(data.isel(event=~blasts)).contaminated.any()


def test_the_clock_of_an_italian_list_is_an_hour_off_that_of_the_national_catalogue(
    folder: Path,
) -> None:
    reference = folder / "etas-reference-catalogs"
    horus = read_catalog(reference / "horus_italy_M2.5.csv.gz")
    found = compare_catalogs(horus, read_catalog(reference / "italy.quakes.csv.gz"))
    assert found.shift_seconds == pytest.approx(3856, abs=1)
    assert found.km == 0.0 and found.first.size > 1000


def test_one_californian_catalogue_is_largely_the_others_and_a_third_is_independent(
    folder: Path,
) -> None:
    scedc, comcat, white = (
        read_catalog(folder / "earthquakenpp" / f"{name}.csv.gz")
        for name in ("SCEDC_catalog", "ComCat_catalog_trainval", "WHITE_catalog_trainval")
    )
    assert compare_catalogs(scedc, comcat).is_copy
    assert not compare_catalogs(scedc, white).is_copy
