"""ETAS with a network that reads the recent past, as a forecast by cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from craton.config import Config as Settings
from craton.models.base import Fitting, State, need, sub_state
from craton.models.physics.etas import fit as fit_etas
from craton.models.physics.etas_forecast import CellForecast
from craton.models.physics.etas_neural import (
    WIDTHS,
    Catalog,
    Network,
    NeuralEtas,
    Score,
    describe,
    information_gain,
)
from craton.models.physics.etas_neural_forecast import PastDensity, forecast_windows, simulate
from craton.models.physics.etas_neural_past import Past
from craton.models.physics.etas_neural_training import train
from craton.models.physics.etas_parameters import EtasParameters, Events
from craton.models.physics.etas_simulation import Catalogs, Sequences
from craton.models.physics.polygons import border_distance, polygon_area
from craton.models.point_process import (
    Floats,
    OnCells,
    Region,
    inside_region,
)
from craton.models.triggering import Triggering
from craton.samples import Samples

HELD = 0.2
"""Share of the training window, its end, that decides on the network."""

MORE = 40
"""Most steps of training on the whole window, after the choice and in an update."""


class Choice(NamedTuple):
    """What the held-out end of training said of the network: gain per event, and steps taken."""

    gain: float
    low: float
    high: float
    steps: int


class NeuralETAS(Triggering):
    """ETAS whose kernels are free and whose triggering a network reads off the recent past.

    The network is kept only if it gains on the last fifth of the training window with its lower
    bound above zero (95 %, blocks of 30 days); then all is trained again on the whole window. See
    `craton.models.physics.etas_neural`.
    """

    class Config(Settings):
        """Settings: hidden units and most steps of the network; `mainshocks` as of `ETAS`;
        simulations a window, seed.
        """

        hidden: int = 64
        steps: int = 400
        mainshocks: bool = True
        catalogs: int = 200
        seed: int = 0

    start: State | None = None
    model: NeuralEtas

    def start_from(self, arrays: Mapping[str, NDArray[Any]]) -> Self:
        self.start = dict(arrays)
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
        events = self._known(events, region)
        self.scale = float(np.sqrt(polygon_area(region.outline) / max(len(events), 1)))
        network = Network(hidden=self.config.hidden, steps=self.config.steps, seed=fitting.seed)

        def progress(done: int, total: int, text: str) -> None:
            fitting.progress(done, total, f"{text}, step")

        if self.start is not None:
            self.with_state(self.start)
            self._finish(self.model, events, window, region, network, progress)
            return
        split = window[1] - HELD * (window[1] - window[0])
        parts = (window[0], split), (split, window[1])
        self.base = self._etas(events, parts[0], region, None)
        catalog = self._describe(events, region)
        tried = train(catalog, *parts, gamma=self.base.gamma, network=network, progress=progress)
        self.choice = _choice(
            tried.model.score(catalog, parts[1]), tried.plain.score(catalog, parts[1]),
            catalog.time, tried.steps,
        )  # fmt: skip
        self.base = self._etas(events, window, region, self.base)
        catalog = self._describe(events, region)
        kept = self.choice.low > 0
        self._finish(
            tried.model if kept else tried.plain, events, window, region, network, progress
        )

    def _finish(
        self, model: NeuralEtas, events: Floats, window: tuple[float, float], region: Region,
        network: Network, progress: Any,
    ) -> None:  # fmt: skip
        """Take some steps more from a model, on the whole window."""
        self.base = self._etas(events, window, region, self.base)
        catalog = self._describe(events, region)
        more = replace(network, hidden=model.network.hidden, steps=min(MORE, network.steps))
        self.model = train(
            catalog, window, None, gamma=model.gamma, network=more, initial=model,
            progress=progress,
        ).model  # fmt: skip
        self.density = self._background(events, catalog, region)

    def _background(self, events: Floats, catalog: Catalog, region: Region) -> PastDensity:
        likely = catalog.rate[:, 0] / catalog.rate.sum(axis=1)
        return PastDensity.of(
            events[:, 1], events[:, 2], likely, WIDTHS * self.scale, self.model.shares,
            region.outline,
        )  # fmt: skip

    def _etas(
        self, events: Floats, window: tuple[float, float], region: Region, start: Any
    ) -> EtasParameters:
        known = events[events[:, 0] < window[1]]
        columns = (np.ascontiguousarray(known[:, k]) for k in range(4))
        return fit_etas(
            Events(*columns), known[:, 0] >= window[0], window, mc=region.mc,
            region=region.outline, delta_m=region.delta_m, start=start,
        ).parameters  # fmt: skip

    def _describe(self, events: Floats, region: Region) -> Catalog:
        time, x, y, magnitude = (np.ascontiguousarray(events[:, k]) for k in range(4))
        place = np.stack([x, y, np.zeros_like(x)])
        return describe(
            time, place, np.stack([x, y]), magnitude,
            border_distance(x, y, region.outline), self.base, polygon_area(region.outline),
            self.scale,
        )  # fmt: skip

    def predict(self, samples: Samples) -> xr.Dataset:
        events = samples.inputs()["all_events"]
        self._prepare(events[np.argsort(events[:, 0], kind="stable")], Region.of(samples))
        return super().predict(samples)

    def _prepare(self, events: Floats, region: Region) -> None:
        self.known = self._known(events, region)
        self.catalog = self._describe(self.known, region)

    def _known(self, history: Floats, region: Region) -> Floats:
        return history[inside_region(history, region) & (history[:, 3] >= region.mc)]

    def _beta(self) -> float:
        return self.base.beta

    def _simulate(
        self, history: Floats, start: float, ends: Floats, region: Region, background: OnCells,
        n: int, seed: int, sequences: Sequences | None,
    ) -> list[list[CellForecast]]:  # fmt: skip
        assert isinstance(self.density, PastDensity)
        return forecast_windows(
            self.model, self.base, self._past_of(history, region), start, ends.tolist(),
            region.cells, self.density, background.share, (region.mc, *region.thresholds),
            scale=self.scale, m_max=region.largest_magnitude, n_catalogs=n, seed=seed,
            sequences=sequences,
        )  # fmt: skip

    def _catalogs(
        self, history: Floats, window: tuple[float, float], region: Region, n: int, seed: int,
        sequences: Sequences,
    ) -> Catalogs:  # fmt: skip
        assert isinstance(self.density, PastDensity)
        return simulate(
            self.model, self.base, self._past_of(history, region), window, self.density,
            scale=self.scale, m_max=region.largest_magnitude, n_catalogs=n, seed=seed,
            sequences=sequences,
        )  # fmt: skip

    def _past_of(self, history: Floats, region: Region) -> Past:
        # what the past says of an event does not change with what comes later
        same = np.array_equal(history, self.known[: len(history)])
        catalog = self.catalog if same else self._describe(history, region)
        time, x, y, magnitude = (np.ascontiguousarray(history[:, k]) for k in range(4))
        return Past(time, x, y, magnitude, catalog.features[: len(history)])

    def state(self) -> State:
        assert isinstance(self.density, PastDensity)
        d = self.density
        values = [getattr(self.base, n) for n in EtasParameters.__dataclass_fields__]
        return {
            "parameters": np.array(values),
            "choice": np.array(self.choice, float),
            "network": np.array([self.model.network.hidden, self.scale], float),
            "points": np.stack([d.x, d.y, d.weight]),
            "outline": d.polygon,
            **{f"net.{k}": v for k, v in self.model.arrays().items()},
            **self._factor_state(),
        }

    def with_state(self, arrays: Mapping[str, NDArray[Any]]) -> Self:
        need(arrays, "parameters", "choice", "network", "points", "outline")
        self.base = EtasParameters(*(float(v) for v in arrays["parameters"]))
        gain, low, high, steps = (float(v) for v in arrays["choice"])
        self.choice = Choice(gain, low, high, int(steps))
        hidden, self.scale = int(arrays["network"][0]), float(arrays["network"][1])
        self.model = NeuralEtas.from_arrays(sub_state(arrays, "net"), Network(hidden=hidden))
        x, y, weight = arrays["points"]
        self.density = PastDensity.of(
            x, y, weight, WIDTHS * self.scale, self.model.shares, arrays["outline"]
        )
        self._take_factor(arrays)
        return self


def _choice(neural: Score, plain: Score, time: Floats, steps: int) -> Choice:
    gain = information_gain(neural, plain, time)
    return Choice(gain.score, gain.low, gain.high, steps)
