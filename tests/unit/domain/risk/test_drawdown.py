from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import ROUND_UP, Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import NOON, after
from traderbot.domain.market.instrument import default_instrument
from traderbot.domain.risk.drawdown import (
    Because,
    DrawdownEvent,
    DrawdownWatch,
    LatchReleased,
    SizeSteppedDown,
    SizeSteppedUp,
)
from traderbot.domain.risk.drawdown_policy import DrawdownPolicy, DrawdownStep
from traderbot.domain.risk.sizing.sized_quantity import SizedQuantity
from traderbot.domain.shared.errors import (
    CorruptHistoryError,
    CurrencyMismatchError,
    InvalidValueError,
)
from traderbot.domain.shared.values import Money, Quantity, symbol

IBM = default_instrument(symbol("IBM"))


def _usd(amount: str | Decimal) -> Money:
    return Money(amount, "USD")


def _day(number: float) -> datetime:
    return NOON + timedelta(days=number)


def _began(equity: str = "100", policy: DrawdownPolicy | None = None) -> DrawdownWatch:
    began = DrawdownWatch.start(_usd(equity), policy or DrawdownPolicy(), at=NOON)
    return DrawdownWatch.from_events(began)


def _seen(watch: DrawdownWatch, *days: tuple[float, str]) -> DrawdownWatch:
    for day, equity in days:
        watch = after(watch, watch.observe(_usd(equity), at=_day(day)))
    return watch


def _levels(watch: DrawdownWatch, *days: tuple[float, str]) -> list[int]:
    levels = []
    for day, equity in days:
        watch = _seen(watch, (day, equity))
        levels.append(watch.level)
    return levels


# --- down -------------------------------------------------------------------------------------


def test_the_size_steps_down_at_five_ten_and_fifteen_percent() -> None:
    watch = _began()
    factors = []
    for equity in ("100", "95.000000000000000001", "95", "90.1", "90", "85.1", "85"):
        watch = _seen(watch, (0, equity))
        factors.append(str(watch.factor))
    assert factors == ["1", "1", "0.75", "0.75", "0.5", "0.5", "0"]
    assert watch.latched


def test_a_fall_through_all_steps_takes_them_in_one_go() -> None:
    watch = _began()
    events = watch.observe(_usd("80"), at=_day(1))
    assert events[1:] == (
        SizeSteppedDown(
            at=_day(1), drawdown=Decimal("0.2"), level=3, factor=Decimal(0), latched=True
        ),
    )


def test_the_drawdown_is_measured_from_the_highest_equity() -> None:
    watch = _seen(_began(), (1, "200"), (2, "190"))
    assert (watch.drawdown, watch.level) == (Decimal("0.05"), 1)


# --- up ---------------------------------------------------------------------------------------


def test_half_of_the_band_has_to_be_recovered_for_one_step_up() -> None:
    fell = _seen(_began(), (1, "90"))
    assert _levels(fell, (2, "92.4"), (3, "92.5"), (4, "97.4"), (5, "97.5")) == [2, 1, 1, 0]


def test_one_day_takes_one_step_up_at_most() -> None:
    fell = _seen(_began(), (1, "90"))
    assert _levels(fell, (2, "100"), (2.1, "101"), (2.4, "102"), (3, "102")) == [1, 1, 1, 0]


def test_five_days_in_a_row_that_closed_higher_take_one_step_up() -> None:
    fell = _seen(_began(), (1, "94"))
    days = [(2 + i, f"95.{i + 1}") for i in range(7)]
    # The sixth day knows that five before it closed higher: 94 to 95.1 … 95.5.
    assert _levels(fell, *days) == [1, 1, 1, 1, 1, 0, 0]
    events = _seen(fell, *days[:5]).observe(_usd("95.6"), at=_day(7))
    assert isinstance(events[1], SizeSteppedUp)
    assert events[1].because is Because.PROFITABLE_DAYS


def test_a_day_that_did_not_close_higher_begins_the_count_again() -> None:
    fell = _seen(_began(), (1, "94"))
    days = [(2, "95.1"), (3, "95.2"), (4, "95.3"), (5, "95.3")]
    days += [(6 + i, f"95.{i + 4}") for i in range(6)]
    assert _levels(fell, *days) == [1] * 9 + [0]


def test_profitable_days_do_not_lift_what_the_drawdown_still_asks_for() -> None:
    fell = _seen(_began(), (1, "90"))
    low = _seen(fell, *[(2 + i, f"89.{i + 1}") for i in range(8)])  # higher each day, below 90
    assert (low.profitable_days, low.level) == (6, 2)


def test_within_a_band_nothing_flaps() -> None:
    fell = _seen(_began(), (1, "95"))
    swings = [(2 + i / 10, "95" if i % 2 else "97.49") for i in range(9)]
    assert _levels(fell, *swings) == [1] * 9


# --- latched ----------------------------------------------------------------------------------


def _latched() -> DrawdownWatch:
    return _seen(_began(), (1, "84"))


def test_a_latched_step_stays_whatever_the_equity_does() -> None:
    watch = _seen(_latched(), *[(2 + i, str(90 + 5 * i)) for i in range(20)])
    assert (watch.level, watch.factor, watch.latched) == (3, Decimal(0), True)


def test_a_person_releases_it_and_the_step_before_has_to_be_earned() -> None:
    watch = _latched()
    events = watch.release(by="ada", reason="the feed was wrong", at=_day(2))
    assert events == (
        LatchReleased(
            at=_day(2),
            by="ada",
            reason="the feed was wrong",
            level=2,
            peak=_usd("93.333333333333333334"),
        ),
    )
    watch = after(watch, events)
    assert (watch.level, watch.factor, watch.latched) == (2, Decimal("0.5"), False)
    assert watch.drawdown == Decimal("0.1")
    assert _levels(watch, (3, "84"), (4, "85"), (5, "86.4")) == [2, 2, 1]
    assert _seen(watch, (3, "79.3")).latched  # 15 % below the new peak


def test_a_release_never_raises_the_peak() -> None:
    watch = _seen(_latched(), (2, "99"))
    watch = after(watch, watch.release(by="ada", reason="recovered", at=_day(2)))
    assert watch.peak == _usd("100")
    assert _levels(watch, (2, "99.1"), (3, "99"), (4, "99")) == [2, 1, 0]


def test_releasing_what_is_not_latched_is_harmless() -> None:
    assert _began().release(by="ada", reason="why not", at=_day(1)) == ()


@pytest.mark.parametrize(
    ("by", "reason"), [("", "x"), ("ada", "  "), ("ada", "a\nb"), ("ada", "x" * 501)]
)
def test_a_release_names_a_person_and_a_reason(by: str, reason: str) -> None:
    with pytest.raises(InvalidValueError, match="printable"):
        _latched().release(by=by, reason=reason, at=_day(2))


def test_with_nothing_left_there_is_nothing_to_release() -> None:
    watch = _seen(_latched(), (2, "0"))
    with pytest.raises(InvalidValueError, match="pay money in first"):
        watch.release(by="ada", reason="x", at=_day(3))


def test_the_shallowest_latched_step_is_the_one_released() -> None:
    steps = tuple(
        DrawdownStep(drawdown=Decimal(at), factor=Decimal(factor), latched=latched)
        for at, factor, latched in [("0.1", "0.5", True), ("0.2", "0.1", False), ("0.3", "0", True)]
    )
    watch = _seen(_began(policy=DrawdownPolicy(steps=steps)), (1, "75"))
    assert (watch.level, watch.latched) == (2, True)
    watch = after(watch, watch.release(by="ada", reason="x", at=_day(2)))
    assert (watch.level, watch.factor, watch.peak) == (0, Decimal(1), _usd("75"))


# --- transfers --------------------------------------------------------------------------------


@pytest.mark.parametrize("amount", ["50", "-30", "0.01"])
def test_money_paid_in_or_out_is_neither_gain_nor_loss(amount: str) -> None:
    watch = _seen(_began(), (1, "93"))
    moved = after(watch, watch.transfer(_usd(amount), at=_day(1)))
    assert moved.drawdown == pytest.approx(Decimal("0.07"), abs=Decimal("1e-15"))
    assert (moved.level, moved.equity) == (1, _usd(Decimal(93) + Decimal(amount)))
    again = _seen(moved, (1, str(moved.equity.amount)))
    assert again.level == 1


def test_a_deposit_makes_no_profitable_day() -> None:
    watch = _seen(_began(), (1, "94"))
    for day in range(2, 12):
        watch = after(watch, watch.transfer(_usd("1"), at=_day(day)))
        watch = _seen(watch, (day, str(watch.equity.amount)))
    assert (watch.profitable_days, watch.level) == (0, 1)


def test_all_paid_out_and_new_money_paid_in_begins_at_a_new_peak() -> None:
    watch = _seen(_began(), (1, "93"))
    watch = after(watch, watch.transfer(_usd("-93"), at=_day(2)))
    assert (watch.drawdown, watch.peak) == (Decimal(0), _usd("0"))
    watch = after(watch, watch.transfer(_usd("40"), at=_day(3)))
    assert (watch.drawdown, watch.peak, watch.level) == (Decimal(0), _usd("40"), 1)


def test_a_transfer_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="transfer of nothing"):
        _began().transfer(_usd("0"), at=_day(1))


# --- sizes ------------------------------------------------------------------------------------


def _scaled(watch: DrawdownWatch, quantity: str = "101") -> SizedQuantity:
    return watch.scale(IBM, SizedQuantity(quantity=Quantity(quantity), arithmetic={"a": "1"}))


def test_sizes_are_made_smaller_in_whole_lots_and_the_arithmetic_tells_why() -> None:
    sized = _scaled(_seen(_began(), (1, "94")))
    assert sized.quantity == Quantity("75")
    assert dict(sized.arithmetic) == {
        "a": "1",
        "drawdown": "0.06",
        "drawdown_level": "1",
        "size_factor": "0.75",
        "quantity_before_drawdown": "101",
        "quantity_by_drawdown": "75.75",
        "lot_size": "1",
        "quantity": "75",
    }


def test_a_factor_of_zero_blocks() -> None:
    assert _scaled(_latched()).blocking_code == "DRAWDOWN_LATCHED"
    stop = DrawdownPolicy(steps=(DrawdownStep(drawdown=Decimal("0.1"), factor=Decimal(0)),))
    assert _scaled(_seen(_began(policy=stop), (1, "85"))).blocking_code == "DRAWDOWN_STOPPED"


def test_what_was_blocked_stays_blocked_for_its_own_reason() -> None:
    blocked = SizedQuantity(blocking_code="NO_EDGE")
    assert _began().scale(IBM, blocked).blocking_code == "NO_EDGE"
    assert _scaled(_seen(_began(), (1, "94")), "1").blocking_code == "BUDGET_BELOW_ONE_LOT"


# --- what is refused --------------------------------------------------------------------------


def test_the_past_is_not_told_again() -> None:
    watch = _seen(_began(), (2, "99"))
    assert watch.observe(_usd("99"), at=_day(2)) == ()
    assert watch.observe(_usd("98"), at=_day(2)) != ()
    with pytest.raises(InvalidValueError, match="tell it in order"):
        watch.observe(_usd("98"), at=_day(1))
    with pytest.raises(InvalidValueError, match="tell it in order"):
        watch.transfer(_usd("98"), at=_day(1))
    with pytest.raises(InvalidValueError, match="tell it in order"):
        watch.release(by="ada", reason="x", at=_day(1))


def test_a_naive_instant_is_refused() -> None:
    naive = datetime(2026, 1, 1)  # noqa: DTZ001 - what is refused
    with pytest.raises(InvalidValueError, match="aware and in UTC"):
        DrawdownWatch.start(_usd("1"), at=naive)
    with pytest.raises(InvalidValueError, match="aware and in UTC"):
        _began().observe(_usd("1"), at=naive)


def test_another_currency_is_refused() -> None:
    with pytest.raises(CurrencyMismatchError):
        _began().observe(Money("100", "EUR"), at=_day(1))
    with pytest.raises(CurrencyMismatchError):
        _began().transfer(Money("100", "EUR"), at=_day(1))


@pytest.mark.parametrize("equity", ["0", "-1"])
def test_a_watch_begins_with_something(equity: str) -> None:
    with pytest.raises(InvalidValueError, match="equity above zero"):
        _began(equity)


def _step(at: str, factor: str) -> DrawdownStep:
    return DrawdownStep(drawdown=Decimal(at), factor=Decimal(factor))


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": ()},
        {"steps": (_step("0.1", "0.5"), _step("0.1", "0.4"))},
        {"steps": (_step("0.1", "0.5"), _step("0.2", "0.6"))},
        {"recovery": Decimal(0)},
        {"recovery": Decimal("1.5")},
        {"profitable_days": 0},
    ],
)
def test_a_policy_that_makes_no_ladder_is_refused(wrong: Mapping[str, Any]) -> None:
    with pytest.raises(InvalidValueError):
        DrawdownPolicy(**wrong)


@pytest.mark.parametrize(
    ("at", "factor"), [("0", "0.5"), ("1", "0.5"), ("0.1", "1"), ("0.1", "-1")]
)
def test_a_step_out_of_bounds_is_refused(at: str, factor: str) -> None:
    with pytest.raises(InvalidValueError):
        _step(at, factor)


def test_a_history_begins_once() -> None:
    began = DrawdownWatch.start(_usd("1"), at=NOON)
    with pytest.raises(CorruptHistoryError, match="began twice"):
        DrawdownWatch.from_events([*began, *began])
    with pytest.raises(CorruptHistoryError, match="starts with"):
        DrawdownWatch.from_events(_began().observe(_usd("2"), at=_day(1)))


# --- laws -------------------------------------------------------------------------------------

_courses = st.lists(
    st.tuples(
        st.integers(1, 72),  # hours
        st.sampled_from(["mark", "mark", "mark", "mark", "pay", "release"]),
        st.integers(850, 1120),  # per mille of the equity before
    ),
    max_size=60,
)


def _run(course: list[tuple[int, str, int]]) -> tuple[DrawdownWatch, list[DrawdownEvent]]:
    events = list(DrawdownWatch.start(_usd("1000"), at=NOON))
    watch, at = DrawdownWatch.from_events(events), NOON.astimezone(UTC)
    for hours, what, per_mille in course:
        at += timedelta(hours=hours)
        equity = _usd((watch.equity.amount * per_mille / 1000).quantize(Decimal("0.01")))
        if what == "mark":
            decided = watch.observe(equity, at=at)
        elif what == "release":
            decided = watch.release(by="ada", reason="x", at=at)
        else:
            amount = equity - watch.equity
            decided = watch.transfer(amount, at=at) if amount else ()
        before, watch = watch, after(watch, decided)
        _check_step(before, watch, what)
        events += decided
    return watch, events


def _check_step(before: DrawdownWatch, now: DrawdownWatch, what: str) -> None:
    policy = now.policy
    assert now.level >= before.level - 1 or what == "release"
    assert now.peak >= now.equity
    assert 0 <= now.drawdown < 1
    if what == "mark":
        # Sizes are never larger than the drawdown allows.
        assert now.level >= policy.level_of(now.drawdown)
        assert now.latched >= before.latched
        if now.level < before.level:
            assert not before.latched
            assert before.stepped_up_on != now.updated_at.date()
    if what == "pay":
        assert now.level == before.level
        assert abs(Fraction(now.drawdown) - Fraction(before.drawdown)) < Fraction(1, 10**15)


@given(_courses)
def test_the_rule_holds_on_any_course(course: list[tuple[int, str, int]]) -> None:
    watch, events = _run(course)
    for cut in (1, len(events) // 2, len(events)):
        first = DrawdownWatch.from_events(events[: max(cut, 1)])
        assert after(first, events[max(cut, 1) :]) == watch
    assert watch.version == len(events)


@given(_courses)
def test_the_ambient_decimal_context_changes_nothing(course: list[tuple[int, str, int]]) -> None:
    _, events = _run(course)
    with localcontext() as ambient:
        ambient.prec, ambient.rounding = 4, ROUND_UP
        replayed = DrawdownWatch.from_events(events)
        assert replayed.drawdown == DrawdownWatch.from_events(events).drawdown
        decided = replayed.observe(replayed.equity, at=replayed.updated_at + timedelta(days=1))
    assert decided == DrawdownWatch.from_events(events).observe(
        replayed.equity, at=replayed.updated_at + timedelta(days=1)
    )
