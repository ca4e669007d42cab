"""Windows are brought to the scale that a net was trained with."""

import numpy as np
import pytest
import torch
from scipy.signal import detrend

from craton.config import build
from craton.errors import ConfigError
from craton.models.nets.picker_input import Filter, PickerInput, normalise


def windows():
    rng = np.random.default_rng(0)
    return rng.normal(size=(2, 3, 501)) * [[1.0], [10.0], [100.0]] + np.linspace(3, 40, 501)


@pytest.mark.parametrize("joint", [False, True])
@pytest.mark.parametrize("trend", [False, True])
def test_the_standard_deviation_and_the_peak_are_those_of_numpy(joint, trend):
    x = windows()
    level = detrend(x, axis=-1) if trend else x - x.mean(-1, keepdims=True)
    axes = (-1, -2) if joint else (-1,)
    expected = {"std": level.std(axes, ddof=1, keepdims=True),
                "peak": np.abs(level).max(axes, keepdims=True)}  # fmt: skip
    for scale, size in expected.items():
        wants = PickerInput(samples=501, scale=scale, joint=joint, detrend=trend)
        found = normalise(torch.tensor(x), wants).numpy()
        np.testing.assert_allclose(found, level / size, rtol=1e-9, atol=1e-10)


def test_a_constant_channel_becomes_zero_and_no_scale_leaves_all_as_it_is():
    constant = torch.full((1, 3, 20), 7.0)
    assert not normalise(constant.clone(), PickerInput(samples=20)).any()
    same = normalise(constant.clone(), PickerInput(samples=20, scale="none"))
    assert torch.equal(same, constant)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"components": "ZZE"}, "letter twice"),
        ({"filter": {}}, "corner"),
        ({"filter": {"low": 5, "high": 2}}, "not below"),
        ({"filter": {"low": 60}}, "half the rate"),
        ({"samples": 0}, "samples"),
    ],
)
def test_windows_that_cannot_be_are_refused(values, words):
    with pytest.raises(ConfigError, match=words):
        build(PickerInput, values)


def test_windows_without_a_channel_axis_are_refused():
    with pytest.raises(ConfigError, match="three axes"):
        normalise(torch.zeros(3, 100), PickerInput(samples=100, filter=Filter(low=1)))
