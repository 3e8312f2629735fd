"""What ccxt tells of markets, in our words: steps, rules and prices. Its numbers are text."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from traderbot.application.errors import VenueUnavailableError
from traderbot.domain.market.instrument import Instrument
from traderbot.domain.orders.ticket import OrderKind
from traderbot.domain.risk.exposure import Quote, TradingRules
from traderbot.domain.shared.decimals import EXACT, exact
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.values import Money, Price, Quantity, Symbol, symbol

_ODD: Final = (InvalidValueError, KeyError, TypeError, AttributeError, ValueError, ArithmeticError)
_HALF: Final = Decimal("0.5")

Market = Mapping[str, Any]


def instrument_of(venue: str, of: Symbol, market: Market | None) -> Instrument | None:
    """Return the steps of a symbol, None if it is not traded.

    Raises:
        VenueUnavailableError: the venue does not say in which steps.
    """
    if market is None or not _is_traded(market):
        return None
    try:
        tick, lot = _steps(market)
        return Instrument(symbol=of, tick_size=tick, lot_size=lot)
    except _ODD as error:
        msg = f"{venue} does not say in which steps {of} is traded"
        raise VenueUnavailableError(msg) from error


def rules_of_all(
    markets: Mapping[str, Market], kinds: frozenset[OrderKind]
) -> Mapping[Symbol, TradingRules]:
    """Return the rules of all that is traded. What has no name here, or no steps, is left out."""
    rules: dict[Symbol, TradingRules] = {}
    for code, market in markets.items():
        if not _is_traded(market):
            continue
        try:
            of = symbol(code)
            tick, lot = _steps(market)
            limits = market.get("limits") or {}
            amount, cost = limits.get("amount") or {}, limits.get("cost") or {}
            least = _number(cost.get("min"))
            rules[of] = TradingRules(
                tick_size=tick,
                lot_size=lot,
                quantity_min=_quantity(amount.get("min")),
                quantity_max=_quantity(amount.get("max")),
                notional_min=None if least is None else Money(least, of.quote),
                kinds=kinds,
            )
        except _ODD:
            continue
    return rules


def quotes_of(tickers: object, at: datetime) -> Mapping[Symbol, Quote]:
    """Return a price for each ticker: the middle of bid and ask, else what was paid last.

    `at` is when they were asked for: they are no older than the venue's answer.
    """
    found: dict[Symbol, Quote] = {}
    for code, ticker in tickers.items() if isinstance(tickers, Mapping) else ():
        try:
            price = _price(ticker)
            if price is not None:
                found[symbol(code)] = Quote(price, at)
        except _ODD:
            continue
    return found


def _price(ticker: Market) -> Price | None:
    bid, ask = _number(ticker.get("bid")), _number(ticker.get("ask"))
    if bid and ask:
        return Price(exact(EXACT.multiply(EXACT.add(bid, ask), _HALF)))
    last = _number(ticker.get("last"))
    return Price(last) if last else None


def _is_traded(market: Market) -> bool:
    return bool(market.get("spot")) and market.get("active") is not False


def _steps(market: Market) -> tuple[Price, Quantity]:
    steps = market["precision"]
    return Price(_plain(steps["price"])), Quantity(_plain(steps["amount"]))


def _quantity(told: Any) -> Quantity | None:  # noqa: ANN401
    number = _number(told)
    return Quantity(number) if number else None


def _number(told: Any) -> Decimal | None:  # noqa: ANN401
    return None if told is None else _plain(told)


def _plain(told: Any) -> Decimal:  # noqa: ANN401
    return exact(Decimal(str(told)))
