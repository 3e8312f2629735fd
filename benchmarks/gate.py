"""What the risk gate costs an order: with every policy, against the two it began with.

*all policies*: every limit of live trading is set, with bounds that let the orders pass; states and
limits of three scopes are read in each transaction; the file latch is looked at; the portfolio
remembers its orders.
*two policies*: funds and notional, no scope, no latch, no memory: the gate as it was at first.

usage: python -m benchmarks.run gate
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from unittest.mock import patch

from benchmarks.databases import Databases
from benchmarks.harness import (
    Claim,
    Contestant,
    in_tasks,
    in_threads,
    print_rates,
    ratio,
    take_turns,
)
from traderbot.application.commands.place_order import PlaceOrder
from traderbot.application.commands.portfolios import OpenPortfolio
from traderbot.application.commands.risk_limits import AnalyseRisk
from traderbot.application.commands.users import RegisterUser
from traderbot.application.gate import Gate
from traderbot.application.ports.commands import IdempotencyKey, Origin
from traderbot.application.ports.recorded import Actor
from traderbot.application.ports.unit_of_work import UnitOfWork
from traderbot.application.use_cases import UseCases
from traderbot.domain.orders.ticket import OrderKind, Side, Ticket
from traderbot.domain.portfolio.trading_memory import TradingMemory
from traderbot.domain.risk.control import RiskControl
from traderbot.domain.risk.exposure import Quote, TradingRules
from traderbot.domain.risk.limits import LIVE, Limits
from traderbot.domain.risk.policies_account import sufficient_funds
from traderbot.domain.risk.policies_order import order_notional
from traderbot.domain.shared.ids import BotRunId, PortfolioId, UserId
from traderbot.domain.shared.values import Money, Price, Quantity, Symbol, symbol
from traderbot.infrastructure.event_bus import EventBus
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.halt_latch import FileLatch
from traderbot.infrastructure.persistence.database import writer_engine
from traderbot.infrastructure.persistence.migrate import upgrade
from traderbot.infrastructure.persistence.storages import open_storage
from traderbot.infrastructure.persistence.writer import Writer
from traderbot.infrastructure.system import SystemClock, Uuid7Source

CALLERS = 64
_A_PORTFOLIO = 8  # orders that work in one at a time: fewer than the limit of a symbol
_OPERATOR = Origin(actor=Actor("operator", "benchmark", "library"))
_EVERYTHING = replace(
    LIVE,
    symbols=("IBM",),
    order_notional_fraction=Decimal("0.01"),
    total_exposure_max=Decimal(10**15),
    message_rate_max=Decimal(128),
    message_burst_max=Decimal(128),
)


class _Quotes:
    """A market that is always there."""

    def __init__(self) -> None:
        self._clock = SystemClock()
        self._price = Price("120.50")
        self._rules = TradingRules(tick_size=Price("0.01"), lot_size=Quantity(1))

    def quote(self, _symbol: Symbol) -> Quote:
        """Return the price the orders are placed at."""
        return Quote(self._price, self._clock.now())

    def rules(self, _symbol: Symbol) -> TradingRules:
        """Return steps of cents and whole shares."""
        return self._rules

    def lists(self, _symbol: Symbol) -> bool:
        """Return that it does."""
        return True


class _FirstGate(Gate):
    """The gate as it was: two policies, and nothing is read for it."""

    def controls(
        self,
        unit: UnitOfWork,
        portfolio_id: PortfolioId,
        bot_run_id: BotRunId | None = None,
        venue: str | None = None,
    ) -> list[RiskControl]:
        """Return none."""
        del unit, portfolio_id, bot_run_id, venue
        return []


@contextmanager
def _without_memory() -> Iterator[None]:
    with patch.object(TradingMemory, "reserved", lambda self, _event: self):
        yield


class _Desk:
    """A writer with a gate, and portfolios that are opened before anything is timed."""

    def __init__(
        self, url: str, gate: Gate, around: Callable[[], AbstractContextManager[None]]
    ) -> None:
        engine = writer_engine(url)
        upgrade(engine)
        clock, ids, self._around = SystemClock(), Uuid7Source(), around
        self._bus = EventBus()
        self.writer = Writer(
            lambda: open_storage(engine),
            UseCases.build(gate.limits, clock, ids, gate).handlers(),
            codec=EventCodec(),
            clock=clock,
            ids=ids,
            sink=self._bus,
        )
        user = self.writer.run(RegisterUser(email="a@example.com", password_hash="-"), _OPERATOR)
        self._owner = UserId(user.user_id)
        self._number = itertools.count()
        self._wishes: Iterator[tuple[PlaceOrder, Origin]] = iter(())

    def prepare(self, orders: int) -> None:
        """Open as many portfolios as that many orders need, and let the gate look at each once.

        That nothing is known at the scope of a new portfolio is asked of the database once, not for
        every order: it is no part of what an order costs.
        """
        command = OpenPortfolio(owner_id=self._owner, name="book", cash=Money(10**9, "USD"))
        count = orders // _A_PORTFOLIO + 1
        with ThreadPoolExecutor(32) as pool:
            opened = pool.map(lambda _: self.writer.run(command, _OPERATOR), range(count))
            ids = [PortfolioId(each.portfolio_id) for each in opened]
            looks = [AnalyseRisk(portfolio_id=id_) for id_ in ids]
            list(pool.map(lambda look: self.writer.run(look, _OPERATOR), looks))
        self._wishes = iter([self._wish(id_) for _ in range(_A_PORTFOLIO) for id_ in ids])

    def in_tasks(self, n: int) -> float:
        """Place orders from coroutines."""
        self.prepare(n)
        with self._around():
            return in_tasks(CALLERS, n, self._place_async)

    def alone(self, n: int) -> float:
        """Place orders one after another."""
        self.prepare(n)
        with self._around():
            return in_threads(1, n, self._place)

    def close(self) -> None:
        """Stop."""
        self.writer.close()
        self._bus.close()

    def _wish(self, portfolio_id: PortfolioId) -> tuple[PlaceOrder, Origin]:
        ticket = Ticket(
            portfolio_id=portfolio_id,
            symbol=symbol("IBM"),
            side=Side.BUY,
            quantity=Quantity("10"),
            kind=OrderKind.LIMIT,
            limit_price=Price("120.50"),
        )
        key = IdempotencyKey(self._owner, f"{next(self._number)}")
        origin = Origin(actor=Actor("user", self._owner, "api"), key=key)
        return PlaceOrder(owner_id=self._owner, ticket=ticket), origin

    def _place(self, _caller: int, _number: int) -> None:
        _passed(self.writer.run(*next(self._wishes)).status)

    async def _place_async(self, _caller: int, _number: int) -> None:
        _passed((await self.writer.execute(*next(self._wishes))).status)


def _passed(status: str) -> None:
    if status != "approved":
        msg = "the benchmark's own order was refused"
        raise AssertionError(msg)


def measure(databases: Databases, rounds: int = 5) -> list[Claim]:
    """Measure on one kind of database, print the rates, return the claims."""
    kind = databases.kind
    with tempfile.TemporaryDirectory() as folder:
        latch = FileLatch(Path(folder) / "HALT")
        whole = _Desk(
            databases.new(),
            Gate(limits=_EVERYTHING, markets=_Quotes(), latch=latch),
            nullcontext,
        )
        first = _Desk(
            databases.new(),
            _FirstGate(limits=Limits(), policies=(sufficient_funds, order_notional)),
            _without_memory,
        )
        contestants = [
            Contestant("all policies, 64 coroutines", whole.in_tasks, 3200),
            Contestant("two policies, 64 coroutines", first.in_tasks, 3200),
            Contestant("all policies, 1 caller", whole.alone, 800),
            Contestant("two policies, 1 caller", first.alone, 800),
        ]
        take_turns(contestants[:2], rounds)
        take_turns(contestants[2:], rounds)
        print_rates(f"orders through the gate, {kind}", contestants, "orders/s")
        whole.close()
        first.close()
    many, many_first, alone, alone_first = contestants
    return [
        Claim(f"{kind}: 64 coroutines, all policies / two policies", 0.85, ratio(many, many_first)),
        Claim(f"{kind}: 1 caller, all policies / two policies", 0.85, ratio(alone, alone_first)),
    ]
