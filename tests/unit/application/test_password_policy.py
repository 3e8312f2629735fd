"""The policy for new passwords: long enough, not endless, and possible to type again."""

import pytest

from traderbot.application.password_policy import WeakPasswordError, check_password_policy


@pytest.mark.parametrize(
    "password",
    [
        "a" * 15,
        "a" * 128,
        "four words in a row",
        "пароль с пробелами",
        "密码密码密码密码密码密码密码密码",
        "\U0001f511" * 15,
        "\U0001f469\u200d\U0001f4bb and some more words",  # a joined emoji is not a control
        "e\u0301" * 128,  # 256 code points, 128 characters
        "\u03b1\u0313\u0300\u0345" * 128,  # four code points make one: the most NFC ever joins
    ],
)
def test_a_password_of_fifteen_to_128_characters_is_accepted(password: str) -> None:
    check_password_policy(password)


@pytest.mark.parametrize("password", ["", "short", "a" * 14, "e\u0301" * 14, "\U0001f511" * 14])
def test_a_short_password_is_refused_with_its_length(password: str) -> None:
    with pytest.raises(WeakPasswordError, match=r"has \d+ characters; at least 15"):
        check_password_policy(password)


@pytest.mark.parametrize("length", [129, 512, 513, 10**6])
def test_a_long_password_is_refused(length: int) -> None:
    with pytest.raises(WeakPasswordError, match="at most 128"):
        check_password_policy("a" * length)


@pytest.mark.parametrize("odd", ["\x00", "\n", "\r", "\t", "\x1b", "\x7f", "\x85", "\ud800"])
def test_a_character_nobody_types_is_refused(odd: str) -> None:
    with pytest.raises(WeakPasswordError, match="cannot be typed"):
        check_password_policy(f"four words {odd} in a row")


@pytest.mark.parametrize("password", ["hunter2", "hunter2" * 100, "hunter2\x00 and some more"])
def test_the_message_never_quotes_the_password(password: str) -> None:
    with pytest.raises(WeakPasswordError) as caught:
        check_password_policy(password)
    assert "hunter2" not in str(caught.value)
