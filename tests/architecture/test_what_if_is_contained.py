"""A question about what might have been can reach nothing that is real."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import traderbot.what_if

FILES = sorted(Path(*traderbot.what_if.__path__).rglob("*.py"))

# Everything that trades, tells others, or writes into a database.
REAL = (
    "traderbot.assembly",
    "traderbot.bootstrap",
    "traderbot.infrastructure.bundle",
    "traderbot.infrastructure.database_event_store",
    "traderbot.infrastructure.event_bus",
    "traderbot.infrastructure.event_handlers",
    "traderbot.infrastructure.following",
    "traderbot.infrastructure.handlers",
    "traderbot.infrastructure.sealing",
    "traderbot.infrastructure.persistence.database",
    "traderbot.infrastructure.persistence.postgres_storage",
    "traderbot.infrastructure.persistence.sqlite_storage",
    "traderbot.presentation",
)


def loaded() -> list[str]:
    """Return every module of this program that answering a question loads."""
    script = (
        "import sys, traderbot.what_if.answer; "
        "print(*sorted(name for name in sys.modules if name.startswith('traderbot.')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_it_loads_nothing_that_trades_or_writes() -> None:
    found = loaded()
    assert "traderbot.what_if.answer" in found
    assert [name for name in found if name.startswith(REAL)] == []


def test_of_all_venues_it_knows_only_the_arithmetic_of_the_paper_venue() -> None:
    brokers = "traderbot.infrastructure.brokers."
    found = [name for name in loaded() if name.startswith(brokers)]
    names = ("paper_records", "paper_venue", "paper_words")
    assert found == [brokers + name for name in names]


def test_it_neither_opens_a_database_nor_sends_a_statement() -> None:
    assert FILES
    doors = {"create_engine", "writer_engine", "begin", "execute", "exec_driver_sql"}
    called = [
        f"{file.name}:{node.lineno}"
        for file in FILES
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and getattr(node.func, "attr", getattr(node.func, "id", "")) in doors
    ]
    assert called == []
