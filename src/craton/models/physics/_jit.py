"""Compiled loops: a typed face for numba, and logarithm and exponential that vectorise.

LLVM turns a loop over `log2` and `exp2` below into vector instructions, which it cannot do with
calls into the C library; a pair of ETAS events costs 1.4 ns instead of 10.6 ns that way.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numba.extending import intrinsic

F = TypeVar("F", bound=Callable[..., Any])

# Sums may be reordered (that is what makes them vectors); nothing is assumed finite.
REORDER = {"reassoc", "contract", "nsz", "arcp"}


def jit(
    *, parallel: bool = False, reorder: bool = False, inline: bool = False, nogil: bool = False
) -> Callable[[F], F]:
    """Compile at the first call and keep the code on disk.

    Parameters
    ----------
    parallel : bool
        Run `numba.prange` on all cores.
    reorder : bool
        Let sums be taken in another order, so that they vectorise.
    inline : bool
        Copy the body into each caller.
    nogil : bool
        Let other threads run meanwhile; see `side_by_side`.
    """
    options: dict[str, Any] = {"error_model": "numpy"}
    if inline:
        return cast("Callable[[F], F]", numba.njit(inline="always", **options))
    if nogil:
        options["nogil"] = True
    if reorder:
        options["fastmath"] = REORDER
    return cast("Callable[[F], F]", numba.njit(parallel=parallel, cache=True, **options))


def side_by_side(work: Callable[[int, int], object], n: int, parts: int = 0) -> None:
    """Call ``work(first, last)`` for parts of ``range(n)``, on all threads of numba.

    For large functions, which compile far longer as a loop over `numba.prange`.

    Examples
    --------
    >>> found = np.zeros(10)
    >>> def double(first, last):
    ...     found[first:last] = 2 * np.arange(first, last)
    >>> side_by_side(double, 10, 3)
    >>> found.tolist() == [2.0 * k for k in range(10)]
    True
    """
    threads = numba.get_num_threads()
    edges = np.linspace(0, n, (parts or threads) + 1).astype(int).tolist()
    jobs = [(a, b) for a, b in itertools.pairwise(edges) if b > a]
    if threads == 1 or len(jobs) < 2:
        for a, b in jobs:
            work(a, b)
        return
    for done in [_pool(threads).submit(work, a, b) for a, b in jobs]:
        done.result()


@lru_cache(maxsize=1)
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, "compiled")


if hasattr(os, "register_at_fork"):  # a child has none of its parent's threads
    os.register_at_fork(after_in_child=_pool.cache_clear)


def _cast(source: Any, target: Any) -> Any:
    def bits(context: Any, value: Any) -> Any:
        def codegen(ctx: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.bitcast(arguments[0], ctx.get_value_type(target))

        return target(source), codegen

    return intrinsic(bits)


_bits = _cast(numba.types.float64, numba.types.uint64)
_float = _cast(numba.types.uint64, numba.types.float64)

_ROOT_HALF = np.uint64(0x3FE6A09E667F3BCD)  # bits of sqrt(1/2): mantissas run to sqrt(2)
_UP = np.uint64(0x3FF0000000000000 - 0x3FE6A09E667F3BCD)
_MANTISSA = np.uint64(0x000FFFFFFFFFFFFF)
_WIDTH = np.uint64(52)
_BIAS = np.int32(1023)
_OFFSET = np.int32(1024)
_A0, _A1, _A2, _A3, _A4, _A5, _A6, _A7, _A8, _A9 = (
    2.0 / (math.log(2.0) * (2 * k + 1)) for k in range(10)
)
_E1, _E2, _E3, _E4, _E5, _E6, _E7, _E8, _E9, _E10, _E11, _E12, _E13 = (
    math.log(2.0) ** k / math.factorial(k) for k in range(1, 14)
)
LN2 = math.log(2.0)


@jit(inline=True)
def log2(x: float) -> float:
    """Base-2 logarithm of a positive normal number, to 2 units in the last place.

    Exponent and mantissa come from the bits; the mantissa goes through the series of
    ``2 artanh((m - 1) / (m + 1))``.
    """
    shifted = _bits(x) + _UP
    # Integers, because sums of floats may be reordered here and large constants would round.
    exponent = np.float64(np.int32(shifted >> _WIDTH) - _BIAS)
    mantissa = _float((shifted & _MANTISSA) + _ROOT_HALF)
    z = (mantissa - 1.0) / (mantissa + 1.0)
    w = z * z
    tail = _A5 + w * (_A6 + w * (_A7 + w * (_A8 + w * _A9)))
    return exponent + z * (_A0 + w * (_A1 + w * (_A2 + w * (_A3 + w * (_A4 + w * tail)))))


@jit(inline=True)
def exp2(x: float) -> float:
    """Two to the power of `x` for x < 1023, to 1 unit in the last place; 0 is about 1e-301."""
    x = max(x, -1000.0)
    whole = np.int32(np.int32(x + 1024.5) - _OFFSET)
    f = x - np.float64(whole)
    tail = _E7 + f * (_E8 + f * (_E9 + f * (_E10 + f * (_E11 + f * (_E12 + f * _E13)))))
    part = 1.0 + f * (_E1 + f * (_E2 + f * (_E3 + f * (_E4 + f * (_E5 + f * (_E6 + f * tail))))))
    return part * _float(np.uint64(whole + _BIAS) << _WIDTH)
