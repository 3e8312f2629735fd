"""Orders leave at one place: only the desk's sending may ask a venue to take one."""

from __future__ import annotations

import ast
from pathlib import Path

SRC = Path(__file__).parents[2] / "src"
_PORT = "traderbot.application.ports.venue"
# Who may know a venue at all: the desk, whoever builds it, and the venues themselves.
_MAY_KNOW = (
    "application/trading/",
    "infrastructure/brokers/",
    "bootstrap.py",
    "application/ports/",
)


def _imports(path: Path) -> set[str]:
    """Return the names a module takes from the venue's port."""
    tree = ast.parse(path.read_text("utf-8"))
    return {
        name.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == _PORT
        for name in node.names
    }


def test_only_the_desk_and_whoever_builds_it_know_a_venue() -> None:
    knows = [
        path.relative_to(SRC).as_posix()
        for path in sorted(SRC.rglob("*.py"))
        if "Venue" in _imports(path)
    ]
    assert knows, "the test looks in the wrong place"
    assert [it for it in knows if not it.startswith(_MAY_KNOW)] == []


def test_the_desk_submits_in_one_line() -> None:
    calls = [
        f"{path.name}:{node.lineno}"
        for path in sorted((SRC / "application" / "trading").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "submit"
        and ast.unparse(node.func.value).endswith("venue")
    ]
    assert len(calls) == 1, calls
    assert calls[0].startswith("sending.py:")
