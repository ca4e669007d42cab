"""Association of picks to events by stacking likelihood ratios over a grid, then climbing.

What a user would have to choose is taken from the stations and the picks: the spacing of the grid
and the detection ranges from the distances between stations, the rates of stray picks from the
picks that no event has, the scale of residuals from those of the events found.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from craton.models.association_geometry import Geometry
from craton.models.association_worker import EVENT_COLUMNS, Catalogue, Settings, Worker
from craton.models.physics.travel_times import TravelTimes

__all__ = ["Catalogue", "Settings", "associate"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def associate(
    time: Floats,
    station: Ints,
    code: Ints,
    geometry: Geometry,
    table: TravelTimes,
    settings: Settings,
) -> Catalogue:
    """Find events in picks.

    Parameters
    ----------
    time : ndarray, shape (pick,)
        s.
    station : ndarray of int, shape (pick,)
        Row of the geometry.
    code : ndarray of int, shape (pick,)
        0 for P, 1 for S, -1 where the picker does not say.
    geometry, table, settings
        Stations, travel times, parameters.

    Returns
    -------
    Catalogue
    """
    if not len(time):
        empty = pd.DataFrame(columns=list(EVENT_COLUMNS), dtype=float)
        none, nothing = np.zeros(0, np.int64), np.zeros(0)
        return Catalogue(empty, none, none, nothing, nothing)
    order = np.lexsort((time, station))
    worker = Worker(time[order], station[order], code[order], geometry, table, settings)
    share = worker.learn()
    found = worker.run(worker.rates(share), worker.runs, final=True)
    found.notes.update(stray_share=share, scale_s=worker.network.scale0)
    back = np.empty(len(order), np.int64)
    back[order] = np.arange(len(order))
    return replace(
        found,
        pick_event=found.pick_event[back],
        pick_phase=found.pick_phase[back],
        pick_residual=found.pick_residual[back],
        pick_chance=found.pick_chance[back],
    )
