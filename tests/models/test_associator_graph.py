"""The graph network learns what tells events from noise, and its state is all that it knows."""

from __future__ import annotations

import numpy as np
import pytest

from craton.errors import BundleError
from craton.models.associator_graph import GraphAssociator
from craton.models.base import Fitting
from tests.models.test_association_graphs import BUSY, graph

COUNT = 96


@pytest.fixture(scope="module")
def learnt():
    """Candidates that differ in one number of the event and one of a pick."""
    rng = np.random.default_rng(0)
    real = rng.random(COUNT) < 0.5
    made = [graph() for _ in range(COUNT)]
    owner = np.ones(5, np.int64)
    owner[3] = 0  # the pick that is 9 s late
    for one, truth in zip(made, real, strict=True):
        one.event[0, BUSY] = (-1.0 if truth else 1.0) + rng.normal(0, 0.3)
    model = GraphAssociator(epochs=120, width=16)
    model.start(made, seed=0)
    model.learn(made, real, owner, Fitting(0))
    return model, made, real


def test_it_learns_what_tells_events_from_noise(learnt):
    """Candidates whose reality hangs on one number are told apart."""
    model, made, real = learnt
    assert ((model.judge(made)[0] > 0.5) == real).mean() > 0.95


def test_it_learns_which_picks_are_none_of_the_event(learnt):
    """The late pick of real events gets a small chance, the others a large one."""
    model, made, real = learnt
    own = model.judge(made)[1].reshape(COUNT, 4)[real]
    assert own[:, 3].max() < 0.2 and own[:, :3].min() > 0.8


def test_a_copy_from_its_state_judges_the_same(learnt):
    """Arrays alone carry the model."""
    model, made, _ = learnt
    again = GraphAssociator(epochs=120, width=16).with_state(model.state())
    for ours, theirs in zip(model.judge(made[:5]), again.judge(made[:5]), strict=True):
        assert np.array_equal(ours, theirs)


def test_the_order_of_the_candidates_does_not_matter(learnt):
    """Candidates judged together or alone have the same probability."""
    model, made, _ = learnt
    alone = [float(model.judge([one])[0][0]) for one in made[:3]]
    assert model.judge(made[:3])[0] == pytest.approx(alone, abs=1e-6)


def test_a_state_without_a_weight_is_refused(learnt):
    """What is missing is named."""
    state = learnt[0].state()
    del state["net.real.weight"]
    with pytest.raises(BundleError, match=r"net\.real\.weight"):
        GraphAssociator(epochs=120, width=16).with_state(state)
