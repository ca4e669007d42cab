"""PhaseNet: its shape, its faster twin, and the weights that SeisBench saved."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from craton.errors import BundleError, ConfigError
from craton.models.nets.phasenet import PhaseNet, read_phasenet
from craton.models.nets.picker_input import normalise

LENGTHS = (3001, 3000, 2998, 4096, 611)  # SeisBench fails on the last


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def shaken(net, seed=0):
    """The net with random weights and random statistics of its batch norms."""
    torch.manual_seed(seed)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm1d):
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.uniform_(module.bias, -0.5, 0.5)
            nn.init.uniform_(module.running_mean, -0.3, 0.3)
            nn.init.uniform_(module.running_var, 0.05, 1)
    return net.eval()


def foreign(net):
    """The net's state with the names that SeisBench gives, made independently of the importer."""
    found = {}
    place = {"level": ("down_branch", 0), "down": ("down_branch", 2),
             "up": ("up_branch", 0), "merge": ("up_branch", 2)}  # fmt: skip
    for name, value in net.state_dict().items():
        kind, *rest = name.split(".")
        if kind == "head":
            key = f"out.{rest[0]}"
        elif kind == "entry":
            key = f"{'inc' if rest[0] == 'conv' else 'in_bn'}.{rest[1]}"
        else:
            branch, at = place[kind]
            key = f"{branch}.{rest[0]}.{at + (rest[1] == 'norm')}.{rest[2]}"
        found[key] = value.clone()
    return found


def write(tmp_path, state, ending="pt", **args):
    base = {"phases": "NPS", "norm": "std", "component_order": "ZNE", "sampling_rate": 100}
    told = {"model_args": base | args, "default_args": {"P_threshold": 0.2}}
    (tmp_path / "net.json").write_text(json.dumps(told))
    path = tmp_path / f"net.{ending}"
    torch.save(state, path) if ending == "pt" else save_file(state, path)
    return path


@pytest.mark.parametrize("layers", ["original", "centred"])
@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_the_twin_for_inference_gives_the_same_outputs(layers, activation):
    net = shaken(PhaseNet(width=4, layers=layers, activation=activation))
    twin = net.for_inference()
    with torch.inference_mode():
        for length in LENGTHS:
            x = torch.randn(2, 3, length)
            expected = net(x)
            assert expected.shape == (2, 3, length)
            torch.testing.assert_close(twin(x), expected, rtol=0, atol=1e-5)
    assert not list(twin.parameters())


def test_the_weights_are_as_many_as_seisbench_counts_and_probabilities_sum_to_one():
    net = PhaseNet()
    assert sum(p.numel() for p in net.parameters()) == 268_443
    assert torch.allclose(net.eval()(torch.randn(1, 3, 3001)).sum(1), torch.ones(1, 3001))


@pytest.mark.parametrize("ending", ["pt", "safetensors"])
def test_weights_and_description_are_read_back(tmp_path, ending):
    net = shaken(PhaseNet(width=16))
    args = {"phases": "PSN", "norm": "peak", "norm_detrend": True, "filter_args": ["highpass"],
            "filter_kwargs": {"freq": 0.5}}  # fmt: skip
    read = read_phasenet(write(tmp_path, foreign(net), ending, **args))
    x = torch.randn(2, 3, 3001)
    torch.testing.assert_close(read(x), net(x))
    assert read.wants.phases == "PSN" and read.wants.detrend and read.wants.scale == "peak"
    assert read.wants.filter is not None and read.wants.filter.low == 0.5
    assert read.defaults == {"P_threshold": 0.2}


class Evil:
    def __reduce__(self):
        return print, ("this must never be printed",)


def test_a_pickle_with_code_is_refused_and_not_run(tmp_path, capsys):
    path = write(tmp_path, {"inc.weight": Evil()})
    with pytest.raises(BundleError, match="tensors alone"):
        read_phasenet(path)
    assert "never" not in capsys.readouterr().out


def test_damaged_or_foreign_weights_are_refused(tmp_path):
    good = foreign(PhaseNet(width=4))
    cases = {
        "not the weights": {"a": torch.zeros(1)},
        "do not match": {k: v for k, v in good.items() if k != "out.bias"},
        "not finite": good | {"out.bias": torch.full((3,), np.nan)},
        r"is \(4,\)": good | {"out.bias": torch.zeros(4)},
    }
    for words, state in cases.items():
        with pytest.raises(BundleError, match=words):
            read_phasenet(write(tmp_path, state))
    path = write(tmp_path, good)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(BundleError, match="tensors alone"):
        read_phasenet(path)
    (tmp_path / "net.json").write_text("{")
    with pytest.raises(BundleError, match="JSON"):
        read_phasenet(path)


def test_a_filter_that_looks_ahead_is_refused(tmp_path):
    args = {"filter_args": ["bandpass"], "filter_kwargs": {"freqmin": 1, "zerophase": True}}
    with pytest.raises(ConfigError, match="causal"):
        read_phasenet(write(tmp_path, foreign(PhaseNet(width=4)), **args))


PEER_CASES = [
    ("PhaseNet", {}),
    ("PhaseNet", {"filter_factor": 2, "phases": "PSN", "norm": "peak"}),
    ("PhaseNet", {"norm_detrend": True}),
    ("PhaseNet", {"norm_amp_per_comp": True}),
    ("VariableLengthPhaseNet", {"in_samples": 3000}),
    ("VariableLengthPhaseNet", {"output_activation": "sigmoid", "norm_axis": (-1, -2)}),
]


@pytest.mark.parametrize(("name", "settings"), PEER_CASES)
def test_seisbench_with_the_same_random_weights_gives_the_same(tmp_path, name, settings):
    models = pytest.importorskip("seisbench.models")
    peer = shaken(getattr(models, name)(**settings))
    peer.save(tmp_path / "peer")
    net = read_phasenet(tmp_path / "peer.pt")
    assert net.wants.samples == peer.in_samples and net.wants.phases == "".join(peer.labels)
    x = torch.randn(3, 3, peer.in_samples) * torch.tensor([[1.0], [20.0], [300.0]]) + 50
    with torch.inference_mode():
        prepared = peer.annotate_batch_pre(x.clone(), {})
        ours = normalise(x.clone(), net.wants)
        torch.testing.assert_close(ours, prepared, rtol=1e-4, atol=1e-5)
        expected = peer(prepared)
        torch.testing.assert_close(net(prepared), expected, rtol=0, atol=1e-5)
        torch.testing.assert_close(net.for_inference()(prepared), expected, rtol=0, atol=1e-5)
        for length in LENGTHS[:-1]:
            y = torch.randn(1, 3, length)
            torch.testing.assert_close(net(y), peer(y), rtol=0, atol=1e-5)
