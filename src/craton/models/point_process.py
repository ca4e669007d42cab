"""Models of earthquake occurrence as forecasts by cell: what they share, and the Poisson ones.

They see the catalogue up to the issue time of each window (`craton.events.Forecasts`) and give, for
each cell and for the whole region, the expected number of events and the probability of at least
one of magnitude m or more.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Self

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from craton.config import Config
from craton.errors import DataError
from craton.events import THRESHOLD
from craton.models.base import Fitting, Model, State, need
from craton.models.physics.etas_background import Density, KernelDensity, UniformDensity
from craton.models.physics.etas_forecast import CellForecast
from craton.models.simulated import Simulated, simulated_variables
from craton.samples import Inputs, Samples

Floats = NDArray[np.float64]
QUANTILE = {"long_name": "probability that the value is not exceeded", "units": "1"}
QUANTILES = (0.025, 0.05, 0.25, 0.5, 0.75, 0.95, 0.975)

LARGEST_MAGNITUDE = 8.5
"""Largest magnitude possible where nothing else is said."""

ROOM = 0.5
"""The largest magnitude possible is at least so much above the largest that was seen."""


_REDRAWN = 5
"""Times that windows are simulated anew to tell how much of a score is chance."""
_NEXT_SEED = 1_000_003
"""Apart from one seed to the next: the windows of one have seeds of their own in between."""


class Region(NamedTuple):
    """What a model may know of the region.

    Attributes
    ----------
    cells, outline : ndarray
        In km.
    mc, delta_m : float
        Completeness and bin of the magnitudes.
    thresholds : tuple of float
    largest_magnitude : float
        Where the distribution of magnitudes ends.
    """

    cells: Floats
    outline: Floats
    mc: float
    delta_m: float
    thresholds: tuple[float, ...]
    largest_magnitude: float = LARGEST_MAGNITUDE

    @classmethod
    def of(cls, samples: Samples) -> Region:
        """Take it from the samples' data, which hold no event beyond what the gather gives."""
        data = samples.data
        cells = np.stack([data[f"cell_{n}"].to_numpy() for n in ("x0", "x1", "y0", "y1")], axis=1)
        outline = np.stack([data["outline_x"].to_numpy(), data["outline_y"].to_numpy()], axis=1)
        mc, delta_m = float(data.attrs["mc"]), float(data.attrs["delta_m"])
        thresholds = tuple(samples.gather.thresholds)  # type: ignore[attr-defined]
        largest = float(data.attrs.get("largest_magnitude", LARGEST_MAGNITUDE))
        return cls(cells, outline, mc, delta_m, thresholds, largest)

    def knowing(self, events: Floats) -> Self:
        """This region for who has seen events (rows of time, x, y, magnitude)."""
        seen = float(np.max(events[:, 3], initial=self.mc))
        return self._replace(largest_magnitude=max(self.largest_magnitude, seen + ROOM))


class Window(NamedTuple):
    """Forecast of one window: by cell (cell,) and (threshold, cell), and in the whole region."""

    counts: Floats
    probability: Floats
    number: Floats
    any_event: Floats
    simulated: Simulated | None = None


@dataclass(frozen=True)
class OnCells:
    """A density whose probability of each cell is computed once for all windows."""

    density: Density
    share: Floats

    @property
    def area(self) -> float:
        """Area of the region in km2."""
        return self.density.area

    def at(self, x: Floats, y: Floats) -> Floats:
        """Density at points."""
        return self.density.at(x, y)

    def in_cells(self, cells: Floats) -> Floats:
        """Probability of the cells that it was made for."""
        return self.share

    def sample(self, rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
        """Draw `n` points."""
        return self.density.sample(rng, n)


class PointProcess(Model):
    """Base: fits on the catalogue before the last training issue, forecasts window by window."""

    def fit(self, train: Samples, fitting: Fitting = Fitting()) -> Self:  # noqa: B008
        inputs = train.inputs()
        events = inputs["all_events"]
        region = Region.of(train).knowing(events)
        window = (float(inputs["t0"].min()), float(inputs["t0"].max()))
        inside = inside_region(events, region)
        learn = inside & (events[:, 0] >= window[0]) & (events[:, 3] >= region.mc)
        if learn.sum() < 20:
            raise DataError(
                f"{int(learn.sum())} events of magnitude {region.mc:g} or more in the training "
                "part, at least 20 are needed",
                fix="lower --set magnitude=, or give a longer catalogue",
            )
        self._learn(events, learn, window, region, fitting)
        return self

    def redrawn(self) -> Sequence[Self]:
        if not getattr(self.config, "catalogs", 0):
            return (self,)
        seeds = [getattr(self.config, "seed", 0) + k * _NEXT_SEED for k in range(_REDRAWN)]
        return [self.replace(seed=seed).with_state(self.state()) for seed in seeds]

    def predict(self, samples: Samples) -> xr.Dataset:
        inputs, region = samples.inputs(), Region.of(samples)
        self._ready(region)
        simulations = int(samples.gather.simulations)  # type: ignore[attr-defined]
        t0 = inputs["t0"]
        windows: dict[int, Window] = {}
        for issue in np.unique(t0):
            rows = np.flatnonzero(t0 == issue)
            ends = t0[rows] + inputs["horizon"][rows]
            history = _history(inputs, rows[0])
            known = region.knowing(history)
            found = self._windows(history, float(issue), ends, known, simulations)
            windows.update(zip(rows.tolist(), found, strict=True))
        return self._dataset([windows[i] for i in range(len(samples))], samples, known)

    def _dataset(self, windows: list[Window], samples: Samples, region: Region) -> xr.Dataset:
        found = _dataset(windows, samples, region)
        kept = [w.simulated for w in windows if w.simulated is not None]
        if kept:
            steps = np.arange(round((region.largest_magnitude - region.mc) / 0.1)) * 0.1
            above = _above(self._beta(), region, region.mc + steps)
            found = found.assign(simulated_variables(kept, samples))
            found["magnitude_share"] = ("magnitude", above - np.append(above[1:], 0.0))
            found = found.assign_coords(magnitude=np.round(region.mc + steps, 6))
        return found

    density: Density

    @abstractmethod
    def _beta(self) -> float: ...

    def _ready(self, region: Region) -> None:
        """Compute what all windows share."""
        self.on_cells = OnCells(self.density, self.density.in_cells(region.cells))

    @abstractmethod
    def _learn(
        self,
        events: Floats,
        learn: NDArray[np.bool_],
        window: tuple[float, float],
        region: Region,
        fitting: Fitting,
    ) -> None: ...

    @abstractmethod
    def _windows(
        self, history: Floats, start: float, ends: Floats, region: Region, simulations: int
    ) -> list[Window]:
        """Forecast windows that begin together; with `simulations` so many are kept."""


class UniformPoisson(PointProcess):
    """A constant rate, the same everywhere."""

    kind: Literal["uniform", "kernel"] = "uniform"

    def _learn(
        self,
        events: Floats,
        learn: NDArray[np.bool_],
        window: tuple[float, float],
        region: Region,
        fitting: Fitting,
    ) -> None:
        chosen = events[learn]
        self.rate = len(chosen) / (window[1] - window[0])
        self.beta = _beta(chosen[:, 3], region)
        self.density = self._density(chosen, region)

    def _density(self, events: Floats, region: Region) -> Density:
        return UniformDensity.of(region.outline)

    def _beta(self) -> float:
        return self.beta

    def _windows(
        self, history: Floats, start: float, ends: Floats, region: Region, simulations: int
    ) -> list[Window]:
        from scipy.stats import poisson

        above = _above(self.beta, region, region.thresholds)
        drawn = self._draw(start, float(ends.max()), simulations, region) if simulations else None
        found = []
        for end in ends:
            counts = self.rate * (end - start) * self.on_cells.share
            probability = 1 - np.exp(-above[:, None] * counts[None, :])
            number = poisson.ppf(QUANTILES, counts.sum()).astype(float)
            any_event = 1 - np.exp(-above * counts.sum())
            kept = None if drawn is None else drawn.before(end)
            found.append(Window(counts, probability, number, any_event, kept))
        return found

    def _draw(self, start: float, end: float, n: int, region: Region) -> Simulated:
        """Catalogues of independent events."""
        rng = np.random.default_rng(issue_seed(start))
        number = rng.poisson(self.rate * (end - start), n)
        k = int(number.sum())
        x, y = self.density.sample(rng, k)
        top = np.expm1(-self.beta * (region.largest_magnitude - region.mc))
        magnitude = region.mc - np.log1p(rng.random(k) * top) / self.beta
        time = rng.uniform(start, end, k)
        order = np.lexsort((time, catalog := np.repeat(np.arange(n), number)))
        return Simulated(catalog, time[order], x, y, magnitude, n)

    def state(self) -> State:
        return {"rate": np.array([self.rate, self.beta]), **density_state(self.density)}

    def with_state(self, arrays: Mapping[str, NDArray[Any]]) -> Self:
        need(arrays, "rate", "outline")
        self.rate, self.beta = (float(v) for v in arrays["rate"])
        self.density = density_from(arrays)
        return self


class SmoothedSeismicity(UniformPoisson):
    """A constant rate, spread by an adaptive kernel density of past epicentres.

    References
    ----------
    Helmstetter, Kagan and Jackson 2007, doi:10.1785/gssrl.78.1.78.
    """

    class Config(Config):
        """Settings: the neighbour whose distance is the bandwidth, and its lower bound in km."""

        neighbours: int = 5
        min_bandwidth: float = 2.0
        uniform_share: float = 0.05

    def _density(self, events: Floats, region: Region) -> Density:
        return KernelDensity.from_points(
            events[:, 1], events[:, 2], np.ones(len(events)), region.outline,
            neighbours=self.config.neighbours, min_bandwidth=self.config.min_bandwidth,
            uniform_share=self.config.uniform_share,
        )  # fmt: skip


def simulated_window(found: list[CellForecast], keep: int) -> Window:
    """A window from forecasts of all events and of those above each threshold.

    `keep` is the number of simulated catalogues if these are kept, else 0.
    """
    whole, *larger = found
    e = whole.catalogs
    return Window(
        whole.counts,
        np.stack([f.probability for f in larger]),
        np.quantile(whole.number, QUANTILES, method="inverted_cdf").astype(float),
        np.array([f.probability_any for f in larger]),
        Simulated(e.catalog, e.time, e.x, e.y, e.magnitude, keep) if keep else None,
    )


def _history(inputs: Inputs, i: int) -> Floats:
    """Events that the window may know, in order of time."""
    events = inputs["all_events"][: int(inputs["n_history"][i])]
    # an explanation may have shuffled the times; nothing at or after the issue may trigger
    events = events[events[:, 0] < inputs["t0"][i]]
    return events[np.argsort(events[:, 0], kind="stable")]


def inside_region(events: Floats, region: Region) -> NDArray[np.bool_]:
    """Tell which events (rows of time, x, y, magnitude) lie in the region."""
    from craton.models.physics.polygons import inside_polygon

    return np.asarray(inside_polygon(events[:, 1], events[:, 2], region.outline))


def _beta(magnitudes: Floats, region: Region) -> float:
    """Exponent of the magnitude distribution (Aki 1965, with the bin correction of Utsu 1966)."""
    return 1.0 / max(float(magnitudes.mean()) - (region.mc - region.delta_m / 2), 1e-3)


def _above(beta: float, region: Region, magnitudes: ArrayLike) -> Floats:
    """Share of events at or above each magnitude: 1 below mc, 0 from the largest magnitude on.

    Rounded magnitudes from mc on hold all events from half a bin below it, those from m on all from
    half a bin below m: the bin cancels.
    """
    mc, largest = region.mc, region.largest_magnitude
    m = np.clip(np.asarray(magnitudes, float), mc, largest)
    top = np.exp(-beta * (largest - mc))
    return np.asarray((np.exp(-beta * (m - mc)) - top) / (1 - top))


def issue_seed(start: float) -> int:
    """The same window gets the same catalogues in whatever batch it is predicted."""
    return round(start * 1440) % _NEXT_SEED


def density_state(density: Density) -> State:
    if isinstance(density, KernelDensity):
        points = np.stack([density.x, density.y, density.bandwidth, density.weight])
        share = np.array([density.uniform_share, density.number])
        return {"outline": density.polygon, "points": points, "uniform_share": share}
    assert isinstance(density, UniformDensity)
    return {"outline": density.polygon}


def density_from(arrays: Mapping[str, NDArray[Any]]) -> Density:
    if "points" not in arrays:
        return UniformDensity.of(arrays["outline"])
    x, y, bandwidth, weight = np.ascontiguousarray(arrays["points"])
    share, *number = (float(v) for v in arrays["uniform_share"])
    return KernelDensity(x, y, bandwidth, weight, share, arrays["outline"], *number)


def _dataset(windows: list[Window], samples: Samples, region: Region) -> xr.Dataset:
    def stack(k: int) -> NDArray[np.float32]:
        return np.stack([np.asarray(w[k]) for w in windows]).astype(np.float32)

    return xr.Dataset(
        {
            "expected_count": (("sample", "cell"), stack(0), {"units": "1"}),
            "probability": (("sample", "threshold", "cell"), stack(1), {"units": "1"}),
            "region_count": (("sample", "quantile"), stack(2), {"units": "1"}),
            "region_probability": (("sample", "threshold"), stack(3), {"units": "1"}),
        },
        coords={
            "sample": samples.index.index.to_numpy(),
            "threshold": ("threshold", list(region.thresholds), THRESHOLD),
            "quantile": ("quantile", list(QUANTILES), QUANTILE),
        },
    )
