"""Nobody changes an event; and tables that are rewritten all day are cleaned all day.

Revision: 0003; after: 0002
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_EVENTS = "events are never changed or deleted: write a compensating event"
_SEALED = {
    "log": "what is sealed is never changed or deleted",
    "log_checkpoints": "checkpoints are never changed or deleted",
    "log_epochs": "epochs are never changed or deleted: begin a new one",
}


def upgrade() -> None:
    """Make it so."""
    if op.get_bind().dialect.name == "sqlite":
        _guard_sqlite()
    else:
        _guard_postgres()
        _clean_often()


def _guard_sqlite() -> None:
    # `log` is a view here, and nobody writes into one.
    for table, sentence in {"events": _EVENTS, **_SEALED}.items():
        if table != "log":
            for change in ("update", "delete"):
                op.execute(
                    f"CREATE TRIGGER {table}_no_{change} BEFORE {change.upper()} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, '{sentence}'); END"
                )


def _guard_postgres() -> None:
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "BEGIN RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'restrict_violation'; END $$"
    )
    for table, sentence in {"events": _EVENTS, **_SEALED}.items():
        # For the statement, so that it also sees TRUNCATE and what would touch no row.
        op.execute(
            f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('{sentence}')"
        )
        # Always: otherwise session_replication_role = replica would pass by.
        op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_no_change")


def _clean_often() -> None:
    # By default a table is vacuumed when a fifth of it is dead. These are short, and every row of
    # them dies within a second, so a number of rows says it better than a fraction.
    op.execute(
        "ALTER TABLE log_queue SET (autovacuum_vacuum_scale_factor = 0, "
        "autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0, "
        "autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 10000)"
    )
    # Room on the page for the next version of the row, so that no index is touched.
    for table in ("log_head", "subscriptions"):
        op.execute(
            f"ALTER TABLE {table} SET (fillfactor = 50, "
            "autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500)"
        )
    # The last tile of each level is written again with every seal, up to 8 KiB each time.
    op.execute(
        "ALTER TABLE log_tiles SET (autovacuum_vacuum_scale_factor = 0.01, "
        "autovacuum_vacuum_threshold = 500, toast.autovacuum_vacuum_scale_factor = 0.01, "
        "toast.autovacuum_vacuum_threshold = 2000)"
    )


def downgrade() -> None:
    """Nothing: a log is never taken apart. Restore a copy instead."""
