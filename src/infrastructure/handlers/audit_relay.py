"""Every event of the log to a Redis stream, as a CloudEvent, in the order of the log.

The stream is for other programs to follow; nothing here reads it, and it is no source of truth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from traderbot.application.errors import NotDeliveredError
from traderbot.application.ports.event_bus import HandlerKind, ReplayPolicy, Start
from traderbot.application.ports.recorded import Recorded
from traderbot.application.ports.subscriptions import Effect
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.following.away import TargetAwayError
from traderbot.infrastructure.handlers.cloud_event import cloud_event
from traderbot.infrastructure.handlers.declared import EventHandler

if TYPE_CHECKING:  # loaded with the first event: most programs have no Redis to relay to
    from redis import Redis

FIELD: Final = "event"
_REDIS_SECONDS: Final = 5.0


def audit_relay(
    redis_url: str | None, stream: str, maxlen: int, origin: str, codec: EventCodec
) -> EventHandler:
    """Return the reactor that relays the log; not enabled without a Redis.

    It is never replayed: what a stream is trimmed to is less than the log, and a consumer that
    wants history reads it from the log. All events have one sequence key, so nothing overtakes an
    event that Redis refuses; while Redis is away the relay waits, and parks nothing.
    """
    return EventHandler(
        name="audit_relay",
        kind=HandlerKind.DURABLE_REACTOR,
        handle=_Relay(redis_url, stream, maxlen, origin, codec),
        event_types=None,
        start=Start.NOW,
        replay=ReplayPolicy.NEVER,
        sequence_key=_one_key,
        timeout_seconds=2 * _REDIS_SECONDS + 5,  # to connect and to answer, before it is given up
        summary="every event to a Redis stream, as a CloudEvent",
        idempotency="consumers drop an id they have seen; a crash may relay some events twice",
        enabled=redis_url is not None,
    )


class _Relay:
    """Connects when the first event comes, and again when the connection broke."""

    def __init__(
        self, url: str | None, stream: str, maxlen: int, origin: str, codec: EventCodec
    ) -> None:
        self._url = url
        self._stream = stream
        self._maxlen = maxlen
        self._origin = origin
        self._codec = codec
        self._redis: Redis | None = None

    def __call__(self, recorded: Recorded, effect: Effect) -> str:
        """Return the id of the entry.

        Raises:
            TargetAwayError: Redis is not there, or takes nothing from anybody now.
            NotDeliveredError: it refused this one.
        """
        del effect  # consumers tell a repetition by the event's own id
        if self._url is None:
            msg = "there is no Redis to relay to; set TRADERBOT_REDIS__URL"
            raise NotDeliveredError(msg)
        from redis import Redis  # noqa: PLC0415 - see above
        from redis import exceptions as refused  # noqa: PLC0415 - see above

        event = cloud_event(recorded, self._origin, self._codec)
        try:
            if self._redis is None:
                self._redis = Redis.from_url(
                    self._url,
                    socket_timeout=_REDIS_SECONDS,
                    socket_connect_timeout=_REDIS_SECONDS,
                    retry=None,  # the subscription tries again, and counts
                )
            entry: Any = self._redis.xadd(
                self._stream, {FIELD: event}, maxlen=self._maxlen, approximate=True
            )
        except (
            refused.ConnectionError,
            refused.TimeoutError,
            refused.ClusterDownError,
            refused.TryAgainError,
            refused.ReadOnlyError,
            refused.OutOfMemoryError,
            OSError,
        ) as error:
            msg = f"Redis is away, or takes nothing now: {type(error).__name__}"
            raise TargetAwayError(msg) from error
        except refused.RedisError as error:
            msg = f"Redis did not take it: {type(error).__name__}"
            raise NotDeliveredError(msg) from error
        return str(entry.decode())


def _one_key(_recorded: Recorded) -> str:
    return "log"
