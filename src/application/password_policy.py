"""What a password must be like, following NIST SP 800-63B-4: length, not decoration."""

import unicodedata
from typing import ClassVar

from traderbot.application.errors import ApplicationError

MIN_CHARACTERS = 15  # the password stands alone: there is no second factor yet
MAX_CHARACTERS = 128

# Control characters and lone surrogates: nobody types them on purpose, and not every client
# can send them again, so an account would be lost the day its owner changes device.
_REFUSED_CATEGORIES = frozenset({"Cc", "Cs"})


class WeakPasswordError(ApplicationError):
    """A new password breaks the policy. The message says how, and never quotes the password."""

    code: ClassVar[str] = "WEAK_PASSWORD"


def check_password_policy(password: str) -> None:
    """Accept a new password, or say what is wrong with it.

    Characters are Unicode code points after NFC normalisation, the form that is hashed.

    Raises:
        WeakPasswordError: too short, too long, or it has a character that cannot be kept.
    """
    # Normalising costs time for each character, so a text no user means is turned away unread:
    # NFC makes one code point of four at most, so this one stays too long.
    if len(password) > 4 * MAX_CHARACTERS:
        msg = f"the password is too long; at most {MAX_CHARACTERS} characters are allowed"
        raise WeakPasswordError(msg)
    characters = unicodedata.normalize("NFC", password)
    if any(unicodedata.category(character) in _REFUSED_CATEGORIES for character in characters):
        msg = "the password has a character that cannot be typed, such as a line break or NUL"
        raise WeakPasswordError(msg)
    if len(characters) < MIN_CHARACTERS:
        msg = (
            f"the password has {len(characters)} characters; at least {MIN_CHARACTERS} are needed,"
            " and a few words in a row do well"
        )
        raise WeakPasswordError(msg)
    if len(characters) > MAX_CHARACTERS:
        msg = f"the password has {len(characters)} characters; at most {MAX_CHARACTERS} are allowed"
        raise WeakPasswordError(msg)
