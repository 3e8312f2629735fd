"""What every database promises about aggregates: what was recorded is found again, exactly."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.builders import (
    BOT_RUN_ID,
    NOON,
    ORDER_ID,
    PORTFOLIO_ID,
    USER_ID,
    a_bar,
    a_fill,
    a_portfolio,
    accepted,
    approved,
    booked,
    canceled,
    deactivated,
    decided,
    deposited,
    filled,
    later,
    opened,
    placed,
    refused,
    registered,
    released,
    reserved,
    started,
    stopped,
    withdrawn,
)
from tests.stores import Desk, SqlStore, Store
from traderbot.application.commands.bots import StartBot, StopBot
from traderbot.application.commands.exchange_keys import AddExchangeKey, RemoveExchangeKey
from traderbot.application.commands.sessions import (
    EndSession,
    EndSessions,
    OpenSession,
    RefreshSession,
)
from traderbot.application.commands.users import (
    ChangePassword,
    DeactivateUser,
    RegisterUser,
    RenewHash,
)
from traderbot.application.errors import EmailTakenError, NotFoundError, StaleAggregateError
from traderbot.application.ports.unit_of_work import Profile, Repository, UnitOfWork
from traderbot.application.ports.vault import SealedExchangeKey
from traderbot.application.views import BotRunView, OrderView, PortfolioView, UserView
from traderbot.domain.bots.bot_run import BotRun
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.orders.order import Order
from traderbot.domain.portfolio.portfolio import Portfolio
from traderbot.domain.shared.decimals import exact
from traderbot.domain.shared.ids import BotRunId, FillId, OrderId, UserId
from traderbot.domain.shared.values import Price, symbol
from traderbot.domain.users.errors import TooManyExchangeKeysError
from traderbot.domain.users.exchange_keys import MOST_KEYS
from traderbot.domain.users.user import User
from traderbot.infrastructure.event_store.body import GENESIS, leaf_hash
from traderbot.infrastructure.market_data.bar_store import SqlBarStore
from traderbot.infrastructure.persistence.database import writer_engine


def _trading() -> list[Any]:
    """Return a history with every kind of event a portfolio can have."""
    history = [opened(), deposited("100000 USD"), deposited("3 EUR"), withdrawn("250.75 USD")]
    history += [reserved("1050 USD"), released("50 USD")]
    state = a_portfolio()
    for fill_id, trade in {
        "1": {"quantity": "10", "price": "100.01", "fee": "0.1 USD"},
        "2": {"side": "sell", "quantity": "13", "price": "99.3", "fee": "0.2 EUR"},
        "3": {"symbol_code": "BTC/EUR", "quantity": "0.00000001", "price": "61234.56789"},
    }.items():
        event = replace(booked(state, **trade), fill_id=FillId(fill_id))  # type: ignore[arg-type]
        state = state.apply(event)
        history.append(event)
    return history


@dataclass(frozen=True)
class Kind:
    """One kind of aggregate, and histories of it that together show all its events."""

    name: str
    id: str
    aggregate: Any
    histories: Sequence[Sequence[Any]]

    def of(self, unit: UnitOfWork) -> Repository[Any, Any]:
        repository: Repository[Any, Any] = getattr(unit, self.name)
        return repository


_BROKER = [accepted(), filled(quantity="3", price="99.9", fee="0.3 USD", used="300 USD")]
_REST = filled(fill_id="fill-2", quantity="7", price="100", used="750 USD")
KINDS = [
    Kind("users", USER_ID, User, [[registered(role="admin"), deactivated()]]),
    Kind("portfolios", PORTFOLIO_ID, Portfolio, [_trading()]),
    Kind(
        "orders",
        ORDER_ID,
        Order,
        [
            [placed(quantity="7", limit_price="0.000000000000000001"), refused()],
            [placed(limit_price="100"), approved(closing="4"), *_BROKER, canceled()],
            [placed(bot_run_id=BOT_RUN_ID, side="sell"), approved(), *_BROKER, _REST],
        ],
    ),
    Kind(
        "bots",
        BOT_RUN_ID,
        BotRun,
        [
            [
                started(parameters={"period": "14", "upper": "70"}),
                decided(),
                decided(bar_at=later(60), digest="d2", order_id=ORDER_ID, blocking_code=None),
                stopped(),
            ]
        ],
    ),
]
HISTORIES = [
    pytest.param(kind, history, id=f"{kind.name}-{n}")
    for kind in KINDS
    for n, history in enumerate(kind.histories)
]


def grow(desk: Desk, kind: Kind, event: Any) -> Any:
    """Record one more event, as every handler does: look first."""

    def record(unit: UnitOfWork) -> Any:
        kind.of(unit).find(kind.id)
        return kind.of(unit).record(kind.id, [event])

    return desk.do(record)


def shown(desk: Desk, kind: Kind) -> Any:
    """Return what a query says of the aggregate."""
    views: Any = desk.views
    match kind.name:
        case "users":
            return views.user(USER_ID)
        case "portfolios":
            return views.portfolio(USER_ID, PORTFOLIO_ID)
        case "orders":
            return views.order(USER_ID, ORDER_ID)
        case _:
            return views.bot_run(USER_ID, BOT_RUN_ID)


def view_of(state: Any) -> Any:
    match state:
        case User():
            return UserView.of(state, None)
        case Portfolio():
            return PortfolioView.of(state)
        case Order():
            return OrderView.of(state)
        case _:
            return BotRunView.of(state)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_what_was_never_recorded_is_not_found(kind: Kind, desk: Desk) -> None:
    assert desk.do(lambda unit: kind.of(unit).find(kind.id)) is None
    assert shown(desk, kind) is None


@pytest.mark.parametrize(("kind", "history"), HISTORIES)
def test_what_was_recorded_is_found(kind: Kind, history: Sequence[Any], store: Store) -> None:
    state = kind.aggregate.from_events(history)
    desk = store.desk()
    assert desk.do(lambda unit: kind.of(unit).record(kind.id, history)) == state
    assert desk.do(lambda unit: kind.of(unit).find(kind.id)) == state
    # A new writer knows nothing yet and folds it from the log.
    assert store.desk().do(lambda unit: kind.of(unit).find(kind.id)) == state


@pytest.mark.parametrize(("kind", "history"), HISTORIES)
def test_a_query_shows_every_state_on_the_way(
    kind: Kind, history: Sequence[Any], desk: Desk
) -> None:
    for count, event in enumerate(history, start=1):
        grow(desk, kind, event)
        assert shown(desk, kind) == view_of(kind.aggregate.from_events(history[:count]))


@pytest.mark.parametrize(("kind", "history"), HISTORIES)
def test_an_aggregate_may_grow_twice_in_one_command(
    kind: Kind, history: Sequence[Any], desk: Desk
) -> None:
    def record(unit: UnitOfWork) -> Any:
        repository = kind.of(unit)
        repository.record(kind.id, history[:1])
        assert repository.find(kind.id) == kind.aggregate.from_events(history[:1])
        return repository.record(kind.id, history[1:])

    assert desk.do(record) == kind.aggregate.from_events(history)
    assert shown(desk, kind) == view_of(kind.aggregate.from_events(history))


@pytest.mark.parametrize(("kind", "history"), HISTORIES)
def test_events_are_chained_and_dense(kind: Kind, history: Sequence[Any], store: Store) -> None:
    desk = store.desk()
    for event in history:
        grow(desk, kind, event)
    log = store.log()
    assert [line.version for line in log] == list(range(1, len(history) + 1))
    assert [line.leaf_hash for line in log] == [leaf_hash(line.body) for line in log]
    for before, line in zip([GENESIS, *(it.leaf_hash for it in log)], log, strict=False):
        assert before.hex().encode() in line.body


def test_a_stream_that_exists_is_not_begun_again(store: Store) -> None:
    def begin(unit: UnitOfWork) -> None:
        unit.users.record(USER_ID, [registered()])

    store.desk().do(begin)
    with pytest.raises(StaleAggregateError):
        store.desk().do(begin)
    assert len(store.log()) == 1


def test_what_another_writer_recorded_is_found(store: Store) -> None:
    first, second = store.desk(), store.desk()
    first.do(lambda unit: unit.portfolios.record(PORTFOLIO_ID, [opened()]))
    for n, desk in enumerate([second, first, first, second, first]):
        assert grow(desk, KINDS[1], deposited("1 USD")).version == n + 2
    assert len(store.log()) == 6


# Users and their profiles ------------------------------------------------------------------------


def test_a_user_is_found_by_address(desk: Desk) -> None:
    user = desk.user("Mixed.Case+tag@Example.org")
    assert desk.views.user_by_email("Mixed.Case+tag@Example.org") == user
    assert desk.views.user(UserId(user.user_id)) == user
    assert desk.views.user_by_email("mixed.case+tag@example.org") is None
    assert desk.views.user_by_email("nobody@example.org") is None
    assert desk.views.user_by_email("no\x00body@example.org") is None


def test_credentials_are_found_by_address(desk: Desk) -> None:
    user = desk.run(RegisterUser(email="a@example.org", password_hash="$argon2id$secret"))
    found = desk.views.credentials("a@example.org")
    assert found is not None
    assert (found.user_id, found.password_hash) == (user.user_id, "$argon2id$secret")
    assert (found.role, found.active) == ("trader", True)
    assert desk.views.credentials("b@example.org") is None
    assert desk.views.credentials("b\x00@example.org") is None


def test_another_password_is_found_and_the_old_one_is_not(desk: Desk) -> None:
    user = desk.run(RegisterUser(email="a@example.org", password_hash="$argon2id$old"))
    other = desk.run(RegisterUser(email="b@example.org", password_hash="$argon2id$theirs"))
    desk.run(ChangePassword(user_id=UserId(user.user_id), password_hash="$argon2id$new"))
    desk.run(RenewHash(user_id=UserId(other.user_id), password_hash="$argon2id$renewed"))
    hashes = [desk.views.credentials(f"{name}@example.org") for name in ("a", "b")]
    assert [it and it.password_hash for it in hashes] == ["$argon2id$new", "$argon2id$renewed"]
    with pytest.raises(NotFoundError):
        desk.run(RenewHash(user_id=UserId("nobody"), password_hash="-"))


def test_an_exchange_key_is_kept_and_erased_with_its_event(store: Store) -> None:
    desk = store.desk()
    user_id = UserId(desk.user().user_id)
    for key_id in ("one", "two", "three"):
        desk.run(an_exchange_key(user_id, key_id))
    desk.run(RemoveExchangeKey(user_id=user_id, key_id="two"))
    found = desk.views.user(user_id)
    assert found is not None
    assert {(it.key_id, it.exchange, it.label) for it in found.exchange_keys} == {
        ("one", "binance", "label of one"),
        ("three", "binance", "label of three"),
    }
    expected = [an_exchange_key(user_id, key_id).sealed for key_id in ("one", "three")]
    assert sorted(store.sealed(), key=lambda it: it.key_id) == expected
    for unknown in ("two", "four"):
        with pytest.raises(NotFoundError):
            desk.run(RemoveExchangeKey(user_id=user_id, key_id=unknown))
    with pytest.raises(NotFoundError):
        desk.run(RemoveExchangeKey(user_id=UserId("somebody else"), key_id="one"))
    desk.run(DeactivateUser(user_id=user_id, reason="left"))
    assert store.sealed() == []
    with pytest.raises(NotFoundError):
        desk.run(an_exchange_key(user_id, "five"))


def test_a_refused_exchange_key_leaves_nothing_behind(store: Store) -> None:
    desk = store.desk()
    user_id = UserId(desk.user().user_id)
    for number in range(MOST_KEYS):
        desk.run(an_exchange_key(user_id, f"key-{number}"))
    with pytest.raises(TooManyExchangeKeysError):
        desk.run(an_exchange_key(user_id, "one too many"))
    assert len(store.sealed()) == MOST_KEYS


def an_exchange_key(user_id: UserId, key_id: str) -> AddExchangeKey:
    sealed = SealedExchangeKey(
        key_id=key_id,
        owner_id=user_id,
        api_key=f"v1.sealed.{key_id}",
        secret="v1.sealed.secret",
        passphrase=None if key_id == "one" else "v1.sealed.passphrase",
        sealed_with="0f1e2d3c4b5a6978",
        created_at=NOON,
    )
    return AddExchangeKey(
        user_id=user_id, exchange="binance", label=f"label of {key_id}", sealed=sealed
    )


def test_a_session_is_read_back_as_it_was_left(desk: Desk) -> None:
    user_id = UserId(desk.user().user_id)
    opened = desk.run(OpenSession(user_id=user_id, session_id="one"))
    desk.run(OpenSession(user_id=user_id, session_id="two"))
    refreshed = desk.run(RefreshSession(user_id=user_id, session_id="two", generation=1))
    assert refreshed is not None
    found = desk.views.user(user_id)
    assert found is not None
    assert sorted(found.sessions, key=lambda it: it.session_id) == [opened, refreshed]
    desk.run(EndSession(user_id=user_id, session_id="one"))
    desk.run(EndSessions(user_id=user_id))
    found = desk.views.user(user_id)
    assert found is not None
    assert found.sessions == ()


def test_an_address_belongs_to_one_user(store: Store) -> None:
    desk = store.desk()
    desk.user()
    for other in (desk, store.desk()):
        with pytest.raises(EmailTakenError):
            other.user()
    assert len(store.log()) == 1
    assert len(desk.views.users().items) == 1


def test_an_address_belongs_to_one_user_even_within_a_batch(store: Store) -> None:
    desk = store.desk()
    outcomes = desk.together([desk.user, lambda: desk.user("b@example.org"), desk.user])
    assert [type(it) for it in outcomes] == [UserView, UserView, EmailTakenError]
    assert len(store.log()) == 2


def test_a_profile_is_found_before_and_after_the_commit(desk: Desk) -> None:
    profile = Profile(
        user_id=USER_ID, email="a@example.org", password_hash="hash", created_at=later(1)
    )

    def add(unit: UnitOfWork) -> Profile | None:
        unit.profiles.add(profile)
        return unit.profiles.by_email("a@example.org")

    assert desk.do(add) == profile
    assert desk.do(lambda unit: unit.profiles.by_email("a@example.org")) == profile
    assert desk.do(lambda unit: unit.profiles.by_email("b@example.org")) is None


# What commands answer ----------------------------------------------------------------------------


def test_a_command_answers_what_a_query_says_later(desk: Desk) -> None:
    user = desk.user()
    owner = UserId(user.user_id)
    assert desk.views.user(owner) == user
    owned = desk.second_portfolio(owner)
    answer = desk.deposit(owned, "0.000000000000000001 USD")
    assert desk.portfolio_now(owned) == answer
    order = desk.place(owned, quantity="9.99")
    steps = [
        order,
        desk.fill(order, a_fill(fill_id="1", quantity="1.23", price="99.87", fee="0.01 USD")),
        desk.fill(order, a_fill(fill_id="2", quantity="0.01", price="99.9", at=later(1))),
        desk.cancel(order),
        desk.fill(order, a_fill(fill_id="3", quantity="1", price="99", at=later(2))),
    ]
    assert [step.version for step in steps] == [2, 3, 4, 5, 6]
    assert desk.views.order(owner, OrderId(order.order_id)) == steps[-1]
    refused = desk.place(owned, quantity="1000000")
    assert [reason.code for reason in refused.reasons] == [
        "INSUFFICIENT_FUNDS",
        "ORDER_NOTIONAL_MAX",
    ]
    assert desk.views.order(owner, OrderId(refused.order_id)) == refused


def test_a_bot_run_is_answered_as_it_is_queried(desk: Desk) -> None:
    owned = desk.portfolio()
    run = desk.run(
        StartBot(
            owner_id=owned.owner,
            portfolio_id=owned.id,
            strategy="rsi_cross",
            parameters={"upper": "70", "lower": "30"},
            symbol=symbol("AAPL"),
            timeframe=Timeframe.H1,
            allocation=exact("0.1"),
        )
    )
    id_ = BotRunId(run.bot_run_id)
    assert desk.views.bot_run(owned.owner, id_) == run
    ended = desk.run(StopBot(owner_id=owned.owner, bot_run_id=id_, reason="asked"))
    assert desk.views.bot_run(owned.owner, id_) == ended


# Prices of reference -----------------------------------------------------------------------------


def test_no_price_is_known_without_bars(desk: Desk) -> None:
    assert desk.do(lambda unit: unit.references.latest_close(symbol("AAPL"))) is None


def test_the_newest_bar_gives_the_reference_price(sql_store: SqlStore) -> None:
    engine = writer_engine(sql_store.url)
    closes: Iterable[str] = ("101", "99.123456789012345678", "100")
    bars = [a_bar(at=later(60 * n), close=close) for n, close in enumerate(closes)]
    SqlBarStore(engine).add([bars[2], bars[0], *bars[1:2]])
    engine.dispose()
    desk = sql_store.desk()
    assert desk.do(lambda unit: unit.references.latest_close(symbol("AAPL"))) == Price("100")
    assert desk.do(lambda unit: unit.references.latest_close(symbol("IBM"))) is None
    assert bars[0].at == NOON
