"""What DATABASE_OPTIMIZATION.md says of indexes is what both databases have and use."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect, text

from traderbot.infrastructure.persistence import bar_table
from traderbot.infrastructure.persistence.database import writer_engine
from traderbot.infrastructure.persistence.migrate import upgrade
from traderbot.infrastructure.persistence.tables import Base

PAGE = (Path(__file__).parents[2] / "DATABASE_OPTIMIZATION.md").read_text()
QUERIES = dict(re.findall(r"### `(\w+)`\n.*?```sql\n(.*?)\n```", PAGE, re.DOTALL))
# Where a row waits for the sealer; nothing is ever looked up in these by key.
WITHOUT_A_QUESTION = {"pk_log_queue"}
assert bar_table.bars.name in Base.metadata.tables


@pytest.fixture
def sqlite(tmp_path: Path) -> Engine:
    engine = writer_engine(str(tmp_path / "plans.db"))
    upgrade(engine)
    return engine


def test_every_index_of_the_tables_is_on_the_page_and_no_other() -> None:
    defined = {_conventional(name, table) for name, table in _names()}
    assert set(QUERIES) == defined - WITHOUT_A_QUESTION


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
        with sqlite.connect() as connection:
            plan = [str(row[3]) for row in connection.execute(text(f"EXPLAIN QUERY PLAN {query}"))]
        assert plan
        assert all(line.startswith(("SEARCH", "USE")) or "USING" in line for line in plan), plan
        if index.startswith("ix_"):
            assert any(index in line for line in plan), f"{index}: {plan}"


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
