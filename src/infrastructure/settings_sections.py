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
    DecimalOrNone,
    Folder,
    FolderOrNone,
    FormerKeys,
    Hosts,
    LogName,
    Origins,
    Password,
    PlainDecimal,
    Proxies,
    RateText,
    RedisUrl,
    SealingKey,
    SigningSecret,
    Symbols,
    VerifierKeys,
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
    bars: Literal["database", "parquet"] = Field(
        default="database",
        description="where imported bars are kept: database, or parquet, files in the data folder"
        " (extra `data`); live bars are always in the database",
    )
    strategies: FolderOrNone = Field(
        default=None,
        description="folder with strategies of your own, .py files; serve, worker and every command"
        " know them. They run with every right of the program",
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
    budget_milliseconds: int = Field(
        default=100,
        ge=10,
        le=5000,
        description="longest time Redis may take to connect, and to answer, before the program"
        " goes on without it; 10 to 5000",
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


class EncryptionSettings(Section):
    """What seals the exchange keys that users store."""

    key: SealingKey = Field(
        default=None,
        description="AES-256 key that seals stored exchange keys: 32 bytes in base64, from"
        " `traderbot keys generate`. Development makes one at first run, production needs its own",
    )
    former_keys: FormerKeys = Field(
        default=None,
        description="keys that sealed before the one in use, separated by commas; they only open,"
        " until `traderbot keys rotate` has sealed everything again",
    )


class TradingSettings(Section):
    """Which venue, and what the paper venue charges."""

    mode: Literal["paper", "live"] = Field(
        default="paper", description="paper or live; live needs BROKER__VENUE, and begins halted"
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
    """Limits each order must keep. Empty: as docs/risk.md says for the trading mode."""

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
    order_notional_absolute: DecimalOrNone = Field(
        default=None,
        ge=0,
        description="largest notional of one whole order; no event and no role can raise it",
    )
    order_quantity_multiple: DecimalOrNone = Field(
        default=None,
        ge=0,
        description="largest quantity of an order, in medians of the last 100 own sizes",
    )
    price_collar: DecimalOrNone = Field(
        default=None,
        ge=0,
        le=1,
        description="how far a limit price may be from the market's, as a fraction; 0 to 1",
    )
    market_order_collar: DecimalOrNone = Field(
        default=None,
        ge=0,
        le=1,
        description="how far beyond the market a market order may trade, as a fraction; 0 to 1",
    )
    price_drift_max: DecimalOrNone = Field(
        default=None,
        ge=0,
        le=1,
        description="how far own fills of one minute may pull the price, as a fraction; 0 to 1",
    )
    reference_age_max: DecimalOrNone = Field(
        default=None,
        ge=0,
        description="seconds after which a quote no longer counts as the market's price",
    )
    duplicate_window: DecimalOrNone = Field(
        default=None,
        ge=0,
        description="seconds in which the same wish without a key is taken for a duplicate",
    )
    message_rate_max: DecimalOrNone = Field(
        default=None,
        ge=0,
        le=128,
        description="new orders of a portfolio in 60 seconds; up to 128",
    )
    message_burst_max: DecimalOrNone = Field(
        default=None,
        ge=0,
        le=128,
        description="new orders of a portfolio in one second; up to 128",
    )
    open_orders_max: DecimalOrNone = Field(
        default=None,
        ge=0,
        le=64,
        description="working orders of a portfolio; up to 64",
    )
    open_orders_symbol_max: DecimalOrNone = Field(
        default=None,
        ge=0,
        le=64,
        description="working orders of a portfolio in one symbol; up to 64",
    )
    position_notional_fraction: DecimalOrNone = Field(
        default=None,
        ge=0,
        description="largest position in one symbol, as a fraction of equity",
    )
    gross_exposure_fraction: DecimalOrNone = Field(
        default=None,
        ge=0,
        description="all positions and working orders, as a fraction of equity",
    )
    net_exposure_fraction: DecimalOrNone = Field(
        default=None,
        ge=0,
        description="long against short positions, as a fraction of equity",
    )
    total_exposure_max: DecimalOrNone = Field(
        default=None,
        ge=0,
        description="positions and working orders of all portfolios together; live needs it",
    )
    daily_loss_reduce: DecimalOrNone = Field(
        default=None,
        ge=0,
        le=1,
        description="loss since 00:00 UTC that lets only reducing orders pass; share of equity",
    )
    daily_loss_halt: DecimalOrNone = Field(
        default=None,
        ge=0,
        le=1,
        description="loss since 00:00 UTC that halts the portfolio; a fraction of equity",
    )
    drawdown_max: DecimalOrNone = Field(
        default=None,
        ge=0,
        le=1,
        description="fall from the best of 30 days that halts the portfolio; a fraction",
    )
    strategy_repeat_max: DecimalOrNone = Field(
        default=None,
        ge=0,
        le=20,
        description="orders of one bot in 5 minutes, after which it is halted; up to 20",
    )
    strategy_day_max: DecimalOrNone = Field(
        default=None,
        ge=0,
        description="orders of one bot in a day, after which it is halted",
    )
    loss_streak_max: DecimalOrNone = Field(
        default=None,
        ge=0,
        le=16,
        description="losing closes of one bot in 24 bars that let it only reduce; up to 16",
    )
    reject_streak_max: DecimalOrNone = Field(
        default=None,
        ge=0,
        le=16,
        description="refusals of the venue in 60 seconds that let a portfolio only reduce",
    )
    self_trade: Literal["refuse", "allow"] = Field(
        default="refuse", description="refuse or allow: an order that would meet one's own"
    )
    symbols: Symbols = Field(
        default=None,
        description="the only symbols that may be traded, separated by commas; none: not a single"
        " one",
    )


class LimitsSettings(Section):
    """How often one user, or one address without a token, may ask the API."""

    api: RateText = Field(
        default="100/minute",
        description="requests of one user, or of one address without a token: 100/minute or"
        " 5/15 minutes; units from second to day",
    )
    trading: RateText = Field(
        default="50/minute", description="orders and transfers of one user; written as the first"
    )
    risk: RateText = Field(default="10/minute", description="risk analyses of one user")
    login: RateText = Field(
        default="5/15 minutes",
        description="logins of one address, and of one account; registrations of one address",
    )
    cancel: RateText = Field(
        default="200/minute", description="cancellations of one user; nothing else counts as one"
    )
    halt: RateText = Field(
        default="60/minute", description="halts of one user; nothing else counts as one"
    )
    strategy: Literal["sliding-window", "token-bucket"] = Field(
        default="sliding-window",
        description="sliding-window holds in every window of that length; token-bucket lets as"
        " many through at once and refills evenly. Halts and cancellations always use the latter",
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
    former_keys: VerifierKeys = Field(
        default=(),
        description="public keys that checkpoints were signed with before the one in use"
        " (name+id+key), separated by commas; `audit verify` checks old signatures with them",
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
    trusted_proxies: Proxies = Field(
        default=(),
        description="addresses or networks of proxies whose X-Forwarded-For is believed,"
        " separated by commas; nobody's by default",
    )
