"""Models of classes along wells: gaps filled, windows turned to features, classes in sequence."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd
import pydantic
import xarray as xr
from numpy.typing import NDArray

from craton.config import Config as Settings
from craton.errors import BundleError, ModelError
from craton.models.base import Fitting, Model, State, class_prediction, need, sub_state
from craton.models.imputation import NormalImputer
from craton.models.markov import FaciesChain, mark_codes
from craton.samples import Inputs, Parts, Samples, Target
from craton.splits import ByGroup
from craton.wells import LogWindows

Array = NDArray[Any]

OFFSET, GAIN = 0.3, 0.1
"""Spread of a tool's offset, in interquartile ranges, and of the logarithm of its gain."""

WEIGHTS = (0.0, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75)
"""Weights of the neighbours' evidence that are tried inside the training wells; 0 smooths not."""

SHORT, MIDDLE = 2, 5
"""Half widths of the windows of `window_features`, in rows; the longest is the whole window."""


class AlongWell(Model):
    """An inner model, given wells as a petrophysicist would prepare them.

    Everything is learnt on training wells: the regression that fills gaps (see `NormalImputer`),
    the inner model, and, with `smooth`, the transitions between classes and the weight of the
    neighbouring rows' evidence, the latter out of fold by wells.

    A smoothed probability depends on the whole well, never on which of its samples are asked for.
    Make one with `along_well`.
    """

    class Config(Settings):
        """Settings, beside those of the inner model.

        Attributes
        ----------
        context : {"row", "bed", "window", "sequence"}
            What the inner model sees: the row's curves alone; these and the bed; these and
            features of the window; or the bed and the window itself.
        aligned : bool
            Bring each log of each well to the training wells' median and interquartile range.
        vintages : int
            Copies of the training wells that are added, each log of each with an offset and a gain
            drawn at random, as another tool of another decade would have read them.
        smooth : bool
            Bring the classes of a well together by a Markov chain.
        """

        context: Literal["row", "bed", "window", "sequence"] = "bed"
        aligned: bool = False
        vintages: int = pydantic.Field(0, ge=0, le=20)
        smooth: bool = False

    Inner: ClassVar[type[Model]]

    def fit(self, train: Samples, fitting: Fitting = Fitting()) -> Self:  # noqa: B008
        target = train.target
        if not target.categories:
            raise ModelError(f"{type(self).__name__} predicts classes, '{target.name}' is a number")
        self._learn(train, fitting)
        if self.config.smooth:
            truth = train.observed()[target.name].to_numpy()
            group, row = train.index["group"].to_numpy(str), train.index.index.to_numpy()
            mark = self._marks(train, train.inputs())
            self.chain = FaciesChain.fit(truth, mark, group, row, len(target.categories))
            self.weight = self._choose_weight(train, truth, fitting)
        return self

    def _learn(self, train: Samples, fitting: Fitting) -> None:
        inputs, logs = train.inputs(), _gather(train).logs
        x = inputs["x"]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a curve without any value
            low, middle, high = np.nan_to_num(
                np.nanquantile(x[:, :logs], [0.25, 0.5, 0.75], axis=0)
            )
        self.scale = np.stack([middle, np.where(high > low, high - low, 1.0)], axis=1)
        settings = self.config.model_dump(exclude=set(AlongWell.Config.model_fields))
        self.inner = self.Inner(**settings)
        self._said: dict[str, tuple[xr.Dataset, Array, Array, Array]] = {}
        if self.config.aligned:
            inputs = align(inputs, self.scale)
        self.imputer = NormalImputer.fit(inputs["x"])
        copies = self.config.vintages + 1
        rng = np.random.default_rng(fitting.seed)
        many = [self._features(inputs, logs)]
        for _ in range(copies - 1):
            other = another_vintage(inputs, self.scale, train.index["group"].to_numpy(str), rng)
            many.append(self._features(other, logs))
        # copies of a row stand together, so that parts kept out in blocks keep them all out
        given = {
            k: np.stack([m[k] for m in many], axis=1).reshape(-1, *v.shape[1:])
            for k, v in many[0].items()
        }
        train = train.take(np.repeat(np.arange(len(train)), copies))
        self.inner.fit(replace(train, gather=_Bare(_gather(train)), changed=given), fitting)

    def _features(self, inputs: Inputs, logs: int) -> Inputs:
        """What the inner model sees of inputs that are aligned if that is asked for."""
        x, bed = self.imputer.fill(inputs["x"]), {k: inputs[k] for k in ("bed",) if k in inputs}
        if self.config.context == "row":
            return {"x": x}
        if self.config.context == "bed":
            return {"x": x, **bed}
        windows = self.imputer.fill_windows(inputs["sequence"])
        if self.config.context == "sequence":
            return {**bed, "sequence": windows}
        return {"x": x, **bed, "window": window_features(windows[:, :logs])}

    def _own(self, samples: Samples) -> Array:
        """Probabilities by the inner model, each sample from its own window."""
        inputs, gather = samples.inputs(), _gather(samples)
        if self.config.aligned:
            inputs = align(inputs, self.scale)
        given = self._features(inputs, gather.logs)
        found = self.inner.predict(replace(samples, gather=_Bare(gather), changed=given))
        p = found[samples.target.name].transpose("sample", "category").to_numpy()
        return np.asarray(p, np.float64)

    @staticmethod
    def _marks(samples: Samples, inputs: Inputs) -> Array:
        """The first constraint (marine or not) where the wells have one."""
        x, logs = inputs["x"], _gather(samples).logs
        return x[:, logs] if x.shape[1] > logs else np.full(len(x), np.nan)

    def predict(self, samples: Samples) -> xr.Dataset:
        p = self._own(samples)
        if self.config.smooth and len(p):
            p = p * self._others(samples)
            p /= p.sum(axis=1, keepdims=True)
        return class_prediction(samples, p)

    def _others(self, samples: Samples) -> Array:
        """What the other rows of its well say about each sample."""
        found = np.ones((len(samples), len(samples.target.categories)))
        if self.weight == 0:
            return found
        group, row = samples.index["group"].to_numpy(str), samples.index.index.to_numpy()
        for well in dict.fromkeys(group.tolist()):
            rows, p, mark = self._well(samples, well)
            told = self.chain.messages(self.chain.likelihoods(p, mark, self.weight), mark)
            mine = group == well
            found[mine] = told[np.searchsorted(rows, row[mine])]
        return found

    def _well(self, samples: Samples, well: str) -> tuple[Array, Array, Array]:
        """Rows of a well, their probabilities and marks; kept, since explanations ask again."""
        known = self._said.get(well)
        if known is None or known[0] is not samples.data:
            index = _gather(samples).whole(samples.data, np.array([well]))
            every = Samples(samples.data, index, samples.gather)
            mark = mark_codes(self._marks(every, every.inputs()), self.chain.values)
            known = (samples.data, index.index.to_numpy(), self._own(every), mark)
            self._said[well] = known
        return known[1], known[2], known[3]

    def _choose_weight(self, train: Samples, truth: NDArray[Any], fitting: Fitting) -> float:
        """The weight with the lowest log loss in training wells left out in turn."""
        if train.index["group"].nunique() < 3:
            return WEIGHTS[len(WEIGHTS) // 2]
        loss = np.zeros(len(WEIGHTS))
        for k, fold in enumerate(ByGroup().folds(train.index, 3)):
            fitting.progress(k, 3, "weight of the neighbours' evidence")
            part = self.replace()
            part._learn(train.take(fold.train), Fitting(fitting.seed))
            part.chain = self.chain
            out, y = train.take(fold.test), truth[fold.test]
            for i, weight in enumerate(WEIGHTS):
                part.weight = weight
                p = part.predict(out)[train.target.name].to_numpy()
                given = p[np.arange(len(y)), np.maximum(y, 0)]
                loss[i] -= np.log(np.maximum(given, 1e-6))[y >= 0].sum()
        return WEIGHTS[int(loss.argmin())]

    def state(self) -> State:
        found = {f"inner.{k}": v for k, v in self.inner.state().items()}
        found |= {f"imputer.{k}": v for k, v in self.imputer.state().items()}
        found["scale"] = self.scale
        if self.config.smooth:
            found |= {f"chain.{k}": v for k, v in self.chain.state().items()}
            found["weight"] = np.array([self.weight])
        return found

    def with_state(self, arrays: Mapping[str, NDArray[Any]]) -> Self:
        need(arrays, "imputer.mean", "imputer.covariance", "scale")
        self.scale = arrays["scale"]
        if self.scale.ndim != 2 or self.scale.shape[1] != 2 or not (self.scale[:, 1] > 0).all():
            raise BundleError("the wells' scales are not a median and a spread for each log")
        self.imputer = NormalImputer.from_state(sub_state(arrays, "imputer"))
        settings = self.config.model_dump(exclude=set(AlongWell.Config.model_fields))
        self.inner = self.Inner(**settings).with_state(sub_state(arrays, "inner"))
        self._said = {}
        if self.config.smooth:
            names = ("chain.values", "chain.transitions", "chain.share", "weight")
            need(arrays, *names)
            self.chain = FaciesChain.from_state(sub_state(arrays, "chain"))
            self.weight = float(arrays["weight"].ravel()[0])
        return self


@functools.cache
def _kind(inner: type[Model]) -> type[AlongWell]:
    own = type("Config", (AlongWell.Config, inner.Config), {"__doc__": inner.Config.__doc__})
    name = f"{inner.__name__}AlongWell"
    return type(name, (AlongWell,), {"Config": own, "Inner": inner, "__doc__": inner.__doc__})


def along_well(inner: type[Model], **settings: Any) -> AlongWell:
    """Make a model along wells of an inner model for tables or sequences.

    Parameters
    ----------
    inner : type of Model
        `ExtraTrees`, `SVM`, `TCN`, ...
    **settings
        Of `AlongWell` and of the inner model, side by side.

    Examples
    --------
    >>> from craton.models.trees import ExtraTrees
    >>> model = along_well(ExtraTrees, trees=50, smooth=True)
    >>> model.config.trees, model.config.smooth, type(model).__name__
    (50, True, 'ExtraTreesAlongWell')
    """
    return _kind(inner)(**settings)


def window_features(windows: NDArray[Any]) -> NDArray[np.float32]:
    """Shape of each curve around the middle of its window.

    Parameters
    ----------
    windows : ndarray, shape (sample, curve, lag)
        Without gaps; an odd number of lags.

    Returns
    -------
    ndarray, shape (sample, curve * 7)
        By curve: gradient over two rows; means of 5 rows and of the window; means of the five rows
        above and of the five below; standard deviation of 11 rows; how the middle stands out from
        the window's mean.

    Examples
    --------
    >>> window_features(np.arange(21.0).reshape(1, 1, 21)).round(1)[0]
    array([ 1. , 10. , 10. ,  7. , 13. ,  3.2,  0. ], dtype=float32)
    """
    w = np.asarray(windows, np.float32)
    n, curves, lags = w.shape
    mid = lags // 2
    a, b = max(mid - MIDDLE, 0), min(mid + MIDDLE, lags - 1)
    s, t = max(mid - SHORT, 0), min(mid + SHORT, lags - 1)
    whole = w.mean(axis=2)
    found = [
        (w[:, :, min(mid + 1, lags - 1)] - w[:, :, max(mid - 1, 0)]) / 2,
        w[:, :, s : t + 1].mean(axis=2),
        whole,
        w[:, :, a : max(mid, 1)].mean(axis=2),
        w[:, :, min(mid + 1, lags - 1) : b + 1].mean(axis=2),
        w[:, :, a : b + 1].std(axis=2),
        w[:, :, mid] - whole,
    ]
    return np.ascontiguousarray(np.stack(found, axis=2).reshape(n, curves * 7))


def align(inputs: Inputs, scale: Array) -> Inputs:
    """Move each well's logs to a common median and interquartile range.

    Parameters
    ----------
    inputs : dict
        Of `LogWindows`. A log whose own scale is not known in a well stays as it is there.
    scale : ndarray, shape (log, 2)
        Median and interquartile range to move to.
    """
    own = inputs["scale"]
    gain = np.where(np.isfinite(own[:, :, 1]), scale[:, 1] / own[:, :, 1], 1.0)
    offset = np.where(np.isfinite(own[:, :, 0]), scale[:, 0] - gain * own[:, :, 0], 0.0)
    return _moved(inputs, gain, offset)


def another_vintage(
    inputs: Inputs, scale: Array, group: NDArray[np.str_], rng: np.random.Generator
) -> Inputs:
    """The same wells as other tools might have logged them, by `OFFSET` and `GAIN`."""
    _, number = np.unique(group, return_inverse=True)
    shape = (int(number.max()) + 1, len(scale))
    gain = np.exp(GAIN * rng.standard_normal(shape))
    offset = OFFSET * scale[:, 1] * rng.standard_normal(shape) + (1 - gain) * scale[:, 0]
    return _moved(inputs, gain[number.ravel()], offset[number.ravel()])


def _moved(inputs: Inputs, gain: Array, offset: Array) -> Inputs:
    """Logs times gain plus offset, both (sample, log); distances from the bed's mean times gain."""
    logs = gain.shape[1]
    x, windows = inputs["x"].copy(), inputs["sequence"].copy()
    x[:, :logs] = gain * x[:, :logs] + offset
    windows[:, :logs] = gain[:, :, None] * windows[:, :logs] + offset[:, :, None]
    found = {**inputs, "x": x, "sequence": windows}
    if "bed" in inputs:
        found["bed"] = inputs["bed"].copy()
        found["bed"][:, -logs:] *= gain
    return found


def _gather(samples: Samples) -> LogWindows:
    if not isinstance(samples.gather, LogWindows):
        raise ModelError("a model along wells needs samples cut by LogWindows")
    return samples.gather


class _Bare:
    """A gather that gives no inputs of its own, so that only those given by hand are seen."""

    def __init__(self, gather: LogWindows) -> None:
        self.gather = gather

    @property
    def target(self) -> Target:
        return self.gather.target

    def inputs(self, data: xr.Dataset, index: pd.DataFrame) -> Inputs:
        return {}

    def observed(self, data: xr.Dataset, index: pd.DataFrame) -> xr.Dataset:
        return self.gather.observed(data, index)

    def parts(self, data: xr.Dataset) -> Parts:
        return {}
