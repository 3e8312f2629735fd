from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.builders import NOON, PORTFOLIO_ID, later
from tests.unit.domain.simulation.floor import FREE, Floor, a_ticket, bar, depth, order_id
from traderbot.domain.market.instrument import default_instrument
from traderbot.domain.shared.errors import CorruptHistoryError, InvalidValueError
from traderbot.domain.shared.values import Money, Quantity, symbol
from traderbot.domain.simulation.bar_matching import meet_bar
from traderbot.domain.simulation.book import Book, Wanted, book_id
from traderbot.domain.simulation.ended import has_ended, with_ended
from traderbot.domain.simulation.errors import NotAmendableError, NotWorkingError
from traderbot.domain.simulation.events import PaperAccepted, PaperBookOpened, PaperRested
from traderbot.domain.simulation.fill_model import FillModel, Slippage, SlippageKind
from traderbot.domain.simulation.record import PaperStatus, records_of

PLAIN = bar("100", "105", "95", "102")


def test_an_order_that_came_before_changes_nothing_whatever_became_of_it() -> None:
    floor = Floor()
    floor.place("buy 10")
    assert floor.place("buy 10") == []
    floor.meet(PLAIN)
    assert floor.place("buy 10") == []
    assert not floor.known.working


def test_position_cash_and_fees_follow_from_the_trades_alone() -> None:
    floor = Floor(FillModel())
    floor.place("buy 10")
    floor.meet(PLAIN)
    floor.place("sell 4", number=2)
    floor.meet(bar("110", "111", "109", "110", hour=1))
    book = floor.known  # 10 at 100.05, 4 at 109.94, each with a tenth of a percent
    assert book.position == 6
    assert book.fees == Money("1.44026", "USD")
    assert book.cash == Money("-1000.5", "USD") + Money("439.76", "USD") - book.fees


def test_an_order_is_canceled_once() -> None:
    floor = Floor()
    floor.place("buy 10 limit 90")
    assert floor.cancel() == ["canceled: asked for"]
    assert floor.cancel() == []
    assert floor.meet(bar("80", "85", "75", "82")) == []


def test_wanting_less_keeps_the_place_in_the_queue() -> None:
    floor = Floor(capped())
    floor.place("buy 10 limit 90")
    floor.place("buy 10 limit 90", number=2)
    assert floor.amend(quantity="8") == ["amended, keeps its place"]
    assert floor.meet(bar("95", "96", "90", "91")) == ["made 8 at 90", "2 made 2 at 90", "2 rested"]


@pytest.mark.parametrize("wanted", [{"quantity": "11"}, {"limit": "90.01"}])
def test_wanting_more_or_another_price_loses_it(wanted: dict[str, Any]) -> None:
    floor = Floor(capped())
    floor.place("buy 10 limit 90")
    floor.place("buy 10 limit 90.01", number=2)
    assert floor.amend(**wanted) == ["amended, loses its place"]
    assert floor.meet(bar("95", "96", "89", "91"))[0] == "2 made 10 at 90.01"


def test_what_it_is_already_changes_nothing() -> None:
    floor = Floor()
    floor.place("buy 10 limit 90")
    assert floor.amend(quantity="10", limit="90") == []


def test_an_amended_order_sees_no_market_from_before_it_was_amended() -> None:
    floor = Floor()
    floor.place("buy 10 limit 90")
    floor.amend(limit="96", at=later(30))
    assert floor.meet(PLAIN) == []
    assert floor.meet(bar("100", "105", "95", "102", hour=1)) == ["made 10 at 96"]


def test_an_order_wanted_as_small_as_what_is_traded_has_ended() -> None:
    floor = Floor(capped())
    floor.place("buy 15 limit 100")
    floor.meet(PLAIN)
    assert floor.amend(quantity="10") == ["amended, keeps its place"]
    assert not floor.known.working
    (record,) = records_of(floor.events).values()
    assert (record.status, record.traded) == (PaperStatus.FILLED, Quantity(10))


def test_an_order_cannot_want_less_than_what_is_traded() -> None:
    floor = Floor(capped())
    floor.place("buy 15 limit 100")
    floor.meet(PLAIN)
    with pytest.raises(NotAmendableError, match=r"10 of order .* is traded; it cannot want 9"):
        floor.amend(quantity="9")


def test_a_stop_can_be_moved_until_it_is_triggered() -> None:
    floor = Floor(capped())
    floor.place("sell 15 stop 90")
    assert floor.amend(stop="96") == ["amended, loses its place"]
    assert floor.meet(PLAIN) == ["triggered at 96", "took 10 at 96"]
    with pytest.raises(NotAmendableError, match="its stop price is passed"):
        floor.amend(stop="97")


def test_an_order_keeps_the_kinds_of_prices_it_has() -> None:
    floor = Floor()
    floor.place("buy 10")
    with pytest.raises(NotAmendableError, match="limit_price cannot come or go"):
        floor.amend(limit="90")


def test_what_does_not_work_cannot_be_amended() -> None:
    floor = Floor()
    floor.place("buy 10")
    wanted = Wanted(quantity=Quantity(5), limit_price=None, stop_price=None)
    with pytest.raises(NotWorkingError, match="is not working at the paper venue"):
        floor.known.amend(order_id(2), wanted, at=NOON, latency=FREE.latency)


def test_the_clock_alone_ends_what_was_good_until_then() -> None:
    floor = Floor()
    floor.place("buy 10 limit 90", good="gtd", expires_at=later(5))
    floor.place("buy 10 limit 90", number=2)
    assert floor.take(floor.known.pass_time(later(4))) == []
    assert floor.take(floor.known.pass_time(later(5))) == ["expired at 12:05"]
    assert list(floor.known.working) == [order_id(2)]


def test_a_book_is_told_apart_by_portfolio_and_symbol() -> None:
    assert book_id(PORTFOLIO_ID, symbol("BTC/USDT")) == f"{PORTFOLIO_ID}-BTC_USDT"
    assert book_id(PORTFOLIO_ID, symbol("BRK.B")) != book_id(PORTFOLIO_ID, symbol("BRK-B"))


def test_an_order_can_be_told_of_from_its_events() -> None:
    floor = Floor()
    floor.place("buy 10 limit 100", number=1, post_only=True)
    floor.place("buy 10 limit 90", number=2)
    floor.place("buy 10", number=3)
    floor.place("buy 10 limit 90", number=4, good="gtd", expires_at=later(30))
    floor.meet(bar("99", "105", "95", "102"))
    floor.place("buy 1 limit 50", number=5)
    floor.cancel(5)
    records = records_of(floor.events)
    assert [records[order_id(number)].status.value for number in range(1, 6)] == [
        "rejected",
        "working",
        "filled",
        "expired",
        "canceled",
    ]
    assert records[order_id(1)].code == "POST_ONLY"
    later_ = records_of((), floor.known.working.values())
    assert later_.keys() == {order_id(2)}


def test_a_history_that_cannot_have_been_is_corrupt() -> None:
    floor = Floor()
    floor.place("buy 10")
    opened = floor.events[0]
    assert isinstance(opened, PaperBookOpened)
    rested = PaperRested(at=NOON, order_id=order_id(7), seen_at=NOON)
    with pytest.raises(CorruptHistoryError, match="opened twice"):
        floor.known.apply(opened)
    with pytest.raises(CorruptHistoryError, match="is not working in the book"):
        floor.known.apply(rested)
    with pytest.raises(CorruptHistoryError, match="starts with PaperRested"):
        Book.begin(rested)
    assert Book.from_events(floor.events) == floor.known


def test_the_ended_are_remembered_in_few_groups() -> None:
    groups: Any = ()
    for number in range(1000):
        groups = with_ended(groups, order_id(number))
    assert len(groups) <= 10
    assert all(has_ended(groups, order_id(number)) for number in range(1000))
    assert not has_ended(groups, order_id(1000))
    assert sum(map(len, groups)) == 1000


@pytest.mark.parametrize(
    "wrong",
    [
        {"taker_fee_bps": Decimal(-1)},
        {"spread_bps": Decimal("NaN")},
        {"participation": Decimal(0)},
        {"participation": Decimal("1.1")},
        {"latency": later(0) - later(1)},
        {"slippage": Slippage(SlippageKind.BPS, Decimal(-5))},
    ],
)
def test_a_model_no_market_could_follow_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidValueError):
        FillModel(**wrong)


def test_matching_reads_the_book_and_changes_nothing() -> None:
    floor = Floor()
    floor.place("buy 10")
    before = floor.known
    events = meet_bar(before, PLAIN, FREE, default_instrument(before.symbol))
    assert events
    assert floor.known is before
    assert before.working
    assert floor.meet(depth("", "", second=-1)) == []


def test_a_ticket_goes_into_the_book_as_it_is() -> None:
    floor = Floor()
    floor.place("sell 5 stop 95 limit 94", good="day")
    accepted = floor.events[-1]
    assert isinstance(accepted, PaperAccepted)
    assert accepted.ticket == a_ticket("sell 5 stop 95 limit 94", good="day")


def capped() -> FillModel:
    return FillModel(
        maker_fee_bps=Decimal(0),
        taker_fee_bps=Decimal(0),
        slippage=Slippage(SlippageKind.NONE),
        participation=Decimal("0.01"),
    )
