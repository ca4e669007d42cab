"""Search for settings in the space that a model's own bounds declare."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from craton.config import search_space
from craton.errors import ConfigError, ModelError
from craton.models.base import Model

Space = Mapping[str, Mapping[str, Any]]


def _silent(done: int, total: int, text: str) -> None:
    """Report nothing."""


def tune(
    make_model: Callable[..., Model],
    score: Callable[[Model], float],
    *,
    trials: int = 30,
    seed: int = 0,
    space: Space | None = None,
    progress: Callable[[int, int, str], None] = _silent,
) -> dict[str, Any]:
    """Search settings by a tree-structured Parzen estimator; the model as it comes is tried first.

    Parameters
    ----------
    make_model : callable
        ``make_model(**settings)`` gives an unfitted model: a model class, or ``model.replace``.
    score : callable
        ``score(model)``, lower is better. It must fit on inner folds of the training set only.
    trials : int
        Models tried, the first included.
    space : mapping, optional
        As `craton.config.search_space` gives it; that of the model's config if not given.
    progress : callable
        Called as ``progress(done, total, text)``.

    Returns
    -------
    dict
        The settings to change; empty if nothing beat the model as it came.

    Raises
    ------
    ConfigError
        If the model has nothing to tune.
    ModelError
        If no trial gave a finite score.

    References
    ----------
    Akiba et al. (2019), doi:10.1145/3292500.3330701
    """
    first = make_model()
    space = search_space(first.Config) if space is None else space
    if not space:
        raise ConfigError(f"{type(first).__name__} has no setting with bounds to search in")
    best, found = _try(first, score), dict[str, Any]()
    progress(1, trials, f"as it is: {best:.4g}")
    study = _study(seed)
    for number in range(2, trials + 1):
        trial = study.ask()
        settings = {name: _suggest(trial, name, how) for name, how in space.items()}
        value = _try(make_model(**settings), score)
        study.tell(trial, value)
        if value < best:
            best, found = value, settings
        progress(number, trials, f"best {best:.4g}")
    if not math.isfinite(best):
        raise ModelError(f"none of {trials} trials of {type(first).__name__} gave a finite score")
    return found


def _try(model: Model, score: Callable[[Model], float]) -> float:
    """Score of one model; settings that cannot be fitted are as bad as can be."""
    try:
        value = float(score(model))
    except ModelError:
        return math.inf
    return value if math.isfinite(value) else math.inf


def _study(seed: int) -> Any:
    import optuna

    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        return optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    finally:
        optuna.logging.set_verbosity(level)


def _suggest(trial: Any, name: str, how: Mapping[str, Any]) -> Any:
    if how["type"] == "choice":
        return trial.suggest_categorical(name, how["choices"])
    pick = trial.suggest_int if how["type"] == "int" else trial.suggest_float
    return pick(name, how["low"], how["high"], log=how["log"])
