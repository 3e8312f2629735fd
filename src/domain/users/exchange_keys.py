"""A key of a user at an exchange, as far as the log may know it: where, and what they call it.

The key itself is sealed and stands in a table beside the log, so that it can be erased.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from traderbot.domain.shared.errors import InvalidValueError

MOST_KEYS: Final = 32  # of one user
EXCHANGE_PATTERN: Final = "[a-z0-9_]{2,32}"
LONGEST_LABEL: Final = 64

_EXCHANGE: Final = re.compile(EXCHANGE_PATTERN, re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeKey:
    """One key; `id` is ours, and not what the exchange calls it."""

    id: str
    exchange: str
    label: str
    added_at: datetime


def exchange_name(text: str) -> str:
    """Return `text` if an exchange can be called so.

    Raises:
        InvalidValueError: it is not 2 to 32 small letters, digits and underscores.
    """
    if _EXCHANGE.fullmatch(text) is None:
        msg = "not an exchange: 2 to 32 small letters, digits and underscores (binance)"
        raise InvalidValueError(msg)
    return text


def key_label(text: str) -> str:
    """Return `text` if a key can be called so.

    Raises:
        InvalidValueError: it is empty, too long, or not one printable line.
    """
    if not 0 < len(text) <= LONGEST_LABEL or not text.isprintable() or text != text.strip():
        msg = f"not a label: 1 to {LONGEST_LABEL} printable characters, no blank at either end"
        raise InvalidValueError(msg)
    return text
