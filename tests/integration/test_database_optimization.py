"""What DATABASE_OPTIMIZATION.md says of indexes is what both databases have and use."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import DBAPIError

from traderbot.bootstrap import Traderbot
from traderbot.infrastructure.persistence import bar_table, log_tables, projection_tables
from traderbot.infrastructure.persistence.database import writer_engine
from traderbot.infrastructure.persistence.guards import missing_guards
from traderbot.infrastructure.persistence.migrate import differences, upgrade
from traderbot.infrastructure.persistence.roles import APP, grant_roles
from traderbot.infrastructure.persistence.tables import Base

PAGE = (Path(__file__).parents[2] / "DATABASE_OPTIMIZATION.md").read_text()
QUERIES = dict(re.findall(r"### `(\w+)`\n.*?```sql\n(.*?)\n```", PAGE, re.DOTALL))
PASSWORD = "a long enough password"
# In SQLite `log` is a view: what these find there, `pk_events` finds here.
OF_A_VIEW = {"pk_log", "uq_log_position"}
# Imported so that their tables are among the definitions.
assert {bar_table.bars.name, log_tables.LOG.name} <= set(Base.metadata.tables)
assert projection_tables.LastPriceRow.__tablename__ in Base.metadata.tables


@pytest.fixture
def sqlite(tmp_path: Path) -> Engine:
    engine = writer_engine(str(tmp_path / "plans.db"))
    upgrade(engine)
    return engine


def test_every_index_of_the_tables_is_on_the_page_and_no_other() -> None:
    defined = {_conventional(name, table) for name, table in _names()}
    assert set(QUERIES) == defined


def test_postgres_plans_each_query_with_its_index(postgres_url: str) -> None:
    engine = writer_engine(postgres_url)
    upgrade(engine)
    existing = _indexes(engine)
    for index, query in QUERIES.items():
        assert index in existing
        with engine.connect() as connection:
            plan = connection.execute(text(f"EXPLAIN {query}")).scalars().all()
        assert any(index in line for line in plan), f"{index}\n{query}\n" + "\n".join(plan)
    engine.dispose()


def test_sqlite_searches_and_never_scans(sqlite: Engine) -> None:
    for index, query in QUERIES.items():
        if index in OF_A_VIEW:
            continue
        with sqlite.connect() as connection:
            plan = [str(row[3]) for row in connection.execute(text(f"EXPLAIN QUERY PLAN {query}"))]
        assert plan
        assert all(line.startswith(("SEARCH", "USE")) or "USING" in line for line in plan), plan
        if index.startswith("ix_"):
            assert any(index in line for line in plan), f"{index}: {plan}"


def test_what_the_page_says_of_vacuum_is_set(postgres_url: str) -> None:
    engine = writer_engine(postgres_url)
    upgrade(engine)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT relname, reloptions FROM pg_class")).all()
        options = {row[0]: dict(it.split("=") for it in row[1]) for row in rows if row[1]}
        for query in _blocks("## Vacuum (PostgreSQL)"):
            for statement in query.rstrip(";").split(";\n"):
                connection.execute(text(statement))
    engine.dispose()
    assert options["log_queue"]["autovacuum_vacuum_threshold"] == "1000"
    assert options["log_queue"]["autovacuum_vacuum_cost_delay"] == "0"
    for table in ("log_head", "subscriptions"):
        assert options[table]["fillfactor"] == "50"
        assert options[table]["autovacuum_vacuum_threshold"] == "500"
    assert options["log_tiles"]["autovacuum_vacuum_scale_factor"] == "0.01"
    assert not {"events", "log"} & set(options)


def test_the_log_goes_on_when_it_is_partitioned_as_the_page_says(postgres_url: str) -> None:
    with Traderbot.open(postgres_url) as bot:
        ada = bot.register_user("ada@example.com", PASSWORD)
        portfolio = bot.open_portfolio(ada, "savings", "100000 USD")
    engine = writer_engine(postgres_url)
    (block,) = _blocks("## Partitions")
    boundary = "100000000"
    assert block.count(boundary) == 2
    with engine.begin() as connection:
        size = connection.scalar(text("SELECT max(position) FROM events"))
        ours = block.replace(boundary, str(size + 2))  # so that one order crosses it
        connection.execute(text(ours.removeprefix("BEGIN;").removesuffix("COMMIT;")))
        grant_roles(connection)
    with Traderbot.open(postgres_url) as bot:
        order = bot.place_order(portfolio, "IBM", "buy", "10", "100")
        assert bot.cancel_order(order).status == "canceled"
        assert bot.audit.verify().findings == []
        assert bot.audit.diff().differences == []
    with engine.connect() as connection:
        counts = [
            connection.scalar(text(f"SELECT count(*) FROM {table}"))  # noqa: S608 - our own names
            for table in ("events", "events_1", "events_2")
        ]
        assert missing_guards(connection) == []
        allowed = connection.scalar(
            text(f"SELECT has_table_privilege('{APP}', 'events', 'INSERT')")
        )
    assert counts[0] == counts[1] + counts[2]
    assert counts[2] > 0
    assert allowed
    assert {it for it in ("event_id", "version") if it in str(differences(engine))}
    for table in ("events", "events_1", "events_2"):
        with engine.connect() as connection, pytest.raises(DBAPIError, match="never changed"):
            connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608 - our own names
    engine.dispose()


def _blocks(section: str) -> list[str]:
    """Return the SQL of a section of the page."""
    text_ = PAGE.partition(f"{section}\n")[2].partition("\n## ")[0]
    return re.findall(r"```sql\n(.*?)\n```", text_, re.DOTALL)


def _names() -> list[tuple[object, object]]:
    return [
        (part, table)
        for table in Base.metadata.tables.values()
        for part in (*table.indexes, *table.constraints)
        if type(part).__name__ in {"Index", "PrimaryKeyConstraint", "UniqueConstraint"}
    ]


def _conventional(part: object, table: object) -> str:
    """Return the name a part has in the database: given, or made by the convention."""
    name = getattr(part, "name", None)
    kind = {"Index": "ix", "PrimaryKeyConstraint": "pk", "UniqueConstraint": "uq"}[
        type(part).__name__
    ]
    if isinstance(name, str) and name.startswith(("ix_", "pk_", "uq_")):
        return str(name)
    table_name = str(getattr(table, "name", ""))
    columns = "_".join(column.name for column in getattr(part, "columns", ()))
    return f"pk_{table_name}" if kind == "pk" else f"{kind}_{table_name}_{columns}"


def _indexes(engine: Engine) -> set[str]:
    inspector = inspect(engine)
    found: set[str] = set()
    for table in Base.metadata.tables:
        found.update(str(it["name"]) for it in inspector.get_indexes(table))
        found.update(str(it["name"]) for it in inspector.get_unique_constraints(table))
        found.add(str(inspector.get_pk_constraint(table)["name"]))
    return found
