"""`verify` says nothing of an intact log, and names whatever was done to it."""
# ruff: noqa: S608 - names of our own tables and columns

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import create_engine

from tests.integration.audit.log import Log
from tests.reference.merkle import leaf, tree_hash
from traderbot.application.errors import DatabaseUnavailableError
from traderbot.infrastructure.audit import verify as verify_module
from traderbot.infrastructure.audit.findings import Bounded, short
from traderbot.infrastructure.audit.log_audit import LogAudit
from traderbot.infrastructure.event_store import log_reader
from traderbot.infrastructure.event_store.body import leaf_hash
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.persistence.database import reader_engine


def flip(place: int, bit: int = 1) -> Any:
    """Return a change of one bit."""
    return lambda body: body[:place] + bytes([body[place] ^ bit]) + body[place + 1 :]


def swap(old: bytes, new: bytes) -> Any:
    """Return a change of one text into another."""

    def change(body: bytes) -> bytes:
        assert old in body
        return body.replace(old, new)

    return change


# --- an intact log ----------------------------------------------------------------------------


def test_an_intact_log_has_no_findings(log: Log) -> None:
    report = log.audit.verify()
    assert report.findings == []
    assert report.unlisted == 0
    assert report.events == log.story.events
    assert report.streams == len({row["stream_id"] for row in log.events()}) == 12
    assert report.state_rows == 12
    assert report.seconds > 0


def test_the_root_is_that_of_the_bodies_in_their_order(log: Log) -> None:
    root = tree_hash([leaf(bytes(row["body"])) for row in log.events()]).hex()
    assert log.audit.verify().root == root == log.audit.cut().root


def test_the_same_story_has_the_same_root_in_every_database(
    told_file: Any, told_database: Any
) -> None:
    roots = set()
    for where, _story in (told_file, told_database):
        engine = reader_engine(str(where))
        roots.add(LogAudit(engine, engine, EventCodec()).verify().root)
        engine.dispose()
    assert len(roots) == 1


def test_portions_of_any_size_give_the_same(log: Log, request: pytest.FixtureRequest) -> None:
    whole = log.audit.verify()
    request.getfixturevalue("small_portions")
    seen: list[tuple[int, int]] = []
    parts = log.audit.verify(lambda done, total: seen.append((done, total)))
    assert (parts.root, parts.findings, parts.events) == (whole.root, [], whole.events)
    assert seen[0] == (3, whole.events)
    assert seen[-1] == (whole.events, whole.events)


def test_it_says_that_nothing_is_sealed(log: Log) -> None:
    report = log.audit.verify()
    assert (report.tree.size, report.tree.tail) == (0, log.story.events)
    assert (report.tree.checkpoints, report.tree.newest_anchor) == (0, None)
    assert report.tree.oldest_unsealed is not None
    assert len(report.warnings) == 2


def test_an_intact_log_is_read_the_fast_way(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    def examine(*_: object) -> None:
        pytest.fail("an event that is as it must be was examined on its own")

    monkeypatch.setattr(verify_module, "examine", examine)
    assert log.audit.verify().findings == []


@pytest.mark.parametrize("text", ['x"y', "x\\y", "x\ny", 'x","data":{},"id":"y'])
def test_a_column_that_agrees_with_a_body_that_is_no_json_is_found(log: Log, text: str) -> None:
    stream = f"order-{log.story.bobs_order}"
    old = log.event(stream, 2)["correlation_id"]
    log.rewrite(
        stream,
        2,
        swap(f'"correlation_id":"{old}"'.encode(), f'"correlation_id":"{text}"'.encode()),
        rehash=True,
    )
    log.change(
        "UPDATE events SET correlation_id = :text WHERE stream_id = :s AND version = 2",
        text=text,
        s=stream,
    )
    log.change(
        "UPDATE streams SET head_hash = :h WHERE stream_id = :s",
        h=log.event(stream, 2)["leaf_hash"],
        s=stream,
    )
    found = log.findings()
    assert found
    assert {where for _, where in found} == {f"{stream} v2"}


def test_an_empty_log_is_clean(log: Log) -> None:
    for table in ("events", "streams", "users", "portfolios", "orders", "bot_runs"):
        log.change(f"DELETE FROM {table}")
    log.forget_missing()
    report = log.audit.verify()
    assert (report.events, report.findings) == (0, [])
    assert report.root == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.usefixtures("small_portions")
def test_a_writer_does_not_disturb_it(log: Log) -> None:
    written: list[int] = []

    def write(done: int, _total: int) -> None:
        if not written:
            log.change("DELETE FROM events WHERE version > 1")
            log.change("UPDATE streams SET version = 77")
            written.append(done)

    report = log.audit.verify(write)
    assert written
    assert (report.findings, report.events) == ([], log.story.events)
    assert log.audit.verify().findings


def test_a_database_without_tables_is_unavailable(tmp_path: Any) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/nothing.db")
    with pytest.raises(DatabaseUnavailableError):
        LogAudit(engine, engine, EventCodec()).verify()
    away = create_engine(f"sqlite:///{tmp_path}/no/such/folder.db")
    with pytest.raises(DatabaseUnavailableError):
        LogAudit(away, away, EventCodec()).cut()
    for each in (engine, away):
        each.dispose()


# --- bodies -----------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [0, 60, 400, -1])
def test_one_flipped_bit_of_a_body_is_found(log: Log, place: int) -> None:
    stream = f"order-{log.story.bought}"
    length = len(log.event(stream, 2)["body"])
    log.rewrite(stream, 2, flip(place % length))
    found = log.findings()
    assert ("BODY_HASH", f"{stream} v2") in found
    assert {where for _, where in found} == {f"{stream} v2"}


def test_every_single_byte_of_a_body_counts(log: Log) -> None:
    stream = f"portfolio-{log.story.bobs_portfolio}"
    body = bytes(log.event(stream, 1)["body"])
    for place in range(0, len(body), 19):
        for rehash in (False, True):  # with a new hash, it is what the body says that is wrong
            log.rewrite(stream, 1, flip(place, 0x80 if place % 2 else 1), rehash=rehash)
            assert any(where == f"{stream} v1" for _, where in log.findings()) or rehash
            assert log.findings()
            log.rewrite(stream, 1, lambda _: body, rehash=True)
    assert log.findings() == set()


def test_a_finding_names_the_place_and_both_values(log: Log) -> None:
    stream = f"order-{log.story.bought}"
    row = log.event(stream, 3)
    log.rewrite(stream, 3, swap(b'"venue":"paper"', b'"venue":"Paper"'))
    (finding,) = log.audit.verify().findings
    place = f"index {row['position'] - 1}"
    if log.writing.dialect.name == "postgresql":  # there a place is given when it is sealed
        place = f"unsealed, position {row['position']}"
    where = f"{place}, event {row['event_id']}, {stream} v3"
    computed = leaf_hash(bytes(log.event(stream, 3)["body"])).hex()
    stored = bytes(row["leaf_hash"]).hex()
    assert (finding.code, finding.where) == ("BODY_HASH", where)
    assert finding.message == (
        f"body hash differs (stored {stored[:16]}…, computed {computed[:16]}…)"
    )


def test_a_body_with_a_new_hash_breaks_the_link_behind_it(log: Log) -> None:
    stream = f"order-{log.story.bought}"
    log.rewrite(stream, 4, swap(b'"quantity":"4"', b'"quantity":"5"'), rehash=True)
    assert log.findings() == {("LINK_BROKEN", f"{stream} v5")}


def test_the_last_body_with_a_new_hash_is_found_by_its_stream(log: Log) -> None:
    stream = f"order-{log.story.bought}"
    log.rewrite(stream, 5, swap(b'"quantity":"6"', b'"quantity":"7"'), rehash=True)
    assert log.findings() == {("STREAM_DIFFERS", stream)}


@pytest.mark.parametrize(
    "change",
    [
        swap(b'","type"', b'", "type"'),
        swap(b'"schema":1,"spec":"traderbot.event/1"', b'"spec":"traderbot.event/1","schema":1'),
        swap(b'"closing":"0"', b'"closing": "0"'),
        swap(b'"closing":"0"', b'"closing":"\\u0030"'),
        swap(b'"actor":{"id"', b'"actor": {"id"'),
        swap(b"}", b"}\n"),
    ],
)
def test_another_writing_of_the_same_is_not_canonical(log: Log, change: Any) -> None:
    stream = f"order-{log.story.bobs_order}"
    log.rewrite(stream, 2, change, rehash=True)
    assert log.findings() == {("NOT_CANONICAL", f"{stream} v2"), ("STREAM_DIFFERS", stream)}


@pytest.mark.parametrize(
    "change",
    [
        swap(b'"code"', b'"kode"'),
        swap(b'"closing":"0"', b'"closing":0'),
        swap(b'"closing":"0"', b'"closing":"many"'),
        swap(b"traderbot.event/1", b"traderbot.event/9"),
        lambda _: b"{}",
        lambda _: b"",
        lambda _: b"\xff",
    ],
)
def test_what_cannot_be_read_is_found(log: Log, change: Any) -> None:
    stream = f"order-{log.story.bobs_order}"
    log.rewrite(stream, 2, change, rehash=True)
    found = log.findings()
    assert ("UNREADABLE", f"{stream} v2") in found
    assert {where for _, where in found} == {f"{stream} v2", stream}


def test_an_unknown_type_is_unreadable(log: Log) -> None:
    stream = f"order-{log.story.bobs_order}"
    log.rewrite(stream, 2, swap(b"order.approved", b"order.vanished"), rehash=True)
    log.change(
        "UPDATE events SET type = 'order.vanished' WHERE stream_id = :s AND version = 2", s=stream
    )
    assert log.findings() == {("UNREADABLE", f"{stream} v2"), ("STREAM_DIFFERS", stream)}


def test_a_body_stored_as_text_is_found(sqlite_log: Log) -> None:
    stream = f"order-{sqlite_log.story.bobs_order}"
    sqlite_log.change("UPDATE events SET body = CAST(body AS TEXT) WHERE stream_id = :s", s=stream)
    assert sqlite_log.findings() == {("COLUMN_DIFFERS", f"{stream} v{n}") for n in (1, 2)}
    whole = sqlite_log.audit.cut()
    assert len(sqlite_log.audit.replay(whole).orders) == len(sqlite_log.story.orders)


# --- columns ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("event_id", "0192f0c1-0000-7000-8000-ffffffffffff"),
        ("type", "order.refused"),
        ("schema", 2),
        ("occurred_at", "2020-01-01T00:00:00.000000Z"),
        ("recorded_at", "2020-01-01T00:00:00.000000Z"),
        ("command_id", "0192f0c1-0000-7000-8000-ffffffffffff"),
        ("correlation_id", "x"),
        ("causation_id", "x"),
        ("actor_type", "system"),
        ("actor_id", 'somebody else"'),
        ("version", 77),
        ("stream_id", "order-0192f0c1-0000-7000-8000-ffffffffffff"),
    ],
)
def test_an_edited_column_is_found(log: Log, column: str, value: object) -> None:
    stream = f"order-{log.story.bought}"
    log.change(
        f"UPDATE events SET {column} = :value WHERE stream_id = :stream AND version = 2",
        value=value,
        stream=stream,
    )
    (finding,) = log.audit.verify().findings
    assert finding.code == "COLUMN_DIFFERS"
    assert finding.message.startswith(f"{column} is {short(value)}, the body says ")


def test_an_edited_hash_is_found(log: Log) -> None:
    stream = f"order-{log.story.bought}"
    log.change(
        "UPDATE events SET leaf_hash = :leaf WHERE stream_id = :stream AND version = 2",
        leaf=bytes(32),
        stream=stream,
    )
    found = log.findings()
    assert ("BODY_HASH", f"{stream} v2") in found
    assert ("LINK_BROKEN", f"{stream} v3") in found


# --- the order of events ----------------------------------------------------------------------


def test_an_event_deleted_in_the_middle_is_found(log: Log) -> None:
    stream = f"order-{log.story.bought}"
    position = log.event(stream, 3)["position"]
    log.change("DELETE FROM events WHERE position = :p", p=position)
    found = log.findings()
    assert {("VERSION_GAP", f"{stream} v4"), ("LINK_BROKEN", f"{stream} v4")} <= found
    gap = ("INDEX_GAP", f"index {position - 1}")
    if log.writing.dialect.name == "postgresql":
        gap = ("EVENT_MISSING", f"position {position}")
    assert gap in found


def test_a_cut_tail_is_found(log: Log) -> None:
    last = log.events()[-1]
    log.change("DELETE FROM events WHERE position = :p", p=last["position"])
    log.forget_missing()
    user = f"user-{log.story.bob}"
    assert last["stream_id"] == user
    assert log.findings() == {("STREAM_DIFFERS", user), ("STATE_DIFFERS", f"users {log.story.bob}")}


def test_a_stream_cut_off_whole_is_found(log: Log) -> None:
    stream = f"order-{log.story.bobs_order}"
    log.change("DELETE FROM events WHERE stream_id = :s", s=stream)
    found = log.findings()
    assert ("STREAM_WITHOUT_EVENTS", stream) in found
    assert ("STATE_WITHOUT_STREAM", f"orders {log.story.bobs_order}") in found


def test_swapped_versions_are_found(log: Log) -> None:
    stream = f"order-{log.story.bought}"
    move = "UPDATE events SET version = :to WHERE stream_id = :stream AND version = :of"
    for of, to in ((4, 99), (5, 4), (99, 5)):
        log.change(move, stream=stream, of=of, to=to)
    assert log.findings() == {("COLUMN_DIFFERS", f"{stream} v{n}") for n in (4, 5)}


def test_swapped_bodies_are_found(log: Log) -> None:
    stream = f"order-{log.story.bought}"
    fourth, fifth = (bytes(log.event(stream, n)["body"]) for n in (4, 5))
    log.rewrite(stream, 4, lambda _: fifth, rehash=True)
    log.rewrite(stream, 5, lambda _: fourth, rehash=True)
    assert {("VERSION_GAP", f"{stream} v4"), ("VERSION_GAP", f"{stream} v5")} <= log.findings()


def forged(log: Log, stream: str, version: int) -> dict[str, Any]:
    """Return an event that would follow, with everything right that its forger can know."""
    last = dict(log.event(stream, version))
    event_id = "0192f0c1-0000-7000-8000-fffffffffff1"
    prev = bytes(last["leaf_hash"]).hex()
    body = bytes(last["body"])
    old_prev = body.partition(b'"prev":"')[2][:64]
    for old, new in (
        (last["event_id"].encode(), event_id.encode()),
        (old_prev, prev.encode()),
        (b'"version":%d}' % version, b'"version":%d}' % (version + 1)),
    ):
        body = body.replace(old, new)
    return {
        **last,
        "position": log.events()[-1]["position"] + 1,
        "event_id": event_id,
        "version": version + 1,
        "body": body,
        "leaf_hash": leaf_hash(body),
    }


def test_an_inserted_event_is_found_however_well_it_is_forged(log: Log) -> None:
    stream = f"order-{log.story.bought}"
    log.insert("events", forged(log, stream, 5))
    assert log.findings() == {
        ("STREAM_DIFFERS", stream),
        ("STATE_DIFFERS", f"orders {log.story.bought}"),
    }


def test_an_inserted_event_of_a_new_stream_is_found(log: Log) -> None:
    stream = "order-0192f0c1-0000-7000-8000-fffffffffff2"
    event = forged(log, f"order-{log.story.bought}", 5)
    log.insert("events", {**event, "stream_id": stream, "version": 1})
    found = log.findings()
    assert ("COLUMN_DIFFERS", f"{stream} v1") in found


def test_only_an_anchor_can_tell_of_a_forger_who_forgets_nothing(log: Log) -> None:
    stream = f"order-{log.story.bought}"
    event = forged(log, stream, 5)
    before = log.audit.verify().root
    log.insert("events", event)
    log.change(
        "UPDATE streams SET version = 6, head_hash = :head WHERE stream_id = :s",
        head=event["leaf_hash"],
        s=stream,
    )
    log.change("UPDATE orders SET stream_version = 6 WHERE order_id = :o", o=log.story.bought)
    report = log.audit.verify()
    assert report.findings == []
    assert report.root != before  # so a root that was kept elsewhere convicts them


# --- what stands beside the log ---------------------------------------------------------------


def test_an_edited_stream_is_found(log: Log) -> None:
    stream = f"order-{log.story.bought}"
    log.change("UPDATE streams SET version = 4 WHERE stream_id = :s", s=stream)
    log.change("UPDATE streams SET category = 'bot' WHERE stream_id = :s", s=stream)
    log.change("UPDATE streams SET head_hash = :h WHERE stream_id = :s", s=stream, h=bytes(32))
    report = log.audit.verify()
    assert [it.code for it in report.findings] == ["STREAM_DIFFERS"] * 3
    assert {it.where for it in report.findings} == {stream}


def test_a_stream_that_is_missing_or_extra_is_found(log: Log) -> None:
    stream = f"order-{log.story.bought}"
    other = "order-0192f0c1-0000-7000-8000-fffffffffff2"
    log.change("UPDATE streams SET stream_id = :other WHERE stream_id = :s", s=stream, other=other)
    assert log.findings() == {("STREAM_MISSING", stream), ("STREAM_WITHOUT_EVENTS", other)}


@pytest.mark.parametrize(
    ("table", "key", "name"),
    [
        ("users", "user_id", "alice"),
        ("portfolios", "portfolio_id", "portfolio"),
        ("orders", "order_id", "refused"),
        ("bot_runs", "bot_run_id", "bot_run"),
    ],
)
def test_state_rows_that_left_their_stream_are_found(
    log: Log, table: str, key: str, name: str
) -> None:
    id_ = getattr(log.story, name)
    log.change(f"UPDATE {table} SET stream_version = 77 WHERE {key} = :id", id=id_)
    assert log.findings() == {("STATE_DIFFERS", f"{table} {id_}")}
    other = "0192f0c1-0000-7000-8000-fffffffffff2"
    log.change(f"UPDATE {table} SET {key} = :other WHERE {key} = :id", id=id_, other=other)
    assert log.findings() == {
        ("STATE_MISSING", f"{table} {id_}"),
        ("STATE_WITHOUT_STREAM", f"{table} {other}"),
    }


def test_a_stream_of_no_kind_is_found(log: Log) -> None:
    row = log.rows("SELECT * FROM streams WHERE stream_id = :s", s=f"order-{log.story.bought}")[0]
    event = forged(log, f"order-{log.story.bought}", 5)
    stream = "thing-0192f0c1-0000-7000-8000-fffffffffff2"
    log.insert("events", {**event, "stream_id": stream})
    log.insert("streams", {**row, "stream_id": stream, "category": "thing"})
    codes = {code for code, _ in log.findings()}
    assert "STREAM_DIFFERS" in codes


# --- many findings ----------------------------------------------------------------------------


def test_at_most_a_hundred_findings_are_listed(log: Log) -> None:
    log.change("UPDATE events SET actor_id = 'x', actor_type = 'y', correlation_id = 'z'")
    report = log.audit.verify()
    assert len(report.findings) == 100
    assert len(report.findings) + report.unlisted == 3 * log.story.events


def test_a_bounded_list_counts_what_it_does_not_hold() -> None:
    some: Bounded[int] = Bounded(2)
    for number in range(5):
        some.add(number)
    assert (some.listed, some.unlisted) == ([0, 1], 3)


def test_long_values_are_shortened() -> None:
    assert short(bytes(32)) == f"{'0' * 16}…"
    assert short(b"\x01") == "01"
    assert short("x" * 80) == "x" * 80
    assert short("x" * 81) == f"{'x' * 80}…"
    assert short(None) == "None"


def test_reading_takes_as_long_as_it_takes(postgres_log: Log) -> None:
    with log_reader.snapshot(postgres_log.reading) as reader:
        limits = [
            reader.rows(f"SHOW {name}")[0][0]
            for name in ("statement_timeout", "idle_in_transaction_session_timeout")
        ]
        level = reader.rows("SHOW transaction_isolation")[0][0]
    assert (limits, level) == (["0", "0"], "repeatable read")
    with postgres_log.reading.connect() as connection:
        assert connection.exec_driver_sql("SHOW statement_timeout").scalar_one() == "30s"
