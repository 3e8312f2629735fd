"""Programs that use slowapi themselves can name our strategies."""

from __future__ import annotations

import pytest
from fastapi import FastAPI, Request, Response
from limits import parse
from limits.storage import RedisStorage
from limits.strategies import STRATEGIES
from slowapi import Limiter
from slowapi.errors import RateLimitExceeded
from slowapi.extension import _rate_limit_exceeded_handler
from slowapi.util import get_remote_address
from starlette.testclient import TestClient

from tests.integration.redis.faults import Site
from traderbot.infrastructure.rate_limiter.slowapi_strategies import register_strategies

NAMES = ("token-bucket", "sliding-window")


@pytest.mark.parametrize("name", NAMES)
def test_an_app_of_ones_own_is_limited_by_them(name: str) -> None:
    register_strategies()
    limiter = Limiter(key_func=get_remote_address, strategy=name, headers_enabled=True)
    app = FastAPI()
    app.state.limiter = limiter
    app.add_exception_handler(RateLimitExceeded, _rate_limit_exceeded_handler)  # type: ignore[arg-type]

    @app.get("/")
    @limiter.limit("3/minute")
    def index(request: Request, response: Response) -> str:
        del request, response
        return "here"

    with TestClient(app) as client:
        answers = [client.get("/") for _ in range(5)]
    assert [it.status_code for it in answers] == [200] * 3 + [429] * 2
    assert [it.headers["X-RateLimit-Remaining"] for it in answers] == ["2", "1", "0", "0", "0"]


@pytest.mark.parametrize("name", NAMES)
def test_they_count_in_redis_too(name: str, site: Site) -> None:
    register_strategies()
    one, other = (STRATEGIES[name](RedisStorage(str(site.server.tcp_url))) for _ in range(2))
    item = parse("4/hour")
    assert [one.hit(item, "a"), other.hit(item, "a"), one.hit(item, "a", cost=2)] == [True] * 3
    assert not other.hit(item, "a")
    assert not other.test(item, "a")
    assert other.test(item, "b", cost=4)
    assert one.get_window_stats(item, "a").remaining == 0
    one.clear(item, "a")
    assert other.get_window_stats(item, "a").remaining == 4


def test_another_storage_is_refused() -> None:
    register_strategies()

    class Elsewhere:
        """No storage that is known."""

    with pytest.raises(NotImplementedError, match="in memory or in Redis, not in Elsewhere"):
        STRATEGIES["token-bucket"](Elsewhere())  # type: ignore[arg-type]
