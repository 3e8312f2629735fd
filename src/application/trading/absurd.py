"""Whether a trade of ours has a price that nobody could have approved.

It is money and is booked whatever it says; but a venue that trades worse than a limit, or at half
or twice of what anything else says the price is, is not to be traded at before a person has looked.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from traderbot.application.ports.markets import Markets
from traderbot.application.ports.venue import VenueTrade
from traderbot.application.views import OrderView
from traderbot.domain.orders.ticket import Side
from traderbot.domain.shared.decimals import multiply, plain
from traderbot.domain.shared.values import Price

_FAR: Final = Decimal(2)  # times the reference, or one such part of it


def why_absurd(
    trade: VenueTrade, ours: OrderView, markets: Markets | None, changed: Sequence[Price] = ()
) -> str | None:
    """Return why the price cannot be right; None if nothing speaks against it.

    Args:
        trade: what the venue says was traded.
        ours: the order it belongs to, as it was before the trade.
        markets: for the newest price heard, if any is.
        changed: the limits it had before it was changed, and while it is: trades may come late.
    """
    price = trade.price.value
    if ours.limit_price is not None:
        limits = [Decimal(ours.limit_price), *(it.value for it in changed)]
        limit = max(limits) if trade.side is Side.BUY else min(limits)
        worse = price > limit if trade.side is Side.BUY else price < limit
        return f"worse than its limit {plain(limit)}" if worse else None
    for name, reference in _references(trade, ours, markets):
        if reference and not _within(price, reference):
            return f"far from {name} {plain(reference)}"
    reserved, remaining = Decimal(ours.reserved), Decimal(ours.remaining)
    if trade.side is Side.BUY and reserved:
        most = multiply(reserved, _FAR)
        if multiply(price, remaining) > most:
            return f"far above the {plain(reserved)} set aside for {plain(remaining)}"
    return None


def _within(price: Decimal, reference: Decimal) -> bool:
    return price <= multiply(reference, _FAR) and multiply(price, _FAR) >= reference


def _references(
    trade: VenueTrade, ours: OrderView, markets: Markets | None
) -> list[tuple[str, Decimal]]:
    found: list[tuple[str, Decimal]] = []
    if ours.stop_price is not None:
        found.append(("its stop price", Decimal(ours.stop_price)))
    if ours.average_price is not None:
        found.append(("what was traded of it before", Decimal(ours.average_price)))
    quote = None if markets is None else markets.quote(trade.symbol)
    if quote is not None:
        found.append(("the market's", quote.price.value))
    return found
