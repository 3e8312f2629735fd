"""One scope: stopped and let go on, its limits raised and returned."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import BOT_RUN_ID, NOON, PORTFOLIO_ID, after, later
from traderbot.domain.risk.control import LimitSetting, RiskControl
from traderbot.domain.risk.effective import limits_at, strictest_at, versions_in
from traderbot.domain.risk.errors import InvalidLimitError
from traderbot.domain.risk.events import (
    LimitReturned,
    RiskEvent,
    TradingHalted,
    TradingReduced,
    TradingResumed,
)
from traderbot.domain.risk.limits import CHANGEABLE, LIVE, Limits, limit_value, stricter
from traderbot.domain.risk.trading_state import (
    SYSTEM,
    Scope,
    ScopeKind,
    TradingState,
    scopes_of,
    strictest,
)
from traderbot.domain.shared.errors import InvalidValueError

PORTFOLIO = Scope(ScopeKind.PORTFOLIO, PORTFOLIO_ID)
BY: dict[str, Any] = {"reason": "looked into", "by": "operator:ada"}
HALTED = TradingHalted(scope="system", at=NOON, cause="MANUAL", **BY)


def made(*decisions: tuple[RiskEvent, ...]) -> RiskControl:
    return RiskControl.from_events([event for events in decisions for event in events])


def halted(**change: Any) -> RiskControl:
    return made(RiskControl.halt(None, SYSTEM, **{"cause": "MANUAL", "at": NOON, **BY, **change}))


def changed(
    before: RiskControl | None,
    limit: str,
    value: str | None,
    in_force: str | None = None,
    **said: Any,
) -> RiskControl | None:
    events = RiskControl.change_limit(
        before, SYSTEM, limit, value, in_force=in_force, **{"at": NOON, **BY, **said}
    )
    if before is None:
        return made(events) if events else None
    return after(before, events)


# --- states -----------------------------------------------------------------------------------


def test_a_halt_says_who_and_why_and_stays() -> None:
    assert RiskControl.halt(None, SYSTEM, cause="MANUAL", at=NOON, **BY) == (HALTED,)
    control = halted()
    assert (control.trading, control.by, control.since) == (TradingState.HALTED, BY["by"], NOON)
    assert RiskControl.halt(control, SYSTEM, cause="OTHER", at=later(1), **BY) == ()
    assert RiskControl.reduce(control, SYSTEM, cause="OTHER", at=later(1), **BY) == ()


@given(minutes=st.integers(0, 10**7))
def test_no_time_releases_a_halt(minutes: int) -> None:
    control = halted()
    assert control.state_at(later(minutes)) is TradingState.HALTED
    assert control.lapse(at=later(minutes)) == ()


def test_only_a_person_with_a_reason_lets_it_go_on() -> None:
    control = halted()
    for nothing in ("", "  ", "a\nb", "x" * 501):
        with pytest.raises(InvalidValueError, match="reason"):
            RiskControl.resume(control, SYSTEM, reason=nothing, by="ada", at=NOON)
    resumed = RiskControl.resume(control, SYSTEM, at=later(1), **BY)
    assert resumed == (TradingResumed(scope="system", at=later(1), **BY),)
    active = after(control, resumed)
    assert active.trading is TradingState.ACTIVE
    assert RiskControl.resume(active, SYSTEM, at=later(2), **BY) == ()
    assert RiskControl.resume(None, SYSTEM, at=later(2), **BY) == ()


def test_a_pause_ends_by_itself_and_a_halt_during_it_does_not() -> None:
    pause = RiskControl.reduce(None, SYSTEM, cause="LOSS_STREAK", at=NOON, until=later(5), **BY)
    assert [type(event) for event in pause] == [TradingReduced]
    control = made(pause)
    assert control.state_at(later(4)) is TradingState.REDUCING
    assert control.state_at(later(5)) is TradingState.ACTIVE
    (over,) = control.lapse(at=later(5))
    assert isinstance(over, TradingResumed)
    assert after(control, (over,)).trading is TradingState.ACTIVE
    stopped = after(control, RiskControl.halt(control, SYSTEM, cause="X", at=later(1), **BY))
    assert stopped.state_at(later(60)) is TradingState.HALTED


def test_a_pause_becomes_longer_and_never_shorter() -> None:
    control = made(RiskControl.reduce(None, SYSTEM, cause="X", at=NOON, until=later(5), **BY))
    assert RiskControl.reduce(control, SYSTEM, cause="X", at=NOON, until=later(5), **BY) == ()
    assert RiskControl.reduce(control, SYSTEM, cause="X", at=NOON, until=later(4), **BY) == ()
    assert RiskControl.reduce(control, SYSTEM, cause="X", at=NOON, until=later(6), **BY)
    assert RiskControl.reduce(control, SYSTEM, cause="X", at=NOON, **BY)
    with pytest.raises(InvalidValueError):
        RiskControl.reduce(None, SYSTEM, cause="X", at=NOON, until=NOON, **BY)


@given(st.lists(st.sampled_from(TradingState)))
def test_the_strictest_wins(states: list[TradingState]) -> None:
    worst = strictest(states)
    assert all(worst.severity >= state.severity for state in states)
    assert worst in (*states, TradingState.ACTIVE)


def test_the_widest_of_two_that_are_as_strict_is_named() -> None:
    reduced = made(RiskControl.reduce(None, PORTFOLIO, cause="X", at=NOON, **BY))
    assert strictest_at([halted(), reduced], NOON)[1] == halted()
    assert strictest_at([reduced], NOON) == (TradingState.REDUCING, reduced)
    assert strictest_at([], NOON) == (TradingState.ACTIVE, None)


@pytest.mark.parametrize(
    "text", ["", "system-1", "venue-", "venue-a b", "portfolio-1", "bot", "planet-9", "venue-ä"]
)
def test_what_is_no_scope_is_refused(text: str) -> None:
    with pytest.raises(InvalidValueError):
        Scope.parse(text)


def test_scopes_are_called_what_streams_are_called() -> None:
    keys = scopes_of("binance-testnet", PORTFOLIO_ID, BOT_RUN_ID)
    assert [Scope.parse(key).key for key in keys] == list(keys)
    assert [Scope.parse(key).kind.value for key in keys] == ["system", "venue", "portfolio", "bot"]


# --- limits -----------------------------------------------------------------------------------


def test_a_raise_ends_after_an_hour_and_a_cut_lasts() -> None:
    raised = changed(None, "order_notional_max", "20000", "10000")
    assert raised is not None
    assert raised.limits["order_notional_max"] == LimitSetting(
        value="20000", expires_at=later(60), returns_to=None
    )
    cut = changed(None, "order_notional_max", "5000", "10000")
    assert cut is not None
    assert cut.limits["order_notional_max"] == LimitSetting(value="5000")


@pytest.mark.parametrize(
    ("seconds", "expected"), [(1.999999, Decimal(20_000)), (2, Decimal(10_000))]
)
def test_a_raise_of_two_seconds_is_over_after_two_seconds(
    seconds: float, expected: Decimal
) -> None:
    raised = changed(
        None, "order_notional_max", "20000", "10000", expires_at=NOON + timedelta(seconds=2)
    )
    assert raised is not None
    at = NOON + timedelta(seconds=seconds)
    limits, version = limits_at(Limits(), [raised], at)
    assert (limits.order_notional_max, version) == (expected, "settings+system@1")
    lapsed = raised.lapse(at=at)
    assert bool(lapsed) is (seconds == 2)
    if lapsed:
        (event,) = lapsed
        assert isinstance(event, LimitReturned)
        assert (event.old, event.new, event.expired_at) == ("20000", None, at)
        back = after(raised, lapsed)
        assert not back.limits
        assert back.lapse(at=later(9)) == ()


def test_a_raise_upon_a_raise_goes_back_to_what_lasts() -> None:
    control = changed(None, "open_orders_max", "5", "50")
    control = changed(control, "open_orders_max", "10", "50")
    control = changed(control, "open_orders_max", "20", "50", at=later(1))
    assert control is not None
    assert control.limits["open_orders_max"] == LimitSetting(
        value="20", expires_at=later(61), returns_to="5"
    )
    assert limits_at(LIVE, [control], later(62))[0].open_orders_max == 5


def test_taking_a_cut_away_is_a_raise() -> None:
    control = changed(None, "open_orders_max", "5", "50")
    control = changed(control, "open_orders_max", None, "50")
    assert control is not None
    assert limits_at(LIVE, [control], later(1))[0].open_orders_max == 50
    assert limits_at(LIVE, [control], later(60))[0].open_orders_max == 5


def test_the_strictest_of_the_scopes_holds_and_the_version_names_them() -> None:
    system = changed(None, "order_notional_max", "20000", "10000")
    assert system is not None
    own = made(
        RiskControl.change_limit(
            None, PORTFOLIO, "order_notional_max", "30000", in_force="20000", at=NOON, **BY
        ),
    )
    own = after(
        own,
        RiskControl.change_limit(
            own, PORTFOLIO, "price_collar", "0.01", in_force="0.05", at=NOON, **BY
        ),
    )
    limits, version = limits_at(LIVE, [system, own], NOON)
    assert limits.order_notional_max == 20_000
    assert limits.price_collar == Decimal("0.01")
    assert version == f"settings+system@1+portfolio-{PORTFOLIO_ID}@2"
    assert versions_in(version) == {"system": 1, f"portfolio-{PORTFOLIO_ID}": 2}
    assert versions_in("settings") == {}
    with pytest.raises(ValueError, match="version"):
        versions_in("settings+nonsense")


@given(
    name=st.sampled_from([name for name in CHANGEABLE if name != "symbols"]),
    values=st.lists(st.integers(0, 16), min_size=2, max_size=4),
)
def test_no_scope_ever_makes_another_looser(name: str, values: list[int]) -> None:
    installed = Limits(**{**{n: getattr(LIVE, n) for n in CHANGEABLE}, name: Decimal(values[0])})
    controls = [
        made(
            RiskControl.change_limit(
                None, PORTFOLIO, name, str(value), in_force=str(value), at=NOON, **BY
            )
        )
        for value in values[1:]
    ]
    found = getattr(limits_at(installed, controls, NOON)[0], name)
    pick = max if name == "duplicate_window" else min
    assert found == pick(values)


def test_lists_of_symbols_meet() -> None:
    assert stricter("symbols", ("AAPL", "IBM"), ("IBM", "MSFT")) == ("IBM",)
    assert stricter("symbols", None, ()) == ()
    control = changed(None, "symbols", "IBM,AAPL", None)
    assert control is not None
    assert control.limits["symbols"].expires_at is None  # from no list to a list is no raise
    assert limits_at(Limits(), [control], NOON)[0].symbols == ("AAPL", "IBM")
    more = changed(control, "symbols", "IBM,AAPL,MSFT", None)
    assert more is not None
    assert more.limits["symbols"].expires_at == later(60)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("order_notional_absolute", "1"),
        ("fee_bps", "1"),
        ("nonsense", "1"),
        ("order_notional_max", "1e9"),
        ("order_notional_max", "-1"),
        ("open_orders_max", "65"),
        ("symbols", "no symbol"),
    ],
)
def test_what_events_cannot_set_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(InvalidLimitError, match=name.split("_", maxsplit=1)[0]):
        limit_value(name, value)


def test_the_same_again_is_no_event() -> None:
    control = changed(None, "order_notional_max", "5000", "10000")
    assert changed(control, "order_notional_max", "5000", "10000") is control
    assert changed(None, "order_notional_max", None, "10000") is None
