"""Blends of predictions."""

import numpy as np
import pytest
import xarray as xr

from craton.models.blend import choose_weights, mix

TRUTH = np.tile([0, 1], 200)


def forecast(chance: float) -> xr.Dataset:
    """The right class gets this chance."""
    p = np.where(np.eye(2)[TRUTH] == 1, chance, 1 - chance)
    return xr.Dataset({"f": (("sample", "category"), p)})


def loss(predicted: xr.Dataset) -> float:
    p = predicted["f"].to_numpy()[np.arange(len(TRUTH)), TRUTH]
    return float(-np.log(p).mean())


def test_the_mean_of_two_chances_is_in_the_middle():
    mixed = mix({"a": forecast(0.8), "b": forecast(0.4)}, {"a": 0.5, "b": 0.5})
    assert mixed["f"].to_numpy()[0, 0] == pytest.approx(0.6)


def test_a_useless_member_gets_no_weight():
    assert choose_weights(loss, {"good": forecast(0.9), "bad": forecast(0.2)}) == {"good": 1.0}


def test_members_that_err_on_different_samples_share_the_weight():
    a, b = forecast(0.9), forecast(0.9)
    a["f"][:200] = 0.5
    b["f"][200:] = 0.5
    weights = choose_weights(loss, {"a": a, "b": b})
    assert weights == {"a": 0.5, "b": 0.5}
    assert loss(mix({"a": a, "b": b}, weights)) < min(loss(a), loss(b))
