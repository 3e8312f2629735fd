"""A recorded event as a CloudEvent, for whoever does not know this program.

Source:
    CloudEvents 1.0.2, JSON event format; its extensions *authcontext*, *correlation*,
    *recorded time* and *sequence*.
"""

from __future__ import annotations

from typing import Final

from traderbot.application.ports.recorded import Recorded
from traderbot.domain.shared.instants import instant_text
from traderbot.infrastructure.event_store.body import encode_json
from traderbot.infrastructure.event_store.codec import EventCodec

CONTENT_TYPE: Final = "application/cloudevents+json"
SEQUENCE_DIGITS: Final = 16  # of 2**53: texts then sort as the numbers do

_AUTH_TYPES: Final = {"user": "app_user", "operator": "user", "bot": "service_account"}


def cloud_event(recorded: Recorded, origin: str, codec: EventCodec) -> bytes:
    """Return the event as canonical JSON.

    `id` is the event's own, and with `source`, the name of the log, unique in the world; whoever
    gets it twice can tell by them. `sequence` is the index in the log; `leafhash` is what an
    inclusion proof begins with. `data` is in the newest schema of its type, money and prices as
    text.
    """
    _name, schema, data = codec.encode(recorded.event)
    return encode_json(
        {
            "authid": recorded.actor.id,
            "authtype": _AUTH_TYPES.get(recorded.actor.type, "system"),
            "causationid": recorded.causation_id,
            "correlationid": recorded.correlation_id,
            "data": data,
            "datacontenttype": "application/json",
            "id": recorded.id,
            "leafhash": recorded.leaf_hash.hex(),
            "recordedtime": instant_text(recorded.recorded_at),
            "schemaversion": schema,
            "sequence": f"{recorded.position:0{SEQUENCE_DIGITS}d}",
            "source": origin,
            "specversion": "1.0",
            "subject": recorded.stream,
            "time": instant_text(recorded.occurred_at),
            "type": recorded.type,
        }
    )
