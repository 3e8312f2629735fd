"""Bars as they close, from the real streaming client; the exchange is on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

import pytest

from tests.builders import NOON, a_bar, later
from tests.venues.market import AlpacaMarket, BinanceMarket
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.values import Price, Symbol, symbol
from traderbot.infrastructure.market_data.feeds.alpaca_bar_stream import AlpacaBarStream
from traderbot.infrastructure.market_data.feeds.alpaca_feed import AlpacaFeed
from traderbot.infrastructure.market_data.feeds.ccxt_bar_stream import CcxtBarStream
from traderbot.infrastructure.market_data.feeds.ccxt_feed import CcxtFeed
from traderbot.infrastructure.market_data.feeds.streamed_feed import StreamedFeed
from traderbot.infrastructure.system import SystemClock

M1 = Timeframe.M1
KEY, SECRET = "a-key-of-nobody", "a-secret-of-nobody"
Market = BinanceMarket | AlpacaMarket


@dataclass(slots=True)
class Lab:
    """A feed that listens, and the venue it listens to."""

    market: Market
    feed: StreamedFeed
    stream: CcxtBarStream | AlpacaBarStream
    of: Symbol

    def minute(self, number: int, **values: str) -> Bar:
        return a_bar(symbol_code=self.of.code, timeframe=M1, at=later(number), **values)

    def ask(self, after: int, until: int) -> Sequence[Bar]:
        return self.feed.closed(self.of, M1, after=later(after), until=later(until))

    def heard(self, after: int) -> list[Bar] | None:
        return self.stream.heard.following(self.of, M1, later(after))

    def begin(self) -> None:
        """Take in the first bar, and listen from then on."""
        first = self.minute(0)
        self.market.have([first])
        assert self.feed.closed(self.of, M1, after=None, until=later(1)) == [first]
        until(lambda: self.market.listens(first))

    def asked(self) -> int:
        """Return how often bars were asked for."""
        return sum(it.path.endswith(("/klines", "/bars")) for it in self.market.seen)


@pytest.fixture(params=["ccxt", "alpaca shares", "alpaca coins"])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    if request.param == "ccxt":
        with _binance() as made:
            yield made
        return
    with _alpaca(symbol("AAPL" if request.param == "alpaca shares" else "BTC/USD")) as made:
        yield made


@pytest.fixture
def binance() -> Iterator[Lab]:
    with _binance() as made:
        yield made


@contextmanager
def _binance() -> Iterator[Lab]:
    with (
        BinanceMarket() as market,
        closing(CcxtFeed(address=market.host, timeout_seconds=5)) as rest,
    ):
        stream = CcxtBarStream(rest.clients, "binance", SystemClock(), market.host)
        with closing(StreamedFeed(rest, stream)) as feed:
            yield Lab(market, feed, stream, symbol("BTC/USDT"))


@contextmanager
def _alpaca(of: Symbol) -> Iterator[Lab]:
    with (
        AlpacaMarket() as market,
        closing(AlpacaFeed(KEY, SECRET, address=market.host, timeout_seconds=5)) as rest,
    ):
        market.book.open_account(KEY, SECRET, {"USD": Decimal(1000)})
        stream = AlpacaBarStream(KEY, SECRET, SystemClock(), address=market.host)
        with closing(StreamedFeed(rest, stream)) as feed:
            yield Lab(market, feed, stream, of)


def until(what: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def test_a_bar_that_closes_is_heard_and_not_asked_for(lab: Lab) -> None:
    lab.begin()
    before = lab.asked()
    exact = lab.minute(1, close="105.00000001", volume="0.00000001")
    lab.market.say(exact)
    until(lambda: lab.heard(0))
    assert lab.ask(0, 2) == [exact]
    assert lab.ask(1, 2) == []
    assert lab.asked() == before
    found = lab.feed.quote(lab.of)
    assert found is not None
    assert found.price == Price("105.00000001")


def test_a_bar_that_still_grows_is_a_price_and_no_bar(binance: Lab) -> None:
    binance.begin()
    assert isinstance(binance.market, BinanceMarket)
    binance.market.say(binance.minute(1, close="101"), closed=False)
    until(lambda: binance.feed.quote(binance.of))
    found = binance.feed.quote(binance.of)
    assert found is not None
    assert found.price == Price("101")
    assert binance.ask(0, 2) == []
    assert binance.feed.quote(symbol("ETH/USDT")) is None


def test_what_was_not_heard_is_asked_for(lab: Lab) -> None:
    lab.begin()
    missed = [lab.minute(n) for n in (1, 2, 3)]
    lab.market.have(missed)
    lab.market.say(lab.minute(3))
    until(lambda: lab.heard(2))
    assert lab.ask(0, 4) == missed


def test_a_bar_that_is_overdue_is_asked_for(lab: Lab) -> None:
    lab.begin()
    lab.market.say(lab.minute(1))
    until(lambda: lab.heard(0))
    lab.market.have([lab.minute(1), lab.minute(2)])
    late = later(3) + timedelta(seconds=6)
    assert lab.feed.closed(lab.of, M1, after=later(1), until=late) == [lab.minute(2)]


def test_a_stream_that_broke_off_comes_back_and_nothing_is_missed(lab: Lab) -> None:
    lab.begin()
    lab.market.say(lab.minute(1))
    until(lambda: lab.heard(0))
    lab.market.have([lab.minute(n) for n in (1, 2, 3)])
    lab.market.hang_up()
    until(lambda: not lab.market.listens(lab.minute(0)))
    until(lambda: lab.market.listens(lab.minute(0)))
    until(lambda: lab.heard(1) is None)
    lab.market.say(lab.minute(3))
    assert lab.ask(1, 4) == [lab.minute(2), lab.minute(3)]


@pytest.mark.parametrize(
    "values", [{"close": "NaN"}, {"high": "1"}, {"open": "-1"}, {"volume": "1e999"}]
)
def test_a_frame_that_cannot_be_read_breaks_the_stream_and_is_no_bar(
    lab: Lab, values: dict[str, str]
) -> None:
    lab.begin()
    spoiled = lab.minute(1)
    for name, text in values.items():
        object.__setattr__(spoiled, name, text)
    lab.market.say(spoiled)
    until(lambda: not lab.market.listens(lab.minute(0)))
    until(lambda: lab.market.listens(lab.minute(0)))
    lab.market.have([lab.minute(1)])
    assert lab.ask(0, 2) == [lab.minute(1)]


def test_a_bar_told_again_in_another_form_begins_the_run_anew(lab: Lab) -> None:
    lab.begin()
    for close in ("105", "106"):
        lab.market.say(lab.minute(1, close=close))
    corrected = replace(lab.minute(1), close=Price("106"))
    until(lambda: lab.heard(0) == [corrected])
    assert lab.ask(0, 2) == [corrected]


def test_longer_bars_of_alpaca_are_asked_for() -> None:
    with _alpaca(symbol("AAPL")) as lab:
        hour = a_bar()
        lab.market.have([hour])
        for _ in range(2):
            found = lab.feed.closed(lab.of, Timeframe.H1, after=None, until=later(60))
            assert found == [hour]
        assert not lab.market.listens(hour)


def test_alpaca_refusing_the_keys_leaves_everything_to_be_asked_for() -> None:
    with (
        AlpacaMarket() as market,
        closing(AlpacaFeed(KEY, SECRET, address=market.host, timeout_seconds=5)) as rest,
    ):
        market.book.open_account(KEY, SECRET, {"USD": Decimal(1000)})
        stream = AlpacaBarStream("another", SECRET, SystemClock(), address=market.host)
        with closing(StreamedFeed(rest, stream)) as feed:
            bars = [a_bar(timeframe=M1, at=later(n)) for n in range(2)]
            market.have(bars)
            assert feed.closed(bars[0].symbol, M1, after=None, until=later(1)) == bars[:1]
            assert feed.closed(bars[0].symbol, M1, after=NOON, until=later(2)) == bars[1:]
