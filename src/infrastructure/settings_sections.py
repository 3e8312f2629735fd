"""The sections of the settings. Descriptions are the documentation: `settings_view` prints them."""

from decimal import Decimal
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from traderbot.infrastructure.settings_types import (
    AnchorFile,
    DatabaseUrl,
    Folder,
    Hosts,
    Origins,
    PaperOnly,
    PlainDecimal,
    RedisUrl,
    SealingKey,
    SigningSecret,
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
    origin: WordOrNone = Field(
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
