"""One script, one clock, one source of ids: every database ends up with the same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from random import Random
from typing import Any

import pytest

from tests.builders import NOON, a_fill, an_observation, later
from tests.stores import Desk, LogLine, MemoryStore, Owned, Store
from traderbot.application.commands.bots import DecideOnBar, StartBot, StopBot
from traderbot.application.commands.portfolios import Withdraw
from traderbot.application.commands.record_fill import RecordAcceptance
from traderbot.application.commands.users import DeactivateUser
from traderbot.application.ports.views import OrderFilter
from traderbot.application.views import OrderView
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.decimals import exact
from traderbot.domain.shared.errors import TraderbotError
from traderbot.domain.shared.ids import BotRunId, OrderId
from traderbot.domain.shared.values import Money, symbol
from traderbot.infrastructure.repeatable import ReplayClock, SeededIds


@pytest.fixture
def reference() -> Iterator[Store]:
    """A second database, always of memory, to compare with."""
    with ExitStack() as stack:
        yield MemoryStore(stack)


def _desk(store: Store) -> tuple[Desk, ReplayClock]:
    clock = ReplayClock(NOON)
    return store.desk(clock=clock, ids=SeededIds("the same", clock)), clock


class Script:
    """A hundred and fifty wishes drawn from a seed: granted, refused, repeated, impossible."""

    def __init__(self, store: Store) -> None:
        self.desk, self.clock = _desk(store)
        self.random = Random(20250102)  # noqa: S311 - to be repeated
        self.owned: list[Owned] = []
        self.orders: list[OrderView] = []
        self.refusals: list[str] = []

    def play(self) -> None:
        self.owned = [self.desk.portfolio(email=f"{n}@example.org") for n in range(3)]
        steps = (
            *(self._place,) * 5,
            *(self._fill,) * 4,
            *(self._cancel, self._accept, self._deposit, self._withdraw, self._repeat, self._bot),
        )
        for minute in range(150):
            self.clock.move_to(later(minute))
            try:
                self.random.choice(steps)(minute)
            except TraderbotError as refusal:
                self.refusals.append(f"{minute}: {refusal.code}: {refusal}")
        self.desk.run(DeactivateUser(user_id=self.owned[0].owner, reason="left"))

    def _place(self, minute: int) -> None:
        draw = self.random
        wish: dict[str, Any] = {
            "symbol_code": draw.choice(["AAPL", "IBM", "BTC/USD", "ETH/EUR"]),
            "side": draw.choice(["buy", "sell"]),
            "quantity": draw.choice(["1", "7.5", "0.00000001", "99", "100000"]),
            "limit_price": draw.choice([None, "100", "99.99", "0.1"]),
        }
        key = f"key-{minute}" if draw.random() < 0.5 else None
        self.orders.append(self.desk.place(draw.choice(self.owned), key=key, **wish))

    def _fill(self, minute: int) -> None:
        draw = self.random
        quantity, price = draw.choice(["0.5", "1", "7.5"]), draw.choice(["100", "98.765432"])
        fee = draw.choice(["0 USD", "0.1 USD", "0.02 EUR"])
        fill = a_fill(
            fill_id=f"fill-{minute // 3}", quantity=quantity, price=price, fee=fee, at=later(minute)
        )
        self.desk.fill(draw.choice(self.orders), fill)

    def _cancel(self, _minute: int) -> None:
        self.desk.cancel(self.random.choice(self.orders))

    def _accept(self, minute: int) -> None:
        id_ = OrderId(self.random.choice(self.orders).order_id)
        command = RecordAcceptance(
            order_id=id_, venue="paper", venue_order_id=f"v-{id_}", at=later(minute)
        )
        self.desk.run(command)

    def _deposit(self, _minute: int) -> None:
        amount = self.random.choice(["0.000000000000000001 USD", "1000 EUR", "12345.67 USD"])
        self.desk.deposit(self.random.choice(self.owned), amount)

    def _withdraw(self, _minute: int) -> None:
        of, amount = self.random.choice(self.owned), self.random.choice(["10 USD", "9999999 USD"])
        command = Withdraw(owner_id=of.owner, portfolio_id=of.id, amount=Money.parse(amount))
        self.desk.run(command)

    def _repeat(self, minute: int) -> None:
        self.desk.place(self.owned[0], key=f"key-{self.random.randrange(minute + 1)}")

    def _bot(self, minute: int) -> None:
        of = self.random.choice(self.owned)
        run = self.desk.run(
            StartBot(
                owner_id=of.owner,
                portfolio_id=of.id,
                strategy="rsi_cross",
                parameters={"upper": "70", "lower": "30", "period": "14"},
                symbol=symbol("AAPL"),
                timeframe=Timeframe.H1,
                allocation=exact("0.05"),
            )
        )
        id_ = BotRunId(run.bot_run_id)
        for n, signal in enumerate(["BUY", "HOLD", "SELL", "SELL"]):
            seen = an_observation(bar_at=later(minute + 60 * n), signal=signal, digest=f"d{n}")
            self.desk.run(DecideOnBar(bot_run_id=id_, seen=seen))
        self.desk.run(StopBot(owner_id=of.owner, bot_run_id=id_, reason="over"))


def by_stream(log: list[LogLine]) -> dict[str, list[str]]:
    """Return the leaf hashes of every stream, in order."""
    hashes: dict[str, list[str]] = {}
    for line in log:
        hashes.setdefault(line.stream, []).append(line.leaf_hash.hex())
    return hashes


def test_the_same_script_makes_the_same_history(store: Store, reference: Store) -> None:
    here, there = Script(store), Script(reference)
    here.play()
    there.play()
    assert here.refusals == there.refusals
    assert len(here.refusals) > 10
    assert {order.status for order in here.orders} == {"approved", "refused"}
    assert by_stream(store.log()) == by_stream(reference.log())
    # One writer alone: the order between streams is the same, too.
    assert store.log() == reference.log()
    assert len(store.log()) > 300


def test_the_same_script_leads_to_the_same_views(store: Store, reference: Store) -> None:
    here, there = Script(store), Script(reference)
    here.play()
    there.play()
    one, other = here.desk.views, there.desk.views
    assert one.orders(OrderFilter(), limit=200) == other.orders(OrderFilter(), limit=200)
    assert one.trades(None, limit=200) == other.trades(None, limit=200)
    assert one.users(limit=200) == other.users(limit=200)
    assert one.portfolios(None, limit=200) == other.portfolios(None, limit=200)
    assert one.bot_runs(None, limit=200) == other.bot_runs(None, limit=200)
    assert list(one.working_orders()) == list(other.working_orders())
    assert len(one.trades(None, limit=200).items) > 10
    for owned in here.owned:
        assert store.ledger(owned.id) == reference.ledger(owned.id)


def test_how_commands_are_batched_changes_nothing(store: Store, reference: Store) -> None:
    together, _ = _desk(store)
    owned = together.portfolio(None)
    together.together([lambda: together.deposit(owned, "1 USD")] * 20)
    apart, _ = _desk(reference)
    same = apart.portfolio(None)
    apart.do(lambda _unit: None)  # the one that held the writer
    for _ in range(20):
        apart.deposit(same, "1 USD")
    assert store.log() == reference.log()
