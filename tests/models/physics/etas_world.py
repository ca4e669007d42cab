"""A small ETAS world that the tests share."""

from __future__ import annotations

import numpy as np

from craton.models.physics.etas import EtasParameters, Events
from craton.models.physics.etas_background import UniformDensity
from craton.models.physics.etas_neural import Catalog, describe
from craton.models.physics.etas_neural_past import Past
from craton.models.physics.etas_simulation import simulate
from craton.models.physics.polygons import border_distance

PARAMETERS = EtasParameters(-4.2, -2.5, 1.6, -2.4, 0.05, 2.5, -0.4, 0.8, 0.63, 2.3, 3.0)
SQUARE = UniformDensity.of((0.0, 200.0, 0.0, 150.0))
GRID = np.array([[x, x + 10, y, y + 10] for x in range(0, 200, 10) for y in range(0, 150, 10)])


def history(days: float = 2000.0, seed: int = 5) -> Events:
    events = simulate(PARAMETERS, (0, days), background=SQUARE, m_max=7.0, seed=seed)
    return Events.of(events.time, events.x, events.y, events.magnitude)


SCALE = 3.0


def described() -> Catalog:
    """The history on its plane with what its past tells of each event."""
    t, x, y, m = history()
    return describe(
        t, np.stack([x, y, np.zeros_like(x)]), np.stack([x, y]), m,
        border_distance(x, y, SQUARE.polygon), PARAMETERS, SQUARE.area, SCALE,
    )  # fmt: skip


def past_of(catalog: Catalog, end: float) -> Past:
    """What a forecast from `end` on knows."""
    n = int(np.searchsorted(catalog.time, end))
    x, y, _ = catalog.place[:, :n]
    return Past(catalog.time[:n], x, y, PARAMETERS.mc + catalog.excess[:n], catalog.features[:n])
