"""Limits at the door: per user, per address, and none that a request can talk its way around."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.e2e.api.running import (
    MANY,
    MISSING_ID,
    PASSWORD,
    SECRET,
    Person,
    Server,
    an_order,
    log_in,
    refused,
    running,
    somebody,
)
from tests.integration.redis.faults import Site, a_site
from traderbot.infrastructure.rate_limiter import get_rate_limiter
from traderbot.infrastructure.settings import Settings, load_settings
from traderbot.presentation.api.app import ApiOptions

ROOT = Path(__file__).parents[3]
SPOOFED = ("X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Client-IP", "CF-Connecting-IP")


def settings(folder: Path, redis: str | None = None, budget: int = 2000, **limits: str) -> Settings:
    return load_settings(
        env_file=None,
        arguments={
            "data": {"dir": str(folder)},
            "auth": {"secret_key": SECRET},
            # Time enough for a machine with much else to do.
            "redis": {"url": redis, "budget_milliseconds": budget} if redis else {},
            "limits": {**MANY, **limits},
        },
    )


@contextmanager
def limited(
    folder: Path,
    redis: str | None = None,
    proxies: tuple[str, ...] = (),
    budget: int = 2000,
    **limits: str,
) -> Iterator[Server]:
    options = ApiOptions(trusted_proxies=proxies)
    with running(settings(folder, redis, budget, **limits), options) as server:
        yield server


def burst(url: str, count: int, path: str, headers: Mapping[str, str]) -> list[int]:
    """Send so many at once; return their statuses."""

    async def send() -> list[int]:
        async with httpx2.AsyncClient(base_url=url, headers=headers, timeout=30) as client:
            answers = await asyncio.gather(*(client.get(path) for _ in range(count)))
            return [it.status_code for it in answers]

    return asyncio.run(send())


def bearer(person: Person) -> dict[str, str]:
    return {"Authorization": f"Bearer {person.token}"}


def test_of_two_hundred_at_once_exactly_the_limit_passes(tmp_path: Path) -> None:
    with limited(tmp_path, api="100/minute") as server, somebody(server) as ada:
        statuses = burst(server.url, 200, "/users/me", bearer(ada))
        assert statuses.count(200) == 100
        assert statuses.count(429) == 100


def test_every_answer_tells_what_is_left(tmp_path: Path) -> None:
    with limited(tmp_path, api="3/minute") as server, somebody(server) as ada:
        for left in (2, 1, 0):
            headers = ada.get("/users/me").headers
            assert headers["RateLimit-Policy"] == '"api";q=3;w=60'
            assert headers["RateLimit"] == f'"api";r={left};t=60'
            assert headers["X-RateLimit-Limit"] == "3"
            assert headers["X-RateLimit-Remaining"] == str(left)
            assert 55 < int(headers["X-RateLimit-Reset"]) - time.time() <= 62
            assert "Retry-After" not in headers
        response = ada.get("/users/me")
        error = refused(response, 429, "RATE_LIMITED")
        assert error["message"].startswith("the limit is 3/minute; try again in ")
        assert 50 < int(response.headers["Retry-After"]) <= 60
        assert response.headers["RateLimit"].startswith('"api";r=0;t=')
        problem = ada.get("/users/me", headers={"Accept": "application/problem+json"})
        assert problem.status_code == 429
        assert problem.json()["code"] == "RATE_LIMITED"


def test_errors_count_and_tell_as_well(tmp_path: Path) -> None:
    with limited(tmp_path, api="3/minute") as server, somebody(server) as ada:
        assert ada.get(f"/orders/{MISSING_ID}").headers["X-RateLimit-Remaining"] == "2"
        assert ada.get("/orders", params={"nonsense": "1"}).status_code == 422
        assert ada.get("/orders").status_code == 200
        refused(ada.get("/orders"), 429, "RATE_LIMITED")


def test_users_at_one_address_do_not_share_a_limit(tmp_path: Path) -> None:
    with limited(tmp_path, api="2/minute") as server, somebody(server, "ada") as ada:
        assert [ada.get("/users/me").status_code for _ in range(3)] == [200, 200, 429]
        with somebody(server, "eve") as eve:
            assert [eve.get("/users/me").status_code for _ in range(3)] == [200, 200, 429]


def test_a_stranger_is_counted_by_address_and_uses_up_nothing_of_a_users(tmp_path: Path) -> None:
    with limited(tmp_path, api="3/minute") as server, somebody(server) as ada:
        with server.client() as client:
            assert [client.get("/users/me").status_code for _ in range(4)] == [401] * 3 + [429]
            # A token that is none is nobody's.
            client.headers["Authorization"] = "Bearer x.y.z"
            assert client.post(f"/orders/{MISSING_ID}").status_code in {405, 429}
            refused(client.delete(f"/orders/{MISSING_ID}"), 429, "RATE_LIMITED")
        assert ada.get("/users/me").status_code == 200


@pytest.mark.parametrize("header", SPOOFED)
def test_no_header_makes_another_address(tmp_path: Path, header: str) -> None:
    with limited(tmp_path, api="3/minute") as server, server.client() as client:
        statuses = [
            client.get("/users/me", headers={header: f"203.0.113.{number}"}).status_code
            for number in range(50)
        ]
        assert statuses == [401] * 3 + [429] * 47


def test_a_trusted_proxy_is_believed_and_what_a_client_wrote_before_it_is_not(
    tmp_path: Path,
) -> None:
    with limited(tmp_path, proxies=("127.0.0.0/8",), api="1/minute") as server:

        def ask(forwarded: str) -> int:
            with server.client(**{"X-Forwarded-For": forwarded}) as client:
                return client.get("/users/me").status_code

        assert [ask("203.0.113.1"), ask("203.0.113.1"), ask("203.0.113.2")] == [401, 429, 401]
        for number in range(10):  # the proxy adds the peer at the right
            assert ask(f"198.51.100.{number}, 203.0.113.1") == 429
        assert ask("203.0.113.1, 127.0.0.9") == 429  # a second proxy of ours
        assert [ask("2001:db8::1"), ask("2001:db8::2"), ask("2001:db8:0:1::1")] == [401, 429, 401]
        assert [ask("nonsense"), ask("other nonsense")] == [401, 429]


def test_orders_have_a_limit_of_their_own(tmp_path: Path) -> None:
    with limited(tmp_path, trading="3/minute") as server, somebody(server) as ada:
        portfolio = ada.open_portfolio()["portfolio_id"]
        statuses = [ada.post("/orders", an_order(portfolio)).status_code for _ in range(4)]
        assert statuses == [201, 201, 201, 429]
        transfer = {"amount": "1", "currency": "USD"}
        assert ada.post(f"/portfolios/{portfolio}/deposits", transfer).status_code == 429
        assert ada.get("/orders").headers["RateLimit-Policy"] == '"api";q=100000;w=60'


def test_who_may_place_nothing_more_may_still_cancel(tmp_path: Path) -> None:
    with (
        limited(tmp_path, trading="1/minute", api="3/minute", cancel="200/minute") as server,
        somebody(server) as ada,
    ):
        portfolio = ada.open_portfolio()["portfolio_id"]
        order = ada.place(portfolio)["order_id"]
        assert ada.post("/orders", an_order(portfolio)).status_code == 429
        while ada.get("/orders").status_code != 429:
            pass
        done = ada.client.delete(f"/orders/{order}")
        assert done.status_code == 200
        assert done.headers["RateLimit-Policy"] == '"cancel";q=200;w=60'
        assert done.headers["X-RateLimit-Remaining"] == "199"


def test_logins_are_counted_for_the_address(tmp_path: Path) -> None:
    with limited(tmp_path, login="5/15 minutes") as server, server.client() as client:
        answers = [
            client.post("/auth/token", data={"username": f"a{it}@example.org", "password": "x"})
            for it in range(7)
        ]
        assert [it.status_code for it in answers] == [401] * 5 + [429] * 2
        assert 890 < int(answers[-1].headers["Retry-After"]) <= 900


def test_logins_are_counted_for_the_account_wherever_they_come_from(tmp_path: Path) -> None:
    with limited(tmp_path, proxies=("127.0.0.1",), login="5/15 minutes") as server:

        def attempt(number: int, name: str, password: str) -> int:
            with server.client(**{"X-Forwarded-For": f"203.0.113.{number}"}) as client:
                form = {"username": name, "password": password}
                return client.post("/auth/token", data=form).status_code

        with server.client(**{"X-Forwarded-For": "203.0.113.200"}) as client:
            body = {"email": "ada@example.org", "password": PASSWORD}
            assert client.post("/auth/register", json=body).status_code == 201
        names = ("ada@example.org", "Ada@Example.org", "ADA@EXAMPLE.ORG")
        assert [attempt(it, names[it % 3], "wrong") for it in range(7)] == [401] * 5 + [429] * 2
        # The right password comes too late as well: else it would be told.
        assert attempt(50, "ada@example.org", PASSWORD) == 429
        assert attempt(51, "eve@example.org", "wrong") == 401


def test_registrations_do_not_use_up_logins(tmp_path: Path) -> None:
    with limited(tmp_path, login="2/15 minutes") as server, server.client() as client:
        for number, status in enumerate((201, 201, 429)):
            body = {"email": f"a{number}@example.org", "password": PASSWORD}
            assert client.post("/auth/register", json=body).status_code == status
        log_in(client, "a0@example.org")


def test_probes_are_never_counted(tmp_path: Path) -> None:
    with limited(tmp_path, api="1/minute") as server, server.client() as client:
        for _ in range(20):
            answer = client.get("/health/live")
            assert answer.status_code == 200
            assert "RateLimit" not in answer.headers


def test_the_limiter_of_the_process_is_the_apis(tmp_path: Path) -> None:
    with limited(tmp_path, api="10/minute") as server, somebody(server) as ada:
        key = f"user:{ada.user_id}"
        assert get_rate_limiter().get_remaining(key) == 10
        ada.get("/users/me")
        assert get_rate_limiter().get_remaining(key) == 9
    assert get_rate_limiter().get_remaining(key) == 100


def test_a_token_bucket_can_be_had_instead(tmp_path: Path) -> None:
    with (
        limited(tmp_path, api="60/minute", strategy="token-bucket") as server,
        somebody(server) as ada,
    ):
        statuses = burst(server.url, 70, "/users/me", bearer(ada))
        assert 60 <= statuses.count(200) <= 62
        time.sleep(1.1)
        assert ada.get("/users/me").status_code == 200


@pytest.fixture
def site() -> Iterator[Site]:
    with a_site() as one:
        yield one


SERVE = """
import sys
from pathlib import Path
from tests.e2e.api.test_rate_limits import settings
from traderbot.bootstrap import Traderbot
from traderbot.presentation.api.app import ApiOptions
from traderbot.presentation.api.server import serve

folder, redis = sys.argv[1:]
with Traderbot.open(settings(Path(folder), redis, api="100/minute")) as program:
    say = lambda it: print(it.url, flush=True)
    serve(program.application, ApiOptions(), port=0, on_ready=say)
"""


@contextmanager
def worker(folder: Path, redis: str) -> Iterator[str]:
    """Serve in a process of its own; yield the URL."""
    command = [sys.executable, "-c", SERVE, str(folder), redis]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
            process.wait(30)


def test_two_processes_with_one_redis_count_together(tmp_path: Path, site: Site) -> None:
    """The same database behind both."""
    with (
        limited(tmp_path) as server,
        somebody(server) as ada,
        worker(tmp_path, site.url) as one,
        worker(tmp_path, site.url) as other,
    ):
        found: list[int] = []
        threads = [
            threading.Thread(
                target=lambda it=it: found.extend(burst(it, 100, "/users/me", bearer(ada)))
            )
            for it in (one, other)
        ]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert found.count(200) == 100
        assert found.count(429) == 100


def test_while_redis_is_dead_a_login_is_still_counted(tmp_path: Path, site: Site) -> None:
    with limited(tmp_path, site.url, login="5/15 minutes") as server, server.client() as client:

        def attempt() -> int:
            form = {"username": "ada@example.org", "password": "wrong"}
            return client.post("/auth/token", data=form).status_code

        assert [attempt() for _ in range(2)] == [401] * 2
        site.server.kill()
        assert [attempt() for _ in range(6)] == [401] * 3 + [429] * 3
        site.server.restart()
        assert attempt() == 429


def test_redis_killed_and_restarted_under_load_fails_no_request(tmp_path: Path, site: Site) -> None:
    """Twenty times; and no answer takes much longer than without."""
    statuses: list[int] = []
    seconds: list[float] = []
    done = threading.Event()

    with limited(tmp_path, site.url, budget=100) as server, somebody(server) as ada:

        def load() -> None:
            with server.client(**bearer(ada)) as client:
                while not done.is_set():
                    start = time.monotonic()
                    statuses.append(client.get("/users/me").status_code)
                    seconds.append(time.monotonic() - start)
                    time.sleep(0.02)

        thread = threading.Thread(target=load)
        thread.start()
        for _ in range(20):
            time.sleep(0.1)
            site.server.kill()
            time.sleep(0.1)
            site.server.restart()
        done.set()
        thread.join()
    assert set(statuses) == {200}
    assert len(statuses) > 50
    assert max(seconds) < 0.5


def test_every_route_is_in_a_group() -> None:
    from traderbot.application.ports.rate_limiter import LimitGroup  # noqa: PLC0415
    from traderbot.presentation.api.app import ROUTERS  # noqa: PLC0415
    from traderbot.presentation.api.rate_limits import group_of  # noqa: PLC0415

    routes: list[Any] = [route for router in ROUTERS for route in router.routes]
    groups = {f"{route.tags[0]}_{route.name}": group_of(route.endpoint) for route in routes}
    ways_out = {"orders_cancel", "bots_pause", "bots_stop"}
    assert {name for name, it in groups.items() if it is LimitGroup.CANCEL} == ways_out
    assert {name for name, it in groups.items() if it is LimitGroup.LOGIN} == {"auth_token"}
    assert groups["orders_create"] is LimitGroup.TRADING
    assert groups["orders_list"] is LimitGroup.API
