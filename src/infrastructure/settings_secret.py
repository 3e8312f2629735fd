"""The secret a development installation makes for itself, once, and keeps in a file."""

import os
import secrets
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

_FOLDER_MODE: Final = 0o700
_FILE_MODE: Final = 0o600
_RANDOM_BYTES: Final = 48  # 64 characters
_LEAST_CHARACTERS: Final = 44  # of 32 bytes in base64


class SecretFileError(Exception):
    """The file cannot be made or must not be trusted. The message says what to do about it."""


def kept_secret(
    path: Path, *, draw: Callable[[], str] | None = None, loss: str = "logins end"
) -> str:
    """Return the secret in `path`, making file and folder at the first call.

    `draw` makes a new one, of 44 ASCII characters or more; `loss` says what it costs to lose it.

    Two processes that start at once get the same secret: it is written aside in full and then
    linked into place, and a link, unlike a rename, does not replace what is there already.

    Raises:
        SecretFileError: not writable, readable for others, or damaged.
    """
    try:
        if not path.exists():
            _make(path, draw or _drawn)
        return _read(path, loss)
    except OSError as error:
        msg = f"{path} cannot be made or read ({error.strerror})"
        raise SecretFileError(msg) from error


def _drawn() -> str:
    return secrets.token_urlsafe(_RANDOM_BYTES)


def _make(path: Path, draw: Callable[[], str]) -> None:
    folder = path.parent
    folder.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        folder.mkdir(mode=_FOLDER_MODE)
    draft = folder / f".{path.name}.{secrets.token_hex(8)}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(draw() + "\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # another process was first: its secret is ours
            path.hardlink_to(draft)
    finally:
        draft.unlink()


def _read(path: Path, loss: str) -> str:
    with path.open(encoding="utf-8") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
            msg = f"{path} may be read by others (mode {mode:04o}); run chmod 600 on it"
            raise SecretFileError(msg)
        try:
            secret = file.read().strip()
        except UnicodeDecodeError:
            secret = ""
    if len(secret) < _LEAST_CHARACTERS:
        msg = f"{path} is damaged; remove it, and a new one is made ({loss})"
        raise SecretFileError(msg)
    return secret
