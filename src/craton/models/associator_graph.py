"""The graph network that judges the physics associator's candidates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import pydantic
import xarray as xr
from numpy.typing import NDArray

from craton.io.geodesy import haversine_km
from craton.models.association import Catalogue
from craton.models.association_geometry import Geometry
from craton.models.associators import AssociatorConfig, candidates, labels, prediction
from craton.models.base import Fitting, Model, State, need, sub_state
from craton.models.nets.association_graph import (
    EVENT_FEATURES,
    NEIGHBOURS,
    NODE_FEATURES,
    NODES,
    AssociationGraph,
)
from craton.samples import Inputs, Samples

Graph = dict[str, NDArray[Any]]

BEFORE, AFTER = 30.0, 90.0  # s around an event in which other picks are counted
SAME_GROUND_KM = 10.0  # stations so close share noise


class GraphConfig(AssociatorConfig):
    """Settings; see `AssociatorConfig`.

    Attributes
    ----------
    width : int
        Channels of the network.
    epochs : int
        Passes over the candidates.
    """

    width: int = pydantic.Field(32, ge=4, le=256)
    epochs: int = pydantic.Field(40, ge=1)


class GraphAssociator(Model):
    """A graph network over stations and picks judges the candidates of the physics associator.

    It gives each candidate a probability to be real and takes away picks that are not its own.
    """

    Config = GraphConfig

    def fit(self, train: Samples, fitting: Fitting = Fitting()) -> Self:  # noqa: B008
        inputs = train.inputs()
        found, geometry, rows = candidates(inputs, self.config)
        real = labels(train, found) if len(found.events) else np.zeros(0, bool)
        graph = graphs(inputs, found, geometry, rows)
        owner = _owners(train, inputs, rows)
        member = _members(found, graph, real, owner)
        self.start(graph, fitting.seed)
        if len(real) >= 10:
            self.learn(graph, real, member, fitting)
        return self

    def start(self, graph: Graph, seed: int) -> None:
        """An untrained network, and the mean and spread of each feature."""
        import torch

        torch.manual_seed(seed)
        self.net = AssociationGraph(self.config.width).eval()
        n = len(graph["event"])
        flat = graph["nodes"].reshape(-1, NODE_FEATURES) if n else np.zeros((1, NODE_FEATURES))
        events = graph["event"] if n else np.zeros((1, EVENT_FEATURES))
        self.scale = np.concatenate([
            flat.mean(0), flat.std(0) + 1e-3, events.mean(0), events.std(0) + 1e-3
        ]).astype(np.float32)  # fmt: skip

    def learn(
        self, graph: Graph, real: NDArray[np.bool_], member: NDArray[np.float32], fitting: Fitting
    ) -> None:
        """Train on candidates that are real or not, and on picks that are their own or not (-1)."""
        import torch

        self.net.train()
        nodes, edges, event = self._tensors(graph)
        y, m = torch.tensor(real, dtype=torch.float32), torch.tensor(member)
        optimiser = torch.optim.AdamW(self.net.parameters(), lr=3e-3, weight_decay=1e-2)
        loss = torch.nn.BCEWithLogitsLoss()
        order = np.random.default_rng(fitting.seed)
        steps = self.config.epochs * -(-len(y) // 64)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps)
        for epoch in range(self.config.epochs):
            for part in np.array_split(order.permutation(len(y)), -(-len(y) // 64)):
                rows = torch.as_tensor(part)
                seen, own = self.net(nodes[rows], edges[rows], event[rows])
                total = loss(seen, y[rows])
                known = m[rows] >= 0
                if known.any():
                    total = total + 0.5 * loss(own[known], m[rows][known])
                optimiser.zero_grad()
                total.backward()
                optimiser.step()
                schedule.step()
            fitting.progress(epoch + 1, self.config.epochs, "epoch")
        self.net.eval()

    def judge(self, graph: Graph) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Probability of each candidate (event,) and of its picks (event, station, wave)."""
        import torch

        with torch.no_grad():
            seen, own = self.net(*self._tensors(graph))
        return torch.sigmoid(seen).numpy().astype(float), torch.sigmoid(own).numpy()

    def predict(self, samples: Samples) -> xr.Dataset:
        inputs = samples.inputs()
        found, geometry, rows = candidates(inputs, self.config)
        n = len(found.events)
        p, keep = np.zeros(n), found.pick_event >= 0
        if n:
            graph = graphs(inputs, found, geometry, rows)
            p, chance = self.judge(graph)
            picks = graph["picks"]
            doubted = picks[(picks >= 0) & (chance < 0.2)]
            keep = keep.copy()
            keep[doubted] = False
        return prediction(samples, inputs, found, rows, p, keep)

    def _tensors(self, graph: Graph) -> tuple[Any, Any, Any]:
        import torch

        a, b = 2 * NODE_FEATURES, 2 * NODE_FEATURES + EVENT_FEATURES
        mean, sd = self.scale[:NODE_FEATURES], self.scale[NODE_FEATURES:a]
        nodes = (graph["nodes"] - mean) / sd
        event = (graph["event"] - self.scale[a:b]) / self.scale[b:]
        return (torch.tensor(nodes, dtype=torch.float32), torch.tensor(graph["edges"]),
                torch.tensor(event, dtype=torch.float32))  # fmt: skip

    def state(self) -> State:
        weights = {f"net.{k}": v.numpy() for k, v in self.net.state_dict().items()}
        return {"scale": self.scale, **weights}

    def with_state(self, arrays: Mapping[str, NDArray[Any]]) -> Self:
        import torch

        need(arrays, "scale")
        self.scale = np.asarray(arrays["scale"], np.float32)
        self.net = AssociationGraph(self.config.width)
        weights = {k: torch.tensor(v) for k, v in sub_state(arrays, "net").items()}
        need(arrays, *(f"net.{k}" for k in self.net.state_dict()))
        self.net.load_state_dict(weights)
        self.net.eval()
        return self


def graphs(inputs: Inputs, found: Catalogue, geometry: Geometry, rows: NDArray[np.int64]) -> Graph:
    """Nodes, edges, features of the event, and the picks behind the nodes (-1: none).

    Returns
    -------
    dict
        ``nodes`` (event, station, feature), ``edges`` (event, station, neighbour), ``event``
        (event, feature), ``picks`` (event, station, wave).
    """
    events, n = found.events, len(found.events)
    k = min(NODES, len(geometry.latitude))
    lat, lon = geometry.latitude, geometry.longitude
    d = haversine_km(events["latitude"].to_numpy()[:, None],
                     events["longitude"].to_numpy()[:, None], lat, lon)  # fmt: skip
    near = np.argsort(d, axis=1)[:, :k]
    between = haversine_km(lat[:, None], lon[:, None], lat, lon)
    _, at = np.unique(inputs["pick_number"], return_index=True)
    at = at[-len(rows) :] if len(rows) else at[:0]
    station = inputs["pick_station"].ravel()[at].astype(int)
    count = np.bincount(station, minlength=len(lat))
    graph: Graph = {
        "nodes": np.zeros((n, NODES, NODE_FEATURES), np.float32),
        "edges": np.zeros((n, NODES, NEIGHBOURS), np.int64),
        "event": np.zeros((n, EVENT_FEATURES), np.float32),
        "picks": np.full((n, NODES, 2), -1),
    }
    owned = [np.flatnonzero(found.pick_event == e) for e in range(n)]
    east = (lon - events["longitude"].to_numpy()[:, None]) * np.cos(np.radians(lat))
    bearing = np.arctan2(east, lat - events["latitude"].to_numpy()[:, None]) / np.pi
    for e in range(n):
        s = near[e]
        where = np.full(len(lat), -1)
        where[s] = np.arange(k)
        x = graph["nodes"][e]
        x[:k, 0] = np.log(d[e, s] + 1.0)
        x[:k, 1] = np.log((d[e, s] + 1.0) / events["range_km"].iloc[e])
        x[:k, 2] = np.log((count[s] + 1.0) / (count.mean() + 1.0))
        x[:k, 3] = 1.0
        x[:k, 10] = bearing[e, s]
        for pick in owned[e]:
            node = where[station[pick]]
            if node < 0:
                continue
            wave = found.pick_phase[pick] % 2
            x[node, 4 + 3 * wave] = 1.0
            x[node, 5 + 3 * wave] = np.clip(found.pick_residual[pick], -5.0, 5.0)
            x[node, 6 + 3 * wave] = found.pick_chance[pick]
            graph["picks"][e, node, wave] = pick
        nearest = np.argsort(between[np.ix_(s, s)], axis=1)[:, 1 : NEIGHBOURS + 1]
        graph["edges"][e, :k, : nearest.shape[1]] = nearest
    clock = np.sort(inputs["pick_time"].ravel()[at])
    graph["event"][:] = _event_features(found, clock, station, between)
    return graph


def _event_features(
    found: Catalogue, clock: NDArray[np.float64], station: NDArray[np.int64],
    between: NDArray[np.float64],
) -> NDArray[np.float32]:  # fmt: skip
    """What the catalogue says of each event, and what speaks against it.

    The strongest event near in time; how many other picks there are in the whole network at that
    time, over the usual number (waves from far away); how many stations see the event if those on
    the same ground count as one; the share of first P waves.
    """
    e = found.events
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


def _owners(train: Samples, inputs: Inputs, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Whether each pick of the stream belongs to a known event: 1, 0, or -1 where not known."""
    slot = train.observed()["pick_slot"].to_numpy()
    known = np.full(len(rows), -1)
    number = inputs["pick_number"]
    there = number >= 0
    place = np.searchsorted(rows, number[there])
    np.maximum.at(known, place, np.where(slot[there] >= 0, 1, np.where(slot[there] == -1, 0, -1)))
    return known


def _members(
    found: Catalogue, graph: Graph, real: NDArray[np.bool_], owner: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Membership of each node's picks: of a known event and in a real one; -1 not to be learnt."""
    picks = graph["picks"]
    value = np.where(picks >= 0, owner[np.maximum(picks, 0)] if len(owner) else -1, -1)
    value[~real] = -1
    return value.astype(np.float32)
