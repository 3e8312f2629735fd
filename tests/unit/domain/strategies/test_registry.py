from __future__ import annotations

from decimal import Decimal
from typing import cast

import pytest

from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.strategies.errors import (
    InvalidParameterError,
    StrategyNameTakenError,
    UnknownStrategyError,
)
from traderbot.domain.strategies.registry import StrategyRegistry
from traderbot.domain.strategies.strategy import (
    BaseStrategy,
    Explanation,
    StrategyContext,
    TickerData,
)
from traderbot.strategies import RsiCrossStrategy

NO_BARS = TickerData(symbol="AAPL", opens=[], highs=[], lows=[], closes=[], volumes=[])
CONTEXT = StrategyContext(timeframe="1d", user_id="u", bot_run_id="b")


class Mine(BaseStrategy):
    def __init__(
        self,
        label: str = "a",
        depth: int = 3,
        ratio: float = 0.5,
        amount: Decimal = Decimal(1),
        eager: bool = False,
    ) -> None:
        if depth > 100:
            msg = "too deep"
            raise ValueError(msg)
        self.label = label
        self.depth = depth
        self.ratio = ratio
        self.amount = amount
        self.eager = eager


class Forgetful(BaseStrategy):
    def __init__(self, depth: int = 3) -> None:
        self._depth = depth


class Demanding(BaseStrategy):
    def __init__(self, label: str) -> None:
        self.label = label


class Odd(BaseStrategy):
    def __init__(self, levels: tuple[int, ...] = ()) -> None:
        self.levels = levels


@pytest.fixture(autouse=True)
def _registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StrategyRegistry, "_strategies", {"RSI_CROSS": RsiCrossStrategy})


def test_rsi_cross_is_registered() -> None:
    assert StrategyRegistry.get("RSI_CROSS") is RsiCrossStrategy


def test_an_unknown_name_gets_none() -> None:
    assert StrategyRegistry.get("NOPE") is None


def test_all_are_listed_in_the_order_they_came() -> None:
    StrategyRegistry.register("MINE", Mine)
    assert StrategyRegistry.list_all() == ["RSI_CROSS", "MINE"]


def test_the_list_is_a_copy() -> None:
    StrategyRegistry.list_all().clear()
    assert StrategyRegistry.list_all() == ["RSI_CROSS"]


def test_registering_the_same_class_again_changes_nothing() -> None:
    StrategyRegistry.register("RSI_CROSS", RsiCrossStrategy)
    assert StrategyRegistry.list_all() == ["RSI_CROSS"]


def test_registering_another_class_under_a_taken_name_is_refused() -> None:
    with pytest.raises(StrategyNameTakenError, match=r"already .*RsiCrossStrategy"):
        StrategyRegistry.register("RSI_CROSS", Mine)
    assert StrategyRegistry.get("RSI_CROSS") is RsiCrossStrategy


@pytest.mark.parametrize("name", ["", "1ST", "A B", "A/B", "Ä", "A" * 65, None])
def test_a_name_that_cannot_stand_in_a_url_is_refused(name: str) -> None:
    with pytest.raises(InvalidValueError, match="not a strategy's name"):
        StrategyRegistry.register(name, Mine)


@pytest.mark.parametrize("other", [object, RsiCrossStrategy(), None])
def test_what_is_no_strategy_class_is_refused(other: object) -> None:
    with pytest.raises(InvalidValueError, match="subclass of BaseStrategy"):
        StrategyRegistry.register("OTHER", cast("type[BaseStrategy]", other))


def test_an_unknown_strategy_is_refused_with_the_known_names() -> None:
    StrategyRegistry.register("MINE", Mine)
    with pytest.raises(UnknownStrategyError) as caught:
        StrategyRegistry.create("rsi_crss", {})
    assert str(caught.value) == (
        "no strategy is called 'rsi_crss'; did you mean RSI_CROSS? there are: MINE, RSI_CROSS"
    )
    assert caught.value.known == ("MINE", "RSI_CROSS")


def test_nothing_alike_is_no_guess() -> None:
    with pytest.raises(UnknownStrategyError, match="'xyz'; there are: RSI_CROSS"):
        StrategyRegistry.create("xyz", {})


def test_no_parameters_mean_the_defaults() -> None:
    assert StrategyRegistry.create("RSI_CROSS").parameters() == RsiCrossStrategy().parameters()


def test_each_text_is_read_by_the_type_of_its_default() -> None:
    StrategyRegistry.register("MINE", Mine)
    texts = {"label": "b", "depth": "-7", "ratio": "0.1", "amount": "1.25", "eager": "true"}
    made = cast("Mine", StrategyRegistry.create("MINE", texts))
    assert (made.label, made.depth, made.ratio) == ("b", -7, 0.1)
    assert (made.amount, made.eager) == (Decimal("1.25"), True)
    assert made.parameters() == texts


@pytest.mark.parametrize(
    ("name", "text"),
    [("depth", "1.5"), ("ratio", "1e3"), ("ratio", "inf"), ("amount", "NaN"), ("eager", "yes")],
)
def test_a_text_of_the_wrong_form_is_refused_by_name(name: str, text: str) -> None:
    StrategyRegistry.register("MINE", Mine)
    with pytest.raises(InvalidParameterError, match=f"{name}: ") as caught:
        StrategyRegistry.create("MINE", {name: text})
    assert caught.value.parameter == name


def test_a_parameter_that_is_no_text_is_refused() -> None:
    with pytest.raises(InvalidParameterError, match="write it as text, not as int"):
        StrategyRegistry.create("RSI_CROSS", cast("dict[str, str]", {"rsi_period": 14}))


def test_a_parameter_of_a_strategy_without_any_is_refused() -> None:
    StrategyRegistry.register("PLAIN", BaseStrategy)
    with pytest.raises(InvalidParameterError, match="there are none"):
        StrategyRegistry.create("PLAIN", {"depth": "1"})


def test_a_constructor_may_refuse_in_plain_python() -> None:
    StrategyRegistry.register("MINE", Mine)
    with pytest.raises(InvalidParameterError, match="MINE: too deep"):
        StrategyRegistry.create("MINE", {"depth": "101"})


def test_a_parameter_without_a_default_must_be_given() -> None:
    StrategyRegistry.register("DEMANDING", Demanding)
    assert StrategyRegistry.create("DEMANDING", {"label": "x"}).parameters() == {"label": "x"}
    with pytest.raises(InvalidParameterError, match="label: has no default"):
        StrategyRegistry.create("DEMANDING", {})


def test_a_parameter_that_is_not_kept_is_named() -> None:
    with pytest.raises(InvalidParameterError, match="depth: keep it in an attribute"):
        Forgetful().parameters()


def test_a_parameter_without_plain_text_says_what_to_override() -> None:
    StrategyRegistry.register("ODD", Odd)
    with pytest.raises(InvalidParameterError, match="override `parameters`"):
        Odd().parameters()
    with pytest.raises(InvalidParameterError, match="override `from_parameters`"):
        StrategyRegistry.create("ODD", {"levels": "1"})


def test_the_base_answers_nothing_and_explains_nothing() -> None:
    with pytest.raises(NotImplementedError, match=r"Subclass must implement execute\(\)"):
        BaseStrategy().execute(NO_BARS, CONTEXT)
    assert BaseStrategy().explain(NO_BARS) == Explanation({}, {})
    assert BaseStrategy().parameters() == {}
