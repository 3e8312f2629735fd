from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.users.email import email_address


def test_an_address_has_one_form() -> None:
    assert email_address("Ada@Example.ORG") == "ada@example.org"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ada",
        "ada@",
        "@example.org",
        "a b@example.org",
        "ada@exa_mple.org",
        "ädä@example.org",
        "ada@example.org\n",
        "ada@example.org\x00",
        "a" * 65 + "@example.org",
        "a@" + "b." * 130 + "c",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidValueError, match="e-mail"):
        email_address(text)


@given(st.text(max_size=40) | st.emails())
def test_an_address_read_twice_is_the_same(text: str) -> None:
    try:
        address = email_address(text)
    except InvalidValueError:
        return
    assert email_address(address) == address
