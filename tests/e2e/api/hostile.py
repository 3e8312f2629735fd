"""Values no client should send, as JSON text: each stands in the place of one field's value."""

from __future__ import annotations

import json
from collections.abc import Iterator

Named = tuple[str, str]


def _quoted(*texts: str) -> list[str]:
    return [json.dumps(text) for text in texts]


# What no field takes.
_NO_TEXT: dict[str, list[str]] = {
    "non-finite literal": ["NaN", "Infinity", "-Infinity", "1e400", "-1e400"],
    "huge exponent": ["1E+1000000", "1e999999999999999999", "1E-1000000"],
    "a number": ["0", "-0", "1", "0.1", "1.5e3", "123456789.123456789012345678", "-1"],
    "a large number": [str(2**31), str(2**63), str(-(2**63)), str(10**30), "9" * 5000],
    "another type": ["true", "false", "[]", "{}", '["1"]', '{"value": "1"}', "[[[[1]]]]"],
    "no JSON": ["'1'", "0x1", "01", "+1", ".5", "1.", "1_000", "undefined", "None", '"', '"\\x41"'],
    "raw control": ['"a\x00b"', '"a\nb"', '"\x1b[31m"'],
    "lone surrogate": ['"\\ud800"', '"a\\udfff"', '["\\ud800"]', '{"\\ud800": 1}'],
    "control": [r'"a\u0000b"', r'"\u0000"', r'"a\u0007"', r'"a\u001b[31mb"', r'"a\r\nb: c"'],
}
# What no field takes but a password, which may hold whatever can be typed.
_NO_NAME: dict[str, list[str]] = {
    "bidi and invisible": [
        r'"a\u202eb"',
        r'"\u2066a\u2069"',
        r'"a\u200bb"',
        r'"\ufeffa"',
        r'"a\u2028b"',
        r'"\ue000"',
    ],
    "combining flood": ['"e' + r"\u0301" * 60 + '"', '"Z' + r"\u0353" * 20 + '"'],
    "blanks": _quoted("", " ", " a", "a ", "\u00a0a", "\u3000"),
    "long": ['"' + "a" * 513 + '"', '"' + "1" * 5000 + '"', '"' + "a" * 100_000 + '"'],
}
# What is text well enough, for a field that takes any.
_TEXT: dict[str, list[str]] = {
    "non-finite text": _quoted("NaN", "sNaN", "Infinity", "-inf", "nan"),
    "exponent": _quoted("1E+1000000", "1e5", "1E-1000000", "1e999999999999999999"),
    "digits": _quoted("1" * 40, "1." + "1" * 19, "1" * 21, "0." + "0" * 30 + "1"),
    "another script": [r'"\u0661\u0662"', r'"\uff11\uff12"', r'"\u096b"', r'"\u00b2"', r'"\u2460"'],
    "another spelling": _quoted(
        "1_000", "+1", "-1", "-0", "0x1", "1,5", "1.", ".5", "00", "01", "1.5.5", "1 000", "1/2",
    ),
    "injection": _quoted(
        "'; DROP TABLE orders; --", "1 OR 1=1", "${7*7}", "{{7*7}}", "{0.__class__}", "%s%n",
        "$(reboot)", "=cmd|' /C calc'!A0", "<script>alert(1)</script>", "../../etc/passwd",
        '") UNION SELECT 1--', "\\u0000", "%00", "null", "undefined",
    ),
    "dates": _quoted(
        "0000-01-01T00:00:00Z", "9999-12-31T24:00:00Z", "2016-12-31T23:59:60Z",
        "2026-01-01T00:00:00+25:00", "1000000000000000000",
    ),
    "nearly right": _quoted(
        "BUY ", "Buy", "buy\u200b", "aapl", "AAPL/", "/USD", "A" * 11, "usd", "U", "US D", "GTC",
        "0199A1B2-0000-7000-8000-000000000002", "0199a1b2000070008000000000000002",
        "{0199a1b2-0000-7000-8000-000000000002}", "a@b@c", "@example.org", "a@", "a b@example.org",
        "a@-example.org", "a@example..org", "ädä@example.org", '"a b"@example.org', "a@[127.0.0.1]",
    ),
}  # fmt: skip


def _all(*groups: dict[str, list[str]]) -> Iterator[Named]:
    for group in groups:
        for name, values in group.items():
            for value in values:
                yield name, value


def for_words() -> list[Named]:
    """Return what a field with a strict form refuses: an amount, a symbol, a side, an address."""
    return list(_all(_NO_TEXT, _NO_NAME, _TEXT))


def for_names() -> list[Named]:
    """Return what a field for a name refuses."""
    return list(_all(_NO_TEXT, _NO_NAME))


def for_passwords() -> list[Named]:
    """Return what a new password must not be."""
    too_long = [("long", value) for value in _NO_NAME["long"]]
    return [*_all(_NO_TEXT), *too_long, ("short", '"Sh0rt!pass"'), ("empty", '""')]


# What a query or a path may be made of: raw, to be put after `?name=` or into the path.
RAW_TEXT = [
    "", "%00", "a%00b", "%ff%fe", "%ed%a0%80", "%0d%0aX-Evil:1", "%1b[31m", "%e2%80%ae", "%20",
    "NaN", "1e400", "-1", "0", "1.5", "+1", "%2b1", "1_000", "%201", "0x10", "true", "null", "[]",
    str(2**31), str(2**63), str(10**30), "9" * 5000, "%d9%a1", "%ef%bc%91", "'%20OR%201=1--",
    "${7*7}", "{{7*7}}", "<script>", "..%2f..%2fetc", "a;b", "a" * 8000, "BUY", "APPROVED", "aapl",
    "0199A1B2-0000-7000-8000-000000000002", "0199a1b2000070008000000000000002",
    "0000-01-01T00:00:00Z", "9999-12-31T24:00:00Z", "2016-12-31T23:59:60Z", "2026-01-01",
    "2026-01-01T00:00:00", "2026-01-01T00:00:00%2b25:00", "2026-13-01T00:00:00Z",
    "0001-01-01T00:00:00%2b14:00", "9999-12-31T23:59:59-14:00", "1000000000000000000",
    "2026-01-01T00:00:00.1234567Z", "2026-01-01t00:00:00z", "2026-W01-1T00:00:00Z",
]  # fmt: skip
