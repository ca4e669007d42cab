"""The neural ETAS model: exact scores, a network that starts at nothing, what it may not see."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from craton.errors import DataError
from craton.io.geodesy import unproject
from craton.models.physics.etas_history import on_sphere
from craton.models.physics.etas_neural import Catalog, Network, NeuralEtas, describe
from craton.models.physics.etas_neural_training import train
from craton.models.physics.polygons import border_distance
from tests.models.physics.etas_world import PARAMETERS, SQUARE, history

TRAIN, HELD, TEST = (100.0, 1200.0), (1200.0, 1600.0), (1600.0, 2000.0)
SHORT = Network(hidden=8, steps=30, start=40)


def described(until: float = 2000.0) -> Catalog:
    events = history()
    known = events.time < until
    t, x, y, m = (c[known] for c in events)
    latitude, longitude = unproject(x, y, (34.0, -117.0))
    border = border_distance(x, y, SQUARE.polygon)
    return describe(
        t, on_sphere(latitude, longitude), np.stack([x, y]), m, border, PARAMETERS, SQUARE.area, 3.0
    )


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return described()


@pytest.fixture(scope="module")
def trained(catalog: Catalog) -> NeuralEtas:
    return train(catalog, TRAIN, HELD, gamma=PARAMETERS.gamma, network=SHORT).model


def test_the_pairs_followed_in_training_give_the_exact_score(
    catalog: Catalog, trained: NeuralEtas
) -> None:
    from craton.models.physics.etas_neural_training import _parts

    score = trained.score(catalog, TRAIN)
    features = torch.from_numpy(catalog.features)
    excess = torch.from_numpy(catalog.excess).float()
    with torch.no_grad():
        followed = float(
            trained.log_likelihood(_parts(catalog, TRAIN, trained)[0], features, excess)
        )
    exact = float((score.temporal + score.spatial).sum() - score.uncounted) / score.event.size
    assert followed == pytest.approx(exact, abs=0.01)


def test_a_network_that_was_not_trained_changes_nothing(catalog: Catalog) -> None:
    model = NeuralEtas(catalog.features.shape[1], 0.8, SHORT)
    score = model.score(catalog, TEST)
    model.network = replace(SHORT, hidden=0)
    for a, b in zip(score, model.score(catalog, TEST), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6)


def test_arrays_bring_the_model_back(catalog: Catalog, trained: NeuralEtas) -> None:
    back = NeuralEtas.from_arrays(trained.arrays(), SHORT)
    for a, b in zip(trained.score(catalog, TEST), back.score(catalog, TEST), strict=True):
        np.testing.assert_array_equal(a, b)


def test_scores_do_not_change_when_later_events_are_not_known(trained: NeuralEtas) -> None:
    whole, early = described(), described(until=HELD[1])
    a, b = trained.score(whole, HELD), trained.score(early, HELD)
    np.testing.assert_allclose(a.temporal, b.temporal, rtol=1e-12)
    np.testing.assert_allclose(a.spatial, b.spatial, rtol=1e-12)


def test_training_is_the_same_for_the_same_seed(catalog: Catalog, trained: NeuralEtas) -> None:
    again = train(catalog, TRAIN, HELD, gamma=PARAMETERS.gamma, network=SHORT).model
    for name, values in trained.arrays().items():
        np.testing.assert_array_equal(values, again.arrays()[name])


def test_the_expected_number_is_that_of_the_training_window(catalog: Catalog) -> None:
    network = Network(hidden=0, start=300)
    model = train(catalog, TRAIN, None, gamma=PARAMETERS.gamma, network=network).model
    score = model.score(catalog, TRAIN)
    compensator = np.log(score.rate).sum() - score.temporal.sum() + score.uncounted
    assert compensator == pytest.approx(score.event.size, rel=0.02)


def test_the_free_kernels_come_close_to_the_truth_on_an_etas_world(catalog: Catalog) -> None:
    from craton.models.physics.etas_scores import next_event_scores

    events = history()
    latitude, longitude = unproject(events.x, events.y, (34.0, -117.0))
    truth = next_event_scores(
        PARAMETERS, events.time, latitude, longitude, events.magnitude, test=TEST, area=SQUARE.area
    )
    plain = train(catalog, TRAIN, HELD, gamma=PARAMETERS.gamma,
                  network=Network(hidden=0, start=300)).model  # fmt: skip
    found = plain.score(catalog, TEST)
    lost = (truth.temporal + truth.spatial - found.temporal - found.spatial).mean()
    assert lost < 0.15


def test_parts_of_the_targets_add_up_to_the_whole(catalog: Catalog, trained: NeuralEtas) -> None:
    from craton.models.physics.etas_neural_training import _parts

    features = torch.from_numpy(catalog.features)
    excess = torch.from_numpy(catalog.excess).float()
    with torch.no_grad():
        whole, *parts = (
            (part.n, float(trained.log_likelihood(part, features, excess)))
            for part in [*_parts(catalog, HELD, trained), *_parts(catalog, HELD, trained, 100)]
        )
    assert len(parts) > 2
    assert sum(n for n, _ in parts) == whole[0]
    assert sum(n * v for n, v in parts) / whole[0] == pytest.approx(whole[1], rel=1e-6)


def test_a_window_without_events_is_refused(catalog: Catalog, trained: NeuralEtas) -> None:
    with pytest.raises(DataError, match="no event falls into the window"):
        trained.score(catalog, (3000.0, 3100.0))
