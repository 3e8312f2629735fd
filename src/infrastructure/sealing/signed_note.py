"""Checkpoints of a log as signed notes, which any verifier of that format can check.

Source:
    C2SP signed-note, https://c2sp.org/signed-note; C2SP tlog-checkpoint,
    https://c2sp.org/tlog-checkpoint. Signatures are Ed25519 (RFC 8032).
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from traderbot.domain.shared.errors import TraderbotError

SEED_BYTES: Final = 32
_ED25519: Final = b"\x01"
_KEY_ID_BYTES: Final = 4
_MOST_SIGNATURES: Final = 100
_MOST_BYTES: Final = 1_000_000
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_KEY_ID: Final = re.compile(r"[0-9a-f]{8}", re.ASCII)
_CHECKPOINT_LINES: Final = 3


class NoteError(TraderbotError):
    """A note, a key or a checkpoint is malformed, or not signed by the key it should be."""

    code: ClassVar[str] = "BAD_NOTE"


class NotSignedError(NoteError):
    """A note is well formed, and none of its signatures is said to be of the key."""


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line of a note."""

    name: str
    key_id: str  # 8 hex digits
    signature: bytes


@dataclass(frozen=True, slots=True)
class CheckpointBody:
    """What a checkpoint says: how long which log was, and the hash of all of it."""

    origin: str
    size: int
    root: bytes


class Signer:
    """An Ed25519 key under a name."""

    def __init__(self, name: str, seed: bytes) -> None:
        """Take the private key's 32 bytes (RFC 8032's seed).

        Raises:
            NoteError: the name has a blank or a plus sign, or the seed another length.
        """
        if len(seed) != SEED_BYTES:
            msg = f"a signing key has {SEED_BYTES} bytes, not {len(seed)}"
            raise NoteError(msg)
        self.name = _checked_name(name)
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self._public = self._key.public_key().public_bytes_raw()
        self._id = _key_id(name, self._public)

    @property
    def key_id(self) -> str:
        """The key's id, 8 hex digits; it depends on the name, too."""
        return self._id.hex()

    @property
    def vkey(self) -> str:
        """What others need to check signatures: name, id and public key."""
        return f"{self.name}+{self.key_id}+{_base64(_ED25519 + self._public)}"

    def sign(self, text: str) -> str:
        """Return the whole note.

        Raises:
            NoteError: the text does not end with a line break, or holds other control characters.
        """
        _check_text(text)
        signature = self._key.sign(text.encode())
        return f"{text}\n— {self.name} {_base64(self._id + signature)}\n"


class Verifier:
    """Checks notes against one public key."""

    def __init__(self, vkey: str) -> None:
        """Take a key such as `example.org/log+0a1b2c3d+AZ…`.

        Raises:
            NoteError: it is no Ed25519 verifier key, or its id does not fit.
        """
        name, _, rest = vkey.strip().partition("+")
        key_id, _, encoded = rest.partition("+")
        key = _from_base64(encoded, "the verifier key")
        if not _KEY_ID.fullmatch(key_id) or len(key) != 1 + SEED_BYTES or key[:1] != _ED25519:
            msg = "not an Ed25519 verifier key (name+hash+key)"
            raise NoteError(msg)
        self.name = _checked_name(name)
        self.key_id = key_id
        self.public_key = key[1:]
        if _key_id(name, self.public_key).hex() != key_id:
            msg = f"the verifier key of {name} does not have the id {key_id}"
            raise NoteError(msg)
        self._key = Ed25519PublicKey.from_public_bytes(self.public_key)

    def verify(self, note: str) -> str:
        """Return the note's text. Signatures of other keys are left unread.

        Raises:
            NotSignedError: no signature in it is said to be of this key.
            NoteError: the note is malformed, or the signature does not fit.
        """
        text, signatures = read_note(note)
        mine = [it for it in signatures if (it.name, it.key_id) == (self.name, self.key_id)]
        if not mine:
            msg = f"the note is not signed by {self.name}+{self.key_id}"
            raise NotSignedError(msg)
        for each in mine:
            try:
                self._key.verify(each.signature, text.encode())
            except InvalidSignature as error:
                msg = f"the signature of {self.name}+{self.key_id} does not fit the note"
                raise NoteError(msg) from error
        return text


def is_signed_by(verifier: Verifier, note: str) -> bool:
    """Tell whether a note is signed by a key."""
    try:
        verifier.verify(note)
    except NoteError:
        return False
    return True


def read_note(note: str) -> tuple[str, list[NoteSignature]]:
    """Return a note's text and its signatures, which are not checked here.

    Raises:
        NoteError: it is malformed.
    """
    if len(note) > _MOST_BYTES:
        msg = f"a note of {len(note)} characters is longer than {_MOST_BYTES}"
        raise NoteError(msg)
    before, blank, lines = note.rpartition("\n\n")
    if not blank or not lines.endswith("\n"):
        msg = "not a signed note: text, an empty line, and lines with signatures"
        raise NoteError(msg)
    text = before + "\n"
    _check_text(text)
    signatures = [_signature(line) for line in lines[:-1].split("\n")]
    if len(signatures) > _MOST_SIGNATURES:
        msg = f"a note with {len(signatures)} signatures, more than {_MOST_SIGNATURES}"
        raise NoteError(msg)
    return text, signatures


def checkpoint_text(origin: str, size: int, root: bytes) -> str:
    """Return the text that is signed for a log of `size` events."""
    return f"{origin}\n{size}\n{_base64(root)}\n"


def parse_checkpoint(text: str) -> CheckpointBody:
    """Return what a checkpoint's text says; lines of extensions are left unread.

    Raises:
        NoteError: it is no checkpoint.
    """
    lines = text.split("\n")
    # The last of them is empty: the text ends with a line break.
    if len(lines) <= _CHECKPOINT_LINES or not all(lines[:-1]) or lines[-1]:
        msg = "not a checkpoint: origin, size and root hash, each on its line"
        raise NoteError(msg)
    origin, size, encoded = lines[:_CHECKPOINT_LINES]
    root = _from_base64(encoded, "the checkpoint's root hash")
    if not _SIZE.fullmatch(size) or len(root) != sha256().digest_size:
        msg = "not a checkpoint: its size is no whole number, or its root hash no SHA-256"
        raise NoteError(msg)
    return CheckpointBody(origin, int(size), root)


def _signature(line: str) -> NoteSignature:
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    if dash != "—":
        msg = f"not a signature line: {line!r:.80}"
        raise NoteError(msg)
    found = _from_base64(encoded, "a signature")
    if len(found) <= _KEY_ID_BYTES:
        msg = f"the signature of {name!r:.80} is too short"
        raise NoteError(msg)
    return NoteSignature(_checked_name(name), found[:_KEY_ID_BYTES].hex(), found[_KEY_ID_BYTES:])


def _checked_name(name: str) -> str:
    if not name or not name.isprintable() or "+" in name or any(map(str.isspace, name)):
        msg = f"not the name of a key: {name!r:.80} (no blanks, no plus sign)"
        raise NoteError(msg)
    return name


def _check_text(text: str) -> None:
    if not text.endswith("\n") or any(it < " " and it != "\n" for it in text):
        msg = "the text of a note is lines, each with a line break at its end"
        raise NoteError(msg)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        msg = "the text of a note is UTF-8"
        raise NoteError(msg) from error


def _key_id(name: str, public_key: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + _ED25519 + public_key).digest()[:_KEY_ID_BYTES]


def _base64(found: bytes) -> str:
    return base64.b64encode(found).decode("ascii")


def _from_base64(text: str, what: str) -> bytes:
    try:
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        msg = f"{what} is not base64"
        raise NoteError(msg) from error
    if _base64(found) != text:  # several texts would stand for the same bytes
        msg = f"{what} is not base64 as it is written"
        raise NoteError(msg)
    return found
