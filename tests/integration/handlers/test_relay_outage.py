"""The relay waits while Redis takes nothing, and goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from tests.builders import filled
from tests.followers import QUICK, House
from tests.stores import SqlStore, until
from tests.unit.infrastructure.handlers.feeding import recorded
from traderbot.application.ports.subscriptions import Effect
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.following.away import TargetAwayError
from traderbot.infrastructure.handlers.audit_relay import audit_relay
from traderbot.infrastructure.persistence.database import writer_engine
from traderbot.infrastructure.persistence.migrate import upgrade

CODEC = EventCodec()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    url = f"sqlite:///{tmp_path / 'relayed.db'}"
    engine = writer_engine(url)
    upgrade(engine)
    engine.dispose()
    with ExitStack() as stack:
        yield House(SqlStore(stack, url), stack)


def test_nobody_who_listens_is_an_outage_and_no_fault_of_the_event() -> None:
    relay = audit_relay("redis://127.0.0.1:1/0", "events", 10, "example.org/log", CODEC)
    effect = Effect(token="token-1", attempt=1, log_index=7)
    with pytest.raises(TargetAwayError, match="away"):
        relay.handle(recorded(filled(), 7), effect)


def test_a_redis_that_takes_nothing_for_a_while_parks_nothing(
    house: House, one_redis_url: str
) -> None:
    with Redis.from_url(one_redis_url) as client:
        house.follow(audit_relay(one_redis_url, "events", 1000, "example.org/log", CODEC))
        until(lambda: house.known("audit_relay"))
        owned = house.desk.portfolio(None)
        size = house.caught_up("audit_relay")
        client.config_set("maxmemory", 1)
        try:
            house.deposits([owned], 3 * QUICK.attempts)
            house.seal()
            until(lambda: "OutOfMemoryError" in str(house.status("audit_relay").error))
            assert house.status("audit_relay").position == size
            assert house.put_aside("audit_relay") == []
        finally:
            client.config_set("maxmemory", 0)
        size = house.caught_up("audit_relay")
        entries: Any = client.xrange("events")
        said = [json.loads(fields[b"event"]) for _id, fields in entries]
    assert [int(it["sequence"]) for it in said] == list(range(size))
    assert house.status("audit_relay").error is None
