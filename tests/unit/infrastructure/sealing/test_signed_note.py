"""Notes as others write and read them; what is malformed is refused."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traderbot.infrastructure.sealing.signed_note import (
    CheckpointBody,
    NoteError,
    Signer,
    Verifier,
    checkpoint_text,
    parse_checkpoint,
    read_note,
)

# The example of Go's golang.org/x/mod/sumdb/note, from which the format comes.
PETER_SEED = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
PETER_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
PETER_NOTE = (
    f"{PETER_TEXT}\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6"
    "KE6RyyBwJnAM=\n"
)

SIGNER = Signer("example.org/log", bytes(range(32)))
VERIFIER = Verifier(SIGNER.vkey)
OTHER = Signer("example.org/log", bytes(32))
NOTE = SIGNER.sign("a text\n")

texts = st.text(
    st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")) | st.just("\n"),
).map(lambda it: it + "\n")


def test_the_published_example_is_signed_the_same() -> None:
    peter = Signer("PeterNeumann", PETER_SEED)
    assert peter.vkey == PETER_KEY
    assert peter.key_id == "c74f20a3"
    assert peter.sign(PETER_TEXT) == PETER_NOTE
    assert Verifier(PETER_KEY).verify(PETER_NOTE) == PETER_TEXT


@given(text=texts)
def test_what_is_signed_is_read_again(text: str) -> None:
    assert VERIFIER.verify(SIGNER.sign(text)) == text


@given(text=texts, at=st.data())
def test_no_character_can_be_changed(text: str, at: st.DataObject) -> None:
    note = SIGNER.sign(text)
    place = at.draw(st.integers(min_value=0, max_value=len(note) - 1))
    other = at.draw(st.sampled_from("aZ0+/= \n").filter(lambda it: it != note[place]))
    changed = note[:place] + other + note[place + 1 :]
    with pytest.raises(NoteError):
        VERIFIER.verify(changed)


def test_signatures_of_others_are_left_unread() -> None:
    stranger = Signer("stranger", bytes(32)).sign("a text\n").rpartition("\n\n")[2]
    assert VERIFIER.verify(NOTE + stranger) == "a text\n"
    assert VERIFIER.verify(f"a text\n\n{stranger}{NOTE.rpartition(chr(10) * 2)[2]}") == "a text\n"
    with pytest.raises(NoteError, match="not signed by example"):
        VERIFIER.verify(f"a text\n\n{stranger}")


def test_another_key_of_the_same_name_is_a_stranger() -> None:
    assert OTHER.key_id != SIGNER.key_id
    with pytest.raises(NoteError, match="not signed by"):
        VERIFIER.verify(OTHER.sign("a text\n"))


def test_a_bad_signature_spoils_the_note_even_beside_a_good_one() -> None:
    bad = SIGNER.sign("another text\n").rpartition("\n\n")[2]
    with pytest.raises(NoteError, match="does not fit"):
        VERIFIER.verify(NOTE + bad)


def test_the_text_may_have_empty_lines() -> None:
    text = "one\n\n— no signature\n\n\n"
    assert VERIFIER.verify(SIGNER.sign(text)) == text


@pytest.mark.parametrize(
    "note",
    [
        "",
        "\n",
        "a text\n",
        "a text\n\n",
        NOTE[:-1],
        NOTE.replace("—", "-"),
        NOTE.replace("— ", "—"),
        NOTE.replace("example.org/log ", ""),
        NOTE.replace("example.org/log", "example.org+log"),
        NOTE.replace("example.org/log", ""),
        NOTE.replace("\n\n", "\n"),
        NOTE + "\n",
        NOTE + "trailing",
        NOTE.replace("a text", "a\ttext"),
        NOTE.replace("a text", "a text\r"),
        NOTE.replace("a text", "a \x00 text"),
        NOTE.replace("a text", "a \ud800 text"),
        "a text\n\n— example.org/log AAAA\n",
        "a text\n\n— example.org/log \n",
        "a text\n\n— example.org/log !!!!\n",
        "a text\n\n— example.org/log AAAAAAAA\n" * 2,
        "a text\n\n" + NOTE.rpartition("\n\n")[2] * 101,
        "a" * 1_000_001,
    ],
    ids=lambda it: repr(it)[:40],
)
def test_a_malformed_note_is_refused(note: str) -> None:
    with pytest.raises(NoteError):
        VERIFIER.verify(note)


@pytest.mark.parametrize("text", ["", "no line break", "a\ttab\n", "\x00\n", "\ud800\n"])
def test_what_is_no_text_of_a_note_is_not_signed(text: str) -> None:
    with pytest.raises(NoteError):
        SIGNER.sign(text)


@pytest.mark.parametrize("name", ["", "two words", "a+b", "a\nb", "a\u00a0b", "\x07"])
def test_a_name_has_no_blank_and_no_plus(name: str) -> None:
    with pytest.raises(NoteError, match="not the name of a key"):
        Signer(name, bytes(32))


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_seed_has_32_bytes(length: int) -> None:
    with pytest.raises(NoteError, match="has 32 bytes"):
        Signer("log", bytes(length))


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "PeterNeumann",
        "PeterNeumann+c74f20a3",
        PETER_KEY.replace("PeterNeumann", "PaulNeumann"),
        PETER_KEY.replace("c74f20a3", "c74f20a4"),
        PETER_KEY.replace("c74f20a3", "C74F20A3"),
        PETER_KEY.replace("+AR", "+BB"),
        PETER_KEY.replace("+AR", "+Ag"),
        PETER_KEY[:-4],
        PETER_KEY + "AAAA",
        "two words" + PETER_KEY.removeprefix("PeterNeumann"),
    ],
)
def test_a_malformed_key_is_refused(vkey: str) -> None:
    with pytest.raises(NoteError):
        Verifier(vkey)


def test_a_checkpoint_is_three_lines() -> None:
    # The example of the specification.
    root = base64.b64decode("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=")
    text = checkpoint_text("example.com/behind-the-sofa", 20852163, root)
    assert text == (
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    )
    assert parse_checkpoint(text) == CheckpointBody("example.com/behind-the-sofa", 20852163, root)


@given(size=st.integers(min_value=0, max_value=2**62), root=st.binary(min_size=32, max_size=32))
def test_a_checkpoint_is_read_as_it_was_written(size: int, root: bytes) -> None:
    note = SIGNER.sign(checkpoint_text("example.org/log", size, root))
    found = parse_checkpoint(VERIFIER.verify(note))
    assert found == CheckpointBody("example.org/log", size, root)


def test_extensions_of_a_checkpoint_are_left_unread() -> None:
    text = checkpoint_text("log", 1, bytes(32))
    assert parse_checkpoint(text + "extension\n") == parse_checkpoint(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "log\n1\n",
        "\n1\n" + "A" * 43 + "=\n",
        "log\n\n" + "A" * 43 + "=\n",
        "log\n01\n" + "A" * 43 + "=\n",
        "log\n-1\n" + "A" * 43 + "=\n",
        "log\n1.0\n" + "A" * 43 + "=\n",
        "log\n\u0661\n" + "A" * 43 + "=\n",
        "log\n" + "9" * 20 + "\n" + "A" * 43 + "=\n",
        "log\n1\n" + "A" * 43 + "\n",
        "log\n1\n" + "A" * 42 + "B=\n",
        "log\n1\n" + "A" * 44 + "\n",
        "log\n1\nAAAA\n",
        "log\n1\n" + "A" * 43 + "=",
        "log\n1\n" + "A" * 43 + "=\n\nextension\n",
    ],
    ids=lambda it: repr(it)[:40],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        parse_checkpoint(text)


def test_a_note_tells_who_signed_it() -> None:
    text, (signature,) = read_note(NOTE)
    assert text == "a text\n"
    assert (signature.name, signature.key_id) == ("example.org/log", SIGNER.key_id)
    assert len(signature.signature) == 64
