"""The crash matrix: `python -m tests.crash.matrix` kills a trader at every boundary, many times.

Each run has a database and an account of its own at a venue server in another process, which keeps
the truth. A life is killed at one point; the next goes on where the log stands (one in four is
killed as well); the last comes to the end. Then the venue's book is compared with ours and the log.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import time
from typing import Any
from uuid import uuid4

from sqlalchemy import make_url, text

from tests.crash.life import CASH, World, in_a_child, life
from tests.crash.points import POINTS, Reaper
from tests.venues.control import Control, venue_process
from tests.venues.faults import Call, Fault
from traderbot.infrastructure.audit.log_audit import LogAudit
from traderbot.infrastructure.brokers.alpaca_venue import AlpacaVenue
from traderbot.infrastructure.brokers.ccxt_venue import CcxtVenue
from traderbot.infrastructure.embedded.postgres import postgres
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.persistence.database import reader_engine, writer_engine
from traderbot.infrastructure.persistence.migrate import upgrade

_SEEDS = 20
_ALSO_FAULTY = 0.3  # of the runs: a submission fails as well
_ALSO_KILLED = 0.25  # of the runs: the second life is killed too


@dataclass(frozen=True, slots=True)
class At:
    """A venue's server, and how the program reaches it."""

    module: str
    code: str
    name: str
    base: str
    quote: str
    unit: str
    make: Callable[[World, Any], Any]


def _binance(world: World, clock: Any) -> CcxtVenue:
    address = world.venue_url.removeprefix("http://")
    return CcxtVenue(
        account="main", key=world.account, secret="secret", clock=clock, address=address,
        timeout_seconds=1.0,
    )  # fmt: skip


def _alpaca(world: World, clock: Any) -> AlpacaVenue:
    address = world.venue_url.removeprefix("http://")
    return AlpacaVenue(
        account="main", key=world.account, secret="secret", clock=clock, address=address,
        timeout_seconds=1.0,
    )  # fmt: skip


BINANCE = At("tests.venues.binance", "BTC/USDT", "BTCUSDT", "BTC", "USDT", "0.01", _binance)
ALPACA = At("tests.venues.alpaca", "AAPL", "AAPL", "AAPL", "USD", "1", _alpaca)


@dataclass(slots=True)
class Outcome:
    """What one run came to."""

    point: str
    database: str
    seed: int
    kills: int = 0
    faults: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Matrix:
    """Runs against one venue server."""

    control: Control
    at: At
    folder: Path
    server: str | None = None  # PostgreSQL's URL

    def run(self, point: str, database: str, seed: int) -> Outcome:
        """Kill at the point, go on, and compare."""
        outcome = Outcome(point, database, seed)
        with self._database(database) as url:
            world = self._world(url, seed)
            random = Random(f"{point}{seed}")  # noqa: S311
            if point == "question: answered, not recorded" or random.random() < _ALSO_FAULTY:
                fault = random.choice([Fault.ERROR_AFTER, Fault.RESET, Fault.ERROR_BEFORE])
                self.control.fail(fault, Call.SUBMIT, count=1)
            self._live(world, Reaper(point, random.choice([1, 1, 2])), outcome)
            if random.random() < _ALSO_KILLED:
                self._live(world, Reaper(random.choice(POINTS)), outcome)
            if self._live(world, Reaper(None), outcome) != 0:
                outcome.faults.append("the last life did not come to its end")
            else:
                outcome.faults += self._compare(world)
        return outcome

    def _live(self, world: World, reaper: Reaper, outcome: Outcome) -> int:
        def work() -> None:
            with life(world, reaper) as it:
                it.live()

        code = in_a_child(work)
        self.control.heal()
        outcome.kills += code == -9
        if code not in {0, -9}:
            outcome.faults.append(f"a life ended with {code}")
        return code

    def _world(self, url: str, seed: int) -> World:
        account = uuid4().hex
        balances = {self.at.quote: CASH, self.at.base: "0"}
        self.control.account(account, "secret", balances, margin=True)
        self.control.price(self.at.name, "100", "100.5")
        return World(
            url=url,
            venue_url=self.control.url,
            account=account,
            code=self.at.code,
            name=self.at.name,
            began=time(),
            seed=seed,
            venue=self.at.module.rpartition(".")[2],
            unit=self.at.unit,
            make_venue=self.at.make,
        )

    @contextmanager
    def _database(self, kind: str) -> Iterator[str]:
        name = f"crash_{uuid4().hex}"
        with ExitStack() as stack:
            if kind == "sqlite":
                folder = stack.enter_context(TemporaryDirectory(dir=self.folder))
                url = f"sqlite:///{folder}/traderbot.db"
            else:
                assert self.server is not None
                admin = writer_engine(self.server).execution_options(isolation_level="AUTOCOMMIT")
                with admin.connect() as connection:
                    connection.execute(text(f"CREATE DATABASE {name}"))
                admin.dispose()
                url = make_url(self.server).set(database=name).render_as_string(hide_password=False)
            engine = writer_engine(url)
            upgrade(engine)
            engine.dispose()
            yield url

    def _compare(self, world: World) -> list[str]:
        """Return what is wrong: orders lost, doubled, orphaned, other money, a log that is not."""
        found: list[str] = []
        truth = self.control.book()
        theirs = [it for it in truth["orders"] if it["account"] == world.account]
        with life(world, Reaper(None)) as it:
            ours = {order.order_id.replace("-", ""): order for order in it.orders()}
            (portfolio,) = it.writing.views.portfolios(None).items
        names = Counter(order["client_id"] for order in theirs)
        found += [f"doubled: {name}" for name, count in names.items() if count > 1]
        found += [f"orphan: {name}" for name in names if name not in ours]
        for name, order in ours.items():
            truths = [it for it in theirs if it["client_id"] == name]
            if not truths:
                if order.status not in {"canceled", "refused", "rejected"}:
                    found.append(f"lost: {order.status}")
                continue
            if Decimal(truths[0]["filled"]) != Decimal(order.filled):
                found.append(f"filled {order.filled}, there {truths[0]['filled']}")
            alive = truths[0]["status"] in {"new", "partially_filled", "pending_cancel"}
            if alive is not (order.status in {"accepted", "partially_filled", "pending_cancel"}):
                found.append(f"{order.status} here, {truths[0]['status']} there")
        balances = truth["balances"][world.account]
        for asset in (self.at.base, self.at.quote):
            have = sum(
                (Decimal(b.total) for b in portfolio.balances if b.currency == asset), Decimal(0)
            )
            if asset == self.at.base:
                have += sum((Decimal(p.quantity) for p in portfolio.positions), Decimal(0))
            there = balances.get(asset, {"free": "0", "locked": "0"})
            if have != Decimal(there["free"]) + Decimal(there["locked"]):
                found.append(f"{asset}: {have} here, {there} there")
        return [*found, *self._audit(world)]

    def _audit(self, world: World) -> list[str]:
        reading, writing = reader_engine(world.url), writer_engine(world.url)
        try:
            audit = LogAudit(reading, writing, EventCodec())
            report = audit.verify()
            difference = audit.diff()
            wrong = [f"the log: {it}" for it in report.findings]
            return wrong + [f"the rows: {it}" for it in difference.differences]
        finally:
            reading.dispose()
            writing.dispose()


@contextmanager
def matrix(at: At, folder: Path, server: str | None = None) -> Iterator[Matrix]:
    """Start the venue's server."""
    # Lives are faster than real time; the minute in which the venue counts their requests is not.
    with venue_process(at.module, folder, "--weight", "1000000000") as control:
        yield Matrix(control, at, folder, server)


def main(arguments: Sequence[str]) -> int:
    """Run all of it and print the matrix; 1 if anything was wrong."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=_SEEDS)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--venue", choices=["binance", "alpaca"], default="binance")
    parser.add_argument("--database", choices=["sqlite", "postgres", "both"], default="both")
    options = parser.parse_args(arguments)
    databases = ["sqlite", "postgres"] if options.database == "both" else [options.database]
    at = BINANCE if options.venue == "binance" else ALPACA
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    wrong = 0
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        server = None
        if "postgres" in databases:
            server = stack.enter_context(postgres(durable=True)).url
        runs = stack.enter_context(matrix(at, folder, server))
        print(f"| killed at | {' | '.join(databases)} | kills |")
        print(f"|---|{'---|' * len(databases)}---|")
        for point in POINTS:
            cells, kills = [], 0
            for database in databases:
                outcomes = [runs.run(point, database, seed) for seed in seeds]
                bad = [it for it in outcomes if it.faults]
                kills += sum(it.kills for it in outcomes)
                cells.append(f"{len(outcomes) - len(bad)} of {len(outcomes)} agree")
                wrong += len(bad)
                for it in bad:
                    print(f"{it.database}, seed {it.seed}: {it.faults}", file=sys.stderr)
            print(f"| {point} | {' | '.join(cells)} | {kills} |", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
