"""Telling people: a line in the program's log, a webhook, an e-mail."""

from __future__ import annotations

import json
import logging
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Final, Protocol

from traderbot.application.errors import NotDeliveredError
from traderbot.application.ports.event_bus import HandlerKind, ReplayPolicy, Start
from traderbot.application.ports.recorded import Recorded
from traderbot.application.ports.subscriptions import Effect
from traderbot.domain.shared.instants import instant_text
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.handlers.cloud_event import cloud_event
from traderbot.infrastructure.handlers.declared import EventHandler
from traderbot.infrastructure.handlers.notice import NOTABLE, Notice, sentence_of

_log = logging.getLogger(__name__)
_REMEMBERED: Final = 1_000  # notices of which one channel has failed


class Channel(Protocol):
    """A way to tell somebody."""

    @property
    def name(self) -> str:
        """What errors call it."""
        ...

    @property
    def longest_seconds(self) -> float:
        """How long one delivery may take."""
        ...

    def deliver(self, notice: Notice) -> str:
        """Tell it, and return what was answered. Raises NotDeliveredError."""
        ...


def notification(channels: Sequence[Channel], origin: str, codec: EventCodec) -> EventHandler:
    """Return the reactor that tells of orders, money, bots and what operators decide."""
    longest = sum(channel.longest_seconds for channel in channels)
    return EventHandler(
        name="notification",
        kind=HandlerKind.DURABLE_REACTOR,
        handle=_Teller(channels, origin, codec),
        event_types=NOTABLE,
        start=Start.NOW,
        replay=ReplayPolicy.NEVER,
        timeout_seconds=longest + 5,  # each channel ends by itself, before it is given up
        summary="a line in the log, a webhook and an e-mail for what people want to hear of",
        idempotency="the same webhook-id and Message-ID at every attempt",
    )


class _Teller:
    """Tells every channel. One that fails harms no other: only it is tried again."""

    def __init__(self, channels: Sequence[Channel], origin: str, codec: EventCodec) -> None:
        self._channels = channels
        self._origin = origin
        self._codec = codec
        # What was delivered already of notices that failed elsewhere; forgotten at a restart.
        self._delivered: OrderedDict[str, dict[str, str]] = OrderedDict()

    def __call__(self, recorded: Recorded, effect: Effect) -> str:
        """Return what each channel answered. Raises NotDeliveredError, naming those that failed."""
        notice = Notice(
            token=effect.token,
            recorded=recorded,
            sentence=sentence_of(recorded.event),
            event=cloud_event(recorded, self._origin, self._codec),
        )
        if effect.attempt == 1:
            _log.log(notice.level, "%s", _line(notice))
        answers = self._delivered.pop(notice.token, {})
        failed: list[str] = []
        for channel in self._channels:
            if channel.name in answers:
                continue
            try:
                answers[channel.name] = channel.deliver(notice)
            except NotDeliveredError as error:
                failed.append(str(error))
        if failed:
            self._delivered[notice.token] = answers
            if len(self._delivered) > _REMEMBERED:
                self._delivered.popitem(last=False)
            raise NotDeliveredError("; ".join(failed))
        return "\n".join(f"{name}: {answer}" for name, answer in answers.items())


def _line(notice: Notice) -> str:
    """Return the notice as one line of JSON."""
    recorded = notice.recorded
    said: dict[str, Any] = {
        "at": instant_text(recorded.occurred_at),
        "correlation_id": recorded.correlation_id,
        "event_id": recorded.id,
        "log_index": recorded.position,
        "message": notice.sentence,
        "stream": recorded.stream,
        "type": recorded.type,
    }
    return json.dumps(said, ensure_ascii=False)
