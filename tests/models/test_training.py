"""The training loop: resumes, repeats, stops early, and leaves the random state alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from craton.errors import ConfigError, ModelError
from craton.models import training
from craton.models.base import Fitting
from craton.models.deep import LSTM, MLP
from craton.models.losses import cross_entropy, masked_squares, sample_weights
from craton.models.torch_model import Training
from craton.models.training import apply, pick_device, rate, train
from tests.models.worlds import table, well


class Line(nn.Module):
    """A straight line, with dropout if wanted."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.line = nn.Linear(2, 1)
        nn.init.zeros_(self.line.weight)
        nn.init.zeros_(self.line.bias)

    def forward(self, inputs):
        return self.line(self.dropout(inputs["x"]))


def world(n: int = 256):
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(n, 2)).astype(np.float32))
    return {"x": x}, x @ torch.tensor([[2.0], [-1.0]]) + 0.5


def fit(net, settings, fitting=None, weights=None, y=None):
    inputs, truth = world()
    return train(
        net,
        inputs,
        truth if y is None else y,
        settings=settings,
        loss=masked_squares,
        fitting=fitting or Fitting(),
        weights=weights,
    )


@pytest.mark.parametrize("optimiser", ["adam", "adamw", "sgd"])
def test_every_optimiser_finds_the_line(optimiser):
    rate = 0.02 if optimiser == "sgd" else 0.1
    settings = Training(epochs=60, batch=32, learning_rate=rate, optimiser=optimiser)
    net = fit(Line(), settings.model_copy(update={"weight_decay": 0.0}))
    np.testing.assert_allclose(net.line.weight.detach(), [[2.0, -1.0]], atol=0.01)
    np.testing.assert_allclose(net.line.bias.detach(), [0.5], atol=0.01)


def test_a_missing_target_is_ignored():
    _, y = world()
    y = torch.cat([y, y], dim=1)
    y[::2, 1] = float("nan")
    value, count = masked_squares(torch.zeros_like(y), y)
    assert count[:2].tolist() == [1.0, 2.0]
    assert torch.isfinite(value).all()


def test_weights_move_the_answer_to_the_heavy_samples():
    inputs, y = world()
    y = torch.where(inputs["x"][:, :1] > 0, 1.0, -1.0)
    weights = torch.where(y[:, 0] > 0, 100.0, 1.0)
    settings = Training(epochs=30, batch=64, learning_rate=0.05, patience=0)
    heavy = fit(Line(), settings, weights=weights, y=y).line.bias
    plain = fit(Line(), settings, y=y).line.bias
    assert heavy.item() > plain.item() + 0.2


def test_balanced_sample_weights_give_each_class_the_same_total():
    y = np.array([0, 0, 0, 2])
    weights = sample_weights(y, 4, "balanced").numpy()
    np.testing.assert_allclose([weights[:3].sum(), weights[3]], [2.0, 2.0])
    assert sample_weights(y, 4, "none") is None


def test_label_smoothing_punishes_certainty():
    logits, y = torch.tensor([[9.0, 0.0]]), torch.tensor([0])
    assert cross_entropy(0.1)(logits, y)[0] > cross_entropy(0.0)(logits, y)[0] + 0.1


@pytest.mark.parametrize("stop", [1, 4, 9])
@pytest.mark.parametrize("model", [MLP(epochs=10, batch=32), LSTM(epochs=10, batch=32, layers=2)])
def test_an_interrupted_fit_that_is_run_again_ends_as_if_never_interrupted(
    model, stop, tmp_path, monkeypatch
):
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
    samples = well(160)
    done = []

    def interrupt(epoch: int, total: int, text: str) -> None:
        if epoch == stop:
            raise KeyboardInterrupt

    path = tmp_path / "fit.safetensors"
    whole = model.replace().fit(samples, Fitting(seed=4)).state()
    with pytest.raises(KeyboardInterrupt):
        model.replace().fit(samples, Fitting(4, interrupt, path))
    again = model.replace().fit(samples, Fitting(4, lambda e, *_: done.append(e), path)).state()
    assert done == list(range(stop + 1, 11))
    for key, value in whole.items():
        np.testing.assert_array_equal(again[key], value, err_msg=key)


def test_an_ensemble_goes_on_with_the_member_at_which_it_stopped(tmp_path):
    samples, model = well(160), MLP(epochs=3, ensemble=3)
    path = tmp_path / "fit.safetensors"

    def interrupt(done: int, total: int, text: str) -> None:
        assert total == 9
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model.replace().fit(samples, Fitting(1, interrupt, path))
    seen = []
    again = model.replace().fit(samples, Fitting(1, lambda d, *_: seen.append(d), path))
    assert seen == [4, 5, 6, 7, 8, 9]
    assert again.predict(samples).identical(
        model.replace().fit(samples, Fitting(1)).predict(samples)
    )


def test_a_checkpoint_of_another_fit_or_a_damaged_one_is_not_taken_up(tmp_path):
    samples, path = table(), tmp_path / "fit.safetensors"
    model = MLP(epochs=3)
    expected = model.replace().fit(samples, Fitting(1)).predict(samples)
    model.replace().fit(samples, Fitting(2, checkpoint=path))
    other = model.replace().fit(samples, Fitting(1, checkpoint=path)).predict(samples)
    assert other.identical(expected)
    path.write_bytes(path.read_bytes()[:-20])
    assert (
        model.replace()
        .fit(samples, Fitting(1, checkpoint=path))
        .predict(samples)
        .identical(expected)
    )


def test_the_global_random_state_is_left_as_it_was():
    torch.manual_seed(11)
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    MLP(epochs=2).fit(table(), Fitting(seed=7))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads


def test_what_was_drawn_before_does_not_change_a_fit():
    samples = table()
    one = MLP(epochs=2).fit(samples).predict(samples)
    torch.manual_seed(99)
    torch.rand(5)
    assert MLP(epochs=2).fit(samples).predict(samples).identical(one)


def test_another_seed_gives_another_net():
    samples = table()
    one, two = (MLP(epochs=2).fit(samples, Fitting(seed=s)).predict(samples) for s in (0, 1))
    assert not np.allclose(one["rock"], two["rock"])


def test_training_stops_when_the_last_block_gets_no_better_and_gives_the_best_weights():
    inputs, y = world()
    y[-64:] = 0.0  # the kept-out block contradicts the rest: the first epoch is the best
    epochs = []
    settings = Training(epochs=50, batch=32, learning_rate=0.05, validation=0.25, patience=3)
    net = Line()
    fitting = Fitting(progress=lambda e, *_: epochs.append(e))
    train(net, inputs, y, settings=settings, loss=masked_squares, fitting=fitting)
    assert len(epochs) < 15
    tail = {"x": inputs["x"][-64:]}
    assert float((apply(net, tail) ** 2).mean()) < 1.5


def test_without_patience_all_epochs_are_trained_on_all_samples():
    epochs = []
    fitting = Fitting(progress=lambda e, *_: epochs.append(e))
    fit(Line(), Training(epochs=7, patience=0), fitting)
    assert epochs == list(range(1, 8))


def test_a_loss_that_is_not_finite_is_an_error():
    settings = Training(epochs=3, learning_rate=0.3, optimiser="sgd", clip=0.0)
    _, y = world()
    with pytest.raises(ModelError, match="learning_rate"):
        fit(Line(), settings, y=y * 1e30)


@pytest.mark.parametrize("schedule", ["constant", "cosine", "one-cycle"])
def test_a_schedule_stays_between_zero_and_one_and_has_no_jump(schedule):
    values = np.array([rate(schedule, s) for s in np.linspace(0, 1, 201)])
    assert (values >= 0).all()
    assert values.max() == pytest.approx(1.0, abs=1e-3)
    assert np.abs(np.diff(values)).max() < 0.03


def test_a_gpu_that_is_not_there_is_an_error():
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(ConfigError, match="GPU"):
        pick_device("cuda")
