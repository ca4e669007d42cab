"""The synthetic wells have the properties that they are said to have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis

from craton.data import wells as world
from craton.data.wells import synthetic_wells, write_example_las
from craton.errors import ConfigError
from craton.io.wells import read_wells


def test_the_same_seed_gives_the_same_wells_and_another_seed_others() -> None:
    one, two, other = synthetic_wells(1), synthetic_wells(1), synthetic_wells(2)
    assert one.identical(two)
    assert not np.array_equal(one["GR"], other["GR"])


def test_the_layout_is_that_of_the_reader(tmp_path: Path) -> None:
    ds = synthetic_wells(0, 3, 40)
    write_example_las(tmp_path, 0, 3, 40)
    back = read_wells(tmp_path)
    assert set(back.data_vars) == set(ds.data_vars)
    for name in ds.data_vars:
        assert back[name].dims == ds[name].dims == ("row",)
        assert back[name].dtype.kind == ds[name].dtype.kind
        assert back[name].attrs.get("units", "") == ds[name].attrs.get("units", "")


def test_facies_are_codes_with_names_and_the_logs_lie_in_their_ranges() -> None:
    ds = synthetic_wells()
    assert set(np.unique(ds["Facies"])) == set(ds["Facies"].attrs["flag_values"])
    assert len(ds["Facies"].attrs["flag_meanings"].split()) == 5
    assert set(np.unique(ds["NM_M"])) == {1.0, 2.0}
    assert float(ds["RELPOS"].min()) >= 0 and float(ds["RELPOS"].max()) <= 1
    without = ds["PE"].isnull().groupby(ds["well"]).mean()
    assert sorted(without.values.tolist()) == [0.0] * 6 + [1.0] * 2


def test_facies_change_as_often_as_the_chain_says() -> None:
    random = np.random.default_rng(0)
    marine = np.zeros(60_000, dtype=int)
    facies = world._facies(random, marine)
    stay = world._STAY + (1 - world._STAY) * world._NON_MARINE
    for k in (0, 1):
        at = np.flatnonzero(facies[:-1] == k)
        assert (facies[at + 1] == k).mean() == pytest.approx(stay[k], abs=0.01)
    np.testing.assert_allclose(np.bincount(facies) / 60_000, world._NON_MARINE, atol=0.02)


def test_the_row_bound_is_what_an_independent_classifier_reaches_on_clean_logs() -> None:
    random = np.random.default_rng(5)
    marine, _, _ = world._cycles(random, 40_000)
    facies = world._facies(random, marine)
    logs = world._emit(random, facies)
    model = QuadraticDiscriminantAnalysis().fit(logs[:20_000], facies[:20_000])
    score = model.score(logs[20_000:], facies[20_000:])
    assert score == pytest.approx(synthetic_wells(0, 1, 10).attrs["bayes_accuracy_row"], abs=0.015)


def test_the_smoother_agrees_with_the_sum_over_all_paths() -> None:
    random = np.random.default_rng(1)
    density = random.standard_normal((4, 5))
    marine = np.array([0, 0, 1, 1])
    steps = world._transitions(marine)
    posterior = np.zeros((4, 5))
    for path in np.ndindex(5, 5, 5, 5):
        p = steps[0].mean(axis=0)[path[0]]
        for t in range(1, 4):
            p *= steps[t, path[t - 1], path[t]]
        p *= np.exp(sum(density[t, path[t]] for t in range(4)))
        for t in range(4):
            posterior[t, path[t]] += p
    posterior /= posterior.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(world._smooth(density, steps), posterior)


def test_context_helps_and_no_world_is_trivial() -> None:
    attrs = synthetic_wells(0, 1, 10).attrs
    assert 0.5 < attrs["bayes_accuracy_row"] < attrs["bayes_accuracy"] - 0.05 < 0.95


def test_too_small_a_world_is_refused() -> None:
    with pytest.raises(ConfigError):
        synthetic_wells(wells=0)
