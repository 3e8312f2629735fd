"""Whether anything may be sent at all, and whether the venue would know what to do with it."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from traderbot.domain.risk.exposure import Exposure, Finding, refusal
from traderbot.domain.risk.trading_state import TradingState
from traderbot.domain.shared.decimals import EXACT, plain
from traderbot.domain.shared.instants import instant_text
from traderbot.domain.shared.values import Price

_SHOWN: Final = 12  # symbols of an allow-list


def trading_state(exposure: Exposure) -> Finding | None:
    """HALTED lets nothing pass; REDUCING only what does no more than make a position smaller."""
    around = exposure.around
    if around.state is TradingState.ACTIVE:
        return None
    if around.state is TradingState.HALTED:
        return refusal("TRADING_HALTED", "active", f"halted at {around.where}")
    if exposure.opening_notional:
        return refusal("TRADING_REDUCING", "reducing only", f"reducing at {around.where}")
    return None


def restricted_symbol(exposure: Exposure) -> Finding | None:
    """Only listed symbols may be opened; what is held may always be closed."""
    allowed = exposure.limits.symbols
    if allowed is None or not exposure.opening_notional:
        return None
    code = exposure.ticket.symbol.code
    if code in allowed:
        return None
    shown = ",".join(allowed[:_SHOWN]) + (",…" if len(allowed) > _SHOWN else "")
    return refusal("RESTRICTED_SYMBOL", shown or "none", code)


def known_symbol(exposure: Exposure) -> Finding | None:
    """The venue trades it, as far as its list is known."""
    if exposure.around.is_listed:
        return None
    return refusal("UNKNOWN_SYMBOL", "listed by the venue", exposure.ticket.symbol)


def supported(exposure: Exposure) -> Finding | None:
    """The venue takes orders of this kind."""
    rules, kind = exposure.around.rules, exposure.ticket.kind
    if rules is None or rules.kinds is None or kind in rules.kinds:
        return None
    known = ",".join(sorted(each.value for each in rules.kinds))
    return refusal("UNSUPPORTED_ORDER", known, kind.value)


def in_ticks(exposure: Exposure) -> Finding | None:
    """Prices are whole steps; those of the exits too, before a fill finds out that they are not."""
    rules, ticket = exposure.around.rules, exposure.ticket
    if rules is None:
        return None
    prices: tuple[Price | None, ...] = (ticket.limit_price, ticket.stop_price)
    if ticket.exits is not None:
        prices = (*prices, ticket.exits.take_profit, ticket.exits.stop_loss)
    for price in prices:
        if price is not None and not _is_whole(price.value, rules.tick_size.value):
            return refusal("INVALID_TICK", rules.tick_size, price)
    return None


def in_lots(exposure: Exposure) -> Finding | None:
    """The quantity is whole lots, and not below the least."""
    rules, quantity = exposure.around.rules, exposure.ticket.quantity
    if rules is None:
        return None
    if not _is_whole(quantity.value, rules.lot_size.value):
        return refusal("INVALID_LOT", rules.lot_size, quantity)
    if rules.quantity_min is not None and quantity < rules.quantity_min:
        return refusal("INVALID_LOT", f"at least {rules.quantity_min}", quantity)
    return None


def least_notional(exposure: Exposure) -> Finding | None:
    """The order is worth what the venue wants at least."""
    rules = exposure.around.rules
    if rules is None or rules.notional_min is None:
        return None
    notional = _whole_notional(exposure.reference, exposure)
    if notional >= rules.notional_min.amount:
        return None
    value = f"{plain(notional)} {exposure.ticket.symbol.quote}"
    return refusal("MIN_NOTIONAL", rules.notional_min, value)


def not_expired(exposure: Exposure) -> Finding | None:
    """It is not over before it begins."""
    expires, now = exposure.ticket.expires_at, exposure.around.at
    if expires is None or expires > now:
        return None
    return refusal("EXPIRED_ORDER", f"after {instant_text(now)}", instant_text(expires))


def _is_whole(value: Decimal, step: Decimal) -> bool:
    return not EXACT.remainder(value, step)


def _whole_notional(price: Price, exposure: Exposure) -> Decimal:
    return EXACT.multiply(price.value, exposure.ticket.quantity.value)
