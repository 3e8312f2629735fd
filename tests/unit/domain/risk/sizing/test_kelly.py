from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_UP, Decimal, localcontext
from math import comb, log
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar  # type: ignore[import-untyped]
from scipy.stats import binomtest, norm  # type: ignore[import-untyped]

from traderbot.domain.market.instrument import default_instrument
from traderbot.domain.risk.sizing.kelly import (
    Basis,
    KellyPolicy,
    TradeRecord,
    WhenFew,
    kelly_fraction,
    kelly_sizing,
    wilson_interval,
)
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.values import Money, Price, Quantity, symbol

FULL = KellyPolicy(multiplier=Decimal(1), cap=Decimal(1))


def _record(wins: int, losses: int, *, win: str = "1", loss: str = "1") -> TradeRecord:
    return TradeRecord.of([Decimal(win)] * wins + [-Decimal(loss)] * losses)


# --- the fraction -----------------------------------------------------------------------------


def test_sixty_percent_at_even_money_is_a_fifth() -> None:
    assert kelly_fraction(_record(60, 40), FULL).full == Decimal("0.2")


def test_half_of_it_is_used_and_no_more_than_the_cap() -> None:
    uncapped = KellyPolicy(cap=Decimal(1))
    assert kelly_fraction(_record(60, 40), uncapped).risk_fraction == Decimal("0.1")
    capped = kelly_fraction(_record(60, 40))
    assert capped.risk_fraction == Decimal("0.02")
    assert capped.arithmetic["kelly_full"] == "0.2"


def test_the_payoff_is_the_average_gain_over_the_average_loss() -> None:
    record = TradeRecord.of([Decimal(it) for it in ["3", "1", "-0.5", "-1.5"] * 10])
    found = kelly_fraction(record, FULL)
    assert found.arithmetic["payoff_ratio"] == "2"
    assert found.full == Decimal("0.25")


def test_trades_that_neither_won_nor_lost_change_nothing() -> None:
    results = [Decimal(2)] * 20 + [Decimal(-1)] * 20
    assert TradeRecord.of(results + [Decimal(0)] * 50) == TradeRecord.of(results)


@given(
    wins=st.integers(1, 200),
    losses=st.integers(1, 200),
    scratches=st.integers(0, 50),
    payoff=st.integers(2, 50).map(lambda n: Decimal(n) / 10),
)
def test_the_full_fraction_is_what_lets_capital_grow_fastest(
    wins: int, losses: int, scratches: int, payoff: Decimal
) -> None:
    found = kelly_fraction(_record(wins, losses, win=str(payoff)), FULL)
    assert found.full is not None
    b, all_of_them = float(payoff), wins + losses + scratches

    def shrinking(f: float) -> float:
        return -(wins * log(1 + b * f) + losses * log(1 - f)) / all_of_them

    best = minimize_scalar(
        shrinking, bounds=(0, 0.999999), method="bounded", options={"xatol": 1e-10}
    )
    assert float(max(found.full, Decimal(0))) == pytest.approx(best.x, abs=1e-4)


def test_without_an_edge_nothing_is_risked() -> None:
    found = kelly_fraction(_record(50, 50))
    assert (found.risk_fraction, found.blocking_code) == (Decimal(0), "NO_EDGE")
    assert kelly_fraction(_record(40, 60)).blocking_code == "NO_EDGE"


# --- evidence ---------------------------------------------------------------------------------


def test_a_short_record_is_not_enough_evidence() -> None:
    found = kelly_fraction(_record(20, 9))
    assert (found.risk_fraction, found.blocking_code) == (Decimal(0), "NOT_ENOUGH_EVIDENCE")
    assert kelly_fraction(_record(20, 10)).blocking_code is None


def test_a_short_record_may_be_sized_by_its_lower_bound_instead() -> None:
    policy = KellyPolicy(when_few=WhenFew.LOWER_BOUND, cap=Decimal(1))
    found = kelly_fraction(_record(18, 2), policy)
    assert found.low is not None
    assert found.blocking_code is None
    assert found.arithmetic["basis"] == "lower_bound"
    assert found.risk_fraction == pytest.approx(found.low / 2, abs=Decimal("1e-17"))
    assert kelly_fraction(_record(6, 4), policy).blocking_code == "NO_EDGE"


@pytest.mark.parametrize(("wins", "losses"), [(0, 0), (100, 0), (0, 100)])
def test_a_record_without_both_wins_and_losses_tells_nothing(wins: int, losses: int) -> None:
    found = kelly_fraction(_record(wins, losses), KellyPolicy(when_few=WhenFew.LOWER_BOUND))
    assert (found.full, found.blocking_code) == (None, "NOT_ENOUGH_EVIDENCE")


def test_the_lower_bound_may_be_used_always() -> None:
    policy = KellyPolicy(basis=Basis.LOWER_BOUND, cap=Decimal(1), multiplier=Decimal(1))
    few, many = kelly_fraction(_record(33, 22), policy), kelly_fraction(_record(600, 400), policy)
    assert few.blocking_code == "NO_EDGE"
    assert many.risk_fraction == many.low
    assert Decimal("0.13") < many.risk_fraction < Decimal("0.15")


@pytest.mark.parametrize("confidence", ["0.8", "0.9", "0.95", "0.99"])
@given(trials=st.integers(1, 500), share=st.integers(0, 100))
def test_the_interval_is_wilsons_as_scipy_has_it(confidence: str, trials: int, share: int) -> None:
    successes = trials * share // 100
    low, high = wilson_interval(successes, trials, Decimal(confidence))
    expected = binomtest(successes, trials).proportion_ci(float(confidence), method="wilson")
    assert float(low) == pytest.approx(expected.low, abs=1e-12)
    assert float(high) == pytest.approx(expected.high, abs=1e-12)


@pytest.mark.parametrize("confidence", ["0.8", "0.9", "0.95", "0.99"])
def test_the_interval_of_the_fraction_holds_the_truth_about_as_often_as_it_says(
    confidence: str,
) -> None:
    trades, payoff, held = 60, 1.5, []
    answers = {
        wins: kelly_fraction(
            _record(wins, trades - wins, win="1.5"), KellyPolicy(confidence=Decimal(confidence))
        )
        for wins in range(1, trades)
    }
    for percent in range(20, 81):
        p = percent / 100
        truth = p - (1 - p) / payoff
        held.append(
            sum(
                comb(trades, wins) * p**wins * (1 - p) ** (trades - wins)
                for wins, found in answers.items()
                if found.low is not None
                and found.high is not None
                and float(found.low) <= truth <= float(found.high)
            )
        )
    assert sum(held) / len(held) == pytest.approx(float(confidence), abs=0.01)
    assert min(held) > float(confidence) - 0.06  # at the worst of the rates


def test_more_trades_narrow_the_interval() -> None:
    widths = []
    for times in (1, 4, 16):
        found = kelly_fraction(_record(30 * times, 20 * times))
        assert found.low is not None
        assert found.high is not None
        assert found.low < Decimal("0.2") < found.high
        widths.append(found.high - found.low)
    assert widths == sorted(widths, reverse=True)


def test_the_quantiles_are_those_of_the_normal_distribution() -> None:
    # All succeed: the lower bound is n / (n + z²), which gives z back.
    for confidence in ("0.8", "0.9", "0.95", "0.99"):
        low, high = wilson_interval(7, 7, Decimal(confidence))
        z = float(7 / low - 7) ** 0.5
        assert z == pytest.approx(norm.ppf((1 + float(confidence)) / 2), rel=1e-12)
        assert high == 1


# --- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"multiplier": Decimal(0)},
        {"multiplier": Decimal("1.1")},
        {"cap": Decimal(0)},
        {"minimum_trades": 0},
        {"confidence": Decimal("0.94")},
    ],
)
def test_a_policy_out_of_bounds_is_refused(wrong: Mapping[str, Any]) -> None:
    with pytest.raises(InvalidValueError):
        KellyPolicy(**wrong)


@pytest.mark.parametrize(
    ("wins", "losses", "won", "lost"),
    [(-1, 0, "0", "0"), (1, 0, "0", "0"), (0, 0, "1", "0"), (1, 1, "1", "-1"), (True, 0, "1", "0")],
)
def test_a_record_that_contradicts_itself_is_refused(
    wins: int, losses: int, won: str, lost: str
) -> None:
    with pytest.raises(InvalidValueError):
        TradeRecord(wins=wins, losses=losses, won=Decimal(won), lost=Decimal(lost))


@pytest.mark.parametrize("result", [0.5, Decimal("NaN"), Decimal("Infinity")])
def test_a_result_that_is_no_exact_number_is_refused(result: Any) -> None:
    with pytest.raises(InvalidValueError):
        TradeRecord.of([result])


@pytest.mark.parametrize(("successes", "trials"), [(1, 0), (3, 2), (-1, 2)])
def test_a_rate_that_is_none_is_refused(successes: int, trials: int) -> None:
    with pytest.raises(InvalidValueError, match="is no rate"):
        wilson_interval(successes, trials)
    with pytest.raises(InvalidValueError, match="confidence is one of"):
        wilson_interval(1, 2, Decimal("0.5"))


# --- the quantity -----------------------------------------------------------------------------


def _sized(record: TradeRecord) -> tuple[str, str | None, Mapping[str, str]]:
    sized = kelly_sizing(
        default_instrument(symbol("IBM")),
        equity=Money("100000", "USD"),
        entry=Price("100"),
        stop=Price("95"),
        record=record,
        policy=KellyPolicy(cap=Decimal("0.05")),
    )
    return str(sized.quantity), sized.blocking_code, sized.arithmetic


def test_the_fraction_is_what_being_stopped_out_costs() -> None:
    quantity, code, arithmetic = _sized(_record(60, 40))
    assert (quantity, code) == ("1000", None)  # 5 % of 100000, 5 a share
    assert arithmetic["win_rate"] == "0.6"
    assert arithmetic["risk_fraction"] == "0.05"
    assert arithmetic["risk_budget"] == "5000"


def test_what_blocks_the_fraction_blocks_the_quantity() -> None:
    assert _sized(_record(10, 5))[:2] == ("0", "NOT_ENOUGH_EVIDENCE")
    assert _sized(_record(30, 30))[:2] == ("0", "NO_EDGE")
    assert _sized(_record(30, 30))[2]["kelly_full"] == "0"


@given(
    results=st.lists(st.integers(-500, 500).map(lambda n: Decimal(n) / 100), max_size=80),
    multiplier=st.integers(1, 100).map(lambda n: Decimal(n) / 100),
    cap=st.integers(1, 100).map(lambda n: Decimal(n) / 100),
    basis=st.sampled_from(Basis),
)
def test_the_fraction_lies_between_nothing_and_its_cap(
    results: list[Decimal], multiplier: Decimal, cap: Decimal, basis: Basis
) -> None:
    policy = KellyPolicy(multiplier=multiplier, cap=cap, basis=basis)
    found = kelly_fraction(TradeRecord.of(results), policy)
    assert 0 <= found.risk_fraction <= cap
    assert (found.risk_fraction > 0) is (found.blocking_code is None)
    if found.full is not None and found.low is not None and found.high is not None:
        assert found.low <= found.full <= found.high <= 1
    with localcontext() as ambient:
        ambient.prec, ambient.rounding = 3, ROUND_UP
        assert kelly_fraction(TradeRecord.of(reversed(results)), policy) == found


def test_an_answer_does_not_change_with_what_it_was_made_from() -> None:
    told = {"a": "1"}
    found = kelly_fraction(_record(60, 40))
    assert "a" not in found.arithmetic
    with pytest.raises(TypeError):
        found.arithmetic["a"] = told["a"]  # type: ignore[index]
    assert (
        Quantity(0)
        == kelly_sizing(
            default_instrument(symbol("IBM")),
            equity=Money("1", "USD"),
            entry=Price("2"),
            stop=Price("1"),
            record=_record(0, 0),
        ).quantity
    )
