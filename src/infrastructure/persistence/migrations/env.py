"""Alembic's entry: runs the migrations on the connection that `migrate.py` hands over."""

from __future__ import annotations

from alembic import context

from traderbot.infrastructure.persistence import bar_table, log_tables, projection_tables, tables

# Imported so that their tables are known to `alembic check`.
assert bar_table  # noqa: S101
assert log_tables  # noqa: S101
assert projection_tables  # noqa: S101

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables.Base.metadata,
    render_as_batch=True,
    compare_type=False,  # the types of columns are decorators that differ by database on purpose
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
