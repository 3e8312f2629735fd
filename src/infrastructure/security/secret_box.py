"""`SecretBox` with AES-256-GCM (NIST SP 800-38D), from the `cryptography` library.

A sealed text is `v1.<key id>.<base64url of nonce and ciphertext>`. The nonce is 96 random bits for
each text. What a text is sealed for (owner, record, field, key id) is authenticated with it, so a
ciphertext that is put into another row or another column does not open.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import secrets
from collections.abc import Callable, Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from traderbot.application.ports.secret_box import Place, SecretBox, UnreadableSecretError

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12  # 96 bits: the one length GCM takes as it is
VERSION: Final = "v1"

_SEALED: Final = re.compile(r"(v[0-9]{1,4})\.([0-9a-f]{16})\.([A-Za-z0-9_-]+)", re.ASCII)
_PURPOSE: Final = "traderbot sealed text v1"


def sealing_key_id(key: bytes) -> str:
    """Return a name for a key that follows from the key, so rotation needs no bookkeeping.

    It is a hash, cut short: it tells nothing about a random key of 32 bytes.
    """
    return hashlib.sha256(b"traderbot sealing key id\x00" + key).hexdigest()[:16]


class AesGcmSecretBox(SecretBox):
    """Seals with the first key, opens with all of them.

    To rotate: put a new key first, seal everything again (`keys rotate`), then drop the old one.
    A key may seal 2**32 texts (SP 800-38D, section 8.3); nobody has so many exchange keys.
    """

    def __init__(
        self, keys: Sequence[bytes], *, draw: Callable[[int], bytes] = secrets.token_bytes
    ) -> None:
        """Take the keys, the one that seals first; `draw` makes nonces.

        Raises:
            ValueError: there is no key, or one has not 32 bytes.
        """
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            msg = f"one key or more, each of {KEY_BYTES} bytes"
            raise ValueError(msg)
        self._ciphers = {sealing_key_id(key): AESGCM(key) for key in keys}
        self._writes_with = sealing_key_id(keys[0])
        self._draw = draw

    @property
    def writes_with(self) -> str:
        """The id of the key that seals."""
        return self._writes_with

    def knows(self, key_id: str) -> bool:
        """Whether texts sealed with that key can be opened."""
        return key_id in self._ciphers

    def seal(self, text: str, place: Place) -> str:
        """Return a text sealed for a place."""
        key_id = self._writes_with
        nonce = self._draw(NONCE_BYTES)
        ciphertext = self._ciphers[key_id].encrypt(
            nonce, text.encode("utf-8"), _context(place, key_id)
        )
        return f"{VERSION}.{key_id}.{_encoded(nonce + ciphertext)}"

    def open(self, sealed: str, place: Place) -> str:
        """Return what was sealed for a place. Raises UnreadableSecretError, which quotes none."""
        found = _SEALED.fullmatch(sealed)
        if found is None or found[1] != VERSION:
            msg = "a sealed text is not of a form this program writes"
            raise UnreadableSecretError(msg)
        key_id, packed = found[2], _decoded(found[3])
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            msg = (
                f"a sealed text needs the key {key_id}, which the settings do not have; "
                "add it to TRADERBOT_ENCRYPTION__FORMER_KEYS"
            )
            raise UnreadableSecretError(msg)
        try:
            opened = cipher.decrypt(
                packed[:NONCE_BYTES], packed[NONCE_BYTES:], _context(place, key_id)
            )
        except (InvalidTag, ValueError) as error:  # ValueError: shorter than a nonce
            msg = (
                f"{place.field} of the exchange key {place.record_id} is not what was sealed "
                "there: it was changed, or belongs to another row; remove the key and add it anew"
            )
            raise UnreadableSecretError(msg) from error
        return opened.decode("utf-8")


def _context(place: Place, key_id: str) -> bytes:
    """Return what is authenticated with a text: each part after its length, so none runs over."""
    parts = (_PURPOSE, place.owner_id, place.record_id, place.field, key_id)
    encoded = [part.encode("utf-8") for part in parts]
    return b"".join(len(part).to_bytes(4, "big") + part for part in encoded)


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _decoded(text: str) -> bytes:
    """Return the bytes, for the one spelling they have."""
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        data = b""
    if _encoded(data) != text:
        msg = "a sealed text is damaged"
        raise UnreadableSecretError(msg)
    return data
