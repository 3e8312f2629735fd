"""The secrets of one exchange key: sealed field by field, and opened again."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from traderbot.application.ports.secret_box import Place, SecretBox
from traderbot.application.ports.vault import SealedExchangeKey
from traderbot.domain.shared.ids import UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeSecrets:
    """What an exchange gave to its customer. No `repr`, log or answer shows any of it."""

    api_key: str = field(repr=False)
    secret: str = field(repr=False)
    passphrase: str | None = field(default=None, repr=False)


def seal(
    secrets: ExchangeSecrets, box: SecretBox, *, key_id: str, owner_id: UserId, at: datetime
) -> SealedExchangeKey:
    """Return the row that keeps them, each field sealed by itself."""

    def sealed(name: str, text: str) -> str:
        return box.seal(text, Place(owner_id=owner_id, record_id=key_id, field=name))

    return SealedExchangeKey(
        key_id=key_id,
        owner_id=owner_id,
        api_key=sealed("api_key", secrets.api_key),
        secret=sealed("secret", secrets.secret),
        passphrase=(
            None if secrets.passphrase is None else sealed("passphrase", secrets.passphrase)
        ),
        sealed_with=box.writes_with,
        created_at=at,
    )


def unseal(row: SealedExchangeKey, box: SecretBox) -> ExchangeSecrets:
    """Return the secrets of a row.

    Raises:
        UnreadableSecretError: the row is another's, was changed, or its key is not known.
    """

    def opened(name: str, text: str) -> str:
        return box.open(text, Place(owner_id=row.owner_id, record_id=row.key_id, field=name))

    return ExchangeSecrets(
        api_key=opened("api_key", row.api_key),
        secret=opened("secret", row.secret),
        passphrase=None if row.passphrase is None else opened("passphrase", row.passphrase),
    )


def reseal(row: SealedExchangeKey, box: SecretBox) -> SealedExchangeKey:
    """Return the row sealed with the key that seals now. Raises UnreadableSecretError."""
    return seal(unseal(row, box), box, key_id=row.key_id, owner_id=row.owner_id, at=row.created_at)
