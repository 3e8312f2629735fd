"""Reading the log back: rebuilding state beside the peer, and verifying.

*traderbot*: the log read in order, and the events of the orders decoded and applied, five each as
the peer has; three more for each, of its portfolio, are read and left. Beside it: the whole log to
states, portfolios included, and `audit replay`, which also makes views of every order and a
fingerprint of the state.
*eventsourcing*: its global log, each event decoded and applied, the fastest way its API has.
"""

from __future__ import annotations

import time
from typing import Any

from benchmarks.databases import Databases
from benchmarks.harness import Claim, Contestant, print_rates, ratio, take_turns
from benchmarks.history import our_history, peer_history
from traderbot.infrastructure.audit.folding import fold_into, fold_log, no_collecting
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.event_store.log_reader import LogReader
from traderbot.infrastructure.persistence.database import reader_engine

_ORDERS = 4_000


def measure(databases: Databases, rounds: int = 5) -> list[Claim]:
    """Measure on SQLite, print the rates, return the claims."""
    url = databases.new()
    ours = our_history(url, _ORDERS)
    peer, folder = peer_history(_ORDERS)
    audit = ours.bot.audit
    whole = audit.cut()
    codec, engine = EventCodec(), reader_engine(url)

    def orders(_n: int) -> float:
        start = time.perf_counter()
        states: dict[str, Any] = {}
        with engine.connect() as connection, no_collecting():
            for batch in LogReader(connection).bodies():
                rows = [row for row in batch if row[1].startswith("order-")]
                fold_into(states, rows, codec.events_of([body for _, _, body in rows]))
        return _checked(time.perf_counter() - start, len(states))

    def fold(_n: int) -> float:
        start = time.perf_counter()
        with engine.connect() as connection:
            states = fold_log(LogReader(connection), codec, whole.size)
        took = time.perf_counter() - start
        return _checked(took, sum(stream_id.startswith("order-") for stream_id in states))

    def replay(_n: int) -> float:
        start = time.perf_counter()
        orders = list(audit.replay(whole).orders)  # each view is made when it is looked at
        return _checked(time.perf_counter() - start, len(orders))

    def mutate(_n: int) -> float:
        start = time.perf_counter()
        states: dict[Any, Any] = {}
        first = 1
        while page := peer.recorder.select_notifications(start=first, limit=2000):
            for notification in page:
                event: Any = peer.mapper.to_domain_event(notification)
                states[event.originator_id] = event.mutate(states.get(event.originator_id))
            first = page[-1].id + 1
        return _checked(time.perf_counter() - start, len(states))

    def verify(_n: int) -> float:
        start = time.perf_counter()
        report = audit.verify()
        if report.findings or report.events != whole.size:
            msg = f"the benchmark's own log is not clean: {report.findings[:1]}"
            raise AssertionError(msg)
        return time.perf_counter() - start

    ordered = Contestant("traderbot, orders from the log", orders, 5 * _ORDERS)
    folded = Contestant("traderbot, the whole log to states", fold, whole.size)
    replayed = Contestant("traderbot, audit replay with views and fingerprint", replay, whole.size)
    mutated = Contestant("eventsourcing, global log and mutate", mutate, 5 * _ORDERS)
    verified = Contestant("traderbot, audit verify", verify, whole.size)
    take_turns([ordered, folded, replayed, mutated, verified], rounds)
    print_rates(
        "the log read back, SQLite", [ordered, folded, replayed, mutated, verified], "events/s"
    )
    engine.dispose()
    ours.bot.close()
    peer.close()
    folder.cleanup()
    best = sorted(verified.rates)[len(verified.rates) // 2]
    return [
        Claim(
            "orders rebuilt from the log / eventsourcing's global log and mutate",
            2,
            ratio(ordered, mutated),
        ),
        Claim("audit verify, events a second", 100_000, best, "events/s"),
    ]


def _checked(seconds: float, rebuilt: int) -> float:
    if rebuilt != _ORDERS:
        msg = f"{rebuilt} of {_ORDERS} orders were rebuilt"
        raise AssertionError(msg)
    return seconds
