"""The gate at work: on every kind of database, under many hands, and when it breaks."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from tests.builders import NOON, a_fill, an_observation
from tests.integration.risk.racing import kinds
from tests.stores import ORIGIN, Desk, Owned, SqlStore, Store, at_once, keyed
from traderbot.application.commands.amend_order import AmendOrder
from traderbot.application.commands.bots import DecideOnBar, StartBot
from traderbot.application.commands.halting import HaltTrading, ResumeTrading
from traderbot.application.commands.record_fill import RecordFill
from traderbot.application.commands.risk_limits import AnalyseRisk, ChangeLimits
from traderbot.application.commands.venue_answers import (
    BeginSubmission,
    Heard,
    RecordVenueAnswer,
)
from traderbot.application.errors import NotAllowedError, NotFoundError, StaleAggregateError
from traderbot.application.gate import Gate
from traderbot.application.ports.event_bus import HandlerKind
from traderbot.application.ports.markets import UnknownMarkets
from traderbot.application.reactions.stop_trading import Stopping, StopTrading
from traderbot.application.use_cases import UseCases
from traderbot.application.views import OrderView
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.risk.errors import TradingHaltedError, TradingReducingError
from traderbot.domain.risk.exposure import Quote
from traderbot.domain.risk.limits import LIVE, Limits
from traderbot.domain.risk.policies import POLICIES
from traderbot.domain.risk.trading_state import SYSTEM, Scope, ScopeKind
from traderbot.domain.shared.ids import BotRunId, OrderId, UserId
from traderbot.domain.shared.values import Price, Quantity, Symbol, symbol
from traderbot.infrastructure.event_bus import EventBus
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.persistence.writer import Writer
from traderbot.infrastructure.repeatable import ReplayClock, SeededIds
from traderbot.infrastructure.system import SystemClock, Uuid7Source

ROUNDS = int(os.environ.get("TRADERBOT_TEST_FUNDS_ROUNDS", "10"))
WIDE: dict[str, Any] = {"order_notional_max": Decimal(10**9), "order_notional_fraction": Decimal(1)}
FREE: dict[str, Any] = {**WIDE, "market_order_cushion": Decimal(0), "fee_bps": Decimal(0)}


@contextmanager
def gated(store: Store, gate: Gate, clock: Any = None) -> Iterator[Desk]:
    """Open a writer with this gate, and with the reaction that stops trading."""
    clock, bus = clock or SystemClock(), EventBus()
    bus.subscribe(Stopping, StopTrading(gate=gate), HandlerKind.INLINE)
    ids = SeededIds("gate", clock) if isinstance(clock, ReplayClock) else Uuid7Source()
    writer = Writer(
        store.storage,
        UseCases.build(gate.limits, clock, ids, gate).handlers(),
        codec=EventCodec(),
        clock=clock,
        ids=ids,
        sink=bus,
    )
    try:
        yield Desk(writer, store.views())
    finally:
        writer.close()
        bus.close()


def reasons(order: OrderView) -> list[str]:
    return [each.code for each in order.reasons]


def portfolio_scope(owned: Owned) -> Scope:
    return Scope(ScopeKind.PORTFOLIO, owned.id)


# --- many hands -------------------------------------------------------------------------------


def test_of_64_at_once_exactly_the_ten_that_can_be_paid_for_pass(sql_store: SqlStore) -> None:
    gate = Gate(limits=Limits(**FREE))
    with gated(sql_store, gate) as one, gated(sql_store, gate) as other:
        owned = one.portfolio(None)
        for _ in range(ROUNDS):
            owned = one.second_portfolio(owned.owner, "10000 USD")
            calls = [
                partial((one, other)[n % 2].place, owned, quantity="10", limit_price="100")
                for n in range(64)
            ]
            answers = at_once(calls, 64)
            placed = [it for it in answers if isinstance(it, OrderView)]
            passed = [it for it in placed if it.status == "approved"]
            # The loser of eight races in a row hears a conflict; it was not accepted.
            assert all(isinstance(it, (OrderView, StaleAggregateError)) for it in answers)
            assert len(passed) == 10
            refused = {code for it in placed if it.status == "refused" for code in reasons(it)}
            assert refused == {"INSUFFICIENT_FUNDS"}
            (cash,) = one.portfolio_now(owned).balances
            assert (cash.free, cash.reserved) == ("0", "10000")


def test_of_64_at_once_in_eight_portfolios_the_total_lets_ten_pass(store: Store) -> None:
    gate = Gate(limits=Limits(**FREE, total_exposure_max=Decimal(10_000)))
    with gated(store, gate) as desk:
        first = desk.portfolio()
        owned = [first, *(desk.second_portfolio(first.owner) for _ in range(7))]
        wishes = [
            partial(desk.place, owned[n % 8], quantity="10", limit_price="100") for n in range(64)
        ]
        orders = at_once(wishes, 64)
        assert sum(it.status == "approved" for it in orders) == 10
        assert {code for it in orders for code in reasons(it)} == {"TOTAL_EXPOSURE_MAX"}
        canceled = next(it for it in orders if it.status == "approved")
        desk.cancel(canceled)
        assert desk.place(owned[0], quantity="10", limit_price="100").status == "approved"
        assert reasons(desk.place(owned[0], quantity="1", limit_price="100")) == [
            "TOTAL_EXPOSURE_MAX"
        ]


def test_what_an_order_holds_itself_is_not_held_against_its_change(store: Store) -> None:
    gate = Gate(limits=Limits(**FREE, total_exposure_max=Decimal(10_000)))
    with gated(store, gate) as desk:
        owned = desk.portfolio()
        order = desk.place(owned, quantity="60", limit_price="100")
        larger = AmendOrder(
            owner_id=owned.owner, order_id=OrderId(order.order_id), quantity=Quantity(100)
        )
        assert desk.run(larger).outcome == "amended"
        beyond = replace(larger, quantity=Quantity(101))
        refused = desk.run(beyond)
        assert (refused.outcome, [it.code for it in refused.reasons]) == (
            "refused",
            ["TOTAL_EXPOSURE_MAX"],
        )


def test_what_another_process_adds_to_the_total_counts_within_a_second(
    sql_store: SqlStore,
) -> None:
    gate = Gate(limits=Limits(**FREE, total_exposure_max=Decimal(10_000)))
    with gated(sql_store, gate) as one, gated(sql_store, gate) as other:
        mine = one.portfolio()
        theirs = one.second_portfolio(mine.owner)
        assert one.place(mine, quantity="10", limit_price="100").status == "approved"
        assert other.place(theirs, quantity="80", limit_price="100").status == "approved"
        time.sleep(1.1)  # what is known of others is this old at most
        assert reasons(one.place(mine, quantity="11", limit_price="100")) == ["TOTAL_EXPOSURE_MAX"]
        assert one.place(mine, quantity="10", limit_price="100").status == "approved"
        time.sleep(1.1)
        assert reasons(other.place(theirs, quantity="1", limit_price="100")) == [
            "TOTAL_EXPOSURE_MAX"
        ]


class OneQuote(UnknownMarkets):
    """A market that said one price, some seconds ago."""

    def __init__(self, price: str, clock: ReplayClock) -> None:
        self._quote = Quote(Price(price), clock.now())

    def quote(self, symbol: Symbol) -> Quote:
        del symbol
        return self._quote


def test_a_limit_far_from_the_live_quote_is_a_fat_finger_and_an_old_quote_is_none(
    store: Store,
) -> None:
    clock = ReplayClock(NOON)
    limits = Limits(
        **FREE,
        price_collar=Decimal("0.05"),
        reference_age_max=Decimal(10),
        market_order_collar=Decimal("0.02"),
    )
    gate = Gate(limits=limits, markets=OneQuote("100", clock))
    with gated(store, gate, clock) as desk:
        owned = desk.portfolio()
        assert reasons(desk.place(owned, quantity="1", limit_price="105.01")) == ["PRICE_COLLAR"]
        bought = desk.place(owned, quantity="10", limit_price="105")
        assert bought.status == "approved"
        desk.fill(bought, a_fill(quantity="10", price="105"))
        clock.move_to(NOON + timedelta(seconds=11))
        assert reasons(desk.place(owned, quantity="1", limit_price="100")) == ["REFERENCE_STALE"]
        out = desk.place(owned, side="sell", quantity="10", limit_price="80")
        assert out.status == "approved", "what closes does not wait for a quote"


def test_at_a_venue_a_market_order_is_measured_with_the_quote(store: Store) -> None:
    clock = ReplayClock(NOON)
    limits = Limits(**FREE, market_order_collar=Decimal("0.02"))
    gate = Gate(limits=limits, venue="elsewhere", markets=OneQuote("100", clock))
    with gated(store, gate, clock) as desk:
        order = desk.place(desk.portfolio(), quantity="10", limit_price=None)
        assert (order.status, order.reserved) == ("approved", "1020")


# --- a strategy in a tight loop ---------------------------------------------------------------


def test_a_strategy_in_a_tight_loop_is_stopped_and_stays_so(sql_store: SqlStore) -> None:
    """Knight, August 2012: 45 minutes of a loop that nothing was wired to block."""
    limits = Limits(**FREE, strategy_repeat_max=LIVE.strategy_repeat_max)
    clock = ReplayClock(NOON)
    gate = Gate(limits=limits)
    with gated(sql_store, gate, clock) as desk:
        owned = desk.portfolio("1000000 USD")
        run_id = _bot(desk, owned)
        blocked = [_loop(desk, run_id, number, clock) for number in range(60)]
    assert blocked[:20] == [None] * 20
    assert set(blocked[20:]) == {"STRATEGY_REPEAT_MAX", "TRADING_HALTED"}
    assert blocked[20] == "STRATEGY_REPEAT_MAX"
    with gated(sql_store, gate, clock) as desk:  # a restart does not let it go on
        clock.move_to(NOON + timedelta(days=2))
        assert _loop(desk, run_id, 10_000, clock) == "TRADING_HALTED"
        scope = Scope(ScopeKind.BOT, run_id)
        desk.run(ResumeTrading(scope=scope, reason="the loop is mended", owner_id=owned.owner))
        assert _loop(desk, run_id, 10_001, clock) is None
    assert kinds(sql_store.log()).count("order.approved") == 21
    assert kinds(sql_store.log()).count("risk.halted") == 1


def _bot(desk: Desk, owned: Owned) -> BotRunId:
    started = desk.run(
        StartBot(
            owner_id=owned.owner,
            portfolio_id=owned.id,
            strategy="RSI_CROSS",
            parameters={},
            symbol=symbol("AAPL"),
            timeframe=Timeframe.M1,
            allocation=Decimal("0.001"),
        )
    )
    return BotRunId(started.bot_run_id)


def _loop(desk: Desk, run_id: BotRunId, number: int, clock: ReplayClock) -> str | None:
    """Have the bot buy or sell, and whatever it ordered filled at once."""
    at = max(clock.now(), NOON) + timedelta(seconds=1)
    clock.move_to(at)
    run = desk.views.bot_run(None, run_id)
    assert run is not None
    (held,) = desk.views.positions(None, run.portfolio_id) or (None,)  # type: ignore[arg-type]
    signal = "SELL" if held is not None and held.is_open else "BUY"
    seen = replace(an_observation(), bar_at=at, closes_at=at, signal=signal, close=Price("100"))
    decision = desk.run(
        DecideOnBar(bot_run_id=run_id, seen=seen), key=f"{run_id}-{number}", scope="bot"
    )
    if decision.blocking_code is None and decision.order_id is not None:
        order = desk.views.order(None, OrderId(decision.order_id))
        assert order is not None
        fill = a_fill(fill_id=f"fill-{number}", quantity=order.quantity, price="100", at=at)
        desk.run(RecordFill(order_id=OrderId(order.order_id), fill=fill))
    return decision.blocking_code


# --- limits that change -----------------------------------------------------------------------


def test_a_raise_of_two_seconds_comes_back_by_itself(store: Store) -> None:
    clock = ReplayClock(NOON)
    gate = Gate(limits=Limits(**{**FREE, "order_notional_max": Decimal(1000)}))
    with gated(store, gate, clock) as desk:
        owned = desk.portfolio()
        place = partial(desk.place, owned, limit_price="100")
        assert reasons(place(quantity="10.01")) == ["ORDER_NOTIONAL_MAX"]
        raised = desk.run(
            ChangeLimits(
                scope=SYSTEM,
                limits={"order_notional_max": "2000"},
                reason="one large order",
                expires_at=NOON + timedelta(seconds=2),
            )
        )
        assert raised.version == 1
        clock.move_to(NOON + timedelta(seconds=1))
        within = place(quantity="20")
        assert (within.status, within.limits_version) == ("approved", "settings+system@1")
        clock.move_to(NOON + timedelta(seconds=2))
        beyond = place(quantity="10.01")
        assert (reasons(beyond), beyond.limits_version) == (
            ["ORDER_NOTIONAL_MAX"],
            "settings+system@1",  # which was over at that instant
        )
        assert place(quantity="10.01").limits_version == "settings"
        found = kinds(store.log())
        assert found.count("risk.limit_changed") == found.count("risk.limit_returned") == 1


def test_limits_are_changed_by_whoever_owns_the_scope_and_nobody_else(desk: Desk) -> None:
    owned = desk.portfolio()
    stranger = UserId(desk.user("eve@example.org").user_id)
    change = partial(ChangeLimits, limits={"open_orders_max": "3"}, reason="less")
    for scope, owner, error in (
        (portfolio_scope(owned), stranger, NotFoundError),
        (SYSTEM, owned.owner, NotAllowedError),
        (Scope(ScopeKind.VENUE, "paper"), owned.owner, NotAllowedError),
        (Scope(ScopeKind.PORTFOLIO, stranger), None, NotFoundError),
        (Scope(ScopeKind.BOT, stranger), None, NotFoundError),
    ):
        with pytest.raises(error):
            desk.run(change(scope=scope, owner_id=owner))
        with pytest.raises(error):
            desk.run(HaltTrading(scope=scope, owner_id=owner, reason="mine?"))
        with pytest.raises(error):
            desk.run(ResumeTrading(scope=scope, owner_id=owner, reason="mine?"))
    changed = desk.run(
        change(scope=portfolio_scope(owned), owner_id=owned.owner, expected_version=0)
    )
    assert changed.version == 1
    with pytest.raises(StaleAggregateError, match="version 1"):
        desk.run(change(scope=portfolio_scope(owned), owner_id=owned.owner, expected_version=0))


def test_an_analysis_is_what_the_gate_sees(desk: Desk) -> None:
    owned = desk.portfolio("100000 USD")
    desk.place(owned, quantity="10", limit_price="100")
    before = len(desk.views.orders(_all()).items)
    seen = desk.run(AnalyseRisk(portfolio_id=owned.id, owner_id=owned.owner))
    (usd,) = seen.figures
    assert (usd.equity, usd.gross, usd.reserved) == ("100000", "0", "1001")
    assert (seen.state, seen.working_orders, seen.limits_version) == ("active", 1, "settings")
    assert len(desk.views.orders(_all()).items) == before
    with pytest.raises(NotFoundError):
        desk.run(AnalyseRisk(portfolio_id=owned.id, owner_id=UserId(owned.id)))


def _all() -> Any:
    from traderbot.application.ports.views import OrderFilter  # noqa: PLC0415 - only here

    return OrderFilter()


# --- when something breaks --------------------------------------------------------------------


def test_a_gate_that_raises_denies_and_halts_20_of_20(store: Store) -> None:
    def broken(_exposure: object) -> None:
        raise ZeroDivisionError

    gate = Gate(limits=Limits(**FREE), policies=(*POLICIES, broken))
    with gated(store, gate) as desk:
        first = desk.portfolio()
        for _ in range(20):
            owned = desk.second_portfolio(first.owner)
            refused = desk.place(owned, quantity="1", limit_price="1")
            assert reasons(refused) == ["GATE_FAILED"]
            with pytest.raises(Exception, match="refused"):
                _submit(desk, refused)
        assert kinds(store.log()).count("risk.halted") == 20
        assert "order.submitting" not in kinds(store.log())


def test_what_is_halted_is_not_sent_and_what_is_reducing_only_closes(desk: Desk) -> None:
    owned = desk.portfolio()
    bought = desk.place(owned, quantity="10", limit_price="100")
    desk.fill(bought, a_fill(quantity="10"))
    opening = desk.place(owned, quantity="1", limit_price="100")
    closing = desk.place(owned, side="sell", quantity="10", limit_price="100")
    scope = portfolio_scope(owned)
    desk.run(HaltTrading(scope=scope, reason="look first"))
    for order in (opening, closing):
        with pytest.raises(TradingHaltedError):
            _submit(desk, order)
    desk.run(ResumeTrading(scope=scope, reason="looked"))
    desk.run(HaltTrading(scope=scope, reason="get out", only_reduce=True))
    with pytest.raises(TradingReducingError):
        _submit(desk, opening)
    assert _submit(desk, closing).status == "submitting"
    assert reasons(desk.place(owned, quantity="1", limit_price="100")) == ["TRADING_REDUCING"]


def test_more_traded_than_asked_halts_the_portfolio_at_once(store: Store) -> None:
    with gated(store, Gate(limits=Limits(**FREE))) as desk:
        owned = desk.portfolio()
        order = desk.place(owned, quantity="10", limit_price="100")
        desk.fill(order, a_fill(quantity="10"))
        assert "risk.halted" not in kinds(store.log())
        order = desk.place(owned, quantity="10", limit_price="100")
        desk.fill(order, a_fill(fill_id="2", quantity="10.1"))
        assert kinds(store.log())[-1] == "risk.halted"
        assert reasons(desk.place(owned, quantity="1", limit_price="1")) == ["TRADING_HALTED"]


def test_five_refusals_of_the_venue_let_the_portfolio_only_reduce(store: Store) -> None:
    gate = Gate(limits=Limits(**FREE, reject_streak_max=Decimal(5)))
    with gated(store, gate) as desk:
        owned = desk.portfolio()
        for number in range(1, 6):
            order = _submit(desk, desk.place(owned, quantity="1", limit_price="1"))
            _heard(desk, order, Heard.REJECTED)
            assert kinds(store.log()).count("risk.reduced") == (number == 5)
        assert reasons(desk.place(owned, quantity="1", limit_price="1")) == ["TRADING_REDUCING"]


def test_five_orders_nobody_knows_of_let_the_portfolio_only_reduce(store: Store) -> None:
    with gated(store, Gate(limits=Limits(**FREE))) as desk:
        owned = desk.portfolio()
        for number in range(1, 6):
            order = _submit(desk, desk.place(owned, quantity="1", limit_price="1"))
            _heard(desk, order, Heard.UNCLEAR)
            assert kinds(store.log()).count("risk.reduced") == (number == 5)


def test_a_loss_reduces_and_then_halts_with_the_fill_that_makes_it(store: Store) -> None:
    gate = Gate(
        limits=Limits(**FREE, daily_loss_reduce=Decimal("0.02"), daily_loss_halt=Decimal("0.03"))
    )
    with gated(store, gate) as desk:
        owned = desk.portfolio("10000 USD")
        now = datetime.now(tz=NOON.tzinfo)
        for number, price in enumerate(("98.1", "97.5", "96.8")):
            bought = desk.place(owned, quantity="1", limit_price="100")
            if bought.status == "refused":
                break
            desk.fill(bought, a_fill(fill_id=f"b{number}", quantity="1", price="100", at=now))
            sold = desk.place(owned, side="sell", quantity="1", limit_price=price)
            desk.fill(sold, a_fill(fill_id=f"s{number}", quantity="1", price=price, at=now))
        bought = desk.place(owned, quantity="80", limit_price="100")
        desk.fill(bought, a_fill(fill_id="b9", quantity="80", price="100", at=now))
        assert "risk.reduced" not in kinds(store.log())
        sold = desk.place(owned, side="sell", quantity="40", limit_price="94")
        desk.fill(sold, a_fill(fill_id="s8", quantity="40", price="94", at=now))
        # 40 were sold at 94, and 40 are held at that price: 480 of 9757 lost, with what was before
        assert kinds(store.log())[-1] == "risk.halted"


def _submit(desk: Desk, order: OrderView) -> OrderView:
    return desk.run(
        BeginSubmission(order_id=OrderId(order.order_id), venue="paper", account="main")
    )


def _heard(desk: Desk, order: OrderView, heard: Heard) -> OrderView:
    return desk.run(
        RecordVenueAnswer(
            order_id=OrderId(order.order_id),
            venue="paper",
            call="submit",
            heard=heard,
            reason="no",
            code="NO",
        )
    )


# --- sent twice -------------------------------------------------------------------------------


def test_without_a_key_the_same_wish_twice_is_a_duplicate(store: Store) -> None:
    clock = ReplayClock(NOON)
    gate = Gate(limits=Limits(**FREE, duplicate_window=Decimal(2)))
    with gated(store, gate, clock) as desk:
        owned = desk.portfolio()
        place = partial(desk.place, owned, quantity="1", limit_price="100")
        assert place().status == "approved"
        clock.move_to(NOON + timedelta(seconds=2) - timedelta(microseconds=1))
        assert reasons(place()) == ["DUPLICATE_ORDER"]
        assert place(key="another").status == "approved"
        clock.move_to(NOON + timedelta(seconds=4))
        assert place().status == "approved"
        assert keyed(None) == ORIGIN


def test_an_order_does_not_meet_one_of_its_own_portfolio(desk: Desk, store: Store) -> None:
    with gated(store, Gate(limits=Limits(**FREE, self_trade_max=Decimal(0)))) as gated_desk:
        owned = gated_desk.portfolio()
        resting = gated_desk.place(owned, quantity="1", limit_price="100")
        sell = partial(gated_desk.place, owned, side="sell", quantity="1")
        assert reasons(sell(limit_price="100")) == ["SELF_TRADE"]
        assert sell(limit_price="100.01").status == "approved"
        gated_desk.cancel(resting)
        assert sell(limit_price="100").status == "approved"
    assert desk is not None
