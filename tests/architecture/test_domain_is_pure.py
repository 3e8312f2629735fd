from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import pkgutil
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import traderbot.domain
from traderbot.domain.shared.errors import DomainError, TraderbotError

DOMAIN = Path(*traderbot.domain.__path__)
FILES = sorted(DOMAIN.rglob("*.py"))
MONEY = ("shared", "orders", "portfolio", "risk", "simulation", "venues")
DOMAIN_NAME = traderbot.domain.__name__
MODULES = [
    importlib.import_module(module.name)
    for module in pkgutil.walk_packages(traderbot.domain.__path__, f"{DOMAIN_NAME}.")
]

# In the standard library, but a clock, a source of chance, a door to the outside, or async.
# fmt: off
IMPURE = frozenset({
    "asyncio", "concurrent", "ctypes", "http", "io", "logging", "multiprocessing", "os", "pathlib",
    "pickle", "queue", "random", "secrets", "select", "shutil", "signal", "socket", "sqlite3",
    "ssl", "subprocess", "sys", "tempfile", "threading", "time", "urllib", "uuid",
})
CLOCKS_AND_CHANCE = frozenset({
    "now", "utcnow", "today", "time", "time_ns", "monotonic", "perf_counter", "random",
    "getrandbits", "urandom", "token_hex", "token_bytes", "uuid1", "uuid4",
})
# fmt: on
# Each of these rounds to the ambient decimal context; `shared/decimals.py` has the exact ones.
AMBIENT = (ast.Mult, ast.Div, ast.FloorDiv, ast.Mod)

Finder = Callable[[ast.Module], Iterator[str]]


def foreign_imports(tree: ast.Module) -> Iterator[str]:
    """Yield every import that is neither a pure part of the standard library nor the domain."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = ["." * node.level + (node.module or "")]
        else:
            continue
        for name in names:
            top = name.partition(".")[0]
            pure = top in sys.stdlib_module_names and top not in IMPURE
            if not pure and not f"{name}.".startswith(f"{DOMAIN_NAME}."):
                yield f"line {node.lineno}: imports {name}"


def hidden_imports(tree: ast.Module) -> Iterator[str]:
    """Yield every import that does not stand at the top."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom) and node not in tree.body:
            yield f"line {node.lineno}: an import that is not at the top"


def clocks_and_chance(tree: ast.Module) -> Iterator[str]:
    """Yield every look at a clock and every throw of a die."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            if name in CLOCKS_AND_CHANCE:
                yield f"line {node.lineno}: calls {name}()"


def floats(tree: ast.Module) -> Iterator[str]:
    """Yield every float literal and every mention of `float`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
            yield f"line {node.lineno}: {node.value}"
        elif isinstance(node, ast.Name) and node.id == "float":
            yield f"line {node.lineno}: float"


def ambient_arithmetic(tree: ast.Module) -> Iterator[str]:
    """Yield every operator and builtin that would round to the ambient decimal context."""
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, AMBIENT):
            yield f"line {node.lineno}: {type(node.op).__name__}"
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"abs", "round", "sum"}:
            yield f"line {node.lineno}: {ast.unparse(node.func)}()"


def concurrency(tree: ast.Module) -> Iterator[str]:
    """Yield everything asynchronous."""
    for node in ast.walk(tree):
        if isinstance(node, ast.AsyncFunctionDef | ast.AsyncFor | ast.AsyncWith | ast.Await):
            yield f"line {node.lineno}: {type(node).__name__}"


def outside_doors(tree: ast.Module) -> Iterator[str]:
    """Yield every builtin that reads, writes or runs something."""
    doors = {"open", "print", "input", "exec", "eval", "compile", "__import__", "breakpoint"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in doors:
            yield f"line {node.lineno}: {ast.unparse(node.func)}()"


def _found(finder: Finder, files: list[Path]) -> dict[str, list[str]]:
    found = {
        file.relative_to(DOMAIN).as_posix(): list(finder(ast.parse(file.read_text("utf-8"))))
        for file in files
    }
    return {name: lines for name, lines in found.items() if lines}


@pytest.mark.parametrize(
    "finder",
    [foreign_imports, hidden_imports, clocks_and_chance, concurrency, outside_doors],
    ids=lambda finder: finder.__name__,
)
def test_the_domain_has_no(finder: Finder) -> None:
    assert _found(finder, FILES) == {}


@pytest.mark.parametrize("finder", [floats, ambient_arithmetic], ids=lambda one: one.__name__)
@pytest.mark.parametrize("corner", MONEY)
def test_where_money_is_counted_there_are_no(finder: Finder, corner: str) -> None:
    files = sorted((DOMAIN / corner).rglob("*.py"))
    assert files
    assert _found(finder, files) == {}


def test_no_event_holds_a_float() -> None:
    files = [file for file in FILES if file.name == "events.py"]
    assert {file.parent.name for file in files} >= {"orders", "portfolio", "bots", "users"}
    assert _found(floats, files) == {}


@pytest.mark.parametrize(
    ("finder", "source"),
    [
        (foreign_imports, "import sqlalchemy"),
        (foreign_imports, "import numpy as np"),
        (foreign_imports, "import os.path"),
        (foreign_imports, "from time import sleep"),
        (foreign_imports, "from traderbot.application.ports import clock"),
        (foreign_imports, "from traderbot.domains import x"),
        (foreign_imports, "from traderbot import domain"),
        (foreign_imports, "from . import events"),
        (foreign_imports, "def f():\n    import requests"),
        (hidden_imports, "def f():\n    import re"),
        (hidden_imports, "if TYPE_CHECKING:\n    from traderbot.domain.orders.order import Order"),
        (clocks_and_chance, "at = datetime.now(UTC)"),
        (clocks_and_chance, "at = datetime.datetime.utcnow()"),
        (clocks_and_chance, "day = date.today()"),
        (clocks_and_chance, "at = time()"),
        (clocks_and_chance, "x = random.random()"),
        (clocks_and_chance, "id = uuid4()"),
        (floats, "x = price * 0.1"),
        (floats, "x = 1e-8"),
        (floats, "x = float(price)"),
        (floats, "def f(x: float) -> None: ..."),
        (ambient_arithmetic, "x = a * b"),
        (ambient_arithmetic, "x = a / b"),
        (ambient_arithmetic, "x //= b"),
        (ambient_arithmetic, "x = a % b"),
        (ambient_arithmetic, "x = abs(a)"),
        (ambient_arithmetic, "x = sum(amounts)"),
        (concurrency, "async def f(): ..."),
        (outside_doors, "open('x')"),
        (outside_doors, "print(1)"),
    ],
)
def test_each_finder_finds(finder: Finder, source: str) -> None:
    assert list(finder(ast.parse(source)))


@pytest.mark.parametrize(
    ("finder", "source"),
    [
        (foreign_imports, "import re\nfrom decimal import Decimal"),
        (foreign_imports, "from traderbot.domain.shared.values import Money"),
        (clocks_and_chance, "def f(at: datetime) -> datetime:\n    return at.astimezone(UTC)"),
        (floats, "x = Decimal('0.1')"),
        (ambient_arithmetic, "x = EXACT.multiply(a, b)\ny = a + b"),
    ],
)
def test_no_finder_finds_what_is_right(finder: Finder, source: str) -> None:
    assert list(finder(ast.parse(source))) == []


# --- what the modules hold --------------------------------------------------------------------


def _classes(ending: str = "") -> list[type[Any]]:
    return [
        found
        for module in MODULES
        if module.__name__.endswith(ending)
        for _, found in inspect.getmembers(module, inspect.isclass)
        if found.__module__ == module.__name__
    ]


_DATACLASSES = [found for found in _classes() if dataclasses.is_dataclass(found)]
_EVENTS = _classes(".events")


def _frozen(found: type[Any]) -> bool:
    return bool(found.__dataclass_params__.frozen)


def test_every_file_of_the_domain_was_looked_at() -> None:
    assert len(MODULES) == len(FILES) - 1  # all but the domain's own __init__.py
    assert {event.__name__ for event in _EVENTS} >= {
        "OrderPlaced",
        "FillBooked",
        "BotDecided",
        "UserRegistered",
    }


@pytest.mark.parametrize("event", _EVENTS, ids=lambda event: event.__name__)
def test_every_event_is_frozen_and_named_by_its_fields(event: type[Any]) -> None:
    assert dataclasses.is_dataclass(event)
    assert _frozen(event)
    assert all(field.kw_only for field in dataclasses.fields(event))
    assert {"at"} <= {field.name for field in dataclasses.fields(event)}


@pytest.mark.parametrize("found", _DATACLASSES, ids=lambda found: found.__name__)
def test_every_dataclass_of_the_domain_is_frozen(found: type[Any]) -> None:
    assert _frozen(found)


def _errors(root: type[TraderbotError]) -> list[type[TraderbotError]]:
    return [root, *(error for direct in root.__subclasses__() for error in _errors(direct))]


_ERRORS = [error for error in _errors(TraderbotError) if error.__module__.startswith(DOMAIN_NAME)]


@pytest.mark.parametrize("error", _ERRORS, ids=lambda error: error.__name__)
def test_every_error_has_its_own_code(error: type[TraderbotError]) -> None:
    assert re.fullmatch(r"[A-Z]+(_[A-Z]+)*", error.__dict__["code"])
    assert error.__name__.endswith("Error")


def test_no_two_errors_share_a_code() -> None:
    codes = Counter(error.code for error in _ERRORS)
    assert [code for code, count in codes.items() if count > 1] == []
    assert DomainError in _ERRORS
    assert len(_ERRORS) > 10


def test_no_module_keeps_a_float_among_its_constants() -> None:
    money = [module for module in MODULES if module.__name__.split(".")[2] in MONEY]
    found = [
        f"{module.__name__}.{name}"
        for module in money
        for name, value in vars(module).items()
        if isinstance(value, float)
    ]
    assert found == []
    assert any(isinstance(value, Decimal) for module in money for value in vars(module).values())
