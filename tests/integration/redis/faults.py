"""Everything that can be wrong with a Redis, and how each of it is made and undone."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from redis import Redis

from tests.integration.redis.proxy import Proxy
from traderbot.infrastructure.embedded.redis import RedisServer
from traderbot.infrastructure.embedded.redis import redis as started


@dataclass(slots=True)
class Site:
    """A Redis of the test's own, and a wire to it."""

    server: RedisServer
    proxy: Proxy

    @property
    def url(self) -> str:
        """Where clients under test find it: through the wire."""
        found = urlsplit(str(self.server.tcp_url))
        return f"redis://:{found.password}@127.0.0.1:{self.proxy.port}/0"

    @contextmanager
    def admin(self) -> Iterator[Redis]:
        """Give a client past the wire."""
        with Redis.from_url(self.server.url) as client:
            yield client


@contextmanager
def a_site() -> Iterator[Site]:
    with started(port=0) as server:
        port = urlsplit(str(server.tcp_url)).port
        assert port is not None
        with Proxy(port) as proxy:
            yield Site(server, proxy)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong. `shared` says whether Redis is of use all the same."""

    name: str
    make: Callable[[Site], None]
    undo: Callable[[Site], None]
    shared: bool = False


def _signalled(number: signal.Signals) -> Callable[[Site], None]:
    return lambda site: os.kill(site.server.pid, number)


def _mode(mode: str) -> Callable[[Site], None]:
    def change(site: Site) -> None:
        site.proxy.mode = mode
        if mode in {"pass", "reset"}:
            site.proxy.cut()

    return change


def _fill(site: Site) -> None:
    with site.admin() as client:
        client.config_set("maxmemory-policy", "noeviction")
        client.set("ballast", b"x" * 2_000_000)
        client.config_set("maxmemory", "1mb")


def _make_room(site: Site) -> None:
    with site.admin() as client:
        client.config_set("maxmemory", "0")
        client.delete("ballast")


def _follow_nobody(site: Site) -> None:
    with site.admin() as client:
        client.config_set("repl-diskless-load", "disabled")
        client.replicaof("127.0.0.1", "1")


def _lead_again(site: Site) -> None:
    with site.admin() as client:
        client.replicaof("NO", "ONE")


_OTHER = "another-password"


def _change_password(site: Site) -> None:
    with site.admin() as client:
        client.config_set("requirepass", _OTHER)
    site.proxy.cut()


def _change_back(site: Site) -> None:
    password = urlsplit(str(site.server.tcp_url)).password
    socket_path = site.server.url.split("@")[-1].replace("%2F", "/")
    with Redis(unix_socket_path=socket_path, password=_OTHER) as client:
        client.config_set("requirepass", str(password))
    site.proxy.cut()


def _nothing(_site: Site) -> None:
    return


def _flush_all(site: Site) -> None:
    with site.admin() as client:
        client.flushall()


def _flush_scripts(site: Site) -> None:
    with site.admin() as client:
        client.script_flush()


FAULTS = [
    Fault("dead", lambda site: site.server.kill(), lambda site: site.server.restart()),
    Fault("hung", _signalled(signal.SIGSTOP), _signalled(signal.SIGCONT)),
    Fault("slow", _mode("slow"), _mode("pass")),
    Fault("reset", _mode("reset"), _mode("pass")),
    Fault("truncated", _mode("truncate"), _mode("pass")),
    Fault("full", _fill, _make_room, shared=True),
    Fault("read-only", _follow_nobody, _lead_again),
    Fault("wrong password", _change_password, _change_back),
    Fault("flushed", _flush_all, _nothing, shared=True),
    Fault("scripts flushed", _flush_scripts, _nothing, shared=True),
]
