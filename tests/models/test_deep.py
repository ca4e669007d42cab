"""Nets that learn what they are for, and states that are refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from craton.errors import BundleError, ModelError
from craton.models.base import Fitting
from craton.models.deep import CNN1D, CNN2D, LSTM, MLP, TCN, place
from craton.models.linear import Logistic
from craton.models.nets.sequences import TCNNet
from craton.models.nets.tables import MLPNet
from tests.models.worlds import fields, series, table, well


def halves(samples, share=0.75):
    cut = int(len(samples) * share)
    return samples.take(np.arange(cut)), samples.take(np.arange(cut, len(samples)))


def rmse(model, train, test):
    name = test.target.name
    found = model.fit(train, Fitting(seed=1)).predict(test)[name].sel(quantile=0.5)
    return float(np.sqrt(np.nanmean((found - test.observed()[name].to_numpy()) ** 2)))


@pytest.mark.parametrize("model", [LSTM(epochs=40, hidden=24), LSTM(epochs=40, cell="gru")])
def test_a_recurrent_net_learns_an_ar2_process_nearly_to_its_innovation(model):
    train, test = halves(series())
    spread = float(test.observed()["head"].std())
    assert spread > 2.5
    assert rmse(model, train, test) < 1.25


@pytest.mark.parametrize(
    "model",
    [
        TCN(epochs=30, hidden=16, batch=64),
        TCN(epochs=30, hidden=16, batch=64, causal=True),
        CNN1D(epochs=30, hidden=16, batch=64),
        LSTM(epochs=60, hidden=24, batch=32, patience=40, bidirectional=True),
    ],
    ids=["tcn", "causal-tcn", "cnn", "lstm"],
)
def test_a_sequence_model_sees_a_pattern_that_is_in_no_single_row(model):
    train, test = halves(well(900))
    truth = test.observed()["facies"].to_numpy()
    found = model.fit(train).predict(test)["facies"].argmax("category").to_numpy()
    assert (found == truth).mean() > 0.85


def test_the_row_alone_does_not_tell_the_class():
    train, test = halves(well(900, half=0))
    found = Logistic().fit(train).predict(test)["facies"].argmax("category").to_numpy()
    assert (found == test.observed()["facies"].to_numpy()).mean() < 0.62


def test_a_grid_net_foretells_a_turning_field_better_than_climatology_and_persistence():
    train, test = halves(fields(400))
    truth = test.observed()["sst"].to_numpy()
    past = test.inputs()["sequence"][:, None, :, -1]
    persistence = np.sqrt(np.nanmean((truth - past) ** 2))
    found = rmse(CNN2D(epochs=40), train, test)
    assert found < 0.8 * min(persistence, np.nanstd(truth))


def test_a_mlp_learns_three_classes():
    train, test = halves(table(800))
    found = MLP(epochs=30).fit(train).predict(test)["rock"].argmax("category")
    assert (found == test.observed()["rock"].to_numpy()).mean() > 0.8


def test_a_causal_net_does_not_see_newer_steps():
    net = TCNNet(1, 0, 1, hidden=4, blocks=2, kernel=3, causal=True, dropout=0.0).eval()
    x = torch.zeros(1, 1, 12)
    changed = x.clone()
    changed[..., 7:] = 5.0
    one, two = net.start(x), net.start(changed)
    for block in net.blocks:
        one, two = block(one), block(two)
    assert torch.equal(one[..., :7], two[..., :7])
    assert not torch.equal(one[..., 7:], two[..., 7:])


def test_an_ensemble_is_the_mean_of_its_members():
    samples = table(100)
    model = MLP(epochs=2, ensemble=2).fit(samples)
    whole = model.predict(samples)["rock"].to_numpy()
    nets, parts = model.nets, []
    for net in nets:
        model.nets = [net]
        parts.append(model.predict(samples)["rock"].to_numpy())
    np.testing.assert_allclose(whole, np.mean(parts, axis=0), atol=1e-6)
    assert not np.allclose(parts[0], parts[1])


def test_a_sequence_model_refuses_a_task_without_a_sequence():
    with pytest.raises(ModelError, match="needs a sequence"):
        LSTM().fit(table())


def test_a_grid_net_refuses_a_table_and_a_field_without_places():
    with pytest.raises(ModelError, match="lat"):
        CNN2D().fit(table(numbers=True))


def test_points_across_180_degrees_are_neighbours_on_the_grid():
    cell, shape = place(np.zeros(4), np.array([-170.0, 170.0, 180.0, -180.0 + 5.0]))
    assert shape == (1, 4)
    assert cell.tolist() == [3, 0, 1, 2]


@pytest.mark.parametrize(
    ("lat", "lon"),
    [
        (np.array([0.0, 0.0]), np.array([5.0, 365.0])),
        (np.arange(200.0) / 10, np.arange(200.0)),
        (np.array([np.nan, 0.0]), np.array([0.0, 1.0])),
    ],
    ids=["same cell", "no grid", "missing"],
)
def test_points_that_form_no_grid_are_refused(lat, lon):
    with pytest.raises(ModelError):
        place(lat, lon)


def bad_shape(s, key):
    s[key] = np.repeat(s[key], 2, axis=0)


def bad_type(s, key):
    s[key] = s[key].astype(np.float64)


def bad_value(s, key):
    s[key] = np.full_like(s[key], np.nan)


def extra(s, key):
    s["model.net.0.more"] = s[key]


@pytest.mark.parametrize("damage", [bad_shape, bad_type, bad_value, extra])
@pytest.mark.parametrize("model", [MLP(epochs=1), CNN1D(epochs=1), LSTM(epochs=1)])
def test_a_net_s_damaged_array_is_refused(model, damage):
    state = model.replace().fit(well(60)).state()
    damage(state, next(k for k in state if k.endswith("weight")))
    with pytest.raises(BundleError):
        model.replace().with_state(state)


def test_a_size_that_would_fill_the_memory_is_refused_before_it_does():
    state = MLP(epochs=1).fit(table(60)).state()
    for size in (90_000_000, -1, 10**12):
        state["model.shape.columns"] = np.array([size])
        with pytest.raises(BundleError):
            MLP(epochs=1).with_state(state)


def test_a_grid_net_whose_points_leave_the_grid_is_refused():
    samples = fields(40)
    state = CNN2D(epochs=1).fit(samples).state()
    for cell in (state["model.cell"] + 1, state["model.cell"] - 1, state["model.cell"][:-1]):
        with pytest.raises(BundleError):
            CNN2D(epochs=1).with_state({**state, "model.cell": cell})


def test_a_state_of_other_settings_is_refused():
    state = MLP(epochs=1, hidden=16).fit(table(60)).state()
    with pytest.raises(BundleError):
        MLP(epochs=1, hidden=32).with_state(state)


def test_a_net_takes_its_static_inputs():
    net = MLPNet(3, 2, hidden=4, depth=1, dropout=0.0)
    assert net({"x": torch.zeros(5, 3)}).shape == (5, 2)
    samples = fields(60)
    model = LSTM(epochs=1).fit(samples)
    assert model.shapes["static"] == samples.inputs()["calendar"].shape[1]
