"""A model that knows place and time only: what is left of the skill without any other input."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from craton.errors import CratonError, ModelError
from craton.models.base import Fitting
from craton.samples import Inputs, Parts, Target

if TYPE_CHECKING:
    from craton.leak_items import Evidence


@dataclass(frozen=True)
class Coordinates:
    """A gather whose only inputs are place and time: ``x`` (sample, coordinate)."""

    gather: Any
    names: tuple[str, ...]
    start: pd.Timestamp | None

    @property
    def target(self) -> Target:
        found: Target = self.gather.target
        return found

    def inputs(self, data: xr.Dataset, index: pd.DataFrame) -> Inputs:
        columns = [
            (index["t0"] - self.start).dt.total_seconds()
            if n == "t0" and self.start is not None
            else index[n]
            for n in self.names
        ]
        return {"x": np.stack([c.to_numpy(np.float32) for c in columns], axis=1)}

    def observed(self, data: xr.Dataset, index: pd.DataFrame) -> xr.Dataset:
        found: xr.Dataset = self.gather.observed(data, index)
        return found

    def parts(self, data: xr.Dataset) -> Parts:
        return {"variable": {n: {"x": (slice(None), i)} for i, n in enumerate(self.names)}}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.gather, name)


def fit_coordinates(e: Evidence, names: tuple[str, ...]) -> tuple[str, xr.Dataset]:
    """Fit the probe on coordinates, or extra trees where the probe cannot take them."""
    from craton.models.trees import ExtraTrees

    start = e.samples.index["t0"].min() if "t0" in names else None
    bare = replace(e.samples, gather=Coordinates(e.samples.gather, names, start), changed=None)
    failed = ""
    for name, model in ((e.probe, e.model(e.probe)), ("extra trees", ExtraTrees())):
        try:
            parts = [
                model.replace()
                .fit(bare.take(s.train), Fitting(e.run.seed))
                .predict(bare.take(s.test))
                for s in e.splits
            ]
        except (
            CratonError,
            LookupError,
            ValueError,
            TypeError,
            AttributeError,
            RuntimeError,
        ) as error:
            # a model written for one kind of input may fail in any of these ways on another
            failed = str(error)
            continue
        if e.samples.target.name in parts[0]:
            return name, xr.concat(parts, "sample")
        failed = f"'{name}' predicts nothing named '{e.samples.target.name}'"
    raise ModelError(f"no model could be fitted on the coordinates alone ({failed})")
