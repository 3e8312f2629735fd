"""What leaves the program: sentences, CloudEvents, and who is told again when somebody failed."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from tests import builders
from tests.unit.infrastructure.event_store.examples import EXAMPLES
from tests.unit.infrastructure.handlers.feeding import recorded
from traderbot.application.errors import NotDeliveredError
from traderbot.application.ports.event_bus import HandlerKind, ReplayPolicy, Start
from traderbot.application.ports.recorded import DomainEvent
from traderbot.application.ports.subscriptions import Effect
from traderbot.infrastructure.event_bus import EventBus
from traderbot.infrastructure.event_handlers import create_event_handlers
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.event_store.event_types import EVENT_TYPES
from traderbot.infrastructure.handlers.cloud_event import cloud_event
from traderbot.infrastructure.handlers.notice import NOTABLE, Notice, sentence_of
from traderbot.infrastructure.handlers.notification import Channel, notification
from traderbot.infrastructure.settings import load_settings

CODEC = EventCodec()
PAGE = Path(__file__).parents[4] / "docs" / "events.md"


class Listed:
    """A channel that keeps what it is told, or fails as often as it is asked to."""

    longest_seconds = 1.0

    def __init__(self, name: str, failures: int = 0) -> None:
        self.name = name
        self.failures = failures
        self.told: list[Notice] = []

    def deliver(self, notice: Notice) -> str:
        if self.failures:
            self.failures -= 1
            msg = f"{self.name} is away"
            raise NotDeliveredError(msg)
        self.told.append(notice)
        return "thanks"


def tell(
    channels: Sequence[Channel], *attempts: int, event: DomainEvent | None = None
) -> list[Any]:
    """Have one event told, attempt after attempt; return what each led to."""
    handle = notification(channels, "example.org/log", CODEC).handle
    fact = recorded(event or builders.filled(), 3)
    outcomes: list[Any] = []
    for attempt in attempts:
        try:
            outcomes.append(handle(fact, Effect(token="t-1", attempt=attempt, log_index=3)))
        except NotDeliveredError as error:
            outcomes.append(str(error))
    return outcomes


# --- the notification -------------------------------------------------------------------------


def test_a_channel_that_fails_harms_no_other_and_is_the_only_one_tried_again() -> None:
    first, second = Listed("webhook", failures=2), Listed("mail")
    said = tell([first, second], 1, 2, 3)
    assert said == ["webhook is away", "webhook is away", "mail: thanks\nwebhook: thanks"]
    assert len(first.told) == len(second.told) == 1
    assert first.told[0].token == "t-1"


def test_all_that_failed_are_named() -> None:
    assert tell([Listed("a", 1), Listed("b", 1)], 1) == ["a is away; b is away"]


def test_without_channels_the_programs_log_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert tell([], 1, 2, event=builders.refused()) == ["", ""]
    (record,) = caplog.records  # once
    assert record.levelno == logging.WARNING
    said = json.loads(record.getMessage())
    assert said["message"].endswith("refused: ORDER_NOTIONAL_MAX (limit 1000 USD, 1000.01 USD)")
    assert (said["type"], said["log_index"]) == ("order.refused", 3)


@pytest.mark.parametrize("event", EXAMPLES.values(), ids=EXAMPLES.keys())
def test_a_sentence_is_one_printable_line_and_says_more_than_a_type(event: DomainEvent) -> None:
    sentence = sentence_of(event)
    assert sentence.isprintable()
    assert (len(sentence) > 30) == (type(event) in NOTABLE)


@given(reason=st.text(max_size=500))
def test_no_reason_can_break_a_line(reason: str) -> None:
    sentence = sentence_of(builders.stopped(reason=reason))
    assert sentence.isprintable()
    assert len(sentence) <= 300


# --- CloudEvents ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_event_is_a_canonical_cloud_event(name: str) -> None:
    raw = cloud_event(recorded(EXAMPLES[name], 2**53 - 1), "example.org/log", CODEC)
    said = json.loads(raw)
    assert raw == rfc8785.dumps(said)
    for required in ("id", "source", "specversion", "type"):
        assert isinstance(said[required], str)
        assert said[required]
    # CloudEvents 1.0.2, "naming conventions": lower-case letters and digits, 20 of them at most.
    assert all(re.fullmatch("[a-z0-9]{1,20}", key) for key in said if key != "datacontenttype")
    assert said["type"] == name
    assert said["sequence"] == "9007199254740991"
    assert said["data"] == CODEC.encode(EXAMPLES[name])[2]


# --- the seven --------------------------------------------------------------------------------


@pytest.fixture
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("_nothing_set")
def test_there_are_seven_and_each_declares_itself() -> None:
    handlers = create_event_handlers()
    assert [it.name for it in handlers] == [
        "order_activity",
        "profit",
        "valuation",
        "risk",
        "market_data",
        "notification",
        "audit_relay",
    ]
    for it in handlers:
        assert it.summary
        assert it.idempotency
        reactor = it.kind is HandlerKind.DURABLE_REACTOR
        expected = (
            (Start.NOW, ReplayPolicy.NEVER) if reactor else (Start.BEGINNING, ReplayPolicy.SAFE)
        )
        assert (it.start, it.replay) == expected


@pytest.mark.usefixtures("_nothing_set")
def test_every_event_has_a_handler_and_each_can_be_subscribed_for_what_it_supports() -> None:
    bus = EventBus()
    for handler in create_event_handlers():
        bus.subscribe(handler.supported_event_type, handler)
    counts = {name: bus.get_subscribers_count(kind) for name, (kind, _) in EVENT_TYPES.items()}
    assert min(counts.values()) == 1  # the relay
    assert counts["portfolio.fill_booked"] == 4
    assert counts["order.refused"] == 4


@pytest.mark.usefixtures("_nothing_set")
def test_what_is_not_set_is_off_and_what_is_set_is_on(monkeypatch: pytest.MonkeyPatch) -> None:
    relay = create_event_handlers()[-1]
    assert not relay.enabled
    monkeypatch.setenv("TRADERBOT_REDIS__URL", "redis://127.0.0.1:1")
    assert not create_event_handlers()[-1].enabled  # a Redis alone is no wish to relay
    monkeypatch.setenv("TRADERBOT_RELAY__ENABLED", "true")
    assert create_event_handlers()[-1].enabled


@pytest.mark.usefixtures("_nothing_set")
def test_the_names_of_channels_and_their_time_come_from_the_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    notify = "TRADERBOT_NOTIFY__"
    for name, value in {
        "WEBHOOK_URL": "https://example.org/hook",
        "WEBHOOK_SECRET": "whsec_" + "QUFB" * 8,
        "SMTP_HOST": "mail.example.org",
        "SMTP_FROM": "bot@example.org",
        "SMTP_TO": "desk@example.org, boss@example.org",
        "TIMEOUT_SECONDS": "7",
    }.items():
        monkeypatch.setenv(notify + name, value)
    handler = create_event_handlers(load_settings())[5]
    assert [it.name for it in handler.handle._channels] == ["webhook", "mail"]  # type: ignore[attr-defined]
    assert handler.patience == 2 * 7 + 5


@pytest.mark.usefixtures("_nothing_set")
def test_the_page_says_of_each_handler_what_it_declares() -> None:
    table = {
        cells[0].strip("`"): cells[1:]
        for line in PAGE.read_text().splitlines()
        if len(cells := [cell.strip() for cell in line.strip("|").split("|")]) == 7
    }
    for it in create_event_handlers():
        kind = it.kind.value.removeprefix("durable_")
        tables = ", ".join(f"`{table.name}`" for table in it.tables) or "–"
        declared = [kind, it.start, it.replay, it.idempotency, it.summary, tables]
        assert table[it.name] == [str(cell) for cell in declared]
