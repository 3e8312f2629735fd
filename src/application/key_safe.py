"""What seals exchange keys, together with where they are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from traderbot.application.ports.secret_box import SecretBox, UnreadableSecretError
from traderbot.application.ports.vault import SealedKeys


@dataclass(frozen=True, slots=True)
class KeySafe:
    """The box and the rows; neither is of use without the other."""

    box: SecretBox
    keys: SealedKeys

    def unreadable(self) -> Mapping[str, int]:
        """Return how many rows need which sealing key that the settings do not have."""
        return {
            key: count for key, count in self.keys.sealed_with().items() if not self.box.knows(key)
        }

    def ensure_readable(self) -> None:
        """Let the program start if every row can be opened, as far as its key tells.

        Raises:
            UnreadableSecretError: some need a key that the settings do not have.
            DatabaseUnavailableError: the rows cannot be counted.
        """
        missing = self.unreadable()
        if missing:
            raise UnreadableSecretError(advice(missing))


def advice(missing: Mapping[str, int]) -> str:
    """Return what is missing, and both ways to go on."""
    needed = " and ".join(f"{key} ({count} sealed)" for key, count in sorted(missing.items()))
    first = min(missing)
    return (
        f"stored exchange keys need a sealing key the settings do not have: {needed}; add it to "
        "TRADERBOT_ENCRYPTION__FORMER_KEYS, or if it is lost for good run: "
        f"traderbot keys forget {first}"
    )


def no_key_safe() -> KeySafe:
    """Refuse: nothing was said about where exchange keys are kept."""
    msg = "exchange keys cannot be stored here; open the program with its settings"
    raise UnreadableSecretError(msg)
