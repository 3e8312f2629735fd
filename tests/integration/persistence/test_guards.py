"""Nobody changes an event: not the owner by mistake, and not the program's login at all."""
# ruff: noqa: S608 - names of our own tables

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Connection, Engine, NullPool, create_engine, inspect, make_url, text
from sqlalchemy.exc import DBAPIError

from tests.guards import lift_guards
from tests.servers import SharedPostgres
from traderbot.bootstrap import Traderbot
from traderbot.doors import ProgramDoors
from traderbot.infrastructure.doctor import examine
from traderbot.infrastructure.embedded.postgres import postgres
from traderbot.infrastructure.persistence import bar_table, log_tables, projection_tables
from traderbot.infrastructure.persistence.database import writer_engine
from traderbot.infrastructure.persistence.guards import missing_guards
from traderbot.infrastructure.persistence.migrate import upgrade
from traderbot.infrastructure.persistence.roles import APP, PRIVILEGES, SEALER, login_of
from traderbot.infrastructure.persistence.tables import Base
from traderbot.infrastructure.sealing.anchors import AnchorFile
from traderbot.infrastructure.sealing.sealer import Sealer
from traderbot.infrastructure.sealing.signed_note import Signer
from traderbot.infrastructure.settings import Settings, load_settings
from traderbot.infrastructure.system import SystemClock

AUDIT_PAGE = (Path(__file__).parents[3] / "docs" / "audit.md").read_text("utf-8")
PASSWORD = "a long enough password"
VERBS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
# Imported so that their tables are among the definitions.
assert {bar_table.bars.name, log_tables.LOG.name} <= set(Base.metadata.tables)
assert projection_tables.LastPriceRow.__tablename__ in Base.metadata.tables


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An own database with a user in it."""
    url = str(tmp_path / "it.db")
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_url")
    with Traderbot.open(url) as bot:
        bot.register_user("ada@example.com", PASSWORD)
    engine = writer_engine(url)
    yield engine
    engine.dispose()


@contextmanager
def login(url: str, *, member_of: tuple[str, ...] = (), attributes: str = "") -> Iterator[str]:
    """Make a login of the server for one block; yield the URL with it."""
    name = f"traderbot_test_{uuid4().hex[:12]}"
    admin = writer_engine(url)
    try:
        with admin.begin() as connection:
            connection.execute(text(f"CREATE ROLE {name} LOGIN {attributes} PASSWORD '{name}'"))
            for role in member_of:
                connection.execute(text(f"GRANT {role} TO {name}"))
        made = make_url(url).set(username=name, password=name)
        yield made.render_as_string(hide_password=False)
    finally:
        with admin.begin() as connection:
            connection.execute(text(f"DROP OWNED BY {name}"))
            connection.execute(text(f"DROP ROLE {name}"))
        admin.dispose()


def refusal(engine: Engine, *statements: str) -> str:
    """Return what the database says to the last of the statements."""
    *before, last = statements
    with engine.connect() as connection:
        for statement in before:
            connection.execute(text(statement))
        with pytest.raises(DBAPIError) as caught:
            connection.execute(text(last))
    return str(caught.value.orig)


def events(engine: Engine) -> list[Any]:
    with engine.connect() as connection:
        return [*connection.execute(text("SELECT * FROM events ORDER BY position"))]


def settings_for(url: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("TRADERBOT_DATABASE__URL", url)
    return load_settings()


# --- triggers ---------------------------------------------------------------------------------


def test_not_even_the_owner_changes_an_event_by_mistake(engine: Engine) -> None:
    before = events(engine)
    assert before
    sentence = "events are never changed or deleted: write a compensating event"
    statements = ["UPDATE events SET actor_id = 'x'", "DELETE FROM events WHERE position = 1"]
    if engine.dialect.name == "postgresql":
        statements += ["TRUNCATE events", "DELETE FROM events WHERE false"]
    else:
        columns = ", ".join(column.name for column in Base.metadata.tables["events"].columns)
        statements += [f"REPLACE INTO events ({columns}) SELECT {columns} FROM events"]
    for statement in statements:
        assert sentence in refusal(engine, statement), statement
    assert events(engine) == before


def test_checkpoints_and_epochs_are_not_changed_either(engine: Engine) -> None:
    now = "2026-11-21T12:00:00.000000Z"
    blob = "'\\x00'::bytea" if engine.dialect.name == "postgresql" else "x'00'"
    with engine.begin() as connection:
        for sql in (
            f"INSERT INTO log_checkpoints VALUES (1, 1, {blob}, 'note', 'key', '{now}')",
            f"INSERT INTO log_epochs VALUES (1, 'origin', '{now}', 'first', 0, {blob})",
        ):
            connection.execute(text(sql))
    assert "checkpoints are never" in refusal(engine, "UPDATE log_checkpoints SET note = 'x'")
    assert "checkpoints are never" in refusal(engine, "DELETE FROM log_checkpoints")
    assert "begin a new one" in refusal(engine, "UPDATE log_epochs SET reason = 'x'")
    assert "begin a new one" in refusal(engine, "DELETE FROM log_epochs")


def test_what_is_sealed_stays_sealed(postgres_url: str) -> None:
    engine = writer_engine(postgres_url)
    upgrade(engine)
    for statement in ("UPDATE log SET log_index = 2", "DELETE FROM log", "TRUNCATE log"):
        assert "what is sealed is never changed" in refusal(engine, statement)
    engine.dispose()


def test_pretending_to_be_a_replica_does_not_help(postgres_url: str) -> None:
    engine = writer_engine(postgres_url)
    upgrade(engine)
    told = refusal(engine, "SET session_replication_role = replica", "DELETE FROM events")
    assert "events are never changed" in told
    engine.dispose()


def test_a_guard_that_was_lifted_is_missed(engine: Engine) -> None:
    with engine.begin() as connection:
        assert missing_guards(connection) == []
        lift_guards(connection)
        assert {name.partition("_no_")[0] for name in missing_guards(connection)} == {
            *("events", "log_checkpoints", "log_epochs"),
            *(("log",) if engine.dialect.name == "postgresql" else ()),
        }


# --- roles ------------------------------------------------------------------------------------


def test_every_table_is_granted_or_said_to_be_nobodys() -> None:
    tables = {*Base.metadata.tables, "alembic_version"}
    assert set(PRIVILEGES[APP]) == tables
    assert set(PRIVILEGES[SEALER]) <= tables


@pytest.mark.parametrize("role", [APP, SEALER])
def test_a_role_may_do_what_is_listed_and_nothing_else(postgres_url: str, role: str) -> None:
    engine = writer_engine(postgres_url)
    upgrade(engine)
    with engine.connect() as connection:
        found = {
            table: [verb for verb in VERBS if _may(connection, role, table, verb)]
            for table in inspect(connection).get_table_names()
        }
    engine.dispose()
    assert {table: ", ".join(verbs) for table, verbs in found.items() if verbs} == PRIVILEGES[role]


def test_the_public_may_do_nothing(postgres_url: str) -> None:
    engine = writer_engine(postgres_url)
    upgrade(engine)
    with engine.connect() as connection:
        for table in inspect(connection).get_table_names():
            assert not any(_may(connection, "public", table, verb) for verb in VERBS)
    engine.dispose()


def _may(connection: Connection, role: str, table: str, verb: str) -> bool:
    question = text("SELECT has_table_privilege(:role, :table, :verb)")
    return bool(connection.scalar(question, {"role": role, "table": table, "verb": verb}))


def test_a_login_of_the_application_trades_and_cannot_change_what_it_recorded(
    postgres_url: str,
) -> None:
    with Traderbot.open(postgres_url):
        pass
    with login(postgres_url, member_of=(APP,)) as url:
        with Traderbot.open(url) as bot:
            ada = bot.register_user("ada@example.com", PASSWORD)
            portfolio = bot.open_portfolio(ada, "savings", "100000 USD")
            order = bot.place_order(portfolio, "IBM", "buy", "10", "100")
            assert bot.cancel_order(order).status == "canceled"
            assert bot.audit.verify().findings == []
            assert bot.audit.diff().differences == []
            assert bot.audit.rebuild().changed == []
        engine = writer_engine(url)
        for statement in (
            "UPDATE events SET actor_id = 'x'",
            "DELETE FROM events",
            "TRUNCATE events",
            "UPDATE log SET log_index = 2",
            "INSERT INTO log VALUES (1, 1, '')",
            "DELETE FROM log_queue",
            "INSERT INTO log_checkpoints VALUES (1, 1, '', '', '', now())",
            "DELETE FROM streams",
        ):
            assert "permission denied" in refusal(engine, statement), statement
        assert "must be owner" in refusal(engine, "ALTER TABLE events DISABLE TRIGGER ALL")
        engine.dispose()


def test_a_login_of_the_sealer_seals_and_cannot_record_events(
    postgres_url: str, tmp_path: Path
) -> None:
    with Traderbot.open(postgres_url) as bot:
        bot.register_user("ada@example.com", PASSWORD)
        before = bot.audit.cut()
    with login(postgres_url, member_of=(SEALER,)) as url:
        engine = writer_engine(url)
        anchors = AnchorFile(tmp_path / "anchors")
        signer = Signer("example.org/log", bytes(32))
        sealer = Sealer(engine, signer, signer.name, anchors, SystemClock())
        assert sealer.seal() == before.size
        checkpoint = sealer.checkpoint(anchor=True)
        assert checkpoint is not None
        assert (checkpoint.size, checkpoint.root.hex()) == (before.size, before.root)
        sealer.start_epoch(sealer.next_epoch(), "a test of rights")
        again = sealer.checkpoint(anchor=True)
        assert again is not None
        assert (again.size, again.epoch) == (before.size, 2)
        sealer.close()
        for statement in (
            "INSERT INTO events (event_id) VALUES ('x')",
            "DELETE FROM events",
            "DELETE FROM log",
            "UPDATE log_checkpoints SET note = 'x'",
            "INSERT INTO log_queue VALUES (1)",
            "UPDATE orders SET status = 'filled'",
            "SELECT password_hash FROM profiles",
        ):
            assert "permission denied" in refusal(engine, statement), statement
        engine.dispose()


def test_the_doctor_says_what_a_login_could_do(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Traderbot.open(postgres_url):
        pass

    def finding(url: str) -> tuple[bool, str]:
        (found,) = [it for it in examine(settings_for(url, monkeypatch)) if it.name == "guards"]
        return found.ok, found.message

    ok, message = finding(postgres_url)
    assert ok
    assert "owns the tables" in message
    with login(postgres_url, member_of=(APP,)) as url:
        assert finding(url) == (True, "the database refuses to change or delete an event")
    engine = writer_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE events DISABLE TRIGGER events_no_change"))
    engine.dispose()
    ok, message = finding(postgres_url)
    assert not ok
    assert message.startswith("events_no_change: missing or switched off")


def test_an_owner_who_may_not_make_roles_still_migrates_and_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A server of its own: roles belong to the server, and on the shared one they are there.
    with postgres() as server:
        server_ = SharedPostgres(server.url)
        with server_.database() as url, login(url) as owner:
            admin = writer_engine(url)
            name = make_url(owner).username
            with admin.begin() as connection:
                connection.execute(text(f"GRANT CREATE ON SCHEMA public TO {name}"))
            monkeypatch.setenv("TRADERBOT_DATABASE__URL", owner)
            with Traderbot.open(owner) as bot:
                bot.register_user("ada@example.com", PASSWORD)
            found = {it.name: it for it in examine(load_settings())}["guards"]
            assert found.ok
            assert f"the server has no role {APP} or {SEALER}" in found.message
            with admin.begin() as connection:
                for role in (APP, SEALER):
                    connection.execute(text(f"CREATE ROLE {role} NOLOGIN"))
            ProgramDoors().upgrade(owner)
            with admin.connect() as connection:
                assert login_of(connection).missing == ()
                assert _may(connection, APP, "events", "INSERT")
                assert not _may(connection, APP, "events", "UPDATE")
            with login(url, member_of=(APP,)) as app:
                ProgramDoors().upgrade(app)  # nothing to do, and nothing it would need
                with Traderbot.open(app) as bot:
                    bot.register_user("bob@example.com", PASSWORD)
            admin.dispose()


def test_the_logins_that_the_page_makes_do_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADERBOT_DATA__DIR", str(tmp_path))
    (block,) = re.findall(r"```sql\n(.*?)\n```", AUDIT_PAGE, re.DOTALL)
    with postgres() as server:
        admin = create_engine(server.url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with admin.connect() as connection:
            for statement in block.replace("…", PASSWORD).rstrip(";").split(";\n"):
                connection.execute(text(statement))

        def url_of(name: str) -> str:
            made = make_url(server.url).set(username=name, password=PASSWORD, database="traderbot")
            return made.render_as_string(hide_password=False)

        ProgramDoors().upgrade(url_of("traderbot_owner"))
        with Traderbot.open(url_of("traderbot")) as bot:
            with bot.background():  # which seals
                bot.register_user("ada@example.com", PASSWORD)
            report = bot.audit.verify()
            assert (report.findings, report.tree.size) == ([], report.events)
        engine = writer_engine(url_of("traderbot"))
        assert "permission denied" in refusal(engine, "DELETE FROM events")
        with engine.connect() as connection:
            assert not login_of(connection).owns
            assert login_of(connection).missing == ()
        engine.dispose()
