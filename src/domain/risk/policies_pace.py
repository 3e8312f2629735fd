"""How much, how often and how many at once."""

from __future__ import annotations

from datetime import timedelta

from traderbot.domain.risk.exposure import Exposure, Finding, refusal
from traderbot.domain.risk.limits import MINUTE, REPEATS_WITHIN, SECOND
from traderbot.domain.shared.decimals import plain


def message_rate(exposure: Exposure) -> Finding | None:
    """No more new orders in a minute than agreed, and no more in one second."""
    limits = exposure.limits
    if limits.message_rate_max is not None and _is_spent(
        int(limits.message_rate_max), MINUTE, exposure
    ):
        count = plain(limits.message_rate_max)
        return refusal("MESSAGE_RATE", f"{count} in 60 s", "one more")
    if limits.message_burst_max is not None and _is_spent(
        int(limits.message_burst_max), SECOND, exposure
    ):
        count = plain(limits.message_burst_max)
        return refusal("MESSAGE_RATE", f"{count} in 1 s", "one more")
    return None


def _is_spent(most: int, within: timedelta, exposure: Exposure) -> bool:
    """Whether so many orders were sent within so long before."""
    sent = exposure.portfolio.memory.sent
    if len(sent) < most:
        return False
    return not most or sent[-most].at > exposure.around.at - within


def open_orders(exposure: Exposure) -> Finding | None:
    """No more working orders than agreed: of the portfolio, and of one symbol."""
    limits, working = exposure.limits, exposure.portfolio.memory.working
    most = limits.open_orders_max
    if most is not None and len(working) >= most:
        return refusal("OPEN_ORDERS_MAX", plain(most), len(working) + 1)
    most = limits.open_orders_symbol_max
    if most is not None and len(working) >= most:
        symbol = exposure.ticket.symbol
        count = len([each for each in working.values() if each.symbol == symbol])
        if count >= most:
            return refusal("OPEN_ORDERS_MAX", f"{plain(most)} of {symbol}", count + 1)
    return None


def strategy_repeats(exposure: Exposure) -> Finding | None:
    """A strategy does not run away: so many orders in five minutes, so many in a day."""
    pace, limits, at = exposure.around.pace, exposure.limits, exposure.around.at
    if pace is None:
        return None
    most = limits.strategy_repeat_max
    if most is not None:
        count = int(most)
        if not count or (len(pace.newest) >= count and pace.newest[-count] > at - REPEATS_WITHIN):
            return refusal("STRATEGY_REPEAT_MAX", f"{count} in 5 min", count + 1)
    most = limits.strategy_day_max
    if most is not None and pace.today >= most:
        return refusal("STRATEGY_REPEAT_MAX", f"{plain(most)} in a day", pace.today + 1)
    return None
