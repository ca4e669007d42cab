"""Models along wells: gaps, vintages, windows and the chain of facies."""

import numpy as np
import pytest

from craton.config import build
from craton.data.wells import synthetic_wells
from craton.errors import BundleError, ConfigError, ModelError
from craton.gathers import Rows
from craton.metrics import log_loss, score
from craton.models.along_well import align, along_well, another_vintage, window_features
from craton.models.imputation import NormalImputer, imputation_errors
from craton.models.linear import Logistic
from craton.models.markov import FaciesChain
from craton.models.trees import ExtraTrees
from craton.samples import Samples, Target, make_index
from craton.tasks.well_lithofacies import TASK, WellConfig


@pytest.fixture(scope="module")
def samples():
    data = synthetic_wells(7, 5, 150)
    return TASK.samples(data, TASK.resolve(data, WellConfig()), False)


def parts(samples):
    last = (samples.index["group"] == "W05").to_numpy()
    return samples.take(~last), samples.take(last)


def test_settings_of_wrapper_and_inner_model_stand_side_by_side():
    model = along_well(ExtraTrees, trees=12, context="row")
    assert model.replace(trees=13).config.model_dump()["trees"] == 13
    assert model.replace(smooth=True).config.context == "row"
    with pytest.raises(ConfigError, match="trees"):
        model.replace(treees=3)


@pytest.mark.parametrize("context", ["row", "bed", "window"])
def test_a_model_comes_back_equal_from_its_arrays(samples, context):
    train, test = parts(samples)
    model = along_well(ExtraTrees, trees=10, context=context, smooth=True, vintages=1, aligned=True)
    model.fit(train)
    state = {k: v.copy() for k, v in model.state().items()}
    again = model.replace().with_state(state)
    assert np.array_equal(model.predict(test)["Facies"], again.predict(test)["Facies"])


def test_a_state_without_its_scales_is_refused(samples):
    model = along_well(Logistic).fit(parts(samples)[0])
    state = {k: v for k, v in model.state().items() if k != "scale"}
    with pytest.raises(BundleError, match="scale"):
        model.replace().with_state(state)


def test_the_chain_makes_single_rows_better(samples):
    train, test = parts(samples)
    alone = along_well(Logistic, context="row").fit(train)
    chained = along_well(Logistic, context="row", smooth=True).fit(train)
    assert chained.weight > 0
    a, b = (score(log_loss("Facies"), test.observed(), m.predict(test)) for m in (alone, chained))
    assert b < a - 0.03


def test_a_smoothed_chance_does_not_depend_on_what_else_is_asked(samples):
    train, test = parts(samples)
    model = along_well(Logistic, context="row", smooth=True).fit(train)
    whole = model.predict(test)["Facies"].to_numpy()
    few = model.predict(test.take([40, 3, 40]))["Facies"].to_numpy()
    assert few == pytest.approx(whole[[40, 3, 40]], abs=1e-6)


def test_gaps_of_a_whole_curve_leave_no_gap_in_the_prediction(samples):
    train, test = parts(samples)
    inputs = test.inputs()
    blank = inputs["x"].copy()
    blank[:, 0] = np.nan
    found = along_well(ExtraTrees, trees=10).fit(train).predict(test.with_inputs({"x": blank}))
    assert np.isfinite(found["Facies"]).all()


def test_samples_of_another_gather_are_refused(samples):
    data = samples.data
    rows = Rows(("GR",), Target("Facies", ("a", "b", "c", "d", "e"), (1, 2, 3, 4, 5)))
    with pytest.raises(ModelError, match="LogWindows"):
        along_well(Logistic).fit(Samples(data, make_index(data.sizes["row"]), rows))


def test_alignment_undoes_any_gain_and_offset_of_a_well(samples):
    data = samples.data
    gain = np.where(data["well"] == "W02", 1.4, 1.0)
    other = data.assign(GR=("row", gain * data["GR"].values + 12.0 * (gain - 1)))
    scale = np.array([[50.0, 20.0]] * 5)
    a, b = (align(Samples(d, samples.index, samples.gather).inputs(), scale) for d in (data, other))
    assert a["x"][:, 0] == pytest.approx(b["x"][:, 0], abs=1e-3)
    assert a["sequence"][:, 0] == pytest.approx(b["sequence"][:, 0], abs=1e-3)


def test_another_vintage_moves_each_well_by_one_gain_and_offset(samples):
    inputs = samples.inputs()
    group = samples.index["group"].to_numpy(str)
    scale = np.array([[50.0, 20.0]] * 5)
    moved = another_vintage(inputs, scale, group, np.random.default_rng(0))
    for well in ("W01", "W03"):
        mine = group == well
        a, b = inputs["x"][mine, 0], moved["x"][mine, 0]
        slope, offset = np.polyfit(a, b, 1)
        assert b == pytest.approx(slope * a + offset, abs=1e-3) and abs(slope - 1) > 1e-3
        window = moved["sequence"][mine, 0]
        assert window == pytest.approx(slope * inputs["sequence"][mine, 0] + offset, abs=1e-2)
    assert np.array_equal(moved["x"][:, 5:], inputs["x"][:, 5:])


def test_features_of_a_window_are_blind_to_the_order_of_wells():
    w = np.random.default_rng(0).normal(size=(6, 2, 21)).astype(np.float32)
    assert np.array_equal(window_features(w)[::-1], window_features(w[::-1]))


def test_a_gap_gets_the_regression_on_what_is_there():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(4000, 2))
    y = 1.0 + x @ [2.0, -1.0] + 0.1 * rng.normal(size=4000)
    table = np.c_[x, y]
    table[rng.random(4000) < 0.4, 2] = np.nan
    found = NormalImputer.fit(table).fill(np.array([[1.0, 1.0, np.nan], [0.0, np.nan, 3.0]]))
    assert found[0, 2] == pytest.approx(2.0, abs=0.03)
    assert found[1, 1] == pytest.approx(-2.0, abs=0.05)  # y = 3 = 1 - x2


def test_a_curve_that_no_well_has_is_filled_with_a_number():
    table = np.c_[np.arange(50.0), np.full(50, np.nan)]
    assert np.isfinite(NormalImputer.fit(table).fill(table)).all()


def test_the_error_of_imputation_is_that_of_noise_nobody_can_know():
    rng = np.random.default_rng(2)
    x = rng.normal(size=3000)
    table = np.c_[x, 3 * x + rng.normal(scale=0.5, size=3000)]
    well = np.repeat(["a", "b", "c"], 1000)
    table[well == "c", 1] = np.nan
    found = imputation_errors(table, ["GR", "PE"], well)
    assert [e.curve for e in found] == ["PE"] and found[0].missing == 1000
    assert found[0].rmse == pytest.approx(0.5, rel=0.05)


def test_transitions_are_found_again():
    rng = np.random.default_rng(3)
    truth = np.array([[0.9, 0.1, 0.0], [0.1, 0.8, 0.1], [0.05, 0.05, 0.9]])
    chain = [0]
    for _ in range(20_000):
        chain.append(int(rng.choice(3, p=truth[chain[-1]])))
    n = len(chain)
    one = FaciesChain.fit(np.array(chain), np.ones(n), np.full(n, "a"), np.arange(n), 3)
    assert one.transitions[0, 0] == pytest.approx(truth, abs=0.02)


def test_messages_equal_the_sum_over_all_paths():
    rng = np.random.default_rng(4)
    classes = rng.integers(0, 2, 200)
    mark = (np.arange(200) // 7 % 2).astype(float)
    chain = FaciesChain.fit(classes, mark, np.full(200, "a"), np.arange(200), 2)
    m = np.array([0, 1, 1, 0])
    own = rng.random((4, 2)) + 0.1
    paths = np.stack(np.meshgrid(*[[0, 1]] * 4, indexing="ij"), -1).reshape(-1, 4)

    def marginal(likelihood):
        total = np.zeros((4, 2))
        for path in paths:
            w = chain.share[m[0], path[0]]
            for t in range(1, 4):
                w *= chain.transitions[m[t - 1], m[t], path[t - 1], path[t]]
            for t in range(4):
                rest = np.prod([likelihood[s, path[s]] for s in range(4) if s != t])
                total[t, path[t]] += w * rest
        return total / total.sum(axis=1, keepdims=True)

    expected = marginal(own) / marginal(np.ones((4, 2)))
    assert chain.messages(own, m) == pytest.approx(expected, rel=1e-9)


def test_wells_that_are_not_neighbours_in_the_data_are_not_chained():
    classes, row = np.array([0, 0, 1, 1]), np.array([0, 1, 10, 11])
    chain = FaciesChain.fit(classes, np.ones(4), np.array(["a", "a", "b", "b"]), row, 2)
    assert chain.transitions[0, 0, 0, 1] < 0.3  # from 0 to 1 was never seen


def test_a_config_of_an_along_well_model_refuses_a_wrong_context():
    with pytest.raises(ConfigError, match="context"):
        build(along_well(Logistic).Config, {"context": "everything"})
