"""What a venue trades and pays, kept in memory: nobody who asks ever waits for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from threading import Event
from time import monotonic, sleep

from traderbot.application.errors import VenueUnavailableError
from traderbot.application.trading.venue_markets import VenueMarkets
from traderbot.domain.risk.exposure import Quote, TradingRules
from traderbot.domain.shared.values import Price, Quantity, Symbol, symbol

AAPL, MSFT = symbol("AAPL"), symbol("MSFT")
RULES = TradingRules(tick_size=Price("0.01"), lot_size=Quantity(1))
NOON = datetime(2025, 1, 2, 12, tzinfo=UTC)
DAY = 86_400.0


class Source:
    """A venue that counts what it is asked."""

    name = "venue"

    def __init__(self) -> None:
        self.listed = {AAPL: RULES}
        self.prices = {AAPL: Quote(Price(100), NOON)}
        self.lists = 0
        self.asked: list[Sequence[Symbol]] = []
        self.fails = False
        self.hold: Event | None = None

    def listing(self) -> Mapping[Symbol, TradingRules]:
        self.lists += 1
        self._may_fail()
        return dict(self.listed)

    def quotes(self, symbols: Sequence[Symbol]) -> Mapping[Symbol, Quote]:
        self.asked.append(list(symbols))
        self._may_fail()
        return {it: self.prices[it] for it in symbols if it in self.prices}

    def _may_fail(self) -> None:
        if self.hold is not None:
            self.hold.wait(5)
        if self.fails:
            msg = "away"
            raise VenueUnavailableError(msg)


class Now:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def made(source: Source | None = None) -> tuple[Source, Now, VenueMarkets]:
    source, now = source or Source(), Now()
    return source, now, VenueMarkets(source, monotonic=now)


def test_nothing_is_known_or_refused_before_the_venue_has_said_anything() -> None:
    source, _, markets = made()
    assert markets.rules(AAPL) is None
    assert markets.lists(MSFT) is True
    assert markets.quote(AAPL) is None
    assert (source.lists, source.asked) == (0, [])


def test_rules_and_the_list_are_known_after_a_round_of_asking() -> None:
    _, _, markets = made()
    markets.refresh()
    assert markets.rules(AAPL) == RULES
    assert (markets.lists(AAPL), markets.lists(MSFT)) == (True, False)


def test_the_list_is_asked_for_once_a_day() -> None:
    source, now, markets = made()
    for _ in range(100):
        markets.refresh()
        now.seconds += DAY / 90
    assert source.lists == 2


def test_a_symbol_that_is_not_listed_has_the_list_asked_for_at_most_once_a_minute() -> None:
    source, now, markets = made()
    markets.refresh()
    source.listed[MSFT] = RULES
    for _ in range(50):
        assert markets.lists(MSFT) is False
        markets.refresh()
        now.seconds += 1
    assert source.lists == 1
    now.seconds = 60
    markets.refresh()
    assert source.lists == 2
    assert markets.lists(MSFT) is True


def test_what_was_known_outlives_a_venue_that_is_away() -> None:
    source, now, markets = made()
    markets.quote(AAPL)
    markets.refresh()
    source.fails = True
    now.seconds = DAY + 1
    markets.quote(AAPL)
    markets.refresh()
    assert markets.rules(AAPL) == RULES
    assert markets.quote(AAPL) == Quote(Price(100), NOON)
    source.fails = False
    source.listed[MSFT] = RULES
    now.seconds += 5
    markets.refresh()
    assert markets.rules(MSFT) == RULES


def test_prices_are_asked_for_those_that_somebody_wanted_lately() -> None:
    source, now, markets = made()
    markets.refresh()
    assert source.asked == []
    assert markets.quote(AAPL) is None
    markets.refresh()
    assert markets.quote(AAPL) == Quote(Price(100), NOON)
    now.seconds = 2
    markets.refresh()
    assert source.asked == [[AAPL], [AAPL]]
    now.seconds = 3700
    markets.refresh()
    assert len(source.asked) == 2


def test_an_older_price_never_takes_the_place_of_a_newer_one() -> None:
    source, now, markets = made()
    markets.quote(AAPL)
    markets.refresh()
    source.prices[AAPL] = Quote(Price(1), NOON - timedelta(seconds=1))
    now.seconds = 2
    markets.refresh()
    assert markets.quote(AAPL) == Quote(Price(100), NOON)


def test_what_is_kept_is_bounded_however_many_symbols_are_named() -> None:
    source, _, markets = made()
    for number in range(1000):
        markets.quote(symbol(f"S{number}"))
    markets.refresh()
    assert len(source.asked) == 0, "none of them is listed"
    assert len(markets._wanted) == 200


def test_whoever_asks_does_not_wait_for_a_venue_that_hangs() -> None:
    source = Source()
    source.hold = Event()
    markets = VenueMarkets(source)
    with markets.running():
        sleep(0.05)
        before = monotonic()
        for _ in range(1000):
            markets.rules(AAPL)
            markets.quote(AAPL)
            markets.lists(MSFT)
        assert monotonic() - before < 1
        source.hold.set()
        until(lambda: markets.quote(AAPL) is not None)
        assert markets.rules(AAPL) == RULES


def test_a_source_that_stumbles_is_asked_again() -> None:
    source = Source()
    source.listed = None  # type: ignore[assignment]
    with VenueMarkets(source).running() as markets:
        sleep(0.05)
        source.listed = {AAPL: RULES}
        markets._list_at = 0.0
        until(lambda: markets.rules(AAPL) == RULES)


def until(holds: Callable[[], bool], seconds: float = 5) -> None:
    deadline = monotonic() + seconds
    while not holds():
        assert monotonic() < deadline
        sleep(0.01)
