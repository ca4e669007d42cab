"""Work done ahead by a few threads, so that who needs it does not wait."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def prefetch(
    read: Callable[[Any], Any], parts: Iterable[Any], workers: int, ahead: int
) -> Iterator[tuple[Any, Any]]:
    """Apply `read` to parts by threads, in order, at most `ahead` of what is taken.

    Examples
    --------
    >>> list(prefetch(lambda n: n * n, range(4), workers=2, ahead=2))
    [(0, 0), (1, 1), (2, 4), (3, 9)]
    """
    if workers < 1:
        for part in parts:
            yield part, read(part)
        return
    pool, waiting = ThreadPoolExecutor(workers), deque[Any]()
    try:
        for part in parts:
            waiting.append((part, pool.submit(read, part)))
            if len(waiting) >= max(ahead, 1):
                first, future = waiting.popleft()
                yield first, future.result()
        while waiting:
            first, future = waiting.popleft()
            yield first, future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
