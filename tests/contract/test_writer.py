"""What the writer promises on every database: nothing lost, nothing twice, no shared faults."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from threading import Event
from typing import Any

import pytest

from tests.builders import USER_ID, a_fill, deposited, later, registered
from tests.stores import (
    ORIGIN,
    Desk,
    Do,
    Meddled,
    Owned,
    SqlStore,
    Store,
    at_once,
    keyed,
    until,
)
from traderbot.application.commands.portfolios import Deposit, Withdraw
from traderbot.application.commands.users import DeactivateUser
from traderbot.application.errors import (
    ApplicationError,
    ClosedError,
    DatabaseRefusedError,
    IdempotencyKeyReusedError,
    NotAllowedError,
    OutcomeUnknownError,
)
from traderbot.application.ports.unit_of_work import Profile, UnitOfWork
from traderbot.application.ports.views import OrderFilter
from traderbot.application.views import OrderView, PortfolioView
from traderbot.domain.portfolio.errors import InsufficientFundsError
from traderbot.domain.shared.errors import DomainError
from traderbot.domain.shared.ids import OrderId, UserId
from traderbot.domain.shared.values import Money


def free(view: PortfolioView) -> float:
    """Return the free cash; the amounts here are small enough for a float."""
    return float(view.balances[0].free)


def versions(store: Store, stream: str) -> list[int]:
    return [line.version for line in store.log() if line.stream == stream]


def assert_dense(store: Store) -> None:
    """Every stream's versions are 1, 2, 3, … in the order of the log."""
    seen: Counter[str] = Counter()
    for line in store.log():
        seen[line.stream] += 1
        assert line.version == seen[line.stream]


# Many threads, many processes --------------------------------------------------------------------


def test_deposits_at_once_add_up(store: Store) -> None:
    desk = store.desk()
    owned = desk.portfolio(None)
    calls = [lambda: desk.deposit(owned, "0.1 USD")] * 160
    answers = at_once(calls, threads=16)
    assert sorted(free(answer) for answer in answers) == [n / 10 for n in range(1, 161)]
    assert free(desk.portfolio_now(owned)) == 16
    assert versions(store, f"portfolio-{owned.id}") == list(range(1, 162))


def test_funds_for_ten_orders_approve_ten_of_sixty_four(store: Store) -> None:
    desk = store.desk()
    owned = desk.portfolio("100000 USD")  # an order takes 9990 and a fee of 9.99
    placed = at_once([lambda: desk.place(owned, quantity="99.9")] * 64, threads=16)
    assert Counter(order.status for order in placed) == {"approved": 10, "refused": 54}
    assert {order.reasons[0].code for order in placed if order.reasons} == {"INSUFFICIENT_FUNDS"}
    (balance,) = desk.portfolio_now(owned).balances
    assert (balance.free, balance.reserved, balance.total) == ("0.1", "99999.9", "100000")
    assert_dense(store)


def test_two_processes_on_one_portfolio_lose_nothing(store: Store) -> None:
    desks = (store.desk(), store.desk())
    owned = desks[0].portfolio(None)

    def work(desk: Desk) -> Callable[[], PortfolioView]:
        return lambda: desk.deposit(owned, "1 USD")

    answers = at_once([work(desks[n % 2]) for n in range(320)], threads=16)
    assert [it for it in answers if isinstance(it, BaseException)] == []
    assert sorted(free(answer) for answer in answers) == list(range(1, 321))
    assert free(desks[0].portfolio_now(owned)) == 320
    assert versions(store, f"portfolio-{owned.id}") == list(range(1, 322))


def test_two_processes_approve_ten_of_sixty_four(store: Store) -> None:
    desks = (store.desk(), store.desk())
    owned = desks[0].portfolio("100000 USD")

    def work(desk: Desk) -> Callable[[], OrderView]:
        return lambda: desk.place(owned, quantity="99.9")

    placed = at_once([work(desks[n % 2]) for n in range(64)], threads=16)
    assert Counter(order.status for order in placed) == {"approved": 10, "refused": 54}
    assert_dense(store)


def test_what_another_process_did_is_seen_even_where_nothing_is_written(store: Store) -> None:
    """The user is only looked at, so no compare-and-set of their stream would notice."""
    first, second = store.desk(), store.desk()
    owned = first.portfolio()
    first.place(owned)
    second.run(DeactivateUser(user_id=owned.owner, reason="left"))
    events = len(store.log())
    with pytest.raises(NotAllowedError):
        first.place(owned)
    assert len(store.log()) == events


def test_a_refusal_does_not_rest_on_what_another_process_has_changed(store: Store) -> None:
    first, second = store.desk(), store.desk()
    owned = first.portfolio("1 USD")
    second.deposit(owned, "9 USD")
    withdraw = Withdraw(owner_id=owned.owner, portfolio_id=owned.id, amount=Money.parse("10 USD"))
    assert free(first.run(withdraw)) == 0
    with pytest.raises(InsufficientFundsError, match="10 USD asked, 0 USD free"):
        second.run(withdraw)


def test_an_answer_without_events_does_not_rest_on_it_either(store: Store) -> None:
    first, second = store.desk(), store.desk()
    order = first.place(first.portfolio())
    fill = a_fill(quantity="1", at=later(1))
    first.fill(order, fill)
    canceled = second.cancel(order)
    assert first.fill(order, fill) == canceled  # known already: no event, and the newest state


def test_a_decision_is_made_again_when_what_it_read_moved_on(store: Store) -> None:
    """A user is deactivated by another process while a command decides on what they may do."""
    first, second = store.desk(), store.desk()
    owned = first.portfolio(None)
    decided: list[bool] = []
    deactivate = DeactivateUser(user_id=owned.owner, reason="left")

    def deposit_if_active(unit: UnitOfWork) -> None:
        user = unit.users.find(owned.owner)
        assert user is not None
        if not decided:
            # PostgreSQL lets the other commit now. The others make it wait for us.
            wait([pool.submit(second.run, deactivate)], timeout=0.5)
        decided.append(user.active)
        if not user.active:
            raise NotAllowedError
        unit.portfolios.find(owned.id)
        unit.portfolios.record(owned.id, [replace(deposited("1 USD"), portfolio_id=owned.id)])

    with ThreadPoolExecutor(1) as pool:
        try:
            first.do(deposit_if_active)
        except NotAllowedError:
            assert decided == [True, False]
        else:
            assert decided == [True]
    streams = [line.stream.partition("-")[0] for line in store.log()]
    assert streams in (
        ["user", "portfolio", "portfolio", "user"],
        ["user", "portfolio", "user"],
    )


# Idempotency -------------------------------------------------------------------------------------


def test_the_same_wish_with_the_same_key_is_granted_once(store: Store) -> None:
    desk = store.desk()
    owned = desk.portfolio()
    first = desk.place(owned, key="k")
    desk.fill(first, a_fill(quantity="1", at=later(1)))  # what it answered stays what it answered
    assert desk.place(owned, key="k") == first
    assert store.desk().place(owned, key="k") == first
    assert len(desk.views.orders(OrderFilter()).items) == 1


def test_another_wish_with_the_same_key_is_an_error(store: Store) -> None:
    desk = store.desk()
    owned = desk.portfolio()
    desk.place(owned, key="k")
    events = len(store.log())
    with pytest.raises(IdempotencyKeyReusedError):
        desk.place(owned, key="k", quantity="11")
    amount = Money.parse("1 USD")
    with pytest.raises(IdempotencyKeyReusedError):
        desk.run(Deposit(owner_id=owned.owner, portfolio_id=owned.id, amount=amount), key="k")
    assert len(store.log()) == events


def test_keys_of_different_callers_are_different_keys(store: Store) -> None:
    desk = store.desk()
    owned = desk.portfolio()
    one = desk.writer.run(owned.order(), keyed("k", "alice"))
    two = desk.writer.run(owned.order(), keyed("k", "bob"))
    assert one.order_id != two.order_id


def test_a_refused_command_leaves_its_key_free(store: Store) -> None:
    desk = store.desk()
    owned = desk.portfolio()
    stranger = replace(owned, owner=UserId(desk.user("b@example.org").user_id))
    with pytest.raises(ApplicationError):
        desk.place(stranger, key="k")
    assert desk.place(owned, key="k").status == "approved"


def test_an_order_refused_by_the_gate_is_an_answer_like_any_other(desk: Desk) -> None:
    owned = desk.portfolio()
    refused = desk.place(owned, key="k", quantity="1000000")
    assert refused.status == "refused"
    assert desk.place(owned, key="k", quantity="1000000") == refused


def test_one_key_from_sixty_four_threads_places_one_order(store: Store) -> None:
    desk = store.desk()
    owned = desk.portfolio()
    answers = at_once([lambda: desk.place(owned, key="k")] * 64, threads=64)
    assert answers == [answers[0]] * 64
    assert [desk.views.order(None, OrderId(answers[0].order_id))] == [answers[0]]
    assert len(desk.views.orders(OrderFilter()).items) == 1


def test_one_key_from_two_processes_places_one_order(store: Store) -> None:
    desks = (store.desk(), store.desk())
    owned = desks[0].portfolio()

    def work(desk: Desk, key: str) -> Callable[[], OrderView]:
        return lambda: desk.place(owned, key=key)

    for n in range(10):
        answers = at_once([work(desks[i % 2], f"k{n}") for i in range(16)], threads=16)
        assert answers == [answers[0]] * 16
    assert len(desks[0].views.orders(OrderFilter()).items) == 10


def test_one_key_twice_in_one_batch(desk: Desk) -> None:
    owned = desk.portfolio()
    same, other = owned.order(), owned.order(quantity="11")
    first, again, reused = desk.together(
        [lambda command=command: desk.run(command, key="k") for command in (same, same, other)]  # type: ignore[misc]
    )
    assert first == again
    assert isinstance(reused, IdempotencyKeyReusedError)


# One batch, many fates ---------------------------------------------------------------------------


class _RuleError(DomainError):
    """A rule said no."""


def _in_the_middle(desk: Desk, owned: Owned, bad: Callable[[UnitOfWork], Any]) -> list[Any]:
    """Run a bad command between two good ones, all in one batch."""
    return desk.together(
        [
            lambda: desk.deposit(owned, "1 USD"),
            lambda: desk.do(bad),
            lambda: desk.deposit(owned, "2 USD"),
        ]
    )


@pytest.mark.parametrize("error", [_RuleError, NotAllowedError, ZeroDivisionError])
def test_a_command_that_raises_leaves_nothing_behind(error: type[Exception], store: Store) -> None:
    desk = store.desk()
    owned = desk.portfolio(None)
    events = len(store.log())

    def bad(unit: UnitOfWork) -> None:
        unit.users.record(USER_ID, [registered()])
        unit.portfolios.find(owned.id)
        unit.portfolios.record(owned.id, [replace(deposited("100 USD"), portfolio_id=owned.id)])
        raise error

    first, raised, second = _in_the_middle(desk, owned, bad)
    assert isinstance(raised, error)
    assert (free(first), free(second)) == (1, 3)
    assert free(desk.portfolio_now(owned)) == 3
    assert desk.views.user(USER_ID) is None
    assert len(store.log()) == events + 2


def test_a_batch_is_one_commit(store: Store) -> None:
    meddled = Meddled(store.storage())
    desk = store.desk(open_storage=lambda: meddled)
    owned = desk.portfolio(None)
    commits = meddled.commits
    desk.together([lambda: desk.deposit(owned, "1 USD")] * 20)
    assert meddled.commits == commits + 1


def test_a_batch_is_never_larger_than_asked(store: Store) -> None:
    meddled = Meddled(store.storage())
    desk = store.desk(open_storage=lambda: meddled, max_batch=8)
    owned = desk.portfolio(None)
    commits = meddled.commits
    desk.together([lambda: desk.deposit(owned, "1 USD")] * 20)
    assert meddled.commits == commits + 3


def test_callers_who_come_again_and_again_are_all_answered_however_little_a_batch_holds(
    store: Store,
) -> None:
    desk = store.desk(max_batch=3)
    owned = desk.portfolio(None)
    answers = at_once([lambda: desk.deposit(owned, "1 USD")] * 160, threads=16)
    assert sorted(free(answer) for answer in answers) == list(range(1, 161))


def test_a_command_the_database_fails_on_does_not_fail_its_neighbours(store: Store) -> None:
    meddled = Meddled(store.storage())
    desk = store.desk(open_storage=lambda: meddled)
    owned = desk.portfolio(None)

    def choke(_transaction: Any, changes: Any) -> None:
        if changes.profiles:
            raise OSError("no room for profiles")

    meddled.before_write = choke
    first, raised, second = _in_the_middle(desk, owned, _register)
    assert isinstance(raised, OSError)
    assert (free(first), free(second)) == (1, 3)
    assert desk.views.user(USER_ID) is None
    assert_dense(store)


def test_a_row_the_driver_cannot_write_does_not_fail_its_neighbours(sql_store: SqlStore) -> None:
    desk = sql_store.desk()
    owned = desk.portfolio(None)
    first, raised, second = _in_the_middle(
        desk, owned, lambda unit: _register(unit, password_hash=object())
    )
    assert isinstance(raised, DatabaseRefusedError)
    assert (free(first), free(second)) == (1, 3)
    assert desk.views.user(USER_ID) is None
    assert desk.views.user_by_email("x@example.org") is None
    assert_dense(sql_store)


def test_an_unknown_outcome_is_told_to_the_whole_batch(store: Store) -> None:
    meddled = Meddled(store.storage())
    desk = store.desk(open_storage=lambda: meddled)
    owned = desk.portfolio(None)

    def break_off(transaction: Any) -> None:
        meddled.before_commit = lambda _transaction: None
        transaction.rollback()
        raise OutcomeUnknownError("the wire was cut")

    meddled.before_commit = break_off
    outcomes = desk.together([lambda: desk.deposit(owned, "1 USD")] * 5)
    # The command that held the writer had nothing to commit, so the hook met the batch.
    assert [type(it) for it in outcomes] == [OutcomeUnknownError] * 5
    assert free(desk.deposit(owned, "7 USD")) == 7
    assert_dense(store)


def _register(unit: UnitOfWork, password_hash: Any = "") -> None:
    unit.users.record(USER_ID, [registered()])
    unit.profiles.add(
        Profile(
            user_id=USER_ID,
            email="x@example.org",
            password_hash=password_hash,
            created_at=later(1),
        )
    )


# Callers that come late, or do not stay -----------------------------------------------------------


def test_a_closed_writer_says_so(store: Store) -> None:
    desk = store.desk()
    owned = desk.portfolio(None)
    desk.writer.close()
    desk.writer.close()
    with pytest.raises(ClosedError):
        desk.deposit(owned, "1 USD")
    with pytest.raises(ClosedError):
        asyncio.run(desk.writer.execute(_deposit(owned), ORIGIN))
    assert len(store.log()) == 2


def test_what_waits_is_finished_before_closing(store: Store) -> None:
    desk = store.desk()
    owned = desk.portfolio(None)
    held, go = Event(), Event()

    def hold(_unit: UnitOfWork) -> None:
        held.set()
        go.wait(10)

    with ThreadPoolExecutor(12) as pool:
        pool.submit(desk.do, hold)
        assert held.wait(10)
        waiting = [pool.submit(desk.deposit, owned, "1 USD") for _ in range(10)]
        desk._wait_for(10)
        closing = pool.submit(desk.writer.close)
        until(lambda: desk.writer._closed)
        go.set()
        closing.result(10)
        assert sorted(free(it.result(10)) for it in waiting) == list(range(1, 11))


def test_callers_at_the_closing_door_get_an_answer_or_a_no(store: Store) -> None:
    for _ in range(5):
        desk = store.desk()
        number = len(desk.views.users().items)
        owned = desk.portfolio(None, email=f"{number}@example.org")
        with ThreadPoolExecutor(9) as pool:
            waiting: list[Future[PortfolioView]] = [
                pool.submit(desk.deposit, owned, "1 USD") for _ in range(50)
            ]
            pool.submit(desk.writer.close)
            waiting += [pool.submit(desk.deposit, owned, "1 USD") for _ in range(50)]
            assert not wait(waiting, timeout=20).not_done
        answered = [it for it in waiting if it.exception() is None]
        assert all(isinstance(it.exception(), ClosedError | None) for it in waiting)
        balances = desk.portfolio_now(owned).balances
        assert (float(balances[0].free) if balances else 0) == len(answered)


def test_a_cancelled_caller_cancels_nothing(desk: Desk) -> None:
    owned = desk.portfolio(None)

    async def scenario() -> PortfolioView:
        go = Event()
        held = asyncio.create_task(desk.writer.execute(_hold(go), ORIGIN))
        await asyncio.sleep(0)
        deposits = [
            asyncio.create_task(desk.writer.execute(_deposit(owned), ORIGIN)) for _ in range(20)
        ]
        await asyncio.sleep(0)
        for task in deposits[::2]:
            task.cancel()
        go.set()
        outcomes = await asyncio.gather(*deposits, return_exceptions=True)
        await held
        assert [isinstance(it, asyncio.CancelledError) for it in outcomes] == [True, False] * 10
        return await desk.writer.execute(_deposit(owned), ORIGIN)

    assert free(asyncio.run(scenario())) == 21
    assert free(desk.portfolio_now(owned)) == 21


def test_a_loop_that_is_gone_disturbs_nobody(desk: Desk) -> None:
    owned = desk.portfolio(None)
    go = Event()

    async def leave() -> None:
        held = asyncio.create_task(desk.writer.execute(_hold(go), ORIGIN))
        waiting = [asyncio.create_task(desk.writer.execute(_deposit(owned), ORIGIN))]
        await asyncio.sleep(0)
        assert not any(task.done() for task in (held, *waiting))

    asyncio.run(leave())  # cancels what is left, and closes the loop
    go.set()
    assert free(desk.deposit(owned, "1 USD")) == 2


def test_many_async_callers_each_get_their_own_answer(desk: Desk) -> None:
    owned = desk.portfolio(None)

    async def scenario() -> list[PortfolioView]:
        return await asyncio.gather(
            *(desk.writer.execute(_deposit(owned), ORIGIN) for _ in range(200))
        )

    answers = asyncio.run(scenario())
    assert sorted(free(answer) for answer in answers) == list(range(1, 201))


def test_a_handler_that_waits_for_another_command_is_told_so(desk: Desk) -> None:
    with pytest.raises(RuntimeError, match="wait for itself"):
        desk.do(lambda _unit: desk.user())


def _deposit(owned: Owned) -> Deposit:
    return Deposit(owner_id=owned.owner, portfolio_id=owned.id, amount=Money.parse("1 USD"))


def _hold(go: Event) -> Do:
    return Do(lambda _unit: go.wait(10))
