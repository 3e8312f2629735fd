"""Sealed texts open where they belong and nowhere else, and never after a change."""

from __future__ import annotations

import base64
import random
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from traderbot.application.ports.secret_box import Place, UnreadableSecretError
from traderbot.infrastructure.security.secret_box import AesGcmSecretBox, sealing_key_id

OLD, NEW = bytes(range(32)), bytes(range(32, 64))
PLACE = Place(owner_id="ada", record_id="one", field="secret")
BOX = AesGcmSecretBox([NEW, OLD])
WORDS = st.text(max_size=40)


@given(st.text(max_size=300), WORDS, WORDS, WORDS)
def test_what_was_sealed_opens_in_its_place(text: str, owner: str, record: str, name: str) -> None:
    place = Place(owner_id=owner, record_id=record, field=name)
    assert BOX.open(BOX.seal(text, place), place) == text


@given(
    st.tuples(WORDS, WORDS, WORDS),
    st.tuples(WORDS, WORDS, WORDS),
)
def test_what_was_sealed_opens_in_no_other_place(
    one: tuple[str, str, str], other: tuple[str, str, str]
) -> None:
    places = [Place(owner_id=a, record_id=b, field=c) for a, b, c in (one, other)]
    sealed = BOX.seal("a word", places[0])
    if one == other:
        assert BOX.open(sealed, places[1]) == "a word"
    else:
        with pytest.raises(UnreadableSecretError):
            BOX.open(sealed, places[1])


def test_parts_of_a_place_do_not_run_into_each_other() -> None:
    sealed = BOX.seal("a word", Place(owner_id="ad", record_id="aone", field="secret"))
    with pytest.raises(UnreadableSecretError):
        BOX.open(sealed, Place(owner_id="ada", record_id="one", field="secret"))


def test_the_form_is_the_one_that_is_written_down() -> None:
    nonce = bytes(12)
    box = AesGcmSecretBox([OLD], draw=bytes)
    key_id = sealing_key_id(OLD)
    parts = [b"traderbot sealed text v1", b"ada", b"one", b"secret", key_id.encode()]
    context = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    packed = nonce + AESGCM(OLD).encrypt(nonce, b"a word", context)
    expected = base64.urlsafe_b64encode(packed).rstrip(b"=").decode()
    assert box.seal("a word", PLACE) == f"v1.{key_id}.{expected}"


def test_no_flipped_bit_is_overlooked() -> None:
    sealed = BOX.seal("a key that somebody wants to change", PLACE)
    dice = random.Random(11)  # noqa: S311 - the same bits each time
    head, _, packed = sealed.rpartition(".")
    data = base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4))
    for bit in dice.sample(range(len(data) * 8), 200):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        text = base64.urlsafe_b64encode(changed).rstrip(b"=").decode()
        with pytest.raises(UnreadableSecretError):
            BOX.open(f"{head}.{text}", PLACE)


def test_no_changed_character_is_overlooked() -> None:
    sealed = BOX.seal("eleven or so", PLACE)
    for place, character in enumerate(sealed):
        for other in "A_-=.z9\n":
            if other != character:
                with pytest.raises(UnreadableSecretError):
                    BOX.open(sealed[:place] + other + sealed[place + 1 :], PLACE)


@pytest.mark.parametrize(
    "text", ["", "v1", "v1..", "v1.0.AAAA", "v2." + "0" * 16 + ".AAAA", "a word", "é", "v1.x.y.z"]
)
def test_what_was_never_sealed_is_refused(text: str) -> None:
    with pytest.raises(UnreadableSecretError):
        BOX.open(text, PLACE)


@pytest.mark.parametrize("length", range(30))
def test_a_text_that_was_cut_is_refused(length: int) -> None:
    with pytest.raises(UnreadableSecretError):
        BOX.open(BOX.seal("a word", PLACE)[: 20 + length], PLACE)


def test_no_nonce_comes_twice_in_ten_thousand() -> None:
    packed = (BOX.seal("the same", PLACE).rpartition(".")[2] for _ in range(10_000))
    nonces = {base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))[:12] for text in packed}
    assert len(nonces) == 10_000


def test_a_former_key_opens_and_the_newest_seals() -> None:
    sealed = AesGcmSecretBox([OLD]).seal("a word", PLACE)
    assert BOX.open(sealed, PLACE) == "a word"
    assert BOX.writes_with == sealing_key_id(NEW)
    assert f".{sealing_key_id(NEW)}." in BOX.seal("a word", PLACE)
    assert BOX.knows(sealing_key_id(OLD))


def test_a_key_that_is_gone_is_named_and_nothing_else() -> None:
    sealed = BOX.seal("a word", PLACE)
    with pytest.raises(UnreadableSecretError, match=sealing_key_id(NEW)) as caught:
        AesGcmSecretBox([OLD]).open(sealed, PLACE)
    assert "ENCRYPTION__FORMER_KEYS" in str(caught.value)
    assert sealed not in str(caught.value)


def test_what_belongs_elsewhere_is_named_and_not_shown() -> None:
    with pytest.raises(UnreadableSecretError, match="secret of the exchange key two") as caught:
        BOX.open(BOX.seal("a word", PLACE), replace(PLACE, record_id="two"))
    assert "a word" not in str(caught.value)


@pytest.mark.parametrize("keys", [[], [b""], [bytes(31)], [bytes(32), bytes(33)]])
def test_a_key_has_32_bytes(keys: list[bytes]) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        AesGcmSecretBox(keys)


def test_the_id_of_a_key_tells_nothing_of_it() -> None:
    assert sealing_key_id(OLD) != sealing_key_id(NEW)
    assert len(sealing_key_id(OLD)) == 16
    assert sealing_key_id(OLD) not in OLD.hex()
