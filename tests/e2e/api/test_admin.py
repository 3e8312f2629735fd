"""What operators see and decide by HTTP, and that nobody else does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.e2e.api.running import (
    Person,
    Server,
    an_admin,
    answered,
    put_aside,
    refused,
    served,
    settings_in,
    somebody,
)
from traderbot.bootstrap import Traderbot
from traderbot.infrastructure.following.operators import SqlSubscriptions
from traderbot.infrastructure.persistence.database import reader_engine, writer_engine

EVENT = "/admin/parked-events/mails/7"
REASON = {"reason": "the receiver is gone"}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of these tests alone, for they count what was put aside."""
    settings = settings_in(tmp_path_factory.mktemp("admin"))
    with Traderbot.open(settings) as program:
        reading, writing = (
            reader_engine(settings.database_url),
            writer_engine(settings.database_url),
        )
        subscriptions = SqlSubscriptions(reading, writing)
        program.application = replace(program.application, subscriptions=subscriptions)
        with served(program) as url:
            yield Server(url, program, settings.database_url)
        reading.dispose()
        writing.dispose()


@pytest.fixture(scope="module")
def operator(house: Server) -> Iterator[Person]:
    with an_admin(house) as person:
        yield person


@pytest.fixture(autouse=True)
def _aside(house: Server) -> Iterator[None]:
    for index in (7, 9, 11):
        put_aside(house, "mails", index)
    yield
    house.write("DELETE FROM parked_events")


def test_an_admin_sees_how_far_each_subscription_is(operator: Person) -> None:
    (found,) = answered(operator.get("/admin/subscriptions"), 200)["items"]
    assert (found["name"], found["position"], found["parked"]) == ("mails", 1000, 3)


def test_parked_events_come_in_pages_and_one_by_one(operator: Person) -> None:
    first = answered(operator.get("/admin/parked-events", params={"limit": "2"}), 200)
    query = {"limit": "2", "cursor": first["next_cursor"]}
    second = answered(operator.get("/admin/parked-events", params=query), 200)
    found = [*first["items"], *second["items"]]
    assert [each["log_index"] for each in found] == [7, 9, 11]
    assert second["next_cursor"] is None
    assert answered(operator.get(EVENT), 200) == found[0]
    for query in ({"subscription": "nobody"}, {"state": "discarded"}):
        assert answered(operator.get("/admin/parked-events", params=query), 200)["items"] == []
    refused(operator.get("/admin/parked-events", params={"cursor": "x"}), 422, "BAD_CURSOR")


def test_a_retry_requeues_the_key_once(operator: Person) -> None:
    assert answered(operator.client.post(f"{EVENT}/retry"), 202) == {"requeued": 3}
    assert answered(operator.get(EVENT), 200)["state"] == "requeued"
    refused(operator.client.post(f"{EVENT}/retry"), 409, "NOT_PARKED")


def test_a_discard_is_an_event_of_the_operator(operator: Person, house: Server) -> None:
    before = house.events()
    given_up = answered(operator.post(f"{EVENT}/discard", REASON), 200)
    assert (given_up["state"], given_up["reason"]) == ("discarded", REASON["reason"])
    assert given_up["decided_by"] == operator.user_id
    assert house.events() == before + 1
    sql = "SELECT type, actor_id FROM events ORDER BY position DESC LIMIT 1"
    assert tuple(house.rows(sql)[0]) == ("operations.parked_discarded", operator.user_id)
    refused(operator.post(f"{EVENT}/discard", REASON), 409, "NOT_PARKED")
    assert house.events() == before + 1


@pytest.mark.parametrize("reason", ["", " ", "a\nb", "x" * 501, 7, None])
def test_a_discard_without_a_reason_changes_nothing(
    operator: Person, house: Server, reason: object
) -> None:
    before = house.events()
    refused(operator.post(f"{EVENT}/discard", {"reason": reason}), 422, "VALIDATION_ERROR")
    assert house.events() == before
    assert answered(operator.get(EVENT), 200)["state"] == "parked"


@pytest.mark.parametrize(
    "path", ["mails/8", "nobody/7", "mails/x", "mails/-1", "mails/07", f"mails/{2**80}", "%00/7"]
)
def test_what_is_not_parked_is_not_found(operator: Person, house: Server, path: str) -> None:
    before = house.events()
    refused(operator.get(f"/admin/parked-events/{path}"), 404, "NOT_FOUND")
    refused(operator.client.post(f"/admin/parked-events/{path}/retry"), 404, "NOT_FOUND")
    refused(operator.post(f"/admin/parked-events/{path}/discard", REASON), 404, "NOT_FOUND")
    assert house.events() == before


def test_others_may_not(house: Server) -> None:
    with somebody(house) as trader:
        before = house.events()
        for path in ("/admin/subscriptions", "/admin/parked-events", EVENT):
            refused(trader.get(path), 403, "NOT_ALLOWED")
        refused(trader.client.post(f"{EVENT}/retry"), 403, "NOT_ALLOWED")
        refused(trader.post(f"{EVENT}/discard", REASON), 403, "NOT_ALLOWED")
        # Nor do they learn what there is.
        refused(trader.get("/admin/parked-events/nobody/0"), 403, "NOT_ALLOWED")
        with house.client() as stranger:
            refused(stranger.get(EVENT), 401, "NOT_AUTHENTICATED")
        assert house.events() == before
