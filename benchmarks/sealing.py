"""What tamper evidence costs: appends with the sealer at work and without, and how soon it is done.

*On and off*: the same orders on two databases of one kind, in turns; on one of them the log is
sealed, signed and published at the default pace, by a thread of the same process.
*Commit to sealed*: deposits, one event each, at 500 a second. The k-th event acknowledged is held
against the first moment at which k events were sealed.
*Proof*: from a tree of a million synthetic leaves in a real database: the size of the tree is what
matters, and nothing reads their bodies.
"""

from __future__ import annotations

import itertools
import statistics
import time
from bisect import bisect_left
from hashlib import sha256
from random import Random

from sqlalchemy import text

from benchmarks.databases import Databases
from benchmarks.harness import Claim, Contestant, in_threads, print_rates, ratio, take_turns
from benchmarks.orders import TraderbotOrders
from traderbot.application.commands.portfolios import Deposit
from traderbot.application.ports.commands import Origin
from traderbot.application.ports.recorded import Actor
from traderbot.domain.shared.values import Money
from traderbot.infrastructure.event_store.log_reader import snapshot
from traderbot.infrastructure.persistence.database import reader_engine, writer_engine
from traderbot.infrastructure.persistence.migrate import upgrade
from traderbot.infrastructure.sealing.log_sealing import LogSealing
from traderbot.infrastructure.sealing.loop import SealingLoop
from traderbot.infrastructure.sealing.stored_tree import stored_tree
from traderbot.infrastructure.sealing.tiles import grown, verify_inclusion

_CALLERS = (1, 64)
_EVENTS_PER_SECOND = 500
_PACERS = 8
_SECONDS = 6
_LEAVES = 1_000_000
_PROOFS = 300
_BATCH = 65_536


def measure(databases: Databases, rounds: int = 5) -> list[Claim]:
    """Measure on one kind of database, print the rates, return the claims."""
    return [*_on_and_off(databases, rounds), *_delay(databases), *_proofs(databases)]


def _on_and_off(databases: Databases, rounds: int) -> list[Claim]:
    sealed, plain = TraderbotOrders(databases.new()), TraderbotOrders(databases.new())
    sealing = sealed.bot.application.sealing()
    assert isinstance(sealing, LogSealing)
    claims = []
    for callers in _CALLERS:

        def on(n: int, callers: int = callers) -> float:
            with sealing.running() as loop:  # the loop alone, without those who follow the log

                def place(caller: int, number: int) -> None:
                    sealed.place(caller, number)
                    loop.nudge()

                return in_threads(callers, n, place)

        def off(n: int, callers: int = callers) -> float:
            return in_threads(callers, n, plain.place)

        operations = 800 if callers == 1 else 6400
        with_it = Contestant(f"sealed, {callers} callers", on, operations)
        without = Contestant(f"not sealed, {callers} callers", off, operations)
        take_turns([with_it, without], rounds)
        print_rates(f"orders placed, {databases.kind}", [with_it, without], "orders/s")
        what = f"{databases.kind}: {callers} callers, orders with sealing / without"
        claims.append(Claim(what, 0.97, ratio(with_it, without)))
    append_rate = 3 * statistics.median(without.rates)  # an order is three events
    start = time.perf_counter()
    report = plain.bot.application.sealing().seal()
    seal_rate = report.sealed / (time.perf_counter() - start)
    print(f"\nsealing a backlog of {report.sealed:,}, {databases.kind}: {seal_rate:,.0f} events/s")
    what = f"{databases.kind}: a backlog sealed / events appended by 64 callers"
    claims.append(Claim(what, 5, seal_rate / append_rate))
    for each in (sealed, plain):
        each.bot.close()
    return claims


def _delay(databases: Databases) -> list[Claim]:
    """Write at a steady rate and see how long it takes until an event is sealed."""
    desk = TraderbotOrders(databases.new())
    sealing = desk.bot.application.sealing()
    assert isinstance(sealing, LogSealing)
    sealing.seal()
    committed: list[float] = []
    grown_at: list[tuple[int, float]] = []
    running: list[SealingLoop] = []
    turns = itertools.count()

    def sealed() -> None:
        grown_at.append((running[0].status.sealed, time.perf_counter()))

    with sealing.running(sealed) as loop:
        running.append(loop)
        begin = time.perf_counter() + 0.1

        def deposit(caller: int, _number: int) -> None:
            due = begin + next(turns) / _EVENTS_PER_SECOND
            time.sleep(max(0.0, due - time.perf_counter()))
            desk.bot.application.executor.run(
                Deposit(
                    owner_id=desk.owner,
                    portfolio_id=desk.portfolios[caller],
                    amount=Money("1", "USD"),
                ),
                Origin(actor=Actor("user", desk.owner, "api")),
            )
            committed.append(time.perf_counter())
            loop.nudge()

        in_threads(_PACERS, _EVENTS_PER_SECOND * _SECONDS, deposit)
    desk.bot.close()
    sizes = [size for size, _ in grown_at]
    # What the loop seals on its way out, it tells nobody: those few are left out.
    delays = sorted(
        grown_at[bisect_left(sizes, number)][1] - at
        for number, at in enumerate(sorted(committed), 1)
        if number <= sizes[-1]
    )
    rate = len(committed) / (max(committed) - min(committed))
    p50, p99 = (1000 * max(0.0, delays[int(len(delays) * part)]) for part in (0.5, 0.99))
    print(
        f"\ncommit to sealed, {databases.kind}, {rate:,.0f} events/s: "
        f"p50 {p50:.1f} ms, p99 {p99:.1f} ms"
    )
    what = f"{databases.kind}: commit to sealed at {_EVENTS_PER_SECOND} events/s, p99"
    return [Claim(what, 150, p99, "ms", at_most=True)]


def _proofs(databases: Databases) -> list[Claim]:
    """Prove leaves of a large tree, each from a moment of the database of its own."""
    url = databases.new()
    writing, reading = writer_engine(url), reader_engine(url)
    upgrade(writing)
    tiles: dict[tuple[int, int], bytes] = {}

    def read(level: int, tile: int) -> bytes:
        return tiles[level, tile]

    for start in range(0, _LEAVES, _BATCH):
        leaves = [_leaf(n) for n in range(start, min(start + _BATCH, _LEAVES))]
        tiles |= grown(read, start, leaves)
    put = text("INSERT INTO log_tiles (level, tile, hashes) VALUES (:level, :tile, :hashes)")
    rows = [{"level": level, "tile": tile, "hashes": it} for (level, tile), it in tiles.items()]
    with writing.begin() as connection:
        connection.execute(put, rows)
    with snapshot(reading) as reader:
        root = stored_tree(reader).root(_LEAVES)
    random = Random(6962)  # noqa: S311 - which leaves, the same ones every time
    times = []
    for _ in range(_PROOFS):
        index = random.randrange(_LEAVES)
        begun = time.perf_counter()
        with snapshot(reading) as reader:
            proof = stored_tree(reader).inclusion_proof(index, _LEAVES)
        times.append(time.perf_counter() - begun)
        assert verify_inclusion(_leaf(index), index, _LEAVES, proof, root)
    reading.dispose()
    writing.dispose()
    times.sort()
    p50, p99 = (1000 * times[int(len(times) * part)] for part in (0.5, 0.99))
    print(f"\ninclusion proof of {_LEAVES:,} leaves, {databases.kind}: {p50:.2f} ms, p99 {p99:.2f}")
    what = f"{databases.kind}: inclusion proof among {_LEAVES:,} synthetic leaves, p99"
    return [Claim(what, 5, p99, "ms", at_most=True)]


def _leaf(number: int) -> bytes:
    return sha256(b"\x00%d" % number).digest()
