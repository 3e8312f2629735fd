"""What a user's row says beside its columns, as JSON, and back: open sessions, exchange keys."""

from __future__ import annotations

import json
from types import MappingProxyType

from traderbot.domain.shared.instants import instant, instant_text
from traderbot.domain.users.exchange_keys import ExchangeKey
from traderbot.domain.users.sessions import Session
from traderbot.domain.users.user import User


def user_details_text(user: User) -> str:
    """Return the open sessions and the exchange keys; `{}` for a user who has neither."""
    said: dict[str, object] = {}
    if user.sessions:
        said["sessions"] = {
            it.id: [instant_text(it.opened_at), instant_text(it.refreshed_at), it.generation]
            for it in user.sessions.values()
        }
    if user.exchange_keys:
        said["exchange_keys"] = {
            it.id: [it.exchange, it.label, instant_text(it.added_at)]
            for it in user.exchange_keys.values()
        }
    return json.dumps(said, sort_keys=True)


def sessions_of(text: str) -> MappingProxyType[str, Session]:
    """Return the sessions that a row tells of."""
    said = json.loads(text).get("sessions", {})
    return MappingProxyType(
        {
            id_: Session(
                id=id_,
                opened_at=instant(opened),
                refreshed_at=instant(refreshed),
                generation=generation,
            )
            for id_, (opened, refreshed, generation) in said.items()
        }
    )


def exchange_keys_of(text: str) -> MappingProxyType[str, ExchangeKey]:
    """Return the exchange keys that a row tells of; their secrets are in another table."""
    said = json.loads(text).get("exchange_keys", {})
    return MappingProxyType(
        {
            id_: ExchangeKey(id=id_, exchange=exchange, label=label, added_at=instant(added))
            for id_, (exchange, label, added) in said.items()
        }
    )
