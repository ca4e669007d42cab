"""Batches of windows through a net, on all threads of torch."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from craton.detection.station import Request, Station
from craton.errors import ModelError
from craton.models.nets.picker_input import PickerInput, normalise

Net = Callable[[Tensor], Tensor]


class Runner:
    """Collects windows, runs the net over full batches, stacks the scores at the stations.

    With several threads of torch each batch is the work of one: nets of small layers lose more by
    sharing each layer out than they gain. The scores are stacked in the order of the windows.

    Parameters
    ----------
    net : callable
        Windows (window, component, sample) to scores (window, phase, sample).
    wants : PickerInput
        What the net takes and gives.
    batch : int
        Windows at once.
    """

    def __init__(self, net: Net, wants: PickerInput, batch: int) -> None:
        self.net = net.for_inference() if hasattr(net, "for_inference") else net
        self.wants, self.device = wants, _device(self.net)
        threads = torch.get_num_threads() if self.device.type == "cpu" else 1
        self.pool = None
        if threads > 1:
            alone = partial(torch.set_num_threads, 1)  # of the thread that calls it
            self.pool = ThreadPoolExecutor(threads, "detection", initializer=alone)
        shape = (batch, len(wants.components), wants.samples)
        buffers = threads + 2 if self.pool else 1
        self.free = [torch.empty(shape, dtype=torch.float32, device="cpu") for _ in range(buffers)]
        self._next()
        self.queue: list[tuple[Station, Request]] = []
        self.running: deque[tuple[list[tuple[Station, Request]], Tensor, Future[Any]]] = deque()

    def put(self, station: Station, request: Request) -> None:
        """Copy a window of a station; run the batch when it is full."""
        self.room[len(self.queue)] = station.window(request[0])
        self.queue.append((station, request))
        if len(self.queue) == len(self.room):
            self._start()

    def finish(self) -> None:
        """Run what is waiting, stack all scores."""
        if self.queue:
            self._start()
        while self.running:
            self._collect()

    def _start(self) -> None:
        queue, self.queue = self.queue, []
        buffer = self.buffer
        if self.pool is None:
            _stack(queue, self._scores(buffer[: len(queue)]))
            self.free.append(buffer)
        else:
            job = self.pool.submit(self._scores, buffer[: len(queue)])
            self.running.append((queue, buffer, job))
            if not self.free:
                self._collect()
        self._next()

    def _next(self) -> None:
        self.buffer = self.free.pop()
        self.room: NDArray[Any] = self.buffer.numpy()

    def _collect(self) -> None:
        queue, buffer, job = self.running.popleft()
        _stack(queue, job.result())
        self.free.append(buffer)

    def _scores(self, windows: Tensor) -> NDArray[Any]:
        """Scores (window, sample, phase); the windows are overwritten."""
        n = len(windows)
        with torch.inference_mode():
            scores = self.net(normalise(windows.to(self.device), self.wants))
            if scores.shape != (n, len(self.wants.phases), self.wants.samples):
                raise ModelError(
                    f"the net gave the shape {tuple(scores.shape)} for {n} windows of "
                    f"{self.wants.samples} samples and the phases '{self.wants.phases}'",
                    fix="give a net from (window, component, sample) to (window, phase, sample)",
                )
            if not bool(torch.isfinite(scores.sum())):
                raise ModelError("the net gave scores that are not finite")
            found: NDArray[Any] = scores.float().cpu().transpose(1, 2).numpy()
        return found


def _stack(queue: list[tuple[Station, Request]], scores: NDArray[Any]) -> None:
    for (station, (start, lo, hi)), score in zip(queue, scores, strict=True):
        station.add(lo, hi, score[lo - start : hi - start])


def _device(net: Any) -> torch.device:
    if isinstance(net, nn.Module):
        for tensor in (*net.parameters(), *net.buffers()):
            return tensor.device
    return torch.device("cpu")
