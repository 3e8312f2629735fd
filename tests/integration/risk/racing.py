"""Orders on their way out while somebody halts trading."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from tests.stores import Desk, LogLine, Owned, Store, at_once
from traderbot.application.commands.halting import HaltTrading, ResumeTrading
from traderbot.application.commands.venue_answers import BeginSubmission
from traderbot.domain.risk.trading_state import SYSTEM, Scope, ScopeKind
from traderbot.domain.shared.ids import OrderId

VENUE = "paper"


def scopes(owned: Owned) -> list[Scope]:
    """Return every kind of scope that an order without a bot belongs to."""
    return [
        SYSTEM,
        Scope(ScopeKind.VENUE, VENUE),
        Scope(ScopeKind.PORTFOLIO, owned.id),
    ]


def submit(desk: Desk, order_id: OrderId) -> Callable[[], Any]:
    """Return the wish to send an order."""
    command = BeginSubmission(order_id=order_id, venue=VENUE, account="main")
    return lambda: desk.run(command)


def halt(desk: Desk, scope: Scope) -> Callable[[], Any]:
    """Return the wish to stop."""
    return lambda: desk.run(HaltTrading(scope=scope, reason="enough"))


def resume(desk: Desk, scope: Scope) -> None:
    """Let it go on."""
    desk.run(ResumeTrading(scope=scope, reason="looked into"))


def approved(desk: Desk, owned: Owned, count: int) -> list[OrderId]:
    """Place orders that may be sent."""
    calls = [partial(desk.place, owned, quantity="1", limit_price="1")] * count
    orders = at_once(calls, count)
    assert {order.status for order in orders} == {"approved"}
    return [OrderId(order.order_id) for order in orders]


def kinds(log: Sequence[LogLine]) -> list[str]:
    """Return what kinds of events there are, in the order of the log."""
    return [json.loads(line.body)["type"] for line in log]


def sent_while_halted(store: Store, scope: Scope) -> int:
    """Count the submissions that stand behind a halt of the scope and before its end."""
    stream, halted, count = f"risk-{scope.key}", False, 0
    for line in store.log():
        kind = json.loads(line.body)["type"]
        if line.stream == stream:
            halted = kind == "risk.halted" or (halted and kind != "risk.resumed")
        elif halted and kind == "order.submitting":
            count += 1
    return count
