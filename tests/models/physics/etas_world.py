"""A small ETAS world that the tests share."""

from __future__ import annotations

import numpy as np

from craton.models.physics.etas import EtasParameters, Events
from craton.models.physics.etas_background import UniformDensity
from craton.models.physics.etas_simulation import simulate

PARAMETERS = EtasParameters(-4.2, -2.5, 1.6, -2.4, 0.05, 2.5, -0.4, 0.8, 0.63, 2.3, 3.0)
SQUARE = UniformDensity.of((0.0, 200.0, 0.0, 150.0))
GRID = np.array([[x, x + 10, y, y + 10] for x in range(0, 200, 10) for y in range(0, 150, 10)])


def history(days: float = 2000.0, seed: int = 5) -> Events:
    events = simulate(PARAMETERS, (0, days), background=SQUARE, m_max=7.0, seed=seed)
    return Events.of(events.time, events.x, events.y, events.magnitude)
