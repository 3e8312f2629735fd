from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from tests.builders import NOON, USER_ID, a_user, after, deactivated, later, registered
from traderbot.domain.shared.errors import CorruptHistoryError
from traderbot.domain.users.events import UserDeactivated, UserEvent, UserRegistered
from traderbot.domain.users.user import Role, User


@pytest.mark.parametrize("role", list(Role))
def test_a_registered_user_may_act_in_their_role(role: Role) -> None:
    events = User.register(USER_ID, role, at=NOON)
    assert events == (UserRegistered(user_id=USER_ID, at=NOON, role=role.value),)
    user = User.from_events(events)
    assert (user.id, user.role, user.active, user.version) == (USER_ID, role, True, 1)
    assert (user.registered_at, user.updated_at) == (NOON, NOON)


def test_a_role_is_stored_as_plain_text() -> None:
    (event,) = User.register(USER_ID, Role.AUDITOR, at=NOON)
    assert isinstance(event, UserRegistered)
    assert type(event.role) is str
    assert event.role == "auditor"


def test_the_roles_are_these_and_no_others() -> None:
    assert [role.value for role in Role] == ["user", "trader", "auditor", "admin"]


def test_a_deactivated_user_may_not_act() -> None:
    user = a_user()
    events = user.deactivate("left", at=later(1))
    assert events == (UserDeactivated(user_id=USER_ID, at=later(1), reason="left"),)
    user = after(user, events)
    assert not user.active
    assert user.version == 2
    assert (user.registered_at, user.updated_at) == (NOON, later(1))


def test_a_deactivated_user_keeps_their_role() -> None:
    assert after(a_user(role="admin"), [deactivated()]).role is Role.ADMIN


def test_deactivating_twice_changes_nothing() -> None:
    user = after(a_user(), [deactivated()])
    assert user.deactivate("again", at=later(2)) == ()


def test_a_history_that_does_not_start_with_a_registration_is_corrupt() -> None:
    with pytest.raises(CorruptHistoryError, match="UserDeactivated"):
        User.from_events([deactivated()])


def test_a_user_cannot_be_registered_twice() -> None:
    with pytest.raises(CorruptHistoryError, match="registered twice"):
        User.from_events([registered(), deactivated(), registered()])


def test_a_history_folds_the_same_in_two_parts() -> None:
    history: list[UserEvent] = [registered(role="trader"), deactivated(at=later(1))]
    assert after(User.from_events(history[:1]), history[1:]) == User.from_events(history)


def test_a_user_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        a_user().role = Role.ADMIN  # type: ignore[misc]


def test_a_history_with_an_unknown_role_is_corrupt() -> None:
    with pytest.raises(CorruptHistoryError):
        User.from_events([registered(role="king")])
