"""Whether a part of the program is fit for work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Health:
    """One finding: which part, whether it works, and a sentence for a person."""

    name: str
    ok: bool
    message: str


class HealthCheck(Protocol):
    """Looks at one part."""

    def __call__(self) -> Health:
        """Look, within a second; never raise."""
        ...
