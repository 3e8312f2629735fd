"""What a bot run's row says beside its columns: as JSON, and back."""

from __future__ import annotations

import json
from typing import Any

from traderbot.domain.bots.bot_run import BotRun
from traderbot.domain.shared.instants import instant, instant_text


def bot_details_text(run: BotRun) -> str:
    """Return what is unusual about a run; `{}` for one that nobody leased or paused."""
    said: dict[str, Any] = {
        "feed": run.feed,
        "first_bar_at": instant_text(run.first_bar_at) if run.first_bar_at else None,
        "holder": run.holder,
        "fence": run.fence,
        "reason": run.reason,
        "code": run.code,
    }
    usual = {name: value for name, value in said.items() if value}
    return json.dumps(usual, sort_keys=True) if usual else "{}"


def bot_details(text: str) -> dict[str, Any]:
    """Return the details by the names of the run's fields; what is not said is as usual."""
    said: dict[str, Any] = json.loads(text)
    if "first_bar_at" in said:
        said["first_bar_at"] = instant(said["first_bar_at"])
    return said
