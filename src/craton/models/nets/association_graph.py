"""A graph of the stations and picks around a candidate event: is it real, which picks are its own?

Nodes are the stations next to the candidate's epicentre, silent ones too, and the picks near a time
at which it would be seen there. A pick is joined to its station, a station to its neighbours, and
two picks to each other where one source can explain both. A real event's picks agree with each
other and few stations among them are silent; a chance meeting of stray picks has silent neighbours
and residuals of both signs. Messages are those of torch-geometric.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch_geometric.nn import (
    GATv2Conv,
    HeteroConv,
    SAGEConv,
    global_max_pool,
    global_mean_pool,
)

from craton.models.association_graphs import FEATURES, JOINED

ROUNDS = 2


class AssociationGraph(nn.Module):
    """Rounds of messages between picks and stations, then a vote.

    Parameters
    ----------
    width : int
        Channels.

    See Also
    --------
    craton.models.association_graphs.graphs : makes what it takes.
    """

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.first = nn.ModuleDict(
            {kind: nn.Linear(FEATURES[kind], width) for kind in ("pick", "station")}
        )
        self.rounds = nn.ModuleList(_messages(width) for _ in range(ROUNDS))
        self.event = nn.Sequential(
            nn.Linear(4 * width + FEATURES["event"], width), nn.ReLU(), nn.Dropout(0.1),
        )  # fmt: skip
        self.real = nn.Linear(width, 1)
        self.member = nn.Linear(2 * width, 1)

    def forward(self, graph: Any) -> tuple[Any, Any]:
        """Logits: real (event,) and member (pick,) of a batch of graphs."""
        h = {kind: first(graph[kind].x).relu() for kind, first in self.first.items()}
        for messages in self.rounds:
            new = messages(h, graph.edge_index_dict, graph.edge_attr_dict)
            h = {kind: h[kind] + new[kind].relu() for kind in h}
        many, pools = graph.num_graphs, []
        for kind, x in h.items():
            for pool in (global_mean_pool, global_max_pool):
                pools.append(pool(x, graph[kind].batch, many))
        whole = self.event(torch.cat([*pools, graph.event], dim=-1))
        both = torch.cat([h["pick"], whole[graph["pick"].batch]], dim=-1)
        return self.real(whole)[:, 0], self.member(both)[:, 0]


def _messages(width: int) -> HeteroConv:
    """One round: what each node hears from those that it is joined to."""
    make = {
        "at": lambda: SAGEConv((width, width), width, aggr="max"),
        "has": lambda: SAGEConv((width, width), width),
        "near": lambda: SAGEConv(width, width),
        "agrees": lambda: GATv2Conv(
            width, width, edge_dim=FEATURES["agrees"], add_self_loops=False
        ),
    }
    return HeteroConv({edge: make[edge[1]]() for edge in JOINED}, aggr="sum")
