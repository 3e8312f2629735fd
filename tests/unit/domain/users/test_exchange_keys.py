"""Exchange keys of a user: added, removed, at most so many, and gone with the user."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import NOON
from traderbot.domain.shared.errors import CorruptHistoryError, InvalidValueError
from traderbot.domain.shared.ids import UserId
from traderbot.domain.users.errors import TooManyExchangeKeysError
from traderbot.domain.users.events import ExchangeKeyAdded, ExchangeKeyRemoved, UserEvent
from traderbot.domain.users.exchange_keys import MOST_KEYS, ExchangeKey
from traderbot.domain.users.user import Role, User

ADA = UserId("ada")
LATER = NOON + timedelta(hours=1)


def after(user: User, events: tuple[UserEvent, ...]) -> User:
    for event in events:
        user = user.apply(event)
    return user


@pytest.fixture
def ada() -> User:
    return User.from_events(User.register(ADA, Role.TRADER, at=NOON))


def with_keys(user: User, *ids: str) -> User:
    for id_ in ids:
        user = after(user, user.add_exchange_key(id_, "binance", "trading", at=LATER))
    return user


def test_a_key_is_known_by_everything_but_what_it_is(ada: User) -> None:
    ada = with_keys(ada, "one")
    assert ada.exchange_keys == {
        "one": ExchangeKey(id="one", exchange="binance", label="trading", added_at=LATER)
    }
    assert ada.updated_at == LATER


def test_a_removed_key_is_gone_and_stays_gone(ada: User) -> None:
    ada = with_keys(ada, "one", "two")
    removed = ada.remove_exchange_key("one", at=LATER)
    assert removed == (ExchangeKeyRemoved(user_id=ADA, at=LATER, key_id="one"),)
    ada = after(ada, removed)
    assert list(ada.exchange_keys) == ["two"]
    assert ada.remove_exchange_key("one", at=LATER) == ()


def test_there_are_at_most_so_many(ada: User) -> None:
    ada = with_keys(ada, *(f"key {number}" for number in range(MOST_KEYS)))
    with pytest.raises(TooManyExchangeKeysError, match="remove one"):
        ada.add_exchange_key("one more", "binance", "trading", at=LATER)
    ada = after(ada, ada.remove_exchange_key("key 0", at=LATER))
    assert len(with_keys(ada, "one more").exchange_keys) == MOST_KEYS


def test_they_go_with_the_user(ada: User) -> None:
    ada = with_keys(ada, "one", "two")
    gone = ada.deactivate("left", at=LATER)
    assert [it.key_id for it in gone if isinstance(it, ExchangeKeyRemoved)] == ["one", "two"]
    assert after(ada, gone).exchange_keys == {}


@pytest.mark.parametrize("exchange", ["", "b", "Binance", "bin ance", "b" * 33, "binance\n", "é_e"])
def test_an_exchange_has_a_plain_name(ada: User, exchange: str) -> None:
    with pytest.raises(InvalidValueError, match="not an exchange"):
        ada.add_exchange_key("one", exchange, "trading", at=LATER)


@pytest.mark.parametrize("label", ["", " ", " a", "a ", "a\nb", "a" * 65, "\u202e"])
def test_a_label_is_one_printable_line(ada: User, label: str) -> None:
    with pytest.raises(InvalidValueError, match="not a label"):
        ada.add_exchange_key("one", "binance", label, at=LATER)


def test_a_history_that_contradicts_itself_is_refused(ada: User) -> None:
    added = ExchangeKeyAdded(
        user_id=ADA, at=LATER, key_id="one", exchange="binance", label="trading"
    )
    with pytest.raises(CorruptHistoryError):
        after(ada, (added, added))
    with pytest.raises(CorruptHistoryError):
        ada.apply(ExchangeKeyRemoved(user_id=ADA, at=LATER, key_id="one"))


@given(st.lists(st.tuples(st.booleans(), st.sampled_from("abcde"))))
def test_a_history_folds_to_what_a_set_says(wishes: list[tuple[bool, str]]) -> None:
    user = User.from_events(User.register(ADA, Role.TRADER, at=NOON))
    expected: set[str] = set()
    for adds, id_ in wishes:
        if adds and id_ not in expected:
            user = with_keys(user, id_)
            expected.add(id_)
        elif not adds:
            user = after(user, user.remove_exchange_key(id_, at=LATER))
            expected.discard(id_)
    assert set(user.exchange_keys) == expected
