"""The verbs for whom the log is followed by."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from tests.builders import NOON
from tests.unit.presentation.cli.fakes import Terminal
from traderbot.application.errors import NotFoundError
from traderbot.application.ports.subscriptions import (
    NoSubscriptions,
    NotReplayableError,
    ParkedEvent,
    ParkedState,
    SubscriptionState,
    SubscriptionStatus,
)
from traderbot.application.views import Page

EVENT = ParkedEvent(
    subscription="mails",
    log_index=7,
    event_id="0192f0c1-0000-7000-8000-000000000009",
    sequence_key="portfolio-1",
    state=ParkedState.PARKED,
    attempts=8,
    first_at=NOON,
    last_at=NOON,
    next_at=None,
    error_type="OSError",
    error="nobody listens",
    decided_by=None,
    reason=None,
)
STATUS = SubscriptionStatus(
    name="mails",
    kind="durable_reactor",
    state=SubscriptionState.RUNNING,
    position=9,
    lag=1,
    retrying=0,
    parked=0,
    error=None,
    owner=None,
    updated_at=NOON,
)


@dataclass
class FakeSubscriptions(NoSubscriptions):
    """One subscription with one parked event; it remembers what was decided."""

    event: ParkedEvent = EVENT
    status: SubscriptionStatus = STATUS
    asked: list[object] = field(default_factory=list)

    def statuses(self) -> list[SubscriptionStatus]:
        return [self.status]

    def parked(self, name: str | None = None, **which: object) -> Page[ParkedEvent]:
        self.asked.append((name, which))
        return Page(items=(self.event,), next_cursor="more")

    def parked_event(self, name: str, log_index: int) -> ParkedEvent:
        if (name, log_index) != ("mails", 7):
            raise NotFoundError("parked event", f"{log_index} of {name}")
        return self.event

    def retry(self, name: str, log_index: int) -> int:
        self.parked_event(name, log_index).refuse_unless_parked()
        return 3

    def discard(self, name: str, log_index: int, *, reason: str, by: str) -> ParkedEvent:
        self.parked_event(name, log_index).refuse_unless_parked()
        self.event = replace(self.event, state=ParkedState.DISCARDED, reason=reason, decided_by=by)
        return self.event

    def resume(self, name: str) -> None:
        self.asked.append(name)

    def reset(self, name: str) -> None:
        raise NotReplayableError(f"{name} does not take events a second time")


@pytest.fixture
def asked(desk_cli: Terminal) -> FakeSubscriptions:
    desk_cli.doors.subscriptions = FakeSubscriptions()
    return desk_cli.doors.subscriptions


@pytest.mark.usefixtures("asked")
def test_all_is_well_until_one_halts_or_has_parked_events(desk_cli: Terminal) -> None:
    subscriptions = desk_cli.doors.subscriptions
    assert isinstance(subscriptions, FakeSubscriptions)
    told = desk_cli("events", "status", "--json")
    assert (told.code, told.json["ok"]) == (0, True)
    assert told.json["items"][0]["position"] == 9
    for worse in ({"parked": 1}, {"state": SubscriptionState.HALTED, "error": "log index 7"}):
        subscriptions.status = replace(STATUS, **worse)
        assert desk_cli("events", "status").code == 1
    assert "log index 7" in desk_cli("events", "status").out


def test_nothing_follows_a_log_that_nobody_follows(desk_cli: Terminal) -> None:
    assert desk_cli("events", "status").code == 0
    told = desk_cli("events", "parked", "retry", "mails", "7", "--json")
    assert (told.code, told.json["error"]["code"]) == (1, "NOT_FOUND")


def test_parked_events_are_listed_and_shown(desk_cli: Terminal, asked: FakeSubscriptions) -> None:
    told = desk_cli("events", "parked", "list", "--subscription", "mails", "--state", "parked")
    assert told.code == 0
    assert "OSError: nobody listens" in told.out
    assert "more with: --cursor more" in told.out
    which = {"state": ParkedState.PARKED, "limit": 50, "cursor": None}
    assert asked.asked == [("mails", which)]
    told = desk_cli("events", "parked", "show", "mails", "7", "--json")
    assert (told.code, told.json["log_index"], told.json["state"]) == (0, 7, "parked")
    assert desk_cli("events", "parked", "show", "mails", "8").code == 1


def test_a_retry_says_how_many_go_with_it(desk_cli: Terminal, asked: FakeSubscriptions) -> None:
    assert desk_cli("events", "parked", "retry", "mails", "7", "--json").json == {"requeued": 3}
    asked.event = replace(EVENT, state=ParkedState.RETRYING)
    told = desk_cli("events", "parked", "retry", "mails", "7", "--json")
    assert (told.code, told.json["error"]["code"]) == (1, "NOT_PARKED")
    assert "traderbot events parked list" in told.err


def test_a_discard_is_recorded_with_its_reason(
    desk_cli: Terminal, asked: FakeSubscriptions
) -> None:
    words = ("events", "parked", "discard", "mails", "7")
    told = desk_cli(*words, "--json")
    assert (told.code, told.json["error"]["code"]) == (2, "USAGE")
    told = desk_cli(*words, "--reason", " ", "--json")
    assert (told.code, told.json["error"]["code"]) == (2, "INVALID_VALUE")
    assert asked.event.state is ParkedState.PARKED  # no fact, no change
    told = desk_cli(*words, "--reason", "no longer needed", "--json")
    assert (told.code, told.json["state"]) == (0, "discarded")
    (origin,) = {it.actor.id for it in desk_cli.doors.origins}
    assert told.json["decided_by"] == origin
    assert desk_cli(*words, "--reason", "again").code == 1
    assert "no longer needed" in desk_cli("events", "parked", "show", "mails", "7").out


def test_a_subscription_is_resumed_and_one_that_acts_is_not_reset(
    desk_cli: Terminal, asked: FakeSubscriptions
) -> None:
    assert desk_cli("events", "resume", "mails").code == 0
    assert asked.asked == ["mails"]
    told = desk_cli("events", "reset", "mails", "--json")
    assert (told.code, told.json["error"]["code"]) == (1, "NOT_REPLAYABLE")


@pytest.mark.parametrize("index", ["x", "-1", "²", "1.0", "1" * 19, ""])
def test_an_index_is_a_whole_number(cli: Terminal, index: str) -> None:
    assert cli("events", "parked", "show", "--", "mails", index).code == 2


def test_a_verb_of_two_words_helps_after_the_first(cli: Terminal) -> None:
    told = cli("events", "parked", "--help")
    assert told.code == 0
    assert told.out.startswith("usage: traderbot events parked VERB")
    assert "discard" in told.out
    assert "resume" not in told.out
    few = cli("events", "parked")
    assert (few.code, few.out) == (2, "")
    assert few.err.endswith(told.out)
    assert "did you mean list?" in cli("events", "parked", "lst").err
