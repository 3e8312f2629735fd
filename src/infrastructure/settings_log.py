"""What the settings say of a log if nobody says it: its name, its anchor file, its signing key."""

import re
from base64 import b64decode, b64encode
from itertools import pairwise
from pathlib import Path
from secrets import token_bytes
from typing import Final
from urllib.parse import unquote, urlsplit

SEED_BYTES: Final = 32  # of an Ed25519 private key (RFC 8032)

_NOT_IN_A_NAME: Final = re.compile(r"[^A-Za-z0-9._-]+")
_FEWEST_DIFFERENT: Final = 16  # of 32 random bytes fewer differ once in 10**14
_POSTGRES_PORT: Final = 5432


def default_origin(url: str) -> str:
    """Return `traderbot.local/` and the name of a database, as far as it may be in a note."""
    file = _sqlite_file(url)
    name = file.stem if file is not None else unquote(urlsplit(url).path).strip("/")
    return f"traderbot.local/{_clean(name) or 'traderbot'}"


def default_anchor_path(url: str, data_folder: Path) -> Path:
    """Return where checkpoints go: beside a SQLite file, else into the data folder."""
    file = _sqlite_file(url)
    if file is not None:
        return file.with_name(f"{file.name}.anchors.jsonl")
    server = urlsplit(url)
    name = _clean(unquote(server.path).strip("/")) or "traderbot"
    host = _clean(server.hostname or "localhost")
    return data_folder / "anchors" / f"{host}-{server.port or _POSTGRES_PORT}-{name}.jsonl"


def drawn_seed() -> str:
    """Return a new signing key as it is written in a variable."""
    return b64encode(token_bytes(SEED_BYTES)).decode("ascii")


def seed_of(text: str) -> bytes:
    """Return the bytes of a signing key.

    Raises:
        ValueError: it is not 32 bytes in base64.
    """
    seed = b64decode(text, validate=True)
    if len(seed) != SEED_BYTES:
        msg = f"a signing key has {SEED_BYTES} bytes, not {len(seed)}"
        raise ValueError(msg)
    return seed


def looks_typed(seed: bytes) -> bool:
    """Tell whether a key was counted or typed rather than drawn at random."""
    steps = {(after - before) % 256 for before, after in pairwise(seed)}
    return min(len(set(seed)), len(steps)) < _FEWEST_DIFFERENT or seed.isascii()


def _sqlite_file(url: str) -> Path | None:
    """Return the file a URL or a bare path names, None for a server."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return Path(url)
    if scheme.partition("+")[0] != "sqlite":
        return None
    return Path(rest.partition("?")[0].removeprefix("/"))


def _clean(name: str) -> str:
    return _NOT_IN_A_NAME.sub("-", name).strip("-")
