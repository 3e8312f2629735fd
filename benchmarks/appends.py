"""One event per command with everything on, at 1, 4 and 16 concurrent writers.

*traderbot*: a deposit: idempotency key, compare-and-set, one hash-linked event, portfolio and
balance rows, two ledger lines, one durable commit shared by whoever waits; the log sealed and
signed beside it in the same process; the handlers that follow the log are not run.
*eventsourcing*: one new aggregate with one event, by the library's own application class, with its
defaults; the same file or server settings.
For information: UmaDB (a server of its own) and message-db (functions in PostgreSQL).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Protocol

from benchmarks.databases import Databases
from benchmarks.harness import Claim, Contestant, in_threads, print_rates, ratio, take_turns
from benchmarks.orders import TraderbotOrders
from benchmarks.peer_eventsourcing import EventsourcingOrders
from benchmarks.peer_messagedb import MessagedbEvents
from benchmarks.peer_umadb import UmadbEvents
from traderbot.application.commands.portfolios import Deposit
from traderbot.application.ports.commands import IdempotencyKey, Origin
from traderbot.application.ports.recorded import Actor
from traderbot.domain.shared.values import Money
from traderbot.infrastructure.sealing.log_sealing import LogSealing

_WRITERS = (1, 4, 16)
_PROMISED = {1: 0.9, 16: 5.0}


class _Peer(Protocol):
    def append(self, caller: int, number: int) -> None: ...

    def close(self) -> None: ...


class TraderbotDeposits(TraderbotOrders):
    """Our own contestant: the portfolios of the other benchmark, and deposits into them."""

    def __init__(self, url: str) -> None:
        """Open it, with the sealing loop running."""
        super().__init__(url)
        self._numbers = itertools.count()
        sealing = self.bot.application.sealing()
        assert isinstance(sealing, LogSealing)
        self._sealing = sealing.running()  # the loop alone, without those who follow the log
        self._sealing.__enter__()

    def append(self, caller: int, _number: int) -> None:
        """Deposit one dollar and wait until it is durable."""
        key = IdempotencyKey(f"{self.owner}-deposits", f"{next(self._numbers)}")
        origin = Origin(actor=Actor("user", self.owner, "api"), key=key)
        book = self.portfolios[caller % len(self.portfolios)]
        command = Deposit(owner_id=self.owner, portfolio_id=book, amount=Money("1", "USD"))
        self.bot.application.executor.run(command, origin)

    def close(self) -> None:
        """Close it."""
        self._sealing.__exit__(None, None, None)
        self.bot.close()


def measure(databases: Databases, rounds: int = 5) -> list[Claim]:
    """Measure on one kind of database, print the rates, return the claims."""
    ours = TraderbotDeposits(databases.new())
    theirs = EventsourcingOrders(databases)
    informative = dict(_for_information(databases))
    claims: list[Claim] = []
    for writers in _WRITERS:
        operations = 800 if writers == 1 else 1600

        def contestant(
            name: str, peer: _Peer, callers: int = writers, n: int = operations
        ) -> Contestant:
            return Contestant(f"{name}, {callers} writers", _threads(callers, peer.append), n)

        mine, other = contestant("traderbot", ours), contestant("eventsourcing", theirs)
        others = [contestant(name, peer) for name, peer in informative.items()]
        take_turns([mine, other, *others], rounds)
        title = f"one event per command, everything on, {databases.kind}"
        print_rates(title, [mine, other, *others], "commands/s")
        if writers in _PROMISED:
            what = f"{databases.kind}: {writers} writers, deposit with everything / eventsourcing"
            claims.append(Claim(what, _PROMISED[writers], ratio(mine, other)))
    peers: list[_Peer] = [ours, theirs, *informative.values()]
    for peer in peers:
        peer.close()
    return claims


def _threads(callers: int, work: Callable[[int, int], None]) -> Callable[[int], float]:
    return lambda n: in_threads(callers, n, work)


def _for_information(databases: Databases) -> list[tuple[str, _Peer]]:
    if databases.server is None:
        return [("UmaDB", UmadbEvents())]
    try:
        return [("message-db", MessagedbEvents(databases))]
    except RuntimeError as error:
        print(f"message-db is left out: {error}")
        return []
