"""Many bots on one portfolio: their parts add up to it, to the last digit."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tests.builders import a_portfolio, booked
from traderbot.application.bots.sub_ledgers import sub_ledgers
from traderbot.application.views import TradeView
from traderbot.domain.portfolio.events import FillBooked
from traderbot.domain.shared.decimals import plain
from traderbot.domain.shared.values import USD, symbol

_FILLS = st.lists(
    st.tuples(
        st.sampled_from(["buy", "sell"]),
        st.integers(1, 5_000).map(lambda it: str(Decimal(it) / 100)),
        st.integers(1, 30_000).map(lambda it: str(Decimal(it) / 100)),
        st.integers(0, 900).map(lambda it: f"{Decimal(it) / 100} USD"),
        st.sampled_from(["AAPL", "IBM"]),
        st.sampled_from([None, "bot-1", "bot-2", "bot-3"]),
    ),
    max_size=12,
)


def a_trade(event: FillBooked, bot: str | None) -> TradeView:
    return TradeView(
        order_id=event.order_id,
        fill_id=event.fill_id,
        portfolio_id=event.portfolio_id,
        bot_run_id=bot,
        symbol=event.symbol.code,
        side=event.side.value,
        quantity=str(event.quantity),
        price=str(event.price),
        notional=plain(event.notional.amount),
        fee=plain(event.fee.amount),
        fee_currency=event.fee.currency.code,
        realised=plain(event.realised.amount),
        currency=event.symbol.quote.code,
        at=event.at,
    )


@given(_FILLS)
def test_the_parts_of_all_bots_are_the_portfolio(
    fills: list[tuple[str, str, str, str, str, str | None]],
) -> None:
    before = portfolio = a_portfolio(cash="100000000 USD")
    trades = []
    for side, quantity, price, fee, code, bot in fills:
        event = booked(
            portfolio, side=side, quantity=quantity, price=price, fee=fee, symbol_code=code
        )
        portfolio = portfolio.apply(event)
        trades.append(a_trade(event, bot))
    parts = sub_ledgers(trades)
    assert parts == sub_ledgers(reversed(trades))
    assert sum(it.trades for it in parts) == len(fills)
    for code in ("AAPL", "IBM"):
        position = portfolio.position_in(symbol(code))
        mine = [it for it in parts if it.symbol == code]
        assert sum(Decimal(it.quantity) for it in mine) == position.net
        assert sum(Decimal(it.realised) for it in mine) == position.realised.amount
        assert sum(Decimal(it.fees) for it in mine) == position.fees.amount
    moved = portfolio.cash[USD].total.amount - before.cash[USD].total.amount
    assert sum(Decimal(it.cash) for it in parts) == moved
