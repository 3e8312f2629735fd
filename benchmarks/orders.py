"""Placing an order with everything, against two ways people do it today.

*traderbot*: idempotency key, gate, compare-and-set, three events in hash-linked streams, order,
balance and portfolio rows, ledger, one durable commit shared by whoever waits.
*ORM session per call*: the same rows and the same events, written by one SQLAlchemy ORM session per
call in a pool of sixteen threads.
*eventsourcing*: one aggregate with one event appended by the library's own application class, its
defaults; no idempotency, no state rows, no ledger.
*eventsourcing, the same three events*: an order placed and approved, and its cash set aside in a
portfolio, saved in one transaction; still no idempotency, no state rows, no ledger, no hashes.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from benchmarks.databases import Databases, settings_of
from benchmarks.harness import (
    Claim,
    Contestant,
    in_tasks,
    in_threads,
    print_rates,
    ratio,
    take_turns,
)
from benchmarks.orm_session import OrmOrders
from benchmarks.peer_eventsourcing import EventsourcingOrders, EventsourcingThreeEvents
from traderbot.application.commands.place_order import PlaceOrder
from traderbot.application.commands.portfolios import OpenPortfolio
from traderbot.application.commands.users import RegisterUser
from traderbot.application.ports.commands import IdempotencyKey, Origin
from traderbot.application.ports.recorded import Actor
from traderbot.bootstrap import Traderbot
from traderbot.domain.orders.ticket import OrderKind, Side, Ticket
from traderbot.domain.shared.ids import PortfolioId, UserId
from traderbot.domain.shared.values import Money, Price, Quantity, symbol

CALLERS = 64
_PORTFOLIOS = 8
_OPERATOR = Origin(actor=Actor("operator", "benchmark", "library"))


class TraderbotOrders:
    """Our own contestant on one database."""

    def __init__(self, url: str) -> None:
        """Open it, with a few portfolios that can afford everything."""
        self.bot = Traderbot.open(settings_of(url))
        run = self.bot.application.executor.run
        user = run(RegisterUser(email="bench@example.com", password_hash="-"), _OPERATOR)
        self.owner = UserId(user.user_id)
        self.portfolios = [
            PortfolioId(
                run(
                    OpenPortfolio(
                        owner_id=self.owner, name=f"book {n}", cash=Money("1000000000000", "USD")
                    ),
                    _OPERATOR,
                ).portfolio_id
            )
            for n in range(_PORTFOLIOS)
        ]
        self._number = itertools.count()

    def command(self, caller: int) -> tuple[PlaceOrder, Origin]:
        """Return one order, fresh from a caller's texts, with a key of its own."""
        ticket = Ticket(
            portfolio_id=self.portfolios[caller % _PORTFOLIOS],
            symbol=symbol("IBM"),
            side=Side.BUY,
            quantity=Quantity("10"),
            kind=OrderKind.LIMIT,
            limit_price=Price("120.50"),
        )
        key = IdempotencyKey(self.owner, f"{next(self._number)}")
        origin = Origin(actor=Actor("user", self.owner, "api"), key=key)
        return PlaceOrder(owner_id=self.owner, ticket=ticket), origin

    def place(self, caller: int, _number: int) -> None:
        """Place one order and wait until it is durable."""
        command, origin = self.command(caller)
        if self.bot.application.executor.run(command, origin).status != "approved":
            msg = "the benchmark's own order was refused"
            raise AssertionError(msg)

    async def place_async(self, caller: int, _number: int) -> None:
        """Place one order from a coroutine."""
        command, origin = self.command(caller)
        answer = await self.bot.application.executor.execute(command, origin)
        if answer.status != "approved":
            msg = "the benchmark's own order was refused"
            raise AssertionError(msg)


def measure(databases: Databases, rounds: int = 5) -> list[Claim]:
    """Measure on one kind of database, print the rates, return the claims."""
    ours = TraderbotOrders(databases.new())
    orm = OrmOrders(databases.new())
    peer = EventsourcingOrders(databases)
    three = EventsourcingThreeEvents(databases, _PORTFOLIOS)
    pool = ThreadPoolExecutor(16)

    def orm_pooled(caller: int, number: int) -> None:
        pool.submit(orm.place, caller, number).result()

    def threads(callers: int, work: Callable[[int, int], None]) -> Callable[[int], float]:
        return lambda n: in_threads(callers, n, work)

    tasks = Contestant(
        "traderbot, 64 asyncio callers", lambda n: in_tasks(CALLERS, n, ours.place_async), 6400
    )
    threaded = Contestant("traderbot, 64 threads", threads(CALLERS, ours.place), 6400)
    orm_many = Contestant(
        "ORM session per call, 64 callers, pool of 16", threads(CALLERS, orm_pooled), 640
    )
    peer_many = Contestant("eventsourcing, 64 threads", threads(CALLERS, peer.append), 1920)
    alone = Contestant("traderbot, 1 caller", threads(1, ours.place), 800)
    peer_alone = Contestant("eventsourcing, 1 caller", threads(1, peer.append), 800)
    three_many = Contestant(
        "eventsourcing, the same three events, 64 threads", threads(CALLERS, three.append), 1920
    )
    three_alone = Contestant(
        "eventsourcing, the same three events, 1 caller", threads(1, three.append), 800
    )
    many = [tasks, threaded, peer_many, three_many, orm_many]
    single = [alone, peer_alone, three_alone]
    take_turns(many, rounds)
    take_turns(single, rounds)
    print_rates(f"orders placed, durable, {databases.kind}", [*many, *single], "orders/s")
    pool.shutdown()
    ours.bot.close()
    orm.close()
    peer.close()
    three.close()
    kind = databases.kind
    return [
        Claim(
            f"{kind}: 64 coroutines, orders with everything / ORM session per call, 64 threads",
            8,
            ratio(tasks, orm_many),
        ),
        Claim(
            f"{kind}: 64 coroutines, orders with everything / eventsourcing append, 64 threads",
            3,
            ratio(tasks, peer_many),
        ),
        Claim(
            f"{kind}: 1 caller, orders with everything / eventsourcing plain append",
            0.8,
            ratio(alone, peer_alone),
        ),
        Claim(
            f"{kind}: 64 coroutines, orders with everything / the same three events, 64 threads",
            3,
            ratio(tasks, three_many),
        ),
        Claim(
            f"{kind}: 1 caller, orders with everything / eventsourcing, the same three events",
            0.8,
            ratio(alone, three_alone),
        ),
    ]
