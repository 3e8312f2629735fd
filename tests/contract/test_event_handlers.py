"""The seven handlers over a real log, on every database that has one."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack
from decimal import Decimal
from typing import Any

import pytest
from pydantic import SecretStr
from redis import Redis
from sqlalchemy import select

from tests.followers import House
from tests.integration.audit.story import tell
from tests.integration.handlers.receivers import OK, Hook, listening, says, status
from tests.stores import SqlStore, until
from traderbot.application.ports.event_bus import HandlerKind
from traderbot.application.ports.subscriptions import ParkedState
from traderbot.domain.shared.decimals import EXACT, ZERO
from traderbot.infrastructure.event_handlers import EventHandler, create_event_handlers
from traderbot.infrastructure.persistence.tables import (
    BalanceRow,
    Base,
    OrderRow,
    PositionRow,
    TradeRow,
)
from traderbot.infrastructure.settings import Settings, load_settings
from traderbot.infrastructure.settings_sections import (
    NotifySettings,
    RedisSettings,
    RelaySettings,
)

ORIGIN = "example.org/log"
KEY = b64encode(b"k" * 32).decode()


@pytest.fixture
def house(sql_store: SqlStore) -> Iterator[House]:
    with ExitStack() as stack:
        yield House(sql_store, stack)


def settings(**sections: Any) -> Settings:
    return load_settings(env_file=None).model_copy(update=sections)


def seven(**sections: Any) -> dict[str, EventHandler]:
    made = create_event_handlers(settings(**sections), origin=ORIGIN)
    return {handler.name: handler for handler in made}


def projections() -> list[EventHandler]:
    return [it for it in seven().values() if it.kind is HandlerKind.DURABLE_PROJECTION]


def rows(house: House, table: Any) -> list[dict[str, Any]]:
    table = getattr(table, "__table__", table)
    query = select(table).order_by(*table.primary_key)
    with house.reading.connect() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def contents(house: House, handlers: list[EventHandler]) -> dict[str, list[dict[str, Any]]]:
    return {table.name: rows(house, table) for it in handlers for table in it.tables}


def total(values: Any) -> Decimal:
    added = ZERO
    for value in values:
        added = EXACT.add(added, value)
    return added


# --- the projections --------------------------------------------------------------------------


def test_the_projections_agree_with_the_state_rows_and_can_be_made_again(house: House) -> None:
    handlers = projections()
    house.follow(*handlers)
    tell(house.url)
    names = [it.name for it in handlers]
    house.caught_up(*names)
    for name in names:
        assert house.put_aside(name) == []
    _orders_agree(house)
    _money_agrees(house)
    before = contents(house, handlers)
    assert all(before[name] for name in ("round_trips", "equity_points", "risk_refusals"))
    for name in names:
        house.subscriptions.reset(name)
    house.caught_up(*names)
    assert contents(house, handlers) == before


def _orders_agree(house: House) -> None:
    orders = {row["order_id"]: row for row in rows(house, OrderRow)}
    timelines = {row["order_id"]: row for row in rows(house, _table("order_timelines"))}
    assert orders.keys() == timelines.keys()
    same = ("owner_id", "portfolio_id", "symbol", "side", "quantity", "filled", "status")
    for id_, order in orders.items():
        assert {name: timelines[id_][name] for name in same} == {name: order[name] for name in same}
    activity = rows(house, _table("order_activity"))
    names = ("working", "refused", "filled", "canceled")
    assert sum(row[name] for row in activity for name in names) == len(orders)


def _money_agrees(house: House) -> None:
    exposures = rows(house, _table("risk_exposures"))
    held = {
        (row["portfolio_id"], row["symbol"]): (row["quantity"], row["cost"])
        for row in rows(house, PositionRow)
    }
    known = {
        (row["portfolio_id"], row["symbol"]): (row["quantity"], row["cost"]) for row in exposures
    }
    assert held.items() <= known.items()
    for balance in rows(house, BalanceRow):
        key = (balance["portfolio_id"], balance["currency"])
        reserved = [
            it["reserved"] for it in exposures if (it["portfolio_id"], it["currency"]) == key
        ]
        assert total(reserved) == balance["reserved"]
        (cash,) = (
            it["amount"]
            for it in rows(house, _table("valued_cash"))
            if (it["portfolio_id"], it["currency"]) == key
        )
        assert cash == total([balance["free"], balance["reserved"], balance["collateral"]])
    trades = rows(house, TradeRow)
    days = rows(house, _table("daily_profits"))
    assert sum(day["fills"] for day in days) == len(trades)
    assert total(day["realised"] for day in days) == total(it["realised"] for it in trades)
    assert total(it["realised"] for it in rows(house, _table("round_trips"))) == total(
        it["realised"] for it in trades
    )


def _table(name: str) -> Any:
    return Base.metadata.tables[name]


# --- the notification -------------------------------------------------------------------------


def test_a_webhook_that_fails_is_tried_again_with_the_same_id_and_delays_nobody(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    hook = Hook(0, [status(500), says(b"garbage\r\n"), says(OK)])
    with listening(hook):
        notify = NotifySettings(
            webhook_url=SecretStr(hook.url()), webhook_secret=SecretStr(KEY), timeout_seconds=5
        )
        handlers = seven(notify=notify)
        house.follow(handlers["notification"], handlers["valuation"])
        until(lambda: house.known("notification"))
        owned = house.desk.portfolio(None)
        house.desk.deposit(owned, "100 USD")
        house.caught_up("valuation", "notification")
        until(lambda: len(hook.requests) == 3 and not house.open("notification"))
    ids = {request.headers["webhook-id"] for request in hook.requests}
    assert len(ids) == 1
    said = json.loads(hook.requests[-1].body)
    assert (said["type"], said["source"]) == ("portfolio.cash_deposited", ORIGIN)
    assert said["data"]["amount"] == {"amount": "100", "currency": "USD"}
    told = [it.getMessage() for it in caplog.records if it.name.endswith("notification")]
    (line,) = told  # once, not at every attempt
    assert json.loads(line)["message"] == f"portfolio {owned.id}: 100 USD came in"


def test_a_notification_tells_only_of_what_happens_from_now_on(house: House) -> None:
    hook = Hook(0, [says(OK)])
    owned = house.desk.portfolio("100 USD")
    house.seal()
    with listening(hook):
        notify = NotifySettings(webhook_url=SecretStr(hook.url()), webhook_secret=SecretStr(KEY))
        house.follow(seven(notify=notify)["notification"])
        until(lambda: house.known("notification"))
        house.desk.deposit(owned, "7 USD")
        house.caught_up("notification")
        until(lambda: bool(hook.requests))
    (request,) = hook.requests
    assert json.loads(request.body)["data"]["amount"]["amount"] == "7"


# --- the relay --------------------------------------------------------------------------------


def relayed(url: str, stream: str = "events") -> list[dict[str, Any]]:
    with Redis.from_url(url) as client:
        entries: Any = client.xrange(stream)
        return [json.loads(fields[b"event"]) for _id, fields in entries]


def the_relay(url: str, maxlen: int = 1000) -> EventHandler:
    return seven(
        redis=RedisSettings(url=SecretStr(url)),
        relay=RelaySettings(enabled=True, stream="events", maxlen=maxlen),
    )["audit_relay"]


def test_every_event_is_relayed_in_the_order_of_the_log(house: House, redis_url: str) -> None:
    house.follow(the_relay(redis_url))
    until(lambda: house.known("audit_relay"))
    tell(house.url)
    size = house.caught_up("audit_relay")
    said = relayed(redis_url)
    assert [int(it["sequence"]) for it in said] == list(range(size))
    assert all(len(it["sequence"]) == 16 for it in said)
    stored = house.rows("SELECT event_id, type, stream_id, correlation_id, leaf_hash FROM events")
    known = {row[0]: (row[1], row[2], row[3], bytes(row[4]).hex()) for row in stored}
    for it in said:
        about = (it["type"], it["subject"], it["correlationid"], it["leafhash"])
        assert about == known.pop(it["id"])
        assert (it["specversion"], it["source"]) == ("1.0", ORIGIN)
        assert it["datacontenttype"] == "application/json"
        assert it["recordedtime"].endswith("Z")
    assert known == {}


def test_nothing_overtakes_an_event_that_redis_did_not_take(
    house: House, one_redis_url: str
) -> None:
    with Redis.from_url(one_redis_url) as client:
        client.set("events", "in the way")  # no stream: every XADD fails
        house.follow(the_relay(one_redis_url))
        until(lambda: house.known("audit_relay"))
        owned = house.desk.portfolio(None)
        house.deposits([owned], 5)
        size = house.caught_up("audit_relay")
        until(lambda: ParkedState.PARKED in house.states("audit_relay").values())
        first = min(house.states("audit_relay"))
        assert "Redis did not take it: ResponseError" in house.put_aside("audit_relay")[0].error
        client.delete("events")
        house.subscriptions.retry("audit_relay", first)
        until(lambda: not house.open("audit_relay"))
    assert [int(it["sequence"]) for it in relayed(one_redis_url)] == list(range(first, size))


def test_the_stream_is_trimmed(house: House, one_redis_url: str) -> None:
    house.follow(the_relay(one_redis_url, maxlen=10))
    until(lambda: house.known("audit_relay"))
    owned = house.desk.portfolio(None)
    house.deposits([owned], 250)
    size = house.caught_up("audit_relay", seconds=60)
    said = relayed(one_redis_url)
    assert 10 <= len(said) < 150  # about: Redis drops whole nodes of a hundred
    assert int(said[-1]["sequence"]) == size - 1
