from __future__ import annotations

import pytest

from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.ids import uuid_text

GOOD = "0192f0c1-7a3e-7b52-8c11-2f3d4e5a6b7c"


def test_a_uuid_in_canonical_form_is_an_id() -> None:
    assert uuid_text(GOOD) == GOOD


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "1",
        GOOD.upper(),
        GOOD.replace("-", ""),
        "{" + GOOD + "}",
        "urn:uuid:" + GOOD,
        GOOD + "\n",
        " " + GOOD,
        GOOD[:-1],
        GOOD + "0",
        GOOD.replace("0", "٠"),
        GOOD[:-1] + "g",
        GOOD[:-1] + "\x00",
        GOOD[:-1] + "\ud800",
        "../../etc/passwd",
        "x" * 2**20,
    ],
    ids=lambda text: ascii(text)[:40],
)
def test_any_other_text_is_no_id(wrong: str) -> None:
    with pytest.raises(InvalidValueError) as refusal:
        uuid_text(wrong)
    sentence = str(refusal.value)
    assert sentence.isprintable()
    assert len(sentence) < 200


@pytest.mark.parametrize("wrong", [None, 1, True, GOOD.encode(), 2**63])
def test_what_is_no_text_is_no_id(wrong: object) -> None:
    with pytest.raises(InvalidValueError):
        uuid_text(wrong)  # type: ignore[arg-type]
