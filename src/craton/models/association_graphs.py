"""Graphs of the stations and picks around the candidates of an associator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from craton.io.geodesy import haversine_km
from craton.models.association import Catalogue
from craton.models.association_geometry import Geometry
from craton.models.associators import places
from craton.models.physics.travel_times import TravelTimes
from craton.samples import Inputs

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STATIONS = 24
"""Most stations of a graph, those next to the epicentre."""
NEIGHBOURS = 4
"""Stations that a station hears, and picks of either wave that a pick hears."""
NEAR_S = 5.0
"""Largest difference of a pick of the graph from a predicted time, s."""
SLACK_S = 1.0
"""What two picks of one wave may differ by beyond the way between their stations, s."""
SLOWEST_KM_S = (5.0, 2.9)
"""Velocities of P and S along the surface: no source makes two picks differ by more."""
BEFORE, AFTER = 30.0, 90.0  # s around an event in which other picks are counted
SAME_GROUND_KM = 10.0  # stations so close share noise

FEATURES = {"pick": 6, "station": 5, "event": 11, "agrees": 3}
JOINED = (("pick", "at", "station"), ("station", "has", "pick"), ("station", "near", "station"),
          ("pick", "agrees", "pick"))  # fmt: skip
"""Kinds of edges: from, name, to."""

Graph = Any
"""A ``HeteroData`` of torch-geometric, one a candidate."""


@dataclass(frozen=True)
class Picks:
    """Picks in the order of time, and the place of each among the associator's."""

    time: Floats
    station: Ints
    row: Ints

    @classmethod
    def of(cls, inputs: Inputs) -> Picks:
        """The picks of some windows."""
        _, at = places(inputs)
        time, station = inputs["pick_time"].ravel()[at], inputs["pick_station"].ravel()[at]
        order = np.argsort(time, kind="stable")
        return cls(time[order].astype(float), station[order].astype(np.int64), order)


def graphs(inputs: Inputs, found: Catalogue, geometry: Geometry, table: TravelTimes) -> list[Graph]:
    """A graph for each candidate.

    Returns
    -------
    list of torch_geometric.data.HeteroData
        ``pick`` and ``station`` nodes with features ``x``; ``pick.row`` is the pick's row in
        `found`, ``pick.own`` whether it is the candidate's; ``event`` (1, feature).
    """
    lat, lon = geometry.latitude, geometry.longitude
    between = haversine_km(lat[:, None], lon[:, None], lat, lon)
    picks = Picks.of(inputs)
    count = np.bincount(picks.station, minlength=len(lat))
    activity = np.log((count + 1.0) / (count.mean() + 1.0))
    events = event_features(found, picks, between)
    return [
        _graph(k, found, geometry, picks, table, activity, between, events[k])
        for k in range(len(found.events))
    ]


def _graph(
    k: int, found: Catalogue, geometry: Geometry, picks: Picks, table: TravelTimes,
    activity: Floats, between: Floats, event: NDArray[np.float32],
) -> Graph:  # fmt: skip
    import torch
    from torch_geometric.data import HeteroData

    e = found.events.iloc[k]
    d = haversine_km(e["latitude"], e["longitude"], geometry.latitude, geometry.longitude)
    near = np.argsort(d, kind="stable")[:STATIONS]
    place = np.full(len(d), -1)
    place[near] = np.arange(len(near))
    due = np.stack([e["time"] + table(w, d[near], np.full(len(near), e["depth_km"])) for w in "PS"])
    node, row, wave, late = _picks_near(k, found, picks, place, due)
    own = found.pick_event[row] == k
    share = np.where(own, found.pick_chance[row], 0.0)
    far = np.log((d[near] + 1.0) / e["range_km"])
    east = (geometry.longitude[near] - e["longitude"]) * np.cos(np.radians(e["latitude"]))
    angle = np.arctan2(east, geometry.latitude[near] - e["latitude"])
    made = HeteroData()
    made["station"].x = _tensor(np.column_stack([
        far, np.log(d[near] + 1.0), activity[near], np.sin(angle), np.cos(angle)
    ]))  # fmt: skip
    made["pick"].x = _tensor(np.column_stack([
        own, wave, late, np.abs(late), share, far[node]
    ]))  # fmt: skip
    made["pick"].row, made["pick"].own = torch.tensor(row), torch.tensor(own)
    made.event = _tensor(event[None])
    apart = between[np.ix_(near, near)]
    closest = np.argsort(apart + np.diag(np.full(len(near), np.inf)), axis=1)
    closest = closest[:, : min(NEIGHBOURS, len(near) - 1)]
    heard = np.repeat(np.arange(len(near)), closest.shape[1])
    joined = {
        "at": (np.arange(len(node)), node), "has": (node, np.arange(len(node))),
        "near": (closest.ravel(), heard),
    }  # fmt: skip
    time = due[wave, node] + late
    a, b = agreeing(time, wave, apart[np.ix_(node, node)])
    joined["agrees"] = (a, b)
    for source, name, target in JOINED:
        made[source, name, target].edge_index = torch.tensor(np.stack(joined[name]))
    made["pick", "agrees", "pick"].edge_attr = _tensor(np.column_stack([
        late[a] - late[b], wave[a] == wave[b], np.log1p(apart[node[a], node[b]])
    ]))  # fmt: skip
    return made


def _picks_near(
    k: int, found: Catalogue, picks: Picks, place: Ints, due: Floats
) -> tuple[Ints, Ints, Ints, Floats]:
    """Station, row, wave (0 P, 1 S) and lateness (s) of the picks that may be a candidate's."""
    low, high = np.searchsorted(picks.time, [due.min() - NEAR_S, due.max() + NEAR_S])
    part = np.arange(low, high)[place[picks.station[low:high]] >= 0]
    node, row = place[picks.station[part]], picks.row[part]
    late = picks.time[part] - due[:, node]
    own = found.pick_event[row] == k
    wave = np.where(own, found.pick_phase[row] % 2, np.abs(late).argmin(axis=0))
    # Pg and Sg are due later than the first arrival: the associator knows by how much
    rest = np.where(own, found.pick_residual[row], late[wave, np.arange(len(part))])
    keep = own | (np.abs(rest) <= NEAR_S)
    return node[keep], row[keep], wave[keep], np.clip(rest, -NEAR_S, NEAR_S)[keep]


def agreeing(time: Floats, wave: Ints, apart: Floats) -> tuple[Ints, Ints]:
    """Pairs of picks that one source can explain; each hears the next few of either wave.

    Two picks of one wave differ at most by the time along the surface between their stations, and
    an S pick is later than the P pick of its station.

    Parameters
    ----------
    time : ndarray, shape (pick,)
        s.
    wave : ndarray of int, shape (pick,)
        0 for P, 1 for S.
    apart : ndarray, shape (pick, pick)
        Distance of the stations, km.

    Examples
    --------
    >>> a, b = agreeing(np.array([0.0, 1.0, 9.0]), np.zeros(3, int), np.full((3, 3), 10.0))
    >>> sorted(zip(a.tolist(), b.tolist()))
    [(0, 1), (1, 0)]
    """
    later = time[:, None] - time  # of row over column
    same = wave[:, None] == wave
    way = apart / np.asarray(SLOWEST_KM_S)[wave]
    s_over_p = np.where(wave[:, None] > wave, later, -later)
    possible = np.where(same, np.abs(later) <= way + SLACK_S, s_over_p > -way - SLACK_S)
    np.fill_diagonal(possible, False)
    sources, targets = [], []
    for w in (0, 1):
        of = np.flatnonzero(wave == w)
        cost = np.where(possible[:, of], apart[:, of], np.inf)
        best = np.argsort(cost, axis=1, kind="stable")[:, :NEIGHBOURS]
        kept = np.isfinite(np.take_along_axis(cost, best, axis=1))
        targets.append(np.nonzero(kept)[0])
        sources.append(of[best[kept]])
    return np.concatenate(sources), np.concatenate(targets)


def event_features(found: Catalogue, picks: Picks, between: Floats) -> NDArray[np.float32]:
    """What the catalogue says of each event, and what speaks against it.

    The strongest event near in time; how many other picks there are in the whole network at that
    time, over the usual number (waves from far away); how many stations see the event if those on
    the same ground count as one; the share of first P waves.

    Returns
    -------
    ndarray, shape (event, feature)
    """
    e, clock = found.events, picks.time
    station = np.empty(len(clock), np.int64)
    station[picks.row] = picks.station
    usual = len(clock) / max(60.0 * len(np.unique(clock // 60.0)), 1.0)
    own = np.bincount(found.pick_event[found.pick_event >= 0], minlength=len(e))
    first = np.bincount(found.pick_event[found.pick_phase == 0], minlength=len(e))
    begin, end = (np.searchsorted(clock, e["time"].to_numpy() + s) for s in (-BEFORE, AFTER))
    others = np.maximum(end - begin - own, 0)
    busy = np.log((others + 1.0) / (usual * (BEFORE + AFTER) + 1.0))
    apart = np.zeros(len(e))
    for k in range(len(e)):
        s = np.unique(station[found.pick_event == k])
        apart[k] = (1.0 / (between[np.ix_(s, s)] < SAME_GROUND_KM).sum(axis=1)).sum()
    time, score = e["time"].to_numpy(), e["score"].to_numpy()
    rival = np.zeros(len(e))
    for k in range(len(e)):
        close = (np.abs(time - time[k]) < 120.0) & (np.arange(len(e)) != k)
        if close.any():
            rival[k] = np.log1p(score[close].max())
    return np.column_stack([
        np.log(np.maximum(score, 1.0)), np.log(e["n_picks"]), e["rms_s"],
        np.log(np.maximum(e["sd_east_km"] + e["sd_north_km"], 0.1)), e["gap_deg"] / 360.0,
        np.log(e["range_km"]), np.log1p(e["nearest_km"]), rival,
        busy, np.log(np.maximum(apart, 1.0)), first / np.maximum(own, 1),
    ]).astype(np.float32)  # fmt: skip


def _tensor(values: Any) -> Any:
    import torch

    return torch.tensor(np.asarray(values, np.float32))
