"""What each bot's trades have made of a portfolio: parts that add up to the whole, exactly.

Quantity, cash, fees and realised profit of every booked fill belong to the bot that asked for its
order, or to nobody. Realised profit is the portfolio's own, at its average cost: where two bots
trade one symbol, the one that sells realises what both have paid.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from traderbot.application.ports.views import PAGE_LIMIT, Views
from traderbot.application.views import TradeView
from traderbot.domain.shared.decimals import ZERO, add, plain, subtract
from traderbot.domain.shared.ids import PortfolioId, UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class SubLedger:
    """What one bot has done in one symbol; `bot_run_id` is None for orders that no bot asked for.

    `cash` is received less paid, fees in the same currency included.
    """

    bot_run_id: str | None
    symbol: str
    currency: str
    trades: int
    quantity: str
    cash: str
    realised: str
    fees: str


@dataclass(slots=True)
class _Sum:
    trades: int = 0
    quantity: Decimal = ZERO
    cash: Decimal = ZERO
    realised: Decimal = ZERO
    fees: Decimal = ZERO

    def add(self, trade: TradeView) -> None:
        buys = trade.side == "buy"
        quantity, notional = Decimal(trade.quantity), Decimal(trade.notional)
        fee = Decimal(trade.fee) if trade.fee_currency == trade.currency else ZERO
        self.trades += 1
        self.quantity = (add if buys else subtract)(self.quantity, quantity)
        self.cash = subtract((subtract if buys else add)(self.cash, notional), fee)
        self.realised = add(self.realised, Decimal(trade.realised))
        self.fees = add(self.fees, fee)


def sub_ledgers(trades: Iterable[TradeView]) -> list[SubLedger]:
    """Return what each bot has done in each symbol, in any order of the trades the same."""
    sums: dict[tuple[str, str, str], _Sum] = {}
    for trade in trades:
        key = (trade.symbol, trade.bot_run_id or "", trade.currency)
        sums.setdefault(key, _Sum()).add(trade)
    return [
        SubLedger(
            bot_run_id=bot or None,
            symbol=symbol,
            currency=currency,
            trades=it.trades,
            quantity=plain(it.quantity),
            cash=plain(it.cash),
            realised=plain(it.realised),
            fees=plain(it.fees),
        )
        for (symbol, bot, currency), it in sorted(sums.items())
    ]


def all_trades(views: Views, owner_id: UserId | None, id_: PortfolioId) -> Iterator[TradeView]:
    """Yield every trade of a portfolio, newest first."""
    cursor: str | None = None
    while True:
        page = views.trades(owner_id, id_, limit=PAGE_LIMIT, cursor=cursor)
        yield from page.items
        cursor = page.next_cursor
        if cursor is None:
            return
