from __future__ import annotations

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[5]


def test_the_page_has_every_statistic_as_it_is() -> None:
    page = runpy.run_path(str(ROOT / "tools" / "statistics_page.py"))["page"]
    text = (ROOT / "docs" / "statistics.md").read_text("utf-8")
    assert page(text) == text, "renew it: python tools/statistics_page.py"
