from __future__ import annotations

import decimal
from decimal import Context, Decimal, Rounded, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traderbot.domain.shared.decimals import (
    EXACT,
    ZERO,
    add,
    canonical,
    exact,
    floor_to,
    multiply,
    negate,
    plain,
    share,
    subtract,
)
from traderbot.domain.shared.errors import InvalidValueError

LARGEST = "99999999999999999999.999999999999999999"
SMALLEST = "0.000000000000000001"

# Everything the columns can hold, and the smaller numbers people trade with.
numbers = st.integers(-(10**38) + 1, 10**38 - 1).map(
    lambda units: Decimal(units).scaleb(-18, EXACT)
)
amounts = st.integers(0, 10**16).map(lambda units: Decimal(units).scaleb(-8))


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param("NaN", id="not a number"),
        pytest.param("sNaN", id="signalling not a number"),
        pytest.param("Infinity", id="infinity"),
        pytest.param("-inf", id="minus infinity"),
        pytest.param("1E+1000000", id="huge exponent"),
        pytest.param("1e999999999999999999", id="exponent beyond decimal"),
        pytest.param("1E-1000000", id="tiny exponent"),
        pytest.param("1e2", id="small exponent"),
        pytest.param("1" * 40, id="40 digits"),
        pytest.param("1" * 21, id="21 digits before the point"),
        pytest.param("0." + "1" * 19, id="19 places"),
        pytest.param("1.0000000000000000000", id="19 places of nothing"),
        pytest.param("9" * 5000, id="5000 digits"),
        pytest.param("١٢٣", id="arabic digits"),
        pytest.param("１２３", id="full-width digits"),
        pytest.param("१२", id="devanagari digits"),
        pytest.param("1_000", id="underscore"),
        pytest.param(" 1 ", id="blanks around"),
        pytest.param("1 000", id="blank inside"),
        pytest.param("1\u00a0000", id="no-break space"),
        pytest.param("1\n", id="newline at the end"),
        pytest.param("\t1", id="tab"),
        pytest.param("+1", id="plus sign"),
        pytest.param("--1", id="two signs"),
        pytest.param("\u22121", id="minus sign that is no hyphen"),
        pytest.param("0x1", id="hexadecimal"),
        pytest.param("1,5", id="comma"),
        pytest.param("1,000.00", id="thousands"),
        pytest.param("01", id="leading zero"),
        pytest.param(".5", id="nothing before the point"),
        pytest.param("5.", id="nothing after the point"),
        pytest.param("1.2.3", id="two points"),
        pytest.param("", id="empty"),
        pytest.param("-", id="only a sign"),
        pytest.param("one", id="a word"),
        pytest.param("\ud800", id="lone surrogate"),
        pytest.param("1\ud800", id="surrogate after a digit"),
        pytest.param("1\x00", id="NUL"),
        pytest.param("\u202e1", id="right-to-left override"),
        pytest.param("1" + "\u0301" * 1000, id="combining flood"),
        pytest.param("a" * 2**20, id="one mebibyte"),
        pytest.param("{0.__class__}", id="template"),
        pytest.param("%n%s", id="format"),
    ],
)
def test_a_text_that_is_no_plain_decimal_is_refused_in_a_short_printable_sentence(
    wrong: str,
) -> None:
    with pytest.raises(InvalidValueError) as refusal:
        exact(wrong)
    sentence = str(refusal.value)
    assert len(sentence) < 250
    assert sentence.encode("utf-8").decode("utf-8").isprintable()


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(0.1, id="float"),
        pytest.param(1.0, id="whole float"),
        pytest.param(float("nan"), id="float not a number"),
        pytest.param(float("inf"), id="float infinity"),
        pytest.param(True, id="true"),
        pytest.param(False, id="false"),
        pytest.param(None, id="none"),
        pytest.param(b"1", id="bytes"),
        pytest.param([1], id="list"),
        pytest.param({"value": 1}, id="object"),
        pytest.param(Fraction(1, 3), id="fraction"),
        pytest.param(complex(1, 0), id="complex"),
    ],
)
def test_anything_but_text_int_and_decimal_is_refused(wrong: object) -> None:
    with pytest.raises(InvalidValueError, match="never"):
        exact(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(Decimal("NaN"), id="not a number"),
        pytest.param(Decimal("sNaN"), id="signalling not a number"),
        pytest.param(Decimal("Infinity"), id="infinity"),
        pytest.param(Decimal("-Infinity"), id="minus infinity"),
        pytest.param(Decimal("1E+20"), id="21 digits in an exponent"),
        pytest.param(Decimal("-1E+20"), id="21 digits below zero"),
        pytest.param(Decimal("1E+1000000"), id="huge exponent"),
        pytest.param(Decimal("-1E+1000000"), id="huge negative"),
        pytest.param(Decimal("1E-19"), id="19 places"),
        pytest.param(Decimal("1E-1000000"), id="tiny exponent"),
        pytest.param(Decimal("1" * 40), id="40 digits"),
        pytest.param(Decimal("1." + "0" * 18 + "1"), id="one in the 19th place"),
        pytest.param(Decimal(10) ** 20, id="one too many"),
        pytest.param(10**20, id="int one too many"),
        pytest.param(-(10**20), id="negative int one too many"),
        pytest.param(10**30, id="int of 31 digits"),
        pytest.param(10**5000, id="int of 5001 digits"),
    ],
)
def test_a_number_that_does_not_fit_38_digits_is_refused(wrong: Decimal | int) -> None:
    with pytest.raises(InvalidValueError):
        exact(wrong)


@pytest.mark.parametrize(
    ("given_value", "text"),
    [
        ("0", "0"),
        ("-0", "0"),
        ("-0.000", "0"),
        ("1.50", "1.5"),
        ("1.000000000000000000", "1"),
        ("100", "100"),
        ("-100.0", "-100"),
        (SMALLEST, SMALLEST),
        (LARGEST, LARGEST),
        ("-" + LARGEST, "-" + LARGEST),
        (2**31, "2147483648"),
        (2**63, "9223372036854775808"),
        (-1, "-1"),
        (0, "0"),
        (10**20 - 1, "9" * 20),
        (Decimal("1E+2"), "100"),
        (Decimal("1E-8"), "0.00000001"),
        (Decimal("-0"), "0"),
        (Decimal("-0E-30"), "0"),
        (Decimal("0E+30"), "0"),
        (Decimal("1.50" + "0" * 60), "1.5"),
    ],
)
def test_an_exact_value_keeps_every_digit_and_is_written_plainly(
    given_value: Decimal | int | str, text: str
) -> None:
    value = exact(given_value)
    assert plain(value) == text
    assert value == Decimal(given_value)


@pytest.mark.parametrize(
    "spellings",
    [
        ["1.5", "1.50", "1.500000000000000000", Decimal("1.5"), Decimal("15E-1")],
        ["100", "100.0", 100, Decimal("1E+2"), Decimal("100.000")],
        ["0", "-0", "0.0", 0, Decimal("-0"), Decimal("0E+9"), Decimal("0E-9")],
    ],
)
def test_equal_values_have_one_form(spellings: list[Decimal | int | str]) -> None:
    forms = {(exact(spelling).as_tuple(), plain(exact(spelling))) for spelling in spellings}
    assert len(forms) == 1


@given(numbers)
def test_text_there_and_back_is_identity(number: Decimal) -> None:
    value = exact(number)
    assert exact(plain(value)).as_tuple() == value.as_tuple()
    assert value == number


@given(numbers)
def test_no_text_has_an_exponent_a_trailing_zero_or_a_negative_zero(number: Decimal) -> None:
    text = plain(number)
    assert "E" not in text
    assert text != "-0"
    assert not ("." in text and text.endswith(("0", ".")))
    assert plain(canonical(number)) == text


@given(numbers)
def test_the_canonical_form_of_the_canonical_form_is_itself(number: Decimal) -> None:
    assert canonical(canonical(number)).as_tuple() == canonical(number).as_tuple()


@pytest.mark.parametrize(
    ("value", "text"),
    [("1.50", "1.5"), ("100.000", "100"), ("100", "100"), ("-0.00", "0"), ("1E-8", "0.00000001")],
)
def test_the_trailing_zeros_of_a_sum_are_not_written(value: str, text: str) -> None:
    assert plain(Decimal(value)) == text
    assert plain(add(Decimal(value), Decimal("0.000"))) == text


@given(numbers, numbers)
def test_sum_and_difference_are_exact(left: Decimal, right: Decimal) -> None:
    assert Fraction(add(left, right)) == Fraction(left) + Fraction(right)
    assert Fraction(subtract(left, right)) == Fraction(left) - Fraction(right)
    assert plain(subtract(add(left, right), right)) == plain(left)
    assert plain(negate(left)) == plain(subtract(ZERO, left))
    assert negate(negate(left)) == left


def _rounded(value: Fraction) -> Fraction:
    """Return the slow and obvious rounding: half to even at the 18th place."""
    return Fraction(round(value * 10**18), 10**18)


@given(numbers, numbers)
def test_a_product_is_rounded_half_to_even_at_the_18th_place(left: Decimal, right: Decimal) -> None:
    assert Fraction(multiply(left, right)) == _rounded(Fraction(left) * Fraction(right))


@pytest.mark.parametrize(
    ("left", "right", "product"),
    [
        (SMALLEST, "0.5", "0"),
        ("0.000000000000000003", "0.5", "0.000000000000000002"),
        ("0.000000000000000001", "0.50000001", SMALLEST),
        ("-0.000000000000000003", "0.5", "-0.000000000000000002"),
        (SMALLEST, "-0.1", "0"),
        (LARGEST, "1", LARGEST),
    ],
)
def test_a_product_at_the_last_place(left: str, right: str, product: str) -> None:
    assert plain(multiply(Decimal(left), Decimal(right))) == product


@given(amounts, amounts, st.integers(1, 10**16).map(lambda units: Decimal(units).scaleb(-8)))
def test_a_share_is_the_rounded_quotient(whole: Decimal, part: Decimal, of: Decimal) -> None:
    assert Fraction(share(whole, part, of)) == _rounded(
        Fraction(whole) * Fraction(part) / Fraction(of)
    )


@given(
    whole=numbers,
    parts=st.lists(
        st.integers(1, 10**16).map(lambda units: Decimal(units).scaleb(-8)),
        min_size=1,
        max_size=12,
    ),
)
def test_taking_shares_until_nothing_is_left_takes_exactly_the_whole(
    whole: Decimal, parts: list[Decimal]
) -> None:
    left, of, taken = canonical(whole), ZERO, ZERO
    for part in parts:
        of = add(of, part)
    for part in parts:
        piece = share(left, part, of)
        assert abs(Fraction(piece)) <= abs(Fraction(left))
        left, of, taken = subtract(left, piece), subtract(of, part), add(taken, piece)
    assert of == 0
    assert left == 0
    assert plain(taken) == plain(whole)


def test_an_early_share_leaves_its_rounding_to_the_last() -> None:
    first = share(Decimal(10), Decimal(1), Decimal(3))
    second = share(subtract(Decimal(10), first), Decimal(1), Decimal(2))
    third = share(subtract(subtract(Decimal(10), first), second), Decimal(1), Decimal(1))
    assert [plain(piece) for piece in (first, second, third)] == [
        "3.333333333333333333",
        "3.333333333333333334",
        "3.333333333333333333",
    ]


@pytest.mark.parametrize(
    ("value", "step", "floored"),
    [
        ("1.9", "1", "1"),
        ("2", "1", "2"),
        ("0.99999999", "1", "0"),
        ("0.123456789", "0.00000001", "0.12345678"),
        ("7", "2.5", "5"),
        (LARGEST, SMALLEST, LARGEST),
    ],
)
def test_flooring_never_goes_above(value: str, step: str, floored: str) -> None:
    assert plain(floor_to(Decimal(value), Decimal(step))) == floored


# 5 digits, rounded up, and an alarm when a digit is lost: no sum below may notice any of it.
FOREIGN = decimal.Context(
    prec=5,
    rounding=decimal.ROUND_UP,
    traps=[decimal.Inexact, decimal.InvalidOperation, decimal.FloatOperation],
)


@given(numbers, numbers, amounts, st.integers(1, 10**16))
def test_no_result_depends_on_the_ambient_decimal_context(
    left: Decimal, right: Decimal, whole: Decimal, units: int
) -> None:
    of = Decimal(units).scaleb(-8)

    def everything() -> list[tuple[object, str]]:
        results = [
            exact(left),
            exact(plain(right)),
            canonical(left),
            add(left, right),
            subtract(left, right),
            negate(left),
            multiply(left, right),
            share(whole, whole, of),
            share(whole, of, exact("123456789.12345678")),
            floor_to(whole, of),
        ]
        return [(result.as_tuple(), plain(result)) for result in results]

    expected = everything()
    with decimal.localcontext(FOREIGN):
        assert everything() == expected


def test_the_ambient_context_would_have_rounded() -> None:
    with decimal.localcontext(decimal.Context(prec=5)):
        assert Decimal("1.23456789") * 1 == Decimal("1.2346")
        assert plain(multiply(exact("1.23456789"), exact("1"))) == "1.23456789"


@pytest.mark.parametrize("wrong", [Decimal("1." + "0" * 79 + "1"), Decimal("1E-2000000")])
def test_digits_are_never_dropped(wrong: Decimal) -> None:
    with pytest.raises(InvalidValueError):
        exact(wrong)


def test_whole_numbers_are_read_whatever_the_ambient_context() -> None:
    with localcontext(Context(prec=5, traps=[Rounded])):
        assert plain(exact(10**6)) == "1000000"
