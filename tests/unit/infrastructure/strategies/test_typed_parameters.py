"""Parameters as a pydantic model."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field, model_validator

from tests.runs import wave
from traderbot.domain.strategies.errors import InvalidParameterError
from traderbot.domain.strategies.registry import StrategyRegistry
from traderbot.infrastructure.compute.columns import Columns
from traderbot.strategies import Feature, SignalStrategy, TypedParameters, decided, signals_of


class Typed(TypedParameters, SignalStrategy):
    name = "TYPED"

    class Parameters(BaseModel):
        fast: int = Field(12, ge=1, lt=500)
        share: float = Field(0.5, gt=0, lt=1)
        mode: Literal["calm", "wild"] = "calm"
        cash: Decimal = Decimal("1.50")
        long_only: bool = True

        @model_validator(mode="after")
        def together(self) -> Any:
            if self.fast == 13:
                raise ValueError("thirteen brings bad luck")
            return self

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.features = {"fast": Feature("sma", {"period": self.fast})}  # type: ignore[attr-defined]

    def signals(self, features: Any) -> Any:
        above = features["close"] > features["fast"]
        return decided(above, ~above)


def made(**texts: str) -> Any:
    return Typed.from_parameters(texts)


def test_the_values_are_attributes_of_the_strategy() -> None:
    strategy = made(fast="3", mode="wild", cash="2.25", long_only="false")
    assert (strategy.fast, strategy.share, strategy.mode) == (3, 0.5, "wild")
    assert (strategy.cash, strategy.long_only) == (Decimal("2.25"), False)
    assert strategy.warm_up == 4


def test_the_texts_make_it_again() -> None:
    strategy = made(fast="3", share="0.25")
    assert strategy.parameters() == {
        "fast": "3", "share": "0.25", "mode": "calm", "cash": "1.5", "long_only": "true",
    }  # fmt: skip
    assert made(**strategy.parameters()).parameters() == strategy.parameters()


def test_the_bounds_are_those_of_the_model() -> None:
    assert {name: str(bound) for name, bound in Typed.bounds.items()} == {
        "fast": "from 1 to 499",
        "share": "between 0 and 1",
        "mode": "one of calm, wild",
    }


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ({"fast": "0"}, "fast: from 1 to 499, not 0; the nearest is 1"),
        ({"fast": "500"}, "fast: from 1 to 499, not 500; the nearest is 499"),
        ({"fast": "1.5"}, "fast: a whole number from 1 to 499, not '1.5'"),
        ({"fast": "many"}, "fast: a whole number from 1 to 499, not 'many'"),
        ({"share": "2"}, "share: between 0 and 1, not 2.0; the nearest is just inside 1"),
        ({"mode": "clam"}, "mode: one of calm, wild; not 'clam'; did you mean calm?"),
        ({"cash": "much"}, "cash: input should be a valid decimal, not 'much'"),
        ({"fats": "3"}, "fats: no such parameter; did you mean fast?"),
        ({"fast": "13"}, "thirteen brings bad luck"),
    ],
)
def test_a_wrong_value_names_parameter_bounds_and_the_nearest(
    texts: dict[str, str], said: str
) -> None:
    with pytest.raises(InvalidParameterError) as refused:
        made(**texts)
    assert said in str(refused.value)


def test_single_values_are_read_without_the_others() -> None:
    assert Typed.values_of({"fast": "7", "share": "0.25"}) == {"fast": 7, "share": 0.25}
    for wrong in ({"fast": "0"}, {"fats": "3"}):
        with pytest.raises(InvalidParameterError):
            Typed.values_of(wrong)


def test_it_is_refused_in_python_as_well() -> None:
    with pytest.raises(InvalidParameterError, match="the nearest is 1"):
        Typed(fast=0)


def test_it_trades_like_any_other() -> None:
    assert {-1, 1} <= set(signals_of(made(fast="5"), Columns.of_rows(wave(60))).tolist())
    assert StrategyRegistry.get("TYPED") is None  # until it is registered
