"""Work done ahead: in order, bounded, and ended with the one who asked for it."""

import threading

import pytest

from craton.io.prefetch import prefetch


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_results_come_in_the_order_of_the_parts(workers):
    """Whoever is ready first."""
    assert list(prefetch(lambda n: -n, range(20), workers, 4)) == [(n, -n) for n in range(20)]


@pytest.mark.parametrize(("workers", "ahead"), [(1, 1), (2, 3), (4, 2)])
def test_no_more_is_read_than_may_lie_ready(workers, ahead):
    """What is begun and not yet taken is bounded."""
    lock, begun, taken, most = threading.Lock(), 0, 0, 0

    def read(n):
        nonlocal begun, most
        with lock:
            begun += 1
            most = max(most, begun - taken)
        return n

    for _ in prefetch(read, range(50), workers, ahead):
        with lock:
            taken += 1
    assert begun == 50 and most <= ahead + 1


def test_an_error_reaches_the_one_who_asks():
    """At its place in the order."""

    def read(n):
        if n == 3:
            raise ValueError("three")
        return n

    seen = []
    with pytest.raises(ValueError, match="three"):
        for part, _ in prefetch(read, range(9), 2, 4):
            seen.append(part)
    assert seen == [0, 1, 2]


def test_who_stops_leaves_no_thread_behind():
    """A generator that is closed ends its threads."""
    before = threading.active_count()
    ahead = prefetch(lambda n: n, range(1000), 2, 4)
    next(ahead)
    ahead.close()
    assert threading.active_count() == before
