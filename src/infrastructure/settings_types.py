"""How the text of a variable becomes a value. No message here quotes what was given."""

import json
import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Sequence
from decimal import Decimal
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, SecretStr, StringConstraints
from pydantic_settings import NoDecode

from traderbot.application.ports.rate_limiter import Rate
from traderbot.infrastructure.settings_log import SEED_BYTES, seed_of

MIN_SECRET_BYTES: Final = 32
WEBHOOK_KEY_BYTES: Final = (24, 64)  # Standard Webhooks: what its libraries take

_DECIMAL: Final = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,18})?")
_ORIGIN: Final = re.compile(r"\*|https?://(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:[0-9]{1,5})?")
_HOST: Final = re.compile(r"\*|(\*\.)?[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]")
_WEBHOOK: Final = re.compile(
    r"https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?([/?][!-~]*)?"
)
_GATEWAY: Final = re.compile(r"http://(127\.0\.0\.1|localhost|\[::1\]):[0-9]{1,5}/?")
_ADDRESS: Final = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,190}", re.ASCII)
_VERIFIER_KEY: Final = re.compile(r"[!-*,-~]{1,255}\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}", re.ASCII)
_DATABASE_SCHEMES: Final = ("sqlite", "sqlite+pysqlite", "postgresql", "postgresql+psycopg")
_REDIS_SCHEMES: Final = ("redis", "rediss", "unix")


def _plain_decimal(value: object) -> Decimal:
    """Read a decimal without the detour over float, which would change it."""
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        return Decimal(value)
    if isinstance(value, Decimal) and value.is_finite():
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    msg = "must be a plain decimal such as 0.10, given as text; floats are refused"
    raise ValueError(msg)


def _decimal_or_none(value: object) -> Decimal | None:
    return None if value is None or value == "" else _plain_decimal(value)


def _symbols(value: object) -> object:
    """Read `AAPL,IBM`; empty is "as the trading mode says", and `none` is nothing at all."""
    if value is None or value == "":
        return None
    return () if value == "none" else _listed(value)


def _none_if_empty(value: object) -> object:
    # An empty line in `.env` or a compose file means "not set", where that is allowed at all.
    return None if value == "" else value


def _listed(value: object) -> object:
    """Split `a, b`; JSON is read too, since that is what pydantic-settings users write."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except ValueError as error:
            msg = "is not a list: write it as a,b"
            raise ValueError(msg) from error
    return [part.strip() for part in value.split(",") if part.strip()]


def _folder(value: Path) -> Path:
    # An empty text would be the current folder, and a "?" would cut the SQLite URL made of it.
    if value == Path() or "?" in str(value):
        msg = "must be the path of a folder of its own, without a question mark"
        raise ValueError(msg)
    return value.expanduser()


def _long_enough(value: SecretStr | None) -> SecretStr | None:
    if value is None:
        return None
    try:
        size = len(value.get_secret_value().encode("utf-8"))
    except UnicodeEncodeError:
        size = 0
    if size < MIN_SECRET_BYTES:
        msg = f"is shorter than {MIN_SECRET_BYTES} bytes, or not UTF-8"
        # `from None`, and no cause above: both would carry the secret.
        raise ValueError(msg) from None
    return value


def _database(value: SecretStr | None) -> SecretStr | None:
    return _with_scheme(value, _DATABASE_SCHEMES)


def _redis(value: SecretStr | None) -> SecretStr | None:
    return _with_scheme(value, _REDIS_SCHEMES)


def _seed(value: SecretStr | None) -> SecretStr | None:
    if value is None:
        return None
    try:
        is_key = len(seed_of(value.get_secret_value())) == SEED_BYTES
    except (Base64Error, ValueError):
        is_key = False
    if not is_key:
        msg = f"must be {SEED_BYTES} bytes in base64"
        raise ValueError(msg) from None  # and no cause above: both would carry the secret
    return value


def _seeds(value: SecretStr | None) -> SecretStr | None:
    for text in [] if value is None else value.get_secret_value().split(","):
        _seed(SecretStr(text.strip()))
    return value


def _webhook(value: SecretStr | None) -> SecretStr | None:
    value = _with_scheme(value, ("https", "http"))
    if value is not None and _WEBHOOK.fullmatch(value.get_secret_value()) is None:
        msg = "must be https://host/path, without user, password or blanks"
        raise ValueError(msg)
    return value


def _webhook_key(value: SecretStr | None) -> SecretStr | None:
    if value is None:
        return None
    try:
        key = b64decode(value.get_secret_value().removeprefix("whsec_"), validate=True)
    except (Base64Error, ValueError):
        key = b""
    if not WEBHOOK_KEY_BYTES[0] <= len(key) <= WEBHOOK_KEY_BYTES[1]:
        msg = f"must be {WEBHOOK_KEY_BYTES[0]} to {WEBHOOK_KEY_BYTES[1]} bytes in base64"
        raise ValueError(msg) from None  # and no cause above: both would carry the secret
    return value


def _addresses(values: tuple[str, ...]) -> tuple[str, ...]:
    if not all(_ADDRESS.fullmatch(value) for value in values):
        msg = "must be e-mail addresses such as desk@example.org, separated by commas"
        raise ValueError(msg)
    return values


def _address(value: str | None) -> str | None:
    return None if value is None else _addresses((value,))[0]


def _with_scheme(value: SecretStr | None, schemes: Sequence[str]) -> SecretStr | None:
    if value is None:
        return None
    scheme, separator, _ = value.get_secret_value().partition("://")
    if not separator or scheme not in schemes:
        msg = f"must begin with one of {', '.join(f'{known}://' for known in schemes)}"
        raise ValueError(msg)
    return value


def _origins(values: tuple[str, ...]) -> tuple[str, ...]:
    if not all(_ORIGIN.fullmatch(value) for value in values):
        msg = "must be origins such as https://desk.example.org: lower case, and no path or slash"
        raise ValueError(msg)
    return values


def _hosts(values: tuple[str, ...]) -> tuple[str, ...]:
    if not values or not all(_HOST.fullmatch(value) for value in values):
        msg = "must be host names such as desk.example.org, without scheme or port"
        raise ValueError(msg)
    return values


def _verifier_keys(values: tuple[str, ...]) -> tuple[str, ...]:
    if not all(_VERIFIER_KEY.fullmatch(value) for value in values):
        msg = "must be keys as `traderbot audit anchor` shows them (name+id+key), comma-separated"
        raise ValueError(msg)
    return values


def _rate(value: str) -> str:
    return str(Rate.parse(value))


def _proxies(values: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return tuple(str(ip_network(value)) for value in values)
    except ValueError:
        msg = "must be addresses or networks such as 10.0.0.7 or 10.0.0.0/24, comma-separated"
        raise ValueError(msg) from None


def _gateway(value: str | None) -> str | None:
    if value is not None and _GATEWAY.fullmatch(value) is None:
        msg = "must be http://127.0.0.1:port; a gateway elsewhere would see the keys"
        raise ValueError(msg)
    return value


Word = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[!-~]+$")]
Folder = Annotated[Path, AfterValidator(_folder)]
PlainDecimal = Annotated[Decimal, BeforeValidator(_plain_decimal)]
DecimalOrNone = Annotated[Decimal | None, BeforeValidator(_decimal_or_none)]
Symbols = Annotated[tuple[str, ...] | None, NoDecode, BeforeValidator(_symbols)]
DatabaseUrl = Annotated[
    SecretStr | None, BeforeValidator(_none_if_empty), AfterValidator(_database)
]
RedisUrl = Annotated[SecretStr | None, BeforeValidator(_none_if_empty), AfterValidator(_redis)]
SigningSecret = Annotated[
    SecretStr | None, BeforeValidator(_none_if_empty), AfterValidator(_long_enough)
]
WordOrNone = Annotated[
    Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[!-~]+$")] | None,
    BeforeValidator(_none_if_empty),
]
LogName = Annotated[  # no plus sign: it parts the name from the key in what verifiers take
    Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[!-*,-~]+$")] | None,
    BeforeValidator(_none_if_empty),
]
SealingKey = Annotated[SecretStr | None, BeforeValidator(_none_if_empty), AfterValidator(_seed)]
FormerKeys = Annotated[SecretStr | None, BeforeValidator(_none_if_empty), AfterValidator(_seeds)]
VerifierKeys = Annotated[
    tuple[str, ...], NoDecode, BeforeValidator(_listed), AfterValidator(_verifier_keys)
]
FolderOrNone = Annotated[Path | None, BeforeValidator(_none_if_empty)]
AnchorFile = Annotated[Path | None, BeforeValidator(_none_if_empty)]
Origins = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed), AfterValidator(_origins)]
Hosts = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed), AfterValidator(_hosts)]
RateText = Annotated[str, AfterValidator(_rate)]
Proxies = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed), AfterValidator(_proxies)]
GatewayUrl = Annotated[str | None, BeforeValidator(_none_if_empty), AfterValidator(_gateway)]
WebhookUrl = Annotated[SecretStr | None, BeforeValidator(_none_if_empty), AfterValidator(_webhook)]
WebhookKey = Annotated[
    SecretStr | None, BeforeValidator(_none_if_empty), AfterValidator(_webhook_key)
]
Password = Annotated[SecretStr | None, BeforeValidator(_none_if_empty)]
Address = Annotated[str | None, BeforeValidator(_none_if_empty), AfterValidator(_address)]
Addresses = Annotated[
    tuple[str, ...], NoDecode, BeforeValidator(_listed), AfterValidator(_addresses)
]
