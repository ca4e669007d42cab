"""The contract that every estimator keeps, whatever its family."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from craton.errors import BundleError, ConfigError, ModelError
from craton.models.base import Estimator, Fitting
from craton.models.boosting import LightGBM
from craton.models.deep import CNN1D, CNN2D, LSTM, MLP, TCN
from craton.models.linear import Logistic, Ridge
from craton.models.svm import SVM
from craton.models.trees import DecisionTree, ExtraTrees, RandomForest
from craton.samples import Samples
from tests.models.worlds import fields, table, well

NET = {"epochs": 2, "batch": 64, "hidden": 8}
CLASSES = [
    Logistic(),
    DecisionTree(),
    RandomForest(trees=10),
    ExtraTrees(trees=10),
    LightGBM(rounds=10),
    SVM(),
    MLP(**NET),
    CNN1D(**NET, stages=2),
    LSTM(**NET),
    LSTM(**NET, cell="gru", layers=2, bidirectional=True),
    TCN(**NET, blocks=2),
    TCN(**NET, blocks=2, causal=True, ensemble=2),
]
NUMBERS = [
    Ridge(),
    DecisionTree(),
    RandomForest(trees=10),
    ExtraTrees(trees=10),
    LightGBM(rounds=5, min_leaf=5),
    MLP(**NET),
    CNN1D(**NET, stages=2),
    LSTM(**NET),
    TCN(**NET, blocks=2),
    CNN2D(**NET),
]


def name(model: Estimator) -> str:
    changed = model.config.model_dump(exclude_defaults=True)
    odd = [str(changed[k]) for k in ("cell", "causal") if k in changed]
    return "-".join([type(model).__name__, *odd])


CASES = [pytest.param(m, well(160, gaps=True), id=name(m)) for m in CLASSES]
CASES += [pytest.param(m, fields(60, gaps=True), id=f"field-{name(m)}") for m in NUMBERS]


@pytest.fixture(scope="module")
def fitted() -> dict[str, Estimator]:
    return {}


def first_fit(fitted: dict[str, Estimator], model: Estimator, samples: Samples) -> Estimator:
    key = f"{name(model)} {samples.target.name}"
    if key not in fitted:
        fitted[key] = model.replace().fit(samples, Fitting(seed=3))
    return fitted[key]


@pytest.mark.parametrize(("model", "samples"), CASES)
class TestEveryFamily:
    def test_a_state_put_into_a_fresh_model_gives_the_same_prediction_bit_for_bit(
        self, fitted, model, samples
    ):
        one = first_fit(fitted, model, samples)
        state = {k: np.array(v) for k, v in one.state().items()}
        two = model.replace().with_state(state)
        assert one.predict(samples).identical(two.predict(samples))
        again = two.state()
        assert again.keys() == state.keys()
        for key, value in state.items():
            np.testing.assert_array_equal(again[key], value)

    def test_state_holds_plain_contiguous_arrays_that_own_their_memory(
        self, fitted, model, samples
    ):
        for key, value in first_fit(fitted, model, samples).state().items():
            assert type(value) is np.ndarray, key
            assert value.dtype.kind in "fiub", key
            assert value.flags.c_contiguous, key

    def test_gaps_in_the_inputs_leave_no_gap_in_the_prediction(self, fitted, model, samples):
        predicted = first_fit(fitted, model, samples).predict(samples)
        for key in predicted.data_vars:
            assert np.isfinite(predicted[key].to_numpy()).all()

    def test_probabilities_sum_to_one_and_quantiles_do_not_cross(self, fitted, model, samples):
        predicted = first_fit(fitted, model, samples).predict(samples)
        values = predicted[samples.target.name]
        if samples.target.categories:
            np.testing.assert_allclose(values.sum("category"), 1.0, atol=1e-5)
        else:
            assert values.dims == ("sample", "lead", "point", "quantile")
            assert (values.diff("quantile") >= 0).all()

    def test_the_same_seed_gives_the_same_model(self, fitted, model, samples):
        one = first_fit(fitted, model, samples)
        two = model.replace().fit(samples, Fitting(seed=3))
        assert one.predict(samples).identical(two.predict(samples))

    def test_a_prediction_of_some_samples_equals_their_part_of_the_whole(
        self, fitted, model, samples
    ):
        one = first_fit(fitted, model, samples)
        few = one.predict(samples.take([3, 11]))
        whole = one.predict(samples).isel(sample=[3, 11])
        for key in few.data_vars:
            np.testing.assert_allclose(few[key], whole[key], rtol=2e-4, atol=2e-5)

    def test_no_samples_give_an_empty_prediction(self, fitted, model, samples):
        predicted = first_fit(fitted, model, samples).predict(samples.take([]))
        assert predicted.sizes["sample"] == 0

    def test_a_state_that_lacks_an_array_is_refused(self, fitted, model, samples):
        state = first_fit(fitted, model, samples).state()
        learnt = [k for k in state if k.startswith("model.")]
        for key in (learnt[0], learnt[-1], "encoder.shape"):
            with pytest.raises(BundleError):
                model.replace().with_state({k: v for k, v in state.items() if k != key})


@pytest.mark.parametrize("model", CLASSES, ids=name)
def test_a_class_that_training_lacks_still_has_a_place_in_the_prediction(model):
    world = well(120)
    target = type(world.target)("facies", ("coal", "shale", "sand"), (9, 0, 1))
    gather = type(world.gather)(("gr", "rt"), target, half=4)
    samples = Samples(world.data, world.index, gather)
    predicted = model.replace().fit(samples).predict(samples)["facies"]
    assert list(predicted["category"].to_numpy()) == ["coal", "shale", "sand"]
    assert float(predicted.sel(category="coal").max()) < 0.05


@pytest.mark.parametrize("model", [Logistic(), SVM()], ids=name)
def test_a_model_of_classes_refuses_a_number(model):
    with pytest.raises(ModelError, match="predicts classes"):
        model.fit(table(numbers=True))


def test_a_number_whose_training_residuals_are_zero_still_gets_a_spread():
    samples = table(200, numbers=True, noise=1.0)
    model = ExtraTrees(trees=20, min_leaf=1, max_features=1.0).fit(samples)
    quantiles = model.predict(samples)["number"]
    inside = np.abs(quantiles.sel(quantile=0.5) - samples.observed()["number"]).to_numpy()
    width = (quantiles.sel(quantile=0.75) - quantiles.sel(quantile=0.25)).to_numpy() / 1.349
    assert inside.max() < 1e-3
    assert (width > 0.9).all()


def test_no_training_samples_and_no_known_target_are_refused():
    samples = table(20, numbers=True)
    with pytest.raises(ModelError, match="no training samples"):
        Ridge().fit(samples.take([]))
    samples.data["number"][:] = np.nan
    with pytest.raises(ModelError, match="no training sample has a value"):
        Ridge().fit(samples)


def test_an_unknown_setting_names_the_nearest():
    with pytest.raises(ConfigError, match="min_leaf"):
        ExtraTrees(min_leafs=3)


def test_importing_the_models_imports_no_heavy_library():
    modules = ("linear", "trees", "boosting", "svm", "deep", "torch_model", "tuning", "baselines")
    heavy = ("torch", "sklearn", "lightgbm", "monai", "numba", "optuna")
    code = "import sys\n" + "".join(f"import craton.models.{m}\n" for m in modules)
    code += f"print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
