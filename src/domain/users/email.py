"""An e-mail address in the one form that profiles keep: ASCII, bounded, lower case."""

from __future__ import annotations

import re
from typing import Final

from traderbot.domain.shared.errors import InvalidValueError

MAX_EMAIL: Final = 254

_EMAIL: Final = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}"
    r"@[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    r"(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*",
    re.ASCII,
)


def email_address(text: str) -> str:
    """Return the address in lower case. What HTML calls a valid address is one here.

    Raises:
        InvalidValueError: it is none, or longer than 254 characters.
    """
    if len(text) > MAX_EMAIL or _EMAIL.fullmatch(text) is None:
        msg = f"not an e-mail address of at most {MAX_EMAIL} ASCII characters (name@example.com)"
        raise InvalidValueError(msg)
    return text.lower()
