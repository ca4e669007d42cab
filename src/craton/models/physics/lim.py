"""Linear inverse model of a field: the dynamics that its covariances imply, run forward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from craton.config import Config as Settings
from craton.config import tunable
from craton.errors import BundleError, ModelError
from craton.models.base import Fitting, Model, State, need, sub_state, value_prediction
from craton.models.encode import eofs, project
from craton.samples import Samples

Matrix = NDArray[np.float64]
STATE = ("mean", "patterns", "operator", "covariance", "leads")
SHRINKAGES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
"""Tried in turn until the operator is stable."""


class LIM(Model):
    """Linear inverse model in the space of the leading EOFs.

    The scores x of the field obey x(t + τ) = G(τ) x(t) + noise with G(τ) = G(τ0)^(τ/τ0) and
    G(τ0) = C(τ0) C(0)^-1, where τ0 is one of the leads and C are covariances of the training pairs
    (field at the issue time, field τ0 later). The forecast is G(τ) x; its error covariance is
    C(0) - G(τ) C(0) G(τ)^T, to which the variance outside the EOFs is added, for each point and for
    each region. Fields with gaps are projected by least squares on what is there.

    Attributes
    ----------
    patterns : ndarray, shape (component, point)
        EOFs.
    operator : ndarray, shape (component, component)
        G(τ0).
    lag : float
        τ0, in steps of the leads.
    covariance : ndarray, shape (component, component)
        C(0), in squared units of the field.
    shrinkage : float
        Share of the mean variance added to C(0) to make G(τ0) stable; 0 where it was stable.

    References
    ----------
    Penland & Sardeshmukh (1995), doi:10.1175/1520-0442(1995)008<1999:TOGOTS>2.0.CO;2

    Examples
    --------
    >>> from craton.data.ocean import nino34_weights, synthetic_sst
    >>> from craton.gathers import Fields
    >>> from craton.samples import Target, make_index
    >>> target = Target("sst", units="degC", regions={"nino34": nino34_weights()})
    >>> data, rows = synthetic_sst(years=60), np.arange(11, 700)
    >>> when = data["time"].values
    >>> index = make_index(len(rows), t0=when[rows], t1=when[rows + 12], labels=rows)
    >>> samples = Samples(data, index, Fields("sst", target))
    >>> bool(abs(np.linalg.eigvals(LIM().fit(samples).operator)).max() < 1)
    True
    """

    class Config(Settings):
        """Settings.

        Attributes
        ----------
        components : int
            EOFs kept, at most the number of points with variance.
        lag : int
            τ0; the lead nearest to it is taken. Monthly noise in the fields makes G(1) damp too
            fast or too slowly; Penland & Sardeshmukh took 4 months.
        shrinkage : float
            Share of the mean variance added to the diagonal of C(0), for short records.
        """

        components: int = tunable(15, 2, 60)
        lag: int = tunable(1, 1, 12)
        shrinkage: float = tunable(0.0, 0.0, 1.0)

    def fit(self, train: Samples, fitting: Fitting = Fitting()) -> Self:  # noqa: B008
        last, observed = _pairs(train)
        there = np.isfinite(last)
        total = np.where(there, last, 0.0).sum(axis=0, dtype=np.float64)
        self.mean = total / np.maximum(there.sum(axis=0), 1)
        if not there.any():
            raise ModelError("no training sample has a field at its issue time")
        anomalies = (last - self.mean)[:, :, None]
        self.patterns = eofs(anomalies, self.config.components)[0].astype(np.float64)
        self.leads = np.asarray(getattr(train.gather, "leads", (1,)), np.int64)
        at = int(abs(self.leads - self.config.lag).argmin())
        self.lag = float(self.leads[at])
        self._learn(last, observed[:, at], fitting)
        outside = observed[:, at] - self.mean - self._scores(observed[:, at]) @ self.patterns
        self.spread = self._spreads(train, outside)
        return self

    def predict(self, samples: Samples) -> xr.Dataset:
        last, leads = _last(samples), getattr(samples.gather, "leads", (1,))
        if last.shape[1] != len(self.mean) or tuple(leads) != tuple(self.leads.tolist()):
            raise ModelError(
                f"the model knows {len(self.mean)} points and the leads {self.leads.tolist()}; "
                f"{last.shape[1]} points and the leads {list(leads)} came",
                fix="give data on the grid that the model was fitted on",
            )
        start = np.nan_to_num(self._scores(last))
        field = [self.mean + start @ g.T @ self.patterns for g in self.propagators()]
        return value_prediction(samples, np.stack(field, axis=1), self.spread)

    def propagators(self) -> list[Matrix]:
        """G(τ) of every lead, each (component, component)."""
        return [_power(self.operator, float(lead) / self.lag) for lead in self.leads]

    def state(self) -> State:
        found = {name: getattr(self, name) for name in STATE}
        return {
            **found,
            "shrinkage": np.array([self.shrinkage]),
            "lag": np.array([self.lag]),
            **{f"spread.{k}": v for k, v in self.spread.items()},
        }

    def with_state(self, arrays: Mapping[str, NDArray[Any]]) -> Self:
        need(arrays, *STATE, "shrinkage", "lag")
        for name in STATE:
            setattr(self, name, np.array(arrays[name]))
        self.shrinkage, self.lag = (float(arrays[k][0]) for k in ("shrinkage", "lag"))
        self.spread = sub_state(arrays, "spread")
        k, points = len(self.operator), len(self.mean)
        fits = (
            self.patterns.shape == (k, points)
            and self.operator.shape == self.covariance.shape == (k, k)
            and self.leads.ndim == 1
            and len(self.leads) > 0
            and (self.leads > 0).all()
            and self.lag > 0
            and all(v.shape[:1] == self.leads.shape for v in self.spread.values())
        )
        finite = all(np.isfinite(v).all() for v in arrays.values())
        if not fits or not finite or abs(np.linalg.eigvals(self.operator)).max() >= 1:
            raise BundleError("a linear inverse model's arrays do not fit or are not stable")
        return self

    def _scores(self, fields: NDArray[Any]) -> Matrix:
        return project(fields - self.mean, self.patterns)

    def _learn(self, start: Matrix, end: Matrix, fitting: Fitting) -> None:
        """Covariances of the pairs whose two fields are there, and the operator."""
        a, b = self._scores(start), self._scores(end)
        known = np.isfinite(a).all(axis=1) & np.isfinite(b).all(axis=1)
        if known.sum() <= 2 * len(self.patterns):
            raise ModelError(
                f"{int(known.sum())} pairs of fields for {len(self.patterns)} components",
                fix="give a longer record or set fewer components",
            )
        a, b = a[known], b[known]
        self.covariance, lagged = a.T @ a / len(a), b.T @ a / len(a)
        unit = np.trace(self.covariance) / len(a.T) * np.eye(len(a.T))
        for shrinkage in (self.config.shrinkage, *SHRINKAGES):
            bent = self.covariance + shrinkage * unit
            self.operator, self.shrinkage = np.linalg.solve(bent.T, lagged.T).T, shrinkage
            if abs(np.linalg.eigvals(self.operator)).max() < 1:
                break
        else:
            raise ModelError("the operator stays unstable", fix="remove the trend from the record")
        if self.shrinkage != self.config.shrinkage:
            fitting.progress(1, 1, f"unstable, so shrunk by {self.shrinkage:g}")

    def _spreads(self, train: Samples, outside: NDArray[Any]) -> State:
        """Standard deviation of the forecast error: of points (lead, point), of regions (lead,)."""
        grown = [self.covariance - g @ self.covariance @ g.T for g in self.propagators()]
        weights: dict[str, Matrix] = {**(train.target.regions or {})}
        rest = np.nan_to_num(outside)
        counted = np.maximum(np.isfinite(outside).sum(axis=0), 1)
        points = [np.einsum("kp,kl,lp->p", self.patterns, e, self.patterns) for e in grown]
        beyond = (rest**2).sum(axis=0) / counted
        found = {train.target.name: np.sqrt(np.maximum(np.stack(points) + beyond, 1e-12))}
        for region, w in weights.items():
            along = self.patterns @ w
            inside = np.array([along @ e @ along for e in grown])
            found[region] = np.sqrt(np.maximum(inside + np.mean((rest @ w) ** 2), 1e-12))
        return {k: v.astype(np.float32) for k, v in found.items()}


def _power(operator: Matrix, exponent: float) -> Matrix:
    """Power of a matrix; if fractional, the real part of the principal one."""
    if exponent == round(exponent):
        return np.linalg.matrix_power(operator, round(exponent))
    values, vectors = np.linalg.eig(operator)
    raised = values.astype(complex) ** exponent
    return np.asarray((vectors * raised @ np.linalg.inv(vectors)).real)


def modes(operator: Matrix, step: float = 1.0) -> pd.DataFrame:
    """Eigenmodes of a propagator, the slowest first.

    Parameters
    ----------
    operator : ndarray, shape (component, component)
        G over `step` months.
    step : float
        Months.

    Returns
    -------
    pd.DataFrame
        `size` (modulus of the eigenvalue), `decay` (e-folding time, months) and `period` (months,
        infinite for a mode that does not turn), one row an eigenvalue of a conjugate pair.

    Examples
    --------
    >>> turn = 0.9 * np.array([[np.cos(0.1), np.sin(0.1)], [-np.sin(0.1), np.cos(0.1)]])
    >>> modes(turn).round(1).to_dict("records")
    [{'size': 0.9, 'decay': 9.5, 'period': 62.8}]
    """
    values = np.linalg.eigvals(operator)
    values = values[values.imag >= 0]
    values = values[np.argsort(-abs(values), kind="stable")]
    angle = np.abs(np.angle(values))
    with np.errstate(divide="ignore"):
        decay, period = -step / np.log(abs(values)), 2 * np.pi * step / angle
    return pd.DataFrame({"size": abs(values), "decay": decay, "period": period})


def tau_test(model: LIM, samples: Samples) -> pd.DataFrame:
    """Compare the operator's powers with the lagged covariances of the data at each lead.

    If the field is a linear process driven by noise, C(τ) C(0)^-1 estimated at lead τ is the power
    G(τ0)^(τ/τ0), up to sampling error, whatever τ0 is.

    Parameters
    ----------
    model : LIM
        Fitted.
    samples : Samples
        Training samples.

    Returns
    -------
    pd.DataFrame
        `lead` and, for each region, the autocorrelation that the power implies (``NAME power``)
        beside that of the data (``NAME data``); ``share`` is that of the variance of the scores'
        lagged covariance that the power gives.

    References
    ----------
    Penland & Sardeshmukh (1995), doi:10.1175/1520-0442(1995)008<1999:TOGOTS>2.0.CO;2
    """
    last, observed = _pairs(samples)
    start = model._scores(last)
    lines = []
    for i, g in enumerate(model.propagators()):
        end = model._scores(observed[:, i])
        known = np.isfinite(start).all(axis=1) & np.isfinite(end).all(axis=1)
        a, b = start[known], end[known]
        zero, lagged = a.T @ a / len(a), b.T @ a / len(a)
        line: dict[str, float] = {"lead": int(model.leads[i])}
        for region, w in (samples.target.regions or {}).items():
            along = model.patterns @ w
            variance = along @ zero @ along
            line[f"{region} power"] = float(along @ g @ zero @ along / variance)
            line[f"{region} data"] = float(along @ lagged @ along / variance)
        error = ((lagged - g @ zero) ** 2).sum() / max((lagged**2).sum(), 1e-30)
        line["share"] = float(1 - error)
        lines.append(line)
    return pd.DataFrame(lines)


def _last(samples: Samples) -> NDArray[np.float64]:
    """The field at the issue time, (sample, point)."""
    inputs = samples.inputs()
    if "sequence" not in inputs or inputs["sequence"].ndim != 3:
        raise ModelError("a linear inverse model needs a field's past, this task has none")
    return inputs["sequence"][:, :, -1].astype(np.float64)


def _pairs(samples: Samples) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fields at the issue times (sample, point), and what followed (sample, lead, point)."""
    last = _last(samples)
    observed = samples.observed()[samples.target.name]
    if observed.dims != ("sample", "lead", "point") or observed.shape[2] != last.shape[1]:
        dims: Sequence[Any] = observed.dims
        raise ModelError(
            f"a linear inverse model forecasts the field that it is given; the target is {dims}"
        )
    return last, observed.to_numpy().astype(np.float64)
