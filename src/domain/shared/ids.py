"""Names of things. Each is text, distinct to the type checker and free at run time.

All are UUIDs in their canonical lower-case form except `FillId`, which is the venue's own text.
"""

from __future__ import annotations

import re
from typing import NewType

from traderbot.domain.shared.errors import InvalidValueError

UserId = NewType("UserId", str)
PortfolioId = NewType("PortfolioId", str)
OrderId = NewType("OrderId", str)
BotRunId = NewType("BotRunId", str)
FillId = NewType("FillId", str)

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)


def uuid_text(text: str) -> str:
    """Return `text` if it is a UUID in canonical form.

    Raises:
        InvalidValueError: it is anything else.
    """
    if not isinstance(text, str) or _UUID.fullmatch(text) is None:
        msg = f"not an id: {text!r:.60} (a UUID is like 0192f0c1-7a3e-7b52-8c11-2f3d4e5a6b7c)"
        raise InvalidValueError(msg)
    return text
