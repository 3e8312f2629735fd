"""Check an exported log with nothing of the program that wrote it: docs/verify.md explains it."""

import json
import sys
from base64 import b64decode, b64encode
from collections.abc import Iterator
from functools import reduce
from hashlib import sha256
from pathlib import Path

here = ["usage: python verify.py FOLDER [KEY_FILE]"]  # what is looked at: named if it is wrong


def same(what: str, found: object, due: object) -> None:
    if found != due:
        raise ValueError(f"{what} is {found!r:.150}, not {due!r:.150}")


def read_roots(folder: Path, key: str) -> dict[int, bytes]:  # C2SP signed-note, tlog-checkpoint
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey as Key

    here[0], name, public = "log.vkey", key.partition("+")[0], b64decode(key.split("+", 2)[2])
    key_id, roots = sha256(f"{name}\n".encode() + public).digest()[:4], {0: sha256().digest()}
    same("the key", key, f"{name}+{key_id.hex()}+{b64encode(public).decode()}\n")
    same("the folder's key", (folder / "log.vkey").read_bytes().decode(), key)
    here[0], anchors = "anchors", (folder / "anchors/anchors.jsonl").read_bytes().splitlines()
    newest = (folder / "checkpoint").read_bytes().decode()
    for note in (newest, *(json.loads(anchor)["note"] for anchor in anchors)):
        origin, size, root, *signature = note.split("\n")
        here[0], signed = f"checkpoint of {size}", b64decode(signature[1].split(" ")[-1])[4:]
        ours = [newest.split("\n")[0], "", f"— {name} {b64encode(key_id + signed).decode()}", ""]
        same("its signer", [origin, *signature], ours)
        Key.from_public_bytes(public[1:]).verify(signed, f"{origin}\n{size}\n{root}\n".encode())
        same("its root", b64decode(root), roots.setdefault(int(size), b64decode(root)))
    same("the longest log that was signed", f"{max(roots)}", newest.split("\n")[1])
    return roots


def stored(folder: Path, level: object, count: int) -> Iterator[bytes]:  # C2SP tlog-tiles
    for first in range(0, count, 256):
        (*high, low), width = f"{first // 256:,}".split(","), min(256, count - first)
        path = "".join(f"x{it:0>3}/" for it in high) + f"{low:0>3}" + f".p/{width}" * (width < 256)
        with (folder / f"tile/{level}/{path}").open("rb") as f:
            for _ in range(width):  # what is cut short is filled up, and so it differs
                yield f.read(n := int.from_bytes(f.read(2)) if level == "entries" else 32).ljust(n)
            same(f"the end of tile/{level}/{path}", f.read(), b"")


def check(folder: Path, *key_file: Path) -> str:
    key = (*key_file, folder / "log.vkey")[0].read_text("utf-8").strip() + "\n"
    roots, peaks = read_roots(folder, key), list[bytes]()
    size, good, lines = max(roots), 0, (folder / "events.jsonl").open("rb")
    entries, heads = stored(folder, "entries", size), dict[str, tuple[int, str]]()
    here[0], tiles = "index 0", [stored(folder, it, size >> 8 * it) for it in range(8)]
    for index, body in enumerate(entries):
        same("its line in events.jsonl", lines.read(len(body) + 1), body + b"\n")
        leaf, event = sha256(b"\0" + body).digest(), json.loads(body.decode())
        for height in range((index ^ index + 1).bit_length()):  # RFC 6962, section 2.1
            peaks.append(sha256(b"\1" + peaks.pop(-2) + peaks.pop()).digest() if height else leaf)
            if height % 8 == 0:
                same(f"its hash in tile/{height // 8}", next(tiles[height // 8]), peaks[-1])
        due = ("traderbot.event/1", *heads.get(event["stream"], (1, "0" * 64)))
        same("spec, version, prev", (event["spec"], event["version"], event["prev"]), due)
        heads[event["stream"]] = event["version"] + 1, leaf.hex()
        if index + 1 in roots:
            root = reduce(lambda right, left: sha256(b"\1" + left + right).digest(), peaks[::-1])
            here[0], good = f"index {good} or later", index + 1
            same(f"the root of {good} events", root, roots[good])
        here[0] = f"index {index + 1}"
    same("what follows", [next(it, None) for it in (entries, *tiles, lines)], [None] * 10)
    result = f"{size} events, {len(heads)} streams, root {roots[size].hex()}"
    return "verified: {}, signed by {} ({})".format(result, *key.split("+"))


if __name__ == "__main__":
    try:
        print(check(*map(Path, sys.argv[1:])))
    except Exception as error:
        print(f"{here[0]}: {error or type(error).__name__}")
        sys.exit(2 if here[0].startswith("usage") else 1)
