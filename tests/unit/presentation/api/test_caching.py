from __future__ import annotations

import pytest
from starlette.requests import Request

from traderbot.presentation.api.caching import FOR_EVER, etag_of, is_kept, kept_as, not_modified

ETAG = etag_of("one", 2, None)


def _request(*tags: str) -> Request:
    headers = [(b"if-none-match", tag.encode("latin-1")) for tag in tags]
    return Request({"type": "http", "headers": headers})


def test_a_tag_follows_from_its_parts_and_where_they_end() -> None:
    assert etag_of("one", 2, None) == ETAG
    others = [etag_of("one", 2), etag_of("one2", None), etag_of("one", 3, None), etag_of()]
    assert len({ETAG, *others}) == 5
    assert etag_of("a", "1:b") != etag_of("a1:", "b")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ([], False),
        ([""], False),
        ([ETAG], True),
        ([f"W/{ETAG}"], True),
        ([f'"other",  {ETAG}'], True),
        (['"other"', ETAG], True),
        ([ETAG.strip('"')], False),
        ([ETAG[:-2] + '"'], False),
        (["*"], False),  # our answers always exist: it would keep a client from ever seeing one
        (['"x",' * 1000 + ETAG], False),
    ],
)
def test_an_answer_is_kept_if_its_tag_is_named(given: list[str], kept: bool) -> None:
    assert is_kept(_request(*given), ETAG) is kept


def test_nobody_else_may_keep_it_and_none_who_asks_with_another_token() -> None:
    for control in (FOR_EVER, "private, no-cache"):
        headers = kept_as(ETAG, control)
        assert headers["Cache-Control"].startswith("private, ")
        assert "Authorization" in headers["Vary"]
        answer = not_modified(ETAG, control)
        assert (answer.status_code, answer.body) == (304, b"")
        assert answer.headers["ETag"] == ETAG
