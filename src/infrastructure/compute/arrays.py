"""The border between exact decimals and float64 arrays, and what may cross it.

Money, prices and quantities are Decimal everywhere else. Indicators, risk models and backtests
compute on float64; nothing here or beyond is ever booked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from traderbot.domain.market.bars import Bar
from traderbot.domain.shared.errors import InvalidValueError

FloatArray = npt.NDArray[np.float64]
# What may be given: an array or list of real numbers.
Numbers = npt.ArrayLike

LARGEST = 1e100  # below it no square and no product overflows; no price or volume is near it


def floats(amounts: Iterable[Decimal]) -> FloatArray:
    """Return each exact amount as the nearest float64."""
    return np.array([float(amount) for amount in amounts], dtype=np.float64)


def decimals(values: FloatArray) -> list[Decimal]:
    """Return each float as the shortest decimal that reads back as the same float."""
    return [Decimal(repr(value)) for value in values.tolist()]


def columns(bars: Sequence[Bar]) -> dict[str, FloatArray]:
    """Return open, high, low, close and volume of these bars, as indicators take them."""
    return {
        "open": floats(bar.open.value for bar in bars),
        "high": floats(bar.high.value for bar in bars),
        "low": floats(bar.low.value for bar in bars),
        "close": floats(bar.close.value for bar in bars),
        "volume": floats(bar.volume.value for bar in bars),
    }


def series(name: str, values: Numbers) -> FloatArray:
    """Return one contiguous float64 series, the same array if it is one already.

    Raises:
        InvalidValueError: not one dimension, empty, or no real numbers; it says what to do.
    """
    found = _real(name, values)
    if found.ndim != 1:
        advice = "; for one row per symbol use `matrix`" if found.ndim == 2 else ""  # noqa: PLR2004
        raise InvalidValueError(
            f"{name} is to be one series, not an array of shape {found.shape}{advice}"
        )
    if found.size == 0:
        raise InvalidValueError(f"{name} is empty: there is nothing to compute from no bars")
    return found


def table(name: str, values: Numbers) -> FloatArray:
    """Return one contiguous float64 table, a row per symbol, the same array if it is one already.

    Raises:
        InvalidValueError: not two dimensions, empty, or no real numbers; it says what to do.
    """
    found = _real(name, values)
    if found.ndim != 2:  # noqa: PLR2004
        raise InvalidValueError(
            f"{name} is to be a table of shape (symbols, bars), not of shape {found.shape}"
        )
    if found.size == 0:
        raise InvalidValueError(f"{name} is empty: its shape is {found.shape}")
    return found


def check(name: str, values: FloatArray) -> None:
    """Look at every value of a table of columns. NaN is allowed: it says that there is a gap.

    Raises:
        InvalidValueError: a value is infinite, or not below 1e100.
    """
    wrong = ~(np.abs(values) < LARGEST)
    beyond = wrong & ~np.isnan(values)
    if beyond.any():
        place = tuple(int(i) for i in np.argwhere(beyond)[0])
        index = ", ".join(map(str, place[-1:] if values.shape[0] == 1 else place))
        raise InvalidValueError(
            f"{name}[{index}] is {float(values[place])}: a price or volume is below 1e100; "
            "write NaN where there is none"
        )


def _real(name: str, values: Numbers) -> FloatArray:
    if type(values) is np.ndarray and values.dtype == np.float64 and values.flags.c_contiguous:
        return values
    try:
        found = np.asarray(values)
    except ValueError as error:  # lists of different lengths
        raise InvalidValueError(f"{name} is no array: {error}") from error
    if found.size and found.dtype.kind not in "fiu":
        advice = ""
        if found.dtype == object and isinstance(found.flat[0], Decimal):
            advice = "; exact amounts become floats by float(amount)"
        raise InvalidValueError(
            f"{name} is to hold real numbers, not {found.dtype}{advice}; try float64"
        )
    return np.ascontiguousarray(found, dtype=np.float64) if found.ndim else found
