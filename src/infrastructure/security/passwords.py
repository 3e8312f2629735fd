"""`PasswordHasher` with passlib, argon2id only."""

import base64
import unicodedata
from typing import Final

from passlib.context import CryptContext  # type: ignore[import-untyped]

from traderbot.application.ports.password_hasher import PasswordHasher, Verification

# OWASP's and the project's floor: 19 MiB, two passes, one lane. Raise them here (or by argument)
# and every account is rehashed at its next login.
MEMORY_KIB: Final = 19_456
PASSES: Final = 2
LANES: Final = 1

_SALT_BYTES: Final = 16
_DIGEST_BYTES: Final = 32


class PasslibPasswordHasher(PasswordHasher):
    """argon2id behind passlib's context.

    passlib reads the parameters from each stored hash, so old hashes go on working. It has no
    other scheme here: with bcrypt it would cut or refuse at 72 bytes.
    """

    def __init__(
        self, *, memory_kib: int = MEMORY_KIB, passes: int = PASSES, lanes: int = LANES
    ) -> None:
        """Prepare the context; nothing is hashed yet. Lower figures are for tests only."""
        self._context = CryptContext(
            schemes=["argon2"],
            argon2__type="ID",
            argon2__memory_cost=memory_kib,
            argon2__time_cost=passes,
            argon2__parallelism=lanes,
        )
        self._dummy = _unmatchable_hash(memory_kib, passes, lanes)

    def hash(self, password: str) -> str:
        """Return a salted argon2id hash in PHC form."""
        # passlib's own complaints (PasswordSizeError, UnicodeEncodeError) are ValueErrors already.
        return str(self._context.hash(_normal(password)))

    def verify(self, password: str, stored: str) -> Verification:
        """Return whether the password fits, and a new hash if the parameters changed since."""
        try:
            ok, new_hash = self._context.verify_and_update(_normal(password), stored)
        except ValueError:
            # An unknown or broken hash, or a password over passlib's limit: all of them are
            # "wrong", and all were refused before any hashing. Without this the quick answer
            # would tell that such an account exists.
            self.dummy_verify()
            return Verification(ok=False)
        return Verification(ok=bool(ok), new_hash=new_hash)

    def dummy_verify(self) -> None:
        """Hash once with the current parameters, to no avail."""
        # passlib's own dummy_verify makes its dummy at first use, so the first unknown user
        # takes twice as long as the rest; a hash nobody had to compute has no first use.
        self._context.verify("", self._dummy)


def _normal(password: str) -> str:
    return unicodedata.normalize("NFC", password)


def _unmatchable_hash(memory_kib: int, passes: int, lanes: int) -> str:
    """Return a well-formed hash of all zeros: finding its password would be breaking argon2."""
    salt, digest = (
        base64.b64encode(bytes(size)).decode("ascii").rstrip("=")
        for size in (_SALT_BYTES, _DIGEST_BYTES)
    )
    return f"$argon2id$v=19$m={memory_kib},t={passes},p={lanes}${salt}${digest}"
