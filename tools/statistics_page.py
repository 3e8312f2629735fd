"""Renews the tables of docs/statistics.md from the statistics themselves."""

from __future__ import annotations

import re
from pathlib import Path

from traderbot.infrastructure.compute.statistics.catalogue import GROUPS

BAR = "\\|"
PAGE = Path(__file__).parents[1] / "docs" / "statistics.md"
_TABLES = re.compile(r"(?<=<!-- tables -->\n).*(?=<!-- end of the tables -->)", re.DOTALL)


def tables() -> str:
    """Return a table for each group of statistics."""
    parts = []
    for group in GROUPS:
        lines = [f"## {group.title}", "", "| name | what it says | formula | unit | none if |"]
        lines.append("|---|---|---|---|---|")
        for one in group.statistics:
            meaning = one.meaning[:1].upper() + one.meaning[1:]
            lines.append(
                f"| **{_cell(one.title)}** `{one.name}` | {_cell(meaning)} *{_cell(one.source)}* "
                f"| `{one.formula.replace('|', BAR)}` | {one.unit.value} | {_cell(one.undefined)} |"
            )
        parts.append("\n".join(lines))
    return "\n" + "\n\n".join(parts) + "\n\n"


def page(text: str) -> str:
    """Return the page with its tables renewed."""
    made = tables()
    return _TABLES.sub(lambda _: made, text, count=1)


def main() -> None:
    """Write it."""
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*").replace("_", "\\_").replace("<", "&lt;")


if __name__ == "__main__":
    main()
