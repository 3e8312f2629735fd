"""Random numbers that anyone can make again: counted, not drawn.

Number `i` of run `r` of a seed is a pure function of the three. So runs can be made in any order,
in any number of processes, stopped and resumed, and come out the same to the bit, on any machine
and with any version of any library.

Source:
    G. L. Steele, D. Lea and C. H. Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA
    2014 (SplitMix64).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from traderbot.domain.shared.errors import InvalidValueError
from traderbot.infrastructure.compute.arrays import FloatArray

Whole = npt.NDArray[np.int64]
_Bits = npt.NDArray[np.uint64]

_MASK = (1 << 64) - 1
_GAMMA = 0x9E3779B97F4A7C15
_HALF = np.uint64(32)


def bits(seed: int, run: int, count: int, *, first: int = 0) -> _Bits:
    """Return `count` numbers of 64 random bits, from the one numbered `first` on.

    Raises:
        InvalidValueError: a number is below zero, or no whole number.
    """
    for name, value in (("seed", seed), ("run", run), ("count", count), ("first", first)):
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise InvalidValueError(f"{name} is a whole number, 0 or above, not {value!r:.40}")
    begin = (_mixed(_mixed(seed & _MASK) ^ _mixed((run + _GAMMA) & _MASK)) + first * _GAMMA) & _MASK
    steps = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(_GAMMA)
    return _mixed_all(steps + np.uint64(begin))


def uniform(seed: int, run: int, count: int, *, first: int = 0) -> FloatArray:
    """Return numbers from 0 to below 1, each a multiple of 2 ** -53."""
    high = bits(seed, run, count, first=first) >> np.uint64(11)
    return np.asarray(high.astype(np.float64) * 2.0**-53, dtype=np.float64)


def below(limit: int, seed: int, run: int, count: int, *, first: int = 0) -> Whole:
    """Return whole numbers from 0 to below the limit.

    They are even to one in 2 ** 32 per limit: what is left of a bias cannot be measured here.

    Raises:
        InvalidValueError: the limit is below 1, or above 2 ** 31.
    """
    if not 1 <= limit <= 2**31:
        raise InvalidValueError(f"the limit is from 1 to 2 ** 31, not {limit}")
    high = bits(seed, run, count, first=first) >> _HALF
    return np.asarray((high * np.uint64(limit)) >> _HALF, dtype=np.int64)


def permutation(length: int, seed: int, run: int) -> Whole:
    """Return 0 to length - 1 in a random order."""
    return np.argsort(bits(seed, run, length), kind="stable").astype(np.int64)


def choice(count: int, among: int, seed: int, run: int) -> Whole:
    """Return `count` different numbers of 0 to among - 1, rising; every choice is equally likely.

    Raises:
        InvalidValueError: there are not so many, or none is wanted.
    """
    if not 1 <= count <= among:
        raise InvalidValueError(f"of {among} numbers, 1 to {among} are chosen, not {count}")
    keys = bits(seed, run, among)
    return np.sort(np.argpartition(keys, count - 1)[:count]).astype(np.int64)


def _mixed(value: int) -> int:
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB & _MASK
    return value ^ (value >> 31)


def _mixed_all(values: _Bits) -> _Bits:
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
