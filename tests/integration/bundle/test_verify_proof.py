"""The two verifiers of proofs hold against proofs that other code made, and against forged ones."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from tests.bundles import (
    NODE,
    NODE_ADVICE,
    SHIPPED,
    Notary,
    Said,
    body_of,
    events,
    node_says,
    python_says,
    root_of,
)
from tests.reference.merkle import inclusion_path, leaf

Verifier = Callable[..., Said]
VERIFIERS: dict[str, Verifier] = {
    "python": lambda *arguments: python_says("verify_proof.py", *arguments),
    "node": lambda *arguments: node_says("verify_proof.mjs", *arguments),
}
SIZE = 20  # events, of three streams


@pytest.fixture(params=sorted(VERIFIERS))
def verifier(request: pytest.FixtureRequest) -> Verifier:
    return VERIFIERS[request.param]


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "known.vkey"
    path.write_text(f"{Notary().vkey}\n")
    return path


def proof_of(
    bodies: list[bytes], chosen: list[int], *, note: str | None = None, index: int | None = None
) -> bytes:
    """Return a proof of some events of a log, the last of which leads to the root."""
    last = chosen[-1]
    path = inclusion_path(last, [leaf(body) for body in bodies])
    head = ["c2sp.org/tlog-proof@v1", f"index {last if index is None else index}"]
    siblings = [base64.b64encode(each).decode() for each in path]
    shown = b"\n".join(bodies[each] for each in chosen)
    note = note or Notary().note(len(bodies), root_of(bodies))
    return shown + "\n\n".join(["", "\n".join([*head, *siblings]), note]).encode()


def written(folder: Path, proof: bytes) -> Path:
    path = folder / "proof"
    path.write_bytes(proof)
    return path


def stream(number: int, until: int = SIZE) -> list[int]:
    """Return the indexes of one stream's events."""
    return list(range(number, until, 3))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9, 257])
def test_every_event_of_a_log_is_proved(tmp_path: Path, key: Path, size: int) -> None:
    bodies = events(size)
    for index in range(size):
        proof = written(tmp_path, proof_of(bodies, [index]))
        assert python_says("verify_proof.py", proof, key).code == 0
    assert node_says("verify_proof.mjs", proof, key).code == 0


def test_a_whole_stream_needs_one_path(verifier: Verifier, tmp_path: Path, key: Path) -> None:
    bodies = events(SIZE, said="é🙂")
    said = verifier(written(tmp_path, proof_of(bodies, stream(1))), key)
    assert said == Said(
        0,
        "verified: order-00000001 versions 1 to 7, the last at index 19 of 20 events, root "
        f"{root_of(bodies).hex()}, signed by example.org/log (98af023b)\n",
    )
    later = verifier(written(tmp_path, proof_of(bodies, stream(1)[3:])), key)
    assert (later.code, "versions 4 to 7" in later.text) == (0, True)


@pytest.mark.parametrize("chosen", [stream(1), [5]], ids=["stream", "event"])
def test_one_wrong_bit_in_any_byte_is_found(tmp_path: Path, key: Path, chosen: list[int]) -> None:
    proof = proof_of(events(SIZE, said="é"), chosen)
    random = Random("proof")  # noqa: S311 - a sample
    changes = [(place, byte ^ (1 << random.randrange(8))) for place, byte in enumerate(proof)]
    path = tmp_path / "proof"
    for place, byte in changes:
        path.write_bytes(proof[:place] + bytes([byte]) + proof[place + 1 :])
        said = python_says("verify_proof.py", path, key)
        assert said.code == 1, (place, said)
    path.write_bytes(proof)
    assert NODE, NODE_ADVICE
    done = subprocess.run(
        [NODE, Path(__file__).with_name("many.mjs")],
        input=json.dumps(
            {
                "script": str(SHIPPED / "verify_proof.mjs"),
                "arguments": [str(path), str(key)],
                "changes": [(str(path), place, byte) for place, byte in changes],
            }
        ),
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    said = json.loads(done.stdout)
    assert len(said) == len(changes)
    assert [each for each in zip(changes, said, strict=True) if each[1][0] == 0] == []


def test_another_key_signed_nothing_of_it(verifier: Verifier, tmp_path: Path, key: Path) -> None:
    proof = written(tmp_path, proof_of(events(SIZE), [3]))
    for stranger in (Notary(seed=bytes(32)), Notary(name="example.org/other")):
        key.write_text(stranger.vkey)
        assert verifier(proof, key).code == 1


@pytest.mark.parametrize(
    "chosen",
    [[0, 6], [3, 0], [0, 0, 3], [0, 1], [0, 3, 7]],
    ids=["gap", "order", "twice", "two streams", "stranger at the end"],
)
def test_a_chain_with_something_amiss_is_refused(
    verifier: Verifier, tmp_path: Path, key: Path, chosen: list[int]
) -> None:
    assert verifier(written(tmp_path, proof_of(events(SIZE), chosen)), key).code == 1


def test_a_first_event_has_nothing_before_it(verifier: Verifier, tmp_path: Path, key: Path) -> None:
    bodies = [*events(4), body_of("order-new", 1, "1" * 64, "")]
    assert verifier(written(tmp_path, proof_of(bodies, [4])), key).code == 1


@pytest.mark.parametrize("index", [-1, 4, 6, 20, 25, 10**30])
def test_an_event_is_only_where_it_is(
    verifier: Verifier, tmp_path: Path, key: Path, index: int
) -> None:
    proof = proof_of(events(SIZE), [5], index=index)
    assert verifier(written(tmp_path, proof), key).code == 1


def test_a_path_of_another_length_leads_nowhere(
    verifier: Verifier, tmp_path: Path, key: Path
) -> None:
    proof = proof_of(events(SIZE), [5])
    lines = proof.split(b"\n")
    for forged in ([*lines[:4], *lines[5:]], [*lines[:4], lines[4], *lines[4:]]):
        assert verifier(written(tmp_path, b"\n".join(forged)), key).code == 1


def test_a_checkpoint_of_another_size_proves_nothing(
    verifier: Verifier, tmp_path: Path, key: Path
) -> None:
    bodies = events(SIZE)
    for size in (5, 6, 19, 21):
        note = Notary().note(size, root_of(events(size)))
        assert verifier(written(tmp_path, proof_of(bodies, [5], note=note)), key).code == 1


@pytest.mark.parametrize("content", [b"", b"\n\n\n\n", b"{}", b"\xff", b"{}\n\n{}\n\n{}\n\n{}"])
def test_what_is_no_proof_proves_nothing(
    verifier: Verifier, tmp_path: Path, key: Path, content: bytes
) -> None:
    assert verifier(written(tmp_path, content), key).code in (1, 2)


def test_without_anything_to_look_at_it_ends_with_two(
    verifier: Verifier, tmp_path: Path, key: Path
) -> None:
    proof = written(tmp_path, proof_of(events(1), [0]))
    for words in ((), (proof,), (proof, tmp_path / "nothing"), (tmp_path / "nothing", key)):
        said = verifier(*words)
        assert (said.code, said.text.startswith("usage: ")) == (2, True)
