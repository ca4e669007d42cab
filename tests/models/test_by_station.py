"""Stations that vote: records of known reliability, learnt weights, states."""

import numpy as np
import pytest
import xarray as xr

from craton.errors import BundleError, ModelError
from craton.event_types import EventRecords
from craton.models.base import Fitting
from craton.models.by_station import Records, Vote, by_station
from craton.models.linear import Logistic
from craton.models.trees import ExtraTrees
from craton.samples import Samples, Target, make_index

KINDS = ("quake", "blast")


def world(n=600, seed=0, spread=(0.5, 3.0, 3.0), missing=0.3):
    """Two types one apart in `a`, measured at stations of which the first is the best."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    there = rng.uniform(size=(n, len(spread))) > missing
    there[~there.any(axis=1), 0] = True
    event, station = np.nonzero(there)
    a = y[event] + rng.normal(size=len(event)) * np.array(spread)[station]
    data = xr.Dataset(
        {
            "event_id": ("event", [f"e{i}" for i in range(n)]),
            "label": ("event", np.array(KINDS, dtype=object)[y]),
            "event_of": ("record", event),
            "station": ("record", np.array(["A", "B", "C"], dtype=object)[station]),
            "a": ("record", a),
        }
    )
    gather = EventRecords(("a",), Target("label", KINDS), stations=("A", "B", "C"), rule=("a",))
    return Samples(data, make_index(n, group=data["event_id"]), gather)


def right(model, samples):
    p = model.predict(samples)["label"].to_numpy()
    return float((p.argmax(axis=1) == samples.observed()["label"].to_numpy()).mean())


def test_the_best_station_gets_the_largest_weight_and_it_pays():
    """The inner model does not know the station, so only the vote can tell them apart."""
    train, test = world(), world(seed=1)
    votes = {v: by_station(Logistic, sees="rule", votes=v).fit(train) for v in ("learnt", "mean")}
    weight = votes["learnt"].vote.weight
    assert weight[0] > 2 * weight[1:].max()
    assert right(votes["learnt"], test) > right(votes["mean"], test) + 0.02


def test_how_many_stations_there_are_speaks_for_no_type():
    """Where every record says the same, the order of the types does not change with their number.

    Records that say nothing give the same probabilities whatever their number.
    """
    vote = Vote(np.ones(1), 0.3, np.array([0.4, -0.4]))
    p = np.full((6, 2), 0.5)
    records = Records(np.array([0, 1, 1, 2, 2, 2]), np.array([0, 0, 1, 0, 1, 2]), {})
    found = vote.apply(records, p, 3)
    np.testing.assert_allclose(found, np.tile(found[:1], (3, 1)))


def test_the_vote_of_independent_stations_is_the_product_of_their_odds():
    """Power 0 and weight 1, but for the floor of single records."""
    vote = Vote(np.ones(1), 0.0, np.zeros(2))
    records = Records(np.array([0, 0]), np.array([0, 1]), {})
    found = vote.apply(records, np.array([[0.8, 0.2], [0.7, 0.3]]), 1)[0]
    assert found[0] / found[1] == pytest.approx((0.8 / 0.2) * (0.7 / 0.3), rel=0.05)


def test_an_event_that_no_known_station_recorded_gets_even_chances():
    """Rather than an error, or another event's prediction."""
    samples = world(200)
    model = by_station(Logistic).fit(samples)
    inputs = samples.inputs()
    inputs["present"][3] = 0
    p = model.predict(samples.with_inputs(inputs, whole=True))["label"].to_numpy()
    bias = model.vote.bias
    assert p[3, 0] / p[3, 1] == pytest.approx(np.exp(bias[0] - bias[1]), rel=1e-3)


def test_the_order_of_the_events_does_not_matter():
    """Nor does asking for a few of them."""
    samples = world(200)
    model = by_station(ExtraTrees, trees=20, threads=1).fit(samples, Fitting(0))
    whole = model.predict(samples)["label"].to_numpy()
    rows = np.array([17, 3, 90])
    np.testing.assert_array_equal(model.predict(samples.take(rows))["label"], whole[rows])


def test_a_state_that_was_saved_predicts_alike():
    """To the last bit."""
    samples = world(200)
    model = by_station(ExtraTrees, trees=20, threads=1).fit(samples, Fitting(0))
    other = by_station(ExtraTrees, trees=20, threads=1).with_state(model.state())
    np.testing.assert_array_equal(model.predict(samples)["label"], other.predict(samples)["label"])


def test_a_damaged_vote_is_refused():
    """A weight that is not finite, or a bias of another shape."""
    model = by_station(Logistic).fit(world(100))
    state = model.state()
    state["vote.weight"] = np.array([np.nan, 1.0, 1.0])
    with pytest.raises(BundleError, match="vote"):
        by_station(Logistic).with_state(state)


def test_a_model_of_waveforms_does_not_suit_features():
    """It is not tried unless it is asked for, and then says what is missing."""
    samples = world(50)
    model = by_station(Logistic, sees="waveform")
    assert not model.suits(samples) and by_station(Logistic).suits(samples)
    with pytest.raises(ModelError, match="waveform"):
        model.fit(samples)
