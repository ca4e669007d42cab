"""How long picks take, kept over the last ten thousand of them."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np

KEPT = 10_000


class Latency:
    """Quantiles of named delays.

    Examples
    --------
    >>> latency = Latency()
    >>> for k in range(1, 101):
    ...     latency.add(written=k / 10)
    >>> latency.summary()["written"]
    {'median_s': 5.0, 'p99_s': 9.9, 'largest_s': 10.0}
    """

    def __init__(self) -> None:
        self.delays: dict[str, deque[float]] = {}
        self.count = 0

    def add(self, **seconds: float) -> None:
        """Take the delays of one pick."""
        self.count += 1
        for name, value in seconds.items():
            self.delays.setdefault(name, deque(maxlen=KEPT)).append(value)

    def summary(self) -> dict[str, Any]:
        """Median, 99th percentile and largest of each delay, s."""
        found: dict[str, Any] = {"picks": self.count}
        for name, values in self.delays.items():
            middle, high = np.quantile(np.asarray(values), [0.5, 0.99], method="inverted_cdf")
            found[name] = {"median_s": round(float(middle), 4), "p99_s": round(float(high), 4),
                           "largest_s": round(max(values), 4)}  # fmt: skip
        return found
