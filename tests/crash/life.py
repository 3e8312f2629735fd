"""One life of a trader: places orders, asks some back, and is killed, or comes to the end.

Every life goes through the same plan from its start. What an earlier life has done already is done
once, because each wish has a key of its own; so the last life ends where a single one would have.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from time import monotonic, sleep, time
from typing import Any

from tests.builders import limits
from tests.crash.points import Reaper, Watched, WatchedVenue
from tests.stores import Desk, Meddled, SqlStore, keyed
from tests.venues.control import Control
from tests.venues.faults import Call, Fault
from traderbot.application.commands.cancel_order import CancelOrder
from traderbot.application.commands.place_order import PlaceOrder
from traderbot.application.commands.portfolios import OpenPortfolio
from traderbot.application.commands.users import RegisterUser
from traderbot.application.ports.views import OrderFilter
from traderbot.application.trading.desk import TradingDesk
from traderbot.application.trading.pace import DeskPace
from traderbot.application.views import OrderView
from traderbot.domain.orders.errors import OrderClosedError
from traderbot.domain.orders.ticket import OrderKind, Side, Ticket
from traderbot.domain.shared.ids import OrderId, PortfolioId, UserId
from traderbot.domain.shared.values import Money, Price, Quantity, symbol
from traderbot.infrastructure.persistence.writer import Writer

FASTER = 20  # than real time, so that minutes of patience are seconds
CASH = "1000000"
ORDERS = 5
_PATIENCE = 40.0  # real seconds a last life may take
_PACE = DeskPace(
    look=0.02,
    reconcile=10.0,
    retry=1.0,
    cancel_again=2.0,
    patience=5.0,
    deadline=1000.0,
    send_again=10_000.0,
)
_DOUBTFUL = {"approved", "submitting", "unknown", "pending_cancel"}


class FastClock:
    """Real time since an instant all lives agree on, only faster."""

    def __init__(self, began: float) -> None:
        self._began = began

    def now(self) -> datetime:
        passed = (time() - self._began) * FASTER
        return datetime.fromtimestamp(self._began, UTC) + timedelta(seconds=passed)


@dataclass(frozen=True, slots=True)
class World:
    """What all lives of one run share."""

    url: str
    venue_url: str
    account: str
    code: str  # what is traded, as we call it
    name: str  # as the venue's book calls it
    began: float
    seed: int
    venue: str
    unit: str  # what one of the plan's units is
    make_venue: Callable[[World, Any], Any]

    @property
    def control(self) -> Control:
        return Control(self.venue_url)


@dataclass(frozen=True, slots=True)
class Wish:
    """One order of the plan, and whether it is asked back."""

    side: str
    quantity: str
    price: str
    asked_back: bool


def plan(seed: int, unit: str) -> list[Wish]:
    """Return what every life of this seed wants. The first is traded, the second is asked back."""
    random = Random(seed)  # noqa: S311
    one = Decimal(unit)
    wishes = [
        Wish("buy", str(50 * one), "101", asked_back=False),
        Wish("buy", str(20 * one), "95", asked_back=True),
    ]
    for _ in range(ORDERS - len(wishes)):
        side = random.choice(["buy", "sell"])
        price = random.choice(["97", "99.5", "100.5", "103"])
        quantity = str(random.randint(6, 20) * one)
        wishes.append(Wish(side, quantity, price, asked_back=random.random() < 0.5))
    return wishes


class Life:
    """A program that trades until it is killed or done."""

    def __init__(self, world: World, store: SqlStore, reaper: Reaper) -> None:
        self.world = world
        clock = FastClock(world.began)
        loose = limits(order_notional_max=CASH, order_notional_fraction="1")

        def storage() -> Any:
            meddled = Meddled(store.storage())
            meddled.before_commit = reaper.before_commit
            return meddled

        self.writing: Desk = store.desk(
            limits=loose, clock=clock, open_storage=storage, venue=world.venue
        )
        self.writer: Writer = Watched(self.writing.writer, reaper)  # type: ignore[assignment]
        control = world.control

        def hold() -> None:
            control.fail(Fault.LATE, Call.SUBMIT, count=1, seconds=2)

        venue = WatchedVenue(world.make_venue(world, clock), reaper, hold)
        self.desk = TradingDesk(
            self.writer,
            self.writing.views,
            venue,
            clock,
            pace=_PACE,
            monotonic=lambda: monotonic() * FASTER,
        )

    def live(self) -> None:
        """Go through the plan, and then on until nothing is in doubt."""
        owner = UserId(
            self._run(RegisterUser(email="a@example.org", password_hash="-"), "user").user_id
        )
        cash = Money(CASH, "USDT" if "/" in self.world.code else "USD")
        opened = OpenPortfolio(owner_id=owner, name="p", cash=cash)
        portfolio = PortfolioId(self._run(opened, "portfolio").portfolio_id)
        for number, wish in enumerate(plan(self.world.seed, self.world.unit)):
            order = self._place(owner, portfolio, wish, number)
            self._look(3)
            if wish.asked_back:
                self._ask_back(order, number)
                self._look(2)
            if number == 2:
                self.world.control.price(self.world.name, "98", "98.5")
        self._until_quiet()

    def _run(self, command: Any, key: str) -> Any:
        return self.writer.run(command, keyed(key))

    def _place(self, owner: UserId, portfolio: PortfolioId, wish: Wish, number: int) -> OrderView:
        ticket = Ticket(
            portfolio_id=portfolio,
            symbol=symbol(self.world.code),
            side=Side(wish.side),
            quantity=Quantity(wish.quantity),
            kind=OrderKind.LIMIT,
            limit_price=Price(wish.price),
        )
        order: OrderView = self._run(PlaceOrder(owner_id=owner, ticket=ticket), f"order-{number}")
        return order

    def _ask_back(self, order: OrderView, number: int) -> None:
        command = CancelOrder(owner_id=UserId(order.owner_id), order_id=OrderId(order.order_id))
        with suppress(OrderClosedError):
            self._run(command, f"cancel-{number}")

    def _look(self, times: int) -> None:
        for _ in range(times):
            self.desk.look()
            sleep(0.01)

    def _until_quiet(self) -> None:
        deadline = monotonic() + _PATIENCE
        while any(it.status in _DOUBTFUL for it in self.orders()):
            if monotonic() > deadline:
                break
            self._look(1)
        if any(it.status in _DOUBTFUL for it in self.orders()):
            print(f"not quiet in {_PATIENCE} s: {self.desk.standing}")
        self.desk.reconcile()

    def orders(self) -> tuple[OrderView, ...]:
        return self.writing.views.orders(OrderFilter(), limit=200).items


@contextmanager
def life(world: World, reaper: Reaper) -> Iterator[Life]:
    with ExitStack() as stack:
        yield Life(world, SqlStore(stack, world.url), reaper)


def in_a_child(work: Callable[[], None]) -> int:
    """Do it in a forked process, and return its exit status: below zero for a signal."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException:
            import traceback  # noqa: PLC0415

            traceback.print_exc()
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)
