"""Rebalancing: target weights in, a plan out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from traderbot.application.commands.rebalance import Rebalance, RebalancingView, Target
from traderbot.domain.shared.decimals import exact
from traderbot.domain.shared.ids import PortfolioId, UserId
from traderbot.domain.shared.values import symbol
from traderbot.presentation.api.schemas.orders import ReasonOut
from traderbot.presentation.api.schemas.values import (
    EXAMPLE_PORTFOLIO,
    Amount,
    Body,
    DecimalText,
    Out,
    SymbolText,
)

_MOST: Final = 100  # symbols in one plan
_DIGEST: Final = "5f5c1d9b" * 8
DigestText = Annotated[str, Field(pattern="^[0-9a-f]{64}$", examples=[_DIGEST])]


class RebalanceBody(Body):
    """Which share of the equity each symbol should be. What they leave over stays in cash."""

    targets: Mapping[SymbolText, DecimalText] = Field(
        min_length=1,
        max_length=_MOST,
        description="symbol: a share from 0 to 1. Everything that is held has to be named",
    )
    tolerance: DecimalText = Field(
        default="0.01", description="how far off is left alone, as a share of the equity"
    )
    minimum_trade: DecimalText = Field(default="0", description="what an order is worth at least")
    execute: bool = Field(default=False, description="place the orders of the plan")
    plan: DigestText | None = Field(default=None, description="the digest of the plan to carry out")

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"targets": {"AAPL": "0.4", "IBM": "0.3"}}]}
    )

    @model_validator(mode="after")
    def _which_plan(self) -> RebalanceBody:
        if self.execute is (self.plan is None):
            msg = "execute and plan belong together: look at the plan first, then give its digest"
            raise PydanticCustomError("value", "{message}", {"message": msg})
        return self

    def to_command(self, owner_id: UserId, portfolio_id: PortfolioId) -> Rebalance:
        """Return the wish. Raises InvalidValueError."""
        return Rebalance(
            owner_id=owner_id,
            portfolio_id=portfolio_id,
            targets=tuple(
                Target(symbol(code), exact(weight)) for code, weight in self.targets.items()
            ),
            tolerance=exact(self.tolerance),
            minimum_trade=exact(self.minimum_trade),
            plan=self.plan,
        )


class PlannedOrderOut(Out):
    """One market order of a plan, measured with the last known close."""

    symbol: str
    side: str = Field(description="buy or sell")
    quantity: Amount
    reference: Amount = Field(description="the price it is measured with")
    notional: Amount
    fee: Amount
    verdict: Literal["approved", "refused", "later"] = Field(
        description="the gate's; later: it waits for what the sells of the plan bring in"
    )
    reasons: list[ReasonOut]
    order_id: str | None = Field(description="null before it is placed")


class UnreachedOut(Out):
    """A position that stays away from its target; `gap` is what it is short of it."""

    symbol: str
    why: str
    target: Amount
    weight: Amount
    gap: Amount


class RebalancingOut(Out):
    """A plan, and whether its orders were placed. Amounts are in `currency`."""

    portfolio_id: str
    currency: str
    orders: list[PlannedOrderOut] = Field(description="sells first")
    unreached: list[UnreachedOut]
    weights: Mapping[str, Amount] = Field(description="if every order fills at its reference")
    cash: Amount = Field(description="what would be left then")
    fees: Amount
    equity_before: Amount
    equity_after: Amount
    working: int = Field(description="orders that work already; what they buy is not counted")
    digest: str = Field(description="names exactly this plan")
    executed: bool

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "portfolio_id": EXAMPLE_PORTFOLIO,
                    "currency": "USD",
                    "orders": [
                        {
                            "symbol": "AAPL",
                            "side": "buy",
                            "quantity": "20",
                            "reference": "195.5",
                            "notional": "3910",
                            "fee": "3.91",
                            "verdict": "approved",
                            "reasons": [],
                            "order_id": None,
                        }
                    ],
                    "unreached": [
                        {
                            "symbol": "IBM",
                            "why": "ORDER_LIMIT",
                            "target": "0.3",
                            "weight": "0.1",
                            "gap": "2000",
                        }
                    ],
                    "weights": {"AAPL": "0.391", "IBM": "0.1"},
                    "cash": "5086.09",
                    "fees": "3.91",
                    "equity_before": "10000",
                    "equity_after": "9996.09",
                    "working": 0,
                    "digest": _DIGEST,
                    "executed": False,
                }
            ]
        }
    )

    @classmethod
    def of(cls, view: RebalancingView) -> RebalancingOut:
        """Show a view."""
        return cls.model_validate(view)
