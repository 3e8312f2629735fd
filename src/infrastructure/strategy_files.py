"""Strategies of the user's own: Python files in a folder, each run once to be registered."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import ClassVar

from traderbot.application.errors import ApplicationError
from traderbot.domain.shared.errors import TraderbotError
from traderbot.domain.strategies.registry import StrategyRegistry
from traderbot.domain.strategies.strategy import BaseStrategy

_PACKAGE = "traderbot_strategies"  # in front of the file's name, so that no file hides a library


class StrategyFileError(ApplicationError):
    """A file of strategies cannot be used. Names the file, the line and the reason."""

    code: ClassVar[str] = "STRATEGY_FILE"

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        super().__init__(f"{path} cannot be used: {reason}")


def load_strategies(folder: Path) -> list[str]:
    """Run every `.py` file of a folder, by name; return the names of the strategies they brought.

    Tests (`test_….py`) may lie beside what they test: they are left alone.

    A subclass of BaseStrategy with a name is registered even if its file does not do so itself.

    Raises:
        StrategyFileError: there is no such folder, a file fails, or a name is taken.
    """
    if not folder.is_dir():
        raise StrategyFileError(folder, "there is no such folder")
    before = set(StrategyRegistry.list_all())
    for path in sorted(folder.glob("*.py")):
        if not path.name.startswith("test_"):
            _register(_run(path), path)
    return [name for name in StrategyRegistry.list_all() if name not in before and _is_own(name)]


def load_strategy_file(path: Path) -> list[str]:
    """Run one file; return the names of the strategies it holds, known before or not.

    Raises:
        StrategyFileError: there is no such file, it fails, or a name is taken.
    """
    if not path.is_file():
        raise StrategyFileError(path, "there is no such file")
    module = _run(path)
    _register(module, path)
    return [
        name
        for name in StrategyRegistry.list_all()
        if getattr(StrategyRegistry.get(name), "__module__", "") == module.__name__
    ]


def _is_own(name: str) -> bool:
    # What a file imports may register strategies, too.
    kind = StrategyRegistry.get(name)
    return kind is not None and kind.__module__.startswith(f"{_PACKAGE}.")


def _run(path: Path) -> ModuleType:
    name = f"{_PACKAGE}.{path.stem}"
    known = sys.modules.get(name)
    if known is not None and known.__file__ == str(path):
        return known  # a second run would make other classes of the same names
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise StrategyFileError(path, "it is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # as an import does: dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise StrategyFileError(path, _reason(error, path)) from error
    return module


def _register(module: ModuleType, path: Path) -> None:
    for kind in vars(module).values():
        is_own = isinstance(kind, type) and kind.__module__ == module.__name__
        if is_own and issubclass(kind, BaseStrategy) and kind.name:
            try:
                StrategyRegistry.register(kind.name, kind)
            except TraderbotError as error:
                raise StrategyFileError(path, str(error)) from error


def _reason(error: Exception, path: Path) -> str:
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}: {error.msg}"
    lines = [
        it.lineno for it in traceback.extract_tb(error.__traceback__) if it.filename == str(path)
    ]
    where = f"line {lines[-1]}: " if lines else ""
    return f"{where}{type(error).__name__}: {error}"
