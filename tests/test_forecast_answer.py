"""Whether a run on the example of earthquake-forecast found the truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from craton.data.earthquakes import true_parameters
from craton.forecast_answer import recovered
from craton.models.etas import ETAS
from craton.models.physics.etas_parameters import FITTED


def test_parameters_are_called_recovered_where_the_truth_is_within_their_intervals():
    truth = true_parameters()
    model, names = ETAS(), (*FITTED, "beta", "branching ratio")
    model.errors = np.full(len(names), 0.1)
    model.parameters = replace(truth, a=truth.a + 0.19, beta=truth.beta - 0.19)
    assert recovered(model, truth) == [
        ("ETAS parameters: 10 of 10 within their 95 % interval", True)
    ]
    moved = {n: getattr(truth, n) + 0.2 for n in ("a", "gamma", "rho", "beta")}
    model.parameters = replace(truth, **moved)
    ((text, ok),) = recovered(model, truth)
    assert ok and "6 of 10" in text and "(not a, gamma, rho, beta; " in text
    model.parameters = replace(truth, **moved, log10_mu=truth.log10_mu - 1)
    assert not recovered(model, truth)[0][1]
