"""Where the round numbers and the beginnings of years, months and days lie."""

from __future__ import annotations

from math import ceil, floor, log10

import numpy as np

from traderbot.infrastructure.reports.report_input import Instants

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def round_values(low: float, high: float, count: int) -> list[float]:
    """Return about so many round numbers between two bounds, rising."""
    if not high > low:
        return [low]
    rough = (high - low) / max(count, 1)
    scale = 10.0 ** floor(log10(rough))
    step = next(step * scale for step in _STEPS if step * scale >= rough * (1 - 1e-9))
    return [n * step for n in range(ceil(low / step), floor(high / step) + 1)]


def calendar_marks(at: Instants, count: int) -> list[tuple[int, str]]:
    """Return at most `count` bars that begin a year, month, day or hour, each with its name."""
    moments = at.astype("datetime64[ns]")
    found: list[tuple[int, str]] = []
    for unit in ("Y", "M", "D", "h"):
        parts = moments.astype(f"datetime64[{unit}]")
        begins = (np.flatnonzero(parts[1:] != parts[:-1]) + 1).tolist()
        if len(begins) > count:
            if not found:
                every = -(-len(begins) // count)
                found = [(bar, _named(str(parts[bar]))) for bar in begins[::every]]
            break
        found = [(bar, _named(str(parts[bar]))) for bar in begins]
        if len(found) > count // 2:
            break
    return found


def _named(part: str) -> str:
    # 2024, 2024-03, 2024-03-07 or 2024-03-07T12, as numpy writes them.
    day, _, hour = part.partition("T")
    numbers = day.split("-")
    if hour:
        return f"{int(numbers[2])} {_MONTHS[int(numbers[1]) - 1]} {hour}:00"
    if len(numbers) == 1:
        return numbers[0]
    month = _MONTHS[int(numbers[1]) - 1]
    return f"{month} {numbers[0]}" if len(numbers) == 2 else f"{int(numbers[2])} {month}"  # noqa: PLR2004
