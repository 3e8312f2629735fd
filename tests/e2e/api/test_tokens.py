"""Who may come in: a token of ours, in its lifetime, of somebody who is still active."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.e2e.api.running import (
    MISSING_ID,
    PASSWORD,
    Person,
    Server,
    answered,
    log_in,
    refused,
    settings_in,
    somebody,
    without_moment,
)
from traderbot.application.commands.sessions import OpenSession
from traderbot.application.commands.users import DeactivateUser, RegisterUser
from traderbot.application.errors import WrongCredentialsError
from traderbot.bootstrap import Traderbot
from traderbot.domain.shared.ids import UserId
from traderbot.domain.users.user import Role

PRIVATE = [
    "/users/me",
    "/portfolios",
    "/orders",
    "/orders/0199a1b2-0000-7000-8000-000000000003",
    "/strategies/list",
]


def _refusals(server: Server, header: str | None) -> Iterator[str]:
    """Ask every private route, and yield what the refusal says."""
    with server.client() as client:
        headers = {} if header is None else {"Authorization": header}
        for path in PRIVATE:
            response = client.get(path, headers=headers)
            error = refused(response, 401)
            assert response.headers["WWW-Authenticate"] == "Bearer"
            yield json.dumps(without_moment(error))


def test_without_a_token_nothing_private_is_shown(server: Server) -> None:
    (said,) = set(_refusals(server, None))
    assert json.loads(said)["code"] == "NOT_AUTHENTICATED"


def _bad_tokens(good: str) -> dict[str, str]:
    head, body, seal = good.split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"at+jwt"}').decode().rstrip("=")
    return {
        "no token": "Bearer",
        "another scheme": f"Basic {good}",
        "no scheme": good,
        "two tokens": f"Bearer {good} {good}",
        "two schemes": f"Bearer Bearer {good}",
        "two blanks": f"Bearer  {good}",
        "garbage": "Bearer garbage",
        "dots": "Bearer ...",
        "no seal": f"Bearer {head}.{body}.",
        "two parts": f"Bearer {head}.{body}",
        "four parts": f"Bearer {good}.{seal}",
        "another seal": f"Bearer {head}.{body}.{seal[::-1]}",
        "another body": f"Bearer {head}.{body[:-2]}AA.{seal}",
        "no algorithm": f"Bearer {none}.{body}.",
        "a long one": "Bearer " + "a" * 20_000,
    }


BAD = list(_bad_tokens("a.b.c"))


@pytest.mark.parametrize("name", BAD)
def test_a_bad_token_is_refused_and_nothing_is_said_of_why(
    name: str, ada: Person, server: Server
) -> None:
    (said,) = set(_refusals(server, _bad_tokens(ada.token)[name]))
    assert json.loads(said) == {
        "code": "INVALID_TOKEN",
        "message": "the token is not valid; get a new one from /auth/token",
    }


def _token(program: Traderbot, subject: str, at: datetime, role: str = "trader") -> str:
    session_id = program.application.ids.new()
    with suppress(WrongCredentialsError):  # there may be no such user
        program.run(OpenSession(user_id=UserId(subject), session_id=session_id))
    issued = program.application.tokens().issue(subject, role=role, session=session_id, at=at)
    return issued.text


def test_a_token_ends(ada: Person, server: Server) -> None:
    now = datetime.now(UTC)
    for at in (now - timedelta(hours=1), now + timedelta(hours=1)):
        token = _token(server.program, ada.user_id, at)
        (said,) = set(_refusals(server, f"Bearer {token}"))
        assert json.loads(said)["code"] == "INVALID_TOKEN"
    token = _token(server.program, ada.user_id, now)
    with server.client(Authorization=f"Bearer {token}") as client:
        assert answered(client.get("/users/me"), 200)["user_id"] == ada.user_id


def test_a_token_of_another_key_or_of_nobody_is_refused(
    ada: Person, server: Server, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    with Traderbot.open(
        settings_in(tmp_path, secret="another-secret-that-is-long-enough-too")
    ) as a:
        tokens = [_token(a, ada.user_id, now)]
    tokens += [_token(server.program, subject, now) for subject in (MISSING_ID, "' OR 1=1 --")]
    for token in tokens:
        (said,) = set(_refusals(server, f"Bearer {token}"))
        assert json.loads(said)["code"] == "INVALID_TOKEN"


def test_two_authorization_headers_are_refused(ada: Person, server: Server) -> None:
    with server.client() as client:
        headers = [("Authorization", f"Bearer {ada.token}")] * 2
        refused(client.get("/users/me", headers=headers), 401, "INVALID_TOKEN")


def test_a_token_is_taken_from_the_header_alone(ada: Person, server: Server) -> None:
    with server.client() as client:
        response = client.get("/users/me", headers={"Cookie": f"access_token={ada.token}"})
        refused(response, 401, "NOT_AUTHENTICATED")
        refused(client.get("/users/me", params={"access_token": ada.token}), 401)


def test_the_scheme_may_be_written_in_any_case(ada: Person, server: Server) -> None:
    # RFC 9110, 11.1; and clients write it as `token_type` has it.
    for scheme in ("bearer", "Bearer", "BEARER"):
        with server.client(Authorization=f"{scheme} {ada.token}") as client:
            assert client.get("/users/me").status_code == 200


def test_a_deactivated_user_is_out_at_once(server: Server) -> None:
    with somebody(server) as person:
        assert person.get("/users/me").status_code == 200
        server.program.run(DeactivateUser(user_id=UserId(person.user_id), reason="left"))
        refused(person.get("/users/me"), 401, "INVALID_TOKEN")
        refused(person.post("/portfolios", {"name": "n"}), 401, "INVALID_TOKEN")
        form = {"username": person.email, "password": PASSWORD}
        refused(person.client.post("/auth/token", data=form), 401, "WRONG_CREDENTIALS")


def test_a_role_is_what_the_database_says_and_not_the_token(server: Server) -> None:
    program = server.program
    password_hash = program.application.passwords.hash(PASSWORD)
    auditor = program.run(
        RegisterUser(email="auditor@example.org", password_hash=password_hash, role=Role.AUDITOR)
    )
    token = _token(program, auditor.user_id, datetime.now(UTC), role="trader")
    before = server.events()
    with server.client(Authorization=f"Bearer {token}") as client:
        assert answered(client.get("/users/me"), 200)["role"] == "auditor"
        response = client.post("/portfolios", json={"name": "n"})
        refused(response, 403, "NOT_ALLOWED")
    assert server.events() == before


def test_every_failed_login_says_the_same(ada: Person, server: Server) -> None:
    with somebody(server) as gone, server.client() as client:
        server.program.run(DeactivateUser(user_id=UserId(gone.user_id), reason="left"))
        forms = [
            {"username": ada.email, "password": "wrong horse battery staple"},
            {"username": "nobody@example.org", "password": PASSWORD},
            {"username": gone.email, "password": PASSWORD},
            {"username": "no address", "password": PASSWORD},
            {"username": ada.email, "password": PASSWORD + "x" * 1000},
        ]
        said = set()
        for form in forms:
            response = client.post("/auth/token", data=form)
            assert response.headers["WWW-Authenticate"] == "Bearer"
            said.add(json.dumps(without_moment(refused(response, 401, "WRONG_CREDENTIALS"))))
        assert len(said) == 1


def test_an_unknown_user_takes_as_long_as_a_wrong_password(ada: Person, server: Server) -> None:
    times: dict[str, list[float]] = {ada.email: [], "nobody@example.org": []}
    with server.client() as client:
        for _ in range(15):
            for username, taken in times.items():  # in turn: a busy moment hits both
                form = {"username": username, "password": "wrong horse battery staple"}
                started = time.perf_counter()
                client.post("/auth/token", data=form)
                taken.append(time.perf_counter() - started)
    known, unknown = (sorted(taken)[7] for taken in times.values())
    # Loose, for a busy machine: without the pretended hash it is a tenth.
    assert 0.4 < known / unknown < 2.5


def test_a_login_ignores_the_case_of_the_address(ada: Person, server: Server) -> None:
    with server.client() as client:
        assert log_in(client, ada.email.upper())


def test_a_token_lives_as_long_as_the_answer_says(ada: Person, server: Server) -> None:
    with server.client() as client:
        form = {"username": ada.email, "password": PASSWORD, "grant_type": "password"}
        body = answered(client.post("/auth/token", data=form), 200)
        names = {"access_token", "token_type", "expires_in", "refresh_token", "refresh_expires_at"}
        assert set(body) == names
    assert (body["token_type"], body["expires_in"]) == ("bearer", 900)
