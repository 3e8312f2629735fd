"""The settings as people read them: for `config show`, the documentation, and `.env.example`."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import Final

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from traderbot.infrastructure.settings import (
    DATABASE_URL_NAME,
    SEALING_KEY_NAME,
    SECRET_KEY_NAME,
    Origin,
    Settings,
    variables,
)
from traderbot.infrastructure.settings_check import PREFIX, masked_url
from traderbot.infrastructure.settings_encryption import ENCRYPTION_KEY_NAME
from traderbot.infrastructure.settings_sections import Section

_MASK: Final = "********"
_COLUMNS: Final = 98  # "# " comes before
# Defaults that are made when the program starts, in words.
_MADE: Final = {
    DATABASE_URL_NAME: "`traderbot.db` in the data folder",
    SECRET_KEY_NAME: "made at first run; none in production",
    SEALING_KEY_NAME: "made at first run; none in production",
    ENCRYPTION_KEY_NAME: "made at first run; none in production",
    f"{PREFIX}AUDIT__ORIGIN": "made of the name of the database",
    f"{PREFIX}AUDIT__ANCHOR_PATH": "made of the name of the database",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingLine:
    """One line of `config show`; safe to print and to log."""

    name: str
    value: str  # secrets and passwords masked
    origin: Origin


def describe(settings: Settings) -> list[SettingLine]:
    """Return every variable with the value in use and who set it."""
    return [
        SettingLine(name=name, value=_shown(settings, name, path), origin=settings.origin(name))
        for name, path, _ in variables()
    ]


def markdown_table() -> str:
    """Return the table of docs/configuration.md: each variable, its default, its meaning."""
    rows = (
        f"| `{name}` | {_default_in_words(name, field)} | {field.description} |"
        for name, _, field in variables()
    )
    return "\n".join(("| Variable | Default | Meaning |", "|---|---|---|", *rows)) + "\n"


def dotenv_example() -> str:
    """Return `.env.example`: each variable with its meaning and default, ready to copy."""
    return "\n".join(_example_lines()) + "\n"


def _example_lines() -> Iterator[str]:
    yield "# Copy to .env and change what you need. Each value here is the default; an empty one"
    yield "# means that nothing is set. Never commit .env. More in docs/configuration.md."
    section = ""
    for name, path, field in variables():
        if path[:-1] != (section,) and len(path) > 1:
            section = path[0]
            yield f"\n# ---- {_heading(section)}"
        yield ""
        yield from (f"# {line}" for line in wrap(field.description or "", _COLUMNS))
        yield f"{name}={_as_text(field.default)}"


def _heading(section: str) -> str:
    model = Settings.model_fields[section].annotation
    if not isinstance(model, type) or not issubclass(model, Section):
        msg = f"{section} is no section"
        raise TypeError(msg)
    return (model.__doc__ or "").strip()


def _default_in_words(name: str, field: FieldInfo) -> str:
    text = _as_text(field.default)
    return _MADE.get(name, f"`{text}`" if text else "*(empty)*")


def _shown(settings: Settings, name: str, path: tuple[str, ...]) -> str:
    made = _made_by(settings, name)
    if made is not None:
        return made
    value: object = settings
    for part in path:
        value = getattr(value, part)
    return _as_text(value)


def _made_by(settings: Settings, name: str) -> str | None:
    """Return what is in use if nothing is set, or what must not be shown as it is."""
    made = {
        DATABASE_URL_NAME: masked_url(settings.database_url),
        f"{PREFIX}REDIS__URL": masked_url(settings.redis_url or ""),
        f"{PREFIX}AUDIT__ORIGIN": settings.log_origin,
        f"{PREFIX}AUDIT__ANCHOR_PATH": _as_text(settings.anchor_path),
    }
    if settings.auth.secret_key is None:
        made[SECRET_KEY_NAME] = f"(kept in {settings.secret_key_path})"
    if settings.audit.signing_key is None:
        made[SEALING_KEY_NAME] = f"(kept in {settings.sealing_key_path})"
    if settings.encryption.key is None:
        made[ENCRYPTION_KEY_NAME] = f"(kept in {settings.encryption_key_path})"
    return made.get(name)


def _as_text(value: object) -> str:
    """Return a value the way it is written in a variable; a secret never."""
    match value:
        case None:
            return ""
        case SecretStr():
            return _MASK
        case bool():
            return str(value).lower()
        case tuple():
            return ",".join(map(str, value))
        case Path():
            return value.as_posix()
        case _:
            return str(value)
