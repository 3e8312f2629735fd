"""Bundles made without any of the program's own code: other libraries hash and sign.

pymerkle gives the roots, `tests.reference.merkle` the tiles, `cryptography` the signatures. What
the verifiers say of such a bundle depends on nothing that wrote it.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import CodeType
from typing import Any
from unittest.mock import patch

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pymerkle import InmemoryTree  # type: ignore[import-untyped]

from tests.reference.merkle import leaf, tree_hash

SHIPPED = Path(__file__).parents[1] / "src/infrastructure/bundle"
NAME = "example.org/log"
SEED = bytes(range(32))
NODE = shutil.which("node") or ""
NODE_ADVICE = (
    "Node.js 18 or newer is needed to test verify.mjs: apt-get install nodejs, or see nodejs.org"
)


def events(count: int, streams: int = 3, said: str = "") -> list[bytes]:
    """Return that many bodies, linked within their streams, which take turns."""
    heads: dict[str, tuple[int, str]] = {}
    bodies = []
    for number in range(count):
        stream = f"order-{number % streams:08x}"
        version, prev = heads.get(stream, (0, "0" * 64))
        body = body_of(stream, version + 1, prev, f"{said}{number}")
        heads[stream] = (version + 1, leaf(body).hex())
        bodies.append(body)
    return bodies


def body_of(stream: str, version: int, prev: str, said: str) -> bytes:
    """Return a body as the format has it, with only the members that a stranger reads."""
    return canonical(
        {
            "data": {"said": said},
            "prev": prev,
            "spec": "traderbot.event/1",
            "stream": stream,
            "version": version,
        }
    )


def canonical(document: object) -> bytes:
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


@dataclass(frozen=True, slots=True)
class Notary:
    """Signs checkpoints, as anybody with a key could."""

    name: str = NAME
    seed: bytes = SEED

    @property
    def vkey(self) -> str:
        return f"{self.name}+{self._id().hex()}+{_base64(self._public())}"

    def note(self, size: int, root: bytes, origin: str | None = None) -> str:
        text = f"{origin or self.name}\n{size}\n{_base64(root)}\n"
        signature = Ed25519PrivateKey.from_private_bytes(self.seed).sign(text.encode())
        return f"{text}\n— {self.name} {_base64(self._id() + signature)}\n"

    def _public(self) -> bytes:
        key = Ed25519PrivateKey.from_private_bytes(self.seed).public_key()
        return b"\x01" + key.public_bytes_raw()

    def _id(self) -> bytes:
        return sha256(self.name.encode() + b"\n" + self._public()).digest()[:4]


def root_of(bodies: Sequence[bytes]) -> bytes:
    """Return the RFC 6962 root by pymerkle."""
    tree = InmemoryTree(algorithm="sha256")
    for body in bodies:
        tree.append_entry(body)
    return bytes(tree.get_root()) if bodies else sha256(b"").digest()


def write_bundle(
    folder: Path,
    bodies: Sequence[bytes],
    *,
    notary: Notary = Notary(),
    anchors: Iterable[int] = (),
) -> Path:
    """Write a bundle of these bodies, anchored at these sizes."""
    for path, content in files_of(bodies).items():
        _write(folder / path, content)
    lines = [
        canonical({"note": notary.note(size, root_of(bodies[:size]))}) + b"\n" for size in anchors
    ]
    _write(folder / "anchors/anchors.jsonl", b"".join(lines))
    _write(folder / "checkpoint", notary.note(len(bodies), root_of(bodies)).encode())
    _write(folder / "log.vkey", f"{notary.vkey}\n".encode())
    return folder


def files_of(bodies: Sequence[bytes]) -> dict[str, bytes]:
    """Return what follows from the bodies alone: lines, entries and tiles, by path."""
    files = {"events.jsonl": b"".join(body + b"\n" for body in bodies)}
    for first in range(0, len(bodies), 256):
        entries = [len(body).to_bytes(2, "big") + body for body in bodies[first : first + 256]]
        files[_path("entries", first // 256, len(entries))] = b"".join(entries)
    level, nodes = 0, [leaf(body) for body in bodies]
    while nodes:
        tiles = [nodes[first : first + 256] for first in range(0, len(nodes), 256)]
        for number, tile in enumerate(tiles):
            files[_path(level, number, len(tile))] = b"".join(tile)
        level, nodes = level + 1, [tree_hash(tile) for tile in tiles if len(tile) == 256]
    return files


@dataclass(frozen=True, slots=True)
class Said:
    """How a verifier ended, and what it printed."""

    code: int
    text: str


def python_says(script: str, *arguments: object) -> Said:
    """Run a shipped Python script, in this process: a bundle is checked thousands of times."""
    printed = io.StringIO()
    given = [script, *map(str, arguments)]
    with contextlib.redirect_stdout(printed), patch.object(sys, "argv", given):
        try:
            exec(_code(script), {"__name__": "__main__"})  # noqa: S102 - our own script
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        else:
            code = 0
    return Said(code, printed.getvalue())


def node_says(script: str, *arguments: object) -> Said:
    """Run a shipped Node.js script."""
    assert NODE, NODE_ADVICE
    done = subprocess.run(
        [NODE, SHIPPED / script, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert not done.stderr, done.stderr
    return Said(done.returncode, done.stdout)


VERIFIERS: dict[str, Callable[..., Said]] = {
    "python": lambda *arguments: python_says("verify.py", *arguments),
    "node": lambda *arguments: node_says("verify.mjs", *arguments),
}

_compiled: dict[str, CodeType] = {}


def _code(script: str) -> CodeType:
    if script not in _compiled:
        _compiled[script] = compile((SHIPPED / script).read_text(), script, "exec")
    return _compiled[script]


def _path(level: Any, number: int, width: int) -> str:
    thousands = [number % 1000]
    while number := number // 1000:
        thousands.insert(0, number % 1000)
    *high, low = [f"{part:03}" for part in thousands]
    name = "/".join([*(f"x{part}" for part in high), low])
    return f"tile/{level}/{name}" + (f".p/{width}" if width < 256 else "")


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
