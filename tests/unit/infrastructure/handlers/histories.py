"""Any history of one portfolio, as the domain itself makes it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from hypothesis import strategies as st

from tests import builders
from traderbot.application.ports.recorded import DomainEvent
from traderbot.domain.portfolio.portfolio import Portfolio
from traderbot.domain.shared.values import Money

_SYMBOLS = ("AAPL", "MSFT", "BTC/USDT")
_AMOUNTS = st.integers(1, 10**9).map(lambda n: str(Decimal(n).scaleb(-4)))
_TRADES = st.tuples(
    st.sampled_from(("buy", "sell")),
    st.sampled_from(_SYMBOLS),
    st.sampled_from(("1", "2", "3", "0.000000000000000001", "7.5", "0.3")),
    _AMOUNTS,
    st.sampled_from((None, "0.01 USD", "1.5 USDT", "0.0003 BTC")),
    st.integers(0, 3 * 24 * 60),
)


@st.composite
def histories(draw: st.DrawFn) -> tuple[Sequence[DomainEvent], Portfolio]:
    """Return events and the portfolio they make: deposits, withdrawals, fills long and short."""
    events: list[DomainEvent] = [builders.opened(), builders.deposited("1000000 USD")]
    portfolio = Portfolio.from_events(events)  # type: ignore[arg-type]
    for side, code, quantity, price, fee, minute in draw(st.lists(_TRADES, max_size=12)):
        at = builders.later(minute)
        more: list[DomainEvent] = [
            builders.booked(
                portfolio,
                side=side,
                quantity=quantity,
                price=price,
                fee=fee,
                symbol_code=code,
                at=at,
            )
        ]
        if draw(st.booleans()):
            more += portfolio.deposit(Money(price, "USDT"), at=at)
        for event in more:
            portfolio = portfolio.apply(event)  # type: ignore[arg-type]
        events += more
    return events, portfolio
