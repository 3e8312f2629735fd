"""What two histories come to at the end: trades, cash, positions, profit, fees and equity."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from traderbot.application.ports.what_if import (
    CurrencyChange,
    EndPrice,
    PortfolioChange,
    PositionChange,
    TradeChange,
    TradeChanges,
    Versus,
)
from traderbot.application.views import TradeView
from traderbot.domain.bots.events import BotDecided
from traderbot.domain.orders.events import OrderFilled
from traderbot.domain.portfolio.events import FillBooked
from traderbot.domain.portfolio.portfolio import Portfolio
from traderbot.domain.shared.decimals import ZERO, add, multiply, plain, subtract
from traderbot.domain.shared.values import Currency, Price, Symbol
from traderbot.what_if.history import History
from traderbot.what_if.telling import Telling

_Prices = Mapping[Symbol, tuple[Price, str]]


def end_prices(history: History) -> dict[Symbol, tuple[Price, str]]:
    """Return the last price of each symbol in the log, and where it stands.

    It is the close of a bar a bot decided on, or the price of a fill, whichever is newer.
    """
    prices: dict[Symbol, tuple[Price, str]] = {}
    for fact in history.facts:
        match fact.event:
            case BotDecided(bot_run_id=run_id, close=close, at=at):
                run = history.runs[run_id]
                source = f"close of {run.timeframe.value} bar at {at:%Y-%m-%dT%H:%M:%SZ}"
                prices[run.symbol] = close, f"{source}, index {fact.index}"
            case OrderFilled(order_id=order_id, fill=fill):
                symbol = history.states[f"order-{order_id}"].ticket.symbol
                prices[symbol] = fill.price, f"fill {fill.id}, index {fact.index}"
            case _:
                pass
    return prices


def told_prices(prices: _Prices, tellings: Iterable[Telling]) -> list[EndPrice]:
    """Return the prices of what anybody holds at the end."""
    held = {
        symbol
        for telling in tellings
        for portfolio in telling.portfolios.values()
        for symbol, position in portfolio.positions.items()
        if position.net
    }
    return [
        EndPrice(symbol=symbol.code, price=str(prices[symbol][0]), source=prices[symbol][1])
        for symbol in sorted(held)
    ]


def trade_changes(fact: Telling, hypothesis: Telling) -> TradeChanges:
    """Compare all booked fills; the same fill has the same order and the same id."""
    booked, others = fact.booked, hypothesis.booked
    return TradeChanges(
        fact=len(booked),
        hypothesis=len(others),
        only_in_fact=[_view(it) for key, it in booked.items() if key not in others],
        only_in_hypothesis=[_view(it) for key, it in others.items() if key not in booked],
        different=[
            TradeChange(fact=_view(it), hypothesis=_view(others[key]))
            for key, it in booked.items()
            if key in others and _view(it) != _view(others[key])
        ],
    )


def portfolio_changes(fact: Telling, hypothesis: Telling, prices: _Prices) -> list[PortfolioChange]:
    """Compare all portfolios, changed or not."""
    return [
        _portfolio(id_, fact, hypothesis, prices)
        for id_ in sorted(fact.portfolios.keys() | hypothesis.portfolios.keys())
    ]


def _portfolio(id_: str, fact: Telling, hypothesis: Telling, prices: _Prices) -> PortfolioChange:
    sides = [_Account(id_, telling, prices) for telling in (fact, hypothesis)]
    currencies = sorted({code for side in sides for code in side.currencies})
    symbols = sorted({symbol for side in sides for symbol in side.symbols})
    return PortfolioChange(
        portfolio_id=id_,
        currencies=[
            CurrencyChange(
                currency=currency.code,
                cash=_versus([side.cash(currency) for side in sides]),
                realised=_versus([side.realised(currency) for side in sides]),
                fees=_versus([side.fees(currency) for side in sides]),
                equity=_versus([side.equity(currency) for side in sides]),
            )
            for currency in currencies
        ],
        positions=[
            PositionChange(
                symbol=symbol.code,
                quantity=_versus([side.quantity(symbol) for side in sides]),
                cost=_versus([side.cost(symbol) for side in sides]),
                realised=_versus([side.realised_on(symbol) for side in sides]),
            )
            for symbol in symbols
        ],
    )


class _Account:
    """One portfolio in one history; every figure is None where there is no such portfolio."""

    def __init__(self, id_: str, telling: Telling, prices: _Prices) -> None:
        self._portfolio: Portfolio | None = telling.portfolios.get(id_)
        self._booked = [it for it in telling.booked.values() if it.portfolio_id == id_]
        self._prices = prices

    @property
    def symbols(self) -> Sequence[Symbol]:
        return [] if self._portfolio is None else list(self._portfolio.positions)

    @property
    def currencies(self) -> set[Currency]:
        cash = [] if self._portfolio is None else list(self._portfolio.cash)
        return {*cash, *(symbol.quote for symbol in self.symbols)}

    def cash(self, currency: Currency) -> Decimal | None:
        if self._portfolio is None:
            return None
        return self._portfolio.cash_in(currency).total.amount

    def realised(self, currency: Currency) -> Decimal | None:
        return self._sum(
            it.realised.amount for it in self._booked if it.realised.currency == currency
        )

    def fees(self, currency: Currency) -> Decimal | None:
        return self._sum(it.fee.amount for it in self._booked if it.fee.currency == currency)

    def equity(self, currency: Currency) -> Decimal | None:
        cash = self.cash(currency)
        if cash is None or self._portfolio is None:
            return None
        for symbol, held in self._portfolio.positions.items():
            if symbol.quote == currency and held.net:
                cash = add(cash, multiply(held.net, self._prices[symbol][0].value))
        return cash

    def quantity(self, symbol: Symbol) -> Decimal | None:
        return None if self._portfolio is None else self._portfolio.position_in(symbol).net

    def cost(self, symbol: Symbol) -> Decimal | None:
        if self._portfolio is None:
            return None
        return self._portfolio.position_in(symbol).cost.amount

    def realised_on(self, symbol: Symbol) -> Decimal | None:
        if self._portfolio is None:
            return None
        return self._portfolio.position_in(symbol).realised.amount

    def _sum(self, amounts: Iterable[Decimal]) -> Decimal | None:
        if self._portfolio is None:
            return None
        total = ZERO
        for amount in amounts:
            total = add(total, amount)
        return total


def _versus(amounts: Sequence[Decimal | None]) -> Versus:
    before, after = amounts
    difference = subtract(ZERO if after is None else after, ZERO if before is None else before)
    return Versus(fact=_text(before), hypothesis=_text(after), difference=plain(difference))


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else plain(amount)


def _view(booked: FillBooked) -> TradeView:
    return TradeView(
        order_id=booked.order_id,
        fill_id=booked.fill_id,
        portfolio_id=booked.portfolio_id,
        bot_run_id=booked.bot_run_id,
        symbol=booked.symbol.code,
        side=booked.side.value,
        quantity=str(booked.quantity),
        price=str(booked.price),
        notional=plain(booked.notional.amount),
        fee=plain(booked.fee.amount),
        fee_currency=booked.fee.currency.code,
        realised=plain(booked.realised.amount),
        currency=booked.notional.currency.code,
        at=booked.at,
    )
