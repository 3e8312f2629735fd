"""Seals every exchange key again with the newest key, a batch at a time, while others work.

A batch is one transaction, and what is done is known by the rows themselves: stopped or killed at
any point, the next run goes on where this one ended.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from traderbot.application.exchange_secrets import reseal
from traderbot.application.ports.secret_box import SecretBox
from traderbot.application.ports.vault import SealedKeys

BATCH: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Resealed:
    """What a rotation did. `left` were sealed with another key while it worked."""

    key: str  # the id of the key that seals
    resealed: int
    left: int


def reseal_all(
    keys: SealedKeys, box: SecretBox, progress: Callable[[int, int], None], *, batch: int = BATCH
) -> Resealed:
    """Seal again whatever another key has sealed.

    Raises:
        UnreadableSecretError: a row cannot be opened; it stays as it is, and so do those after it.
        DatabaseUnavailableError: the batch at work was not written; those before it were.
    """
    newest, done = box.writes_with, 0
    total = _others(keys, newest)
    progress(0, total)
    after = ""
    while rows := keys.not_sealed_with(newest, after, batch):
        done += keys.replace(rows, [reseal(row, box) for row in rows])
        after = rows[-1].key_id
        progress(min(done, total), total)
    return Resealed(key=newest, resealed=done, left=_others(keys, newest))


def _others(keys: SealedKeys, newest: str) -> int:
    return sum(count for key, count in keys.sealed_with().items() if key != newest)
