"""The keys that seal what has to be read again, as the settings give them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from traderbot.infrastructure.settings_check import PREFIX, Problem
from traderbot.infrastructure.settings_log import drawn_seed, looks_typed, seed_of
from traderbot.infrastructure.settings_secret import SecretFileError, kept_secret
from traderbot.infrastructure.settings_sections import EncryptionSettings

ENCRYPTION_KEY_NAME: Final = f"{PREFIX}ENCRYPTION__KEY"
FORMER_KEYS_NAME: Final = f"{PREFIX}ENCRYPTION__FORMER_KEYS"
_HOW_TO_MAKE_ONE: Final = "make one with: traderbot keys generate"
_LOSS: Final = "stored exchange keys cannot be read any more"


class NoEncryptionKeyError(Exception):
    """There is no key to seal with. `problem` says what to do about it."""

    def __init__(self, problem: Problem) -> None:
        """Keep the problem."""
        super().__init__(str(problem))
        self.problem = problem


def encryption_keys(settings: EncryptionSettings, kept: Path | None) -> tuple[bytes, ...]:
    """Return the keys, the one that seals first; development makes and keeps one in `kept`.

    Raises:
        NoEncryptionKeyError: nothing is set where a file is not allowed, or the file is no good.
    """
    former = former_keys(settings)
    if settings.key is not None:
        return (seed_of(settings.key.get_secret_value()), *former)
    if kept is None:
        raise NoEncryptionKeyError(_no_key())
    try:
        return (seed_of(kept_secret(kept, draw=drawn_seed, loss=_LOSS)), *former)
    except (SecretFileError, ValueError) as error:
        message = str(error)
        if isinstance(error, ValueError):
            message = f"{kept} holds no key; put it back, or remove it, and {_LOSS}"
        remedy = f"or set {ENCRYPTION_KEY_NAME}; {_HOW_TO_MAKE_ONE}"
        problem = Problem(name=ENCRYPTION_KEY_NAME, message=message, remedy=remedy)
        raise NoEncryptionKeyError(problem) from error


def former_keys(settings: EncryptionSettings) -> tuple[bytes, ...]:
    """Return the keys that only open."""
    if settings.former_keys is None:
        return ()
    return tuple(seed_of(text) for text in listed_keys(settings.former_keys))


def listed_keys(value: SecretStr) -> list[str]:
    """Return the texts between the commas."""
    return [text for each in value.get_secret_value().split(",") if (text := each.strip())]


def production_problems(settings: EncryptionSettings) -> Iterator[Problem]:
    """Name what production must not start with."""
    if settings.key is None:
        yield _no_key()
    elif looks_typed(seed_of(settings.key.get_secret_value())):
        yield Problem(
            name=ENCRYPTION_KEY_NAME,
            message="looks like an example or a typed text",
            remedy=_HOW_TO_MAKE_ONE,
        )


def _no_key() -> Problem:
    return Problem(name=ENCRYPTION_KEY_NAME, message="is not set", remedy=_HOW_TO_MAKE_ONE)
