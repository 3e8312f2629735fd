"""Renews what is made of the settings: `.env.example`, and the table of docs/configuration.md."""

from __future__ import annotations

import re
from pathlib import Path

from traderbot.infrastructure.settings_view import dotenv_example, markdown_table

ROOT = Path(__file__).parents[1]
_TABLE = re.compile(r"(?:^\|.*\n)+", re.MULTILINE)


def main() -> None:
    """Write both."""
    (ROOT / ".env.example").write_text(dotenv_example(), "utf-8")
    page = ROOT / "docs" / "configuration.md"
    text = page.read_text("utf-8")
    old = max(_TABLE.findall(text), key=len)  # the page has smaller tables too
    page.write_text(text.replace(old, f"{markdown_table().rstrip()}\n"), "utf-8")


if __name__ == "__main__":
    main()
