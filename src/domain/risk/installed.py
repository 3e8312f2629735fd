"""What the settings let pass, as each verdict of the gate records it: in a word, and exactly.

Settings are in no log. So that anybody can say later what was in force for an order, its verdict
carries them: the name of the nearest profile, then what differs from it, such as
`paper/1 order_notional_max=5000 price_collar=`. Nothing behind the sign: there was no such limit;
a comma: a list of nothing.

A profile never changes once an order was placed under it: another default is another number here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Final

from traderbot.domain.risk.limits import LIVE, PAPER, Limits
from traderbot.domain.shared.decimals import exact
from traderbot.domain.shared.errors import InvalidValueError

PROFILES: Final[Mapping[str, Limits]] = MappingProxyType(
    {"none/1": Limits(), "paper/1": PAPER, "live/1": LIVE}
)
_LONGEST: Final = 512  # of a list of symbols; a longer one is recorded by its digest
_DIGEST: Final = "#"


@dataclass(frozen=True, slots=True)
class Installed:
    """Limits read back. `symbols_digest` stands for a list that was too long to record."""

    limits: Limits
    symbols_digest: str | None = None

    def texts(self) -> dict[str, str | None]:
        """Return all of them as text, by name."""
        texts = self.limits.texts()
        if self.symbols_digest is not None:
            texts["symbols"] = self.symbols_digest
        return texts


def installed_text(limits: Limits) -> str:
    """Return the limits as a verdict records them."""
    texts = limits.texts()
    candidates = []
    for name, profile in PROFILES.items():
        usual = profile.texts()
        other = [f"{key}={_short(text)}" for key, text in texts.items() if text != usual[key]]
        candidates.append((len(other), name, other))
    _, name, other = min(candidates)
    return " ".join((name, *other))


def installed_from(text: str) -> Installed:
    """Return the limits that a verdict recorded.

    Raises:
        InvalidValueError: it was not written by `installed_text`, or by a newer program.
    """
    name, *other = text.split(" ")
    profile = PROFILES.get(name)
    if profile is None:
        msg = f"not limits this program knows how to read: {text!r:.80}"
        raise InvalidValueError(msg)
    values: dict[str, Any] = {}
    digest = None
    for each in other:
        key, _, value = each.partition("=")
        if key == "symbols" and value.startswith(_DIGEST):
            digest = value
        elif key == "symbols":
            codes = tuple(code for code in value.split(",") if code)
            values[key] = codes if value else None
        else:
            values[key] = exact(value) if value else None
    try:
        return Installed(replace(profile, **values), digest)
    except TypeError as error:
        msg = f"not limits this program knows how to read: {text!r:.80}"
        raise InvalidValueError(msg) from error


def _short(text: str | None) -> str:
    if text is None:
        return ""
    if not text:  # a list of no symbols, which is not the same as no list
        return ","
    if len(text) > _LONGEST:
        return f"{_DIGEST}{sha256(text.encode()).hexdigest()}"
    return text
