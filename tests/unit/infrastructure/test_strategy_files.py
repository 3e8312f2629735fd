"""Strategies of the user's own, from a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from traderbot.domain.strategies.registry import StrategyRegistry
from traderbot.infrastructure.strategy_files import StrategyFileError, load_strategies

_STRATEGY = """
from dataclasses import dataclass
from traderbot.strategies import BaseStrategy

@dataclass
class Mine(BaseStrategy):
    name = "MINE"
    lookback: int = 7
"""


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """Leave the registry of this process as it was."""
    before = dict(StrategyRegistry._strategies)
    yield
    StrategyRegistry._strategies.clear()
    StrategyRegistry._strategies.update(before)


def test_a_class_with_a_name_is_registered(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(_STRATEGY)
    (tmp_path / "notes.txt").write_text("not Python")
    assert load_strategies(tmp_path) == ["MINE"]
    assert StrategyRegistry.create("MINE").parameters() == {"lookback": "7"}
    assert load_strategies(tmp_path) == []


def test_a_file_that_registers_itself_is_fine(tmp_path: Path) -> None:
    registers = "from traderbot.strategies import StrategyRegistry as R\nR.register('MINE', Mine)\n"
    (tmp_path / "itself.py").write_text(_STRATEGY + registers)
    assert load_strategies(tmp_path) == ["MINE"]


def test_no_file_hides_a_library(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("import json\nassert json.dumps\n")
    assert load_strategies(tmp_path) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1 +\n", "line 1: invalid syntax"),
        ("\n\nraise ValueError('no')\n", "line 3: ValueError: no"),
        ("import nothing_of_this_name\n", "line 1: ModuleNotFoundError"),
        (_STRATEGY.replace("MINE", "TWO WORDS"), "not a strategy's name"),
    ],
)
def test_a_file_that_fails_is_named_with_its_line(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "bad.py"
    path.write_text(text)
    with pytest.raises(StrategyFileError) as refused:
        load_strategies(tmp_path)
    assert str(refused.value).startswith(f"{path} cannot be used: ")
    assert reason in str(refused.value)


def test_two_files_cannot_share_a_name(tmp_path: Path) -> None:
    for name in ("one.py", "two.py"):
        (tmp_path / name).write_text(_STRATEGY)
    with pytest.raises(StrategyFileError, match=r"two\.py cannot be used: 'MINE' is already"):
        load_strategies(tmp_path)


def test_a_folder_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(StrategyFileError, match="there is no such folder"):
        load_strategies(tmp_path / "nowhere")
