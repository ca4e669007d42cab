"""What an ETAS likelihood is about: the events explained, window, region, completeness, shapes."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from craton.errors import ModelError
from craton.models.physics.etas_anisotropy import Ellipses, best_exponent, ellipse_sums
from craton.models.physics.etas_completeness import Completeness
from craton.models.physics.etas_kernels import integral_sums, pair_sums
from craton.models.physics.etas_parameters import LN10, EtasParameters, Events

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Problem:
    """Data of a likelihood.

    `edges`, shape (steps + 1,), cut the window; `seen`, shape (places, steps), is the share of the
    events above the reference magnitude that is complete in each step, and `place` the place of
    each event. `exposure` is the integral of the seen share of the background over the window, in
    days, and `lack` how far completeness lies above the reference magnitude at each event. `part`
    is the share of the events explained that `index` holds.
    """

    events: Events
    index: NDArray[np.int64]
    area: float
    density: Floats
    edges: Floats
    seen: Floats
    place: NDArray[np.int64]
    exposure: float
    lack: Floats
    boost: Floats
    ellipses: Ellipses | None = None
    part: float = 1.0

    @classmethod
    def of(
        cls,
        p: EtasParameters,
        events: Events,
        targets: NDArray[np.bool_],
        window: tuple[float, float],
        area: float,
        density: Floats,
        completeness: Completeness | None = None,
        shares: Floats | None = None,
        ellipses: Ellipses | None = None,
    ) -> Problem:
        """Put together what `craton.models.physics.etas.log_likelihood` describes.

        `density` belongs to the targets, `shares` to the places of `completeness`. Events below the
        completeness at their time and place are neither explained nor do they trigger.
        """
        edges, seen = np.array(window, dtype=float), np.ones((1, 1))
        place, lack = np.zeros(events.time.size, np.int64), np.zeros(events.time.size)
        whole = np.ones(1)
        if completeness is not None:
            edges, levels = completeness.in_window(window)
            seen = np.exp(-p.beta * np.maximum(levels - p.mc, 0.0))
            place = completeness.place(events.x, events.y)
            lack = completeness.lack(events, p.mc)
            whole = np.full(len(seen), 1.0 / len(seen)) if shares is None else shares
        exposure = float(np.diff(edges) @ (whole @ seen))
        return cls(
            events, np.flatnonzero(targets), area, density, edges, seen, place, exposure,
            lack, np.zeros_like(lack), ellipses,
        ).boosted(p)  # fmt: skip

    def every(self, k: int) -> Problem:
        """One in `k` of the events explained: about the same likelihood per target."""
        index = self.index[::k]
        part = index.size / self.index.size
        return replace(self, index=index, density=self.density[::k], part=part)

    def boosted(self, p: EtasParameters) -> Problem:
        """Let the seen events stand for the unseen, as of these parameters."""
        return replace(self, boost=(p.beta - p.a + p.rho * p.gamma) * self.lack)

    def arguments(
        self, p: EtasParameters
    ) -> tuple[Floats, Floats, Floats, Floats, Floats, Floats, Floats]:
        """What `pair_sums` and its kin want to know besides the targets."""
        found = self._every(p)
        if self.ellipses is not None:
            found[4][self.ellipses.parent] = -2000.0  # these are in `elongated`
        return found

    def _every(
        self, p: EtasParameters
    ) -> tuple[Floats, Floats, Floats, Floats, Floats, Floats, Floats]:
        time, x, y, excess, log_k, zone, kernel = pair_arguments(p, self.events)
        return time, x, y, excess, log_k + self.boost / math.log(2.0), zone, kernel

    def elongated(self, p: EtasParameters) -> Floats | float:
        """Sums over the parents with ellipses, shape (targets, 8)."""
        if self.ellipses is None:
            return 0.0
        return ellipse_sums(self.index, *self._every(p), *self.ellipses)

    def sums(self, p: EtasParameters) -> Floats:
        """Triggered rate at each target and its derivatives, over all pairs."""
        return np.asarray(pair_sums(self.index, *self.arguments(p)) + self.elongated(p))

    def best_ellipses(self, p: EtasParameters) -> Ellipses | None:
        """The ellipses with the exponent of largest likelihood, the parameters kept."""
        if self.ellipses is None:
            return None
        shape, every = self.ellipses, self._every(p)

        def rates(exponent: float) -> Floats:
            moved = shape._replace(exponent=exponent)
            return np.asarray(ellipse_sums(self.index, *every, *moved)[:, 0])

        base = pair_sums(self.index, *self.arguments(p))[:, 0] + p.mu * self.area * self.density
        return shape._replace(exponent=best_exponent(rates, base))

    def counts(self, p: EtasParameters) -> Floats:
        """Expected triggered events that are seen, and their derivatives."""
        events, edges = self.events, self.edges
        excess, zone = events.magnitude - p.mc, p.zone(events.magnitude)
        longest = max(edges[-1] - float(events.time[0]), edges[-1] - edges[0])
        offspring = p.productivity(events.magnitude) * np.exp(self.boost)
        return np.asarray(
            integral_sums(
                p.table(longest), p.c, events.time, excess, zone, offspring, p.rho, edges,
                self.seen, self.place,
            )
        )  # fmt: skip

    def value(self, p: EtasParameters, sums: Floats) -> tuple[float, Floats, Floats]:
        """Value, gradient in natural logarithms, and the share of background at each target.

        `sums` are the triggered rate at each target and its derivatives, as of `pair_sums`.
        """
        rate = p.mu * self.area * self.density
        total = rate + sums[:, 0]
        if not (total > 0).all():
            raise ModelError(
                "the rate is zero at an event", fix="give the background density a floor"
            )
        counts = self.part * self.counts(p)
        expected = self.part * p.mu * self.area * self.exposure
        thinned = p.beta * self.lack[self.index].sum()
        value = float(np.log(total).sum() - thinned - expected - counts[0])
        share = rate / total
        gradient = np.concatenate(
            [[share.sum() - expected], (sums / total[:, None]).sum(axis=0) - counts]
        )
        return value, gradient, share


def pair_arguments(
    p: EtasParameters, events: Events
) -> tuple[Floats, Floats, Floats, Floats, Floats, Floats, Floats]:
    """Columns and parameters as the kernels take them."""
    excess, zone = events.magnitude - p.mc, p.zone(events.magnitude)
    log_k = (LN10 * p.log10_k0 + p.a * excess) / math.log(2.0)
    kernel = np.array([p.c, p.omega, p.tau, p.rho])
    return events.time, events.x, events.y, excess, log_k, zone, kernel
