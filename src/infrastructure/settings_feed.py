"""Where bots get their bars from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

from pydantic import Field

from traderbot.infrastructure.settings_broker import LoginSettings
from traderbot.infrastructure.settings_check import PREFIX, Problem
from traderbot.infrastructure.settings_sections import Section
from traderbot.infrastructure.settings_types import GatewayUrl

_WEIGHTS: Final = {"ccxt:binance": 1000, "alpaca": 180}  # below what the venues allow


class FeedSettings(Section):
    """Where bots get their bars from. Market data of shares needs the keys of BROKER__ALPACA."""

    source: Literal["stored", "ccxt:binance", "alpaca"] = Field(
        default="stored",
        description="stored: only what is imported or downloaded; ccxt:binance or alpaca: live,"
        " and stored as it comes",
    )
    stream: bool = Field(
        default=True,
        description="true to listen to the exchange's stream, and ask only for what was missed;"
        " false to ask for every bar. Alpaca's stream knows only minutes",
    )
    record: bool = Field(
        default=True,
        description="true to write down each bar a bot saw, and when, in the data folder",
    )
    alpaca_exchange: Literal["iex", "sip"] = Field(
        default="iex", description="whose prices of shares: iex is free, sip is all exchanges"
    )
    weight_per_minute: int = Field(
        default=0,
        ge=0,
        le=100_000,
        description="how much market data may be asked for in a minute, in the venue's own weights,"
        " by all processes of this machine together; 0: 1000 of Binance, 180 of Alpaca",
    )
    base_url: GatewayUrl = Field(
        default=None,
        description="http://127.0.0.1:port of a gateway on this machine that speaks for the"
        " source; empty for the source itself",
    )

    def weight(self, source: str) -> int:
        """How much may be asked of a source in a minute."""
        return self.weight_per_minute or _WEIGHTS.get(source, 100)


def feed_problems(feed: FeedSettings, alpaca: LoginSettings) -> Iterator[Problem]:
    """Name what keeps bars from coming."""
    if feed.source != "alpaca":
        return
    for name, value in (("KEY", alpaca.key), ("SECRET", alpaca.secret)):
        if value is None:
            yield Problem(
                name=f"{PREFIX}BROKER__ALPACA__{name}",
                message="is not set, and bars come from alpaca",
                remedy=f"set it, or set {PREFIX}FEED__SOURCE to another source",
            )
