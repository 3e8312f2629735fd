"""Strategies of installed packages."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from traderbot.domain.strategies.registry import StrategyRegistry
from traderbot.infrastructure.strategies.plugins import StrategyPluginError, load_plugins

_MODULE = """
from traderbot.strategies import BaseStrategy

class Theirs(BaseStrategy):
    name = "THEIRS"

class Unnamed(BaseStrategy):
    pass
"""


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """Leave the registry and the modules of this process as they were."""
    before, modules = dict(StrategyRegistry._strategies), set(sys.modules)
    yield
    StrategyRegistry._strategies.clear()
    StrategyRegistry._strategies.update(before)
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def installed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, points: str, module: str = _MODULE
) -> None:
    """Lay out a package as an installer does."""
    (folder / "their_strategies.py").write_text(module)
    about = folder / "their_package-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: their-package\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[traderbot.strategies]\n{points}\n")
    monkeypatch.syspath_prepend(str(folder))


@pytest.mark.parametrize("value", ["their_strategies", "their_strategies:Theirs"])
def test_an_installed_strategy_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    installed(tmp_path, monkeypatch, f"theirs = {value}")
    assert load_plugins() == ["THEIRS"]
    assert load_plugins() == []
    assert StrategyRegistry.create("THEIRS").name == "THEIRS"


def test_a_class_without_a_name_goes_by_that_of_its_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(tmp_path, monkeypatch, "CALLED_SO = their_strategies:Unnamed")
    assert load_plugins() == ["CALLED_SO"]


@pytest.mark.parametrize(
    ("points", "module", "said"),
    [
        ("x = their_strategies:Missing", _MODULE, "AttributeError"),
        ("x = their_strategies", "raise RuntimeError('not today')", "RuntimeError: not today"),
        ("x = their_strategies:number", "number = 3", "neither a strategy's class nor a module"),
        ("x = their_strategies", _MODULE.replace("THEIRS", "RSI_CROSS"), "is already"),
    ],
)
def test_one_that_cannot_be_used_is_named_with_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, points: str, module: str, said: str
) -> None:
    import traderbot.domain.strategies.built_in  # noqa: F401, PLC0415 - holds the name

    installed(tmp_path, monkeypatch, points, module)
    with pytest.raises(StrategyPluginError) as refused:
        load_plugins()
    assert str(refused.value).startswith("their-package cannot bring x (their_strategies")
    assert said in str(refused.value)
    assert "uninstall the package" in str(refused.value)
