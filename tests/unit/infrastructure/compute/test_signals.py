"""A strategy says the same in a backtest, in a bot, in a bot that was restarted, and by lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.runs import CONTEXT, HOUR, SIGN, STRATEGIES, asked, run_of, wave
from tests.walks import walk
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.strategies.errors import StrategyAnswerError
from traderbot.domain.strategies.rsi_cross import RsiCrossStrategy
from traderbot.domain.strategies.strategy import BaseStrategy, TickerData
from traderbot.domain.strategies.watching import Row
from traderbot.infrastructure.compute.columns import Columns
from traderbot.infrastructure.compute.signals import FurtherColumns, signals_of
from traderbot.infrastructure.market_data.sample_bars import sample_bars, sample_names
from traderbot.strategies import Feature, SignalStrategy, Wanted, crossed_above, decided

Make = Callable[[], BaseStrategy]
every_strategy = pytest.mark.parametrize("make", STRATEGIES.values(), ids=STRATEGIES)
# Few different closes make ties, flat stretches and exact hits of thresholds likely.
closes = st.lists(
    st.one_of(st.sampled_from([99.0, 100.0, 100.5, 102.0]), st.floats(0.01, 100_000)),
    min_size=1,
    max_size=60,
)
volumes = st.lists(st.sampled_from([0.0, 1.0, 7.5, 1e6]), min_size=1, max_size=7)


def ticker(rows: list[Row]) -> TickerData:
    at, opens, highs, lows, shut, traded = (list(each) for each in zip(*rows, strict=True))
    return TickerData(
        symbol="X", opens=opens, highs=highs, lows=lows, closes=shut, volumes=traded, ats=at
    )


@every_strategy
@given(closes, volumes)
def test_batch_live_and_resumed_are_one(make: Make, prices: list[float], sold: list[float]) -> None:
    rows = run_of(prices, sold)
    batch = signals_of(make(), Columns.of_rows(rows), timeframe="1h").tolist()
    live = make().watch("X", CONTEXT)
    assert asked(live, rows) == batch
    half = len(rows) // 2
    resumed = make().watch("X", CONTEXT)
    for row in rows[:half]:
        resumed.keep(row)  # fed again after a restart, asked nothing
    assert asked(resumed, rows[half:]) == batch[half:]


@every_strategy
def test_looking_twice_or_asking_for_the_words_changes_nothing(make: Make) -> None:
    rows = wave(120)
    plain, chatty = make().watch("X", CONTEXT), make().watch("X", CONTEXT)
    for row in rows:
        chatty.look(row._replace(close=row.low))  # another bar, that never came
        seen = chatty.look(row)
        assert chatty.look(row) == seen
        assert SIGN[seen.result["signal"]] == SIGN[plain.signal(row)]
        chatty.keep(row)
        plain.keep(row)


@every_strategy
def test_execute_on_the_lists_of_the_run_says_the_same(make: Make) -> None:
    rows = wave(90)
    batch = signals_of(make(), Columns.of_rows(rows), timeframe="1h")
    for end in range(1, len(rows) + 1):
        answer = make().execute(ticker(rows[:end]), CONTEXT)
        assert SIGN[answer["signal"]] == batch[end - 1]
    watcher = make().watch("X", CONTEXT)
    for row in rows[:-1]:
        watcher.keep(row)
    seen = watcher.look(rows[-1])
    assert seen.result == make().execute(ticker(rows), CONTEXT)
    assert seen.explanation == make().explain(ticker(rows))


@every_strategy
def test_each_strategy_has_something_to_say(make: Make) -> None:
    said = signals_of(make(), Columns.of_rows(wave()), timeframe="1h")
    assert set(said.tolist()) == {-1, 0, 1}
    assert said.dtype == np.int8


@every_strategy
def test_a_part_of_the_run_gives_a_part_of_the_answers(make: Make) -> None:
    bars = Columns.of_rows(wave(200))
    whole = signals_of(make(), bars, timeframe="1h")
    for end in (1, 5, 50, 199):
        assert signals_of(make(), bars.part(0, end), timeframe="1h").tolist() == (
            whole[:end].tolist()
        )


@pytest.mark.parametrize(
    ("seeding", "entry", "first_entry"), [("mean", 18, 95.43), ("first", 21, 96.17)]
)
def test_the_walk_every_peer_was_given_has_its_ten_trades(
    seeding: Any, entry: int, first_entry: float
) -> None:
    bars = Columns.of_bars(walk().bars())
    said = signals_of(RsiCrossStrategy(smoothing="wilder", seeding=seeding), bars, timeframe="1h")
    trades, bought = [], None
    for place, sign in enumerate(said[:-1].tolist()):
        if sign == 1 and bought is None:
            bought = place
        elif sign == -1 and bought is not None:
            trades.append((bought, bars.open[bought + 1], place, bars.open[place + 1]))
            bought = None
    assert [trade[:2] for trade in trades[:1]] == [(entry, first_entry)]
    assert [(round(float(a), 2), round(float(b), 2)) for _, a, _, b in trades[1:]] == [
        (95.44, 83.92), (75.11, 86.04), (75.65, 49.02), (57.17, 60.44), (64.69, 67.05),
        (66.89, 69.25), (73.01, 80.28), (75.5, 87.9), (84.04, 87.65),
    ]  # fmt: skip
    assert trades[0][2:] == (100, 103.96)
    assert bought is not None  # the eleventh is open at the end


@pytest.mark.parametrize("smoothing", ["simple", "wilder"])
@pytest.mark.parametrize("sample", sample_names())
def test_rsi_cross_says_the_same_of_every_shipped_bar(sample: str, smoothing: Any) -> None:
    bars = Columns.of_bars(sample_bars(sample))
    strategy = RsiCrossStrategy(smoothing=smoothing)
    live = strategy.watch(sample, CONTEXT)
    assert asked(live, bars.rows()) == signals_of(strategy, bars).tolist()


class TwoFrames(SignalStrategy):
    """Buys above the last known close of a longer bar, when its average rose."""

    also = (Wanted("slow", timeframe="4h"),)

    def __init__(self) -> None:
        self.features = {"trend": Feature("ema", {"period": 2}, of="slow")}

    def signals(self, features: Any) -> Any:
        above = features["close"] > features["slow.close"]
        return decided(above & (features["trend"] > features["slow.open"]), ~above)


@given(closes)
def test_a_longer_timeframe_is_seen_when_it_has_closed_and_not_before(prices: list[float]) -> None:
    rows = run_of(prices)
    slow = [rows[k : k + 4] for k in range(0, len(rows), 4)]
    known_at = [(k + 1) * 4 * HOUR for k in range(len(slow))]
    values = [
        (part[0].open, max(r.high for r in part), min(r.low for r in part), part[-1].close, 1.0)
        for part in slow
    ]
    names = ("open", "high", "low", "close", "volume")
    columns = {name: np.array([row[k] for row in values]) for k, name in enumerate(names)}
    also = {"slow": FurtherColumns(np.array(known_at), columns)}
    bars = Columns.of_rows(rows)
    batch = signals_of(TwoFrames(), bars, timeframe="1h", also=also)
    early, late = TwoFrames().watch("X", CONTEXT), TwoFrames().watch("X", CONTEXT)
    for at, news in zip(known_at, values, strict=True):
        early.hear("slow", at, news)  # told long before it is known
    said = []
    for row in rows:
        for at, news in zip(known_at, values, strict=True):
            if row.at < at <= row.at + HOUR:
                late.hear("slow", at, news)
        said.append(SIGN[late.signal(row)])
        late.keep(row)
    assert said == batch.tolist() == asked(early, rows)
    if len(rows) > 4:
        changed = [*values[:1], *[(1.0, 9e6, 0.5, 9e6, 1.0)] * (len(values) - 1)]
        other = {name: np.array([row[k] for row in changed]) for k, name in enumerate(names)}
        with_other = signals_of(
            TwoFrames(),
            bars,
            timeframe="1h",
            also={"slow": FurtherColumns(np.array(known_at), other)},
        )
        assert with_other[:7].tolist() == batch[:7].tolist()


def test_further_bars_that_nobody_gives_are_asked_for() -> None:
    with pytest.raises(InvalidValueError, match="TwoFrames wants the further series 'slow'"):
        signals_of(TwoFrames(), Columns.of_rows(wave(20)), timeframe="1h")


class Divides(SignalStrategy):
    def signals(self, features: Any) -> Any:
        return decided((features["close"] - 100.0) / (features["volume"] - 10.0) > 0, self.never)

    never: Any = False


def test_a_division_by_zero_compares_as_false_in_both() -> None:
    rows = run_of([100.0, 101.0, 99.0, 100.0])
    batch = signals_of(Divides(), Columns.of_rows(rows))
    assert batch.tolist() == [0, 1, 0, 0]
    assert asked(Divides().watch("X", CONTEXT), rows) == batch.tolist()


class Writes(SignalStrategy):
    def signals(self, features: Any) -> Any:
        features["close"][:] = 0.0
        return features["close"]


def test_a_strategy_cannot_write_into_the_bars() -> None:
    bars = Columns.of_rows(wave(20))
    with pytest.raises(ValueError, match="read-only"):
        signals_of(Writes(), bars)
    assert bars.close[0] == wave(20)[0].close


class Says(SignalStrategy):
    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def signals(self, features: Any) -> Any:
        return self.answer(features)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda _: None, "returned None"),
        (lambda f: f["close"][:-1] * 0, r"an array of shape \(29,\).*each of 30 bars"),
        (lambda f: f["close"], "for bar 0; it is"),
        (lambda f: f["close"] * np.nan, "nan.* for bar 0"),
        (lambda _: 1, "returned 1"),
    ],
)
def test_nonsense_over_columns_is_named(answer: Any, words: str) -> None:
    with pytest.raises(StrategyAnswerError, match=words):
        signals_of(Says(answer), Columns.of_rows(wave(30)))


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e200])
def test_a_bar_that_is_no_number_is_named_with_its_column_and_row(bad: float) -> None:
    rows = wave(10)
    rows[7] = rows[7]._replace(volume=bad)
    with pytest.raises(InvalidValueError, match=r"volumes\[7\] is"):
        signals_of(RsiCrossStrategy(), Columns.of_rows(rows))
    with pytest.raises(InvalidValueError, match=r"volumes\[7\] is"):
        asked(RsiCrossStrategy().watch("X", CONTEXT), rows)


def test_columns_are_of_one_length() -> None:
    three = np.ones(3)
    with pytest.raises(InvalidValueError, match="low has the shape"):
        Columns(np.arange(3), three, three, np.ones(2), three, three)


def test_no_bars_give_no_answers() -> None:
    empty = Columns.of_rows([])
    assert len(empty) == 0
    assert signals_of(RsiCrossStrategy(), empty).tolist() == []


def test_indicators_are_computed_once_for_all_who_share_them() -> None:
    class Cross(SignalStrategy):
        def __init__(self, level: float) -> None:
            self.level = level
            self.features = {"rsi": Feature("rsi", {"period": 14})}

        def signals(self, features: Any) -> Any:
            crossed = crossed_above(features["rsi"], self.level)
            return decided(crossed, crossed & False)

    computed: dict[Any, Any] = {}
    bars = Columns.of_rows(wave())
    first = signals_of(Cross(30.0), bars, computed=computed)
    (known,) = computed.values()
    assert signals_of(Cross(40.0), bars, computed=computed).tolist() != first.tolist()
    assert next(iter(computed.values())) is known
