"""Training from disk gives the weights of training in memory, and holds a few batches only."""

import threading
import weakref

import numpy as np
import pytest
import torch

from craton import picking
from craton.data.seismograms import example_windows
from craton.models.base import Fitting
from craton.models.gathered import Gathered, inputs_of
from craton.models.losses import masked_squares
from craton.models.neural_picking import PickLSTM, PickResNet
from craton.models.torch_model import Training
from craton.models.training import AHEAD, WORKERS, train
from craton.samples import Samples, make_index

SMALL = {"simulated": 20, "rounds": 1, "epochs": 2, "crop": 10.0, "hidden": 8, "batch": 5}


def samples(on_disk):
    """Windows that say that they lie on disk, or do not."""
    data = example_windows(18, seconds=12.0)
    if on_disk:
        data["waveform"].attrs["on_disk"] = "example"
    index = make_index(18, group=data["event"].to_numpy().astype(str))
    return Samples(data, index, picking.SeismicWindows(picking.pick_target())).take(range(16))


@pytest.mark.parametrize(
    ("model", "pretrain"),
    [(PickResNet, ("masked", "contrastive")), (PickLSTM, ())],
)
@pytest.mark.parametrize("patience", [0, 3])
def test_training_from_disk_gives_the_weights_of_training_in_memory(model, pretrain, patience):
    """Bit for bit, with the same seed; early stopping and pre-training too."""
    if patience and pretrain:
        pretrain = ("masked",)  # the contrastive loss compares what it is given at once
    found = []
    for on_disk in (False, True):
        assert isinstance(inputs_of(samples(on_disk), "sequence"), Gathered) is on_disk
        made = model(**SMALL, pretrain=pretrain, patience=patience, validation=0.4)
        found.append(made.fit(samples(on_disk), Fitting(7)).state())
    assert found[0].keys() == found[1].keys()
    for name, value in found[0].items():
        np.testing.assert_allclose(value, found[1][name], rtol=0, atol=0, err_msg=name)


class Counted:
    """A store that counts what it has given and what is still held."""

    fingerprint = "counted"

    def __init__(self, n):
        self.n, self.held, self.most, self.rows, self.lock = n, 0, 0, [], threading.Lock()

    def read(self, rows):
        made = torch.from_numpy(np.stack([rows, rows % 7], axis=1).astype(np.float32))
        with self.lock:
            self.rows += rows.tolist()
            self.held += len(rows)
            self.most = max(self.most, self.held)
        weakref.finalize(made, self.gone, len(rows))
        return {"x": made}

    def gone(self, n):
        with self.lock:
            self.held -= n


class Mean(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.line = torch.nn.Linear(2, 1)

    def forward(self, inputs):
        return self.line(inputs["x"] / 1000)


@pytest.mark.parametrize("n", [500, 5000])
def test_no_more_than_a_few_batches_are_held_however_many_samples_there_are(n):
    """Memory follows the batch and the batches read ahead, not the samples."""
    store = Counted(n)
    settings = Training(epochs=2, batch=20, patience=0)
    train(Mean(), store, torch.zeros(n, 1), settings=settings, loss=masked_squares,
          fitting=Fitting())  # fmt: skip
    assert sorted(store.rows) == sorted([*range(n)] * 2)
    assert store.most <= 20 * (AHEAD + WORKERS + 2) and store.held == 0


def test_a_validation_tail_is_read_in_batches_too():
    """The tail is judged, never trained on, and not held."""
    store = Counted(1000)
    settings = Training(epochs=3, batch=20, patience=3, validation=0.5)
    train(Mean(), store, torch.zeros(1000, 1), settings=settings, loss=masked_squares,
          fitting=Fitting())  # fmt: skip
    assert store.most <= 20 * (AHEAD + WORKERS + 2) and max(store.rows) == 999


def test_the_fingerprint_follows_files_cuts_and_samples():
    """A checkpoint of other windows is not gone on from."""
    one = inputs_of(samples(True), "sequence")
    other = samples(True)
    other.data["arrival"][0] += 1.0
    file = samples(True)
    file.data["waveform"].attrs["on_disk"] = "another"
    fewer = samples(True).take([0, 1])
    prints = {inputs_of(s, "sequence").fingerprint for s in (other, file, fewer)}
    assert len(prints) == 3 and one.fingerprint not in prints
    assert one.fingerprint == inputs_of(samples(True), "sequence").fingerprint
