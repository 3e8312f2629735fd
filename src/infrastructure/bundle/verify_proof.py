"""Check that events are in a log, with nothing of its program: docs/verify.md explains it."""

import json
import sys
from base64 import b64decode, b64encode
from hashlib import sha256
from pathlib import Path

here = ["usage: python verify_proof.py PROOF KEY_FILE"]  # what is looked at: named if it is wrong


def same(what: str, found: object, due: object) -> None:
    if found != due:
        raise ValueError(f"{what} is {found!r:.150}, not {due!r:.150}")


def read_note(note: str, key: str) -> tuple[int, bytes]:  # C2SP signed-note, tlog-checkpoint
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    here[0], name, public = "key", key.partition("+")[0], b64decode(key.split("+", 2)[2])
    key_id = sha256(f"{name}\n".encode() + public).digest()[:4]
    same("the key", key, f"{name}+{key_id.hex()}+{b64encode(public).decode()}")
    here[0] = "checkpoint"
    origin, size, root, *signature = note.split("\n")
    signed = b64decode(signature[1].split(" ")[-1])[4:]
    same("its signer", signature, ["", f"— {name} {b64encode(key_id + signed).decode()}", ""])
    text = f"{origin}\n{size}\n{root}\n".encode()
    Ed25519PublicKey.from_public_bytes(public[1:]).verify(signed, text)
    return int(size), b64decode(root)


def climb(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """Return the root that a leaf and its siblings lead to (RFC 6962, section 2.1.1)."""
    if size == 1:
        same("what is left of the path", path, [])
        return leaf
    half, sibling = 1 << (size - 1).bit_length() - 1, path.pop()  # the last is next to the root
    if index < half:
        return sha256(b"\1" + climb(leaf, index, half, path) + sibling).digest()
    return sha256(b"\1" + sibling + climb(leaf, index - half, size - half, path)).digest()


def check(proof_file: Path, key_file: Path) -> str:
    content, key = proof_file.read_bytes(), key_file.read_text("utf-8").strip()
    here[0] = "proof"
    text = content.decode()
    size, root = read_note(text.split("\n\n", 2)[2], key)
    bodies, proof, _ = (part.split("\n") for part in text.split("\n\n", 2))
    first = json.loads(bodies[0])
    stream, version, prev, leaf = first["stream"], first["version"], first["prev"], b""
    for number, body in enumerate(bodies, 1):
        here[0], event = f"event {number}", json.loads(body)
        found = [event["spec"], event["stream"], event["version"], event["prev"]]
        same("spec, stream, version, prev", found, ["traderbot.event/1", stream, version, prev])
        leaf = sha256(b"\0" + body.encode()).digest()
        version, prev = version + 1, leaf.hex()
    if first["version"] == 1:
        same("what comes before the first event", first["prev"], "0" * 64)
    here[0], index = "proof", int(proof[1].removeprefix("index "))
    path = [b64decode(sibling) for sibling in proof[2:]]
    form = ["c2sp.org/tlog-proof@v1", f"index {index}", *(b64encode(it).decode() for it in path)]
    same("its form", proof, form)
    same("the index", index, min(max(index, 0), size - 1))
    same("the root", climb(leaf, index, size, path), root)
    told = f"{stream} versions {first['version']} to {version - 1}, the last at index {index}"
    signer = "signed by {} ({})".format(*key.split("+"))
    return f"verified: {told} of {size} events, root {root.hex()}, {signer}"


if __name__ == "__main__":
    try:
        print(check(*map(Path, sys.argv[1:])))
    except ImportError as error:
        print(f"{error}; it is needed: pip install cryptography")
        sys.exit(2)
    except Exception as error:
        print(f"{here[0]}: {error or type(error).__name__}")
        sys.exit(2 if here[0].startswith("usage") else 1)
