"""Calibration that follows a change in the shares of the classes."""

import numpy as np
import xarray as xr

from craton.class_calibration import BiasedTemperature
from craton.metrics import log_loss, score
from craton.uncertainty import Temperature


def drifted(n=4000, seed=0):
    """Two normal classes; the model believes in equal shares, the truth has one in ten."""
    rng = np.random.default_rng(seed)
    y = (rng.uniform(size=n) < 0.1).astype(int)
    x = rng.normal(size=n) + 2.0 * y
    p = 1 / (1 + np.exp(-2 * (2.0 * x - 2.0)))  # twice too sure, prior one half
    observed = xr.Dataset({"f": ("sample", y)})
    return observed, xr.Dataset({"f": (("sample", "category"), np.stack([1 - p, p], axis=1))})


def test_the_true_exponent_and_log_ratio_of_shares_are_found():
    """p is the square of the likelihood ratio: power 1/2, and the bias is log(1/9)."""
    found = BiasedTemperature("f").fit(*drifted())
    assert abs(found.power - 0.5) < 0.05
    assert abs((found.bias[1] - found.bias[0]) - np.log(1 / 9)) < 0.25


def test_it_calibrates_what_a_temperature_alone_cannot():
    """On new samples of the same drift."""
    fit, new = drifted(), drifted(seed=1)
    biased, plain = (c.fit(*fit).apply(new[1]) for c in (BiasedTemperature("f"), Temperature("f")))
    loss = [score(log_loss("f"), new[0], p) for p in (biased, plain)]
    assert loss[0] < loss[1] - 0.03
    # what is said of the rare class comes true as often, which one exponent misses
    rare = [float(p["f"][:, 1].mean()) for p in (biased, plain)]
    seen = float((new[0]["f"] == 1).mean())
    assert abs(rare[0] - seen) < 0.02 < abs(rare[1] - seen)


def test_without_a_known_label_nothing_is_changed():
    """Probabilities stay as they are."""
    observed, predicted = drifted(50)
    nothing = observed.assign(f=("sample", np.full(50, -1)))
    found = BiasedTemperature("f").fit(nothing, predicted).apply(predicted)
    np.testing.assert_allclose(found["f"], predicted["f"], atol=1e-8)


def test_a_state_that_was_saved_calibrates_alike():
    """To the last bit."""
    observed, predicted = drifted(300)
    one = BiasedTemperature("f").fit(observed, predicted)
    other = BiasedTemperature("f").with_state(one.state())
    np.testing.assert_array_equal(one.apply(predicted)["f"], other.apply(predicted)["f"])
