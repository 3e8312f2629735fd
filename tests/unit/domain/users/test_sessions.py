"""Sessions: opened by a login, carried on by a refresh, ended by a logout or by a thief."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import NOON
from traderbot.domain.shared.errors import CorruptHistoryError
from traderbot.domain.shared.ids import UserId
from traderbot.domain.users.errors import SessionOverError
from traderbot.domain.users.events import SessionEnded, SessionRefreshed, UserEvent
from traderbot.domain.users.sessions import GRACE, IDLE, LONGEST, MOST, Ended
from traderbot.domain.users.user import Role, User

ADA = UserId("ada")
LATER = NOON + timedelta(hours=1)


def after(user: User, events: tuple[UserEvent, ...]) -> User:
    for event in events:
        user = user.apply(event)
    return user


@pytest.fixture
def ada() -> User:
    user = User.from_events(User.register(ADA, Role.TRADER, at=NOON))
    return after(user, user.open_session("one", at=NOON))


def test_a_login_opens_a_session_of_the_first_generation(ada: User) -> None:
    session = ada.sessions["one"]
    assert (session.generation, session.ends_at) == (1, NOON + IDLE)


def test_a_refresh_uses_the_token_up_and_begins_the_idle_time_anew(ada: User) -> None:
    ada = after(ada, ada.refresh_session("one", 1, at=LATER))
    session = ada.sessions["one"]
    assert (session.generation, session.ends_at) == (2, LATER + IDLE)


def test_no_refresh_makes_a_session_older_than_it_may_get(ada: User) -> None:
    at = NOON
    for generation in range(1, 6):
        at += IDLE - timedelta(seconds=1)
        if at >= NOON + LONGEST:
            with pytest.raises(SessionOverError):
                ada.refresh_session("one", generation, at=at)
            break
        ada = after(ada, ada.refresh_session("one", generation, at=at))
    assert ada.sessions["one"].ends_at == NOON + LONGEST


def test_a_session_that_ran_out_is_over(ada: User) -> None:
    with pytest.raises(SessionOverError):
        ada.refresh_session("one", 1, at=NOON + IDLE)


def test_a_token_shown_again_within_the_grace_changes_nothing(ada: User) -> None:
    ada = after(ada, ada.refresh_session("one", 1, at=LATER))
    assert ada.refresh_session("one", 1, at=LATER + GRACE) == ()


def test_a_token_shown_again_after_the_grace_ends_the_session(ada: User) -> None:
    ada = after(ada, ada.refresh_session("one", 1, at=LATER))
    too_late = LATER + GRACE + timedelta(microseconds=1)
    (ended,) = ada.refresh_session("one", 1, at=too_late)
    assert isinstance(ended, SessionEnded)
    assert ended.cause == Ended.REUSED
    ada = ada.apply(ended)
    for generation in (1, 2):
        with pytest.raises(SessionOverError):
            ada.refresh_session("one", generation, at=too_late)


def test_an_older_token_ends_the_session_at_any_time(ada: User) -> None:
    for generation in (1, 2):
        ada = after(ada, ada.refresh_session("one", generation, at=LATER))
    (ended,) = ada.refresh_session("one", 1, at=LATER)
    assert isinstance(ended, SessionEnded)


def test_a_generation_that_is_still_to_come_was_never_given_out(ada: User) -> None:
    with pytest.raises(SessionOverError):
        ada.refresh_session("one", 2, at=NOON)


def test_another_password_ends_every_session_but_one(ada: User) -> None:
    ada = after(ada, ada.open_session("two", at=NOON))
    ada = after(ada, ada.change_password(at=LATER, but="two"))
    assert set(ada.sessions) == {"two"}


def test_who_is_deactivated_has_no_session(ada: User) -> None:
    assert after(ada, ada.deactivate("left", at=LATER)).sessions == {}


def test_ending_what_is_over_changes_nothing(ada: User) -> None:
    assert ada.end_session("never", Ended.LOGOUT, at=LATER) == ()
    ada = after(ada, ada.end_session("one", Ended.LOGOUT, at=LATER))
    assert ada.end_session("one", Ended.LOGOUT, at=LATER) == ()


def test_one_login_too_many_ends_the_session_used_longest_ago(ada: User) -> None:
    for number in range(MOST - 1):
        ada = after(ada, ada.open_session(f"more-{number}", at=LATER))
    ada = after(ada, ada.refresh_session("one", 1, at=LATER + timedelta(minutes=1)))
    ada = after(ada, ada.open_session("last", at=LATER + timedelta(minutes=2)))
    assert len(ada.sessions) == MOST
    assert {"one", "last"} <= set(ada.sessions)
    assert "more-0" not in ada.sessions


def test_what_ran_out_is_forgotten_at_the_next_login(ada: User) -> None:
    events = ada.open_session("two", at=NOON + IDLE)
    assert len(events) == 1
    assert set(after(ada, events).sessions) == {"two"}


def test_a_session_that_was_never_opened_cannot_go_on(ada: User) -> None:
    refreshed = SessionRefreshed(user_id=ADA, at=NOON, session_id="never", generation=2)
    with pytest.raises(CorruptHistoryError):
        ada.apply(refreshed)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["open", "refresh", "reuse", "end"]),
            st.integers(0, 3),
            st.integers(0, 40 * 24 * 60),
        ),
        max_size=40,
    )
)
def test_at_most_one_token_of_a_session_is_good_at_any_time(
    steps: list[tuple[str, int, int]],
) -> None:
    user = User.from_events(User.register(ADA, Role.TRADER, at=NOON))
    at = NOON
    for deed, which, minutes in steps:
        at += timedelta(minutes=minutes % (9 * 24 * 60))
        name, session = str(which), user.sessions.get(str(which))
        if deed == "open" and session is None:
            user = after(user, user.open_session(name, at=at))
        elif deed == "end":
            user = after(user, user.end_session(name, Ended.LOGOUT, at=at))
        elif session is not None:
            shown = session.generation - (deed == "reuse")
            try:
                user = after(user, user.refresh_session(name, shown, at=at))
            except SessionOverError:
                assert not session.is_alive(at) or shown > session.generation
            else:
                assert session.is_alive(at)
                now = user.sessions.get(name)
                assert now is None or now.generation >= session.generation
    assert len(user.sessions) <= MOST
