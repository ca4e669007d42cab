"""The known answer of the example of earthquake-forecast, and whether a run found it."""

from __future__ import annotations

import numpy as np

from craton.models.etas import ETAS
from craton.models.physics.etas_parameters import FITTED, EtasParameters
from craton.result import Result


def answer(result: Result) -> list[tuple[str, bool]]:
    """The simulated truth: ETAS wins over Poisson, and its parameters come back."""
    score = {m: result.score(m, "log_likelihood_per_event") for m in ("poisson", "etas")}
    gain = score["etas"].score - score["poisson"].score
    found = [(f"ETAS gains {gain:.2f} nats an event over Poisson", gain > 0.2)]
    truth = EtasParameters.from_mapping(
        {k[5:]: v for k, v in result.data.attrs.items() if k.startswith("etas_")}
    )
    # of the tested models, fitted on the training part alone
    model = result.fitted[0]["etas-kernel-background"].model
    assert isinstance(model, ETAS)
    if not np.isclose(model.parameters.mc, truth.mc):
        return found  # the parameters are those of another magnitude
    known, fitted = (p.branching_ratio(7.5) for p in (truth, model.parameters))
    text = f"branching ratio {fitted:.2f} within 0.15 of the true {known:.2f}"
    return [*found, (text, abs(fitted - known) < 0.15), *recovered(model, truth)]


def recovered(model: ETAS, truth: EtasParameters) -> list[tuple[str, bool]]:
    """How many of the parameters lie within their intervals: at least six of the ten."""
    if model.errors is None:
        return []
    names = (*FITTED, "beta")
    outside = [
        name for name, error in zip(names, model.errors[: len(names)].tolist(), strict=True)
        if abs(getattr(model.parameters, name) - getattr(truth, name)) > 1.96 * error
    ]  # fmt: skip
    text = (
        f"ETAS parameters: {len(names) - len(outside)} of {len(names)} within their 95 % interval"
    )
    if outside:
        text += f" (not {', '.join(outside)}; the intervals take the background as known)"
    return [(text, len(outside) <= 4)]
