"""Sessions over the wire: refreshed, reused, ended; and every token that dies with them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.e2e.api.running import PASSWORD, Person, Server, answered, refused, somebody
from traderbot.application.commands.users import DeactivateUser
from traderbot.domain.shared.ids import UserId

OTHER = "a meadow of seven purple umbrellas"


def login(person: Person, password: str = PASSWORD) -> dict[str, Any]:
    form = {"username": person.email, "password": password}
    pair: dict[str, Any] = answered(person.client.post("/auth/token", data=form), 200)
    return pair


def refreshed(server: Server, token: str) -> Any:
    with server.client() as client:
        return client.post("/auth/refresh", json={"refresh_token": token})


def me(server: Server, pair: dict[str, Any]) -> int:
    with server.client(Authorization=f"Bearer {pair['access_token']}") as client:
        return int(client.get("/users/me").status_code)


def test_a_refresh_token_gives_the_next_pair(server: Server) -> None:
    with somebody(server) as person:
        first = login(person)
        second = answered(refreshed(server, first["refresh_token"]), 200)
        third = answered(refreshed(server, second["refresh_token"]), 200)
        assert [me(server, pair) for pair in (first, second, third)] == [200, 200, 200]


def test_an_older_token_ends_the_session_and_all_its_tokens(server: Server) -> None:
    with somebody(server) as person:
        first = login(person)
        second = answered(refreshed(server, first["refresh_token"]), 200)
        third = answered(refreshed(server, second["refresh_token"]), 200)
        untouched = login(person)
        refused(refreshed(server, first["refresh_token"]), 401, "INVALID_TOKEN")
        for pair in (first, second, third):
            assert me(server, pair) == 401
            refused(refreshed(server, pair["refresh_token"]), 401, "INVALID_TOKEN")
        assert me(server, untouched) == 200
        causes = server.rows(
            "SELECT body FROM events WHERE type = 'user.session_ended' AND stream_id = :stream",
            stream=f"user-{person.user_id}",
        )
        assert b'"reused"' in bytes(causes[-1][0])


def test_one_token_shown_by_many_at_once_has_one_successor(server: Server) -> None:
    with somebody(server) as person:
        token = login(person)["refresh_token"]
        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda _: refreshed(server, token), range(32)))
        assert {it.status_code for it in answers} == {200}
        assert len({it.json()["refresh_token"] for it in answers}) == 1


def test_neither_token_is_good_for_the_others_purpose(server: Server) -> None:
    with somebody(server) as person:
        pair = login(person)
        swapped = {"access_token": pair["refresh_token"]}
        assert me(server, swapped) == 401
        refused(refreshed(server, pair["access_token"]), 401, "INVALID_TOKEN")


def test_a_logout_ends_this_session_alone(server: Server) -> None:
    with somebody(server) as person:
        one, other = login(person), login(person)
        with server.client(Authorization=f"Bearer {one['access_token']}") as client:
            assert client.post("/auth/logout").status_code == 204
        assert [me(server, pair) for pair in (one, other)] == [401, 200]
        refused(refreshed(server, one["refresh_token"]), 401, "INVALID_TOKEN")


def test_a_logout_everywhere_ends_every_session(server: Server) -> None:
    with somebody(server) as person:
        one, other = login(person), login(person)
        with server.client(Authorization=f"Bearer {one['access_token']}") as client:
            assert client.post("/auth/logout", params={"everywhere": True}).status_code == 204
        assert [me(server, pair) for pair in (one, other)] == [401, 401]


def test_sessions_are_listed_and_ended_one_by_one(server: Server) -> None:
    with somebody(server) as person:
        one, other = login(person), login(person)
        with server.client(Authorization=f"Bearer {one['access_token']}") as client:
            items = answered(client.get("/users/me/sessions"), 200)["items"]
            assert [it["current"] for it in items].count(True) == 1
            (theirs,) = [it["session_id"] for it in items[:1]]  # the newest login
            assert client.delete(f"/users/me/sessions/{theirs}").status_code == 204
            refused(client.delete(f"/users/me/sessions/{theirs}"), 404, "NOT_FOUND")
        assert [me(server, pair) for pair in (one, other)] == [200, 401]


def test_nobody_ends_a_session_of_somebody_else(server: Server) -> None:
    with somebody(server) as ada, somebody(server, "bob") as bob:
        (session,) = answered(ada.get("/users/me/sessions"), 200)["items"]
        found = bob.client.delete(f"/users/me/sessions/{session['session_id']}")
        refused(found, 404, "NOT_FOUND")
        assert ada.get("/users/me").status_code == 200


def test_another_password_ends_every_other_session(server: Server) -> None:
    with somebody(server) as person:
        one, other = login(person), login(person)
        with server.client(Authorization=f"Bearer {one['access_token']}") as client:
            body = {"password": PASSWORD, "new_password": OTHER}
            wrong = {**body, "password": OTHER}
            refused(client.post("/users/me/password", json=wrong), 403, "WRONG_PASSWORD")
            weak = {**body, "new_password": "short"}
            refused(client.post("/users/me/password", json=weak), 422, "WEAK_PASSWORD")
            assert client.post("/users/me/password", json=body).status_code == 204
        assert [me(server, pair) for pair in (one, other)] == [200, 401]
        form = {"username": person.email, "password": PASSWORD}
        refused(person.client.post("/auth/token", data=form), 401, "WRONG_CREDENTIALS")
        assert me(server, login(person, OTHER)) == 200


def test_who_is_deactivated_cannot_refresh(server: Server) -> None:
    with somebody(server) as person:
        pair = login(person)
        server.program.run(DeactivateUser(user_id=UserId(person.user_id), reason="left"))
        refused(refreshed(server, pair["refresh_token"]), 401, "INVALID_TOKEN")


def test_no_token_and_no_password_is_in_the_log(server: Server) -> None:
    with somebody(server) as person:
        pair = answered(refreshed(server, login(person)["refresh_token"]), 200)
        bodies = server.rows("SELECT body FROM events WHERE stream_id LIKE 'user-%'")
        everything = b"".join(bytes(body) for (body,) in bodies)
        for secret in (pair["access_token"], pair["refresh_token"], PASSWORD):
            assert secret.encode() not in everything
