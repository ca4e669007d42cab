"""Neural pickers: what they ask of a net, how picks are read, what augmentation keeps."""

import numpy as np
import pytest
import torch

from craton import picking
from craton.data.seismograms import example_windows
from craton.models.augment import ALL, augmented
from craton.models.base import Fitting
from craton.models.neural_picking import PickLSTM, PickResNet, PickUNet, best_pair, onset_loss
from craton.models.pretraining import told_apart
from craton.samples import Samples, make_index

SMALL = {"simulated": 60, "rounds": 1, "epochs": 1, "crop": 10.0, "hidden": 8}


@pytest.fixture(scope="module")
def samples():
    data = example_windows(24, seconds=12.0)
    index = make_index(24, group=data["event"].to_numpy().astype(str))
    return Samples(data, index, picking.SeismicWindows(picking.pick_target()))


def test_the_loss_is_least_where_the_chance_lies_on_the_onset():
    """A net that is sure at the right sample beats one that is sure elsewhere."""
    loss = onset_loss((0.05, 0.1), 100.0)
    y = torch.tensor([[[200.0], [400.0]]])
    value = []
    for shift in (0, 30):
        logits = torch.zeros(1, 3, 600)
        logits[:, 2] = 6.0
        for k, at in ((0, 200), (1, 400)):
            logits[:, k, at + shift - 8 : at + shift + 8] = 8.0
        value.append(float(loss(logits, y)[0]))
    assert value[0] < value[1]


def test_a_phase_that_is_absent_asks_for_nothing():
    """With no onset the best answer is neither, everywhere."""
    loss = onset_loss((0.05, 0.1), 100.0)
    logits = torch.zeros(1, 3, 100)
    logits[:, 2] = 20.0
    assert float(loss(logits, torch.full((1, 2, 1), torch.nan))[0]) < 1e-3


def test_s_comes_after_p_even_where_an_earlier_one_is_likelier():
    """The pair is chosen together."""
    p, s = np.zeros((1, 500)), np.zeros((1, 500))
    p[0, 200], s[0, 100], s[0, 300] = 0.9, 0.9, 0.6
    at, chance = best_pair(p, s, 20)
    assert at.tolist() == [[200.0, 300.0]] and chance.tolist() == [[0.9, 0.6]]


def test_a_pick_lies_where_most_chance_is_and_not_at_a_lonely_peak():
    """A broad hump of chance beats one higher sample."""
    p, s = np.zeros((1, 500)), np.zeros((1, 500))
    p[0, 100] = 0.9
    s[0, 300], s[0, 340:360] = 0.6, 0.4
    assert 345 <= best_pair(p, s, 20, (0, 10))[0][0, 1] <= 354


@pytest.mark.parametrize("kind", [k for k in ALL if k not in ("superpose", "crop")])
def test_what_keeps_times_keeps_onsets_and_shape(kind):
    """Rotation, gain, noise, clipping and dropping move nothing in time."""
    torch.manual_seed(0)
    waves, onsets = torch.randn(8, 3, 600), torch.full((8, 2, 1), 100.0)
    found, moved = augmented(waves, onsets, [kind], 600, 100.0)
    assert found.shape == waves.shape and bool((moved[:, :, 0] == 100.0).all())
    assert bool(torch.isfinite(found).all())


def test_a_crop_moves_the_onset_with_the_sample_that_it_marks():
    """The marked sample is found again at the moved onset."""
    torch.manual_seed(1)
    waves = torch.zeros(32, 3, 900)
    waves[:, :, 400] = 1.0
    onsets = torch.full((32, 2, 1), torch.nan)
    onsets[:, 0] = 400.0
    found, moved = augmented(waves, onsets, ["crop"], 300, 100.0)
    inside = torch.isfinite(moved[:, 0, 0])
    assert inside.sum() >= 24
    for i in torch.nonzero(inside).flatten():
        assert float(found[i, 0].argmax()) == float(moved[i, 0, 0])


def test_an_added_event_brings_its_onsets():
    """Where a second event was added its onset marks its energy."""
    torch.manual_seed(2)
    waves, onsets = torch.zeros(64, 3, 900), torch.full((64, 2, 1), torch.nan)
    for i in range(64):
        waves[i, :, 300 + i] = 1.0
        onsets[i, 0] = 300.0 + i
    found, moved = augmented(waves, onsets, ["superpose"], 900, 100.0)
    second = torch.nonzero(torch.isfinite(moved[:, 0, 1])).flatten()
    assert len(second) > 0
    for i in second:
        assert abs(float(found[i, 0, int(moved[i, 0, 1])])) > 0.01


def test_horizontals_keep_their_energy_when_turned():
    """Rotation is a rotation."""
    torch.manual_seed(3)
    waves = torch.randn(4, 3, 200)
    waves = waves - waves.mean(dim=-1, keepdim=True)
    found, _ = augmented(waves, torch.full((4, 2, 1), 50.0), ["rotate"], 200, 100.0)
    torch.testing.assert_close(found[:, 1:].square().sum(), waves[:, 1:].square().sum())
    torch.testing.assert_close(found[:, 0], waves[:, 0])


@pytest.mark.parametrize("kind", [PickResNet, PickUNet, PickLSTM])
def test_a_fitted_net_gives_finite_picks_and_comes_back_from_its_arrays(samples, kind):
    """Fit, predict, state and back: the same picks."""
    model = kind(**SMALL).fit(samples, Fitting(1))
    first = model.predict(samples)
    second = kind(**SMALL).with_state(model.state()).predict(samples)
    for name in first.data_vars:
        assert np.isfinite(first[name]).all()
        np.testing.assert_array_equal(first[name], second[name])
    pick = first["arrival"].sel(quantile=0.5).to_numpy()
    assert (pick[:, 1] > pick[:, 0]).all()


def test_what_drives_a_pick_lies_near_it(samples):
    """Input times gradient is finite, of the input's shape, and largest around the pick."""
    model = PickResNet(**SMALL).fit(samples)
    found = np.abs(model.gradient(samples)["sequence"]).sum(axis=1)
    assert found.shape == (len(samples), 1200) and np.isfinite(found).all()
    pick = model.predict(samples)["arrival"].sel(quantile=0.5).to_numpy() * 100
    far = np.abs(np.arange(1200) - pick[:, :1]) > 600
    far &= np.abs(np.arange(1200) - pick[:, 1:]) > 600
    assert found[far].sum() <= found[~far].sum()


@pytest.mark.parametrize("kinds", [(), ("masked",), ("contrastive",), ("masked", "synthetic")])
def test_each_way_of_pre_training_ends_with_a_net_of_its_own(samples, kinds):
    """What is learnt before the labels changes the net."""
    waves = samples.inputs()["sequence"]
    found = PickResNet(**SMALL, pretrain=kinds).fit(samples).chances(waves)
    other = PickResNet(**SMALL).fit(samples).chances(waves)
    assert np.isfinite(found).all() and not np.allclose(found, other)


def test_the_same_seed_gives_the_same_net_and_leaves_chance_as_it_was(samples):
    """A fit draws from its own seed only."""
    torch.manual_seed(9)
    before = torch.get_rng_state()
    waves = samples.inputs()["sequence"]
    one, two = (PickResNet(**SMALL).fit(samples, Fitting(4)).chances(waves) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert torch.equal(before, torch.get_rng_state())


def test_contrast_is_lost_where_views_are_those_of_others():
    """Views that belong together give a lower loss than views that are mixed up."""
    same = torch.eye(4)[:, None].repeat(1, 2, 1)
    mixed = torch.stack([torch.eye(4), torch.eye(4).roll(1, 0)], dim=1)
    y = torch.zeros(4)
    assert float(told_apart(same, y)[0].mean()) < float(told_apart(mixed, y)[0].mean())
