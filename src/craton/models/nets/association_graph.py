"""A graph of stations around a candidate event: is the event real, and which picks are its own?

Nodes are the stations next to the candidate's epicentre, each with its P and S pick or its silence;
edges join each to its nearest neighbours in the graph. A real event's picks agree with those of the
neighbours; a chance meeting of stray picks has silent neighbours and residuals of both signs.

Each graph has the same number of nodes and of neighbours, so that messages are plain indexing and
a mean; a graph library (torch-geometric) would add a dependency and nothing else.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

NODES = 24
NEIGHBOURS = 4
NODE_FEATURES = 11
EVENT_FEATURES = 11


class AssociationGraph(nn.Module):
    """Two rounds of messages between neighbouring stations, then a vote.

    Parameters
    ----------
    width : int
        Channels.

    Examples
    --------
    >>> net = AssociationGraph(8)
    >>> x, e = torch.zeros(2, NODES, NODE_FEATURES), torch.zeros(2, EVENT_FEATURES)
    >>> real, member = net(x, torch.zeros(2, NODES, NEIGHBOURS, dtype=torch.long), e)
    >>> real.shape, member.shape
    (torch.Size([2]), torch.Size([2, 24, 2]))
    """

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Linear(NODE_FEATURES, width), nn.ReLU())
        self.rounds = nn.ModuleList(
            nn.Sequential(nn.Linear(3 * width, width), nn.ReLU()) for _ in range(2)
        )
        self.event = nn.Sequential(
            nn.Linear(2 * width + EVENT_FEATURES, width), nn.ReLU(), nn.Dropout(0.1),
        )  # fmt: skip
        self.real = nn.Linear(width, 1)
        self.member = nn.Linear(2 * width, 2)

    def forward(self, nodes: Any, edges: Any, event: Any) -> tuple[Any, Any]:
        """Logits: real (event,) and member (event, station, wave)."""
        h = self.first(nodes)
        batch = torch.arange(len(nodes))[:, None, None]
        for step in self.rounds:
            near = h[batch, edges]
            message = torch.cat([h, near.mean(dim=2), near.amax(dim=2)], dim=-1)
            h = h + step(message)
        whole = self.event(torch.cat([h.mean(dim=1), h.amax(dim=1), event], dim=-1))
        both = torch.cat([h, whole[:, None].expand(-1, h.shape[1], -1)], dim=-1)
        return self.real(whole)[:, 0], self.member(both)
