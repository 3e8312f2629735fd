"""The settings as verdicts record them: short, exact, and read for as long as there are logs."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traderbot.domain.risk.installed import PROFILES, installed_from, installed_text
from traderbot.domain.risk.limits import CHANGEABLE, LIVE, PAPER, Limits
from traderbot.domain.shared.errors import InvalidValueError

# A profile is a promise to every log. Whoever changes a default adds a profile with another number.
PROMISED = {
    "none/1": "market_order_cushion=0.05 fee_bps=10 order_notional_max=10000 "
    "order_notional_fraction=0.1",
    "paper/1": "daily_loss_halt=0.03 daily_loss_reduce=0.02 drawdown_max=0.1 duplicate_window=2 "
    "fee_bps=10 gross_exposure_fraction=1 loss_streak_max=4 market_order_cushion=0.05 "
    "net_exposure_fraction=1 order_notional_absolute=100000 order_notional_fraction=0.1 "
    "order_notional_max=10000 order_quantity_multiple=10 position_notional_fraction=0.2 "
    "reject_streak_max=5 self_trade_max=0 strategy_day_max=200 strategy_repeat_max=20",
    "live/1": "daily_loss_halt=0.03 daily_loss_reduce=0.02 drawdown_max=0.1 duplicate_window=2 "
    "fee_bps=10 gross_exposure_fraction=1 loss_streak_max=4 market_order_collar=0.05 "
    "market_order_cushion=0.05 message_burst_max=10 message_rate_max=50 net_exposure_fraction=1 "
    "open_orders_max=50 open_orders_symbol_max=10 order_notional_absolute=100000 "
    "order_notional_fraction=0.1 order_notional_max=10000 order_quantity_multiple=10 "
    "position_notional_fraction=0.2 price_collar=0.05 price_drift_max=0.03 reference_age_max=10 "
    "reject_streak_max=5 self_trade_max=0 strategy_day_max=200 strategy_repeat_max=20 symbols=",
}


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_never_changes(name: str) -> None:
    texts = PROFILES[name].texts()
    said = sorted(f"{key}={text}" for key, text in texts.items() if text is not None)
    assert said == sorted(PROMISED[name].split(" "))


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        (Limits(), "none/1"),
        (PAPER, "paper/1"),
        (LIVE, "live/1"),
        (replace(PAPER, order_notional_max=Decimal(5000)), "paper/1 order_notional_max=5000"),
        (replace(PAPER, drawdown_max=None), "paper/1 drawdown_max="),
        (replace(LIVE, symbols=("IBM", "AAPL")), "live/1 symbols=AAPL,IBM"),
        (replace(LIVE, symbols=None), "live/1 symbols="),
        (replace(PAPER, symbols=()), "paper/1 symbols=,"),
    ],
)
def test_limits_are_told_by_the_nearest_profile_and_read_back(limits: Limits, text: str) -> None:
    assert installed_text(limits) == text
    assert installed_from(text).limits == limits


def test_a_long_list_of_symbols_is_told_by_its_digest() -> None:
    many = replace(LIVE, symbols=tuple(f"S{n:04}" for n in range(500)))
    text = installed_text(many)
    assert len(text) < 100
    found = installed_from(text).texts()["symbols"]
    assert found is not None
    assert found.startswith("#")
    assert text != installed_text(replace(many, symbols=(*(many.symbols or ()), "IBM")))


@pytest.mark.parametrize("text", ["", "none/2", "paper/1 nonsense=1", "paper/1 fee_bps=x"])
def test_what_nobody_wrote_is_not_read(text: str) -> None:
    with pytest.raises(InvalidValueError):
        installed_from(text)


@given(
    st.dictionaries(
        st.sampled_from([it for it in CHANGEABLE if it not in ("symbols", "order_notional_max")]),
        st.none() | st.decimals(0, 1, places=6),
    ),
    st.sampled_from([Limits(), PAPER, LIVE]),
)
def test_any_limits_are_read_back_as_they_were(values: dict[str, Any], base: Limits) -> None:
    if values.get("order_notional_fraction", 1) is None:
        del values["order_notional_fraction"]
    limits = replace(base, **values)
    assert installed_from(installed_text(limits)).limits == limits
