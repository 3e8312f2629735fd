"""Exchange keys over the wire: taken in sealed, listed by name, removed, and never shown again."""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.e2e.api.running import (
    PASSWORD,
    Json,
    Person,
    Server,
    an_admin,
    answered,
    refused,
    running,
    settings_in,
    somebody,
)
from traderbot.application.commands.users import DeactivateUser
from traderbot.application.exchange_secrets import ExchangeSecrets, unseal
from traderbot.application.ports.secret_box import UnreadableSecretError
from traderbot.domain.shared.ids import UserId
from traderbot.domain.users.exchange_keys import MOST_KEYS
from traderbot.domain.users.user import Role
from traderbot.infrastructure.settings_log import drawn_seed

# Texts that are nowhere by chance, and of lengths that base64 breaks in different places.
CANARIES = ("canary+key/4e1d~one", "canary+twin/9b2f~three!", "canary+phrase/77aa~five")


def a_key(**changes: object) -> Json:
    body: Json = {
        "exchange": "kucoin",
        "label": "for reading",
        "api_key": CANARIES[0],
        "api_secret": CANARIES[1],
        "passphrase": CANARIES[2],
        "password": PASSWORD,
    }
    return body | changes


def add(person: Person, **changes: object) -> Json:
    return answered(person.client.post("/exchange/keys", json=a_key(**changes)), 201)


def listed(person: Person) -> list[Any]:
    items = answered(person.get(f"/exchange/keys/{person.user_id}"), 200)["items"]
    assert isinstance(items, list)
    return items


def test_a_key_is_stored_listed_and_removed(server: Server) -> None:
    with somebody(server) as person:
        first, second = add(person), add(person, exchange="binance", label="☕ trading")
        assert set(first) == {"key_id", "exchange", "label", "added_at"}
        assert listed(person) == [second, first]
        path = f"/exchange/keys/{first['key_id']}"
        assert person.client.delete(path).status_code == 204
        assert listed(person) == [second]
        refused(person.client.delete(path), 404, "NOT_FOUND")


def test_the_stored_key_is_the_one_that_was_given(server: Server) -> None:
    with somebody(server) as person:
        add(person)
        safe = server.program.application.key_safe()
        (row,) = safe.keys.of_owner(UserId(person.user_id))
        assert unseal(row, safe.box) == ExchangeSecrets(
            api_key=CANARIES[0], secret=CANARIES[1], passphrase=CANARIES[2]
        )


def test_a_token_alone_stores_no_key(server: Server) -> None:
    with somebody(server) as person:
        wrong = a_key(password="another password than hers")
        refused(person.client.post("/exchange/keys", json=wrong), 403, "WRONG_PASSWORD")
        assert listed(person) == []


def test_there_are_at_most_so_many(server: Server) -> None:
    with somebody(server) as person:
        keys = [add(person, label=f"key {number}") for number in range(MOST_KEYS)]
        response = person.client.post("/exchange/keys", json=a_key())
        refused(response, 409, "TOO_MANY_EXCHANGE_KEYS")
        person.client.delete(f"/exchange/keys/{keys[3]['key_id']}")
        add(person, label="one instead")


def test_what_would_stand_in_the_log_holds_nothing_of_the_key(server: Server) -> None:
    with somebody(server) as person:
        for label in (CANARIES[0], f"mine: {CANARIES[2]}", PASSWORD):
            response = person.client.post("/exchange/keys", json=a_key(label=label))
            refused(response, 422, "VALIDATION_ERROR")
            assert label not in response.text
        assert listed(person) == []


@pytest.mark.parametrize(
    "change",
    [
        {"exchange": "KuCoin"},
        {"exchange": "k"},
        {"exchange": "ku coin"},
        {"label": ""},
        {"label": "a\nb"},
        {"label": "a" * 65},
        {"api_key": ""},
        {"api_key": "é"},
        {"api_key": "a" * 4097},
        {"api_key": 7},
        {"passphrase": ""},
        {"password": None},
        {"key_id": "one of my own"},
    ],
    ids=str,
)
def test_what_is_no_key_is_refused(change: Json, ada: Person) -> None:
    response = ada.client.post("/exchange/keys", json=a_key(**change))
    refused(response, 422, "VALIDATION_ERROR")


def test_only_traders_store_keys(server: Server) -> None:
    with an_admin(server, Role.AUDITOR) as auditor:
        response = auditor.client.post("/exchange/keys", json=a_key())
        refused(response, 403, "NOT_ALLOWED")


def test_nobody_removes_a_key_of_somebody_else(server: Server) -> None:
    with somebody(server) as ada, somebody(server, "bob") as bob:
        key = add(ada)
        refused(bob.client.delete(f"/exchange/keys/{key['key_id']}"), 404, "NOT_FOUND")
        refused(bob.get(f"/exchange/keys/{ada.user_id}"), 404, "NOT_FOUND")
        assert listed(ada) == [key]


def test_the_keys_of_who_is_deactivated_are_erased(server: Server) -> None:
    with somebody(server) as person:
        add(person)
        owner = UserId(person.user_id)
        server.program.run(DeactivateUser(user_id=owner, reason="left"))
        assert server.program.application.key_safe().keys.of_owner(owner) == []


# What a thief finds ------------------------------------------------------------------------------


def forms(text: str) -> Iterator[bytes]:
    """Yield a text in clear and in every coat it is commonly found in."""
    data = text.encode()
    yield from (data, data.hex().encode(), data.hex().upper().encode())
    yield quote(text, safe="").encode()
    for shift in range(3):  # wherever it stands in what was encoded
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            # Cut where neighbours would show.
            yield encode(b"\x00" * shift + data)[4 if shift else 0 : -4]


@pytest.mark.parametrize("before", ["", "a", "ab", "abc"])
def test_the_search_finds_every_coat(before: str) -> None:
    for canary in CANARIES:
        text = f"{before}{canary} and more".encode()
        coats = (
            text,
            text.hex().encode(),
            quote(text, safe="").encode(),
            base64.b64encode(text),
            base64.urlsafe_b64encode(text),
        )
        assert all(any(form in coat for form in forms(canary)) for coat in coats)


@pytest.fixture(params=["sqlite", "postgres"])
def own_server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    with running(settings_in(tmp_path, url)) as one:
        yield one


def test_what_is_stored_is_of_no_use_to_a_thief(
    own_server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answers: list[bytes] = []
    with somebody(own_server) as person:
        person.client.event_hooks = {
            "response": [lambda it: answers.append(it.read() + repr(it.headers).encode())]
        }
        kept, gone = add(person), add(person)
        person.client.post("/exchange/keys", json=a_key(label=f"oops {CANARIES[1]}"))
        person.client.post("/exchange/keys", json=a_key(exchange=CANARIES[0]))
        person.client.post("/exchange/keys", json=a_key(password="not hers"))
        person.client.post("/exchange/keys", json=a_key(api_key=[CANARIES[0]]))
        person.client.post("/exchange/keys", content=f'{{"api_key": "{CANARIES[0]}",')
        person.client.delete(f"/exchange/keys/{gone['key_id']}")
        for path in (f"/exchange/keys/{person.user_id}", "/users/me", "/audit/events"):
            person.get(path)
        assert listed(person) == [kept]
        assert len(answers) >= 12
    own_server.program.application.sealing().seal()
    found = {
        "answers": b"".join(answers),
        "log lines": caplog.text.encode(),
        "tables": _tables(own_server),
        **{str(it): it.read_bytes() for it in tmp_path.rglob("*") if it.is_file()},
    }
    assert b"kucoin" in found["tables"]  # it was looked at in earnest
    if own_server.database.startswith("sqlite"):
        assert any(name.endswith("-wal") for name in found)
    leaks = [
        (where, canary)
        for where, content in found.items()
        for canary in CANARIES
        for form in forms(canary)
        if form in content
    ]
    assert leaks == []


def _tables(server: Server) -> bytes:
    """Return every row of every table, as a dump would hold it."""
    names = (
        "SELECT name FROM sqlite_master WHERE type = 'table'"
        if server.database.startswith("sqlite")
        else "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    )
    dumped = b""
    for (name,) in server.rows(names):
        for row in server.rows(f'SELECT * FROM "{name}"'):  # noqa: S608 - a name of our own
            for value in row:
                dumped += bytes(value) if isinstance(value, bytes) else str(value).encode()
    return dumped


def test_a_row_put_in_anothers_place_does_not_open(own_server: Server) -> None:
    safe = own_server.program.application.key_safe()
    with somebody(own_server) as ada, somebody(own_server, "eve") as eve:
        hers, theirs = add(ada), add(eve, api_key="it belongs to eve")
        own_server.write(
            "UPDATE exchange_keys SET api_key = "
            "(SELECT api_key FROM exchange_keys WHERE key_id = :hers) WHERE key_id = :theirs",
            hers=hers["key_id"],
            theirs=theirs["key_id"],
        )
        (row,) = safe.keys.of_owner(UserId(eve.user_id))
        with pytest.raises(UnreadableSecretError):
            unseal(row, safe.box)


def test_a_server_without_the_key_of_a_row_does_not_start(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    with running(settings) as server, somebody(server) as person:
        add(person)
    settings.encryption_key_path.write_text(drawn_seed())
    with (
        pytest.raises(UnreadableSecretError, match="ENCRYPTION__FORMER_KEYS"),
        running(settings),
    ):
        raise AssertionError
