"""The environment, read once, checked, and frozen.

`load_settings` is the way in, and bootstrap alone calls it. Nothing is read at import.
`settings_view` tells what was set by whom, and writes the documentation of the variables.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import ClassVar, Final, Literal, Self

from dotenv.parser import parse_stream
from pydantic import BaseModel, Field, PrivateAttr, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from traderbot.domain.shared.errors import TraderbotError
from traderbot.infrastructure.settings_broker import BrokerSettings, broker_problems
from traderbot.infrastructure.settings_check import (
    PREFIX,
    Problem,
    is_sqlite_in_memory,
    looks_like_an_example,
    name_problems,
)
from traderbot.infrastructure.settings_encryption import (
    NoEncryptionKeyError,
    encryption_keys,
    production_problems,
)
from traderbot.infrastructure.settings_feed import FeedSettings, feed_problems
from traderbot.infrastructure.settings_log import (
    default_anchor_path,
    default_origin,
    drawn_seed,
    looks_typed,
    seed_of,
)
from traderbot.infrastructure.settings_secret import SecretFileError, kept_secret
from traderbot.infrastructure.settings_sections import (
    AuditSettings,
    AuthSettings,
    DatabaseSettings,
    DataSettings,
    EncryptionSettings,
    LimitsSettings,
    NotifySettings,
    RedisSettings,
    RelaySettings,
    RiskSettings,
    ServerSettings,
    TradingSettings,
    WriterSettings,
)

DEFAULT_ENV_FILE: Final = Path(".env")
SECRET_KEY_NAME: Final = f"{PREFIX}AUTH__SECRET_KEY"
SEALING_KEY_NAME: Final = f"{PREFIX}AUDIT__SIGNING_KEY"
DATABASE_URL_NAME: Final = f"{PREFIX}DATABASE__URL"
_HOW_TO_MAKE_ONE: Final = (
    "make one with: python -c 'import secrets; print(secrets.token_urlsafe(48))'"
)
_HOW_TO_MAKE_A_KEY: Final = (
    "make one with: python -c 'import base64, secrets; "
    "print(base64.b64encode(secrets.token_bytes(32)).decode())'"
)

Origin = Literal["default", "environment", ".env", "argument"]


class ConfigurationError(TraderbotError):
    """The program must not start like this. Names every variable at fault, and the remedy."""

    code: ClassVar[str] = "CONFIGURATION"

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Write one line for each problem."""
        lines = "".join(f"\n  {problem}" for problem in problems)
        super().__init__(f"the configuration cannot be used:{lines}")
        self.problems = tuple(problems)


class Settings(BaseSettings):
    """Everything an operator decides. Arguments win over the environment, and that over `.env`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        dotenv_filtering="only_existing",  # `.env` may serve other programs; see name_problems
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        validate_default=True,
    )

    environment: Literal["development", "production"] = Field(
        default="development", description="development or production, which is stricter"
    )
    debug: bool = Field(
        default=False, description="true or false; more in the log, never in production"
    )
    data: DataSettings = Field(default_factory=DataSettings)
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    redis: RedisSettings = Field(default_factory=RedisSettings)
    auth: AuthSettings = Field(default_factory=AuthSettings)
    encryption: EncryptionSettings = Field(default_factory=EncryptionSettings)
    trading: TradingSettings = Field(default_factory=TradingSettings)
    risk: RiskSettings = Field(default_factory=RiskSettings)
    limits: LimitsSettings = Field(default_factory=LimitsSettings)
    broker: BrokerSettings = Field(default_factory=BrokerSettings)
    feed: FeedSettings = Field(default_factory=FeedSettings)
    writer: WriterSettings = Field(default_factory=WriterSettings)
    audit: AuditSettings = Field(default_factory=AuditSettings)
    notify: NotifySettings = Field(default_factory=NotifySettings)
    relay: RelaySettings = Field(default_factory=RelaySettings)
    server: ServerSettings = Field(default_factory=ServerSettings)

    # Who set which variable; a variable that is missing here kept its default.
    _origins: Mapping[str, Origin] = PrivateAttr(default_factory=dict)

    @property
    def database_url(self) -> str:
        """The database's URL, with its password; never log it."""
        if self.database.url is not None:
            return self.database.url.get_secret_value()
        return f"sqlite:///{(self.data.dir.absolute() / 'traderbot.db').as_posix()}"

    @property
    def redis_url(self) -> str | None:
        """Redis's URL, with its password, or None for memory; never log it."""
        return None if self.redis.url is None else self.redis.url.get_secret_value()

    def signing_key(self) -> bytes:
        """Return the key of the access tokens; development makes and keeps one when first asked.

        Call it once, at the start: it may read or write a file.

        Raises:
            ConfigurationError: the file with the secret cannot be made, read, or trusted.
        """
        if self.auth.secret_key is not None:
            return self.auth.secret_key.get_secret_value().encode("utf-8")
        if self.environment == "production":
            raise ConfigurationError([_no_secret()])
        try:
            return kept_secret(self.secret_key_path).encode("utf-8")
        except SecretFileError as error:
            remedy = f"or set {SECRET_KEY_NAME}; {_HOW_TO_MAKE_ONE}"
            problem = Problem(name=SECRET_KEY_NAME, message=str(error), remedy=remedy)
            raise ConfigurationError([problem]) from error

    @property
    def secret_key_path(self) -> Path:
        """Where development keeps the secret it made."""
        return self.data.dir / "secrets" / "auth-secret-key"

    def sealing_seed(self) -> bytes:
        """Return the key that signs checkpoints; development makes and keeps one when first asked.

        Call it once, at the start: it may read or write a file.

        Raises:
            ConfigurationError: the file with the key cannot be made, read, or trusted.
        """
        if self.audit.signing_key is not None:
            return seed_of(self.audit.signing_key.get_secret_value())
        if self.environment == "production":
            raise ConfigurationError([_no_sealing_key()])
        loss = "what is signed already is checked with the public key it had"
        try:
            return seed_of(kept_secret(self.sealing_key_path, draw=drawn_seed, loss=loss))
        except (SecretFileError, ValueError) as error:
            remedy = f"or set {SEALING_KEY_NAME}; {_HOW_TO_MAKE_A_KEY}"
            message = str(error)
            if isinstance(error, ValueError):
                message = f"{self.sealing_key_path} holds no key; remove it, and one is made"
            problem = Problem(name=SEALING_KEY_NAME, message=message, remedy=remedy)
            raise ConfigurationError([problem]) from error

    @property
    def sealing_key_path(self) -> Path:
        """Where development keeps the key it made for checkpoints."""
        return self.data.dir / "secrets" / "log-signing-key"

    def encryption_keys(self) -> tuple[bytes, ...]:
        """Return the keys that open exchange keys, the one that seals first.

        Development makes and keeps one when first asked: it may read or write a file.

        Raises:
            ConfigurationError: production has none, or the file cannot be made, read, or trusted.
        """
        kept = None if self.environment == "production" else self.encryption_key_path
        try:
            return encryption_keys(self.encryption, kept)
        except NoEncryptionKeyError as error:
            raise ConfigurationError([error.problem]) from error

    @property
    def encryption_key_path(self) -> Path:
        """Where development keeps the key it made for exchange keys."""
        return self.data.dir / "secrets" / "exchange-keys-key"

    @property
    def log_origin(self) -> str:
        """The name of the log in its checkpoints, and of events that leave the program."""
        return self.audit.origin or default_origin(self.database_url)

    @property
    def anchor_path(self) -> Path:
        """The file that checkpoints of the log are published in."""
        if self.audit.anchor_path is not None:
            return self.audit.anchor_path
        return default_anchor_path(self.database_url, self.data.dir)

    def of_database(self, url: str) -> Self:
        """Return the same settings for another database: a URL, or the path of a SQLite file."""
        named = url if "://" in url else f"sqlite:///{Path(url).absolute().as_posix()}"
        database = DatabaseSettings(url=SecretStr(named))
        settings = self.model_copy(update={"database": database})
        settings._origins = {**self._origins, DATABASE_URL_NAME: "argument"}  # noqa: SLF001
        return settings

    def origin(self, name: str) -> Origin:
        """Return who set the variable `name`."""
        return self._origins.get(name, "default")

    @classmethod
    def settings_customise_sources(  # noqa: D102 -- pydantic-settings documents it
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, dotenv_settings


def load_settings(
    *,
    env_file: Path | None = DEFAULT_ENV_FILE,
    arguments: Mapping[str, object] | None = None,
) -> Settings:
    """Return checked settings. Nothing is made or written yet; see `Settings.signing_key`.

    Args:
        env_file: None to read none. The default one may be missing, another one may not.
        arguments: what a command line or a caller decides, such as `{"server": {"port": 0}}`.

    Raises:
        ConfigurationError: with every problem that was found.
    """
    settings, found = _read(env_file, arguments or {})
    if settings is None or found:
        raise ConfigurationError(found)
    return settings


def problems(
    *,
    env_file: Path | None = DEFAULT_ENV_FILE,
    arguments: Mapping[str, object] | None = None,
) -> list[Problem]:
    """Return everything that keeps the program from starting, for `config check`."""
    return _read(env_file, arguments or {})[1]


def variables(
    model: type[BaseModel] = Settings, prefix: str = PREFIX
) -> Iterator[tuple[str, tuple[str, ...], FieldInfo]]:
    """Yield each variable's name, where it lies in the settings, and its field."""
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            section = variables(inner, f"{prefix}{name.upper()}__")
            yield from ((full, (name, *path), leaf) for full, path, leaf in section)
        else:
            yield f"{prefix}{name.upper()}", (name,), field


def _read(
    env_file: Path | None, arguments: Mapping[str, object]
) -> tuple[Settings | None, list[Problem]]:
    known = {name: path for name, path, _ in variables()}
    in_file, found = _names_in(env_file)
    found += name_problems(os.environ, known, where="the environment")
    found += name_problems(in_file, known, where=str(env_file))
    # pydantic-settings takes `_env_file` although the signature type checkers see does not say so.
    build: Callable[..., Settings] = Settings
    # Only a plain file that was read above: a pipe would be empty the second time.
    source = env_file if env_file is not None and env_file.is_file() else None
    try:
        settings = build(_env_file=source, **arguments)
    except ValidationError as error:
        named = {problem.name.upper() for problem in found}
        found += [problem for problem in _described(error) if problem.name not in named]
        return None, found
    except (SettingsError, UnicodeError):
        # A whole section as JSON, or bytes that are no text: found by name above already.
        return None, found
    settings._origins = _origins(known, arguments, in_file)  # noqa: SLF001
    found += _half_said(settings)
    found += broker_problems(settings.broker, settings.trading.mode, settings.environment)
    found += feed_problems(settings.feed, settings.broker.alpaca)
    if settings.environment == "production":
        found += _production_problems(settings)
    return settings, found


def _names_in(env_file: Path | None) -> tuple[list[str], list[Problem]]:
    """Return the names a `.env` file sets, and what is wrong with the file itself."""
    if env_file is None or (env_file == DEFAULT_ENV_FILE and not env_file.exists()):
        return [], []
    try:
        bindings = list(parse_stream(StringIO(env_file.read_text(encoding="utf-8"))))
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        remedy = "correct the path or the file"
        return [], [Problem(name=str(env_file), message=f"cannot be read: {why}", remedy=remedy)]
    # The library that reads the values only warns about such a line, and goes on.
    broken = [
        Problem(
            name=f"{env_file}, line {binding.original.line}",
            message="is not NAME=value",
            remedy="correct or remove it",
        )
        for binding in bindings
        if binding.error or (binding.key is not None and binding.value is None)
    ]
    return [binding.key for binding in bindings if binding.key is not None], broken


def _described(error: ValidationError) -> Iterator[Problem]:
    fields = {path: (name, field) for name, path, field in variables()}
    # Never the input: it may be a secret, or a URL with a password.
    for detail in error.errors(include_url=False, include_input=False, include_context=False):
        path = tuple(str(part) for part in detail["loc"])
        while path and path not in fields and len(path) > 2:  # noqa: PLR2004 -- index in a list
            path = path[:-1]
        if path in fields:
            name, field = fields[path]
            message = detail["msg"].removeprefix("Value error, ")
            yield Problem(name=name, message=message, remedy=f"it is: {field.description}")
        else:
            name = PREFIX + "__".join(path).upper()
            remedy = "see docs/configuration.md for the names there are"
            yield Problem(name=name, message="no setting has this name", remedy=remedy)


def _origins(
    known: Mapping[str, tuple[str, ...]],
    arguments: Mapping[str, object],
    in_file: Sequence[str],
) -> dict[str, Origin]:
    environment = {name.upper() for name in os.environ}
    file = {name.upper() for name in in_file}
    origins: dict[str, Origin] = {}
    for name, path in known.items():
        if _is_given(arguments, path):
            origins[name] = "argument"
        elif name in environment:
            origins[name] = "environment"
        elif name in file:
            origins[name] = ".env"
    return origins


def _is_given(arguments: object, path: Sequence[str]) -> bool:
    if not path:
        return True
    return (
        isinstance(arguments, Mapping)
        and path[0] in arguments
        and _is_given(arguments[path[0]], path[1:])
    )


def _half_said(settings: Settings) -> Iterator[Problem]:
    """Name what is missing beside what was set: half a channel tells nobody anything."""
    notify = settings.notify
    for first, second, is_half in (
        ("NOTIFY__WEBHOOK_URL", "NOTIFY__WEBHOOK_SECRET", notify.webhook_secret is None),
        ("NOTIFY__SMTP_HOST", "NOTIFY__SMTP_FROM", notify.smtp_from is None),
        ("NOTIFY__SMTP_HOST", "NOTIFY__SMTP_TO", not notify.smtp_to),
        ("NOTIFY__SMTP_USERNAME", "NOTIFY__SMTP_PASSWORD", notify.smtp_password is None),
        ("RELAY__ENABLED", "REDIS__URL", settings.redis_url is None),
    ):
        section, _, name = first.lower().partition("__")
        if is_half and getattr(getattr(settings, section), name):
            yield Problem(
                name=f"{PREFIX}{second}",
                message=f"is not set, and {PREFIX}{first} needs it",
                remedy=f"set it, or remove {PREFIX}{first}",
            )


def _production_problems(settings: Settings) -> Iterator[Problem]:
    secret = settings.auth.secret_key
    if secret is None:
        yield _no_secret()
    elif looks_like_an_example(secret.get_secret_value()):
        yield Problem(
            name=SECRET_KEY_NAME,
            message="looks like an example or a typed text",
            remedy=_HOW_TO_MAKE_ONE,
        )
    key = settings.audit.signing_key
    if key is None:
        yield _no_sealing_key()
    elif looks_typed(seed_of(key.get_secret_value())):
        yield Problem(
            name=SEALING_KEY_NAME,
            message="looks like an example or a typed text",
            remedy=_HOW_TO_MAKE_A_KEY,
        )
    yield from production_problems(settings.encryption)
    if settings.debug:
        yield Problem(
            name=f"{PREFIX}DEBUG",
            message="is on in production",
            remedy="set it to false, or remove it",
        )
    if is_sqlite_in_memory(settings.database_url):
        yield Problem(
            name=f"{PREFIX}DATABASE__URL",
            message="is SQLite in memory: production would forget every order",
            remedy="name a file or a PostgreSQL server",
        )
    for name, listed in (
        ("CORS_ORIGINS", settings.server.cors_origins),
        ("TRUSTED_HOSTS", settings.server.trusted_hosts),
    ):
        if "*" in listed:
            yield Problem(
                name=f"{PREFIX}SERVER__{name}",
                message="is a wildcard in production",
                remedy="name each one",
            )


def _no_secret() -> Problem:
    return Problem(name=SECRET_KEY_NAME, message="is not set", remedy=_HOW_TO_MAKE_ONE)


def _no_sealing_key() -> Problem:
    return Problem(name=SEALING_KEY_NAME, message="is not set", remedy=_HOW_TO_MAKE_A_KEY)
