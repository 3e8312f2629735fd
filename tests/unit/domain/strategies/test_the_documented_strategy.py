from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from traderbot.domain.strategies.built_in import BUILT_IN
from traderbot.domain.strategies.registry import StrategyRegistry

PAGE = (Path(__file__).parents[4] / "docs" / "strategies.md").read_text(encoding="utf-8")


def test_the_examples_on_the_page_run_and_print_what_the_page_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(StrategyRegistry, "_strategies", {})
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    page: dict[str, Any] = {"__name__": "page"}
    for block in blocks:
        exec(compile(block, "docs/strategies.md", "exec"), page)  # noqa: S102 - our own page
        printed = capsys.readouterr().out.splitlines()
        shown = re.findall(r"^# (.*)$", block, re.MULTILINE)
        assert printed == shown
    assert StrategyRegistry.get("RANGE") is page["RangeStrategy"]


@pytest.mark.parametrize("kind", BUILT_IN, ids=lambda kind: kind.name)
def test_every_strategy_that_ships_is_on_the_page_with_its_defaults(kind: type) -> None:
    strategy = StrategyRegistry.create(getattr(kind, "name", ""))
    (row,) = re.findall(rf"^\| `{strategy.name}` \| (.*) \|$", PAGE, re.MULTILINE)
    for name, text in strategy.parameters().items():
        if "." not in name:
            assert f"`{name}` ({text.replace('-', '−')}" in row, name
