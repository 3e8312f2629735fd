"""R32: the halt is always reachable, however much else is asked and however empty other limits."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.api.running import (
    MANY,
    Person,
    Server,
    an_admin,
    an_order,
    running,
    settings_in,
    somebody,
)
from traderbot.infrastructure.settings import load_settings

CALLERS = 8
HALTS = 20
LONGEST_SECONDS = 1.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server whose limits are soon used up, but for those of the halt and of signing in."""
    key = settings_in(tmp_path).auth.secret_key
    settings = load_settings(
        env_file=None,
        arguments={
            "data": {"dir": str(tmp_path)},
            "auth": {"secret_key": "" if key is None else key.get_secret_value()},
            "limits": {**MANY, "api": "30/minute", "trading": "10/minute"},
        },
    )
    with running(settings) as one:
        yield one


def flood(person: Person, portfolio: str, ends: threading.Event, seen: Counter[int]) -> None:
    """Ask as fast as answers come, over one connection."""
    number = 0
    while not ends.is_set():
        number += 1
        if number % 2:
            answer = person.get("/orders")
        else:
            answer = person.post("/orders", an_order(portfolio))
        seen[answer.status_code] += 1


def test_twenty_halts_are_answered_within_a_second_while_everything_else_is_refused(
    server: Server,
) -> None:
    ends, seen = threading.Event(), Counter[int]()
    with somebody(server) as person, an_admin(server) as operator:
        portfolio = person.open_portfolio()["portfolio_id"]
        callers = [
            threading.Thread(target=flood, args=(person, portfolio, ends, seen))
            for _ in range(CALLERS)
        ]
        for caller in callers:
            caller.start()
        taken: list[float] = []
        try:
            time.sleep(0.5)
            for number in range(HALTS):
                body = {"scope": "system", "reason": f"overloaded, number {number}"}
                began = time.monotonic()
                answer = operator.client.post("/risk/halt", json=body)
                taken.append(time.monotonic() - began)
                assert answer.status_code == 200, answer.text
        finally:
            ends.set()
            for caller in callers:
                caller.join(30)
        assert seen[429] > 10 * HALTS, seen
        assert max(taken) <= LONGEST_SECONDS, sorted(taken)
