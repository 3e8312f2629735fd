"""Connections to Redis that give up soon: 100 ms to connect, 100 ms to answer, no second try.

redis-py's own defaults are ten more tries and timeouts of seconds: a fallback behind those is none.
Everything is said here, so that another version of the library changes nothing.
"""

from __future__ import annotations

from typing import Any, Final

from redis import BlockingConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

BUDGET_SECONDS: Final = 0.1
_CONNECTIONS: Final = 16
_WAIT_SECONDS: Final = 0.05  # for a connection of the pool

# What can come out of a call. ValueError and TypeError: a server that speaks something else.
TROUBLE: Final = (RedisError, OSError, ValueError, TypeError, AttributeError, IndexError)


def connect(
    url: str,
    *,
    budget_seconds: float = BUDGET_SECONDS,
    connections: int = _CONNECTIONS,
    name: str | None = None,
) -> Redis:
    """Return a client of `url`. Nothing is sent yet, so it does not matter who listens there.

    Raises:
        ValueError: the URL is none of redis://, rediss:// and unix://.
    """
    options: dict[str, Any] = {
        "socket_timeout": budget_seconds,
        "retry": Retry(NoBackoff(), 0),
        "retry_on_timeout": False,
        "health_check_interval": 0,
        "protocol": 2,
        "client_name": name,
        "driver_info": None,  # two messages less on the way to the first answer
        "decode_responses": False,
    }
    if not url.startswith("unix://"):
        options["socket_connect_timeout"] = budget_seconds
    pool = BlockingConnectionPool.from_url(
        url, max_connections=connections, timeout=_WAIT_SECONDS, **options
    )
    return Redis(connection_pool=pool)
