"""Somebody else's part of the log: not read when it is asked for, and not told of by its times."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event

from tests.integration.audit.log import CODEC
from tests.integration.audit.sealed import EVENTS, SIZES, SealedLog
from traderbot.bootstrap import Traderbot
from traderbot.domain.shared.ids import UserId
from traderbot.infrastructure.audit.log_audit import LogAudit
from traderbot.presentation.api.routes.audit import _events
from traderbot.presentation.api.schemas.audit import EventsQuery

NOBODY = UserId("0192f0c1-0000-7000-8000-0000000000ff")


def test_of_a_stream_of_somebody_else_no_event_is_read(sealed: SealedLog) -> None:
    story, asked = sealed.story, list[str]()

    def note(_c: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        asked.append(statement)

    own = {
        story.alice: (
            f"portfolio-{story.portfolio}",
            f"order-{story.coins}",
            f"bot-{story.bot_run}",
        ),
        story.bob: (f"portfolio-{story.bobs_portfolio}", f"order-{story.bobs_order}"),
    }
    with Traderbot.open(sealed.url) as bot:
        reading = bot.application.event_pages._engine  # type: ignore[attr-defined]
        for owner, streams in own.items():
            for stream in (*streams, f"user-{owner}"):
                query = EventsQuery(stream=stream)
                assert _events(bot.application, query, owner).items
                everything = _events(bot.application, query, None)
                assert everything == _events(bot.application, query, owner)
                event.listen(reading, "before_cursor_execute", note)
                for other in {story.alice, story.bob, NOBODY} - {owner}:
                    assert _events(bot.application, query, other).items == ()
                event.remove(reading, "before_cursor_execute", note)
        event.listen(reading, "before_cursor_execute", note)
        assert (
            _events(bot.application, EventsQuery(stream="operations-main"), story.bob).items == ()
        )
        event.remove(reading, "before_cursor_execute", note)
    assert not [it for it in asked if "events" in it]


@pytest.mark.parametrize("size", [0, 1, 2, 3, 7, 20, SIZES[-1], SIZES[-1] + 1, EVENTS])
def test_a_replay_tells_an_owner_when_something_of_theirs_happened_last(
    sealed: SealedLog, size: int
) -> None:
    audit: LogAudit = sealed.audit
    story, cut = sealed.story, sealed.audit.cut(index=size)
    mine = {
        story.bob: {f"user-{story.bob}", f"portfolio-{story.bobs_portfolio}",
                    f"order-{story.bobs_order}"},
        NOBODY: set(),
    }  # fmt: skip
    assert audit.replay(cut).cut == cut
    for owner, streams in mine.items():
        times = [
            CODEC.recorded(1, bytes(row["body"]), b"").recorded_at
            for row in sealed.events()[:size]
            if row["stream_id"] in streams
        ]
        found = audit.replay(cut, owner).cut
        assert found.last_recorded_at == max(times, default=None)
        assert (found.size, found.root) == (cut.size, cut.root)
