"""The exits of a fill: one claim for both, one cancels the other, and never too much is closed."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.application.orders.trader import USD, Trader, trading
from traderbot.application.commands.halting import HaltTrading, ResumeTrading
from traderbot.application.commands.record_fill import RecordAcceptance
from traderbot.application.commands.venue_answers import Heard
from traderbot.application.views import OrderView
from traderbot.domain.orders.errors import InvalidTicketError, OrderClosedError
from traderbot.domain.risk.errors import TradingReducingError
from traderbot.domain.risk.limits import PAPER
from traderbot.domain.risk.trading_state import Scope, ScopeKind
from traderbot.domain.shared.errors import DomainError
from traderbot.domain.shared.ids import OrderId


def _entered(trader: Trader, quantity: str = "10") -> tuple[OrderView, OrderView, OrderView]:
    """Return an entry that is filled, its stop and its limit order, both at the venue."""
    entry = trader.working(quantity=quantity, take_profit="120", stop_loss="90")
    trader.fill(entry, quantity)
    stop, profit = trader.exits_of(entry)
    trader.send(stop, profit)
    return entry, trader.now(stop), trader.now(profit)


def test_a_fill_places_both_exits_for_exactly_what_was_filled(trader: Trader) -> None:
    entry = trader.working(quantity="10", take_profit="120", stop_loss="90")
    trader.fill(entry, "4")
    stop, profit = trader.exits_of(entry)
    assert (stop.type, stop.stop_price, profit.type, profit.limit_price) == (
        "stop",
        "90",
        "limit",
        "120",
    )
    for each in (stop, profit):
        assert (each.side, each.quantity, each.status) == ("sell", "4", "approved")
        assert (each.reduce_only, each.reserved) == (True, "0")
        assert each.oco_group == f"{entry.order_id}:1"
    trader.fill(entry, "6")
    assert [it.quantity for it in trader.exits_of(entry)] == ["4", "4", "6", "6"]
    assert len({it.oco_group for it in trader.exits_of(entry)}) == 2


def test_both_exits_of_a_fill_claim_its_quantity_once(trader: Trader) -> None:
    _, stop, profit = _entered(trader)
    assert trader.claimed() == 10
    assert (trader.closing(stop), trader.closing(profit)) == (10, 0)
    refused = trader.place(side="sell", quantity="10", limit_price="110", symbol_code="AAPL")
    assert refused.reserved != "0"  # nothing is left to close: it would open a short position


@pytest.mark.parametrize("exits", [{"take_profit": "120"}, {"stop_loss": "90"}])
def test_an_exit_alone_claims_for_itself_and_is_of_no_pair(
    exits: dict[str, str], trader: Trader
) -> None:
    entry = trader.working(quantity="10", **exits)
    trader.fill(entry, "10")
    (only,) = trader.exits_of(entry)
    assert (only.oco_group, trader.claimed()) == (None, 10)
    trader.send(only)
    trader.fill(only, "10", price="120")
    assert (trader.held(), trader.claimed()) == (0, 0)


def test_the_exits_of_a_short_sale_buy_it_back(trader: Trader) -> None:
    entry = trader.working(side="sell", quantity="10", take_profit="80", stop_loss="110")
    trader.fill(entry, "10")
    stop, profit = trader.exits_of(entry)
    assert [it.side for it in (stop, profit)] == ["buy", "buy"]
    trader.send(stop, profit)
    trader.fill(profit, "10", price="80")
    assert (trader.held(), trader.now(stop).status) == (0, "pending_cancel")


def test_what_only_closes_a_position_needs_no_exit(trader: Trader) -> None:
    trader.fill(trader.place(side="sell", quantity="6"), "6")
    entry = trader.working(quantity="10", stop_loss="90")
    trader.fill(entry, "4")
    assert trader.exits_of(entry) == []
    trader.fill(entry, "5")
    assert [it.quantity for it in trader.exits_of(entry)] == ["3"]


def test_a_fill_heard_twice_has_its_exits_once(trader: Trader) -> None:
    entry = trader.working(quantity="10", take_profit="120", stop_loss="90")
    for _ in range(3):
        trader.fill(entry, "4", fill_id="the-one")
    assert len(trader.exits_of(entry)) == 2


def test_a_late_fill_of_a_canceled_order_has_its_exits(trader: Trader) -> None:
    entry = trader.working(quantity="10", stop_loss="90")
    trader.cancel(entry)
    trader.hear(entry, Heard.CANCELED)
    trader.fill(entry, "3")
    assert [it.quantity for it in trader.exits_of(entry)] == ["3"]


def test_fills_of_one_size_at_one_moment_are_no_duplicates() -> None:
    with trading(within=replace(PAPER, order_notional_fraction=Decimal(1))) as trader:
        entry = trader.working(quantity="10", take_profit="120", stop_loss="90")
        for _ in range(5):
            trader.fill(entry, "2")
        assert {it.status for it in trader.exits_of(entry)} == {"approved"}
        assert len(trader.exits_of(entry)) == 10


def test_an_exit_does_not_stumble_over_the_order_it_is_an_exit_of() -> None:
    within = replace(PAPER, order_notional_fraction=Decimal(1))
    with trading(within=within, closes={"AAPL": "100"}) as trader:
        entry = trader.working(quantity="10", limit_price=None, take_profit="120")
        trader.fill(entry, "4")  # the rest of a market order still buys at any price
        (profit,) = trader.exits_of(entry)
        assert (profit.status, profit.reasons) == ("approved", ())


@pytest.mark.parametrize("one", ["stop", "profit"])
def test_an_exit_that_is_filled_asks_the_other_one_back(one: str, trader: Trader) -> None:
    _, stop, profit = _entered(trader)
    hit, other = (stop, profit) if one == "stop" else (profit, stop)
    trader.fill(hit, "10", price="95")
    assert trader.now(other).status == "pending_cancel"
    trader.hear(other, Heard.CANCELED)
    assert (trader.held(), trader.claimed()) == (0, 0)


def test_an_exit_no_venue_has_yet_is_canceled_at_once(trader: Trader) -> None:
    entry = trader.working(quantity="10", take_profit="120", stop_loss="90")
    trader.fill(entry, "10")
    stop, profit = trader.exits_of(entry)
    trader.send(profit)
    trader.fill(profit, "10", price="120")
    assert trader.now(stop).status == "canceled"
    assert trader.claimed() == 0


def test_what_the_limit_order_trades_makes_the_stop_smaller(trader: Trader) -> None:
    _, stop, profit = _entered(trader)
    trader.fill(profit, "4", price="120")
    trader.hear(stop, Heard.AMENDED)
    assert (trader.now(stop).quantity, trader.claimed(), trader.held()) == ("6", 6, 6)
    trader.fill(profit, "1", price="120")
    trader.fill(profit, "2", price="120")  # while the venue is asked for the change before
    trader.hear(stop, Heard.AMENDED)
    assert trader.order(stop).amendment is not None  # and so it is asked for the next one
    trader.hear(stop, Heard.AMENDED)
    assert (trader.now(stop).quantity, trader.claimed(), trader.held()) == ("3", 3, 3)
    trader.fill(stop, "3", price="90")
    assert trader.now(profit).status == "pending_cancel"


def test_a_stop_the_venue_will_not_change_is_asked_back_and_placed_anew(trader: Trader) -> None:
    entry, stop, profit = _entered(trader)
    for quantity, left in (("4", 6), ("1", 5)):
        trader.fill(profit, quantity, price="120")
        trader.hear(stop, Heard.AMEND_REFUSED)
        assert trader.now(stop).status == "pending_cancel"
        trader.hear(stop, Heard.CANCELED)
        newest = trader.exits_of(entry)[-1]
        assert (newest.type, newest.quantity, newest.stop_price, newest.status) == (
            "stop",
            str(left),
            "90",
            "approved",
        )
        assert newest.oco_group == profit.oco_group
        assert trader.claimed() == left
        trader.send(newest)
        stop = newest
    trader.fill(stop, "5", price="90")
    trader.hear(profit, Heard.CANCELED)
    assert (trader.held(), trader.claimed()) == (0, 0)


def test_a_stop_that_begins_to_trade_asks_the_limit_order_back(trader: Trader) -> None:
    _, stop, profit = _entered(trader)
    trader.fill(stop, "3", price="90")
    assert trader.now(profit).status == "pending_cancel"
    assert trader.now(stop).remaining == "7"


def test_a_race_at_the_venue_is_booked_as_it_was(trader: Trader) -> None:
    _, stop, profit = _entered(trader)
    trader.fill(profit, "10", price="120")
    trader.fill(stop, "10", price="90")  # it was faster than our cancel
    assert (trader.held(), trader.claimed()) == (-10, 0)
    assert {trader.now(it).status for it in (stop, profit)} == {"filled"}


def test_when_a_stop_is_given_up_its_claim_goes_to_the_limit_order(trader: Trader) -> None:
    _, stop, profit = _entered(trader)
    trader.cancel(stop)
    trader.hear(stop, Heard.CANCELED)
    assert trader.now(profit).status == "accepted"
    assert (trader.closing(profit), trader.claimed()) == (10, 10)
    trader.fill(profit, "10", price="120")
    assert (trader.held(), trader.claimed()) == (0, 0)


def test_a_claim_waits_for_an_order_in_doubt_to_come_out_of_it(trader: Trader) -> None:
    entry = trader.working(quantity="10", take_profit="120", stop_loss="90")
    trader.fill(entry, "10")
    stop, profit = trader.exits_of(entry)
    trader.send(stop)
    trader.hear(profit, Heard.ACCEPTED)
    trader.hear(stop, Heard.REJECTED)
    assert trader.claimed() == 10


def test_an_acceptance_that_comes_late_settles_what_waited_for_it(trader: Trader) -> None:
    entry = trader.working(quantity="10", take_profit="120", stop_loss="90")
    trader.fill(entry, "10")
    stop, profit = trader.exits_of(entry)
    trader.send(stop)
    trader.hear(stop, Heard.REJECTED)
    command = RecordAcceptance(
        order_id=OrderId(profit.order_id),
        venue="elsewhere",
        venue_order_id="v-1",
        at=profit.placed_at,
    )
    trader.desk.run(command)
    assert trader.claimed() == 10


def test_an_exit_the_gate_refuses_is_recorded_and_the_fill_is_booked(
    trader: Trader, caplog: pytest.LogCaptureFixture
) -> None:
    entry = trader.working(quantity="10", take_profit="120", stop_loss="90")
    trader.desk.run(HaltTrading(scope=Scope(ScopeKind.SYSTEM), reason="a test"))
    trader.fill(entry, "10")
    assert trader.held() == 10
    exits = trader.exits_of(entry)
    assert [it.status for it in exits] == ["refused", "refused"]
    assert {it.reasons[0].code for it in exits} == {"TRADING_HALTED"}
    assert "what was filled has no stop at 90: TRADING_HALTED" in caplog.text
    assert trader.claimed() == 0
    alarms = trader.alarms()
    assert [it.cause for it in alarms] == ["EXIT_REFUSED", "EXIT_REFUSED"]
    assert entry.order_id in alarms[0].message
    assert "has no stop at 90: TRADING_HALTED" in alarms[0].message
    assert exits[0].order_id in alarms[0].message


def test_an_alarm_stops_nothing(trader: Trader) -> None:
    entry = trader.working(quantity="10", stop_loss="90")
    trader.desk.run(HaltTrading(scope=Scope(ScopeKind.SYSTEM), reason="a test"))
    trader.fill(entry, "10")
    trader.desk.run(ResumeTrading(scope=Scope(ScopeKind.SYSTEM), reason="it is over"))
    assert trader.alarms()
    assert trader.place(quantity="1").status == "approved"


def test_while_trading_is_reducing_both_exits_are_sent(trader: Trader) -> None:
    entry = trader.working(quantity="10", take_profit="120", stop_loss="90")
    trader.fill(entry, "10")
    opening = trader.place(quantity="1")
    scope = Scope(ScopeKind.PORTFOLIO, trader.owned.id)
    trader.desk.run(HaltTrading(scope=scope, reason="a test", only_reduce=True))
    stop, profit = trader.exits_of(entry)
    trader.send(stop, profit)
    assert [trader.now(it).status for it in (stop, profit)] == ["accepted", "accepted"]
    with pytest.raises(TradingReducingError):
        trader.send(opening)


def test_an_exit_of_what_is_not_held_any_more_is_not_sent_while_reducing(trader: Trader) -> None:
    entry = trader.working(quantity="10", take_profit="120", stop_loss="90")
    trader.fill(entry, "10")
    closing = trader.working(side="sell", quantity="10", limit_price="110")
    trader.fill(closing, "10", price="110")
    scope = Scope(ScopeKind.PORTFOLIO, trader.owned.id)
    trader.desk.run(HaltTrading(scope=scope, reason="a test", only_reduce=True))
    with pytest.raises(TradingReducingError):
        trader.send(trader.exits_of(entry)[1])


def test_an_owners_order_that_only_reduces_is_refused_where_it_would_open(
    trader: Trader,
) -> None:
    refused = trader.place(side="sell", quantity="10", limit_price="110", reduce_only=True)
    assert (refused.status, [it.code for it in refused.reasons]) == ("refused", ["REDUCE_ONLY"])
    entry = trader.working(quantity="10")
    trader.fill(entry, "10")
    assert (
        trader.place(side="sell", quantity="10", limit_price="110", reduce_only=True).status
        == "approved"
    )


def test_an_exit_never_opens_a_position(trader: Trader) -> None:
    entry = trader.working(quantity="10", stop_loss="90")
    other = trader.working(side="sell", quantity="10", limit_price="150")
    trader.fill(other, "10", price="150")  # short by now, so that the entry closes it
    trader.fill(entry, "10")
    assert trader.exits_of(entry) == []


def test_the_owner_moves_an_exits_price_but_not_its_quantity(trader: Trader) -> None:
    _, stop, profit = _entered(trader)
    assert trader.amend(stop, stop_price="95").outcome == "requested"
    assert trader.hear(stop, Heard.AMENDED).stop_price == "95"
    assert trader.amend(profit, limit_price="130").outcome == "requested"
    assert (trader.now(profit).reserved, trader.closing(profit), trader.claimed()) == ("0", 0, 10)
    for each in (stop, profit):
        with pytest.raises(InvalidTicketError, match="the fill it is an exit of"):
            trader.amend(each, quantity="5")


# --- laws -------------------------------------------------------------------------------------

_STEPS = st.one_of(
    st.tuples(st.sampled_from(["stop", "profit"]), st.integers(1, 5).map(str)),
    st.tuples(
        st.sampled_from(["stop", "profit"]),
        st.sampled_from(
            ["amended", "amend_refused", "canceled", "cancel_refused", "rejected", "cancel"]
        ),
    ),
)


def _newest(trader: Trader, entry: OrderView, which: str) -> OrderView:
    kind = "stop" if which == "stop" else "limit"
    return [it for it in trader.exits_of(entry) if it.type == kind][-1]


def _do(trader: Trader, entry: OrderView, which: str, what: str) -> None:
    exit_ = _newest(trader, entry, which)
    with suppress(DomainError, OrderClosedError):
        if what.isdigit():
            room = min(int(what), int(Decimal(exit_.remaining)))
            if room:
                trader.fill(exit_, str(room))
        elif what == "cancel":
            trader.cancel(exit_)
        else:
            trader.hear(exit_, Heard(what))
    newest = _newest(trader, entry, "stop")
    if newest.status == "approved":
        trader.send(newest)


def test_a_pair_never_claims_more_than_it_may_close_and_leaves_nothing_behind() -> None:
    with trading() as trader:

        @given(steps=st.lists(_STEPS, max_size=14))
        @settings(max_examples=150, deadline=None)
        def law(steps: list[tuple[str, str]]) -> None:
            _keeps_the_law(trader.afresh(), steps)

        law()


def _keeps_the_law(trader: Trader, steps: list[tuple[str, str]]) -> None:
    entry, _, profit = _entered(trader)
    for which, what in steps:
        _do(trader, entry, which, what)
        exits = [trader.order(it) for it in trader.exits_of(entry)]
        assert trader.claimed() == sum(it.closing.value for it in exits)
        assert trader.claimed() <= 10
        assert not any(it.reserved for it in exits)
        if trader.held() <= 0:
            assert all(it.cancel_requested or not it.status.is_open for it in exits)
    for each in (_newest(trader, entry, "stop"), profit):
        with suppress(DomainError):
            trader.cancel(each)
        trader.hear(each, Heard.AMENDED)
        trader.hear(each, Heard.CANCELED)
    for each in trader.exits_of(entry):  # one may have been placed anew
        with suppress(DomainError):
            trader.cancel(each)
        trader.hear(each, Heard.CANCELED)
    assert trader.claimed() == 0
    assert trader.portfolio().cash_in(USD).reserved.amount == 0
