"""The sections of the settings. Descriptions are the documentation: `settings_view` prints them."""

from decimal import Decimal
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from traderbot.infrastructure.settings_types import (
    Address,
    Addresses,
    AnchorFile,
    DatabaseUrl,
    Folder,
    Hosts,
    LogName,
    Origins,
    PaperOnly,
    Password,
    PlainDecimal,
    RedisUrl,
    SealingKey,
    SigningSecret,
    WebhookKey,
    WebhookUrl,
    Word,
    WordOrNone,
)


class Section(BaseModel):
    """Settings that belong together: the part of a variable's name before `__`."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True
    )


class DataSettings(Section):
    """Where the program keeps its files."""

    dir: Folder = Field(
        default=Path("traderbot-data"),
        description="folder for the SQLite database, secrets made at first run, and reports",
    )


class DatabaseSettings(Section):
    """Where orders, events and everything that follows from them are stored."""

    url: DatabaseUrl = Field(
        default=None,
        description="sqlite:///file or postgresql://user:password@host/name;"
        " empty for traderbot.db in the data folder",
    )


class RedisSettings(Section):
    """The shared cache and limiter of the server shape."""

    url: RedisUrl = Field(
        default=None,
        description="redis://, rediss:// or unix://; empty to keep cache and limits in memory",
    )


class AuthSettings(Section):
    """How logins are proved."""

    secret_key: SigningSecret = Field(
        default=None,
        description="signs access tokens; 32 bytes or more, drawn at random. Development makes"
        " one at first run, production needs one of its own",
    )
    access_token_seconds: int = Field(
        default=900, ge=1, le=900, description="life of an access token; 1 to 900"
    )
    issuer: Word = Field(
        default="traderbot", description="`iss` of the tokens; another one for each installation"
    )
    audience: Word = Field(
        default="traderbot-api", description="`aud` of the tokens; who they are meant for"
    )


class TradingSettings(Section):
    """Which venue, and what the paper venue charges."""

    mode: PaperOnly = Field(
        default="paper", description="paper or live; live is refused, there is no live venue yet"
    )
    fee_bps: PlainDecimal = Field(
        default=Decimal(10), ge=0, le=1000, description="fee of the paper venue; 0 to 1000 bps"
    )
    slippage_bps: PlainDecimal = Field(
        default=Decimal(5),
        ge=0,
        le=1000,
        description="how much worse than the last price the paper venue fills; 0 to 1000 bps",
    )


class RiskSettings(Section):
    """Limits each order must keep."""

    order_notional_max: PlainDecimal = Field(
        default=Decimal(10_000),
        gt=0,
        description="largest notional of one order, in the quote currency; above 0",
    )
    order_notional_fraction: PlainDecimal = Field(
        default=Decimal("0.10"),
        gt=0,
        le=1,
        description="largest notional of one order as a fraction of equity; above 0, up to 1",
    )
    market_order_cushion: PlainDecimal = Field(
        default=Decimal("0.05"),
        ge=0,
        le=1,
        description="reserved on top of a market order's estimated cost, as a fraction; 0 to 1",
    )


class WriterSettings(Section):
    """The one thread that changes anything."""

    max_batch: int = Field(
        default=256, ge=1, le=10_000, description="most commands in one commit; 1 to 10000"
    )


class AuditSettings(Section):
    """How the log is sealed, and where its checkpoints are kept outside the database."""

    signing_key: SealingKey = Field(
        default=None,
        description="Ed25519 private key that signs checkpoints of the log: 32 bytes in base64."
        " Development makes one at first run, production needs one of its own",
    )
    origin: LogName = Field(
        default=None,
        description="name of this log in its checkpoints, such as example.org/traderbot;"
        " by default traderbot.local/ and the name of the database",
    )
    anchor_path: AnchorFile = Field(
        default=None,
        description="file that checkpoints are appended to, best on another volume; by default"
        " beside the SQLite file, or in the data folder",
    )
    seal_milliseconds: int = Field(
        default=50, ge=5, le=1000, description="how often waiting events are sealed; 5 to 1000"
    )
    checkpoint_milliseconds: int = Field(
        default=1000,
        ge=5,
        le=60_000,
        description="longest time until new events are under a signed checkpoint; 5 to 60000",
    )
    anchor_seconds: int = Field(
        default=60,
        ge=1,
        le=86_400,
        description="longest time until a new checkpoint is in the anchor file; 1 to 86400",
    )


class NotifySettings(Section):
    """Where people are told of fills, refusals, money and bots; the program's log always is."""

    webhook_url: WebhookUrl = Field(
        default=None,
        description="https:// or http:// URL that events are posted to; empty for none",
    )
    webhook_secret: WebhookKey = Field(
        default=None,
        description="signs what is posted (Standard Webhooks): 24 to 64 bytes in base64, with or"
        " without whsec_ before it",
    )
    smtp_host: WordOrNone = Field(
        default=None, description="mail server that e-mails are handed in at; empty for none"
    )
    smtp_port: int = Field(default=587, ge=1, le=65_535, description="its port; 1 to 65535")
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="starttls, tls or none"
    )
    smtp_username: WordOrNone = Field(
        default=None, description="who hands the e-mails in; empty for no login"
    )
    smtp_password: Password = Field(default=None, description="password of that login")
    smtp_from: Address = Field(default=None, description="address that e-mails come from")
    smtp_to: Addresses = Field(
        default=(), description="addresses that e-mails go to, separated by commas"
    )
    timeout_seconds: int = Field(
        default=10, ge=1, le=60, description="longest time one delivery may take; 1 to 60"
    )


class RelaySettings(Section):
    """Events of the log, handed on to other programs through Redis."""

    enabled: bool = Field(
        default=False,
        description="true or false; true relays every event to a stream of the Redis server",
    )
    stream: Word = Field(default="traderbot.events", description="name of that stream")
    maxlen: int = Field(
        default=100_000,
        ge=1,
        description="about how many of the newest events the stream keeps; at least 1",
    )


class ServerSettings(Section):
    """The HTTP server."""

    host: Word = Field(
        default="127.0.0.1", description="address to listen on; other machines cannot reach this"
    )
    port: int = Field(
        default=8000, ge=0, le=65_535, description="port to listen on; 0 takes a free one"
    )
    cors_origins: Origins = Field(
        default=(),
        description="origins whose pages may call the API, separated by commas; none by default",
    )
    trusted_hosts: Hosts = Field(
        default=("localhost", "127.0.0.1"),
        description="values of the Host header that are answered, separated by commas",
    )
