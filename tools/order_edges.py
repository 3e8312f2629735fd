"""Draws the legal edges of an order into docs/orders.md: `python tools/order_edges.py`."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from traderbot.domain.orders.events import OrderFilled, VenueAnswered
from traderbot.domain.orders.lifecycle import EDGES, OrderStatus

PAGE = Path(__file__).parents[1] / "docs" / "orders.md"
_BETWEEN = re.compile(r"(<!-- edges -->\n).*?(<!-- /edges -->)", re.DOTALL)
# They happen everywhere, and would hide the rest.
_LEFT_OUT = {OrderFilled, VenueAnswered}


def drawn() -> str:
    """Return the edges as a picture and as a table."""
    ways: dict[tuple[str, str], list[str]] = defaultdict(list)
    for (before, event), targets in EDGES.items():
        for after in sorted(targets):
            if after is not before and event not in _LEFT_OUT:
                ways[before.value, after.value].append(event.__name__)
    order = [status.value for status in OrderStatus]
    keys = sorted(ways, key=lambda way: (order.index(way[0]), order.index(way[1])))
    picture = [f"    {before} --> {after}" for before, after in keys]
    rows = [f"| `{a}` | `{b}` | {', '.join(sorted(ways[a, b]))} |" for a, b in keys]
    return "\n".join(
        [
            "```mermaid",
            "stateDiagram-v2",
            "    [*] --> placed",
            *picture,
            "```",
            "",
            "| from | to | by |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def page_with(text: str) -> str:
    """Return the page with the edges as they are now."""
    return _BETWEEN.sub(lambda found: f"{found[1]}\n{drawn()}\n{found[2]}", text)


if __name__ == "__main__":
    PAGE.write_text(page_with(PAGE.read_text("utf-8")), "utf-8")
