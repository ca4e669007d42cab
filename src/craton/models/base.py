"""What a model is: a frozen config, `fit`, `predict`, and a state of arrays, nothing else."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from craton.config import Config, build
from craton.errors import BundleError, ModelError
from craton.gathers import region_mean
from craton.models.encode import Encoder, columns
from craton.samples import Inputs, Samples

State = dict[str, NDArray[Any]]


def _silent(done: int, total: int, text: str) -> None:
    """Report nothing."""


@dataclass(frozen=True)
class Fitting:
    """What a fit is given besides its samples.

    Attributes
    ----------
    seed : int
        Seed of everything random.
    progress : callable
        Called as ``progress(done, total, text)``.
    checkpoint : Path or None
        A file that an iterative fit writes now and then, and continues from if it is there.
    told : bool
        The report tells of this fit: a model may find out what only the report wants to know.
    """

    seed: int = 0
    progress: Callable[[int, int, str], None] = field(default=_silent)
    checkpoint: Path | None = None
    told: bool = False


class Model(ABC):
    """Base of all models.

    A model is made from settings, which are checked by its `Config`, and never changes them.
    `fit` returns self; `predict` gives a dataset with the dimension `sample`, always probabilistic;
    `state` gives arrays that `with_state` of a model with the same settings turns back into an
    equal model. That is all a bundle holds, so loading one runs no code.

    Examples
    --------
    A whole working model, the overall class frequency:

    >>> from craton.config import Config
    >>> class Share(Model):
    ...     class Config(Config):
    ...         added: float = 1.0
    ...     def fit(self, train, fitting=Fitting()):
    ...         self.target = train.target
    ...         seen = train.observed()[self.target.name].to_numpy()
    ...         count = np.bincount(seen, minlength=len(self.target.categories)) + self.config.added
    ...         self.share = count / count.sum()
    ...         return self
    ...     def predict(self, samples):
    ...         return class_prediction(samples, np.tile(self.share, (len(samples), 1)))
    ...     def state(self):
    ...         return {"share": self.share}
    ...     def with_state(self, arrays):
    ...         self.share = arrays["share"]
    ...         return self
    """

    Config: ClassVar[type[Config]] = Config

    def __init__(self, config: Any = None, **settings: Any) -> None:
        where = f"settings of {type(self).__name__}"
        if config is not None and not isinstance(config, self.Config):
            settings = {**config.model_dump(), **settings}
            config = None
        made = build(self.Config, settings, where=where) if config is None else config
        self.config: Any = made

    def replace(self, **settings: Any) -> Self:
        """Return an unfitted model of this kind with some settings changed."""
        return type(self)(**{**self.config.model_dump(), **settings})

    @abstractmethod
    def fit(self, train: Samples, fitting: Fitting = Fitting()) -> Self:
        """Learn from training samples."""

    def suits(self, samples: Samples) -> bool:
        """Whether these samples have the inputs that the model wants.

        A candidate that was not asked for by name, and that the samples do not suit, is not tried.
        """
        return True

    def start_from(self, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Take a state of before as the start of the next fit; ignored by default."""
        return self

    def redrawn(self) -> Sequence[Self]:
        """Copies of this model that differ in the random numbers that they predict with.

        They tell how much of a score is chance. A model that draws none gives itself alone.
        """
        return (self,)

    @abstractmethod
    def predict(self, samples: Samples) -> xr.Dataset:
        """Predict; the result has the dimension `sample` and no missing value."""

    @abstractmethod
    def state(self) -> State:
        """Return everything learnt, as arrays."""

    @abstractmethod
    def with_state(self, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Take a state that `state` gave."""


class Estimator(Model):
    """Base of the models that fit any table, sequence or field, by classes or by numbers.

    A subclass gives `_fit(inputs, y, fitting)` and `_predict(inputs)`. It sees inputs that are
    encoded (standardised, gaps filled, fields reduced to EOFs, see `Encoder`) and a `y` that is
    int (n,) for classes and float32 (n, outputs) for numbers; it returns probabilities
    (n, categories) or means (n, outputs). Quantiles of numbers are the mean plus the spread of the
    residuals by output, which calibration then corrects on samples not fitted.
    """

    raw_fields: ClassVar[bool] = False
    """True if the model takes fields on their points instead of EOFs."""

    classes_only: ClassVar[bool] = False
    """True if the model predicts classes only."""

    residual_folds: ClassVar[int] = 0
    """Folds whose residuals give the spread of numbers; 0 takes the training residuals, which
    a model that can memorise its training set makes far too small."""

    def fit(self, train: Samples, fitting: Fitting = Fitting()) -> Self:
        target = train.target
        if self.classes_only and not target.categories:
            raise ModelError(f"{type(self).__name__} predicts classes, '{target.name}' is a number")
        if len(train) == 0:
            raise ModelError(f"{type(self).__name__} was given no training samples")
        inputs, observed = train.inputs(), train.observed()[target.name].to_numpy()
        self.encoder = Encoder.fit(inputs, observed, target, raw_fields=self.raw_fields)
        y = self.encoder.encode_target(observed)
        known = (y >= 0) if target.categories else np.isfinite(y).any(axis=1)
        if not known.any():
            raise ModelError(f"no training sample has a value of '{target.name}'")
        encoded = {k: v[known] for k, v in self.encoder.encode(inputs).items()}
        self._fit(encoded, y[known], fitting)
        self.spread: State = {}
        if not target.categories:
            mean = self._unseen(encoded, y[known], fitting)
            self.spread = self._residual_spread(train.take(known), mean)
        return self

    @property
    def classes(self) -> int:
        """Number of the target's categories, of which training may lack some; 0 for a number."""
        return int(self.encoder.arrays["classes"][0])

    def predict(self, samples: Samples) -> xr.Dataset:
        found = self._predict(self.encoder.encode(samples.inputs()))
        if samples.target.categories:
            return class_prediction(samples, found)
        field = self.encoder.decode_target(found)
        return value_prediction(samples, field, self.spread)

    def state(self) -> State:
        return {
            **{f"encoder.{k}": v for k, v in self.encoder.state().items()},
            **{f"spread.{k}": v for k, v in self.spread.items()},
            **{f"model.{k}": v for k, v in self._state().items()},
        }

    def with_state(self, arrays: Mapping[str, NDArray[Any]]) -> Self:
        need(arrays, "encoder.shape", "encoder.classes")
        self.encoder = Encoder.from_state(sub_state(arrays, "encoder"))
        self.spread = sub_state(arrays, "spread")
        self._with_state(sub_state(arrays, "model"))
        return self

    def _unseen(self, encoded: Inputs, y: NDArray[Any], fitting: Fitting) -> NDArray[Any]:
        """Means for the training samples, out of fold by contiguous blocks if that is asked for."""
        folds = min(self.residual_folds, len(y))
        if folds < 2:
            return self._predict(encoded)
        mean = np.zeros(y.shape, np.float64)
        fold = np.arange(len(y)) * folds // len(y)
        quiet = Fitting(seed=fitting.seed)
        for k in range(folds):
            other = self.replace()
            other.encoder = self.encoder
            other._fit({n: v[fold != k] for n, v in encoded.items()}, y[fold != k], quiet)
            mean[fold == k] = other._predict({n: v[fold == k] for n, v in encoded.items()})
        return mean

    def _residual_spread(self, train: Samples, mean_encoded: NDArray[Any]) -> State:
        field = self.encoder.decode_target(mean_encoded)
        observed = train.observed()
        name = train.target.name
        residual = observed[name].to_numpy() - field
        spread = {name: _spread(residual)}
        for region, weights in (train.target.regions or {}).items():
            mean = region_mean(xr.DataArray(field, dims=observed[name].dims), weights)
            spread[region] = _spread(observed[region].to_numpy() - mean.to_numpy())
        return spread

    @abstractmethod
    def _fit(self, inputs: Inputs, y: NDArray[Any], fitting: Fitting) -> None: ...

    @abstractmethod
    def _predict(self, inputs: Inputs) -> NDArray[Any]: ...

    @abstractmethod
    def _state(self) -> State: ...

    @abstractmethod
    def _with_state(self, arrays: State) -> None: ...


def design(inputs: Inputs) -> NDArray[np.float32]:
    """Lay all input arrays side by side as one matrix (sample, column)."""
    return np.concatenate([columns(v) for v in inputs.values()], axis=1).astype(np.float32)


def sub_state(arrays: Mapping[str, NDArray[Any]], prefix: str) -> State:
    """Return the arrays under ``prefix.`` with that prefix taken off."""
    start = prefix + "."
    return {k[len(start) :]: v for k, v in arrays.items() if k.startswith(start)}


def need(arrays: Mapping[str, NDArray[Any]], *names: str) -> None:
    """Refuse a state that lacks an array.

    Raises
    ------
    BundleError
        Naming what is missing.
    """
    missing = [n for n in names if n not in arrays]
    if missing:
        raise BundleError(f"the model's state lacks {missing}", fix="save the bundle again")


def class_prediction(samples: Samples, probability: NDArray[Any]) -> xr.Dataset:
    """Wrap class probabilities (sample, category) as a dataset; rows are scaled to sum to one."""
    target = samples.target
    p = np.clip(np.asarray(probability, np.float64), 1e-6, None)
    p /= p.sum(axis=1, keepdims=True)
    attrs = {"units": "1", "long_name": f"probability of each class of {target.name}"}
    return xr.Dataset(
        {target.name: (("sample", "category"), p.astype(np.float32), attrs)},
        coords={"sample": samples.index.index.to_numpy(), "category": list(target.categories)},
    )


def value_prediction(
    samples: Samples, mean: NDArray[Any], spread: Mapping[str, NDArray[Any]]
) -> xr.Dataset:
    """Wrap means (sample, ...) and a spread (...) as normal quantiles, regions included."""
    from scipy.special import ndtri

    target = samples.target
    z = np.asarray(ndtri(target.quantiles), np.float32)
    leads = getattr(samples.gather, "leads", None)
    dims = ("sample", "lead", "point")[: mean.ndim]
    coords: dict[str, Any] = {
        "sample": samples.index.index.to_numpy(),
        "quantile": list(target.quantiles),
    }
    if mean.ndim > 1 and leads is not None:
        coords["lead"] = list(leads)
    fields = {target.name: xr.DataArray(mean.astype(np.float32), dims=dims)}
    for region, weights in (target.regions or {}).items():
        fields[region] = region_mean(fields[target.name], weights)
    attrs = {"units": target.units}
    found = {
        name: (
            (*f.dims, "quantile"),
            f.to_numpy()[..., None] + spread[name].astype(np.float32)[..., None] * z,
            attrs,
        )
        for name, f in fields.items()
    }
    return xr.Dataset(found, coords=coords)


def _spread(residual: NDArray[Any]) -> NDArray[np.float32]:
    there = np.isfinite(residual)
    squares = np.where(there, residual, 0.0) ** 2
    mean = squares.sum(axis=0) / np.maximum(there.sum(axis=0), 1)
    return np.asarray(np.sqrt(mean), np.float32)


def about(model: Model) -> str:
    """What a model is, in the first line of its class's text.

    Examples
    --------
    >>> from craton.models.baselines import Frequency
    >>> about(Frequency())
    'every sample gets the class frequencies of the training set'
    """
    kind = getattr(type(model), "Inner", type(model))
    line = (kind.__doc__ or kind.__name__).strip().split("\n")[0].rstrip(".")
    return line if line[:2].isupper() else line[:1].lower() + line[1:]
