"""The ETAS model as a forecast by cell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from craton.config import Config as Settings
from craton.models.base import Fitting, State, need
from craton.models.physics.etas import fit as fit_etas
from craton.models.physics.etas_background import KernelDensity
from craton.models.physics.etas_forecast import CellForecast, forecast_windows
from craton.models.physics.etas_options import OPTIONS, option_gains
from craton.models.physics.etas_parameters import EtasParameters, Events
from craton.models.physics.etas_simulation import Catalogs, Sequences, simulate
from craton.models.point_process import Floats, OnCells, Region, density_from, density_state
from craton.models.triggering import Triggering

HELD = 0.2
"""Share of the training window, its end, that tells what an option gains."""

MOST = 10_000
"""Events of the training window, the last ones, on which options are compared."""


class ETAS(Triggering):
    """Epidemic-type aftershock sequences, by maximum likelihood, simulated forward.

    References
    ----------
    Ogata 1998, doi:10.1023/A:1003403601725; Mizrahi, Nandan and Wiemer 2021,
    doi:10.1785/0220200231; Zhuang, Ogata and Vere-Jones 2002, doi:10.1198/016214502760046925.
    """

    class Config(Settings):
        """Settings.

        Attributes
        ----------
        background : {"uniform", "kernel"}
            See `craton.models.physics.etas.fit`.
        gains : bool
            Tell in the report what each option of the fit gains alone (`etas_options`), on the last
            fifth of the training window.
        mainshocks : bool
            Learn from past mainshocks how many more aftershocks come than the fit expects
            (`craton.models.mainshock_factor`).
        catalogs, seed : int
            Simulations a window, and their seed.
        """

        background: Literal["uniform", "kernel"] = "uniform"
        gains: bool = False
        mainshocks: bool = True
        catalogs: int = 500
        seed: int = 0

    start: EtasParameters | None = None
    earlier: KernelDensity | None = None
    errors: Floats | None = None
    """Standard errors of `FITTED`, beta and branching ratio to the largest magnitude, if known."""
    gains: Floats | None = None
    """Gain, its bounds and the number of events of each of `OPTIONS`, if asked for."""

    def start_from(self, arrays: Mapping[str, NDArray[Any]]) -> Self:
        self.start = EtasParameters(*(float(v) for v in arrays["parameters"]))
        density = density_from(arrays)
        if isinstance(density, KernelDensity) and np.isfinite(density.number):
            self.earlier = density
        self._take_factor(arrays)
        return self

    def _estimate(
        self,
        events: Floats,
        learn: NDArray[np.bool_],
        window: tuple[float, float],
        region: Region,
        fitting: Fitting,
    ) -> None:
        steps = 0

        def progress(stage: str, value: float) -> None:
            nonlocal steps
            steps += 1
            fitting.progress(steps, 400, f"{stage}, log-likelihood {value:.3f} an event, step")

        columns = Events(*(np.ascontiguousarray(events[:, k]) for k in range(4)))
        found = fit_etas(
            columns, learn, window,
            mc=region.mc, region=region.outline, background=self.config.background,
            delta_m=region.delta_m, start=self.start, earlier=self.earlier,
            errors=self.start is None, progress=progress,
        )  # fmt: skip
        self.parameters, self.density, self.errors = found.parameters, found.background, None
        if self.config.gains and fitting.told:
            self.gains = option_table(columns, learn, window, region, progress)
        if found.covariance is not None and np.isfinite(found.covariance).all():
            ratio = found.branching_ratio_error(region.largest_magnitude)
            self.errors = np.array([*found.standard_errors.values(), ratio])

    def _beta(self) -> float:
        return self.parameters.beta

    def _simulate(
        self, history: Floats, start: float, ends: Floats, region: Region, background: OnCells,
        n: int, seed: int, sequences: Sequences | None,
    ) -> list[list[CellForecast]]:  # fmt: skip
        return forecast_windows(
            self.parameters, Events(*(np.ascontiguousarray(history[:, k]) for k in range(4))),
            start, ends.tolist(), region.cells, background, (region.mc, *region.thresholds),
            m_max=region.largest_magnitude, n_catalogs=n, seed=seed, sequences=sequences,
        )  # fmt: skip

    def _catalogs(
        self, history: Floats, window: tuple[float, float], region: Region, n: int, seed: int,
        sequences: Sequences,
    ) -> Catalogs:  # fmt: skip
        return simulate(
            self.parameters, window, background=self.density,
            history=Events(*(np.ascontiguousarray(history[:, k]) for k in range(4))),
            m_max=region.largest_magnitude, n_catalogs=n, seed=seed, sequences=sequences,
        )  # fmt: skip

    def state(self) -> State:
        values = [getattr(self.parameters, n) for n in EtasParameters.__dataclass_fields__]
        extra = {"errors": self.errors, "gains": self.gains}
        known = {k: v for k, v in extra.items() if v is not None}
        shared = {**density_state(self.density), **self._factor_state()}
        return {"parameters": np.array(values), **known, **shared}

    def with_state(self, arrays: Mapping[str, NDArray[Any]]) -> Self:
        need(arrays, "parameters", "outline")
        self.errors, self.gains = arrays.get("errors"), arrays.get("gains")
        self.parameters = EtasParameters(*(float(v) for v in arrays["parameters"]))
        self.density = density_from(arrays)
        self._take_factor(arrays)
        return self


def option_table(
    events: Events,
    targets: NDArray[np.bool_],
    window: tuple[float, float],
    region: Region,
    progress: Callable[[str, float], None],
) -> Floats:
    """Gain, its bounds and the number of held-out events of each of `OPTIONS`."""
    late = events.time[targets][-MOST:]
    start = max(window[0], float(late[0]))
    middle = window[1] - HELD * (window[1] - start)
    found = option_gains(
        events, targets, (start, middle), (middle, window[1]), mc=region.mc,
        region=region.outline, delta_m=region.delta_m, progress=progress,
    )  # fmt: skip
    rows = [(o.gain.score, o.gain.low, o.gain.high, o.events) for o in map(found.get, OPTIONS) if o]
    return np.array(rows, float)
