"""What holds for every book, whatever is ordered and whatever the market does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import NOON
from tests.unit.domain.simulation.floor import Floor, bar, depth, order_id
from traderbot.domain.market.bars import Bar
from traderbot.domain.orders.ticket import Side
from traderbot.domain.shared.decimals import add, multiply, subtract
from traderbot.domain.simulation.book import Book
from traderbot.domain.simulation.events import (
    PaperAccepted,
    PaperCanceled,
    PaperExpired,
    PaperRejected,
    PaperTraded,
)
from traderbot.domain.simulation.fill_model import FillModel, Slippage, SlippageKind
from traderbot.domain.simulation.market import Depth
from traderbot.infrastructure.audit.state_codec import state_codec

_CENTS = st.integers(9_000, 11_000).map(lambda it: f"{Decimal(it) / 100:f}")
_SMALL = st.integers(1, 40).map(str)


@st.composite
def _bars(draw: Any, hour: int) -> Bar:
    prices = sorted(draw(st.lists(st.integers(9_000, 11_000), min_size=4, max_size=4)))
    low, one, other, high = (f"{Decimal(it) / 100:f}" for it in prices)
    opened, close = draw(st.permutations([one, other]))
    volume = str(draw(st.integers(0, 2000)))
    return bar(opened, high, low, close, volume, hour=hour)


@st.composite
def _depths(draw: Any, hour: int) -> Depth:
    middle = draw(st.integers(9_000, 11_000))
    sizes = st.none() | st.integers(1, 60)

    def side(step: int) -> str:
        words = []
        for level in range(draw(st.integers(0, 3))):
            price = Decimal(middle + step * (level + 1)) / 100
            size = draw(sizes)
            words.append(f"{price:f}" + (f"x{size}" if size else ""))
        return " ".join(words)

    return depth(side(-1), side(1), second=3600 * hour + 1)


@st.composite
def _wishes(draw: Any) -> tuple[str, dict[str, Any]]:
    side, quantity = draw(st.sampled_from(["buy", "sell"])), draw(_SMALL)
    kind = draw(st.sampled_from(["market", "limit", "stop", "stop limit", "trail", "trail bps"]))
    words = f"{side} {quantity}"
    if "stop" in kind:
        words += f" stop {draw(_CENTS)}"
    if "limit" in kind:
        words += f" limit {draw(_CENTS)}"
    if kind == "trail":
        words += f" trail {draw(st.integers(1, 900)) / Decimal(100)}"
    if kind == "trail bps":
        words += f" trail {draw(st.integers(1, 900))}bps"
    good = ["gtc", "day"] + (["ioc", "fok"] if kind in ("market", "limit") else [])
    more: dict[str, Any] = {"good": draw(st.sampled_from(good))}
    if kind == "limit" and more["good"] in ("gtc", "day"):
        more["post_only"] = draw(st.booleans())
    more["reduce_only"] = draw(st.booleans())
    return words, more


_MODELS = st.builds(
    FillModel,
    slippage=st.sampled_from(
        [
            Slippage(SlippageKind.NONE),
            Slippage(SlippageKind.BPS, Decimal(7)),
            Slippage(SlippageKind.RANGE, Decimal("0.05")),
            Slippage(SlippageKind.VOLUME, Decimal("0.1")),
        ]
    ),
    spread_bps=st.sampled_from([Decimal(0), Decimal(3)]),
    participation=st.sampled_from([None, Decimal("0.01"), Decimal("0.5")]),
    latency=st.sampled_from([timedelta(0), timedelta(minutes=90)]),
    through=st.booleans(),
)
_EXACT = st.builds(
    FillModel,
    slippage=st.just(Slippage(SlippageKind.NONE)),
    participation=st.sampled_from([None, Decimal("0.01")]),
    through=st.booleans(),
)

Step = tuple[list[tuple[str, dict[str, Any]]], Bar | Depth]


@st.composite
def _courses(draw: Any, *, quotes: bool = True) -> list[Step]:
    """Draw hours of orders, each hour with a market at its end."""
    course: list[Step] = []
    for hour in range(draw(st.integers(1, 6))):
        seen = _bars(hour) | _depths(hour) if quotes else _bars(hour)
        course.append((draw(st.lists(_wishes(), max_size=3)), draw(seen)))
    return course


def play(course: Sequence[Step], model: FillModel) -> Floor:
    """Let a course happen."""
    floor = Floor(model)
    for _ in played(floor, course):
        pass
    return floor


def played(floor: Floor, course: Sequence[Step]) -> Iterator[Bar | Depth]:
    number = 0
    for hour, (wishes, seen) in enumerate(course):
        for words, more in wishes:
            number += 1
            floor.place(words, number=number, at=NOON + timedelta(hours=hour), **more)
        if floor.book is not None:
            floor.meet(seen)
        yield seen


@dataclass
class Traded:
    """An order's trades, with the ticket they belong to."""

    accepted: PaperAccepted
    trades: list[PaperTraded]


def trades_of(floor: Floor) -> dict[str, Traded]:
    found: dict[str, Traded] = {}
    for event in floor.events:
        if isinstance(event, PaperAccepted):
            found[event.order_id] = Traded(event, [])
        elif isinstance(event, PaperTraded):
            found[event.order_id].trades.append(event)
    return found


@given(_courses(), _MODELS)
@settings(max_examples=150)
def test_no_order_trades_more_than_it_wanted_or_beyond_its_limit(
    course: list[Step], model: FillModel
) -> None:
    for traded in trades_of(play(course, model)).values():
        ticket = traded.accepted.ticket
        whole = sum((it.quantity.value for it in traded.trades), Decimal(0))
        assert whole <= ticket.quantity.value
        for trade in traded.trades:
            limit = ticket.limit_price
            if limit is not None:
                good = trade.price <= limit if ticket.side is Side.BUY else trade.price >= limit
                assert good


@given(_courses(quotes=False), _EXACT)
@settings(max_examples=150)
def test_without_slippage_and_spread_every_price_was_there(
    course: list[Step], model: FillModel
) -> None:
    bars = {seen.at: seen for _, seen in course if isinstance(seen, Bar)}
    for traded in trades_of(play(course, model)).values():
        for trade in traded.trades:
            seen = bars[trade.at]
            assert seen.low <= trade.price <= seen.high
            assert trade.at >= traded.accepted.active_at


@given(_courses(), _MODELS)
@settings(max_examples=150)
def test_position_cash_and_fees_follow_exactly_from_the_trades(
    course: list[Step], model: FillModel
) -> None:
    floor = play(course, model)
    if floor.book is None:
        return
    position = cash = fees = Decimal(0)
    for event in floor.events:
        if isinstance(event, PaperTraded):
            buys = event.side is Side.BUY
            move, pay = (add, subtract) if buys else (subtract, add)
            position = move(position, event.quantity.value)
            cash = pay(cash, multiply(event.price.value, event.quantity.value))
            fees = add(fees, event.fee.amount)
    assert floor.book.position == position
    assert floor.book.fees.amount == fees
    assert floor.book.cash.amount == subtract(cash, fees)


@given(_courses(), _MODELS)
@settings(max_examples=100)
def test_what_only_reduces_never_opens_and_never_turns_a_position(
    course: list[Step], model: FillModel
) -> None:
    floor = play(course, model)
    reduces = {
        event.order_id
        for event in floor.events
        if isinstance(event, PaperAccepted) and event.ticket.reduce_only
    }
    position = Decimal(0)
    for event in floor.events:
        if isinstance(event, PaperTraded):
            move = add if event.side is Side.BUY else subtract
            after = move(position, event.quantity.value)
            if event.order_id in reduces:
                assert abs(after) < abs(position)
                assert after * position >= 0
            position = after


@given(_courses(), _MODELS)
@settings(max_examples=100)
def test_a_market_shown_twice_changes_nothing(course: list[Step], model: FillModel) -> None:
    floor = Floor(model)
    for seen in played(floor, course):
        if floor.book is not None:
            assert floor.meet(seen) == []


@given(_courses(), _MODELS, st.integers(0, 6))
@settings(max_examples=100)
def test_a_restart_anywhere_gives_the_same_events(
    course: list[Step], model: FillModel, cut: int
) -> None:
    whole, broken = play(course, model), Floor(model)
    for number, _ in enumerate(played(broken, course)):
        if number == cut and broken.book is not None:
            broken.book = Book.from_events(broken.events)
    assert broken.events == whole.events
    assert broken.book == whole.book


@given(_courses(), _MODELS)
@settings(max_examples=50)
def test_a_book_is_kept_in_a_snapshot_as_it_is(course: list[Step], model: FillModel) -> None:
    book = play(course, model).book
    if book is not None:
        codec = state_codec()
        data = codec.encode("paper-x", book)
        assert codec.decode("paper-x", data) == book


@given(_courses(), _MODELS)
@settings(max_examples=100)
def test_trades_are_named_one_after_the_other_and_each_order_ends_once(
    course: list[Step], model: FillModel
) -> None:
    floor = play(course, model)
    for id_, traded in trades_of(floor).items():
        names = [it.trade_id for it in traded.trades]
        assert names == [f"{id_}:{number + 1}" for number in range(len(names))]
    ends = Counter(
        event.order_id
        for event in floor.events
        if isinstance(event, PaperCanceled | PaperExpired | PaperRejected)
    )
    assert set(ends.values()) <= {1}


@given(_bars(0), st.lists(st.integers(1, 30), min_size=2, max_size=6), _CENTS)
@settings(max_examples=100)
def test_at_one_price_nobody_trades_before_those_who_came_first(
    seen: Bar, quantities: list[int], limit: str
) -> None:
    floor = Floor(FillModel(participation=Decimal("0.05")))
    for number, quantity in enumerate(quantities, start=1):
        floor.place(f"buy {quantity} limit {limit}", number=number)
    floor.meet(seen)
    left = [order.place for order in floor.known.queue()]
    touched = [
        floor.known.working[order_id(number)]
        for number in range(1, len(quantities) + 1)
        if order_id(number) in floor.known.working
    ]
    # Whoever is still there came after everybody who is gone; only the first of them has a part.
    assert left == list(range(len(quantities) - len(left) + 1, len(quantities) + 1))
    assert not any(order.traded for order in touched[1:])
