"""One event of every type as it might be, and any event of a type, for tests of its bytes."""

from __future__ import annotations

import types
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from tests import builders
from traderbot.application.ports.recorded import DomainEvent
from traderbot.domain.bots.events import (
    BotLeased,
    BotParametersChanged,
    BotPaused,
    BotResumed,
)
from traderbot.domain.bots.sizing_rule import Sizing, SizingRule
from traderbot.domain.market.events import BarsRecorded
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.operations.events import EpochStarted, ParkedDiscarded
from traderbot.domain.orders.events import (
    AmendRefused,
    AmendRequested,
    CancelRefused,
    CancelRequested,
    OrderAmended,
    OrderExpired,
    OrderNotFound,
    OrderRejected,
    OrderSubmitting,
    OrderTriggered,
    OrderUnconfirmed,
    SubmissionDeferred,
    SubmissionUnknown,
    VenueAnswered,
)
from traderbot.domain.orders.ticket import (
    Check,
    Exits,
    Fill,
    OrderKind,
    Side,
    Ticket,
    TimeInForce,
)
from traderbot.domain.risk.events import (
    AlarmRaised,
    LimitChanged,
    LimitReturned,
    TradingHalted,
    TradingReduced,
    TradingResumed,
)
from traderbot.domain.risk.sizing.kelly import TradeRecord
from traderbot.domain.shared.ids import OrderId
from traderbot.domain.shared.values import Currency, Money, Price, Quantity, Symbol, symbol
from traderbot.domain.simulation.events import (
    PaperAccepted,
    PaperAmended,
    PaperBookOpened,
    PaperCanceled,
    PaperExpired,
    PaperRejected,
    PaperRested,
    PaperTraded,
    PaperTrailMoved,
    PaperTriggered,
)
from traderbot.domain.users.events import (
    ExchangeKeyAdded,
    ExchangeKeyRemoved,
    PasswordChanged,
    SessionEnded,
    SessionOpened,
    SessionRefreshed,
)
from traderbot.domain.venues.events import (
    BaselineRecorded,
    DeadManArmed,
    DeadManDisarmed,
    DifferenceEnded,
    DifferenceFound,
)

_SESSION = "0192f0c1-0000-7000-8000-000000000055"
_EXCHANGE_KEY = "0192f0c1-0000-7000-8000-000000000066"
_AT = builders.NOON + timedelta(microseconds=7)
_COIN = "BTC/USDT"
_OTHER_ORDER = OrderId("0192f0c1-0000-7000-8000-00000000000a")

# Names, notes and reasons hold what people write; amounts use all digits there are.
EXAMPLES: Mapping[str, DomainEvent] = {
    "user.registered": builders.registered(at=_AT),
    "user.deactivated": builders.deactivated(reason='asked: "erase me" \\ 忘れて\n\t\u007f'),
    "user.session_opened": SessionOpened(user_id=builders.USER_ID, at=_AT, session_id=_SESSION),
    "user.session_refreshed": SessionRefreshed(
        user_id=builders.USER_ID, at=_AT, session_id=_SESSION, generation=2
    ),
    "user.session_ended": SessionEnded(
        user_id=builders.USER_ID, at=_AT, session_id=_SESSION, cause="reused"
    ),
    "user.password_changed": PasswordChanged(user_id=builders.USER_ID, at=_AT),
    "user.exchange_key_added": ExchangeKeyAdded(
        user_id=builders.USER_ID,
        at=_AT,
        key_id=_EXCHANGE_KEY,
        exchange="binance",
        label="Überrest 🦊",
    ),
    "user.exchange_key_removed": ExchangeKeyRemoved(
        user_id=builders.USER_ID, at=_AT, key_id=_EXCHANGE_KEY
    ),
    "portfolio.opened": builders.opened(name="Überrest 🦊"),
    "portfolio.cash_deposited": builders.deposited("99999999999999999999.999999999999999999 USD"),
    "portfolio.cash_corrected": builders.corrected(
        "-0.01 USD", corrects="0192f0c1-0000-7000-8000-000000000077"
    ),
    "portfolio.cash_withdrawn": builders.withdrawn("0.000000000000000001 BTC"),
    "portfolio.exposure_reserved": builders.reserved("1050 USDT", symbol_code=_COIN),
    "portfolio.exposure_released": builders.released("0 USD", closing="2.5"),
    "portfolio.fill_booked": builders.booked(
        builders.trade(builders.a_portfolio(), "buy", "3", "100"),
        side="sell",
        quantity="10",
        price="99.01",
        fee="1.03 USD",
        closing_used="3",
        at=_AT,
    ),
    "order.placed": builders.placed(limit_price="100.25", bot_run_id=builders.BOT_RUN_ID, at=_AT),
    "order.approved": builders.approved(closing="1"),
    "order.refused": builders.refused(),
    "order.accepted": builders.accepted(),
    "order.filled": builders.filled(fee="0.001 BTC", used="12.5 USD", closing_used="1", at=_AT),
    "order.submitting": OrderSubmitting(
        order_id=builders.ORDER_ID,
        at=_AT,
        venue="binance",
        account="main",
        client_order_id=builders.ORDER_ID.replace("-", ""),
        attempt=1,
    ),
    "order.submission_deferred": SubmissionDeferred(
        order_id=builders.ORDER_ID, at=_AT, attempt=1, reason="connection refused"
    ),
    "order.submission_unknown": SubmissionUnknown(
        order_id=builders.ORDER_ID, at=_AT, attempt=2, cause="HTTP 503"
    ),
    "order.not_found": OrderNotFound(order_id=builders.ORDER_ID, at=_AT, times=2),
    "order.unconfirmed": OrderUnconfirmed(
        order_id=builders.ORDER_ID, at=_AT, reason="the venue has not answered for a minute"
    ),
    "order.venue_answered": VenueAnswered(
        order_id=builders.ORDER_ID,
        at=_AT,
        venue="alpaca",
        call="find",
        outcome="rejected",
        raw='{"code": 40310000, "message": "insufficient \u20ac"}',
    ),
    "order.rejected": OrderRejected(
        order_id=builders.ORDER_ID,
        at=_AT,
        code="INSUFFICIENT_FUNDS",
        reason="Account has insufficient balance for requested action.",
        released=Money.parse("1050 USD"),
        closing_released=Quantity("0.5"),
    ),
    "order.triggered": OrderTriggered(order_id=builders.ORDER_ID, at=_AT, price=Price("99.5")),
    "order.cancel_requested": CancelRequested(
        order_id=builders.ORDER_ID, at=_AT, reason="asked by the owner"
    ),
    "order.cancel_refused": CancelRefused(
        order_id=builders.ORDER_ID, at=_AT, reason="too late to cancel"
    ),
    "order.expired": OrderExpired(
        order_id=builders.ORDER_ID,
        at=_AT,
        reason="the day is over",
        released=Money.parse("0.01 USD"),
        closing_released=Quantity(3),
    ),
    "order.amend_requested": AmendRequested(
        order_id=builders.ORDER_ID,
        at=_AT,
        quantity=Quantity("12.5"),
        limit_price=Price("101.25"),
        stop_price=None,
        reserved_more=Money.parse("250 USD"),
        reserved_spare=Money.parse("0 USD"),
        closing_more=Quantity(0),
        closing_spare=Quantity("0.5"),
        checks=(Check("INSUFFICIENT_FUNDS", "9000 USD", "1300 USD"),),
        limits_version="settings portfolio:3",
    ),
    "order.amended": OrderAmended(
        order_id=builders.ORDER_ID,
        at=_AT,
        quantity=Quantity(8),
        limit_price=None,
        stop_price=Price("90"),
        released=Money.parse("20 USD"),
        closing_released=Quantity(1),
    ),
    "order.amend_refused": AmendRefused(
        order_id=builders.ORDER_ID,
        at=_AT,
        reason="order is already filled",
        released=Money.parse("250 USD"),
        closing_released=Quantity(0),
    ),
    "order.canceled": builders.canceled(reason="</script>\u2028", released="7 USD"),
    "bot.started": builders.started(parameters={"period": "14", "Z": "1", "a": ""}),
    "bot.decided": builders.decided(signal="BUY", order_id=_OTHER_ORDER, blocking_code=None),
    "bot.stopped": builders.stopped(),
    "bot.leased": BotLeased(
        bot_run_id=builders.BOT_RUN_ID, at=_AT, holder="desk-1:4711:9f", fence=3
    ),
    "bot.paused": BotPaused(bot_run_id=builders.BOT_RUN_ID, at=_AT, reason="the news: 休場"),
    "bot.resumed": BotResumed(bot_run_id=builders.BOT_RUN_ID, at=_AT, reason="it is over"),
    "bot.parameters_changed": BotParametersChanged(
        bot_run_id=builders.BOT_RUN_ID,
        at=_AT,
        parameters={"period": "21", "a": ""},
        reason="slower",
    ),
    "risk.alarm_raised": AlarmRaised(
        scope="portfolio-0192f0c1-0000-7000-8000-000000000003",
        at=_AT,
        cause="EXIT_REFUSED",
        message="what was filled has no stop at 180: TRADING_HALTED",
    ),
    "risk.halted": TradingHalted(
        scope="system",
        at=_AT,
        cause="MANUAL",
        reason="Nikkei fällt 忘れて",
        by="user:0192f0c1-0000-7000-8000-000000000001",
    ),
    "risk.reduced": TradingReduced(
        scope=f"portfolio-{builders.PORTFOLIO_ID}",
        at=_AT,
        cause="DAILY_LOSS_MAX",
        reason="2000.01 USD, the limit is 2000 USD",
        by="traderbot",
        until=_AT + timedelta(hours=1),
    ),
    "risk.resumed": TradingResumed(
        scope="venue-paper", at=_AT, reason="looked into", by="operator:ada"
    ),
    "risk.limit_changed": LimitChanged(
        scope=f"bot-{builders.BOT_RUN_ID}",
        at=_AT,
        limit="order_notional_max",
        old=None,
        new="5000.000000000000000001",
        expires_at=_AT + timedelta(minutes=60),
        returns_to=None,
        reason="one large order",
        by="operator:ada",
    ),
    "risk.limit_returned": LimitReturned(
        scope="system",
        at=_AT,
        limit="symbols",
        old="AAPL,BTC/USDT",
        new="AAPL",
        expired_at=_AT - timedelta(microseconds=1),
    ),
    "operations.epoch_started": EpochStarted(
        at=_AT,
        epoch=2,
        origin="example.org/log",
        reason="restored the copy of Monday",
        size=7,
        root="5a" * 32,
        published_size=9,
        published_root="a5" * 32,
    ),
    "operations.parked_discarded": ParkedDiscarded(
        at=_AT,
        subscription="notification",
        log_index=2**53 - 1,
        event_id="0192f0c1-0000-7000-8000-0000000000e1",
        reason="the address is gone: \u201cno such host\u201d",
    ),
    "venue.baseline_recorded": BaselineRecorded(
        venue="binance",
        account="main",
        at=_AT,
        symbol=symbol(_COIN),
        theirs=Decimal("1.25"),
        ours=Decimal("-0.25"),
    ),
    "venue.difference_found": DifferenceFound(
        venue="alpaca",
        account="main",
        at=_AT,
        key="7:foreign_order",
        kind="foreign_order",
        sentence="order 7 works at alpaca and was not sent by this program",
        raw='{"id": "7"}',
    ),
    "venue.difference_ended": DifferenceEnded(
        venue="alpaca", account="main", at=_AT, key="7:foreign_order"
    ),
    "venue.dead_man_armed": DeadManArmed(venue="kraken", account="main", at=_AT, seconds=60),
    "venue.dead_man_disarmed": DeadManDisarmed(venue="kraken", account="main", at=_AT),
    "market.bars_recorded": BarsRecorded(
        at=_AT,
        symbol=symbol(_COIN),
        timeframe=Timeframe.H1,
        first_at=builders.NOON,
        last_at=builders.later(60),
        count=2,
        digest="c3" * 32,
        source="file:Kurse \u201eBTC\u201c.csv",
    ),
    "paper.book_opened": PaperBookOpened(
        at=_AT, portfolio_id=builders.PORTFOLIO_ID, symbol=symbol(_COIN)
    ),
    "paper.accepted": PaperAccepted(
        at=_AT,
        order_id=builders.ORDER_ID,
        client_order_id=builders.ORDER_ID.replace("-", ""),
        ticket=builders.a_ticket(limit_price="100.25"),
        active_at=builders.later(1),
    ),
    "paper.rejected": PaperRejected(
        at=_AT,
        order_id=builders.ORDER_ID,
        code="POST_ONLY",
        reason="it would trade at once, and may only stand in the book",
        seen_at=builders.later(60),
    ),
    "paper.rested": PaperRested(
        at=_AT, order_id=builders.ORDER_ID, seen_at=builders.later(60), seen_sequence=2
    ),
    "paper.triggered": PaperTriggered(
        at=_AT, order_id=builders.ORDER_ID, price=Price("99.5"), seen_at=builders.later(60)
    ),
    "paper.trail_moved": PaperTrailMoved(
        at=_AT,
        order_id=builders.ORDER_ID,
        best=Price("110.25"),
        stop_price=Price("104.73"),
        seen_at=builders.later(60),
    ),
    "paper.traded": PaperTraded(
        at=_AT,
        order_id=builders.ORDER_ID,
        client_order_id=builders.ORDER_ID.replace("-", ""),
        side=Side.SELL,
        trade_id=f"{builders.ORDER_ID}:1",
        quantity=Quantity("2.5"),
        price=Price("100.05"),
        fee=Money.parse("0.250125 USD"),
        maker=False,
        model="maker 10 taker 10 bps, slippage bps 5",
        seen_at=builders.later(60),
    ),
    "paper.canceled": PaperCanceled(
        at=_AT, order_id=builders.ORDER_ID, reason="asked by the owner"
    ),
    "paper.expired": PaperExpired(
        at=_AT,
        order_id=builders.ORDER_ID,
        reason="its time is over",
        seen_at=_AT,
        seen_sequence=1,
    ),
    "paper.amended": PaperAmended(
        at=_AT,
        order_id=builders.ORDER_ID,
        quantity=Quantity(8),
        limit_price=Price("101"),
        stop_price=None,
        keeps_place=False,
        active_at=builders.later(1),
    ),
}

_ASCII = st.characters(min_codepoint=0x20, max_codepoint=0x7E)
_AMOUNTS = st.integers(-(10**38) + 1, 10**38 - 1).map(lambda n: Decimal(f"{n}E-18"))
_QUANTITIES = st.integers(0, 10**38 - 1).map(lambda n: Decimal(f"{n}E-18"))
_CURRENCIES = st.from_regex(r"[A-Z0-9]{2,10}", fullmatch=True).map(Currency)
_SYMBOLS = st.from_regex(r"[A-Z0-9]{1,10}([.-][A-Z0-9]{1,4})?(/[A-Z0-9]{2,10})?", fullmatch=True)
_VALUES: Mapping[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=20),
    bool: st.booleans(),
    int: st.integers(1 - 2**53, 2**53 - 1),
    Decimal: _AMOUNTS.map(lambda it: Money(it, "USD").amount),
    datetime: st.datetimes(timezones=st.just(UTC)),
    Quantity: _QUANTITIES.map(Quantity),
    Price: _QUANTITIES.filter(bool).map(Price),
    Money: st.builds(Money, _AMOUNTS, _CURRENCIES),
    Symbol: _SYMBOLS.map(symbol),
}


def any_of(kind: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for values of an annotated type."""
    kind = getattr(kind, "__supertype__", kind)
    if kind in _VALUES:
        return _VALUES[kind]
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return st.none() | any_of(arguments[0])
    if origin is tuple:
        return st.lists(any_of(arguments[0]), max_size=3).map(tuple)
    if origin is Mapping:
        return st.dictionaries(st.text(_ASCII, max_size=5), any_of(arguments[1]), max_size=4)
    return st.sampled_from(kind) if issubclass(kind, Enum) else _any_dataclass(kind)


def _any_dataclass(kind: type) -> st.SearchStrategy[Any]:
    fields = {name: any_of(hint) for name, hint in get_type_hints(kind).items()}
    if kind in (Ticket, Fill):  # of nothing there is none
        fields["quantity"] = any_of(Quantity).filter(bool)
    if kind is Ticket:
        return _any_ticket(fields)
    if kind is Exits:
        fields["take_profit"] = any_of(Price)
    if kind is Sizing:
        return _any_sizing()
    return st.builds(kind, **fields)


def _any_sizing() -> st.SearchStrategy[Sizing]:
    """Return a strategy for sizing rules that have the numbers they need."""
    share = st.decimals("0.01", "0.99", places=2)
    record = st.builds(
        TradeRecord,
        wins=st.integers(1, 99),
        losses=st.integers(1, 99),
        won=st.decimals("0.1", "99", places=1),
        lost=st.decimals("0.1", "99", places=1),
    )
    every = {"amount": share, "take_profit": st.none() | share, "short": st.booleans()}
    ways: list[dict[str, st.SearchStrategy[Any]]] = [
        {"rule": st.sampled_from([SizingRule.SHARE, SizingRule.FIXED])},
        {"rule": st.just(SizingRule.RISK), "stop_loss": share},
        {"rule": st.just(SizingRule.VOLATILITY), "indicator": st.text(_ASCII, min_size=1)},
        {"rule": st.just(SizingRule.KELLY), "stop_loss": share, "record": record},
    ]
    return st.one_of(*(st.builds(Sizing, **{**every, **way}) for way in ways))


def _any_ticket(fields: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Ticket]:
    """Return a strategy for tickets whose fields do not contradict each other."""
    bare = {
        name: st.none()
        for name in (
            "limit_price",
            "stop_price",
            "trail",
            "trail_bps",
            "expires_at",
            "exits",
            "protective_limit",
        )
    }
    plainest = {
        **fields,
        **bare,
        "time_in_force": st.sampled_from([TimeInForce.GTC, TimeInForce.DAY]),
        "post_only": st.just(value=False),
        "reduce_only": st.booleans(),
        "client_order_id": st.none() | st.from_regex(r"[A-Za-z0-9-]{1,32}", fullmatch=True),
    }
    price, kind = any_of(Price), st.just
    dated = {
        "time_in_force": st.just(TimeInForce.GTD),
        "expires_at": any_of(datetime),
        "reduce_only": st.just(value=False),
        "exits": any_of(Exits),
    }
    ways: list[dict[str, st.SearchStrategy[Any]]] = [
        {"kind": kind(OrderKind.MARKET), "protective_limit": st.none() | price},
        {"kind": kind(OrderKind.LIMIT), "limit_price": price, "post_only": st.booleans()},
        {"kind": kind(OrderKind.LIMIT), "limit_price": price, **dated},
        {"kind": kind(OrderKind.STOP), "stop_price": price},
        {"kind": kind(OrderKind.STOP_LIMIT), "stop_price": price, "limit_price": price},
        {"kind": kind(OrderKind.TRAILING_STOP), "trail": price},
        {"kind": kind(OrderKind.TRAILING_STOP), "trail_bps": st.decimals("0.5", "9999", places=2)},
    ]
    return st.one_of(*(st.builds(Ticket, **{**plainest, **way}) for way in ways))
