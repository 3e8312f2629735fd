"""Sizing, stops, drawdowns, rebalancing and the risk of a portfolio, for use as a library.

What is decided with money is exact (Decimal): sizes, stops, the drawdown protocol, rebalancing.
What is estimated from returns is float64: covariances, contributions, tails.
"""

from __future__ import annotations

from traderbot.domain.market.bars import Bar
from traderbot.domain.market.instrument import Instrument, default_instrument
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.orders.ticket import Side
from traderbot.domain.risk.drawdown import DrawdownWatch
from traderbot.domain.risk.drawdown_policy import DrawdownPolicy, DrawdownStep
from traderbot.domain.risk.rebalancing.answer import (
    IntendedOrder,
    RebalancingPlan,
    Unreached,
    WhyNot,
)
from traderbot.domain.risk.rebalancing.plan import plan_rebalancing
from traderbot.domain.risk.rebalancing.question import Holding, RebalancingRules
from traderbot.domain.risk.sizing.atr_stop import atr_sizing, atr_stop
from traderbot.domain.risk.sizing.fixed_fractional import fixed_fractional
from traderbot.domain.risk.sizing.kelly import (
    Basis,
    KellyFraction,
    KellyPolicy,
    TradeRecord,
    WhenFew,
    kelly_fraction,
    kelly_sizing,
)
from traderbot.domain.risk.sizing.sized_quantity import SizedQuantity
from traderbot.domain.risk.sizing.volatility_target import volatility_target
from traderbot.domain.risk.stops import AdaptiveStop, StopPlan
from traderbot.domain.shared.values import Money, Price, Quantity, symbol
from traderbot.infrastructure.compute.drawdowns import (
    Drawdown,
    deepest_drawdown,
    drawdowns,
    max_drawdown,
)
from traderbot.infrastructure.compute.risk_models import (
    RiskContributions,
    ShrunkCovariance,
    correlation,
    diversification_ratio,
    effective_bets,
    effective_positions,
    herfindahl,
    risk_contributions,
    room_for,
    sample_covariance,
    shrunk_covariance,
    volatility,
)
from traderbot.infrastructure.compute.samples import simple_returns
from traderbot.infrastructure.compute.tail_risk import (
    TailRisk,
    fitted_normal_risk,
    historical_risk,
    normal_risk,
    portfolio_returns,
)

__all__ = [
    "AdaptiveStop",
    "Bar",
    "Basis",
    "Drawdown",
    "DrawdownPolicy",
    "DrawdownStep",
    "DrawdownWatch",
    "Holding",
    "Instrument",
    "IntendedOrder",
    "KellyFraction",
    "KellyPolicy",
    "Money",
    "Price",
    "Quantity",
    "RebalancingPlan",
    "RebalancingRules",
    "RiskContributions",
    "ShrunkCovariance",
    "Side",
    "SizedQuantity",
    "StopPlan",
    "TailRisk",
    "Timeframe",
    "TradeRecord",
    "Unreached",
    "WhenFew",
    "WhyNot",
    "atr_sizing",
    "atr_stop",
    "correlation",
    "deepest_drawdown",
    "default_instrument",
    "diversification_ratio",
    "drawdowns",
    "effective_bets",
    "effective_positions",
    "fitted_normal_risk",
    "fixed_fractional",
    "herfindahl",
    "historical_risk",
    "kelly_fraction",
    "kelly_sizing",
    "max_drawdown",
    "normal_risk",
    "plan_rebalancing",
    "portfolio_returns",
    "risk_contributions",
    "room_for",
    "sample_covariance",
    "shrunk_covariance",
    "simple_returns",
    "symbol",
    "volatility",
    "volatility_target",
]
