"""What `strategy new` writes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from traderbot.infrastructure.strategies.templates import StrategyTemplateError, write_strategy


@pytest.mark.parametrize("kind", ["signals", "execute"])
def test_the_test_beside_a_new_strategy_passes(tmp_path: Path, kind: str) -> None:
    strategy, test = write_strategy("my_idea", kind, tmp_path / "mine")  # type: ignore[arg-type]
    assert (strategy.name, test.name) == ("my_idea.py", "test_my_idea.py")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(test)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout
    for path in (strategy, test):
        assert all(len(line) <= 100 for line in path.read_text().splitlines())


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    strategy, _ = write_strategy("mine", "signals", tmp_path)
    strategy.write_text("mine!")
    with pytest.raises(StrategyTemplateError, match=r"mine\.py is there already; choose another"):
        write_strategy("MINE", "execute", tmp_path)
    assert strategy.read_text() == "mine!"


@pytest.mark.parametrize("name", ["", "1st", "two words", "../up", "a" * 49, "näme"])
def test_a_name_is_a_plain_word(tmp_path: Path, name: str) -> None:
    with pytest.raises(StrategyTemplateError, match="not a strategy's name"):
        write_strategy(name, "signals", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StrategyTemplateError, match="choose another --strategies"):
        write_strategy("mine", "signals", tmp_path / "file" / "below")
