"""What one order may be: not sent twice, not too large, not at a price nobody would pay."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache

from traderbot.domain.orders.ticket import Check, OrderKind, Side, Ticket
from traderbot.domain.risk.exposure import Exposure, Finding, Neighbour, Quote, refusal
from traderbot.domain.risk.limits import MINUTE, SIZES_NEEDED, Limits
from traderbot.domain.shared.decimals import EXACT, plain
from traderbot.domain.shared.instants import instant_text
from traderbot.domain.shared.values import trusted_money


def not_a_duplicate(exposure: Exposure) -> Finding | None:
    """Without a key, the same wish is not taken twice within a moment."""
    window, around = exposure.limits.duplicate_window, exposure.around
    if not window or around.keyed:
        return None
    for other in around.neighbours:
        age = around.at - other.at
        if not timedelta(0) <= age < seconds(window) or not _same_wish(
            exposure.ticket, other.ticket
        ):
            continue
        after = f"{age.total_seconds():.6f} s after {other.order_id}"
        return refusal("DUPLICATE_ORDER", f"{plain(window)} s", after)
    return None


def order_notional(exposure: Exposure) -> Finding:
    """One order opens no more than the lower of a fixed amount and a share of equity."""
    limits, opening = exposure.limits, exposure.opening_notional
    ceiling = min(
        trusted_money(limits.order_notional_max, opening.currency),
        exposure.equity.times(limits.order_notional_fraction),
    )
    passed = not opening or opening <= ceiling
    return Finding(Check("ORDER_NOTIONAL_MAX", str(ceiling), str(opening)), passed)


def absolute_notional(exposure: Exposure) -> Finding | None:
    """The whole order, closing or not, stays below what was fixed when the program was installed.

    No event, no role and no flag can raise it: 58,000,000 typed into the field for the quantity
    ends here.
    """
    ceiling = exposure.limits.order_notional_absolute
    if ceiling is None:
        return None
    ticket = exposure.ticket
    price = exposure.reference.value
    for each in (ticket.limit_price, ticket.stop_price):
        if each is not None:
            price = max(price, each.value)
    notional = EXACT.multiply(price, ticket.quantity.value)
    if notional <= ceiling:
        return None
    quote = ticket.symbol.quote
    return refusal(
        "ORDER_NOTIONAL_ABSOLUTE", f"{plain(ceiling)} {quote}", f"{plain(notional)} {quote}"
    )


def usual_quantity(exposure: Exposure) -> Finding | None:
    """No more at once than the venue takes, and than a multiple of what was usual so far."""
    ticket, rules = exposure.ticket, exposure.around.rules
    if (
        rules is not None
        and rules.quantity_max is not None
        and ticket.quantity > rules.quantity_max
    ):
        return refusal("ORDER_QTY_MAX", rules.quantity_max, ticket.quantity)
    multiple = exposure.limits.order_quantity_multiple
    if multiple is None or not exposure.opening_notional:
        return None
    sizes = exposure.portfolio.memory.sizes.get(ticket.symbol)
    if sizes is None or len(sizes.traded) < SIZES_NEEDED:
        return None
    ceiling = EXACT.multiply(multiple, median(sizes.traded))
    if ticket.quantity.value <= ceiling:
        return None
    return refusal("ORDER_QTY_MAX", plain(ceiling), ticket.quantity)


def price_collar(exposure: Exposure) -> Finding | None:
    """A limit price is near the market's. Far on the safe side it may only close a position."""
    collar, market = exposure.limits.price_collar, exposure.around.market
    limit = exposure.ticket.limit_price
    if collar is None or market is None or limit is None:
        return None
    room = EXACT.multiply(collar, market.value)
    away = EXACT.subtract(limit.value, market.value)
    if away.copy_abs() <= room:
        return None
    eager = away if exposure.is_buy else EXACT.minus(away)
    if eager <= room and (EXACT.minus(eager) <= room or not exposure.opening_notional):
        return None
    low, high = EXACT.subtract(market.value, room), EXACT.add(market.value, room)
    return refusal("PRICE_COLLAR", f"{plain(low)} to {plain(high)}", limit)


def protection(exposure: Exposure) -> Finding | None:
    """A market order trades no further from the market than its collar: the approval says where."""
    worst, collar = exposure.ticket.protective_limit, exposure.limits.market_order_collar
    if worst is None:
        return None
    quote = exposure.around.quote
    market = exposure.reference if quote is None else quote.price
    around = "" if collar is None else f"{plain(collar)} of {market}"
    return Finding(Check("PROTECTIVE_LIMIT", around, str(worst)), passed=True)


def price_drift(exposure: Exposure) -> Finding | None:
    """Own fills of the last minute have not pulled the price along."""
    most, fills = exposure.limits.price_drift_max, exposure.portfolio.memory.fills
    if most is None or not fills or fills[-1].at <= exposure.around.at - MINUTE:
        return None
    symbol, since = exposure.ticket.symbol, exposure.around.at - MINUTE
    prices = [each.price for each in fills if each.symbol == symbol and each.at > since]
    if not prices:
        return None
    drift = max(abs_difference(prices[0], each) for each in prices)
    room = EXACT.multiply(most, prices[0])
    if drift <= room:
        return None
    return refusal("PRICE_COLLAR_CUMULATIVE", f"{plain(room)} in 60 s", plain(drift))


def fresh_reference(exposure: Exposure) -> Finding | None:
    """The market's price is known, and of now; closing a position does not wait for it."""
    oldest, around = exposure.limits.reference_age_max, exposure.around
    if oldest is None or not exposure.opening_notional:
        return None
    if around.quote is None:
        return refusal("REFERENCE_STALE", f"{plain(oldest)} s", "no quote")
    if not is_stale(around.quote, around.at, exposure.limits):
        return None
    return refusal("REFERENCE_STALE", f"{plain(oldest)} s", instant_text(around.quote.at))


def is_stale(quote: Quote, at: datetime, limits: Limits) -> bool:
    """Whether a quote is too old to say what the market pays."""
    oldest = limits.reference_age_max
    return oldest is not None and at - quote.at > seconds(oldest)


def no_self_trade(exposure: Exposure) -> Finding | None:
    """It would not meet an order of its own portfolio."""
    if exposure.limits.self_trade_max is None or exposure.ticket.kind.waits:
        return None
    worst = _worst_price(exposure)
    for other in exposure.around.neighbours:
        if _would_meet(exposure, other, worst):
            resting = other.ticket.limit_price or "market"
            return refusal("SELF_TRADE", f"{resting} of {other.order_id}", plain(worst))
    return None


def only_reduces(exposure: Exposure) -> Finding | None:
    """An order that says it only reduces a position does no more than that."""
    ticket, closing = exposure.ticket, exposure.closing
    if not ticket.reduce_only or closing == ticket.quantity:
        return None
    return refusal("REDUCE_ONLY", closing, ticket.quantity)


def child_within_parent(exposure: Exposure) -> Finding | None:
    """What is made of an order is never more than the order."""
    room, quantity = exposure.around.parent_room, exposure.ticket.quantity
    if room is None or quantity <= room:
        return None
    return refusal("CHILD_EXCEEDS_PARENT", room, quantity)


@lru_cache(maxsize=256)
def seconds(value: Decimal) -> timedelta:
    """Return a number of seconds as a duration, to the microsecond."""
    return timedelta(microseconds=int(EXACT.scaleb(value, 6)))


def median(values: tuple[Decimal, ...]) -> Decimal:
    """Return the middle one, or half of the two in the middle together. There is at least one."""
    ordered, middle = sorted(values), len(values) >> 1
    if len(ordered) & 1:
        return ordered[middle]
    return EXACT.divide(EXACT.add(ordered[middle - 1], ordered[middle]), 2)


def abs_difference(one: Decimal, other: Decimal) -> Decimal:
    """Return how far apart two numbers are."""
    return EXACT.abs(EXACT.subtract(one, other))


def _same_wish(one: Ticket, other: Ticket) -> bool:
    return (
        one.side is other.side
        and one.quantity == other.quantity
        and one.kind is other.kind
        and one.limit_price == other.limit_price
        and one.stop_price == other.stop_price
        and one.symbol == other.symbol
    )


def _worst_price(exposure: Exposure) -> Decimal:
    """Return the price at which the order may trade at worst."""
    limit = exposure.ticket.limit_price or exposure.ticket.protective_limit
    if limit is not None:
        return limit.value
    room = EXACT.multiply(exposure.reference.value, exposure.limits.market_order_cushion)
    change = EXACT.add if exposure.is_buy else EXACT.subtract
    return change(exposure.reference.value, room)


def _would_meet(exposure: Exposure, other: Neighbour, worst: Decimal) -> bool:
    ticket = other.ticket
    if not other.is_open or ticket.side is exposure.ticket.side or ticket.kind.waits:
        return False
    if ticket.kind is OrderKind.MARKET or ticket.limit_price is None:
        return True
    resting = ticket.limit_price.value
    return worst >= resting if exposure.ticket.side is Side.BUY else worst <= resting
