"""What the settings say about limits and costs, in the words of the domain."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from traderbot.domain.risk.limits import CHANGEABLE, LIVE, PAPER, Limits
from traderbot.infrastructure.brokers.paper_venue import Costs
from traderbot.infrastructure.settings import ConfigurationError, Settings
from traderbot.infrastructure.settings_check import Problem


def limits_of(settings: Settings) -> Limits:
    """Return the gate's limits as configured; what is not set is as the trading mode says.

    Raises:
        ConfigurationError: live trading without one number for all portfolios together.
    """
    risk, live = settings.risk, settings.trading.mode == "live"
    mode = LIVE if live else PAPER
    chosen = {
        name: value for name in CHANGEABLE if (value := getattr(risk, name, None)) is not None
    }
    if live and risk.total_exposure_max is None:
        missing = Problem(
            name="TRADERBOT_RISK__TOTAL_EXPOSURE_MAX",
            message="is not set, and live trading has no default for it",
            remedy="set what all portfolios together may have at risk",
        )
        raise ConfigurationError([missing])
    return replace(
        mode,
        **chosen,
        market_order_cushion=Decimal(risk.market_order_cushion),
        order_notional_absolute=risk.order_notional_absolute or mode.order_notional_absolute,
        self_trade_max=Decimal(0) if risk.self_trade == "refuse" else None,
        fee_bps=Decimal(settings.trading.fee_bps),
    )


def costs_of(settings: Settings) -> Costs:
    """Return what the paper venue charges, as configured."""
    return Costs(
        fee_bps=Decimal(settings.trading.fee_bps),
        slippage_bps=Decimal(settings.trading.slippage_bps),
    )
