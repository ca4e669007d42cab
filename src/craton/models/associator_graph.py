"""The graph network that judges the physics associator's candidates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np
import pydantic
import xarray as xr
from numpy.typing import NDArray

from craton.models.association import Catalogue
from craton.models.association_graphs import FEATURES, Graph, graphs
from craton.models.associators import AssociatorConfig, candidates, labels, prediction, table_of
from craton.models.base import Fitting, Model, State, need, sub_state
from craton.samples import Inputs, Samples

BATCH = 64
DOUBTED = 0.2
"""Chance below which a pick is taken from its event."""


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
        found, made, rows = self._graphs(inputs)
        real = labels(train, found) if len(found.events) else np.zeros(0, bool)
        self.start(made, fitting.seed)
        if len(real) >= 10:
            self.learn(made, real, _owners(train, inputs, rows), fitting)
        return self

    def start(self, made: Sequence[Graph], seed: int) -> None:
        """An untrained network, and the mean and spread of each feature."""
        import torch

        from craton.models.nets.association_graph import AssociationGraph

        torch.manual_seed(seed)
        self.net = AssociationGraph(self.config.width).eval()
        self.scale = {}
        for kind, width in FEATURES.items():
            x = np.concatenate([np.zeros((0, width)), *(_features(g, kind) for g in made)])
            x = x if len(x) else np.zeros((1, width))
            self.scale[kind] = np.stack([x.mean(0), x.std(0) + 1e-3]).astype(np.float32)

    def learn(
        self, made: Sequence[Graph], real: NDArray[np.bool_], owner: NDArray[np.int64],
        fitting: Fitting,
    ) -> None:  # fmt: skip
        """Train on candidates that are real or not.

        Their picks are those of a known event (`owner` 1), of none (0), or not known (-1).
        """
        import torch

        self.net.train()
        scaled = [self._scaled(g) for g in made]
        for graph, truth in zip(scaled, real, strict=True):
            told = torch.as_tensor(owner)[graph["pick"].row]
            graph["pick"].y = torch.where(graph["pick"].own & bool(truth), told, -1)
            graph.y = torch.tensor([float(truth)])
        optimiser = torch.optim.AdamW(self.net.parameters(), lr=3e-3, weight_decay=1e-2)
        loss = torch.nn.BCEWithLogitsLoss()
        order = np.random.default_rng(fitting.seed)
        # joining graphs takes longer than a step, so they are joined once
        batches = list(_batches(scaled, order.permutation(len(made))))
        steps = self.config.epochs * len(batches)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps)
        for epoch in range(self.config.epochs):
            for k in order.permutation(len(batches)):
                batch = batches[k]
                seen, own = self.net(batch)
                total = loss(seen, batch.y)
                known = batch["pick"].y >= 0
                if known.any():
                    total = total + 0.5 * loss(own[known], batch["pick"].y[known].float())
                optimiser.zero_grad()
                total.backward()
                optimiser.step()
                schedule.step()
            fitting.progress(epoch + 1, self.config.epochs, "epoch")
        self.net.eval()

    def judge(self, made: Sequence[Graph]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Probability of each candidate (event,), and of each pick node in turn (node,)."""
        import torch

        scaled, seen, own = [self._scaled(g) for g in made], [np.zeros(0)], [np.zeros(0)]
        with torch.no_grad():
            for batch in _batches(scaled, np.arange(len(made))):
                for kept, logit in zip((seen, own), self.net(batch), strict=True):
                    kept.append(torch.sigmoid(logit.double()).numpy())
        return np.concatenate(seen), np.concatenate(own)

    def predict(self, samples: Samples) -> xr.Dataset:
        inputs = samples.inputs()
        found, made, rows = self._graphs(inputs)
        p, chance = self.judge(made)
        keep = found.pick_event >= 0
        if made:
            picks = [g["pick"] for g in made]
            row, own = (np.concatenate([p[k].numpy() for p in picks]) for k in ("row", "own"))
            keep[row[own & (chance < DOUBTED)]] = False
        return prediction(samples, inputs, found, rows, p, keep)

    def _graphs(self, inputs: Inputs) -> tuple[Catalogue, list[Graph], NDArray[np.int64]]:
        """Candidates, their graphs, and the rows of the picks."""
        found, geometry, rows = candidates(inputs, self.config)
        table = table_of(self.config.velocity_model)
        return found, graphs(inputs, found, geometry, table), rows

    def _scaled(self, graph: Graph) -> Graph:
        """A copy with each feature less its mean, over its spread."""
        import torch

        copy = graph.clone()
        scale = {kind: torch.as_tensor(pair) for kind, pair in self.scale.items()}
        for kind in ("pick", "station"):
            copy[kind].x = (graph[kind].x - scale[kind][0]) / scale[kind][1]
        copy.event = (graph.event - scale["event"][0]) / scale["event"][1]
        edges = copy["pick", "agrees", "pick"]
        edges.edge_attr = (edges.edge_attr - scale["agrees"][0]) / scale["agrees"][1]
        return copy

    def state(self) -> State:
        weights = {f"net.{k}": v.numpy() for k, v in self.net.state_dict().items()}
        return {**{f"scale.{k}": v for k, v in self.scale.items()}, **weights}

    def with_state(self, arrays: Mapping[str, NDArray[Any]]) -> Self:
        import torch

        from craton.models.nets.association_graph import AssociationGraph

        need(arrays, *(f"scale.{k}" for k in FEATURES))
        self.scale = {k: np.asarray(v, np.float32) for k, v in sub_state(arrays, "scale").items()}
        self.net = AssociationGraph(self.config.width)
        weights = {k: torch.tensor(v) for k, v in sub_state(arrays, "net").items()}
        need(arrays, *(f"net.{k}" for k in self.net.state_dict()))
        self.net.load_state_dict(weights)
        self.net.eval()
        return self


def _features(graph: Graph, kind: str) -> NDArray[np.float32]:
    """Features of the nodes, the event or the edges of a graph."""
    if kind == "event":
        return np.asarray(graph.event)
    return np.asarray(
        graph["pick", "agrees", "pick"].edge_attr if kind == "agrees" else graph[kind].x
    )


def _batches(made: Sequence[Graph], order: NDArray[np.int64]) -> Iterator[Any]:
    """Graphs in this order, some at a time."""
    from torch_geometric.data import Batch

    for part in np.array_split(order, -(-len(order) // BATCH)) if len(order) else ():
        yield Batch.from_data_list([made[k] for k in part])


def _owners(train: Samples, inputs: Inputs, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Whether each pick of the stream belongs to a known event: 1, 0, or -1 where not known."""
    slot = train.observed()["pick_slot"].to_numpy()
    known = np.full(len(rows), -1)
    number = inputs["pick_number"]
    there = number >= 0
    place = np.searchsorted(rows, number[there])
    np.maximum.at(known, place, np.where(slot[there] >= 0, 1, np.where(slot[there] == -1, 0, -1)))
    return known
