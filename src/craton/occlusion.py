"""Occlusion: what drove one prediction, by setting each part of its inputs to a mean.

References
----------
Zeiler and Fergus 2014, doi:10.1007/978-3-319-10590-1_53.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from craton.alter import (
    MAX_PARTS,
    Part,
    in_batches,
    list_parts,
    mean_part,
    regroup,
    stack,
)
from craton.errors import DataError
from craton.metrics import middle
from craton.result import Fitted
from craton.samples import Inputs, Samples, Target


def single(
    fitted: Fitted, samples: Samples, row: int, *, reference: Samples | None = None
) -> pd.DataFrame:
    """Say what drove one prediction: its change when each part is set to its mean.

    Parameters
    ----------
    fitted : Fitted
        A model with its calibration, from a run or from `craton.loaded.load`.
    samples : Samples
        Samples among which the one to explain is; their targets need not be known.
    row : int
        Position of that sample.
    reference : Samples, optional
        Samples that give the means; `samples` by default.

    Returns
    -------
    pd.DataFrame
        `kind`, `name`, `effect`, largest first: the output minus the output without what this part
        says. ``attrs`` has ``output`` (what it is) and ``value``.

    Raises
    ------
    DataError
        If there is no such row.
    """
    if not 0 <= row < len(samples):
        raise DataError(f"there is no row {row}, the samples have rows 0 to {len(samples) - 1}")
    means = (samples if reference is None else reference).inputs()
    parts, _ = regroup(list_parts(samples), MAX_PARTS)
    return occlude(fitted, samples.take([row]), parts, means)


def occlude(fitted: Fitted, one: Samples, parts: Sequence[Part], means: Inputs) -> pd.DataFrame:
    """The table of `single` for one sample, parts and inputs that give the means."""
    inputs = one.inputs()
    target = one.target
    first = fitted.predict(one.with_inputs(inputs, whole=True))
    category = None
    if target.categories and target.name in first:
        p = first[target.name].transpose("sample", "category").to_numpy()
        category = int(p[0].argmax())
    value, text = headline(first, target, category)
    effects: list[float] = []
    for batch in in_batches(list(parts), 1, first.nbytes):
        changes = [mean_part(inputs, part, means) for part in batch]
        altered = stack(one, inputs, changes, np.zeros(1, np.int64))
        found, _ = headline(fitted.predict(altered), target, category)
        effects += [float(value[0] - v) for v in found]
    table = pd.DataFrame(
        {"kind": [p.kind for p in parts], "name": [p.name for p in parts], "effect": effects}
    )
    order = np.argsort(-np.abs(table["effect"].to_numpy(float)), kind="stable")
    table = table.iloc[order].reset_index(drop=True)
    table.attrs = {"output": text, "value": float(value[0])}
    return table


def headline(
    predicted: xr.Dataset, target: Target, category: int | None = None
) -> tuple[NDArray[np.float64], str]:
    """One number a sample: what an explanation explains.

    Parameters
    ----------
    predicted : xr.Dataset
        Prediction of any kind.
    target : Target
        What is predicted.
    category : int, optional
        Class whose probability is meant; that predicted for the first sample by default.

    Returns
    -------
    values : ndarray, shape (sample,)
        Probability of the class; total of the expected counts; else the median, mean over leads
        and points.
    text : str
        What that is.
    """
    if target.categories and target.name in predicted and "category" in predicted[target.name].dims:
        p = predicted[target.name].transpose("sample", "category").to_numpy()
        chosen = int(p[0].argmax()) if category is None else category
        return p[:, chosen].astype(float), f"probability of {target.categories[chosen]}"
    if "expected_count" in predicted:
        count = middle(predicted["expected_count"])
        dims = [d for d in count.dims if d != "sample"]
        return count.sum(dims).to_numpy().astype(float), "expected count, in total"
    name = target.name if target.name in predicted else str(next(iter(predicted.data_vars)))
    value = middle(predicted[name])
    dims = [d for d in value.dims if d != "sample"]
    text = f"median of {name}" + (f" ({target.units})" if target.units != "1" else "")
    text += f", mean over {' and '.join(map(str, dims))}" if dims else ""
    return value.mean(dims).to_numpy().astype(float), text
