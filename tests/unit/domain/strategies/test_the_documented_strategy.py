from __future__ import annotations

import re
from pathlib import Path

import pytest

from traderbot.domain.strategies.registry import StrategyRegistry

PAGE = Path(__file__).parents[4] / "docs" / "strategies.md"


def test_the_example_on_the_page_runs_and_prints_what_the_page_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(StrategyRegistry, "_strategies", {})
    (block,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(block, str(PAGE), "exec"), {"__name__": "page"})  # noqa: S102 - our own page
    assert f"# {capsys.readouterr().out}" == block.splitlines(keepends=True)[-1]
    assert StrategyRegistry.list_all() == ["BREAKOUT"]
