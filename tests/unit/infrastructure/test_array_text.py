"""Columns as PostgreSQL array text; the contract suites send them to a real server."""

from __future__ import annotations

import pytest

from traderbot.infrastructure.persistence.statements import columns_of


def test_rows_become_columns_in_the_text_of_arrays() -> None:
    rows = [("a", 1, None, True, b"\x00\xff"), ('say "hi" \\', -2, "NULL", False, b"")]
    assert columns_of(rows) == [
        '{"a","say \\"hi\\" \\\\"}',
        "{1,-2}",
        '{NULL,"NULL"}',
        "{t,f}",
        '{"\\\\x00ff","\\\\x"}',
    ]


def test_what_no_column_can_hold_is_named() -> None:
    with pytest.raises(TypeError, match="float"):
        columns_of([(0.5,)])
