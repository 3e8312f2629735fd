"""Removes what nobody can open any more: the sealing key is lost."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from traderbot.application.commands.exchange_keys import RemoveExchangeKey
from traderbot.application.errors import NotFoundError
from traderbot.application.ports.commands import CommandExecutor, Origin
from traderbot.application.ports.vault import SealedKeys

_BATCH: Final = 100


def forget_sealed_with(
    keys: SealedKeys, sealing_key: str, executor: CommandExecutor, origin: Origin
) -> int:
    """Remove every exchange key that one sealing key has sealed; return how many.

    Each is a command of its own, recorded in the log. One that its owner removed meanwhile is not
    counted.
    """
    removed, after = 0, ""
    while rows := keys.not_sealed_with("", after, _BATCH):
        after = rows[-1].key_id
        for row in rows:
            if row.sealed_with == sealing_key:
                wish = RemoveExchangeKey(user_id=row.owner_id, key_id=row.key_id)
                with suppress(NotFoundError):
                    executor.run(wish, origin)
                    removed += 1
    return removed
