"""A real server on loopback for a block of a test, and people who use it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import httpx2
from sqlalchemy import create_engine, text

from traderbot.application.commands.users import RegisterUser
from traderbot.bootstrap import Traderbot
from traderbot.domain.users.user import Role
from traderbot.infrastructure.persistence.database import database_url
from traderbot.infrastructure.settings import Settings, load_settings
from traderbot.presentation.api.app import ApiOptions
from traderbot.presentation.api.server import Listening, serve

SECRET = "not-a-secret-but-long-enough-for-tests"
PASSWORD = "correct horse battery staple"
MISSING_ID = "0199a1b2-0000-7000-8000-00000000dead"
# One address sends all that is tested; limits have tests of their own.
MANY = dict.fromkeys(("api", "trading", "risk", "login", "cancel", "halt"), "100000/minute")
_numbers = count(1)

Json = dict[str, Any]

# What an error must not tell of the inside (compared in lower case).
_LEAKS = (
    "traceback", 'file "', "site-packages", ".py", "sqlalchemy", "sqlite3", "psycopg", "pydantic",
    "fastapi", "starlette", "uvicorn", "select ", "insert ", "no such table", "errno", "0x7f",
    "object at", "exception", "/home/", "/usr/", "argon2", "secret",
)  # fmt: skip


def settings_in(folder: Path, url: str | None = None, secret: str = SECRET) -> Settings:
    """Return settings that depend on nothing but their arguments."""
    return load_settings(
        env_file=None,
        arguments={
            "data": {"dir": str(folder)},
            "database": {"url": url} if url else {},
            "auth": {"secret_key": secret},
            "limits": MANY,
        },
    )


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs, and the program behind it."""

    url: str
    program: Traderbot
    database: str

    def client(self, **headers: str) -> httpx2.Client:
        """Return a client; close it."""
        return httpx2.Client(base_url=self.url, headers=headers, timeout=30)

    def events(self) -> int:
        """Return how many events there are."""
        engine = create_engine(database_url(self.database))
        try:
            with engine.connect() as connection:
                return int(connection.execute(text("SELECT count(*) FROM events")).scalar_one())
        finally:
            engine.dispose()

    def rows(self, question: str, **values: object) -> list[Any]:
        """Return what a question in SQL finds."""
        engine = create_engine(database_url(self.database))
        try:
            with engine.connect() as connection:
                return list(connection.execute(text(question), values))
        finally:
            engine.dispose()

    def write(self, statement: str, **values: object) -> None:
        """Change something behind the program's back."""
        engine = create_engine(database_url(self.database))
        try:
            with engine.begin() as connection:
                connection.execute(text(statement), values)
        finally:
            engine.dispose()


@contextmanager
def running(settings: Settings, options: ApiOptions | None = None) -> Iterator[Server]:
    """Serve for a block, in a thread of its own."""
    with Traderbot.open(settings) as program, served(program, options) as url:
        yield Server(url, program, settings.database_url)


@contextmanager
def served(program: Traderbot, options: ApiOptions | None = None) -> Iterator[str]:
    """Serve a program that is open already; yield the URL."""
    ready: queue.SimpleQueue[Listening | BaseException] = queue.SimpleQueue()

    def work() -> None:
        try:
            serve(program.application, options or ApiOptions(), port=0, on_ready=ready.put)
        except BaseException as error:  # noqa: BLE001 - told to the test
            ready.put(error)

    thread = threading.Thread(target=work, name="api-server")
    thread.start()
    started = ready.get(timeout=30)
    if isinstance(started, BaseException):
        raise started
    try:
        yield started.url
    finally:
        started.stop()
        thread.join(timeout=30)
        assert not thread.is_alive()


@dataclass(slots=True)
class Person:
    """Somebody with an account, a token and a client that sends it."""

    client: httpx2.Client
    email: str
    user_id: str
    token: str
    keys: Iterator[int] = field(default_factory=count)

    def get(self, path: str, **more: Any) -> httpx2.Response:
        return self.client.get(path, **more)

    def post(self, path: str, body: Json, key: str | None = None) -> httpx2.Response:
        """Post a body, under a key of its own unless one is given."""
        headers = {"Idempotency-Key": key or f"key-{next(self.keys)}"}
        return self.client.post(path, json=body, headers=headers)

    def open_portfolio(self, cash: str = "100000") -> Json:
        body = {"name": "savings", "cash": {"amount": cash, "currency": "USD"}}
        return answered(self.post("/portfolios", body), 201)

    def place(self, portfolio_id: str, key: str | None = None, **changes: object) -> Json:
        return answered(self.post("/orders", an_order(portfolio_id, **changes), key), 201)


def an_order(portfolio_id: str, **changes: object) -> Json:
    """Return the body of a limit order that the gate lets pass."""
    body: Json = {
        "portfolio_id": portfolio_id,
        "symbol": "AAPL",
        "side": "buy",
        "type": "limit",
        "quantity": "10",
        "limit_price": "195.50",
    }
    return body | changes


@contextmanager
def somebody(server: Server, name: str = "somebody") -> Iterator[Person]:
    """Register and log in."""
    email = f"{name}-{next(_numbers)}@example.org"
    with server.client() as client:
        body = {"email": email, "password": PASSWORD}
        user = answered(client.post("/auth/register", json=body), 201)
        token = log_in(client, email)
        client.headers["Authorization"] = f"Bearer {token}"
        yield Person(client, email, user["user_id"], token)


@contextmanager
def an_admin(server: Server, role: Role = Role.ADMIN) -> Iterator[Person]:
    """Log in as somebody with the role admin, or another that nobody gets by HTTP."""
    email, program = f"{role.value}-{next(_numbers)}@example.org", server.program
    password_hash = program.application.passwords.hash(PASSWORD)
    user = program.run(RegisterUser(email=email, password_hash=password_hash, role=role))
    with server.client() as client:
        token = log_in(client, email)
        client.headers["Authorization"] = f"Bearer {token}"
        yield Person(client, email, user.user_id, token)


def put_aside(server: Server, subscription: str, log_index: int, key: str = "a-stream") -> None:
    """Have a subscription that nobody runs stand behind an event it could not handle."""
    at = "2026-11-21T12:00:00.000000Z"
    known = server.rows("SELECT 1 FROM subscriptions WHERE name = :name", name=subscription)
    if not known:
        server.write(
            "INSERT INTO subscriptions (name, kind, position, generation, status, updated_at) "
            "VALUES (:name, 'durable_reactor', 1000, 1, 'running', :at)",
            name=subscription,
            at=at,
        )
    server.write(
        "INSERT INTO parked_events (subscription, log_index, event_id, sequence_key, attempts, "
        "first_at, last_at, error_type, error, status) VALUES (:name, :log_index, :event_id, "
        ":key, 8, :at, :at, 'OSError', 'nobody listens', 'parked')",
        name=subscription,
        log_index=log_index,
        event_id=f"0199a1b2-0000-7000-8000-{log_index:012x}",
        key=key,
        at=at,
    )


def log_in(client: httpx2.Client, email: str, password: str = PASSWORD) -> str:
    form = {"username": email, "password": password}
    return str(answered(client.post("/auth/token", data=form), 200)["access_token"])


def answered(response: httpx2.Response, status: int) -> Json:
    """Return the body of an answer with that status."""
    assert response.status_code == status, response.text
    body = response.json()
    assert isinstance(body, dict)
    return body


def refused(response: httpx2.Response, status: int | None = None, code: str | None = None) -> Json:
    """Return the error of a refusal, after a look at its form."""
    assert 400 <= response.status_code < 600, response.text
    body = response.json()
    assert set(body) == {"success", "error"}, body
    assert body["success"] is False
    error = body["error"]
    assert isinstance(error, dict)
    assert {"code", "message", "timestamp", "request_id"} <= set(error), error
    assert set(error) <= {"code", "message", "timestamp", "request_id", "details"}, error
    assert response.headers["X-Request-ID"] == error["request_id"]
    assert response.headers["Content-Type"] == "application/json"
    assert not [leak for leak in _LEAKS if leak in response.text.lower()], response.text
    if status is not None:
        assert response.status_code == status, error
    if code is not None:
        assert error["code"] == code, error
    return error


def without_moment(error: Mapping[str, Any]) -> Json:
    """Return an error without what differs between any two."""
    return {name: value for name, value in error.items() if name not in {"timestamp", "request_id"}}
