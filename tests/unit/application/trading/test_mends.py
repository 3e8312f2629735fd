"""What a desk does not forget: refused cancels, absurd prices, doubts while nobody answers."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest

from tests.crash.floor import Floor, floor
from tests.unit.application.trading.test_differences import types
from tests.venues.faults import Call, Fault
from tests.venues.in_process import KEY
from tests.venues.orders import Top
from traderbot.application.errors import VenueUnavailableError
from traderbot.application.ports.venue import ForeignOrder
from traderbot.application.trading.alarms import Alarm, AlarmKind
from traderbot.application.trading.stopping import StopOnAlarm
from traderbot.application.views import OrderView
from traderbot.domain.risk.exposure import Quote
from traderbot.domain.shared.values import Price, Symbol


def accepted(on: Floor, **ticket: str) -> OrderView:
    on.go_on(2)
    order = on.place(**{"quantity": "5", "limit_price": "90", **ticket})
    on.go_on(2)
    assert on.now(order).status == "accepted"
    return order


def trade(on: Floor, order: OrderView, quantity: str, price: str) -> None:
    name = order.order_id.replace("-", "")
    (theirs,) = [it for it in on.venue.book.orders(KEY) if it.client_id == name]
    on.venue.book.fill(theirs, Decimal(quantity), Decimal(price))


def kinds(on: Floor) -> list[str]:
    return [it.kind.value for it in on.alarms]


def test_a_cancel_that_is_refused_is_asked_for_again_until_it_is_granted() -> None:
    with floor() as on:
        order = accepted(on)
        on.venue.faults.add(Fault.REFUSE, Call.CANCEL)
        on.writing.cancel(on.now(order))
        on.go_on(20)
        assert on.now(order).status == "pending_cancel"
        assert kinds(on) == []
        on.venue.faults.clear()
        on.go_on(30)
        assert on.now(order).status == "canceled"
        assert kinds(on) == []


def test_a_cancel_that_is_refused_for_a_minute_is_a_persons_matter_and_still_asked_for() -> None:
    with floor() as on:
        order = accepted(on)
        on.venue.faults.add(Fault.REFUSE, Call.CANCEL)
        on.writing.cancel(on.now(order))
        on.go_on(70)
        assert kinds(on) == ["uncanceled"]
        assert order.order_id in on.alarms[0].sentence
        on.venue.faults.clear()
        on.go_on(70)
        assert on.now(order).status == "canceled"
        assert types(on)[-1] == "venue.difference_ended"


def test_refused_cancels_are_asked_for_less_and_less_often() -> None:
    with floor() as on:
        order = accepted(on)
        asked: list[float] = []
        cancel = on.venue.cancel

        def counted(it: object) -> object:
            asked.append(on.time.seconds)
            return cancel(it)  # type: ignore[arg-type]

        on.venue.cancel = counted  # type: ignore[method-assign, assignment]
        on.venue.faults.add(Fault.REFUSE, Call.CANCEL)
        on.writing.cancel(on.now(order))
        on.go_on(300)
        pauses = [after - before for before, after in pairwise(asked)]
        assert pauses[:3] == [10, 20, 40]
        assert set(pauses[3:]) == {60}


@pytest.mark.parametrize("price", ["90.01", "9000"])
def test_a_trade_worse_than_its_limit_is_booked_and_told_of_once(price: str) -> None:
    with floor() as on:
        order = accepted(on)
        trade(on, order, "2", price)
        on.go_on(3)
        assert on.now(order).filled == "2"
        assert kinds(on) == ["absurd_price"]
        on.go_on(40)
        before = on.events()
        on.start()
        on.go_on(40)
        assert kinds(on) == ["absurd_price"], "it happened once, and a person has been told"
        assert on.events() == before


def test_an_absurd_trade_whose_alarm_was_lost_in_a_crash_is_told_of_at_the_start() -> None:
    with floor() as on:
        order = accepted(on)
        on.desk._tell = _fails
        trade(on, order, "2", "9000")
        on.venue.speak()
        on.desk._newsroom.take_in_waiting()
        assert on.now(order).filled == "2"
        assert kinds(on) == []
        on.start()
        on.go_on(3)
        assert kinds(on) == ["absurd_price"]


def _fails(_alarm: Alarm) -> None:
    msg = "the process ends here"
    raise RuntimeError(msg)


@pytest.mark.parametrize(("price", "absurd"), [("100", False), ("60", False), ("40", True)])
def test_a_market_order_is_held_against_the_newest_price_heard(price: str, absurd: bool) -> None:
    class Heard:
        def quote(self, _symbol: Symbol) -> Quote:
            return Quote(Price(100), on.time.now())

    with floor() as on:
        on.venue.book.set_price("AAPL", None)
        on.go_on(2)
        on.venue.book.accounts[KEY].balance("AAPL").free = Decimal(10)
        order = on.place(quantity="5", limit_price="90")
        on.go_on(2)
        from dataclasses import replace  # noqa: PLC0415

        from traderbot.application.trading.absurd import why_absurd  # noqa: PLC0415

        view = replace(on.now(order), limit_price=None, reserved="0", side="sell")
        trade(on, order, "2", price)
        (told,) = on.venue.trades(Symbol("AAPL"))
        assert (why_absurd(told, view, Heard()) is not None) is absurd  # type: ignore[arg-type]


def test_a_trade_at_a_limit_that_was_changed_meanwhile_is_not_absurd() -> None:
    from traderbot.application.trading.absurd import why_absurd  # noqa: PLC0415

    with floor() as on:
        order = accepted(on)
        trade(on, order, "2", "95")
        (told,) = on.venue.trades(Symbol("AAPL"))
        assert why_absurd(told, on.now(order), None) is not None
        assert why_absurd(told, on.now(order), None, [Price(95)]) is None


def test_an_absurd_price_halts_the_venue_until_a_person_lets_it_go_on() -> None:
    with floor() as on:
        order = accepted(on)
        stop = StopOnAlarm(on.writing.writer, on.writing.views)
        on.desk._tell = stop
        trade(on, order, "2", "9000")
        on.go_on(3)
        refused = on.place(quantity="1", limit_price="90")
        assert (refused.status, refused.reasons[0].code) == ("refused", "TRADING_HALTED")


def test_a_doubt_of_a_minute_is_told_of_though_no_question_ever_comes_back() -> None:
    with floor() as on:
        on.go_on(2)
        on.venue.faults.add(Fault.TIMEOUT_AFTER, Call.SUBMIT)
        on.venue.faults.add(Fault.LOST, Call.STREAM)
        order = on.place()
        on.go_on(1)
        on.desk._start = lambda *_args, **_how: None  # type: ignore[method-assign] # all calls hang
        on.go_on(59)
        assert on.now(order).status == "unknown"
        on.go_on(5)
        assert on.now(order).status == "unconfirmed"
        assert kinds(on) == ["unconfirmed"]


def test_an_order_of_something_without_a_name_is_told_of_once_and_hides_no_other() -> None:
    with floor() as on:
        order = accepted(on)
        foreign = ForeignOrder(venue_order_id="77", name="币安人生/USDT:USDT", raw="{}")
        listed = on.venue.open_orders
        on.venue.open_orders = lambda: [foreign, *listed()]  # type: ignore[method-assign, list-item]
        on.go_on(70)
        assert kinds(on) == ["foreign_order"]
        assert "币安人生" in on.alarms[0].sentence
        assert on.desk.may_send
        on.venue.book.set_price("AAPL", Top(Decimal(89), Decimal(90)))
        on.go_on(2)
        assert on.now(order).status == "filled"


def test_every_alarm_halts_or_reduces_something() -> None:
    with floor() as on:
        on.go_on(1)
        stop = StopOnAlarm(on.writing.writer, on.writing.views)
        for kind in AlarmKind:
            before = on.events()
            stop(Alarm(kind=kind, venue=f"v{kind.value}", key="k", sentence="s"))
            assert on.events() > before, kind


def test_nothing_leaves_while_the_database_is_away() -> None:
    class Away:
        def run(self, command: object, origin: object) -> object:
            del command, origin
            msg = "the database is away"
            raise VenueUnavailableError(msg)

    with floor() as on:
        on.go_on(2)
        order = on.place()
        object.__setattr__(on.desk._sending.hearing, "executor", Away())
        on.go_on(30)
        assert on.venue.submissions == 0
        object.__setattr__(on.desk._sending.hearing, "executor", on.writing.writer)
        on.go_on(10)
        assert on.now(order).status == "accepted"
