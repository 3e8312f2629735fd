"""After the halt is in the log, nothing goes out: not from this process and not from another."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.integration.risk.racing import (
    approved,
    halt,
    kinds,
    resume,
    scopes,
    sent_while_halted,
    submit,
)
from tests.stores import SqlStore, Store, at_once
from traderbot.domain.risk.errors import TradingHaltedError
from traderbot.domain.shared.ids import OrderId

ROUNDS = int(os.environ.get("TRADERBOT_TEST_RACE_ROUNDS", "15"))
SUBMITTERS = 64


def test_no_submission_follows_a_halt_that_races_it(store: Store) -> None:
    """Half of the submitters are at a writer of their own, as in another process."""
    one, other = store.desk(), store.desk()
    chance = random.Random(1)  # noqa: S311 - chance, no secret
    owned = one.portfolio()
    sent = 0
    for number in range(ROUNDS):
        # A scope's first halt makes its stream, the next ones move it: both must be safe.
        if number % 5 == 0:
            owned = one.second_portfolio(owned.owner)
        scope = scopes(owned)[number % 3]
        orders = approved(one, owned, SUBMITTERS)
        calls = [submit((one, other)[n % 2], id_) for n, id_ in enumerate(orders)]
        place = chance.randrange(len(calls) + 1)
        calls.insert(place, halt((one, other)[number % 2], scope))
        answers = at_once(calls, len(calls))
        halted = answers.pop(place)
        assert (halted.state, halted.scope) == ("halted", scope.key), halted
        assert all(
            isinstance(it, TradingHaltedError) for it in answers if isinstance(it, BaseException)
        )
        sent += sum(not isinstance(it, BaseException) for it in answers)
        assert sent_while_halted(store, scope) == 0
        resume(one, scope)
    assert kinds(store.log()).count("order.submitting") == sent
    assert 0 < sent < ROUNDS * SUBMITTERS, "the halts came too late or too early to race"


def test_no_submission_of_another_process_follows_a_halt(sql_store: SqlStore) -> None:
    desk = sql_store.desk()
    owned = desk.portfolio()
    chance = random.Random(2)  # noqa: S311 - chance, no secret
    ours = theirs = 0
    with _another_process(sql_store.url) as process:
        for number in range(ROUNDS):
            if number % 5 == 0:
                owned = desk.second_portfolio(owned.owner)
            scope = scopes(owned)[number % 3]
            orders = approved(desk, owned, SUBMITTERS)
            half = SUBMITTERS // 2
            process.begin(orders[:half])
            time.sleep(chance.uniform(0, 0.02))
            calls = [*(submit(desk, id_) for id_ in orders[half:]), halt(desk, scope)]
            chance.shuffle(calls)
            answers = at_once(calls, len(calls))
            ours += sum(not isinstance(it, BaseException) for it in answers) - 1
            theirs += process.sent()
            assert sent_while_halted(sql_store, scope) == 0
            resume(desk, scope)
    assert kinds(sql_store.log()).count("order.submitting") == ours + theirs
    assert theirs > 0


class _Process:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert process.stdin is not None
        assert process.stdout is not None
        self._say, self._hear = process.stdin, process.stdout

    def begin(self, orders: list[OrderId]) -> None:
        self._say.write(" ".join(orders) + "\n")
        self._say.flush()

    def sent(self) -> int:
        return int(self._hear.readline())


@contextmanager
def _another_process(url: str) -> Iterator[_Process]:
    command = [sys.executable, "-m", "tests.integration.risk.submitter", url]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        talk = _Process(process)
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield talk
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(30)


@pytest.mark.parametrize("again", [False, True])
def test_a_halt_is_there_for_whoever_opens_the_database_next(
    sql_store: SqlStore, again: bool
) -> None:
    desk = sql_store.desk()
    owned = desk.portfolio()
    (order,) = approved(desk, owned, 1)
    for scope in scopes(owned):
        halt(desk, scope)()
        other = sql_store.desk() if again else desk
        refused = other.place(owned, quantity="1", limit_price="1")
        assert [it.code for it in refused.reasons] == ["TRADING_HALTED"]
        with pytest.raises(TradingHaltedError, match=scope.key):
            submit(other, order)()
        resume(desk, scope)
    assert submit(desk, order)().status == "submitting"
