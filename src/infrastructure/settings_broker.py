"""Which venue orders go to, and who we are there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final

from pydantic import Field, StringConstraints

from traderbot.infrastructure.settings_check import PREFIX, Problem
from traderbot.infrastructure.settings_sections import Section
from traderbot.infrastructure.settings_types import GatewayUrl, Password, Word

PAPER: Final = "paper"
ALPACA: Final = "alpaca"
_WEIGHTS: Final = {"binance": 1000, "alpaca": 180}  # below what the venues allow
VenueName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]{1,39}$")]
Coin = Annotated[str, StringConstraints(pattern=r"^(?:[A-Z0-9]{2,10})?$")]


class LoginSettings(Section):
    """One venue's account."""

    base_url: GatewayUrl = Field(
        default=None,
        description="http://127.0.0.1:port of a gateway on this machine that speaks for the venue;"
        " empty for the venue itself",
    )
    key: Password = Field(default=None, description="API key; one that may not withdraw")
    secret: Password = Field(default=None, description="its secret")


class CcxtSettings(LoginSettings):
    """The account at an exchange that is reached by ccxt."""

    passphrase: Password = Field(
        default=None, description="the third part of the login, for exchanges that have one"
    )
    counted_in: Coin = Field(
        default="",
        description="the coin in whose pairs holdings are shown; empty: USDT at Binance, else USD",
    )


class BrokerSettings(Section):
    """Where orders go. In paper mode a venue's test network is used, never the venue itself."""

    venue: VenueName = Field(
        default="paper",
        description="paper, alpaca, binance, or ccxt's name of an exchange it can trade at safely",
    )
    account: Word = Field(
        default="main", description="what this program calls the account; part of every fill's id"
    )
    weight_per_minute: int = Field(
        default=0,
        ge=0,
        le=100_000,
        description="how much may be asked of the venue in a minute, in its own weights, by all"
        " processes of this machine together; 0: 1000, and 180 of Alpaca",
    )
    cancel_reserve_percent: int = Field(
        default=10, ge=0, le=90, description="how much of that is kept for cancels; 0 to 90"
    )
    ccxt: CcxtSettings = Field(default_factory=CcxtSettings)
    alpaca: LoginSettings = Field(default_factory=LoginSettings)

    @property
    def weight(self) -> int:
        """How much may be asked in a minute."""
        return self.weight_per_minute or _WEIGHTS.get(self.venue, 1000)

    @property
    def login(self) -> LoginSettings:
        """The account at the venue that is chosen."""
        return self.alpaca if self.venue == ALPACA else self.ccxt


def broker_problems(broker: BrokerSettings, mode: str, environment: str) -> Iterator[Problem]:
    """Name what keeps orders from going where they are meant to. It never falls back to paper."""
    if broker.venue == PAPER:
        if mode == "live":
            yield Problem(
                name=f"{PREFIX}BROKER__VENUE",
                message="is paper, and trading is live",
                remedy=f"name a venue, or set {PREFIX}TRADING__MODE to paper",
            )
        return
    section = f"{PREFIX}BROKER__{'ALPACA' if broker.venue == ALPACA else 'CCXT'}"
    for name, value in (("KEY", broker.login.key), ("SECRET", broker.login.secret)):
        if value is None:
            yield Problem(
                name=f"{section}__{name}",
                message=f"is not set, and orders go to {broker.venue}",
                remedy=f"set it, or set {PREFIX}BROKER__VENUE to paper",
            )
    if broker.login.base_url is not None and mode == "live" and environment == "production":
        yield Problem(
            name=f"{section}__BASE_URL",
            message="is set in production, and trading is live",
            remedy="remove it: live orders go to the venue itself",
        )
