"""`PasslibPasswordHasher`, with figures far below the real ones so that hashing takes no time."""

import re

import pytest

from traderbot.application.ports.password_hasher import Verification
from traderbot.infrastructure.security.passwords import PasslibPasswordHasher

PARAMETERS = re.compile(r"\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$")
WRONG = Verification(ok=False)


def a_hasher(**changes: int) -> PasslibPasswordHasher:
    return PasslibPasswordHasher(**({"memory_kib": 64, "passes": 1, "lanes": 1} | changes))


def test_a_password_fits_its_own_hash_and_no_other() -> None:
    hasher = a_hasher()
    stored = hasher.hash("correct horse battery staple")
    assert hasher.verify("correct horse battery staple", stored) == Verification(ok=True)
    assert hasher.verify("correct horse battery stapler", stored) == WRONG
    assert hasher.verify("", stored) == WRONG


def test_the_stored_form_is_argon2id_with_at_least_19_mebibytes_and_two_passes() -> None:
    parameters = PARAMETERS.match(PasslibPasswordHasher().hash("correct horse battery staple"))
    assert parameters is not None
    assert tuple(map(int, parameters.groups())) == (19_456, 2, 1)


def test_the_same_password_is_stored_differently_each_time() -> None:
    hasher = a_hasher()
    assert len({hasher.hash("correct horse battery staple") for _ in range(10)}) == 10


@pytest.mark.parametrize("length", [64, 73, 128, 1000, 4096])
def test_every_character_of_a_long_password_counts(length: int) -> None:
    # bcrypt would cut at 72 bytes, and the two would be one.
    hasher = a_hasher()
    stem = "x" * (length - 1)
    stored = hasher.hash(f"{stem}a")
    assert hasher.verify(f"{stem}a", stored).ok
    assert not hasher.verify(f"{stem}b", stored).ok


def test_a_nul_cuts_nothing_off() -> None:
    hasher = a_hasher()
    stored = hasher.hash("before\x00after")
    assert hasher.verify("before\x00after", stored).ok
    assert not hasher.verify("before\x00", stored).ok
    assert not hasher.verify("before", stored).ok


@pytest.mark.parametrize(
    "password", ["пароль с пробелами", "密码密码密码密码密码", "🔑" * 20, "é ñ ü å"]
)
def test_passwords_may_be_in_any_script(password: str) -> None:
    hasher = a_hasher()
    stored = hasher.hash(password)
    assert hasher.verify(password, stored).ok
    assert not hasher.verify(password[:-1], stored).ok


def test_a_letter_is_the_same_whether_a_keyboard_sends_it_as_one_code_point_or_two() -> None:
    hasher = a_hasher()
    composed, decomposed = "caf\u00e9 au lait \u00e0 Paris", "cafe\u0301 au lait a\u0300 Paris"
    assert composed != decomposed
    assert hasher.verify(decomposed, hasher.hash(composed)).ok
    assert hasher.verify(composed, hasher.hash(decomposed)).ok


def test_letters_that_only_look_alike_stay_different() -> None:
    hasher = a_hasher()
    assert not hasher.verify("\ufb01nal passphrase", hasher.hash("final passphrase")).ok


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "x",
        "correct horse battery staple",
        "!",
        "$2b$12$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234",
        "$argon2id$",
        "$argon2id$v=19$m=64,t=1,p=1$AAAA$AAAA",
        "$argon2id$v=99$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$" + "A" * 43,
        "$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$" + "A" * 43,
        "$argon2id$v=19$m=-1,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$" + "A" * 43,
        "\ud800",
        "\x00",
    ],
)
def test_a_stored_hash_nobody_can_read_is_a_wrong_password(stored: str) -> None:
    assert a_hasher().verify("correct horse battery staple", stored) == WRONG


@pytest.mark.parametrize("password", ["x" * 4097, "x" * 100_000, "\ud800" * 20])
def test_a_password_that_cannot_be_hashed_is_wrong_and_is_refused_when_it_is_new(
    password: str,
) -> None:
    hasher = a_hasher()
    assert hasher.verify(password, hasher.hash("correct horse battery staple")) == WRONG
    with pytest.raises(ValueError, match=r"maximum|surrogates"):
        hasher.hash(password)


def test_what_is_refused_unhashed_takes_the_time_of_a_hash(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hasher = a_hasher()
    stored = hasher.hash("correct horse battery staple")
    spent: list[str] = []
    monkeypatch.setattr(hasher, "dummy_verify", lambda: spent.append("once"))
    hasher.verify("x" * 5000, stored)
    hasher.verify("correct horse battery staple", "unreadable")
    assert spent == ["once", "once"]
    hasher.verify("wrong", stored)
    assert spent == ["once", "once"]  # argon2 was busy already


@pytest.mark.parametrize("stronger", [{"memory_kib": 128}, {"passes": 2}, {"lanes": 2}])
def test_a_hash_is_renewed_at_login_once_the_parameters_rise(stronger: dict[str, int]) -> None:
    before, after = a_hasher(memory_kib=64), a_hasher(**stronger)
    stored = before.hash("correct horse battery staple")
    answer = after.verify("correct horse battery staple", stored)
    assert answer.ok
    assert answer.new_hash is not None
    assert after.verify("correct horse battery staple", answer.new_hash) == Verification(ok=True)
    assert before.verify("correct horse battery staple", stored) == Verification(ok=True)


def test_a_wrong_password_renews_nothing() -> None:
    stored = a_hasher().hash("correct horse battery staple")
    assert a_hasher(passes=2).verify("wrong", stored) == WRONG


def test_an_unknown_user_costs_what_a_known_one_costs() -> None:
    # Time itself is not measured here: on a shared machine that would be a test of the machine.
    hasher = a_hasher(memory_kib=80, passes=2)
    real = PARAMETERS.match(hasher.hash("correct horse battery staple"))
    dummy = PARAMETERS.match(hasher._dummy)
    assert real is not None
    assert dummy is not None
    assert real.groups() == dummy.groups()
    assert len(hasher.hash("x")) == len(hasher._dummy)
    hasher.dummy_verify()


def test_no_guess_matches_the_hash_of_nobody() -> None:
    hasher = a_hasher()
    for guess in ("", "\x00" * 32, "dummy", "secret"):
        assert hasher.verify(guess, hasher._dummy) == WRONG


def test_a_new_hash_is_not_shown_when_the_answer_is_printed() -> None:
    answer = a_hasher(passes=2).verify("a", a_hasher().hash("a"))
    assert answer.new_hash is not None
    assert answer.new_hash not in repr(answer)
