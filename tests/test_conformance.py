"""The suite finds what is wrong: it fails where it must."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from craton.conformance import check_task
from craton.models.baselines import Frequency
from craton.samples import Samples
from craton.splits import ByGroup, Split
from craton.tasks.table_classification import TASK
from craton.tasks.table_classification import samples as honest_samples

FAST = {"candidates": ["logistic"], "bootstrap": 100, "audit": False, "explain": 10}
QUICK = dataclasses.replace(TASK, quick=FAST)


def failed(task):
    return {c.name for c in check_task(task) if not c.passed}


def test_inputs_that_hold_the_target_are_found():
    def leaky(data, config, future):
        found = honest_samples(data, config, future)
        label = np.unique(found.data["class"].to_numpy(), return_inverse=True)[1]
        changed = found.data.assign(a=("row", label.astype(float)))
        return dataclasses.replace(found, data=changed)

    assert "inputs are blind to their target" in failed(dataclasses.replace(QUICK, samples=leaky))


class RandomRows:
    """The split that this package exists to refuse."""

    def blocks(self, index):
        return np.arange(len(index))

    def split(self, index):
        order = np.random.default_rng(0).permutation(len(index))
        half = len(index) // 2
        yield Split(order[:half], np.zeros(0, int), order[half:])

    folds = ByGroup.folds


def test_a_leaky_split_is_found():
    def at_two_places(data, config, future):
        found = honest_samples(data, config, future)
        return dataclasses.replace(found, index=found.index.assign(x=0.0, y=0.0))

    task = dataclasses.replace(
        QUICK, splitter=lambda config, samples: RandomRows(), samples=at_two_places
    )
    assert "the split is independent" in failed(task)


class Moody(Frequency):
    """A model that never gives the same answer twice."""

    def predict(self, samples: Samples):
        found = super().predict(samples)
        noise = np.random.default_rng().uniform(0.5, 1, found["class"].shape)
        return found.assign({"class": found["class"].copy(data=noise / noise.sum(1)[:, None])})


def test_a_model_without_a_seed_is_found():
    models = {"logistic": Moody()}
    found = failed(dataclasses.replace(QUICK, models=models, answer=lambda r: [("fine", True)]))
    assert "the same seed gives the same predictions" in found


class Cheat(Frequency):
    """A model that looks the answers up in the data."""

    def predict(self, samples: Samples):
        found = super().predict(samples)
        truth = samples.data["class"].to_numpy()[samples.index.index]
        hot = np.where(truth[:, None] == np.array(samples.target.categories), 0.9, 0.1)
        return found.assign({"class": found["class"].copy(data=hot)})


def test_a_model_that_looks_the_target_up_is_found():
    task = dataclasses.replace(QUICK, models={"logistic": Cheat()})
    assert "permuted targets give no gain" in failed(task)


def test_an_answer_that_does_not_come_back_is_found():
    wrong = dataclasses.replace(QUICK, answer=lambda result: [("pigs fly", False)])
    assert failed(wrong) == {"the known answer is recovered"}


@pytest.mark.parametrize("products", [{}, {".csv": lambda predicted, samples, path: None}])
def test_a_product_that_is_not_written_is_found(products):
    assert "every product is written" in failed(dataclasses.replace(QUICK, products=products))


def test_a_target_among_the_inputs_is_found_in_tasks_with_issue_times_too():
    def leaky(data, config, future):
        found = honest_samples(data, config, future)
        label = np.unique(found.data["class"].to_numpy(), return_inverse=True)[1]
        index = found.index.assign(t0=pd.Timestamp("2020-01-01") + pd.to_timedelta(label * 0, "D"))
        changed = found.data.assign(a=("row", label.astype(float)))
        return dataclasses.replace(found, data=changed, index=index)

    assert "inputs are blind to their target" in failed(dataclasses.replace(QUICK, samples=leaky))
