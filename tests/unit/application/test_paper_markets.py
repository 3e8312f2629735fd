"""What the gate knows of markets on paper."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.builders import NOON, a_bar, a_portfolio, a_ticket
from traderbot.application.paper_markets import PaperMarkets
from traderbot.domain.market.instrument import Instrument, default_instrument
from traderbot.domain.orders.ticket import Exits, Refused
from traderbot.domain.risk.exposure import Circumstances, Quote
from traderbot.domain.risk.limits import Limits
from traderbot.domain.risk.review import review
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.values import Money, Price, Quantity, symbol

ROOMY = Limits(order_notional_max=Decimal(10**9), order_notional_fraction=Decimal(1))


def codes(code: str, quantity: str, price: str) -> list[str]:
    markets = PaperMarkets()
    ticket = a_ticket(symbol_code=code, quantity=quantity, limit_price=price)
    quote = symbol(code).quote
    around = Circumstances(at=NOON, rules=markets.rules(symbol(code)))
    verdict = review(
        ticket, a_portfolio(cash=f"1000000 {quote}"), Price(price), ROOMY, around=around
    )
    return [it.code for it in verdict.reasons] if isinstance(verdict, Refused) else []


@pytest.mark.parametrize(
    ("code", "quantity", "price", "refused"),
    [
        ("AAPL", "10", "195.51", []),
        ("AAPL", "10", "195.505", ["INVALID_TICK"]),
        ("AAPL", "1.5", "195.50", ["INVALID_LOT"]),
        ("DOGE/USDT", "100", "0.06123457", []),
        ("DOGE/USDT", "100", "0.061234567", ["INVALID_TICK"]),
        ("BTC/USD", "0.00002", "60000", []),
        ("BTC/USD", "0.00001", "60000", ["MIN_NOTIONAL"]),
        ("BTC/USD", "0.000000001", "60000", ["INVALID_LOT", "MIN_NOTIONAL"]),
        ("ETH/BTC", "0.001", "0.05", []),  # a whole bitcoin is too much to ask
    ],
)
def test_steps_and_least_sizes_are_assumed_of_every_symbol(
    code: str, quantity: str, price: str, refused: list[str]
) -> None:
    assert codes(code, quantity, price) == refused


@pytest.mark.parametrize("name", ["take_profit", "stop_loss"])
def test_the_prices_of_exits_are_whole_steps_before_anything_is_filled(name: str) -> None:
    rules = PaperMarkets().rules(symbol("AAPL"))
    around = Circumstances(at=NOON, rules=rules)
    for price, refused in (("110.01", False), ("110.005", True)):
        ticket = replace(a_ticket(limit_price="100"), exits=Exits(**{name: Price(price)}))
        verdict = review(ticket, a_portfolio(), Price("100"), ROOMY, around=around)
        assert isinstance(verdict, Refused) is refused


def test_the_newest_bar_is_the_quote_of_the_instant_it_was_over() -> None:
    bar = a_bar()
    markets = PaperMarkets({bar.symbol: bar}.get)
    assert markets.quote(bar.symbol) == Quote(bar.close, bar.closes_at)
    assert markets.quote(symbol("GOOG")) is None
    assert markets.lists(symbol("GOOG"))


def test_an_instruments_least_notional_is_in_its_own_money() -> None:
    btc = default_instrument(symbol("BTC/USDT"))
    assert btc.notional_min == Money(1, "USDT")
    assert default_instrument(symbol("IBM")).notional_min is None
    for wrong in (Money(1, "EUR"), Money(-1, "USDT")):
        with pytest.raises(InvalidValueError, match="least notional"):
            replace(btc, notional_min=wrong)
    assert Instrument(symbol=btc.symbol, tick_size=Price(1), lot_size=Quantity(1))
