"""Strategies as people choose them."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from traderbot.domain.shared.errors import DomainError
from traderbot.domain.strategies.registry import StrategyRegistry
from traderbot.presentation.api.schemas.values import Out

_RSI_CROSS: JsonDict = {
    "name": "RSI_CROSS",
    "description": "Buys when RSI rises back across the oversold threshold, "
    "sells when it falls back across the overbought threshold.",
    "parameters": {
        "rsi_period": "14",
        "oversold": "30",
        "overbought": "70",
        "smoothing": "simple",
        "seeding": "mean",
    },
    "warm_up": 16,
}


class StrategyOut(Out):
    """A strategy that bots can run."""

    name: str
    description: str
    parameters: Mapping[str, str] = Field(description="each one's default, as text")
    warm_up: int = Field(description="how many bars it needs before it can speak")

    @classmethod
    def named(cls, name: str) -> StrategyOut | None:
        """Show the strategy of that name, or None if it is gone."""
        kind = StrategyRegistry.get(name)
        if kind is None:
            return None
        try:
            strategy = StrategyRegistry.create(name)
            parameters, warm_up = strategy.parameters(), strategy.warm_up
        except DomainError:  # somebody's own, with a parameter that has no default
            parameters, warm_up = {}, kind.warm_up
        return cls(name=name, description=kind.description, parameters=parameters, warm_up=warm_up)


class StrategyList(Out):
    """Every strategy of this server."""

    items: list[StrategyOut]

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_RSI_CROSS]}]})

    @classmethod
    def of_all(cls) -> StrategyList:
        """Show all that are registered."""
        shown = (StrategyOut.named(name) for name in StrategyRegistry.list_all())
        return cls(items=[each for each in shown if each is not None])
