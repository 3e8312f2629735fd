"""The feed the settings name, ready to be asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from traderbot.application.ports.clock import Clock
from traderbot.application.ports.feeds import BarFeed
from traderbot.application.ports.market_data import BarStore
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.infrastructure.brokers.request_budget import RequestBudget
from traderbot.infrastructure.market_data.feeds.alpaca_bar_stream import AlpacaBarStream
from traderbot.infrastructure.market_data.feeds.alpaca_feed import AlpacaFeed
from traderbot.infrastructure.market_data.feeds.ccxt_bar_stream import CcxtBarStream
from traderbot.infrastructure.market_data.feeds.ccxt_feed import CcxtFeed
from traderbot.infrastructure.market_data.feeds.recorded_feed import RecordedFeed
from traderbot.infrastructure.market_data.feeds.recording_file import RecordingFile, recording_path
from traderbot.infrastructure.market_data.feeds.stored_feed import StoredFeed
from traderbot.infrastructure.market_data.feeds.storing_feed import StoringFeed
from traderbot.infrastructure.market_data.feeds.streamed_feed import StreamedFeed
from traderbot.infrastructure.settings import Settings

STORED: Final = "stored"
BINANCE: Final = "ccxt:binance"
ALPACA: Final = "alpaca"
SOURCES: Final = (BINANCE, ALPACA)  # that can be downloaded from


@contextmanager
def open_feed(settings: Settings, store: BarStore, clock: Clock, name: str) -> Iterator[BarFeed]:
    """Give bots the feed the settings name, until the block ends; nothing is sent yet.

    What a live source tells is stored, and recorded under `name`, before it is told.

    Raises:
        FeedUnavailableError: the recording cannot be opened.
        MissingExtraError: the source's library is not installed.
    """
    if settings.feed.source == STORED:
        yield StoredFeed(store)
        return
    with _live(settings, clock) as live:
        yield StoringFeed(_recorded(live, settings, clock, name), store)


@contextmanager
def _live(settings: Settings, clock: Clock) -> Iterator[BarFeed]:
    source = settings.feed.source
    if not settings.feed.stream:
        with open_source(source, settings) as asked:
            yield asked
    elif source == BINANCE:
        with closing(_binance(settings)) as coins:
            heard = CcxtBarStream(coins.clients, coins.name, clock, _address(settings))
            with closing(StreamedFeed(coins, heard)) as feed:
                yield feed
    else:
        with (
            closing(_alpaca(settings)) as shares,
            closing(StreamedFeed(shares, _alpaca_stream(settings, clock))) as feed,
        ):
            yield feed


@contextmanager
def open_source(source: str, settings: Settings) -> Iterator[BarFeed]:
    """Give a source of bars that is asked, never listened to, until the block ends.

    Raises:
        InvalidValueError: no source is called so.
        MissingExtraError: the source's library is not installed.
    """
    if source == BINANCE:
        with closing(_binance(settings)) as binance:
            yield binance
    elif source == ALPACA:
        with closing(_alpaca(settings)) as alpaca:
            yield alpaca
    else:
        msg = f"no source of bars is called {source!r:.60}; there are: {', '.join(SOURCES)}"
        raise InvalidValueError(msg)


def _recorded(feed: BarFeed, settings: Settings, clock: Clock, name: str) -> BarFeed:
    if not settings.feed.record:
        return feed
    return RecordedFeed(feed, RecordingFile(recording_path(settings.data.dir, name)), clock)


def _binance(settings: Settings) -> CcxtFeed:
    return CcxtFeed(address=_address(settings), budget=_budget(settings, BINANCE))


def _alpaca(settings: Settings) -> AlpacaFeed:
    return AlpacaFeed(
        *_alpaca_keys(settings),
        exchange=settings.feed.alpaca_exchange,
        address=_address(settings),
        budget=_budget(settings, ALPACA),
    )


def _alpaca_stream(settings: Settings, clock: Clock) -> AlpacaBarStream:
    return AlpacaBarStream(
        *_alpaca_keys(settings),
        clock,
        exchange=settings.feed.alpaca_exchange,
        address=_address(settings),
    )


def _alpaca_keys(settings: Settings) -> tuple[str, str]:
    login = settings.broker.alpaca
    return (
        "" if login.key is None else login.key.get_secret_value(),
        "" if login.secret is None else login.secret.get_secret_value(),
    )


def _budget(settings: Settings, source: str) -> RequestBudget:
    path = settings.data.dir / "budgets" / Path(f"data-{source.replace(':', '-')}")
    return RequestBudget(path, settings.feed.weight(source))


def _address(settings: Settings) -> str | None:
    url = settings.feed.base_url
    return None if url is None else url.partition("://")[2].rstrip("/")
