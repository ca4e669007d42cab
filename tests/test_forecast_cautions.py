"""What a forecast says of ETAS fits that ended at a bound."""

from __future__ import annotations

import math
from dataclasses import replace

from craton.forecast_cautions import bound_lines
from craton.models.etas import ETAS
from craton.models.physics.etas import EtasParameters
from tests.models.physics.etas_world import PARAMETERS


def model(parameters: EtasParameters) -> ETAS:
    made = ETAS()
    made.parameters = parameters
    return made


def test_a_fit_inside_its_bounds_is_not_spoken_of() -> None:
    assert bound_lines({"etas": model(PARAMETERS), "poisson": object()}) == []


def test_a_branching_ratio_at_its_bound_is_told_with_the_likely_cause() -> None:
    grown = math.log10(0.999 / PARAMETERS.branching_ratio())
    critical = replace(PARAMETERS, log10_k0=PARAMETERS.log10_k0 + grown)
    assert bound_lines({"etas": model(critical)}) == [
        "the fit of 'etas' ended with branching ratio at its bound of 0.999: the model is "
        "misspecified, most often its background; standard errors take the bound as known."
    ]


def test_another_parameter_at_its_bound_is_told_without_naming_the_background() -> None:
    endless = replace(PARAMETERS, log10_tau=5.5, log10_k0=-3.0)
    (line,) = bound_lines({"etas": model(endless)})
    assert "ended with log10_tau at its bound of 5.5: the events do not determine it" in line
    assert "background" not in line
