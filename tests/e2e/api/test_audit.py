"""The audit by HTTP, as a user asks who trusts nobody, and as an auditor who owns nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import text

from tests.e2e.api.running import (
    MISSING_ID,
    Json,
    Person,
    Server,
    an_admin,
    answered,
    refused,
    running,
    settings_in,
    somebody,
)
from tests.guards import lift_guards
from traderbot.application.commands.users import DeactivateUser
from traderbot.domain.shared.ids import UserId
from traderbot.domain.shared.instants import instant, instant_text
from traderbot.domain.users.user import Role
from traderbot.infrastructure import bundle
from traderbot.infrastructure.event_store.body import encode_json, leaf_hash
from traderbot.infrastructure.event_store.log_reader import LogReader
from traderbot.infrastructure.persistence.database import writer_engine
from traderbot.presentation.api.routes import audit as routes

AS_TEXT = {"Accept": "text/plain"}
_VERIFY = Path(str(bundle.__file__)).with_name("verify_proof.py")


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def house(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server on each database; the log is sealed when a test says so."""
    postgres = request.param == "postgres"
    url = request.getfixturevalue("module_postgres_url") if postgres else None
    with running(settings_in(tmp_path_factory.mktemp("audit"), url)) as server:
        yield server


@pytest.fixture(scope="module")
def grace(house: Server) -> Iterator[Person]:
    """Somebody with a portfolio and three orders, one of them canceled."""
    with somebody(house, "grace") as person:
        portfolio_id = person.open_portfolio()["portfolio_id"]
        orders = [person.place(portfolio_id) for _ in range(3)]
        answered(person.client.delete(f"/orders/{orders[0]['order_id']}"), 200)
        yield person


@pytest.fixture(scope="module")
def mallory(house: Server) -> Iterator[Person]:
    with somebody(house, "mallory") as person:
        person.place(person.open_portfolio()["portfolio_id"])
        yield person


@pytest.fixture(scope="module")
def inspector(house: Server) -> Iterator[Person]:
    with an_admin(house, Role.AUDITOR) as person:
        yield person


@pytest.fixture(autouse=True)
def sealed(house: Server, grace: Person, mallory: Person) -> None:
    """Have everything told so far sealed and signed."""
    del grace, mallory
    house.program.application.sealing().seal()


def _all(person: Person, **query: Any) -> list[Json]:
    """Turn the pages of the log to its end."""
    found: list[Json] = []
    page: Json = {"next_cursor": None}
    while True:
        more = {"cursor": page["next_cursor"]} if page["next_cursor"] else {}
        page = answered(person.get("/audit/events", params={**query, **more}), 200)
        found += page["items"]
        if page["next_cursor"] is None:
            return found


def _streams(person: Person) -> set[str]:
    """Name a person's streams, as the rest of the API shows what they have."""
    portfolios = answered(person.get("/portfolios"), 200)["items"]
    orders = answered(person.get("/orders"), 200)["items"]
    return {
        f"user-{person.user_id}",
        *(f"portfolio-{each['portfolio_id']}" for each in portfolios),
        *(f"order-{each['order_id']}" for each in orders),
    }


# Events -----------------------------------------------------------------------------------------


def test_a_user_reads_their_own_streams_whole_and_no_other(
    grace: Person, mallory: Person, house: Server
) -> None:
    for person in (grace, mallory):
        found = _all(person)
        assert {each["stream"] for each in found} == _streams(person)
        rows = house.rows("SELECT event_id, stream_id FROM events")
        own = {row.event_id for row in rows if row.stream_id in _streams(person)}
        assert {each["id"] for each in found} == own
        assert len(found) == len(own)


def test_an_auditor_reads_the_whole_log_in_its_order(inspector: Person, house: Server) -> None:
    found = _all(inspector, limit="7")
    assert [each["index"] for each in found] == list(range(house.events()))
    assert found == _all(inspector)
    assert "@" not in json.dumps(found)


def test_an_event_is_what_was_hashed(inspector: Person) -> None:
    for each in _all(inspector):
        body = {name: value for name, value in each.items() if name not in {"index", "leaf_hash"}}
        canonical = encode_json({**body, "spec": "traderbot.event/1"})
        assert leaf_hash(canonical).hex() == each["leaf_hash"]


def test_pages_are_filtered_by_stream_type_and_first_index(grace: Person, mallory: Person) -> None:
    mine = _all(grace)
    stream = mine[-1]["stream"]
    assert _all(grace, stream=stream) == [it for it in mine if it["stream"] == stream]
    placed = [it for it in mine if it["type"] == "order.placed"]
    assert len(placed) == 3
    assert _all(grace, type="order.placed", limit="2") == placed
    start = placed[1]["index"]
    assert _all(grace, **{"from": str(start)}) == [it for it in mine if it["index"] >= start]
    assert _all(grace, type="order.placed", **{"from": str(start)}) == placed[1:]
    assert _all(mallory, stream=stream) == []
    assert _all(grace, stream="operations-main") == []
    assert _all(grace, **{"from": "999999999999999999"}) == []


def test_a_cursor_of_anothers_page_shows_only_ones_own(grace: Person, mallory: Person) -> None:
    cursor = answered(grace.get("/audit/events", params={"limit": "1"}), 200)["next_cursor"]
    shown = answered(mallory.get("/audit/events", params={"cursor": cursor}), 200)["items"]
    assert {each["stream"] for each in shown} <= _streams(mallory)


def test_a_forged_cursor_is_refused(grace: Person) -> None:
    own = answered(grace.get("/portfolios", params={"limit": "1"}), 200)
    assert own["next_cursor"] is None
    for cursor in ("0", "AAAA", "a" * 512, MISSING_ID, "LTF8ZXZlbnRz"):  # the last is index -1
        refused(grace.get("/audit/events", params={"cursor": cursor}), 422, "BAD_CURSOR")


def test_an_event_may_be_kept_for_ever_by_whom_it_was_shown_to(
    grace: Person, mallory: Person, inspector: Person
) -> None:
    event = _all(grace)[0]
    path = f"/audit/events/{event['id']}"
    shown = grace.get(path)
    assert answered(shown, 200) == event
    assert shown.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    assert "Authorization" in shown.headers["Vary"]
    kept = {"If-None-Match": shown.headers["ETag"]}
    again = grace.get(path, headers=kept)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == shown.headers["ETag"]
    assert grace.get(path, headers={"If-None-Match": '"other"'}).status_code == 200
    refused(mallory.get(path, headers=kept), 404, "NOT_FOUND")
    assert answered(inspector.get(path), 200) == event


def test_refusals_are_never_kept(grace: Person) -> None:
    response = grace.get(f"/audit/events/{MISSING_ID}")
    refused(response, 404)
    assert response.headers["Cache-Control"] == "no-store"


# What was signed --------------------------------------------------------------------------------


def test_a_checkpoint_is_the_note_that_was_signed(grace: Person, house: Server) -> None:
    shown = answered(grace.get("/audit/checkpoint"), 200)
    note = grace.get("/audit/checkpoint", headers=AS_TEXT)
    assert note.headers["Content-Type"].startswith("text/plain")
    assert note.text == shown["note"]
    origin, size, *_ = shown["note"].split("\n")
    assert (origin, size) == (shown["origin"], str(shown["size"]))
    report = house.program.application.sealing().seal()
    assert (shown["size"], shown["root"]) == (report.size, report.root)
    assert answered(grace.get("/audit/vkey"), 200)["vkey"] == report.key
    assert grace.get("/audit/vkey", headers=AS_TEXT).text == f"{report.key}\n"


def test_the_same_checkpoint_is_sent_once_in_each_form(grace: Person) -> None:
    first = grace.get("/audit/checkpoint")
    assert first.headers["Cache-Control"] == "private, no-cache"
    kept = {"If-None-Match": f'"x", W/{first.headers["ETag"]}'}
    assert grace.get("/audit/checkpoint", headers=kept).status_code == 304
    assert grace.get("/audit/checkpoint", headers={**kept, **AS_TEXT}).status_code == 200


def test_every_event_is_proven_to_somebody_without_this_program(
    grace: Person, inspector: Person, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text(grace.get("/audit/vkey", headers=AS_TEXT).text)
    for person in (grace, inspector):
        for event in (_all(person)[0], _all(person)[-1]):
            path = f"/audit/proof/{event['id']}"
            shown = answered(person.get(path), 200)
            assert (shown["event_id"], shown["index"]) == (event["id"], event["index"])
            assert (shown["stream"], shown["version"]) == (event["stream"], event["version"])
            proof = person.get(path, headers=AS_TEXT).text
            assert shown["proof"] == proof
            (tmp_path / "proof").write_bytes(proof.encode())
            assert _verified(tmp_path) == 0
            (tmp_path / "proof").write_bytes(proof.replace("true", "false", 1).encode() + b" ")
            assert _verified(tmp_path) == 1


def _verified(folder: Path) -> int:
    command = [sys.executable, str(_VERIFY), str(folder / "proof"), str(folder / "key")]
    return subprocess.run(command, check=False, capture_output=True, timeout=60).returncode


def test_what_is_not_signed_yet_cannot_be_proven_yet(grace: Person, house: Server) -> None:
    portfolio = grace.open_portfolio()
    order = grace.place(portfolio["portfolio_id"])
    (event, *_) = answered(grace.get(f"/orders/{order['order_id']}/events"), 200)["items"]
    assert event["inclusion"] is None
    response = grace.get(f"/audit/proof/{event['id']}")
    refused(response, 409, "NO_CHECKPOINT")
    assert response.headers["Retry-After"] == "1"
    house.program.application.sealing().seal()
    (event, *_) = answered(grace.get(f"/orders/{order['order_id']}/events"), 200)["items"]
    proof = answered(grace.get(f"/audit/proof/{event['id']}"), 200)
    assert event["inclusion"]["proven"]
    assert (event["log_index"], event["inclusion"]["checkpoint"]) == (proof["index"], proof["size"])


def test_of_a_log_that_was_never_signed_there_is_no_checkpoint(tmp_path: Path) -> None:
    with running(settings_in(tmp_path)) as server, somebody(server) as person:
        refused(person.get("/audit/checkpoint"), 409, "NO_CHECKPOINT")
        refused(person.get(f"/audit/proof/{_all(person)[0]['id']}"), 409, "NO_CHECKPOINT")
        health = answered(person.get("/audit/health"), 200)
        assert (health["checkpoint"], health["anchor"], health["sealed"]) == (None, None, 0)
        assert health["unsealed"] == server.events()


# As of then -------------------------------------------------------------------------------------


def _size(inspector: Person) -> int:
    return int(answered(inspector.get("/audit/replay", params={"limit": "1"}), 200)["cut"]["size"])


def test_the_past_is_shown_as_it_was_seen_then(
    grace: Person, inspector: Person, house: Server
) -> None:
    portfolio_id = grace.open_portfolio()["portfolio_id"]
    path = f"/portfolios/{portfolio_id}"
    seen = []
    for _ in range(3):
        grace.place(portfolio_id)
        moment = instant_text(house.program.application.clock.now())
        seen.append((_size(inspector), moment, answered(grace.get(path), 200)))
        report = house.program.application.sealing().seal()
        assert report.size == seen[-1][0]
    for size, moment, portfolio in seen:
        replays = [_replayed(grace, as_of) for as_of in (str(size), moment, f"checkpoint:{size}")]
        assert {it["cut"]["size"] for it in replays} == {size}
        for it in replays:
            assert portfolio in it["portfolios"]
            assert it == replays[0]
    assert _replayed(grace, "0")["portfolios"] == []


def _replayed(person: Person, as_of: str | None = None, **query: str) -> Json:
    """Turn the pages of a replay; return the first with what all of them hold."""
    asked = query if as_of is None else {**query, "as_of": as_of}
    whole: Json = {}
    cursor: str | None = None
    while True:
        more = {} if cursor is None else {"cursor": cursor}
        page = answered(person.get("/audit/replay", params={**asked, **more}), 200)
        whole = whole or {**page, "portfolios": [], "orders": []}
        assert page["cut"] == whole["cut"]
        whole["portfolios"] += page["portfolios"]
        whole["orders"] += page["orders"]
        assert len(page["portfolios"]) + len(page["orders"]) <= int(asked.get("limit", 50))
        cursor = page["next_cursor"]
        if cursor is None:
            return {**whole, "next_cursor": None}


def test_a_replay_in_pages_is_the_whole_of_it(
    grace: Person, inspector: Person, house: Server
) -> None:
    for person, owner in ((grace, grace.user_id), (inspector, None)):
        found = _replayed(person, limit="2")
        audit: Any = house.program.application.audit
        report = audit.replay(audit.cut(index=found["cut"]["size"]), owner)
        assert [it["portfolio_id"] for it in found["portfolios"]] == [
            it.portfolio_id for it in report.portfolios
        ]
        assert [it["order_id"] for it in found["orders"]] == [it.order_id for it in report.orders]
        assert found["counts"]["orders"] == len(found["orders"])
        assert found["counts"]["portfolios"] == len(found["portfolios"])
        assert found["fingerprint"] == report.fingerprint
        assert found["cut"]["root"] == report.cut.root


def test_a_replay_shows_only_what_is_ones_own(
    grace: Person, mallory: Person, inspector: Person
) -> None:
    mine, theirs, everything = (_replayed(it) for it in (grace, mallory, inspector))
    assert {it["owner_id"] for it in mine["orders"] + mine["portfolios"]} == {grace.user_id}
    assert {it["owner_id"] for it in theirs["orders"] + theirs["portfolios"]} == {mallory.user_id}
    assert mine["counts"]["users"] == theirs["counts"]["users"] == 1
    orders = {it["order_id"] for it in everything["orders"]}
    assert orders >= {it["order_id"] for it in mine["orders"] + theirs["orders"]}
    assert "@" not in json.dumps(everything)


@pytest.mark.parametrize(
    ("as_of", "code"),
    [
        ("999999", "INVALID_VALUE"),
        ("checkpoint:999999", "INVALID_VALUE"),
        ("-1", "VALIDATION_ERROR"),
        ("01", "VALIDATION_ERROR"),
        ("checkpoint:", "VALIDATION_ERROR"),
        ("checkpoint: 1", "VALIDATION_ERROR"),
        ("Checkpoint:1", "VALIDATION_ERROR"),
        ("2026-11-21", "VALIDATION_ERROR"),
        ("2026-11-21T12:00:00", "VALIDATION_ERROR"),
        ("", "VALIDATION_ERROR"),
    ],
)
def test_a_time_that_is_none_is_refused(grace: Person, as_of: str, code: str) -> None:
    refused(grace.get("/audit/replay", params={"as_of": as_of}), 422, code)


def test_a_time_to_come_is_now_and_one_before_all_is_nothing(grace: Person, house: Server) -> None:
    later = instant_text(house.program.application.clock.now() + timedelta(days=1))
    assert _replayed(grace, later)["cut"]["size"] == house.events()
    assert _replayed(grace, "2001-01-01T00:00:00+05:00")["cut"]["size"] == 0


def test_a_log_that_is_too_long_is_not_replayed(
    grace: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "MOST_REPLAYED", 1)
    error = refused(grace.get("/audit/replay"), 422, "VALIDATION_ERROR")
    assert "the limit is 1" in error["message"]
    for as_of in ("2", "checkpoint:2", "999999999999999999"):
        refused(grace.get("/audit/replay", params={"as_of": as_of}), 422, "VALIDATION_ERROR")
    assert _replayed(grace, "1")["cut"]["size"] == 1


def test_no_log_is_read_to_its_end_to_learn_that_it_is_too_long(
    grace: Person, house: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    leaves = LogReader.leaves

    def counted(reader: LogReader, start: int = 0) -> Iterator[list[Any]]:
        for batch in leaves(reader, start):
            read.append(len(batch))
            yield batch

    monkeypatch.setattr(routes, "MOST_REPLAYED", 3)
    monkeypatch.setattr(LogReader, "leaves", counted)
    later = instant_text(house.program.application.clock.now() + timedelta(days=1))
    refused(grace.get("/audit/replay", params={"as_of": later}), 422, "VALIDATION_ERROR")
    assert read == []
    assert _replayed(grace, "2001-01-01T00:00:00Z")["cut"]["size"] == 0


def test_a_checkpoint_that_the_log_does_not_lead_to_is_no_answer(tmp_path: Path) -> None:
    with running(settings_in(tmp_path)) as server, somebody(server) as person:
        size = server.program.application.sealing().seal().size
        assert _replayed(person, f"checkpoint:{size}")["cut"]["size"] == size
        engine = writer_engine(server.database)
        with engine.begin() as connection:
            lift_guards(connection)
            connection.execute(text("UPDATE log_checkpoints SET root = :root"), {"root": bytes(32)})
        engine.dispose()
        response = person.get("/audit/replay", params={"as_of": f"checkpoint:{size}"})
        refused(response, 500, "CORRUPT_HISTORY")


def test_a_replay_that_is_known_is_not_done_again(grace: Person) -> None:
    first = grace.get("/audit/replay", params={"as_of": "5"})
    kept = {"If-None-Match": first.headers["ETag"]}
    assert grace.get("/audit/replay", params={"as_of": "5"}, headers=kept).status_code == 304
    assert grace.get("/audit/replay", params={"as_of": "4"}, headers=kept).status_code == 200


# Orders and health ------------------------------------------------------------------------------


def test_an_auditor_has_any_order_explained(
    grace: Person, mallory: Person, inspector: Person
) -> None:
    order_id = answered(grace.get("/orders"), 200)["items"][-1]["order_id"]
    for part in ("events", "explanation"):
        path = f"/orders/{order_id}/{part}"
        told = answered(grace.get(path), 200)
        assert answered(inspector.get(path), 200) == told
        refused(mallory.get(path), 404, "NOT_FOUND")
    assert told["order"]["status"] == "canceled"
    assert told["inputs"]["reference"]
    assert {it["inclusion"]["proven"] for it in told["events"]} == {True}
    refused(inspector.get(f"/orders/{order_id}"), 404)  # to look at orders is not to audit them
    refused(inspector.client.delete(f"/orders/{order_id}"), 403)


def test_health_tells_what_waits_and_since_when(grace: Person, house: Server) -> None:
    before = answered(grace.get("/audit/health"), 200)
    assert before["unsealed"] == 0
    assert before["oldest_unsealed_at"] is before["queue_age_milliseconds"] is None
    events = house.events()
    assert before["sealed"] == before["checkpoint"]["size"] == before["anchor"]["size"] == events
    order = grace.place(grace.open_portfolio()["portfolio_id"])
    waiting = answered(grace.get("/audit/health"), 200)
    assert waiting["unsealed"] == house.events() - events
    assert waiting["sealed"] == events
    assert instant(waiting["oldest_unsealed_at"]) < instant(order["placed_at"])
    assert waiting["queue_age_milliseconds"] >= 0
    assert not waiting["is_sealing"]
    with house.program.background():
        assert answered(grace.get("/audit/health"), 200)["is_sealing"]
    after = answered(grace.get("/audit/health"), 200)
    assert (after["unsealed"], after["sealed"]) == (0, house.events())


def test_why_nothing_is_sealed_is_told_to_an_auditor_alone(tmp_path: Path) -> None:
    with (
        running(settings_in(tmp_path)) as server,
        somebody(server) as person,
        an_admin(server, Role.AUDITOR) as auditor,
        _damaged_anchors(server),
    ):
        told = answered(auditor.get("/audit/health"), 200)["error"]
        assert "anchor" in told
        said = answered(person.get("/audit/health"), 200)["error"]
        assert said == "the log is not sealed now; an operator has to look at it"


@contextmanager
def _damaged_anchors(server: Server) -> Iterator[None]:
    report = server.program.application.sealing().seal()
    Path(report.anchor).write_text("no anchor\n")
    yield


def test_only_those_who_are_known_may_ask(house: Server) -> None:
    paths = ["events", "checkpoint", "vkey", "replay", "health", f"proof/{MISSING_ID}"]
    with house.client() as client:
        for path in paths:
            response: httpx2.Response = client.get(f"/audit/{path}")
            refused(response, 401, "NOT_AUTHENTICATED")
            assert response.headers["WWW-Authenticate"] == "Bearer"


def test_what_a_deactivated_auditor_asks_is_not_answered(house: Server) -> None:
    with an_admin(house, Role.AUDITOR) as person:
        assert _all(person)
        command = DeactivateUser(user_id=UserId(person.user_id), reason="left")
        house.program.run(command)
        refused(person.get("/audit/events"), 401, "INVALID_TOKEN")
