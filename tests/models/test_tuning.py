"""The search for settings."""

from __future__ import annotations

import numpy as np
import optuna
import pytest

from craton.errors import ConfigError, ModelError
from craton.models.linear import Ridge
from craton.models.trees import DecisionTree
from craton.models.tuning import tune
from tests.models.worlds import table


def distance(model: DecisionTree) -> float:
    """Lowest at depth 20 and min_leaf 3."""
    return abs(model.config.depth - 20) + abs(np.log(model.config.min_leaf / 3))


def test_the_search_comes_near_the_best_settings():
    found = tune(DecisionTree, distance, trials=40, seed=1)
    assert abs(found["depth"] - 20) <= 4
    assert found.keys() == {"depth", "min_leaf"}
    DecisionTree(**found)


def test_the_same_seed_gives_the_same_search():
    one, two, other = (tune(DecisionTree, distance, trials=8, seed=s) for s in (3, 3, 4))
    assert one == two
    assert one != other


def test_the_model_as_it_comes_stands_if_nothing_is_better():
    assert tune(DecisionTree, lambda m: float(m.config != DecisionTree().config), trials=5) == {}


def test_a_real_score_is_not_worse_after_the_search():
    samples = table(300, numbers=True, noise=2.0)
    train, test = samples.take(np.arange(60)), samples.take(np.arange(60, 300))

    def score(model):
        median = model.fit(train).predict(test)["number"].sel(quantile=0.5)
        return float(((median - test.observed()["number"].to_numpy()) ** 2).mean())

    assert score(Ridge(**tune(Ridge, score, trials=15))) <= score(Ridge())


def test_settings_that_cannot_be_fitted_do_not_stop_the_search():
    def score(model):
        if model.config.depth > 10:
            raise ModelError("too deep")
        return -float(model.config.depth)

    assert tune(DecisionTree, score, trials=25)["depth"] in (9, 10)


def test_no_finite_score_at_all_is_an_error():
    with pytest.raises(ModelError, match="finite"):
        tune(DecisionTree, lambda m: float("nan"), trials=4)


def test_a_model_without_bounds_and_a_given_space():
    with pytest.raises(ConfigError, match="bounds"):
        tune(DecisionTree, distance, space={})
    space = {"class_weight": {"type": "choice", "choices": ["balanced"]}}
    found = tune(DecisionTree, lambda m: m.config.class_weight == "none", trials=3, space=space)
    assert found == {"class_weight": "balanced"}


def test_every_trial_is_reported_and_the_library_s_own_log_level_kept(capfd):
    level, seen = optuna.logging.get_verbosity(), []
    tune(DecisionTree, distance, trials=4, progress=lambda d, t, _: seen.append((d, t)))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert optuna.logging.get_verbosity() == level
    assert capfd.readouterr().err == ""
